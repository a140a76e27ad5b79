//! `tune run --fidelity`: a command whose trials pause and go on.
#![cfg(unix)]

use std::time::Duration;

use serde_json::Value as Json;

use crate::support::{SPACE, Tune, trials, validate};

/// A bowl whose bottom is at x = 1, n = 3 and to which it comes in 27 steps, by its own count: a state that is not the
/// one of the step before would be seen. Everything it was told goes to a file.
const TRAIN: &str = r#"#!/bin/sh
read request
echo "$request" | sed 's/"checkpoint_dir":"[^"]*","state":"[^"]*"/"checkpoint_dir":"...","state":"..."/' >>requests.txt
told() { echo "$request" | sed -n "s/.*\"$1\":\"*\([^,\"}]*\).*/\1/p"; }
x=$(told x) n=$(told n) step=$(told step) state=$(told checkpoint_dir) sum=0
if test "$step" -gt 0; then read done sum <"$state/model"; test "$done" = "$step" || exit 9; fi
while test "$step" -lt 27; do
    step=$((step + 1)) sum=$((sum + step))
    loss=$(awk "BEGIN { printf \"%.10f\", ($x - 1) ^ 2 + ($n - 3) ^ 2 / 4 + 378 / $sum - 1 }")
    echo "{\"step\": $step, \"value\": $loss}"
    read answer
    if test "$answer" = '{"prune":true}'; then SAVE; exit; fi
done
echo "{\"value\": $loss}"
"#;

const ARGS: [&str; 16] = [
    "run",
    "--command",
    "./train.sh",
    "--space",
    "space.json",
    "--metric",
    "loss:minimize",
    "--steps",
    "27",
    "--fidelity",
    "asha",
    "--budget",
    "18",
    "--seed",
    "4",
    "--quiet",
];

/// A folder with the script, which saves its state by `save`.
fn folder(save: &str) -> Tune {
    let tune = Tune::new();
    tune.file("space.json", SPACE).file("train.sh", TRAIN.replace("SAVE", save));
    let mut permissions = std::fs::metadata(tune.path("train.sh")).expect("a file").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    std::fs::set_permissions(tune.path("train.sh"), permissions).expect("ours");
    tune
}

fn saving() -> Tune {
    folder(r#"echo "$step $sum" >"$state/model""#)
}

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    ARGS.into_iter().chain(more.iter().copied()).collect()
}

/// What is in the folder of states.
fn states(tune: &Tune) -> usize {
    std::fs::read_dir(tune.path("tune.db.paused")).expect("there").count()
}

/// How many steps the command ran, by what it was told.
fn steps_run(tune: &Tune) -> u64 {
    let requests = tune.read("requests.txt");
    let steps = requests.lines().map(|line| {
        let request: Json = serde_json::from_str(line).expect("a request");
        validate("command", &request);
        request["until"].as_u64().expect("a step") - request["step"].as_u64().expect("a step")
    });
    steps.sum()
}

#[test]
fn a_command_pauses_and_goes_on_from_its_state_and_a_state_that_it_does_not_keep_costs_time_alone() {
    let tune = saving();
    tune.run(&ARGS).success();
    let expected = trials(&tune);
    let in_state = |state: &str| expected.iter().filter(|trial| trial.1 == state).count();
    let (complete, paused) = (in_state("COMPLETE"), in_state("PRUNED"));
    assert_eq!((complete + paused, states(&tune)), (18, paused));
    assert!((2..9).contains(&complete), "{complete} of 18 went to the end");
    assert!(steps_run(&tune) < 18 * 27 / 2, "{}", steps_run(&tune));
    let best = tune.json("best.json");
    validate("best", &best);
    assert_eq!(
        (&best["external_setup"]["fidelity"], &best["external_setup"]["steps"]),
        (&"asha".into(), &27.into())
    );
    assert!(
        best["command"]
            .as_str()
            .is_some_and(|command| command.contains("--steps 27") && command.contains("--fidelity asha"))
    );
    let shown = tune.run(&["show"]).success().stdout;
    assert!(
        shown.starts_with("bowl-bayes-4-asha: ") && shown.contains(&format!("{paused} paused")),
        "{shown}"
    );

    let forgetful = folder("true");
    let said = forgetful.run(&ARGS[..15]).success().stderr;
    assert!(said.contains("run from the start") && said.contains("the command wrote none"), "{said}");
    assert_eq!((trials(&forgetful), states(&forgetful)), (expected, 0));
    assert!(steps_run(&forgetful) > steps_run(&tune));
}

#[test]
fn a_killed_study_comes_to_the_same() {
    let whole = saving();
    whole.run(&ARGS).success();
    let killed = saving();
    let legs = || std::fs::read_to_string(killed.path("requests.txt")).unwrap_or_default().lines().count();
    // The last of these is among legs that go on.
    for begun in [3, 9, 16, 20] {
        let mut child = killed.start(&ARGS);
        while legs() < begun && child.try_wait().expect("a child").is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(!killed.path("best.json").exists(), "it was done before");
        child.kill().expect("SIGKILL");
        child.wait().expect("it is dead");
    }
    killed.run(&ARGS).success();
    assert_eq!(trials(&killed), trials(&whole));
    assert_eq!(states(&killed), states(&whole), "nothing is left of what was killed");
    let replaced = with(&["--fresh", "--prepare"]);
    killed.run(&replaced).success();
    assert!(!killed.path("tune.db.paused").exists(), "states go with the study");
}

#[test]
fn a_model_decides_who_goes_on_and_workers_take_part() {
    let tune = saving();
    let by_model: Vec<&str> = ARGS.iter().map(|&word| if word == "asha" { "bayes" } else { word }).collect();
    let with =
        |more: &[&'static str]| by_model.iter().copied().chain(more.iter().copied()).collect::<Vec<_>>();
    tune.run(&with(&["--states", "states", "--prepare"])).success();
    tune.run(&["worker", "--workers", "2", "--quiet"]).success();
    let paused = trials(&tune).iter().filter(|trial| trial.1 == "PRUNED").count();
    assert!((1..18).contains(&paused), "{paused}");
    tune.run(&with(&["--states", "states", "--workers", "2"])).success();
    assert_eq!(trials(&tune).len(), 18);
    assert!(tune.path("states").exists() && !tune.path("tune.db.paused").exists());
}

#[test]
fn what_cannot_pause_is_refused() {
    let tune = saving();
    let without_steps = [&ARGS[..7], &["--fidelity", "asha"]].concat();
    tune.run(&without_steps).refused(&["--fidelity asha", "--steps is missing"]);
    tune.run(&[&without_steps[..], &["--steps", "3"]].concat()).refused(&["--steps", "3", "must be 4 to"]);
    tune.run(&with(&["--replicates", "2"])).refused(&["--fidelity asha", "--replicates"]);
    tune.run(&with(&["--workers", "2", "--deterministic"])).refused(&["--fidelity asha", "--deterministic"]);
    let state = ["run", "--command", "./train.sh {state}", "--space", "space.json"];
    tune.run(&state).refused(&["{state} is no parameter", "add --fidelity"]);
}
