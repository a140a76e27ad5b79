//! The display of a running study: it observes the tuner's events.
//!
//! On a terminal: bars on standard error. Elsewhere: a line for every improvement and one every half
//! minute. With `--json`: every event as a line on standard output. With `--quiet`: nothing.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::cli::options::display::DisplayArgs;
use crate::data;
use crate::tuner::{BestSoFar, Event};

/// Least time between two lines that report no improvement.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// How progress is shown.
pub(crate) enum Progress {
    Quiet,
    Json,
    Lines(Lines),
    Bars(Box<Bars>),
}

impl Progress {
    /// Bars on a terminal and lines elsewhere, unless `display` says otherwise.
    pub fn new(display: &DisplayArgs) -> Self {
        match (display.json, display.quiet) {
            (true, _) => Progress::Json,
            (_, true) => Progress::Quiet,
            _ if std::io::stderr().is_terminal() => Progress::Bars(Box::new(Bars::new())),
            _ => Progress::Lines(Lines::new()),
        }
    }

    /// Whether people read the output, rather than a program.
    pub fn is_for_people(&self) -> bool {
        matches!(self, Progress::Lines(_) | Progress::Bars(_))
    }

    /// Shows one event.
    pub fn observe(&mut self, event: &Event) {
        match self {
            Progress::Quiet => {}
            Progress::Json => print_json(event),
            Progress::Lines(lines) => {
                if let Some(line) = lines.line(event, Instant::now()) {
                    eprintln!("{line}");
                }
            }
            Progress::Bars(bars) => bars.observe(event),
        }
    }
}

/// Prints one event per line. A closed pipe is no reason to stop the study.
fn print_json(event: &Event) {
    let line = serde_json::to_string(event).expect("events are JSON");
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Lines for logs.
pub(crate) struct Lines {
    budget: u32,
    best: Option<BestSoFar>,
    last: Instant,
}

impl Lines {
    fn new() -> Self {
        Self { budget: 0, best: None, last: Instant::now() }
    }

    /// The line for `event`, if it is worth one.
    fn line(&mut self, event: &Event, now: Instant) -> Option<String> {
        let line = match event {
            Event::StudyStarted { study, budget, finished, .. } => {
                self.budget = *budget;
                Some(match finished {
                    0 => format!("study {study}: {budget} trials"),
                    _ => format!("study {study}: resumed after {finished} of {budget} trials"),
                })
            }
            Event::TrialFinished { trial, state, values, attributes, best } => {
                let improved = best != &self.best;
                self.best = best.clone();
                let due = now.duration_since(self.last) >= LINE_EVERY;
                let failed = attributes.get("reason").and_then(|reason| reason.as_str());
                match (improved, failed) {
                    (true, _) => Some(format!("trial {trial}: {:.4}, the best so far", values.first()?)),
                    (_, Some(reason)) => Some(format!("trial {trial}: {state}: {reason}")),
                    _ if due => Some(format!("trial {trial} of {}: best {}", self.budget, shown(best))),
                    _ => None,
                }
            }
            Event::StudyStopped { finished, rule, reason } => Some(stopped(*finished, rule, reason)),
            Event::PointsRefused { count, reason, times } => Some(refused(*count, reason, *times)),
            Event::ConfirmationStarted { candidates, repeats } => {
                Some(format!("confirming: {candidates} best x {repeats} fresh seeds"))
            }
            Event::TrialConfirmed { trial, repeat, value } => {
                let value = value.map_or("failed".to_owned(), |value| format!("{value:.4}"));
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

/// Bars for terminals: one bar for all trials, and a line with the running ones.
pub(crate) struct Bars {
    all: MultiProgress,
    trials: ProgressBar,
    trial: ProgressBar,
    /// By number: how far each running trial is.
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
                self.running.insert(*trial, format!("trial {trial}: step {step}, {value:.4}"));
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
                // A resumed trial counts when it ends or pauses again.
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
                self.trial.set_message(format!("confirming: {candidates} best x {repeats} fresh seeds"));
            }
            Event::TrialConfirmed { trial, repeat, value } => {
                let value = value.map_or("failed".to_owned(), |value| format!("{value:.4}"));
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
        // An unwritable terminal is not worth stopping for.
        let _ = self.all.println(line);
    }
}

/// A bar over the bytes of a download, from the first call on.
pub(crate) struct DownloadBar {
    bar: Option<ProgressBar>,
}

impl DownloadBar {
    pub fn new() -> Self {
        Self { bar: None }
    }

    /// Shows how far it is.
    pub fn show(&mut self, progress: data::DownloadProgress<'_>) {
        let bar = self.bar.get_or_insert_with(|| {
            let template = "{bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left  {msg}";
            ProgressBar::new(0).with_style(style(template))
        });
        bar.set_message(progress.file.to_owned());
        bar.set_length(progress.total);
        bar.set_position(progress.bytes);
    }

    /// Takes the bar away.
    pub fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is a constant that a test renders")
}

fn shown(best: &Option<BestSoFar>) -> String {
    best.as_ref().map_or("none".to_owned(), |best| format!("{:.4} (trial {})", best.value, best.trial))
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

fn stopped(finished: usize, rule: &str, reason: &str) -> String {
    format!("stopped after {finished} trials by {rule}: {reason}")
}

/// Counts of what was refused before training, with the most frequent reason.
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

    #[test]
    fn every_template_can_be_rendered() {
        let _ = Bars::new();
        DownloadBar::new().show(data::DownloadProgress { file: "a", bytes: 1, total: 2 });
    }
}
