//! Convolution 3x3 with stride 1 and padding 1 in a quarter of the multiplications.
//!
//! Outputs are computed in tiles of 4x4, each from 6x6 inputs, by Winograd's minimal filtering F(4x4, 3x3):
//! inputs and weights are transformed to 36 *points*, at each point a matrix product runs over the input
//! channels, and its results are transformed back. Tiles go through these three steps in groups, so that what
//! is between the steps stays in the cache. The weights' gradient is a sum over tiles at each point, and goes
//! back to 3x3 once, after the last tile.
//!
//! - Lavin, Gray 2016: Fast algorithms for convolutional neural networks. CVPR.
//! - Winograd 1980: Arithmetic complexity of computations. SIAM.

mod steps;
mod transform;

use std::ops::Range;

use super::product::{Rows, multiply, multiply_outer};
use super::vector::vectorized_task;
use super::{LANES, Lanes, Runs};
use steps::{
    FinishGradient, Group, Layout, TransformErrors, TransformInputs, TransformOutputs, TransformWeights,
};
use transform::{KERNEL, SIDE, WINDOW};

/// Products that a tile takes in place of 16 times 9.
const POINTS: usize = WINDOW * WINDOW;
/// Taps of the kernel.
const TAPS: usize = KERNEL * KERNEL;
/// Tiles that go through the steps together.
const GROUP: usize = 32;
/// The same for the weights' gradient, whose sums run along the tiles.
const GRADIENT_GROUP: usize = 64;

/// A convolution 3x3 with stride 1 and padding 1 on images of one size.
///
/// Results do not depend on how many images a call gets: every sum runs in one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Winograd {
    /// Rows of inputs and outputs, a multiple of 4.
    pub height: usize,
    /// Columns of inputs and outputs, a multiple of 4.
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
    /// Whether a convolution can be computed so.
    pub const fn applies(
        kernel: (usize, usize),
        stride: usize,
        padding: usize,
        height: usize,
        width: usize,
    ) -> bool {
        let fits = kernel.0 == KERNEL && kernel.1 == KERNEL && stride == 1 && padding == 1;
        fits && height > 0 && width > 0 && height.is_multiple_of(SIDE) && width.is_multiple_of(SIDE)
    }

    /// Lanes of one set of transformed weights, or of one gradient not yet finished.
    pub const fn transformed_len(&self) -> usize {
        POINTS * self.outputs * self.inputs * LANES
    }

    /// Lanes that a pass needs for itself, whatever they hold before.
    pub const fn room_len(&self) -> usize {
        POINTS * (spacing(GRADIENT_GROUP * self.inputs) + spacing(GRADIENT_GROUP * self.outputs))
    }

    /// Transforms `weights` [PO][PI][3][3][16] for [`Self::forward`], to [36][PO][PI][16].
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn transform(&self, weights: &[Lanes], out: &mut [Lanes]) {
        let terms = self.outputs * self.inputs * LANES;
        assert_eq!((weights.len(), out.len()), (TAPS * terms, POINTS * terms), "one set of weights");
        for (block, taps) in weights.as_chunks().0.iter().enumerate() {
            vectorized_task(TransformWeights { taps, spacing: terms, out: &mut out[block * LANES..] });
        }
    }

    /// Transforms `weights` [PO][PI][3][3][16] for [`Self::send_back`], to [36][PI][PO][16]: turned by half a
    /// turn, with inputs and outputs exchanged.
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn transform_back(&self, weights: &[Lanes], out: &mut [Lanes]) {
        let terms = self.outputs * self.inputs * LANES;
        assert_eq!((weights.len(), out.len()), (TAPS * terms, POINTS * terms), "one set of weights");
        let mut turned = [Lanes::ZERO; TAPS * LANES];
        for (block, taps) in weights.chunks_exact(TAPS * LANES).enumerate() {
            let (to, from) = (block / self.inputs, block % self.inputs);
            let turned_taps = turned.as_chunks_mut::<LANES>().0.iter_mut().rev();
            for (turned, tap) in turned_taps.zip(taps.as_chunks::<LANES>().0) {
                for (o, turned) in turned.iter_mut().enumerate() {
                    *turned = Lanes(std::array::from_fn(|i| tap[i].0[o]));
                }
            }
            let first = (from * self.outputs + to) * LANES;
            vectorized_task(TransformWeights { taps: &turned, spacing: terms, out: &mut out[first..] });
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
        mut out: ImagesMut<'_>,
    ) {
        assert_eq!(transformed.len(), self.transformed_len(), "one set of weights");
        let terms = self.inputs * LANES;
        let (left, right) = (spacing(GROUP * self.inputs), spacing(GROUP * self.outputs));
        let (inputs, products) = room[..self.room_len()].split_at_mut(POINTS * left);
        for tiles in groups(count * self.tiles(), GROUP) {
            let layout = Layout { point: left, tile: self.inputs, panel: 1 };
            let group = Group { of: *self, first: tiles.start, size: tiles.len() };
            vectorized_task(TransformInputs { group, images, layout, out: inputs });
            let points = inputs.chunks_exact(left).zip(transformed.chunks_exact(self.outputs * terms));
            for ((inputs, weights), products) in points.zip(products.chunks_exact_mut(right)) {
                let start = |tile| tile * terms;
                let rows = Rows { lanes: inputs, count: group.size, start, runs: Runs::one(terms) };
                multiply(&rows, weights, terms, products, |panel, tile| panel * GROUP + tile, false);
            }
            let layout = Layout { point: right, tile: 1, panel: GROUP };
            vectorized_task(TransformOutputs { group, products, layout, out: &mut out });
        }
    }

    /// Writes what the errors of `count` images of PO panels come to below, PI panels: the convolution with
    /// the weights that [`Self::transform_back`] gives.
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
        let reversed = Self { inputs: self.outputs, outputs: self.inputs, ..*self };
        reversed.forward(count, errors, transformed, room, below);
    }

    /// Adds the weights' gradient over `count` images of PI panels and errors of PO panels to `accumulated`
    /// [36][PO][PI][16].
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
        assert_eq!(accumulated.len(), self.transformed_len(), "one gradient");
        let (left, right) = (spacing(GRADIENT_GROUP * self.inputs), spacing(GRADIENT_GROUP * self.outputs));
        let (inputs, sent) = room[..self.room_len()].split_at_mut(POINTS * left);
        for tiles in groups(count * self.tiles(), GRADIENT_GROUP) {
            let walk = [(1, 0, 0), (1, 0, 0), (tiles.len(), 1, 1)];
            let group = Group { of: *self, first: tiles.start, size: tiles.len() };
            let layout = |point| Layout { point, tile: 1, panel: GRADIENT_GROUP };
            vectorized_task(TransformInputs { group, images, layout: layout(left), out: inputs });
            vectorized_task(TransformErrors { group, errors, layout: layout(right), out: sent });
            let points = inputs.chunks_exact(left).zip(sent.chunks_exact(right));
            let sums = accumulated.chunks_exact_mut(self.outputs * self.inputs * LANES);
            for ((inputs, sent), sums) in points.zip(sums) {
                let blocks = sums.chunks_exact_mut(LANES).enumerate();
                for (block, sums) in blocks {
                    let (to, from) = (block / self.inputs, block % self.inputs);
                    let (left, right) = (&inputs[from * GRADIENT_GROUP..], &sent[to * GRADIENT_GROUP..]);
                    multiply_outer(left, right, &walk, LANES, sums, true);
                }
            }
        }
    }

    /// Writes the gradient [PO][PI][3][3][16] that `accumulated` holds to `out`.
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn finish_gradient(&self, accumulated: &[Lanes], out: &mut [Lanes]) {
        let terms = self.outputs * self.inputs * LANES;
        assert_eq!((accumulated.len(), out.len()), (POINTS * terms, TAPS * terms), "one gradient");
        for (block, taps) in out.as_chunks_mut().0.iter_mut().enumerate() {
            vectorized_task(FinishGradient {
                points: &accumulated[block * LANES..],
                spacing: terms,
                out: taps,
            });
        }
    }

    /// Tiles of an image.
    const fn tiles(&self) -> usize {
        self.height / SIDE * (self.width / SIDE)
    }
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
