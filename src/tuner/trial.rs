//! One trial from claim to result.

use std::ops::ControlFlow;

use super::{Event, Tuner, TunerError};
use crate::storage::Claim;

impl Tuner<'_> {
    /// Evaluates a claimed trial and stores what it came to; `false` if it was broken off.
    pub(super) fn run_trial(
        &mut self,
        claim: &Claim,
        observe: &mut dyn FnMut(Event),
    ) -> Result<bool, TunerError> {
        let number = claim.trial.number;
        observe(Event::TrialStarted { trial: number, point: claim.trial.point.clone() });
        let seed = self.root().child("trial").index(u64::from(number));
        let (storage, stop) = (&mut *self.storage, self.stop);
        let mut trouble = None;
        let mut hear = |step, value| {
            observe(Event::TrialReported { trial: number, step, value });
            match storage.report(claim.key, step, value).and_then(|()| storage.heartbeat(claim.key)) {
                Ok(()) if !stop.load(std::sync::atomic::Ordering::Relaxed) => ControlFlow::Continue(()),
                Ok(()) => ControlFlow::Break(()),
                Err(error) => {
                    trouble = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        let evaluation = self.objective.evaluate(&claim.trial.point, &seed, &mut hear);
        if let Some(error) = trouble {
            return Err(error.into());
        }
        let Some(evaluation) = evaluation else { return Ok(false) };
        self.storage.finish(claim.key, &evaluation.outcome)?;
        let study = self.storage.load_study(self.study)?;
        observe(Event::trial_finished(&study, number));
        Ok(true)
    }
}
