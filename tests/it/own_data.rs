//! Data of people: a table with texts and gaps, and folders of pictures, from the files to a trained network.

use std::fs;

use image::{GrayImage, Luma};

use crate::support::{Ended, Tune};

/// A network that is trained in no time.
const SPACE: &str = r#"{"name": "tiny", "parameters": {
    "hidden_layers": {"type": "fixed", "value": 1}, "width_1": {"type": "fixed", "value": 16},
    "method": {"type": "fixed", "value": "surrogate"}, "optimizer": {"type": "fixed", "value": "adam"},
    "learning_rate_adam": {"type": "fixed", "value": 0.01}, "epochs": {"type": "fixed", "value": 3},
    "redundancy": {"type": "fixed", "value": 4}, "batch_size": {"type": "fixed", "value": 8}}}"#;

fn run(tune: &Tune, set: &str, extra: &[&str]) -> Ended {
    tune.file("tiny.json", SPACE);
    let args = ["--dataset", set, "--space", "tiny.json", "--budget", "1", "--confirm", "0", "--fresh"];
    tune.run(&[&args[..], extra].concat())
}

/// The result of a study without what differs from run to run: the weights' checksum and the scores.
fn bits(tune: &Tune) -> (serde_json::Value, Vec<u8>) {
    let best = tune.json("best.json");
    let network = fs::read(tune.path("best.safetensors")).expect("a network");
    // The header has the name of the data set.
    let header = u64::from_le_bytes(*network.first_chunk().expect("a length")) as usize;
    (best["setup"]["dataset_sha256"].clone(), network[8 + header..].to_vec())
}

/// The score of the saved network on a data set as JSON, and what is said beside it.
fn score(tune: &Tune, set: &str, extra: &[&str]) -> (serde_json::Value, String) {
    let args = ["eval", "best.safetensors", "--dataset", set, "--json"];
    let ended = tune.run(&[&args[..], extra].concat()).success();
    (serde_json::from_str(&ended.stdout).expect("one JSON object"), ended.stderr)
}

/// A table of patients: numbers with gaps, texts, and a column that numbers the lines.
fn patients(samples: usize) -> String {
    let line = |at: usize| {
        let age = if at.is_multiple_of(9) { "NA".to_owned() } else { format!("{}", 20 + at * 7 % 60) };
        let ward = ["north", "south", "?"][at % 3];
        format!(
            "{};{age};{ward};p{};{}\n",
            at + 100,
            at / 3,
            if at.is_multiple_of(2) { "ill" } else { "well" }
        )
    };
    format!("number;age;ward;patient;state\n{}", (0..samples).map(line).collect::<String>())
}

#[test]
fn a_table_with_texts_and_gaps_is_tuned_and_read_by_workers_alike() {
    let tune = Tune::new();
    tune.file("p.csv", patients(90)).file("test.csv", patients(12)).file("val.csv", patients(24));
    run(&tune, "p.csv", &["--group", "patient"])
        .refused(&["line 2, column \"age\" = \"NA\"", "--missing impute"]);
    let options =
        ["--missing", "impute", "--group", "patient", "--test", "test.csv", "--metric", "balanced-accuracy"];
    let ended = run(&tune, "p.csv", &options).success();
    assert!(ended.stderr.contains("column \"number\" has another value in each sample"), "{}", ended.stderr);
    // age and whether it is missing, two wards and whether it is missing, number.
    let loaded = "data p: 102 samples of 6 inputs";
    assert!(
        ended.stderr.contains(loaded) && ended.stderr.contains("12 for the test (its own)"),
        "{}",
        ended.stderr
    );
    // The parts are known again, together and alone.
    let best = tune.json("best.json");
    let whole = score(&tune, "p.csv", &["--test", "test.csv"]);
    assert_eq!(whole.0["dataset_sha256"], best["setup"]["dataset_sha256"]);
    let alone = score(&tune, "test.csv", &[]);
    for (scored, part) in [(&whole, "test"), (&alone, "all")] {
        assert_eq!((&scored.0["part"], &scored.0["samples"]), (&part.into(), &12.into()));
        assert_eq!(scored.0["accuracy"], whole.0["accuracy"]);
        assert!(!scored.1.contains("the data of the training"), "{}", scored.1);
    }
    let learnt = score(&tune, "p.csv", &[]);
    assert_eq!((&learnt.0["part"], &learnt.0["samples"]), (&"all".into(), &90.into()));
    assert!(learnt.1.contains("the network learnt from the samples of p: expect less"), "{}", learnt.1);
    let dropped = [&options[..], &["--drop", "number", "--validation", "val.csv"]].concat();
    let ended = run(&tune, "p.csv", &dropped).success();
    assert!(!ended.stderr.contains("another value in each sample"), "{}", ended.stderr);
    assert!(ended.stderr.contains("90 for training, 24 for validation (its own)"), "{}", ended.stderr);
    run(&tune, "p.csv", &[&dropped[..], &["--storage", "w.db", "--prepare"]].concat()).success();
    let (own, stored) = (&dropped[..dropped.len() - 2], ["--storage", "moved.db", "--prepare"]);
    run(&tune, "p.csv", &[own, &stored].concat()).success();
    let worker = tune.run(&["worker", "--storage", "w.db"]).success();
    assert!(worker.stderr.contains("data p: 126 samples of 5 inputs"), "{}", worker.stderr);
    fs::create_dir(tune.path("elsewhere")).expect("a temporary folder");
    fs::rename(tune.path("p.csv"), tune.path("elsewhere/p.csv")).expect("the same disk");
    let worker = ["worker", "--storage", "moved.db"];
    tune.run(&worker).refused(&["--dataset or --data-dir"]);
    tune.run(&[&worker[..], &["--data-dir", "elsewhere"]].concat()).success();
    run(&tune, "iris", &["--drop", "0"])
        .refused(&["--drop: iris is no table of its own: leave the option out"]);
}

/// Images of a small set: which are bright above are one class.
fn image(at: usize) -> GrayImage {
    GrayImage::from_fn(4, 4, |x, y| {
        let is_bright = (y < 2) == at.is_multiple_of(2);
        Luma([(x * 5 + at as u32 % 7 * 10) as u8 + if is_bright { 150 } else { 0 }])
    })
}

#[test]
fn a_network_of_groups_is_scored_on_the_groups_that_it_has_not_seen() {
    let tune = Tune::new();
    tune.file("p.csv", patients(90));
    run(&tune, "p.csv", &["--missing", "impute", "--group", "patient"]).success();
    let best = tune.json("best.json");
    let (own, said) = score(&tune, "p.csv", &[]);
    assert_eq!((&own["part"], &own["accuracy"]), (&"test".into(), &best["model_test"]), "{said}");
    let (validation, _) = score(&tune, "p.csv", &["--part", "validation"]);
    assert_eq!(validation["accuracy"], best["searched"]);
    tune.file("q.csv", patients(30));
    for (options, said) in [
        (["--test", "p.csv", "--validation", "0.2"], "--test p.csv: is the file of --dataset"),
        (["--test", "q.csv", "--validation", "./p.csv"], "--validation ./p.csv: is the file of --dataset"),
        (["--test", "q.csv", "--validation", "q.csv"], "--validation q.csv: is the file of --test"),
    ] {
        run(&tune, "p.csv", &[&["--missing", "impute"], &options[..]].concat()).refused(&[said]);
    }
}

#[test]
fn a_table_of_texts_is_read_with_another_label_column_and_another_header() {
    let tune = Tune::new();
    let table = patients(90);
    tune.file("p.csv", &table).file("renamed.csv", table.replacen("state", "ends", 1));
    let (names, lines) = table.split_once('\n').expect("a header");
    tune.file("plain.csv", lines).file("headed.csv", &table);
    run(&tune, "p.csv", &["--missing", "impute", "--drop", "number"]).success();
    let predict =
        |file: &str, more: &[&str]| tune.run(&[&["predict", "best.safetensors", file], more].concat());
    let known = predict("p.csv", &[]).success();
    assert!(known.stderr.contains("column \"state\" holds labels: ignored"), "{}", known.stderr);
    for (file, more) in [
        ("renamed.csv", &["--label", "ends"][..]),
        ("plain.csv", &[]),
        ("plain.csv", &["--header", "no"]),
        ("plain.csv", &["--label", "4"]),
    ] {
        assert_eq!(predict(file, more).success().stdout, known.stdout, "{file} {more:?}");
    }
    let plain = predict("plain.csv", &[]).success().stderr;
    assert!(plain.contains("no header: the columns are taken in the order of the training"), "{plain}");
    predict("p.csv", &["--label", "nosuch"]).refused(&["label column \"nosuch\": not in the first line"]);
    predict("p.csv", &["--header", "no"]).refused(&["line 1", "age"]);
    assert_eq!(
        score(&tune, "renamed.csv", &["--label", "ends"]).0["accuracy"],
        score(&tune, "p.csv", &[]).0["accuracy"]
    );
    // Of a training without names, a file with names is read by its places.
    run(&tune, "plain.csv", &["--missing", "impute", "--drop", "0"]).success();
    let plain = predict("plain.csv", &[]).success().stdout;
    assert_eq!(predict("headed.csv", &["--header", "yes"]).success().stdout, plain, "{names}");
    assert_eq!(predict("headed.csv", &[]).success().stdout, plain);
}

#[test]
fn pictures_train_the_same_network_as_the_arrays_that_they_show() {
    let tune = Tune::new();
    let count = 60usize;
    let pixels: Vec<u8> = (0..count).flat_map(|at| image(at).into_raw()).collect();
    let head = |dims: &[u32]| {
        let mut bytes = vec![0, 0, 8, dims.len() as u8];
        dims.iter().for_each(|dim| bytes.extend(dim.to_be_bytes()));
        bytes
    };
    let labels: Vec<u8> = (0..count).map(|at| (at % 2) as u8).collect();
    fs::create_dir(tune.path("idx")).expect("a folder");
    tune.file("idx/train-images-idx3-ubyte", [head(&[count as u32, 4, 4]), pixels].concat());
    tune.file("idx/train-labels-idx1-ubyte", [head(&[count as u32]), labels].concat());
    for at in 0..count {
        let folder = tune.path(&format!("pictures/{}", at % 2));
        fs::create_dir_all(&folder).expect("a folder");
        image(at).save(folder.join(format!("{at}.png"))).expect("a picture");
    }
    run(&tune, "idx", &[]).success();
    let expected = bits(&tune);
    for _ in ["decoded", "kept"] {
        run(&tune, "pictures", &[]).success();
        assert_eq!(bits(&tune), expected);
    }
    let own = score(&tune, "pictures", &[]).0;
    assert_eq!((&own["part"], &own["accuracy"]), (&"test".into(), &tune.json("best.json")["model_test"]));
    // New labelled pictures are scored whole, in the size of the training, and one class is enough.
    fs::create_dir_all(tune.path("labelled/1")).expect("a folder");
    for at in [1, 3, 5] {
        let picture = image::imageops::resize(&image(at), 8, 8, image::imageops::FilterType::Nearest);
        picture.save(tune.path(&format!("labelled/1/{at}.png"))).expect("a picture");
    }
    let (labelled, said) = score(&tune, "labelled", &["--predictions", "p.csv"]);
    assert_eq!((&labelled["part"], &labelled["samples"]), (&"all".into(), &3.into()));
    assert!(said.contains("labelled is not the data of the training: all of its samples"), "{said}");
    let column = |table: &str, at: usize| -> Vec<String> {
        table.lines().skip(1).filter_map(|line| line.split(',').nth(at).map(str::to_owned)).collect()
    };
    let decided = tune.run(&["predict", "best.safetensors", "labelled"]).success().stdout;
    assert_eq!(column(&tune.read("p.csv"), 2), column(&decided, 1));
    let asked = ["eval", "best.safetensors", "--dataset", "labelled", "--image-size", "5"];
    tune.run(&asked).refused(&["labelled: --image-size 5x5: the network takes 4 x 4: leave the option out"]);
    // New pictures need no classes; each line names its picture, and another size is scaled.
    fs::create_dir(tune.path("new")).expect("a folder");
    for at in 0..3 {
        let picture = image::imageops::resize(&image(at), 8, 8, image::imageops::FilterType::Nearest);
        picture.save(tune.path(&format!("new/{}.png", 10 - at))).expect("a picture");
    }
    let ended = tune.run(&["predict", "best.safetensors", "new"]).success();
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!((lines.len(), lines[0]), (4, "sample,class,score,margin,tie,file"));
    let files: Vec<&str> = lines[1..].iter().filter_map(|line| line.rsplit(',').next()).collect();
    assert_eq!(files, ["new/8.png", "new/9.png", "new/10.png"]);
    let one = tune.run(&["predict", "best.safetensors", "new/9.png"]).success();
    assert_eq!(one.stdout.lines().nth(1).map(|line| &line[2..]), Some(&lines[2][2..]));
    tune.run(&["predict", "best.safetensors", "idx"]).refused(&["idx: no picture"]);
    let ended = run(&tune, "pictures", &["--image-size", "2x3"]).success();
    assert!(ended.stderr.contains("60 samples of 6 inputs (2 x 3 x 1)"), "{}", ended.stderr);
    tune.file("pictures/0/broken.png", b"no picture");
    run(&tune, "pictures", &[]).refused(&["broken.png: broken picture", "--skip-broken"]);
    let ended = run(&tune, "pictures", &["--skip-broken"]).success();
    assert!(ended.stderr.contains("1 broken pictures are left out"), "{}", ended.stderr);
    run(&tune, "pictures", &["--missing", "impute"]).refused(&["--missing: pictures is no table of its own"]);
    fs::create_dir_all(tune.path("webp/rose")).expect("a folder");
    tune.file("webp/rose/1.webp", b"RIFF\x08\0\0\0WEBPVP8 ");
    run(&tune, "webp", &[]).refused(&["webp/rose/1.webp: a picture of a kind that is not read"]);
    tune.file("pictures/0/broken.png", b"RIFF\x08\0\0\0WEBPVP8 ");
    run(&tune, "pictures", &["--skip-broken"]).refused(&["broken.png: a picture of a kind that is not read"]);
    run(&tune, "iris", &["--grey"]).refused(&["--grey: iris is no folder of pictures"]);
}
