//! Takes a checkpoint of a training, and resumes a training from one.

use ndarray::Array2;
use sha2::{Digest, Sha256};

use crate::data::Coded;
use crate::network::Network;
use crate::seed::Seed;

use super::checkpoint::{Checkpoint, TrainingState, hex};
use super::methods::rounding::Rounding;
use super::{Trainer, TrainingConfig, TrainingError};

/// The tensor with the scales of rounded weights, in epochs that round them.
const SCALES: &str = "rounding.scales";

impl<'a> Trainer<'a> {
    /// Resumes the training of which `checkpoint` is the state. The result is the same as without
    /// an interruption.
    ///
    /// `network` must be built from the same plan and seed. The sets, `config` and `seed` must be
    /// those of the first part of the training.
    ///
    /// # Errors
    /// A setting is out of its range, a set does not fit the network, or the checkpoint belongs to
    /// another training.
    pub fn resume(
        network: &'a mut Network,
        train: &'a Coded,
        validation: &'a Coded,
        config: &'a TrainingConfig,
        seed: &'a Seed,
        checkpoint: &Checkpoint,
    ) -> Result<Self, TrainingError> {
        let mut trainer = Self::without_teacher(network, train, validation, config, seed)?;
        trainer.restore(checkpoint)?;
        Ok(trainer)
    }

    /// The state after the epochs so far, as a checkpoint.
    pub fn checkpoint(&mut self) -> Checkpoint {
        let training = identity(self);
        let learner = &self.learner;
        let progress = TrainingState {
            training,
            epochs: learner.epochs,
            steps: learner.descent.steps,
            sharpness: learner.network.sharpness().to_vec(),
            sharpening: learner.binarization.sharpening.clone(),
            exact_in: learner.binarization.exact_in,
            norm_updates: learner.network.norm_updates(),
            averaged: learner.averaging.taken,
            watch: learner.watch,
            last: self.last,
        };
        let tensors = tensors_mut(self).into_iter().map(|(name, values)| (name, values.to_vec()));
        Checkpoint { progress, tensors: tensors.collect() }
    }

    /// Takes over the state in `checkpoint`. This training must be before its first epoch.
    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), TrainingError> {
        let differs = |what: &str| TrainingError::Checkpoint { what: what.to_owned() };
        let progress = &checkpoint.progress;
        let layers = self.learner.network.sharpness().len();
        if progress.training != identity(self) || progress.sharpness.len() != layers {
            return Err(differs("settings, data or seed"));
        }
        let learner = &mut self.learner;
        learner.epochs = progress.epochs;
        learner.descent.steps = progress.steps;
        learner.network.sharpness_mut().copy_from_slice(&progress.sharpness);
        learner.binarization.sharpening.clone_from(&progress.sharpening);
        learner.binarization.exact_in = progress.exact_in;
        learner.network.set_norm_updates(&progress.norm_updates);
        learner.averaging.restore(progress.averaged, learner.network);
        learner.watch = progress.watch;
        self.last = progress.last;
        if self.config.distillation.is_some() {
            let shape = (self.set.labels.len(), self.learner.network.classes());
            self.learner.teacher_scores = Some(Array2::zeros(shape));
        }
        if checkpoint.tensors.contains_key(SCALES) {
            self.learner.rounding =
                self.config.quantized.map(|quantized| Rounding::new(quantized, self.learner.network));
        }
        let tensors = tensors_mut(self);
        if tensors.len() != checkpoint.tensors.len() {
            return Err(differs("tensors"));
        }
        for (name, values) in tensors {
            match checkpoint.tensors.get(&name) {
                Some(saved) if saved.len() == values.len() => values.copy_from_slice(saved),
                _ => return Err(differs(&format!("numbers in {name}"))),
            }
        }
        Ok(())
    }
}

/// The tensors of a training's state with their names; empty tensors are left out.
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
        .teacher_scores
        .iter_mut()
        .map(|scores| ("taught".to_owned(), scores.as_slice_mut().expect("scores are contiguous")));
    let scales = learner.rounding.iter_mut().map(|rounding| (SCALES.to_owned(), rounding.scales_mut()));
    network
        .chain(rule)
        .chain(average)
        .chain(taught)
        .chain(scales)
        .filter(|(_, values)| !values.is_empty())
        .collect()
}

/// The identity of a training: the SHA-256 of its settings, seed, training set and key (which
/// output neurons belong to which class). In hexadecimal digits.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Augmentation, Sampling};
    use crate::network::{HeadSpec, LayerSpec, Shape, Spec, Surrogate, Volume, Window};
    use crate::training::fixtures::{config, network, patterns};
    use crate::training::{
        Adaptive, Average, Distillation, Method, Order, Quantized, Rule, Schedule, Scheduled, Sharpener,
        Simple,
    };

    /// Settings for six epochs that combine all that can be combined. The last batch has two
    /// samples.
    fn everything() -> TrainingConfig {
        let sampling = Sampling::Nearest;
        TrainingConfig {
            epochs: 6,
            method: Method::Surrogate { shape: Shape::Arctan, width: 1.0, final_width: 0.3 },
            schedule: Schedule::OneCycle,
            warm_up: 0.1,
            label_smoothing: 0.1,
            rate_penalty: 0.01,
            class_weights: 0.5,
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
    fn a_resumed_training_gives_the_same_bits_as_one_without_a_stop() {
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
    fn a_resumed_training_is_deployed_with_the_weights_of_its_last_epoch() {
        let (config, set, seed) = (everything(), patterns(98, 1), Seed::root(9));
        let mut network = network(true, 0.2);
        let mut whole = Trainer::new(&mut network, &set, &set, &config, &seed).expect("all fits");
        (0..3).for_each(|_| drop(whole.epoch().expect("nothing breaks down")));
        let saved = whole.checkpoint();
        let deployed = whole.with_deployed(|network| network.fold(1));
        let mut network = super::tests::network(true, 0.2);
        let mut resumed =
            Trainer::resume(&mut network, &set, &set, &config, &seed, &saved).expect("the same training");
        assert!(resumed.with_deployed(|network| network.fold(1)) == deployed);
        assert!(resumed.learner.network.fold(1) != deployed, "the weights behind are not rounded");
    }

    #[test]
    fn layers_that_a_batch_of_one_sample_updates_differently_resume_alike() {
        let window = Window { padding: 1, ..Window::square(3, 1) };
        let hidden = vec![
            LayerSpec::Convolution { channels: 6, window, batch_norm: true, dropout: 0.0 },
            LayerSpec::Dense { width: 20, batch_norm: true, dropout: 0.0 },
        ];
        let head = HeadSpec { classes: 2, redundancy: 4, overlapping: false, batch_norm: true };
        let input = Volume { height: 4, width: 5, channels: 1 };
        let built = Network::build(&Spec { input, hidden, head }, &Seed::root(1)).expect("the plan is right");
        let (set, seed) = (patterns(97, 1), Seed::root(9));
        let config = TrainingConfig { epochs: 4, batch_size: 32, ..config() };
        let train = |epochs: u32, from: Option<&Checkpoint>| {
            let mut network = built.clone();
            let mut trainer = match from {
                None => Trainer::new(&mut network, &set, &set, &config, &seed),
                Some(checkpoint) => Trainer::resume(&mut network, &set, &set, &config, &seed, checkpoint),
            }
            .expect("all fits");
            (0..epochs).for_each(|_| drop(trainer.epoch().expect("nothing breaks down")));
            let checkpoint = trainer.checkpoint();
            (network, checkpoint)
        };
        let (whole, _) = train(4, None);
        let updates = whole.norm_updates();
        assert!(updates[0] > updates[1], "the last batch has one sample: {updates:?}");
        let (_, half) = train(2, None);
        assert_eq!(train(2, Some(&half)).0, whole);
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
