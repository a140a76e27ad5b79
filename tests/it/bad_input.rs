//! What is wrong is said in one line, with the value, the rule and the way out, and exit code 2.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::Tune;

const FLOWERS: &str = "length,width,kind\n1.0,2.0,a\n2.0,1.0,b\n1.5,2.0,a\n2.5,1.0,b\n1.2,2.2,a\n2.2,1.1,b\n\
                       1.1,2.1,a\n2.1,1.3,b\n1.3,2.3,a\n2.4,1.2,b\n";

#[test]
fn an_unknown_flag() {
    Tune::new().run(&["--dataset", "iris", "--bugdet", "3"]).refused(&["--bugdet", "--budget"]);
}

#[test]
fn a_number_out_of_range() {
    Tune::new().run(&["--dataset", "iris", "--budget", "0"]).refused(&[
        "'0'",
        "--budget",
        "must be 1 to 100,000",
    ]);
    Tune::new().run(&["--dataset", "iris", "--validation", "1.5"]).refused(&["1.5", "between 0 and 1"]);
    Tune::new().run(&["--dataset", "iris", "--workers", "0"]).refused(&[
        "'0'",
        "--workers",
        "must be 1 to 256",
    ]);
    Tune::new().run(&["--dataset", "iris", "--memory", "8X"]).refused(&["'8X'", "--memory", "such as 8G"]);
}

#[test]
fn a_rule_that_can_never_hold() {
    let refused = |rule: &str, parts: &[&str]| {
        Tune::new().run(&["--dataset", "iris", "--search", "tpe", "--stop-when", rule]).refused(parts);
    };
    refused("stagnaton=3", &["--stop-when", "stagnaton", "stagnation"]);
    refused("stagnation=0", &["stagnation must be a number of trials"]);
    refused("improvement=0.1", &["improvement=0.1", "--search tpe", "bayes"]);
}

#[test]
fn an_unknown_data_set() {
    Tune::new().run(&["--dataset", "minst"]).refused(&["minst", "mnist"]);
    Tune::new().run(&["--dataset", "no-such-thing"]).refused(&["no-such-thing", "digits", "iris"]);
    Tune::new().run(&["data", "fetch", "minst"]).refused(&["minst", "mnist"]);
}

#[test]
fn an_unknown_chip_or_space() {
    Tune::new().run(&["--dataset", "iris", "--chip", "lohi1"]).refused(&["lohi1", "loihi1"]);
    Tune::new().run(&["--dataset", "iris", "--space", "tabels"]).refused(&["tabels", "tables"]);
    Tune::new().run(&["--dataset", "iris", "--space", "gone.json"]).refused(&["gone.json", "cannot read it"]);
}

#[test]
fn a_metric_that_cannot_be() {
    let refused = |args: &[&str], parts: &[&str]| {
        let args: Vec<&str> = ["--dataset", "iris"].into_iter().chain(args.iter().copied()).collect();
        Tune::new().run(&args).refused(parts);
    };
    refused(&["--metric", "acuracy"], &["acuracy", "accuracy"]);
    refused(
        &["--metric", "energy"],
        &["--metric energy", "accuracy, balanced-accuracy, f1 or robustness must come first"],
    );
    let two = ["--search", "nsga2", "--metric", "accuracy", "--metric", "energy"];
    refused(&[&two[..], &["--chip", "loihi2"]].concat(), &["energy of loihi2", "energy.synaptic_operation"]);
    refused(&["--metric", "robustness", "--fault-rates", "1.5"], &["--fault-rates", "1.5", "from 0 to 1"]);
}

#[test]
fn a_wrong_checksum() {
    let tune = Tune::new();
    // As long as the catalogue says, so that only the content is wrong.
    for (name, bytes) in [
        ("train-images-idx3-ubyte.gz", 9_912_422),
        ("train-labels-idx1-ubyte.gz", 28_881),
        ("t10k-images-idx3-ubyte.gz", 1_648_877),
        ("t10k-labels-idx1-ubyte.gz", 4_542),
    ] {
        tune.file(&format!("data/mnist/{name}"), vec![7; bytes]);
    }
    tune.run(&["--dataset", "mnist", "--data-dir", "data", "--offline"]).refused(&[
        "train-images-idx3-ubyte.gz",
        "SHA-256",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "tune data fetch mnist",
    ]);
}

/// The four files of a tiny set in MNIST's form, whose images are 2 x 2.
fn tiny_images(tune: &Tune) {
    let gz = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    };
    let images: Vec<u8> = [[0, 0, 8, 3], [0, 0, 0, 4], [0, 0, 0, 2], [0, 0, 0, 2]]
        .concat()
        .into_iter()
        .chain([7; 16])
        .collect();
    let labels: Vec<u8> = [[0, 0, 8, 1], [0, 0, 0, 4], [0, 1, 0, 1]].concat();
    for part in ["train", "t10k"] {
        tune.file(&format!("own/{part}-images-idx3-ubyte.gz"), gz(&images));
        tune.file(&format!("own/{part}-labels-idx1-ubyte.gz"), gz(&labels));
    }
}

#[test]
fn a_truncated_gz() {
    let tune = Tune::new();
    tiny_images(&tune);
    let name = "own/train-images-idx3-ubyte.gz";
    let whole = std::fs::read(tune.path(name)).expect("a file");
    tune.file(name, &whole[..whole.len() / 2]);
    tune.run(&["--dataset", "own"]).refused(&["train-images-idx3-ubyte.gz", "truncated"]);
}

#[test]
fn a_label_outside_the_classes() {
    let tune = Tune::new();
    let mut records = vec![0u8; 3 * 3073];
    records[3073] = 12;
    for batch in 1..=5 {
        tune.file(&format!("data/cifar10/data_batch_{batch}.bin"), &records);
    }
    tune.file("data/cifar10/test_batch.bin", &records);
    tune.run(&["--dataset", "cifar10", "--data-dir", "data", "--offline"]).refused(&[
        "label",
        "12",
        "data_batch_1.bin",
    ]);
}

#[test]
fn a_table_with_a_nan_a_missing_label_or_a_ragged_row() {
    let tune = Tune::new();
    tune.file("nan.csv", FLOWERS.replace("1.5,2.0", "NaN,2.0"));
    tune.run(&["--dataset", "nan.csv"]).refused(&["nan.csv", "NaN", "4"]);
    tune.file("missing.csv", FLOWERS.replace("2.5,1.0,b", "2.5,1.0,"));
    tune.run(&["--dataset", "missing.csv"]).refused(&["missing.csv", "label", "5"]);
    tune.file("ragged.csv", FLOWERS.replace("2.5,1.0,b", "2.5,b"));
    tune.run(&["--dataset", "ragged.csv"]).refused(&["ragged.csv", "5"]);
    tune.file("table.csv", FLOWERS);
    tune.run(&["--dataset", "table.csv", "--label", "knid"]).refused(&["knid", "kind"]);
}

#[test]
fn a_space_that_breaks_a_rule() {
    let space = |parameters: &str| {
        let tune = Tune::new();
        tune.file("space.json", format!(r#"{{"name": "s", "parameters": {{{parameters}}}}}"#));
        tune.run(&["--dataset", "iris", "--space", "space.json"])
    };
    space(r#""dropout": {"type": "float", "low": 0.5, "high": 0.1}"#)
        .refused(&["dropout", "low = 0.5 > high = 0.1"]);
    space(r#""sharpener": {"type": "categorical", "choices": []}"#).refused(&["sharpener", "choices = []"]);
    space(r#""momentum": {"type": "float", "low": 0, "high": 0.9, "when": {"optimzer": ["sgd"]}}"#)
        .refused(&["momentum", "optimzer"]);
    space(
        r#""width_1": {"type": "int", "low": 1, "high": 9, "when": {"width_2": [1]}},
           "width_2": {"type": "int", "low": 1, "high": 9, "when": {"width_1": [1]}}"#,
    )
    .refused(&["cycle", "width_1 -> width_2 -> width_1"]);
    space(r#""learning_rate": {"type": "float", "low": 0, "high": 1, "log": true}"#)
        .refused(&["low = 0", "log"]);
    space(r#""droput": {"type": "float", "low": 0, "high": 0.5}"#).refused(&["droput", "dropout"]);
    space(r#""dropout": {"type": "float", "low": 0, "high": 0.5, "defualt": 0}"#)
        .refused(&["defualt", "default"]);
}

#[test]
fn an_output_that_cannot_be_written_is_found_before_the_run() {
    let tune = Tune::new();
    tune.run(&["--dataset", "iris", "--out", "no/such/best.json"]).refused(&["no/such", "does not exist"]);
    tune.run(&["--dataset", "iris", "--out", "."]).refused(&["is a folder"]);
    assert!(!tune.path("tune.db").exists(), "nothing was begun");
}

#[test]
fn a_database_that_is_not_ours() {
    let tune = Tune::new();
    tune.file("text.db", "this is no database, only some text that is long enough to be read as a header");
    tune.run(&["--dataset", "iris", "--storage", "text.db"]).refused(&["text.db"]);
    let other = rusqlite::Connection::open(tune.path("other.db")).expect("a database");
    other.execute_batch("CREATE TABLE songs (title TEXT)").expect("a table");
    drop(other);
    tune.run(&["--dataset", "iris", "--storage", "other.db"]).refused(&["other.db"]);
    tune.run(&["show", "--storage", "gone.db"]).refused(&["gone.db", "no such file"]);
}

#[test]
fn a_study_of_another_setup() {
    let tune = Tune::new();
    let common = [
        "--dataset",
        "iris",
        "--chip",
        "loihi1",
        "--budget",
        "1",
        "--confirm",
        "0",
        "--quiet",
        "--study",
        "flowers",
    ];
    tune.run(&common).success();
    let seed: Vec<&str> = common.iter().copied().chain(["--seed", "1"]).collect();
    tune.run(&seed).refused(&["flowers", "seed: 0 there, 1 here", "--fresh"]);
}
