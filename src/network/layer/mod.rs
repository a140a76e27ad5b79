//! A layer of sharpened neurons, forward and backward over a batch.

pub(super) mod activation;
pub(super) mod dropout;
pub(super) mod head;
pub(super) mod key;
pub(super) mod linear;
pub(super) mod norm;
pub(super) mod parts;

use std::ops::Range;

use rayon::prelude::*;

use crate::seed::Seed;

use super::Slope;
use super::kernels::{LANES, Lanes, panels, vectorized};
use super::pass::sparse::SparseBatch;
use super::pass::step::{Firing, Frame, SpikeActivation};
use super::pass::tensor::Tensor;
use dropout::Dropout;
use linear::{Batch, Below, Linear};
use norm::{Moments, Norm, Statistics};
use parts::{BatchPart, PARTS, Share, for_each_part, part_of};

/// What a layer learns, and what it does to its sums.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layer {
    pub linear: Linear,
    /// (panel): added to the sums, after batch norm if there is one. Lanes beyond the width stay at -1, where
    /// nothing fires.
    pub bias: Vec<Lanes>,
    pub norm: Option<Norm>,
    pub step: SpikeActivation,
    pub dropout: f32,
    /// The layer whose outputs are added to its own.
    pub adds: Option<usize>,
}

/// What a forward pass leaves behind of one layer.
pub(crate) struct LayerActivations {
    pub sums: Tensor,
    /// The weights in the form in which the sums need them, where that is another.
    prepared: Vec<Lanes>,
    /// With max pooling only: the greatest potentials, and which of its window each is.
    peaks: Tensor,
    winners: Tensor,
    pub outputs: Tensor,
    /// (panel): factor and summand from sums to potentials.
    scale: Vec<Lanes>,
    shift: Vec<Lanes>,
    /// With batch norm only.
    pub statistics: Option<Statistics>,
}

/// What a backward pass leaves behind of one layer.
pub(crate) struct LayerGradients {
    /// The derivative of the loss by the layer's outputs.
    pub outputs: Tensor,
    /// By its sums.
    pub sums: Tensor,
    pub weights: Vec<Lanes>,
    pub bias: Vec<Lanes>,
    /// With batch norm only.
    pub gain: Option<Vec<Lanes>>,
    /// Gradients of parts of the batch, where the weights' gradient needs them.
    partial: Vec<Lanes>,
    /// Those of bias and gain for parts of the batch, those of a panel side by side.
    totals: Vec<(Lanes, Lanes)>,
    /// The weights as the way back needs them; empty in the lowest layer.
    turned: Vec<Lanes>,
}

/// What a layer's sums are made of.
#[derive(Clone, Copy)]
pub(crate) enum Inputs<'a> {
    Tensor(&'a Tensor),
    /// Of a dense layer at the bottom.
    Sparse(&'a SparseBatch),
}

impl<'a> Inputs<'a> {
    /// Of the lowest layer: wherever the batch is.
    pub fn lowest(tensor: &'a Tensor, sparse: &'a SparseBatch) -> Self {
        if sparse.used { Self::Sparse(sparse) } else { Self::Tensor(tensor) }
    }
}

/// How a layer acts in one pass.
#[derive(Clone, Copy)]
pub(crate) struct Mode<'a> {
    pub sharpness: f32,
    pub slope: Slope,
    /// While training: normalize by the batch, and drop activations by this seed.
    pub training: Option<&'a Seed>,
    /// Add up every sum term by term, so that coarse weights are exact, as on a chip.
    pub plain: bool,
}

impl LayerActivations {
    /// Room for `samples` samples, with outputs that have a border as the next layer wants it.
    pub fn new(layer: &Layer, samples: usize, border: usize) -> Self {
        let step = &layer.step;
        let pooled = if step.max.is_some() { samples } else { 0 };
        let channels = step.sums.channels;
        let zeros = || vec![Lanes::ZERO; panels(channels)];
        Self {
            sums: Tensor::new(step.sums, 0, samples),
            prepared: layer.linear.prepared(),
            peaks: Tensor::new(step.potentials, 0, pooled),
            winners: Tensor::new(step.potentials, 0, pooled),
            outputs: Tensor::new(step.outputs(), border, samples),
            scale: zeros(),
            shift: zeros(),
            statistics: layer.norm.as_ref().map(|_| Statistics::new(channels)),
        }
    }
}

impl LayerGradients {
    /// Room for `samples` samples; `outputs` tells where the layer's outputs lie.
    pub fn new(layer: &Layer, samples: usize, outputs: &Tensor, lowest: bool) -> Self {
        Self {
            outputs: Tensor::new(outputs.volume, outputs.border, samples),
            sums: Tensor::new(layer.step.sums, 0, samples),
            weights: vec![Lanes::ZERO; layer.linear.weights.len()],
            bias: vec![Lanes::ZERO; layer.bias.len()],
            gain: layer.norm.as_ref().map(|norm| vec![Lanes::ZERO; norm.gain.len()]),
            partial: layer.linear.partial(),
            totals: vec![(Lanes::ZERO, Lanes::ZERO); PARTS * layer.bias.len()],
            turned: if lowest { Vec::new() } else { layer.linear.turned() },
        }
    }
}

impl Mode<'_> {
    /// The `prepared` weights, if they are used.
    fn weights<'a>(&self, prepared: &'a [Lanes]) -> &'a [Lanes] {
        if self.plain { &[] } else { prepared }
    }
}

impl Frame {
    fn of(tensor: &Tensor) -> Self {
        Self { border: tensor.border, columns: tensor.columns(), plane: tensor.plane() }
    }
}

/// Max pooling keeps nothing where there is none.
fn pooled(tensor: &mut Tensor, samples: usize) -> BatchPart<'_> {
    match tensor.lanes.is_empty() {
        true => BatchPart { lanes: &mut [], stride: 0 },
        false => BatchPart::of(tensor, samples),
    }
}

fn pooled_sample(tensor: &Tensor, sample: usize) -> &[Lanes] {
    match tensor.lanes.is_empty() {
        true => &[],
        false => &tensor.lanes[sample * tensor.stride..(sample + 1) * tensor.stride],
    }
}

impl Layer {
    /// Output channels.
    pub fn channels(&self) -> usize {
        self.linear.output.channels
    }

    /// How many numbers training may change.
    pub fn parameters(&self) -> usize {
        let gains = if self.norm.is_some() { 1 } else { 0 };
        (self.linear.fan_in() + 1 + gains) * self.channels()
    }

    fn share(&self) -> Share {
        if self.linear.output.area() == 1 { Share::Whole } else { Share::Small }
    }

    /// Fills the first `samples` samples of `state` from those of `inputs`.
    pub fn forward(&self, inputs: Inputs<'_>, state: &mut LayerActivations, samples: usize, mode: Mode<'_>) {
        let measures = self.norm.is_some() && mode.training.is_some();
        if !mode.plain {
            self.linear.prepare(&mut state.prepared);
        }
        if measures {
            let prepared = mode.weights(&state.prepared);
            let sums = [BatchPart::of(&mut state.sums, samples)];
            for_each_part(samples, self.share(), sums, &|range, [mut sums]| {
                self.sum(inputs, prepared, range, &mut sums)
            });
        }
        self.set_affine(state, samples, measures);
        let frame = Frame::of(&state.outputs);
        let parts = [
            BatchPart::of(&mut state.sums, samples),
            pooled(&mut state.peaks, samples),
            pooled(&mut state.winners, samples),
            BatchPart::of(&mut state.outputs, samples),
        ];
        let prepared = mode.weights(&state.prepared);
        let (scale, shift) = (state.scale.as_slice(), state.shift.as_slice());
        for_each_part(
            samples,
            self.share(),
            parts,
            &|range, [mut sums, mut peaks, mut winners, mut outputs]| {
                if !measures {
                    self.sum(inputs, prepared, range.clone(), &mut sums);
                }
                for (index, sample) in range.enumerate() {
                    let firing = self.firing(scale, shift, sample, mode);
                    let pooled = (peaks.sample(index), winners.sample(index));
                    self.step.forward(sums.sample(index), &firing, pooled, outputs.sample(index), frame);
                }
            },
        );
    }

    fn sum(&self, inputs: Inputs<'_>, prepared: &[Lanes], samples: Range<usize>, sums: &mut BatchPart<'_>) {
        match inputs {
            Inputs::Sparse(batch) => batch.forward(&self.linear, samples.start, sums),
            Inputs::Tensor(tensor) => {
                let inputs = Batch::of(tensor, samples.end).samples(samples);
                self.linear.forward(inputs, prepared, sums.lanes, sums.stride);
            }
        }
    }

    /// Sets the factors between sums and potentials, by batch norm and bias.
    fn set_affine(&self, state: &mut LayerActivations, samples: usize, measures: bool) {
        let Some((norm, statistics)) = self.norm.as_ref().zip(state.statistics.as_mut()) else {
            state.scale.fill(Lanes::splat(1.0));
            return state.shift.copy_from_slice(&self.bias);
        };
        if measures {
            let (sums, parts) = (&state.sums, self.parts());
            let moments = statistics.parts[..parts * self.bias.len()].par_iter_mut().enumerate();
            moments.with_min_len(self.sums_at_a_time(samples)).for_each(|(index, moments)| {
                let (panel, part) = (index / parts, index % parts);
                *moments = Moments::of(sums, panel, part_of(samples, part, parts));
            });
            statistics.join(parts, sums.plane());
        } else {
            statistics.copy(norm);
        }
        for panel in 0..self.bias.len() {
            for lane in 0..LANES {
                let scale = norm.gain[panel].0[lane] * statistics.inverse_deviation[panel].0[lane];
                state.scale[panel].0[lane] = scale;
                let shift = scale * statistics.mean[panel].0[lane];
                state.shift[panel].0[lane] = self.bias[panel].0[lane] - shift;
            }
        }
    }

    fn firing<'a>(
        &self,
        scale: &'a [Lanes],
        shift: &'a [Lanes],
        sample: usize,
        mode: Mode<'_>,
    ) -> Firing<'a> {
        let dropout = mode.training.and_then(|seed| Dropout::new(self.dropout, seed, sample));
        Firing { sharpness: mode.sharpness, slope: mode.slope, scale, shift, dropout }
    }

    /// Turns the errors at the outputs into errors at the sums, these into gradients, and writes (or, as it says, adds)
    /// the errors at the inputs to `below`.
    pub fn backward(
        &self,
        inputs: Inputs<'_>,
        state: &LayerActivations,
        gradients: &mut LayerGradients,
        samples: usize,
        mode: Mode<'_>,
        below: Option<(&mut Tensor, bool)>,
    ) {
        let frame = Frame::of(&gradients.outputs);
        let errors = Batch::of(&gradients.outputs, samples);
        let sums = Batch::of(&state.sums, samples);
        let gradients_lanes = gradients.sums.stride;
        let parts = [BatchPart::of(&mut gradients.sums, samples)];
        let share = Share::of_pass(samples * gradients_lanes);
        for_each_part(samples, share, parts, &|range, [mut into]| {
            for (index, sample) in range.enumerate() {
                let firing = self.firing(&state.scale, &state.shift, sample, mode);
                let pooled = (pooled_sample(&state.peaks, sample), pooled_sample(&state.winners, sample));
                let errors = errors.samples(sample..sample + 1).lanes;
                let sums = sums.samples(sample..sample + 1).lanes;
                self.step.backward(sums, &firing, pooled, (errors, frame), into.sample(index));
            }
        });
        self.sum_up(state, gradients, samples);
        let LayerGradients { sums, weights, partial, turned, .. } = gradients;
        let mut learn = || match inputs {
            Inputs::Sparse(batch) => batch.weight_gradient(&self.linear, sums, weights),
            Inputs::Tensor(tensor) => self.linear.weight_gradient(tensor, sums, samples, partial, weights),
        };
        let Some((below, add)) = below else { return learn() };
        let below = BatchPart::of(below, samples);
        match inputs {
            Inputs::Tensor(inputs) if rayon::current_num_threads() <= self.linear.backward_parts(samples) => {
                self.linear.turn(turned);
                let below = Below { turned, errors: below, add };
                self.linear.backward(inputs, sums, samples, (partial, weights), below);
            }
            _ => {
                rayon::join(learn, || self.linear.turn(turned));
                let errors = Batch::of(sums, samples);
                for_each_part(samples, self.share(), [below], &|range, [below]| {
                    self.linear.send_back(errors.samples(range), turned, below.lanes, below.stride, add);
                });
            }
        }
    }

    /// Gradients of bias and gain; with batch norm, errors at the step's inputs become errors at the sums.
    fn sum_up(&self, state: &LayerActivations, gradients: &mut LayerGradients, samples: usize) {
        let LayerGradients { sums: errors, bias, gain, totals, .. } = gradients;
        let statistics = state.statistics.as_ref();
        let parts = self.parts();
        let shares = totals[..parts * bias.len()].par_iter_mut().enumerate();
        shares.with_min_len(self.sums_at_a_time(samples)).for_each(|(index, total)| {
            let (panel, part) = (index / parts, index % parts);
            *total = norm::total(errors, &state.sums, statistics, panel, part_of(samples, part, parts));
        });
        for (bias, totals) in bias.iter_mut().zip(totals.chunks_exact(parts)) {
            *bias = sum_of(totals.iter().map(|total| &total.0));
        }
        let Some(((norm, statistics), gain)) = self.norm.as_ref().zip(statistics).zip(gain.as_mut()) else {
            return;
        };
        for (gain, totals) in gain.iter_mut().zip(totals.chunks_exact(parts)) {
            *gain = sum_of(totals.iter().map(|total| &total.1));
        }
        let (plane, size) = (state.sums.plane(), samples * state.sums.plane());
        let sums = Batch::of(&state.sums, samples);
        let (bias, gain) = (&*bias, &*gain);
        let share = Share::of_pass(samples * errors.stride);
        let parts = [BatchPart::of(errors, samples)];
        for_each_part(samples, share, parts, &|range, [mut errors]| {
            vectorized(
                #[inline(always)]
                || {
                    for panel in 0..bias.len() {
                        let totals = (bias[panel], gain[panel]);
                        let backward = norm::Backward::new(norm, statistics, panel, totals, size);
                        let place = panel * plane..(panel + 1) * plane;
                        for (index, sample) in range.clone().enumerate() {
                            let sums = &sums.samples(sample..sample + 1).lanes[place.clone()];
                            backward.apply(&mut errors.sample(index)[place.clone()], sums);
                        }
                    }
                },
            );
        });
    }

    /// Parts that sums over the batch are cut into: there are panels enough where a sample is one place.
    fn parts(&self) -> usize {
        if self.linear.output.area() == 1 { 1 } else { PARTS }
    }

    /// How many sums over a part of the batch one thread takes: all where another would take longer to wake up.
    fn sums_at_a_time(&self, samples: usize) -> usize {
        let lanes = samples * self.linear.output.area() * self.bias.len();
        if let Share::Alone = Share::of_pass(lanes) { self.parts() * self.bias.len() } else { 1 }
    }
}

/// In their order.
fn sum_of<'a>(all: impl Iterator<Item = &'a Lanes>) -> Lanes {
    all.fold(Lanes::ZERO, |mut sum, lanes| {
        sum.0.iter_mut().zip(&lanes.0).for_each(|(sum, lane)| *sum += lane);
        sum
    })
}

/// Adds (without `add`, writes) the volumes of `from` to those of `to`, which have the same shape.
pub(crate) fn add_volumes(from: &Tensor, to: &mut Tensor, samples: usize, add: bool) {
    let frame = Frame::of(to);
    for_each_part(samples, Share::Small, [BatchPart::of(to, samples)], &|range, [mut to]| {
        for (index, sample) in range.enumerate() {
            let source = &from.lanes[sample * from.stride..];
            let target = to.sample(index);
            for panel in 0..from.panels() {
                for y in 0..from.volume.height {
                    let start = frame.row(panel, y);
                    let target = &mut target[start..start + from.volume.width];
                    for (to, from) in target.iter_mut().zip(&source[from.row_start(panel, y)..]) {
                        for lane in 0..LANES {
                            to.0[lane] = if add { to.0[lane] + from.0[lane] } else { from.0[lane] };
                        }
                    }
                }
            }
        }
    });
}

#[cfg(test)]
impl LayerActivations {
    pub fn bytes(&self) -> u64 {
        let statistics = self.statistics.iter();
        let statistics = statistics.flat_map(|s| [&s.mean, &s.variance, &s.inverse_deviation]);
        let tensors = [&self.sums, &self.peaks, &self.winners, &self.outputs].map(|tensor| &tensor.lanes);
        let others = [&self.prepared, &self.scale, &self.shift];
        tensors
            .into_iter()
            .chain(others)
            .chain(statistics)
            .map(|lanes| size_of_val(lanes.as_slice()))
            .sum::<usize>() as u64
    }
}

#[cfg(test)]
impl LayerGradients {
    pub fn bytes(&self) -> u64 {
        let lanes =
            [&self.outputs.lanes, &self.sums.lanes, &self.weights, &self.bias, &self.partial, &self.turned];
        lanes.into_iter().chain(&self.gain).map(|lanes| size_of_val(lanes.as_slice())).sum::<usize>() as u64
    }
}
