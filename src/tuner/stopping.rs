//! The decision to end a study before its budget is spent: made once and kept with the study.

use super::eta::Workload;
use super::{Tuner, TunerError};
use crate::study::{STOPPED, Stopped, Study, Trial, TrialState};
use crate::units::Seconds;

impl Tuner<'_> {
    /// Forgets the decision if it was made by other rules than this run has.
    pub(super) fn reconsider(&mut self) -> Result<(), TunerError> {
        let study = self.storage.load_study(self.study)?;
        if Stopped::of(&study).is_some_and(|stopped| stopped.rules != self.rules()) {
            self.storage.set_study_attribute(self.study, STOPPED, &serde_json::Value::Null)?;
        }
        Ok(())
    }

    /// Whether a rule ends `study`, in the state that the next suggestion uses. The decision is
    /// stored the first time.
    ///
    /// A stored decision stays, whatever the results of trials are that still run.
    pub(super) fn has_gone_far_enough(&mut self, study: &Study) -> Result<bool, TunerError> {
        if Stopped::of(study).is_some() {
            return Ok(true);
        }
        let improvement = || {
            let seen = study.warm_start.before(study);
            self.search.improvement(self.space, &seen, &self.search_seed())
        };
        let ahead = || {
            let workload = Workload::of(study, &self.settings, &|point| self.objective.cost(point));
            [workload.next_seconds(), workload.confirmation_seconds()].map(Seconds)
        };
        let mut rules = self.settings.stop_when.iter();
        let held = rules.find_map(|rule| Some((rule, rule.reason(study, improvement, ahead)?)));
        let Some((rule, reason)) = held else { return Ok(false) };
        let (rule, trials) = (rule.to_string(), study.finished() as u32);
        let stopped = Stopped { rules: self.rules(), rule, reason, trials };
        self.storage.set_study_attribute(self.study, STOPPED, &stopped.to_json())?;
        Ok(true)
    }

    /// If all finished trials of `study` have failed, and they are at least as many as the settings
    /// allow: the last one. Another trial would fail too.
    pub(super) fn hopeless<'s>(&self, study: &'s Study) -> Option<&'s Trial> {
        let most = self.settings.max_failures as usize;
        let all_failed = study.ended().all(|trial| trial.state == TrialState::Fail);
        (most > 0 && all_failed && study.ended().count() >= most).then(|| study.ended().next_back()).flatten()
    }

    /// The rule that has ended `study` before its budget was spent, and the reason.
    pub(super) fn early_end(&self, study: &Study) -> Option<(String, String)> {
        if let Some(Stopped { rule, reason, .. }) = Stopped::of(study) {
            return Some((rule, reason));
        }
        let is_spent = study.charged() >= self.settings.budget as usize;
        let last = self.hopeless(study).filter(|_| !is_spent)?;
        let why =
            last.attributes.get("reason").and_then(|reason| reason.as_str()).unwrap_or("no reason kept");
        let failed = study.in_state(TrialState::Fail).filter(|trial| !trial.is_retried()).count();
        let reason = format!("all {failed} trials failed, the last one, trial {}: {why}", last.number);
        Some((format!("max-failures={}", self.settings.max_failures), reason))
    }

    fn rules(&self) -> Vec<String> {
        self.settings.stop_when.iter().map(ToString::to_string).collect()
    }
}
