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

use rayon::prelude::*;

use super::product::{Out, Rows, multiply, multiply_outer, transpose_square};
use super::vector::vectorized_task;
use super::{LANES, Lanes, Runs, floats};
use steps::{
    FinishGradient, Group, Layout, PutBelow, TransformErrors, TransformInputs, TransformOutputs,
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

/// What errors come to below, and how they get there.
#[derive(Debug)]
pub struct Back<'a> {
    /// The weights as [`Winograd::transform_back`] gives them.
    pub transformed: &'a [Lanes],
    /// What is written to; what is left in the border means nothing.
    pub below: ImagesMut<'a>,
    /// Add to what is there.
    pub add: bool,
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
        let elements = self.kernel * self.kernel * LANES;
        self.for_each_half(weights, out, |rows, out| {
            for (block, elements) in weights.chunks_exact(elements).enumerate() {
                let (rows, out) = (rows.clone(), &mut out[block * LANES..]);
                task_by_size!(self, TransformWeights { elements, rows, spacing: self.terms(), out });
            }
        });
    }

    /// Transforms `weights` [PO][PI][K][K][16] for [`Self::send_back`], to [points][PI][PO][16]: with inputs
    /// and outputs exchanged.
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn transform_back(&self, weights: &[Lanes], out: &mut [Lanes]) {
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

    /// Calls `transform`, in parallel, with the two halves of the rows of points, and what they go to.
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
        rayon::join(|| transform(0..half, upper), || transform(half..self.window(), lower));
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
        let (terms, most) = (self.inputs * LANES, tiles_at_once(W));
        let (left, right) = (spacing(most * self.inputs), spacing(most * self.outputs));
        let (inputs, products) = room[..self.room_len()].split_at_mut(W * W * left);
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

    /// Writes (or adds) what the errors of `count` images of PO panels come to below, PI panels.
    ///
    /// # Panics
    /// If something is too short.
    pub fn send_back(&self, count: usize, errors: Images<'_>, room: &mut [Lanes], back: Back<'_>) {
        by_size!(self.send_back_by(count, errors, room, back))
    }

    fn send_back_by<const S: usize, const W: usize>(
        &self,
        count: usize,
        errors: Images<'_>,
        room: &mut [Lanes],
        mut back: Back<'_>,
    ) {
        assert_eq!(back.transformed.len(), self.transformed_len(), "one set of weights");
        let most = tiles_at_once(W);
        let (left, right) = (spacing(most * self.outputs), spacing(most * self.inputs));
        let (sent, products) = room[..self.room_len()].split_at_mut(W * W * left);
        for tiles in groups(count * self.tiles(), most) {
            let group = Group { of: *self, first: tiles.start, size: tiles.len() };
            let by_tile = Layout { point: left, tile: self.outputs, panel: 1 };
            let by_panel = Layout { point: right, tile: 1, panel: most };
            vectorized_task(TransformErrors::<S, W> { group, errors, layout: by_tile, out: sent });
            self.send_group_back::<W>((group, by_panel), sent, products, &mut back);
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
        by_size!(self.backward_by(count, images, errors, room, accumulated, None))
    }

    /// [`Self::weight_gradient`] and [`Self::send_back`] in one: the
    /// same results for less, since both need the errors at the points.
    ///
    /// # Panics
    /// If something is too short.
    pub fn backward(
        &self,
        count: usize,
        images: Images<'_>,
        errors: Images<'_>,
        room: &mut [Lanes],
        accumulated: &mut [Lanes],
        back: Back<'_>,
    ) {
        by_size!(self.backward_by(count, images, errors, room, accumulated, Some(back)))
    }

    fn backward_by<const S: usize, const W: usize>(
        &self,
        count: usize,
        images: Images<'_>,
        errors: Images<'_>,
        room: &mut [Lanes],
        accumulated: &mut [Lanes],
        mut back: Option<Back<'_>>,
    ) {
        assert_eq!(accumulated.len(), self.transformed_len(), "one gradient");
        if count == 0 {
            return accumulated.fill(Lanes::ZERO);
        }
        let most = gradient_tiles(W);
        let (left, right) = (spacing(most * self.inputs), spacing(most * self.outputs));
        let (inputs, sent) = room[..self.room_len()].split_at_mut(W * W * left);
        for tiles in groups(count * self.tiles(), most) {
            let group = Group { of: *self, first: tiles.start, size: tiles.len() };
            let by_panel = Layout { point: left, tile: 1, panel: most };
            let by_tile = Layout { point: right, tile: self.outputs, panel: 1 };
            vectorized_task(TransformInputs::<W> { group, images, layout: by_panel, out: inputs });
            vectorized_task(TransformErrors::<S, W> { group, errors, layout: by_tile, out: sent });
            let points = inputs.chunks_exact(left).zip(sent.chunks_exact(right));
            for ((inputs, sent), sums) in points.zip(accumulated.chunks_exact_mut(self.terms())) {
                self.add_products((group, by_panel), inputs, sent, sums);
            }
            if let Some(back) = &mut back {
                self.send_group_back::<W>((group, by_panel), sent, inputs, back);
            }
        }
    }

    /// Adds (for the first group, writes) a group's products of inputs, which lie in `layout`, and errors at a point
    /// to `sums`.
    fn add_products(
        &self,
        (group, layout): (Group, Layout),
        inputs: &[Lanes],
        sent: &[Lanes],
        sums: &mut [Lanes],
    ) {
        let walk = [(1, 0, 0), (1, 0, 0), (group.size, LANES, self.outputs)];
        for (block, sums) in sums.chunks_exact_mut(LANES).enumerate() {
            let (to, from) = (block / self.inputs, block % self.inputs);
            let left = floats(&inputs[from * layout.panel..]);
            multiply_outer(left, &sent[to..], &walk, LANES, sums, group.first > 0);
        }
    }

    /// Multiplies what a group has at the points with the weights, and puts what that comes to below; `products`, laid
    /// out in `layout`, is room.
    fn send_group_back<const W: usize>(
        &self,
        (group, layout): (Group, Layout),
        sent: &[Lanes],
        products: &mut [Lanes],
        back: &mut Back<'_>,
    ) {
        let (terms, most) = (self.outputs * LANES, layout.panel);
        let sent = sent.chunks_exact(spacing(most * self.outputs));
        let points = sent.zip(back.transformed.chunks_exact(self.terms()));
        for ((sent, weights), products) in points.zip(products.chunks_exact_mut(layout.point)) {
            multiply_tiles((group.size, most), sent, terms, weights, products);
        }
        vectorized_task(PutBelow::<W> { group, products, layout, below: &mut back.below, add: back.add });
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
        let blocks = out.par_chunks_mut(self.kernel * self.kernel * LANES);
        blocks.with_min_len(4).enumerate().for_each(|(block, out)| {
            let points = &accumulated[block * LANES..];
            task_by_size!(self, FinishGradient { points, spacing: self.terms(), out });
        });
    }

    /// Tiles of an image.
    const fn tiles(&self) -> usize {
        self.height.div_ceil(self.side()) * self.width.div_ceil(self.side())
    }
}

/// Multiplies what `size` tiles of a group have at a point, `terms` each, with that point's panels of weights.
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
