//! Trials from claim to result, as many at a time as there are workers.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use super::joint::StaleCheck;
use super::kept_network::KeptNetwork;
use super::workers::pool::{Job, Signal, WorkerPool, with_pool};
use super::{Event, Tuner, TunerError};
use crate::objective::{Advance, SegmentEnd};
use crate::storage::{Claim, StorageError};
use crate::study::Outcome;

impl Tuner<'_> {
    /// Evaluates trials as the worker `name` and stores their results until the budget is spent. If
    /// it `lingers`, it also waits until no trial of another worker can come back. `kept` keeps the
    /// network of the best trial. Returns `false` if the run was asked to stop.
    pub(super) fn run_trials(
        &mut self,
        name: &str,
        lingers: bool,
        kept: &mut KeptNetwork,
        observe: &mut dyn FnMut(Event),
    ) -> Result<bool, TunerError> {
        let (objective, stop, workers) = (self.objective, self.stop, self.settings.workers);
        let interval = self.settings.heartbeat.interval;
        with_pool(objective, stop, workers, interval, |worker_pool| {
            self.lead(worker_pool, name, lingers, kept, observe)
        })
    }

    fn lead(
        &mut self,
        worker_pool: &mut WorkerPool<'_, Claim>,
        name: &str,
        lingers: bool,
        kept: &mut KeptNetwork,
        observe: &mut dyn FnMut(Event),
    ) -> Result<bool, TunerError> {
        let mut stale_check = StaleCheck::new(self.settings.heartbeat);
        while !self.is_stopped() {
            self.check_for_stale_workers(&mut stale_check, observe)?;
            while worker_pool.has_room()
                && !self.is_stopped()
                && let Some(claim) = self.next_trial(name, observe)?
            {
                self.start_trial(claim, worker_pool, observe)?;
            }
            if !worker_pool.is_idle() {
                self.finish_trial(worker_pool, kept, observe)?;
            } else if lingers && !self.storage.heartbeats(self.study)?.is_empty() {
                stale_check.wait();
                let study = self.storage.load_study(self.study)?;
                observe(self.changed(&study));
            } else {
                // A trial that another worker has given back since the last look is found here.
                match self.next_trial(name, observe)? {
                    Some(claim) => self.start_trial(claim, worker_pool, observe)?,
                    None => return Ok(!self.is_stopped()),
                }
            }
        }
        while !worker_pool.is_idle() {
            self.finish_trial(worker_pool, kept, observe)?;
        }
        Ok(false)
    }

    fn start_trial(
        &mut self,
        claim: Claim,
        worker_pool: &mut WorkerPool<'_, Claim>,
        observe: &mut dyn FnMut(Event),
    ) -> Result<(), TunerError> {
        // A claim in the name of a worker has stored the first heartbeat already.
        if claim.trial.worker().is_none() {
            self.storage.heartbeat(claim.key)?;
        }
        let (trial, point) = (claim.trial.number, claim.trial.point.clone());
        observe(match claim.trial.rung_history.rungs.last() {
            None => Event::TrialStarted { trial, point: point.clone() },
            Some(rung) => Event::TrialResumed { trial, step: rung.steps },
        });
        let seed = self.root().child("trial").index(u64::from(trial));
        let segment = self.segment(&claim.trial);
        let (replicates, incumbent) = (self.settings.replicates, self.incumbent(trial)?);
        // As many trials as there are idle workers may follow.
        worker_pool.start(claim, Job { point, seed, segment, replicates, incumbent }, usize::MAX)
    }

    /// The best first metric of the trials before `trial`, whose results an uninterrupted run knows
    /// when it starts the trial. `None` if there is none.
    fn incumbent(&mut self, trial: u32) -> Result<Option<f64>, TunerError> {
        let late = if self.settings.deterministic { self.settings.workers.saturating_sub(1) } else { 0 };
        let known = (trial as usize).saturating_sub(late);
        let study = self.storage.load_study(self.study)?;
        let ranked = study.ranking().into_iter().find(|before| (before.number as usize) < known);
        Ok(ranked.and_then(|best| best.values.first().copied()))
    }

    /// Waits for the next result and stores it. Until then the reports of all running trials are
    /// stored. A trial that was broken off is given back to the storage.
    fn finish_trial(
        &mut self,
        worker_pool: &mut WorkerPool<'_, Claim>,
        kept: &mut KeptNetwork,
        observe: &mut dyn FnMut(Event),
    ) -> Result<(), TunerError> {
        let (storage, key, space, stop) = (&mut *self.storage, self.study, self.space, self.stop);
        let mut trouble = None;
        let mut receive = |claim: &Claim, signal: Signal| {
            let is_ours = match signal {
                Signal::Step(step, value) => {
                    observe(Event::TrialReported { trial: claim.trial.number, step, value });
                    storage.report(claim.key, step, value).map(|()| true)
                }
                Signal::Heartbeat => storage.heartbeat(claim.key).and_then(|is_ours| {
                    observe(Event::changed(&storage.load_study(key)?, space.refusals().count));
                    Ok(is_ours)
                }),
            };
            match is_ours {
                Ok(true) if !stop.load(Ordering::Relaxed) => ControlFlow::Continue(()),
                Ok(_) => ControlFlow::Break(()),
                Err(error) => {
                    trouble.get_or_insert(error);
                    ControlFlow::Break(())
                }
            }
        };
        let (claim, advance) = worker_pool.next(&mut receive);
        if let Some(error) = trouble {
            return Err(error.into());
        }
        let is_stored = match advance {
            None => self.storage.release(claim.key)?,
            Some(advance) => self.store(&claim, advance, kept, observe)?,
        };
        if !is_stored {
            observe(Event::TrialTaken { trial: claim.trial.number });
        }
        Ok(())
    }

    /// Stores the result of a trial or of its segment; `false` if another process has taken the
    /// trial.
    fn store(
        &mut self,
        claim: &Claim,
        Advance { end, restarted }: Advance,
        kept: &mut KeptNetwork,
        observe: &mut dyn FnMut(Event),
    ) -> Result<bool, TunerError> {
        let trial = claim.trial.number;
        if let Some(reason) = restarted {
            observe(Event::TrialRestarted { trial, reason });
        }
        match end {
            SegmentEnd::Done(evaluation) => {
                let outcome = &evaluation.outcome;
                let stored = self.storage.finish(claim.key, outcome);
                if !stored.map_err(|source| unstored(trial, outcome, source))? {
                    return Ok(false);
                }
                self.remove_checkpoints_of(&claim.trial);
                let study = self.storage.load_study(self.study)?;
                kept.update(&study, trial, evaluation);
                observe(Event::trial_finished(&study, trial));
                observe(self.changed(&study));
            }
            SegmentEnd::Paused(rung) => {
                let (step, values) = (rung.steps, rung.values.clone());
                let mut rung_history = claim.trial.rung_history.clone();
                rung_history.rungs.push(rung);
                if !self.storage.pause(claim.key, &rung_history)? {
                    return Ok(false);
                }
                self.remove_last_checkpoint(&claim.trial);
                observe(Event::TrialPaused { trial, step, values });
                let study = self.storage.load_study(self.study)?;
                observe(self.changed(&study));
            }
            SegmentEnd::Unsaved(file, source) => return Err(TunerError::Checkpoint { file, source }),
        }
        Ok(true)
    }
}

/// The error for a result that the storage could not store.
fn unstored(trial: u32, outcome: &Outcome, source: StorageError) -> TunerError {
    // What was saved from a file that is gone has the result, too.
    if let StorageError::Moved { .. } = source {
        return source.into();
    }
    let result = match outcome {
        Outcome::Complete { values, .. } => {
            let values: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
            format!("value {}", values.join(", "))
        }
        Outcome::Failed { failure, .. } => format!("failed: {}", failure.reason),
    };
    TunerError::Unstored { trial, result, source }
}
