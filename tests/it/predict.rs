//! Trained networks decide on samples that nobody has labelled, whatever their file looks like.

use std::sync::LazyLock;

use serde_json::Value as Json;

use crate::support::{Tune, project, validate};

/// The rows of a table of three classes, one of which has a comma in its name.
fn rows() -> Vec<[String; 5]> {
    let row = |number: u32| {
        let (class, part) = (number % 3, f64::from(number * 7 % 10) / 10.0);
        let base = f64::from(class);
        let name = ["setosa", "versi, color", "größe"][class as usize];
        let values = [base * 2.0 + part, 4.0 - base + part, base * base + part, 0.1 * base + part / 20.0];
        let [a, b, c, d] = values.map(|value| value.to_string());
        [a, b, c, d, name.to_owned()]
    };
    (0..60).map(row).collect()
}

const HEAD: [&str; 5] = ["sl", "sw", "pl", "pw", "species"];

fn quoted(cell: &str) -> String {
    if cell.contains(',') { format!("\"{cell}\"") } else { cell.to_owned() }
}

/// The table of `rows` with the columns of these numbers.
fn table(rows: &[[String; 5]], columns: &[usize]) -> String {
    let head = HEAD.map(str::to_owned);
    let lines = std::iter::once(&head).chain(rows);
    let line =
        |row: &[String; 5]| columns.iter().map(|&at| quoted(&row[at])).collect::<Vec<_>>().join(",") + "\n";
    lines.map(line).collect()
}

/// A folder with the table of the training and a network of it.
static TRAINED: LazyLock<Tune> = LazyLock::new(|| {
    let tune = Tune::new();
    tune.file("iris.csv", table(&rows(), &[0, 1, 2, 3, 4]));
    tune.file("space.json", SPACE);
    let args = [
        "--dataset",
        "iris.csv",
        "--space",
        "space.json",
        "--budget",
        "1",
        "--confirm",
        "0",
        "--folds",
        "1",
        "--quiet",
    ];
    tune.run(&args).success();
    tune
});

const SPACE: &str = r#"{"name": "one", "parameters": {
    "input_coding": {"type": "fixed", "value": "thermometer"}, "input_levels": {"type": "fixed", "value": 6},
    "method": {"type": "fixed", "value": "surrogate"},
    "epochs": {"type": "fixed", "value": 30}, "hidden_layers": {"type": "fixed", "value": 1},
    "width_1": {"type": "int", "low": 16, "high": 17}
}}"#;

/// A folder of its own with the trained network as `net.safetensors`.
fn folder() -> Tune {
    let tune = Tune::new();
    std::fs::copy(TRAINED.path("best.safetensors"), tune.path("net.safetensors")).expect("a copy");
    tune.file("all.csv", table(&rows(), &[0, 1, 2, 3]));
    tune
}

/// What the network decides on `file`.
fn predicted(tune: &Tune, file: &str, more: &[&str]) -> String {
    let args = [&["predict", "net.safetensors", file][..], more].concat();
    tune.run(&args).success().stdout
}

/// An array of NumPy in version 1 of its format.
fn npy(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), values].concat()
}

#[test]
fn the_same_samples_in_any_table_are_decided_alike() {
    let (tune, rows) = (folder(), rows());
    let whole = predicted(&tune, "all.csv", &[]);
    assert!(whole.starts_with("sample,class,score,margin,tie\n0,"), "{whole}");
    assert!(whole.contains(",\"versi, color\",") && whole.lines().count() == 61, "{whole}");
    let with_labels = table(&rows, &[0, 1, 2, 3, 4]);
    let crlf = format!("\u{feff}{}", with_labels.replace('\n', "\r\n"));
    let headless = table(&rows, &[0, 1, 2, 3]).split_once('\n').expect("lines").1.to_owned();
    let quotes = "\"sl\",\"sw\",\"pl\",\"pw\"\n".to_owned() + &headless;
    let renamed = with_labels.replace("setosa", "rosa");
    for (name, text) in [
        ("swapped.csv", table(&rows, &[4, 2, 0, 3, 1])),
        ("labels.csv", with_labels.clone()),
        ("renamed.csv", renamed.clone()),
        ("crlf.csv", crlf),
        ("headless.csv", headless),
        ("quotes.csv", quotes),
        ("semicolons.csv", table(&rows, &[0, 1, 2, 3]).replace(',', ";")),
        ("comments.csv", format!("# by me\n\n{}", table(&rows, &[0, 1, 2, 3]))),
    ] {
        tune.file(name, text);
        assert_eq!(predicted(&tune, name, &[]), whole, "{name}");
    }
    // One more row does not change the scaling, and one row alone is enough.
    tune.file("outlier.csv", table(&rows, &[0, 1, 2, 3]) + "1000,1000,1000,1000\n");
    let more = predicted(&tune, "outlier.csv", &[]);
    assert!(more.starts_with(&whole) && more.lines().count() == 62, "{more}");
    tune.file("one.csv", table(&rows[..1], &[0, 1, 2, 3]));
    assert!(whole.starts_with(&predicted(&tune, "one.csv", &[])));
    // Labels by other names are no labels of this network.
    tune.run(&["eval", "net.safetensors", "--dataset", "renamed.csv"])
        .refused(&["label \"rosa\" of sample 0: no class of the network"]);
    let values: Vec<f64> = rows
        .iter()
        .flat_map(|row| row[..4].iter().map(|cell| cell.parse::<f64>().expect("a number")))
        .collect();
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tune.file("all.npy", npy("<f8", "(60, 4)", &bytes));
    let turned: Vec<u8> = values.iter().flat_map(|value| value.to_be_bytes()).collect();
    tune.file("big.npy", npy(">f8", "(60, 4)", &turned));
    for (name, batch) in [("all.npy", "7"), ("big.npy", "60"), ("all.csv", "1"), ("all.csv", "59")] {
        assert_eq!(predicted(&tune, name, &["--batch", batch]), whole, "{name}");
    }
}

#[test]
fn predictions_are_those_of_eval_and_of_the_exported_network() {
    let tune = folder();
    let whole = predicted(&tune, "all.csv", &[]);
    let classes = |table: &str, column: usize| -> Vec<String> {
        let mut reader = csv::Reader::from_reader(table.as_bytes());
        reader.records().map(|row| row.expect("a row")[column].to_owned()).collect()
    };
    tune.file("iris.csv", table(&rows(), &[0, 1, 2, 3, 4]));
    let args =
        ["eval", "net.safetensors", "--dataset", "iris.csv", "--part", "all", "--predictions", "p.csv"];
    let shown = tune.run(&args).success().stdout;
    assert!(shown.contains("balanced accuracy ") && shown.contains("class \\ predicted"), "{shown}");
    assert_eq!(classes(&tune.read("p.csv"), 2), classes(&whole, 1));
    tune.run(&["export", "nir", "net.safetensors", "-o", "net.nir"]).success();
    assert_eq!(tune.run(&["predict", "net.nir", "all.csv"]).success().stdout, whole);
    let lines = tune.run(&["predict", "net.safetensors", "all.csv", "--json"]).success().stdout;
    let lines: Vec<Json> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    lines.iter().for_each(|line| validate("predict", line));
    let named: Vec<&str> = lines.iter().map(|line| line["class"].as_str().expect("a name")).collect();
    assert_eq!(named, classes(&whole, 1));
}

#[test]
fn a_network_is_scored_on_the_parts_of_its_training_and_on_any_other_file() {
    let tune = folder();
    tune.file("iris.csv", table(&rows(), &[4, 3, 2, 1, 0]));
    let score = |file: &str, more: &[&str]| -> Json {
        let args = [&["eval", "net.safetensors", "--dataset", file, "--json"][..], more].concat();
        let score = serde_json::from_str(&tune.run(&args).success().stdout).expect("one JSON object");
        validate("eval", &score);
        score
    };
    let samples = |part: &str| {
        let score = score("iris.csv", &["--part", part]);
        assert_eq!(score["part"], part);
        score["samples"].as_u64().expect("a number")
    };
    let parts = ["train", "validation", "test", "all"].map(samples);
    assert_eq!((parts, parts[..3].iter().sum::<u64>()), ([38, 10, 12, 60], 60));
    let test = score("iris.csv", &[]);
    let best: Json = serde_json::from_str(&TRAINED.read("best.json")).expect("JSON");
    assert_eq!((&test["accuracy"], &test["part"]), (&best["model_test"], &"test".into()));
    let validation = score("iris.csv", &["--part", "validation"]);
    assert_eq!(validation["accuracy"], best["validation"]["values"][0]);
    // A file that lacks a class, and is not that of the training.
    let some: Vec<[String; 5]> = rows().into_iter().filter(|row| row[4] != "setosa").collect();
    tune.file("some.csv", table(&some, &[0, 1, 2, 3, 4]));
    let some = score("some.csv", &[]);
    assert_eq!((&some["part"], &some["samples"]), (&"all".into(), &40.into()));
    let classes = some["by_class"]["classes"].as_array().expect("a list");
    let setosa = classes.iter().find(|class| class["class"] == "setosa").expect("there");
    assert_eq!((&setosa["support"], &setosa["recall"]), (&0.into(), &Json::Null));
    let said = tune.run(&["eval", "net.safetensors", "--dataset", "some.csv"]).success().stderr;
    assert!(said.contains("some is not the data of the training: all of its samples are scored"), "{said}");
}

#[test]
fn samples_that_do_not_fit_are_refused_in_one_line() {
    let tune = folder();
    let all = table(&rows(), &[0, 1, 2, 3]);
    for (name, text, part) in [
        ("missing.csv", table(&rows(), &[0, 1, 2]), "column \"pw\": missing; the network needs it"),
        ("extra.csv", "sl,sw,pl,pw,x\n1,2,3,4,5\n".to_owned(), "column \"x\": no input of the network"),
        ("nan.csv", all.replacen("0.7", "nan", 1), "column \"sl\" = \"nan\": the value is missing"),
        ("text.csv", all.replacen("0.7", "seven", 1), "line 23, column \"sl\" = \"seven\": must be a number"),
        ("gap.csv", all.replacen("0.7", "", 1), "the value is missing"),
        ("head.csv", "sl,sw,pl,pw\n".to_owned(), "a header without samples"),
        ("empty.csv", String::new(), "empty: must have one sample per line"),
        ("short.csv", all.clone() + "1,2,3\n", "line 62: 3 columns; the first line has 4"),
        ("quote.csv", all.clone() + "\"1,2,3,4\n", "a quote opens and never closes"),
        ("three.csv", "1,2,3\n".to_owned(), "3 columns; the network takes 4 inputs"),
        ("twice.csv", "sl,sw,pl,pw,sl\n1,2,3,4,5\n".to_owned(), "columns 0 and 4 are both called \"sl\""),
    ] {
        tune.file(name, text);
        tune.run(&["predict", "net.safetensors", name]).refused(&[name, part]);
    }
    tune.file("wide.npy", npy("<f8", "(1, 5)", &[0; 40]));
    tune.run(&["predict", "net.safetensors", "wide.npy"])
        .refused(&["samples of 5 values; the network takes 4"]);
    tune.file("cut.npy", npy("<f8", "(2, 4)", &[0; 40]));
    tune.run(&["predict", "net.safetensors", "cut.npy"]).refused(&["cut.npy: truncated"]);
    let bytes = std::fs::read(tune.path("net.safetensors")).expect("a file");
    tune.file("half.safetensors", &bytes[..bytes.len() / 2]);
    tune.run(&["predict", "half.safetensors", "all.csv"]).refused(&["not a safetensors file"]);
    tune.run(&["predict", "all.csv", "all.csv"]).refused(&["all.csv", "not a safetensors file"]);
    tune.run(&["predict", "net.safetensors", "gone.csv"]).refused(&["cannot read gone.csv"]);
    tune.run(&["predict", "net.safetensors", "all.csv", "-o", "no/p.csv"]).refused(&["no/p.csv"]);
    tune.run(&["predict", "net.safetensors", "all.csv", "-o", "all.csv"]).refused(&["would be lost"]);
}

#[test]
fn a_file_that_breaks_off_leaves_the_old_predictions() {
    let tune = folder();
    tune.file("p.csv", "old\n").file("bad.csv", table(&rows(), &[0, 1, 2, 3]) + "1,2,3,x\n");
    let args = ["predict", "net.safetensors", "bad.csv", "-o", "p.csv", "--batch", "10"];
    tune.run(&args).refused(&["line 62, column \"pw\" = \"x\": must be a number"]);
    assert_eq!(tune.read("p.csv"), "old\n");
    let ended =
        tune.run(&["predict", "net.safetensors", "all.csv", "-o", "p.csv", "--batch", "10"]).success();
    assert_eq!((ended.stdout.as_str(), tune.read("p.csv")), ("", predicted(&tune, "all.csv", &[])));
    assert!(ended.stderr.contains("written to p.csv: 60 samples"), "{}", ended.stderr);
}

#[cfg(unix)]
#[test]
fn standard_input_is_a_table_and_a_closed_pipe_ends_quietly() {
    let tune = folder();
    let shell = |script: &str| {
        let output = tune.shell(script).output().expect("a shell");
        String::from_utf8(output.stdout).expect("text") + &String::from_utf8(output.stderr).expect("text")
    };
    assert_eq!(shell("$TUNE predict net.safetensors - < all.csv"), predicted(&tune, "all.csv", &[]));
    let first = shell("$TUNE predict net.safetensors all.csv --batch 1 | head -1; echo $?");
    assert_eq!(first, "sample,class,score,margin,tie\n0\n");
    let full = shell("$TUNE predict net.safetensors all.csv > /dev/full; echo $?");
    assert!(full.contains("standard output is not whole") && full.starts_with("1\n"), "{full}");
}

#[test]
fn a_network_of_version_0_1_needs_the_data_of_its_training() {
    let tune = Tune::new();
    let old = project().join("tests/fixtures/0.1/best.safetensors").display().to_string();
    let image: Vec<u8> = (0..128).map(|pixel| (pixel * 5 % 17) as u8).collect();
    tune.file("two.npy", npy("|u1", "(2, 8, 8)", &image));
    tune.run(&["predict", &old, "two.npy"]).refused(&["does not say how its inputs were scaled", "--like"]);
    let two = tune.run(&["predict", &old, "two.npy", "--like", "digits"]).success();
    assert_eq!(two.stdout.lines().count(), 3, "{}", two.stdout);
    let ended = tune.run(&["eval", &old, "--dataset", "digits"]).success();
    assert!(ended.stderr.contains("does not say how its inputs were scaled"), "{}", ended.stderr);
    let net = TRAINED.path("best.safetensors").display().to_string();
    tune.run(&["predict", &net, "two.npy", "--like", "digits"])
        .refused(&["--like digits", "leave the option out"]);
}

/// Trains a network of the space on `data`, in this folder.
fn train(tune: &Tune, data: &[&str]) {
    let more = ["--space", "space.json", "--budget", "1", "--confirm", "0", "--folds", "1", "--quiet"];
    tune.run(&[data, &more].concat()).success();
    std::fs::copy(tune.path("best.safetensors"), tune.path("net.safetensors")).expect("a copy");
}

#[test]
fn without_names_columns_that_are_no_inputs_may_be_absent_where_it_is_clear_which() {
    let tune = Tune::new();
    let headless = |columns: &[usize]| {
        let text = table(&rows(), columns);
        text.split_once('\n').expect("a header").1.to_owned()
    };
    tune.file("space.json", SPACE);
    tune.file("train.csv", headless(&[0, 1, 2, 3, 4]));
    train(&tune, &["--dataset", "train.csv", "--header", "no", "--drop", "0"]);
    tune.file("inputs.csv", headless(&[1, 2, 3]));
    let all = predicted(&tune, "train.csv", &[]);
    assert_eq!(predicted(&tune, "inputs.csv", &[]), all);
    // The column that was left out, or the labels: both leave four.
    tune.file("labelled.csv", headless(&[1, 2, 3, 4]));
    let refused = tune.run(&["predict", "best.safetensors", "labelled.csv"]).stderr;
    assert!(
        refused.contains("4 columns; the training table has 5") && refused.contains("inputs alone"),
        "{refused}"
    );
}

#[test]
fn the_test_part_is_known_where_the_validation_had_a_file_of_its_own() {
    let tune = Tune::new();
    tune.file("space.json", SPACE);
    tune.file("all.csv", table(&rows(), &[0, 1, 2, 3, 4]));
    tune.file("validation.csv", table(&rows()[..12], &[0, 1, 2, 3, 4]));
    train(&tune, &["--dataset", "all.csv", "--validation", "validation.csv"]);
    let scored = tune.run(&["eval", "best.safetensors", "--dataset", "all.csv"]).success();
    assert!(scored.stdout.contains("samples                            12"), "{}", scored.stdout);
    assert!(!scored.stderr.contains("not the data of the training"), "{}", scored.stderr);
}

#[test]
fn labels_and_groups_that_are_missing_are_named_with_their_line() {
    let tune = Tune::new();
    let refused = |text: &str, more: &[&str]| {
        tune.file("gaps.csv", text);
        tune.run(&[&["--dataset", "gaps.csv", "--budget", "1"], more].concat()).stderr
    };
    let label = refused("x,y\n1,a\n2,b\n3,?\n4,a\n", &[]);
    assert!(label.contains("line 4") && label.contains("the label is missing"), "{label}");
    let group = refused("x,who,y\n1,p,a\n2,,b\n3,q,a\n", &["--group", "who"]);
    assert!(group.contains("line 3") && group.contains("the group is missing"), "{group}");
}
