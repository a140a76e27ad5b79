//! The weights of a dense layer in panels of 64 neurons. A panel stays in the nearest cache during
//! a block of samples.
//!
//! The sums of a panel's neurons are in registers while the weights of each active input are added.
//! If most inputs are active, the weights of the silent inputs are subtracted from the sum of all
//! weights instead. So no sample costs more than half of the weights, and the integers are the
//! same.

use ndarray::ArrayView2;

use super::events::EventLists;
use super::lane::Lane;
use super::presynaptic::PresynapticInputs;

/// Number of neurons in a panel.
const WIDTH: usize = 64;

/// The weights of a dense layer in type `W`, for sums in type `T`.
#[derive(Clone, Debug)]
pub(super) struct Panels<W, T> {
    /// Panel by panel, one row per input.
    rows: Vec<[W; WIDTH]>,
    /// For each panel the sums if every input is active once.
    totals: Vec<[T; WIDTH]>,
    inputs: usize,
}

/// Memory of a step.
pub(super) struct PanelBuffers<'a, T> {
    /// Silent inputs, one entry per source.
    pub silent: &'a mut Vec<EventLists>,
    /// (samples, width): the sums, to be written.
    pub sums: &'a mut [T],
}

impl<W: Copy + Default + Into<T>, T: Lane> Panels<W, T> {
    /// The panels of `weights`, (inputs, neurons); `narrowed` converts each to `W`.
    pub fn new(weights: ArrayView2<'_, i64>, narrowed: impl Fn(i64) -> W) -> Self {
        let (inputs, neurons) = weights.dim();
        let mut rows = Vec::with_capacity(neurons.div_ceil(WIDTH) * inputs);
        for first in (0..neurons).step_by(WIDTH) {
            for row in weights.rows() {
                let weight = |at| row.get(first + at).map_or(W::default(), |&weight| narrowed(weight));
                rows.push(std::array::from_fn(weight));
            }
        }
        let total = |panel: &[[W; WIDTH]]| {
            let mut sums = [T::default(); WIDTH];
            panel.iter().for_each(|row| add(&mut sums, row));
            sums
        };
        let totals = rows.chunks_exact(inputs.max(1)).map(total).collect();
        Self { rows, totals, inputs }
    }

    /// The number of neurons, with those that fill up the last panel.
    pub fn width(&self) -> usize {
        self.totals.len() * WIDTH
    }

    /// Writes to `buffers.sums` the sums of all samples in `received`.
    pub fn sum(&self, received: PresynapticInputs<'_>, buffers: PanelBuffers<'_, T>) {
        self.list_silent(received, buffers.silent);
        #[cfg(target_arch = "x86_64")]
        {
            if std::is_x86_feature_detected!("avx512bw") && std::is_x86_feature_detected!("avx512vl") {
                // SAFETY: the processor has the features that the call needs, as just checked.
                return unsafe { self.sum_with_avx512(received, buffers) };
            }
            if std::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2, as just checked, and the call needs nothing else.
                return unsafe { self.sum_with_avx2(received, buffers) };
            }
        }
        self.sum_panels(received, buffers);
    }

    /// [`Panels::sum_panels`] compiled for processors with AVX-512: the same integers in fewer
    /// instructions.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn sum_with_avx512(&self, received: PresynapticInputs<'_>, buffers: PanelBuffers<'_, T>) {
        self.sum_panels(received, buffers);
    }

    /// [`Panels::sum_panels`] compiled for processors with AVX2.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn sum_with_avx2(&self, received: PresynapticInputs<'_>, buffers: PanelBuffers<'_, T>) {
        self.sum_panels(received, buffers);
    }

    /// Lists the silent inputs of each source and sample, where silent inputs are fewer than active
    /// ones.
    fn list_silent(&self, received: PresynapticInputs<'_>, silent: &mut Vec<EventLists>) {
        silent.resize_with(received.sources.len().max(silent.len()), EventLists::default);
        for (&source, lists) in received.sources.iter().zip(silent) {
            lists.clear();
            for sample in 0..received.samples() {
                let active = received.events[source].of(sample);
                let mut next = active.iter().copied().peekable();
                let inputs = if self.is_mostly(active) { self.inputs } else { 0 };
                lists.push((0..inputs).map(|input| next.next_if_eq(&(input as u32)).is_none()));
            }
        }
    }

    fn is_mostly(&self, active: &[u32]) -> bool {
        2 * active.len() > self.inputs
    }

    #[inline(always)]
    fn sum_panels(&self, received: PresynapticInputs<'_>, buffers: PanelBuffers<'_, T>) {
        let width = self.width();
        for (panel, rows) in self.rows.chunks_exact(self.inputs).enumerate() {
            for (sample, sums) in buffers.sums.chunks_exact_mut(width).enumerate() {
                let mut sum = [T::default(); WIDTH];
                for (&source, silent) in received.sources.iter().zip(&*buffers.silent) {
                    let active = received.events[source].of(sample);
                    match received.levels_of(source, sample) {
                        Some(levels) => add_levels(&mut sum, rows, active, levels),
                        None if self.is_mostly(active) => {
                            add(&mut sum, &self.totals[panel]);
                            subtract(&mut sum, rows, silent.of(sample));
                        }
                        None => active.iter().for_each(|&input| add(&mut sum, &rows[input as usize])),
                    }
                }
                sums[panel * WIDTH..][..WIDTH].copy_from_slice(&sum);
            }
        }
    }
}

#[inline(always)]
fn add<W: Copy + Into<T>, T: Lane>(sums: &mut [T; WIDTH], row: &[W; WIDTH]) {
    for (sum, &weight) in sums.iter_mut().zip(row) {
        *sum = sum.plus(weight.into());
    }
}

/// Subtracts the rows of the inputs `silent`.
#[inline(always)]
fn subtract<W: Copy + Into<T>, T: Lane>(sums: &mut [T; WIDTH], rows: &[[W; WIDTH]], silent: &[u32]) {
    for &input in silent {
        for (sum, &weight) in sums.iter_mut().zip(&rows[input as usize]) {
            *sum = sum.minus(weight.into());
        }
    }
}

/// Adds the rows of the inputs `active`, each times its level.
#[inline(always)]
fn add_levels<W: Copy + Into<T>, T: Lane>(
    sums: &mut [T; WIDTH],
    rows: &[[W; WIDTH]],
    active: &[u32],
    levels: &[u8],
) {
    for (&input, &level) in active.iter().zip(levels) {
        let level = T::narrowed(i64::from(level));
        for (sum, &weight) in sums.iter_mut().zip(&rows[input as usize]) {
            *sum = sum.plus(weight.into() * level);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;
    use rand::RngExt;

    use super::super::events::EventLists;
    use super::*;
    use crate::seed::Seed;

    /// The sums of neurons with two sources, by panels and in plain loops.
    fn sums<T: Lane + From<i8> + Into<i64>>(
        [inputs, neurons, samples]: [usize; 3],
        share: f64,
        graded: bool,
        seed: u64,
    ) -> [Vec<i64>; 2] {
        let mut stream = Seed::root(seed).stream();
        let weights = Array2::from_shape_simple_fn((inputs, neurons), || stream.random_range(-20i64..=20));
        let mut events = [EventLists::default(), EventLists::default()];
        let mut levels = Vec::new();
        let mut expected = vec![0; samples * neurons];
        events.iter_mut().for_each(EventLists::clear);
        for (sample, sums) in expected.chunks_exact_mut(neurons).enumerate() {
            for (source, events) in events.iter_mut().enumerate() {
                events.push((0..inputs).map(|_| stream.random_bool(share)));
                for &input in events.of(sample) {
                    let level = if graded && source == 0 { stream.random_range(1..=9) } else { 1 };
                    levels.extend((source == 0).then_some(level));
                    let row = weights.row(input as usize);
                    sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight * i64::from(level));
                }
            }
        }
        let panels = Panels::<i8, T>::new(weights.view(), |weight| weight as i8);
        let mut found = vec![T::default(); samples * panels.width()];
        let received =
            PresynapticInputs { sources: &[0, 1], events: &events, levels: graded.then_some(&levels) };
        panels.sum(received, PanelBuffers { silent: &mut Vec::new(), sums: &mut found });
        let found = found.chunks_exact(panels.width()).flat_map(|sums| &sums[..neurons]);
        [found.map(|&sum| sum.into()).collect(), expected]
    }

    proptest! {
        /// Covers samples with few active inputs and samples with few silent ones.
        #[test]
        fn panels_sum_what_plain_loops_sum(
            inputs in 1usize..150, neurons in 1usize..150, samples in 1usize..5, share in 0.0..=1.0,
            graded: bool, seed: u64,
        ) {
            let shape = [inputs, neurons, samples];
            for [found, expected] in [
                sums::<i32>(shape, share, graded, seed), sums::<i64>(shape, share, graded, seed),
            ] {
                prop_assert_eq!(found, expected);
            }
            if inputs < 75 {
                let [found, expected] = sums::<i16>(shape, share, graded, seed);
                prop_assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn a_sum_of_all_that_does_not_fit_does_no_harm() {
        // 300 times 127 is above 32,767; minus the 100 silent inputs it is not.
        let panels =
            Panels::<i8, i16>::new(Array2::from_elem((300, 1), 127i64).view(), |weight| weight as i8);
        let mut events = EventLists::default();
        events.clear();
        events.push((0..300).map(|input| input % 3 > 0));
        let mut found = vec![0; panels.width()];
        let received = PresynapticInputs { sources: &[0], events: &[events], levels: None };
        panels.sum(received, PanelBuffers { silent: &mut Vec::new(), sums: &mut found });
        assert_eq!(found[0], 200 * 127);
    }
}
