//! The steps around the products: from images to points and back.

use super::transform::{
    Error, Gradient, Half, Input, KERNEL, Output, SIDE, Steps, WINDOW, Weight, both_ways,
};
use super::{Images, ImagesMut, TAPS, Winograd};
use crate::network::kernels::vector::Task;
use crate::network::kernels::{LANES, Lanes};

const NOTHING: Half = [[Lanes::ZERO; WINDOW]; WINDOW];

/// Tiles that go through the steps together, counted through all images of a call.
#[derive(Clone, Copy)]
pub struct Group {
    /// The convolution.
    pub of: Winograd,
    /// The first tile.
    pub first: usize,
    /// Tiles.
    pub size: usize,
}

/// Lanes from one point, tile or panel to the next.
#[derive(Clone, Copy)]
pub struct Layout {
    /// From one of the 36 to the next.
    pub point: usize,
    /// From one tile of the group to the next.
    pub tile: usize,
    /// From one panel to the next.
    pub panel: usize,
}

impl Group {
    /// Of a tile of the group: the image it belongs to, row and column of its first output.
    #[inline(always)]
    const fn corner(&self, tile: usize) -> (usize, usize, usize) {
        let (image, tile) = ((self.first + tile) / self.of.tiles(), (self.first + tile) % self.of.tiles());
        let across = self.of.width / SIDE;
        (image, tile / across * SIDE, tile % across * SIDE)
    }
}

impl Layout {
    /// Where lanes of a tile begin.
    #[inline(always)]
    const fn start(&self, tile: usize, panel: usize) -> usize {
        tile * self.tile + panel * self.panel
    }

    /// How the points lie.
    #[inline(always)]
    const fn steps(&self) -> Steps {
        (WINDOW * self.point, self.point)
    }
}

/// Transforms the group's inputs.
pub struct TransformInputs<'a> {
    pub group: Group,
    pub images: Images<'a>,
    pub layout: Layout,
    pub out: &'a mut [Lanes],
}

impl Task for TransformInputs<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { group, images: Images { lanes, stride, border }, layout, out } = self;
        let (rows, columns) = (group.of.height + 2 * border, group.of.width + 2 * border);
        let (mut half, mut window) = (NOTHING, NOTHING);
        for tile in 0..group.size {
            let (image, top, left) = group.corner(tile);
            // A tile sticks out by the padding of 1; where there is no border to read, it reads zeros.
            let (top, left) = (top + border, left + border);
            let inside = top > 0 && left > 0 && top + WINDOW - 1 <= rows && left + WINDOW - 1 <= columns;
            for panel in 0..group.of.inputs {
                let plane = &lanes[image * stride + panel * rows * columns..][..rows * columns];
                let from = if inside {
                    (&plane[(top - 1) * columns + left - 1..], (columns, 1))
                } else {
                    copy_window(plane, (rows, columns), (top, left), &mut window);
                    (window.as_flattened(), (WINDOW, 1))
                };
                let out = &mut out[layout.start(tile, panel)..];
                both_ways::<Input, WINDOW, WINDOW>(from, (out, layout.steps()), &mut half);
            }
        }
    }
}

/// Copies the window one place above and left of (top, left), zeros where it is outside of the plane.
#[inline(always)]
fn copy_window(
    plane: &[Lanes],
    (rows, columns): (usize, usize),
    (top, left): (usize, usize),
    window: &mut Half,
) {
    for (y, window) in window.iter_mut().enumerate() {
        for (x, lanes) in window.iter_mut().enumerate() {
            // One more than the place, so that it cannot be below 0.
            let (y, x) = (top + y, left + x);
            let inside = (1..=rows).contains(&y) && (1..=columns).contains(&x);
            *lanes = if inside { plane[(y - 1) * columns + x - 1] } else { Lanes::ZERO };
        }
    }
}

/// Transforms the group's errors.
pub struct TransformErrors<'a> {
    pub group: Group,
    pub errors: Images<'a>,
    pub layout: Layout,
    pub out: &'a mut [Lanes],
}

impl Task for TransformErrors<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { group, errors: Images { lanes, stride, border }, layout, out } = self;
        let (rows, columns) = (group.of.height + 2 * border, group.of.width + 2 * border);
        let mut half = NOTHING;
        for tile in 0..group.size {
            let (image, top, left) = group.corner(tile);
            for panel in 0..group.of.outputs {
                let first = (panel * rows + top + border) * columns + left + border;
                let from = (&lanes[image * stride + first..], (columns, 1));
                let out = &mut out[layout.start(tile, panel)..];
                both_ways::<Error, SIDE, WINDOW>(from, (out, layout.steps()), &mut half);
            }
        }
    }
}

/// Transforms the group's products back, to where they belong in `out`.
pub struct TransformOutputs<'a, 'b> {
    pub group: Group,
    pub products: &'a [Lanes],
    pub layout: Layout,
    pub out: &'a mut ImagesMut<'b>,
}

impl Task for TransformOutputs<'_, '_> {
    #[inline(always)]
    fn run(self) {
        let Self { group, products, layout, out: ImagesMut { lanes, stride, border } } = self;
        let (rows, columns) = (group.of.height + 2 * *border, group.of.width + 2 * *border);
        let mut half = NOTHING;
        for panel in 0..group.of.outputs {
            for tile in 0..group.size {
                let (image, top, left) = group.corner(tile);
                let first = (panel * rows + top + *border) * columns + left + *border;
                let from = (&products[layout.start(tile, panel)..], layout.steps());
                let to = (&mut lanes[image * *stride + first..], (columns, 1));
                both_ways::<Output, WINDOW, SIDE>(from, to, &mut half);
            }
        }
    }
}

/// Transforms one pair of panels' weights to points that are `spacing` lanes apart.
pub struct TransformWeights<'a> {
    pub taps: &'a [Lanes; TAPS * LANES],
    pub spacing: usize,
    pub out: &'a mut [Lanes],
}

impl Task for TransformWeights<'_> {
    #[inline(always)]
    fn run(self) {
        let mut half = NOTHING;
        for lane in 0..LANES {
            let from = (&self.taps[lane..], (KERNEL * LANES, LANES));
            let to = (&mut self.out[lane..], (WINDOW * self.spacing, self.spacing));
            both_ways::<Weight, KERNEL, WINDOW>(from, to, &mut half);
        }
    }
}

/// Transforms one pair of panels' gradient back from points that are `spacing` lanes apart.
pub struct FinishGradient<'a> {
    pub points: &'a [Lanes],
    pub spacing: usize,
    pub out: &'a mut [Lanes; TAPS * LANES],
}

impl Task for FinishGradient<'_> {
    #[inline(always)]
    fn run(self) {
        let mut half = NOTHING;
        for lane in 0..LANES {
            let from = (&self.points[lane..], (WINDOW * self.spacing, self.spacing));
            let to = (&mut self.out[lane..], (KERNEL * LANES, LANES));
            both_ways::<Gradient, WINDOW, KERNEL>(from, to, &mut half);
        }
    }
}
