//! Trials from claim to result, as many at a time as there are workers.

use std::ops::ControlFlow;

use super::crew::{Crew, Job};
use super::{Event, Tuner, TunerError};
use crate::storage::Claim;

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
        observe(Event::TrialStarted { trial, point: point.clone() });
        let seed = self.root().child("trial").index(u64::from(trial));
        crew.start(claim, Job { point, seed });
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
            match storage.report(claim.key, step, value).and_then(|()| storage.heartbeat(claim.key)) {
                Ok(()) if !stop.load(std::sync::atomic::Ordering::Relaxed) => ControlFlow::Continue(()),
                Ok(()) => ControlFlow::Break(()),
                Err(error) => {
                    trouble.get_or_insert(error);
                    ControlFlow::Break(())
                }
            }
        };
        let (claim, evaluation) = crew.next(&mut hear);
        if let Some(error) = trouble {
            return Err(error.into());
        }
        let Some(evaluation) = evaluation else { return Ok(false) };
        self.storage.finish(claim.key, &evaluation.outcome)?;
        let study = self.storage.load_study(self.study)?;
        observe(Event::trial_finished(&study, claim.trial.number));
        Ok(true)
    }
}
