//! A display of a running study that goes on between events: a few lines at the bottom of a terminal,
//! or a line every half minute in a log.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use console::Term;

use super::board::Board;
use super::clock::duration;
use super::frame::{Screen, frame, log_line};
use super::notes::{LogNotes, note};
use super::standing::ended;
use super::{painter, streams};
use crate::objective::Objective;
use crate::tuner::Event;

/// Time between two looks at the clock.
const TICK: Duration = Duration::from_millis(500);
/// Least time between two drawings of one frame.
const REDRAW: Duration = Duration::from_millis(100);
/// How long after a signal a run may still end without a word.
const PATIENCE: Duration = Duration::from_secs(3);
/// Time between two lines of a log that report no event.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// A display that goes on until it is dropped.
pub(crate) struct LiveDisplay {
    shared: Arc<Mutex<Shown>>,
    /// Ends the thread that looks at the clock when it is dropped.
    stop: Option<Sender<()>>,
    clock: Option<JoinHandle<()>>,
}

struct Shown {
    board: Board,
    view: View,
    /// Whether the study runs: between its first and its last event.
    is_running: bool,
    /// Whether the run was asked to end.
    stop: &'static AtomicBool,
    wait: Wait,
}

/// How far a run is that was asked to end.
enum Wait {
    /// It was not asked.
    No,
    /// Since this time it is known.
    Since(Instant),
    /// People know it too.
    Told,
}

enum View {
    Terminal { drawn: Option<Instant> },
    Log { notes: LogNotes, last: Instant },
}

impl LiveDisplay {
    /// A display of `board`, on the terminal or as the lines of a log.
    ///
    /// `stop` is set where the run was asked to end.
    pub fn new(board: Board, on_terminal: bool, stop: &'static AtomicBool) -> Self {
        let view = match on_terminal {
            true => View::Terminal { drawn: None },
            false => View::Log { notes: LogNotes::default(), last: board.began },
        };
        let shared = Arc::new(Mutex::new(Shown { board, view, is_running: false, stop, wait: Wait::No }));
        let (stop, stopped) = channel();
        let for_clock = Arc::clone(&shared);
        let clock = thread::Builder::new().name("display".to_owned()).spawn(move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                locked(&for_clock).tick(Instant::now());
            }
        });
        // Without a thread the display moves with the events alone.
        Self { shared, stop: Some(stop), clock: clock.ok() }
    }

    /// Shows `event`. `objective` evaluates the trials.
    pub fn observe(&self, event: &Event, objective: &dyn Objective) {
        locked(&self.shared).observe(event, objective, Instant::now());
    }
}

impl Drop for LiveDisplay {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(clock) = self.clock.take() {
            let _ = clock.join();
        }
        painter::erase();
    }
}

/// What a thread that panicked has left is good enough to be shown.
fn locked(shared: &Mutex<Shown>) -> MutexGuard<'_, Shown> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shown {
    fn observe(&mut self, event: &Event, objective: &dyn Objective, now: Instant) {
        self.board.observe(event, objective, now);
        self.is_running = match event {
            Event::StudyStarted { .. } => true,
            Event::StudyFinished { .. } | Event::Interrupted { .. } => false,
            _ => self.is_running,
        };
        let end = matches!(event, Event::StudyFinished { .. }).then(|| self.summary(now));
        let screen = screen();
        let lines = || if self.is_running { frame(&self.board, now, screen) } else { Vec::new() };
        match &mut self.view {
            View::Log { notes, .. } => {
                notes.line(event).into_iter().chain(end).for_each(streams::say);
            }
            View::Terminal { drawn } => match note(event).or(end) {
                Some(note) => {
                    painter::say(&note, &lines());
                    *drawn = Some(now);
                }
                None if !self.is_running => painter::erase(),
                None if drawn.is_none_or(|drawn| now.duration_since(drawn) >= REDRAW) => {
                    painter::draw(&lines());
                    *drawn = Some(now);
                }
                None => {}
            },
        }
    }

    fn tick(&mut self, now: Instant) {
        let waits = self.wait_line(now).filter(|_| self.is_running);
        match &mut self.view {
            _ if !self.is_running => {}
            View::Terminal { .. } if let Some(line) = waits => {
                painter::say(line, &frame(&self.board, now, screen()));
            }
            View::Log { .. } if let Some(line) = waits => streams::say(line),
            View::Terminal { drawn } => {
                painter::draw(&frame(&self.board, now, screen()));
                *drawn = Some(now);
            }
            View::Log { .. } => self.due_line(now).into_iter().for_each(streams::say),
        }
    }

    /// What is said once of a run that was asked to end and goes on.
    fn wait_line(&mut self, now: Instant) -> Option<&'static str> {
        match self.wait {
            Wait::No if self.stop.load(Ordering::Relaxed) => self.wait = Wait::Since(now),
            Wait::Since(since) if now.duration_since(since) >= PATIENCE => {
                self.wait = Wait::Told;
                return Some(
                    "the run ends after the steps that are under way; another signal ends it at once",
                );
            }
            _ => {}
        }
        None
    }

    /// The line of a log that is due `now`, if one is.
    fn due_line(&mut self, now: Instant) -> Option<String> {
        let View::Log { last, .. } = &mut self.view else { return None };
        (now.duration_since(*last) >= LINE_EVERY).then(|| {
            *last = now;
            log_line(&self.board, now)
        })
    }

    /// The last line: how many trials there were, and how long this run took.
    fn summary(&self, now: Instant) -> String {
        let (done, failed) = ended(&self.board.study);
        let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
        format!("{done} trials{failed}, this run took {}", duration(self.board.elapsed(now).as_secs_f64()))
    }
}

/// The terminal as it is now.
fn screen() -> Screen {
    /// The size where the terminal does not tell.
    const USUAL: (u16, u16) = (24, 80);
    let told = Term::stderr().size_checked().filter(|&(rows, columns)| rows > 0 && columns > 0);
    let (rows, columns) = told.unwrap_or(USUAL);
    let has_colours = streams::is_coloured(&std::io::stderr());
    Screen { width: usize::from(columns), height: usize::from(rows), has_colours }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::shown::board::tests::board;

    #[test]
    fn a_log_gets_a_line_every_half_minute() {
        let (board, begin) = board();
        let view = View::Log { notes: LogNotes::default(), last: begin };
        static STOP: AtomicBool = AtomicBool::new(false);
        let mut shown = Shown { board, view, is_running: true, stop: &STOP, wait: Wait::No };
        let mut line = |seconds| shown.due_line(begin + Duration::from_secs(seconds));
        assert_eq!(line(29), None);
        assert!(line(30).is_some_and(|line| line.contains(" so far; best ")));
        assert_eq!(line(59), None);
        assert!(line(61).is_some());
        let mut wait = |seconds| shown.wait_line(begin + Duration::from_secs(seconds));
        assert_eq!(wait(70), None);
        STOP.store(true, Ordering::Relaxed);
        assert_eq!([wait(80), wait(82)], [None, None]);
        assert!(wait(83).is_some_and(|line| line.contains("another signal ends it at once")));
        assert_eq!(wait(99), None, "said once");
    }
}
