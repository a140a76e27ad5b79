//! Convolutions 3x3 and 5x5 with stride 1 in a quarter to a sixth of the multiplications.
//!
//! Outputs are computed in tiles of 4x4 or 8x8, each from a window of inputs, by Winograd's minimal filtering
//! F(4x4, 3x3), F(8x8, 3x3) and F(4x4, 5x5): inputs and weights are transformed to 36, 100 or 64 *points*, at each
//! point a matrix product runs over the input channels, and its results are transformed back. Tiles go through
//! these three steps in groups, so that what is between the steps stays in the cache. The weights' gradient is
//! a sum over tiles at each point, and goes back to weights once, after the last tile.
//!
//! - Lavin, Gray 2016: Fast algorithms for convolutional neural networks. CVPR.
//! - Winograd 1980: Arithmetic complexity of computations. SIAM.

mod steps;
mod transform;

use std::ops::Range;

use super::product::{Rows, multiply, multiply_outer, transpose_square};
use super::vector::vectorized_task;
use super::{LANES, Lanes, Runs, floats};
use steps::{
    AddBelow, FinishGradient, Group, Layout, TransformErrors, TransformInputs, TransformOutputs,
    TransformWeights,
};

/// Tiles that go through the steps together, by the side of a window: with their points they stay in the cache.
const fn tiles_at_once(window: usize) -> usize {
    match window {
        6 => 32,
        8 => 24,
        _ => 12,
    }
}

/// The same for the weights' gradient, whose sums run along the tiles.
const fn gradient_tiles(window: usize) -> usize {
    match window {
        6 => 64,
        8 => 48,
        _ => 36,
    }
}

/// Calls a method of `$self` with the side of its tiles and that of its windows.
macro_rules! by_size {
    ($self:ident.$method:ident($($argument:expr),*)) => {
        match ($self.kernel, $self.side()) {
            (3, 4) => $self.$method::<4, 6>($($argument),*),
            (3, _) => $self.$method::<8, 10>($($argument),*),
            _ => $self.$method::<4, 8>($($argument),*),
        }
    };
}

/// Runs a task with the side of the kernel and that of the windows.
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
/// Results do not depend on how many images a call gets: every sum runs in one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Winograd {
    /// Side of the kernel, 3 or 5.
    pub kernel: usize,
    /// Zeros that are taken to lie around the inputs, less than `kernel`.
    pub padding: usize,
    /// Rows of outputs; where it is no multiple of 4, parts of tiles are computed in vain.
    pub height: usize,
    /// Columns of outputs, likewise.
    pub width: usize,
    /// Panels of input channels, PI.
    pub inputs: usize,
    /// Panels of output channels, PO.
    pub outputs: usize,
}

/// Images of one size, one after the other, each [panels][height + 2 border][width + 2 border].
#[derive(Clone, Copy, Debug)]
pub struct Images<'a> {
    /// The first image's first lanes, and what follows.
    pub lanes: &'a [Lanes],
    /// Lanes from one image to the next.
    pub stride: usize,
    /// Places around height and width that hold 0.
    pub border: usize,
}

/// [`Images`] to write to.
#[derive(Debug)]
pub struct ImagesMut<'a> {
    /// The first image's first lanes, and what follows.
    pub lanes: &'a mut [Lanes],
    /// Lanes from one image to the next.
    pub stride: usize,
    /// Places around height and width that are left alone.
    pub border: usize,
}

impl Winograd {
    /// Whether there is such a convolution for a kernel of so many rows and columns, with that stride and padding.
    pub const fn applies(kernel: (usize, usize), stride: usize, padding: usize) -> bool {
        kernel.0 == kernel.1 && (kernel.0 == 3 || kernel.0 == 5) && stride == 1 && padding < kernel.0
    }

    /// Rows and columns of the inputs, without padding.
    pub const fn input(&self) -> (usize, usize) {
        let more = self.kernel - 1;
        (self.height + more - 2 * self.padding, self.width + more - 2 * self.padding)
    }

    /// Side of a tile of outputs.
    const fn side(&self) -> usize {
        let large = self.kernel == 3 && self.height.is_multiple_of(8) && self.width.is_multiple_of(8);
        if large { 8 } else { 4 }
    }

    /// Side of the window of inputs behind a tile.
    const fn window(&self) -> usize {
        self.side() + self.kernel - 1
    }

    /// Products that a tile takes in place of one for each output and tap.
    const fn points(&self) -> usize {
        self.window() * self.window()
    }

    /// Lanes of a set of weights.
    const fn weights_len(&self) -> usize {
        self.kernel * self.kernel * self.terms()
    }

    /// Lanes of a set of weights at one point, or at one tap.
    const fn terms(&self) -> usize {
        self.outputs * self.inputs * LANES
    }

    /// Lanes of one set of transformed weights, or of one gradient not yet finished.
    pub const fn transformed_len(&self) -> usize {
        self.points() * self.terms()
    }

    /// Lanes that a pass needs for itself, whatever they hold before.
    pub const fn room_len(&self) -> usize {
        let group = gradient_tiles(self.window());
        self.points() * (spacing(group * self.inputs) + spacing(group * self.outputs))
    }

    /// Transforms `weights` [PO][PI][K][K][16] for [`Self::forward`], to [points][PO][PI][16].
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn transform(&self, weights: &[Lanes], out: &mut [Lanes]) {
        assert_eq!(
            (weights.len(), out.len()),
            (self.weights_len(), self.transformed_len()),
            "one set of weights"
        );
        let spacing = self.terms();
        for (block, taps) in weights.chunks_exact(self.kernel * self.kernel * LANES).enumerate() {
            let out = &mut out[block * LANES..];
            task_by_size!(self, TransformWeights { taps, spacing, out });
        }
    }

    /// Transforms `weights` [PO][PI][K][K][16] for [`Self::send_back`], to [points][PI][PO][16]: with inputs
    /// and outputs exchanged.
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn transform_back(&self, weights: &[Lanes], out: &mut [Lanes]) {
        assert_eq!(
            (weights.len(), out.len()),
            (self.weights_len(), self.transformed_len()),
            "one set of weights"
        );
        let (spacing, taps) = (self.terms(), self.kernel * self.kernel);
        let mut exchanged = [Lanes::ZERO; 25 * LANES];
        let exchanged = &mut exchanged[..taps * LANES];
        for (block, weights) in weights.chunks_exact(taps * LANES).enumerate() {
            let (to, from) = (block / self.inputs, block % self.inputs);
            let squares = exchanged.as_chunks_mut::<LANES>().0.iter_mut();
            squares.zip(weights.as_chunks::<LANES>().0).for_each(|(to, tap)| transpose_square(tap, to));
            let out = &mut out[(from * self.outputs + to) * LANES..];
            task_by_size!(self, TransformWeights { taps: exchanged, spacing, out });
        }
    }

    /// Writes the convolution of `count` images of PI panels with `transformed` weights to `out`, PO panels.
    ///
    /// # Panics
    /// If something is too short.
    pub fn forward(
        &self,
        count: usize,
        images: Images<'_>,
        transformed: &[Lanes],
        room: &mut [Lanes],
        out: ImagesMut<'_>,
    ) {
        by_size!(self.forward_by(count, images, transformed, room, out))
    }

    fn forward_by<const S: usize, const W: usize>(
        &self,
        count: usize,
        images: Images<'_>,
        transformed: &[Lanes],
        room: &mut [Lanes],
        mut out: ImagesMut<'_>,
    ) {
        assert_eq!(transformed.len(), self.transformed_len(), "one set of weights");
        let terms = self.inputs * LANES;
        let (left, right) =
            (spacing(tiles_at_once(W) * self.inputs), spacing(tiles_at_once(W) * self.outputs));
        let (inputs, products) = room[..self.room_len()].split_at_mut(W * W * left);
        for tiles in groups(count * self.tiles(), tiles_at_once(W)) {
            let layout = Layout { point: left, tile: self.inputs, panel: 1 };
            let group = Group { of: *self, first: tiles.start, size: tiles.len() };
            vectorized_task(TransformInputs::<W> { group, images, layout, out: inputs });
            let points = inputs.chunks_exact(left).zip(transformed.chunks_exact(self.outputs * terms));
            for ((inputs, weights), products) in points.zip(products.chunks_exact_mut(right)) {
                multiply_tiles((group.size, tiles_at_once(W)), inputs, terms, weights, products);
            }
            let layout = Layout { point: right, tile: 1, panel: tiles_at_once(W) };
            vectorized_task(TransformOutputs::<S, W> { group, products, layout, out: &mut out });
        }
    }

    /// Adds what the errors of `count` images of PO panels come to below, PI panels, to what is there, with the
    /// weights that [`Self::transform_back`] gives. What it leaves in the border means nothing.
    ///
    /// # Panics
    /// If something is too short.
    pub fn send_back(
        &self,
        count: usize,
        errors: Images<'_>,
        transformed: &[Lanes],
        room: &mut [Lanes],
        below: ImagesMut<'_>,
    ) {
        by_size!(self.send_back_by(count, errors, transformed, room, below))
    }

    fn send_back_by<const S: usize, const W: usize>(
        &self,
        count: usize,
        errors: Images<'_>,
        transformed: &[Lanes],
        room: &mut [Lanes],
        mut below: ImagesMut<'_>,
    ) {
        assert_eq!(transformed.len(), self.transformed_len(), "one set of weights");
        let terms = self.outputs * LANES;
        let (left, right) =
            (spacing(tiles_at_once(W) * self.outputs), spacing(tiles_at_once(W) * self.inputs));
        let (sent, products) = room[..self.room_len()].split_at_mut(W * W * left);
        for tiles in groups(count * self.tiles(), tiles_at_once(W)) {
            let layout = Layout { point: left, tile: self.outputs, panel: 1 };
            let group = Group { of: *self, first: tiles.start, size: tiles.len() };
            vectorized_task(TransformErrors::<S, W> { group, errors, layout, out: sent });
            let points = sent.chunks_exact(left).zip(transformed.chunks_exact(self.inputs * terms));
            for ((sent, weights), products) in points.zip(products.chunks_exact_mut(right)) {
                multiply_tiles((group.size, tiles_at_once(W)), sent, terms, weights, products);
            }
            let layout = Layout { point: right, tile: 1, panel: tiles_at_once(W) };
            vectorized_task(AddBelow::<W> { group, products, layout, below: &mut below });
        }
    }

    /// Writes the weights' gradient over `count` images of PI panels and errors of PO panels to `accumulated`
    /// [points][PO][PI][16].
    ///
    /// # Panics
    /// If something is too short.
    pub fn weight_gradient(
        &self,
        count: usize,
        images: Images<'_>,
        errors: Images<'_>,
        room: &mut [Lanes],
        accumulated: &mut [Lanes],
    ) {
        by_size!(self.weight_gradient_by(count, images, errors, room, accumulated))
    }

    fn weight_gradient_by<const S: usize, const W: usize>(
        &self,
        count: usize,
        images: Images<'_>,
        errors: Images<'_>,
        room: &mut [Lanes],
        accumulated: &mut [Lanes],
    ) {
        assert_eq!(accumulated.len(), self.transformed_len(), "one gradient");
        if count == 0 {
            return accumulated.fill(Lanes::ZERO);
        }
        let (left, right) =
            (spacing(gradient_tiles(W) * self.inputs), spacing(gradient_tiles(W) * self.outputs));
        let (inputs, sent) = room[..self.room_len()].split_at_mut(W * W * left);
        for tiles in groups(count * self.tiles(), gradient_tiles(W)) {
            let walk = [(1, 0, 0), (1, 0, 0), (tiles.len(), LANES, 1)];
            let group = Group { of: *self, first: tiles.start, size: tiles.len() };
            let layout = |point| Layout { point, tile: 1, panel: gradient_tiles(W) };
            vectorized_task(TransformInputs::<W> { group, images, layout: layout(left), out: inputs });
            vectorized_task(TransformErrors::<S, W> { group, errors, layout: layout(right), out: sent });
            let points = inputs.chunks_exact(left).zip(sent.chunks_exact(right));
            let sums = accumulated.chunks_exact_mut(self.terms());
            for ((inputs, sent), sums) in points.zip(sums) {
                let blocks = sums.chunks_exact_mut(LANES).enumerate();
                for (block, sums) in blocks {
                    let (to, from) = (block / self.inputs, block % self.inputs);
                    let (left, right) =
                        (floats(&inputs[from * gradient_tiles(W)..]), &sent[to * gradient_tiles(W)..]);
                    multiply_outer(left, right, &walk, LANES, sums, tiles.start > 0);
                }
            }
        }
    }

    /// Writes the gradient [PO][PI][K][K][16] that `accumulated` holds to `out`.
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn finish_gradient(&self, accumulated: &[Lanes], out: &mut [Lanes]) {
        assert_eq!(
            (accumulated.len(), out.len()),
            (self.transformed_len(), self.weights_len()),
            "one gradient"
        );
        let spacing = self.terms();
        for (block, out) in out.chunks_exact_mut(self.kernel * self.kernel * LANES).enumerate() {
            let points = &accumulated[block * LANES..];
            task_by_size!(self, FinishGradient { points, spacing, out });
        }
    }

    /// Tiles of an image.
    const fn tiles(&self) -> usize {
        self.height.div_ceil(self.side()) * self.width.div_ceil(self.side())
    }
}

/// Multiplies what `size` tiles of a group have at a point, `terms` each, with that point's panels of weights.
fn multiply_tiles(
    (size, group): (usize, usize),
    tiles: &[Lanes],
    terms: usize,
    weights: &[Lanes],
    products: &mut [Lanes],
) {
    let rows = Rows { lanes: tiles, count: size, start: |tile| tile * terms, runs: Runs::one(terms) };
    multiply(&rows, weights, terms, products, |panel, tile| panel * group + tile, false);
}

/// Lanes from one point to the next: odd, so that neighbouring points do not fall on the same lines of the
/// cache.
const fn spacing(lanes: usize) -> usize {
    lanes | 1
}

/// Cuts `count` tiles into groups of at most `most`, as even as can be.
fn groups(count: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let groups = count.div_ceil(most);
    (0..groups).map(move |group| count * group / groups..count * (group + 1) / groups)
}

#[cfg(test)]
mod tests;
