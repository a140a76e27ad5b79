//! The files of networks: each holds the network that the confirmation names, by its SHA-256.

use std::fs;
use std::path::{Path, PathBuf};

use super::DiskLimit;
use crate::objective::Model;
use crate::output;
use crate::study::{Candidate, Confirmation, Study, Trial};
use crate::tuner::candidates::Confirmed;
use crate::tuner::{Event, Tuner, TunerError, value_of};

/// What became of the files of an earlier confirmation.
pub(in crate::tuner) enum Restored {
    /// Each holds its network, or was dropped to save disk.
    Same,
    /// A network that was trained again has another score than in the confirmation.
    Others,
    /// The run was asked to stop.
    Stopped,
}

/// What to do with the file of a candidate.
enum FileState {
    Good,
    /// It was dropped to save disk, or there never was a network.
    Dropped,
    Missing,
    /// It holds something else, or nobody knows what.
    Foreign,
}

impl Tuner<'_> {
    /// The files of the networks of `candidates`, the winner first, each with the position of its
    /// candidate: the winner's, and where the whole front is confirmed one for each candidate.
    fn network_files(&self, candidates: &[Candidate]) -> Vec<(usize, PathBuf)> {
        let Some(winner) = &self.settings.model else { return Vec::new() };
        let mut files = vec![(0, winner.clone())];
        if self.settings.confirm.front {
            let file = |(index, candidate): (usize, &Candidate)| {
                (index, front_folder(winner).join(format!("trial-{}.safetensors", candidate.trial)))
            };
            files.extend(candidates.iter().enumerate().map(file));
        }
        files
    }

    /// Writes the networks that are to be saved, notes their checksums, and measures each on this
    /// machine. Removes what other studies left at the places of networks.
    ///
    /// # Errors
    /// The system does not write, read or remove a file.
    pub(in crate::tuner) fn save_networks(
        &self,
        study: &Study,
        confirmed: &mut Confirmed,
    ) -> Result<(), TunerError> {
        let mut disk = DiskLimit::new(self.settings.keep_disk);
        let files = self.network_files(&confirmed.candidates);
        for (index, file) in &files {
            let Some(model) = confirmed.model(*index, study.direction()) else {
                remove(file)?;
                continue;
            };
            write(model, file)?;
            if !disk.keeps(file).map_err(failed(file))? {
                continue;
            }
            let sha256 = output::sha256(file).map_err(failed(file))?;
            let throughput = confirmed.candidates[*index].host_throughput.or_else(|| model.host_throughput());
            let candidate = &mut confirmed.candidates[*index];
            (candidate.model_sha256, candidate.host_throughput) = (Some(sha256), throughput);
        }
        self.remove_strangers(&files)
    }

    /// Sees to it that the files of the confirmation `old` hold its networks. A network whose file is
    /// gone, or holds something else, is trained again; `old` then has its checksum.
    ///
    /// # Errors
    /// The system does not write, read or remove a file.
    pub(in crate::tuner) fn restore_networks(
        &self,
        study: &Study,
        old: &mut Confirmation,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Restored, TunerError> {
        let records = old.winner().model_sha256.is_some();
        let files = self.network_files(&old.candidates);
        for (index, file) in &files {
            let state = self.file_state(&old.candidates[*index], file, records);
            match state {
                FileState::Good => continue,
                FileState::Dropped => remove(file)?,
                FileState::Missing | FileState::Foreign => {
                    if copied_from_twin(&old.candidates[*index], *index, file, &files)? {
                        continue;
                    }
                    let replaces = matches!(state, FileState::Foreign).then(|| file.display().to_string());
                    match self.restore(study, old, (*index, file), replaces, observe)? {
                        Restored::Same => {}
                        other => return Ok(other),
                    }
                }
            }
        }
        self.remove_strangers(&files)?;
        Ok(Restored::Same)
    }

    /// Trains the network of candidate number `index` of `old` again and writes it to `file`.
    fn restore(
        &self,
        study: &Study,
        old: &mut Confirmation,
        (index, file): (usize, &Path),
        replaces: Option<String>,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Restored, TunerError> {
        let candidate = &mut old.candidates[index];
        let is_its = |trial: &&Trial| trial.number == candidate.trial;
        let Some(trial) = study.trials.iter().find(is_its) else {
            // Other programs may have deleted the trial. Nothing may stand for its network.
            remove(file)?;
            return Ok(Restored::Same);
        };
        let kept = if index == 0 { old.kept } else { candidate.best_seed(study.direction()) };
        let seed = self.repeat_seed(trial, kept);
        let Some(evaluation) = self.train_again(trial, &seed, replaces, observe) else {
            return Ok(Restored::Stopped);
        };
        let recorded = candidate.repeats.get(kept).and_then(|repeat| repeat.value);
        let value = value_of(&evaluation.outcome);
        if value.map(f64::to_bits) != recorded.map(f64::to_bits) {
            observe(Event::ConfirmationOutdated { trial: trial.number, recorded, value });
            return Ok(Restored::Others);
        }
        candidate.model_sha256 = match evaluation.model {
            Some(model) => {
                write(model.as_ref(), file)?;
                Some(output::sha256(file).map_err(failed(file))?)
            }
            None => remove(file).map(|()| None)?,
        };
        Ok(Restored::Same)
    }

    /// What `file` is to `candidate`. Its confirmation `records` checksums, or is of an earlier version.
    fn file_state(&self, candidate: &Candidate, file: &Path, records: bool) -> FileState {
        let may_be_dropped =
            self.settings.keep_disk.is_some() && self.settings.model.as_deref() != Some(file);
        match (file.exists(), &candidate.model_sha256) {
            (true, Some(sha256)) if holds(file, sha256) => FileState::Good,
            (true, None) if may_be_dropped && records => FileState::Dropped,
            (true, _) => FileState::Foreign,
            (false, _) if may_be_dropped => FileState::Dropped,
            (false, _) => FileState::Missing,
        }
    }

    /// Removes the networks in the folder of the front that are none of `files`: those of another
    /// study, or of an earlier front; and the folder, if nothing is left.
    fn remove_strangers(&self, files: &[(usize, PathBuf)]) -> Result<(), TunerError> {
        let Some(winner) = &self.settings.model else { return Ok(()) };
        let folder = front_folder(winner);
        // There is no folder where nothing was saved.
        let Ok(entries) = fs::read_dir(&folder) else { return Ok(()) };
        let mut strangers = entries.flatten().map(|entry| entry.path()).filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let number = name.strip_prefix("trial-").and_then(|rest| rest.strip_suffix(".safetensors"));
            let is_network = number.is_some_and(|number| number.parse::<u32>().is_ok());
            is_network && !files.iter().any(|(_, file)| file == path)
        });
        strangers.try_for_each(|stranger| remove(&stranger))?;
        // It goes once it is empty; else the system refuses.
        let _ = fs::remove_dir(folder);
        Ok(())
    }
}

/// The folder of the networks of a front, whose winner's file is `winner`.
fn front_folder(winner: &Path) -> PathBuf {
    winner.with_extension("front")
}

/// Whether `file` has this SHA-256.
fn holds(file: &Path, sha256: &str) -> bool {
    output::sha256(file).is_ok_and(|found| found == sha256)
}

/// Copies the network of `candidate`, number `index`, to `file` if another one of `files` holds it.
fn copied_from_twin(
    candidate: &Candidate,
    index: usize,
    file: &Path,
    files: &[(usize, PathBuf)],
) -> Result<bool, TunerError> {
    let Some(sha256) = &candidate.model_sha256 else { return Ok(false) };
    let is_twin = |other: &&(usize, PathBuf)| other.0 == index && other.1 != file && holds(&other.1, sha256);
    let Some((_, twin)) = files.iter().find(is_twin) else { return Ok(false) };
    let copied = make_folder(file).and_then(|()| output::write(file, &fs::read(twin)?));
    copied.map(|()| true).map_err(failed(file))
}

/// Writes `model` to `file`, whose folder is made if it is missing.
fn write(model: &dyn Model, file: &Path) -> Result<(), TunerError> {
    make_folder(file).and_then(|()| model.save(file)).map_err(failed(file))
}

fn make_folder(file: &Path) -> std::io::Result<()> {
    match file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => fs::create_dir_all(folder),
        None => Ok(()),
    }
}

/// Removes `file` if it is there.
fn remove(file: &Path) -> Result<(), TunerError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(file)(error)),
        _ => Ok(()),
    }
}

fn failed(file: &Path) -> impl Fn(std::io::Error) -> TunerError {
    let file = file.to_owned();
    move |source| TunerError::Model { file: file.clone(), source }
}
