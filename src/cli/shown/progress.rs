//! Shows the progress of a running study, from the events of the tuner.
//!
//! On a terminal: bars on standard error. Elsewhere: one line for every improvement, and one every
//! half minute. With `--json`: one line per event on standard output. With `--quiet`: nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::cli::options::process::DisplayArgs;
use crate::cli::shown::streams::{self, Reader, Unprinted};
use crate::data::DataSummary;
use crate::tuner::{BestSoFar, Event};
use crate::units::digits;

/// Least time between two lines that report no improvement.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// The way in which progress is shown.
pub(crate) enum Progress {
    Quiet,
    Json(JsonLines),
    Lines(Lines),
    Bars(Box<Bars>),
}

impl Progress {
    /// Shows bars on a terminal and lines elsewhere, unless `display` says otherwise.
    pub fn new(display: &DisplayArgs) -> Self {
        match (display.json, display.quiet) {
            (true, _) => Progress::Json(JsonLines::default()),
            (_, true) => Progress::Quiet,
            _ if streams::is_rich(&std::io::stderr()) => Progress::Bars(Box::new(Bars::new())),
            _ => Progress::Lines(Lines::new()),
        }
    }

    /// Whether people read the output, rather than a program.
    pub fn is_for_people(&self) -> bool {
        matches!(self, Progress::Lines(_) | Progress::Bars(_))
    }

    /// Shows one event of a study. After the first event, also shows which data were loaded.
    pub fn observe_study(&mut self, event: &Event, data: Option<&DataSummary>) {
        self.observe(event);
        if let (Event::StudyStarted { .. }, Some(data)) = (event, data) {
            self.observe(&Event::DataLoaded(data.clone()));
        }
    }

    /// Shows one event.
    fn observe(&mut self, event: &Event) {
        match self {
            Progress::Quiet => {}
            Progress::Json(lines) => lines.print(event),
            Progress::Lines(lines) => {
                if let Some(line) = lines.line(event, Instant::now()) {
                    streams::say(line);
                }
            }
            Progress::Bars(bars) => bars.observe(event),
        }
    }

    /// Ends the display.
    ///
    /// # Errors
    /// Events could not be printed on standard output, though its reader did not close it.
    pub fn end(self) -> Result<(), Unprinted> {
        match self {
            Progress::Json(lines) => lines.state.map(drop),
            Progress::Quiet | Progress::Lines(_) | Progress::Bars(_) => Ok(()),
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
        if matches!(self.state, Ok(Reader::Reads)) {
            self.state = streams::print_line(serde_json::to_string(event).expect("events are JSON"));
        }
    }
}

/// Prints one line for each noteworthy event, for log files.
pub(crate) struct Lines {
    budget: u32,
    best: Option<BestSoFar>,
    last: Instant,
}

impl Lines {
    fn new() -> Self {
        Self { budget: 0, best: None, last: Instant::now() }
    }

    /// The line for `event`; `None` if the event is not noteworthy.
    fn line(&mut self, event: &Event, now: Instant) -> Option<String> {
        let line = match event {
            Event::DataLoaded(data) => Some(data.line()),
            Event::StudyStarted { study, budget, finished, best, .. } => {
                self.budget = *budget;
                self.best = best.clone();
                Some(match finished {
                    0 => format!("study {study}: {budget} trials"),
                    _ => format!("study {study}: resumed after {finished} of {budget} trials"),
                })
            }
            Event::TrialFinished { trial, state, values, attributes, best } => {
                let is_best = best.as_ref().is_some_and(|best| best.trial == *trial);
                let improved = is_best && best != &self.best;
                self.best = best.clone();
                let due = now.duration_since(self.last) >= LINE_EVERY;
                let failed = attributes.get("reason").and_then(|reason| reason.as_str());
                match (improved, failed) {
                    (true, _) => {
                        Some(format!("trial {trial}: {}, the best so far", digits(*values.first()?)))
                    }
                    (_, Some(reason)) => Some(format!("trial {trial}: {state}: {reason}")),
                    _ if due => Some(format!("trial {trial} of {}: best {}", self.budget, shown(best))),
                    _ => None,
                }
            }
            Event::StudyStopped { finished, rule, reason } => Some(stopped(*finished, rule, reason)),
            Event::PointsRefused { count, reason, times } => Some(refused(*count, reason, *times)),
            Event::ConfirmationStarted { candidates, repeats } => Some(confirming(*candidates, *repeats)),
            Event::TrialConfirmed { trial, repeat, value } => {
                let value = value.map_or("failed".to_owned(), digits);
                Some(format!("trial {trial}, fresh seed {repeat}: {value}"))
            }
            Event::NetworkRetrained { trial } => Some(retrained(*trial)),
            Event::Interrupted { finished } => Some(interrupted(*finished)),
            Event::TrialRestarted { trial, reason } => Some(restarted(*trial, reason)),
            Event::TrialLost { trial, again, reason, .. } => Some(lost(*trial, *again, reason)),
            Event::TrialTaken { trial } => Some(taken(*trial)),
            Event::TrialStarted { .. }
            | Event::TrialReported { .. }
            | Event::TrialPaused { .. }
            | Event::TrialResumed { .. }
            | Event::StudyFinished { .. } => None,
        };
        if line.is_some() {
            self.last = now;
        }
        line
    }
}

/// Bars for terminals: one bar for all trials, and a line that names the running trials.
pub(crate) struct Bars {
    all: MultiProgress,
    trials: ProgressBar,
    trial: ProgressBar,
    /// The progress of each running trial, by its number.
    running: BTreeMap<u32, String>,
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let trials =
            all.add(ProgressBar::new(0).with_style(style("{bar:30} {pos}/{len} trials, {eta} left  {msg}")));
        let trial = all.add(ProgressBar::new_spinner().with_style(style("{spinner} {msg}")));
        Self { all, trials, trial, running: BTreeMap::new() }
    }

    fn observe(&mut self, event: &Event) {
        match event {
            Event::DataLoaded(data) => self.say(&data.line()),
            Event::StudyStarted { budget, finished, best, .. } => {
                self.trials.set_length(u64::from(*budget));
                self.trials.set_position(*finished as u64);
                self.trials.reset_eta();
                self.show_best(best);
            }
            Event::TrialStarted { trial, .. } => {
                self.running.insert(*trial, format!("trial {trial}"));
                self.show_running();
            }
            Event::TrialReported { trial, step, value } => {
                self.running.insert(*trial, format!("trial {trial}: step {step}, {}", digits(*value)));
                self.show_running();
            }
            Event::TrialFinished { trial, attributes, best, .. } => {
                self.running.remove(trial);
                self.trials.inc(1);
                self.show_best(best);
                if let Some(reason) = attributes.get("reason").and_then(|reason| reason.as_str()) {
                    self.say(&format!("trial {trial} failed: {reason}"));
                }
            }
            Event::TrialPaused { trial, .. } => {
                self.running.remove(trial);
                self.trials.inc(1);
                self.show_running();
            }
            Event::TrialResumed { trial, step } => {
                // The bar counted this trial when it paused. It counts again when it ends or
                // pauses.
                self.trials.set_position(self.trials.position().saturating_sub(1));
                self.running.insert(*trial, format!("trial {trial}: on from step {step}"));
                self.show_running();
            }
            Event::TrialRestarted { trial, reason } => self.say(&restarted(*trial, reason)),
            Event::TrialLost { trial, again, reason, .. } => self.say(&lost(*trial, *again, reason)),
            Event::TrialTaken { trial } => {
                self.running.remove(trial);
                self.say(&taken(*trial));
            }
            Event::ConfirmationStarted { candidates, repeats } => {
                self.trial.set_message(confirming(*candidates, *repeats));
            }
            Event::TrialConfirmed { trial, repeat, value } => {
                let value = value.map_or("failed".to_owned(), digits);
                self.trial.set_message(format!("trial {trial}, fresh seed {repeat}: {value}"));
                self.trial.tick();
            }
            Event::StudyStopped { finished, rule, reason } => self.say(&stopped(*finished, rule, reason)),
            Event::PointsRefused { count, reason, times } => self.say(&refused(*count, reason, *times)),
            Event::NetworkRetrained { trial } => self.say(&retrained(*trial)),
            Event::Interrupted { finished } => self.say(&interrupted(*finished)),
            Event::StudyFinished { .. } => {
                self.trial.finish_and_clear();
                self.trials.abandon();
            }
        }
    }

    fn show_running(&self) {
        let running: Vec<&str> = self.running.values().map(String::as_str).collect();
        self.trial.set_message(running.join("; "));
        self.trial.tick();
    }

    fn show_best(&self, best: &Option<BestSoFar>) {
        self.trials.set_message(format!("best {}", shown(best)));
    }

    fn say(&self, line: &str) {
        // If the terminal cannot be written, the study goes on.
        let _ = self.all.println(line);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is a constant that a test renders")
}

fn shown(best: &Option<BestSoFar>) -> String {
    best.as_ref().map_or("none".to_owned(), |best| format!("{} (trial {})", digits(best.value), best.trial))
}

fn lost(trial: u32, again: Option<u32>, reason: &str) -> String {
    match again {
        Some(number) if number != trial => format!("trial {trial}: {reason}: tried again as trial {number}"),
        Some(_) => format!("trial {trial}: {reason}: goes on from its last pause"),
        None => format!("trial {trial}: {reason}"),
    }
}

fn taken(trial: u32) -> String {
    format!(
        "trial {trial}: this worker missed its heartbeats, so another one repeats the trial; its result is dropped"
    )
}

fn restarted(trial: u32, reason: &str) -> String {
    format!("trial {trial} was run from the start: {reason}")
}

fn confirming(candidates: usize, repeats: usize) -> String {
    format!("confirming: {candidates} best, up to {repeats} fresh seeds each")
}

fn stopped(finished: usize, rule: &str, reason: &str) -> String {
    format!("stopped after {finished} trials by {rule}: {reason}")
}

/// A text about points that were refused before training, with the most frequent reason.
fn refused(count: u64, reason: &str, times: u64) -> String {
    format!("refused before training: {count} points, most often ({times}) since {reason}")
}

fn retrained(trial: u32) -> String {
    format!("the network of trial {trial} was not kept by this run; training it again")
}

fn interrupted(finished: usize) -> String {
    format!("interrupted after {finished} trials, all saved; run the same command to resume")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Attributes;

    fn finished(trial: u32, value: f64, best: (u32, f64)) -> Event {
        Event::TrialFinished {
            trial,
            state: "complete".to_owned(),
            values: vec![value],
            attributes: Attributes::new(),
            best: Some(BestSoFar { trial: best.0, value: best.1 }),
        }
    }

    #[test]
    fn a_log_gets_a_line_for_an_improvement_and_one_every_half_minute() {
        let mut lines = Lines::new();
        let start = lines.last;
        let mut line = |event, seconds| lines.line(&event, start + Duration::from_secs(seconds));
        assert_eq!(line(finished(0, 0.9, (0, 0.9)), 1).as_deref(), Some("trial 0: 0.9000, the best so far"));
        assert_eq!(line(finished(1, 0.8, (0, 0.9)), 20), None);
        assert_eq!(
            line(finished(2, 0.8, (0, 0.9)), 31).as_deref(),
            Some("trial 2 of 0: best 0.9000 (trial 0)")
        );
        assert_eq!(line(finished(3, 0.8, (0, 0.9)), 32), None);
    }

    fn started(finished: usize, best: Option<BestSoFar>) -> Event {
        Event::StudyStarted { schema: 1, study: "s".to_owned(), budget: 9, finished, best }
    }

    #[test]
    fn a_resumed_study_and_one_with_other_workers_announce_the_best_trial_alone() {
        let mut lines = Lines::new();
        let start = lines.last;
        let mut line = |event| lines.line(&event, start);
        let earlier = BestSoFar { trial: 3, value: 0.9 };
        assert_eq!(line(started(5, Some(earlier))).as_deref(), Some("study s: resumed after 5 of 9 trials"));
        assert_eq!(line(finished(5, 0.8, (3, 0.9))), None, "worse than one of the earlier run");
        assert_eq!(line(finished(6, 0.9, (3, 0.9))), None, "as good as one of the earlier run");
        assert_eq!(line(finished(7, 0.7, (8, 0.95))), None, "another worker has found a better one");
        assert_eq!(line(finished(9, 0.96, (9, 0.96))).as_deref(), Some("trial 9: 0.9600, the best so far"));
    }

    #[test]
    fn a_tiny_value_keeps_its_digits() {
        let mut lines = Lines::new();
        let start = lines.last;
        let line = lines.line(&finished(0, 1.23456e-9, (0, 1.23456e-9)), start);
        assert_eq!(line.as_deref(), Some("trial 0: 1.235e-9, the best so far"));
    }

    #[test]
    fn every_template_can_be_rendered() {
        let _ = Bars::new();
    }
}
