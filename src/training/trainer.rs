//! The loop over epochs and batches.

use std::ops::ControlFlow;
use std::time::Instant;

use rand::seq::SliceRandom;

use crate::data::Coded;
use crate::network::{Activations, Gradients, Network, Pass, Slope};
use crate::seed::Seed;
use crate::units::Seconds;

use super::rule::Descent;
use super::sharpener::{Position, Sharpening};
use super::{EpochReport, Evaluator, Method, Summary, TrainingConfig, TrainingError};

/// Trains `network` on `train`, evaluates it on `validation` after each epoch, and tells `observer`, which
/// may break it off.
///
/// Training ends after `config.epochs` epochs, or after the epoch in which a sharpener has finished all
/// layers. Everything random comes from `seed`: the order of samples and what is dropped. The result does
/// not depend on the number of threads of the rayon pool that it runs in.
///
/// # Errors
/// If settings or sets do not fit, and if the loss or a weight is no longer finite.
///
/// ```
/// use std::ops::ControlFlow;
/// use spiketune::data::Coded;
/// use spiketune::network::{HeadSpec, Network, Spec};
/// use spiketune::seed::Seed;
/// use spiketune::training::{Method, Rule, TrainingConfig, train};
///
/// // Two samples that one neuron a class tells apart.
/// let set = Coded { inputs: ndarray::array![[1, 0], [0, 1]], max: 1, labels: vec![0, 1] };
/// let head = HeadSpec { classes: 2, redundancy: 3, overlapping: false, batch_norm: false };
/// let mut network = Network::build(&Spec { inputs: 2, hidden: vec![], head }, &Seed::root(1))?;
/// let method = Method::Surrogate { width: 2.0 };
/// let config = TrainingConfig { method, rule: Rule::adam(0.1), ..TrainingConfig::whetstone() };
/// let summary =
///     train(&mut network, &set, &set, &config, &Seed::root(2), &mut |_| ControlFlow::Continue(()))?;
/// assert_eq!(summary.validation_accuracy, 1.0);
/// assert_eq!(network.fold(set.max).predict(set.inputs.view()), set.labels);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn train(
    network: &mut Network,
    train: &Coded,
    validation: &Coded,
    config: &TrainingConfig,
    seed: &Seed,
    observer: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
) -> Result<Summary, TrainingError> {
    config.check()?;
    check_set("training", train, network)?;
    check_set("validation", validation, network)?;
    let mut trainer = Trainer::new(network, train, config, seed);
    let mut evaluator = Evaluator::new(trainer.network);
    loop {
        let begin = Instant::now();
        let loss = trainer.epoch()?;
        let evaluation = evaluator.evaluate(trainer.network, validation);
        let report = EpochReport {
            epoch: trainer.epochs,
            loss,
            validation_accuracy: evaluation.accuracy,
            sharpness: trainer.network.sharpness().to_vec(),
            activity: evaluation.activity,
            time: Seconds(begin.elapsed().as_secs_f64()),
        };
        let interrupted = observer(&report).is_break();
        if interrupted || trainer.is_done() {
            return Ok(Summary {
                epochs: report.epoch,
                loss,
                validation_accuracy: report.validation_accuracy,
                sharp: trainer.is_sharp(),
                interrupted,
            });
        }
    }
}

fn check_set(part: &'static str, set: &Coded, network: &Network) -> Result<(), TrainingError> {
    let (samples, found) = set.inputs.dim();
    let (labels, expected, classes) = (set.labels.len(), network.inputs(), network.classes());
    if samples == 0 {
        return Err(TrainingError::Empty { part });
    }
    if found != expected {
        return Err(TrainingError::Inputs { part, found, expected });
    }
    if labels != samples {
        return Err(TrainingError::Labels { part, labels, samples });
    }
    match set.labels.iter().find(|&&label| usize::from(label) >= classes) {
        Some(&label) => Err(TrainingError::Label { part, label, classes }),
        None => Ok(()),
    }
}

/// A training under way. Its state is the network, the rule's and the sharpener's state and the number of
/// epochs done; all else is room to work in.
struct Trainer<'a> {
    network: &'a mut Network,
    set: &'a Coded,
    config: &'a TrainingConfig,
    seed: &'a Seed,
    descent: Descent,
    /// None where the method has nothing to sharpen.
    sharpening: Option<Sharpening>,
    /// Epochs done.
    epochs: u32,
    activations: Activations,
    gradients: Gradients,
    /// Samples in the order of the epoch.
    order: Vec<u32>,
    /// Of the batch at hand.
    labels: Vec<u16>,
}

impl<'a> Trainer<'a> {
    fn new(network: &'a mut Network, set: &'a Coded, config: &'a TrainingConfig, seed: &'a Seed) -> Self {
        let sharpening = match config.method {
            Method::Sharpen { sharpener } => {
                network.set_slope(Slope::Own);
                Some(Sharpening::new(sharpener))
            }
            Method::Surrogate { width } => {
                network.set_slope(Slope::Boxcar { width });
                network.sharpness_mut().fill(1.0);
                None
            }
        };
        let capacity = config.batch_size.min(set.labels.len());
        Self {
            descent: Descent::new(config.rule, config.weight_decay, network),
            activations: Activations::new(network, capacity),
            gradients: Gradients::new(network, capacity),
            network,
            set,
            config,
            seed,
            sharpening,
            epochs: 0,
            order: Vec::with_capacity(set.labels.len()),
            labels: Vec::with_capacity(capacity),
        }
    }

    /// Runs one epoch; returns its mean training loss.
    fn epoch(&mut self) -> Result<f64, TrainingError> {
        let epoch = self.epochs;
        self.epochs += 1;
        self.shuffle(epoch);
        let batches = self.order.len().div_ceil(self.config.batch_size);
        let mut total = 0.0;
        for batch in 0..batches {
            let loss = self.step(Position { epoch, batch, batches });
            self.require_finite(loss.is_finite(), "the loss")?;
            total += loss * self.labels.len() as f64;
        }
        self.require_finite(self.network.is_finite(), "a weight")?;
        let loss = total / self.order.len() as f64;
        if let Some(sharpening) = &mut self.sharpening {
            sharpening.after_epoch(epoch, loss);
        }
        Ok(loss)
    }

    /// Puts the samples into the order of `epoch`, which depends on no other epoch's.
    fn shuffle(&mut self, epoch: u32) {
        self.order.clear();
        self.order.extend(0..self.set.labels.len() as u32);
        self.order.shuffle(&mut self.seed.child("shuffle").index(u64::from(epoch)).stream());
    }

    /// Learns from one batch; returns its mean loss.
    fn step(&mut self, position: Position) -> f64 {
        let Position { epoch, batch, batches } = position;
        if let Some(sharpening) = &mut self.sharpening {
            sharpening.before_batch(position, self.network.sharpness_mut());
        }
        self.load(batch);
        let dropout = self.seed.child("dropout").index(u64::from(epoch)).index(batch as u64);
        self.network.forward(&mut self.activations, Pass::Training(&dropout));
        self.network.remember(&self.activations);
        let temperature = self.config.temperature;
        let loss = self.network.backward(&self.activations, &self.labels, temperature, &mut self.gradients);
        let steps = f64::from(epoch) * batches as f64 + batch as f64;
        let done = steps / (f64::from(self.config.epochs) * batches as f64);
        self.descent.step(self.network, &self.gradients, self.config.schedule.factor(done));
        loss
    }

    fn load(&mut self, batch: usize) {
        let size = self.config.batch_size;
        let end = (batch * size).saturating_add(size).min(self.order.len());
        let chosen = &self.order[batch * size..end];
        self.activations.load(self.set.inputs.view(), self.set.max, chosen);
        self.labels.clear();
        self.labels.extend(chosen.iter().map(|&sample| self.set.labels[sample as usize]));
    }

    fn require_finite(&self, finite: bool, what: &'static str) -> Result<(), TrainingError> {
        if finite { Ok(()) } else { Err(TrainingError::Diverged { epoch: self.epochs, what }) }
    }

    fn is_sharp(&self) -> bool {
        self.network.sharpness().iter().all(|&sharpness| sharpness == 1.0)
    }

    fn is_done(&self) -> bool {
        self.epochs == self.config.epochs || (self.sharpening.is_some() && self.is_sharp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{HeadSpec, LayerSpec, Spec};
    use crate::training::{Adaptive, Rule, Schedule, Sharpener, Simple};
    use ndarray::Array2;
    use rand::RngExt;

    /// Two patterns of 20 spikes and silences, each with about two of them turned.
    fn patterns(count: usize, seed: u64) -> Coded {
        let mut stream = Seed::root(seed).stream();
        let labels: Vec<u16> = (0..count).map(|sample| (sample % 2) as u16).collect();
        let inputs = Array2::from_shape_fn((count, 20), |(sample, i)| {
            let spike = (i / 2 + usize::from(labels[sample]) * (i % 3)) % 2 == 0;
            u8::from(spike != stream.random_bool(0.1))
        });
        Coded { inputs, max: 1, labels }
    }

    fn network(batch_norm: bool, dropout: f32) -> Network {
        let hidden = vec![LayerSpec::Dense { width: 70, batch_norm, dropout }; 2];
        let head = HeadSpec { classes: 2, redundancy: 8, overlapping: false, batch_norm };
        Network::build(&Spec { inputs: 20, hidden, head }, &Seed::root(1)).expect("the plan is right")
    }

    fn config() -> TrainingConfig {
        let simple = Simple { start_epoch: 8, steps: 8, ..Simple::default() };
        TrainingConfig {
            epochs: 40,
            batch_size: 32,
            rule: Rule::adam(0.005),
            method: Method::Sharpen { sharpener: Sharpener::Simple(simple) },
            ..TrainingConfig::whetstone()
        }
    }

    fn run(network: &mut Network, config: &TrainingConfig) -> Result<Summary, TrainingError> {
        let (set, validation) = (patterns(1000, 1), patterns(300, 2));
        train(network, &set, &validation, config, &Seed::root(3), &mut |_| ControlFlow::Continue(()))
    }

    #[test]
    fn every_method_and_rule_learns_in_sharp_form() {
        let surrogate = Method::Surrogate { width: 1.0 };
        let adaptive = Adaptive { min_init_epochs: 6, sig_increase: 2.0, ..Adaptive::default() };
        let adaptive = Method::Sharpen { sharpener: Sharpener::Adaptive(adaptive) };
        let configs = [
            config(),
            TrainingConfig { method: surrogate, schedule: Schedule::Cosine, ..config() },
            TrainingConfig { method: adaptive, ..config() },
            TrainingConfig { rule: Rule::whetstone(), ..config() },
            TrainingConfig { rule: Rule::rms_prop(0.002), ..config() },
            TrainingConfig { rule: Rule::sgd(0.05, 0.9), ..config() },
        ];
        for config in configs {
            let mut network = network(true, 0.0);
            let summary = run(&mut network, &config).expect("nothing diverges");
            let validation = patterns(300, 2);
            let accuracy = network.fold(1).accuracy(validation.inputs.view(), &validation.labels);
            assert!(accuracy > 0.95, "{accuracy} with {config:?}");
            assert!(summary.sharp, "{summary:?} with {config:?}");
            assert!(
                (summary.validation_accuracy - accuracy).abs() <= 0.01,
                "one sample in a hundred at most"
            );
        }
    }

    #[test]
    fn one_and_two_threads_give_the_same_bits() {
        let config = TrainingConfig { epochs: 3, ..config() };
        let train = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
            pool.install(|| {
                let mut network = network(true, 0.2);
                run(&mut network, &config).map(|summary| (network, summary))
            })
        };
        assert_eq!(train(1), train(2));
    }

    #[test]
    fn training_ends_with_the_epoch_in_which_all_layers_are_sharp() {
        let simple = Simple { start_epoch: 1, steps: 1, ..Simple::default() };
        let method = Method::Sharpen { sharpener: Sharpener::Simple(simple) };
        let mut network = network(false, 0.0);
        let summary = run(&mut network, &TrainingConfig { method, ..config() }).expect("nothing diverges");
        assert_eq!((summary.epochs, summary.sharp, summary.interrupted), (4, true, false));
    }

    #[test]
    fn a_training_too_short_for_its_sharpener_says_so() {
        let mut network = network(false, 0.0);
        let summary = run(&mut network, &TrainingConfig { epochs: 9, ..config() }).expect("nothing diverges");
        assert_eq!((summary.epochs, summary.sharp), (9, false));
        assert_eq!(network.sharpness(), [0.125, 0.0, 0.0]);
    }

    #[test]
    fn the_observer_hears_every_epoch_and_may_break_off() {
        let (set, mut heard) = (patterns(100, 1), Vec::new());
        let mut observer = |report: &EpochReport| {
            heard.push(report.epoch);
            assert_eq!((report.sharpness.len(), report.activity.len()), (3, 3));
            if report.epoch == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let mut network = network(true, 0.0);
        let summary = train(&mut network, &set, &set, &config(), &Seed::root(3), &mut observer);
        assert!(summary.expect("nothing diverges").interrupted);
        assert_eq!(heard, [1, 2]);
    }

    #[test]
    fn a_rate_out_of_all_proportion_diverges_within_the_epoch() {
        let rule = Rule::sgd(1e38, 0.9);
        let error = run(&mut network(false, 0.0), &TrainingConfig { rule, ..config() });
        assert!(matches!(error, Err(TrainingError::Diverged { epoch: 1, .. })), "{error:?}");
    }

    #[test]
    fn sets_that_do_not_fit_the_network_are_refused_by_name() {
        let config = config();
        let problem = |set: &Coded| {
            let mut observer = |_: &EpochReport| ControlFlow::Continue(());
            train(&mut network(false, 0.0), &patterns(10, 1), set, &config, &Seed::root(3), &mut observer)
                .expect_err("the set is wrong")
                .to_string()
        };
        let mut set = patterns(4, 1);
        set.labels[2] = 2;
        assert_eq!(problem(&set), "the validation set has label 2: must be below the network's 2 classes");
        set.labels.pop();
        assert_eq!(problem(&set), "the validation set has 3 labels for 4 samples: must be as many");
        set.inputs = Array2::zeros((4, 21));
        assert_eq!(problem(&set), "the validation set has 21 inputs a sample: the network takes 20");
        set.inputs = Array2::zeros((0, 20));
        assert_eq!(problem(&set), "the validation set is empty: it must hold at least one sample");
    }
}
