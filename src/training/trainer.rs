//! The trainer: the loop over epochs, each followed by an evaluation.

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::data::Coded;
use crate::network::Network;
use crate::seed::Seed;
use crate::team;
use crate::units::Seconds;

use super::batches;
use super::learner::Learner;
use super::methods::binarization::is_exact;
use super::teacher::teach;
use super::{Activity, EpochReport, Evaluator, Summary, TrainingConfig, TrainingError};

/// Trains `network` on `train`, and evaluates it on `validation` after each epoch.
///
/// `observer` gets a report of each epoch and may interrupt the training. Training ends after
/// `config.epochs` epochs, or earlier by its [`Method`](super::Method). `sharpen` ends with the
/// epoch in which all layers became sharp (every activation 0 or 1), `hybrid` after `fine_tune`
/// more epochs. The order of samples, dropout and augmentation are random and follow from `seed`.
/// The result does not depend on the number of threads.
///
/// # Errors
/// A setting is out of its range, a set does not fit the network, the loss explodes or is not
/// finite, a weight is not finite, or a sharp layer fires for no validation sample.
///
/// ```
/// use std::ops::ControlFlow;
/// use spiketune::data::Coded;
/// use spiketune::network::{HeadSpec, Network, Shape, Spec, Volume};
/// use spiketune::seed::Seed;
/// use spiketune::training::{Method, Rule, TrainingConfig, train};
///
/// // Two samples, one of each class.
/// let inputs = ndarray::array![[1, 0], [0, 1]];
/// let set = Coded { inputs, shape: [1, 1, 2], max: 1, labels: vec![0, 1] };
/// let head = HeadSpec { classes: 2, redundancy: 3, overlapping: false, batch_norm: false };
/// let mut network = Network::build(&Spec { input: Volume::flat(2), hidden: vec![], head }, &Seed::root(1))?;
/// let method = Method::Surrogate { shape: Shape::Boxcar, width: 2.0, final_width: 2.0 };
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
    Trainer::new(network, train, validation, config, seed)?.run(observer)
}

/// Checks that `set` fits `network`; `part` names the set in errors.
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
    if set.shape.iter().product::<usize>() != found {
        return Err(TrainingError::Shape { part, shape: set.shape, found });
    }
    match set.labels.iter().find(|&&label| usize::from(label) >= classes) {
        Some(&label) => Err(TrainingError::Label { part, label, classes }),
        None => Ok(()),
    }
}

/// A training that runs epoch by epoch, and can be stored in a [`Checkpoint`](super::Checkpoint)
/// between epochs.
///
/// ```
/// use spiketune::data::Coded;
/// use spiketune::network::{HeadSpec, Network, Spec, Volume};
/// use spiketune::seed::Seed;
/// use spiketune::training::{Checkpoint, Trainer, TrainingConfig};
///
/// let inputs = ndarray::array![[1, 0], [0, 1]];
/// let set = Coded { inputs, shape: [1, 1, 2], max: 1, labels: vec![0, 1] };
/// let head = HeadSpec { classes: 2, redundancy: 3, overlapping: false, batch_norm: false };
/// let spec = Spec { input: Volume::flat(2), hidden: vec![], head };
/// let (config, seed) = (TrainingConfig::whetstone(), Seed::root(2));
///
/// let mut network = Network::build(&spec, &Seed::root(1))?;
/// let mut trainer = Trainer::new(&mut network, &set, &set, &config, &seed)?;
/// trainer.epoch()?;
/// let file = tempfile::NamedTempFile::new()?;
/// trainer.checkpoint().save(file.path())?;
///
/// // Later, in another process:
/// let checkpoint = Checkpoint::load(file.path())?;
/// let mut network = Network::build(&spec, &Seed::root(1))?;
/// let mut trainer = Trainer::resume(&mut network, &set, &set, &config, &seed, &checkpoint)?;
/// assert_eq!(trainer.epoch()?.epoch, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Trainer<'a> {
    /// The network with the state of its training.
    pub(super) learner: Learner<'a>,
    /// The training set.
    pub(super) set: &'a Coded,
    validation: &'a Coded,
    /// The settings.
    pub(super) config: &'a TrainingConfig,
    /// The seed of all random numbers.
    pub(super) seed: &'a Seed,
    evaluator: Evaluator,
    /// Training loss and validation accuracy of the last epoch; `None` before the first.
    pub(super) last: Option<(f64, f64)>,
    /// The activity of each layer after the last epoch.
    activity: Vec<Activity>,
}

impl<'a> Trainer<'a> {
    /// A training before its first epoch. If the settings ask for a teacher, it is trained here.
    ///
    /// # Errors
    /// A setting is out of its range, a set does not fit the network, or the training of the
    /// teacher fails.
    pub fn new(
        network: &'a mut Network,
        train: &'a Coded,
        validation: &'a Coded,
        config: &'a TrainingConfig,
        seed: &'a Seed,
    ) -> Result<Self, TrainingError> {
        Self::stoppable(network, train, validation, config, seed, None)
    }

    /// A training as [`new`](Self::new) makes it, with a switch: soon after `stop` is set, an epoch,
    /// also one of the teacher, ends with [`TrainingError::Stopped`].
    ///
    /// # Errors
    /// As [`new`](Self::new), or the teacher was stopped.
    pub fn stoppable(
        network: &'a mut Network,
        train: &'a Coded,
        validation: &'a Coded,
        config: &'a TrainingConfig,
        seed: &'a Seed,
        stop: Option<&'static AtomicBool>,
    ) -> Result<Self, TrainingError> {
        let mut trainer = Self::without_teacher(network, train, validation, config, seed)?.with_stop(stop);
        if let Some(distillation) = config.distillation {
            let seed = seed.child("teacher");
            trainer.learner.teacher_scores =
                Some(teach(distillation, trainer.learner.network, train, config, &seed, stop)?);
        }
        Ok(trainer)
    }

    /// The same training with the switch of [`stoppable`](Self::stoppable).
    pub fn with_stop(mut self, stop: Option<&'static AtomicBool>) -> Self {
        self.learner.stop = stop;
        self
    }

    /// A training before its first epoch, without the scores of a teacher.
    pub(super) fn without_teacher(
        network: &'a mut Network,
        train: &'a Coded,
        validation: &'a Coded,
        config: &'a TrainingConfig,
        seed: &'a Seed,
    ) -> Result<Self, TrainingError> {
        config.check()?;
        check_set("training", train, network)?;
        check_set("validation", validation, network)?;
        batches::check(&config.augmentation, train.shape)?;
        let evaluator = Evaluator::new(network);
        let learner = Learner::new(network, Some(config.method), train, config, seed);
        Ok(Self {
            learner,
            set: train,
            validation,
            config,
            seed,
            evaluator,
            last: None,
            activity: Vec::new(),
        })
    }

    /// Runs one epoch, and evaluates the network as it would be deployed.
    ///
    /// # Errors
    /// The loss explodes or is not finite, a weight is not finite, a sharp layer never fires, or the
    /// training is stopped. After an error the training cannot go on.
    ///
    /// # Panics
    /// If the training is over, see [`is_done`](Self::is_done).
    pub fn epoch(&mut self) -> Result<EpochReport, TrainingError> {
        assert!(!self.is_done(), "a training that is done has no further epoch");
        // All threads of the pool stay together through the whole epoch.
        team::within(|| self.epoch_inside())
    }

    /// Runs [`epoch`](Self::epoch) with a team.
    fn epoch_inside(&mut self) -> Result<EpochReport, TrainingError> {
        let begin = Instant::now();
        let loss = self.learner.epoch()?;
        if self.is_done() {
            self.learner.finish();
        }
        let (evaluator, validation) = (&mut self.evaluator, self.validation);
        let evaluation = self.learner.with_deployed(|network| evaluator.evaluate(network, validation));
        let (epoch, network) = (self.learner.epochs, &*self.learner.network);
        let sharpness = network.sharpness();
        self.learner.watch.epoch(epoch, &evaluation.activity, sharpness, network.frozen())?;
        self.last = Some((loss, evaluation.accuracy));
        self.activity.clone_from(&evaluation.activity);
        Ok(EpochReport {
            epoch,
            loss,
            validation_accuracy: evaluation.accuracy,
            sharpness: sharpness.to_vec(),
            activity: evaluation.activity,
            time: Seconds(begin.elapsed().as_secs_f64()),
        })
    }

    /// Whether all epochs are done: those of the settings, or those after which the method ends.
    pub fn is_done(&self) -> bool {
        self.learner.is_done()
    }

    /// Runs all epochs that are left. `observer` gets a report of each and may interrupt the
    /// training.
    ///
    /// # Errors
    /// As [`epoch`](Self::epoch).
    pub fn run(
        &mut self,
        observer: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
    ) -> Result<Summary, TrainingError> {
        let mut interrupted = false;
        while !interrupted && !self.is_done() {
            interrupted = observer(&self.epoch()?).is_break();
        }
        let (loss, validation_accuracy) = self.last.expect("a training has an epoch at least");
        let sharp = is_exact(self.learner.network);
        let (epochs, activity) = (self.learner.epochs, self.activity.clone());
        Ok(Summary { epochs, loss, validation_accuracy, activity, sharp, interrupted })
    }

    /// Calls `task` with the network as it would be deployed now, and returns the result.
    pub fn with_deployed<T>(&mut self, task: impl FnOnce(&Network) -> T) -> T {
        self.learner.with_deployed(task)
    }
}

#[cfg(test)]
impl Trainer<'_> {
    /// The size of the evaluator's buffers, in bytes.
    pub(super) fn evaluator_bytes(&self) -> u64 {
        self.evaluator.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{HeadSpec, LayerSpec, Shape, Spec, Surrogate, Volume, Window};
    use crate::training::fixtures::{config, network, patterns, run};
    use crate::training::{
        Adaptive, Average, Distillation, Method, Quantized, Rule, Schedule, Sharpener, Simple,
    };
    use ndarray::Array2;

    #[test]
    fn every_method_and_rule_learns_in_sharp_form() {
        let surrogate = Method::Surrogate { shape: Shape::Boxcar, width: 1.0, final_width: 1.0 };
        let adaptive = Adaptive { min_init_epochs: 6, sig_increase: 2.0, ..Adaptive::default() };
        let adaptive = Method::Sharpen { sharpener: Sharpener::Adaptive(adaptive) };
        let hybrid = Method::Hybrid {
            sharpener: Sharpener::Simple(Simple { start_epoch: 3, steps: 3, ..Simple::default() }),
            fine_tune: 6,
            surrogate: Surrogate { shape: Shape::Triangle, width: 1.0 },
        };
        let narrowing = Method::Surrogate { shape: Shape::Arctan, width: 1.0, final_width: 0.3 };
        let swa = TrainingConfig { average: Average::Swa { share: 0.5 }, epochs: 20, ..config() };
        let configs = [
            config(),
            TrainingConfig { method: hybrid, ..config() },
            TrainingConfig { method: narrowing, ..swa },
            TrainingConfig {
                method: hybrid,
                average: Average::Lookahead { steps: 5, alpha: 0.5 },
                label_smoothing: 0.1,
                warm_up: 0.1,
                ..config()
            },
            TrainingConfig {
                method: hybrid,
                distillation: Some(Distillation { epochs: 5, share: 0.5 }),
                quantized: Some(Quantized { bits: 4, epochs: 4 }),
                schedule: Schedule::OneCycle,
                ..config()
            },
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
            assert!(accuracy > 0.9, "{accuracy} with {config:?}");
            assert!(summary.sharp, "{summary:?} with {config:?}");
            assert!(
                (summary.validation_accuracy - accuracy).abs() <= 0.01,
                "one sample in a hundred at most"
            );
        }
    }

    /// The result of a training on `threads` threads.
    fn trained(
        threads: usize,
        mut network: Network,
        config: &TrainingConfig,
    ) -> Result<(Network, Summary), TrainingError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
        pool.install(|| run(&mut network, config).map(|summary| (network, summary)))
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let config = TrainingConfig { epochs: 3, ..config() };
        let train = |threads| trained(threads, network(true, 0.2), &config);
        let one = train(1).expect("nothing diverges");
        assert!([2, 3, 5, 8].into_iter().all(|threads| train(threads).as_ref() == Ok(&one)));
    }

    #[test]
    fn convolutions_give_the_same_bits_by_either_backward_method() {
        // A batch has two parts: up to two threads compute gradients and errors at once, five do
        // not.
        let config = TrainingConfig { epochs: 2, batch_size: 40, ..config() };
        let window = Window { padding: 2, ..Window::square(5, 1) };
        let hidden = [20, 18, 17].map(|channels| LayerSpec::Convolution {
            channels,
            window,
            batch_norm: true,
            dropout: 0.1,
        });
        let head = HeadSpec { classes: 2, redundancy: 8, overlapping: false, batch_norm: false };
        let input = Volume { height: 4, width: 5, channels: 1 };
        let network = Network::build(&Spec { input, hidden: hidden.to_vec(), head }, &Seed::root(1))
            .expect("the plan is right");
        let train = |threads| trained(threads, network.clone(), &config);
        let one = train(1).expect("nothing diverges");
        assert_ne!(one.0, network);
        assert_eq!(Ok(&one), train(2).as_ref());
        assert_eq!(Ok(&one), train(5).as_ref());
    }

    #[test]
    fn a_switch_ends_an_epoch_of_the_network_or_of_its_teacher() {
        static STOP: AtomicBool = AtomicBool::new(true);
        let (set, seed) = (patterns(40, 1), Seed::root(3));
        let (mut alone, mut taught) = (network(true, 0.0), network(true, 0.0));
        let config = config();
        let mut trainer = Trainer::stoppable(&mut alone, &set, &set, &config, &seed, Some(&STOP)).unwrap();
        assert_eq!(trainer.epoch().unwrap_err(), TrainingError::Stopped { epoch: 1 });
        let config = TrainingConfig { distillation: Some(Distillation { epochs: 5, share: 0.5 }), ..config };
        let teaching = Trainer::stoppable(&mut taught, &set, &set, &config, &seed, Some(&STOP));
        assert_eq!(teaching.err(), Some(TrainingError::Stopped { epoch: 1 }));
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
    fn the_observer_gets_every_epoch_and_may_interrupt() {
        let (set, mut epochs) = (patterns(100, 1), Vec::new());
        let mut observer = |report: &EpochReport| {
            epochs.push(report.epoch);
            assert_eq!((report.sharpness.len(), report.activity.len()), (3, 3));
            if report.epoch == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let mut network = network(true, 0.0);
        let summary = train(&mut network, &set, &set, &config(), &Seed::root(3), &mut observer);
        assert!(summary.expect("nothing diverges").interrupted);
        assert_eq!(epochs, [1, 2]);
    }

    #[test]
    fn a_huge_learning_rate_diverges_within_the_epoch() {
        let rule = Rule::sgd(1e38, 0.9);
        let error = run(&mut network(false, 0.0), &TrainingConfig { rule, ..config() });
        assert!(matches!(error, Err(TrainingError::Diverged { epoch: 1, .. })), "{error:?}");
    }

    #[test]
    fn a_layer_that_never_fires_ends_the_training_with_its_number() {
        let method = Method::Surrogate { shape: Shape::Boxcar, width: 1.0, final_width: 1.0 };
        let mut network = network(false, 0.0);
        let bias = network.state_mut().into_iter().find(|tensor| tensor.name == "layers.1.bias");
        bias.expect("the second layer has one").values.fill(-100.0);
        let error = run(&mut network, &TrainingConfig { method, ..config() }).expect_err("it is dead");
        assert_eq!(error, TrainingError::Dead { epoch: 5, layer: 1 });
    }

    #[test]
    fn a_hybrid_ends_its_fine_tuning_epochs_after_sharpening() {
        let sharpener = Sharpener::Simple(Simple { start_epoch: 1, steps: 1, ..Simple::default() });
        let surrogate = Surrogate { shape: Shape::Boxcar, width: 1.0 };
        let method = Method::Hybrid { sharpener, fine_tune: 3, surrogate };
        let mut network = network(true, 0.0);
        let summary = run(&mut network, &TrainingConfig { method, ..config() }).expect("nothing diverges");
        assert_eq!((summary.epochs, summary.sharp, network.frozen()), (7, true, 0));
    }

    /// Whether each neuron has at most three weights: 0 and one of both signs.
    fn has_three_weights(network: &mut Network) -> bool {
        let mut columns = network.weight_panels_mut().flat_map(|panel| {
            (0..panel[0].len())
                .map(|neuron| panel.iter().map(|weights| weights[neuron]).collect::<Vec<f32>>())
                .collect::<Vec<_>>()
        });
        columns.all(|mut values| {
            values.sort_by(f32::total_cmp);
            values.dedup();
            values.len() <= 3 && values.iter().sum::<f32>().abs() < 1e-6
        })
    }

    #[test]
    fn weights_are_rounded_where_an_adaptive_sharpener_ends_the_training() {
        let sharpener =
            Sharpener::Adaptive(Adaptive { min_init_epochs: 1, patience: 0, ..Adaptive::default() });
        let quantized = Some(Quantized { bits: 2, epochs: 3 });
        let mut network = network(true, 0.0);
        let config =
            TrainingConfig { method: Method::Sharpen { sharpener }, quantized, epochs: 60, ..config() };
        let summary = run(&mut network, &config).expect("nothing diverges");
        assert!(summary.sharp && summary.epochs < 57, "{summary:?}");
        assert!(has_three_weights(&mut network));
    }

    #[test]
    fn rounded_weights_are_evaluated_and_stay_in_the_network() {
        let method = Method::Surrogate { shape: Shape::Boxcar, width: 1.0, final_width: 1.0 };
        let quantized = Some(Quantized { bits: 2, epochs: 3 });
        let mut network = network(true, 0.0);
        let summary = run(&mut network, &TrainingConfig { method, quantized, epochs: 8, ..config() });
        let accuracy = summary.expect("nothing diverges").validation_accuracy;
        assert!(has_three_weights(&mut network));
        let validation = patterns(300, 2);
        let deployed = network.fold(1).accuracy(validation.inputs.view(), &validation.labels);
        assert!((deployed - accuracy).abs() < 0.01 && deployed > 0.9, "{deployed} {accuracy}");
    }

    #[test]
    fn a_penalty_on_spikes_leaves_fewer() {
        let method = Method::Surrogate { shape: Shape::Triangle, width: 1.0, final_width: 1.0 };
        let rate = |rate_penalty| {
            let (set, mut rate) = (patterns(1000, 1), 0.0);
            let mut observer = |report: &EpochReport| {
                rate = report.activity[0].rate + report.activity[1].rate;
                ControlFlow::Continue(())
            };
            let config = TrainingConfig { method, rate_penalty, epochs: 6, ..config() };
            train(&mut network(true, 0.0), &set, &set, &config, &Seed::root(3), &mut observer)
                .expect("nothing diverges");
            rate
        };
        assert!(rate(1.0) < 0.8 * rate(0.0), "{} {}", rate(1.0), rate(0.0));
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
        assert_eq!(problem(&set), "the validation set has 3 labels for 4 samples: must be equally many");
        set.shape = [1, 1, 21];
        set.inputs = Array2::zeros((4, 21));
        assert_eq!(problem(&set), "the validation set has 21 inputs per sample: the network takes 20");
        set.inputs = Array2::zeros((0, 20));
        assert_eq!(problem(&set), "the validation set is empty: it must hold at least one sample");
    }
}
