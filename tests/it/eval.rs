//! Trained networks are scored again, written for other programs, and taken from them.

use serde_json::Value as Json;

use crate::support::{Tune, project, validate};

/// A study of irises on `chip`: what is in `best.json`.
fn study(tune: &Tune, chip: &str) -> Json {
    let search = ["--budget", "3", "--search", "random", "--confirm", "1", "--quiet"];
    let args: Vec<&str> = ["--dataset", "iris", "--chip", chip].into_iter().chain(search).collect();
    tune.run(&args).success();
    tune.json("best.json")
}

fn score(tune: &Tune, args: &[&str]) -> Json {
    let args: Vec<&str> = std::iter::once("eval").chain(args.iter().copied()).chain(["--json"]).collect();
    let score = serde_json::from_str(&tune.run(&args).success().stdout).expect("one JSON object");
    validate("eval", &score);
    score
}

/// The file of a network of another program.
fn fixture(name: &str) -> String {
    project().join("tests/fixtures/nir").join(name).display().to_string()
}

#[test]
fn the_winner_scores_again_what_the_study_says() {
    for chip in ["loihi1", "ideal"] {
        let tune = Tune::new();
        let best = study(&tune, chip);
        let again = score(&tune, &["best.safetensors", "--dataset", "iris", "--chip", chip]);
        assert_eq!(again["chip"], best["network"]["chip"], "{chip}");
        let tested = best["test"]["values"].as_array().expect("a list");
        assert!(tested.contains(&again["accuracy"]), "{} in {tested:?}", again["accuracy"]);
        assert_eq!(again["dataset_sha256"], best["setup"]["dataset_sha256"]);
    }
}

#[test]
fn a_study_may_weigh_accuracy_against_faults_and_energy() {
    let tune = Tune::new();
    let args = "--dataset iris --chip loihi1 --search nsga2 --budget 4 --confirm 1 --repeats 1 --quiet \
                --metric accuracy --metric robustness --metric energy \
                --faults dead-neuron --fault-rates 0.1 --fault-maps 4";
    tune.run(&args.split_whitespace().collect::<Vec<_>>()).success();
    let best = tune.json("best.json");
    validate("best", &best);
    let names: Vec<&Json> =
        best["metrics"].as_array().expect("a list").iter().map(|metric| &metric["name"]).collect();
    assert_eq!(names, ["accuracy", "robustness", "energy"]);
    assert_eq!(best["setup"]["faults"], "dead-neuron at 0.1, 4 chips each");
    // The same network, weighed alone: the accuracy is the confirmed one, and the front holds energies in joules.
    let again = score(&tune, &["best.safetensors", "--dataset", "iris", "--chip", "loihi1"]);
    assert_eq!(again["accuracy"], best["test"]["values"][0]);
    for trial in best["front"].as_array().expect("a list") {
        let values: Vec<f64> = trial["values"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|value| value.as_f64().expect("a number"))
            .collect();
        assert!(values[1] <= 1.0 && values[2] > 0.0 && values[2] < 1e-4, "{values:?}");
    }
}

#[test]
fn a_trial_is_picked_from_the_front_with_its_network_or_refused() {
    let tune = Tune::new();
    let args = "--dataset iris --chip loihi1 --search nsga2 --budget 6 --folds 1 --confirm-seeds 1 --quiet \
                --metric accuracy --metric energy";
    tune.run(&args.split_whitespace().collect::<Vec<_>>()).success();
    let best = tune.json("best.json");
    for one in best["front"].as_array().expect("a list") {
        let (trial, file) = (one["trial"].to_string(), one["confirmed"]["model"].as_str().expect("a file"));
        let pick = ["pick", "best.json", &trial, "--out", "picked.json", "--against", "best.json"];
        let ended = tune.run(&pick).success();
        assert!(ended.stdout.contains("against best.json: "), "{}", ended.stdout);
        let picked = tune.json("picked.json");
        validate("best", &picked);
        assert_eq!((&picked["trial"], &picked["test"]), (&one["trial"], &one["confirmed"]["test"]));
        let network = std::fs::read(tune.path("picked.safetensors")).expect("its network");
        assert_eq!(network, std::fs::read(tune.path(file)).expect("that of the front"));
        // Without its network nothing is written that would name another one.
        std::fs::remove_file(tune.path(file)).expect("it was there");
        tune.run(&pick).refused(&[file, "run the command of the study again"]);
        assert_eq!(tune.json("picked.json"), picked);
    }
}

#[test]
fn a_network_that_was_exported_scores_as_it_did() {
    let tune = Tune::new();
    study(&tune, "loihi1");
    let accuracy = |file: &str, chip: &str| {
        score(&tune, &[file, "--dataset", "iris", "--chip", chip])["accuracy"].clone()
    };
    let export = |flags: &[&str]| {
        let args: Vec<&str> =
            ["export", "nir", "best.safetensors"].into_iter().chain(flags.iter().copied()).collect();
        tune.run(&args).success();
    };
    export(&["-o", "exact.nir", "--flavour", "if"]);
    export(&["-o", "loihi.nir", "--chip", "loihi1"]);
    assert_eq!(accuracy("exact.nir", "ideal"), accuracy("best.safetensors", "ideal"));
    assert_eq!(accuracy("exact.nir", "loihi1"), accuracy("best.safetensors", "loihi1"));
    assert_eq!(accuracy("loihi.nir", "loihi1"), accuracy("best.safetensors", "loihi1"));
    assert_eq!(accuracy("loihi.nir", "ideal"), accuracy("best.safetensors", "loihi1"));
}

#[test]
fn a_network_that_pytorch_trained_gets_right_what_pytorch_says() {
    let answers = std::fs::read_to_string(fixture("answers.json")).expect("a file");
    let answers: Json = serde_json::from_str(&answers).expect("JSON");
    let tune = Tune::new();
    let right = |part: &str| {
        let args = [
            &fixture("digits.nir"),
            "--dataset",
            "digits",
            "--input-coding",
            "threshold:0.5",
            "--part",
            part,
        ];
        let score = score(&tune, &args);
        let samples = score["samples"].as_u64().expect("a number");
        (samples, (score["accuracy"].as_f64().expect("a number") * samples as f64).round() as u64)
    };
    let (train, test) = (right("train"), right("test"));
    assert_eq!(train.0 + test.0, answers["digits"]["samples"]);
    assert_eq!(train.1 + test.1, answers["digits"]["right"]);
}

#[test]
fn where_a_file_says_no_coding_a_chip_of_plain_spikes_gets_one_and_says_so() {
    let tune = Tune::new();
    let ended =
        tune.run(&["eval", &fixture("digits.nir"), "--dataset", "digits", "--chip", "loihi1"]).success();
    assert!(ended.stderr.contains("--input-coding threshold:0.5 is used"), "{}", ended.stderr);
    assert!(ended.stdout.contains("SynapticOperations Effective_ACs"), "{}", ended.stdout);
    let accuracy = ended.stdout.lines().find_map(|line| line.strip_prefix("accuracy")).expect("a line");
    assert!(accuracy.trim().parse::<f64>().expect("a number") > 0.9, "{}", ended.stdout);
}

#[test]
fn faults_are_swept_over_rates_and_maps() {
    let tune = Tune::new();
    let args = [
        &fixture("digits.nir"),
        "--dataset",
        "digits",
        "--chip",
        "loihi1",
        "--faults",
        "all",
        "--fault-rates",
        "0,0.2",
        "--fault-maps",
        "3",
    ];
    let found = score(&tune, &args);
    let scores = found["faults"]["scores"].as_array().expect("a list");
    assert_eq!(scores.len(), 9 * 2);
    for score in scores {
        let number = |name: &str| score[name].as_f64().expect("a number");
        assert!(number("worst") <= number("mean"), "{score}");
        if score["rate"] == 0.0 {
            assert_eq!((&score["worst"], number("sd")), (&found["accuracy"], 0.0), "{score}");
        }
    }
    let worst = scores.iter().filter(|score| score["fault"] == "dead-neuron" && score["rate"] == 0.2);
    assert!(worst.map(|score| score["worst"].as_f64()).all(|worst| worst < found["accuracy"].as_f64()));
    assert_eq!(score(&tune, &args), found, "the same seed, the same chips");
    let other: Vec<&str> = args.iter().copied().chain(["--seed", "1"]).collect();
    assert_ne!(score(&tune, &other)["faults"]["scores"], found["faults"]["scores"]);
}

#[test]
fn a_score_below_the_target_is_exit_code_3() {
    let tune = Tune::new();
    let ended = tune.run(&["eval", &fixture("digits.nir"), "--dataset", "digits", "--fail-under", "1"]);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
}

#[test]
fn networks_and_data_that_do_not_go_together_are_refused() {
    let tune = Tune::new();
    let digits = fixture("digits.nir");
    tune.run(&["eval", &digits, "--dataset", "iris"]).refused(&[
        "digits.nir",
        "node input",
        "[1, 8, 8]",
        "a sample is 4",
        "--input-coding",
    ]);
    tune.run(&["eval", &digits, "--dataset", "digits", "--input-coding", "thermometer:0"])
        .refused(&["thermometer:0", "must be graded, threshold:X"]);
    // Twelve inputs, and three classes as irises have, but of spikes.
    tune.run(&["eval", &fixture("dense.nir"), "--dataset", "digits", "--input-coding", "thermometer:3"])
        .refused(&["dense.nir", "takes inputs of shape [12]; a sample is 192"]);
    tune.run(&["eval", &fixture("leaking.nir"), "--dataset", "iris"])
        .refused(&["node lif", "leaks with tau 20"]);
    tune.run(&["eval", "gone.nir", "--dataset", "iris"]).refused(&["gone.nir", "cannot read it"]);
    tune.run(&["eval", &digits, "--dataset", "digits", "--faults", "bitflip"])
        .refused(&["bitflip", "did you mean \"bit-flip\"?"]);
    tune.run(&["eval", &digits, "--dataset", "digits", "--faults", "bit-flip"]).refused(&[
        "bit-flip",
        "exact",
        "--weight-bits",
    ]);
    tune.run(&["eval", &digits, "--dataset", "digits", "--faults", "dead-neuron", "--fault-rates", "2"])
        .refused(&["dead-neuron: rate 2 must be from 0 to 1"]);
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    let tune = Tune::new();
    let whole = std::fs::read(fixture("digits.nir")).expect("a file");
    tune.file("half.nir", &whole[..whole.len() / 2]);
    tune.run(&["eval", "half.nir", "--dataset", "digits"])
        .refused(&["half.nir", "not an HDF5 file that can be read"]);
    tune.file("text.nir", "this is no network");
    tune.run(&["eval", "text.nir", "--dataset", "digits"]).refused(&["text.nir", "not a safetensors file"]);
}
