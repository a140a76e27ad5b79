//! The spike activation of a layer: it leads from weighted sums to outputs, sample by sample, and
//! back.
//!
//! The forward pass begins with the potential `z = scale y + shift` of the sum y, which is batch
//! norm and bias in one. Max pooling takes the maximum of each window. Then come the sharpened step
//! and dropout. Average pooling takes the mean of each square. The step never falls as its
//! potential grows, so the largest potential of a window also has the largest activation. The
//! gradient goes to that potential alone.

use super::tensor::Tensor;
use crate::network::kernels::{LANES, Lanes, panels, vectorized};
use crate::network::layer::activation::{activate, slopes};
use crate::network::layer::dropout::Dropout;
use crate::network::{Slope, Volume, Window};

/// The shapes in a layer's activation, from sums to outputs: max pooling, the step, average
/// pooling.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SpikeActivation {
    /// The shape of the sums.
    pub sums: Volume,
    /// The window of max pooling, if there is any.
    pub max: Option<Window>,
    /// The shape of the potentials after max pooling.
    pub potentials: Volume,
    /// The side of the squares of average pooling; 1 without it.
    pub average: usize,
}

/// The settings of an activation in one pass over one sample.
#[derive(Clone, Copy)]
pub(crate) struct ActivationSettings<'a> {
    /// The sharpness, in [0, 1]; at 1 the activation is a step.
    pub sharpness: f32,
    /// The derivative of the step that the backward pass uses.
    pub slope: Slope,
    /// For each channel, in panels of 16: the factor that leads from sums to potentials.
    pub scale: &'a [Lanes],
    /// For each channel, in panels of 16: the number that is added after the factor.
    pub shift: &'a [Lanes],
    /// The dropout of this sample; `None` without dropout.
    pub dropout: Option<Dropout>,
}

/// The layout of a sample's outputs, which have a border of zeros.
#[derive(Clone, Copy)]
pub(crate) struct PaddedLayout {
    /// Rows and columns of the border on every side.
    pub border: usize,
    /// Number of columns in a row, border included.
    pub columns: usize,
    /// Length of a panel (16 channels), border included, in lanes.
    pub plane: usize,
}

/// The most lanes of a [`Run`]: so many stay in registers and in the fastest cache.
const PIECE: usize = 32;

/// Neighbouring potentials of one row, which are computed together.
#[derive(Clone, Copy)]
struct Run {
    /// The index of the first potential.
    first: usize,
    length: usize,
    panel: usize,
    /// The row of the first potential.
    y: usize,
    /// The column of the first potential.
    x: usize,
    /// Whether the outputs lie in memory like the potentials: one position per panel (16 channels),
    /// and no border.
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
    /// With max pooling, `peaks` gets the maximum of each window. `winners` gets the index of that
    /// maximum in its window; of several equal ones, the first. Without max pooling both are empty.
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

    /// Writes the errors of one sample at its potentials before max pooling, from the errors at its
    /// outputs. An error is the derivative of the loss.
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
        // If a panel has a single position, all panels together count as one row.
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

    /// Writes the activations of the potentials in a run to `piece`.
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

    /// Writes the maximum of each window to `peaks`, and the index of the maximum in its window to
    /// `winners`.
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

    /// The greatest potential of the window at the start of `corner`, and its index in the window.
    /// Of several equal ones, the first index counts.
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

    /// Gives the errors of a run of potentials, which are in `piece`, to the winner of each window.
    /// With `ADD`, adds them to what `errors` holds.
    #[inline(always)]
    fn route<const ADD: bool>(
        &self,
        window: Window,
        run: Run,
        piece: &[Lanes],
        winners: &[Lanes],
        errors: &mut [Lanes],
    ) {
        // In a flat run, neighbouring potentials belong to neighbouring panels.
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

    /// The index of the output of a run's first potential, if there is no average pooling.
    #[inline(always)]
    fn output_place(&self, run: Run, layout: PaddedLayout) -> usize {
        if run.flat { run.first } else { layout.row(run.panel, run.y) + run.x }
    }

    /// Adds the activations of a run to the outputs, each divided by the area of its square of
    /// average pooling.
    #[inline(always)]
    fn add_shares(&self, run: Run, piece: &[Lanes], outputs: &mut [Lanes], layout: PaddedLayout) {
        let share = self.share();
        let row = layout.row(run.panel, run.y / self.average);
        for (x, activation) in (run.x..).zip(piece) {
            let output = &mut outputs[row + x / self.average];
            output.0.iter_mut().zip(&activation.0).for_each(|(mean, a)| *mean += a * share);
        }
    }

    /// Multiplies the slopes of a run with the errors at its outputs. Writes the products to
    /// `found`.
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

    /// The share of one activation in the mean of its square of average pooling.
    fn share(&self) -> f32 {
        ((self.average * self.average) as f32).recip()
    }

    /// Sets all outputs to 0; the border stays as it is.
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

/// The errors of the windows whose winner has the index `number`, and 0 for all others. It uses
/// masks, since the compiler turns a choice into jumps.
#[inline(always)]
fn won(error: &Lanes, winner: &Lanes, number: f32) -> Lanes {
    let mut share = *error;
    for lane in 0..LANES {
        let mask = u32::from(winner.0[lane] == number).wrapping_neg();
        share.0[lane] = f32::from_bits(share.0[lane].to_bits() & mask);
    }
    share
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Shape, Surrogate};
    use crate::seed::Seed;

    /// At this sharpness the ramp is 1/2 wide: `a = clip(2 (z - 1/2) + 1/2)`, which has the slope 2
    /// on the ramp.
    const HALF: f32 = 0.501;

    /// An activation without pooling, of sums with two channels.
    fn of(height: usize, width: usize) -> SpikeActivation {
        let sums = Volume { height, width, channels: 2 };
        SpikeActivation { sums, max: None, potentials: sums, average: 1 }
    }

    fn max_pooled(height: usize, width: usize, window: Window) -> SpikeActivation {
        let plain = of(height, width);
        let (height, width) = window.positions(plain.sums);
        let potentials = Volume { height, width, ..plain.sums };
        SpikeActivation { max: Some(window), potentials, ..plain }
    }

    /// A panel of channels: `z = y` in lane 0 and `z = 3/4 - y` in lane 1; the others are empty.
    fn two_channels() -> [Lanes; 2] {
        let (mut scale, mut shift) = (Lanes::ZERO, Lanes::ZERO);
        (scale.0[0], scale.0[1], shift.0[1]) = (1.0, -1.0, 0.75);
        [scale, shift]
    }

    fn settings([scale, shift]: &[Lanes; 2], sharpness: f32, slope: Slope) -> ActivationSettings<'_> {
        let (scale, shift) = (std::slice::from_ref(scale), std::slice::from_ref(shift));
        ActivationSettings { sharpness, slope, scale, shift, dropout: None }
    }

    /// The lanes whose first two numbers are those of `pairs`.
    fn lanes(pairs: &[[f32; 2]]) -> Vec<Lanes> {
        let lanes = |&[first, second]: &[f32; 2]| {
            let mut lanes = Lanes::ZERO;
            (lanes.0[0], lanes.0[1]) = (first, second);
            lanes
        };
        pairs.iter().map(lanes).collect()
    }

    /// The values of one sample after both passes, without the border of the outputs.
    struct Passed {
        winners: Vec<[f32; 2]>,
        outputs: Vec<[f32; 2]>,
        errors: Vec<[f32; 2]>,
    }

    /// Runs both passes over one sample with the sums `y` in both lanes; the outputs have a border.
    fn run(
        activation: &SpikeActivation,
        settings: &ActivationSettings<'_>,
        y: &[f32],
        errors: &[[f32; 2]],
    ) -> Passed {
        let sums = lanes(&y.iter().map(|&y| [y, y]).collect::<Vec<_>>());
        let potentials = if activation.max.is_some() { activation.potentials.area() } else { 0 };
        let (mut peaks, mut winners) =
            (vec![Lanes::splat(7.0); potentials], vec![Lanes::splat(7.0); potentials]);
        let mut outputs = Tensor::new(activation.outputs(), 1, 1);
        let layout = PaddedLayout::of(&outputs);
        let inside: Vec<usize> = (0..outputs.volume.height)
            .flat_map(|y| (0..outputs.volume.width).map(move |x| (y, x)))
            .map(|(y, x)| layout.row(0, y) + x)
            .collect();
        inside.iter().for_each(|&index| outputs.lanes[index] = Lanes::splat(7.0));
        activation.forward(&sums, settings, (&mut peaks, &mut winners), &mut outputs.lanes, layout);
        let border = outputs.lanes.iter().enumerate().filter(|(index, _)| !inside.contains(index));
        assert!(border.clone().count() > 0 && border.into_iter().all(|(_, &lanes)| lanes == Lanes::ZERO));
        let mut output_errors = Tensor::new(activation.outputs(), 1, 1);
        inside.iter().zip(lanes(errors)).for_each(|(&index, error)| output_errors.lanes[index] = error);
        let mut sum_errors = vec![Lanes::splat(7.0); sums.len()];
        let back = (output_errors.lanes.as_slice(), layout);
        activation.backward(&sums, settings, (&peaks, &winners), back, &mut sum_errors);
        let pair = |lanes: &Lanes| [lanes.0[0], lanes.0[1]];
        Passed {
            winners: winners.iter().map(pair).collect(),
            outputs: inside.iter().map(|&index| pair(&outputs.lanes[index])).collect(),
            errors: sum_errors.iter().map(pair).collect(),
        }
    }

    fn assert_close(found: &[[f32; 2]], expected: &[[f32; 2]]) {
        assert_eq!(found.len(), expected.len());
        let far = |(found, expected): (&f32, &f32)| (found - expected).abs() > 1e-5;
        let apart = found.as_flattened().iter().zip(expected.as_flattened()).any(far);
        assert!(!apart, "{found:?} is not {expected:?}");
    }

    #[test]
    fn potentials_are_scaled_and_shifted_sums_and_the_ramp_has_its_own_slope() {
        let channels = two_channels();
        let passed = run(
            &of(1, 3),
            &settings(&channels, HALF, Slope::Own),
            &[0.375, 0.625, 1.0],
            &[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
        );
        // z in lane 0: 3/8, 5/8, 1; in lane 1: 3/8, 1/8, -1/4.
        assert_close(&passed.outputs, &[[0.25, 0.25], [0.75, 0.0], [1.0, 0.0]]);
        // Off the ramp the slope is 0; the errors are those at the potentials, before the scale.
        assert_close(&passed.errors, &[[2.0, 4.0], [6.0, 0.0], [0.0, 0.0]]);
    }

    #[test]
    fn a_sharp_step_fires_at_one_half_and_takes_the_slope_of_its_surrogate() {
        let surrogate = Slope::Surrogate(Surrogate { shape: Shape::Boxcar, width: 0.5 });
        let channels = two_channels();
        let (y, errors) = ([0.25, 0.5, 0.6, 0.9], [[1.0, 10.0]; 4]);
        let passed = run(&of(2, 2), &settings(&channels, 1.0, surrogate), &y, &errors);
        // z in lane 0: 0.25, 0.5, 0.6, 0.9; in lane 1: 0.5, 0.25, 0.15, -0.15.
        assert_eq!(passed.outputs, [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]);
        // The boxcar has the height 2 where |z - 1/2| < 1/4.
        assert_eq!(passed.errors, [[0.0, 20.0], [2.0, 0.0], [2.0, 0.0], [0.0, 0.0]]);
        let passed = run(&of(2, 2), &settings(&channels, 1.0, Slope::Own), &y, &errors);
        assert_eq!(passed.errors, [[0.0; 2]; 4]);
    }

    #[test]
    fn max_pooling_gives_the_first_greatest_potential_and_sends_the_error_back_to_it() {
        let activation = max_pooled(2, 4, Window::square(2, 2));
        let channels = two_channels();
        let y = [0.1, 0.7, 0.3, 0.6, 0.2, 0.7, 0.6, 0.4];
        let passed = run(&activation, &settings(&channels, HALF, Slope::Own), &y, &[[3.0, 1.0], [5.0, -2.0]]);
        // Lane 0 takes the greatest sums, 0.7 and 0.6, each the first of two equal ones; lane 1 the
        // least, 0.1 and 0.3, since its scale is negative.
        assert_eq!(passed.winners, [[1.0, 0.0], [1.0, 0.0]]);
        assert_close(&passed.outputs, &[[0.9, 0.8], [0.7, 0.4]]);
        let mut expected = [[0.0; 2]; 8];
        (expected[1][0], expected[3][0]) = (6.0, 10.0);
        (expected[0][1], expected[2][1]) = (2.0, -4.0);
        assert_close(&passed.errors, &expected);
    }

    #[test]
    fn a_sum_that_wins_in_two_windows_gets_the_error_of_both() {
        let activation = max_pooled(2, 3, Window::square(2, 1));
        let channels = two_channels();
        let y = [0.25, 0.6, 0.3, 0.35, 0.4, 0.5];
        let passed = run(&activation, &settings(&channels, HALF, Slope::Own), &y, &[[1.0, 1.0], [10.0, 4.0]]);
        assert_eq!(passed.winners, [[1.0, 0.0], [0.0, 1.0]]);
        assert_close(&passed.outputs, &[[0.7, 0.5], [0.7, 0.4]]);
        let mut expected = [[0.0; 2]; 6];
        expected[1][0] = 2.0 * (1.0 + 10.0);
        (expected[0][1], expected[2][1]) = (2.0, 8.0);
        assert_close(&passed.errors, &expected);
    }

    #[test]
    fn average_pooling_is_the_mean_and_shares_the_error() {
        let activation = SpikeActivation { average: 2, ..of(2, 4) };
        let channels = two_channels();
        let y = [0.5, 0.4, 0.1, 0.3, 0.6, 0.9, 0.5, 0.7];
        let passed = run(&activation, &settings(&channels, HALF, Slope::Own), &y, &[[4.0, 8.0], [-4.0, 0.0]]);
        // Lane 0: (0.5 + 0.3 + 0.7 + 1) / 4 and (0 + 0.1 + 0.5 + 0.9) / 4.
        // Lane 1, z = 3/4 - y: (0 + 0.2 + 0 + 0) / 4 and (0.8 + 0.4 + 0 + 0) / 4.
        assert_close(&passed.outputs, &[[0.625, 0.05], [0.375, 0.3]]);
        // A quarter of the error times the slope 2, where the potential is on the ramp.
        let mut expected = [2.0, 2.0, 0.0, -2.0, 2.0, 0.0, -2.0, -2.0].map(|error| [error, 0.0]);
        expected[1][1] = 4.0;
        assert_close(&passed.errors, &expected);
    }

    /// Rows longer than a piece, and a flat layer of more panels than a piece, with dropout.
    #[test]
    fn dropout_multiplies_activations_and_errors_by_the_same_factors() {
        let dropout = Dropout::new(0.5, &Seed::root(3), 0).expect("something is dropped");
        let volumes =
            [Volume { height: 2, width: PIECE + 9, channels: 16 }, Volume::flat((PIECE + 5) * LANES)];
        for volume in volumes {
            let activation = SpikeActivation { sums: volume, max: None, potentials: volume, average: 1 };
            let panels = panels(volume.channels);
            let (scale, shift) = (vec![Lanes::splat(1.0); panels], vec![Lanes::ZERO; panels]);
            let settings = ActivationSettings {
                sharpness: HALF,
                slope: Slope::Own,
                scale: &scale,
                shift: &shift,
                dropout: Some(dropout),
            };
            let count = panels * volume.area();
            let sums: Vec<Lanes> =
                (0..count).map(|index| Lanes::splat(0.3 + 0.4 * index as f32 / count as f32)).collect();
            let mut outputs = Tensor::new(volume, 0, 1);
            let layout = PaddedLayout::of(&outputs);
            activation.forward(&sums, &settings, (&mut [], &mut []), &mut outputs.lanes, layout);
            let errors = vec![Lanes::splat(1.0); count];
            let mut found = vec![Lanes::ZERO; count];
            activation.backward(&sums, &settings, (&[], &[]), (&errors, layout), &mut found);
            let mut dropped = 0;
            for (index, sum) in sums.iter().enumerate() {
                for lane in 0..LANES {
                    let factor = dropout.factor((index * LANES + lane) as u32);
                    let expected = factor * (2.0 * sum.0[lane] - 0.5);
                    assert!((outputs.lanes[index].0[lane] - expected).abs() < 1e-5, "{volume} {index}");
                    assert!((found[index].0[lane] - 2.0 * factor).abs() < 1e-5, "{volume} {index}");
                    dropped += usize::from(factor == 0.0);
                }
            }
            assert!(dropped > count * LANES / 3 && dropped < count * LANES * 2 / 3, "{dropped}");
        }
    }
}
