//! Trials from claim to result, as many at a time as there are workers.

use std::ops::ControlFlow;

use super::joint::StaleCheck;
use super::worker_pool::{Job, Signal, WorkerPool, with_pool};
use super::{Event, Tuner, TunerError};
use crate::objective::{Advance, SegmentEnd};
use crate::storage::Claim;

impl Tuner<'_> {
    /// Evaluates trials as `name` and stores what they come to until the budget is spent, and if it `lingers` until nobody
    /// else's trial may come back; `false` if that was broken off.
    pub(super) fn run_trials(
        &mut self,
        name: &str,
        lingers: bool,
        observe: &mut dyn FnMut(Event),
    ) -> Result<bool, TunerError> {
        let (objective, stop, workers) = (self.objective, self.stop, self.settings.workers);
        let interval = self.settings.heartbeat.interval;
        with_pool(objective, stop, workers, interval, |worker_pool| {
            self.lead(worker_pool, name, lingers, observe)
        })
    }

    fn lead(
        &mut self,
        worker_pool: &mut WorkerPool<Claim>,
        name: &str,
        lingers: bool,
        observe: &mut dyn FnMut(Event),
    ) -> Result<bool, TunerError> {
        let mut stale_check = StaleCheck::new(self.settings.heartbeat);
        while !self.is_stopped() {
            self.check_for_stale_workers(&mut stale_check, observe)?;
            while worker_pool.has_room()
                && !self.is_stopped()
                && let Some(claim) = self.next_trial(name)?
            {
                self.start_trial(claim, worker_pool, observe)?;
            }
            if !worker_pool.is_idle() {
                self.finish_trial(worker_pool, observe)?;
            } else if lingers && !self.storage.heartbeats(self.study)?.is_empty() {
                stale_check.wait();
            } else {
                // What somebody else gave back since it was looked for is found here.
                match self.next_trial(name)? {
                    Some(claim) => self.start_trial(claim, worker_pool, observe)?,
                    None => return Ok(!self.is_stopped()),
                }
            }
        }
        while !worker_pool.is_idle() {
            self.finish_trial(worker_pool, observe)?;
        }
        Ok(false)
    }

    fn start_trial(
        &mut self,
        claim: Claim,
        worker_pool: &mut WorkerPool<Claim>,
        observe: &mut dyn FnMut(Event),
    ) -> Result<(), TunerError> {
        // Who claims in the name of a worker has given the first sign of life already.
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
        worker_pool.start(claim, Job { point, seed, segment, replicates: self.settings.replicates });
        Ok(())
    }

    /// Waits for the next trial to be done and stores it, and what the others report meanwhile. One that was broken
    /// off is given back.
    fn finish_trial(
        &mut self,
        worker_pool: &mut WorkerPool<Claim>,
        observe: &mut dyn FnMut(Event),
    ) -> Result<(), TunerError> {
        let (storage, stop) = (&mut *self.storage, self.stop);
        let mut trouble = None;
        let mut hear = |claim: &Claim, sign: Signal| {
            let heard = match sign {
                Signal::Step(step, value) => {
                    observe(Event::TrialReported { trial: claim.trial.number, step, value });
                    storage.report(claim.key, step, value).map(|()| true)
                }
                Signal::Life => storage.heartbeat(claim.key),
            };
            match heard {
                Ok(true) if !stop.load(std::sync::atomic::Ordering::Relaxed) => ControlFlow::Continue(()),
                Ok(_) => ControlFlow::Break(()),
                Err(error) => {
                    trouble.get_or_insert(error);
                    ControlFlow::Break(())
                }
            }
        };
        let (claim, advance) = worker_pool.next(&mut hear);
        if let Some(error) = trouble {
            return Err(error.into());
        }
        let Some(Advance { end: progress, restarted }) = advance else {
            if !self.storage.release(claim.key)? {
                observe(Event::TrialTaken { trial: claim.trial.number });
            }
            return Ok(());
        };
        let trial = claim.trial.number;
        if let Some(reason) = restarted {
            observe(Event::TrialRestarted { trial, reason });
        }
        match progress {
            SegmentEnd::Done(evaluation) => {
                if !self.storage.finish(claim.key, &evaluation.outcome)? {
                    observe(Event::TrialTaken { trial });
                    return Ok(());
                }
                self.forget_states_of(&claim.trial);
                let study = self.storage.load_study(self.study)?;
                observe(Event::trial_finished(&study, trial));
            }
            SegmentEnd::Paused(rung) => {
                let (step, values) = (rung.steps, rung.values.clone());
                let mut rung_history = claim.trial.rung_history.clone();
                rung_history.rungs.push(rung);
                if !self.storage.pause(claim.key, &rung_history)? {
                    observe(Event::TrialTaken { trial });
                    return Ok(());
                }
                self.forget_last_state(&claim.trial);
                observe(Event::TrialPaused { trial, step, values });
            }
            SegmentEnd::Unsaved(file, source) => return Err(TunerError::Checkpoint { file, source }),
        }
        Ok(())
    }
}
