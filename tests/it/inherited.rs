//! What a process inherits: ignored signals, limits, a folder that is gone, an empty environment.
#![cfg(unix)]

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Ended, LINE, ONE, Tune, trials};

const STUDY: &str = r#""$TUNE" run --command ./one.sh --space line.json --budget 2 --search random --quiet"#;

fn folder(script: &str) -> Tune {
    let tune = Tune::new();
    tune.file("line.json", LINE).script("one.sh", script);
    tune
}

fn shell(tune: &Tune, script: &str) -> Ended {
    Ended::of(tune.shell(script).output().expect("it starts"))
}

/// A trial that runs until there is a file called `go`.
const WAITS: &str = "#!/bin/sh\nread request\ntouch begun\nwhile ! test -e go; do sleep 0.02; done\n\
                     echo '{\"value\": 1}'\n";

/// A study that was started with `ignored` signals, once its first trial runs.
fn started(tune: &Tune, ignored: &str) -> Child {
    let mut child = tune
        .shell(&format!("trap '' {ignored}; exec {STUDY}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let last = Instant::now() + Duration::from_secs(60);
    while !tune.path("begun").exists() {
        assert!(Instant::now() < last && child.try_wait().expect("a child").is_none(), "no trial begins");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn a_signal_that_is_ignored_at_the_start_stays_ignored() {
    let all = [("HUP", Signal::HUP), ("INT", Signal::INT), ("TERM", Signal::TERM)];
    for (name, signal) in all {
        let tune = folder(WAITS);
        let child = started(&tune, name);
        kill_process(Pid::from_child(&child), signal).expect("it runs");
        std::thread::sleep(Duration::from_millis(100));
        tune.file("go", "");
        Ended::of(child.wait_with_output().expect("it ends")).success();
        assert_eq!(trials(&tune).iter().filter(|trial| trial.1 == "COMPLETE").count(), 2, "{name}");
    }
    for (ignored, signal) in [("HUP", Signal::TERM), ("INT", Signal::HUP), ("TERM", Signal::INT)] {
        let tune = folder(WAITS);
        let child = started(&tune, ignored);
        kill_process(Pid::from_child(&child), signal).expect("it runs");
        let ended = Ended::of(child.wait_with_output().expect("it ends"));
        assert_eq!(ended.code, Some(130), "{ignored}: the others still end it: {}", ended.stderr);
    }
}

#[test]
fn a_limit_on_file_sizes_is_one_line() {
    let tune = folder(ONE);
    let ended = shell(&tune, r#"ulimit -f 1; "$TUNE" schema best >schema.json"#);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("standard output is not whole") && ended.stderr.contains("File too large"));
    let ended = shell(&tune, &format!("ulimit -f 16; {STUDY}"));
    assert_eq!((ended.code, ended.stderr.lines().count()), (Some(5), 1), "{}", ended.stderr);
    assert!(ended.stderr.contains("a limit on file sizes"), "{}", ended.stderr);
}

#[test]
fn a_command_has_the_signals_that_this_program_has_found() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let tune = folder("#!/bin/sh\nread r\ngrep SigIgn /proc/self/status >>ignored\necho '{\"value\": 1}'\n");
    let ignored = |script: &str| {
        shell(&tune, script).success();
        let text = tune.read("ignored");
        std::fs::remove_file(tune.path("ignored")).expect("there");
        let mask = text.lines().next().and_then(|line| line.split_whitespace().last().map(str::to_owned));
        let mask = u64::from_str_radix(&mask.expect("a mask"), 16).expect("hexadecimal digits");
        let is_in = |number: u32| mask & (1 << (number - 1)) != 0;
        // HUP, INT, PIPE, TERM, XFSZ
        [1, 2, 13, 15, 25].into_iter().filter(|&number| is_in(number)).collect::<Vec<_>>()
    };
    assert_eq!(ignored(&format!("{STUDY} --fresh")), [0; 0]);
    assert_eq!(ignored(&format!("trap '' HUP XFSZ; exec {STUDY} --fresh")), [1, 25]);
}

#[test]
fn few_descriptors_and_an_empty_environment_are_enough() {
    for start in ["ulimit -n 16;", "env -i PATH=\"$PATH\"", "LC_ALL=C LANG=C TERM=dumb COLUMNS=0"] {
        let tune = folder(ONE);
        shell(&tune, &format!("{start} {STUDY}")).success();
        assert_eq!((trials(&tune).len(), tune.json("best.json")["trials"].as_u64()), (2, Some(2)), "{start}");
    }
}

#[test]
fn a_folder_that_is_gone_is_one_line() {
    let tune = folder(ONE);
    shell(&tune, &format!("{STUDY}; mkdir gone")).success();
    let gone = "folder=$PWD; cd gone; rmdir ../gone;";
    let ended = shell(&tune, &format!(r#"{gone} "$TUNE" --dataset iris --budget 1; mkdir "$folder/gone""#));
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("--out best.json: cannot write there: choose another folder"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.stderr.matches("No such file").count(), 1, "said once: {}", ended.stderr);
    let shown = shell(&tune, &format!(r#"{gone} "$TUNE" show --storage "$folder/tune.db""#)).success();
    assert!(shown.stdout.starts_with("line-random-0: 2 complete"), "{}", shown.stdout);
}
