//! A layer of spiking neurons: its forward and its backward pass over a batch.

pub(super) mod activation;
pub(super) mod dropout;
pub(super) mod head;
pub(super) mod key;
pub(super) mod linear;
pub(super) mod norm;
pub(super) mod parts;

use std::ops::Range;

use crate::seed::Seed;
use crate::team;

use super::Slope;
use super::kernels::{LANES, Lanes, panels, vectorized};
use super::pass::sparse::SparseBatch;
use super::pass::spike_activation::{ActivationSettings, PaddedLayout, SpikeActivation};
use super::pass::tensor::Tensor;
use dropout::Dropout;
use linear::{Batch, InputErrors, Linear};
use norm::{Moments, Norm, Statistics};
use parts::{BatchPart, PARTS, Split, for_each_part, part_of};

/// A layer of neurons: weighted sums, batch norm if wanted, bias, then the activation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layer {
    /// The weighted sums.
    pub linear: Linear,
    /// The bias of each channel, in panels of 16: added to the sums, after batch norm if there is
    /// any. In empty lanes it stays at -1, so that nothing fires there.
    pub bias: Vec<Lanes>,
    /// Batch norm, if there is any.
    pub norm: Option<Norm>,
    /// What turns the sums into outputs.
    pub activation: SpikeActivation,
    /// The share of activations dropped in training, in [0, 1).
    pub dropout: f32,
    /// The layer whose outputs a residual connection adds to its own.
    pub adds: Option<usize>,
}

/// The values of one layer in a forward pass.
pub(crate) struct LayerActivations {
    /// The weighted sums.
    pub sums: Tensor,
    /// The weights in the form that [`Linear::prepare_forward`] writes.
    forward_weights: Vec<Lanes>,
    /// The maximum of each window of max pooling; empty without max pooling.
    peaks: Tensor,
    /// The index of the maximum in each window of max pooling; empty without max pooling.
    winners: Tensor,
    /// The outputs of the layer.
    pub outputs: Tensor,
    /// For each channel, in panels of 16: the factor that leads from sums to potentials.
    scale: Vec<Lanes>,
    /// For each channel, in panels of 16: the number that is added after the factor.
    shift: Vec<Lanes>,
    /// The statistics that batch norm uses, if there is any.
    pub statistics: Option<Statistics>,
}

/// The gradients of one layer in a backward pass.
pub(crate) struct LayerGradients {
    /// The errors at the outputs: the derivative of the loss by each output.
    pub outputs: Tensor,
    /// The errors at the sums: the derivative of the loss by each weighted sum.
    pub sums: Tensor,
    /// The gradient of the weights.
    pub weights: Vec<Lanes>,
    /// The gradient of the bias.
    pub bias: Vec<Lanes>,
    /// The gradient of the gain of batch norm, if there is any.
    pub gain: Option<Vec<Lanes>>,
    /// The gradients of the weights for parts of the batch, if they are computed in parts.
    partial: Vec<Lanes>,
    /// The gradients of bias and gain for parts of the batch. The parts of a panel (16 channels)
    /// lie side by side.
    totals: Vec<(Lanes, Lanes)>,
    /// The weights in the form that [`Linear::prepare_backward`] writes; empty in the lowest layer.
    backward_weights: Vec<Lanes>,
}

/// The inputs of a layer.
#[derive(Clone, Copy)]
pub(crate) enum Inputs<'a> {
    /// All inputs, also those of 0.
    Tensor(&'a Tensor),
    /// Only the inputs that are not 0. This is for a dense layer at the bottom of the network.
    Sparse(&'a SparseBatch),
}

impl<'a> Inputs<'a> {
    /// The inputs of the lowest layer, in the form that the batch was loaded in.
    pub fn lowest(tensor: &'a Tensor, sparse: &'a SparseBatch) -> Self {
        if sparse.used { Self::Sparse(sparse) } else { Self::Tensor(tensor) }
    }
}

/// The settings of a layer in one pass.
#[derive(Clone, Copy)]
pub(crate) struct Mode<'a> {
    /// The sharpness of the layer's activation, in [0, 1]; at 1 it is a step.
    pub sharpness: f32,
    /// The derivative of the activation that the backward pass uses.
    pub slope: Slope,
    /// The seed of dropout in a training pass, in which batch norm uses the statistics of the
    /// batch; `None` in other passes.
    pub training: Option<&'a Seed>,
    /// Whether every sum is added term by term, so that sums of coarse weights are exact, as on a
    /// chip.
    pub term_by_term: bool,
}

impl LayerActivations {
    /// Buffers for `samples` samples. The outputs have a `border` of zeros, as wide as the next
    /// layer needs.
    pub fn new(layer: &Layer, samples: usize, border: usize) -> Self {
        let activation = &layer.activation;
        let pooled = if activation.max.is_some() { samples } else { 0 };
        let channels = activation.sums.channels;
        let zeros = || vec![Lanes::ZERO; panels(channels)];
        Self {
            sums: Tensor::new(activation.sums, 0, samples),
            forward_weights: layer.linear.forward_weights(),
            peaks: Tensor::new(activation.potentials, 0, pooled),
            winners: Tensor::new(activation.potentials, 0, pooled),
            outputs: Tensor::new(activation.outputs(), border, samples),
            scale: zeros(),
            shift: zeros(),
            statistics: layer.norm.as_ref().map(|_| Statistics::new(channels)),
        }
    }
}

impl LayerGradients {
    /// Buffers for `samples` samples. The errors at the outputs get the layout of `outputs`.
    pub fn new(layer: &Layer, samples: usize, outputs: &Tensor, lowest: bool) -> Self {
        Self {
            outputs: Tensor::new(outputs.volume, outputs.border, samples),
            sums: Tensor::new(layer.activation.sums, 0, samples),
            weights: vec![Lanes::ZERO; layer.linear.weights.len()],
            bias: vec![Lanes::ZERO; layer.bias.len()],
            gain: layer.norm.as_ref().map(|norm| vec![Lanes::ZERO; norm.gain.len()]),
            partial: layer.linear.partial(),
            totals: vec![(Lanes::ZERO, Lanes::ZERO); PARTS * layer.bias.len()],
            backward_weights: if lowest { Vec::new() } else { layer.linear.backward_weights() },
        }
    }
}

impl Mode<'_> {
    /// `forward_weights`; an empty slice if sums are added term by term.
    fn weights<'a>(&self, forward_weights: &'a [Lanes]) -> &'a [Lanes] {
        if self.term_by_term { &[] } else { forward_weights }
    }
}

/// The memory of all samples of a tensor of max pooling; empty without max pooling.
fn pooled(tensor: &mut Tensor, samples: usize) -> BatchPart<'_> {
    match tensor.lanes.is_empty() {
        true => BatchPart { lanes: &mut [], stride: 0 },
        false => BatchPart::of(tensor, samples),
    }
}

/// The memory of one sample of a tensor of max pooling; empty without max pooling.
fn pooled_sample(tensor: &Tensor, sample: usize) -> &[Lanes] {
    match tensor.lanes.is_empty() {
        true => &[],
        false => &tensor.lanes[sample * tensor.stride..(sample + 1) * tensor.stride],
    }
}

impl Layer {
    /// Number of output channels.
    pub fn channels(&self) -> usize {
        self.linear.output.channels
    }

    /// The number of learnable parameters.
    pub fn parameters(&self) -> usize {
        let gains = if self.norm.is_some() { 1 } else { 0 };
        (self.linear.fan_in() + 1 + gains) * self.channels()
    }

    fn split(&self) -> Split {
        if self.linear.output.area() == 1 { Split::PerThread } else { Split::Fine }
    }

    /// Computes the values of the first `samples` samples in `state`, from those of `inputs`.
    pub fn forward(&self, inputs: Inputs<'_>, state: &mut LayerActivations, samples: usize, mode: Mode<'_>) {
        let measures = self.norm.is_some() && mode.training.is_some();
        if !mode.term_by_term {
            self.linear.prepare_forward(&mut state.forward_weights);
        }
        if measures {
            let forward_weights = mode.weights(&state.forward_weights);
            let sums = [BatchPart::of(&mut state.sums, samples)];
            for_each_part(samples, self.split(), sums, &|range, [mut sums]| {
                self.sum(inputs, forward_weights, range, &mut sums)
            });
        }
        self.set_affine(state, samples, measures);
        let layout = PaddedLayout::of(&state.outputs);
        let parts = [
            BatchPart::of(&mut state.sums, samples),
            pooled(&mut state.peaks, samples),
            pooled(&mut state.winners, samples),
            BatchPart::of(&mut state.outputs, samples),
        ];
        let forward_weights = mode.weights(&state.forward_weights);
        let (scale, shift) = (state.scale.as_slice(), state.shift.as_slice());
        for_each_part(
            samples,
            self.split(),
            parts,
            &|range, [mut sums, mut peaks, mut winners, mut outputs]| {
                if !measures {
                    self.sum(inputs, forward_weights, range.clone(), &mut sums);
                }
                for (index, sample) in range.enumerate() {
                    let settings = self.settings(scale, shift, sample, mode);
                    let pooled = (peaks.sample(index), winners.sample(index));
                    self.activation.forward(
                        sums.sample(index),
                        &settings,
                        pooled,
                        outputs.sample(index),
                        layout,
                    );
                }
            },
        );
    }

    fn sum(
        &self,
        inputs: Inputs<'_>,
        forward_weights: &[Lanes],
        samples: Range<usize>,
        sums: &mut BatchPart<'_>,
    ) {
        match inputs {
            Inputs::Sparse(batch) => batch.forward(&self.linear, samples.start, sums),
            Inputs::Tensor(tensor) => {
                let inputs = Batch::of(tensor, samples.end).samples(samples);
                self.linear.forward(inputs, forward_weights, sums.lanes, sums.stride);
            }
        }
    }

    /// Sets scale and shift (from sums to potentials) by batch norm and bias. If `measures`, batch
    /// norm uses the statistics of this batch, else the running ones.
    fn set_affine(&self, state: &mut LayerActivations, samples: usize, measures: bool) {
        let Some((norm, statistics)) = self.norm.as_ref().zip(state.statistics.as_mut()) else {
            state.scale.fill(Lanes::splat(1.0));
            return state.shift.copy_from_slice(&self.bias);
        };
        if measures {
            let (sums, parts) = (&state.sums, self.parts());
            let moments = &mut statistics.parts[..parts * self.bias.len()];
            team::for_each_piece(moments, self.split_of_sums(samples).pieces(), |first, moments| {
                for (index, moments) in (first..).zip(moments) {
                    let (panel, part) = (index / parts, index % parts);
                    *moments = Moments::of(sums, panel, part_of(samples, part, parts));
                }
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

    fn settings<'a>(
        &self,
        scale: &'a [Lanes],
        shift: &'a [Lanes],
        sample: usize,
        mode: Mode<'_>,
    ) -> ActivationSettings<'a> {
        let dropout = mode.training.and_then(|seed| Dropout::new(self.dropout, seed, sample));
        ActivationSettings { sharpness: mode.sharpness, slope: mode.slope, scale, shift, dropout }
    }

    /// Computes the errors at the sums from those at the outputs in `gradients`. From these follow
    /// the gradients of the parameters.
    ///
    /// If `below` holds a tensor, the errors at the inputs are written to it. If its flag is set,
    /// they are added to what the tensor holds.
    pub fn backward(
        &self,
        inputs: Inputs<'_>,
        state: &LayerActivations,
        gradients: &mut LayerGradients,
        samples: usize,
        mode: Mode<'_>,
        below: Option<(&mut Tensor, bool)>,
    ) {
        let layout = PaddedLayout::of(&gradients.outputs);
        let errors = Batch::of(&gradients.outputs, samples);
        let sums = Batch::of(&state.sums, samples);
        let gradients_lanes = gradients.sums.stride;
        let parts = [BatchPart::of(&mut gradients.sums, samples)];
        let split = Split::of_pass(samples * gradients_lanes);
        for_each_part(samples, split, parts, &|range, [mut into]| {
            for (index, sample) in range.enumerate() {
                let settings = self.settings(&state.scale, &state.shift, sample, mode);
                let pooled = (pooled_sample(&state.peaks, sample), pooled_sample(&state.winners, sample));
                let errors = errors.samples(sample..sample + 1).lanes;
                let sums = sums.samples(sample..sample + 1).lanes;
                self.activation.backward(sums, &settings, pooled, (errors, layout), into.sample(index));
            }
        });
        self.sum_up(state, gradients, samples);
        let LayerGradients { sums, weights, partial, backward_weights, .. } = gradients;
        let mut learn = || match inputs {
            Inputs::Sparse(batch) => batch.weight_gradient(&self.linear, sums, weights),
            Inputs::Tensor(tensor) => self.linear.weight_gradient(tensor, sums, samples, partial, weights),
        };
        let Some((below, add)) = below else { return learn() };
        let below = BatchPart::of(below, samples);
        match inputs {
            Inputs::Tensor(inputs) if team::threads() <= self.linear.backward_parts(samples) => {
                self.linear.prepare_backward(backward_weights);
                let below = InputErrors { backward_weights, errors: below, add };
                self.linear.backward(inputs, sums, samples, (partial, weights), below);
            }
            _ => {
                learn();
                self.linear.prepare_backward(backward_weights);
                let errors = Batch::of(sums, samples);
                for_each_part(samples, self.split(), [below], &|range, [below]| {
                    self.linear.input_errors(
                        errors.samples(range),
                        backward_weights,
                        below.lanes,
                        below.stride,
                        add,
                    );
                });
            }
        }
    }

    /// Computes the gradients of bias and gain. With batch norm, also turns errors at the
    /// potentials into errors at the sums.
    fn sum_up(&self, state: &LayerActivations, gradients: &mut LayerGradients, samples: usize) {
        let LayerGradients { sums: errors, bias, gain, totals, .. } = gradients;
        let statistics = state.statistics.as_ref();
        let parts = self.parts();
        let shares = &mut totals[..parts * bias.len()];
        team::for_each_piece(shares, self.split_of_sums(samples).pieces(), |first, totals| {
            for (index, total) in (first..).zip(totals) {
                let (panel, part) = (index / parts, index % parts);
                *total = norm::total(errors, &state.sums, statistics, panel, part_of(samples, part, parts));
            }
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
        let split = Split::of_pass(samples * errors.stride);
        let parts = [BatchPart::of(errors, samples)];
        for_each_part(samples, split, parts, &|range, [mut errors]| {
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

    /// The number of parts into which sums over the batch are cut. One part suffices if a sample
    /// has a single position: such layers have many panels, which run in parallel.
    fn parts(&self) -> usize {
        if self.linear.output.area() == 1 { 1 } else { PARTS }
    }

    /// How sums over the batch are split among threads.
    fn split_of_sums(&self, samples: usize) -> Split {
        Split::of_pass(samples * self.linear.output.area() * self.bias.len())
    }
}

/// The sum of all lanes, added in their order.
fn sum_of<'a>(all: impl Iterator<Item = &'a Lanes>) -> Lanes {
    all.fold(Lanes::ZERO, |mut sum, lanes| {
        sum.0.iter_mut().zip(&lanes.0).for_each(|(sum, lane)| *sum += lane);
        sum
    })
}

/// Copies the volumes of `from` to `to`, which have the same shape. With `add`, adds them to what
/// is there.
pub(crate) fn add_volumes(from: &Tensor, to: &mut Tensor, samples: usize, add: bool) {
    let layout = PaddedLayout::of(to);
    for_each_part(samples, Split::Fine, [BatchPart::of(to, samples)], &|range, [mut to]| {
        for (index, sample) in range.enumerate() {
            let source = &from.lanes[sample * from.stride..];
            let target = to.sample(index);
            for panel in 0..from.panels() {
                for y in 0..from.volume.height {
                    let start = layout.row(panel, y);
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
    /// The size of its buffers.
    pub fn bytes(&self) -> u64 {
        let statistics = self.statistics.iter();
        let statistics = statistics.flat_map(|s| [&s.mean, &s.variance, &s.inverse_deviation]);
        let tensors = [&self.sums, &self.peaks, &self.winners, &self.outputs].map(|tensor| &tensor.lanes);
        let others = [&self.forward_weights, &self.scale, &self.shift];
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
    /// The size of its buffers.
    pub fn bytes(&self) -> u64 {
        let lanes = [
            &self.outputs.lanes,
            &self.sums.lanes,
            &self.weights,
            &self.bias,
            &self.partial,
            &self.backward_weights,
        ];
        lanes.into_iter().chain(&self.gain).map(|lanes| size_of_val(lanes.as_slice())).sum::<usize>() as u64
    }
}

#[cfg(test)]
mod tests;
