//! A data set from arrays of features and labels, whatever format they come from.

use std::path::Path;

use ndarray::Array2;

use super::layout::Layout;
use super::npy::{Array, Values};
use super::table::{About, Reals, Table, levels_of_bytes};
use crate::data::parts::{self, Parts};
use crate::data::{Channels, DataError, InputScaling, Reading, Samples, Scaling, classes};

/// The least maximum of features that nobody scaled, beside features of 0 to 1.
const UNSCALED: f64 = 100.0;

/// An array with its name for errors.
pub(crate) struct Named {
    /// How people name it: an array of an archive, or a file.
    pub name: String,
    /// The array.
    pub array: Array,
}

/// The arrays of one part.
pub(crate) struct ArrayPart {
    /// The features.
    pub x: Named,
    /// The labels as texts, one per sample.
    pub labels: Vec<String>,
}

/// The arrays of a data set.
pub(crate) struct ArraySet<'a> {
    /// The file or folder, for errors.
    pub file: &'a Path,
    /// The training part.
    pub train: ArrayPart,
    /// The validation part, if there is one.
    pub validation: Option<ArrayPart>,
    /// The test part, if there is one.
    pub test: Option<ArrayPart>,
    /// The names of the classes where they are known: the labels then are their numbers.
    pub classes: Option<Vec<String>>,
    /// Where the labels are, as people name it.
    pub label: String,
}

/// The features of a part.
enum Features {
    Bytes(Vec<u8>),
    Reals(Vec<f64>),
}

/// A part with numbered classes.
struct Numbered {
    features: Features,
    labels: Vec<u16>,
}

impl ArraySet<'_> {
    /// The parts with levels as inputs: whole numbers that stand for 0 to 1.
    ///
    /// Unsigned bytes are levels, and so are images of whole numbers from 0 to 255. The level for 1
    /// is 255, or the largest of the set if that is below 128. Other numbers become levels as in
    /// [`Table::into_parts`].
    ///
    /// # Errors
    /// The parts do not fit together, a value is not finite, or the labels are no classes.
    pub fn into_parts(self, channels: Channels) -> Result<Parts, DataError> {
        let file = self.file;
        let layout = Layout::of(&self.train.x.array.dims, channels, &self.train.x.name, file)?;
        let dims = self.train.x.array.dims[1..].to_vec();
        let parts = [Some(self.train), self.validation, self.test];
        let count = |part: &Option<ArrayPart>| part.as_ref().map_or(0, |part| part.labels.len());
        let counts = parts.each_ref().map(count);
        let all_labels = parts.iter().flatten().flat_map(|part| part.labels.iter().cloned()).collect();
        let (classes, labels) = numbered(all_labels, self.classes, &self.label, file)?;
        let mut labels = labels.into_iter();
        let mut numbered = Vec::new();
        for (part, count) in parts.into_iter().zip(counts) {
            let labels = labels.by_ref().take(count).collect();
            let features = part.map(|part| features(part.x, &dims, layout, file)).transpose()?;
            numbered.push(features.map(|features| Numbered { features, labels }));
        }
        assemble(layout, classes, numbered, self.label, file)
    }
}

/// The features of a part, with the channels last, once they have these `dims` and are finite numbers.
fn features(x: Named, dims: &[usize], layout: Layout, file: &Path) -> Result<Features, DataError> {
    let Named { name, array } = x;
    let wrong = |problem: String| DataError::malformed(file, format!("{name}: {problem}"));
    if array.dims[1..] != *dims {
        let found = &array.dims[1..];
        return Err(wrong(format!("samples of dimensions {found:?}; the training part has {dims:?}")));
    }
    match array.values {
        Values::Texts(_) => Err(wrong("texts; must be numbers".into())),
        Values::Bytes(bytes) => Ok(Features::Bytes(layout.channels_last(bytes))),
        Values::Reals(reals) => match reals.iter().position(|value| !value.is_finite()) {
            Some(at) => {
                let sample = at / dims.iter().product::<usize>().max(1);
                Err(wrong(format!("{} in sample {sample}: must be finite", reals[at])))
            }
            None => Ok(Features::Reals(layout.channels_last(reals))),
        },
    }
}

/// The names of the classes, and the class of each label. If the names are `known`, the labels are
/// numbers of classes.
fn numbered(
    labels: Vec<String>,
    known: Option<Vec<String>>,
    source: &str,
    file: &Path,
) -> Result<(Vec<String>, Vec<u16>), DataError> {
    let Some(names) = known else { return classes::number(&labels, source, file) };
    let wrong =
        |label: &str| DataError::malformed(file, format!("{source}: label {label}: must number a class"));
    let number = |label: &String| label.parse().map_err(|_| wrong(label));
    let numbers: Vec<u16> = labels.iter().map(number).collect::<Result<_, _>>()?;
    parts::check_labels(&numbers, names.len(), file)?;
    Ok((names, numbers))
}

/// The parts from those of training, validation and test.
fn assemble(
    layout: Layout,
    classes: Vec<String>,
    parts: Vec<Option<Numbered>>,
    label: String,
    file: &Path,
) -> Result<Parts, DataError> {
    check_ranges(&parts, file)?;
    let inputs = layout.shape.iter().product();
    if parts.iter().flatten().all(|part| part.features.are_levels(layout)) {
        let samples = parts.into_iter().map(|part| part.map(|part| part.into_samples(inputs)));
        return Ok(of_levels(layout.shape, classes, three(samples), Some(label)));
    }
    let (train, validation, test) =
        three(parts.into_iter().map(|part| part.map(|part| part.into_reals(inputs))));
    let (shape, scale, is_test_cut) = (layout.shape, layout.scale(), false);
    let about = About { label: Some(label), ..About::default() };
    Table { shape, scale, classes, train, validation, test, is_test_cut, about }.into_parts()
}

/// Refuses parts of which one was scaled to 0 to 1 and another was not.
fn check_ranges(parts: &[Option<Numbered>], file: &Path) -> Result<(), DataError> {
    let largest = |part: &Numbered| part.features.largest();
    let filled = parts.iter().flatten().filter(|part| !part.labels.is_empty());
    let largest: Vec<f64> = filled.map(largest).collect();
    let has = |is: fn(f64) -> bool| largest.iter().copied().find(|&value| is(value));
    match (has(|value| value > 0.0 && value <= 1.0), has(|value| value >= UNSCALED)) {
        (Some(scaled), Some(unscaled)) => {
            let problem = format!(
                "the largest values of its parts are {scaled} and {unscaled}: scale all parts in the same way"
            );
            Err(DataError::malformed(file, problem))
        }
        _ => Ok(()),
    }
}

/// The training part, which is always there, and the other two.
fn three<T>(mut parts: impl Iterator<Item = Option<T>>) -> (T, Option<T>, Option<T>) {
    let train = parts.next().flatten().expect("a data set has a training part");
    (train, parts.next().flatten(), parts.next().flatten())
}

/// The parts of a data set whose inputs are bytes.
pub(super) fn of_levels(
    shape: [usize; 3],
    classes: Vec<String>,
    (train, validation, test): (Samples, Option<Samples>, Option<Samples>),
    label: Option<String>,
) -> Parts {
    let largest = |part: &Samples| part.inputs.iter().copied().max().unwrap_or(0);
    let others = validation.iter().chain(&test).map(largest);
    let levels = levels_of_bytes(others.fold(largest(&train), u8::max));
    let least = train.inputs.iter().copied().min().unwrap_or(0);
    let reading = Reading {
        label,
        header: None,
        range: [f64::from(least), f64::from(largest(&train))],
        scaling: Scaling::Divided { maximum: levels },
        inputs: InputScaling::Levels,
        columns: None,
        is_test_cut: false,
        notes: Vec::new(),
        identifiers: Vec::new(),
        schema: None,
    };
    Parts { shape, levels, classes, train, validation, test, reading, groups: None }
}

impl Features {
    fn largest(&self) -> f64 {
        match self {
            Self::Bytes(bytes) => bytes.iter().copied().max().unwrap_or(0).into(),
            Self::Reals(reals) => reals.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// Whether the values are levels: bytes, or images of whole numbers from 0 to 255. Images of 0
    /// and 1 alone are not.
    fn are_levels(&self, layout: Layout) -> bool {
        match self {
            Self::Bytes(_) => true,
            Self::Reals(reals) => {
                let is_level = |&real: &f64| (0.0..=255.0).contains(&real) && real.fract() == 0.0;
                let is_image = layout.shape[..2] != [1, 1];
                is_image && reals.iter().all(is_level) && reals.iter().any(|&real| real > 1.0)
            }
        }
    }
}

impl Numbered {
    /// The samples, of values that are levels.
    fn into_samples(self, inputs: usize) -> Samples {
        let bytes = match self.features {
            Features::Bytes(bytes) => bytes,
            Features::Reals(reals) => reals.into_iter().map(|real| real as u8).collect(),
        };
        Samples { inputs: matrix(bytes, inputs, self.labels.len()), labels: self.labels }
    }

    fn into_reals(self, inputs: usize) -> Reals {
        let values = match self.features {
            Features::Bytes(bytes) => bytes.into_iter().map(f64::from).collect(),
            Features::Reals(reals) => reals,
        };
        Reals { features: matrix(values, inputs, self.labels.len()), labels: self.labels }
    }
}

fn matrix<T>(values: Vec<T>, inputs: usize, count: usize) -> Array2<T> {
    Array2::from_shape_vec((count, inputs), values).expect("labels were counted when they were read")
}
