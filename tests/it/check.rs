//! `tune check`: a baseline is recorded, and a winner that has become worse is found.

use serde_json::Value as Json;

use crate::support::{Ended, LINE, Tune, validate};

/// A command whose value is the number in the file `offset`, with noise from the seed.
const NOISY: &str = "#!/bin/sh\nread request\necho \"{\\\"value\\\": $(cat offset).$(($1 % 7))}\"\n";

/// A finished study of the noisy command, with a recorded baseline.
fn recorded() -> Tune {
    let tune = Tune::new();
    tune.file("line.json", LINE).script("noisy.sh", NOISY).file("offset", "1");
    let args = ["run", "--command", "./noisy.sh {seed}", "--space", "line.json", "--budget", "2", "--quiet"];
    tune.run(&args).success();
    tune.run(&["check", "best.json", "--record", "--quiet"]).success();
    tune
}

fn check(tune: &Tune, args: &[&str]) -> Ended {
    tune.run(&[&["check", "best.json"], args].concat())
}

#[cfg(unix)]
#[test]
fn a_command_that_got_worse_fails_and_one_that_did_not_passes() {
    let tune = recorded();
    let baseline = tune.json("baseline.json");
    validate("baseline", &baseline);
    assert_eq!(baseline["seeds"].as_array().map(Vec::len), Some(10));
    let fine = check(&tune, &["--tolerance", "1.5"]).success();
    assert!(fine.stdout.starts_with("ok    value: fine: "), "{}", fine.stdout);
    assert!(fine.stderr.contains("this check sees drops of "), "{}", fine.stderr);
    tune.file("offset", "5");
    let worse = check(&tune, &["--tolerance", "1.5", "--json"]);
    assert_eq!(worse.code, Some(3), "{}", worse.stderr);
    let result: Json = serde_json::from_str(&worse.stdout).expect("one JSON object");
    validate("check", &result);
    assert_eq!((&result["verdict"], &result["passed"]), (&"worse".into(), &false.into()));
    assert_eq!(result["seeds"][0]["seed"], 10, "seeds that the baseline has not used");
    tune.file("offset", "0");
    assert_eq!(check(&tune, &[]).code, Some(0), "better is no regression");
}

#[cfg(unix)]
#[test]
fn a_record_takes_no_bounds_and_keeps_the_winners_network() {
    let tune = recorded();
    for bound in [&["--fail-under", "value=2"][..], &["--tolerance", "9sd"], &["--strict"]] {
        let refused = check(&tune, &[&["--record"], bound].concat());
        assert_eq!(refused.code, Some(2), "{bound:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("cannot be used with"), "{}", refused.stderr);
    }
    tune.file("best.safetensors", "weights");
    for (baseline, problem) in [
        ("best.baseline", "is the file of the winner's network"),
        ("other.safetensors", "is the name of the baseline's network"),
    ] {
        let refused = check(&tune, &["--record", "--baseline", baseline]);
        assert!(refused.code != Some(0) && refused.stderr.contains(problem), "{}", refused.stderr);
    }
    assert_eq!(std::fs::read_to_string(tune.path("best.safetensors")).expect("it is there"), "weights");
}

#[cfg(unix)]
#[test]
fn a_baseline_of_another_study_is_named_before_it_is_replaced() {
    let tune = recorded();
    let own = check(&tune, &["--record"]).success();
    assert!(!own.stderr.contains("will be replaced"), "{}", own.stderr);
    let args = ["run", "--command", "./noisy.sh {seed}", "--space", "line.json", "--budget", "2", "--quiet"];
    tune.run(&[&args[..], &["--study", "other"]].concat()).success();
    let other = check(&tune, &["--record"]).success();
    let line = "baseline.json will be replaced: it is the baseline of line-bayes-0";
    assert!(other.stderr.contains(line), "{}", other.stderr);
}

#[cfg(unix)]
#[test]
fn what_stays_undecided_warns_and_fails_only_if_strict() {
    let tune = recorded();
    // The drop is near the tolerance.
    tune.file("offset", "2");
    let args = ["--tolerance", "0.9", "--max-seeds", "4"];
    let undecided = check(&tune, &args).success();
    assert!(undecided.stdout.starts_with("warn  value: undecided: "), "{}", undecided.stdout);
    assert_eq!(check(&tune, &[&args[..], &["--strict"]].concat()).code, Some(3));
    tune.file("offset", "1");
    let small = check(&tune, &["--tolerance", "0.05"]);
    assert!(small.stderr.contains("warning: the tolerance is small"), "{}", small.stderr);
}

#[cfg(unix)]
#[test]
fn a_seed_of_the_baseline_is_the_same_bit_for_bit() {
    let tune = recorded();
    let same = tune.run(&["check", "--replay", "3"]).success();
    assert_eq!(same.stdout, "seed 3: the same, bit for bit\n");
    tune.file("offset", "2");
    let differs = tune.run(&["check", "--replay", "3"]);
    assert_eq!(differs.code, Some(3));
    assert!(differs.stdout.starts_with("seed 3: differs: values [2."), "{}", differs.stdout);
    tune.run(&["check", "--replay", "10"]).refused(&["--replay 10", "must be 0 to 9"]);
}

#[cfg(unix)]
#[test]
fn bounds_and_files_for_ci_say_what_was_found() {
    let tune = recorded();
    let args = ["check", "best.json", "--tolerance", "1.5", "--fail-over", "value=1.05", "--github"];
    let files = ["--junit", "junit.xml", "--openmetrics", "metrics.txt"];
    let mut command = tune.command(&[&args[..], &files].concat());
    tune.file("summary.md", "before\n");
    let ended =
        Ended::of(command.env("GITHUB_STEP_SUMMARY", tune.path("summary.md")).output().expect("it starts"));
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("::error title=tune check%3A --fail-over value::mean "),
        "{}",
        ended.stderr
    );
    assert!(tune.read("junit.xml").contains("failures=\"1\""));
    assert!(tune.read("metrics.txt").starts_with("# TYPE tune_check_value gauge\ntune_check_value 1."));
    assert!(tune.read("summary.md").starts_with("before\n### tune check: check of line-bayes-0 failed"));
}

#[cfg(unix)]
#[test]
fn a_seed_without_a_result_is_worse() {
    let tune = recorded();
    tune.script("noisy.sh", "#!/bin/sh\nexit 1\n");
    let failed = check(&tune, &[]);
    assert_eq!(failed.code, Some(3), "{}", failed.stderr);
    assert!(failed.stdout.contains("worse: seed 10 has no result: "), "{}", failed.stdout);
    let record = tune.run(&["check", "best.json", "--record"]);
    assert_eq!(record.code, Some(1), "{}", record.stderr);
}

#[test]
fn a_network_keeps_its_accuracy_and_its_costs_and_a_study_is_checked_too() {
    let tune = Tune::new();
    let args = "--dataset iris --chip loihi1 --search random --budget 1 --confirm 0 --quiet --study iris";
    tune.run(&args.split(' ').collect::<Vec<_>>()).success();
    tune.run(&["check", "--study", "iris", "--record", "--quiet"]).success();
    let ended = check(&tune, &["--tolerance", "40", "--json"]).success();
    let result: Json = serde_json::from_str(&ended.stdout).expect("one JSON object");
    validate("check", &result);
    let saved = result["saved_network"].as_array().expect("a list");
    let names: Vec<&Json> = saved.iter().map(|one| &one["name"]).collect();
    assert_eq!(
        names,
        ["accuracy", "energy", "latency", "cores", "parameters", "synaptic-operations", "spikes"]
    );
    assert!(saved.iter().all(|one| one["now"] == one["baseline"]), "{saved:?}");
    // The energy of the saved network was less once.
    let mut baseline = tune.json("baseline.json");
    let energy = baseline["model"]["costs"]["energy"].as_f64().expect("a number");
    baseline["model"]["costs"]["energy"] = (energy * (1.0 - 1e-15)).into();
    // Mean costs far above those of the baseline are told, though the accuracy is fine.
    for seed in baseline["seeds"].as_array_mut().expect("a list") {
        seed["costs"]["energy"] = 1e-12.into();
    }
    tune.file("baseline.json", baseline.to_string());
    let worse = check(&tune, &["--tolerance", "40"]);
    assert!(worse.stdout.contains("warn  cost: energy: mean "), "{}", worse.stdout);
    assert_eq!(worse.code, Some(3), "{}", worse.stdout);
    assert!(worse.stdout.contains("FAIL  baseline's network: energy: "), "{}", worse.stdout);
    assert!(
        worse.stdout.contains("check of iris failed: baseline's network: energy; accuracy "),
        "{}",
        worse.stdout
    );
    let network = std::fs::read(tune.path("baseline.safetensors")).expect("a network");
    tune.file("baseline.safetensors", std::fs::read(tune.path("best.safetensors")).expect("a network"));
    check(&tune, &["--quiet"]).refused(&["baseline.safetensors: is not the network that was recorded"]);
    tune.file("baseline.safetensors", network);
    baseline["dataset_sha256"] = "00".into();
    tune.file("baseline.json", baseline.to_string());
    check(&tune, &[]).refused(&["SHA-256", "recorded with 00", "--record"]);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_checked_is_refused_before_anything_runs() {
    let tune = recorded();
    let refused = |args: &[&str], parts: &[&str]| check(&tune, args).refused(parts);
    refused(&["--baseline", "gone.json"], &["--baseline gone.json", "--record"]);
    refused(&["--baseline", "best.json"], &["--baseline best.json", "tune check --record wrote"]);
    refused(&["--tolerance", "5%"], &["'5%'", "--tolerance", "2sd"]);
    refused(&["--fail-over", "valu=1"], &["--fail-over valu", "did you mean \"value\"?"]);
    refused(&["--fail-over", "watts=1"], &["--fail-over watts: not measured; there are: value\n"]);
    let mut other = tune.json("baseline.json");
    other["metrics"][0]["name"] = "loss".into();
    tune.file("other.json", other.to_string());
    let metrics = "the baseline's metrics are loss, those here are value: record";
    refused(&["--baseline", "other.json"], &[metrics, "or name another --baseline"]);
    refused(&["--fail-under", "value"], &["METRIC=VALUE"]);
    refused(&["--junit", "best.json"], &["--junit best.json", "would be lost"]);
    refused(&["--max-seeds", "2"], &["must be 3 to 1,000"]);
    refused(&["--record", "--seeds", "9"], &["must be 10 to 1,000"]);
    tune.run(&["check", "--record"]).refused(&["--record", "best.json", "--study"]);
}
