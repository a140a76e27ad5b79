//! The fan-out of a layer's inputs: the layer's weights, in the order in which events (inputs that
//! are not 0) read them.
//!
//! In each row of window positions, the positions that cover an input at pixel (y, x) lie side by
//! side. Their kernel columns fall by the stride from one to the next. So the weights of a window
//! row are stored with falling columns, grouped by their remainder by the stride. An event then
//! adds one *run* of neighbouring weights to one run of neighbouring sums, for each row of
//! positions. A dense layer counts as one pixel with a single run.

use std::ops::{Add, Mul, Range};

use ndarray::{ArrayView2, ArrayView3, Axis, s};

use super::connectivity::{Volume, Window};
use crate::network::Connectivity;

/// The fan-out of a layer's inputs: what each input adds to the sum of each neuron that it reaches.
#[derive(Clone, Debug)]
pub(crate) struct FanOut<T> {
    /// The weights. The first is that of input channel 0 in the first run.
    weights: Vec<T>,
    /// The runs, pixel by pixel.
    runs: Vec<Run>,
    /// Where the runs of each pixel lie: those of pixel p are `ends[p]..ends[p + 1]` of `runs`.
    ends: Vec<usize>,
    /// Number of channels of the input.
    channels: usize,
    /// Distance between the weights of two neighbouring input channels, in numbers.
    weight_step: usize,
    /// Distance between the sums of two neighbouring input channels, in numbers; 0 if a neuron sums
    /// over channels.
    sum_step: usize,
}

/// Neighbouring weights that are added to neighbouring sums.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Index of the first weight, for input channel 0.
    weights: usize,
    /// Index of the first sum, for input channel 0.
    sums: usize,
    length: usize,
}

impl<T: Copy + Add<Output = T> + Mul<Output = T>> FanOut<T> {
    /// The fan-out of a layer whose positions share these `weights` (kernel elements, channels).
    pub(crate) fn new(connectivity: &Connectivity, weights: ArrayView2<'_, T>) -> Self {
        match *connectivity {
            Connectivity::Dense { outputs, .. } => Self {
                weights: weights.iter().copied().collect(),
                runs: vec![Run { weights: 0, sums: 0, length: outputs }],
                ends: vec![0, 1],
                channels: weights.nrows(),
                weight_step: outputs,
                sum_step: 0,
            },
            Connectivity::Convolution { input, window, channels } => {
                Self::convolution(input, window, channels, weights)
            }
            Connectivity::Pool { input, window } => {
                let run = |position: usize| Run { weights: 0, sums: position * input.channels, length: 1 };
                let (runs, ends) = runs_of_pixels(input, window, |positions, _| positions.map(run).collect());
                let weights = weights.iter().copied().collect();
                Self { weights, runs, ends, channels: input.channels, weight_step: 0, sum_step: 1 }
            }
        }
    }

    fn convolution(input: Volume, window: Window, channels: usize, weights: ArrayView2<'_, T>) -> Self {
        let order = falling(window.width, window.stride);
        let mut rank = vec![0; window.width];
        order.iter().enumerate().for_each(|(at, &kx)| rank[kx] = at);
        let row = window.width * channels;
        let mut ordered = Vec::with_capacity(weights.len());
        for (ky, channel) in (0..window.height).flat_map(|ky| (0..input.channels).map(move |c| (ky, c))) {
            for kx in &order {
                let element = (ky * window.width + kx) * input.channels + channel;
                ordered.extend(weights.row(element).iter().copied());
            }
        }
        let (runs, ends) = runs_of_pixels(input, window, |positions: Range<usize>, (ky, kx)| {
            let weights = ky * input.channels * row + rank[kx] * channels;
            vec![Run { weights, sums: positions.start * channels, length: positions.len() * channels }]
        });
        Self { weights: ordered, runs, ends, channels: input.channels, weight_step: row, sum_step: 0 }
    }

    /// The fan-out of a layer in which each position has weights of its own: `weights` (positions,
    /// kernel elements, channels).
    ///
    /// No two runs share weights. The weights of neighbouring input channels are as far apart as
    /// the longest run.
    ///
    /// # Panics
    /// If the layer is a pool, which has no weights of its own.
    pub(crate) fn unshared(connectivity: &Connectivity, weights: ArrayView3<'_, T>) -> Self
    where
        T: Default,
    {
        let (input, window, outputs) = match *connectivity {
            Connectivity::Dense { .. } => return Self::new(connectivity, weights.index_axis(Axis(0), 0)),
            Connectivity::Convolution { input, window, channels } => (input, window, channels),
            Connectivity::Pool { .. } => panic!("a pool has no weights of its own"),
        };
        let channels = input.channels;
        let (mut runs, ends) = runs_of_pixels(input, window, |positions: Range<usize>, (ky, kx)| {
            let weights = ky * window.width + kx;
            vec![Run { weights, sums: positions.start * outputs, length: positions.len() * outputs }]
        });
        let step = window.width.div_ceil(window.stride) * outputs;
        let mut own = vec![T::default(); runs.len() * channels * step];
        for (run, own) in runs.iter_mut().zip(own.chunks_exact_mut(channels * step)) {
            let (position, element) = (run.sums / outputs, run.weights);
            for (channel, own) in own.chunks_exact_mut(step).enumerate() {
                for (right, own) in own[..run.length].chunks_exact_mut(outputs).enumerate() {
                    let element = (element - right * window.stride) * channels + channel;
                    let row = weights.slice(s![position + right, element, ..]);
                    own.iter_mut().zip(row).for_each(|(own, &weight)| *own = weight);
                }
            }
        }
        for (number, run) in runs.iter_mut().enumerate() {
            run.weights = number * channels * step;
        }
        Self { weights: own, runs, ends, channels, weight_step: step, sum_step: 0 }
    }

    /// Adds one spike of each input in `active` to the `sums` of the neurons that it reaches.
    /// `active` holds the numbers of inputs in rising order.
    pub(crate) fn add_spikes(&self, active: &[u32], sums: &mut [T]) {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx2") {
            // SAFETY: the line above has found AVX2 on this processor; the call needs nothing else.
            return unsafe { self.spikes_with_avx2(active, sums) };
        }
        self.spikes(active, sums);
    }

    /// Adds the inputs in `active` to the `sums` of the neurons that they reach: each adds its
    /// weights times its level.
    pub(crate) fn add_levels(&self, active: &[u32], levels: impl Iterator<Item = T>, sums: &mut [T]) {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx2") {
            // SAFETY: the line above has found AVX2 on this processor; the call needs nothing else.
            return unsafe { self.levels_with_avx2(active, levels, sums) };
        }
        self.levels(active, levels, sums);
    }

    /// [`FanOut::spikes`], compiled for processors with AVX2: the same sums in fewer instructions.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn spikes_with_avx2(&self, active: &[u32], sums: &mut [T]) {
        self.spikes(active, sums);
    }

    /// [`FanOut::levels`], compiled for processors with AVX2.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn levels_with_avx2(&self, active: &[u32], levels: impl Iterator<Item = T>, sums: &mut [T]) {
        self.levels(active, levels, sums);
    }

    #[inline(always)]
    fn spikes(&self, active: &[u32], sums: &mut [T]) {
        let mut rest = active;
        while let Some(&first) = rest.first() {
            let pixel = first as usize / self.channels;
            let begin = pixel * self.channels;
            let near = &rest[..rest.len().min(self.channels)];
            let here = near.partition_point(|&input| (input as usize) < begin + self.channels);
            let (here, further) = rest.split_at(here);
            for &run in &self.runs[self.ends[pixel]..self.ends[pixel + 1]] {
                match self.sum_step {
                    0 => self.add_run(run, begin, here, sums),
                    step => here.iter().for_each(|&input| {
                        let sum = &mut sums[run.sums + (input as usize - begin) * step];
                        *sum = *sum + self.weights[run.weights];
                    }),
                }
            }
            rest = further;
        }
    }

    /// Adds the weights of several channels of a pixel to the same sums. It takes four channels at
    /// a time, so that sums are read and written less often.
    #[inline(always)]
    fn add_run(&self, run: Run, begin: usize, active: &[u32], sums: &mut [T]) {
        let sums = &mut sums[run.sums..][..run.length];
        let (quads, rest) = active.as_chunks::<4>();
        for quad in quads {
            let [a, b, c, d] = quad.map(|input| self.channel(run, input as usize - begin));
            for ((((sum, &a), &b), &c), &d) in sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *sum = *sum + a + b + c + d;
            }
        }
        for &input in rest {
            for (sum, &weight) in sums.iter_mut().zip(self.channel(run, input as usize - begin)) {
                *sum = *sum + weight;
            }
        }
    }

    #[inline(always)]
    fn levels(&self, active: &[u32], levels: impl Iterator<Item = T>, sums: &mut [T]) {
        for (&input, level) in active.iter().zip(levels) {
            let (pixel, channel) = (input as usize / self.channels, input as usize % self.channels);
            for &run in &self.runs[self.ends[pixel]..self.ends[pixel + 1]] {
                let sums = &mut sums[run.sums + channel * self.sum_step..][..run.length];
                for (sum, &weight) in sums.iter_mut().zip(self.channel(run, channel)) {
                    *sum = *sum + weight * level;
                }
            }
        }
    }

    #[inline(always)]
    fn channel(&self, run: Run, channel: usize) -> &[T] {
        &self.weights[run.weights + channel * self.weight_step..][..run.length]
    }
}

/// The kernel columns `0..extent`, grouped by their remainder by the stride, in falling order
/// within each group.
fn falling(extent: usize, stride: usize) -> Vec<usize> {
    let of_remainder = |remainder| (remainder..extent).step_by(stride).rev();
    (0..stride.min(extent)).flat_map(of_remainder).collect()
}

/// The runs of all pixels, and the end of the runs of each pixel.
///
/// `runs(positions, (ky, kx))` gives the runs of a pixel for one row of `positions` that cover it.
/// The first of these positions covers the pixel with row ky and column kx of the kernel.
fn runs_of_pixels(
    input: Volume,
    window: Window,
    runs: impl Fn(Range<usize>, (usize, usize)) -> Vec<Run>,
) -> (Vec<Run>, Vec<usize>) {
    let (rows, columns) = window.positions(input);
    let (mut all, mut ends) = (Vec::new(), vec![0]);
    for (y, x) in (0..input.height).flat_map(|y| (0..input.width).map(move |x| (y, x))) {
        for (row, ky) in window.covering(y, window.height, rows) {
            let mut across = window.covering(x, window.width, columns);
            if let Some((column, kx)) = across.next() {
                let first = row * columns + column;
                all.extend(runs(first..first + 1 + across.count(), (ky, kx)));
            }
        }
        ends.push(all.len());
    }
    (all, ends)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3};
    use proptest::prelude::*;
    use rand::RngExt;

    use super::*;
    use crate::network::fixtures::{connectivity, volume};
    use crate::seed::Seed;

    #[test]
    fn kernel_columns_fall_among_those_of_equal_remainder() {
        assert_eq!(falling(3, 1), [2, 1, 0]);
        assert_eq!(falling(5, 2), [4, 2, 0, 3, 1]);
        assert_eq!(falling(2, 3), [0, 1]);
    }

    proptest! {
        #[test]
        fn every_position_may_have_weights_of_its_own(seed: u64, share in 0.0..1.0) {
            let mut stream = Seed::root(seed).stream();
            let connectivity = connectivity(volume(&mut stream), &mut stream);
            prop_assume!(connectivity.kind() != "pool");
            let (positions, elements, channels) = (connectivity.positions(), connectivity.elements(), connectivity.weight_channels());
            let weights =
                Array3::from_shape_simple_fn((positions, elements, channels), || stream.random_range(-9i64..=9));
            let active: Vec<u32> =
                (0..connectivity.input().len() as u32).filter(|_| stream.random_bool(share)).collect();
            let mut expected = vec![0; connectivity.output().len()];
            for &input in &active {
                connectivity.for_each_position(input as usize, |position, element| {
                    (0..channels).for_each(|channel| expected[position * channels + channel] += weights[[position, element, channel]]);
                });
            }
            let mut sums = vec![0; connectivity.output().len()];
            FanOut::unshared(&connectivity, weights.view()).add_spikes(&active, &mut sums);
            prop_assert_eq!(&sums, &expected);
        }

        #[test]
        fn events_add_what_the_connectivity_says(seed: u64, share in 0.0..1.0) {
            let mut stream = Seed::root(seed).stream();
            let connectivity = connectivity(volume(&mut stream), &mut stream);
            let (elements, channels) = (connectivity.elements(), connectivity.weight_channels());
            let weights = Array2::from_shape_simple_fn((elements, channels), || stream.random_range(-9i64..=9));
            let active: Vec<u32> =
                (0..connectivity.input().len() as u32).filter(|_| stream.random_bool(share)).collect();
            let levels: Vec<i64> = active.iter().map(|_| stream.random_range(1..=5)).collect();
            let fan_out = FanOut::new(&connectivity, weights.view());
            let mut expected = vec![(0, 0); connectivity.output().len()];
            for (&input, &level) in active.iter().zip(&levels) {
                connectivity.for_each_position(input as usize, |position, element| {
                    for channel in 0..channels {
                        expected[position * channels + channel].0 += weights[[element, channel]];
                        expected[position * channels + channel].1 += weights[[element, channel]] * level;
                    }
                });
            }
            let (expected, expected_of_levels): (Vec<i64>, Vec<i64>) = expected.into_iter().unzip();
            let mut sums = vec![0; connectivity.output().len()];
            fan_out.add_spikes(&active, &mut sums);
            prop_assert_eq!(&sums, &expected);
            sums.fill(0);
            fan_out.add_levels(&active, levels.iter().copied(), &mut sums);
            prop_assert_eq!(&sums, &expected_of_levels);
        }
    }
}
