//! A network that was trained before, scored on a chip.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::chip_attributes;
use crate::backend::{Chip, ChipReport, DeployError, DeployOptions, Deployment, FaultError, RunError};
use crate::data::{Coded, Dataset, InputCoding};
use crate::objective::{ModelError, ModelFile, Robustness, Sweep};
use crate::study::Attributes;

/// Version of the form of a [`Score`].
const SCHEMA: u32 = 1;

/// Which part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DataPart {
    /// What networks are tested on.
    Test,
    /// What networks are trained on.
    Train,
}

/// What a network comes to on a chip.
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
    /// SHA-256 of its content.
    pub dataset_sha256: String,
    /// Which part of it.
    pub part: DataPart,
    /// How many samples.
    pub samples: usize,
    /// How inputs were coded.
    pub input_coding: InputCoding,
    /// How the network was deployed.
    pub deploy: DeployOptions,
    /// Share of the samples whose class the chip found.
    pub accuracy: f64,
    /// The deployed network, and what it does. Energies and times are modelled.
    pub chip: ChipReport,
    /// The same network on faulty chips, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faults: Option<Robustness>,
}

/// What is to be scored.
pub struct Scoring<'a> {
    /// The network's file, for the report.
    pub name: &'a str,
    /// The network.
    pub model: &'a ModelFile,
    /// The chip that it runs on.
    pub chip: &'a Chip,
    /// The samples.
    pub dataset: &'a Dataset,
    /// Which of them.
    pub part: DataPart,
    /// How inputs are coded.
    pub coding: InputCoding,
    /// How the network is deployed.
    pub deploy: DeployOptions,
    /// On which faulty chips it is scored as well.
    pub faults: Option<&'a Sweep>,
}

/// Why a network has no score.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The file holds no network for such samples.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It takes other samples.
    #[error(
        "takes {found} inputs up to {found_max}; {dataset} coded as {coding} has {expected} up to {expected_max}: \
         choose the --dataset and --input-coding that it was trained with"
    )]
    Inputs {
        /// Inputs of the network.
        found: usize,
        /// The largest of them.
        found_max: u8,
        /// The data set.
        dataset: String,
        /// How it is coded.
        coding: InputCoding,
        /// Its inputs so coded.
        expected: usize,
        /// The largest of them.
        expected_max: u8,
    },
    /// It knows other classes.
    #[error("decides between {found} classes; {dataset} has {expected}")]
    Classes {
        /// Classes of the network.
        found: usize,
        /// The data set.
        dataset: String,
        /// Its classes.
        expected: usize,
    },
    /// It cannot be deployed on the chip.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// It cannot be run on the samples.
    #[error(transparent)]
    Run(#[from] RunError),
    /// There is no such fault on the chip.
    #[error(transparent)]
    Fault(#[from] FaultError),
}

impl Scoring<'_> {
    /// Deploys the network and runs it.
    ///
    /// # Errors
    /// The network and the samples, or the network and the chip, do not go together.
    pub fn score(&self) -> Result<Score, ScoreError> {
        let samples = self.coded();
        let deployment = self.deploy(&samples)?;
        let run = deployment.run(samples.inputs.view())?;
        let faults = self.faults.map(|sweep| sweep.run(&deployment, &samples)).transpose()?;
        Ok(Score {
            schema: SCHEMA,
            program: concat!("tune ", env!("CARGO_PKG_VERSION")).to_owned(),
            model: self.name.to_owned(),
            dataset: self.dataset.name.clone(),
            dataset_sha256: self.dataset.checksum.clone(),
            part: self.part,
            samples: samples.labels.len(),
            input_coding: self.coding,
            deploy: self.deploy.clone(),
            accuracy: accuracy(&run.predictions, &samples.labels),
            chip: deployment.report(&run),
            faults,
        })
    }

    fn coded(&self) -> Coded {
        let samples = match self.part {
            DataPart::Test => &self.dataset.test,
            DataPart::Train => &self.dataset.train,
        };
        self.coding.encode(samples, self.dataset.shape, self.dataset.levels)
    }

    fn deploy(&self, samples: &Coded) -> Result<Deployment, ScoreError> {
        let network = self.model.network(samples.shape, samples.max)?;
        let (found, expected) = (network.inputs(), samples.inputs.ncols());
        if (found, network.input_max) != (expected, samples.max) {
            return Err(ScoreError::Inputs {
                found,
                found_max: network.input_max,
                dataset: self.dataset.name.clone(),
                coding: self.coding,
                expected,
                expected_max: samples.max,
            });
        }
        let (found, expected) = (network.key.classes(), self.dataset.classes.len());
        if found != expected {
            return Err(ScoreError::Classes { found, dataset: self.dataset.name.clone(), expected });
        }
        Ok(self.chip.deploy(&network, &self.deploy)?)
    }
}

impl Score {
    /// The JSON Schema of a score.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Score).to_value()
    }

    /// What people read of it, by name.
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

/// The share of `predictions` that are right; 0 of none.
pub(crate) fn accuracy(predictions: &[u16], labels: &[u16]) -> f64 {
    let right = predictions.iter().zip(labels).filter(|(guess, label)| guess == label).count();
    right as f64 / labels.len().max(1) as f64
}
