//! A saved network on its chip, which decides on samples that nobody has labelled.

use ndarray::{Array2, ArrayView2};

use super::score::{ScoreError, check_inputs};
use crate::backend::nir::Reading;
use crate::backend::{Chip, DeployOptions, Deployment, RunError};
use crate::data::{InputCoding, Preprocessing};
use crate::network::Decision;
use crate::objective::network::saved::ModelFile;

/// A deployed network that takes samples as its preprocessing makes them.
pub struct Predictor {
    deployment: Deployment,
    coding: InputCoding,
    /// The input that stands for 1.0.
    levels: u8,
    classes: Vec<String>,
}

impl Predictor {
    /// Deploys the network of `model` on `chip` for samples that are read as `trained` says and coded
    /// by `coding`.
    ///
    /// # Errors
    /// The network does not take such samples, decides between another number of classes, or does not
    /// fit the chip.
    pub fn new(
        model: &ModelFile,
        trained: &Preprocessing,
        coding: InputCoding,
        chip: &Chip,
        deploy: &DeployOptions,
        time_step: Option<f64>,
    ) -> Result<Self, ScoreError> {
        let [height, width, channels] = trained.shape;
        let shape = [height, width, coding.width(channels)];
        let max = coding.max(trained.levels);
        let classes = trained.classes.clone();
        let network = model.network(shape, max, Reading { time_step, classes: Some(classes.len()) })?;
        check_inputs(&network, "the data of its training", coding, (shape.iter().product(), max))?;
        let found = network.key.classes();
        if found != classes.len() {
            let dataset = "the data of its training".to_owned();
            return Err(ScoreError::Classes { found, dataset, expected: classes.len() });
        }
        let deployment = chip.deploy(&network, deploy)?;
        Ok(Self { deployment, coding, levels: trained.levels, classes })
    }

    /// The decisions on samples, (N, I), each input 0 to the levels of the preprocessing.
    ///
    /// # Errors
    /// The samples have another number of inputs.
    pub fn decide(&self, inputs: ArrayView2<'_, u8>) -> Result<Vec<Decision>, RunError> {
        match self.coding {
            InputCoding::Graded => self.deployment.decide(inputs),
            _ => {
                let coded: Array2<u8> = self.coding.code(inputs, self.levels);
                self.deployment.decide(coded.view())
            }
        }
    }

    /// The names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }
}
