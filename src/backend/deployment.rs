//! A chip, and a network deployed on it.

use ndarray::ArrayView2;

use super::error::{DeployError, RunError};
use super::mapping::Mapping;
use super::profile::ChipProfile;
use super::profile::format::InputSpikes;
use super::quantize::{DeployOptions, IntegerNetwork};
use super::run::{Run, Runner};
use crate::network::BinaryNetwork;

/// A chip to deploy networks on.
#[derive(Clone, Debug, PartialEq)]
pub struct Chip {
    profile: ChipProfile,
}

/// A network on a chip.
#[derive(Clone, Debug)]
pub struct Deployment {
    pub(super) profile: ChipProfile,
    pub(super) network: IntegerNetwork,
    pub(super) mapping: Mapping,
    pub(super) runner: Runner,
}

impl Chip {
    /// The chip that `profile` describes.
    pub fn new(profile: ChipProfile) -> Self {
        Self { profile }
    }

    /// What the chip is.
    pub fn profile(&self) -> &ChipProfile {
        &self.profile
    }

    /// Whether networks with graded inputs can be deployed on it.
    pub fn takes_graded_inputs(&self) -> bool {
        self.profile.input == InputSpikes::Graded
    }

    /// Quantizes `network`, maps it to cores and makes it ready to run.
    ///
    /// # Errors
    /// If it does not fit, with the limit that it breaks; if its inputs are graded and the chip takes
    /// plain spikes; if the chip has no weights of the bits asked for; if the network is malformed.
    pub fn deploy(
        &self,
        network: &BinaryNetwork,
        options: &DeployOptions,
    ) -> Result<Deployment, DeployError> {
        let input_max = network.input_max;
        if input_max > 1 && !self.takes_graded_inputs() {
            return Err(DeployError::GradedInput { chip: self.profile.name.clone(), input_max });
        }
        let integers = IntegerNetwork::new(network, &self.profile, options)?;
        let mapping = Mapping::new(&integers, &self.profile)?;
        Ok(Deployment::new(self.profile.clone(), integers, mapping))
    }
}

impl Deployment {
    fn new(profile: ChipProfile, network: IntegerNetwork, mapping: Mapping) -> Self {
        let runner = Runner::new(&network, &mapping, &profile);
        Self { profile, network, mapping, runner }
    }

    /// The integers on the chip.
    pub fn network(&self) -> &IntegerNetwork {
        &self.network
    }

    /// Which neurons are on which core.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Runs samples, (N, I): the chip's decisions, bit for bit, and their modelled cost.
    ///
    /// Parallel over samples on the current rayon pool; the result does not depend on its size.
    ///
    /// # Errors
    /// If the inputs are of another width than the network's, or above its largest.
    pub fn run(&self, inputs: ArrayView2<'_, u8>) -> Result<Run, RunError> {
        self.runner.run(inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::fixtures::{by_hand, chip};

    #[test]
    fn graded_inputs_go_to_chips_that_take_them() {
        let mut network = by_hand();
        network.input_max = 4;
        assert!(chip("ideal").deploy(&network, &DeployOptions::default()).is_ok());
        assert_eq!(
            chip("loihi1").deploy(&network, &DeployOptions::default()).unwrap_err().to_string(),
            "input_max = 4: loihi1 takes no graded spikes; choose another input coding"
        );
    }
}
