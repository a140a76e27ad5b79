//! Values become inputs and are handed on in batches.

use std::ops::ControlFlow;
use std::path::Path;

use ndarray::ArrayView2;

use crate::data::{InputScaling, Preprocessing};

/// The least value of samples that nobody scaled, for a network that was trained on 0 to 1.
const UNSCALED: f64 = 100.0;

/// Samples that follow one another in a file.
#[derive(Debug)]
pub struct Batch<'a> {
    /// The number of the first, from 0.
    pub first: u64,
    /// The inputs, (N, I), each 0 to [`Preprocessing::levels`].
    pub inputs: ArrayView2<'a, u8>,
    /// The file of each sample, (N); empty where all samples are in one file.
    pub files: &'a [String],
}

/// Takes a batch; `Break` ends the reading.
pub type Visit<'a> = dyn FnMut(Batch<'_>) -> ControlFlow<()> + 'a;

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadSamples {
    /// The number of samples that were handed on.
    pub samples: u64,
    /// What was left out or changed, one sentence each.
    pub notes: Vec<String>,
}

/// Collects the inputs of a batch.
pub(super) struct Collector<'a> {
    trained: &'a Preprocessing,
    /// Samples in a batch, at least 1.
    batch: usize,
    /// The inputs of the samples that were not handed on.
    levels: Vec<u8>,
    /// The files of these samples, where each has its own.
    files: Vec<String>,
    /// The number of samples that were handed on.
    handed_on: u64,
    /// The number of values beyond the range of the training.
    clamped: u64,
    visit: &'a mut Visit<'a>,
}

impl<'a> Collector<'a> {
    /// A collector of batches of `batch` samples for `visit`.
    pub fn new(trained: &'a Preprocessing, batch: usize, visit: &'a mut Visit<'a>) -> Self {
        let levels = Vec::with_capacity(batch.min(1 << 12) * trained.inputs());
        Self { trained, batch: batch.max(1), levels, files: Vec::new(), handed_on: 0, clamped: 0, visit }
    }

    /// Adds one sample, whose `values` (I) are finite.
    ///
    /// # Errors
    /// The feature whose value cannot be of this network, and the rule that it breaks.
    pub fn add(&mut self, values: &[f64]) -> Result<ControlFlow<()>, (usize, &'static str)> {
        for (feature, &value) in values.iter().enumerate() {
            let level = level(self.trained, feature, value, &mut self.clamped);
            self.levels.push(level.map_err(|rule| (feature, rule))?);
        }
        Ok(self.hand_on_if_full())
    }

    /// Adds the pixels (I) of a picture that lies in `file`.
    ///
    /// # Errors
    /// The input whose value cannot be of this network, and the rule that it breaks.
    pub fn add_picture(
        &mut self,
        file: &Path,
        pixels: &[u8],
    ) -> Result<ControlFlow<()>, (usize, &'static str)> {
        let scale = if self.trained.is_unit() { 1.0 / 255.0 } else { 1.0 };
        let values: Vec<f64> = pixels.iter().map(|&pixel| f64::from(pixel) * scale).collect();
        self.files.push(file.display().to_string());
        self.add(&values)
    }

    /// The number of samples that fit into the batch.
    pub fn room(&self) -> usize {
        self.batch - self.levels.len() / self.trained.inputs()
    }

    /// Adds samples of bytes, at most [`Collector::room`], where whole numbers are inputs as they are;
    /// `fill` appends them.
    ///
    /// # Errors
    /// Those of `fill`.
    pub fn add_levels<E>(
        &mut self,
        fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<ControlFlow<()>, E> {
        let before = self.levels.len();
        fill(&mut self.levels)?;
        let most = self.trained.levels;
        if most < u8::MAX {
            for level in self.levels[before..].iter_mut().filter(|level| **level > most) {
                *level = most;
                self.clamped += 1;
            }
        }
        Ok(self.hand_on_if_full())
    }

    fn hand_on_if_full(&mut self) -> ControlFlow<()> {
        if self.room() == 0 { self.hand_on() } else { ControlFlow::Continue(()) }
    }

    fn hand_on(&mut self) -> ControlFlow<()> {
        let inputs = self.trained.inputs();
        let samples = self.levels.len() / inputs;
        let view = ArrayView2::from_shape((samples, inputs), &self.levels[..samples * inputs]);
        let batch = Batch {
            first: self.handed_on,
            inputs: view.expect("whole samples were added"),
            files: &self.files,
        };
        let flow = (self.visit)(batch);
        self.handed_on += samples as u64;
        self.levels.clear();
        self.files.clear();
        flow
    }

    /// Hands on the last batch, and tells what was read.
    pub fn finish(mut self, mut notes: Vec<String>) -> ReadSamples {
        if !self.levels.is_empty() {
            let _ = self.hand_on();
        }
        notes.extend(clamped_note(self.clamped));
        ReadSamples { samples: self.handed_on, notes }
    }
}

/// The input that `value` of `feature` becomes; counts it in `clamped` if it is beyond the range of the
/// training.
///
/// # Errors
/// The rule that the value breaks.
pub(super) fn level(
    trained: &Preprocessing,
    feature: usize,
    value: f64,
    clamped: &mut u64,
) -> Result<u8, &'static str> {
    if matches!(trained.scaling, InputScaling::Levels) && value.fract() != 0.0 {
        return Err("must be a whole number, as every value of the training is: scale it in the same way");
    }
    if trained.is_unit() && value >= UNSCALED {
        return Err("must be from 0 to 1, as every value of the training is: scale it in the same way");
    }
    let (low, high) = trained.range(feature);
    *clamped += u64::from(value < low || value > high);
    Ok(trained.level(feature, value))
}

/// A note on the values beyond the ranges of the training, if there are any.
pub(super) fn clamped_note(clamped: u64) -> Option<String> {
    (clamped > 0).then(|| format!("values beyond the range of the training are clamped: {clamped}"))
}
