//! The weighted sums of a layer, dense or convolutional: the forward pass, the gradient of the
//! weights, and the errors at the inputs (the derivative of the loss by them).
//!
//! Weights lie in panels of 16 outputs: term t of a sum of panel p is lane `p terms + t`. Terms
//! have the order of the inputs in memory, see [`Linear::term`].

use std::ops::Range;

use super::parts::{BatchPart, PARTS, Split, part_of};
use crate::network::kernels::{
    Images, ImagesMut, LANES, Lanes, Out, Rows, Runs, Winograd, WinogradErrors, floats, multiply,
    multiply_outer, panels, transpose,
};
use crate::network::pass::scratch::with_scratch;
use crate::network::pass::tensor::Tensor;
use crate::network::{Volume, Window};
use crate::team;

/// Which inputs reach a sum, and how they lie in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum InputLayout {
    /// A dense layer: every sum has all inputs.
    Dense,
    /// A convolution of images whose channels lie side by side. It is for the network's input,
    /// whose few channels would leave panels of 16 nearly empty.
    Interleaved(Window),
    /// A convolution of images in panels of 16 channels.
    Window(Window),
}

/// The weighted sums `y = W x` of a layer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Linear {
    /// The shape of the inputs.
    pub input: Volume,
    /// The shape of the sums.
    pub output: Volume,
    /// How the inputs lie in memory.
    pub layout: InputLayout,
    /// The weights, in panels of 16 outputs; outputs that do not exist have weights of 0.
    pub weights: Vec<Lanes>,
}

/// The memory of several samples, to read from.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    /// All lanes of the samples.
    pub lanes: &'a [Lanes],
    /// Distance from one sample to the next, in lanes.
    pub stride: usize,
}

/// Where a backward pass writes the errors at the inputs: the derivative of the loss by each input.
pub(crate) struct InputErrors<'a> {
    /// The weights in the form that [`Linear::prepare_backward`] writes.
    pub backward_weights: &'a [Lanes],
    /// The memory to which the errors are written.
    pub errors: BatchPart<'a>,
    /// Whether the errors are added to the values in memory, or replace them.
    pub add: bool,
}

impl Linear {
    /// Sums with all weights 0.
    pub fn new(input: Volume, output: Volume, layout: InputLayout) -> Self {
        let mut linear = Self::planned(input, output, layout);
        linear.weights = vec![Lanes::ZERO; linear.weights_len()];
        linear
    }

    /// Sums without weights, to ask for sizes before memory is allocated.
    pub fn planned(input: Volume, output: Volume, layout: InputLayout) -> Self {
        Self { input, output, layout, weights: Vec::new() }
    }

    /// Length of the weights, in lanes.
    pub fn weights_len(&self) -> usize {
        self.panels() * self.terms()
    }

    /// Number of panels, of 16 outputs each.
    pub fn panels(&self) -> usize {
        panels(self.output.channels)
    }

    /// Number of terms of a sum in memory, including those of empty lanes.
    pub fn terms(&self) -> usize {
        let lanes = panels(self.input.channels) * LANES;
        match self.layout {
            InputLayout::Dense if self.input.area() == 1 => self.input.channels,
            InputLayout::Dense => self.input.area() * lanes,
            InputLayout::Interleaved(window) => window.area() * self.input.channels,
            InputLayout::Window(window) => window.area() * lanes,
        }
    }

    /// Rows and columns of the receptive field of a sum.
    pub fn receptive_field(&self) -> (usize, usize) {
        match self.layout {
            InputLayout::Dense => (self.input.height, self.input.width),
            InputLayout::Interleaved(window) | InputLayout::Window(window) => (window.height, window.width),
        }
    }

    /// The index of the term for channel `c` at row `y` and column `x` of the receptive field.
    pub fn term(&self, y: usize, x: usize, c: usize) -> usize {
        let (height, width) = self.receptive_field();
        match self.layout {
            InputLayout::Interleaved(_) => (y * width + x) * self.input.channels + c,
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

    /// The number of inputs of one sum, including zeros of the padding.
    pub fn fan_in(&self) -> usize {
        let (height, width) = self.receptive_field();
        height * width * self.input.channels
    }

    /// A tensor that holds the inputs of `samples` samples.
    pub fn input_tensor(&self, samples: usize) -> Tensor {
        match self.layout {
            InputLayout::Dense => Tensor::new(self.input, 0, samples),
            InputLayout::Window(window) => Tensor::new(self.input, window.padding, samples),
            InputLayout::Interleaved(window) => {
                let rows = self.input.height + 2 * window.padding;
                Tensor::new(Volume::flat(rows * self.row(window)), 0, samples)
            }
        }
    }

    /// Winograd's fast convolution for these sums; `None` if it is not possible or not faster.
    fn winograd(&self) -> Option<Winograd> {
        let InputLayout::Window(window) = self.layout else { return None };
        let kernel = (window.height, window.width);
        let Volume { height, width, channels } = self.output;
        let (inputs, outputs) = (panels(self.input.channels), panels(channels));
        let pays = kernel.0 == 5 || inputs.min(outputs) > 1;
        let applies = pays && Winograd::applies(kernel, window.stride, window.padding);
        let (kernel, padding) = (window.height, window.padding);
        applies.then_some(Winograd { kernel, padding, height, width, inputs, outputs })
    }

    /// A buffer for [`prepare_forward`](Self::prepare_forward).
    pub fn forward_weights(&self) -> Vec<Lanes> {
        vec![Lanes::ZERO; self.forward_weights_len()]
    }

    /// Length of [`forward_weights`](Self::forward_weights), in lanes.
    pub fn forward_weights_len(&self) -> usize {
        self.winograd().map_or(0, |winograd| winograd.transformed_len())
    }

    /// Writes the weights to `out` in the form that [`forward`](Self::forward) needs.
    pub fn prepare_forward(&self, out: &mut [Lanes]) {
        if let Some(winograd) = self.winograd() {
            winograd.transform(&self.weights, out);
        }
    }

    /// Writes the sums of the samples in `inputs` to `sums`. The sums of a sample begin `stride`
    /// lanes after those of the one before.
    ///
    /// If `forward_weights` is empty, every sum is added term by term.
    pub fn forward(&self, inputs: Batch<'_>, forward_weights: &[Lanes], sums: &mut [Lanes], stride: usize) {
        let terms = self.terms();
        if let Some(winograd) = self.winograd().filter(|_| !forward_weights.is_empty()) {
            let images = Images { lanes: inputs.lanes, stride: inputs.stride, border: winograd.padding };
            let count = sums.len() / stride;
            let out = ImagesMut { lanes: sums, stride, border: 0 };
            return with_scratch(winograd.scratch_len(), |scratch| {
                winograd.forward(count, images, forward_weights, scratch, out);
            });
        }
        let Some(window) = self.window() else {
            let count = sums.len() / stride;
            let start = |row: usize| row * inputs.stride * LANES;
            let rows = Rows { lanes: inputs.lanes, count, start, runs: Runs::one(terms) };
            let out = Out { lanes: sums, start: |row| row * stride, panel: 1 };
            return multiply(&rows, &self.weights, terms, out, false);
        };
        let positions = self.output.area();
        for (lanes, sums) in inputs.lanes.chunks_exact(inputs.stride).zip(sums.chunks_exact_mut(stride)) {
            let start = |position: usize| self.window_start(window, position);
            let rows = Rows { lanes, count: positions, start, runs: self.runs(window) };
            let out = Out { lanes: sums, start: |position| position, panel: positions };
            multiply(&rows, &self.weights, terms, out, false);
        }
    }

    /// A buffer for [`weight_gradient`](Self::weight_gradient).
    pub fn partial(&self) -> Vec<Lanes> {
        vec![Lanes::ZERO; self.partial_len()]
    }

    /// Length of [`partial`](Self::partial), in lanes.
    pub fn partial_len(&self) -> usize {
        match (self.winograd(), self.window()) {
            (Some(winograd), _) => PARTS * winograd.transformed_len(),
            (None, Some(_)) => PARTS * self.weights_len(),
            (None, None) => 0,
        }
    }

    /// Writes the gradient of the weights to `gradient`. It follows from the inputs and the errors
    /// at the sums of the first `samples` samples. `partial` is scratch memory.
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
            return self.dense_gradient(inputs, errors, samples, gradient);
        };
        let length = gradient.len();
        team::for_each(partial.chunks_mut(terms).enumerate(), |(index, gradient)| {
            let (part, panel) = (index / self.panels(), index % self.panels());
            self.direct_gradient(window, inputs, errors, part_of(samples, part, PARTS), panel, gradient);
        });
        add_parts(partial, length);
        gradient.copy_from_slice(&partial[..length]);
    }

    /// [`weight_gradient`](Self::weight_gradient) of a dense layer.
    fn dense_gradient(&self, inputs: &Tensor, errors: &Tensor, samples: usize, gradient: &mut [Lanes]) {
        let (terms, nest) =
            (self.terms(), [(1, 0, 0), (1, 0, 0), (samples, inputs.stride * LANES, errors.stride)]);
        // A piece is some groups of 16 terms of a panel.
        let pieces = Split::Fine.pieces().div_ceil(self.panels());
        let groups = panels(terms).div_ceil(pieces);
        let of_panel = |(panel, gradient)| {
            let pieces = <[Lanes]>::chunks_mut(gradient, groups * LANES).enumerate();
            pieces.map(move |(piece, gradient)| (panel, piece * groups, gradient))
        };
        let pieces = gradient.chunks_mut(terms).enumerate().flat_map(of_panel);
        team::for_each(pieces, |(panel, first, gradient)| {
            for (group, gradient) in (first..).zip(gradient.chunks_mut(LANES)) {
                let (left, right) = (floats(&inputs.lanes[group..]), &errors.lanes[panel..]);
                multiply_outer(left, right, &nest, gradient.len(), gradient, false);
            }
        });
    }

    /// The most threads that can share [`backward`](Self::backward) for `samples` samples; 0 if
    /// these sums have no such method.
    pub fn backward_parts(&self, samples: usize) -> usize {
        self.winograd().map_or(0, |_| winograd_parts(samples))
    }

    /// Does [`weight_gradient`](Self::weight_gradient) and [`input_errors`](Self::input_errors) for
    /// all samples at once. The results are the same, and the work is less.
    ///
    /// # Panics
    /// If [`backward_parts`](Self::backward_parts) is 0.
    pub fn backward(
        &self,
        inputs: &Tensor,
        errors: &Tensor,
        samples: usize,
        gradient: (&mut [Lanes], &mut [Lanes]),
        below: InputErrors<'_>,
    ) {
        let winograd = self.winograd().expect("the caller has asked for parts");
        let batches = (Batch::of(inputs, samples), Batch::of(errors, samples));
        gradient_in_parts(winograd, batches, samples, gradient, Some(below));
    }

    /// Writes the gradient of a panel of weights, over some samples of a convolution, by direct
    /// sums.
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
        let nest = [
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
                multiply_outer(left, right, &nest, gradient.len(), gradient, false);
            }
        }
    }

    /// A buffer for [`prepare_backward`](Self::prepare_backward).
    pub fn backward_weights(&self) -> Vec<Lanes> {
        vec![Lanes::ZERO; self.backward_weights_len()]
    }

    /// Length of [`backward_weights`](Self::backward_weights), in lanes.
    pub fn backward_weights_len(&self) -> usize {
        let transposed = || panels(self.terms()) * self.panels() * LANES;
        self.winograd().map_or_else(transposed, |winograd| winograd.transformed_len())
    }

    /// Writes the weights to `out` in the form that [`input_errors`](Self::input_errors) needs.
    pub fn prepare_backward(&self, out: &mut [Lanes]) {
        if let Some(winograd) = self.winograd() {
            return winograd.transform_exchanged(&self.weights, out);
        }
        let group = self.panels() * LANES;
        let terms = self.terms();
        let groups = (out.len() / group).div_ceil(Split::of_pass(out.len()).pieces());
        team::for_each(out.chunks_mut(groups * group).enumerate(), |(piece, out)| {
            transpose(&self.weights, terms, piece * groups, out);
        });
    }

    /// Writes the errors at the inputs of some samples to `below`, from the errors at the sums.
    /// With `add`, adds them to the values there.
    ///
    /// The values in the border of `below` have no meaning afterwards. Interleaved inputs belong to
    /// the lowest layer, which needs no errors at its inputs, so this is not for them.
    pub fn input_errors(
        &self,
        errors: Batch<'_>,
        backward_weights: &[Lanes],
        below: &mut [Lanes],
        stride: usize,
        add: bool,
    ) {
        if let Some(winograd) = self.winograd() {
            let images = Images { lanes: errors.lanes, stride: errors.stride, border: 0 };
            let count = below.len() / stride;
            let below = ImagesMut { lanes: below, stride, border: winograd.padding };
            return with_scratch(winograd.scratch_len(), |scratch| {
                winograd.input_errors(
                    count,
                    images,
                    scratch,
                    WinogradErrors { transformed: backward_weights, below, add },
                );
            });
        }
        let outputs = self.panels() * LANES;
        let Some(window) = self.window() else {
            let count = below.len() / stride;
            let start = |row: usize| row * errors.stride * LANES;
            let rows = Rows { lanes: errors.lanes, count, start, runs: Runs::one(outputs) };
            let below = Out { lanes: below, start: |row| row * stride, panel: 1 };
            return multiply(&rows, backward_weights, outputs, below, add);
        };
        if !add {
            below.fill(Lanes::ZERO);
        }
        let (positions, elements) = (self.output.area(), window.area());
        let plane = (self.input.height + 2 * window.padding) * self.columns(window);
        let runs = Runs { outer: (self.panels(), positions * LANES), inner: (1, 0), length: LANES };
        for (lanes, below) in errors.lanes.chunks_exact(errors.stride).zip(below.chunks_exact_mut(stride)) {
            for element in 0..elements {
                let offset = element / window.width * self.columns(window) + element % window.width;
                let rows = Rows { lanes, count: positions, start: |position| position * LANES, runs };
                let start = |position| offset + self.window_start(window, position) / LANES;
                let below = Out { lanes: &mut *below, start, panel: plane };
                multiply(&rows, &backward_weights[element * outputs..], elements * outputs, below, true);
            }
        }
    }

    /// The window of a convolution; `None` for a dense layer.
    pub fn window(&self) -> Option<Window> {
        match self.layout {
            InputLayout::Dense => None,
            InputLayout::Interleaved(window) | InputLayout::Window(window) => Some(window),
        }
    }

    /// Number of columns in a row of inputs in memory, padding included.
    fn columns(&self, window: Window) -> usize {
        self.input.width + 2 * window.padding
    }

    /// Number of floats of one pixel of the inputs, in one panel.
    fn depth(&self) -> usize {
        if let InputLayout::Interleaved(_) = self.layout { self.input.channels } else { LANES }
    }

    /// Number of floats in a row of inputs in memory.
    pub fn row(&self, window: Window) -> usize {
        self.columns(window) * self.depth()
    }

    /// The index of the first float of the window at `position`, in a sample of inputs.
    fn window_start(&self, window: Window, position: usize) -> usize {
        let (y, x) = (position / self.output.width, position % self.output.width);
        (y * self.row(window) + x * self.depth()) * window.stride
    }

    /// How the inputs of one sum lie in memory.
    fn runs(&self, window: Window) -> Runs {
        let row = self.row(window);
        let (outer, length) = match self.layout {
            InputLayout::Interleaved(_) => ((1, 0), window.width * self.input.channels),
            _ => {
                let plane = (self.input.height + 2 * window.padding) * row;
                ((panels(self.input.channels), plane), window.width * LANES)
            }
        };
        Runs { outer, inner: (window.height, row), length }
    }
}

/// The number of parts of a batch whose gradients are summed separately, in parallel. The parts of a
/// small batch are few, because it takes time to clear and add the large sums of each part.
fn winograd_parts(samples: usize) -> usize {
    (samples / 16).clamp(1, PARTS)
}

/// Computes the gradient of each part of the batch, then adds the parts in their order. If `below`
/// asks for it, also computes the errors at the inputs.
fn gradient_in_parts(
    winograd: Winograd,
    (inputs, errors): (Batch<'_>, Batch<'_>),
    samples: usize,
    (partial, gradient): (&mut [Lanes], &mut [Lanes]),
    below: Option<InputErrors<'_>>,
) {
    let length = winograd.transformed_len();
    let parts = winograd_parts(samples);
    let partial = &mut partial[..parts * length];
    let (backward_weights, add) =
        below.as_ref().map_or((&[][..], false), |below| (below.backward_weights, below.add));
    let mut pieces = below.map(|below| below.errors.in_parts(parts));
    let pieces = pieces.as_mut().map_or(&mut [][..], |pieces| &mut pieces[..parts]);
    let task = |part: usize, sums: &mut [Lanes], below: Option<&mut BatchPart<'_>>| {
        let range = part_of(samples, part, parts);
        let (inputs, errors) = (inputs.samples(range.clone()), errors.samples(range.clone()));
        let images = Images { lanes: inputs.lanes, stride: inputs.stride, border: winograd.padding };
        let errors = Images { lanes: errors.lanes, stride: errors.stride, border: 0 };
        with_scratch(winograd.scratch_len(), |scratch| {
            let Some(below) = below else {
                return winograd.weight_gradient(range.len(), images, errors, scratch, sums);
            };
            let below = ImagesMut { lanes: below.lanes, stride: below.stride, border: winograd.padding };
            let back = WinogradErrors { transformed: backward_weights, below, add };
            winograd.backward(range.len(), images, errors, scratch, sums, back);
        });
    };
    let sums = partial.chunks_mut(length).enumerate();
    if pieces.is_empty() {
        team::for_each(sums, |(part, sums)| task(part, sums, None));
    } else {
        team::for_each(sums.zip(pieces), |((part, sums), below)| task(part, sums, Some(below)));
    }
    add_parts(partial, length);
    winograd.finish_gradient(&partial[..length], gradient);
}

/// Adds all other parts to the first `length` lanes, in the order of the parts.
fn add_parts(partial: &mut [Lanes], length: usize) {
    let (sums, parts) = partial.split_at_mut(length);
    team::for_each_piece(sums, Split::of_pass(length).pieces(), |first, sums| {
        for part in parts.chunks_exact(length) {
            for (sum, more) in sums.iter_mut().zip(&part[first..]) {
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

    /// The samples whose numbers are in `range`.
    pub fn samples(&self, range: std::ops::Range<usize>) -> Self {
        Self { lanes: &self.lanes[range.start * self.stride..range.end * self.stride], stride: self.stride }
    }
}
