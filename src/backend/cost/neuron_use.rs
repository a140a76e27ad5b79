//! The activity of single neurons, for chips on which the work of a neuron depends on its events.
//!
//! A neuron is updated in a step if it fires or receives an event, even if its inputs add up to
//! zero. A neuron that does not fire keeps its sum as its potential. A potential other than zero
//! costs one more update in the next step.

use ndarray::Array2;

use super::core_activity::CoreActivity;
use crate::backend::mapping::LayerMapping;
use crate::backend::quantize::IntegerLayer;
use crate::network::Connectivity;
use crate::units::Seconds;

/// Core load: the activity of a layer's cores in a step; the memory is reused.
#[derive(Default)]
pub(crate) struct CoreLoad {
    /// The activity of each core.
    pub cores: Vec<CoreActivity>,
    /// For each core the number of neurons that keep a potential.
    pub kept: Vec<u64>,
    /// The duration of the step on each core of the chip, by its number.
    pub durations: Vec<Seconds>,
    neurons: Vec<NeuronState>,
}

/// The state of one neuron in a step.
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
    /// (elements, channels)
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

    /// Counts in `load` the updates, spikes and kept potentials of each core. `active` has the
    /// active inputs of each source, `spikes` the neurons that fired.
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
