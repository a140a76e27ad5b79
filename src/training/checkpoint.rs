//! The state of a training in a file, from which it goes on bit for bit.
//!
//! A safetensors file. Tensors in `f32`: `network.layers.L.PART`, `rule.T.first` and `.second` for tensor T
//! of the network, `average.T`, `taught`. Metadata: `format`, `progress` (everything else, as JSON), and
//! `sha256`, the checksum of `progress` and of all tensors.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::path::Path;

use ndarray::Array2;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::methods::sharpener::Sharpening;
use super::watch::Watch;
use super::{Trainer, TrainingError};

/// Value of the metadata key `format`.
const FORMAT: &str = "training-checkpoint-1";

/// The state of a training after so many epochs.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    progress: TrainingPosition,
    tensors: BTreeMap<String, Vec<f32>>,
}

/// All of the state that is not tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrainingPosition {
    /// Checksum of settings, data, key and seed.
    training: String,
    /// Done.
    epochs: u32,
    /// Of the rule.
    steps: u64,
    sharpness: Vec<f32>,
    sharpening: Option<Sharpening>,
    exact_in: Option<u32>,
    norm_updates: u32,
    averaged: u64,
    watch: Watch,
    /// Training loss and validation accuracy of the last epoch.
    last: Option<(f64, f64)>,
}

/// A file that holds no checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("not a training's checkpoint as `tune` writes it; delete it to start again")]
    Foreign,
    /// It is not as it was written.
    #[error("a damaged checkpoint: its checksum does not fit; delete it to start again")]
    Damaged,
}

impl Checkpoint {
    /// How many epochs were done.
    pub fn epochs(&self) -> u32 {
        self.progress.epochs
    }

    /// Writes the checkpoint to `file`, all at once: a reader sees the old file or the new.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, file: &Path) -> io::Result<()> {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut new = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        new.write_all(&self.to_bytes())?;
        new.as_file().sync_all()?;
        new.persist(file)?;
        Ok(())
    }

    /// Reads a checkpoint that [`Checkpoint::save`] wrote.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or holds something else.
    pub fn load(file: &Path) -> Result<Self, CheckpointError> {
        Self::from_bytes(&std::fs::read(file)?)
    }

    /// The state of `trainer`.
    pub(super) fn of(trainer: &mut Trainer<'_>) -> Self {
        let training = identity(trainer);
        let learner = &trainer.learner;
        let progress = TrainingPosition {
            training,
            epochs: learner.epochs,
            steps: learner.descent.steps,
            sharpness: learner.network.sharpness().to_vec(),
            sharpening: learner.binarization.sharpening.clone(),
            exact_in: learner.binarization.exact_in,
            norm_updates: learner.network.norm_updates(),
            averaged: learner.averaging.taken,
            watch: learner.watch,
            last: trainer.last,
        };
        let tensors = tensors_mut(trainer).into_iter().map(|(name, values)| (name, values.to_vec()));
        Self { progress, tensors: tensors.collect() }
    }

    /// Gives the state to a `trainer` that is as new.
    pub(super) fn restore(&self, trainer: &mut Trainer<'_>) -> Result<(), TrainingError> {
        let differs = |what: &str| TrainingError::Checkpoint { what: what.to_owned() };
        let progress = &self.progress;
        let layers = trainer.learner.network.sharpness().len();
        if progress.training != identity(trainer) || progress.sharpness.len() != layers {
            return Err(differs("settings, data or seed"));
        }
        let learner = &mut trainer.learner;
        learner.epochs = progress.epochs;
        learner.descent.steps = progress.steps;
        learner.network.sharpness_mut().copy_from_slice(&progress.sharpness);
        learner.binarization.sharpening.clone_from(&progress.sharpening);
        learner.binarization.exact_in = progress.exact_in;
        learner.network.set_norm_updates(progress.norm_updates);
        learner.averaging.restore(progress.averaged, learner.network);
        learner.watch = progress.watch;
        trainer.last = progress.last;
        if trainer.config.distillation.is_some() {
            let shape = (trainer.set.labels.len(), trainer.learner.network.classes());
            trainer.learner.taught = Some(Array2::zeros(shape));
        }
        let tensors = tensors_mut(trainer);
        if tensors.len() != self.tensors.len() {
            return Err(differs("tensors"));
        }
        for (name, values) in tensors {
            match self.tensors.get(&name) {
                Some(saved) if saved.len() == values.len() => values.copy_from_slice(saved),
                _ => return Err(differs(&format!("numbers in {name}"))),
            }
        }
        Ok(())
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
        safetensors::serialize(views, Some(metadata)).expect("views are valid")
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

/// The tensors of a training's state, by name; empty ones are left out.
fn tensors_mut<'b>(trainer: &'b mut Trainer<'_>) -> Vec<(String, &'b mut [f32])> {
    let learner = &mut trainer.learner;
    let network = learner.network.state_mut().into_iter();
    let network = network.map(|tensor| (format!("network.{}", tensor.name), tensor.values));
    let rule = learner.descent.moments_mut().enumerate().flat_map(|(index, [first, second])| {
        [(format!("rule.{index}.first"), first), (format!("rule.{index}.second"), second)]
    });
    let average = learner.averaging.tensors_mut().iter_mut().enumerate();
    let average = average.map(|(index, values)| (format!("average.{index}"), values.as_mut_slice()));
    let taught = learner
        .taught
        .iter_mut()
        .map(|scores| ("taught".to_owned(), scores.as_slice_mut().expect("scores are contiguous")));
    network.chain(rule).chain(average).chain(taught).filter(|(_, values)| !values.is_empty()).collect()
}

/// SHA-256 in hex of the progress and each tensor's name and bytes, in the order of names; lengths go before.
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

/// What makes a training the one it is: SHA-256 in hex of its settings, seed, training set and key.
fn identity(trainer: &Trainer<'_>) -> String {
    let mut hasher = Sha256::new();
    hasher.update(serde_json::to_string(trainer.config).expect("a configuration is plain data"));
    hasher.update(trainer.seed.to_u64().to_le_bytes());
    let set = trainer.set;
    hasher.update([set.max]);
    set.shape.iter().for_each(|&side| hasher.update((side as u64).to_le_bytes()));
    set.labels.iter().for_each(|label| hasher.update(label.to_le_bytes()));
    set.inputs.outer_iter().for_each(|row| hasher.update(row.to_slice().expect("a sample is contiguous")));
    trainer.learner.network.key().members().iter().for_each(|&member| hasher.update([u8::from(member)]));
    hex(hasher)
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Augmentation, Coded, Sampling};
    use crate::network::{Network, Shape, Surrogate};
    use crate::seed::Seed;
    use crate::training::fixtures::{config, network, patterns};
    use crate::training::{
        Adaptive, Average, Distillation, Method, Order, Quantized, Rule, Schedule, Scheduled, Sharpener,
        Simple, TrainingConfig,
    };

    /// Six epochs with all that can be combined, and two samples in the last batch.
    fn everything() -> TrainingConfig {
        let sampling = Sampling::Nearest;
        TrainingConfig {
            epochs: 6,
            method: Method::Surrogate { shape: Shape::Arctan, width: 1.0, final_width: 0.3 },
            schedule: Schedule::OneCycle,
            warm_up: 0.1,
            label_smoothing: 0.1,
            rate_penalty: 0.01,
            distillation: Some(Distillation { epochs: 1, share: 0.3 }),
            average: Average::Swa { share: 0.8 },
            quantized: Some(Quantized { bits: 4, epochs: 4 }),
            augmentation: Augmentation {
                shift: 1,
                flip: false,
                cutout: 1,
                rotation: 5.0,
                zoom: 0.1,
                sampling,
            },
            ..config()
        }
    }

    /// Runs `config` for `epochs` epochs, from a checkpoint if there is one.
    fn run(config: &TrainingConfig, epochs: u32, from: Option<&Checkpoint>) -> (Network, Checkpoint) {
        let (set, seed, mut network) = (patterns(98, 1), Seed::root(9), network(true, 0.2));
        let mut trainer = match from {
            None => Trainer::new(&mut network, &set, &set, config, &seed),
            Some(checkpoint) => Trainer::resume(&mut network, &set, &set, config, &seed, checkpoint),
        }
        .expect("all fits");
        for _ in 0..epochs {
            trainer.epoch().expect("nothing breaks down");
        }
        let checkpoint = trainer.checkpoint();
        (network, checkpoint)
    }

    fn methods() -> Vec<Method> {
        let order = Order::BottomUp;
        let simple = Sharpener::Simple(Simple { start_epoch: 0, steps: 2, order });
        let scheduled =
            Sharpener::Scheduled(Scheduled { start_epoch: 0, duration: 2, intermission: 0, order });
        let adaptive =
            Sharpener::Adaptive(Adaptive { min_init_epochs: 1, patience: 0, ..Adaptive::default() });
        let fast = Sharpener::Simple(Simple { start_epoch: 0, steps: 1, order });
        let surrogate = Surrogate { shape: Shape::Triangle, width: 0.8 };
        vec![
            Method::Sharpen { sharpener: simple },
            Method::Sharpen { sharpener: scheduled },
            Method::Sharpen { sharpener: adaptive },
            Method::Surrogate { shape: Shape::SigmoidDerivative, width: 1.0, final_width: 0.5 },
            Method::Hybrid { sharpener: fast, fine_tune: 3, surrogate },
        ]
    }

    #[test]
    fn a_training_that_was_saved_and_resumed_is_the_one_that_was_not() {
        let plain = TrainingConfig { epochs: 6, ..config() };
        let rules = [Rule::sgd(0.05, 0.9), Rule::adam(0.005), Rule::whetstone(), Rule::rms_prop(0.002)];
        let averages = [Average::Swa { share: 0.8 }, Average::Lookahead { steps: 3, alpha: 0.4 }];
        let surrogate = methods()[3];
        let configs = methods()
            .into_iter()
            .map(|method| TrainingConfig { method, ..plain.clone() })
            .chain(rules.map(|rule| TrainingConfig { rule, ..plain.clone() }))
            .chain(averages.map(|average| TrainingConfig { average, method: surrogate, ..plain.clone() }))
            .chain(averages.map(|average| TrainingConfig { average, method: methods()[4], ..plain.clone() }))
            .chain([everything()]);
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("training.safetensors");
        for config in configs {
            let (whole, last) = run(&config, 6, None);
            let (half, saved) = run(&config, 3, None);
            assert_ne!(half, whole);
            saved.save(&file).expect("written");
            let loaded = Checkpoint::load(&file).expect("read");
            assert_eq!((loaded.epochs(), &loaded), (3, &saved));
            let (resumed, end) = run(&config, 3, Some(&loaded));
            assert_eq!(resumed, whole, "{config:?}");
            assert_eq!(end, last, "{config:?}");
        }
    }

    #[test]
    fn a_file_with_any_bit_flipped_or_its_end_missing_is_refused() {
        let bytes = run(&TrainingConfig { epochs: 2, ..everything() }, 1, None).1.to_bytes();
        for place in (0..bytes.len()).step_by(97).chain(0..400.min(bytes.len())) {
            let mut damaged = bytes.clone();
            damaged[place] ^= 4;
            assert!(Checkpoint::from_bytes(&damaged).is_err(), "byte {place}");
        }
        for length in [0, 7, 300, bytes.len() - 1] {
            assert!(Checkpoint::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
        }
        let mut damaged = bytes.clone();
        *damaged.last_mut().expect("a byte") ^= 1;
        let problem = Checkpoint::from_bytes(&damaged).expect_err("damaged").to_string();
        assert_eq!(problem, "a damaged checkpoint: its checksum does not fit; delete it to start again");
        let problem = Checkpoint::from_bytes(b"something else entirely").expect_err("foreign").to_string();
        assert_eq!(problem, "not a training's checkpoint as `tune` writes it; delete it to start again");
    }

    #[test]
    fn a_checkpoint_of_another_training_is_refused() {
        let saved = run(&everything(), 1, None).1;
        let (set, seed) = (patterns(98, 1), Seed::root(9));
        let problem = |set: &Coded, config: &TrainingConfig, seed: &Seed| {
            let resumed =
                Trainer::resume(&mut network(true, 0.2), set, set, config, seed, &saved).map(|_| ());
            resumed.expect_err("another training").to_string()
        };
        let rule = "the checkpoint belongs to another training: its settings, data or seed differ; \
                    delete it to start again";
        assert_eq!(problem(&set, &TrainingConfig { epochs: 7, ..everything() }, &seed), rule);
        assert_eq!(problem(&set, &everything(), &Seed::root(10)), rule);
        assert_eq!(problem(&patterns(98, 2), &everything(), &seed), rule);
    }
}
