//! Trials that pause at rungs: who goes on, from which file to which.

use std::path::{Path, PathBuf};

use super::{Tuner, TunerError};
use crate::objective::{Leg, Pause};
use crate::search::{RUNGS, farthest, promotion};
use crate::storage::Claim;
use crate::study::{Course, Study, Trial, TrialState};
use crate::units::Seconds;

impl Tuner<'_> {
    /// Makes the folder of states if trials pause.
    pub(super) fn make_room_for_states(&self) -> Result<(), TunerError> {
        let Some(folder) = &self.settings.pausing else { return Ok(()) };
        std::fs::create_dir_all(folder)
            .map_err(|source| TunerError::Checkpoint { file: folder.clone(), source })
    }

    /// Starts `trial`, which is paused, again.
    pub(super) fn resume(&mut self, trial: &Trial) -> Result<Option<Claim>, TunerError> {
        match self.storage.find_trial(self.study, trial.number)? {
            Some(key) => Ok(self.storage.resume(key)?),
            None => Ok(None),
        }
    }

    /// The next leg of `trial`; `None` if trials do not pause.
    pub(super) fn leg(&self, trial: &Trial) -> Option<Leg> {
        let folder = self.settings.pausing.as_deref()?;
        let course = Course::of(trial);
        let rung = course.rungs.len();
        let file = |rung| self.state(folder, trial, rung);
        Some(Leg {
            from: rung.checked_sub(1).map(file),
            pause: RUNGS.get(rung).map(|&divisor| Pause { divisor, file: file(rung) }),
            spent: Seconds(course.seconds()),
        })
    }

    /// Removes the file that `trial`, as it was when its last leg began, went on from: what came of the leg is
    /// stored. Until then the file stays, so that a run that dies meanwhile can go on from there once more.
    pub(super) fn forget_state(&self, trial: &Trial) {
        if let Some(file) = self.leg(trial).and_then(|leg| leg.from) {
            // A file that stays takes room and does no harm: nothing goes on from it.
            let _ = std::fs::remove_file(file);
        }
    }

    /// The file of `trial` at `rung`; studies of one database have different ones.
    fn state(&self, folder: &Path, trial: &Trial, rung: usize) -> PathBuf {
        folder.join(format!("{}-{}-{rung}.safetensors", self.study.0, trial.number))
    }
}

/// The paused trial that goes on now, if one does; else it is time for a new one, if the budget has one left.
///
/// A study whose budget is spent without a value trains the best it has to the end.
pub(super) fn who_goes_on(study: &Study, budget: u32) -> Option<&Trial> {
    promotion(study).or_else(|| {
        let has_more =
            study.trials.len() < budget as usize || study.in_state(TrialState::Running).next().is_some();
        let is_last_hope = !has_more && study.best().is_none();
        is_last_hope.then(|| farthest(study)).flatten()
    })
}
