//! The checkpoint of a training: a file with its whole state. The training resumes from it with the
//! same bits.
//!
//! The file is in the safetensors format. Its tensors are in `f32`. `network.layers.L.PART` are
//! those of layer L. `rule.T.first` and `rule.T.second` are the moments that the gradient-descent
//! rule keeps for tensor T. `average.T` is the average of tensor T. `taught` holds the scores of
//! the teacher. Its metadata are `format`; `progress`, the rest of the state as JSON; and `sha256`,
//! the checksum of `progress` and of all tensors.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

use super::methods::sharpener::Sharpening;
use super::watch::Watch;
use crate::network::with_sorted_metadata;
use crate::output;

/// Value of the metadata key `format`.
const FORMAT: &str = "training-checkpoint-1";

/// The state of a training after some epochs.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    pub(super) progress: TrainingState,
    /// The tensors by name; empty tensors are left out.
    pub(super) tensors: BTreeMap<String, Vec<f32>>,
}

/// The state of a training, except for its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrainingState {
    /// The identity of the training: a checksum of settings, data, key (which output neurons belong
    /// to which class) and seed.
    pub training: String,
    /// The number of epochs done.
    pub epochs: u32,
    /// Number of steps that the gradient-descent rule has done.
    pub steps: u64,
    /// The sharpness of each layer.
    pub sharpness: Vec<f32>,
    /// The state of the sharpener, if the method has one (it makes the layers' steps sharp).
    pub sharpening: Option<Sharpening>,
    /// The first epoch in which all layers were sharp; `None` until then.
    pub exact_in: Option<u32>,
    /// How often the running statistics of each layer's batch norm were updated.
    #[serde(deserialize_with = "one_or_each")]
    pub norm_updates: Vec<u32>,
    /// Number of epochs or steps in the average of the parameters.
    pub averaged: u64,
    /// The state of the checks that end a failed training early.
    pub watch: Watch,
    /// Training loss and validation accuracy of the last epoch; `None` before the first.
    pub last: Option<(f64, f64)>,
}

/// Numbers of layers, or the one number of all of them that older checkpoints have.
fn one_or_each<'de, D: Deserializer<'de>>(numbers: D) -> Result<Vec<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Numbers {
        One(u32),
        Each(Vec<u32>),
    }
    Ok(match Numbers::deserialize(numbers)? {
        Numbers::One(number) => vec![number],
        Numbers::Each(numbers) => numbers,
    })
}

/// An error of reading a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is no checkpoint of a training by this program.
    #[error("not a training's checkpoint as `tune` writes it; delete it to start again")]
    Foreign,
    /// The content of the file is not what was written.
    #[error("a damaged checkpoint: its checksum does not fit; delete it to start again")]
    Damaged,
}

impl Checkpoint {
    /// The number of epochs done.
    pub fn epochs(&self) -> u32 {
        self.progress.epochs
    }

    /// Writes the checkpoint to `file`, atomically: a reader sees the old file or the new one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, file: &Path) -> io::Result<()> {
        output::write(file, &self.to_bytes())
    }

    /// Reads a checkpoint that [`Checkpoint::save`] wrote.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or is no checkpoint.
    pub fn load(file: &Path) -> Result<Self, CheckpointError> {
        Self::from_bytes(&std::fs::read(file)?)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let progress = serde_json::to_string(&self.progress).expect("progress is plain data");
        let data: BTreeMap<&str, Vec<u8>> = self
            .tensors
            .iter()
            .map(|(name, values)| {
                (name.as_str(), values.iter().flat_map(|value| value.to_le_bytes()).collect())
            })
            .collect();
        let sha256 = checksum(&progress, data.iter().map(|(name, data)| (*name, data.as_slice())));
        let metadata = HashMap::from([
            ("format".to_owned(), FORMAT.to_owned()),
            ("progress".to_owned(), progress),
            ("sha256".to_owned(), sha256),
        ]);
        let views = data.iter().map(|(name, data)| {
            let view = TensorView::new(Dtype::F32, vec![data.len() / 4], data);
            (*name, view.expect("as many bytes as the shape says"))
        });
        with_sorted_metadata(safetensors::serialize(views, Some(metadata)).expect("views are valid"))
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let foreign = |_| CheckpointError::Foreign;
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(foreign)?;
        let metadata = metadata.metadata().clone().unwrap_or_default();
        if metadata.get("format").map(String::as_str) != Some(FORMAT) {
            return Err(CheckpointError::Foreign);
        }
        let damaged = || CheckpointError::Damaged;
        let found: BTreeMap<String, TensorView<'_>> =
            SafeTensors::deserialize(bytes).map_err(|_| damaged())?.tensors().into_iter().collect();
        let progress = metadata.get("progress").ok_or_else(damaged)?;
        let sha256 = checksum(progress, found.iter().map(|(name, view)| (name.as_str(), view.data())));
        if metadata.get("sha256") != Some(&sha256) || found.values().any(|view| view.dtype() != Dtype::F32) {
            return Err(damaged());
        }
        let progress = serde_json::from_str(progress).map_err(|_| CheckpointError::Foreign)?;
        let numbers = |view: TensorView<'_>| {
            view.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
        };
        let tensors = found.into_iter().map(|(name, view)| (name, numbers(view))).collect();
        Ok(Self { progress, tensors })
    }
}

/// The SHA-256, in hexadecimal digits, of `progress` and of the name and the bytes of each tensor.
/// Tensors come in the order of their names, and each part is preceded by its length.
fn checksum<'a>(progress: &str, tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hasher = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    add(progress.as_bytes());
    for (name, data) in tensors {
        add(name.as_bytes());
        add(data);
    }
    hex(hasher)
}

/// The digest in hexadecimal digits.
pub(super) fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let progress = TrainingState {
            training: "0f".repeat(32),
            epochs: 3,
            steps: 12,
            sharpness: vec![1.0, 0.25],
            sharpening: None,
            exact_in: Some(2),
            norm_updates: vec![12, 11],
            averaged: 1,
            watch: Watch::new(2),
            last: Some((0.5, 0.75)),
        };
        let tensor = |name: &str, values: &[f32]| (name.to_owned(), values.to_vec());
        let tensors = [tensor("average.0", &[0.5, -0.0]), tensor("network.layers.0.bias", &[1e-40; 16])];
        Checkpoint { progress, tensors: BTreeMap::from(tensors) }
    }

    #[test]
    fn an_older_checkpoint_has_one_number_for_all_layers() {
        let mut state = serde_json::to_value(&checkpoint().progress).expect("it is JSON");
        state["norm_updates"] = 12.into();
        let state: TrainingState = serde_json::from_value(state).expect("read");
        assert_eq!(state.norm_updates, [12]);
    }

    #[test]
    fn a_checkpoint_survives_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("training.safetensors");
        checkpoint().save(&file).expect("written");
        assert_eq!(Checkpoint::load(&file).expect("read"), checkpoint());
    }

    #[test]
    fn a_file_with_any_byte_changed_or_its_end_missing_is_refused() {
        let bytes = checkpoint().to_bytes();
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 4;
            assert!(Checkpoint::from_bytes(&damaged).is_err(), "byte {place}");
        }
        for length in 0..bytes.len() {
            assert!(Checkpoint::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
        }
        let mut damaged = bytes.clone();
        *damaged.last_mut().expect("a byte") ^= 1;
        let problem = Checkpoint::from_bytes(&damaged).expect_err("damaged").to_string();
        assert_eq!(problem, "a damaged checkpoint: its checksum does not fit; delete it to start again");
        let problem = Checkpoint::from_bytes(b"something else entirely").expect_err("foreign").to_string();
        assert_eq!(problem, "not a training's checkpoint as `tune` writes it; delete it to start again");
    }
}
