//! Refuses networks by the inputs of their neurons, before they have weights.

use super::partition::{axons_per_input, broken_limit};
use crate::backend::error::DeployError;
use crate::backend::profile::ChipProfile;

/// A neuron with more than so many times the inputs that fit on a core is refused without its weights.
/// With fewer it depends on how many inputs have no weight but zero: they take no axon.
const MARGIN: u64 = 2;

/// Checks the number of inputs of one neuron of each layer; `None` for layers without weights. The error
/// names the layer nearest to the output that is too large with half of its inputs. A second source of a
/// layer, by a residual connection, is not counted.
pub(crate) fn check(
    fan_ins: &[Option<usize>],
    weight_bits: Option<u8>,
    profile: &ChipProfile,
) -> Result<(), DeployError> {
    let bits = weight_bits.map_or(0, u64::from);
    let axons = |fan_in: &Option<usize>| fan_in.unwrap_or(0) as u64 * axons_per_input(profile, bits);
    let too_large = fan_ins.iter().enumerate().rev().find_map(|(index, fan_in)| {
        broken_limit(&profile.core, axons(fan_in) / MARGIN, 0, bits)?;
        let (limit, needed, available) = broken_limit(&profile.core, axons(fan_in), 0, bits)?;
        let (chip, layer) = (profile.name.clone(), Some(index));
        Some(DeployError::TooLarge { chip, limit, needed, available, layer })
    });
    too_large.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neuron_with_twice_the_inputs_of_a_core_is_refused() {
        let check = |chip: &str, fan_ins: &[Option<usize>], bits| {
            let profile = ChipProfile::builtin(chip).unwrap();
            check(fan_ins, bits, &profile).map_err(|error| error.to_string())
        };
        assert_eq!(check("odin", &[Some(256), None, Some(513)], Some(4)), Ok(()));
        let error = "too large for odin: layer 2 needs 514 axons into a core, the chip has 256";
        assert_eq!(check("odin", &[Some(256), None, Some(514)], Some(4)), Err(error.to_owned()));
        // The layer nearest to the output is named, but not one that may have weights of 0.
        let error = "too large for odin: layer 1 needs 800 axons into a core, the chip has 256";
        assert_eq!(check("odin", &[Some(900), Some(800), Some(300)], Some(4)), Err(error.to_owned()));
        // An input takes an axon for each bit.
        let error = "too large for truenorth: layer 0 needs 516 synapses per neuron, the chip has 256";
        assert_eq!(check("truenorth", &[Some(258)], Some(2)), Err(error.to_owned()));
        assert_eq!(check("truenorth", &[Some(256)], Some(2)), Ok(()));
        assert_eq!(check("ideal", &[Some(1_000_000)], None), Ok(()));
    }
}
