//! Winograd's convolution, for kernels of 3x3 and 5x5 with stride 1. It needs only a quarter to a
//! sixth of the multiplications.
//!
//! Outputs are computed in tiles of 4x4 or 8x8. Each tile needs a window of inputs. The algorithms
//! are the minimal filters F(4x4, 3x3), F(8x8, 3x3) and F(4x4, 5x5), where F(tile, kernel) names
//! the two sizes. Three steps lead to the outputs. First, inputs and weights are transformed to 36,
//! 100 or 64 *points*. Then a matrix product at each point sums over the input channels. Last, the
//! products are transformed back. Tiles go through these steps in groups, so that the values
//! between the steps stay in the cache. The gradient of the weights is a sum over tiles at each
//! point. It is transformed back once, after the last tile.
//!
//! Letters in the layouts of arrays: PI and PO are the panels (of 16 channels) of inputs and
//! outputs, K is the side of the kernel. `[PO][PI][K][K][16]` is the order in memory, the last
//! index fastest.
//!
//! - Lavin, Gray 2016: Fast algorithms for convolutional neural networks. CVPR.
//! - Winograd 1980: Arithmetic complexity of computations. SIAM.

mod steps;
mod transform;

use std::ops::Range;

use super::product::{Out, Rows, multiply, multiply_outer, transpose_square};
use super::vector::vectorized_task;
use super::{LANES, Lanes, Runs, floats};
use crate::team;
use steps::{
    FinishGradient, Group, Layout, TransformErrors, TransformInputErrors, TransformInputs, TransformOutputs,
    TransformWeights,
};

/// The number of tiles in a group, by the side of a window. With their points they fit the cache.
const fn tiles_at_once(window: usize) -> usize {
    match window {
        6 => 32,
        8 => 24,
        _ => 12,
    }
}

/// The number of tiles in a group for the gradient of the weights, whose sums run over the tiles.
const fn gradient_tiles(window: usize) -> usize {
    match window {
        6 => 64,
        8 => 48,
        _ => 36,
    }
}

/// Calls a method of `$self` with the side of its tiles and that of its windows as constant
/// parameters.
macro_rules! by_size {
    ($self:ident.$method:ident($($argument:expr),*)) => {
        match ($self.kernel, $self.side()) {
            (3, 4) => $self.$method::<4, 6>($($argument),*),
            (3, _) => $self.$method::<8, 10>($($argument),*),
            _ => $self.$method::<4, 8>($($argument),*),
        }
    };
}

/// Runs a task with the side of the kernel and that of the windows as constant parameters.
macro_rules! task_by_size {
    ($self:ident, $task:ident $fields:tt) => {
        match ($self.kernel, $self.side()) {
            (3, 4) => vectorized_task($task::<3, 6> $fields),
            (3, _) => vectorized_task($task::<3, 10> $fields),
            _ => vectorized_task($task::<5, 8> $fields),
        }
    };
}

/// A convolution with stride 1 on images of one size.
///
/// Every sum has a fixed order, so that results do not depend on the number of images of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Winograd {
    /// Side of the kernel, 3 or 5.
    pub kernel: usize,
    /// Rows and columns of zeros around the inputs, less than `kernel`.
    pub padding: usize,
    /// Rows of outputs. If this is no multiple of 4, the last tiles compute some outputs that are
    /// not used.
    pub height: usize,
    /// Columns of outputs. If this is no multiple of 4, the last tiles compute some outputs that
    /// are not used.
    pub width: usize,
    /// PI, the number of panels of input channels; a panel has 16.
    pub inputs: usize,
    /// PO, the number of panels of output channels; a panel has 16.
    pub outputs: usize,
}

/// Images of one size in memory. Each lies as [panels][height + 2 border][width + 2 border] of
/// [`Lanes`].
#[derive(Clone, Copy, Debug)]
pub struct Images<'a> {
    /// The memory, beginning with the first image.
    pub lanes: &'a [Lanes],
    /// Distance from one image to the next, in lanes.
    pub stride: usize,
    /// Rows and columns of zeros on every side.
    pub border: usize,
}

/// Like [`Images`], to write to.
#[derive(Debug)]
pub struct ImagesMut<'a> {
    /// The memory, beginning with the first image.
    pub lanes: &'a mut [Lanes],
    /// Distance from one image to the next, in lanes.
    pub stride: usize,
    /// Rows and columns on every side that are not written to. Only the errors at the inputs use
    /// them as scratch memory.
    pub border: usize,
}

/// Where a backward pass writes the errors at the inputs: the derivative of the loss by each input.
#[derive(Debug)]
pub struct WinogradErrors<'a> {
    /// The weights in the form that [`Winograd::transform_exchanged`] writes.
    pub transformed: &'a [Lanes],
    /// The errors at the inputs. The values in their border have no meaning after the pass.
    pub below: ImagesMut<'a>,
    /// Whether the errors are added to the values in `below`, or replace them.
    pub add: bool,
}

impl Winograd {
    /// Whether Winograd's convolution can be used for a `kernel` of (rows, columns) with this
    /// stride and padding.
    pub const fn applies(kernel: (usize, usize), stride: usize, padding: usize) -> bool {
        kernel.0 == kernel.1 && (kernel.0 == 3 || kernel.0 == 5) && stride == 1 && padding < kernel.0
    }

    /// Rows and columns of the inputs, without padding.
    pub const fn input(&self) -> (usize, usize) {
        let more = self.kernel - 1;
        (self.height + more - 2 * self.padding, self.width + more - 2 * self.padding)
    }

    /// The side of a tile of outputs.
    const fn side(&self) -> usize {
        let large = self.kernel == 3 && self.height.is_multiple_of(8) && self.width.is_multiple_of(8);
        if large { 8 } else { 4 }
    }

    /// The side of the window of inputs that a tile needs.
    const fn window(&self) -> usize {
        self.side() + self.kernel - 1
    }

    /// The number of points of a tile: so many products take the place of one for each output and
    /// kernel element.
    const fn points(&self) -> usize {
        self.window() * self.window()
    }

    /// Length of a set of weights, in lanes.
    const fn weights_len(&self) -> usize {
        self.kernel * self.kernel * self.terms()
    }

    /// Length of the weights at one point, or of those of one kernel element, in lanes.
    const fn terms(&self) -> usize {
        self.outputs * self.inputs * LANES
    }

    /// Length of a set of transformed weights, in lanes. A gradient before
    /// [`finish_gradient`](Self::finish_gradient) has the same length.
    pub const fn transformed_len(&self) -> usize {
        self.points() * self.terms()
    }

    /// Length of the scratch memory of a pass, in lanes. It may hold any values before.
    pub const fn scratch_len(&self) -> usize {
        let group = gradient_tiles(self.window());
        self.points() * (spacing(group * self.inputs) + spacing(group * self.outputs))
    }

    /// Transforms `weights` [PO][PI][K][K][16] to the form that [`Self::forward`] needs,
    /// [points][PO][PI][16]. PO and PI are panels of outputs and inputs, K is the side of the
    /// kernel.
    ///
    /// # Panics
    /// If one of the slices has a wrong length.
    pub fn transform(&self, weights: &[Lanes], out: &mut [Lanes]) {
        let elements = self.kernel * self.kernel * LANES;
        self.for_each_half(weights, out, |rows, out| {
            for (block, elements) in weights.chunks_exact(elements).enumerate() {
                let (rows, out) = (rows.clone(), &mut out[block * LANES..]);
                task_by_size!(self, TransformWeights { elements, rows, spacing: self.terms(), out });
            }
        });
    }

    /// Transforms `weights` [PO][PI][K][K][16] to the form that [`Self::input_errors`] needs,
    /// [points][PI][PO][16]: inputs and outputs are exchanged. PO and PI are panels of outputs and
    /// inputs, K is the side of the kernel.
    ///
    /// # Panics
    /// If one of the slices has a wrong length.
    pub fn transform_exchanged(&self, weights: &[Lanes], out: &mut [Lanes]) {
        let elements = self.kernel * self.kernel * LANES;
        self.for_each_half(weights, out, |rows, out| {
            let mut exchanged = [Lanes::ZERO; 25 * LANES];
            let exchanged = &mut exchanged[..elements];
            for (block, weights) in weights.chunks_exact(elements).enumerate() {
                let (to, from) = (block / self.inputs, block % self.inputs);
                let squares = exchanged.as_chunks_mut::<LANES>().0.iter_mut();
                squares
                    .zip(weights.as_chunks::<LANES>().0)
                    .for_each(|(to, element)| transpose_square(element, to));
                let (rows, out) = (rows.clone(), &mut out[(from * self.outputs + to) * LANES..]);
                task_by_size!(
                    self,
                    TransformWeights { elements: exchanged, rows, spacing: self.terms(), out }
                );
            }
        });
    }

    /// Calls `transform` in parallel for both halves of the rows of points, each with its part of
    /// `out`.
    fn for_each_half(
        &self,
        weights: &[Lanes],
        out: &mut [Lanes],
        transform: impl Fn(Range<usize>, &mut [Lanes]) + Sync,
    ) {
        let expected = (self.weights_len(), self.transformed_len());
        assert_eq!((weights.len(), out.len()), expected, "one set of weights");
        let half = self.window() / 2;
        let (upper, lower) = out.split_at_mut(half * self.window() * self.terms());
        let halves = [(0..half, upper), (half..self.window(), lower)];
        team::for_each(halves.into_iter(), |(rows, out)| transform(rows, out));
    }

    /// Convolves `count` images of PI panels with the `transformed` weights. Writes the result,
    /// images of PO panels, to `out`.
    ///
    /// # Panics
    /// If one of the slices is too short.
    pub fn forward(
        &self,
        count: usize,
        images: Images<'_>,
        transformed: &[Lanes],
        scratch: &mut [Lanes],
        out: ImagesMut<'_>,
    ) {
        by_size!(self.forward_by(count, images, transformed, scratch, out))
    }

    fn forward_by<const S: usize, const W: usize>(
        &self,
        count: usize,
        images: Images<'_>,
        transformed: &[Lanes],
        scratch: &mut [Lanes],
        mut out: ImagesMut<'_>,
    ) {
        assert_eq!(transformed.len(), self.transformed_len(), "one set of weights");
        let (terms, most) = (self.inputs * LANES, tiles_at_once(W));
        let (left, right) = (spacing(most * self.inputs), spacing(most * self.outputs));
        let (inputs, products) = scratch[..self.scratch_len()].split_at_mut(W * W * left);
        for tiles in groups(count * self.tiles(), most) {
            let layout = Layout { point: left, tile: self.inputs, panel: 1 };
            let group = Group { of: *self, first: tiles.start, size: tiles.len() };
            vectorized_task(TransformInputs::<W> { group, images, layout, out: inputs });
            let points = inputs.chunks_exact(left).zip(transformed.chunks_exact(self.terms()));
            for ((inputs, weights), products) in points.zip(products.chunks_exact_mut(right)) {
                multiply_tiles((group.size, most), inputs, terms, weights, products);
            }
            let layout = Layout { point: right, tile: 1, panel: most };
            vectorized_task(TransformOutputs::<S, W> { group, products, layout, out: &mut out });
        }
    }

    /// Computes the errors at the inputs (the derivative of the loss by them) from the `errors` at
    /// the outputs. There are `count` images, of PI panels at the inputs and PO panels at the
    /// outputs.
    ///
    /// # Panics
    /// If one of the slices is too short.
    pub fn input_errors(
        &self,
        count: usize,
        errors: Images<'_>,
        scratch: &mut [Lanes],
        back: WinogradErrors<'_>,
    ) {
        by_size!(self.input_errors_by(count, errors, scratch, back))
    }

    fn input_errors_by<const S: usize, const W: usize>(
        &self,
        count: usize,
        errors: Images<'_>,
        scratch: &mut [Lanes],
        mut back: WinogradErrors<'_>,
    ) {
        assert_eq!(back.transformed.len(), self.transformed_len(), "one set of weights");
        let most = tiles_at_once(W);
        let (left, right) = (spacing(most * self.outputs), spacing(most * self.inputs));
        let (error_points, products) = scratch[..self.scratch_len()].split_at_mut(W * W * left);
        for tiles in groups(count * self.tiles(), most) {
            let group = Group { of: *self, first: tiles.start, size: tiles.len() };
            let by_tile = Layout { point: left, tile: self.outputs, panel: 1 };
            let by_panel = Layout { point: right, tile: 1, panel: most };
            vectorized_task(TransformErrors::<S, W> { group, errors, layout: by_tile, out: error_points });
            self.group_input_errors::<W>((group, by_panel), error_points, products, &mut back);
        }
    }

    /// Writes the gradient of the weights to `accumulated` [points][PO][PI][16]. It is summed over
    /// `count` images of PI panels and the `errors` at their outputs of PO panels.
    ///
    /// # Panics
    /// If one of the slices is too short.
    pub fn weight_gradient(
        &self,
        count: usize,
        images: Images<'_>,
        errors: Images<'_>,
        scratch: &mut [Lanes],
        accumulated: &mut [Lanes],
    ) {
        by_size!(self.backward_by(count, images, errors, scratch, accumulated, None))
    }

    /// Does [`Self::weight_gradient`] and [`Self::input_errors`] at once. The results are the same,
    /// and the work is less, since both need the transformed errors.
    ///
    /// # Panics
    /// If one of the slices is too short.
    pub fn backward(
        &self,
        count: usize,
        images: Images<'_>,
        errors: Images<'_>,
        scratch: &mut [Lanes],
        accumulated: &mut [Lanes],
        back: WinogradErrors<'_>,
    ) {
        by_size!(self.backward_by(count, images, errors, scratch, accumulated, Some(back)))
    }

    fn backward_by<const S: usize, const W: usize>(
        &self,
        count: usize,
        images: Images<'_>,
        errors: Images<'_>,
        scratch: &mut [Lanes],
        accumulated: &mut [Lanes],
        mut back: Option<WinogradErrors<'_>>,
    ) {
        assert_eq!(accumulated.len(), self.transformed_len(), "one gradient");
        if count == 0 {
            return accumulated.fill(Lanes::ZERO);
        }
        let most = gradient_tiles(W);
        let (left, right) = (spacing(most * self.inputs), spacing(most * self.outputs));
        let (inputs, error_points) = scratch[..self.scratch_len()].split_at_mut(W * W * left);
        for tiles in groups(count * self.tiles(), most) {
            let group = Group { of: *self, first: tiles.start, size: tiles.len() };
            let by_panel = Layout { point: left, tile: 1, panel: most };
            let by_tile = Layout { point: right, tile: self.outputs, panel: 1 };
            vectorized_task(TransformInputs::<W> { group, images, layout: by_panel, out: inputs });
            vectorized_task(TransformErrors::<S, W> { group, errors, layout: by_tile, out: error_points });
            let points = inputs.chunks_exact(left).zip(error_points.chunks_exact(right));
            for ((inputs, error_points), sums) in points.zip(accumulated.chunks_exact_mut(self.terms())) {
                self.add_products((group, by_panel), inputs, error_points, sums);
            }
            if let Some(back) = &mut back {
                self.group_input_errors::<W>((group, by_panel), error_points, inputs, back);
            }
        }
    }

    /// Adds the products of inputs and errors of a group of tiles at one point to `sums`; the first
    /// group overwrites them. `layout` is that of the inputs.
    fn add_products(
        &self,
        (group, layout): (Group, Layout),
        inputs: &[Lanes],
        error_points: &[Lanes],
        sums: &mut [Lanes],
    ) {
        let nest = [(1, 0, 0), (1, 0, 0), (group.size, LANES, self.outputs)];
        for (block, sums) in sums.chunks_exact_mut(LANES).enumerate() {
            let (to, from) = (block / self.inputs, block % self.inputs);
            let left = floats(&inputs[from * layout.panel..]);
            multiply_outer(left, &error_points[to..], &nest, LANES, sums, group.first > 0);
        }
    }

    /// Computes the errors at the inputs of a group of tiles from its errors at the points.
    /// `products`, with the layout `layout`, is scratch memory.
    fn group_input_errors<const W: usize>(
        &self,
        (group, layout): (Group, Layout),
        error_points: &[Lanes],
        products: &mut [Lanes],
        back: &mut WinogradErrors<'_>,
    ) {
        let (terms, most) = (self.outputs * LANES, layout.panel);
        let error_points = error_points.chunks_exact(spacing(most * self.outputs));
        let points = error_points.zip(back.transformed.chunks_exact(self.terms()));
        for ((error_points, weights), products) in points.zip(products.chunks_exact_mut(layout.point)) {
            multiply_tiles((group.size, most), error_points, terms, weights, products);
        }
        vectorized_task(TransformInputErrors::<W> {
            group,
            products,
            layout,
            below: &mut back.below,
            add: back.add,
        });
    }

    /// Transforms the gradient in `accumulated` from points back to weights, and writes it to `out`
    /// [PO][PI][K][K][16].
    ///
    /// # Panics
    /// If one of the slices has a wrong length.
    pub fn finish_gradient(&self, accumulated: &[Lanes], out: &mut [Lanes]) {
        assert_eq!(
            (accumulated.len(), out.len()),
            (self.transformed_len(), self.weights_len()),
            "one gradient"
        );
        let block = self.kernel * self.kernel * LANES;
        let at_once = (out.len() / block).div_ceil(4 * team::threads()).max(4);
        team::for_each(out.chunks_mut(at_once * block).enumerate(), |(piece, out)| {
            for (block, out) in (piece * at_once..).zip(out.chunks_exact_mut(block)) {
                let points = &accumulated[block * LANES..];
                task_by_size!(self, FinishGradient { points, spacing: self.terms(), out });
            }
        });
    }

    /// The number of tiles of an image.
    const fn tiles(&self) -> usize {
        self.height.div_ceil(self.side()) * self.width.div_ceil(self.side())
    }
}

/// Multiplies the values of `size` tiles at one point, `terms` of them per tile, with the panels of
/// weights at that point.
fn multiply_tiles(
    (size, most): (usize, usize),
    tiles: &[Lanes],
    terms: usize,
    weights: &[Lanes],
    products: &mut [Lanes],
) {
    let rows = Rows { lanes: tiles, count: size, start: |tile| tile * terms, runs: Runs::one(terms) };
    multiply(&rows, weights, terms, Out { lanes: products, start: |tile| tile, panel: most }, false);
}

/// The distance from one point to the next, in lanes. It is odd, so that neighbouring points do not
/// fall on the same set of the cache.
const fn spacing(lanes: usize) -> usize {
    lanes | 1
}

/// Cuts `count` tiles into groups of at most `most`, as evenly as possible.
fn groups(count: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let groups = count.div_ceil(most);
    (0..groups).map(move |group| count * group / groups..count * (group + 1) / groups)
}

#[cfg(test)]
mod tests;
