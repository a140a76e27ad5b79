//! Runs of a deployed network on many samples.

use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2, Axis, s};
use rayon::prelude::*;

use super::cost::CostModel;
use super::cost::energy::{Energy, EventCounts};
use super::cost::neuron_use::CoreLoad;
use super::error::RunError;
use super::mapping::Mapping;
use super::profile::ChipProfile;
use super::quantize::{IntegerLayer, IntegerNetwork};
use super::simulate::{BLOCK, Block, Counts, Simulator};
use crate::network::Decision;
use crate::units::{Joules, Seconds};

/// The activity of one layer, summed over the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerActivity {
    /// Number of active inputs (not zero) of all sources.
    pub active_inputs: u64,
    /// Number of spikes of its neurons.
    pub spikes: u64,
    /// Number of weights other than zero on active inputs, however the chip counts operations.
    pub synaptic_operations: u64,
    /// As `synaptic_operations`, but an input that is active in several sources counts once: the
    /// layer receives the sum of the sources.
    pub effective_operations: u64,
    /// Whether any input was above 1: a graded input, or a sum of several sources.
    pub graded: bool,
}

/// The mean and the maximum over samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanAndMax<T> {
    /// The mean.
    pub mean: T,
    /// The maximum.
    pub max: T,
}

/// The results of a run. Energies and times are modelled; `None`: the profile lacks a constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// One class per sample.
    pub predictions: Vec<u16>,
    /// The decision on each sample: its class, and how clear it is.
    pub decisions: Vec<Decision>,
    /// Number of samples on which several classes had the highest score. The class with the lowest
    /// number was taken.
    pub ties: usize,
    /// The activity of the layers from the input to the output neurons.
    pub layers: Vec<LayerActivity>,
    /// Mean number of synaptic operations per inference, as the chip counts them.
    pub chip_operations: f64,
    /// Mean energy per inference, by cause.
    pub energy: Energy,
    /// Total energy per inference.
    pub total_energy: Option<MeanAndMax<Joules>>,
    /// Time from the first input spike to the end of the last step.
    pub latency: Option<MeanAndMax<Seconds>>,
    /// Mean time between one inference and the next; its inverse is the throughput.
    pub period: Option<Seconds>,
}

impl Run {
    /// Whether no neuron fired on any sample.
    pub fn is_silent(&self) -> bool {
        self.layers.iter().all(|layer| layer.spikes == 0)
    }

    /// The index of the first layer that never fired. Layers after it do not depend on the input.
    pub fn silent_layer(&self) -> Option<usize> {
        self.layers.iter().position(|layer| layer.spikes == 0)
    }
}

/// A network that is ready to run: its simulator and its cost model.
#[derive(Clone, Debug)]
pub(super) struct Runner {
    pub simulator: Simulator,
    pub cost: CostModel,
    /// For each layer the fan-out of each input, see [`fan_out`].
    pub fan_out: Vec<Vec<u64>>,
}

impl Runner {
    pub(super) fn new(network: &IntegerNetwork, mapping: &Mapping, profile: &ChipProfile) -> Self {
        Self {
            simulator: Simulator::new(network),
            cost: CostModel::new(network, mapping, profile),
            fan_out: network.layers.iter().map(fan_out).collect(),
        }
    }

    /// Runs all samples, one row of `inputs` each; the result is the same with any number of
    /// threads.
    pub(super) fn run(&self, inputs: ArrayView2<'_, u8>) -> Result<Run, RunError> {
        self.simulator.check_width(inputs.ncols())?;
        let samples = inputs.nrows();
        let counts_suffice = self.cost.is_unknown() && self.simulator.can_count();
        let length = if counts_suffice { Counts::BLOCK } else { BLOCK };
        let blocks: Vec<Range<usize>> =
            (0..samples).step_by(length).map(|first| first..(first + length).min(samples)).collect();
        let run = |memory: &mut (Block, Counts), samples| match counts_suffice {
            true => self.counts(inputs, samples, &mut memory.1),
            false => self.block(inputs, samples, &mut memory.0),
        };
        let blocks: Vec<Result<Totals, RunError>> =
            blocks.into_par_iter().map_init(Default::default, run).collect();
        let mut totals = Totals::new(self.cost.zero_counts());
        for block in blocks {
            totals.append(block?);
        }
        Ok(self.summary(totals))
    }

    /// The decisions on all samples, (N, I), and nothing else.
    pub(super) fn decide(&self, inputs: ArrayView2<'_, u8>) -> Result<Vec<Decision>, RunError> {
        self.simulator.check_width(inputs.ncols())?;
        let can_count = self.simulator.can_count();
        let length = if can_count { Counts::BLOCK } else { BLOCK };
        let decide = |memory: &mut (Block, Counts), (number, inputs): (usize, ArrayView2<'_, u8>)| {
            let (block, counts) = memory;
            if can_count {
                self.simulator.count(number * length, inputs, counts)?;
                return Ok(counts.decisions.clone());
            }
            self.simulator.run(number * length, inputs, block)?;
            Ok(block.decisions.clone())
        };
        let blocks: Vec<_> = inputs.axis_chunks_iter(Axis(0), length).enumerate().collect();
        let blocks: Vec<Result<Vec<Decision>, RunError>> =
            blocks.into_par_iter().map_init(Default::default, decide).collect();
        let mut decisions = Vec::with_capacity(inputs.nrows());
        for block in blocks {
            decisions.append(&mut block?);
        }
        Ok(decisions)
    }

    fn block(
        &self,
        inputs: ArrayView2<'_, u8>,
        samples: Range<usize>,
        block: &mut Block,
    ) -> Result<Totals, RunError> {
        self.simulator.run(samples.start, inputs.slice(s![samples, ..]), block)?;
        let mut totals = Totals::new(self.cost.zero_counts());
        let mut buffers = Buffers::default();
        for (sample, decision) in block.decisions.iter().enumerate() {
            totals.decisions.push(*decision);
            let events: Vec<&[u32]> = block.events(sample).collect();
            self.count(&events, block.is_graded(sample), &mut buffers, &mut totals);
        }
        Ok(totals)
    }

    /// As [`Runner::block`], for chips without any cost. There only totals matter, not on which
    /// sample an input was active.
    fn counts(
        &self,
        inputs: ArrayView2<'_, u8>,
        samples: Range<usize>,
        counts: &mut Counts,
    ) -> Result<Totals, RunError> {
        self.simulator.count(samples.start, inputs.slice(s![samples, ..]), counts)?;
        let mut totals = Totals::new(self.cost.zero_counts());
        totals.decisions.extend(&counts.decisions);
        for (index, layer) in totals.layers.iter_mut().enumerate() {
            layer.count_block(&counts.active[index], &counts.active[index + 1], &self.fan_out[index]);
            layer.graded = index == 0 && counts.graded;
            let operations = self.cost.operations(index, &counts.active);
            totals.counts.operations[index] += operations;
            totals.counts.activity.operations += operations;
        }
        Ok(totals)
    }

    /// Counts the activity and the cost of one sample. `events` has the active inputs or neurons of
    /// each source: first the network's input, then each layer.
    fn count(&self, events: &[&[u32]], graded: bool, buffers: &mut Buffers, totals: &mut Totals) {
        let mut accumulator = self.cost.accumulator(&mut buffers.load);
        for (layer, activity) in totals.layers.iter_mut().enumerate() {
            accumulator.layer(layer, events);
            let sources = self.simulator.sources(layer);
            let active = || sources.iter().map(|&source| events[source]);
            activity.count(active(), events[layer + 1], &self.fan_out[layer]);
            activity.graded |= graded && sources.contains(&0);
            if sources.len() > 1 {
                activity.count_sums(active(), &self.fan_out[layer], &mut buffers.summed);
            }
        }
        let (timing, counts) = (accumulator.timing(), accumulator.counts);
        let period = timing.map(|timing| timing.period);
        totals.counts.add(&counts);
        totals.energies.extend(self.cost.energy(&counts, period).total());
        totals.latencies.extend(timing.map(|timing| timing.latency));
        totals.periods.extend(period);
    }

    fn summary(&self, totals: Totals) -> Run {
        let samples = totals.decisions.len().max(1) as f64;
        let time = (!totals.periods.is_empty()).then(|| totals.periods.iter().copied().sum());
        let energy = self.cost.energy(&totals.counts, time);
        let mean = |part: Option<Joules>| part.map(|part| part / samples);
        Run {
            ties: totals.decisions.iter().filter(|decision| decision.tied).count(),
            layers: totals.layers,
            chip_operations: totals.counts.activity.operations as f64 / samples,
            energy: Energy {
                synapse: mean(energy.synapse),
                neuron: mean(energy.neuron),
                network: mean(energy.network),
                idle: mean(energy.idle),
            },
            total_energy: mean_and_max(&totals.energies, |energy| energy.0).map(|both| both.map(Joules)),
            latency: mean_and_max(&totals.latencies, |time| time.0).map(|both| both.map(Seconds)),
            period: time.map(|time: Seconds| time / samples),
            predictions: totals.decisions.iter().map(|decision| decision.class).collect(),
            decisions: totals.decisions,
        }
    }
}

impl LayerActivity {
    fn count<'a>(&mut self, active: impl Iterator<Item = &'a [u32]>, spikes: &[u32], fan_out: &[u64]) {
        self.spikes += spikes.len() as u64;
        for active in active {
            let operations = active.iter().map(|&input| fan_out[input as usize]).sum::<u64>();
            self.active_inputs += active.len() as u64;
            self.synaptic_operations += operations;
            self.effective_operations += operations;
        }
    }

    /// Adds a block of samples. `active` and `spikes` have the number of samples on which each
    /// input was active and each neuron fired.
    fn count_block(&mut self, active: &[u32], spikes: &[u32], fan_out: &[u64]) {
        let sum = |counts: &[u32]| counts.iter().map(|&count| u64::from(count)).sum::<u64>();
        let operations =
            active.iter().zip(fan_out).map(|(&times, fan_out)| u64::from(times) * fan_out).sum::<u64>();
        self.active_inputs += sum(active);
        self.spikes += sum(spikes);
        self.synaptic_operations += operations;
        self.effective_operations += operations;
    }

    /// Corrects `effective_operations` for inputs that are active in several sources: their sum
    /// counts once. The memory of `summed` is reused.
    fn count_sums<'a>(
        &mut self,
        active: impl Iterator<Item = &'a [u32]>,
        fan_out: &[u64],
        summed: &mut Vec<u32>,
    ) {
        summed.clear();
        active.for_each(|active| summed.extend_from_slice(active));
        summed.sort();
        for pair in summed.windows(2).filter(|pair| pair[0] == pair[1]) {
            self.graded = true;
            self.effective_operations -= fan_out[pair[0] as usize];
        }
    }
}

impl MeanAndMax<f64> {
    fn map<T>(self, unit: impl Fn(f64) -> T) -> MeanAndMax<T> {
        MeanAndMax { mean: unit(self.mean), max: unit(self.max) }
    }
}

/// Memory that is reused for every sample.
#[derive(Default)]
struct Buffers {
    load: CoreLoad,
    summed: Vec<u32>,
}

/// Sums and lists over samples, in their order.
struct Totals {
    decisions: Vec<Decision>,
    layers: Vec<LayerActivity>,
    counts: EventCounts,
    /// The energy of each sample; empty if the profile lacks a constant.
    energies: Vec<Joules>,
    /// The latency of each sample; empty if the profile lacks a constant.
    latencies: Vec<Seconds>,
    /// The period of each sample; empty if the profile lacks a constant.
    periods: Vec<Seconds>,
}

impl Totals {
    fn new(counts: EventCounts) -> Self {
        Self {
            decisions: Vec::new(),
            layers: vec![LayerActivity::default(); counts.operations.len()],
            counts,
            energies: Vec::new(),
            latencies: Vec::new(),
            periods: Vec::new(),
        }
    }

    fn append(&mut self, mut block: Self) {
        self.decisions.append(&mut block.decisions);
        for (sum, layer) in self.layers.iter_mut().zip(&block.layers) {
            sum.active_inputs += layer.active_inputs;
            sum.spikes += layer.spikes;
            sum.synaptic_operations += layer.synaptic_operations;
            sum.effective_operations += layer.effective_operations;
            sum.graded |= layer.graded;
        }
        self.counts.add(&block.counts);
        self.energies.append(&mut block.energies);
        self.latencies.append(&mut block.latencies);
        self.periods.append(&mut block.periods);
    }
}

/// (I): for each of the I inputs the number of its connections with a weight other than zero.
fn fan_out(layer: &IntegerLayer) -> Vec<u64> {
    let used = |row: ArrayView1<'_, i64>| row.iter().filter(|&&weight| weight != 0).count() as u64;
    let used: Vec<u64> = layer.weights.rows().into_iter().map(used).collect();
    let met = |input| {
        let mut sum = 0;
        layer.connectivity.for_each_position(input, |_, element| sum += used[element]);
        sum
    };
    (0..layer.inputs()).map(met).collect()
}

/// The mean and maximum of `number` over `samples`; `None` if there are none.
fn mean_and_max<T>(samples: &[T], number: impl Fn(&T) -> f64) -> Option<MeanAndMax<f64>> {
    let numbers = || samples.iter().map(&number);
    let max = numbers().reduce(f64::max)?;
    Some(MeanAndMax { mean: numbers().sum::<f64>() / samples.len() as f64, max })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::super::fixtures::{Random, by_hand, chip, full};
    use super::super::{DeployOptions, Deployment};
    use super::*;
    use crate::network::{BinaryLayer, Connectivity, Volume, Window, fixtures};
    use proptest::prelude::*;

    fn deployed(name: &str) -> Deployment {
        chip(name).deploy(&by_hand(), &DeployOptions::default()).unwrap()
    }

    #[test]
    fn what_each_layer_does_is_counted() {
        // Sample a: h1, then o1. Sample b: h1 and h2, then o1 and o2. Samples a and c: h1, then o1.
        // No input: no spike.
        let run = deployed("ideal").run(array![[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 0]].view()).unwrap();
        let layer = |active_inputs, spikes, synaptic_operations| LayerActivity {
            active_inputs,
            spikes,
            synaptic_operations,
            effective_operations: synaptic_operations,
            graded: false,
        };
        assert_eq!(run.layers, [layer(4, 4, 5), layer(4, 4, 7)]);
        assert_eq!((run.predictions, run.ties), (vec![0, 0, 0, 0], 2));
    }

    #[test]
    fn a_profile_without_numbers_gives_no_costs() {
        let run = deployed("ideal").run(array![[1, 0, 0]].view()).unwrap();
        let none = Energy { synapse: None, neuron: None, network: None, idle: None };
        assert_eq!((run.energy, run.total_energy, run.latency, run.period), (none, None, None, None));
    }

    #[test]
    fn a_silent_network_and_a_silent_layer_show() {
        let run = deployed("loihi1").run(array![[0, 0, 1], [0, 0, 0]].view()).unwrap();
        assert!(run.is_silent());
        let run = deployed("loihi1").run(array![[1, 0, 0]].view()).unwrap();
        assert_eq!((run.is_silent(), run.silent_layer()), (false, None));
        let mut network = by_hand();
        network.layers[1].thresholds.fill(3.0);
        let deployment = chip("loihi1").deploy(&network, &DeployOptions::default()).unwrap();
        let run = deployment.run(array![[1, 0, 0]].view()).unwrap();
        assert_eq!((run.is_silent(), run.silent_layer()), (false, Some(1)));
    }

    #[test]
    fn one_thread_and_four_give_the_same_bits() {
        let random =
            Random { widths: vec![30, 40], classes: 3, input_max: 1, largest: 90, exponent: 0, seed: 5 };
        let deployment = chip("loihi1").deploy(&random.network(), &DeployOptions::default()).unwrap();
        let inputs = random.inputs(500);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| deployment.run(inputs.view()).unwrap())
        };
        assert_eq!(on(1), on(4));
    }

    #[test]
    fn inputs_that_the_network_does_not_take_are_refused() {
        let deployment = deployed("ideal");
        let error = deployment.run(Array2::zeros((1, 4)).view()).unwrap_err();
        assert_eq!(error.to_string(), "inputs are 4 wide; the network takes 3");
        assert_eq!(
            deployment.decide(Array2::zeros((1, 4)).view()).unwrap_err().to_string(),
            error.to_string()
        );
        let error = deployment.run(array![[0, 0, 0], [0, 2, 0]].view()).unwrap_err();
        assert_eq!(error.to_string(), "input 2 of sample 1: the network takes 0 to 1");
    }

    #[test]
    fn no_samples_give_an_empty_run() {
        let run = deployed("loihi1").run(Array2::zeros((0, 3)).view()).unwrap();
        assert_eq!((run.predictions, run.latency, run.period), (vec![], None, None));
    }

    proptest! {
        /// A spike makes one operation for every neuron that it reaches with a weight other than
        /// zero.
        #[test]
        fn operations_are_the_connections_of_every_spike(seed: u64) {
            let network = fixtures::network(seed, 1, 2, 0);
            let inputs = fixtures::inputs(&network, 5, seed);
            let deployment = chip("loihi1").deploy(&network, &DeployOptions::default()).unwrap();
            let run = deployment.run(inputs.view()).unwrap();
            let mut expected = vec![(0, 0, 0); network.layers.len()];
            for sample in inputs.rows() {
                let mut values = vec![sample.iter().map(|&level| f64::from(level)).collect::<Vec<f64>>()];
                values.extend(fixtures::direct(&network, sample));
                for (index, layer) in network.layers.iter().enumerate() {
                    // Weights other than zero become 1, so that the sums of all neurons count
                    // connections.
                    let ones = layer.weights.t().mapv(|weight| f64::from(u8::from(weight != 0.0)));
                    for &source in &layer.sources {
                        let met = fixtures::direct_sums(&layer.connectivity, ones.view(), &values[source]);
                        expected[index].0 += values[source].iter().sum::<f64>() as u64;
                        expected[index].2 += met.iter().sum::<f64>() as u64;
                    }
                    expected[index].1 += values[index + 1].iter().sum::<f64>() as u64;
                }
            }
            let found = run.layers.iter();
            let found: Vec<_> =
                found.map(|layer| (layer.active_inputs, layer.spikes, layer.synaptic_operations)).collect();
            let operations: u64 = expected.iter().map(|layer| layer.2).sum();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(&deployment.decide(inputs.view()).unwrap(), &run.decisions);
            prop_assert_eq!((run.chip_operations * 5.0).round() as u64, operations);
        }
    }

    proptest! {
        /// The ideal chip needs counts only, if the processor has a matrix unit.
        #[test]
        fn counts_alone_are_those_of_events(
            widths in prop::collection::vec(1usize..150, 1..4), classes in 2usize..5, seed: u64,
            input_max in prop::sample::select(vec![1u8, 4, 255]), largest in 1i64..=3000, samples in 0usize..150,
        ) {
            let random = Random { widths, classes, input_max, largest, exponent: 0, seed };
            let deployment = chip("ideal").deploy(&random.network(), &DeployOptions::default()).unwrap();
            let inputs = random.inputs(samples);
            let runner = &deployment.runner;
            let run = runner.run(inputs.view()).unwrap();
            prop_assert_eq!(&deployment.decide(inputs.view()).unwrap(), &run.decisions);
            let mut events = Totals::new(runner.cost.zero_counts());
            for first in (0..samples).step_by(BLOCK) {
                let block = first..(first + BLOCK).min(samples);
                events.append(runner.block(inputs.view(), block, &mut Block::default()).unwrap());
            }
            prop_assert_eq!(run, runner.summary(events));
        }
    }

    #[test]
    fn a_pixel_at_the_border_meets_fewer_weights() {
        let input = Volume { height: 3, width: 3, channels: 1 };
        let window = Window { height: 3, width: 3, stride: 1, padding: 1 };
        let convolution = BinaryLayer {
            connectivity: Connectivity::Convolution { input, window, channels: 2 },
            sources: vec![0],
            weights: Array2::ones((2, 9)),
            thresholds: array![1.0, 10.0],
            exponent: 0,
        };
        let mut network = full(&[9, 18, 2]);
        network.layers[0] = convolution;
        let deployment = chip("loihi1").deploy(&network, &DeployOptions::default()).unwrap();
        let operations = |pixel: usize| {
            let sample = Array2::from_shape_fn((1, 9), |(_, at)| u8::from(at == pixel));
            let layer = deployment.run(sample.view()).unwrap().layers[0];
            (layer.synaptic_operations, layer.spikes)
        };
        assert_eq!([0, 1, 4].map(operations), [(8, 4), (12, 6), (18, 9)]);
    }
}
