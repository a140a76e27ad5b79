//! Shows the progress of a running study, from the events of the tuner.
//!
//! On a terminal: a few lines at its bottom, on standard error. Elsewhere: one line for every
//! improvement, and one every half minute. With `--json`: one line per event on standard output. With
//! `--quiet`: no lines for people.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::board::Board;
use super::live::LiveDisplay;
use super::streams::{self, Reader, Unprinted};
use crate::cli::options::process::DisplayArgs;
use crate::data::DataSummary;
use crate::objective::Objective;
use crate::tuner::{Event, Settings};

/// The way in which progress is shown.
pub(crate) enum Progress {
    Quiet,
    Json(JsonLines),
    Live(LiveDisplay),
}

impl Progress {
    /// Shows a live display on a terminal and lines elsewhere, unless `display` says otherwise. The
    /// study runs by `settings`, and its trials train networks if it is `of_networks`.
    /// `stop` is set where the run was asked to end.
    pub fn new(
        display: &DisplayArgs,
        settings: &Settings,
        of_networks: bool,
        stop: &'static AtomicBool,
    ) -> Self {
        match (display.json, display.quiet) {
            (true, _) => Progress::Json(JsonLines::default()),
            (_, true) => Progress::Quiet,
            _ => {
                let board = Board::new(settings.clone(), of_networks, Instant::now());
                Progress::Live(LiveDisplay::new(board, streams::is_rich(&std::io::stderr()), stop))
            }
        }
    }

    /// Whether people read the output, rather than a program.
    pub fn is_for_people(&self) -> bool {
        matches!(self, Progress::Live(_))
    }

    /// Shows one event of a study whose trials `objective` evaluates. After the first event, also
    /// shows which data were loaded.
    pub fn observe_study(&mut self, event: &Event, data: Option<&DataSummary>, objective: &dyn Objective) {
        self.observe(event, objective);
        if let (Event::StudyStarted { .. }, Some(data)) = (event, data) {
            self.observe(&Event::DataLoaded(data.clone()), objective);
        }
    }

    /// Shows one event.
    fn observe(&mut self, event: &Event, objective: &dyn Objective) {
        match self {
            Progress::Quiet => {}
            Progress::Json(lines) => lines.print(event),
            Progress::Live(display) => display.observe(event, objective),
        }
    }

    /// Ends the display.
    ///
    /// # Errors
    /// Events could not be printed on standard output, though its reader did not close it.
    pub fn end(self) -> Result<(), Unprinted> {
        match self {
            Progress::Json(lines) => lines.state.map(drop),
            Progress::Quiet | Progress::Live(_) => Ok(()),
        }
    }
}

/// Prints one event per line, for programs. If standard output fails, the study goes on.
pub(crate) struct JsonLines {
    /// How the last line was written. After a failure no more lines are written.
    state: Result<Reader, Unprinted>,
}

impl Default for JsonLines {
    fn default() -> Self {
        Self { state: Ok(Reader::Reads) }
    }
}

impl JsonLines {
    fn print(&mut self, event: &Event) {
        if event.is_public() && matches!(self.state, Ok(Reader::Reads)) {
            self.state = streams::print_line(serde_json::to_string(event).expect("events are JSON"));
        }
    }
}
