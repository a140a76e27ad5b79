//! Trials that another program trains part by part: from which step to which, and where they pause.

use crate::search::{Fidelity, Rungs};
use crate::study::{Rung, RungHistory, Trial};

/// Fewest steps of a trial that pauses: with fewer, several pauses would fall on one step.
pub const FEWEST_STEPS: u32 = 4;

/// How the trials of another program pause: at which rungs, and the steps of a whole trial.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    rungs: Rungs,
    whole: u32,
}

/// The part of a trial that is to be trained next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The steps that are done.
    pub step: u32,
    /// The step at which the part ends.
    pub until: u32,
    /// The steps of a whole trial.
    pub steps: u32,
}

/// Why trials cannot pause, or why a value of a step is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StepsError {
    /// There is no number of steps.
    #[error("fidelity {0}: steps is missing: say how many steps a whole trial has")]
    Missing(&'static str),
    /// There are too few steps.
    #[error("steps = {0}: must be at least {FEWEST_STEPS}, or several pauses would fall on one step")]
    TooFew(u32),
    /// The trials do not pause.
    #[error("step = {0}: trials of this study do not pause: leave it out, or begin with a fidelity")]
    NoPauses(u32),
    /// A value of another step than the one that was asked for.
    #[error("step = {found}: trial {trial} was asked for until step {until}: tell its values there")]
    Other {
        /// The step that was told.
        found: u32,
        /// The number of the trial.
        trial: u32,
        /// The step that was asked for.
        until: u32,
    },
}

impl Steps {
    /// How trials of `whole` steps pause; `None` if `fidelity` is off.
    ///
    /// # Errors
    /// There is no number of steps, or fewer than [`FEWEST_STEPS`].
    pub fn new(fidelity: Fidelity, whole: Option<u32>) -> Result<Option<Self>, StepsError> {
        match (fidelity.rungs(), whole) {
            (None, _) => Ok(None),
            (Some(_), None) => Err(StepsError::Missing(fidelity.name())),
            (Some(_), Some(whole)) if whole < FEWEST_STEPS => Err(StepsError::TooFew(whole)),
            (Some(rungs), Some(whole)) => Ok(Some(Self { rungs, whole })),
        }
    }

    /// The part of `trial` that is to be trained next. The trial of the default point is trained at
    /// once, since results are compared with it.
    pub fn part(self, trial: &Trial) -> Part {
        const DEFAULT: u32 = 0;
        let done = &trial.rung_history.rungs;
        let divisor = self.rungs.divisors().get(done.len()).filter(|_| trial.number != DEFAULT);
        Part {
            step: done.last().map_or(0, |rung| rung.steps),
            until: divisor.map_or(self.whole, |divisor| self.whole.div_ceil(*divisor)),
            steps: self.whole,
        }
    }

    /// Where trials pause.
    pub(super) fn rungs(self) -> Rungs {
        self.rungs
    }

    /// The rungs of `trial` after it has reached `step` with `values`; `None` if the step is the
    /// last one, so that the trial ends there.
    ///
    /// # Errors
    /// Another step was asked for.
    pub fn reached(
        self,
        trial: &Trial,
        step: u32,
        values: &[f64],
    ) -> Result<Option<RungHistory>, StepsError> {
        let Part { until, steps, .. } = self.part(trial);
        if step == steps {
            return Ok(None);
        }
        if step != until {
            return Err(StepsError::Other { found: step, trial: trial.number, until });
        }
        let mut history = trial.rung_history.clone();
        history.rungs.push(Rung { steps: step, values: values.to_vec(), seconds: 0.0 });
        Ok(Some(history))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;

    #[test]
    fn a_trial_is_asked_for_from_rung_to_rung_and_the_first_at_once() {
        let steps = Steps::new(Fidelity::Asha, Some(81)).expect("enough").expect("it is on");
        let mut trial = Trial::waiting(3, Point::default());
        let mut parts = Vec::new();
        loop {
            let part = steps.part(&trial);
            parts.push((part.step, part.until));
            match steps.reached(&trial, part.until, &[0.5]).expect("asked for") {
                Some(history) => trial.rung_history = history,
                None => break,
            }
        }
        assert_eq!(parts, [(0, 9), (9, 27), (27, 81)]);
        let first = Trial::waiting(0, Point::default());
        assert_eq!(steps.part(&first), Part { step: 0, until: 81, steps: 81 });
        let early = steps.reached(&Trial::waiting(3, Point::default()), 5, &[0.5]);
        assert_eq!(early, Err(StepsError::Other { found: 5, trial: 3, until: 9 }));
    }

    #[test]
    fn pauses_need_enough_steps() {
        assert!(Steps::new(Fidelity::Off, None).expect("nothing to check").is_none());
        assert_eq!(Steps::new(Fidelity::Bayes, None).err(), Some(StepsError::Missing("bayes")));
        assert_eq!(Steps::new(Fidelity::Bayes, Some(3)).err(), Some(StepsError::TooFew(3)));
    }
}
