//! Arrays of samples, a few at a time: the first dimension counts samples.

use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;

use super::collector::Collector;
use super::numbers::Numbers;
use crate::data::format::layout::Layout;
use crate::data::format::stream::read_error;
use crate::data::{Channels, DataError, InputScaling, Preprocessing};

/// The bytes of the file that are read at once.
const CHUNK: usize = 1 << 18;

/// An array in row-major order whose numbers are read while they are needed.
pub(super) struct ArrayStream<R> {
    /// The bytes of the numbers.
    pub bytes: R,
    /// The dimensions: samples, then those of a sample.
    pub dims: Vec<usize>,
    /// The type of the numbers.
    pub numbers: Numbers,
    /// The name of the array for errors.
    pub name: String,
}

impl<R: Read> ArrayStream<R> {
    /// Hands all samples to `collector`, in their order.
    ///
    /// # Errors
    /// Samples have another shape than those of the training, or a value breaks a rule.
    pub fn read(
        mut self,
        trained: &Preprocessing,
        channels: Channels,
        collector: &mut Collector<'_>,
        file: &Path,
    ) -> Result<(), DataError> {
        let layout = fitting(&self.dims, &self.name, trained, channels, file)?;
        let samples = self.dims[0];
        let are_levels = self.numbers.are_bytes() && trained.scaling == InputScaling::Levels;
        let mut done = 0;
        while done < samples {
            let at_once = (CHUNK / (trained.inputs() * self.numbers.bytes())).max(1);
            let count = collector.room().min(samples - done).min(at_once);
            let flow = match are_levels && !layout.is_channels_first {
                true => self.levels(count * trained.inputs(), collector, file)?,
                false => self.values(done, count, layout, collector, file)?,
            };
            if flow.is_break() {
                return Ok(());
            }
            done += count;
        }
        self.check_end(file)
    }

    /// Hands on `count` bytes as they are.
    fn levels(
        &mut self,
        count: usize,
        collector: &mut Collector<'_>,
        file: &Path,
    ) -> Result<ControlFlow<()>, DataError> {
        let bytes = &mut self.bytes;
        collector.add_levels(|levels| {
            let start = levels.len();
            levels.resize(start + count, 0);
            bytes.read_exact(&mut levels[start..]).map_err(|error| read_error(file, error))
        })
    }

    /// Hands on `count` samples, of which the first has the number `first`.
    fn values(
        &mut self,
        first: usize,
        count: usize,
        layout: Layout,
        collector: &mut Collector<'_>,
        file: &Path,
    ) -> Result<ControlFlow<()>, DataError> {
        let inputs: usize = layout.shape.iter().product();
        let mut bytes = vec![0; count * inputs * self.numbers.bytes()];
        self.bytes.read_exact(&mut bytes).map_err(|error| read_error(file, error))?;
        let mut values = Vec::with_capacity(count * inputs);
        self.numbers.read(&bytes, &mut values);
        let values = layout.channels_last(values);
        for (number, sample) in values.chunks_exact(inputs).enumerate() {
            let wrong = |value: f64, rule: &str| {
                let (name, sample) = (&self.name, first + number);
                DataError::malformed(file, format!("{name}: {value} in sample {sample}: {rule}"))
            };
            if let Some(&value) = sample.iter().find(|value| !value.is_finite()) {
                return Err(wrong(value, "must be finite"));
            }
            if collector.add(sample).map_err(|(feature, rule)| wrong(sample[feature], rule))?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Refuses bytes after the last sample; the end of a packed stream also checks what was read.
    fn check_end(&mut self, file: &Path) -> Result<(), DataError> {
        let mut more = [0];
        match self.bytes.read(&mut more).map_err(|error| read_error(file, error))? {
            0 => Ok(()),
            _ => {
                let problem = format!("{}: goes on after the samples that its header promises", self.name);
                Err(DataError::malformed(file, problem))
            }
        }
    }
}

/// The layout of an array of these `dims` whose samples fit those of the training.
pub(super) fn fitting(
    dims: &[usize],
    name: &str,
    trained: &Preprocessing,
    channels: Channels,
    file: &Path,
) -> Result<Layout, DataError> {
    let shape = trained.shape;
    let layout = match (dims, channels) {
        (&[_, first, height, width], Channels::Detect) if [height, width, first] == shape => {
            let is_also_last = [first, height, width] == shape;
            match is_also_last && first > 1 {
                true => Layout::of(dims, channels, name, file)?,
                false => Layout { shape, is_channels_first: first > 1 },
            }
        }
        _ => Layout::of(dims, channels, name, file)?,
    };
    let has_as_many = layout.shape.iter().product::<usize>() == trained.inputs();
    let is_list = |shape: [usize; 3]| shape[..2] == [1, 1];
    let is_flattened = (is_list(shape) && layout.shape[2] == 1) || (is_list(layout.shape) && shape[2] == 1);
    let is_flattened = has_as_many && is_flattened;
    if layout.shape == shape || is_flattened {
        return Ok(layout);
    }
    let shown = |[height, width, channels]: [usize; 3]| match [height, width] {
        [1, 1] => format!("{channels} values"),
        _ => format!("{height} x {width} x {channels}"),
    };
    let problem = format!("{name}: samples of {}; the network takes {}", shown(layout.shape), shown(shape));
    Err(DataError::malformed(file, problem))
}
