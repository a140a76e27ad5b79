//! What an inference costs, by the profile's numbers: a model, not a measurement.
//!
//! Inferences follow one another through the layers, one layer a step. In each inference every neuron is
//! updated once: actively if its core received an event. The step of a layer lasts as long as its slowest
//! core (operations and updates one after the other), the farthest packet that it sends, and the barrier.
//! The latency of an inference is the sum of its steps, the period the longest of them; static power is
//! drawn by the cores in use for one period.
//!
//! Energies: synapse = operations e_s; neuron = active e_a + inactive e_i; network = packets e_p +
//! east-west hops e_x + north-south hops e_y; static = (cores p_c + p_f) period.

use super::mapping::{LayerMapping, Mapping};
use super::profile::{Barrier, ChipProfile, OperationCounting, TimeConstants, WeightFormat};
use super::quantize::{IntegerLayer, IntegerNetwork};
use super::route::{self, Route};
use crate::units::{Joules, Seconds, Watts};

/// What is counted on the chip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub operations: u64,
    pub active_updates: u64,
    pub inactive_updates: u64,
    pub packets: u64,
    pub hops_east_west: u64,
    pub hops_north_south: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.operations += other.operations;
        self.active_updates += other.active_updates;
        self.inactive_updates += other.inactive_updates;
        self.packets += other.packets;
        self.hops_east_west += other.hops_east_west;
        self.hops_north_south += other.hops_north_south;
    }

    fn send(&mut self, route: &Route) {
        self.packets += route.packets;
        self.hops_east_west += route.hops_east_west;
        self.hops_north_south += route.hops_north_south;
    }
}

/// Energies that the profile has numbers for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Energy {
    /// Of synaptic operations.
    pub synapse: Option<Joules>,
    /// Of neuron updates.
    pub neuron: Option<Joules>,
    /// Of packets.
    pub network: Option<Joules>,
    /// Of static power during one period.
    pub idle: Option<Joules>,
}

impl Energy {
    /// The sum, if every part is known.
    pub fn total(&self) -> Option<Joules> {
        Some(self.synapse? + self.neuron? + self.network? + self.idle?)
    }
}

/// Durations of one inference.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Timing {
    pub latency: Seconds,
    pub period: Seconds,
}

impl Timing {
    fn add_step(&mut self, step: Seconds) {
        self.latency += step;
        self.period = Seconds(self.period.0.max(step.0));
    }
}

/// The cost of one inference while it runs.
pub(super) struct Meter<'a> {
    model: &'a CostModel,
    /// Operations of each core of the layer at hand.
    operations: &'a mut Vec<u64>,
    pub tally: Tally,
    timing: Timing,
}

impl Meter<'_> {
    /// Counts layer `index` with its active inputs and its spikes.
    pub(super) fn layer(&mut self, index: usize, active: &[u32], spikes: &[u32]) {
        let layer = &self.model.layers[index];
        layer.count(active, self.operations);
        let busy = |&(_, &operations): &(&u64, &u64)| operations > 0;
        let neurons: u64 = layer.neurons.iter().sum();
        let updated = layer.neurons.iter().zip(&*self.operations).filter(busy).map(|(neurons, _)| neurons);
        let active_updates: u64 = updated.sum();
        self.tally.operations += self.operations.iter().sum::<u64>();
        self.tally.active_updates += active_updates;
        self.tally.inactive_updates += neurons - active_updates;
        if index == 0 {
            active.iter().for_each(|&input| self.tally.send(&self.model.inputs[input as usize]));
        }
        spikes.iter().for_each(|&neuron| self.tally.send(&layer.routes[neuron as usize]));
        if let Some(clock) = &self.model.clock {
            self.timing.add_step(clock.step(layer, self.operations, spikes));
        }
    }

    /// Durations, if the profile has the numbers.
    pub(super) fn timing(&self) -> Option<Timing> {
        self.model.clock.as_ref().map(|_| self.timing)
    }
}

/// Prices of a mapped network.
#[derive(Clone, Debug)]
pub(super) struct CostModel {
    layers: Vec<LayerCost>,
    /// (I): of each input.
    inputs: Vec<Route>,
    prices: Prices,
    clock: Option<Clock>,
}

impl CostModel {
    pub(super) fn new(network: &IntegerNetwork, mapping: &Mapping, profile: &ChipProfile) -> Self {
        let layer = |index| LayerCost::new(network, mapping, index, profile);
        let (first, map) = (&network.layers[0], &mapping.layers[0]);
        let from_port = route::from_input(map, &profile.topology, profile.counting.packets);
        let input = |used| if used { from_port.clone() } else { Route::default() };
        Self {
            layers: (0..network.layers.len()).map(layer).collect(),
            inputs: used_inputs(first).map(input).collect(),
            prices: Prices::new(profile, mapping.cores()),
            clock: Clock::new(profile, mapping.cores()),
        }
    }

    /// A meter at zero; `operations` is memory that it uses.
    pub(super) fn meter<'a>(&'a self, operations: &'a mut Vec<u64>) -> Meter<'a> {
        Meter { model: self, operations, tally: Tally::default(), timing: Timing::default() }
    }

    /// Energies of what `tally` counts, over `periods` periods' time.
    pub(super) fn energy(&self, tally: &Tally, periods: Option<Seconds>) -> Energy {
        self.prices.energy(tally, periods)
    }
}

/// What one layer costs.
#[derive(Clone, Debug)]
struct LayerCost {
    /// (I) rows of one number a core: synaptic operations of one event.
    operations: Vec<u64>,
    /// Placed neurons of each core.
    neurons: Vec<u64>,
    /// (O): what each neuron's spike sends.
    routes: Vec<Route>,
}

impl LayerCost {
    fn new(network: &IntegerNetwork, mapping: &Mapping, index: usize, profile: &ChipProfile) -> Self {
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
    fn count(&self, active: &[u32], operations: &mut Vec<u64>) {
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
}

/// (I): whether the input has a weight that is not zero.
fn used_inputs(layer: &IntegerLayer) -> impl Iterator<Item = bool> {
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

/// Energies of the profile, and the power of the cores in use.
#[derive(Clone, Debug)]
struct Prices {
    operation: Option<Joules>,
    update: Option<(Joules, Joules)>,
    packet: Option<(Joules, Joules, Joules)>,
    power: Option<Watts>,
}

impl Prices {
    fn new(profile: &ChipProfile, cores: usize) -> Self {
        let energy = &profile.energy;
        let hops = match profile.topology.mesh {
            None => Some((Joules(0.0), Joules(0.0))),
            Some(_) => energy
                .hop_east_west
                .as_ref()
                .zip(energy.hop_north_south.as_ref())
                .map(|(x, y)| (x.energy(), y.energy())),
        };
        let update = energy.neuron_active.as_ref().zip(energy.neuron_inactive.as_ref());
        let power = energy.static_per_core.as_ref().zip(energy.static_fixed.as_ref());
        Self {
            operation: energy.synaptic_operation.as_ref().map(|number| number.energy()),
            update: update.map(|(active, inactive)| (active.energy(), inactive.energy())),
            packet: energy.spike.as_ref().zip(hops).map(|(spike, (x, y))| (spike.energy(), x, y)),
            power: power.map(|(core, fixed)| core.power() * cores as f64 + fixed.power()),
        }
    }

    fn energy(&self, tally: &Tally, periods: Option<Seconds>) -> Energy {
        let neuron = |(active, inactive): (Joules, Joules)| {
            active * tally.active_updates as f64 + inactive * tally.inactive_updates as f64
        };
        let network = |(packet, x, y): (Joules, Joules, Joules)| {
            packet * tally.packets as f64
                + x * tally.hops_east_west as f64
                + y * tally.hops_north_south as f64
        };
        Energy {
            synapse: self.operation.map(|price| price * tally.operations as f64),
            neuron: self.update.map(neuron),
            network: self.packet.map(network),
            idle: self.power.zip(periods).map(|(power, time)| Joules(power.0 * time.0)),
        }
    }
}

/// Durations of the profile.
#[derive(Clone, Debug)]
enum Clock {
    /// Every step takes the same time.
    Fixed(Seconds),
    /// A step ends when all is done.
    Barrier {
        operation: Seconds,
        active: Seconds,
        inactive: Seconds,
        packet: Seconds,
        hops: (Seconds, Seconds),
        barrier: Seconds,
    },
}

impl Clock {
    /// The clock, if the profile has the numbers.
    fn new(profile: &ChipProfile, cores: usize) -> Option<Self> {
        let time = &profile.time;
        if let Some(step) = &time.step {
            return Some(Self::Fixed(step.time()));
        }
        Some(Self::Barrier {
            operation: time.synaptic_operation.as_ref()?.time(),
            active: time.neuron_active.as_ref()?.time(),
            inactive: time.neuron_inactive.as_ref()?.time(),
            packet: time.spike.as_ref()?.time(),
            hops: hop_times(time, profile.topology.mesh.is_some())?,
            barrier: time.barrier.as_ref()?.duration(profile.topology.tiles(cores)),
        })
    }

    /// The step of `layer` with these operations on each core and these spikes.
    fn step(&self, layer: &LayerCost, operations: &[u64], spikes: &[u32]) -> Seconds {
        match self {
            Self::Fixed(step) => *step,
            Self::Barrier { operation, active, inactive, packet, hops, barrier } => {
                let core = |(&operations, &neurons): (&u64, &u64)| {
                    let update = if operations > 0 { *active } else { *inactive };
                    *operation * operations as f64 + update * neurons as f64
                };
                let flight = |&(x, y): &(u32, u32)| *packet + hops.0 * f64::from(x) + hops.1 * f64::from(y);
                let sent = spikes.iter().flat_map(|&neuron| &layer.routes[neuron as usize].distances);
                slowest(operations.iter().zip(&layer.neurons).map(core))
                    + slowest(sent.map(flight))
                    + *barrier
            }
        }
    }
}

/// The longest, or zero if there is none.
fn slowest(times: impl Iterator<Item = Seconds>) -> Seconds {
    Seconds(times.map(|time| time.0).fold(0.0, f64::max))
}

fn hop_times(time: &TimeConstants, mesh: bool) -> Option<(Seconds, Seconds)> {
    match mesh {
        true => Some((time.hop_east_west.as_ref()?.time(), time.hop_north_south.as_ref()?.time())),
        false => Some((Seconds(0.0), Seconds(0.0))),
    }
}

impl Barrier {
    /// With this many tiles; outside the measured range the nearest end counts.
    fn duration(&self, tiles: u32) -> Seconds {
        let [few, many] = self.tiles;
        let share = f64::from(tiles.clamp(few, many) - few) / f64::from(many - few);
        self.shortest.time() * (1.0 - share) + self.longest.time() * share
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::DeployOptions;
    use super::super::fixtures::{by_hand, chip, full};
    use super::*;

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
        let network = full(&[1, 10, 2]);
        let deployment =
            super::super::Chip::new(profile).deploy(&network, &DeployOptions::default()).unwrap();
        let run = deployment.run(array![[1]].view()).unwrap();
        // Packets: 5 of the input, 10 of the hidden neurons, 2 of the output. Hops: 1, 8 and 2.
        close(run.energy.network.unwrap().0, (17.0 * 1.7 + 11.0 * 3.0) * 1e-12);
        let barrier = 113.0 + 352.0 / 31.0;
        let steps = [2.0 * 3.5 + 2.0 * 8.4, 20.0 * 3.5 + 2.0 * 8.4].map(|core| core + 2.1 + 4.1 + barrier);
        close(run.latency.unwrap().mean.0, (steps[0] + steps[1]) * 1e-9);
        close(run.period.unwrap().0, steps[1] * 1e-9);
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
        let deployment =
            super::super::Chip::new(profile).deploy(&by_hand(), &DeployOptions::default()).unwrap();
        let run = deployment.run(array![[1, 0, 1]].view()).unwrap();
        assert!(run.energy.synapse.is_some() && run.energy.neuron.is_some());
        assert_eq!((run.energy.network, run.energy.idle, run.total_energy), (None, None, None));
        assert_eq!((run.latency, run.period), (None, None));
    }

    #[test]
    fn a_crossbar_row_is_paid_in_full() {
        let mut profile = chip("truenorth").profile().clone();
        profile.counting.synaptic_operations = OperationCounting::CrossbarRow;
        let deployment =
            super::super::Chip::new(profile).deploy(&by_hand(), &DeployOptions::default()).unwrap();
        // Two inputs and one hidden spike, on two axons each, of 256 crosspoints.
        assert_eq!(deployment.run(array![[1, 0, 1]].view()).unwrap().chip_operations, 3.0 * 2.0 * 256.0);
    }

    #[test]
    fn a_weight_sets_the_crosspoints_of_its_digits() {
        assert_eq!([-1, 0, 1].map(|weight| digits(weight, 2)), [1, 0, 1]);
        assert_eq!([-7, -1, 0, 3, 7].map(|weight| digits(weight, 4)), [2, 4, 0, 2, 3]);
    }

    #[test]
    fn a_barrier_takes_longer_with_more_tiles() {
        let profile = chip("loihi1").profile().clone();
        let barrier = profile.time.barrier.unwrap();
        close(barrier.duration(0).0, 113e-9);
        close(barrier.duration(32).0, 465e-9);
        close(barrier.duration(2).0, (113.0 + 352.0 / 31.0) * 1e-9);
    }
}
