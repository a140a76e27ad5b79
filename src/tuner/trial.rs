//! Trials from claim to result, as many at a time as there are workers.

use std::ops::ControlFlow;

use super::crew::{Crew, Job, Sign, with_crew};
use super::joint::Lookout;
use super::{Event, Tuner, TunerError};
use crate::objective::{Advance, Progress};
use crate::storage::Claim;
use crate::study::Course;

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
        let beat = self.settings.pulse.beat;
        with_crew(objective, stop, workers, beat, |crew| self.lead(crew, name, lingers, observe))
    }

    fn lead(
        &mut self,
        crew: &mut Crew<Claim>,
        name: &str,
        lingers: bool,
        observe: &mut dyn FnMut(Event),
    ) -> Result<bool, TunerError> {
        let mut lookout = Lookout::new(self.settings.pulse);
        while !self.is_stopped() {
            self.look_after_others(&mut lookout, observe)?;
            while crew.has_room()
                && !self.is_stopped()
                && let Some(claim) = self.next_trial(name)?
            {
                self.start_trial(claim, crew, observe)?;
            }
            if !crew.is_idle() {
                self.finish_trial(crew, observe)?;
            } else if lingers && !self.storage.heartbeats(self.study)?.is_empty() {
                lookout.wait();
            } else {
                // What somebody else gave back since it was looked for is found here.
                match self.next_trial(name)? {
                    Some(claim) => self.start_trial(claim, crew, observe)?,
                    None => return Ok(!self.is_stopped()),
                }
            }
        }
        while !crew.is_idle() {
            self.finish_trial(crew, observe)?;
        }
        Ok(false)
    }

    fn start_trial(
        &mut self,
        claim: Claim,
        crew: &mut Crew<Claim>,
        observe: &mut dyn FnMut(Event),
    ) -> Result<(), TunerError> {
        // Who claims in the name of a worker has given the first sign of life already.
        if claim.trial.worker().is_none() {
            self.storage.heartbeat(claim.key)?;
        }
        let (trial, point) = (claim.trial.number, claim.trial.point.clone());
        observe(match Course::of(&claim.trial).rungs.last() {
            None => Event::TrialStarted { trial, point: point.clone() },
            Some(rung) => Event::TrialResumed { trial, step: rung.steps },
        });
        let seed = self.root().child("trial").index(u64::from(trial));
        let leg = self.leg(&claim.trial);
        crew.start(claim, Job { point, seed, leg, replicates: self.settings.replicates });
        Ok(())
    }

    /// Waits for the next trial to be done and stores it, and what the others report meanwhile. One that was broken
    /// off is given back.
    fn finish_trial(
        &mut self,
        crew: &mut Crew<Claim>,
        observe: &mut dyn FnMut(Event),
    ) -> Result<(), TunerError> {
        let (storage, stop) = (&mut *self.storage, self.stop);
        let mut trouble = None;
        let mut hear = |claim: &Claim, sign: Sign| {
            let heard = match sign {
                Sign::Step(step, value) => {
                    observe(Event::TrialReported { trial: claim.trial.number, step, value });
                    storage.report(claim.key, step, value).map(|()| true)
                }
                Sign::Life => storage.heartbeat(claim.key),
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
        let (claim, advance) = crew.next(&mut hear);
        if let Some(error) = trouble {
            return Err(error.into());
        }
        let Some(Advance { progress, restarted }) = advance else {
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
            Progress::Done(evaluation) => {
                if !self.storage.finish(claim.key, &evaluation.outcome)? {
                    observe(Event::TrialTaken { trial });
                    return Ok(());
                }
                self.forget_states_of(&claim.trial);
                let study = self.storage.load_study(self.study)?;
                observe(Event::trial_finished(&study, trial));
            }
            Progress::Paused(rung) => {
                let (step, values) = (rung.steps, rung.values.clone());
                let mut course = Course::of(&claim.trial);
                course.rungs.push(rung);
                if !self.storage.pause(claim.key, &course)? {
                    observe(Event::TrialTaken { trial });
                    return Ok(());
                }
                self.forget_last_state(&claim.trial);
                observe(Event::TrialPaused { trial, step, values });
            }
            Progress::Unsaved(file, source) => return Err(TunerError::Checkpoint { file, source }),
        }
        Ok(())
    }
}
