//! `tune run`: a command of the user's own as the objective.
#![cfg(unix)]

use serde_json::Value as Json;

use crate::support::{SPACE, Tune, validate};

/// A bowl whose bottom is at x = 1, n = 3, kind = round; fails where x is above 4.
const TRAIN: &str = r#"#!/bin/sh
read request
echo "$request" >> requests.txt
x=$(echo "$request" | sed 's/.*"x":\([^,]*\),.*/\1/')
n=$(echo "$request" | sed 's/.*"n":\([0-9]*\).*/\1/')
echo "training at x = $x"
for step in 1 2; do
    echo "{\"step\": $step, \"value\": $step}"
    read answer
done
awk -v x="$x" -v n="$n" -v request="$request" 'BEGIN {
    if (x > 4) { print "ValueError: x is too large" > "/dev/stderr"; exit 3 }
    loss = (x - 1) * (x - 1) + (n - 3) * (n - 3) / 4
    if (request ~ /flat/) loss += 1
    printf "{\"value\": %.10f, \"attributes\": {\"size\": %d}}\n", loss, n
}'
"#;

fn folder() -> Tune {
    let tune = Tune::new();
    tune.file("space.json", SPACE).file("train.sh", TRAIN);
    let file = tune.path("train.sh");
    let mut permissions = std::fs::metadata(&file).expect("a file").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    std::fs::set_permissions(file, permissions).expect("ours");
    tune
}

fn args<'a>(extra: &[&'a str]) -> Vec<&'a str> {
    let common = ["run", "--command", "./train.sh", "--space", "space.json", "--metric", "loss:minimize"];
    common.into_iter().chain(extra.iter().copied()).collect()
}

#[test]
fn a_command_is_tuned_and_the_same_seed_gives_the_same_study() {
    let tune = folder();
    let ended = tune.run(&args(&["--budget", "25", "--seed", "4"])).success();
    assert!(ended.stdout.contains("winner"), "{}", ended.stdout);
    let best = tune.json("best.json");
    validate("best", &best);
    assert!(best["searched"].as_f64().is_some_and(|loss| loss < 0.5), "{best}");
    assert_eq!(best["hyperparameters"]["kind"], "round");
    assert_eq!(best["external_setup"]["command"], "./train.sh");
    assert_eq!(best["test"]["values"], Json::Array(vec![]));
    let shown = tune.run(&["show"]).success().stdout;
    assert!(shown.starts_with("bowl-bayes-4: ") && !shown.contains("network"), "{shown}");
    assert_eq!(tune.read("requests.txt").lines().count(), 25, "the winner is not run again");

    let again = folder();
    again.run(&args(&["--budget", "25", "--seed", "4", "--quiet"])).success();
    assert_eq!(again.json("best.json"), best);
    assert_eq!(again.read("requests.txt"), tune.read("requests.txt"));

    // In two parts it is the same study.
    let parts = folder();
    parts.run(&args(&["--budget", "11", "--seed", "4", "--quiet"])).success();
    parts.run(&args(&["--budget", "25", "--seed", "4", "--quiet"])).success();
    assert_eq!(parts.read("requests.txt"), tune.read("requests.txt"));
    // A smaller budget takes no trial away, and is not what makes the result again.
    parts.run(&args(&["--budget", "11", "--seed", "4", "--quiet"])).success();
    let again = parts.json("best.json");
    let command = again["command"].as_str().expect("a text");
    assert!(command.contains("--budget 25") && !command.contains("--budget 11"), "{command}");
    assert_eq!((&again["trial"], &again["trials"]), (&best["trial"], &best["trials"]));
}

#[test]
fn a_failing_command_leaves_its_reason_and_its_last_errors() {
    let tune = folder();
    tune.file("space.json", SPACE.replace("-5", "4.5").replace("\"high\": 5}", "\"high\": 9}"));
    let ended = tune.run(&args(&["--budget", "2", "--json"]));
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    let events: Vec<Json> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect();
    events.iter().for_each(|event| validate("event", event));
    let finished = events.iter().find(|event| event["event"] == "trial_finished").expect("a trial ends");
    assert_eq!(finished["state"], "failed");
    assert_eq!(finished["attributes"]["stderr"], "ValueError: x is too large");
    assert_eq!(finished["attributes"]["reason"], "ended with exit code 3: ValueError: x is too large");
    let shown = tune.run(&["show"]).success().stdout;
    assert!(shown.contains("ended with exit code 3"), "{shown}");
}

#[test]
fn a_command_that_hangs_is_killed_and_the_study_goes_on() {
    let tune = folder();
    let command = "sh -c 'echo started >&2; sleep 60'";
    let args =
        ["run", "--command", command, "--space", "space.json", "--budget", "2", "--trial-timeout", "0.2s"];
    let ended = tune.run(&args);
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert!(ended.stderr.contains("ran longer than --trial-timeout 0.2 s"), "{}", ended.stderr);
}

#[test]
fn several_metrics_come_to_a_front() {
    let tune = folder();
    let command = r#"sh -c 'echo "{{\"values\": {{\"size\": $1, \"loss\": $2}}}}"' sh {n} {x}"#;
    let args = [
        "run",
        "--command",
        command,
        "--space",
        "space.json",
        "--metric",
        "loss:min",
        "--metric",
        "size:max",
        "--search",
        "nsga2",
        "--budget",
        "30",
        "--quiet",
        "--workers",
        "2",
    ];
    tune.run(&args).success();
    let best = tune.json("best.json");
    validate("best", &best);
    let front = best["front"].as_array().expect("a front");
    assert!(!front.is_empty() && front.len() < 30);
    let loss = |trial: &Json| trial["values"][0].as_f64().expect("a number");
    let least = front.iter().map(loss).fold(f64::INFINITY, f64::min);
    assert_eq!(best["searched"].as_f64(), Some(least));
}

#[test]
fn a_reference_belongs_to_its_study() {
    let tune = folder();
    let command = r#"sh -c 'echo "{{\"values\": {{\"size\": $1, \"loss\": $2}}}}"' sh {n} {x}"#;
    let metrics = ["--metric", "loss:min", "--metric", "size:max"];
    let common = ["run", "--command", command, "--space", "space.json", "--budget", "8", "--quiet"];
    let args = |reference: &'static str| [&common[..], &metrics, &["--reference", reference]].concat();
    tune.run(&args("0.5,-2")).success();
    let best = tune.json("best.json");
    assert!(best["command"].as_str().is_some_and(|command| command.contains("--reference '0.5,-2' ")));
    tune.run(&args("0.5,1")).refused(&["reference: [0.5,-2.0] there, [0.5,1.0] here"]);
    tune.run(&args("0.5")).refused(&["--reference: 0.5: must be one finite value per metric, 2 in all"]);
    let tpe = [&args("0.5,1")[..], &["--search", "tpe"]].concat();
    tune.run(&tpe).refused(&["--reference: 0.5,1", "use bayes"]);
    tune.run(&args("half")).refused(&["--reference", "half"]);
}

#[test]
fn an_interrupt_ends_a_silent_command_and_the_same_command_resumes() {
    let tune = folder();
    let args = ["run", "--command", "sleep 60", "--space", "space.json", "--budget", "2"];
    let child = tune.start(&args);
    std::thread::sleep(std::time::Duration::from_secs(1));
    let kill =
        std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill");
    assert!(kill.success());
    let ended = crate::support::Ended::of(child.wait_with_output().expect("it ends"));
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    let shown = tune.run(&["show"]).success().stdout;
    assert!(shown.contains("0 complete, 0 paused, 0 pruned, 0 failed, 0 running, 1 waiting"), "{shown}");
}

#[test]
fn what_is_wrong_is_found_before_the_first_trial() {
    let tune = folder();
    let refused = |extra: &[&str], parts: &[&str]| {
        let common = ["run", "--space", "space.json"];
        let args: Vec<&str> = common.into_iter().chain(extra.iter().copied()).collect();
        tune.run(&args).refused(parts);
    };
    refused(&["--command", "./trian.sh"], &["--command", "./trian.sh", "no such program"]);
    refused(&["--command", "sh -c {depht}"], &["{depht}", "depth"]);
    refused(&["--command", "sh", "--metric", "loss"], &["--metric", "NAME:minimize"]);
    refused(&["--command", "sh", "--metric", "a:min", "--metric", "a:max"], &["metric a", "twice"]);
    refused(&["--command", "sh", "--trial-timeout", "soon"], &["--trial-timeout", "such as 30m"]);
    tune.run(&args(&["--budget", "1", "--quiet"])).success();
    tune.run(&args(&["--budget", "1", "--trial-timeout", "1h"]))
        .refused(&["trial_timeout_s: none there, 3600.0 here"]);
}
