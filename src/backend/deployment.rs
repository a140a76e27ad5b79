//! A chip, and a network deployed on it.

use ndarray::ArrayView2;

use super::cost::bounds::CostBounds;
use super::error::{DeployError, RunError};
use super::mapping::{Mapping, fan_in};
use super::profile::ChipProfile;
use super::profile::format::InputSpikes;
use super::quantize::{DeployOptions, IntegerNetwork, weight_bits};
use super::run::{Run, Runner};
use crate::network::{BinaryNetwork, Decision};

/// A chip on which networks can be deployed.
#[derive(Clone, Debug, PartialEq)]
pub struct Chip {
    profile: ChipProfile,
}

/// A network deployed on a chip.
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

    /// The chip's profile.
    pub fn profile(&self) -> &ChipProfile {
        &self.profile
    }

    /// Whether networks with graded inputs can be deployed on the chip.
    pub fn takes_graded_inputs(&self) -> bool {
        self.profile.input == InputSpikes::Graded
    }

    /// Refuses a network that is far too large, from its plan alone: its largest input, and for each layer
    /// the inputs of one neuron, as [`Spec::deployed_fan_ins`](crate::network::Spec::deployed_fan_ins)
    /// returns them. What is not refused may still not fit.
    ///
    /// # Errors
    /// A neuron has more than twice the inputs that fit on a core. Or as [`deploy`](Self::deploy) says of
    /// graded inputs and bits of weights.
    pub fn check_fan_ins(
        &self,
        fan_ins: &[Option<usize>],
        input_max: u8,
        options: &DeployOptions,
    ) -> Result<(), DeployError> {
        self.check_input(input_max)?;
        fan_in::check(fan_ins, weight_bits(&self.profile, options)?, &self.profile)
    }

    /// The number of cores that `network` takes, which is known sooner than its [`deploy`](Self::deploy) is done.
    ///
    /// # Errors
    /// See [`deploy`](Self::deploy).
    pub fn cores(&self, network: &BinaryNetwork, options: &DeployOptions) -> Result<usize, DeployError> {
        Ok(Mapping::in_order(&self.integers(network, options)?, &self.profile)?.cores())
    }

    fn integers(
        &self,
        network: &BinaryNetwork,
        options: &DeployOptions,
    ) -> Result<IntegerNetwork, DeployError> {
        self.check_input(network.input_max)?;
        IntegerNetwork::new(network, &self.profile, options)
    }

    fn check_input(&self, input_max: u8) -> Result<(), DeployError> {
        if input_max > 1 && !self.takes_graded_inputs() {
            return Err(DeployError::GradedInput { chip: self.profile.name.clone(), input_max });
        }
        Ok(())
    }

    /// Quantizes `network`, maps it to cores and prepares it to run.
    ///
    /// # Errors
    /// The network is malformed or breaks a limit of the chip. Or its inputs are graded and the
    /// chip takes only plain spikes. Or the chip has no weights of this number of bits.
    pub fn deploy(
        &self,
        network: &BinaryNetwork,
        options: &DeployOptions,
    ) -> Result<Deployment, DeployError> {
        let integers = self.integers(network, options)?;
        let mapping = Mapping::new(&integers, &self.profile)?;
        Ok(Deployment::new(self.profile.clone(), integers, mapping))
    }
}

impl Deployment {
    fn new(profile: ChipProfile, network: IntegerNetwork, mapping: Mapping) -> Self {
        let runner = Runner::new(&network, &mapping, &profile);
        Self { profile, network, mapping, runner }
    }

    /// The network in the chip's integers.
    pub fn network(&self) -> &IntegerNetwork {
        &self.network
    }

    /// The mapping of neurons to cores.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Runs the samples `inputs`: N rows of I inputs. Returns the chip's decisions, exact in every
    /// bit, and the modelled energy and time.
    ///
    /// Runs samples in parallel on the current rayon pool; the result is the same on any pool.
    ///
    /// # Errors
    /// The inputs have another width than the network's, or a level above its largest.
    pub fn run(&self, inputs: ArrayView2<'_, u8>) -> Result<Run, RunError> {
        self.runner.run(inputs)
    }

    /// The chip's decisions on samples, (N, I), bit for bit those of [`Deployment::run`], without a
    /// count of what they cost.
    ///
    /// # Errors
    /// As [`Deployment::run`].
    pub fn decide(&self, inputs: ArrayView2<'_, u8>) -> Result<Vec<Decision>, RunError> {
        self.runner.decide(inputs)
    }

    /// The most that one inference can cost with these weights, whatever the sample.
    pub fn cost_bounds(&self) -> CostBounds {
        self.runner.cost.bounds()
    }

    /// Weights other than zero on all inputs of all layers: the most synaptic operations of one
    /// inference.
    pub fn most_synaptic_operations(&self) -> u64 {
        let of_layer = |layer: usize| {
            let fan_out: u64 = self.runner.fan_out[layer].iter().sum();
            fan_out * self.runner.simulator.sources(layer).len() as u64
        };
        (0..self.runner.fan_out.len()).map(of_layer).sum()
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
            "input_max = 4: loihi1 takes no graded spikes: choose another input coding, or train with --chip loihi1"
        );
    }
}
