//! Trials that pause at rungs: who goes on, from which state to which.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Pausing, Tuner, TunerError};
use crate::objective::{Pause, Segment};
use crate::search::farthest;
use crate::storage::{Claim, StudyKey};
use crate::study::{Study, Trial, TrialState};
use crate::units::Seconds;

impl Tuner<'_> {
    /// Makes the folder of states if trials pause.
    pub(super) fn make_room_for_states(&self) -> Result<(), TunerError> {
        let Some(Pausing { states: folder, .. }) = &self.settings.pausing else { return Ok(()) };
        fs::create_dir_all(folder).map_err(|source| TunerError::Checkpoint { file: folder.clone(), source })
    }

    /// Removes what runs that died have left behind: all states of the study but those that a trial goes on from. Not
    /// while others are at trials of it.
    pub(super) fn tidy_states(&mut self) -> Result<(), TunerError> {
        let Some(Pausing { states: folder, .. }) = self.settings.pausing.clone() else { return Ok(()) };
        // In this order: what others make from now on is not among these.
        let found = states(&folder, begins_with(&prefix(self.study))).unwrap_or_default();
        let study = self.storage.load_study(self.study)?;
        if !self.storage.heartbeats(self.study)?.is_empty() {
            return Ok(());
        }
        let may_go_on = |trial: &&Trial| trial.is_paused() || trial.state == TrialState::Running;
        let needed: Vec<PathBuf> = study
            .trials
            .iter()
            .filter(may_go_on)
            .filter_map(|trial| self.segment(trial).and_then(|segment| segment.from))
            .collect();
        // What stays takes room and does no harm: nothing goes on from it.
        found
            .iter()
            .filter(|state| !needed.contains(&state.with_extension("")))
            .for_each(|state| drop(remove(state)));
        Ok(())
    }

    /// Starts the trial of this number, which is paused, again.
    pub(super) fn resume(&mut self, trial: u32) -> Result<Option<Claim>, TunerError> {
        match self.storage.find_trial(self.study, trial)? {
            Some(key) => Ok(self.storage.resume(key)?),
            None => Ok(None),
        }
    }

    /// The next segment of `trial`; `None` if it does not pause: the default point, which results are held against,
    /// never does.
    pub(super) fn segment(&self, trial: &Trial) -> Option<Segment> {
        const DEFAULT: u32 = 0;
        let pausing = self.settings.pausing.as_ref().filter(|_| trial.number != DEFAULT)?;
        let rung_history = &trial.rung_history;
        let rung = rung_history.rungs.len();
        let state = |rung| pausing.states.join(format!("{}{rung}", prefix_of(self.study, trial)));
        Some(Segment {
            from: rung.checked_sub(1).map(state),
            pause: pausing.by.rungs().get(rung).map(|&divisor| Pause { divisor, checkpoint: state(rung) }),
            done: rung_history.rungs.last().map_or(0, |rung| rung.steps),
            spent: Seconds(rung_history.seconds()),
        })
    }

    /// Removes the state that `trial`, as it was when its last leg began, went on from: where that leg paused is
    /// stored. Until then the state stays, so that a run that dies meanwhile can go on from there once more.
    pub(super) fn forget_last_state(&self, trial: &Trial) {
        let (Some(pausing), Some(from)) =
            (&self.settings.pausing, self.segment(trial).and_then(|segment| segment.from))
        else {
            return;
        };
        let _ = remove_all(&pausing.states, |state| state.file_stem() == from.file_name());
    }

    /// Removes all that is kept of `trial`, which has ended for good: what runs that died in it have left behind too.
    /// While it may go on, that may be what another worker is at.
    pub(super) fn forget_states_of(&self, trial: &Trial) {
        let Some(pausing) = &self.settings.pausing else { return };
        let _ = remove_all(&pausing.states, begins_with(&prefix_of(self.study, trial)));
    }
}

/// How the names of the states of a study begin; studies of one database have different ones.
fn prefix(study: StudyKey) -> String {
    format!("{}-", study.0)
}

/// How the names of the states of `trial` begin.
fn prefix_of(study: StudyKey, trial: &Trial) -> String {
    format!("{}{}-", prefix(study), trial.number)
}

/// Removes from `folder` the states of all paused trials of `study`, which is to be deleted.
///
/// # Errors
/// A file cannot be removed, or the folder not be read; one that is not there holds nothing.
pub fn forget_states(folder: &Path, study: StudyKey) -> io::Result<()> {
    remove_all(folder, begins_with(&prefix(study)))?;
    // It goes once nothing is in it.
    let _ = fs::remove_dir(folder);
    Ok(())
}

/// Whether the name of a path begins with `prefix`.
fn begins_with(prefix: &str) -> impl Fn(&Path) -> bool {
    move |path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
}

/// Removes every state that `is_meant` from `folder`.
fn remove_all(folder: &Path, is_meant: impl Fn(&Path) -> bool) -> io::Result<()> {
    states(folder, is_meant)?.iter().try_for_each(|state| remove(state))
}

/// Every state that `is_meant` in `folder`; none if there is no folder.
fn states(folder: &Path, is_meant: impl Fn(&Path) -> bool) -> io::Result<Vec<PathBuf>> {
    let states = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        states => states?.map(|state| state.map(|state| state.path())).collect::<io::Result<Vec<_>>>()?,
    };
    Ok(states.into_iter().filter(|state| is_meant(state)).collect())
}

/// Removes a state, a file or a folder.
fn remove(state: &Path) -> io::Result<()> {
    match state.is_dir() {
        true => fs::remove_dir_all(state),
        false => fs::remove_file(state),
    }
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
    use crate::study::{Metric, Rung, RungHistory};

    fn paused(number: u32, loss: f64) -> Trial {
        let rung_history = RungHistory { rungs: vec![Rung { steps: 1, values: vec![loss], seconds: 0.0 }] };
        Trial { state: TrialState::Pruned, rung_history, ..Trial::waiting(number, Point::default()) }
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
