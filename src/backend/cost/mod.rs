//! What an inference costs, by the profile's numbers: a model, not a measurement.
//!
//! One layer works a step. Where inferences are pipelined ([`StepCounting`]), every neuron makes one step of
//! each, and the period is the longest step of an inference; where they follow one by one, the period is the
//! latency, and in the steps of other layers neurons are idle. Latency is the sum of the steps; static power is
//! drawn by the cores in use for one period. Spikes that skip layers wait on their way until their step comes,
//! at no cost.

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
use latency::{LatencyModel, Timing};
use layer_cost::LayerCost;
use neuron_use::CoreLoad;

/// The cost of one inference while it runs.
pub(crate) struct CostAccumulator<'a> {
    model: &'a CostModel,
    /// What the layer at hand does.
    load: &'a mut CoreLoad,
    pub counts: EventCounts,
    /// Durations of the steps so far: their sum and the longest.
    sum: Seconds,
    longest: Seconds,
}

impl CostAccumulator<'_> {
    /// Counts layer `index` once it has fired; `events` are by source.
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
            let cores = self.load.cores.iter().map(|activity| (index, activity));
            let step = match self.model.steps {
                StepCounting::Pipelined => latency_model.step(cores, layer.paths(spikes)),
                StepCounting::OneByOne => {
                    let others = self.model.idle(index, &before);
                    let others = others.iter().map(|(layer, activity)| (*layer, activity));
                    latency_model.step(cores.chain(others), layer.paths(spikes))
                }
            };
            self.add_step(step);
        }
        if self.model.steps == StepCounting::OneByOne {
            self.rest(index);
        }
    }

    /// Counts the packets of `inputs`, and the step in which they are on their way where it is one of its own.
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
        let cores = idle.iter().map(|(layer, activity)| (*layer, activity));
        let step = latency_model.step(cores, routes().flat_map(|route| &route.paths));
        self.add_step(step);
    }

    /// Counts the steps that layer `index` makes while others work; in the first after its own it forgets the
    /// potentials that it kept.
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

    /// Durations, if the profile has the numbers.
    pub(crate) fn timing(&self) -> Option<Timing> {
        let period = match self.model.steps {
            StepCounting::Pipelined => self.longest,
            StepCounting::OneByOne => self.sum,
        };
        self.model.latency_model.as_ref().map(|_| Timing { latency: self.sum, period })
    }
}

/// EnergyModel of a mapped network.
#[derive(Clone, Debug)]
pub(crate) struct CostModel {
    layers: Vec<LayerCost>,
    /// (I): of each input.
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

    /// Whether neither events nor time cost anything: then it does not matter on which sample they are.
    pub(crate) fn is_unknown(&self) -> bool {
        self.latency_model.is_none() && self.energy_model.is_unknown()
    }

    /// The synaptic operations of layer `index`, as the chip counts them, when each of its inputs was active so
    /// often, by source.
    pub(crate) fn operations(&self, index: usize, active: &[Vec<u32>]) -> u64 {
        self.layers[index].operations_of(active)
    }

    /// An accumulator at zero; `load` is memory that it uses.
    pub(crate) fn accumulator<'a>(&'a self, load: &'a mut CoreLoad) -> CostAccumulator<'a> {
        let zero = Seconds(0.0);
        CostAccumulator { model: self, load, counts: self.zero_counts(), sum: zero, longest: zero }
    }

    /// A tally of this network at zero.
    pub(crate) fn zero_counts(&self) -> EventCounts {
        EventCounts::new(self.layers.len())
    }

    /// Energies of what `tally` counts while `time` passes.
    pub(crate) fn energy(&self, counts: &EventCounts, time: Option<Seconds>) -> Energy {
        self.energy_model.energy(counts, time)
    }

    /// What the cores of all layers but `busy` do, each with its layer, where those of the layer before it
    /// have `kept` potentials.
    fn idle(&self, busy: usize, kept: &[u64]) -> Vec<(usize, CoreActivity)> {
        let mut cores = Vec::new();
        for (index, layer) in self.layers.iter().enumerate().filter(|&(index, _)| index != busy) {
            let updated = kept.iter().copied().filter(|_| index + 1 == busy).chain(std::iter::repeat(0));
            cores.extend(
                layer
                    .idle()
                    .zip(updated)
                    .map(|(activity, updated)| (index, CoreActivity { updated, ..activity })),
            );
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
        // Inputs a and c: 2 operations in layer 0 (a to h1, c to h2), then h1 fires: 2 operations in layer 1,
        // and o1 fires. All on one tile, so no hops: 2 input packets, 1 of h1, 1 of o1. Four active updates.
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
    fn packets_pay_for_the_hops_of_their_way() {
        // Two neurons a core: hidden neurons on cores 0 to 4, the last of which is on tile 1 like the outputs'.
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
    fn a_spike_that_two_layers_hear_pays_for_both_ways() {
        let mut network = full(&[1, 2, 2, 2]);
        network.layers[2].sources = vec![2, 1];
        let deployment = chip("loihi1").deploy(&network, &DeployOptions::default()).unwrap();
        let run = deployment.run(array![[1]].view()).unwrap();
        // Packets: 1 of the input, 4 of the first layer, 2 of the second, 2 of the output; all on one tile.
        close(run.energy.network.unwrap().0, 9.0 * 1.7e-12);
        // Operations: 2, then 2 by 2, then both sources' 2 by 2.
        close(run.energy.synapse.unwrap().0, (2.0 + 4.0 + 8.0) * 23.6e-12);
    }

    #[test]
    fn truenorth_pays_for_events_and_for_one_tick() {
        let deployment = chip("truenorth").deploy(&by_hand(), &DeployOptions::default()).unwrap();
        let run = deployment.run(array![[1, 0, 1]].view()).unwrap();
        // Each hidden neuron is there twice, so layer 0 makes 4 operations and layer 1 makes 2.
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
        // a and c: h1 hears a and fires, h2 hears c and keeps -1; then o1 hears h1 and fires, o2 keeps 1 to the
        // end. Four neurons make three steps; updates are h1 h2, then h2 o1 o2. Packets: a, c, h1.
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
    fn a_way_to_another_chip_has_its_own_price_or_none_is_known() {
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
        let price = profile.energy.spike.as_ref().map(|spike| Quantity { value: 1000.0, ..spike.clone() });
        let time = profile.time.spike.as_ref().map(|spike| Quantity { value: 50.0, ..spike.clone() });
        (profile.energy.chip_crossing, profile.time.chip_crossing) = (price, time);
        let known = run(&profile);
        // h1 to the next chip, over a mesh of 8 tiles, and o1 back to the tile of core 0.
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
