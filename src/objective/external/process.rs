//! A running command: its lines in and out, its last errors, and its end.
//!
//! The command leads a process group of its own, so that nothing it started outlives its trial. A
//! Ctrl-C at the terminal reaches only the tuner. If the tuner is killed, the group is killed too.
//! Separate threads read and write. So a command that reads nothing, or never closes its output,
//! blocks nobody.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(unix)]
use super::orphans::GroupGuard;

/// Kept lines of standard error, and kept characters of each.
const LAST_LINES: usize = 20;
const LINE_KEPT: usize = 500;
/// Most bytes of a line of output: a longer line is cut, and is no report.
const LONGEST_LINE: u64 = 1 << 20;
/// The most lines that wait to be read; a command that prints faster has to wait.
const LINES_WAITING: usize = 1024;
/// How often a command that prints nothing is checked for its end.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a command may go on after it was asked to end, and its children after its own end.
const END_LIMIT: Duration = Duration::from_millis(500);
/// How long to wait for the last output of a command after its end, on a machine that is busy with
/// many others.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// The next thing that a command did.
#[derive(Debug)]
pub(crate) enum ProcessEvent {
    /// The command has printed a line.
    Line(String),
    /// The command has ended.
    Ended(ExitStatus),
    /// Nothing in the given time.
    Nothing,
}

/// A command that has ended.
struct Ended {
    status: ExitStatus,
    /// When the next step is due: to end what it has started, then to give up its output.
    last: Instant,
    /// Whether what it has started was ended.
    is_alone: bool,
}

/// A running command.
pub(crate) struct Process {
    child: Child,
    #[cfg(unix)]
    _guard: GroupGuard,
    lines: Receiver<String>,
    /// Whether all output has been read.
    is_closed: bool,
    ended: Option<Ended>,
    input: Sender<String>,
    errors: Arc<Mutex<VecDeque<String>>>,
    /// Closed once all errors have been read; nothing is ever sent.
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
        let guard = GroupGuard::new(&child).inspect_err(|_| {
            signal_group(&child, EndSignal::Kill);
        })?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (tell, lines) = sync_channel(LINES_WAITING);
        each_line(stdout, move |line| tell.send(line).is_ok());
        let errors = Arc::new(Mutex::new(VecDeque::new()));
        let (open, errors_read) = channel::<()>();
        let kept = Arc::clone(&errors);
        each_line(stderr, move |line| {
            let _held = &open;
            keep_last(&kept, &line);
            true
        });
        let (input, queue) = channel::<String>();
        thread::spawn(move || {
            let Some(mut stdin) = stdin else { return };
            // A command need not read its input.
            while let Ok(line) = queue.recv()
                && writeln!(stdin, "{line}").and_then(|()| stdin.flush()).is_ok()
            {}
        });
        Ok(Self {
            child,
            #[cfg(unix)]
            _guard: guard,
            lines,
            is_closed: false,
            ended: None,
            input,
            errors,
            errors_read,
        })
    }

    /// Sends a line to the command's standard input, to be written once the command reads. Does not
    /// wait.
    pub fn write(&self, line: String) {
        // A command may close its input.
        let _ = self.input.send(line);
    }

    /// Waits for the next event of the command, at most `most`.
    ///
    /// # Errors
    /// The system does not say whether the command still runs.
    pub fn wait(&mut self, most: Duration) -> io::Result<ProcessEvent> {
        let end = Instant::now() + most;
        loop {
            let line = self.next_line();
            self.look_for_its_end()?;
            match line {
                Ok(line) => return Ok(ProcessEvent::Line(line)),
                Err(RecvTimeoutError::Disconnected) => self.is_closed = true,
                Err(RecvTimeoutError::Timeout) => {}
            }
            match &self.ended {
                Some(ended) if self.is_closed => return Ok(ProcessEvent::Ended(ended.status)),
                // The process that holds the output open has left the group.
                Some(ended) if ended.is_alone && Instant::now() >= ended.last => {
                    return Ok(ProcessEvent::Ended(ended.status));
                }
                None if Instant::now() >= end => return Ok(ProcessEvent::Nothing),
                _ => {}
            }
        }
    }

    /// Notes when the command has ended. Some time later, ends what it has started: such a process may
    /// hold the output open for ever, or print without end.
    fn look_for_its_end(&mut self) -> io::Result<()> {
        match &mut self.ended {
            None => {
                let status = self.child.try_wait()?;
                let last = Instant::now() + END_LIMIT;
                self.ended = status.map(|status| Ended { status, last, is_alone: false });
            }
            Some(ended) if !ended.is_alone && Instant::now() >= ended.last => {
                signal_group(&self.child, EndSignal::Kill);
                ended.is_alone = true;
                ended.last = Instant::now() + DRAIN_LIMIT;
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn next_line(&self) -> Result<String, RecvTimeoutError> {
        if self.is_closed {
            // A closed channel does not wait.
            thread::sleep(LOOK_EVERY / 10);
            return Err(RecvTimeoutError::Timeout);
        }
        self.lines.recv_timeout(LOOK_EVERY)
    }

    /// The last lines that the command wrote to standard error, oldest first. Only complete after
    /// its end.
    pub fn last_errors(&self) -> Vec<String> {
        let _ = self.errors_read.recv_timeout(END_LIMIT);
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.iter().cloned().collect()
    }

    /// Asks the command and everything it has started to end, then kills what is left.
    pub fn end(&mut self) {
        signal_group(&self.child, EndSignal::Terminate);
        let last = Instant::now() + END_LIMIT;
        while Instant::now() < last && matches!(self.child.try_wait(), Ok(None)) {
            // A command that prints more than is read would not get as far as its end.
            while self.lines.try_recv().is_ok() {}
            thread::sleep(LOOK_EVERY / 10);
        }
        signal_group(&self.child, EndSignal::Kill);
        // Without the wait it would stay a zombie.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.is_closed = true;
    }
}

impl Drop for Process {
    /// Ends it and everything that it has started.
    fn drop(&mut self) {
        let is_running = matches!(self.child.try_wait(), Ok(None));
        match is_running || !self.is_closed {
            true => self.end(),
            // What it left in the background without its output.
            false => signal_group(&self.child, EndSignal::Kill),
        }
    }
}

/// How a process has ended, in words.
pub(crate) fn describe_exit(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("was killed by signal {signal}");
    }
    status.code().map_or_else(|| status.to_string(), |code| format!("ended with exit code {code}"))
}

/// Whether a process was ended together with this one, as job schedulers do. They send SIGINT or
/// SIGTERM to both; this process may receive its signal a moment later.
#[cfg(unix)]
pub(crate) fn was_interrupted(status: ExitStatus, is_stopped: impl Fn() -> bool) -> bool {
    const INTERRUPTS: [i32; 2] = [2, 15];
    // A shell whose child was ended by a signal exits with 128 plus its number.
    let signal =
        std::os::unix::process::ExitStatusExt::signal(&status).or(status.code().map(|code| code - 128));
    let last = Instant::now() + END_LIMIT;
    let is_asked = signal.is_some_and(|signal| INTERRUPTS.contains(&signal));
    while is_asked && !is_stopped() && Instant::now() < last {
        thread::sleep(LOOK_EVERY / 10);
    }
    !status.success() && is_stopped()
}

/// Whether a process was ended together with this one. Other systems have no such signals.
#[cfg(not(unix))]
pub(crate) fn was_interrupted(status: ExitStatus, is_stopped: impl Fn() -> bool) -> bool {
    !status.success() && is_stopped()
}

/// The two ways to end a process.
#[derive(Clone, Copy)]
enum EndSignal {
    Terminate,
    Kill,
}

/// Sends a signal to the group that `child` leads; an empty group is no error.
#[cfg(unix)]
fn signal_group(child: &Child, signal: EndSignal) {
    use rustix::process::{Pid, Signal, kill_process_group};

    let signal = match signal {
        EndSignal::Terminate => Signal::TERM,
        EndSignal::Kill => Signal::KILL,
    };
    let _ = kill_process_group(Pid::from_child(child), signal);
}

/// Other systems have no groups: the caller kills the child itself.
#[cfg(not(unix))]
fn signal_group(_child: &Child, _signal: EndSignal) {}

/// Calls `receive` with every line of `source`, in a thread of its own, until it answers `false`.
fn each_line(
    source: Option<impl Read + Send + 'static>,
    mut receive: impl FnMut(String) -> bool + Send + 'static,
) {
    thread::spawn(move || {
        let Some(source) = source else { return };
        let mut source = BufReader::new(source);
        while let Some(line) = next_line(&mut source)
            && receive(line)
        {}
    });
}

/// The next line without its line break, cut off at [`LONGEST_LINE`]. `None` at the end, or if the
/// source cannot be read.
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
                ProcessEvent::Line(line) => lines.push(line),
                ProcessEvent::Ended(_) => return lines,
                ProcessEvent::Nothing => panic!("it prints nothing: {lines:?}"),
            }
        }
    }

    #[test]
    #[cfg(unix)]
    fn what_a_command_leaves_behind_cannot_print_for_ever() {
        let mut process = start("(while true; do echo alive; sleep 0.05; done) & echo done");
        let printed = lines(&mut process);
        assert!(printed.contains(&"done".to_owned()), "{printed:?}");
    }

    #[test]
    fn a_command_that_prints_faster_than_it_is_read_waits() {
        let mut process = start("seq 100000");
        std::thread::sleep(Duration::from_millis(500));
        assert!(matches!(process.child.try_wait(), Ok(None)), "it waits until its lines are read");
        let printed = lines(&mut process);
        assert_eq!((printed.len(), printed[99_999].as_str()), (100_000, "100000"));
    }

    #[test]
    fn input_and_output_go_by_lines() {
        let mut process = start("read a; echo \"got $a\"; read b; printf 'and %s' \"$b\"");
        process.write("one".to_owned());
        assert!(
            matches!(process.wait(Duration::from_secs(20)), Ok(ProcessEvent::Line(line)) if line == "got one")
        );
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
    fn a_child_that_holds_the_output_open_is_killed() {
        let mut process = start("sleep 60 & echo $!");
        let begin = Instant::now();
        let pid: i32 = lines(&mut process)[0].parse().unwrap();
        drop(process);
        assert!(begin.elapsed() < Duration::from_secs(10));
        let is_there = || {
            let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !state.is_empty() && !state.contains(") Z ")
        };
        // A killed process may take a moment to go.
        let gone = (0..200).any(|_| {
            thread::sleep(Duration::from_millis(10));
            !is_there()
        });
        assert!(gone, "process {pid} is still there");
    }

    #[test]
    fn a_command_that_ignores_the_request_to_end_is_killed() {
        let mut process = start("trap '' TERM; echo ready; while true; do sleep 1; done");
        assert!(matches!(process.wait(Duration::from_secs(20)), Ok(ProcessEvent::Line(_))));
        let begin = Instant::now();
        process.end();
        assert!(begin.elapsed() < Duration::from_secs(10));
        assert!(matches!(process.child.try_wait(), Ok(Some(_))));
    }

    #[test]
    fn a_command_that_reads_nothing_blocks_nobody() {
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
