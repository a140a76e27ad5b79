//! The memory that a training needs, computed before it begins.

use crate::network::{Footprint, Spec, SpecError};
use crate::units::Bytes;

use super::{Average, TrainingConfig, evaluation, teacher};

/// Bytes of one float.
const FLOAT: u64 = size_of::<f32>() as u64;

/// The peak memory of training a network of the plan `spec`, in bytes. It includes the coded
/// samples: `train` of them to learn from, `validation` to evaluate on.
///
/// It is an upper bound. If a dense layer skips inputs of 0, the bound counts the batch with the
/// fewest zeros for which it does. It leaves out two things: the scratch memory of each thread,
/// which is small, and the samples before coding, which are shared.
///
/// # Errors
/// The first mistake in the plan.
///
/// ```
/// use spiketune::network::{HeadSpec, Spec, Volume};
/// use spiketune::training::{TrainingConfig, memory};
///
/// let head = HeadSpec { classes: 2, redundancy: 8, overlapping: false, batch_norm: false };
/// let spec = Spec { input: Volume::flat(100), hidden: vec![], head };
/// let config = TrainingConfig::whetstone();
/// assert!(memory(&spec, &config, 1000, 100)? < memory(&spec, &config, 2000, 100)?);
/// # Ok::<(), spiketune::network::SpecError>(())
/// ```
pub fn memory(
    spec: &Spec,
    config: &TrainingConfig,
    train: usize,
    validation: usize,
) -> Result<Bytes, SpecError> {
    let footprint = spec.footprint()?;
    let learner = learner(spec, &footprint, config, train);
    let always = footprint.network + learner + evaluator(&footprint) + coded(spec, train + validation);
    let average = if config.average == Average::None { 0 } else { footprint.learnt };
    // The unrounded weights, kept beside the rounded ones.
    let rounding = config.quantized.map_or(0, |_| footprint.weights);
    let later = average + rounding;
    let Some(_) = config.distillation else { return Ok(Bytes(always + later)) };
    let scores = train as u64 * spec.head.classes as u64 * FLOAT;
    let teaching = footprint.network + learner + footprint.activations.for_samples(teacher::BATCH);
    Ok(Bytes(always + scores + later.max(teaching)))
}

/// The memory of a checkpoint of a training with `train` samples, in bytes: an upper bound.
///
/// # Errors
/// The first mistake in the plan.
pub fn checkpoint_memory(spec: &Spec, config: &TrainingConfig, train: usize) -> Result<Bytes, SpecError> {
    let footprint = spec.footprint()?;
    let average = if config.average == Average::None { 0 } else { footprint.learnt };
    let moments = config.rule.moments() as u64 * footprint.learnt;
    let scores = config.distillation.map_or(0, |_| train as u64 * spec.head.classes as u64 * FLOAT);
    Ok(Bytes(footprint.network + average + moments + scores))
}

/// Bytes of a learner, without its network.
fn learner(spec: &Spec, footprint: &Footprint, config: &TrainingConfig, train: usize) -> u64 {
    let capacity = config.batch_size.min(train);
    let passes = footprint.activations.for_samples(capacity) + footprint.gradients.for_samples(capacity);
    let moments = config.rule.moments() as u64 * footprint.learnt;
    let teacher = spec.head.classes as u64 * FLOAT;
    let class_weights = if config.class_weights > 0.0 { teacher } else { 0 };
    let augmented = if config.augmentation.is_none() { 0 } else { spec.input.len() + size_of::<u32>() };
    let per_sample = (size_of::<u16>() + augmented) as u64 + teacher;
    passes + moments + class_weights + per_sample * capacity as u64 + (train * size_of::<u32>()) as u64
}

/// Bytes of an evaluator.
fn evaluator(footprint: &Footprint) -> u64 {
    footprint.activations.for_samples(evaluation::BATCH) + footprint.totals
}

/// Bytes of coded samples with their labels.
fn coded(spec: &Spec, samples: usize) -> u64 {
    samples as u64 * (spec.input.len() + size_of::<u16>()) as u64
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use rand::RngExt;

    use super::*;
    use crate::data::{Augmentation, Coded};
    use crate::network::{HeadSpec, LayerSpec, Network, Volume, Window};
    use crate::seed::Seed;
    use crate::training::{Rule, Trainer};

    /// Full batches only: the lists of inputs that are not 0 have the length of the last batch.
    const TRAIN: usize = 320;
    const VALIDATION: usize = evaluation::BATCH;

    /// Random samples, in which a third of the inputs are not 0.
    fn samples(count: usize, spec: &Spec) -> Coded {
        let mut stream = Seed::root(1).stream();
        let Volume { height, width, channels } = spec.input;
        let inputs = Array2::from_shape_fn((count, spec.input.len()), |_| u8::from(stream.random_bool(0.33)));
        let labels = (0..count).map(|sample| (sample % 10) as u16).collect();
        Coded { inputs, shape: [height, width, channels], max: 1, labels }
    }

    fn coded_bytes(set: &Coded) -> u64 {
        (set.inputs.len() + size_of_val(set.labels.as_slice())) as u64
    }

    /// Bytes of the buffers of a training after its first epoch.
    fn allocated(spec: &Spec, config: &TrainingConfig) -> u64 {
        let (set, validation) = (samples(TRAIN, spec), samples(VALIDATION, spec));
        let mut network = Network::build(spec, &Seed::root(1)).unwrap();
        let weights = network.bytes();
        let seed = Seed::root(2);
        let mut trainer = Trainer::new(&mut network, &set, &validation, config, &seed).unwrap();
        trainer.epoch().unwrap();
        let buffers = trainer.learner.bytes() + trainer.evaluator_bytes();
        weights + buffers + coded_bytes(&set) + coded_bytes(&validation)
    }

    fn assert_predicted(spec: &Spec, config: &TrainingConfig) {
        let (predicted, real) = (memory(spec, config, TRAIN, VALIDATION).unwrap().0, allocated(spec, config));
        let ratio = predicted as f64 / real as f64;
        assert!((0.9..1.1).contains(&ratio), "{predicted} for {real}");
        assert!(ratio >= 1.0, "an upper bound: {predicted} for {real}");
    }

    fn head() -> HeadSpec {
        HeadSpec { classes: 10, redundancy: 6, overlapping: false, batch_norm: true }
    }

    #[test]
    fn the_memory_of_a_dense_network_is_as_predicted() {
        let dense = |width| LayerSpec::Dense { width, batch_norm: true, dropout: 0.1 };
        let spec = Spec { input: Volume::flat(784), hidden: vec![dense(200), dense(90)], head: head() };
        for rule in [Rule::adam(1e-3), Rule::sgd(1e-2, 0.0)] {
            assert_predicted(&spec, &TrainingConfig { rule, batch_size: 64, ..TrainingConfig::whetstone() });
        }
        // A batch size above the number of samples.
        assert_predicted(&spec, &TrainingConfig { batch_size: 5000, ..TrainingConfig::whetstone() });
    }

    #[test]
    fn the_memory_of_a_convolutional_network_is_as_predicted() {
        let convolution = |channels, side, padding| {
            let window = Window { padding, ..Window::square(side, 1) };
            LayerSpec::Convolution { channels, window, batch_norm: true, dropout: 0.0 }
        };
        let hidden = vec![
            convolution(20, 5, 2),
            LayerSpec::MaxPool { size: 2, stride: 2 },
            convolution(40, 3, 1),
            LayerSpec::Dense { width: 50, batch_norm: false, dropout: 0.0 },
        ];
        let input = Volume { height: 16, width: 16, channels: 3 };
        let augmentation = Augmentation { shift: 2, ..Augmentation::none() };
        let spec = Spec { input, hidden, head: head() };
        let config = TrainingConfig { augmentation, batch_size: 40, ..TrainingConfig::whetstone() };
        assert_predicted(&spec, &config);
    }

    #[test]
    fn the_teacher_is_counted_while_it_learns() {
        let spec = Spec { input: Volume::flat(300), hidden: Vec::new(), head: head() };
        let config = TrainingConfig::whetstone();
        let distillation = Some(super::super::Distillation { epochs: 1, share: 0.5 });
        let with_teacher = TrainingConfig { distillation, ..config.clone() };
        let alone = memory(&spec, &config, 500, 100).unwrap().0;
        assert!(
            memory(&spec, &with_teacher, 500, 100).unwrap().0 > alone + spec.footprint().unwrap().network
        );
    }
}
