//! A deployed network at work on many samples.

use std::ops::Range;

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::cost::{CostModel, Energy, Tally};
use super::error::RunError;
use super::simulate::{Scratch, Simulator};
use crate::units::{Joules, Seconds};

/// Samples that one task runs; results are put together in the order of the samples.
const BLOCK: usize = 64;

/// What one layer did, summed over the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerActivity {
    /// Inputs that were not zero.
    pub active_inputs: u64,
    /// Spikes of its neurons.
    pub spikes: u64,
    /// Weights that are not zero, of active inputs; as the network has them, whatever the chip counts.
    pub synaptic_operations: u64,
}

/// A mean over samples and the largest of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread<T> {
    /// The mean.
    pub mean: T,
    /// The largest.
    pub max: T,
}

/// What the chip did on many samples. Energies and times are modelled; `None`: the profile lacks a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// One class a sample.
    pub predictions: Vec<u16>,
    /// Samples on which several classes had the highest score; the lowest of them was taken.
    pub ties: usize,
    /// From the input to the output neurons.
    pub layers: Vec<LayerActivity>,
    /// Synaptic operations as the chip counts them, per inference.
    pub chip_operations: f64,
    /// Per inference, mean.
    pub energy: Energy,
    /// All parts together, per inference.
    pub total_energy: Option<Spread<Joules>>,
    /// From the first input spike to the last step's end.
    pub latency: Option<Spread<Seconds>>,
    /// Between one inference and the next, mean; the throughput is its inverse.
    pub period: Option<Seconds>,
}

impl Run {
    /// Whether no neuron fired on any sample.
    pub fn is_silent(&self) -> bool {
        self.layers.iter().all(|layer| layer.spikes == 0)
    }

    /// The first layer that never fired: nothing behind it depends on the input.
    pub fn silent_layer(&self) -> Option<usize> {
        self.layers.iter().position(|layer| layer.spikes == 0)
    }
}

/// What runs: the simulator and what it costs.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub simulator: Simulator,
    pub cost: CostModel,
    /// One a layer: for each input its weights that are not zero.
    pub fan_out: Vec<Vec<u64>>,
}

impl Machine {
    /// Runs all samples, (N, I); the same result with any number of threads.
    pub(super) fn run(&self, inputs: ArrayView2<'_, u8>) -> Result<Run, RunError> {
        self.simulator.check_width(inputs.ncols())?;
        let samples = inputs.nrows();
        let blocks: Vec<Range<usize>> =
            (0..samples).step_by(BLOCK).map(|first| first..(first + BLOCK).min(samples)).collect();
        let blocks: Vec<Result<Totals, RunError>> =
            blocks.into_par_iter().map(|block| self.block(inputs, block)).collect();
        let mut totals = Totals::new(self.fan_out.len());
        for block in blocks {
            totals.append(block?);
        }
        Ok(self.summary(totals))
    }

    fn block(&self, inputs: ArrayView2<'_, u8>, samples: Range<usize>) -> Result<Totals, RunError> {
        let mut totals = Totals::new(self.fan_out.len());
        let (mut scratch, mut operations) = (Scratch::default(), Vec::new());
        for sample in samples {
            let mut meter = self.cost.meter(&mut operations);
            let decision = self.simulator.run(sample, inputs.row(sample), &mut scratch, |layer, active, spikes| {
                meter.layer(layer, active, spikes);
                totals.layers[layer].count(active, spikes, &self.fan_out[layer]);
            })?;
            let (tally, timing) = (meter.tally, meter.timing());
            let period = timing.map(|timing| timing.period);
            totals.predictions.push(decision.class);
            totals.ties += usize::from(decision.tied);
            totals.tally.add(&tally);
            totals.energies.extend(self.cost.energy(&tally, period).total());
            totals.latencies.extend(timing.map(|timing| timing.latency));
            totals.periods.extend(period);
        }
        Ok(totals)
    }

    fn summary(&self, totals: Totals) -> Run {
        let samples = totals.predictions.len().max(1) as f64;
        let time = (!totals.periods.is_empty()).then(|| totals.periods.iter().copied().sum());
        let energy = self.cost.energy(&totals.tally, time);
        let mean = |part: Option<Joules>| part.map(|part| part / samples);
        Run {
            ties: totals.ties,
            layers: totals.layers,
            chip_operations: totals.tally.operations as f64 / samples,
            energy: Energy {
                synapse: mean(energy.synapse),
                neuron: mean(energy.neuron),
                network: mean(energy.network),
                idle: mean(energy.idle),
            },
            total_energy: spread(&totals.energies, |energy| energy.0).map(|both| both.map(Joules)),
            latency: spread(&totals.latencies, |time| time.0).map(|both| both.map(Seconds)),
            period: time.map(|time: Seconds| time / samples),
            predictions: totals.predictions,
        }
    }
}

impl LayerActivity {
    fn count(&mut self, active: &[u32], spikes: &[u32], fan_out: &[u64]) {
        self.active_inputs += active.len() as u64;
        self.spikes += spikes.len() as u64;
        self.synaptic_operations += active.iter().map(|&input| fan_out[input as usize]).sum::<u64>();
    }
}

impl Spread<f64> {
    fn map<T>(self, unit: impl Fn(f64) -> T) -> Spread<T> {
        Spread { mean: unit(self.mean), max: unit(self.max) }
    }
}

/// Sums over samples, in their order.
struct Totals {
    predictions: Vec<u16>,
    ties: usize,
    layers: Vec<LayerActivity>,
    tally: Tally,
    /// One a sample, or none.
    energies: Vec<Joules>,
    /// One a sample, or none.
    latencies: Vec<Seconds>,
    /// One a sample, or none.
    periods: Vec<Seconds>,
}

impl Totals {
    fn new(layers: usize) -> Self {
        Self {
            predictions: Vec::new(),
            ties: 0,
            layers: vec![LayerActivity::default(); layers],
            tally: Tally::default(),
            energies: Vec::new(),
            latencies: Vec::new(),
            periods: Vec::new(),
        }
    }

    fn append(&mut self, mut block: Self) {
        self.predictions.append(&mut block.predictions);
        self.ties += block.ties;
        for (sum, layer) in self.layers.iter_mut().zip(&block.layers) {
            sum.active_inputs += layer.active_inputs;
            sum.spikes += layer.spikes;
            sum.synaptic_operations += layer.synaptic_operations;
        }
        self.tally.add(&block.tally);
        self.energies.append(&mut block.energies);
        self.latencies.append(&mut block.latencies);
        self.periods.append(&mut block.periods);
    }
}

/// Mean and largest of `samples`; `None` of none.
fn spread<T>(samples: &[T], number: impl Fn(&T) -> f64) -> Option<Spread<f64>> {
    let numbers = || samples.iter().map(&number);
    let max = numbers().reduce(f64::max)?;
    Some(Spread { mean: numbers().sum::<f64>() / samples.len() as f64, max })
}
