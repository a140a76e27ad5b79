//! What the spikes of one layer cause on its cores and on the mesh.

use super::format::WeightFormat;
use super::mapping::{LayerMapping, Mapping};
use super::profile::{ChipProfile, OperationCounting};
use super::quantize::{IntegerLayer, IntegerNetwork};
use super::route::{self, Route};

/// What one layer costs.
#[derive(Clone, Debug)]
pub(super) struct LayerCost {
    /// (I) rows of one number a core: synaptic operations of one event.
    operations: Vec<u64>,
    /// Placed neurons of each core.
    pub neurons: Vec<u64>,
    /// (O): what each neuron's spike sends.
    pub routes: Vec<Route>,
}

impl LayerCost {
    pub(super) fn new(
        network: &IntegerNetwork,
        mapping: &Mapping,
        index: usize,
        profile: &ChipProfile,
    ) -> Self {
        let (layer, map) = (&network.layers[index], &mapping.layers[index]);
        let above = mapping.layers.get(index + 1);
        let (topology, packets) = (&profile.topology, profile.counting.packets);
        let heard = network.layers.get(index + 1).map(|above| used_inputs(above).collect::<Vec<bool>>());
        let route = |neuron: usize| match &heard {
            Some(heard) if !heard[neuron] => Route::default(),
            _ => route::between(map, neuron, above, topology, packets),
        };
        Self {
            operations: operations(layer, map, profile),
            neurons: map.cores.iter().map(|core| core.neurons as u64).collect(),
            routes: (0..layer.neurons()).map(route).collect(),
        }
    }

    /// Sums the operations of each core over the active inputs.
    pub(super) fn count(&self, active: &[u32], operations: &mut Vec<u64>) {
        let cores = self.neurons.len();
        operations.clear();
        operations.resize(cores, 0);
        for &input in active {
            let row = &self.operations[input as usize * cores..][..cores];
            for (sum, add) in operations.iter_mut().zip(row) {
                *sum += add;
            }
        }
    }

    /// Neurons on cores that did operations, and on cores that did none.
    pub(super) fn updates(&self, operations: &[u64]) -> (u64, u64) {
        let cores = || self.neurons.iter().zip(operations);
        let active = cores().filter(|&(_, &operations)| operations > 0).map(|(neurons, _)| neurons).sum();
        let inactive = cores().filter(|&(_, &operations)| operations == 0).map(|(neurons, _)| neurons).sum();
        (active, inactive)
    }

    /// Every distance that a packet of these spikes goes.
    pub(super) fn distances(&self, spikes: &[u32]) -> impl Iterator<Item = &(u32, u32)> {
        spikes.iter().flat_map(|&neuron| &self.routes[neuron as usize].distances)
    }
}

/// (I): whether the input has a weight that is not zero.
pub(super) fn used_inputs(layer: &IntegerLayer) -> impl Iterator<Item = bool> {
    layer.weights.rows().into_iter().map(|row| row.iter().any(|&weight| weight != 0))
}

/// (I) rows of one number a core of `map`.
fn operations(layer: &IntegerLayer, map: &LayerMapping, profile: &ChipProfile) -> Vec<u64> {
    let palette = matches!(profile.weights, WeightFormat::Palette { .. });
    let crosspoints = |weight: i64| match palette {
        true => digits(weight, map.axons_per_input),
        false => u64::from(weight != 0),
    };
    let mut all = Vec::with_capacity(layer.inputs() * map.cores.len());
    for row in layer.weights.rows() {
        let used = row.iter().any(|&weight| weight != 0);
        for core in &map.cores {
            let placed = core.first..core.first + core.neurons;
            let effective = || placed.map(|neuron| crosspoints(row[neuron % map.neurons])).sum();
            all.push(match profile.counting.synaptic_operations {
                _ if !used => 0,
                OperationCounting::Effective => effective(),
                OperationCounting::CrossbarRow => {
                    map.axons_per_input as u64 * profile.core.neurons.map_or(0, u64::from)
                }
            });
        }
    }
    all
}

/// Crosspoints that a weight of `bits` axon types sets: 1 and -1 have a type each where there are two
/// types; more types are the digits of two's complement.
fn digits(weight: i64, bits: usize) -> u64 {
    match bits {
        2 => u64::from(weight != 0),
        bits => u64::from((weight & ((1 << bits) - 1)).count_ones()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_sets_the_crosspoints_of_its_digits() {
        assert_eq!([-1, 0, 1].map(|weight| digits(weight, 2)), [1, 0, 1]);
        assert_eq!([-7, -1, 0, 3, 7].map(|weight| digits(weight, 4)), [2, 4, 0, 2, 3]);
    }
}
