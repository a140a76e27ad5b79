//! Data files of people: read rightly and told in one line, or refused in one line with the way out.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value as Json;

use crate::support::{Ended, Tune, validate};

/// A network that is trained in no time.
const SPACE: &str = r#"{"name": "tiny", "parameters": {
    "hidden_layers": {"type": "fixed", "value": 1}, "width_1": {"type": "fixed", "value": 16},
    "method": {"type": "fixed", "value": "surrogate"}, "optimizer": {"type": "fixed", "value": "adam"},
    "learning_rate_adam": {"type": "fixed", "value": 0.01}, "epochs": {"type": "fixed", "value": 3},
    "redundancy": {"type": "fixed", "value": 4}, "batch_size": {"type": "fixed", "value": 8}}}"#;

fn run(tune: &Tune, set: &str, extra: &[&str]) -> Ended {
    tune.file("tiny.json", SPACE);
    let args = [
        "--dataset",
        set,
        "--space",
        "tiny.json",
        "--budget",
        "1",
        "--confirm",
        "0",
        "--folds",
        "1",
        "--fresh",
    ];
    tune.run(&[&args[..], extra].concat())
}

/// The event `data_loaded` of a study of `set`.
fn loaded(tune: &Tune, set: &str, extra: &[&str]) -> Json {
    let ended = run(tune, set, &[&["--json"], extra].concat()).success();
    let events: Vec<Json> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect();
    events.iter().for_each(|event| validate("event", event));
    let mut found = events.iter().filter(|event| event["event"] == "data_loaded");
    let event = found.next().expect("it says what it loaded").clone();
    assert!(found.next().is_none() && events[0]["event"] == "study_started");
    event
}

/// A table of `lines` samples under `header`, of two classes.
fn table(header: &str, lines: usize) -> String {
    let line =
        |at: usize| format!("{}.5,{},{}\n", at % 7, at % 5, if at.is_multiple_of(2) { "a" } else { "b" });
    format!("{header}{}", (0..lines).map(line).collect::<String>())
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).expect("in memory");
    encoder.finish().expect("in memory")
}

/// An IDX file of unsigned bytes.
fn idx(dims: &[u32], value: impl Fn(usize) -> u8) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dims.len() as u8];
    dims.iter().for_each(|dim| bytes.extend(dim.to_be_bytes()));
    bytes.extend((0..dims.iter().product::<u32>() as usize).map(value));
    bytes
}

#[test]
fn a_run_says_in_one_line_what_it_loaded() {
    let tune = Tune::new();
    tune.file("t.csv", table("x,y,kind\n", 50));
    let ended = run(&tune, "t.csv", &[]).success();
    let lines: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("data ")).collect();
    let expected = "data t: 50 samples of 2 inputs; values 0 to 6.5, each column scaled from its own range to 0 to 1; \
                    2 classes: a (25), b (25); labels: column \"kind\", the first line is a header; 32 for training, 8 for \
                    validation, 10 for the test; SHA-256 ";
    assert!(lines.len() == 1 && lines[0].starts_with(expected), "{}", ended.stderr);
    assert!(!run(&tune, "t.csv", &["--quiet"]).success().stderr.contains("data t"));
    let event = loaded(&tune, "t.csv", &[]);
    assert_eq!((&event["train"], &event["validation"], &event["test"]), (&32.into(), &8.into(), &10.into()));
    assert_eq!(event["classes"][1], serde_json::json!({"class": "b", "samples": 25}));
    assert_eq!(event["sha256"], tune.json("best.json")["setup"]["dataset_sha256"]);
}

#[test]
fn workers_and_scores_say_what_they_loaded() {
    let tune = Tune::new();
    tune.file("t.csv", table("0,1,2\n", 50));
    run(&tune, "t.csv", &["--storage", "w.db", "--prepare", "--header", "yes"]).success();
    let worker = tune.run(&["worker", "--storage", "w.db"]).success();
    let said =
        |ended: &Ended| ended.stderr.lines().filter(|line| line.starts_with("data t: 50 samples")).count();
    assert_eq!(said(&worker), 1, "{}", worker.stderr);
    run(&tune, "t.csv", &[]).success();
    let args = ["eval", "best.safetensors", "--dataset", "t.csv"];
    assert_eq!(said(&tune.run(&args).success()), 1);
    let ended = tune.run(&[&args[..], &["--json"]].concat()).success();
    let score: Json = serde_json::from_str(&ended.stdout).expect("one object");
    validate("eval", &score);
    assert_eq!((&score["data_loaded"]["samples"], ended.stderr.as_str()), (&50.into(), ""));
}

#[test]
fn a_header_of_numbers_is_no_sample() {
    let tune = Tune::new();
    tune.file("d.csv", table("0,1,2\n", 60)).file("no.csv", table("", 60));
    let event = loaded(&tune, "d.csv", &[]);
    assert_eq!((&event["samples"], &event["header"]), (&60.into(), &true.into()));
    let event = loaded(&tune, "no.csv", &[]);
    assert_eq!((&event["samples"], &event["header"]), (&60.into(), &false.into()));
    run(&tune, "d.csv", &["--header", "maybe"]).refused(&["--header", "maybe", "yes or no"]);
}

#[test]
fn tables_that_would_be_changed_are_refused() {
    let refused = |content: &str, parts: &[&str]| {
        let tune = Tune::new();
        tune.file("d.csv", content);
        run(&tune, "d.csv", &[]).refused(parts);
    };
    let rows = table("", 20);
    refused(&format!("x,y,k\n1,1,\"a\n{rows}"), &["d.csv: line 2: a quote opens and never closes"]);
    refused(&format!("x,y,k\n1,1,\"a\n{rows}2,2,\"b\n"), &["line 2: a quote that opens here closes inside"]);
    let measured: String = (0..150).map(|at| format!("{at},{}.{}\n", at % 11, at % 13)).collect();
    refused(&measured, &["column 1 has", "with fractions in 150 samples", "--label"]);
    let named: String = (0..30).map(|at| format!("{at},{},row{at}\n", at % 3)).collect();
    refused(&named, &["column 2 has 30 different values in 30 samples"]);
}

#[test]
fn classes_are_texts() {
    let tune = Tune::new();
    let rows = |names: [&str; 2]| {
        (0..40).map(|at| format!("{}.5,{},{}\n", at % 7, at % 2, names[at % 2])).collect::<String>()
    };
    for (names, expected) in [
        (["00501", "501"], ["00501", "501"]),
        (["1.1", "1.10"], ["1.1", "1.10"]),
        (["10", "9"], ["9", "10"]),
        (["+1", "1"], ["+1", "1"]),
    ] {
        tune.file("c.csv", rows(names));
        let event = loaded(&tune, "c.csv", &[]);
        let found: Vec<&Json> =
            event["classes"].as_array().expect("a list").iter().map(|c| &c["class"]).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_folder_of_idx_files_is_read_by_the_names_of_every_source() {
    let images = idx(&[40, 4, 4], |at| if at / 16 % 2 == 0 { 200 } else { 7 });
    let labels = idx(&[40], |at| 1 + at as u8 % 2);
    for [image_name, label_name, test_images, test_labels] in [
        [
            "train-images.idx3-ubyte",
            "train-labels.idx1-ubyte",
            "t10k-images.idx3-ubyte",
            "t10k-labels.idx1-ubyte",
        ],
        [
            "emnist-letters-train-images-idx3-ubyte",
            "emnist-letters-train-labels-idx1-ubyte",
            "emnist-letters-test-images-idx3-ubyte",
            "emnist-letters-test-labels-idx1-ubyte",
        ],
        [
            "train-images-idx3-ubyte.gz",
            "train-labels-idx1-ubyte",
            "test-images-idx3-ubyte",
            "test-labels-idx1-ubyte.gz",
        ],
    ] {
        let tune = Tune::new();
        tune.file(&format!("f/{image_name}"), [gzipped(&images), vec![0; 512]].concat());
        tune.file(&format!("f/{label_name}"), gzipped(&gzipped(&labels)));
        tune.file(&format!("f/{test_images}"), &images).file(&format!("f/{test_labels}"), &labels);
        let event = loaded(&tune, "f", &[]);
        assert_eq!((&event["samples"], &event["own_test"]), (&80.into(), &true.into()), "{image_name}");
        assert_eq!(event["classes"][0], serde_json::json!({"class": "1", "samples": 40}));
    }
    let tune = Tune::new();
    tune.file("f/train-images-idx3-ubyte", &images).file("f/labels", &labels);
    run(&tune, "f", &[])
        .refused(&["f: no train-labels: looked for", "there: labels, train-images-idx3-ubyte"]);
    run(&tune, ".", &[]).refused(&[
        "no files of IDX, CIFAR or NumPy, and no folder of pictures per class: looked for",
        "there: tiny.json",
    ]);
}

/// Records of CIFAR-100: a coarse and a fine label, then three planes of 32 by 32 pixels in a colour of the class.
fn cifar_100(records: usize) -> Vec<u8> {
    let record = |at: usize| {
        let fine = u8::try_from(at % 100).expect("below 100");
        let planes = [fine, 255 - fine, fine.wrapping_mul(41)].map(|value| [value; 1024]);
        [&[fine / 5, fine], planes.as_flattened()].concat()
    };
    (0..records).flat_map(record).collect()
}

#[test]
fn files_of_cifar_100_make_a_study_of_its_hundred_fine_classes() {
    let tune = Tune::new();
    tune.file("c/train.bin", cifar_100(400)).file("c/test.bin", cifar_100(100));
    tune.file(
        "norm.json",
        SPACE.replace(
            "\"redundancy\"",
            "\"batch_norm\": {\"type\": \"fixed\", \"value\": true}, \"redundancy\"",
        ),
    );
    let words = "--dataset c --space norm.json --budget 1 --confirm 0 --folds 1 --json --out best.json";
    let ended = tune.run(&words.split(' ').collect::<Vec<_>>()).success();
    let mut events = ended.stdout.lines().map(|line| serde_json::from_str::<Json>(line).expect("JSON"));
    let event = events.find(|event| event["event"] == "data_loaded").expect("it says what it loaded");
    assert_eq!((&event["samples"], &event["own_test"]), (&500.into(), &true.into()));
    assert_eq!(event["classes"].as_array().map(Vec::len), Some(100));
    assert_eq!(event["classes"][0], serde_json::json!({"class": "apple", "samples": 5}));
    let best = tune.json("best.json");
    assert_eq!(
        (&best["network"]["topology"], &best["test_samples"]),
        (&"32x32x3-16-400".into(), &100.into())
    );
    tune.file("c/test.bin", &cifar_100(100)[1..]);
    run(&tune, "c", &[]).refused(&["c/test.bin: ", "3074"]);
}

#[test]
fn built_in_data_say_whether_they_have_a_test_part_of_their_own() {
    for (set, own) in [("iris", false), ("digits", false), ("yinyang", true)] {
        assert_eq!(loaded(&Tune::new(), set, &[])["own_test"], own, "{set}");
    }
}

#[test]
fn bytes_of_0_and_1_are_scaled_already() {
    let tune = Tune::new();
    let half = |at: usize| u8::from(at % 16 < 8) ^ (at / 16 % 2) as u8;
    tune.file("b/train-images-idx3-ubyte", idx(&[200, 4, 4], half));
    tune.file("b/train-labels-idx1-ubyte", idx(&[200], |at| at as u8 % 2));
    let event = loaded(&tune, "b", &[]);
    assert_eq!(event["range"], serde_json::json!([0.0, 1.0]));
    assert_eq!(event["scaling"], serde_json::json!({"kind": "divided", "maximum": 1}));
    let best = tune.json("best.json");
    assert!(best["test"]["values"][0].as_f64().expect("an accuracy") > 0.9, "{}", best["test"]);
}

#[test]
fn the_place_of_channels_is_found_or_asked_for() {
    let tune = Tune::new();
    let folder = |name: &str, dims: &[u32]| {
        tune.file(&format!("{name}/train-images-idx3-ubyte"), idx(dims, |at| at as u8));
        tune.file(&format!("{name}/train-labels-idx1-ubyte"), idx(&dims[..1], |at| at as u8 % 2));
    };
    folder("first", &[20, 3, 5, 6]);
    folder("last", &[20, 5, 6, 3]);
    folder("both", &[20, 3, 5, 4]);
    assert_eq!(loaded(&tune, "first", &[])["shape"], serde_json::json!([5, 6, 3]));
    assert_eq!(loaded(&tune, "last", &[])["shape"], serde_json::json!([5, 6, 3]));
    run(&tune, "both", &[]).refused(&["[20, 3, 5, 4]", "--channels first or --channels last"]);
    assert_eq!(loaded(&tune, "both", &["--channels", "first"])["shape"], serde_json::json!([5, 4, 3]));
    assert_eq!(loaded(&tune, "both", &["--channels", "last"])["shape"], serde_json::json!([3, 5, 4]));
}

#[test]
fn a_header_or_channels_that_were_said_go_to_the_workers() {
    let tune = Tune::new();
    tune.file("t.csv", table("7,3,a\n", 50));
    run(&tune, "t.csv", &["--storage", "w.db", "--prepare", "--header", "yes"]).success();
    let worker = tune.run(&["worker", "--storage", "w.db"]).success();
    assert!(worker.stderr.contains("data t: 50 samples"), "{}", worker.stderr);
    run(&tune, "t.csv", &[]).success();
    let command = tune.json("best.json")["command"].as_str().expect("text").to_owned();
    assert!(!command.contains("--header"), "{command}");
    run(&tune, "t.csv", &["--header", "yes"]).success();
    assert!(tune.json("best.json")["command"].as_str().expect("text").contains("--header yes"));
}
