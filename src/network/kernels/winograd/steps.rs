//! The steps before and after the products of Winograd's convolution: from images to points, and
//! from points back to images.
//!
//! K is the side of the kernel, and S that of a tile of outputs. W = S + K - 1 is the side of the
//! window of inputs that a tile needs.

#![expect(
    clippy::needless_range_loop,
    reason = "a register's index is that of the formulas, and these loops vanish"
)]

use std::ops::Range;

use super::transform::{
    Block, Gradient, Input, InputError, Output, OutputError, Steps, Weight, both_ways, both_ways_row_by_row,
};
use super::{Images, ImagesMut, Winograd};
use crate::network::kernels::register::Register;
use crate::network::kernels::vector::Task;
use crate::network::kernels::{LANES, Lanes};

/// A block of zeros.
const fn nothing<const W: usize>() -> Block<W> {
    [[Lanes::ZERO; W]; W]
}

/// Tiles that go through the steps together. Tiles are numbered over all images of a call.
#[derive(Clone, Copy)]
pub struct Group {
    /// The convolution.
    pub of: Winograd,
    /// The index of the first tile.
    pub first: usize,
    /// The number of tiles.
    pub size: usize,
}

/// Distances in lanes from one point, tile or panel to the next.
#[derive(Clone, Copy)]
pub struct Layout {
    /// The distance from one point to the next.
    pub point: usize,
    /// The distance from one tile of the group to the next.
    pub tile: usize,
    /// The distance from one panel (16 channels) to the next.
    pub panel: usize,
}

impl Group {
    /// The image of a tile of the group, and the row and column of its first output.
    #[inline(always)]
    const fn corner(&self, tile: usize) -> (usize, usize, usize) {
        let (image, tile) = ((self.first + tile) / self.of.tiles(), (self.first + tile) % self.of.tiles());
        let (side, across) = (self.of.side(), self.of.width.div_ceil(self.of.side()));
        (image, tile / across * side, tile % across * side)
    }

    /// The rows and columns of outputs of the tile at (top, left). At the end of an image a tile
    /// has fewer of them.
    #[inline(always)]
    fn extent(&self, (top, left): (usize, usize)) -> (usize, usize) {
        let side = self.of.side();
        (side.min(self.of.height - top), side.min(self.of.width - left))
    }
}

impl Layout {
    /// The index of the first point of a tile in a panel.
    #[inline(always)]
    const fn start(&self, tile: usize, panel: usize) -> usize {
        tile * self.tile + panel * self.panel
    }

    /// The distances between rows and between columns of points, in lanes.
    #[inline(always)]
    const fn steps<const W: usize>(&self) -> Steps {
        (W * self.point, self.point)
    }
}

/// Transforms the inputs of a group to points.
pub struct TransformInputs<'a, const W: usize> {
    pub group: Group,
    pub images: Images<'a>,
    pub layout: Layout,
    pub out: &'a mut [Lanes],
}

impl<const W: usize> Task for TransformInputs<'_, W> {
    #[inline(always)]
    unsafe fn run<R: Register>(self) {
        let Self { group, images: Images { lanes, stride, border }, layout, out } = self;
        let (height, width) = group.of.input();
        let (rows, columns) = (height + 2 * border, width + 2 * border);
        let (mut half, mut window) = (nothing::<W>(), nothing::<W>());
        for tile in 0..group.size {
            let (image, top, left) = group.corner(tile);
            // A window exceeds the image by the padding and at the end of the image. Pixels outside
            // the memory count as 0. Rows and columns count from `padding` before the first in
            // memory.
            let (top, left) = (top + border, left + border);
            let padding = group.of.padding;
            let inside = top >= padding
                && left >= padding
                && top + W <= rows + padding
                && left + W <= columns + padding;
            for panel in 0..group.of.inputs {
                let plane = &lanes[image * stride + panel * rows * columns..][..rows * columns];
                let from = if inside {
                    (&plane[(top - padding) * columns + left - padding..], (columns, 1))
                } else {
                    copy_window(plane, (rows, columns), (top, left), padding, &mut window);
                    (window.as_flattened(), (W, 1))
                };
                let out = &mut out[layout.start(tile, panel)..];
                // SAFETY: the caller's promise.
                unsafe { both_ways::<R, Input, W, W, W>(from, (out, layout.steps::<W>()), &mut half) };
            }
        }
    }
}

/// Copies a window, which begins `before` rows above and `before` columns left of (top, left).
/// Pixels outside the plane become 0.
#[inline(always)]
fn copy_window<const W: usize>(
    plane: &[Lanes],
    (rows, columns): (usize, usize),
    (top, left): (usize, usize),
    before: usize,
    window: &mut Block<W>,
) {
    for (y, window) in window.iter_mut().enumerate() {
        for (x, lanes) in window.iter_mut().enumerate() {
            // `before` is subtracted last, so that no index falls below 0.
            let (y, x) = (top + y, left + x);
            let inside = (before..rows + before).contains(&y) && (before..columns + before).contains(&x);
            *lanes = if inside { plane[(y - before) * columns + x - before] } else { Lanes::ZERO };
        }
    }
}

/// Transforms the errors of a group to points.
pub struct TransformErrors<'a, const S: usize, const W: usize> {
    pub group: Group,
    pub errors: Images<'a>,
    pub layout: Layout,
    pub out: &'a mut [Lanes],
}

impl<const S: usize, const W: usize> Task for TransformErrors<'_, S, W> {
    #[inline(always)]
    unsafe fn run<R: Register>(self) {
        let Self { group, errors: Images { lanes, stride, border }, layout, out } = self;
        let (rows, columns) = (group.of.height + 2 * border, group.of.width + 2 * border);
        let mut half = nothing::<W>();
        for tile in 0..group.size {
            let (image, top, left) = group.corner(tile);
            let extent = group.extent((top, left));
            for panel in 0..group.of.outputs {
                let first = (panel * rows + top + border) * columns + left + border;
                let tile_of = &lanes[image * stride + first..];
                let mut whole = nothing::<S>();
                let from = if extent == (S, S) {
                    (tile_of, (columns, 1))
                } else {
                    for y in 0..extent.0 {
                        whole[y][..extent.1].copy_from_slice(&tile_of[y * columns..][..extent.1]);
                    }
                    (whole.as_flattened(), (S, 1))
                };
                let out = &mut out[layout.start(tile, panel)..];
                // SAFETY: the caller's promise.
                unsafe { both_ways::<R, OutputError, S, W, W>(from, (out, layout.steps::<W>()), &mut half) };
            }
        }
    }
}

/// Transforms the products of a group of tiles back to outputs.
pub struct TransformOutputs<'a, 'b, const S: usize, const W: usize> {
    pub group: Group,
    pub products: &'a [Lanes],
    pub layout: Layout,
    pub out: &'a mut ImagesMut<'b>,
}

impl<const S: usize, const W: usize> Task for TransformOutputs<'_, '_, S, W> {
    #[inline(always)]
    unsafe fn run<R: Register>(self) {
        let Self { group, products, layout, out: ImagesMut { lanes, stride, border } } = self;
        let (rows, columns) = (group.of.height + 2 * *border, group.of.width + 2 * *border);
        let (mut half, mut whole) = (nothing::<W>(), nothing::<S>());
        for panel in 0..group.of.outputs {
            for tile in 0..group.size {
                let (image, top, left) = group.corner(tile);
                let first = (panel * rows + top + *border) * columns + left + *border;
                let from = (&products[layout.start(tile, panel)..], layout.steps::<W>());
                let to = &mut lanes[image * *stride + first..];
                let extent = group.extent((top, left));
                if extent == (S, S) {
                    // SAFETY: the caller's promise.
                    unsafe { both_ways::<R, Output, W, S, W>(from, (to, (columns, 1)), &mut half) };
                    continue;
                }
                // SAFETY: the caller's promise.
                unsafe {
                    both_ways::<R, Output, W, S, W>(from, (whole.as_flattened_mut(), (S, 1)), &mut half)
                };
                for y in 0..extent.0 {
                    to[y * columns..][..extent.1].copy_from_slice(&whole[y][..extent.1]);
                }
            }
        }
    }
}

/// Transforms the products of a group of tiles back to errors at the inputs.
///
/// Windows overlap, so a window adds to the values of the windows before it. With `add` it also
/// adds to the values from before the call.
pub struct TransformInputErrors<'a, 'b, const W: usize> {
    pub group: Group,
    pub products: &'a [Lanes],
    pub layout: Layout,
    pub below: &'a mut ImagesMut<'b>,
    pub add: bool,
}

impl<const W: usize> Task for TransformInputErrors<'_, '_, W> {
    #[inline(always)]
    unsafe fn run<R: Register>(self) {
        let Self { group, products, layout, below: ImagesMut { lanes, stride, border }, add } = self;
        let (height, width) = group.of.input();
        let (rows, columns) = (height + 2 * *border, width + 2 * *border);
        let mut half = nothing::<W>();
        // Along one axis: the first element of the window in memory, its index there, and the end.
        let inside = |start: usize, length: usize| {
            let before = group.of.padding.saturating_sub(start + *border);
            let first = start + *border + before - group.of.padding;
            (before, first, W.min(before + length - first))
        };
        for panel in 0..group.of.inputs {
            for tile in 0..group.size {
                let (image, top, left) = group.corner(tile);
                let from = (&products[layout.start(tile, panel)..], layout.steps::<W>());
                let (rows_inside, columns_inside) = (inside(top, rows), inside(left, columns));
                let plane = &mut lanes[image * *stride + panel * rows * columns..][..rows * columns];
                // The rows and columns that earlier windows, above and to the left, have written.
                let overlap = |start: usize| if start > 0 { group.of.kernel - 1 } else { 0 };
                let (met_rows, met_columns) = if add { (W, W) } else { (overlap(top), overlap(left)) };
                // SAFETY: the caller's promise; lanes are read and written through a reference.
                unsafe {
                    both_ways_row_by_row::<R, InputError, W, W, W>(
                        from,
                        &mut half,
                        rows_inside.0..rows_inside.2,
                        #[inline(always)]
                        |y, line| {
                            let (first, row, _) = rows_inside;
                            let row = row + y - first;
                            let (first, column, end) = columns_inside;
                            let start = row * columns + column;
                            let plane = &mut plane[start..start + end - first];
                            for x in 0..W {
                                if x >= first && x < end {
                                    let to = &mut plane[x - first];
                                    let met = y < met_rows || x < met_columns;
                                    let before = if met { R::load(to) } else { R::zero() };
                                    before.sum(line[x]).store(to);
                                }
                            }
                        },
                    );
                }
            }
        }
    }
}

/// Transforms the weights [K][K][16] of a pair of panels (16 inputs, 16 outputs) to points.
///
/// Writes the points of the given `rows` to `out`, which begins with the first of them. Points are
/// `spacing` lanes apart.
pub struct TransformWeights<'a, const K: usize, const W: usize> {
    pub elements: &'a [Lanes],
    pub rows: Range<usize>,
    pub spacing: usize,
    pub out: &'a mut [Lanes],
}

impl<const K: usize, const W: usize> Task for TransformWeights<'_, K, W> {
    #[inline(always)]
    unsafe fn run<R: Register>(self) {
        let Self { elements, rows, spacing, out } = self;
        let mut half = nothing::<W>();
        for lane in 0..LANES {
            // SAFETY: the caller's promise; lanes are written through references.
            unsafe {
                both_ways_row_by_row::<R, Weight, K, W, W>(
                    (&elements[lane..], (K * LANES, LANES)),
                    &mut half,
                    rows.clone(),
                    #[inline(always)]
                    |y, line| {
                        for x in 0..W {
                            let point = (y - rows.start) * W + x;
                            line[x].store(&mut out[point * spacing + lane]);
                        }
                    },
                );
            }
        }
    }
}

/// Transforms the gradient of a pair of panels from points, which are `spacing` lanes apart, back
/// to weights [K][K][16].
pub struct FinishGradient<'a, const K: usize, const W: usize> {
    pub points: &'a [Lanes],
    pub spacing: usize,
    pub out: &'a mut [Lanes],
}

impl<const K: usize, const W: usize> Task for FinishGradient<'_, K, W> {
    #[inline(always)]
    unsafe fn run<R: Register>(self) {
        let mut half = nothing::<W>();
        for lane in 0..LANES {
            let from = (&self.points[lane..], (W * self.spacing, self.spacing));
            let to = (&mut self.out[lane..], (K * LANES, LANES));
            // SAFETY: the caller's promise.
            unsafe { both_ways::<R, Gradient, W, K, W>(from, to, &mut half) };
        }
    }
}
