//! Epochs of learning: each batch takes a forward pass, a backward pass and a step of the
//! gradient-descent rule.

use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::Array2;

use crate::data::Coded;
use crate::network::{Activations, Gradients, Loss, Network, Pass, Teacher};
use crate::seed::Seed;

use super::batches::Batches;
use super::methods::average::Averaging;
use super::methods::binarization::Binarization;
use super::methods::class_weights::class_weights;
use super::methods::position::BatchPosition;
use super::methods::rounding::Rounding;
use super::methods::rule::Descent;
use super::watch::Watch;
use super::{Method, TrainingConfig, TrainingError};

/// A network that learns, with the state and the buffers of its training.
///
/// Between two epochs its state is in these fields: `network`, `binarization`, `descent`,
/// `averaging`, `watch`, `epochs` and `teacher_scores`. All other fields are settings or buffers, or follow from the
/// seed; `rounding` is chosen anew at the beginning of an epoch.
pub(super) struct Learner<'a> {
    /// The network that learns.
    pub network: &'a mut Network,
    config: &'a TrainingConfig,
    seed: Seed,
    batches: Batches<'a>,
    /// The state of the method, which makes activations binary.
    pub binarization: Binarization,
    /// The state of the gradient-descent rule.
    pub descent: Descent,
    /// The state of the average of the parameters.
    pub averaging: Averaging,
    /// The checks that end a failed training early.
    pub watch: Watch,
    /// The number of epochs done.
    pub epochs: u32,
    /// A switch that ends an epoch between two batches; `None` if there is none.
    pub stop: Option<&'static AtomicBool>,
    /// The scores of the teacher (N samples, K classes), if there is one.
    pub teacher_scores: Option<Array2<f32>>,
    /// The scores of the teacher on the current batch (B samples, K classes).
    teacher_batch: Array2<f32>,
    /// The scales to which weights are rounded, in epochs that round them; else `None`.
    pub(super) rounding: Option<Rounding>,
    /// The weight of each class in the loss; empty if all are 1.
    class_weights: Vec<f32>,
    activations: Activations,
    gradients: Gradients,
}

impl<'a> Learner<'a> {
    /// A learner that trains `network` on `set`. All random numbers come from `seed`. Without a
    /// method of binarization, every layer stays at sharpness 0: its activation is a bounded ReLU.
    pub fn new(
        network: &'a mut Network,
        method: Option<Method>,
        set: &'a Coded,
        config: &'a TrainingConfig,
        seed: &Seed,
    ) -> Self {
        let batches = Batches::new(set, config.batch_size, config.augmentation, seed);
        let capacity = batches.capacity();
        Self {
            binarization: Binarization::new(method, network),
            descent: Descent::new(config.rule, config.weight_decay, network),
            averaging: Averaging::new(config.average),
            watch: Watch::new(network.classes()),
            epochs: 0,
            stop: None,
            teacher_scores: None,
            teacher_batch: Array2::zeros((capacity, network.classes())),
            rounding: None,
            class_weights: class_weights(&set.labels, network.classes(), config.class_weights),
            activations: Activations::new(network, capacity),
            gradients: Gradients::new(network, capacity),
            network,
            config,
            seed: seed.clone(),
            batches,
        }
    }

    /// Runs one epoch. Returns its mean training loss.
    ///
    /// # Errors
    /// The loss explodes or is not finite, a weight is not finite, or the switch is set. The network
    /// of a stopped epoch is of no use.
    pub fn epoch(&mut self) -> Result<f64, TrainingError> {
        let epoch = self.epochs;
        self.epochs += 1;
        self.batches.shuffle(epoch);
        self.choose_scales(epoch);
        let batches = self.batches.count();
        let mut total = 0.0;
        for batch in 0..batches {
            if self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                return Err(TrainingError::Stopped { epoch: self.epochs });
            }
            let loss = self.step(BatchPosition { epoch, batch, batches });
            self.watch.batch(self.epochs, loss)?;
            total += loss * self.batches.labels().len() as f64;
        }
        if !self.network.is_finite() {
            return Err(TrainingError::Diverged { epoch: self.epochs, what: "a weight" });
        }
        let loss = total / self.batches.samples() as f64;
        self.binarization.after_epoch(epoch, loss);
        if self.binarization.is_exact() {
            let left = self.end().saturating_sub(self.epochs);
            self.averaging.after_epoch(left, self.config.epochs, self.network);
        }
        Ok(loss)
    }

    /// Whether all epochs are done.
    pub fn is_done(&self) -> bool {
        let exact_at_the_end = self.binarization.is_exact() && self.epochs >= self.end();
        self.epochs >= self.config.epochs || exact_at_the_end
    }

    /// Ends the training after its last epoch. If the settings ask for it, the network gets the
    /// averaged and the rounded weights.
    pub fn finish(&mut self) {
        let averaged = self.averaging.finish(self.network);
        // An adaptive sharpener may end the training before an epoch has rounded weights.
        if let Some(quantized) = self.config.quantized.filter(|_| averaged || self.rounding.is_none()) {
            self.rounding = Some(Rounding::new(quantized, self.network));
        }
        if let Some(mut rounding) = self.rounding.take() {
            rounding.round(self.network);
        }
        if averaged && self.network.norm_updates().iter().any(|&updates| updates > 0) {
            self.measure_statistics();
        }
    }

    /// Calls `task` with the network and returns its result. If this epoch rounds weights, the
    /// network has rounded weights during the call.
    pub fn with_deployed<T>(&mut self, task: impl FnOnce(&Network) -> T) -> T {
        if let Some(rounding) = &mut self.rounding {
            rounding.round(self.network);
        }
        let result = task(self.network);
        if let Some(rounding) = &self.rounding {
            rounding.restore(self.network);
        }
        result
    }

    /// The number of epochs after which training ends, as far as this is known now.
    fn end(&self) -> u32 {
        self.binarization.end(self.config.epochs, self.network.sharpness().len() as u32)
    }

    /// Chooses the scales to which weights are rounded, if `epoch` is one of the last epochs, which
    /// round them.
    fn choose_scales(&mut self, epoch: u32) {
        let begins = |quantized: &super::Quantized| epoch.saturating_add(quantized.epochs) >= self.end();
        self.rounding =
            self.config.quantized.filter(begins).map(|quantized| Rounding::new(quantized, self.network));
    }

    /// Learns from one batch. Returns its mean loss.
    fn step(&mut self, position: BatchPosition) -> f64 {
        let BatchPosition { epoch, batch, batches } = position;
        self.binarization.before_batch(position, self.config.epochs, self.network);
        self.batches.load(batch, &mut self.activations);
        if let Some(rounding) = &mut self.rounding {
            rounding.round(self.network);
        }
        let dropout = self.seed.child("dropout").index(u64::from(epoch)).index(batch as u64);
        self.network.forward(&mut self.activations, Pass::Training(&dropout));
        self.network.update_running_statistics(&self.activations);
        let loss = self.backward(batch);
        if let Some(rounding) = &self.rounding {
            rounding.restore(self.network);
        }
        let step = u64::from(epoch) * batches as u64 + batch as u64;
        let steps = u64::from(self.config.epochs) * batches as u64;
        self.descend(self.config.schedule.factor(self.config.warm_up, step, steps));
        loss
    }

    /// Computes the gradients for a batch. Returns its mean loss.
    fn backward(&mut self, batch: usize) -> f64 {
        let teacher = self.teacher_scores.as_ref().map(|scores| Teacher {
            scores: self.batches.rows_of(batch, scores, &mut self.teacher_batch),
            share: self.config.distillation.map_or(0.0, |distillation| distillation.share),
        });
        let loss = Loss {
            temperature: self.config.temperature,
            smoothing: self.config.label_smoothing,
            rate_penalty: self.config.rate_penalty,
            class_weights: (!self.class_weights.is_empty()).then_some(&*self.class_weights),
            teacher,
        };
        self.network.backward(&self.activations, self.batches.labels(), loss, &mut self.gradients)
    }

    /// Does a step of the gradient-descent rule, and of the average once all layers are sharp.
    /// `factor` scales the learning rate.
    fn descend(&mut self, factor: f64) {
        let exact = self.binarization.is_exact();
        if exact {
            self.averaging.before_step(self.network);
        }
        self.descent.step(self.network, &self.gradients, factor);
        if exact {
            self.averaging.after_step(self.network);
        }
    }

    /// Computes the running statistics of batch norm anew, in one pass over the training set.
    fn measure_statistics(&mut self) {
        self.batches.shuffle(self.epochs);
        let mut before = 0;
        for batch in 0..self.batches.count() {
            self.batches.load(batch, &mut self.activations);
            let dropout = self.seed.child("statistics").index(batch as u64);
            self.network.forward(&mut self.activations, Pass::Training(&dropout));
            self.network.average_running_statistics(&self.activations, before);
            before += self.activations.batch();
        }
    }
}

#[cfg(test)]
impl Learner<'_> {
    /// The size of the buffers without the network, in bytes.
    pub fn bytes(&mut self) -> u64 {
        let moments: usize = self.descent.moments_mut().flatten().map(|moments| size_of_val(moments)).sum();
        let average: usize =
            self.averaging.tensors_mut().iter().map(|tensor| size_of_val(tensor.as_slice())).sum();
        let scores = self.class_weights.len()
            + self.teacher_batch.len()
            + self.teacher_scores.as_ref().map_or(0, |scores| scores.len());
        let passes = self.activations.bytes() + self.gradients.bytes() + self.batches.bytes();
        (moments + average + scores * size_of::<f32>()) as u64 + passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::Rule;
    use crate::training::fixtures::{config, network, patterns};

    #[test]
    fn statistics_computed_again_are_those_of_the_training_set() {
        let (set, config, mut network) = (patterns(1000, 1), config(), network(true, 0.0));
        for tensor in network.state_mut().into_iter().filter(|tensor| !tensor.learnt) {
            tensor.values.fill(50.0);
        }
        Learner::new(&mut network, None, &set, &config, &Seed::root(2)).measure_statistics();
        let panels: Vec<_> = network.weight_panels_mut().map(|panel| panel.to_vec()).collect();
        let weights = Array2::from_shape_fn((set.inputs.ncols(), 70), |(input, neuron)| {
            f64::from(panels[neuron / 16][input][neuron % 16])
        });
        let sums = set.inputs.map(|&input| f64::from(input)).dot(&weights);
        let statistic = |network: &mut Network, name: &str| {
            let found = network.state_mut().into_iter().find(|tensor| tensor.name == name);
            found.expect("there is batch norm").values.to_vec()
        };
        let means = statistic(&mut network, "layers.0.mean");
        let variances = statistic(&mut network, "layers.0.variance");
        for ((column, mean), variance) in sums.columns().into_iter().zip(means).zip(variances) {
            let expected = column.iter().sum::<f64>() / 1000.0;
            let spread = column.iter().map(|sum| (sum - expected).powi(2)).sum::<f64>() / 1000.0;
            // The mean over batches is exact. The variance inside batches lacks the variance of
            // their means, 1/32 of it, which the unbiased estimate adds on average.
            assert!((f64::from(mean) - expected).abs() < 1e-5 * spread.sqrt().max(1.0), "{mean} {expected}");
            assert!((f64::from(variance) / spread - 1.0).abs() < 0.02, "{variance} {spread}");
        }
    }

    #[test]
    fn a_balanced_epoch_is_one_in_which_rare_samples_are_repeated() {
        // Three samples of class 0, and one of class 1 that counts three times, in one batch.
        let all = patterns(6, 1);
        let chosen = |rows: &[usize]| Coded {
            inputs: all.inputs.select(ndarray::Axis(0), rows),
            labels: rows.iter().map(|&row| all.labels[row]).collect(),
            ..all.clone()
        };
        let epoch = |set: &Coded, class_weights: f32| {
            let config = TrainingConfig { class_weights, rule: Rule::sgd(0.05, 0.0), ..config() };
            let mut network = network(false, 0.0);
            let loss = Learner::new(&mut network, None, set, &config, &Seed::root(4)).epoch();
            let weights: Vec<f32> =
                network.state_mut().iter().flat_map(|tensor| tensor.values.iter().copied()).collect();
            (loss.expect("nothing diverges"), weights)
        };
        let (loss, weights) = epoch(&chosen(&[0, 2, 4, 1]), 1.0);
        let (expected, repeated) = epoch(&chosen(&[0, 2, 4, 1, 1, 1]), 0.0);
        assert!((loss - expected).abs() < 1e-5, "{loss} {expected}");
        let apart = weights.iter().zip(&repeated).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-5, "{apart}");
        let (plain, _) = epoch(&chosen(&[0, 2, 4, 1]), 0.0);
        assert!((plain - expected).abs() > 1e-3, "weights matter: {plain}");
    }
}
