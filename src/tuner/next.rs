//! Which trial comes next, and what its suggestion may know.

use super::{Tuner, TunerError};
use crate::space::Point;
use crate::storage::Claim;
use crate::study::{Attributes, Study, Trial, TrialState};

impl Tuner<'_> {
    /// A waiting trial, else a new one; `None` once the budget is spent or a rule has ended the study, or while
    /// a result is missing that the next suggestion must know.
    pub(super) fn next_trial(&mut self) -> Result<Option<Claim>, TunerError> {
        let budget = self.settings.budget;
        if let Some(claim) = self.storage.claim_waiting(self.study, budget)? {
            return self.complete_point(claim).map(Some);
        }
        let mut study = self.storage.load_study(self.study)?;
        if study.trials.len() >= budget as usize {
            return Ok(None);
        }
        if self.settings.deterministic && !forget_late_results(&mut study, self.settings.workers) {
            return Ok(None);
        }
        if self.has_gone_far_enough(&study)? {
            return Ok(None);
        }
        let point = self.suggest(&study);
        Ok(self.storage.claim(self.study, self.space, &point, &Attributes::new(), budget)?)
    }

    /// The starting points of the space first, then what the search says.
    fn suggest(&self, study: &Study) -> Point {
        let start = self.space.starting_points().into_iter().nth(study.trials.len());
        start.unwrap_or_else(|| self.search.suggest(self.space, study, &self.root().child("search")))
    }

    /// Gives a trial that a person enqueued with some parameters the defaults of the others.
    fn complete_point(&mut self, mut claim: Claim) -> Result<Claim, TunerError> {
        if self.space.check(&claim.trial.point).is_err() {
            let point = self.space.completed(&claim.trial.point);
            self.storage.set_point(claim.key, self.space, &point)?;
            claim.trial.point = point;
        }
        Ok(claim)
    }
}

/// Leaves of `study`, which has k trials, the results of those up to number k - `workers`: what suggestion k
/// would know if all trials took the same time. The others are running, whether or not they have ended.
///
/// `false` if one of the former is not finished.
fn forget_late_results(study: &mut Study, workers: usize) -> bool {
    let known = study.trials.len().saturating_sub(workers.saturating_sub(1));
    let (known, late) = study.trials.split_at_mut(known);
    for trial in late {
        let point = std::mem::take(&mut trial.point);
        *trial = Trial { state: TrialState::Running, ..Trial::waiting(trial.number, point) };
    }
    known.iter().all(|trial| trial.state.is_finished())
}
