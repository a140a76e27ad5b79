//! What single neurons of a layer do, for chips that price it.
//!
//! A neuron is updated where it receives an event, be its sum zero, or fires. One that does not fire and whose
//! sum is not zero keeps it as a potential, with which it is updated once more in the next step.

use ndarray::Array2;

use super::core_activity::CoreActivity;
use crate::backend::mapping::LayerMapping;
use crate::backend::quantize::IntegerLayer;
use crate::network::Connectivity;

/// What the cores of a layer do in a step; memory that is used again.
#[derive(Default)]
pub(crate) struct CoreLoad {
    /// One a core.
    pub cores: Vec<CoreActivity>,
    /// One a core: neurons that keep a potential.
    pub kept: Vec<u64>,
    neurons: Vec<NeuronState>,
}

/// Of one neuron.
#[derive(Clone, Copy, Default)]
struct NeuronState {
    received: bool,
    fired: bool,
    sum: i64,
}

/// The connections of a layer, neuron by neuron.
#[derive(Clone, Debug)]
pub(crate) struct NeuronUse {
    connectivity: Connectivity,
    /// (elements, units)
    weights: Array2<i64>,
    /// For each placed neuron the index of its core.
    cores: Vec<usize>,
}

impl NeuronUse {
    pub(crate) fn new(layer: &IntegerLayer, map: &LayerMapping) -> Self {
        let placed = layer.neurons() * map.copies;
        Self {
            connectivity: layer.connectivity,
            weights: layer.weights.clone(),
            cores: (0..placed).map(|placed| map.core_of(placed)).collect(),
        }
    }

    /// Counts in `load` the neurons that `active` inputs, by source, and their own `spikes` occupy.
    pub(crate) fn count<'a>(
        &self,
        active: impl Iterator<Item = &'a [u32]>,
        spikes: &[u32],
        load: &mut CoreLoad,
    ) {
        load.neurons.clear();
        load.neurons.resize(self.connectivity.output().len(), NeuronState::default());
        active.flatten().for_each(|&input| self.receive(input as usize, &mut load.neurons));
        spikes.iter().for_each(|&neuron| load.neurons[neuron as usize].fired = true);
        load.kept.clear();
        load.kept.resize(load.cores.len(), 0);
        for (&core, state) in self.cores.iter().zip(load.neurons.iter().cycle()) {
            load.cores[core].updated += u64::from(state.received || state.fired);
            load.cores[core].fired += u64::from(state.fired);
            load.kept[core] += u64::from(!state.fired && state.sum != 0);
        }
    }

    fn receive(&self, input: usize, neurons: &mut [NeuronState]) {
        let channels = self.weights.ncols();
        self.connectivity.for_each_position(input, |position, element| {
            let reached =
                neurons[position * channels..][..channels].iter_mut().zip(self.weights.row(element));
            for (state, &weight) in reached.filter(|&(_, &weight)| weight != 0) {
                state.received = true;
                state.sum += weight;
            }
        });
    }
}
