//! The weighted sums of a layer, and the products that go back through them.
//!
//! Weights lie in panels of 16 outputs: term t of panel p is lane `p terms + t`. The order of terms is that of
//! the inputs in memory, which [`Linear::term`] tells.

use rayon::prelude::*;

use super::kernels::{
    Images, ImagesMut, LANES, Lanes, Rows, Runs, Winograd, multiply, multiply_outer, panels, transpose,
};
use super::room::with_room;
use super::tensor::Tensor;
use super::{Volume, Window};

/// How inputs reach the sums.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reach {
    /// Every input, every sum.
    Dense,
    /// What is in the window. The inputs are laid out window by window when they are loaded: for a network's
    /// input of few channels, whose panels would be nearly empty.
    Patches(Window),
    /// What is in the window.
    Window(Window),
}

/// Sums `y = W x` of every sample.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Linear {
    pub input: Volume,
    pub output: Volume,
    pub reach: Reach,
    pub weights: Vec<Lanes>,
}

/// Parts of a batch whose gradients are summed up apart: as many for any number of threads.
const PARTS: usize = 4;

/// A layer's inputs in memory, or what a pass writes in their place.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    pub lanes: &'a [Lanes],
    /// Lanes from one sample to the next.
    pub stride: usize,
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
            Reach::Patches(window) => window.area() * self.input.channels,
            Reach::Window(window) => window.area() * lanes,
        }
    }

    /// Places that a sum looks at: rows and columns.
    pub fn looks_at(&self) -> (usize, usize) {
        match self.reach {
            Reach::Dense => (self.input.height, self.input.width),
            Reach::Patches(window) | Reach::Window(window) => (window.height, window.width),
        }
    }

    /// Which term stands for channel `c` at row `y` and column `x` of what a sum looks at.
    pub fn term(&self, y: usize, x: usize, c: usize) -> usize {
        let (height, width) = self.looks_at();
        match self.reach {
            Reach::Patches(_) => (y * width + x) * self.input.channels + c,
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
            Reach::Patches(_) => {
                Tensor::new(Volume::flat(self.output.area() * self.patch() * LANES), 0, samples)
            }
        }
    }

    /// Lanes of a patch.
    pub fn patch(&self) -> usize {
        panels(self.terms())
    }

    /// The cheaper way to compute it, where there is one that pays.
    fn winograd(&self) -> Option<Winograd> {
        let Reach::Window(window) = self.reach else { return None };
        let Volume { height, width, channels } = self.input;
        let of = Winograd { height, width, inputs: panels(channels), outputs: self.panels() };
        let kernel = (window.height, window.width);
        let applies = Winograd::applies(kernel, window.stride, window.padding, height, width);
        (applies && of.inputs.min(of.outputs) > 1).then_some(of)
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

    /// Writes the sums of the samples in `inputs` to `sums`, a stride apart.
    pub fn forward(&self, inputs: Batch<'_>, prepared: &[Lanes], sums: &mut [Lanes], stride: usize) {
        let terms = self.terms();
        if let Some(winograd) = self.winograd() {
            let images = Images { lanes: inputs.lanes, stride: inputs.stride, border: 1 };
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
            return multiply(&rows, &self.weights, terms, sums, |panel, row| row * stride + panel, false);
        };
        let places = self.output.area();
        for (lanes, sums) in inputs.lanes.chunks_exact(inputs.stride).zip(sums.chunks_exact_mut(stride)) {
            let start = |place: usize| self.place(window, place) * LANES;
            let rows = Rows { lanes, count: places, start, runs: self.runs(window) };
            multiply(&rows, &self.weights, terms, sums, |panel, place| panel * places + place, false);
        }
    }

    /// Room for [`weight_gradient`](Self::weight_gradient).
    pub fn partial(&self) -> Vec<Lanes> {
        vec![Lanes::ZERO; self.partial_len()]
    }

    /// Lanes of [`partial`](Self::partial).
    pub fn partial_len(&self) -> usize {
        PARTS * self.prepared_len()
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
            let (inputs, errors) = (Batch::of(inputs, samples), Batch::of(errors, samples));
            return gradient_in_parts(winograd, inputs, errors, samples, partial, gradient);
        }
        let (terms, places) = (self.terms(), self.output.area());
        let Some(window) = self.window() else {
            return gradient.par_chunks_mut(terms).enumerate().for_each(|(panel, gradient)| {
                let walk = [(1, 0, 0), (1, 0, 0), (samples, inputs.stride, errors.stride)];
                for (group, gradient) in gradient.chunks_mut(LANES).enumerate() {
                    let (left, right) = (&inputs.lanes[group..], &errors.lanes[panel..]);
                    multiply_outer(left, right, &walk, gradient.len(), gradient, false);
                }
            });
        };
        let taps = window.area();
        let columns = self.columns(window);
        gradient.par_chunks_mut(terms).enumerate().for_each(|(panel, gradient)| {
            let right = &errors.lanes[panel * places..];
            for (group, gradient) in gradient.chunks_mut(LANES).enumerate() {
                let (start, lines) = match self.reach {
                    Reach::Patches(_) => (group, (1, 0, 0)),
                    _ => {
                        let (plane, tap) = (group / taps, group % taps);
                        let offset = tap / window.width * columns + tap % window.width;
                        let down = window.stride * columns;
                        (plane * inputs.plane() + offset, (self.output.height, down, self.output.width))
                    }
                };
                let (along, step) = match self.reach {
                    Reach::Patches(_) => (places, self.patch()),
                    _ => (self.output.width, window.stride),
                };
                let walk = [(samples, inputs.stride, errors.stride), lines, (along, step, 1)];
                multiply_outer(&inputs.lanes[start..], right, &walk, gradient.len(), gradient, false);
            }
        });
    }

    /// Room for [`turn`](Self::turn).
    pub fn turned(&self) -> Vec<Lanes> {
        vec![Lanes::ZERO; self.turned_room_len()]
    }

    /// Lanes of [`turned`](Self::turned).
    pub fn turned_room_len(&self) -> usize {
        self.turned_len().max(self.prepared_len())
    }

    /// Writes the weights to `out` in the form in which [`send_back`](Self::send_back) needs them.
    pub fn turn(&self, out: &mut [Lanes], add: bool) {
        if let Some(winograd) = self.winograd().filter(|_| !add) {
            return winograd.transform_back(&self.weights, &mut out[..winograd.transformed_len()]);
        }
        let out = &mut out[..self.turned_len()];
        let group = self.panels() * LANES;
        let terms = self.terms();
        out.par_chunks_mut(8 * group).enumerate().for_each(|(part, out)| {
            transpose(&self.weights, terms, 8 * part, out);
        });
    }

    /// Writes (with `add`, adds) to `below` the errors at the inputs of some samples, from those at the sums.
    ///
    /// What it leaves in the border of `below` means nothing. Not for patches, which have nothing below.
    pub fn send_back(
        &self,
        errors: Batch<'_>,
        turned: &[Lanes],
        below: &mut [Lanes],
        stride: usize,
        add: bool,
    ) {
        if let Some(winograd) = self.winograd().filter(|_| !add) {
            let images = Images { lanes: errors.lanes, stride: errors.stride, border: 0 };
            let count = below.len() / stride;
            let turned = &turned[..winograd.transformed_len()];
            let below = ImagesMut { lanes: below, stride, border: 1 };
            return with_room(winograd.room_len(), |room| {
                winograd.send_back(count, images, turned, room, below);
            });
        }
        let turned = &turned[..self.turned_len()];
        let outputs = self.panels() * LANES;
        let Some(window) = self.window() else {
            let count = below.len() / stride;
            let start = |row: usize| row * errors.stride * LANES;
            let rows = Rows { lanes: errors.lanes, count, start, runs: Runs::one(outputs) };
            return multiply(&rows, turned, outputs, below, |group, row| row * stride + group, add);
        };
        if !add {
            below.fill(Lanes::ZERO);
        }
        let (places, taps) = (self.output.area(), window.area());
        let plane = (self.input.height + 2 * window.padding) * self.columns(window);
        let runs = Runs { outer: (self.panels(), places * LANES), inner: (1, 0), length: LANES };
        for (lanes, below) in errors.lanes.chunks_exact(errors.stride).zip(below.chunks_exact_mut(stride)) {
            for tap in 0..taps {
                let offset = tap / window.width * self.columns(window) + tap % window.width;
                let rows = Rows { lanes, count: places, start: |place| place * LANES, runs };
                let place = |group: usize, place| group * plane + offset + self.place(window, place);
                multiply(&rows, &turned[tap * outputs..], taps * outputs, below, place, true);
            }
        }
    }

    fn turned_len(&self) -> usize {
        panels(self.terms()) * self.panels() * LANES
    }

    /// `None` where every sum looks at everything.
    pub fn window(&self) -> Option<Window> {
        match self.reach {
            Reach::Dense => None,
            Reach::Patches(window) | Reach::Window(window) => Some(window),
        }
    }

    /// Columns of a row of inputs in memory.
    fn columns(&self, window: Window) -> usize {
        self.input.width + 2 * window.padding
    }

    /// Where what the sums at `place` look at begins in a sample of inputs, in lanes.
    fn place(&self, window: Window, place: usize) -> usize {
        match self.reach {
            Reach::Patches(_) => place * self.patch(),
            _ => {
                let (y, x) = (place / self.output.width, place % self.output.width);
                (y * self.columns(window) + x) * window.stride
            }
        }
    }

    /// How the inputs of a sum lie in memory.
    fn runs(&self, window: Window) -> Runs {
        if let Reach::Patches(_) = self.reach {
            return Runs::one(self.terms());
        }
        let row = self.columns(window) * LANES;
        let plane = (self.input.height + 2 * window.padding) * row;
        Runs {
            outer: (panels(self.input.channels), plane),
            inner: (window.height, row),
            length: window.width * LANES,
        }
    }
}

/// The gradient of each part of the batch for itself, then their sum in the order of the parts.
fn gradient_in_parts(
    winograd: Winograd,
    inputs: Batch<'_>,
    errors: Batch<'_>,
    samples: usize,
    partial: &mut [Lanes],
    gradient: &mut [Lanes],
) {
    let length = winograd.transformed_len();
    partial.par_chunks_mut(length).enumerate().for_each(|(part, sums)| {
        let range = samples * part / PARTS..samples * (part + 1) / PARTS;
        let (inputs, errors) = (inputs.samples(range.clone()), errors.samples(range.clone()));
        sums.fill(Lanes::ZERO);
        with_room(winograd.room_len(), |room| {
            let images = Images { lanes: inputs.lanes, stride: inputs.stride, border: 1 };
            let errors = Images { lanes: errors.lanes, stride: errors.stride, border: 0 };
            winograd.weight_gradient(range.len(), images, errors, room, sums);
        });
    });
    let (sums, parts) = partial.split_at_mut(length);
    const CHUNK: usize = 1024;
    sums.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, sums)| {
        for part in parts.chunks_exact(length) {
            for (sum, more) in sums.iter_mut().zip(&part[chunk * CHUNK..]) {
                sum.0.iter_mut().zip(&more.0).for_each(|(sum, more)| *sum += more);
            }
        }
    });
    winograd.finish_gradient(sums, gradient);
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
