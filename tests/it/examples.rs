//! The examples do what they say: a study by the library, and a training script for `tune run`.
#![cfg(unix)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};
use spiketune::tuner::Event;

use crate::support::{Tune, project, validate};

#[allow(dead_code, reason = "the example's own main prints, and is not called here")]
#[path = "../../examples/own_function.rs"]
mod own_function;

#[test]
fn a_function_of_ones_own_is_tuned_and_the_study_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("spring.db");
    let run = || {
        let mut count = 0;
        let best = own_function::study(&file, &mut |event| {
            count += u32::from(matches!(event, Event::TrialFinished { .. }));
        });
        (best.expect("a trial keeps all constraints"), count)
    };
    let (best, count) = run();
    // The least known weight is 0.012665 where turns need not be whole.
    assert!((0.012665..0.0131).contains(&best.values[0]), "{}", best.values[0]);
    assert!(best.constraints.iter().all(|&constraint| constraint <= 0.0), "{:?}", best.constraints);
    assert_eq!(count, 40);
    assert_eq!(run(), (best, 0));
}

/// Tells the person who runs the tests that there is no Python.
#[allow(clippy::print_stderr, reason = "a test that was left out must not look like one that passed")]
fn say_skipped() {
    eprintln!("skipped: there is no python3");
}

/// Python with its standard library; `None` where there is none.
fn python() -> Option<&'static str> {
    let version = Command::new("python3").arg("--version").output();
    let found = version.is_ok_and(|output| output.status.success()).then_some("python3");
    if found.is_none() {
        say_skipped();
    }
    found
}

/// The objects that the script prints for `request`.
fn printed(python: &str, folder: &Path, request: &Json) -> Vec<Json> {
    let script = project().join("examples/train.py");
    let mut command = Command::new(python);
    command.arg(script).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("Python starts");
    let mut input = child.stdin.take().expect("piped");
    writeln!(input, "{request}").expect("it reads its request");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("an object per line")).collect()
}

#[test]
fn a_paused_training_of_the_script_is_the_uninterrupted_one() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let parameters = json!({"width": 3, "rate": 0.1, "decay": 1e-5});
    let whole = printed(python, folder.path(), &json!({"parameters": parameters, "seed": 5}));
    let segment = |until: u32| {
        let folder = folder.path();
        printed(
            python,
            folder,
            &json!({"parameters": parameters, "seed": 5, "until": until, "checkpoint_dir": folder}),
        )
    };
    assert_eq!([segment(9), segment(27)].concat(), whole);
    let (first, last) = (&whole[0], &whole[whole.len() - 1]);
    assert!(last["value"].as_f64() < first["value"].as_f64(), "it learns: {first} {last}");
}

#[test]
fn the_script_is_tuned_with_pauses() {
    if python().is_none() {
        return;
    }
    let tune = Tune::new();
    for name in ["train.py", "train.json"] {
        tune.file(name, std::fs::read(project().join("examples").join(name)).expect("an example"));
    }
    let args = ["run", "--command", "python3 train.py", "--space", "train.json", "--metric", "loss:minimize"];
    let more = ["--fidelity", "asha", "--steps", "27", "--budget", "9"];
    tune.run(&[&args[..], &more[..]].concat()).success();
    let best = tune.json("best.json");
    validate("best", &best);
    assert!(best["searched"].as_f64().is_some_and(|loss| loss < 0.3), "{best}");
}
