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

mod transform;

use std::ops::Range;

use super::product::{Rows, multiply, multiply_outer};
use super::{LANES, Lanes, Runs, vectorized};
use transform::{KERNEL, SIDE, WINDOW, both_ways, error, gradient, input, output, weight};

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
        vectorized(|| {
            for (block, taps) in weights.chunks_exact(TAPS * LANES).enumerate() {
                for lane in 0..LANES {
                    both_ways(
                        weight,
                        |y, x| &taps[(y * KERNEL + x) * LANES + lane],
                        |y, x, lanes| out[(y * WINDOW + x) * terms + block * LANES + lane] = lanes,
                    );
                }
            }
        });
    }

    /// Transforms `weights` [PO][PI][3][3][16] for [`Self::send_back`], to [36][PI][PO][16]: turned by half a
    /// turn, with inputs and outputs exchanged.
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn transform_back(&self, weights: &[Lanes], out: &mut [Lanes]) {
        let terms = self.outputs * self.inputs * LANES;
        assert_eq!((weights.len(), out.len()), (TAPS * terms, POINTS * terms), "one set of weights");
        vectorized(|| {
            let mut turned = [[Lanes::ZERO; LANES]; TAPS];
            for (block, taps) in weights.as_chunks::<{ TAPS * LANES }>().0.iter().enumerate() {
                let (to, from) = (block / self.inputs, block % self.inputs);
                for (turned, tap) in turned.iter_mut().rev().zip(taps.as_chunks::<LANES>().0) {
                    for (o, turned) in turned.iter_mut().enumerate() {
                        *turned = Lanes(std::array::from_fn(|i| tap[i].0[o]));
                    }
                }
                let first = (from * self.outputs + to) * LANES;
                for lane in 0..LANES {
                    both_ways(
                        weight,
                        |y, x| &turned[y * KERNEL + x][lane],
                        |y, x, lanes| out[(y * WINDOW + x) * terms + first + lane] = lanes,
                    );
                }
            }
        });
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
            let size = tiles.len();
            let place = |tile, panel| tile * self.inputs + panel;
            vectorized(|| self.transform_inputs(tiles.clone(), images, inputs, left, place));
            let points = inputs.chunks_exact(left).zip(transformed.chunks_exact(self.outputs * terms));
            for ((inputs, weights), products) in points.zip(products.chunks_exact_mut(right)) {
                let start = |tile| tile * terms;
                let rows = Rows { lanes: inputs, count: size, start, runs: Runs::one(terms) };
                multiply(&rows, weights, terms, products, |panel, tile| panel * GROUP + tile, false);
            }
            vectorized(|| self.transform_outputs(tiles, products, right, &mut out));
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
            let place = |tile, panel| panel * GRADIENT_GROUP + tile;
            vectorized(|| self.transform_inputs(tiles.clone(), images, inputs, left, place));
            vectorized(|| self.transform_errors(tiles, errors, sent, right));
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
        vectorized(|| {
            for (block, taps) in out.chunks_exact_mut(TAPS * LANES).enumerate() {
                for lane in 0..LANES {
                    both_ways(
                        gradient,
                        |y, x| &accumulated[(y * WINDOW + x) * terms + block * LANES + lane],
                        |y, x, lanes| taps[(y * KERNEL + x) * LANES + lane] = lanes,
                    );
                }
            }
        });
    }

    /// Tiles of an image.
    const fn tiles(&self) -> usize {
        self.height / SIDE * (self.width / SIDE)
    }

    /// The image that a tile belongs to, and the row and the column of its first output.
    #[inline(always)]
    const fn corner(&self, tile: usize) -> (usize, usize, usize) {
        let (image, tile) = (tile / self.tiles(), tile % self.tiles());
        let across = self.width / SIDE;
        (image, tile / across * SIDE, tile % across * SIDE)
    }

    /// Transforms the inputs of `tiles`; those of each point are `spacing` lanes apart.
    #[inline(always)]
    fn transform_inputs(
        &self,
        tiles: Range<usize>,
        images: Images<'_>,
        out: &mut [Lanes],
        spacing: usize,
        place: impl Fn(usize, usize) -> usize,
    ) {
        let Images { lanes, stride, border } = images;
        let (rows, columns) = (self.height + 2 * border, self.width + 2 * border);
        for (slot, tile) in tiles.enumerate() {
            let (image, top, left) = self.corner(tile);
            // Where a tile sticks out by the padding, and there is no border to read, it reads zeros.
            let inside = |at: usize, size: usize| (at + border).checked_sub(1).filter(|&at| at < size);
            let ys: [_; WINDOW] = std::array::from_fn(|y| inside(top + y, rows));
            let xs: [_; WINDOW] = std::array::from_fn(|x| inside(left + x, columns));
            for panel in 0..self.inputs {
                let plane = &lanes[image * stride + panel * rows * columns..][..rows * columns];
                let from = |y: usize, x: usize| match (ys[y], xs[x]) {
                    (Some(y), Some(x)) => &plane[y * columns + x],
                    _ => &Lanes::ZERO,
                };
                let out = &mut out[place(slot, panel)..];
                both_ways(input, from, |y, x, lanes| out[(y * WINDOW + x) * spacing] = lanes);
            }
        }
    }

    /// Transforms the errors of `tiles`.
    #[inline(always)]
    fn transform_errors(&self, tiles: Range<usize>, errors: Images<'_>, out: &mut [Lanes], spacing: usize) {
        let Images { lanes, stride, border } = errors;
        let (rows, columns) = (self.height + 2 * border, self.width + 2 * border);
        for (slot, tile) in tiles.enumerate() {
            let (image, top, left) = self.corner(tile);
            for panel in 0..self.outputs {
                let first = (panel * rows + top + border) * columns + left + border;
                let plane = &lanes[image * stride + first..];
                let from = |y: usize, x: usize| &plane[y * columns + x];
                let out = &mut out[panel * GRADIENT_GROUP + slot..];
                both_ways(error, from, |y, x, lanes| out[(y * WINDOW + x) * spacing] = lanes);
            }
        }
    }

    /// Transforms the products of `tiles` back, to where they belong in `out`.
    #[inline(always)]
    fn transform_outputs(
        &self,
        tiles: Range<usize>,
        products: &[Lanes],
        spacing: usize,
        out: &mut ImagesMut<'_>,
    ) {
        let (rows, columns) = (self.height + 2 * out.border, self.width + 2 * out.border);
        for panel in 0..self.outputs {
            for (slot, tile) in tiles.clone().enumerate() {
                let (image, top, left) = self.corner(tile);
                let first = (panel * rows + top + out.border) * columns + left + out.border;
                let plane = &mut out.lanes[image * out.stride + first..];
                let products = &products[panel * GROUP + slot..];
                let from = |y: usize, x: usize| &products[(y * WINDOW + x) * spacing];
                both_ways(output, from, |y, x, lanes| plane[y * columns + x] = lanes);
            }
        }
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
