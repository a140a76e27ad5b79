//! Trials that pause at rungs (certain steps of their training): their segments and their
//! checkpoints.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Pausing, Tuner, TunerError};
use crate::objective::{Pause, Segment};
use crate::search::Rungs;
use crate::storage::{Claim, StudyKey};
use crate::study::{Study, Trial, TrialState};
use crate::units::Seconds;

impl Tuner<'_> {
    /// Makes the checkpoint folder if trials pause.
    pub(super) fn create_checkpoint_dir(&self) -> Result<(), TunerError> {
        let Some(Pausing { checkpoint_dir: dir, .. }) = &self.settings.pausing else { return Ok(()) };
        fs::create_dir_all(dir).map_err(|source| TunerError::Checkpoint { file: dir.clone(), source })
    }

    /// Removes leftovers of runs that died: all checkpoints of the study from which no trial
    /// continues. Does nothing while other processes run trials of the study.
    pub(super) fn remove_old_checkpoints(&mut self) -> Result<(), TunerError> {
        let Some(Pausing { checkpoint_dir, .. }) = self.settings.pausing.clone() else { return Ok(()) };
        // Listed before the study is loaded: checkpoints that others write from now on are not
        // found.
        let found = checkpoints(&checkpoint_dir, begins_with(&prefix(self.study))).unwrap_or_default();
        let study = self.storage.load_study(self.study)?;
        if !self.storage.heartbeats(self.study)?.is_empty() {
            return Ok(());
        }
        let may_continue = |trial: &&Trial| trial.is_paused() || trial.state == TrialState::Running;
        let needed: Vec<PathBuf> = study
            .trials
            .iter()
            .filter(may_continue)
            .filter_map(|trial| self.segment(trial).and_then(|segment| segment.from))
            .collect();
        // A leftover that cannot be removed takes space and does no harm: nothing continues from
        // it.
        found
            .iter()
            .filter(|checkpoint| !needed.contains(&checkpoint.with_extension("")))
            .for_each(|checkpoint| drop(remove(checkpoint)));
        Ok(())
    }

    /// Claims the paused trial number `trial`; `None` if another process was faster.
    pub(super) fn resume(&mut self, trial: u32) -> Result<Option<Claim>, TunerError> {
        match self.storage.find_trial(self.study, trial)? {
            Some(key) => Ok(self.storage.resume(key)?),
            None => Ok(None),
        }
    }

    /// The next segment (the part up to the next pause) of `trial`; `None` if the trial does not
    /// pause. The trial of the default point never pauses, since results are compared with it.
    pub(super) fn segment(&self, trial: &Trial) -> Option<Segment> {
        const DEFAULT: u32 = 0;
        let pausing = self.settings.pausing.as_ref().filter(|_| trial.number != DEFAULT)?;
        let rung_history = &trial.rung_history;
        let rung = rung_history.rungs.len();
        let path = |rung| pausing.checkpoint_dir.join(format!("{}{rung}", prefix_of(self.study, trial)));
        Some(Segment {
            from: rung.checked_sub(1).map(path),
            pause: pausing
                .rungs
                .divisors()
                .get(rung)
                .map(|&divisor| Pause { divisor, checkpoint: path(rung) }),
            done: rung_history.rungs.last().map_or(0, |rung| rung.steps),
            spent: Seconds(rung_history.seconds()),
        })
    }

    /// Removes the checkpoint from which the last segment of `trial` continued. `trial` must be as
    /// it was before that segment. Call this after the segment is stored: until then the checkpoint
    /// is needed if the run dies.
    pub(super) fn remove_last_checkpoint(&self, trial: &Trial) {
        let (Some(pausing), Some(from)) =
            (&self.settings.pausing, self.segment(trial).and_then(|segment| segment.from))
        else {
            return;
        };
        let is_last = |checkpoint: &Path| checkpoint.file_stem() == from.file_name();
        let _ = remove_all(&pausing.checkpoint_dir, is_last);
    }

    /// Removes all checkpoints of `trial`, which must have ended, and leftovers of runs that died
    /// in it. Before its end, another worker may need them.
    pub(super) fn remove_checkpoints_of(&self, trial: &Trial) {
        let Some(pausing) = &self.settings.pausing else { return };
        let _ = remove_all(&pausing.checkpoint_dir, begins_with(&prefix_of(self.study, trial)));
    }
}

/// Prefix of the names of a study's checkpoints. Studies of one database have different prefixes.
fn prefix(study: StudyKey) -> String {
    format!("{}-", study.0)
}

/// Prefix of the names of the checkpoints of `trial`.
fn prefix_of(study: StudyKey, trial: &Trial) -> String {
    format!("{}{}-", prefix(study), trial.number)
}

/// Removes the checkpoints of `study`, which is to be deleted, from `folder`. Removes the folder
/// too if it is empty then.
///
/// # Errors
/// A file cannot be removed, or the folder cannot be read. A folder that does not exist is no
/// error.
pub fn remove_checkpoints(folder: &Path, study: StudyKey) -> io::Result<()> {
    remove_all(folder, begins_with(&prefix(study)))?;
    // It fails while the folder holds checkpoints of other studies.
    let _ = fs::remove_dir(folder);
    Ok(())
}

/// Whether the name of a path begins with `prefix`.
fn begins_with(prefix: &str) -> impl Fn(&Path) -> bool {
    move |path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
}

/// Removes the checkpoints in `folder` for which `is_meant` is true.
fn remove_all(folder: &Path, is_meant: impl Fn(&Path) -> bool) -> io::Result<()> {
    checkpoints(folder, is_meant)?.iter().try_for_each(|checkpoint| remove(checkpoint))
}

/// The checkpoints in `folder` for which `is_meant` is true; none if the folder does not exist.
fn checkpoints(folder: &Path, is_meant: impl Fn(&Path) -> bool) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?,
    };
    Ok(entries.into_iter().filter(|path| is_meant(path)).collect())
}

/// Removes a checkpoint, a file or a folder.
fn remove(checkpoint: &Path) -> io::Result<()> {
    match checkpoint.is_dir() {
        true => fs::remove_dir_all(checkpoint),
        false => fs::remove_file(checkpoint),
    }
}

/// If the study has spent its budget and no trial has a value: the best paused trial, which is then
/// trained to its end although it is not promising.
pub(super) fn last_hope(study: &Study, rungs: Rungs) -> Option<&Trial> {
    let is_pending = study.in_state(TrialState::Running).next().is_some();
    (!is_pending && study.best().is_none()).then(|| rungs.farthest(study)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;
    use crate::study::{Metric, Rung, RungHistory};

    fn paused(number: u32, loss: f64) -> Trial {
        let rung_history = RungHistory { rungs: vec![Rung { steps: 1, values: vec![loss], seconds: 0.0 }] };
        Trial { state: TrialState::Pruned, rung_history, ..Trial::waiting(number, Point::default()) }
    }

    #[test]
    fn the_best_paused_trial_continues_if_no_trial_has_a_value() {
        let failed = Trial { state: TrialState::Fail, ..Trial::waiting(0, Point::default()) };
        let trials = vec![failed, paused(1, 0.5), paused(2, 0.25)];
        let mut study = Study { metrics: vec![Metric::minimize("loss")], trials, ..Study::default() };
        let hope = |study: &Study| last_hope(study, Rungs::HALVING).map(|trial| trial.number);
        assert_eq!(hope(&study), Some(2));
        study.trials[1].state = TrialState::Running;
        assert_eq!(hope(&study), None, "a running trial may still have a value");
        study.trials[1] = Trial { state: TrialState::Complete, values: vec![0.1], ..paused(1, 0.5) };
        assert_eq!(hope(&study), None);
    }
}
