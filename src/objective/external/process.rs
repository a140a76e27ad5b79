//! A running command: lines in and out, the end of its errors, and its own end, however it comes.
//!
//! The command leads a process group of its own, so that nothing that it started outlives its trial, and a
//! Ctrl-C at the terminal reaches the tuner alone; a tuner that is killed takes it along. Threads read and write, so a command that reads nothing or
//! closes nothing blocks nobody; once the group is gone they end by themselves.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(unix)]
use super::orphans::Bond;

/// How many lines of standard error are kept, and how much of each, in characters.
const LAST_LINES: usize = 20;
const LINE_KEPT: usize = 500;
/// A line of output is cut off there: a longer one is no report.
const LONGEST_LINE: u64 = 1 << 20;
/// How often the end of the command is looked for while it prints nothing.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// For how long those that a command has started may go on after it has ended, and it after it was asked to end.
const GRACE: Duration = Duration::from_millis(500);
/// For how long the last output of a command that has ended is waited for once nobody writes any more: longer than a
/// machine takes that is busy with many others.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// What a command has done.
#[derive(Debug)]
pub(crate) enum Told {
    /// It has printed a line.
    Line(String),
    /// It has ended.
    Ended(ExitStatus),
    /// Nothing in the time that was waited.
    Nothing,
}

/// A running command.
pub(crate) struct Process {
    child: Child,
    #[cfg(unix)]
    _bond: Bond,
    lines: Receiver<String>,
    /// Whether all output has been read.
    is_closed: bool,
    input: Sender<String>,
    errors: Arc<Mutex<VecDeque<String>>>,
    /// Nothing is ever sent: it is closed once all errors have been read.
    errors_read: Receiver<()>,
}

impl Process {
    /// Starts `program` with `arguments`.
    ///
    /// # Errors
    /// The system cannot start it.
    pub fn start(program: &str, arguments: &[String]) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        #[cfg(unix)]
        let bond = Bond::new(&child).inspect_err(|_| {
            signal(&child, Wish::Now);
        })?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (tell, lines) = channel();
        each_line(stdout, move |line| tell.send(line).is_ok());
        let errors = Arc::new(Mutex::new(VecDeque::new()));
        let (open, errors_read) = channel::<()>();
        let kept = Arc::clone(&errors);
        each_line(stderr, move |line| {
            let _held = &open;
            keep_last(&kept, &line);
            true
        });
        let (input, orders) = channel::<String>();
        thread::spawn(move || {
            let Some(mut stdin) = stdin else { return };
            // A command that does not read its input is free not to.
            while let Ok(line) = orders.recv()
                && writeln!(stdin, "{line}").and_then(|()| stdin.flush()).is_ok()
            {}
        });
        Ok(Self {
            child,
            #[cfg(unix)]
            _bond: bond,
            lines,
            is_closed: false,
            input,
            errors,
            errors_read,
        })
    }

    /// Writes a line to its standard input, or will as soon as it reads.
    pub fn write(&self, line: String) {
        // Whoever has closed its input does not want to know.
        let _ = self.input.send(line);
    }

    /// Waits for the next thing it does, up to `most`.
    ///
    /// # Errors
    /// The system does not say whether it runs.
    pub fn wait(&mut self, most: Duration) -> io::Result<Told> {
        let end = Instant::now() + most;
        let mut ended: Option<(ExitStatus, Instant)> = None;
        let mut is_alone = false;
        loop {
            match self.next_line() {
                Ok(line) => return Ok(Told::Line(line)),
                Err(RecvTimeoutError::Disconnected) => self.is_closed = true,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if ended.is_none() {
                ended = self.child.try_wait()?.map(|status| (status, Instant::now() + GRACE));
            }
            match &mut ended {
                Some((status, _)) if self.is_closed => return Ok(Told::Ended(*status)),
                // Somebody that it has started may hold its output open for ever.
                Some((_, last)) if !is_alone && Instant::now() >= *last => {
                    signal(&self.child, Wish::Now);
                    is_alone = true;
                    *last = Instant::now() + LAST_WORDS;
                }
                // Somebody that has left its group.
                Some((status, last)) if Instant::now() >= *last => return Ok(Told::Ended(*status)),
                None if Instant::now() >= end => return Ok(Told::Nothing),
                _ => {}
            }
        }
    }

    fn next_line(&self) -> Result<String, RecvTimeoutError> {
        if self.is_closed {
            // A closed channel does not wait.
            thread::sleep(LOOK_EVERY / 10);
            return Err(RecvTimeoutError::Timeout);
        }
        self.lines.recv_timeout(LOOK_EVERY)
    }

    /// The last lines of its standard error, oldest first, once it has ended.
    pub fn last_errors(&self) -> Vec<String> {
        let _ = self.errors_read.recv_timeout(GRACE);
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.iter().cloned().collect()
    }

    /// Asks it to end, and everything it has started, and makes it end if it does not.
    pub fn end(&mut self) {
        signal(&self.child, Wish::Please);
        let last = Instant::now() + GRACE;
        while Instant::now() < last && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(LOOK_EVERY / 10);
        }
        signal(&self.child, Wish::Now);
        // Without this it would stay in the system's table.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.is_closed = true;
    }
}

impl Drop for Process {
    /// Nothing that it has started stays behind.
    fn drop(&mut self) {
        let is_running = matches!(self.child.try_wait(), Ok(None));
        if is_running || !self.is_closed {
            self.end();
        }
    }
}

/// How a process has ended, for people.
pub(crate) fn how(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("was killed by signal {signal}");
    }
    status.code().map_or_else(|| status.to_string(), |code| format!("ended with exit code {code}"))
}

/// Whether a process that has ended was told to with all of its job, as schedulers do: by a signal that asks to
/// end, which we have heard as well or are about to.
#[cfg(unix)]
pub(crate) fn was_told_to_end(status: ExitStatus, is_stopped: impl Fn() -> bool) -> bool {
    const ASKING: [i32; 2] = [2, 15];
    // A shell ends with this number beyond 128 after its child was told.
    let signal =
        std::os::unix::process::ExitStatusExt::signal(&status).or(status.code().map(|code| code - 128));
    let last = Instant::now() + GRACE;
    let is_asked = signal.is_some_and(|signal| ASKING.contains(&signal));
    while is_asked && !is_stopped() && Instant::now() < last {
        thread::sleep(LOOK_EVERY / 10);
    }
    !status.success() && is_stopped()
}

/// Elsewhere there are no such signals.
#[cfg(not(unix))]
pub(crate) fn was_told_to_end(status: ExitStatus, is_stopped: impl Fn() -> bool) -> bool {
    !status.success() && is_stopped()
}

/// How a process is asked to end.
#[derive(Clone, Copy)]
enum Wish {
    Please,
    Now,
}

/// Signals the group that `child` leads; one that is empty has nobody to hear it.
#[cfg(unix)]
fn signal(child: &Child, wish: Wish) {
    use rustix::process::{Pid, Signal, kill_process_group};

    let signal = match wish {
        Wish::Please => Signal::TERM,
        Wish::Now => Signal::KILL,
    };
    let _ = kill_process_group(Pid::from_child(child), signal);
}

/// Elsewhere there are no groups: the child itself is killed.
#[cfg(not(unix))]
fn signal(_child: &Child, _wish: Wish) {}

/// Calls `hear` with every line of `source`, in a thread of its own, until it answers `false`.
fn each_line(
    source: Option<impl Read + Send + 'static>,
    mut hear: impl FnMut(String) -> bool + Send + 'static,
) {
    thread::spawn(move || {
        let Some(source) = source else { return };
        let mut source = BufReader::new(source);
        while let Some(line) = next_line(&mut source)
            && hear(line)
        {}
    });
}

/// The next line without its end, cut off at [`LONGEST_LINE`]; `None` at the end, or if it cannot be read.
fn next_line(source: &mut impl BufRead) -> Option<String> {
    let mut bytes = Vec::new();
    let read = source.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes).ok()?;
    if read as u64 == LONGEST_LINE && bytes.last() != Some(&b'\n') {
        source.skip_until(b'\n').ok()?;
    }
    let line = String::from_utf8_lossy(&bytes);
    (read > 0).then(|| line.trim_end_matches(['\n', '\r']).to_owned())
}

fn keep_last(kept: &Mutex<VecDeque<String>>, line: &str) {
    let line = line.chars().take(LINE_KEPT).collect();
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() == LAST_LINES {
        kept.pop_front();
    }
    kept.push_back(line);
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn start(script: &str) -> Process {
        Process::start("sh", &["-c".to_owned(), script.to_owned()]).unwrap()
    }

    /// Everything it prints until it ends.
    fn lines(process: &mut Process) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match process.wait(Duration::from_secs(20)).unwrap() {
                Told::Line(line) => lines.push(line),
                Told::Ended(_) => return lines,
                Told::Nothing => panic!("it says nothing: {lines:?}"),
            }
        }
    }

    #[test]
    fn what_it_reads_and_prints_goes_by_lines() {
        let mut process = start("read a; echo \"got $a\"; read b; printf 'and %s' \"$b\"");
        process.write("one".to_owned());
        assert!(matches!(process.wait(Duration::from_secs(20)), Ok(Told::Line(line)) if line == "got one"));
        process.write("two".to_owned());
        assert_eq!(lines(&mut process), ["and two"]);
    }

    #[test]
    fn the_last_errors_are_kept_and_long_ones_cut() {
        let mut process = start("for i in $(seq 100); do echo $i >&2; done; printf '%01000d' 0 >&2");
        lines(&mut process);
        let errors = process.last_errors();
        assert_eq!((errors.len(), errors[0].as_str(), errors[18].as_str()), (20, "82", "100"));
        assert_eq!(errors[19].len(), LINE_KEPT);
    }

    #[test]
    fn a_child_that_holds_the_output_open_is_not_waited_for_and_goes() {
        let mut process = start("sleep 60 & echo $!");
        let begin = Instant::now();
        let pid: i32 = lines(&mut process)[0].parse().unwrap();
        drop(process);
        assert!(begin.elapsed() < Duration::from_secs(10));
        let is_there = || {
            let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !state.is_empty() && !state.contains(") Z ")
        };
        // Whoever has been killed may take a moment to go.
        let gone = (0..200).any(|_| {
            thread::sleep(Duration::from_millis(10));
            !is_there()
        });
        assert!(gone, "process {pid} is still there");
    }

    #[test]
    fn one_that_does_not_want_to_end_ends_all_the_same() {
        let mut process = start("trap '' TERM; echo ready; while true; do sleep 1; done");
        assert!(matches!(process.wait(Duration::from_secs(20)), Ok(Told::Line(_))));
        let begin = Instant::now();
        process.end();
        assert!(begin.elapsed() < Duration::from_secs(10));
        assert!(matches!(process.child.try_wait(), Ok(Some(_))));
    }

    #[test]
    fn one_that_reads_nothing_blocks_nobody() {
        let mut process = start("for i in 1 2 3; do echo $i; done");
        for _ in 0..3 {
            process.write("x".repeat(1 << 20));
        }
        assert_eq!(lines(&mut process), ["1", "2", "3"]);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let mut source = BufReader::new(io::repeat(b'x').take(LONGEST_LINE + 9).chain(&b"\nnext\n"[..]));
        assert_eq!(next_line(&mut source).map(|line| line.len() as u64), Some(LONGEST_LINE));
        assert_eq!(next_line(&mut source).as_deref(), Some("next"));
        assert_eq!(next_line(&mut source), None);
    }
}
