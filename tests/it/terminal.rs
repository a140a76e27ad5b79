//! What people see in a terminal of any size while a study runs, and what they do not see elsewhere.
#![cfg(unix)]

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::support::{LINE, Tune};

/// A trial of three steps that takes a while.
const SLOW: &str = r#"#!/bin/sh
read request
for step in 1 2 3; do
    sleep 0.1
    echo "{\"step\": $step, \"value\": 0.$step}"
    read answer
done
echo '{"value": 0.5}'
"#;

/// The program in a terminal, with what the terminal shows.
struct Terminal {
    host: File,
    program: Child,
    screen: avt::Terminal,
    bytes: Vec<u8>,
    /// How many of the bytes the screen has.
    drawn: usize,
    _folder: Tune,
}

impl Terminal {
    /// Runs a study of four trials in a terminal of 24 rows.
    fn open(columns: u16, args: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = Tune::new();
        folder.file("line.json", LINE).script("slow.sh", SLOW);
        let host = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&host).and_then(|()| unlockpt(&host)).expect("ours");
        let name = ptsname(&host, Vec::new()).expect("it has a name").into_string().expect("UTF-8");
        resize(&host, columns);
        // Not the terminal of this process: its end would hang up the tests where they lead a session.
        let apart = OpenptFlags::NOCTTY.bits() as i32;
        let side = || {
            File::options().read(true).write(true).custom_flags(apart).open(&name).expect("the other side")
        };
        let study = ["run", "--command", "./slow.sh", "--space", "line.json", "--budget", "4"];
        let rest = ["--search", "random", "--confirm", "1", "--confirm-seeds", "2"];
        let mut command = folder.command(&[&study[..], &rest, args].concat());
        command.env_remove("NO_COLOR").env("TERM", "xterm-256color").envs(environment.iter().copied());
        command.stdout(Stdio::from(side())).stderr(Stdio::from(side()));
        let program = command.spawn().expect("the program starts");
        let screen = avt::Terminal::new(columns.into(), 24).expect("a size");
        Self { host: File::from(host), program, screen, bytes: Vec::new(), drawn: 0, _folder: folder }
    }

    /// What the terminal shows now, after the next output; `None` at the end.
    fn next(&mut self) -> Option<String> {
        let mut part = [0; 4096];
        // A terminal whose other side is closed has no more to read, which Linux calls an error.
        let count = self.host.read(&mut part).unwrap_or(0);
        self.bytes.extend(&part[..count]);
        // A character may come in two parts.
        let new = &self.bytes[self.drawn..];
        let whole = std::str::from_utf8(new).map_or_else(|error| error.valid_up_to(), str::len);
        self.screen.feed(std::str::from_utf8(&new[..whole]).expect("whole characters"));
        self.drawn += whole;
        (count > 0).then(|| self.shown())
    }

    /// The lines that the terminal shows now.
    fn shown(&self) -> String {
        self.screen.screen().text().join("\n").trim_end().to_owned()
    }

    /// Reads to the end. Returns everything that the terminal showed in between, and at the end.
    fn watch(&mut self) -> (Vec<String>, String) {
        let mut seen = Vec::new();
        while let Some(shown) = self.next() {
            seen.push(shown);
        }
        assert!(self.program.wait().expect("it ends").success(), "{seen:?}");
        (seen, self.shown())
    }

    fn resize(&mut self, columns: u16) {
        resize(&self.host, columns);
        self.screen.resize(columns.into(), 24);
    }
}

fn resize(host: &impl AsFd, columns: u16) {
    tcsetwinsize(host, Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
}

fn has(seen: &[String], parts: &[&str]) -> bool {
    seen.iter().any(|screen| parts.iter().all(|part| screen.contains(part)))
}

/// Fails if the end still shows lines of the display, or lacks its summary.
fn assert_clean(end: &str) {
    for rubbish in ["so far", "step 1", "step 2", "step 3", " left", "confirming", "["] {
        assert!(!end.contains(rubbish), "{rubbish}: {end}");
    }
    assert!(end.contains("4 trials, this run took "), "{end}");
    assert!(end.contains("winner"), "{end}");
}

#[test]
fn a_terminal_of_any_width_shows_the_study_and_is_left_clean() {
    for columns in [40, 80, 200] {
        let mut terminal = Terminal::open(columns, &[], &[]);
        let (seen, end) = terminal.watch();
        for parts in [
            &["0 of 4 trials", "time left unknown", "best: none yet"][..],
            &["1 of 4 trials", "about ", " left, ", "so far", "best 0.5000, trial 0"],
            &["step 2 of 3"],
            &["confirming: 1 of up to 2 trainings", "trial 0 seed 1", "best 0.5000, trial 0, mean of 1 seed"],
        ] {
            assert!(has(&seen, parts), "{columns}: {parts:?} in {seen:#?}");
        }
        assert_eq!(has(&seen, &["trainings to confirm"]), columns >= 80, "{columns}");
        for row in seen.iter().flat_map(|screen| screen.lines()).filter(|row| row.contains("so far")) {
            let begins = ["[", "about ", "time left "].iter().any(|begin| row.starts_with(begin));
            assert!(begins, "{columns}: a wrapped or overwritten line: {row}");
        }
        assert_clean(&end);
    }
}

#[test]
fn a_terminal_that_is_resized_is_left_clean() {
    let mut terminal = Terminal::open(120, &[], &[]);
    let widths = [60, 40, 150, 45];
    for columns in widths {
        let until = Instant::now() + Duration::from_millis(350);
        while Instant::now() < until && terminal.next().is_some() {}
        terminal.resize(columns);
    }
    let (_, end) = terminal.watch();
    assert_clean(&end);
}

#[test]
fn an_interrupted_run_leaves_one_line() {
    let mut terminal = Terminal::open(80, &[], &[]);
    while !terminal.next().expect("it runs on").contains("step 1") {}
    let program = Pid::from_child(&terminal.program);
    kill_process(program, Signal::TERM).expect("it runs");
    while terminal.next().is_some() {}
    assert_eq!(terminal.program.wait().expect("it ends").code(), Some(130));
    let end = terminal.shown();
    assert!(end.starts_with("interrupted after ") && end.trim_end().lines().count() == 1, "{end}");
}

#[test]
fn colours_follow_no_color_and_a_dumb_terminal_gets_plain_lines() {
    let bytes = |environment: &[(&str, &str)]| {
        let mut terminal = Terminal::open(80, &[], environment);
        terminal.watch();
        String::from_utf8(terminal.bytes).expect("the program prints UTF-8")
    };
    let [colours, cursor] = ["\x1b[1m", "\x1b[J"];
    let usual = bytes(&[]);
    assert!(usual.contains(colours) && usual.contains(cursor), "{usual:?}");
    let plain = bytes(&[("NO_COLOR", "1")]);
    assert!(!plain.contains(colours) && plain.contains(cursor), "{plain:?}");
    let dumb = bytes(&[("TERM", "dumb")]);
    assert!(!dumb.contains('\x1b'), "{dumb:?}");
    assert!(dumb.contains("trial 0: 0.5000, the best so far"), "{dumb:?}");
}

#[test]
fn help_is_coloured_on_a_terminal_alone_and_never_with_no_color() {
    let help = |environment: &[(&str, &str)]| {
        let mut terminal = Terminal::open(80, &["--help"], environment);
        terminal.watch();
        terminal.bytes.contains(&0x1b)
    };
    assert!(help(&[]));
    assert!(!help(&[("NO_COLOR", "1")]));
    assert!(!help(&[("TERM", "dumb")]));
    let piped = Tune::new().run(&["run", "--help"]).success();
    assert!(!piped.stdout.contains('\x1b') && piped.stderr.is_empty());
}

#[test]
fn a_name_does_not_steer_the_terminal() {
    let mut terminal = Terminal::open(80, &["--study", "a\x1b[38;5;77mb"], &[]);
    terminal.watch();
    let text = String::from_utf8_lossy(&terminal.bytes);
    assert!(text.contains("a\u{fffd}[38;5;77mb") && !text.contains("\x1b[38;5;77m"), "{text}");

    let mut terminal = Terminal::open(80, &["--warm-start", "gone\x1b[38;5;77m.csv"], &[]);
    while terminal.next().is_some() {}
    let text = String::from_utf8_lossy(&terminal.bytes);
    assert!(text.contains("gone\u{fffd}[38;5;77m.csv") && !text.contains('\x1b'), "{text}");
    assert!(!terminal.program.wait().expect("it ends").success());
}

#[test]
fn quiet_shows_nothing_and_quiet_json_shows_events_alone() {
    let mut terminal = Terminal::open(80, &["--quiet"], &[]);
    assert_eq!(terminal.watch().1, "");
    assert!(terminal.bytes.is_empty());

    let tune = Tune::new();
    tune.file("line.json", LINE).script("slow.sh", SLOW);
    let args = "run --command ./slow.sh --space line.json --budget 1 --search random --quiet --json";
    let ended = tune.run(&args.split(' ').collect::<Vec<_>>()).success();
    assert_eq!(ended.stderr, "");
    let events: Vec<serde_json::Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).expect("an event per line")).collect();
    assert_eq!(events.first().expect("some")["event"], "study_started");
    assert_eq!(events.last().expect("some")["event"], "study_finished");
}
