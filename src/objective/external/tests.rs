//! The ways in which a command ends.

mod pausing;

use std::ops::ControlFlow;

use super::follow::STOP_LIMIT;
use super::*;

fn space() -> Space {
    let text = r#"{"name": "s", "parameters": {
        "x": {"type": "float", "low": 0, "high": 1},
        "kind": {"type": "categorical", "choices": ["a", "b"]}
    }}"#;
    Space::from_json(text, "s.json").unwrap()
}

/// A command that runs a shell script. Doubled braces reach the shell as single ones.
fn external(script: &str) -> External {
    let script = script.replace('{', "{{").replace('}', "}}");
    let command = format!("sh -c {}", shlex::try_quote(&script).unwrap());
    External::new(&command, &space(), vec![Metric::minimize("loss")], None).unwrap()
}

fn evaluate(external: &External) -> Outcome {
    let mut observer = |_, _| ControlFlow::Continue(());
    external
        .evaluate(&space().default_point(), &Seed::root(1), &mut observer)
        .expect("not broken off")
        .outcome
}

/// The kind and the reason of a failure, and the kept lines of standard error.
fn failure(external: &External) -> (FailureKind, String, String) {
    match evaluate(external) {
        Outcome::Failed { failure, attributes } => {
            let errors = attributes.get("stderr").and_then(|errors| errors.as_str()).unwrap_or_default();
            (failure.kind, failure.reason, errors.to_owned())
        }
        complete => panic!("{complete:?}"),
    }
}

#[test]
fn parameters_come_on_standard_input_and_the_result_on_standard_output() {
    let script = r#"read line; echo "epoch 1" ; echo "$line" | grep -q '"parameters":{"x":0.5,"kind":"a"},"seed":' && echo '{"value": 0.25, "constraints": [-1], "attributes": {"size": 3}}'"#;
    let expected = Outcome::Complete {
        values: vec![0.25],
        constraints: vec![-1.0],
        attributes: [("size".to_owned(), 3.into())].into(),
    };
    assert_eq!(evaluate(&external(script)), expected);
}

#[test]
fn parameters_and_the_seed_fill_placeholders_of_the_arguments() {
    let command = r#"sh -c 'echo "{{\"value\": $1, \"attributes\": {{\"seed\": $2}}}}"' sh {x} {seed}"#;
    let external = External::new(command, &space(), vec![Metric::minimize("loss")], None).unwrap();
    let seeds = [1, 1, 2].map(|seed| {
        let mut observer = |_, _| ControlFlow::Continue(());
        let outcome =
            external.evaluate(&space().default_point(), &Seed::root(seed), &mut observer).unwrap().outcome;
        match outcome {
            Outcome::Complete { values, attributes, .. } => {
                assert_eq!(values, [0.5]);
                attributes["seed"].as_u64().unwrap()
            }
            failed => panic!("{failed:?}"),
        }
    });
    assert!(seeds[0] == seeds[1] && seeds[1] != seeds[2], "{seeds:?}");
}

#[test]
fn steps_are_reported_and_answered() {
    let script = r#"read p
        for step in 1 2 3; do
            echo "{\"step\": $step, \"value\": 0.$step}"; read answer
            test "$answer" = '{"prune":false}' || exit 7
        done
        echo '{"value": 0.3}'"#;
    let mut reported = Vec::new();
    let evaluation =
        external(script).evaluate(&space().default_point(), &Seed::root(0), &mut |step, value| {
            reported.push((step, value));
            ControlFlow::Continue(())
        });
    assert!(matches!(evaluation.unwrap().outcome, Outcome::Complete { values, .. } if values == [0.3]));
    assert_eq!(reported, [(1, 0.1), (2, 0.2), (3, 0.3)]);
}

#[test]
fn a_pruned_command_may_end_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answer");
    let script = format!(
        r#"read p; echo '{{"step": 1, "value": 9}}'; read answer; echo "$answer" > {}"#,
        file.display()
    );
    let begin = Instant::now();
    let evaluation = external(&script)
        .evaluate(&space().default_point(), &Seed::root(0), &mut |_, _| ControlFlow::Break(()));
    assert!(evaluation.is_none());
    assert!(begin.elapsed() < STOP_LIMIT, "it has ended by itself");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "{\"prune\":true}\n");
}

#[test]
fn a_command_that_prints_nothing_fails() {
    let (kind, reason, errors) = failure(&external("echo 'no data here' >&2"));
    assert_eq!((kind, errors.as_str()), (FailureKind::Error, "no data here"));
    assert_eq!(reason, r#"printed no result: must print a line such as {"value": 0.5}"#);
}

#[test]
fn a_command_that_prints_garbage_fails() {
    let (_, reason, _) = failure(&external("echo 'loss: 0.5'; echo 17"));
    assert!(reason.starts_with("printed no result"), "{reason}");
    let (kind, reason, errors) = failure(&external("echo oops >&2; echo '{\"value\": \"x\"}'; sleep 60"));
    assert_eq!((kind, errors.as_str()), (FailureKind::Error, "oops"));
    assert!(reason.starts_with("output: \"x\" is not a number"), "{reason}");
    let (_, reason, _) = failure(&external("echo '{vaule: 1}'; echo '{loss: 0.5}'; echo done"));
    assert_eq!(
        reason,
        r#"printed no result: must print a line such as {"value": 0.5}, which {loss: 0.5} is not"#
    );
    let (_, reason, _) =
        failure(&external("head -c 3000000 /dev/zero; head -c 100000 /dev/zero | tr '\\0' '\\377'"));
    assert!(reason.starts_with("printed no result"), "{reason}");
}

#[test]
fn log_beside_the_result_is_ignored() {
    let log =
        r#"echo "{'loss': 0.53}"; echo '{"level": "info"}'; echo '{"epoch": 1, "loss": 0.5}'; echo '{1, 2}'"#;
    let script = format!("{log}; echo '{{\"value\": 0.25}}'; {log}");
    let evaluation = external(&script)
        .evaluate(&space().default_point(), &Seed::root(0), &mut |_, _| ControlFlow::Continue(()));
    let Some(Outcome::Complete { values, .. }) = evaluation.map(|evaluation| evaluation.outcome) else {
        panic!("it has a result");
    };
    assert_eq!(values, [0.25]);
}

#[test]
fn a_step_beyond_the_storage_fails_the_trial_alone() {
    let (kind, reason, _) = failure(&external("echo '{\"step\": 2147483648, \"value\": 1}'; sleep 60"));
    assert_eq!(
        (kind, reason.as_str()),
        (FailureKind::Error, "output: step = 2147483648: must be at most 2147483647")
    );
}

#[test]
fn a_command_that_prints_nan_has_diverged() {
    for spelling in ["NaN", "\"nan\"", "Infinity", "-Infinity"] {
        let (kind, reason, _) = failure(&external(&format!("echo '{{\"value\": {spelling}}}'")));
        assert_eq!(kind, FailureKind::Diverged, "{spelling}");
        assert!(reason.starts_with("loss = ") && reason.ends_with("must be a finite number"), "{reason}");
    }
}

#[test]
fn a_command_that_exits_with_1_fails_whatever_it_has_printed() {
    let script = r#"echo '{"value": 0.5}'; echo first >&2; echo 'ValueError: lr' >&2; exit 1"#;
    let (kind, reason, errors) = failure(&external(script));
    assert_eq!((kind, errors.as_str()), (FailureKind::Error, "first\nValueError: lr"));
    assert_eq!(reason, "ended with exit code 1: ValueError: lr");
}

#[test]
fn a_command_that_is_killed_fails() {
    let (kind, reason, errors) = failure(&external("echo working >&2; kill -9 $$"));
    assert_eq!((kind, errors.as_str()), (FailureKind::Error, "working"));
    assert_eq!(reason, "was killed by signal 9: working");
}

#[test]
fn a_command_that_hangs_past_the_timeout_is_killed_with_everything_it_started() {
    let hanging = external("echo started >&2; sleep 60 & sleep 60").with_timeout(Some(Seconds(0.3)));
    let begin = Instant::now();
    let (kind, reason, errors) = failure(&hanging);
    assert_eq!((kind, errors.as_str()), (FailureKind::TimedOut, "started"));
    assert_eq!(
        reason,
        "ran longer than --trial-timeout 0.3 s: killed; its standard output is empty: if it waits for the end of \
         standard input, let it read one line"
    );
    let talking = external("echo begun; sleep 60").with_timeout(Some(Seconds(0.3)));
    assert_eq!(failure(&talking).1, "ran longer than --trial-timeout 0.3 s: killed");
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn what_a_command_leaves_in_the_background_ends_with_its_trial() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let script =
        format!("sleep 60 >/dev/null 2>&1 & echo $! > {}; echo '{{\"value\": 1}}'", file.path().display());
    let outcome = external(&script)
        .evaluate(&space().default_point(), &Seed::root(1), &mut |_, _| ControlFlow::Continue(()))
        .unwrap()
        .outcome;
    assert!(matches!(outcome, Outcome::Complete { .. }));
    let process = std::fs::read_to_string(file.path()).unwrap();
    let is_alive = || {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", process.trim()));
        state.is_ok_and(|state| !state.contains(") Z "))
    };
    let last = Instant::now() + Duration::from_secs(10);
    while is_alive() && Instant::now() < last {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!is_alive());
}

#[test]
fn a_command_that_gives_up_says_why() {
    let (_, reason, _) = failure(&external(r#"echo '{"failure": "does not fit"}'"#));
    assert_eq!(reason, "does not fit");
}

#[test]
fn a_command_that_runs_when_the_run_stops_is_broken_off() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let silent = external("sleep 60").with_stop(&STOP);
    let begin = Instant::now();
    let evaluation = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(200));
            STOP.store(true, Ordering::Relaxed);
        });
        silent.evaluate(&space().default_point(), &Seed::root(0), &mut |_, _| ControlFlow::Continue(()))
    });
    assert!(evaluation.is_none());
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_program_that_does_not_exist_is_found_before_the_first_trial() {
    let problem =
        |command: &str| External::new(command, &space(), vec![], None).expect_err("no program").to_string();
    assert!(problem("./no/such/train.sh {x}").starts_with("./no/such/train.sh: no such program"));
    assert!(problem("no-such-program-at-all").contains("no such program"));
    assert!(problem("/tmp").contains("no such program"));
}
