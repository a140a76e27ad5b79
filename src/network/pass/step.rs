//! From a layer's sums to its spikes, sample by sample, and back.
//!
//! Forward: `z = scale y + shift` (batch norm and bias in one), the greatest `z` of each pool, the sharpened
//! step, dropout, the mean over each average pool. Pooling before the step gives what pooling after it would,
//! since no step falls, and leaves a gradient to the greatest.

use crate::network::kernels::{LANES, Lanes, panels, vectorized};
use crate::network::layer::activation::{activate, slopes};
use crate::network::layer::dropout::Dropout;
use crate::network::{Slope, Volume, Window};

/// What a layer does to its sums.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SpikeActivation {
    /// The sums.
    pub sums: Volume,
    /// Greatest of each window.
    pub max: Option<Window>,
    /// The sums, or the greatest of them.
    pub potentials: Volume,
    /// Side of the squares that activations are averaged over; 1 where they are not.
    pub average: usize,
}

/// How a step acts in one pass.
#[derive(Clone, Copy)]
pub(crate) struct Firing<'a> {
    pub sharpness: f32,
    pub slope: Slope,
    /// (panel): factor and summand between sums and potentials.
    pub scale: &'a [Lanes],
    pub shift: &'a [Lanes],
    /// None where nothing is dropped.
    pub dropout: Option<Dropout>,
}

/// Where a sample's outputs lie: the border and the columns of a row, border included.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    pub border: usize,
    pub columns: usize,
    pub plane: usize,
}

/// Lanes that are worked on at a time.
const PIECE: usize = 32;

/// Potentials next to each other in memory, all of a row.
#[derive(Clone, Copy)]
struct Run {
    /// The number of the first.
    first: usize,
    length: usize,
    panel: usize,
    /// Row and column of the first.
    y: usize,
    x: usize,
    /// The outputs lie like the potentials: one place, and no border.
    flat: bool,
}

impl Frame {
    /// Where row `y` of a panel begins.
    #[inline(always)]
    pub const fn row(&self, panel: usize, y: usize) -> usize {
        panel * self.plane + (y + self.border) * self.columns + self.border
    }
}

impl SpikeActivation {
    /// What the layer gives.
    pub fn outputs(&self) -> Volume {
        let Volume { height, width, channels } = self.potentials;
        Volume { height: height / self.average, width: width / self.average, channels }
    }

    /// Writes the outputs of one sample. `peaks` and `winners`, empty without max pooling, get the greatest
    /// potentials and their numbers in their windows.
    pub fn forward(
        &self,
        sums: &[Lanes],
        firing: &Firing<'_>,
        (peaks, winners): (&mut [Lanes], &mut [Lanes]),
        outputs: &mut [Lanes],
        frame: Frame,
    ) {
        vectorized(
            #[inline(always)]
            || {
                if let Some(window) = self.max {
                    self.pool(window, sums, firing, peaks, winners);
                }
                if self.average > 1 {
                    self.clear(outputs, frame);
                }
                let peaks = &*peaks;
                self.for_each_run(
                    frame,
                    #[inline(always)]
                    |run| {
                        if self.average == 1 {
                            let start = self.output_place(run, frame);
                            return self.fire(
                                run,
                                sums,
                                peaks,
                                firing,
                                &mut outputs[start..start + run.length],
                            );
                        }
                        let mut piece = [Lanes::ZERO; PIECE];
                        let piece = &mut piece[..run.length];
                        self.fire(run, sums, peaks, firing, piece);
                        self.add_shares(run, piece, outputs, frame);
                    },
                );
            },
        );
    }

    /// Writes the errors at the sums of one sample, from those at its outputs.
    pub fn backward(
        &self,
        sums: &[Lanes],
        firing: &Firing<'_>,
        (peaks, winners): (&[Lanes], &[Lanes]),
        (outputs, frame): (&[Lanes], Frame),
        errors: &mut [Lanes],
    ) {
        vectorized(
            #[inline(always)]
            || {
                let once = self.max.is_some_and(|window| self.meets_each_sum_once(window));
                if self.max.is_some() && !once {
                    errors.fill(Lanes::ZERO);
                }
                self.for_each_run(
                    frame,
                    #[inline(always)]
                    |run| {
                        let mut piece = [Lanes::ZERO; PIECE];
                        let piece = &mut piece[..run.length];
                        self.potentials_of(run, sums, peaks, firing, piece);
                        slopes(piece, firing.sharpness, firing.slope);
                        if let Some(dropout) = firing.dropout {
                            dropout.apply(run.first, piece);
                        }
                        let Some(window) = self.max else {
                            let errors = &mut errors[run.first..run.first + run.length];
                            return self.take(run, piece, (outputs, frame), errors);
                        };
                        let mut found = [Lanes::ZERO; PIECE];
                        let found = &mut found[..run.length];
                        self.take(run, piece, (outputs, frame), found);
                        match once {
                            true => self.route::<false>(window, run, found, winners, errors),
                            false => self.route::<true>(window, run, found, winners, errors),
                        }
                    },
                );
            },
        );
    }

    /// Calls `task` for runs of potentials.
    #[inline(always)]
    fn for_each_run(&self, frame: Frame, mut task: impl FnMut(Run)) {
        let Volume { height, width, channels } = self.potentials;
        let flat = height * width == 1 && frame.plane == 1;
        // One place: all panels are one row.
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
    fn fire(&self, run: Run, sums: &[Lanes], peaks: &[Lanes], firing: &Firing<'_>, piece: &mut [Lanes]) {
        self.potentials_of(run, sums, peaks, firing, piece);
        activate(piece, firing.sharpness);
        if let Some(dropout) = firing.dropout {
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
        firing: &Firing<'_>,
        piece: &mut [Lanes],
    ) {
        let end = first + piece.len();
        if self.max.is_some() {
            return piece.copy_from_slice(&peaks[first..end]);
        }
        let sums = &sums[first..end];
        if self.potentials.area() == 1 {
            let factors = firing.scale[first..end].iter().zip(&firing.shift[first..end]);
            for ((z, sum), (scale, shift)) in piece.iter_mut().zip(sums).zip(factors) {
                *z = affine(sum, scale, shift);
            }
        } else {
            let (scale, shift) = (firing.scale[panel], firing.shift[panel]);
            piece.iter_mut().zip(sums).for_each(|(z, sum)| *z = affine(sum, &scale, &shift));
        }
    }

    /// Greatest potentials, and which of its window each is: the first of equals.
    #[inline(always)]
    fn pool(
        &self,
        window: Window,
        sums: &[Lanes],
        firing: &Firing<'_>,
        peaks: &mut [Lanes],
        winners: &mut [Lanes],
    ) {
        let Volume { height, width, channels } = self.potentials;
        for panel in 0..panels(channels) {
            let (scale, shift) = (firing.scale[panel], firing.shift[panel]);
            let plane = &sums[panel * self.sums.area()..];
            for y in 0..height {
                for x in 0..width {
                    let corner = &plane[(y * self.sums.width + x) * window.stride..];
                    let place = (panel * height + y) * width + x;
                    (peaks[place], winners[place]) = self.greatest(window, corner, &scale, &shift);
                }
            }
        }
    }

    /// The greatest potential of the window at the start of `corner`, and its number there.
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

    /// Whether every sum is in one window.
    fn meets_each_sum_once(&self, window: Window) -> bool {
        let (height, width) = (self.potentials.height * window.height, self.potentials.width * window.width);
        let apart = window.stride == window.height && window.stride == window.width;
        apart && (height, width) == (self.sums.height, self.sums.width)
    }

    /// Writes (with `ADD`, adds) the errors in `piece`, those of a run of potentials, where each window's winner is.
    #[inline(always)]
    fn route<const ADD: bool>(
        &self,
        window: Window,
        run: Run,
        piece: &[Lanes],
        winners: &[Lanes],
        errors: &mut [Lanes],
    ) {
        // Of a flat run each potential is a panel of its own.
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

    /// Where in memory the output of a run's first potential lies, where nothing is averaged.
    #[inline(always)]
    fn output_place(&self, run: Run, frame: Frame) -> usize {
        if run.flat { run.first } else { frame.row(run.panel, run.y) + run.x }
    }

    /// Adds a run of activations to the means that the outputs are.
    #[inline(always)]
    fn add_shares(&self, run: Run, piece: &[Lanes], outputs: &mut [Lanes], frame: Frame) {
        let share = self.share();
        let row = frame.row(run.panel, run.y / self.average);
        for (x, activation) in (run.x..).zip(piece) {
            let output = &mut outputs[row + x / self.average];
            output.0.iter_mut().zip(&activation.0).for_each(|(mean, a)| *mean += a * share);
        }
    }

    /// Writes the products of a run of slopes with the errors at the outputs to `found`.
    #[inline(always)]
    fn take(&self, run: Run, slopes: &[Lanes], (errors, frame): (&[Lanes], Frame), found: &mut [Lanes]) {
        if self.average == 1 {
            let start = self.output_place(run, frame);
            let errors = &errors[start..start + slopes.len()];
            for ((found, slope), error) in found.iter_mut().zip(slopes).zip(errors) {
                for lane in 0..LANES {
                    found.0[lane] = slope.0[lane] * error.0[lane];
                }
            }
            return;
        }
        let share = self.share();
        let row = frame.row(run.panel, run.y / self.average);
        for ((x, slope), found) in (run.x..).zip(slopes).zip(found) {
            let error = &errors[row + x / self.average];
            for lane in 0..LANES {
                found.0[lane] = slope.0[lane] * (error.0[lane] * share);
            }
        }
    }

    /// Of an average, that of each activation.
    fn share(&self) -> f32 {
        ((self.average * self.average) as f32).recip()
    }

    /// Sets all outputs to 0, the border untouched.
    #[inline(always)]
    fn clear(&self, outputs: &mut [Lanes], frame: Frame) {
        let Volume { height, width, channels } = self.outputs();
        for panel in 0..panels(channels) {
            for y in 0..height {
                let start = frame.row(panel, y);
                outputs[start..start + width].fill(Lanes::ZERO);
            }
        }
    }
}

#[inline(always)]
fn affine(sum: &Lanes, scale: &Lanes, shift: &Lanes) -> Lanes {
    let mut z = *sum;
    for lane in 0..LANES {
        z.0[lane] = z.0[lane] * scale.0[lane] + shift.0[lane];
    }
    z
}

/// The errors whose winner is `number`, 0 for the others: by masks, since the compiler makes jumps of a choice.
#[inline(always)]
fn won(error: &Lanes, winner: &Lanes, number: f32) -> Lanes {
    let mut share = *error;
    for lane in 0..LANES {
        let mask = u32::from(winner.0[lane] == number).wrapping_neg();
        share.0[lane] = f32::from_bits(share.0[lane].to_bits() & mask);
    }
    share
}
