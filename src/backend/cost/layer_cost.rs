//! The events that the spikes of one layer cause on its cores and on the mesh.

use ndarray::s;

use super::core_activity::CoreActivity;
use super::latency::Part;
use super::neuron_use::{CoreLoad, NeuronUse};
use crate::backend::mapping::connect::{Connections, CoresByInput, Counter};
use crate::backend::mapping::route::{Path, Route, route};
use crate::backend::mapping::{Core, LayerMapping, Mapping};
use crate::backend::profile::format::WeightFormat;
use crate::backend::profile::{ChipProfile, OperationCounting, OutputCounting};
use crate::backend::quantize::{IntegerLayer, IntegerNetwork};

/// Tables for counting the events of one layer.
#[derive(Clone, Debug)]
pub(crate) struct LayerCost {
    sources: Vec<usize>,
    /// For each input the synaptic operations that one event causes on each core.
    operations: CoresByInput,
    /// Number of placed neurons on each core.
    neurons: Vec<u64>,
    /// The number of each core.
    numbers: Vec<usize>,
    /// (O): the packets that a spike of each neuron sends.
    pub routes: Vec<Route>,
    /// The activity of single neurons, if the profile has a cost for it.
    neuron_use: Option<NeuronUse>,
}

impl LayerCost {
    pub(crate) fn new(
        network: &IntegerNetwork,
        mapping: &Mapping,
        index: usize,
        profile: &ChipProfile,
    ) -> Self {
        let (layer, map) = (&network.layers[index], &mapping.layers[index]);
        let (topology, counting) = (&profile.topology, &profile.counting);
        let is_read_in_place =
            index + 1 == network.layers.len() && counting.outputs == OutputCounting::ReadInPlace;
        let send = |neuron: usize| {
            route(&map.copies_of(neuron), &mapping.axons(index + 1, neuron), topology, counting.packets)
        };
        let routes = match is_read_in_place {
            true => vec![Route::default(); layer.neurons()],
            false => (0..layer.neurons()).map(send).collect(),
        };
        Self {
            sources: layer.sources.clone(),
            operations: operations(layer, map, profile),
            neurons: map.cores.iter().map(|core| core.neurons as u64).collect(),
            numbers: map.cores.iter().map(|core| core.number).collect(),
            routes,
            neuron_use: profile.has_event_costs().then(|| NeuronUse::new(layer, map)),
        }
    }

    /// Counts in `load` the activity of each core in one step. `events` has the active inputs of
    /// each source (0: the network's input, l: the spikes of layer l - 1), `spikes` the neurons
    /// that fired.
    pub(crate) fn count(&self, events: &[&[u32]], spikes: &[u32], load: &mut CoreLoad) {
        load.cores.clear();
        load.cores
            .extend(self.neurons.iter().map(|&steps| CoreActivity { steps, ..CoreActivity::default() }));
        for &source in &self.sources {
            let add = |core: usize, count| load.cores[core].operations += count;
            self.operations.for_each_sum(events[source], add);
        }
        load.cores
            .iter_mut()
            .filter(|activity| activity.operations > 0)
            .for_each(|activity| activity.active = activity.steps);
        if let Some(neuron_use) = &self.neuron_use {
            neuron_use.count(self.sources.iter().map(|&source| events[source]), spikes, load);
        }
    }

    /// Part `part` of this layer, which is layer `layer`.
    pub(crate) fn part(&self, layer: usize, part: usize) -> Part {
        Part { layer, core: self.numbers[part] }
    }

    /// The synaptic operations on all cores of the layer. `active[s][i]` is the number of samples
    /// on which input i of source s was active; see [`LayerMapping::sources`].
    pub(crate) fn operations_of(&self, active: &[Vec<u32>]) -> u64 {
        self.sources.iter().map(|&source| self.operations.sum(&active[source])).sum()
    }

    /// The activity of each core in a step of another layer, without any event.
    pub(crate) fn idle(&self) -> impl Iterator<Item = CoreActivity> {
        self.neurons.iter().map(|&steps| CoreActivity { steps, ..CoreActivity::default() })
    }

    /// The paths of all packets of these spikes.
    pub(crate) fn paths(&self, spikes: &[u32]) -> impl Iterator<Item = &Path> {
        spikes.iter().flat_map(|&neuron| &self.routes[neuron as usize].paths)
    }
}

/// For each input the synaptic operations that one event causes on each core of `map`.
fn operations(layer: &IntegerLayer, map: &LayerMapping, profile: &ChipProfile) -> CoresByInput {
    if profile.counting.synaptic_operations == OperationCounting::CrossbarRow {
        return map.receivers.with(map.axons_per_input as u32 * profile.core.neurons.unwrap_or(0));
    }
    let palette = matches!(profile.weights, WeightFormat::Palette { .. });
    let crosspoints = |&weight: &i64| match palette {
        true => digits(weight, map.axons_per_input),
        false => usize::from(weight != 0),
    };
    let of_element: Vec<usize> =
        layer.weights.rows().into_iter().map(|row| row.iter().map(crosspoints).sum()).collect();
    let (connections, mut counter) = (Connections::new(layer), Counter::new(layer.inputs()));
    let of_core = |core: &Core| {
        connections.for_each(core.first..core.first + core.neurons, |input, element, channels| {
            let count = match channels.len() == layer.channels() {
                true => of_element[element],
                false => layer.weights.slice(s![element, channels]).iter().map(crosspoints).sum(),
            };
            counter.add(input, count);
        });
        counter.take()
    };
    let of_cores: Vec<_> = map.cores.iter().map(of_core).collect();
    CoresByInput::new(layer.inputs(), &of_cores)
}

/// The number of crosspoints that a weight occupies on a crossbar with `bits` axon types per input.
///
/// With two types, the weights 1 and -1 take one crosspoint each. With more, the types are the
/// binary digits of the weight in two's complement, and each digit of 1 takes a crosspoint.
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
