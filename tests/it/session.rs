//! What a user does: tune, script, look, gate.

use serde_json::Value as Json;

use crate::support::{Tune, project, validate};

const QUICK: [&str; 9] =
    ["--dataset", "iris", "--budget", "3", "--confirm", "1", "--repeats", "2", "--search"];

fn quick<'a>(extra: &[&'a str]) -> Vec<&'a str> {
    QUICK.into_iter().chain(["random"]).chain(extra.iter().copied()).collect()
}

#[test]
fn a_study_leaves_its_winner_its_weights_and_a_table() {
    let tune = Tune::new();
    let ended = tune.run(&quick(&[])).success();
    assert!(ended.stdout.contains("accuracy, test"), "{}", ended.stdout);
    assert!(ended.stdout.contains("hyperparameters"), "{}", ended.stdout);
    let best = tune.json("best.json");
    validate("best", &best);
    assert_eq!(best["schema"], 1);
    assert_eq!(best["setup"]["dataset"], "iris");
    assert_eq!(best["trials"], 3);
    assert_eq!(best["test"]["values"].as_array().map(Vec::len), Some(2));
    assert_eq!(best["model"], "best.safetensors");
    let seed = best["model_seed"].as_u64().expect("a position") as usize;
    assert!(best["model_test"].is_number());
    assert_eq!(best["model_test"], best["test"]["values"][seed]);
    let saved = format!("on the test set (seed {seed})");
    assert!(ended.stdout.contains(&saved), "{}", ended.stdout);
    assert!(tune.path("best.safetensors").exists());
    let shown = tune.run(&["show"]).success().stdout;
    assert!(shown.starts_with("iris-tables-ideal-random-0: "), "{shown}");
    let (_, table) = shown.split_once("network\nlayer ").expect("the winner's network");
    let topology = best["network"]["topology"].as_str().expect("text");
    assert!(table.lines().last().is_some_and(|sums| sums.starts_with(topology)), "{shown}");
    let parameters = best["network"]["parameters"].to_string();
    assert!(table.lines().last().is_some_and(|sums| sums.contains(&parameters)), "{shown}");
}

#[test]
fn a_program_reads_events_one_a_line() {
    let tune = Tune::new();
    let ended = tune.run(&quick(&["--json"])).success();
    let events: Vec<Json> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect();
    events.iter().for_each(|event| validate("event", event));
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!(events[0]["event"], "study_started");
    assert_eq!((count("trial_started"), count("trial_finished"), count("trial_confirmed")), (3, 3, 2));
    assert_eq!(events.last().expect("some")["event"], "study_finished");
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_rule_that_holds_ends_the_study_and_the_reason_is_everywhere() {
    let tune = Tune::new();
    let rule = ["--stop-when", "target=0.2", "--budget", "9"];
    let args: Vec<&str> =
        quick(&["--json"]).into_iter().filter(|arg| !["--budget", "3"].contains(arg)).collect();
    let args: Vec<&str> = args.into_iter().chain(rule).collect();
    let events: Vec<Json> = tune
        .run(&args)
        .success()
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
        .collect();
    events.iter().for_each(|event| validate("event", event));
    let stopped =
        events.iter().find(|event| event["event"] == "study_stopped").expect("it says why it stopped");
    assert_eq!(stopped["rule"], "target=0.2");
    let best = tune.json("best.json");
    validate("best", &best);
    assert_eq!(best["stopped"]["reason"], stopped["reason"]);
    let words = shlex::split(best["command"].as_str().expect("text")).expect("words as in a shell");
    assert!(words.windows(2).any(|pair| pair == ["--stop-when", "target=0.2"]), "{words:?}");
    let shown = tune.run(&["show"]).success().stdout;
    assert!(shown.contains(stopped["reason"].as_str().expect("text")), "{shown}");
}

#[test]
fn a_reader_may_leave_early() {
    let tune = Tune::new();
    tune.run(&quick(&["--quiet"])).success();
    for args in [["show", "--top=3"], ["schema", "space"]] {
        let mut child = tune.start(&args);
        drop(child.stdout.take());
        let ended = crate::support::Ended::of(child.wait_with_output().expect("it ends")).success();
        assert_eq!(ended.stderr, "", "{args:?}");
    }
}

#[test]
fn workers_share_the_trials() {
    let tune = Tune::new();
    let ended = tune.run(&quick(&["--json", "--workers", "2", "--threads", "2"])).success();
    let count = |name: &str| ended.stdout.matches(&format!("\"event\":\"{name}\"")).count();
    assert_eq!((count("trial_started"), count("trial_finished"), count("trial_confirmed")), (3, 3, 2));
    let numbers: Vec<usize> = (0..3)
        .map(|trial| {
            ended.stdout.matches(&format!("\"event\":\"trial_finished\",\"trial\":{trial},")).count()
        })
        .collect();
    assert_eq!(numbers, [1, 1, 1]);
}

#[test]
fn a_trial_that_would_take_too_much_memory_is_recorded_with_the_limit() {
    let tune = Tune::new();
    let ended = tune.run(&quick(&["--memory", "1K"]));
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    let shown = tune.run(&["show"]).success().stdout;
    assert!(shown.contains("3 failed"), "{shown}");
    assert!(shown.contains("of memory, may take 1.00 KiB: raise --memory"), "{shown}");
    assert!(!shown.contains("network"), "{shown}");
}

#[test]
fn a_result_below_the_target_is_exit_code_3_and_still_written() {
    let tune = Tune::new();
    let ended = tune.run(&quick(&["--fail-under", "1.0", "--quiet"]));
    let mean = tune.json("best.json")["test"]["spread"]["mean"].as_f64().expect("a number");
    assert_eq!(ended.code, Some(if mean < 1.0 { 3 } else { 0 }), "{}", ended.stderr);
    let ended = tune.run(&quick(&["--fail-under", "0.0", "--quiet"]));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[cfg(unix)]
#[test]
fn an_interrupt_saves_and_the_same_command_resumes() {
    let tune = Tune::new();
    let args = ["--dataset", "digits", "--budget", "40", "--search", "random"];
    let child = tune.start(&args);
    std::thread::sleep(std::time::Duration::from_secs(3));
    let kill =
        std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill");
    assert!(kill.success());
    let ended = crate::support::Ended::of(child.wait_with_output().expect("it ends"));
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ended.stderr.contains("run the same command to resume"), "{}", ended.stderr);
    let shown = tune.run(&["show"]).success().stdout;
    assert!(shown.contains("0 running"), "{shown}");
}

#[test]
fn every_file_in_configs_follows_its_schema() {
    let configs = project().join("configs");
    for (folder, schema) in [(configs.clone(), "space"), (configs.join("chips"), "chip")] {
        let files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        let files: Vec<_> =
            files.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect();
        assert!(files.len() >= 3);
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a file");
            validate(schema, &serde_json::from_str(&text).expect("JSON"));
        }
    }
}
