//! The weighted sums of a layer, and the products that go back through them.
//!
//! Weights lie in panels of 16 outputs: term t of panel p is lane `p terms + t`. The order of terms is that of
//! the inputs in memory, which [`Linear::term`] tells.

use std::ops::Range;

use rayon::prelude::*;

use super::parts::{BatchPart, PARTS, part_of};
use crate::network::kernels::{
    Back, Images, ImagesMut, LANES, Lanes, Out, Rows, Runs, Winograd, floats, multiply, multiply_outer,
    panels, transpose,
};
use crate::network::pass::scratch::with_room;
use crate::network::pass::tensor::Tensor;
use crate::network::{Volume, Window};

/// How inputs reach the sums.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reach {
    /// Every input, every sum.
    Dense,
    /// What is in the window, of images whose channels lie side by side: for a network's input of few channels,
    /// whose panels would be nearly empty.
    Interleaved(Window),
    /// What is in the window.
    Window(Window),
}

/// Sums `y = W x` of every sample.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Linear {
    pub input: Volume,
    pub output: Volume,
    pub reach: Reach,
    pub weights: Vec<Lanes>,
}

/// A layer's inputs in memory, or what a pass writes in their place.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub lanes: &'a [Lanes],
    /// Lanes from one sample to the next.
    pub stride: usize,
}

/// Where errors go, and how.
pub(crate) struct Below<'a> {
    /// What [`Linear::turn`] gives.
    pub turned: &'a [Lanes],
    /// The errors at the inputs.
    pub errors: BatchPart<'a>,
    /// Add them to what is there.
    pub add: bool,
}

impl Linear {
    /// All weights 0.
    pub fn new(input: Volume, output: Volume, reach: Reach) -> Self {
        let mut linear = Self::planned(input, output, reach);
        linear.weights = vec![Lanes::ZERO; linear.weights_len()];
        linear
    }

    /// Without weights, to ask what it would take.
    pub fn planned(input: Volume, output: Volume, reach: Reach) -> Self {
        Self { input, output, reach, weights: Vec::new() }
    }

    /// Lanes of its weights.
    pub fn weights_len(&self) -> usize {
        self.panels() * self.terms()
    }

    /// Panels of outputs.
    pub fn panels(&self) -> usize {
        panels(self.output.channels)
    }

    /// Terms of a sum in memory, those of empty lanes included.
    pub fn terms(&self) -> usize {
        let lanes = panels(self.input.channels) * LANES;
        match self.reach {
            Reach::Dense if self.input.area() == 1 => self.input.channels,
            Reach::Dense => self.input.area() * lanes,
            Reach::Interleaved(window) => window.area() * self.input.channels,
            Reach::Window(window) => window.area() * lanes,
        }
    }

    /// Places that a sum looks at: rows and columns.
    pub fn looks_at(&self) -> (usize, usize) {
        match self.reach {
            Reach::Dense => (self.input.height, self.input.width),
            Reach::Interleaved(window) | Reach::Window(window) => (window.height, window.width),
        }
    }

    /// Which term stands for channel `c` at row `y` and column `x` of what a sum looks at.
    pub fn term(&self, y: usize, x: usize, c: usize) -> usize {
        let (height, width) = self.looks_at();
        match self.reach {
            Reach::Interleaved(_) => (y * width + x) * self.input.channels + c,
            _ => (((c / LANES) * height + y) * width + x) * LANES + c % LANES,
        }
    }

    /// The weight of term `term` in the sums of output channel `o`.
    pub fn weight(&self, o: usize, term: usize) -> f32 {
        self.weights[o / LANES * self.terms() + term].0[o % LANES]
    }

    /// The weight of term `term` in the sums of output channel `o`, to write to.
    pub fn weight_mut(&mut self, o: usize, term: usize) -> &mut f32 {
        let index = o / LANES * self.terms() + term;
        &mut self.weights[index].0[o % LANES]
    }

    /// Weights of one sum.
    pub fn fan_in(&self) -> usize {
        let (height, width) = self.looks_at();
        height * width * self.input.channels
    }

    /// Multiplications for one sample's sums.
    pub fn operations(&self) -> usize {
        self.fan_in() * self.output.len()
    }

    /// Room for the inputs of `samples` samples.
    pub fn input_tensor(&self, samples: usize) -> Tensor {
        match self.reach {
            Reach::Dense => Tensor::new(self.input, 0, samples),
            Reach::Window(window) => Tensor::new(self.input, window.padding, samples),
            Reach::Interleaved(window) => {
                let rows = self.input.height + 2 * window.padding;
                Tensor::new(Volume::flat(rows * self.row(window)), 0, samples)
            }
        }
    }

    /// The cheaper way to compute it, where there is one that pays.
    fn winograd(&self) -> Option<Winograd> {
        let Reach::Window(window) = self.reach else { return None };
        let kernel = (window.height, window.width);
        let Volume { height, width, channels } = self.output;
        let (inputs, outputs) = (panels(self.input.channels), panels(channels));
        let pays = kernel.0 == 5 || inputs.min(outputs) > 1;
        let applies = pays && Winograd::applies(kernel, window.stride, window.padding);
        let (kernel, padding) = (window.height, window.padding);
        applies.then_some(Winograd { kernel, padding, height, width, inputs, outputs })
    }

    /// Room for [`prepare`](Self::prepare).
    pub fn prepared(&self) -> Vec<Lanes> {
        vec![Lanes::ZERO; self.prepared_len()]
    }

    /// Lanes of [`prepared`](Self::prepared).
    pub fn prepared_len(&self) -> usize {
        self.winograd().map_or(0, |winograd| winograd.transformed_len())
    }

    /// Writes the weights to `out` in the form in which [`forward`](Self::forward) needs them.
    pub fn prepare(&self, out: &mut [Lanes]) {
        if let Some(winograd) = self.winograd() {
            winograd.transform(&self.weights, out);
        }
    }

    /// Writes the sums of the samples in `inputs` to `sums`, a stride apart; term by term without `prepared`.
    pub fn forward(&self, inputs: Batch<'_>, prepared: &[Lanes], sums: &mut [Lanes], stride: usize) {
        let terms = self.terms();
        if let Some(winograd) = self.winograd().filter(|_| !prepared.is_empty()) {
            let images = Images { lanes: inputs.lanes, stride: inputs.stride, border: winograd.padding };
            let count = sums.len() / stride;
            let out = ImagesMut { lanes: sums, stride, border: 0 };
            return with_room(winograd.room_len(), |room| {
                winograd.forward(count, images, prepared, room, out);
            });
        }
        let Some(window) = self.window() else {
            let count = sums.len() / stride;
            let start = |row: usize| row * inputs.stride * LANES;
            let rows = Rows { lanes: inputs.lanes, count, start, runs: Runs::one(terms) };
            let out = Out { lanes: sums, start: |row| row * stride, panel: 1 };
            return multiply(&rows, &self.weights, terms, out, false);
        };
        let places = self.output.area();
        for (lanes, sums) in inputs.lanes.chunks_exact(inputs.stride).zip(sums.chunks_exact_mut(stride)) {
            let start = |place: usize| self.place(window, place);
            let rows = Rows { lanes, count: places, start, runs: self.runs(window) };
            let out = Out { lanes: sums, start: |place| place, panel: places };
            multiply(&rows, &self.weights, terms, out, false);
        }
    }

    /// Room for [`weight_gradient`](Self::weight_gradient).
    pub fn partial(&self) -> Vec<Lanes> {
        vec![Lanes::ZERO; self.partial_len()]
    }

    /// Lanes of [`partial`](Self::partial).
    pub fn partial_len(&self) -> usize {
        match (self.winograd(), self.window()) {
            (Some(winograd), _) => PARTS * winograd.transformed_len(),
            (None, Some(_)) => PARTS * self.weights_len(),
            (None, None) => 0,
        }
    }

    /// Writes the derivative of the loss by the weights to `gradient`, from the first `samples` samples of
    /// the inputs and of the errors at the sums.
    pub fn weight_gradient(
        &self,
        inputs: &Tensor,
        errors: &Tensor,
        samples: usize,
        partial: &mut [Lanes],
        gradient: &mut [Lanes],
    ) {
        if let Some(winograd) = self.winograd() {
            let batches = (Batch::of(inputs, samples), Batch::of(errors, samples));
            return gradient_in_parts(winograd, batches, samples, (partial, gradient), None);
        }
        let terms = self.terms();
        let Some(window) = self.window() else {
            return gradient.par_chunks_mut(terms).enumerate().for_each(|(panel, gradient)| {
                let walk = [(1, 0, 0), (1, 0, 0), (samples, inputs.stride * LANES, errors.stride)];
                for (group, gradient) in gradient.chunks_mut(LANES).enumerate() {
                    let (left, right) = (floats(&inputs.lanes[group..]), &errors.lanes[panel..]);
                    multiply_outer(left, right, &walk, gradient.len(), gradient, false);
                }
            });
        };
        let length = gradient.len();
        partial.par_chunks_mut(terms).enumerate().for_each(|(index, gradient)| {
            let (part, panel) = (index / self.panels(), index % self.panels());
            self.direct_gradient(window, inputs, errors, part_of(samples, part, PARTS), panel, gradient);
        });
        add_parts(partial, length);
        gradient.copy_from_slice(&partial[..length]);
    }

    /// How many threads can share [`backward`](Self::backward) of so many samples; 0 where there is no such way.
    pub fn backward_parts(&self, samples: usize) -> usize {
        self.winograd().map_or(0, |_| winograd_parts(samples))
    }

    /// [`weight_gradient`](Self::weight_gradient) and [`send_back`](Self::send_back) of all samples in one: the same
    /// results for less.
    ///
    /// # Panics
    /// Where [`backward_parts`](Self::backward_parts) is 0.
    pub fn backward(
        &self,
        inputs: &Tensor,
        errors: &Tensor,
        samples: usize,
        gradient: (&mut [Lanes], &mut [Lanes]),
        below: Below<'_>,
    ) {
        let winograd = self.winograd().expect("the convolution has such a way");
        let batches = (Batch::of(inputs, samples), Batch::of(errors, samples));
        gradient_in_parts(winograd, batches, samples, gradient, Some(below));
    }

    /// Writes the gradient of a panel of weights over some samples.
    fn direct_gradient(
        &self,
        window: Window,
        inputs: &Tensor,
        errors: &Tensor,
        samples: Range<usize>,
        panel: usize,
        gradient: &mut [Lanes],
    ) {
        let runs = self.runs(window);
        let ((_, plane), (lines, line)) = (runs.outer, runs.inner);
        let walk = [
            (samples.len(), inputs.stride * LANES, errors.stride),
            (self.output.height, self.row(window) * window.stride, self.output.width),
            (self.output.width, window.stride * self.depth(), 1),
        ];
        let left = floats(&inputs.lanes[samples.start * inputs.stride..]);
        let right = &errors.lanes[samples.start * errors.stride + panel * self.output.area()..];
        for (run, gradient) in gradient.chunks_mut(runs.length).enumerate() {
            let start = run / lines * plane + run % lines * line;
            for (group, gradient) in gradient.chunks_mut(LANES).enumerate() {
                let left = &left[start + group * LANES..];
                multiply_outer(left, right, &walk, gradient.len(), gradient, false);
            }
        }
    }

    /// Room for [`turn`](Self::turn).
    pub fn turned(&self) -> Vec<Lanes> {
        vec![Lanes::ZERO; self.turned_room_len()]
    }

    /// Lanes of [`turned`](Self::turned).
    pub fn turned_room_len(&self) -> usize {
        let turned = || panels(self.terms()) * self.panels() * LANES;
        self.winograd().map_or_else(turned, |winograd| winograd.transformed_len())
    }

    /// Writes the weights to `out` in the form in which [`send_back`](Self::send_back) needs them.
    pub fn turn(&self, out: &mut [Lanes]) {
        if let Some(winograd) = self.winograd() {
            return winograd.transform_back(&self.weights, out);
        }
        let group = self.panels() * LANES;
        let terms = self.terms();
        out.par_chunks_mut(8 * group).enumerate().for_each(|(part, out)| {
            transpose(&self.weights, terms, 8 * part, out);
        });
    }

    /// Writes (with `add`, adds) to `below` the errors at the inputs of some samples, from those at the sums.
    ///
    /// What it leaves in the border of `below` means nothing. Not for interleaved inputs, which have nothing below.
    pub fn send_back(
        &self,
        errors: Batch<'_>,
        turned: &[Lanes],
        below: &mut [Lanes],
        stride: usize,
        add: bool,
    ) {
        if let Some(winograd) = self.winograd() {
            let images = Images { lanes: errors.lanes, stride: errors.stride, border: 0 };
            let count = below.len() / stride;
            let below = ImagesMut { lanes: below, stride, border: winograd.padding };
            return with_room(winograd.room_len(), |room| {
                winograd.send_back(count, images, room, Back { transformed: turned, below, add });
            });
        }
        let outputs = self.panels() * LANES;
        let Some(window) = self.window() else {
            let count = below.len() / stride;
            let start = |row: usize| row * errors.stride * LANES;
            let rows = Rows { lanes: errors.lanes, count, start, runs: Runs::one(outputs) };
            let below = Out { lanes: below, start: |row| row * stride, panel: 1 };
            return multiply(&rows, turned, outputs, below, add);
        };
        if !add {
            below.fill(Lanes::ZERO);
        }
        let (places, elements) = (self.output.area(), window.area());
        let plane = (self.input.height + 2 * window.padding) * self.columns(window);
        let runs = Runs { outer: (self.panels(), places * LANES), inner: (1, 0), length: LANES };
        for (lanes, below) in errors.lanes.chunks_exact(errors.stride).zip(below.chunks_exact_mut(stride)) {
            for element in 0..elements {
                let offset = element / window.width * self.columns(window) + element % window.width;
                let rows = Rows { lanes, count: places, start: |place| place * LANES, runs };
                let start = |place| offset + self.place(window, place) / LANES;
                let below = Out { lanes: &mut *below, start, panel: plane };
                multiply(&rows, &turned[element * outputs..], elements * outputs, below, true);
            }
        }
    }

    /// `None` where every sum looks at everything.
    pub fn window(&self) -> Option<Window> {
        match self.reach {
            Reach::Dense => None,
            Reach::Interleaved(window) | Reach::Window(window) => Some(window),
        }
    }

    /// Columns of a row of inputs in memory.
    fn columns(&self, window: Window) -> usize {
        self.input.width + 2 * window.padding
    }

    /// Floats of a place of the inputs, those of one panel.
    fn depth(&self) -> usize {
        if let Reach::Interleaved(_) = self.reach { self.input.channels } else { LANES }
    }

    /// Floats of a row of inputs in memory.
    pub fn row(&self, window: Window) -> usize {
        self.columns(window) * self.depth()
    }

    /// Where what the sums at `place` look at begins in a sample of inputs, in floats.
    fn place(&self, window: Window, place: usize) -> usize {
        let (y, x) = (place / self.output.width, place % self.output.width);
        (y * self.row(window) + x * self.depth()) * window.stride
    }

    /// How the inputs of a sum lie in memory.
    fn runs(&self, window: Window) -> Runs {
        let row = self.row(window);
        let (outer, length) = match self.reach {
            Reach::Interleaved(_) => ((1, 0), window.width * self.input.channels),
            _ => {
                let plane = (self.input.height + 2 * window.padding) * row;
                ((panels(self.input.channels), plane), window.width * LANES)
            }
        };
        Runs { outer, inner: (window.height, row), length }
    }
}

/// Parts of a batch whose gradients are computed apart. A part's sums are large: few samples are not worth many.
fn winograd_parts(samples: usize) -> usize {
    (samples / 16).clamp(1, PARTS)
}

/// The gradient of each part of the batch for itself, then their sum in the order of the parts; and the errors at the
/// inputs, if they are asked for.
fn gradient_in_parts(
    winograd: Winograd,
    (inputs, errors): (Batch<'_>, Batch<'_>),
    samples: usize,
    (partial, gradient): (&mut [Lanes], &mut [Lanes]),
    below: Option<Below<'_>>,
) {
    let length = winograd.transformed_len();
    let parts = winograd_parts(samples);
    let partial = &mut partial[..parts * length];
    let (turned, add) = below.as_ref().map_or((&[][..], false), |below| (below.turned, below.add));
    let mut pieces = below.map(|below| below.errors.in_parts(parts));
    let pieces = pieces.as_mut().map_or(&mut [][..], |pieces| &mut pieces[..parts]);
    let task = |part: usize, sums: &mut [Lanes], below: Option<&mut BatchPart<'_>>| {
        let range = part_of(samples, part, parts);
        let (inputs, errors) = (inputs.samples(range.clone()), errors.samples(range.clone()));
        let images = Images { lanes: inputs.lanes, stride: inputs.stride, border: winograd.padding };
        let errors = Images { lanes: errors.lanes, stride: errors.stride, border: 0 };
        with_room(winograd.room_len(), |room| {
            let Some(below) = below else {
                return winograd.weight_gradient(range.len(), images, errors, room, sums);
            };
            let below = ImagesMut { lanes: below.lanes, stride: below.stride, border: winograd.padding };
            let back = Back { transformed: turned, below, add };
            winograd.backward(range.len(), images, errors, room, sums, back);
        });
    };
    let sums = partial.par_chunks_mut(length).enumerate();
    if pieces.is_empty() {
        sums.for_each(|(part, sums)| task(part, sums, None));
    } else {
        sums.zip(pieces).for_each(|((part, sums), below)| task(part, sums, Some(below)));
    }
    add_parts(partial, length);
    winograd.finish_gradient(&partial[..length], gradient);
}

/// Adds to the first `length` lanes those of the other parts, in their order.
fn add_parts(partial: &mut [Lanes], length: usize) {
    let (sums, parts) = partial.split_at_mut(length);
    const CHUNK: usize = 1024;
    sums.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, sums)| {
        for part in parts.chunks_exact(length) {
            for (sum, more) in sums.iter_mut().zip(&part[chunk * CHUNK..]) {
                sum.0.iter_mut().zip(&more.0).for_each(|(sum, more)| *sum += more);
            }
        }
    });
}

impl<'a> Batch<'a> {
    /// The first `samples` samples of `tensor`.
    pub fn of(tensor: &'a Tensor, samples: usize) -> Self {
        Self { lanes: tensor.first(samples), stride: tensor.stride }
    }

    /// The samples in `range`.
    pub fn samples(&self, range: std::ops::Range<usize>) -> Self {
        Self { lanes: &self.lanes[range.start * self.stride..range.end * self.stride], stride: self.stride }
    }
}
