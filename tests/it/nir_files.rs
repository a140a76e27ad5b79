//! NIR files that other programs exported are scored, exported to a chip, and refused with a reason.

use serde_json::Value as Json;

use crate::support::{Tune, project};

fn fixture(name: &str) -> String {
    project().join("tests/fixtures/nir").join(name).display().to_string()
}

/// The rows of a table, after its header.
fn rows(table: &str) -> Vec<Vec<&str>> {
    table.lines().skip(1).map(|line| line.split(',').collect()).collect()
}

#[test]
fn exports_of_snntorch_score_without_an_option_and_say_how_they_are_read() {
    let tune = Tune::new();
    for (name, least) in [
        ("snntorch_dense", 0.75),
        ("snntorch_betas", 0.75),
        ("snntorch_forgets", 0.75),
        ("snntorch_convolutions", 0.6),
        ("snntorch_pooled_sums", 0.6),
        ("snntorch_synaptic", 0.75),
        ("snntorch_votes", 0.75),
    ] {
        let args = ["eval", &fixture(&format!("{name}.nir")), "--dataset", "digits", "--json"];
        let ended = tune.run(&args).success();
        let score: Json = serde_json::from_str(&ended.stdout).expect("one JSON object");
        assert!(score["accuracy"].as_f64().expect("a number") > least, "{name}: {}", score["accuracy"]);
        assert!(ended.stderr.contains("as snnTorch writes: a step of 0.0001 s is used"), "{}", ended.stderr);
        let decides = if name == "snntorch_votes" {
            "50 output neurons vote for 10 classes, 5 in a row for each"
        } else {
            "each of 10 output neurons is a class"
        };
        assert!(ended.stderr.contains(decides), "{}", ended.stderr);
    }
}

#[test]
fn a_time_step_scores_what_norse_exports() {
    let tune = Tune::new();
    let accuracy = |name: &str, step: &[&str]| {
        let name = fixture(name);
        let args = ["eval", &name, "--dataset", "digits", "--json"];
        let args: Vec<&str> = args.into_iter().chain(step.iter().copied()).collect();
        let ended = tune.run(&args).success();
        let score: Json = serde_json::from_str(&ended.stdout).expect("one JSON object");
        (score["accuracy"].as_f64().expect("a number"), ended.stderr)
    };
    let (guessed, remark) = accuracy("norse_box.nir", &[]);
    assert!(remark.contains(" s is used, the time constant of all neurons"), "{remark}");
    let (told, remark) = accuracy("norse_box.nir", &["--time-step", "1e-6"]);
    assert!(!remark.contains("time step"), "{remark}");
    assert!(told > 0.3 && told != guessed, "{told} {guessed}");
    assert!(accuracy("norse_box_rest.nir", &["--time-step", "1e-6"]).0 > 0.5);
    assert!(accuracy("norse_if.nir", &[]).0 > 0.5);
    tune.run(&["eval", &fixture("norse_box_rest.nir"), "--dataset", "digits"]).refused(&[
        "node 3: leaks with tau",
        "node 1 with tau",
        "--time-step",
    ]);
}

#[test]
fn the_decision_on_every_sample_is_a_line_of_a_table() {
    let tune = Tune::new();
    let votes = fixture("snntorch_votes.nir");
    let args = ["eval", &votes, "--dataset", "digits", "--predictions", "p.csv", "--json"];
    let ended = tune.run(&args).success();
    let score: Json = serde_json::from_str(&ended.stdout).expect("one JSON object");
    let table = tune.read("p.csv");
    assert_eq!(table.lines().next(), Some("sample,label,predicted,margin,tie"));
    let rows = rows(&table);
    assert_eq!(score["samples"], rows.len());
    let right = rows.iter().filter(|row| row[1] == row[2]).count();
    assert!((right as f64 / rows.len() as f64 - score["accuracy"].as_f64().expect("a number")).abs() < 1e-12);
    for (number, row) in rows.iter().enumerate() {
        assert_eq!(row[0], number.to_string());
        assert_eq!(row[3] == "0", row[4] == "true", "{row:?}");
    }
    assert!(rows.iter().any(|row| row[4] == "true") && rows.iter().any(|row| row[4] == "false"));
    // Another part, and a network that tune saved.
    let iris = ["--dataset", "iris", "--budget", "3", "--search", "random", "--confirm", "1", "--quiet"];
    tune.run(&iris).success();
    let args =
        ["eval", "best.safetensors", "--dataset", "iris", "--part", "train", "--predictions", "train.csv"];
    let ended = tune.run(&args).success();
    assert!(ended.stderr.contains("written to train.csv"), "{}", ended.stderr);
    assert!(tune.read("train.csv").contains("virginica"));
    tune.run(&["eval", &votes, "--dataset", "digits", "--predictions", "no/p.csv"])
        .refused(&["--predictions no/p.csv"]);
    tune.run(&["eval", "best.safetensors", "--dataset", "iris", "--time-step", "1"])
        .refused(&["--time-step 1: a network that tune saved has no time step: leave it out"]);
    tune.run(&["eval", &votes, "--dataset", "digits", "--time-step", "0"])
        .refused(&["must be a number above 0"]);
}

#[test]
fn a_network_of_another_program_becomes_the_integers_of_a_chip() {
    let tune = Tune::new();
    let predictions = |model: &str, chip: &str, more: &[&str]| {
        let args = ["eval", model, "--dataset", "digits", "--chip", chip, "--predictions", "p.csv"];
        let args: Vec<&str> = args.into_iter().chain(more.iter().copied()).collect();
        tune.run(&args).success();
        tune.read("p.csv")
    };
    let half = ["--input-coding", "threshold:0.5"];
    for name in ["snntorch_dense", "snntorch_convolutions", "snntorch_votes", "digits"] {
        let model = fixture(&format!("{name}.nir"));
        let ended = tune.run(&["export", "nir", &model, "-o", "chip.nir", "--chip", "loihi1"]).success();
        assert!(ended.stderr.contains("inputs are taken as spikes; --input-max"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("no key"), "{}", ended.stderr);
        assert_eq!(predictions("chip.nir", "loihi1", &half), predictions(&model, "loihi1", &half), "{name}");
    }
    let model = fixture("snntorch_dense.nir");
    tune.run(&["export", "nir", &model, "-o", "graded.nir", "--input-max", "16"]).success();
    let graded = ["--input-coding", "graded"];
    assert_eq!(predictions("graded.nir", "ideal", &graded), predictions(&model, "ideal", &graded));
    let deep = ["export", "nir", &model, "-o", "x.nir", "--chip", "loihi1", "--input-max", "16"];
    tune.run(&deep).refused(&["snntorch_dense.nir", "loihi1"]);
    tune.run(&["export", "nir", "graded.nir", "-o", "x.nir", "--input-max", "3"])
        .refused(&["--input-max 3: the largest input of the file is 16: leave the option out"]);
    // A chip that is too small for the network.
    tune.run(&["schema", "chip"]).success();
    let small = project().join("configs/chips/loihi1.json");
    let mut small: Json =
        serde_json::from_str(&std::fs::read_to_string(small).expect("a file")).expect("JSON");
    small["core"]["neurons"] = 4.into();
    small["topology"]["cores"] = 2.into();
    tune.file("small.json", small.to_string());
    let args = ["export", "nir", &model, "-o", "x.nir", "--chip", "small.json"];
    let ended = tune.run(&args);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(!tune.path("x.nir").exists(), "{}", ended.stderr);
}

#[test]
fn damaged_files_and_files_of_other_kinds_are_refused() {
    let tune = Tune::new();
    let whole = std::fs::read(fixture("snntorch_dense.nir")).expect("a file");
    tune.file("half.nir", &whole[..whole.len() / 2]);
    tune.run(&["eval", "half.nir", "--dataset", "digits"])
        .refused(&["half.nir", "not an HDF5 file that can be read"]);
    tune.run(&["export", "nir", "half.nir", "-o", "x.nir"])
        .refused(&["half.nir", "not an HDF5 file that can be read"]);
    tune.run(&["eval", &fixture("recurrent.nir"), "--dataset", "iris"])
        .refused(&["node back: is on a cycle or after one"]);
    // CubaLIF of one step is the plain threshold of its input.
    let args = ["eval", &fixture("current.nir"), "--dataset", "iris"];
    tune.run(&args).refused(&["decides between 4 classes; iris has 3"]);
}

#[test]
fn a_nir_file_of_ours_keeps_the_bits_of_its_weights() {
    let tune = Tune::new();
    let space = r#"{"name": "s", "parameters": {
        "weight_bits": {"type": "fixed", "value": 3}, "weight_scale": {"type": "fixed", "value": "layer"},
        "input_coding": {"type": "fixed", "value": "thermometer"}, "input_levels": {"type": "fixed", "value": 8},
        "method": {"type": "fixed", "value": "surrogate"}, "optimizer": {"type": "fixed", "value": "adam"},
        "learning_rate_adam": {"type": "fixed", "value": 0.01}, "epochs": {"type": "fixed", "value": 30},
        "width_1": {"type": "fixed", "value": 32}, "redundancy": {"type": "fixed", "value": 8}}}"#;
    tune.file("space.json", space);
    let iris = ["--dataset", "iris", "--budget", "1", "--confirm", "1", "--confirm-seeds", "1", "--quiet"];
    tune.run(&[&iris[..], &["--space", "space.json", "--chip", "loihi1"]].concat()).success();
    let cost = |model: &str, more: &[&str]| {
        let args = ["eval", model, "--dataset", "iris", "--predictions", "p.csv", "--json"];
        let ended = tune.run(&[&args[..], more].concat()).success();
        let score: Json = serde_json::from_str(&ended.stdout).expect("one JSON object");
        (score["chip"]["weight_bits"].clone(), score["chip"]["energy_j"].clone(), tune.read("p.csv"))
    };
    for bits in [&[][..], &["--weight-bits", "2"]] {
        let export = ["export", "nir", "best.safetensors", "-o", "n.nir", "--chip", "loihi1"];
        tune.run(&[&export[..], bits].concat()).success();
        let expected = cost("best.safetensors", bits);
        assert_eq!(cost("n.nir", &[]), expected);
    }
}
