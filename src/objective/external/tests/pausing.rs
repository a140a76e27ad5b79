//! Commands that continue from a checkpoint, and commands that do something else.

use std::fs;
use std::path::Path;

use super::*;
use crate::objective::Pause;

/// Counts its steps, up to 9, in a file of its checkpoint folder, and ends when an answer asks it
/// to.
const COUNTS: &str = r#"read request
    dir=$(echo "$request" | sed 's/.*"checkpoint_dir":"\([^"]*\)".*/\1/')
    step=$(cat "$dir/step" 2>/dev/null || echo 0)
    while test $step -lt 9; do
        step=$((step + 1))
        echo "{\"step\": $step, \"value\": $((10 - step))}"
        read answer
        case $answer in *true*) echo $step >"$dir/step"; exit;; esac
    done
    echo '{"value": 1}'"#;

fn pausing(script: &str) -> External {
    External { steps: Some(9), ..external(script) }
}

fn segment(room: &Path, from: Option<&str>, pause: Option<(u32, &str)>, done: u32) -> Segment {
    let pause = pause.map(|(divisor, name)| Pause { divisor, checkpoint: room.join(name) });
    Segment { from: from.map(|name| room.join(name)), pause, done, spent: Seconds(0.0) }
}

/// The result of a segment, and the steps that it reported.
fn advance(external: &External, segment: &Segment) -> (Advance, Vec<u32>) {
    let mut reported = Vec::new();
    let mut observe = |step, _| {
        reported.push(step);
        ControlFlow::Continue(())
    };
    let advance = external.advance(&space().default_point(), &Seed::root(1), segment, &mut observe);
    (advance.expect("not broken off"), reported)
}

/// The step and the values at which it paused.
fn paused(advance: &Advance) -> (u32, Vec<f64>) {
    match &advance.end {
        SegmentEnd::Paused(rung) => (rung.steps, rung.values.clone()),
        SegmentEnd::Done(evaluation) => panic!("{:?}", evaluation.outcome),
        SegmentEnd::Unsaved(file, error) => panic!("{}: {error}", file.display()),
    }
}

fn done(advance: Advance) -> Outcome {
    match advance.end {
        SegmentEnd::Done(evaluation) => evaluation.outcome,
        _ => panic!("{:?}", paused(&advance)),
    }
}

fn reason(advance: Advance) -> String {
    match done(advance) {
        Outcome::Failed { failure, .. } => failure.reason,
        complete => panic!("{complete:?}"),
    }
}

fn complete(value: f64) -> Outcome {
    Outcome::Complete { values: vec![value], constraints: Vec::new(), attributes: Attributes::new() }
}

#[test]
fn a_command_continues_from_its_checkpoint() {
    let room = tempfile::tempdir().unwrap();
    let counts = pausing(COUNTS);
    let (first, reported) = advance(&counts, &segment(room.path(), None, Some((9, "0")), 0));
    assert_eq!((paused(&first), reported), ((1, vec![9.0]), vec![1]));
    let (second, reported) = advance(&counts, &segment(room.path(), Some("0"), Some((3, "1")), 1));
    assert_eq!((paused(&second), reported, second.restarted), ((3, vec![7.0]), vec![2, 3], None));
    // A segment that is run again continues from the same checkpoint.
    let (again, reported) = advance(&counts, &segment(room.path(), Some("0"), Some((3, "1")), 1));
    assert_eq!((paused(&again), reported), ((3, vec![7.0]), vec![2, 3]));
    let (last, reported) = advance(&counts, &segment(room.path(), Some("1"), None, 3));
    assert_eq!((done(last), reported), (complete(1.0), vec![4, 5, 6, 7, 8, 9]));
    let names = fs::read_dir(room.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>(), ["0", "1"]);
}

#[test]
fn a_command_that_ends_at_its_rung_need_not_read_answers() {
    let room = tempfile::tempdir().unwrap();
    let script = r#"sh -c 'test $1 = 0 || test -f "$4/$1" || exit 7
        touch "$4/$2"; echo "{{\"step\": $2, \"value\": 0.$2}}"; echo "{{\"value\": $3}}"' sh {step} {until} {steps} {checkpoint_dir}"#;
    let external = External::new(script, &space(), vec![Metric::minimize("loss")], Some(9)).unwrap();
    let (first, _) = advance(&external, &segment(room.path(), None, Some((9, "0")), 0));
    assert_eq!(paused(&first), (1, vec![0.1]), "its result is dropped");
    let (second, _) = advance(&external, &segment(room.path(), Some("0"), Some((3, "1")), 1));
    assert_eq!(paused(&second), (3, vec![0.3]));
    let (last, _) = advance(&external, &segment(room.path(), Some("1"), None, 3));
    assert_eq!(done(last), complete(9.0));
    let mut observe = |_, _| ControlFlow::Continue(());
    let whole = external.evaluate(&space().default_point(), &Seed::root(1), &mut observe).unwrap();
    assert_eq!(whole.outcome, complete(9.0));
}

#[test]
fn a_command_without_a_checkpoint_begins_again_and_says_so() {
    let room = tempfile::tempdir().unwrap();
    let forgets = pausing(&COUNTS.replace(">\"$dir/step\"", ">/dev/null"));
    advance(&forgets, &segment(room.path(), None, Some((9, "0")), 0));
    assert!(!room.path().join("0").exists());
    let (second, reported) = advance(&forgets, &segment(room.path(), Some("0"), Some((3, "1")), 1));
    assert_eq!((paused(&second), reported), ((3, vec![7.0]), vec![1, 2, 3]));
    assert!(second.restarted.is_some_and(|reason| reason.contains("the command wrote none")));
}

#[test]
fn a_command_that_does_not_end_is_killed_and_its_checkpoint_dropped() {
    let room = tempfile::tempdir().unwrap();
    let deaf = |then: &str| {
        let script = r#"read request; trap '' TERM; sleep 60 &
            touch $(echo "$request" | sed 's/.*"state":"\([^"]*\)".*/\1/')/half
            echo '{"step": 1, "value": 1}';"#;
        pausing(&format!("{script} {then}"))
    };
    let hangs = External { saving: Duration::from_millis(300), ..deaf("sleep 60") };
    let goes_on = deaf(r#"for step in 2 3 4; do echo "{\"step\": $step, \"value\": 0}"; done; sleep 60"#);
    for (external, most) in [(hangs, Duration::from_secs(5)), (goes_on, 2 * STOP_LIMIT)] {
        let begin = Instant::now();
        let (first, reported) = advance(&external, &segment(room.path(), None, Some((9, "0")), 0));
        assert_eq!((paused(&first), reported), ((1, vec![1.0]), vec![1]));
        assert!(begin.elapsed() < most, "{:?}", begin.elapsed());
        assert_eq!(fs::read_dir(room.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_command_that_is_interrupted_while_it_saves_is_broken_off() {
    static STOP: AtomicBool = AtomicBool::new(true);
    let room = tempfile::tempdir().unwrap();
    let first = segment(room.path(), None, Some((9, "0")), 0);
    let step = r#"echo '{"step": 1, "value": 1}';"#;
    for then in [r#"echo '{"failure": "interrupted"}'; sleep 60"#, "kill -TERM $$"] {
        let external = pausing(&format!("{step} {then}")).with_stop(&STOP);
        let mut observe = |_, _| ControlFlow::Continue(());
        assert!(external.advance(&space().default_point(), &Seed::root(1), &first, &mut observe).is_none());
    }
    assert_eq!(fs::read_dir(room.path()).unwrap().count(), 0);
}

#[test]
fn a_command_that_reports_rarely_pauses_where_it_can() {
    let room = tempfile::tempdir().unwrap();
    let silent = pausing(r#"echo '{"value": 2}'"#);
    assert_eq!(done(advance(&silent, &segment(room.path(), None, Some((9, "0")), 0)).0), complete(2.0));
    let rare =
        pausing(r#"for step in 5 9; do echo "{\"step\": $step, \"value\": 1}"; done; echo '{"value": 3}'"#);
    let (first, _) = advance(&rare, &segment(room.path(), None, Some((9, "0")), 0));
    assert_eq!(paused(&first).0, 5);
    // It has passed the next rung already, and its next report is its last.
    assert_eq!(done(advance(&rare, &segment(room.path(), Some("0"), Some((3, "1")), 5)).0), complete(3.0));
}

#[test]
fn a_value_that_is_no_number_is_not_kept_at_a_rung() {
    let room = tempfile::tempdir().unwrap();
    let nan = pausing(r#"echo '{"step": 1, "value": NaN}'"#);
    assert_eq!(paused(&advance(&nan, &segment(room.path(), None, Some((9, "0")), 0)).0), (1, vec![]));
}

#[test]
fn a_step_needs_all_metrics() {
    let room = tempfile::tempdir().unwrap();
    let metrics = vec![Metric::minimize("loss"), Metric::maximize("speed")];
    let first = segment(room.path(), None, Some((9, "0")), 0);
    let both = |line: &str| External { metrics: metrics.clone(), ..pausing(&format!("echo '{line}'")) };
    let told = both(r#"{"step": 2, "values": {"speed": 3, "loss": 0.5}}"#);
    assert_eq!(paused(&advance(&told, &first).0), (2, vec![0.5, 3.0]));
    let expected =
        r#"output: step 2 has one value for 2 metrics (loss, speed): with --fidelity it needs "values""#;
    assert_eq!(reason(advance(&both(r#"{"step": 2, "value": 0.5}"#), &first).0), expected);
}

#[test]
fn a_command_that_fails_while_it_saves_has_failed() {
    let room = tempfile::tempdir().unwrap();
    let first = segment(room.path(), None, Some((9, "0")), 0);
    let step = r#"echo '{"step": 1, "value": 1}'; read request; read answer;"#;
    let full = pausing(&format!("{step} echo 'disk full' >&2; exit 3"));
    assert_eq!(reason(advance(&full, &first).0), "ended with exit code 3: disk full");
    let gives_up = pausing(&format!(r#"{step} echo '{{"failure": "too large"}}'"#));
    assert_eq!(reason(advance(&gives_up, &first).0), "too large");
    assert!(!room.path().join("0").exists());
}

#[test]
fn a_command_that_ends_before_its_step_says_so_and_a_value_does_not_count() {
    let room = tempfile::tempdir().unwrap();
    let first = segment(room.path(), None, Some((2, "0")), 0);
    for more in ["", r#"; echo '{"value": 1}'"#] {
        let early = pausing(&format!(r#"echo '{{"step": 1, "value": 1}}'{more}"#));
        assert_eq!(
            reason(advance(&early, &first).0),
            "output: ended after step 1: must report step 5, which is \"until\" of the request"
        );
    }
}

#[test]
fn the_timeout_is_that_of_a_segment() {
    let room = tempfile::tempdir().unwrap();
    let slow = pausing("sleep 60").with_timeout(Some(Seconds(0.3)));
    let first = segment(room.path(), None, Some((9, "0")), 0);
    assert_eq!(
        reason(advance(&slow, &first).0),
        "ran longer than --trial-timeout 0.3 s: killed; its standard output is empty: if it waits for the end of standard input, let it read one line"
    );
    let (second, _) = advance(&pausing(COUNTS).with_timeout(Some(Seconds(60.0))), &first);
    assert_eq!(paused(&second).0, 1);
}

#[test]
fn a_segment_that_is_broken_off_leaves_nothing() {
    let room = tempfile::tempdir().unwrap();
    let first = segment(room.path(), None, Some((9, "0")), 0);
    let mut stop = |_, _| ControlFlow::Break(());
    assert!(pausing(COUNTS).advance(&space().default_point(), &Seed::root(1), &first, &mut stop).is_none());
    assert_eq!(fs::read_dir(room.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_that_cannot_be_made_is_reported() {
    let room = tempfile::tempdir().unwrap();
    let (first, _) = advance(&pausing(COUNTS), &segment(&room.path().join("none"), None, Some((9, "0")), 0));
    assert!(matches!(first.end, SegmentEnd::Unsaved(..)));
}
