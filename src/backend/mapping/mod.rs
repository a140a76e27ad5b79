//! Mapping of neurons to cores.
//!
//! An axon brings the spikes of one input to a core. A part of a layer is a range of neighbouring
//! neurons that lie on one core. A layer takes the fewest cores that the limits of a core allow. It
//! fills them evenly, because the slowest core sets the duration of a step. Parts get core numbers
//! layer after layer, along the rows of the mesh. Then cores are moved to shorten the paths of
//! spikes. The axons out of a core depend on the cores that receive its spikes. So layers are
//! partitioned from the output to the input.
//!
//! Synapses are stored as lists. Each axon has a list with one weight, zeros included, for every
//! neuron of the core that its input reaches. If kernels are shared and that takes less memory, all
//! axons use one list per kernel element. An input that has only zero weights needs no axon. In a
//! layer with several sources each source has its own axons, because spikes of two sources must
//! both count.
//!
//! The synapses of a neuron are never split between cores. A core with a part of the inputs could
//! only send whether their sum passes a threshold. That would compute another network.

pub(super) mod connect;
pub(super) mod convolution_cores;
pub(super) mod core;
pub(super) mod fan_in;
pub(super) mod partition;
pub(super) mod placement;
pub(super) mod route;

use std::collections::VecDeque;

use super::error::{DeployError, Limit};
use super::profile::ChipProfile;
use super::quantize::IntegerNetwork;
use partition::Partitioner;
use placement::place;

pub use self::core::{Core, LayerMapping, Mapping};

impl Mapping {
    /// Places `network` on the chip of `profile`.
    ///
    /// # Errors
    /// The network breaks a limit of the chip; mostly [`DeployError::TooLarge`].
    pub fn new(network: &IntegerNetwork, profile: &ChipProfile) -> Result<Self, DeployError> {
        let mut mapping = Self::in_order(network, profile)?;
        place(&mut mapping, &profile.topology, &profile.counting);
        Ok(mapping)
    }

    /// The same on as many cores, which follow each other layer by layer: no path is made shorter.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub(crate) fn in_order(network: &IntegerNetwork, profile: &ChipProfile) -> Result<Self, DeployError> {
        let mut layers: VecDeque<LayerMapping> = VecDeque::with_capacity(network.layers.len());
        for (index, layer) in network.layers.iter().enumerate().rev() {
            let target = |neuron| match layers.len() {
                // The spikes of each output neuron leave the chip over one axon.
                0 => 1,
                _ => layers.iter().map(|above| above.axons_of(index + 1, neuron) as u64).sum(),
            };
            let targets: Vec<u64> = (0..layer.neurons()).map(target).collect();
            let plan = Partitioner::new(layer, index, &targets, network.weight_bits, profile);
            layers.push_front(plan.place()?);
        }
        let mut mapping = Self { layers: layers.into() };
        match &profile.core.convolutions {
            Some(cores) => convolution_cores::assign(&mut mapping, network, cores, &profile.name)?,
            None => mapping.number(profile),
        }
        mapping.check_cores(profile)?;
        Ok(mapping)
    }

    /// Gives each part of a layer a core number. A part goes to the last core used if layers may
    /// share cores and the part fits there. Else it goes to the next core.
    fn number(&mut self, profile: &ChipProfile) {
        let shares = profile.topology.layers_share_cores;
        let mut filled: Option<Core> = None;
        for core in self.layers.iter_mut().flat_map(|layer| &mut layer.cores) {
            let together = filled.as_ref().filter(|_| shares).map(|filled| filled.with(core));
            let fitting = together.filter(|together| together.fits(&profile.core));
            let next = filled.as_ref().map_or(0, |filled| filled.number + 1);
            let now = fitting.unwrap_or_else(|| Core { number: next, ..core.clone() });
            core.number = now.number;
            filled = Some(now);
        }
    }

    fn check_cores(&self, profile: &ChipProfile) -> Result<(), DeployError> {
        let needed = self.parts().map(|core| core.number as u64 + 1).max().unwrap_or(0);
        match profile.topology.all_cores() {
            Some(available) if needed > available => Err(DeployError::TooLarge {
                chip: profile.name.clone(),
                limit: Limit::Cores,
                needed,
                available,
                layer: None,
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use ndarray::{Array1, Array2, s};
    use proptest::prelude::*;

    use super::super::fixtures::{chip, full};
    use super::super::{DeployOptions, IntegerLayer, Placement};
    use super::*;
    use crate::network::{BinaryLayer, Connectivity, Volume, Window, fixtures};

    fn profile() -> ChipProfile {
        ChipProfile::builtin("loihi1").unwrap()
    }

    fn mapped(profile: &ChipProfile, widths: &[usize]) -> Result<Mapping, DeployError> {
        let network = IntegerNetwork::new(&full(widths), profile, &DeployOptions::default())?;
        Mapping::new(&network, profile)
    }

    /// Neurons of each core, layer by layer.
    fn neurons(mapping: &Mapping) -> Vec<Vec<usize>> {
        let layer = |layer: &LayerMapping| layer.cores.iter().map(|core| core.neurons).collect();
        mapping.layers.iter().map(layer).collect()
    }

    fn message(profile: &ChipProfile, widths: &[usize]) -> String {
        mapped(profile, widths).unwrap_err().to_string()
    }

    #[test]
    fn a_core_of_neurons_is_filled_to_the_last_and_one_more_takes_another() {
        assert_eq!(neurons(&mapped(&profile(), &[10, 1024]).unwrap()), [[1024]]);
        assert_eq!(neurons(&mapped(&profile(), &[10, 1025]).unwrap()), [[512, 513]]);
    }

    #[test]
    fn synapse_memory_is_filled_to_the_last_word() {
        // 784 axons in 16,384 words leave 20 words or 1,280 bits per axon: a header of 10 and 158
        // weights of 8.
        let mapping = mapped(&profile(), &[784, 158]).unwrap();
        assert_eq!(neurons(&mapping), [[158]]);
        assert_eq!(mapping.layers[0].cores[0].synapse_bits, 784 * 20 * 64);
        assert_eq!(neurons(&mapped(&profile(), &[784, 159]).unwrap()), [[79, 80]]);
        let mut small = profile();
        small.core.synapse_memory.as_mut().unwrap().bits = 100 * 64;
        assert!(mapped(&small, &[100, 2]).is_ok());
        assert_eq!(
            message(&small, &[101, 2]),
            "too large for loihi1: layer 0 needs 6464 bits of synapse memory per neuron, the chip has 6400"
        );
    }

    #[test]
    fn axons_in_are_those_of_inputs_that_have_a_weight() {
        assert!(mapped(&profile(), &[4096, 2]).is_ok());
        assert_eq!(
            message(&profile(), &[4097, 2]),
            "too large for loihi1: layer 0 needs 4097 axons into a core, the chip has 4096"
        );
        let mut network = full(&[4097, 2]);
        network.layers[0].weights.column_mut(7).fill(0.0);
        assert!(chip("loihi1").deploy(&network, &DeployOptions::default()).is_ok());
    }

    #[test]
    fn axons_out_limit_how_many_neurons_share_a_core() {
        let mut profile = profile();
        profile.core.out_axons = Some(20);
        // Sixty output neurons send over one axon each and take three cores; each hidden neuron
        // needs three axons.
        assert_eq!(neurons(&mapped(&profile, &[5, 6, 60]).unwrap())[0], [6]);
        assert_eq!(neurons(&mapped(&profile, &[5, 7, 60]).unwrap())[0], [3, 4]);
        profile.core.out_axons = Some(2);
        assert_eq!(
            message(&profile, &[5, 6, 6]),
            "too large for loihi1: layer 0 needs 3 axons out of a core, the chip has 2"
        );
    }

    #[test]
    fn the_last_core_fits_and_one_more_does_not() {
        assert_eq!(mapped(&profile(), &[1, 128 * 1024]).unwrap().cores(), 128);
        assert_eq!(
            message(&profile(), &[1, 128 * 1024 + 1]),
            "too large for loihi1: needs 129 cores, the chip has 128"
        );
    }

    #[test]
    fn a_crossbar_takes_two_axons_an_input_and_a_copy_for_every_axon_that_is_driven() {
        let mut profile = ChipProfile::builtin("truenorth").unwrap();
        profile.topology.placement = Placement::RowMajor;
        // 300 output neurons take two cores, where each input has two axons: four copies of 100
        // neurons.
        let mapping = mapped(&profile, &[128, 100, 300]).unwrap();
        assert_eq!(neurons(&mapping), [vec![200, 200], vec![150, 150]]);
        assert_eq!(mapping.layers[0].copies, 4);
        assert_eq!(mapping.layers[0].cores[0].in_axons, 256);
        assert_eq!(mapping.layers[1].cores.iter().map(|core| core.number).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(
            message(&profile, &[129, 100]),
            "too large for truenorth: layer 0 needs 258 synapses per neuron, the chip has 256"
        );
    }

    #[test]
    fn a_neuron_needs_axons_for_its_own_inputs_only() {
        // Two neurons with 100 inputs each, all different: 200 axons for each, and 400 for both.
        let mut network = full(&[200, 2]);
        network.layers[0].weights.row_mut(0).slice_mut(s![100..]).fill(0.0);
        network.layers[0].weights.row_mut(1).slice_mut(s![..100]).fill(0.0);
        let deployment = chip("truenorth").deploy(&network, &DeployOptions::default()).unwrap();
        let cores = &deployment.mapping().layers[0].cores;
        assert_eq!(cores.iter().map(|core| core.in_axons).collect::<Vec<_>>(), [200, 200]);
    }

    #[test]
    fn copies_of_copies_are_not_counted_to_the_end() {
        // On this chip a neuron has one axon, so that each convolution needs nine times the copies of
        // the next one.
        let profile = ChipProfile::builtin("truenorth").unwrap();
        let window = Window { height: 3, width: 3, stride: 1, padding: 1 };
        let image = Volume { height: 28, width: 28, channels: 8 };
        let layer = |index: usize| BinaryLayer {
            connectivity: Connectivity::Convolution { input: image, window, channels: 8 },
            sources: vec![index],
            weights: Array2::ones((8, 72)),
            thresholds: Array1::ones(8),
            exponent: 0,
        };
        let mut network = full(&[image.len(), image.len()]);
        network.layers = (0..8).map(layer).collect();
        let integers = IntegerNetwork::new(&network, &profile, &DeployOptions::default()).unwrap();
        assert_eq!(
            Mapping::new(&integers, &profile).unwrap_err().to_string(),
            "too large for truenorth: needs more than 65536 cores, the chip has 4096"
        );
    }

    #[test]
    fn every_placed_neuron_has_its_core() {
        let layer = &mapped(&profile(), &[784, 500]).unwrap().layers[0];
        for (index, core) in layer.cores.iter().enumerate() {
            assert_eq!(layer.core_of(core.first), index);
            assert_eq!(layer.core_of(core.first + core.neurons - 1), index);
        }
        assert_eq!(layer.cores.iter().map(|core| core.neurons).sum::<usize>(), 500);
    }

    /// The incoming axons, the bits of synapse memory, and for each input whether it is connected.
    /// A slow reference, which lists all connections of a part.
    fn needs(layer: &IntegerLayer, placed: Range<usize>, bits: u64) -> (u64, u64, Vec<bool>) {
        let mut synapses = vec![0; layer.inputs()];
        // For each kernel element the first and the last channel that has it.
        let mut kernel: Vec<Option<(u64, u64)>> = vec![None; layer.weights.nrows()];
        for neuron in placed.clone() {
            let channels = layer.channels();
            let channel = (neuron % channels) as u64;
            let beside = || placed.clone().filter(|&other| other / channels == neuron / channels);
            let mut connected = vec![false; layer.inputs()];
            layer.connectivity.for_each_input(
                neuron % layer.neurons() / layer.channels(),
                |input, element| {
                    let used = beside().any(|other| layer.weights[[element, other % channels]] != 0);
                    connected[input] |= used;
                    if used {
                        let (first, last) = kernel[element].unwrap_or((channel, channel));
                        kernel[element] = Some((first.min(channel), last.max(channel)));
                    }
                },
            );
            connected
                .iter()
                .zip(&mut synapses)
                .for_each(|(&connected, synapses)| *synapses += u64::from(connected));
        }
        let sources = layer.sources.len() as u64;
        let list = |&synapses: &u64| (10 + bits * synapses).div_ceil(64) * 64;
        let connected: Vec<bool> = synapses.iter().map(|&synapses| synapses > 0).collect();
        let axons = connected.iter().filter(|&&connected| connected).count() as u64;
        let own = synapses.iter().filter(|&&synapses| synapses > 0).map(list).sum::<u64>();
        let shared = kernel.iter().flatten().map(|(first, last)| list(&(last - first + 1))).sum::<u64>();
        let memory = if layer.connectivity.kind() == "convolution" { own.min(shared) } else { own };
        (axons * sources, memory * sources, connected)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_connectivity_takes_the_fewest_cores_that_hold_it(
            seed: u64, neurons in 3u32..60, in_axons in 300u32..900, words in 300u64..3000,
        ) {
            let mut profile = profile();
            profile.topology.cores = None;
            profile.topology.mesh = None;
            profile.core.neurons = Some(neurons);
            profile.core.in_axons = Some(in_axons);
            profile.core.synapse_memory.as_mut().unwrap().bits = words * 64;
            let options = DeployOptions::default();
            let network = IntegerNetwork::new(&fixtures::network(seed, 1, 3, 0), &profile, &options).unwrap();
            let Ok(mapping) = Mapping::new(&network, &profile) else { return Ok(()) };
            let mut axons_out: Vec<Vec<u64>> =
                network.layers.iter().map(|layer| vec![0; layer.neurons()]).collect();
            for (layer, map) in network.layers.iter().zip(&mapping.layers) {
                let bits = if layer.connectivity.kind() == "pool" { 1 } else { 8 };
                for core in &map.cores {
                    let (axons, memory, connected) = needs(layer, core.first..core.first + core.neurons, bits);
                    prop_assert_eq!((core.in_axons, core.synapse_bits), (axons, memory));
                    prop_assert!(core.neurons <= neurons as usize && axons <= u64::from(in_axons));
                    prop_assert!(memory <= words * 64);
                    for &source in layer.sources.iter().filter(|&&source| source > 0) {
                        let out = axons_out[source - 1].iter_mut().zip(&connected);
                        out.for_each(|(axons, &connected)| *axons += u64::from(connected));
                    }
                }
                let fewer = map.cores.len() - 1;
                let fits = |index| {
                    let part = map.neurons * index / fewer..map.neurons * (index + 1) / fewer;
                    let (axons, memory, _) = needs(layer, part.clone(), bits);
                    part.len() <= neurons as usize && axons <= u64::from(in_axons) && memory <= words * 64
                };
                prop_assert!(fewer == 0 || !(0..fewer).all(fits));
            }
            let last = axons_out.len() - 1;
            axons_out[last].fill(1);
            for (map, axons) in mapping.layers.iter().zip(&axons_out) {
                for core in &map.cores {
                    let sent: u64 = axons[core.first..core.first + core.neurons].iter().sum();
                    prop_assert_eq!(core.out_axons, sent);
                }
            }
        }
    }

    #[test]
    fn parts_of_a_convolution_are_neighbours_that_share_inputs() {
        // Eight positions in a row have three inputs each. Two cores of four positions receive six
        // inputs each, and both receive the two in the middle.
        let input = Volume { height: 1, width: 10, channels: 1 };
        let window = Window { height: 1, width: 3, stride: 1, padding: 0 };
        let layer = BinaryLayer {
            connectivity: Connectivity::Convolution { input, window, channels: 2 },
            sources: vec![1],
            weights: Array2::ones((2, 3)),
            thresholds: Array1::ones(2),
            exponent: 0,
        };
        let mut network = full(&[1, 10, 16]);
        network.layers[1] = layer;
        let mut profile = profile();
        profile.core.neurons = Some(10);
        let integers = IntegerNetwork::new(&network, &profile, &DeployOptions::default()).unwrap();
        let mapping = Mapping::new(&integers, &profile).unwrap();
        assert_eq!(neurons(&mapping), [vec![10], vec![8, 8]]);
        assert_eq!(mapping.layers[1].cores.iter().map(|core| core.in_axons).collect::<Vec<_>>(), [6, 6]);
        assert_eq!((mapping.layers[0].cores[0].out_axons, mapping.layers[0].targets), (12, 2));
        // Lists of 2, 4, 6, 6, 4 and 2 weights of 8 bits take one word each; so do the kernel's
        // three of 2.
        assert_eq!(mapping.layers[1].cores[0].unshared_bits, 6 * 64);
        assert_eq!(mapping.layers[1].cores[0].synapse_bits, 3 * 64);
    }

    #[test]
    fn layers_share_a_core_where_the_chip_lets_them() {
        let profile = ChipProfile::builtin("odin").unwrap();
        let mapping = mapped(&profile, &[200, 40, 10]).unwrap();
        assert_eq!((neurons(&mapping), mapping.cores()), (vec![vec![40], vec![10]], 1));
        let core = &mapping.by_core()[0];
        assert_eq!((core.neurons, core.in_axons, core.out_axons), (50, 240, 50));
        // 200 inputs and 57 neurons are more than 256 rows.
        assert_eq!(message(&profile, &[200, 57, 10]), "too large for odin: needs 2 cores, the chip has 1");
        assert_eq!(
            message(&profile, &[257, 10]),
            "too large for odin: layer 0 needs 257 axons into a core, the chip has 256"
        );
    }

    #[test]
    fn a_network_goes_on_to_the_next_chip() {
        let mut profile = profile();
        profile.topology.chips = 2;
        let mapping = mapped(&profile, &[1, 128 * 1024 + 1]).unwrap();
        let size = mapping.size(&profile.topology);
        assert_eq!((size.chips, size.tiles, size.cores), (2, 33, 129));
        assert_eq!(
            message(&profile, &[1, 256 * 1024 + 1]),
            "too large for loihi1: needs 257 cores, the chip has 256"
        );
    }

    #[test]
    fn a_layer_with_two_receivers_sends_to_both() {
        let mut network = full(&[2, 3, 3, 4]);
        network.layers[2].sources = vec![2, 1];
        let integers = IntegerNetwork::new(&network, &profile(), &DeployOptions::default()).unwrap();
        let mapping = Mapping::new(&integers, &profile()).unwrap();
        let core = |layer: usize| &mapping.layers[layer].cores[0];
        assert_eq!([0, 1, 2].map(|layer| core(layer).out_axons), [6, 3, 4]);
        assert_eq!([0, 1, 2].map(|layer| core(layer).in_axons), [2, 3, 6]);
        assert_eq!(mapping.axons(1, 0), [core(1).number, core(2).number]);
    }
}
