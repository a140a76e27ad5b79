//! A result and the file of its network agree, whatever else was written to the same places.

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::support::{Ended, SMALL, Tune, validate};

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// `tune` on irises with few trials, and `rest`.
fn small(tune: &Tune, rest: &str) -> Ended {
    tune.file("small.json", SMALL);
    let line =
        format!("--dataset iris --space small.json --search random --folds 1 --confirm-seeds 1 {rest}");
    tune.run(&words(&line)).success()
}

fn sha256(tune: &Tune, file: &str) -> String {
    let bytes = std::fs::read(tune.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every network that the result in `name` has beside it, with the checksum that the result names.
fn networks(tune: &Tune, name: &str) -> Vec<(String, String)> {
    let best = tune.json(name);
    validate("best", &best);
    let front = best["front"].as_array().cloned().unwrap_or_default();
    let confirmed = front.iter().map(|one| &one["confirmed"]);
    let all = std::iter::once(&best).chain(confirmed);
    let pair =
        |one: &Json| Some((one["model"].as_str()?.to_owned(), one["model_sha256"].as_str()?.to_owned()));
    all.filter_map(pair).collect()
}

/// Checks that every network of the result in `name` is the one that it names; returns their files.
#[track_caller]
fn agree(tune: &Tune, name: &str) -> Vec<String> {
    let networks = networks(tune, name);
    assert!(!networks.is_empty(), "{name} names no network");
    for (file, named) in &networks {
        assert_eq!(&sha256(tune, file), named, "{file} of {name}");
    }
    networks.into_iter().map(|(file, _)| file).collect()
}

#[test]
fn a_resumed_study_takes_the_place_of_another_studys_network() {
    let tune = Tune::new();
    small(&tune, "--budget 2 --study a --quiet");
    let first = sha256(&tune, "best.safetensors");
    small(&tune, "--budget 2 --study b --chip loihi1 --quiet");
    assert_ne!(sha256(&tune, "best.safetensors"), first);
    let again = small(&tune, "--budget 2 --study a");
    let line = "best.safetensors is not known to hold the network of trial ";
    assert!(again.stderr.contains(line), "{}", again.stderr);
    agree(&tune, "best.json");
    assert_eq!(sha256(&tune, "best.safetensors"), first);
    tune.run(&["rerun", "best.json"]).success();
    // A file that is right is left alone, and junk or a cut file is not right.
    let modified = |tune: &Tune| {
        tune.path("best.safetensors").metadata().and_then(|file| file.modified()).expect("a time")
    };
    let before = modified(&tune);
    let untouched = small(&tune, "--budget 2 --study a");
    assert!(!untouched.stderr.contains("training it again"), "{}", untouched.stderr);
    assert_eq!(modified(&tune), before);
    let whole = std::fs::read(tune.path("best.safetensors")).expect("a network");
    for junk in [&b"junk"[..], b"", &whole[..whole.len() - 1]] {
        tune.file("best.safetensors", junk);
        small(&tune, "--budget 2 --study a --quiet");
        assert_eq!(sha256(&tune, "best.safetensors"), first);
    }
}

#[test]
fn a_network_of_an_earlier_winner_does_not_stay() {
    let tune = Tune::new();
    // The same study, resumed with more trials into other files until another trial wins.
    small(&tune, "--budget 2 --out old.json --quiet");
    let before = tune.json("old.json");
    let budget = (3..14).find(|budget| {
        small(&tune, &format!("--budget {budget} --out new.json --quiet"));
        tune.json("new.json")["trial"] != before["trial"]
    });
    let budget = budget.expect("another trial wins");
    small(&tune, &format!("--budget {budget} --out old.json --quiet"));
    assert_eq!(tune.json("old.json")["trial"], tune.json("new.json")["trial"]);
    agree(&tune, "old.json");
    assert_eq!(sha256(&tune, "old.safetensors"), sha256(&tune, "new.safetensors"));
}

#[test]
fn a_front_shares_its_folder_with_no_other_study() {
    let tune = Tune::new();
    let front = |seed: u32| {
        let rest =
            format!("--metric accuracy --metric cores --metric parameters --budget 5 --seed {seed} --quiet");
        small(&tune, &rest);
        agree(&tune, "best.json")
    };
    let in_folder = |tune: &Tune| {
        let entries = std::fs::read_dir(tune.path("best.front")).expect("a folder").flatten();
        let mut names: Vec<String> =
            entries.map(|entry| format!("best.front/{}", entry.file_name().to_string_lossy())).collect();
        names.sort_unstable();
        names
    };
    let check = |files: Vec<String>| {
        let mut files: Vec<String> =
            files.into_iter().filter(|file| file.starts_with("best.front/")).collect();
        files.sort_unstable();
        assert_eq!(in_folder(&tune), files, "strangers in the folder");
    };
    let first = front(0);
    tune.file("best.front/notes.txt", "kept").file("best.front/trial-99.safetensors", "a stranger");
    let of_first: Vec<String> = first.iter().map(|file| sha256(&tune, file)).collect();
    front(1);
    assert_eq!(tune.read("best.front/notes.txt"), "kept", "only networks are removed");
    std::fs::remove_file(tune.path("best.front/notes.txt")).expect("it was there");
    assert!(!tune.path("best.front/trial-99.safetensors").exists());
    check(networks(&tune, "best.json").into_iter().map(|(file, _)| file).collect());
    let again = front(0);
    check(again.clone());
    assert_eq!(again.iter().map(|file| sha256(&tune, file)).collect::<Vec<_>>(), of_first);
    small(&tune, "--metric accuracy --budget 2 --quiet");
    assert!(!tune.path("best.front").exists(), "that study has no front");
}

#[test]
fn a_pick_copies_the_network_that_it_names_and_no_other() {
    let tune = Tune::new();
    small(&tune, "--metric accuracy --metric parameters --budget 5 --quiet --study mine");
    let best = tune.json("best.json");
    let one = best["front"].as_array().expect("a front")[0].clone();
    let (trial, file) =
        (one["trial"].to_string(), one["confirmed"]["model"].as_str().expect("a file").to_owned());
    let pick = tune.run(&["pick", "best.json", &trial, "-o", "other.json"]).success();
    assert!(pick.stderr.contains("written to other.json and other.safetensors"), "{}", pick.stderr);
    let picked = tune.json("other.json");
    assert_eq!(sha256(&tune, "other.safetensors"), picked["model_sha256"].as_str().expect("a checksum"));
    let command = picked["command"].as_str().expect("a command");
    let end = format!("--pick {trial} --out other.json");
    assert!(command.contains("--study mine") && command.ends_with(&end), "{command}");
    tune.run(&["rerun", "other.json"]).success();
    // The command makes the same result where nothing is.
    let elsewhere = Tune::new();
    elsewhere
        .file("small.json", SMALL)
        .run(&words(&format!("{} --quiet", command.strip_prefix("tune ").expect("a command of tune"))))
        .success();
    let made = elsewhere.json("other.json");
    assert_eq!((&made["trial"], &made["model_sha256"]), (&picked["trial"], &picked["model_sha256"]));

    let shown = tune.run(&["pick", "best.json", &trial]).success();
    assert!(shown.stderr.contains("nothing is written"), "{}", shown.stderr);
    let of_study = tune.run(&["pick", "mine", &trial]).success();
    assert!(of_study.stdout.contains(&format!("--pick {trial}")), "{}", of_study.stdout);
    tune.run(&["pick", "best.json", "77"])
        .refused(&["trial 77 is not on the confirmed front", "if the study has it"]);
    // Neither a network of the front nor the winner's is replaced by another one.
    for out in ["best.txt", "best.front/trial-0.json"] {
        let network = tune.path(out).with_extension("safetensors");
        if network.exists() {
            tune.run(&["pick", "best.json", &trial, "--out", out]).refused(&["which would be lost"]);
        }
    }
    tune.file(&file, std::fs::read(tune.path("best.safetensors")).expect("a network"));
    if sha256(&tune, &file) != one["confirmed"]["model_sha256"].as_str().expect("a checksum") {
        tune.run(&["pick", "best.json", &trial, "--out", "third.json"])
            .refused(&[&file, "holds another network"]);
    }
    tune.file(&file, "junk");
    tune.run(&["pick", "best.json", &trial, "--out", "third.json"]).refused(&[&file, "run the command"]);
    assert!(!tune.path("third.json").exists() && !tune.path("third.safetensors").exists());
    // Without a network to copy, a file of another network does not stay beside the result.
    tune.file("fourth.safetensors", "another");
    tune.run(&["pick", "mine", &trial, "--out", "fourth.json"])
        .refused(&["fourth.safetensors holds another one"]);
}

#[test]
fn a_study_of_an_earlier_version_gets_the_checksum_of_its_network() {
    let tune = Tune::new();
    small(&tune, "--budget 2 --study a --quiet");
    let first = sha256(&tune, "best.safetensors");
    let database = rusqlite::Connection::open(tune.path("tune.db")).expect("the database");
    let forget = "UPDATE study_system_attributes SET value_json = json_remove(value_json, '$.candidates[0].model_sha256') \
                  WHERE key = 'tune:confirmation'";
    assert_eq!(database.execute(forget, []).expect("a table"), 1);
    drop(database);
    for (line, is_trained) in [("a", true), ("a", false)] {
        let ended = small(&tune, &format!("--budget 2 --study {line}"));
        assert_eq!(ended.stderr.contains("training it again"), is_trained, "{}", ended.stderr);
        agree(&tune, "best.json");
        assert_eq!(sha256(&tune, "best.safetensors"), first);
    }
}

#[test]
fn a_network_that_trains_to_another_score_is_confirmed_anew() {
    let tune = Tune::new();
    small(&tune, "--budget 2 --study a --quiet");
    let expected = tune.json("best.json");
    let database = rusqlite::Connection::open(tune.path("tune.db")).expect("the database");
    let change = "UPDATE study_system_attributes SET value_json = json_set(value_json, '$.candidates[0].repeats[0].value', \
                  0.125) WHERE key = 'tune:confirmation'";
    assert_eq!(database.execute(change, []).expect("a table"), 1);
    drop(database);
    std::fs::remove_file(tune.path("best.safetensors")).expect("it was there");
    let ended = small(&tune, "--budget 2 --study a");
    assert!(ended.stderr.contains("where its confirmation has 0.1250"), "{}", ended.stderr);
    let best = tune.json("best.json");
    assert_eq!(
        (&best["validation"], &best["model_sha256"]),
        (&expected["validation"], &expected["model_sha256"])
    );
    agree(&tune, "best.json");
}

#[test]
fn a_network_that_is_saved_later_is_tested_too() {
    if !cfg!(unix) {
        return;
    }
    let tune = Tune::new();
    let line = "--budget 2 --confirm 0 --seeds-per-trial 2 --study a --quiet --out";
    small(&tune, &format!("{line} /dev/null"));
    small(&tune, &format!("{line} best.json"));
    let best = tune.json("best.json");
    assert!(best["model_test"].is_number() && best["network"]["parameters"].is_number(), "{best}");
    agree(&tune, "best.json");
    tune.run(&["rerun", "best.json"]).success();
}
