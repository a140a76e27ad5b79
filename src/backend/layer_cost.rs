//! What the spikes of one layer cause on its cores and on the mesh.

use ndarray::s;

use super::connect::{Connections, Counter, Fan};
use super::format::WeightFormat;
use super::mapping::{Core, LayerMapping, Mapping};
use super::profile::{ChipProfile, OperationCounting};
use super::quantize::{IntegerLayer, IntegerNetwork};
use super::route::{Route, route};

/// What one layer costs.
#[derive(Clone, Debug)]
pub(super) struct LayerCost {
    sources: Vec<usize>,
    /// For each input the synaptic operations of one event on each core.
    operations: Fan,
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
        let (topology, packets) = (&profile.topology, profile.counting.packets);
        let copy_on = |placed: usize| map.cores[map.core_of(placed)].number;
        let send = |neuron: usize| {
            let copies: Vec<usize> =
                (0..map.copies).map(|copy| copy_on(copy * map.neurons + neuron)).collect();
            route(&copies, &mapping.axons(index + 1, neuron), topology, packets)
        };
        Self {
            sources: layer.sources.clone(),
            operations: operations(layer, map, profile),
            neurons: map.cores.iter().map(|core| core.neurons as u64).collect(),
            routes: (0..layer.neurons()).map(send).collect(),
        }
    }

    /// Sums the operations of each core over the events of all sources.
    pub(super) fn count(&self, events: &[&[u32]], operations: &mut Vec<u64>) {
        operations.clear();
        operations.resize(self.neurons.len(), 0);
        for &input in self.sources.iter().flat_map(|&source| events[source]) {
            for &(core, count) in self.operations.of(input as usize) {
                operations[core as usize] += u64::from(count);
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

/// For each input the synaptic operations of one event on each core of `map`.
fn operations(layer: &IntegerLayer, map: &LayerMapping, profile: &ChipProfile) -> Fan {
    if profile.counting.synaptic_operations == OperationCounting::CrossbarRow {
        return map.hearing.with(map.axons_per_input as u32 * profile.core.neurons.unwrap_or(0));
    }
    let palette = matches!(profile.weights, WeightFormat::Palette { .. });
    let crosspoints = |&weight: &i64| match palette {
        true => digits(weight, map.axons_per_input),
        false => usize::from(weight != 0),
    };
    let of_tap: Vec<usize> =
        layer.weights.rows().into_iter().map(|row| row.iter().map(crosspoints).sum()).collect();
    let (connections, mut counter) = (Connections::new(layer), Counter::new(layer.inputs()));
    let of_core = |core: &Core| {
        connections.for_each(core.first..core.first + core.neurons, |input, tap, units| {
            let count = match units.len() == layer.units() {
                true => of_tap[tap],
                false => layer.weights.slice(s![tap, units]).iter().map(crosspoints).sum(),
            };
            counter.add(input, count);
        });
        counter.take()
    };
    let of_cores: Vec<_> = map.cores.iter().map(of_core).collect();
    Fan::new(layer.inputs(), &of_cores)
}

/// Crosspoints that a weight of `bits` axon types sets: 1 and -1 have a type each where there are two
/// types; more types are the digits of two's complement.
fn digits(weight: i64, bits: usize) -> usize {
    match bits {
        2 => usize::from(weight != 0),
        bits => (weight & ((1 << bits) - 1)).count_ones() as usize,
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
