//! The objective of `tune`: train a network on a data set, deploy it on a chip, score its answers.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::attributes::{chip_attributes, network_attributes};
use super::failure::{does_not_fit, invalid};
use super::folds::{Part, cross_validated};
use super::foresight::{NetworkForesight, check_known};
use super::goals::Goals;
use super::limits::Limits;
use super::model::{Scores, TrainedNetwork, score};
use super::plan::Plan;
use super::plan::hyperparameters::PlanError;
use super::saved::{Description, SavedNetwork, TrainedOn};
use super::segment_training::{Reached, SegmentTraining, paused, run_until};
use crate::backend::{Chip, ChipProfile, Deployment};
use crate::data::{Coded, DataError, DataSummary, Dataset, PartChecksums, Preprocessing, Samples, Split};
use crate::network::{BinaryNetwork, Network};
use crate::objective::{
    Advance, Evaluation, Model, Objective, Observer, Outlook, Pause, Segment, SegmentEnd,
};
use crate::seed::Seed;
use crate::space::{Foresee, Point, Space, Value};
use crate::study::{Attributes, DataShape, Failure, FailureKind, Metric, Outcome, Rung};
use crate::training::{Summary, Trainer};
use crate::units::Bytes;

/// Seconds that a trial has taken so far.
struct Times {
    training: f64,
    deployment: f64,
}

/// Scores of deployed networks on a validation set, which is held out from training.
pub struct Classify {
    dataset: Dataset,
    train: Samples,
    validation: Samples,
    limits: Limits,
    goals: Goals,
    /// The checksums of the parts of the data set.
    parts_sha256: PartChecksums,
    /// How the validation set was held out; `None`: it is one of the data set's own.
    split: Option<Split>,
    /// The parts of a cross-validation, each with its own training and validation set; empty where
    /// one validation set is held out.
    folds: Vec<Classify>,
    /// A switch that breaks trainings off, even within an epoch.
    stop: Option<&'static AtomicBool>,
}

impl Classify {
    /// Holds out a validation set from the training set of `dataset` as `split` says, stratified by
    /// class. Networks run on a chip of `profile` and are measured by `goals`.
    ///
    /// # Errors
    /// The training set is too small to be split.
    pub fn new(
        dataset: Dataset,
        profile: ChipProfile,
        split: Split,
        goals: Goals,
    ) -> Result<Self, DataError> {
        let (train, validation) = dataset.hold_out(split.validation, &split.root())?;
        let limits = Limits {
            shape: dataset.shape,
            classes: dataset.classes.len(),
            levels: dataset.levels,
            samples: [&train, &validation, &dataset.test].map(Samples::len),
            chip: Chip::new(profile),
            faulty_weights: goals.has_faulty_weights(),
            memory: None,
            stated_memory: None,
        };
        let split = dataset.validation.is_none().then_some(split);
        let parts_sha256 = dataset.part_checksums();
        Ok(Self {
            dataset,
            train,
            validation,
            limits,
            goals,
            parts_sha256,
            split,
            folds: Vec::new(),
            stop: None,
        })
    }

    /// The same objective, whose trials are scored by cross-validation over `folds` parts of the
    /// training samples, at least 2. The network of a trial trains on all of them.
    ///
    /// # Errors
    /// There are fewer training samples than folds, or the data set has a validation set of its own.
    pub fn with_folds(self, folds: u32) -> Result<Self, DataError> {
        let Some(split) = self.split.filter(|_| self.dataset.groups.is_none()) else {
            return Err(DataError::OwnValidation { folds });
        };
        let parts = self.dataset.train.folds(folds, &split.root())?;
        let fold = |(train, validation): (Samples, Samples)| {
            let limits = Limits {
                samples: [train.len(), validation.len(), self.dataset.test.len()],
                ..self.limits.clone()
            };
            let (dataset, goals) = (self.dataset.without_samples(), self.goals.clone());
            let parts_sha256 = self.parts_sha256.clone();
            let (split, folds, stop) = (None, Vec::new(), self.stop);
            Self { dataset, train, validation, limits, goals, parts_sha256, split, folds, stop }
        };
        let folds: Vec<Self> = parts.into_iter().map(fold).collect();
        let all = self.dataset.train.clone();
        let limits =
            Limits { samples: [all.len(), all.len(), self.dataset.test.len()], ..self.limits.clone() };
        Ok(Self { train: all.clone(), validation: all, limits, split: None, folds, ..self })
    }

    /// One segment of one training of `point`.
    fn segment(
        &self,
        point: &Point,
        seed: &Seed,
        segment: &Segment,
        observer: &mut Observer<'_>,
    ) -> Option<Advance> {
        match self.try_advance(point, seed, segment, observer) {
            Ok(advance) => advance,
            Err(failure) => {
                let evaluation: Evaluation =
                    Outcome::Failed { failure, attributes: Attributes::new() }.into();
                Some(evaluation.into())
            }
        }
    }

    /// The same objective with limits of memory. A point fails if its evaluation needs more than
    /// `limit`. It is refused before its trial begins if it needs more than `stated`.
    ///
    /// `limit` may differ between machines; `stated` is the same on all machines of a study.
    pub fn with_memory(self, limit: Option<Bytes>, stated: Option<Bytes>) -> Self {
        let limits = Limits { memory: limit, stated_memory: stated, ..self.limits };
        Self { limits, ..self }
    }

    /// The same objective with a switch: soon after `stop` is set, it breaks off running trials,
    /// even within an epoch.
    pub fn with_stop(self, stop: &'static AtomicBool) -> Self {
        let folds = self.folds.into_iter().map(|fold| fold.with_stop(stop)).collect();
        Self { stop: Some(stop), folds, ..self }
    }

    /// The data on which the trials are trained, validated and tested.
    pub fn data_summary(&self) -> DataSummary {
        let mut summary = DataSummary::of(&self.dataset, self.dataset.train.len() - self.train.len());
        if !self.folds.is_empty() {
            let folds = self.folds.len();
            summary.notes.push(format!(
                "trials are scored by cross-validation over {folds} folds of the training part"
            ));
        }
        summary
    }

    /// The shape of a sample, and the number of classes.
    pub fn data_shape(&self) -> DataShape {
        DataShape { sample: self.dataset.shape, classes: self.dataset.classes.len() }
    }

    /// The number of samples that are held out to score trials.
    pub fn validation_samples(&self) -> usize {
        self.validation.len()
    }

    /// The number of test samples.
    pub fn test_samples(&self) -> usize {
        self.dataset.test.len()
    }

    /// Checks that points of `space` can become plans for training a network. So a misspelt
    /// hyperparameter, or a range beyond its domain, is found before the first training.
    ///
    /// # Errors
    /// The first hyperparameter that is unknown or out of range.
    pub fn check(&self, space: &Space) -> Result<(), PlanError> {
        Plan::check(space)?;
        let everything: Point = space
            .parameters()
            .iter()
            .map(|parameter| (parameter.name.as_str(), parameter.default.clone()))
            .collect();
        self.limits.plan(&everything).map(|_| ())
    }

    /// Deploys `saved`, a network that was trained before, and scores it on the test set. Nothing in
    /// it is random.
    pub fn test_saved(&self, saved: &SavedNetwork) -> Outcome {
        let Some(coding) = saved.description.coding else {
            let reason = "its file does not say how its inputs are coded".to_owned();
            let failure = Failure { kind: FailureKind::Invalid, reason };
            return Outcome::Failed { failure, attributes: Attributes::new() };
        };
        let deployment = match self.limits.chip.deploy(&saved.network, &saved.description.deploy) {
            Ok(deployment) => deployment,
            Err(error) => {
                return Outcome::Failed { failure: does_not_fit(error), attributes: Attributes::new() };
            }
        };
        let test = coding.encode(&self.dataset.test, self.dataset.shape, self.dataset.levels);
        let (saved, goals) = (saved.clone(), self.goals.clone());
        TrainedNetwork { saved, deployment, test, goals, attributes: Attributes::new() }.test()
    }

    /// The evaluation of a point on every fold, see [`cross_validated`].
    fn cross_validated(
        &self,
        point: (&Point, &Seed),
        incumbent: Option<f64>,
        observer: &mut Observer<'_>,
    ) -> Option<Evaluation> {
        // A network that always gives the same answer is right by chance.
        let chance = 1.0 / self.dataset.classes.len() as f64;
        let at_worst: Vec<Option<f64>> =
            self.goals.list.iter().map(|goal| goal.is_quality().then_some(chance)).collect();
        cross_validated(&self.folds, self, &at_worst, point, incumbent, observer)
    }

    fn coded(&self, plan: &Plan, samples: &Samples) -> Coded {
        plan.coding.encode(samples, self.dataset.shape, self.dataset.levels)
    }

    /// The plan, data and seeds with which the training of `point` begins.
    ///
    /// # Errors
    /// The point is no valid plan, or takes more memory than it may.
    fn prepare(&self, point: &Point, seed: &Seed, pauses: bool) -> Result<SegmentTraining, Failure> {
        let plan = self.limits.plan(point).map_err(invalid)?;
        self.limits.check_memory(&plan, self.limits.memory, pauses)?;
        Ok(SegmentTraining {
            train: self.coded(&plan, &self.train),
            validation: self.coded(&plan, &self.validation),
            network_seed: seed.child("network"),
            training_seed: seed.child("training"),
            stop: self.stop,
            plan,
        })
    }

    /// Evaluates one segment (the part of a training between two pauses). `Ok(None)` if the
    /// observer broke it off.
    ///
    /// # Errors
    /// The reason why the point has no value.
    fn try_advance(
        &self,
        point: &Point,
        seed: &Seed,
        segment: &Segment,
        observer: &mut Observer<'_>,
    ) -> Result<Option<Advance>, Failure> {
        let training = self.prepare(point, seed, segment.pause.is_some())?;
        let mut network = training.network()?;
        // A network that does not fit its chip is found before hours are spent on it.
        let begin = Instant::now();
        let (_, mapped) = self.deploy(&training.plan, &network, training.train.max)?;
        self.check_known(&training.plan, &mapped)?;
        let deployment = begin.elapsed().as_secs_f64();
        let begin = Instant::now();
        let (checkpoint, restarted) = training.checkpoint(segment);
        let Some(mut trainer) = training.begin(&mut network, checkpoint.as_ref())? else { return Ok(None) };
        let until = segment.pause.as_ref().map(|pause| training.rung(pause));
        let Some(reached) = run_until(&mut trainer, checkpoint.as_ref(), until, observer)? else {
            return Ok(None);
        };
        let end = match (reached, &segment.pause) {
            (Reached::End(summary), _) => {
                drop(trainer);
                let seconds = segment.spent.0 + begin.elapsed().as_secs_f64();
                let times = Times { training: seconds, deployment };
                SegmentEnd::Done(self.complete(training, &network, &summary, times, seed)?)
            }
            (Reached::Rung, Some(pause)) => self.pause(&training, &mut trainer, pause, begin),
            (Reached::Rung, None) => unreachable!("a training without a pause runs to its end"),
        };
        Ok(Some(Advance { end, restarted }))
    }

    /// Ends a segment whose `trainer` has reached the rung of `pause`; the segment began at
    /// `begin`.
    fn pause(
        &self,
        training: &SegmentTraining,
        trainer: &mut Trainer<'_>,
        pause: &Pause,
        begin: Instant,
    ) -> SegmentEnd {
        let binary = trainer.with_deployed(|network| network.fold(training.train.max));
        let values = self.rung_values(&training.plan, &binary, &training.validation);
        let checkpoint = trainer.checkpoint();
        let rung = Rung { steps: checkpoint.epochs(), values, seconds: begin.elapsed().as_secs_f64() };
        paused(&checkpoint, pause, rung)
    }

    /// The evaluation of a network that is trained to its end.
    fn complete(
        &self,
        training: SegmentTraining,
        network: &Network,
        summary: &Summary,
        times: Times,
        seed: &Seed,
    ) -> Result<Evaluation, Failure> {
        let begin = Instant::now();
        let SegmentTraining { plan, train, validation, .. } = training;
        let (binary, deployment) = self.deploy(&plan, network, train.max)?;
        let Scores { values, constraints, report } = score(&deployment, &validation, &self.goals)?;
        let deployment_seconds = times.deployment + begin.elapsed().as_secs_f64();
        let mut attributes = network_attributes(network, summary);
        attributes.insert("training_seconds".to_owned(), times.training.into());
        attributes.insert("deployment_seconds".to_owned(), deployment_seconds.into());
        let test = self.coded(&plan, &self.dataset.test);
        let saved = SavedNetwork { network: binary, description: self.description(&plan, seed) };
        let goals = self.goals.clone();
        let model = TrainedNetwork { saved, deployment, test, goals, attributes: attributes.clone() };
        attributes.extend(chip_attributes(&report));
        let outcome = Outcome::Complete { values, constraints, attributes };
        Ok(Evaluation { outcome, model: Some(Box::new(model)) })
    }

    /// What a network of `plan` that was trained from `seed` needs beside its weights.
    fn description(&self, plan: &Plan, seed: &Seed) -> Description {
        let trained_on = TrainedOn {
            dataset: self.dataset.name.clone(),
            dataset_sha256: self.dataset.checksum.clone(),
            parts_sha256: Some(self.parts_sha256.clone()),
            split: self.split,
            seed: seed.to_hex(),
        };
        Description {
            inputs: Some(Preprocessing::of(&self.dataset)),
            coding: Some(plan.coding),
            deploy: plan.deploy.clone(),
            chip: Some(self.limits.chip.profile().clone()),
            trained_on: Some(trained_on),
            ..Description::new()
        }
    }

    /// The values of a network at a rung; empty if it does not fit its chip or is silent so far.
    fn rung_values(&self, plan: &Plan, binary: &BinaryNetwork, validation: &Coded) -> Vec<f64> {
        let deployment = self.limits.chip.deploy(binary, &plan.deploy).ok();
        let values = deployment.and_then(|deployment| score(&deployment, validation, &self.goals).ok());
        values
            .map(|scores| scores.values)
            .filter(|values| values.iter().all(|value| value.is_finite()))
            .unwrap_or_default()
    }

    /// Refuses a network of `plan`, deployed before its training, whose cores or parameters break a
    /// constraint. A search proposes it only where nothing else is left.
    fn check_known(&self, plan: &Plan, deployment: &Deployment) -> Result<(), Failure> {
        let parameters = plan.spec.deployed_parameters().map_err(invalid)?;
        let cores = Some(deployment.mapping().cores());
        check_known(&self.goals.constraints, cores, parameters)
            .map_err(|reason| Failure { kind: FailureKind::TooLarge, reason })
    }

    fn deploy(
        &self,
        plan: &Plan,
        network: &Network,
        input_max: u8,
    ) -> Result<(BinaryNetwork, Deployment), Failure> {
        let binary = network.fold(input_max);
        let deployment = self.limits.chip.deploy(&binary, &plan.deploy).map_err(does_not_fit)?;
        Ok((binary, deployment))
    }
}

impl Part for Classify {
    fn trained(&self, point: &Point, seed: &Seed, observer: &mut Observer<'_>) -> Option<Evaluation> {
        match self.segment(point, seed, &Segment::whole(), observer)?.end {
            SegmentEnd::Done(evaluation) => Some(evaluation),
            SegmentEnd::Paused(_) | SegmentEnd::Unsaved(..) => {
                unreachable!("a whole evaluation has no pause")
            }
        }
    }

    fn samples(&self) -> usize {
        self.validation.len()
    }
}

impl Objective for Classify {
    fn metrics(&self) -> Vec<Metric> {
        self.goals.list.iter().map(|goal| goal.metric()).collect()
    }

    fn evaluate(&self, point: &Point, seed: &Seed, observer: &mut Observer<'_>) -> Option<Evaluation> {
        match self.folds.is_empty() {
            true => self.trained(point, seed, observer),
            false => self.cross_validated((point, seed), None, observer),
        }
    }

    fn evaluate_against(
        &self,
        point: &Point,
        seed: &Seed,
        incumbent: f64,
        observer: &mut Observer<'_>,
    ) -> Option<Evaluation> {
        // With several metrics or constraints, a point with a worse first metric is of use.
        let is_alone = self.goals.constraints.is_empty() && self.goals.list.len() == 1;
        match !self.folds.is_empty() && is_alone && self.goals.list[0].is_quality() {
            true => self.cross_validated((point, seed), Some(incumbent), observer),
            false => self.evaluate(point, seed, observer),
        }
    }

    fn value_without(&self, point: &Point, parameter: &str) -> Option<Value> {
        Plan::default_of(point, parameter)
    }

    fn foresight(&self) -> Option<Arc<dyn Foresee>> {
        Some(Arc::new(NetworkForesight::new(self.limits.clone(), &self.goals)))
    }

    fn cost(&self, point: &Point) -> f64 {
        /// The cost of a point that is no plan: it fails at once.
        const NO_PLAN: f64 = 1.0;
        let plan = self.limits.plan(point).ok();
        let samples = self.train.len() + self.folds.iter().map(|fold| fold.train.len()).sum::<usize>();
        plan.and_then(|plan| plan.cost(samples).ok()).unwrap_or(NO_PLAN)
    }

    fn most_threads(&self, point: &Point) -> Option<usize> {
        /// A thread with fewer samples of a batch gains little: `benches/README.md#threads`.
        const LEAST_SAMPLES: usize = 8;
        let plan = self.limits.plan(point).ok()?;
        Some(plan.training.batch_size.div_ceil(LEAST_SAMPLES).max(1))
    }

    fn outlook(&self, point: &Point) -> Outlook {
        let Ok(plan) = self.limits.plan(point) else { return Outlook::default() };
        let trainings = 1 + self.folds.len() as u32;
        Outlook { network: Some(plan.spec.line()), steps: Some(plan.training.epochs * trainings) }
    }

    fn advance(
        &self,
        point: &Point,
        seed: &Seed,
        segment: &Segment,
        observer: &mut Observer<'_>,
    ) -> Option<Advance> {
        match self.folds.is_empty() {
            true => self.segment(point, seed, segment, observer),
            false => self.evaluate(point, seed, observer).map(Advance::from),
        }
    }
}
