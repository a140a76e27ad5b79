//! Standard streams that are closed, full, or read by nobody.
#![cfg(unix)]

use std::path::Path;
use std::process::Stdio;

use serde_json::Value as Json;

use crate::support::{Ended, LINE, ONE, Tune, trials};

const STUDY: &str = r#""$TUNE" run --command ./one.sh --space line.json --budget 3 --search random"#;

/// What keeps output from being whole, in one line.
const NOT_WHOLE: &str =
    "error: standard output is not whole: cannot write it: No space left on device (os error 28)\n";

fn folder() -> Tune {
    let tune = Tune::new();
    tune.file("line.json", LINE).script("one.sh", ONE);
    tune
}

/// With a study of three trials and a plan of a network.
fn with_study() -> Tune {
    let tune = folder();
    Ended::of(tune.shell(&format!("{STUDY} --quiet")).output().expect("it starts")).success();
    tune.file(
        "plan.json",
        r#"{"input": {"height": 4, "width": 4, "channels": 1},
            "hidden": [{"kind": "convolution", "channels": 2, "batch_norm": false, "dropout": 0.0,
                        "window": {"height": 3, "width": 3, "stride": 1, "padding": 1}}],
            "head": {"classes": 2, "redundancy": 2, "overlapping": false, "batch_norm": false}}"#,
    );
    tune
}

/// Commands that only print.
const PRINTING: [&str; 14] = [
    "--help",
    "--version",
    "run --help",
    "data list",
    "data fetch iris",
    "schema best",
    "net describe plan.json",
    "show",
    "status",
    "status --json",
    "export csv",
    "export jsonl",
    "export optuna-journal",
    "launch slurm --time 10",
];

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

#[test]
fn standard_error_never_ends_a_run() {
    for lost in ["2>/dev/full", "2>&-", "2>/dev/null", "2</dev/null"] {
        if !Path::new("/dev/full").exists() && lost.contains("full") {
            continue;
        }
        let tune = folder();
        let ended = Ended::of(tune.shell(&format!("{STUDY} {lost}")).output().expect("it starts")).success();
        assert!(ended.stdout.contains("winner"), "{lost}: {}", ended.stdout);
        assert_eq!((trials(&tune).len(), tune.json("best.json")["trials"].as_u64()), (3, Some(3)), "{lost}");
        let failed =
            tune.shell(&format!(r#""$TUNE" show --storage gone.db {lost}"#)).output().expect("it starts");
        assert_eq!(failed.status.code(), Some(2), "{lost}: the error line is lost, the exit code is not");
    }
}

#[test]
fn a_reader_that_is_gone_ends_no_study() {
    for options in [words("--json"), vec![], words("--prepare")] {
        let tune = folder();
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let args = words("run --command ./one.sh --space line.json --budget 3");
        let mut command = tune.command(&[args, options.clone()].concat());
        command.stdout(writer.try_clone().expect("a pipe")).stderr(writer);
        let status = command.status().expect("it starts");
        assert_eq!(status.code(), Some(0), "{options:?}");
        if options != ["--prepare"] {
            assert_eq!((trials(&tune).len(), tune.json("best.json")["trials"].as_u64()), (3, Some(3)));
        }
    }
}

#[test]
fn a_reader_that_is_gone_ends_quietly_what_only_prints() {
    let tune = with_study();
    for line in PRINTING {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output =
            tune.command(&words(line)).stdout(writer).stderr(Stdio::piped()).output().expect("it starts");
        let ended = Ended::of(output).success();
        assert_eq!(ended.stderr, "", "{line}");
    }
}

#[test]
fn a_result_that_cannot_be_written_is_told() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let tune = with_study();
    let full = || std::fs::File::options().write(true).open("/dev/full").expect("there");
    for line in PRINTING {
        let output =
            tune.command(&words(line)).stdout(full()).stderr(Stdio::piped()).output().expect("it starts");
        let ended = Ended::of(output);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), NOT_WHOLE), "{line}");
    }
    // A descriptor that cannot be written at all.
    let ended = Ended::of(tune.shell(r#""$TUNE" export csv 1</dev/null"#).output().expect("it starts"));
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("Bad file descriptor"), "{}", ended.stderr);
}

#[test]
fn a_study_whose_output_is_lost_is_whole_and_says_so() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    for options in ["--json", ""] {
        let tune = folder();
        let ended =
            Ended::of(tune.shell(&format!("{STUDY} {options} >/dev/full")).output().expect("it starts"));
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert_eq!(ended.stderr.matches("is not whole").count(), 1, "{}", ended.stderr);
        assert_eq!((trials(&tune).len(), tune.json("best.json")["trials"].as_u64()), (3, Some(3)));
    }
}

#[test]
fn answers_to_other_programs_are_told_to_be_lost() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let tune = folder();
    let request = r#"echo '{"op": "best"}' | "$TUNE" serve --stdio >/dev/full"#;
    for script in [request, r#"echo | "$TUNE" kurobako >/dev/full"#] {
        let ended = Ended::of(tune.shell(script).output().expect("it starts"));
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), NOT_WHOLE), "{script}");
    }
}

#[test]
fn a_trial_that_was_asked_for_in_vain_is_named_with_the_way_to_end_it() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let tune = folder();
    let ask = r#""$TUNE" ask --study s --space line.json >/dev/full"#;
    let ended = Ended::of(tune.shell(ask).output().expect("it starts"));
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    let advice =
        "trial 0 is started, and its point is lost: end it with tune tell --trial 0 --failure REASON";
    assert!(ended.stderr.contains(advice), "{}", ended.stderr);
    tune.run(&["tell", "--study", "s", "--trial", "0", "--failure", "lost"]).success();
    assert_eq!(trials(&tune)[0].1, "FAIL");
}

#[test]
fn a_stream_that_is_closed_at_the_start_gives_its_number_to_no_file() {
    for closed in [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"] {
        let tune = folder();
        Ended::of(tune.shell(&format!("{STUDY} {closed}")).output().expect("it starts")).success();
        let database = rusqlite::Connection::open(tune.path("tune.db")).expect("a database");
        let check: String =
            database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a database");
        assert_eq!((check.as_str(), trials(&tune).len()), ("ok", 3), "{closed}");
        let best: Json = tune.json("best.json");
        assert_eq!(best["trials"], 3, "{closed}");
    }
}

#[test]
fn help_in_a_pipe_has_no_colours() {
    let help = Tune::new().run(&["--help"]).success().stdout;
    assert!(help.contains("Usage:") && !help.contains('\u{1b}'), "{help}");
}
