//! The modelled energy and duration of one inference, from the constants of the chip profile.
//! Nothing here is measured.
//!
//! The chip computes one layer per step. The latency is the sum of all steps. The period is the
//! time between the starts of two inferences. [`StepCounting`] names two ways to run:
//!
//! - pipelined: the layers work on different samples at the same time. Every neuron makes one step
//!   per inference, and the period is the longest step.
//! - one by one: an inference begins when the one before it ends. The period is the latency. Every
//!   neuron makes every step, and is idle in the steps of other layers.
//!
//! The cores in use draw static power for one period. A spike that skips layers waits for the step
//! of its target layer at no cost.

pub(super) mod bounds;
pub(super) mod core_activity;
pub(super) mod energy;
pub(super) mod latency;
pub(super) mod layer_cost;
pub(super) mod neuron_use;

use super::mapping::Mapping;
use super::mapping::route::{Route, route};
use super::profile::{ChipProfile, StepCounting};
use super::quantize::IntegerNetwork;
use crate::units::Seconds;
use core_activity::CoreActivity;
use energy::{Energy, EnergyModel, EventCounts};
use latency::{LatencyModel, Part, Timing};
use layer_cost::LayerCost;
use neuron_use::CoreLoad;

/// The accumulated cost of one inference.
pub(crate) struct CostAccumulator<'a> {
    model: &'a CostModel,
    /// Activity of the current layer's cores.
    load: &'a mut CoreLoad,
    pub counts: EventCounts,
    /// Sum and maximum of the durations so far.
    sum: Seconds,
    longest: Seconds,
}

impl CostAccumulator<'_> {
    /// Counts the step of layer `index`, after its neurons have fired. `events` has the active
    /// inputs or neurons of each source: first the network's input, then each layer.
    pub(crate) fn layer(&mut self, index: usize, events: &[&[u32]]) {
        if index == 0 {
            self.inputs(events[0]);
        }
        let (layer, spikes) = (&self.model.layers[index], events[index + 1]);
        let before = std::mem::take(&mut self.load.kept);
        layer.count(events, spikes, self.load);
        for activity in &self.load.cores {
            self.counts.activity += activity;
            self.counts.operations[index] += activity.operations;
        }
        if self.model.energy_model.has_packets() {
            spikes.iter().for_each(|&neuron| self.counts.send(&layer.routes[neuron as usize]));
        }
        if let Some(latency_model) = &self.model.latency_model {
            let others = match self.model.steps {
                StepCounting::Pipelined => Vec::new(),
                StepCounting::OneByOne => self.model.idle(index, &before),
            };
            let parts = self.load.cores.iter().enumerate();
            let parts = parts.map(|(part, activity)| (layer.part(index, part), activity));
            let parts = parts.chain(others.iter().map(|(part, activity)| (*part, activity)));
            let step = latency_model.step(parts, layer.paths(spikes), &mut self.load.durations);
            self.add_step(step);
        }
        if self.model.steps == StepCounting::OneByOne {
            self.rest(index);
        }
    }

    /// Counts the packets of the network's `inputs`. If inferences run one by one, also counts
    /// their step.
    fn inputs(&mut self, inputs: &[u32]) {
        let routes = || inputs.iter().map(|&input| &self.model.inputs[input as usize]);
        if self.model.energy_model.has_packets() {
            routes().for_each(|route| self.counts.send(route));
        }
        self.load.kept.clear();
        let Some(latency_model) =
            self.model.latency_model.as_ref().filter(|_| self.model.steps == StepCounting::OneByOne)
        else {
            return;
        };
        let idle = self.model.idle(self.model.layers.len(), &[]);
        let parts = idle.iter().map(|(part, activity)| (*part, activity));
        let paths = routes().flat_map(|route| &route.paths);
        let step = latency_model.step(parts, paths, &mut self.load.durations);
        self.add_step(step);
    }

    /// Counts the steps that the neurons of layer `index` make while other layers are computed.
    ///
    /// In the first of these steps a neuron forgets the potential that it kept, which counts as one
    /// update. After the last layer there is no such step.
    fn rest(&mut self, index: usize) {
        let layers = self.model.layers.len();
        self.counts.activity.steps +=
            layers as u64 * self.load.cores.iter().map(|activity| activity.steps).sum::<u64>();
        if index + 1 < layers {
            self.counts.activity.updated += self.load.kept.iter().sum::<u64>();
        }
    }

    fn add_step(&mut self, step: Seconds) {
        self.sum += step;
        self.longest = Seconds(self.longest.0.max(step.0));
    }

    /// The durations, if the profile has the constants.
    pub(crate) fn timing(&self) -> Option<Timing> {
        let period = match self.model.steps {
            StepCounting::Pipelined => self.longest,
            StepCounting::OneByOne => self.sum,
        };
        self.model.latency_model.as_ref().map(|_| Timing { latency: self.sum, period })
    }
}

/// The cost model of a mapped network.
#[derive(Clone, Debug)]
pub(crate) struct CostModel {
    layers: Vec<LayerCost>,
    /// (I): the packets of each input.
    inputs: Vec<Route>,
    steps: StepCounting,
    energy_model: EnergyModel,
    latency_model: Option<LatencyModel>,
}

impl CostModel {
    pub(crate) fn new(network: &IntegerNetwork, mapping: &Mapping, profile: &ChipProfile) -> Self {
        let layer = |index| LayerCost::new(network, mapping, index, profile);
        // Inputs enter at the tile of core 0.
        let input =
            |input| route(&[0], &mapping.axons(0, input), &profile.topology, profile.counting.packets);
        Self {
            layers: (0..network.layers.len()).map(layer).collect(),
            inputs: (0..network.layers[0].inputs()).map(input).collect(),
            steps: profile.counting.steps,
            energy_model: EnergyModel::new(profile, network, mapping.size(&profile.topology)),
            latency_model: LatencyModel::new(profile, network, mapping.size(&profile.topology)),
        }
    }

    /// Whether the profile has no cost for any event and no durations. Then sums over all samples
    /// are enough: it does not matter on which sample an event happens.
    pub(crate) fn is_unknown(&self) -> bool {
        self.latency_model.is_none() && self.energy_model.is_unknown()
    }

    /// Synaptic operations of layer `index`, as the chip counts them.
    ///
    /// `active[s][i]` is the number of samples on which input i of source s was active. Source 0 is
    /// the network's input, source l the spikes of layer l - 1.
    pub(crate) fn operations(&self, index: usize, active: &[Vec<u32>]) -> u64 {
        self.layers[index].operations_of(active)
    }

    /// An accumulator at zero; the memory of `load` is reused.
    pub(crate) fn accumulator<'a>(&'a self, load: &'a mut CoreLoad) -> CostAccumulator<'a> {
        let zero = Seconds(0.0);
        CostAccumulator { model: self, load, counts: self.zero_counts(), sum: zero, longest: zero }
    }

    /// Counts at zero for this network.
    pub(crate) fn zero_counts(&self) -> EventCounts {
        EventCounts::new(self.layers.len())
    }

    /// The energies of the events in `counts` during `time`.
    pub(crate) fn energy(&self, counts: &EventCounts, time: Option<Seconds>) -> Energy {
        self.energy_model.energy(counts, time)
    }

    /// The parts of all layers but layer `busy`, each with its activity. `kept` has the number of
    /// neurons that keep a potential, for each part of the layer before `busy`.
    fn idle(&self, busy: usize, kept: &[u64]) -> Vec<(Part, CoreActivity)> {
        let mut cores = Vec::new();
        for (index, layer) in self.layers.iter().enumerate().filter(|&(index, _)| index != busy) {
            let updated = kept.iter().copied().filter(|_| index + 1 == busy).chain(std::iter::repeat(0));
            cores.extend((0..).zip(layer.idle().zip(updated)).map(|(part, (activity, updated))| {
                (layer.part(index, part), CoreActivity { updated, ..activity })
            }));
        }
        cores
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::fixtures::{by_hand, chip, full};
    use super::super::{Chip, ChipProfile, DeployOptions, OperationCounting, Placement, Quantity};
    use crate::units::Joules;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= expected.abs() * 1e-12, "{found} is not {expected}");
    }

    #[test]
    fn a_small_network_costs_on_loihi_what_hand_arithmetic_says() {
        // Inputs a and c: 2 operations in layer 0 (a to h1, c to h2). Then h1 fires: 2 operations
        // in layer 1, and o1 fires. All cores are on one tile, so no hops: 2 input packets, 1 of
        // h1, 1 of o1. Four active updates.
        let deployment = chip("loihi1").deploy(&by_hand(), &DeployOptions::default()).unwrap();
        let run = deployment.run(array![[1, 0, 1]].view()).unwrap();
        let step = 2.0 * 3.5 + 2.0 * 8.4 + 2.1 + 113.0;
        close(run.latency.unwrap().mean.0, 2.0 * step * 1e-9);
        close(run.period.unwrap().0, step * 1e-9);
        close(run.energy.synapse.unwrap().0, 4.0 * 23.6e-12);
        close(run.energy.neuron.unwrap().0, 4.0 * 81e-12);
        close(run.energy.network.unwrap().0, 4.0 * 1.7e-12);
        close(run.energy.idle.unwrap().0, 2.0 * 0.816e-3 * step * 1e-9);
        let total = 4.0 * (23.6 + 81.0 + 1.7) * 1e-12 + 2.0 * 0.816e-3 * step * 1e-9;
        close(run.total_energy.unwrap().max.0, total);
        close(run.energy.total().unwrap().0, total);
    }

    #[test]
    fn a_silent_sample_costs_inactive_updates_and_two_empty_steps() {
        let deployment = chip("loihi1").deploy(&by_hand(), &DeployOptions::default()).unwrap();
        let run = deployment.run(array![[0, 0, 0]].view()).unwrap();
        close(run.energy.neuron.unwrap().0, 4.0 * 52e-12);
        assert_eq!((run.energy.synapse, run.energy.network), (Some(Joules(0.0)), Some(Joules(0.0))));
        close(run.latency.unwrap().max.0, 2.0 * (2.0 * 5.3 + 113.0) * 1e-9);
    }

    #[test]
    fn packets_pay_for_the_hops_of_their_path() {
        // Two neurons per core: hidden neurons on cores 0 to 4, the last of them on tile 1 like the
        // outputs.
        let mut profile = chip("loihi1").profile().clone();
        profile.core.neurons = Some(2);
        profile.topology.placement = Placement::RowMajor;
        let network = full(&[1, 10, 2]);
        let deployment = Chip::new(profile).deploy(&network, &DeployOptions::default()).unwrap();
        let run = deployment.run(array![[1]].view()).unwrap();
        // Packets: 5 of the input, 10 of the hidden neurons, 2 of the output. Hops: 1, 8 and 2.
        close(run.energy.network.unwrap().0, (17.0 * 1.7 + 11.0 * 3.0) * 1e-12);
        let barrier = 113.0 + 352.0 / 31.0;
        let steps = [2.0 * 3.5 + 2.0 * 8.4, 20.0 * 3.5 + 2.0 * 8.4].map(|core| core + 2.1 + 4.1 + barrier);
        close(run.latency.unwrap().mean.0, (steps[0] + steps[1]) * 1e-9);
        close(run.period.unwrap().0, steps[1] * 1e-9);
    }

    #[test]
    fn layers_on_one_core_take_turns() {
        // One nanosecond for each of six neurons, in the step of the inputs and in those of two layers.
        let mut profile: serde_json::Value =
            serde_json::from_str(include_str!("../../../configs/chips/odin.json")).unwrap();
        profile["time"]["neuron"]["per-step"]["value"] = 1.into();
        let profile = ChipProfile::from_json(&profile.to_string(), "mine.json").unwrap();
        let deployment = Chip::new(profile).deploy(&full(&[3, 4, 2]), &DeployOptions::default()).unwrap();
        let run = deployment.run(array![[0, 0, 0]].view()).unwrap();
        close(run.latency.unwrap().mean.0, 3.0 * 6e-9);
    }

    #[test]
    fn a_spike_to_two_layers_pays_for_both_paths() {
        let mut network = full(&[1, 2, 2, 2]);
        network.layers[2].sources = vec![2, 1];
        let deployment = chip("loihi1").deploy(&network, &DeployOptions::default()).unwrap();
        let run = deployment.run(array![[1]].view()).unwrap();
        // Packets: 1 of the input, 4 of the first layer, 2 of the second, 2 of the output; all on
        // one tile.
        close(run.energy.network.unwrap().0, 9.0 * 1.7e-12);
        // Operations: 2, then 2 by 2, then both sources' 2 by 2.
        close(run.energy.synapse.unwrap().0, (2.0 + 4.0 + 8.0) * 23.6e-12);
    }

    #[test]
    fn truenorth_pays_for_events_and_for_one_tick() {
        let deployment = chip("truenorth").deploy(&by_hand(), &DeployOptions::default()).unwrap();
        let run = deployment.run(array![[1, 0, 1]].view()).unwrap();
        // Each hidden neuron is placed twice, so layer 0 makes 4 operations and layer 1 makes 2.
        close(run.energy.synapse.unwrap().0, 6.0 * 2.297e-12);
        close(run.energy.idle.unwrap().0, 2.0 * 15.73e-6 * 1e-3);
        close(run.latency.unwrap().mean.0, 2e-3);
        close(run.period.unwrap().0, 1e-3);
    }

    #[test]
    fn a_missing_number_takes_away_what_needs_it_and_nothing_else() {
        let mut profile = chip("loihi1").profile().clone();
        profile.energy.hop_east_west = None;
        profile.time.barrier = None;
        let deployment = Chip::new(profile).deploy(&by_hand(), &DeployOptions::default()).unwrap();
        let run = deployment.run(array![[1, 0, 1]].view()).unwrap();
        assert!(run.energy.synapse.is_some() && run.energy.neuron.is_some());
        assert_eq!((run.energy.network, run.energy.idle, run.total_energy), (None, None, None));
        assert_eq!((run.latency, run.period), (None, None));
    }

    #[test]
    fn one_by_one_every_neuron_makes_every_step() {
        // Inputs a and c: h1 receives a and fires, h2 receives c and keeps -1. Then o1 receives h1
        // and fires, o2 keeps 1 to the end. Four neurons make three steps; updates are h1 h2, then
        // h2 o1 o2. Packets: a, c, h1.
        let deployment = chip("loihi1-sanafe").deploy(&by_hand(), &DeployOptions::default()).unwrap();
        let run = deployment.run(array![[1, 0, 1]].view()).unwrap();
        close(run.energy.synapse.unwrap().0, 4.0 * 35.5e-12);
        close(run.energy.neuron.unwrap().0, (12.0 * 51.2 + 5.0 * 21.6 + 2.0 * 69.3) * 1e-12);
        close(run.energy.network.unwrap().0, 3.0 * 111e-12);
        let busy = 2.0 * 3.8 + 2.0 * 6.0 + 2.0 * 3.7 + 30.0;
        let steps = [2.0 * 6.0 + 21.1, busy + 21.1, busy].map(|core| core + 600.0);
        close(run.latency.unwrap().mean.0, steps.iter().sum::<f64>() * 1e-9);
        close(run.period.unwrap().0, steps.iter().sum::<f64>() * 1e-9);
        assert_eq!((run.energy.idle, run.total_energy), (None, None));
    }

    #[test]
    fn a_path_to_another_chip_has_its_own_cost_or_none_is_known() {
        let mut profile = chip("loihi1").profile().clone();
        profile.topology.chips = 2;
        profile.topology.cores = Some(1);
        let run = |profile: &ChipProfile| {
            let deployment =
                Chip::new(profile.clone()).deploy(&by_hand(), &DeployOptions::default()).unwrap();
            deployment.run(array![[1, 0, 1]].view()).unwrap()
        };
        let unknown = run(&profile);
        assert_eq!((unknown.energy.network, unknown.total_energy, unknown.latency), (None, None, None));
        assert!(unknown.energy.synapse.is_some() && unknown.energy.neuron.is_some());
        let energy = profile.energy.spike.as_ref().map(|spike| Quantity { value: 1000.0, ..spike.clone() });
        let time = profile.time.spike.as_ref().map(|spike| Quantity { value: 50.0, ..spike.clone() });
        (profile.energy.chip_crossing, profile.time.chip_crossing) = (energy, time);
        let known = run(&profile);
        // h1 sends to the next chip, over a mesh of 8 tiles, and o1 back to the tile of core 0.
        close(known.energy.network.unwrap().0, (4.0 * 1.7 + 16.0 * 3.0 + 2.0 * 1000.0) * 1e-12);
        let step = 2.0 * 3.5 + 2.0 * 8.4 + 2.1 + 8.0 * 4.1 + 50.0 + 113.0 + 352.0 / 31.0;
        close(known.latency.unwrap().mean.0, 2.0 * step * 1e-9);
    }

    #[test]
    fn a_crossbar_row_is_paid_in_full() {
        let mut profile = chip("truenorth").profile().clone();
        profile.counting.synaptic_operations = OperationCounting::CrossbarRow;
        let deployment = Chip::new(profile).deploy(&by_hand(), &DeployOptions::default()).unwrap();
        // Two inputs and one hidden spike, on two axons each, of 256 crosspoints.
        assert_eq!(deployment.run(array![[1, 0, 1]].view()).unwrap().chip_operations, 3.0 * 2.0 * 256.0);
    }
}
