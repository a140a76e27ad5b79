//! The lines that stay: what an event says to people, beside what a display shows of it.

use crate::tuner::{BestSoFar, Event, Live};
use crate::units::digits;

/// The line for `event` that every display shows; `None` if it needs none.
pub(crate) fn note(event: &Event) -> Option<String> {
    match event {
        Event::DataLoaded(data) => Some(data.line()),
        Event::TrialFinished { trial, state, attributes, .. } => {
            let reason = attributes.get("reason").and_then(|reason| reason.as_str())?;
            Some(format!("trial {trial}: {state}: {reason}"))
        }
        Event::StudyStopped { finished, rule, reason } => {
            Some(format!("stopped after {finished} trials by {rule}: {reason}"))
        }
        Event::PointsRefused { count, reason, times } => Some(format!(
            "{count} points were passed over, since their networks cannot be built or break a bound; the reason of {times}: {reason}"
        )),
        Event::NetworkRetrained { trial, replaces } => Some(match replaces {
            None => format!("the network of trial {trial} was not kept by this run; training it again"),
            Some(file) => {
                format!("{file} is not known to hold the network of trial {trial}; training it again")
            }
        }),
        Event::ConfirmationOutdated { trial, recorded, value } => {
            let shown = |value: &Option<f64>| value.map_or("failed".to_owned(), digits);
            let (before, now) = (shown(recorded), shown(value));
            Some(format!(
                "trial {trial}, trained again: {now}, where its confirmation has {before}: this machine or version computes \
                 otherwise; confirming the best trials anew"
            ))
        }
        Event::Interrupted { finished } => {
            Some(format!("interrupted after {finished} trials, all saved; run the same command to resume"))
        }
        Event::TrialRestarted { trial, reason } => {
            Some(format!("trial {trial} was run from the start: {reason}"))
        }
        Event::TrialLost { trial, again, reason, .. } => Some(lost(*trial, *again, reason)),
        Event::TrialTaken { trial } => Some(format!(
            "trial {trial}: this worker missed its heartbeats, so another one repeats the trial; its result is dropped"
        )),
        _ => None,
    }
}

fn lost(trial: u32, again: Option<u32>, reason: &str) -> String {
    match again {
        Some(number) if number != trial => format!("trial {trial}: {reason}: tried again as trial {number}"),
        Some(_) => format!("trial {trial}: {reason}: goes on from its last pause"),
        None => format!("trial {trial}: {reason}"),
    }
}

/// The lines of a log, which has no display: also the start of the study, every improvement, and every
/// result of the confirmation.
#[derive(Default)]
pub(crate) struct LogNotes {
    best: Option<BestSoFar>,
    /// Of a study with several metrics: the name of the first, in which trials are best.
    first: Option<String>,
}

impl LogNotes {
    /// The line for `event`; `None` if it needs none.
    pub fn line(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::Live(Live::Study { study, .. }) => {
                let first = study.metrics.first().filter(|_| study.metrics.len() > 1);
                self.first = first.map(|metric| metric.name.clone());
                None
            }
            Event::StudyStarted { study, budget, finished, best, .. } => {
                self.best = best.clone();
                Some(match finished {
                    0 => format!("study {study}: {budget} trials"),
                    _ if *finished > *budget as usize => {
                        format!("study {study}: has {finished} trials already, more than --budget {budget}")
                    }
                    _ => format!("study {study}: resumed after {finished} of {budget} trials"),
                })
            }
            Event::TrialFinished { trial, values, best, .. } => {
                let is_best = best.as_ref().is_some_and(|best| best.trial == *trial);
                let improved = is_best && best != &self.best;
                self.best = best.clone();
                match improved {
                    true => {
                        let first =
                            self.first.as_ref().map_or_else(String::new, |name| format!(" in {name} alone"));
                        Some(format!("trial {trial}: {}, the best so far{first}", digits(*values.first()?)))
                    }
                    false => note(event),
                }
            }
            Event::ConfirmationStarted { candidates, repeats } => {
                Some(format!("confirming: {candidates} best, up to {repeats} fresh seeds each"))
            }
            Event::TrialConfirmed { trial, repeat, value } => {
                let value = value.map_or("failed".to_owned(), digits);
                Some(format!("trial {trial}, fresh seed {repeat}: {value}"))
            }
            _ => note(event),
        }
    }
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

    fn started(finished: usize, best: Option<BestSoFar>) -> Event {
        Event::StudyStarted { schema: 1, study: "s".to_owned(), budget: 9, finished, best }
    }

    #[test]
    fn a_resumed_study_and_one_with_other_workers_announce_the_best_trial_alone() {
        let mut notes = LogNotes::default();
        let mut line = |event| notes.line(&event);
        let earlier = BestSoFar { trial: 3, value: 0.9 };
        assert_eq!(line(started(5, Some(earlier))).as_deref(), Some("study s: resumed after 5 of 9 trials"));
        assert_eq!(line(finished(5, 0.8, (3, 0.9))), None, "worse than one of the earlier run");
        assert_eq!(line(finished(6, 0.9, (3, 0.9))), None, "as good as one of the earlier run");
        assert_eq!(line(finished(7, 0.7, (8, 0.95))), None, "another worker has found a better one");
        assert_eq!(line(finished(9, 0.96, (9, 0.96))).as_deref(), Some("trial 9: 0.9600, the best so far"));
    }

    #[test]
    fn a_tiny_value_keeps_its_digits() {
        let line = LogNotes::default().line(&finished(0, 1.23456e-9, (0, 1.23456e-9)));
        assert_eq!(line.as_deref(), Some("trial 0: 1.235e-9, the best so far"));
    }

    #[test]
    fn a_failure_is_told_with_its_reason() {
        let mut failed = finished(2, 0.0, (0, 0.9));
        if let Event::TrialFinished { state, values, attributes, .. } = &mut failed {
            (*state, *values) = ("failed".to_owned(), Vec::new());
            attributes.insert("reason".to_owned(), "layer 0 never spiked".into());
        }
        assert_eq!(note(&failed).as_deref(), Some("trial 2: failed: layer 0 never spiked"));
    }
}
