//! The score of a saved network on a chip.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::by_class::ByClass;
use crate::backend::nir::Reading;
use crate::backend::{Chip, ChipReport, DeployError, DeployOptions, Deployment, RunError};
use crate::data::{Coded, DataPart, DataSummary, Dataset, InputCoding, Samples};
use crate::network::{BinaryNetwork, Decision};
use crate::objective::network::accuracy::accuracy;
use crate::objective::network::attributes::chip_attributes;
use crate::objective::network::faults::{Robustness, Sweep, SweepError};
use crate::objective::network::plan::memory;
use crate::objective::network::saved::{ModelError, ModelFile};
use crate::study::Attributes;
use crate::units::Bytes;

/// Version of the JSON form of a [`Score`].
const SCHEMA: u32 = 1;

/// The score of a network on a chip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Version of this form.
    pub schema: u32,
    /// The program and its version.
    pub program: String,
    /// The network's file.
    pub model: String,
    /// The data set's name.
    pub dataset: String,
    /// SHA-256 of the data set's content.
    pub dataset_sha256: String,
    /// What was read from the data set's files; left out in files of version 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_loaded: Option<DataSummary>,
    /// The part of the data set.
    pub part: DataPart,
    /// Number of samples.
    pub samples: usize,
    /// How inputs were coded.
    pub input_coding: InputCoding,
    /// How the network was deployed.
    pub deploy: DeployOptions,
    /// Share of the samples whose class the chip found, from 0 to 1.
    pub accuracy: f64,
    /// The score of each class; left out in files of version 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_class: Option<ByClass>,
    /// The deployed network and what it costs. Energies and times are modelled.
    pub chip: ChipReport,
    /// The same network on faulty chips; left out if none were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faults: Option<Robustness>,
}

/// A score, with the decision on each sample.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreBySample {
    /// The score.
    pub score: Score,
    /// The number of the right class of each sample.
    pub labels: Vec<u16>,
    /// What the chip decided on each sample.
    pub decisions: Vec<Decision>,
}

/// A network, a chip and samples to score it on.
pub struct Scoring<'a> {
    /// The network's file, for the report.
    pub name: &'a str,
    /// The network.
    pub model: &'a ModelFile,
    /// The chip that it runs on.
    pub chip: &'a Chip,
    /// The data set, for the report, and the form of its samples.
    pub dataset: &'a Dataset,
    /// The samples that are scored.
    pub samples: &'a Samples,
    /// The part of the data set that they are.
    pub part: DataPart,
    /// How inputs are coded.
    pub coding: InputCoding,
    /// The time step of a NIR file, in the unit of its time constants; `None`: found in the file.
    pub time_step: Option<f64>,
    /// How the network is deployed.
    pub deploy: DeployOptions,
    /// Faulty chips to score it on as well.
    pub faults: Option<&'a Sweep>,
    /// The most memory that the deployment may take; `None`: any.
    pub memory: Option<Bytes>,
}

/// Why a network has no score.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The file holds no network for samples of this shape.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The network takes other inputs than the samples have.
    #[error(
        "takes {found} inputs up to {found_max}; {dataset} coded as {coding} has {expected} up to {expected_max}: \
         choose the --dataset and --input-coding that it was trained with"
    )]
    Inputs {
        /// Number of inputs of the network.
        found: usize,
        /// The largest value of an input.
        found_max: u8,
        /// The data set.
        dataset: String,
        /// How its samples are coded.
        coding: InputCoding,
        /// Number of inputs of a sample coded in this way.
        expected: usize,
        /// The largest value of an input.
        expected_max: u8,
    },
    /// The network has another number of classes than the data set.
    #[error(
        "decides between {found} classes; {dataset} has {expected}: choose the --dataset that it was trained with"
    )]
    Classes {
        /// Classes of the network.
        found: usize,
        /// The data set.
        dataset: String,
        /// The number of classes of the data set.
        expected: usize,
    },
    /// The network takes more memory than there is.
    #[error("would take {needed} of memory on a chip, there are {limit}: use a machine with more")]
    TooLarge {
        /// Bytes of the deployed network and the samples.
        needed: Bytes,
        /// Bytes that there are.
        limit: Bytes,
    },
    /// The network cannot be deployed on the chip.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// The network cannot run on the samples.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The network has no score on faulty chips.
    #[error(transparent)]
    Faults(#[from] SweepError),
}

impl Scoring<'_> {
    /// Deploys the network, runs it on the samples, and scores its answers.
    ///
    /// # Errors
    /// The network does not fit the samples or the chip.
    pub fn score(&self) -> Result<ScoreBySample, ScoreError> {
        let samples = self.coded();
        let deployment = self.deploy(&samples)?;
        let run = deployment.run(samples.inputs.view())?;
        let faults = self.faults.map(|sweep| sweep.run(&deployment, &samples)).transpose()?;
        let score = Score {
            schema: SCHEMA,
            program: concat!("tune ", env!("CARGO_PKG_VERSION")).to_owned(),
            model: self.name.to_owned(),
            dataset: self.dataset.name.clone(),
            dataset_sha256: self.dataset.checksum.clone(),
            data_loaded: Some(DataSummary::of(self.dataset, 0)),
            part: self.part,
            samples: samples.labels.len(),
            input_coding: self.coding,
            deploy: self.deploy.clone(),
            accuracy: accuracy(&run.predictions, &samples.labels),
            by_class: Some(ByClass::of(&self.dataset.classes, &samples.labels, &run.predictions)),
            chip: deployment.report(&run),
            faults,
        };
        Ok(ScoreBySample { score, labels: samples.labels, decisions: run.decisions })
    }

    /// How the network's file is read.
    pub fn reading(&self) -> Reading {
        Reading { time_step: self.time_step, classes: Some(self.dataset.classes.len()) }
    }

    fn coded(&self) -> Coded {
        self.coding.encode(self.samples, self.dataset.shape, self.dataset.levels)
    }

    fn deploy(&self, samples: &Coded) -> Result<Deployment, ScoreError> {
        let network = self.model.network(samples.shape, samples.max, self.reading())?;
        let taken = (samples.inputs.ncols(), samples.max);
        check_inputs(&network, &self.dataset.name, self.coding, taken)?;
        let (found, expected) = (network.key.classes(), self.dataset.classes.len());
        if found != expected {
            return Err(ScoreError::Classes { found, dataset: self.dataset.name.clone(), expected });
        }
        let needed = memory::deployed(&network, samples, self.faults.is_some_and(Sweep::changes_weights));
        if let Some(limit) = self.memory.filter(|&limit| needed > limit) {
            return Err(ScoreError::TooLarge { needed, limit });
        }
        Ok(self.chip.deploy(&network, &self.deploy)?)
    }
}

/// Checks that `network` takes samples of `dataset` in this `coding`: the number of inputs, and the largest.
///
/// # Errors
/// [`ScoreError::Inputs`].
pub(super) fn check_inputs(
    network: &BinaryNetwork,
    dataset: &str,
    coding: InputCoding,
    (expected, expected_max): (usize, u8),
) -> Result<(), ScoreError> {
    let (found, found_max) = (network.inputs(), network.input_max);
    match (found, found_max) == (expected, expected_max) {
        true => Ok(()),
        false => {
            let dataset = dataset.to_owned();
            Err(ScoreError::Inputs { found, found_max, dataset, coding, expected, expected_max })
        }
    }
}

impl Score {
    /// The JSON Schema of a score.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Score).to_value()
    }

    /// The figures of the score that people read, by name.
    pub fn attributes(&self) -> Attributes {
        let own = [
            ("accuracy", self.accuracy.into()),
            ("samples", self.samples.into()),
            ("input_coding", self.input_coding.to_string().into()),
        ];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
        own.chain(chip_attributes(&self.chip)).collect()
    }
}
