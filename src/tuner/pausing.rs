//! Trials that pause at rungs: who goes on, from which file to which.

use std::path::{Path, PathBuf};

use super::{Pausing, Tuner, TunerError};
use crate::objective::{Leg, Pause};
use crate::search::{RUNGS, farthest};
use crate::storage::{Claim, StudyKey};
use crate::study::{Course, Study, Trial, TrialState};
use crate::units::Seconds;

impl Tuner<'_> {
    /// Makes the folder of states if trials pause.
    pub(super) fn make_room_for_states(&self) -> Result<(), TunerError> {
        let Some(Pausing { states: folder, .. }) = &self.settings.pausing else { return Ok(()) };
        std::fs::create_dir_all(folder)
            .map_err(|source| TunerError::Checkpoint { file: folder.clone(), source })
    }

    /// Starts the trial of this number, which is paused, again.
    pub(super) fn resume(&mut self, trial: u32) -> Result<Option<Claim>, TunerError> {
        match self.storage.find_trial(self.study, trial)? {
            Some(key) => Ok(self.storage.resume(key)?),
            None => Ok(None),
        }
    }

    /// The next leg of `trial`; `None` if it does not pause: the default point, which results are held against,
    /// never does.
    pub(super) fn leg(&self, trial: &Trial) -> Option<Leg> {
        const DEFAULT: u32 = 0;
        let pausing = self.settings.pausing.as_ref().filter(|_| trial.number != DEFAULT)?;
        let course = Course::of(trial);
        let rung = course.rungs.len();
        let file = |rung| self.state(&pausing.states, trial, rung);
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
        folder.join(format!("{}{}-{rung}.safetensors", prefix(self.study), trial.number))
    }
}

/// How the names of the files of a study begin.
fn prefix(study: StudyKey) -> String {
    format!("{}-", study.0)
}

/// Removes from `folder` the states of all paused trials of `study`, which is to be deleted.
///
/// # Errors
/// A file cannot be removed, or the folder not be read; one that is not there holds nothing.
pub fn forget_states(folder: &Path, study: StudyKey) -> std::io::Result<()> {
    let files = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        files => files?,
    };
    for file in files {
        let file = file?;
        if file.file_name().to_string_lossy().starts_with(&prefix(study)) {
            std::fs::remove_file(file.path())?;
        }
    }
    // It goes once nothing is in it.
    let _ = std::fs::remove_dir(folder);
    Ok(())
}

/// The paused trial that is trained to the end although it does not deserve it: the best one of a study whose budget
/// is spent without a value.
pub(super) fn last_hope(study: &Study) -> Option<&Trial> {
    let may_come = study.in_state(TrialState::Running).next().is_some();
    (!may_come && study.best().is_none()).then(|| farthest(study)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;
    use crate::study::{COURSE, Metric, Rung};

    fn paused(number: u32, loss: f64) -> Trial {
        let course = Course { rungs: vec![Rung { steps: 1, values: vec![loss], seconds: 0.0 }] };
        let internal = [(COURSE.to_owned(), course.to_json())].into();
        Trial { state: TrialState::Pruned, internal, ..Trial::waiting(number, Point::default()) }
    }

    #[test]
    fn the_best_goes_on_where_nothing_else_comes_to_a_value() {
        let failed = Trial { state: TrialState::Fail, ..Trial::waiting(0, Point::default()) };
        let trials = vec![failed, paused(1, 0.5), paused(2, 0.25)];
        let mut study = Study { metrics: vec![Metric::minimize("loss")], trials, ..Study::default() };
        let hope = |study: &Study| last_hope(study).map(|trial| trial.number);
        assert_eq!(hope(&study), Some(2));
        study.trials[1].state = TrialState::Running;
        assert_eq!(hope(&study), None, "another may come to a value yet");
        study.trials[1] = Trial { state: TrialState::Complete, values: vec![0.1], ..paused(1, 0.5) };
        assert_eq!(hope(&study), None);
    }
}
