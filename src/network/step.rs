//! From a layer's sums to its spikes, sample by sample, and back.
//!
//! Forward: `z = scale y + shift` (batch norm and bias in one), the greatest `z` of each pool, the sharpened
//! step, dropout, the mean over each average pool. Pooling before the step gives what pooling after it would,
//! since no step falls, and leaves a gradient to the greatest.

use super::activation::{activate, slopes};
use super::dropout::Dropout;
use super::kernels::{LANES, Lanes, panels, vectorized};
use super::{Slope, Volume, Window};

/// What a layer does to its sums.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
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
pub(super) struct Firing<'a> {
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
pub(super) struct Frame {
    pub border: usize,
    pub columns: usize,
    pub plane: usize,
}

/// Lanes that are worked on at a time.
const PIECE: usize = 32;

impl Step {
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
                    #[inline(always)]
                    |first, length, panel| {
                        let mut piece = [Lanes::ZERO; PIECE];
                        let piece = &mut piece[..length];
                        self.potentials_of(first, panel, sums, peaks, firing, piece);
                        activate(piece, firing.sharpness);
                        if let Some(dropout) = firing.dropout {
                            dropout.apply(first, piece);
                        }
                        self.put(first, piece, outputs, frame);
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
                if self.max.is_some() {
                    errors.fill(Lanes::ZERO);
                }
                self.for_each_run(
                    #[inline(always)]
                    |first, length, panel| {
                        let mut piece = [Lanes::ZERO; PIECE];
                        let piece = &mut piece[..length];
                        self.potentials_of(first, panel, sums, peaks, firing, piece);
                        slopes(piece, firing.sharpness, firing.slope);
                        if let Some(dropout) = firing.dropout {
                            dropout.apply(first, piece);
                        }
                        self.take(first, piece, outputs, frame);
                        match self.max {
                            None => errors[first..first + length].copy_from_slice(piece),
                            Some(window) => self.route(window, first, piece, winners, errors),
                        }
                    },
                );
            },
        );
    }

    /// Calls `task(first lane, length, panel)` for runs of potentials next to each other, each within a row.
    #[inline(always)]
    fn for_each_run(&self, mut task: impl FnMut(usize, usize, usize)) {
        let Volume { height, width, channels } = self.potentials;
        // One place: all panels are one row.
        let (rows, width, flat) = match height * width {
            1 => (1, panels(channels), true),
            _ => (panels(channels) * height, width, false),
        };
        for row in 0..rows {
            for start in (0..width).step_by(PIECE) {
                let panel = if flat { start } else { row / height };
                task(row * width + start, PIECE.min(width - start), panel);
            }
        }
    }

    /// Writes the potentials from lane `first` on to `piece`.
    #[inline(always)]
    fn potentials_of(
        &self,
        first: usize,
        panel: usize,
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
        let (places, columns) = (self.potentials.area(), self.potentials.width);
        for panel in 0..panels(self.potentials.channels) {
            let (scale, shift) = (firing.scale[panel], firing.shift[panel]);
            let plane = &sums[panel * self.sums.area()..];
            for place in 0..places {
                let corner = (place / columns * self.sums.width + place % columns) * window.stride;
                let mut best = Lanes::splat(f32::NEG_INFINITY);
                let mut winner = Lanes::ZERO;
                for y in 0..window.height {
                    for x in 0..window.width {
                        let z = affine(&plane[corner + y * self.sums.width + x], &scale, &shift);
                        let number = (y * window.width + x) as f32;
                        for lane in 0..LANES {
                            let higher = z.0[lane] > best.0[lane];
                            winner.0[lane] = if higher { number } else { winner.0[lane] };
                            best.0[lane] = if higher { z.0[lane] } else { best.0[lane] };
                        }
                    }
                }
                peaks[panel * places + place] = best;
                winners[panel * places + place] = winner;
            }
        }
    }

    /// Adds the errors in `piece`, those of the potentials from `first` on, where each window's winner is.
    #[inline(always)]
    fn route(&self, window: Window, first: usize, piece: &[Lanes], winners: &[Lanes], errors: &mut [Lanes]) {
        let (places, columns) = (self.potentials.area(), self.potentials.width);
        for (index, error) in (first..).zip(piece) {
            let (panel, place) = (index / places, index % places);
            let corner = (place / columns * self.sums.width + place % columns) * window.stride;
            let plane = &mut errors[panel * self.sums.area()..];
            let winner = winners[index];
            for y in 0..window.height {
                for x in 0..window.width {
                    let number = (y * window.width + x) as f32;
                    let target = &mut plane[corner + y * self.sums.width + x];
                    for lane in 0..LANES {
                        target.0[lane] += if winner.0[lane] == number { error.0[lane] } else { 0.0 };
                    }
                }
            }
        }
    }

    /// Where in memory the output of potential `index` lies.
    #[inline(always)]
    fn output_place(&self, index: usize, frame: Frame) -> usize {
        let Volume { height, width, .. } = self.potentials;
        let (panel, y, x) = (index / (height * width), index / width % height, index % width);
        let (y, x) = (y / self.average, x / self.average);
        panel * frame.plane + (y + frame.border) * frame.columns + frame.border + x
    }

    /// Writes a run of activations to the outputs.
    #[inline(always)]
    fn put(&self, first: usize, piece: &[Lanes], outputs: &mut [Lanes], frame: Frame) {
        if self.average == 1 {
            let start = self.output_place(first, frame);
            return outputs[start..start + piece.len()].copy_from_slice(piece);
        }
        let share = ((self.average * self.average) as f32).recip();
        for (index, activation) in (first..).zip(piece) {
            let output = &mut outputs[self.output_place(index, frame)];
            output.0.iter_mut().zip(&activation.0).for_each(|(mean, a)| *mean += a * share);
        }
    }

    /// Multiplies a run of slopes by the errors at the outputs.
    #[inline(always)]
    fn take(&self, first: usize, piece: &mut [Lanes], errors: &[Lanes], frame: Frame) {
        let times = |slope: &mut Lanes, error: &Lanes, share: f32| {
            slope.0.iter_mut().zip(&error.0).for_each(|(slope, error)| *slope *= error * share);
        };
        if self.average == 1 {
            let start = self.output_place(first, frame);
            let errors = &errors[start..start + piece.len()];
            return piece.iter_mut().zip(errors).for_each(|(slope, error)| times(slope, error, 1.0));
        }
        let share = ((self.average * self.average) as f32).recip();
        for (index, slope) in (first..).zip(piece) {
            times(slope, &errors[self.output_place(index, frame)], share);
        }
    }

    /// Sets all outputs to 0, the border untouched.
    #[inline(always)]
    fn clear(&self, outputs: &mut [Lanes], frame: Frame) {
        let Volume { height, width, channels } = self.outputs();
        for panel in 0..panels(channels) {
            for y in 0..height {
                let start = panel * frame.plane + (y + frame.border) * frame.columns + frame.border;
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
