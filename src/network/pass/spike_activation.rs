//! The spike activation of a layer: from its weighted sums to its outputs, sample by sample, and back.
//!
//! Forward: the potential `z = scale y + shift` (batch norm and bias in one), the maximum of each max pool, the
//! sharpened step, dropout, the mean of each average pool. The step never falls, so that the maximum of the
//! potentials gives the maximum of the activations; the gradient goes to that potential alone.

use super::tensor::Tensor;
use crate::network::kernels::{LANES, Lanes, panels, vectorized};
use crate::network::layer::activation::{activate, slopes};
use crate::network::layer::dropout::Dropout;
use crate::network::{Slope, Volume, Window};

/// The shape of a layer's activation: sums, max pooling, step, average pooling.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SpikeActivation {
    /// The shape of the sums.
    pub sums: Volume,
    /// The window of max pooling, if there is any.
    pub max: Option<Window>,
    /// The shape of the potentials after max pooling.
    pub potentials: Volume,
    /// Side of the squares of average pooling; 1 without it.
    pub average: usize,
}

/// The settings of an activation in one pass over one sample.
#[derive(Clone, Copy)]
pub(crate) struct ActivationSettings<'a> {
    /// In [0, 1].
    pub sharpness: f32,
    /// The derivative of the step that the backward pass uses.
    pub slope: Slope,
    /// (panel): the factor from sums to potentials.
    pub scale: &'a [Lanes],
    /// (panel): the summand from sums to potentials.
    pub shift: &'a [Lanes],
    /// `None` without dropout.
    pub dropout: Option<Dropout>,
}

/// The layout of a sample's outputs, which have a border of zeros.
#[derive(Clone, Copy)]
pub(crate) struct PaddedLayout {
    /// Rows and columns of the border on every side.
    pub border: usize,
    /// Columns of a row, border included.
    pub columns: usize,
    /// Lanes of a panel, border included.
    pub plane: usize,
}

/// The most lanes of a [`Run`]: they stay in registers and in the fastest cache.
const PIECE: usize = 32;

/// Neighbouring potentials of one row.
#[derive(Clone, Copy)]
struct Run {
    /// The index of the first.
    first: usize,
    length: usize,
    panel: usize,
    /// Row of the first.
    y: usize,
    /// Column of the first.
    x: usize,
    /// Whether the outputs lie like the potentials: one position per panel, and no border.
    flat: bool,
}

impl PaddedLayout {
    /// The layout of the samples of `tensor`.
    pub fn of(tensor: &Tensor) -> Self {
        Self { border: tensor.border, columns: tensor.columns(), plane: tensor.plane() }
    }

    /// The index of the first lane of row `y` of a panel, after the border.
    #[inline(always)]
    pub const fn row(&self, panel: usize, y: usize) -> usize {
        panel * self.plane + (y + self.border) * self.columns + self.border
    }
}

impl SpikeActivation {
    /// The shape of the outputs.
    pub fn outputs(&self) -> Volume {
        let Volume { height, width, channels } = self.potentials;
        Volume { height: height / self.average, width: width / self.average, channels }
    }

    /// Writes the outputs of one sample.
    ///
    /// With max pooling, `peaks` gets the maximum of each window and `winners` its index in the window, the
    /// first of equal ones. Without max pooling both are empty.
    pub fn forward(
        &self,
        sums: &[Lanes],
        settings: &ActivationSettings<'_>,
        (peaks, winners): (&mut [Lanes], &mut [Lanes]),
        outputs: &mut [Lanes],
        layout: PaddedLayout,
    ) {
        vectorized(
            #[inline(always)]
            || {
                if let Some(window) = self.max {
                    self.pool(window, sums, settings, peaks, winners);
                }
                if self.average > 1 {
                    self.clear(outputs, layout);
                }
                let peaks = &*peaks;
                self.for_each_run(
                    layout,
                    #[inline(always)]
                    |run| {
                        if self.average == 1 {
                            let start = self.output_place(run, layout);
                            return self.fire(
                                run,
                                sums,
                                peaks,
                                settings,
                                &mut outputs[start..start + run.length],
                            );
                        }
                        let mut piece = [Lanes::ZERO; PIECE];
                        let piece = &mut piece[..run.length];
                        self.fire(run, sums, peaks, settings, piece);
                        self.add_shares(run, piece, outputs, layout);
                    },
                );
            },
        );
    }

    /// Writes the errors at the sums of one sample, from the errors at its outputs.
    pub fn backward(
        &self,
        sums: &[Lanes],
        settings: &ActivationSettings<'_>,
        (peaks, winners): (&[Lanes], &[Lanes]),
        (outputs, layout): (&[Lanes], PaddedLayout),
        errors: &mut [Lanes],
    ) {
        vectorized(
            #[inline(always)]
            || {
                let once = self.max.is_some_and(|window| self.covers_each_sum_once(window));
                if self.max.is_some() && !once {
                    errors.fill(Lanes::ZERO);
                }
                self.for_each_run(
                    layout,
                    #[inline(always)]
                    |run| {
                        let mut piece = [Lanes::ZERO; PIECE];
                        let piece = &mut piece[..run.length];
                        self.potentials_of(run, sums, peaks, settings, piece);
                        slopes(piece, settings.sharpness, settings.slope);
                        if let Some(dropout) = settings.dropout {
                            dropout.apply(run.first, piece);
                        }
                        let Some(window) = self.max else {
                            let errors = &mut errors[run.first..run.first + run.length];
                            return self.times_errors(run, piece, (outputs, layout), errors);
                        };
                        let mut found = [Lanes::ZERO; PIECE];
                        let found = &mut found[..run.length];
                        self.times_errors(run, piece, (outputs, layout), found);
                        match once {
                            true => self.route::<false>(window, run, found, winners, errors),
                            false => self.route::<true>(window, run, found, winners, errors),
                        }
                    },
                );
            },
        );
    }

    /// Calls `task` for all runs of potentials.
    #[inline(always)]
    fn for_each_run(&self, layout: PaddedLayout, mut task: impl FnMut(Run)) {
        let Volume { height, width, channels } = self.potentials;
        let flat = height * width == 1 && layout.plane == 1;
        // With one position per panel, all panels together count as one row.
        let (planes, height, width) =
            if flat { (1, 1, panels(channels)) } else { (panels(channels), height, width) };
        for plane in 0..planes {
            for y in 0..height {
                for x in (0..width).step_by(PIECE) {
                    let first = (plane * height + y) * width + x;
                    let panel = if flat { x } else { plane };
                    task(Run { first, length: PIECE.min(width - x), panel, y, x, flat });
                }
            }
        }
    }

    /// Writes the activations of a run to `piece`.
    #[inline(always)]
    fn fire(
        &self,
        run: Run,
        sums: &[Lanes],
        peaks: &[Lanes],
        settings: &ActivationSettings<'_>,
        piece: &mut [Lanes],
    ) {
        self.potentials_of(run, sums, peaks, settings, piece);
        activate(piece, settings.sharpness);
        if let Some(dropout) = settings.dropout {
            dropout.apply(run.first, piece);
        }
    }

    /// Writes the potentials of a run to `piece`.
    #[inline(always)]
    fn potentials_of(
        &self,
        Run { first, panel, .. }: Run,
        sums: &[Lanes],
        peaks: &[Lanes],
        settings: &ActivationSettings<'_>,
        piece: &mut [Lanes],
    ) {
        let end = first + piece.len();
        if self.max.is_some() {
            return piece.copy_from_slice(&peaks[first..end]);
        }
        let sums = &sums[first..end];
        if self.potentials.area() == 1 {
            let factors = settings.scale[first..end].iter().zip(&settings.shift[first..end]);
            for ((z, sum), (scale, shift)) in piece.iter_mut().zip(sums).zip(factors) {
                *z = affine(sum, scale, shift);
            }
        } else {
            let (scale, shift) = (settings.scale[panel], settings.shift[panel]);
            piece.iter_mut().zip(sums).for_each(|(z, sum)| *z = affine(sum, &scale, &shift));
        }
    }

    /// Writes the maximum of each window to `peaks`, and its index in the window to `winners`.
    #[inline(always)]
    fn pool(
        &self,
        window: Window,
        sums: &[Lanes],
        settings: &ActivationSettings<'_>,
        peaks: &mut [Lanes],
        winners: &mut [Lanes],
    ) {
        let Volume { height, width, channels } = self.potentials;
        for panel in 0..panels(channels) {
            let (scale, shift) = (settings.scale[panel], settings.shift[panel]);
            let plane = &sums[panel * self.sums.area()..];
            for y in 0..height {
                for x in 0..width {
                    let corner = &plane[(y * self.sums.width + x) * window.stride..];
                    let index = (panel * height + y) * width + x;
                    (peaks[index], winners[index]) = self.greatest(window, corner, &scale, &shift);
                }
            }
        }
    }

    /// The greatest potential of the window at the start of `corner`, and its index, the first of equal ones.
    #[inline(always)]
    fn greatest(&self, window: Window, corner: &[Lanes], scale: &Lanes, shift: &Lanes) -> (Lanes, Lanes) {
        let (mut best, mut winner) = (Lanes::splat(f32::NEG_INFINITY), Lanes::ZERO);
        for y in 0..window.height {
            for x in 0..window.width {
                let z = affine(&corner[y * self.sums.width + x], scale, shift);
                let number = (y * window.width + x) as f32;
                for lane in 0..LANES {
                    let higher = z.0[lane] > best.0[lane];
                    winner.0[lane] = if higher { number } else { winner.0[lane] };
                    best.0[lane] = if higher { z.0[lane] } else { best.0[lane] };
                }
            }
        }
        (best, winner)
    }

    /// Whether every sum is in exactly one window.
    fn covers_each_sum_once(&self, window: Window) -> bool {
        let (height, width) = (self.potentials.height * window.height, self.potentials.width * window.width);
        let apart = window.stride == window.height && window.stride == window.width;
        apart && (height, width) == (self.sums.height, self.sums.width)
    }

    /// Routes the errors of a run of potentials, in `piece`, to the winner of each window; with `ADD`, adds them
    /// to what `errors` holds.
    #[inline(always)]
    fn route<const ADD: bool>(
        &self,
        window: Window,
        run: Run,
        piece: &[Lanes],
        winners: &[Lanes],
        errors: &mut [Lanes],
    ) {
        // In a flat run each potential belongs to another panel.
        let (panel, step) = if run.flat { (run.first, self.sums.area()) } else { (run.panel, window.stride) };
        let x = if run.flat { 0 } else { run.x };
        let corner = panel * self.sums.area() + (run.y * self.sums.width + x) * window.stride;
        for (index, (error, winner)) in piece.iter().zip(&winners[run.first..]).enumerate() {
            let corner = corner + index * step;
            for y in 0..window.height {
                for x in 0..window.width {
                    let share = won(error, winner, (y * window.width + x) as f32);
                    let target = &mut errors[corner + y * self.sums.width + x];
                    if !ADD {
                        *target = share;
                        continue;
                    }
                    for lane in 0..LANES {
                        target.0[lane] += share.0[lane];
                    }
                }
            }
        }
    }

    /// The index of the output of a run's first potential, without average pooling.
    #[inline(always)]
    fn output_place(&self, run: Run, layout: PaddedLayout) -> usize {
        if run.flat { run.first } else { layout.row(run.panel, run.y) + run.x }
    }

    /// Adds the activations of a run, each divided by the area of its square, to the outputs.
    #[inline(always)]
    fn add_shares(&self, run: Run, piece: &[Lanes], outputs: &mut [Lanes], layout: PaddedLayout) {
        let share = self.share();
        let row = layout.row(run.panel, run.y / self.average);
        for (x, activation) in (run.x..).zip(piece) {
            let output = &mut outputs[row + x / self.average];
            output.0.iter_mut().zip(&activation.0).for_each(|(mean, a)| *mean += a * share);
        }
    }

    /// Multiplies the slopes of a run with the errors at its outputs, and writes the products to `found`.
    #[inline(always)]
    fn times_errors(
        &self,
        run: Run,
        slopes: &[Lanes],
        (errors, layout): (&[Lanes], PaddedLayout),
        found: &mut [Lanes],
    ) {
        if self.average == 1 {
            let start = self.output_place(run, layout);
            let errors = &errors[start..start + slopes.len()];
            for ((found, slope), error) in found.iter_mut().zip(slopes).zip(errors) {
                for lane in 0..LANES {
                    found.0[lane] = slope.0[lane] * error.0[lane];
                }
            }
            return;
        }
        let share = self.share();
        let row = layout.row(run.panel, run.y / self.average);
        for ((x, slope), found) in (run.x..).zip(slopes).zip(found) {
            let error = &errors[row + x / self.average];
            for lane in 0..LANES {
                found.0[lane] = slope.0[lane] * (error.0[lane] * share);
            }
        }
    }

    /// The share of an activation in the mean of its square.
    fn share(&self) -> f32 {
        ((self.average * self.average) as f32).recip()
    }

    /// Sets all outputs to 0, but not the border.
    #[inline(always)]
    fn clear(&self, outputs: &mut [Lanes], layout: PaddedLayout) {
        let Volume { height, width, channels } = self.outputs();
        for panel in 0..panels(channels) {
            for y in 0..height {
                let start = layout.row(panel, y);
                outputs[start..start + width].fill(Lanes::ZERO);
            }
        }
    }
}

/// `scale sum + shift`
#[inline(always)]
fn affine(sum: &Lanes, scale: &Lanes, shift: &Lanes) -> Lanes {
    let mut z = *sum;
    for lane in 0..LANES {
        z.0[lane] = z.0[lane] * scale.0[lane] + shift.0[lane];
    }
    z
}

/// The errors whose winner has index `number`, and 0 for the others. By masks, since the compiler turns a
/// choice into jumps.
#[inline(always)]
fn won(error: &Lanes, winner: &Lanes, number: f32) -> Lanes {
    let mut share = *error;
    for lane in 0..LANES {
        let mask = u32::from(winner.0[lane] == number).wrapping_neg();
        share.0[lane] = f32::from_bits(share.0[lane].to_bits() & mask);
    }
    share
}
