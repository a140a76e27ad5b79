//! Counts of activity: on how many samples every input and neuron was active, but not on which.
//!
//! Dense layers are computed on a matrix unit, several samples at once, see [`super::tiles`]. If
//! counts are enough, no list of active inputs is made.

use ndarray::ArrayView2;

use super::layer::{SimulatedLayer, TiledLayer};
use super::matrix_unit::{INPUTS, Line, MatrixUnit, NEURONS, ROWS};
use super::simulator::Simulator;
use super::tile_sum::TileSum;
use super::tiles::{first_row, rows, tile_rows};
use crate::backend::error::RunError;
use crate::network::Decision;

/// The counts of one block of samples; the memory is reused for the next block.
#[derive(Default)]
pub(in crate::backend) struct Counts {
    /// By source, the network's inputs first: the number of samples on which each input or neuron
    /// was active.
    pub active: Vec<Vec<u32>>,
    /// The decision on each sample.
    pub decisions: Vec<Decision>,
    /// Whether any input was above 1.
    pub graded: bool,
    /// Levels of the current layer's source, and of its neurons.
    lines: [Vec<Line>; 2],
    scores: Vec<i32>,
}

impl Counts {
    /// Number of samples in a block; small enough to count them in a byte.
    pub const BLOCK: usize = 128;
}

impl Simulator {
    /// Whether [`Simulator::count`] can run this network. All layers must be dense and on a matrix
    /// unit, each must receive the layer before it, and no spike may get lost.
    pub(in crate::backend) fn can_count(&self) -> bool {
        let follows = |(index, sources): (usize, &Vec<usize>)| sources == &[index];
        let has_tiles =
            |layer: &SimulatedLayer| matches!(layer, SimulatedLayer::Tiled(_) | SimulatedLayer::WideTiled(_));
        self.drop.is_none()
            && self.layers.iter().all(has_tiles)
            && self.sources.iter().enumerate().all(follows)
    }

    /// Runs the samples `inputs`: up to [`Counts::BLOCK`] rows of I inputs. `first` is the number
    /// of the first sample, for errors.
    ///
    /// # Errors
    /// [`RunError::Level`] if an input is above the network's largest.
    ///
    /// # Panics
    /// If [`Simulator::can_count`] is false.
    pub(in crate::backend) fn count(
        &self,
        first: usize,
        inputs: ArrayView2<'_, u8>,
        counts: &mut Counts,
    ) -> Result<(), RunError> {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx512bw") && std::is_x86_feature_detected!("avx512vl") {
            // SAFETY: the processor has the features that the call needs, as just checked.
            return unsafe { self.count_with_avx512(first, inputs, counts) };
        }
        self.count_samples(first, inputs, counts)
    }

    /// [`Simulator::count_samples`] compiled for processors with AVX-512: the same results in fewer
    /// instructions.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn count_with_avx512(
        &self,
        first: usize,
        inputs: ArrayView2<'_, u8>,
        counts: &mut Counts,
    ) -> Result<(), RunError> {
        self.count_samples(first, inputs, counts)
    }

    #[inline(always)]
    fn count_samples(
        &self,
        first: usize,
        inputs: ArrayView2<'_, u8>,
        counts: &mut Counts,
    ) -> Result<(), RunError> {
        let samples = inputs.nrows();
        let Counts { active, lines: [below, above], .. } = counts;
        active.resize_with(self.layers.len() + 1, Vec::new);
        counts.graded = self.read_lines(first, inputs, below)?;
        count_active(below, self.inputs, &mut active[0]);
        for (layer, active) in self.layers.iter().zip(&mut active[1..]) {
            let neurons = match layer {
                SimulatedLayer::Tiled(layer) => layer.fire(below, samples, above),
                SimulatedLayer::WideTiled(layer) => layer.fire(below, samples, above),
                _ => panic!("all layers have tiles"),
            };
            count_active(above, neurons, active);
            std::mem::swap(below, above);
        }
        self.decide(samples, counts);
        Ok(())
    }

    /// Copies the levels of all inputs to `lines`; returns whether one is above 1.
    #[inline(always)]
    fn read_lines(
        &self,
        first: usize,
        inputs: ArrayView2<'_, u8>,
        lines: &mut Vec<Line>,
    ) -> Result<bool, RunError> {
        empty_lines(lines, inputs.nrows(), self.inputs);
        let mut largest = 0;
        for (sample, row) in inputs.rows().into_iter().enumerate() {
            let row = row.as_standard_layout();
            let row = row.as_slice().expect("a row in standard layout lies in one piece");
            largest = largest.max(self.check_levels(first + sample, row)?);
            for (line, levels) in tile_rows(sample, self.inputs).zip(row.chunks(INPUTS)) {
                lines[line].0[..levels.len()].copy_from_slice(levels);
            }
        }
        Ok(largest > 1)
    }

    /// Decides each sample from the spikes of the output neurons.
    #[inline(always)]
    fn decide(&self, samples: usize, counts: &mut Counts) {
        let Counts { lines: [outputs, _], scores, decisions, .. } = counts;
        let (width, classes) = (self.decoder.score_lines(outputs, samples, scores), self.decoder.classes());
        decisions.clear();
        decisions
            .extend(scores.chunks_exact(width).take(samples).map(|scores| Decision::of(&scores[..classes])));
    }
}

impl<T: TileSum> TiledLayer<T> {
    /// Writes to `above` a 1 for every neuron and sample where the neuron fires, given the levels
    /// `below` of its inputs. Returns the number of neurons.
    #[inline(always)]
    fn fire(&self, below: &[Line], samples: usize, above: &mut Vec<Line>) -> usize {
        let neurons = self.neurons();
        empty_lines(above, samples, neurons);
        let (unit, mut squares) = (MatrixUnit::new(), T::Squares::default());
        for neuron in (0..neurons).step_by(2 * NEURONS) {
            let thresholds = &self.thresholds[neuron..neurons.min(neuron + 2 * NEURONS)];
            for sample in (0..samples).step_by(2 * ROWS) {
                let square = self.tiles.multiply(&unit, below, (sample, neuron), &mut squares);
                for (sample, sums) in (sample..samples).step_by(ROWS).zip(square.chunks(ROWS)) {
                    let first = first_row(sample, neurons) + neuron / INPUTS * ROWS;
                    let lines = above[first..first + ROWS.min(samples - sample)].iter_mut();
                    for (line, sums) in lines.zip(sums) {
                        let spikes = line.0[neuron % INPUTS..].iter_mut().zip(sums).zip(thresholds);
                        spikes.for_each(|((spike, sum), threshold)| *spike = u8::from(sum >= threshold));
                    }
                }
            }
        }
        neurons
    }
}

/// Resizes `lines` for `samples` samples of `width` inputs, with all levels 0.
fn empty_lines(lines: &mut Vec<Line>, samples: usize, width: usize) {
    lines.clear();
    lines.resize(rows(samples) * width.div_ceil(INPUTS), Line([0; INPUTS]));
}

/// Writes to `counts`, (width), the number of samples on which each input is active.
#[inline(always)]
fn count_active(lines: &[Line], width: usize, counts: &mut Vec<u32>) {
    counts.clear();
    let steps = width.div_ceil(INPUTS);
    let (tiles, _) = lines.as_chunks::<ROWS>();
    for step in 0..steps {
        let mut sums = [0u8; INPUTS];
        for rows in tiles.iter().skip(step).step_by(steps) {
            for (input, sum) in sums.iter_mut().enumerate() {
                *sum += rows.iter().map(|row| u8::from(row.0[input] > 0)).sum::<u8>();
            }
        }
        counts.extend(sums.map(u32::from));
    }
    counts.truncate(width);
}
