//! Train a network on a data set, deploy it on a chip, score what the chip answers.

use std::fmt::Display;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::model::{self, Trained};
use crate::backend::{Chip, ChipProfile, DeployError, Deployment};
use crate::data::{Coded, DataError, Dataset, Samples};
use crate::network::{BinaryNetwork, Network};
use crate::objective::{
    Advance, Evaluation, Goals, Objective, Observer, Pause, Plan, PlanError, SavedNetwork, Segment,
    SegmentEnd,
};
use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::study::{Attributes, DataShape, Failure, FailureKind, Metric, Outcome, Rung};
use crate::training::{Checkpoint, EpochReport, Summary, Trainer, TrainingError};
use crate::units::Bytes;

/// Seconds of a trial so far.
struct Spent {
    training: f64,
    deployment: f64,
}

/// What deployed networks come to on data held out from training.
pub struct Classify {
    dataset: Dataset,
    train: Samples,
    validation: Samples,
    chip: Chip,
    memory: Option<Bytes>,
    goals: Goals,
}

impl Classify {
    /// Holds out the share `validation` of the training set of `dataset`, stratified, drawn by `seed`; networks are
    /// measured by `goals`.
    ///
    /// # Errors
    /// The training set is too small to be split.
    pub fn new(
        dataset: Dataset,
        profile: ChipProfile,
        validation: f64,
        goals: Goals,
        seed: &Seed,
    ) -> Result<Self, DataError> {
        let (train, validation) = dataset.train.split(validation, seed)?;
        Ok(Self { dataset, train, validation, chip: Chip::new(profile), memory: None, goals })
    }

    /// Refuses points whose evaluation would take more memory than `limit`.
    pub fn with_memory(self, limit: Option<Bytes>) -> Self {
        Self { memory: limit, ..self }
    }

    /// What the samples are.
    pub fn data_shape(&self) -> DataShape {
        DataShape { sample: self.dataset.shape, classes: self.dataset.classes.len() }
    }

    /// Whether the points of `space` can become plans: its default point is tried, so that a misspelt
    /// hyperparameter is found before the first training.
    ///
    /// # Errors
    /// The first hyperparameter that is unknown or out of range.
    pub fn check(&self, space: &Space) -> Result<(), PlanError> {
        let everything: Point = space
            .parameters()
            .iter()
            .map(|parameter| (parameter.name.as_str(), parameter.default.clone()))
            .collect();
        self.plan(&everything).map(|_| ())
    }

    fn plan(&self, point: &Point) -> Result<Plan, PlanError> {
        Plan::new(point, self.dataset.shape, self.dataset.classes.len())
    }

    fn coded(&self, plan: &Plan, samples: &Samples) -> Coded {
        plan.coding.encode(samples, self.dataset.shape, self.dataset.levels)
    }

    /// The evaluation as far as `segment` goes, with the reason where it comes to nothing; `Ok(None)` if the observer
    /// broke it off.
    fn try_advance(
        &self,
        point: &Point,
        seed: &Seed,
        segment: &Segment,
        observer: &mut Observer<'_>,
    ) -> Result<Option<Advance>, Failure> {
        let plan = self.plan(point).map_err(invalid)?;
        self.check_memory(&plan)?;
        let build = || Network::build(&plan.spec, &seed.child("network")).map_err(invalid);
        let mut network = build()?;
        let (train, validation) = (self.coded(&plan, &self.train), self.coded(&plan, &self.validation));
        // What does not fit is found before hours are spent on it.
        let started = Instant::now();
        self.deploy(&plan, &network, train.max)?;
        let tried = started.elapsed();
        let started = Instant::now();
        let (config, seed) = (&plan.training, seed.child("training"));
        let fits = |checkpoint: &Checkpoint| {
            // Another network, since a checkpoint that does not fit leaves half of itself behind.
            let mut network = build().map_err(|failure| failure.reason)?;
            Trainer::resume(&mut network, &train, &validation, config, &seed, checkpoint)
                .map(drop)
                .map_err(|error| error.to_string())
        };
        let (checkpoint, restarted) = match segment.from.as_deref().map(|name| state(name, fits)).transpose()
        {
            Ok(checkpoint) => (checkpoint, None),
            Err(reason) => (None, Some(reason)),
        };
        let mut trainer = match &checkpoint {
            None => Trainer::new(&mut network, &train, &validation, config, &seed),
            Some(checkpoint) => Trainer::resume(&mut network, &train, &validation, config, &seed, checkpoint),
        }
        .map_err(broke_down)?;
        let until = segment.pause.as_ref().map(|pause| config.epochs.div_ceil(pause.divisor));
        let is_there =
            checkpoint.is_some_and(|checkpoint| until.is_some_and(|until| until <= checkpoint.epochs()));
        let mut broken_off = false;
        let mut hear = |epoch: &EpochReport| {
            broken_off = observer(epoch.epoch, epoch.validation_accuracy).is_break();
            match broken_off || until == Some(epoch.epoch) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let summary = (!is_there).then(|| trainer.run(&mut hear)).transpose().map_err(broke_down)?;
        if broken_off {
            return Ok(None);
        }
        let summary = match (&segment.pause, summary) {
            (Some(pause), _) if !trainer.is_done() => {
                let binary = trainer.with_deployed(|network| network.fold(train.max));
                let values = self.rung_values(&plan, &binary, &validation);
                let checkpoint = trainer.checkpoint();
                let rung =
                    Rung { steps: checkpoint.epochs(), values, seconds: started.elapsed().as_secs_f64() };
                let progress = kept(&checkpoint, pause, rung);
                return Ok(Some(Advance { progress, restarted }));
            }
            (_, summary) => summary.expect("only a training that is to pause at once does not run"),
        };
        drop(trainer);
        let spent = Spent {
            training: segment.spent.0 + started.elapsed().as_secs_f64(),
            deployment: tried.as_secs_f64(),
        };
        let evaluation = self.complete(plan, &network, &summary, &train, &validation, spent)?;
        Ok(Some(Advance { progress: SegmentEnd::Done(evaluation), restarted }))
    }

    /// What a network that is trained to its end comes to.
    fn complete(
        &self,
        plan: Plan,
        network: &Network,
        summary: &Summary,
        train: &Coded,
        validation: &Coded,
        spent: Spent,
    ) -> Result<Evaluation, Failure> {
        let started = Instant::now();
        let (binary, deployment) = self.deploy(&plan, network, train.max)?;
        let (values, report) = model::score(&deployment, validation, &self.goals)?;
        let deployment_seconds = spent.deployment + started.elapsed().as_secs_f64();
        let mut attributes = model::network_attributes(network, summary);
        attributes.insert("training_seconds".to_owned(), spent.training.into());
        attributes.insert("deployment_seconds".to_owned(), deployment_seconds.into());
        let test = self.coded(&plan, &self.dataset.test);
        let saved = SavedNetwork { network: binary, coding: Some(plan.coding), deploy: plan.deploy.clone() };
        let goals = self.goals.clone();
        let model = Trained { saved, deployment, test, goals, attributes: attributes.clone() };
        attributes.extend(model::chip_attributes(&report));
        let outcome = Outcome::Complete { values, constraints: Vec::new(), attributes };
        Ok(Evaluation { outcome, model: Some(Box::new(model)) })
    }

    /// What a network that is still trained comes to by now; nothing if it is silent yet, or does not fit yet.
    fn rung_values(&self, plan: &Plan, binary: &BinaryNetwork, validation: &Coded) -> Vec<f64> {
        let deployment = self.chip.deploy(binary, &plan.deploy).ok();
        let values =
            deployment.and_then(|deployment| model::score(&deployment, validation, &self.goals).ok());
        values
            .map(|(values, _)| values)
            .filter(|values| values.iter().all(|value| value.is_finite()))
            .unwrap_or_default()
    }

    /// Refuses a plan that takes more memory than it may, before any of it is taken.
    fn check_memory(&self, plan: &Plan) -> Result<(), Failure> {
        let Some(limit) = self.memory else { return Ok(()) };
        let [train, validation, test] = [&self.train, &self.validation, &self.dataset.test].map(Samples::len);
        let needed = plan.memory(train, validation, test).map_err(invalid)?;
        if needed <= limit {
            return Ok(());
        }
        let reason = format!(
            "would take {needed} of memory, may take {limit}: raise --memory, or choose fewer or smaller layers, \
             input levels or batches"
        );
        Err(Failure { kind: FailureKind::TooLarge, reason })
    }

    fn deploy(
        &self,
        plan: &Plan,
        network: &Network,
        input_max: u8,
    ) -> Result<(BinaryNetwork, Deployment), Failure> {
        let binary = network.fold(input_max);
        let deployment = self.chip.deploy(&binary, &plan.deploy).map_err(does_not_fit)?;
        Ok((binary, deployment))
    }
}

impl Objective for Classify {
    fn metrics(&self) -> Vec<Metric> {
        self.goals.list.iter().map(|goal| goal.metric()).collect()
    }

    fn evaluate(&self, point: &Point, seed: &Seed, observer: &mut Observer<'_>) -> Option<Evaluation> {
        match self.advance(point, seed, &Segment::whole(), observer)?.progress {
            SegmentEnd::Done(evaluation) => Some(evaluation),
            SegmentEnd::Paused(_) | SegmentEnd::Unsaved(..) => unreachable!("the whole has no pause"),
        }
    }

    fn cost(&self, point: &Point) -> f64 {
        /// What cannot be planned fails at once.
        const NOTHING: f64 = 1.0;
        let plan = self.plan(point).ok();
        plan.and_then(|plan| plan.cost(self.train.len()).ok()).unwrap_or(NOTHING)
    }

    fn advance(
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
}

/// The rung of a training whose state is `checkpoint`, once that is written where `pause` says.
fn kept(checkpoint: &Checkpoint, pause: &Pause, rung: Rung) -> SegmentEnd {
    let file = file(&pause.state);
    match checkpoint.save(&file) {
        Ok(()) => SegmentEnd::Paused(rung),
        Err(error) => SegmentEnd::Unsaved(file, error),
    }
}

/// The state of a training that is called `name`, or what is wrong with it.
fn state(name: &Path, fits: impl FnOnce(&Checkpoint) -> Result<(), String>) -> Result<Checkpoint, String> {
    let file = file(name);
    let told = |problem: String| format!("{}: {problem}", file.display());
    let checkpoint = Checkpoint::load(&file).map_err(|error| told(error.to_string()))?;
    fits(&checkpoint).map_err(told)?;
    Ok(checkpoint)
}

/// The file of the state that is called `name`.
fn file(name: &Path) -> PathBuf {
    name.with_extension("safetensors")
}

fn invalid(error: impl Display) -> Failure {
    Failure { kind: FailureKind::Invalid, reason: error.to_string() }
}

fn does_not_fit(error: DeployError) -> Failure {
    let kind = match error {
        DeployError::TooLarge { .. } => FailureKind::TooLarge,
        _ => FailureKind::Invalid,
    };
    Failure { kind, reason: error.to_string() }
}

fn broke_down(error: TrainingError) -> Failure {
    Failure { kind: kind(&error), reason: error.to_string() }
}

fn kind(error: &TrainingError) -> FailureKind {
    match error {
        TrainingError::Diverged { .. } | TrainingError::Exploded { .. } => FailureKind::Diverged,
        TrainingError::Dead { .. } => FailureKind::Silent,
        TrainingError::Teacher(error) => kind(error),
        _ => FailureKind::Invalid,
    }
}
