//! The teacher of knowledge distillation: a soft network, which is trained first and then scores
//! the training set.

use std::sync::atomic::AtomicBool;

use ndarray::Array2;

use crate::data::Coded;
use crate::network::{Activations, Network, Pass};
use crate::seed::Seed;
use crate::team;

use super::learner::Learner;
use super::{Average, Distillation, TrainingConfig, TrainingError};

/// Number of samples per batch when the teacher scores the training set.
pub(super) const BATCH: usize = 256;

/// Trains a copy of `network` on `set` as the teacher. Returns its scores of that set (N samples, K
/// classes). It ends soon after `stop` is set.
///
/// # Errors
/// The training of the teacher fails, or is stopped.
pub(super) fn teach(
    distillation: Distillation,
    network: &Network,
    set: &Coded,
    config: &TrainingConfig,
    seed: &Seed,
    stop: Option<&'static AtomicBool>,
) -> Result<Array2<f32>, TrainingError> {
    let mut teacher = network.clone();
    let config = TrainingConfig {
        epochs: distillation.epochs,
        rate_penalty: 0.0,
        average: Average::None,
        quantized: None,
        ..config.clone()
    };
    let mut learner = Learner::new(&mut teacher, None, set, &config, seed);
    learner.stop = stop;
    for _ in 0..distillation.epochs {
        team::within(|| learner.epoch()).map_err(|error| match error {
            TrainingError::Stopped { .. } => error,
            error => TrainingError::Teacher(Box::new(error)),
        })?;
    }
    Ok(team::within(|| soft_scores(&teacher, set)))
}

/// The scores of `network` on `set` (N samples, K classes), at the sharpness that the network has.
fn soft_scores(network: &Network, set: &Coded) -> Array2<f32> {
    let samples: Vec<u32> = (0..set.labels.len() as u32).collect();
    let mut activations = Activations::new(network, BATCH);
    let mut scores = Array2::zeros((samples.len(), network.classes()));
    for (batch, chosen) in samples.chunks(BATCH).enumerate() {
        activations.load(set.inputs.view(), set.max, chosen);
        network.forward(&mut activations, Pass::Evaluation);
        let first = batch * BATCH;
        scores.slice_mut(ndarray::s![first..first + chosen.len(), ..]).assign(&activations.scores());
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::fixtures::{config, network, patterns};
    use crate::training::{Method, Sharpener, Simple, Trainer};

    #[test]
    fn a_teacher_is_a_network_trained_without_sharpening() {
        let (set, seed, untrained) = (patterns(100, 1), Seed::root(5), network(true, 0.2));
        let never = Simple { start_epoch: 1000, ..Simple::default() };
        let method = Method::Sharpen { sharpener: Sharpener::Simple(never) };
        let config = TrainingConfig { method, epochs: 3, ..config() };
        let mut soft = untrained.clone();
        let mut trainer = Trainer::new(&mut soft, &set, &set, &config, &seed).expect("all fits");
        while !trainer.is_done() {
            trainer.epoch().expect("nothing diverges");
        }
        let distillation = Distillation { epochs: 3, share: 0.5 };
        let scores = teach(distillation, &untrained, &set, &config, &seed, None).expect("nothing diverges");
        assert_eq!(scores, soft_scores(&soft, &set));
        let right =
            scores.outer_iter().zip(&set.labels).filter(|(row, label)| (row[1] > row[0]) == (**label == 1));
        assert!(right.count() > 95);
    }

    #[test]
    fn a_network_with_the_teacher_as_its_only_target_ignores_the_labels() {
        let config = TrainingConfig {
            distillation: Some(Distillation { epochs: 1, share: 1.0 }),
            label_smoothing: 0.2,
            ..config()
        };
        let scores = Array2::from_shape_fn((100, 2), |(sample, class)| (sample % 7) as f32 * class as f32);
        let trained = |labels: Vec<u16>| {
            let set = Coded { labels, ..patterns(100, 1) };
            let mut network = network(false, 0.0);
            let mut learner = Learner::new(&mut network, None, &set, &config, &Seed::root(4));
            learner.teacher_scores = Some(scores.clone());
            learner.epoch().expect("nothing diverges");
            network
        };
        assert_eq!(trained(vec![0; 100]), trained(patterns(100, 1).labels));
    }
}
