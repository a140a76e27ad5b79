//! Train a network on a data set, deploy it on a chip, score what the chip answers.

use std::fmt::Display;
use std::time::Instant;

use super::model::{self, Trained};
use super::{Evaluation, Goals, Objective, Observer, Plan, PlanError, SavedNetwork};
use crate::backend::{Chip, ChipProfile, DeployError, Deployment};
use crate::data::{Coded, DataError, Dataset, Samples};
use crate::network::{BinaryNetwork, Network};
use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::study::{Attributes, DataShape, Failure, FailureKind, Metric, Outcome};
use crate::training::{self, EpochReport, TrainingError};
use crate::units::Bytes;

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

    /// The evaluation, with the reason where it comes to nothing; `Ok(None)` if the observer broke it off.
    fn try_evaluate(
        &self,
        point: &Point,
        seed: &Seed,
        observer: &mut Observer<'_>,
    ) -> Result<Option<Evaluation>, Failure> {
        let plan = self.plan(point).map_err(invalid)?;
        self.check_memory(&plan)?;
        let mut network = Network::build(&plan.spec, &seed.child("network")).map_err(invalid)?;
        let (train, validation) = (self.coded(&plan, &self.train), self.coded(&plan, &self.validation));
        // What does not fit is found before hours are spent on it.
        let started = Instant::now();
        self.deploy(&plan, &network, train.max)?;
        let tried = started.elapsed();
        let started = Instant::now();
        let mut hear = |epoch: &EpochReport| observer(epoch.epoch, epoch.validation_accuracy);
        let seed = seed.child("training");
        let summary = training::train(&mut network, &train, &validation, &plan.training, &seed, &mut hear)
            .map_err(broke_down)?;
        if summary.interrupted {
            return Ok(None);
        }
        let trained = started.elapsed();
        let started = Instant::now();
        let (binary, deployment) = self.deploy(&plan, &network, train.max)?;
        let (values, report) = model::score(&deployment, &validation, &self.goals)?;
        let scored = started.elapsed();
        let mut attributes = model::network_attributes(&network, &summary);
        attributes.insert("training_seconds".to_owned(), trained.as_secs_f64().into());
        attributes.insert("deployment_seconds".to_owned(), (tried + scored).as_secs_f64().into());
        let test = self.coded(&plan, &self.dataset.test);
        let saved = SavedNetwork { network: binary, coding: Some(plan.coding), deploy: plan.deploy.clone() };
        let goals = self.goals.clone();
        let model = Trained { saved, deployment, test, goals, attributes: attributes.clone() };
        attributes.extend(model::chip_attributes(&report));
        let outcome = Outcome::Complete { values, constraints: Vec::new(), attributes };
        Ok(Some(Evaluation { outcome, model: Some(Box::new(model)) }))
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
        match self.try_evaluate(point, seed, observer) {
            Ok(evaluation) => evaluation,
            Err(failure) => Some(Outcome::Failed { failure, attributes: Attributes::new() }.into()),
        }
    }
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
