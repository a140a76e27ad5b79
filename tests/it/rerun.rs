//! The winner of a study is trained again, and every bit is compared.

use serde_json::Value as Json;

use crate::support::{Tune, project, validate};

/// A folder with the winner of a small study of irises.
fn study(confirm: &str) -> Tune {
    let tune = Tune::new();
    let search =
        ["--search", "random", "--budget", "2", "--confirm", confirm, "--confirm-seeds", "2", "--quiet"];
    tune.run(&[&["--dataset", "iris", "--chip", "loihi1"][..], &search].concat()).success();
    tune
}

#[test]
fn a_winner_is_the_same_again_with_every_byte_of_its_network() {
    for (confirm, counts) in [("1", [2, 2]), ("0", [1, 1])] {
        let tune = study(confirm);
        let ended = tune.run(&["rerun", "--json"]).success();
        let rerun: Json = serde_json::from_str(&ended.stdout).expect("one JSON object");
        validate("rerun", &rerun);
        assert_eq!(rerun["same"], true, "{rerun}");
        assert_eq!((&rerun["network"], &rerun["compared"]), (&"same-bytes".into(), &counts.into()));
    }
}

#[test]
fn what_differs_is_said_with_an_exit_code_of_its_own() {
    let tune = study("1");
    let best = tune.read("best.json");
    let more = tune.run(&["rerun", "--seeds", "3"]).success();
    assert!(
        more.stdout.contains("same: 2 values on the validation set and 2 on the test set"),
        "{}",
        more.stdout
    );
    assert!(
        more.stdout.contains("(mean and sd of 3 seeds)") && more.stderr.contains("seed 2: validation "),
        "{}",
        more.stdout
    );
    let mut changed: Json = serde_json::from_str(&best).expect("JSON");
    changed["test"]["values"][1] = 0.125.into();
    tune.file("other.json", changed.to_string());
    let other = tune.run(&["rerun", "other.json"]);
    assert_eq!(other.code, Some(6), "{}", other.stderr);
    assert!(other.stdout.contains("seed 1 on the test set: 0.125 in the file, "), "{}", other.stdout);
    let mut refused: Json = serde_json::from_str(&best).expect("JSON");
    refused["hyperparameters"]["droput"] = 0.5.into();
    tune.file("refused.json", refused.to_string());
    let ended = tune.run(&["rerun", "refused.json"]);
    let reason = r#"seed 0: validation failed: droput: not a hyperparameter; did you mean "dropout"?"#;
    assert!(ended.code == Some(6) && ended.stderr.contains(reason), "{}", ended.stderr);
    changed["setup"]["dataset_sha256"] = "0".repeat(64).into();
    tune.file("data.json", changed.to_string());
    let data = tune.run(&["rerun", "data.json"]);
    assert_eq!(data.code, Some(6));
    assert!(data.stdout.contains("different: iris has SHA-256 0000"), "{}", data.stdout);
    let data = tune.run(&["rerun", "data.json", "--json"]);
    let rerun: Json = serde_json::from_str(&data.stdout).expect("one JSON object");
    assert_eq!((data.code, &rerun["same"]), (Some(6), &false.into()), "{rerun}");
    changed["command"] = "tune --no-such-option".into();
    tune.file("command.json", changed.to_string());
    tune.run(&["rerun", "command.json"]).refused(&["command.json: command = \"tune --no-such-option\""]);
    tune.run(&["rerun", "gone.json"]).refused(&["gone.json: cannot read it"]);
}

#[test]
fn a_winner_of_version_0_1_is_the_same_network_again() {
    let tune = Tune::new();
    for name in ["best.json", "best.safetensors", "small.json"] {
        let old = std::fs::read(project().join("tests/fixtures/0.1").join(name)).expect("a file");
        tune.file(name, old);
    }
    let ended = tune.run(&["rerun", "best.json"]).success();
    assert!(ended.stdout.contains("and the network in its file"), "{}", ended.stdout);
}
