//! Trials from claim to result, as many at a time as there are workers.

use std::ops::ControlFlow;

use super::crew::{Crew, Job};
use super::{Event, Tuner, TunerError};
use crate::objective::{Advance, Progress};
use crate::storage::Claim;
use crate::study::Course;

impl Tuner<'_> {
    /// Evaluates trials and stores what they come to until the budget is spent; `false` if that was broken
    /// off.
    pub(super) fn run_trials(
        &mut self,
        crew: &mut Crew<Claim>,
        observe: &mut dyn FnMut(Event),
    ) -> Result<bool, TunerError> {
        let mut goes_on = !self.is_stopped();
        loop {
            while goes_on
                && crew.has_room()
                && let Some(claim) = self.next_trial()?
            {
                self.start_trial(claim, crew, observe);
                goes_on &= !self.is_stopped();
            }
            if crew.is_idle() {
                return Ok(goes_on);
            }
            goes_on &= self.finish_trial(crew, observe)? && !self.is_stopped();
        }
    }

    fn start_trial(&self, claim: Claim, crew: &mut Crew<Claim>, observe: &mut dyn FnMut(Event)) {
        let (trial, point) = (claim.trial.number, claim.trial.point.clone());
        observe(match Course::of(&claim.trial).rungs.last() {
            None => Event::TrialStarted { trial, point: point.clone() },
            Some(rung) => Event::TrialResumed { trial, step: rung.steps },
        });
        let seed = self.root().child("trial").index(u64::from(trial));
        let leg = self.leg(&claim.trial);
        crew.start(claim, Job { point, seed, leg, replicates: self.settings.replicates });
    }

    /// Waits for the next trial to be done and stores it, and what the others report meanwhile; `false` if
    /// it was broken off.
    fn finish_trial(
        &mut self,
        crew: &mut Crew<Claim>,
        observe: &mut dyn FnMut(Event),
    ) -> Result<bool, TunerError> {
        let (storage, stop) = (&mut *self.storage, self.stop);
        let mut trouble = None;
        let mut hear = |claim: &Claim, step, value| {
            observe(Event::TrialReported { trial: claim.trial.number, step, value });
            match storage
                .report(claim.key, step, value)
                .and_then(|()| storage.heartbeat(claim.key).map(|_| ()))
            {
                Ok(()) if !stop.load(std::sync::atomic::Ordering::Relaxed) => ControlFlow::Continue(()),
                Ok(()) => ControlFlow::Break(()),
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
        let Some(Advance { progress, restarted }) = advance else { return Ok(false) };
        let trial = claim.trial.number;
        if let Some(reason) = restarted {
            observe(Event::TrialRestarted { trial, reason });
        }
        match progress {
            Progress::Done(evaluation) => {
                self.storage.finish(claim.key, &evaluation.outcome)?;
                let study = self.storage.load_study(self.study)?;
                observe(Event::trial_finished(&study, trial));
            }
            Progress::Paused(rung) => {
                let (step, values) = (rung.steps, rung.values.clone());
                let mut course = Course::of(&claim.trial);
                course.rungs.push(rung);
                self.storage.pause(claim.key, &course)?;
                observe(Event::TrialPaused { trial, step, values });
            }
            Progress::Unsaved(file, source) => return Err(TunerError::Checkpoint { file, source }),
        }
        self.forget_state(&claim.trial);
        Ok(true)
    }
}
