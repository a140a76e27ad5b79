//! Labelled samples of a file or a data set, by the scaling and the classes of a training.

use std::ops::ControlFlow;
use std::path::Path;

use ndarray::Array2;

use super::archive::Kind;
use super::array::fitting;
use super::collector::{clamped_note, level};
use super::columns::ColumnRequest;
use super::table;
use crate::data::format::arrays::{ArrayPart, ArraySet, Named};
use crate::data::format::cifar::Cifar;
use crate::data::format::images::{self, LabelledPictures};
use crate::data::format::npy::{Array, Values};
use crate::data::format::{idx, idx_folder, npy_files, npz, stream};
use crate::data::{
    DataError, Dataset, ImageSize, InputScaling, LoadProgress, OpenOptions, Preprocessing, Samples, Sources,
    catalogue, classes,
};
use crate::input::suggestion;

/// The parts of a file, the first of them whole, in the order of the file.
pub(super) struct Gathered {
    /// The training part, or all samples of a source that has no parts.
    pub train: Samples,
    /// The validation part, if the source has one.
    pub validation: Option<Samples>,
    /// The test part, if the source has one.
    pub test: Option<Samples>,
    /// Whether the test part was cut from the training part: that of a built-in data set may be.
    pub is_test_cut: bool,
    /// The group of each training sample as a text, if the training had groups and the source has them.
    pub groups: Option<Vec<String>>,
    /// Where the labels are, as people name it.
    pub label: Option<String>,
    /// Whether a table has a header.
    pub header: Option<bool>,
    /// The smallest and the largest value.
    pub range: [f64; 2],
    /// What was left out or changed.
    pub notes: Vec<String>,
}

/// Gathers samples: turns values into inputs and labels into classes.
pub(super) struct Gatherer<'a> {
    trained: &'a Preprocessing,
    file: &'a Path,
    clamped: u64,
    range: [f64; 2],
}

impl<'a> Gatherer<'a> {
    /// A gatherer for `file`.
    pub fn new(trained: &'a Preprocessing, file: &'a Path) -> Self {
        Self { trained, file, clamped: 0, range: [f64::INFINITY, f64::NEG_INFINITY] }
    }

    /// The samples of the data set or the file.
    ///
    /// # Errors
    /// It cannot be read, its samples do not fit those of the training, or a class is unknown.
    pub fn gather(
        self,
        name: &str,
        options: &OpenOptions,
        sources: &Sources,
        progress: &mut dyn FnMut(LoadProgress<'_>),
    ) -> Result<Gathered, DataError> {
        let file = self.file;
        let is_known = catalogue::find(name).is_ok();
        if !is_known && file.is_file() {
            match Kind::of(file)? {
                Kind::Table if !is_archive(file) => return self.table(options),
                Kind::Npz => return self.arrays(npz::read_arrays(file)?, options),
                Kind::Npy | Kind::Idx => {
                    let problem =
                        "has no labels: use `tune predict`, which needs none, or an NPZ archive with both";
                    return Err(DataError::malformed(file, problem));
                }
                Kind::Table => {}
            }
        }
        if !is_known && file.is_dir() && is_folder_of_pictures(file) {
            return self.pictures(options, progress);
        }
        if !is_known
            && file.is_dir()
            && let Ok(Some((train, test))) = idx_folder::pairs(file)
        {
            return self.arrays(idx::read_arrays(&train, test.as_ref(), file)?, options);
        }
        let set = Dataset::open(name, options, sources, progress)?;
        self.set(set)
    }

    /// Labelled pictures, scaled to the shape of the training.
    fn pictures(
        mut self,
        options: &OpenOptions,
        progress: &mut dyn FnMut(LoadProgress<'_>),
    ) -> Result<Gathered, DataError> {
        self.check_size(options)?;
        let (file, shape) = (self.file, self.trained.shape);
        let pictures = images::labelled(file, shape, options.skip_broken, progress)?;
        let Some(LabelledPictures { classes, parts, notes }) = pictures else {
            return Err(DataError::malformed(file, "no folder of pictures per class"));
        };
        let has_parts = [1, 2].map(|part: usize| !parts[part].is_empty());
        let [train, validation, test] = parts.map(|part| self.picture_part(part, &classes));
        let (validation, test) = (validation?, test?);
        let own = |has: bool, part: Samples| has.then_some(part);
        let (validation, test) = (own(has_parts[0], validation), own(has_parts[1], test));
        Ok(self.gathered(train?, validation, test, None, None, notes))
    }

    /// Refuses a size or a colour that the network does not take.
    fn check_size(&self, options: &OpenOptions) -> Result<(), DataError> {
        let [height, width, channels] = self.trained.shape;
        let is_other = |size: ImageSize| (size.height as usize, size.width as usize) != (height, width);
        let problem = match (options.image_size.filter(|&size| is_other(size)), options.grey && channels != 1)
        {
            (Some(size), _) => {
                format!("--image-size {}x{}: the network takes {height} x {width}", size.height, size.width)
            }
            (None, true) => format!("--grey: the network takes {channels} channels"),
            (None, false) => return Ok(()),
        };
        Err(DataError::malformed(self.file, format!("{problem}: leave the option out")))
    }

    fn picture_part(&mut self, part: Vec<(Vec<u8>, u16)>, classes: &[String]) -> Result<Samples, DataError> {
        let scale = if self.trained.is_unit() { 1.0 / 255.0 } else { 1.0 };
        let (mut inputs, mut labels) = (Vec::new(), Vec::with_capacity(part.len()));
        for (sample, (pixels, class)) in part.into_iter().enumerate() {
            for (feature, pixel) in pixels.into_iter().enumerate() {
                let level = self.level(feature, f64::from(pixel) * scale);
                inputs.push(level.map_err(|rule| DataError::malformed(self.file, rule))?);
            }
            labels.push(self.class(&classes[usize::from(class)], sample)?);
        }
        Ok(Samples { inputs: self.matrix(inputs, labels.len()), labels })
    }

    /// The samples of a table, and of the table of its test part if one is named.
    fn table(mut self, options: &OpenOptions) -> Result<Gathered, DataError> {
        let (train, read) = self.table_part(self.file, options)?;
        let test = options.test.as_deref().map(|file| self.table_part(file, options)).transpose()?;
        let test = test.map(|(test, _)| test);
        let (label, header) = (Some(format!("column {}", read.label)), Some(read.has_header));
        Ok(Gathered { groups: read.groups, ..self.gathered(train, None, test, label, header, read.notes) })
    }

    fn table_part(
        &mut self,
        file: &Path,
        options: &OpenOptions,
    ) -> Result<(Samples, table::ReadTable), DataError> {
        let trained = self.trained;
        let asked = Some(&options.label).filter(|label| **label != Default::default());
        let request = ColumnRequest { trained, label: asked, header: options.header, needs_labels: true };
        let (mut inputs, mut labels, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        let mut take = |row: &table::Row<'_>| {
            for (feature, &value) in row.values.iter().enumerate() {
                inputs.push(self.level(feature, value).map_err(|rule| (feature, rule))?);
            }
            texts.extend(row.label.map(str::to_owned));
            Ok(ControlFlow::Continue(()))
        };
        let read = table::read(stream::open(file)?, file, &request, &mut take)?;
        for (sample, text) in texts.iter().enumerate() {
            labels.push(self.class(text, sample)?);
        }
        Ok((Samples { inputs: self.matrix(inputs, labels.len()), labels }, read))
    }

    fn arrays(mut self, set: ArraySet<'_>, options: &OpenOptions) -> Result<Gathered, DataError> {
        let label = Some(set.label);
        let mut part = |part: ArrayPart| self.array_part(part, options);
        let train = part(set.train)?;
        let validation = set.validation.map(&mut part).transpose()?;
        let test = set.test.map(&mut part).transpose()?;
        Ok(self.gathered(train, validation, test, label, None, Vec::new()))
    }

    fn array_part(&mut self, part: ArrayPart, options: &OpenOptions) -> Result<Samples, DataError> {
        let ArrayPart { x: Named { name, array: Array { dims, values } }, labels } = part;
        let layout = fitting(&dims, &name, self.trained, options.channels, self.file)?;
        let values = match values {
            Values::Bytes(bytes) => bytes.into_iter().map(f64::from).collect(),
            Values::Reals(reals) => reals,
            Values::Texts(_) => {
                return Err(DataError::malformed(self.file, format!("{name}: texts; must be numbers")));
            }
        };
        let features = self.trained.inputs();
        let mut inputs = Vec::with_capacity(values.len());
        for (at, value) in layout.channels_last(values).into_iter().enumerate() {
            let input = match value.is_finite() {
                true => self.level(at % features, value),
                false => Err("must be finite"),
            };
            inputs.push(input.map_err(|rule| {
                let sample = at / features;
                DataError::malformed(self.file, format!("{name}: {value} in sample {sample}: {rule}"))
            })?);
        }
        let classes = labels.iter().enumerate().map(|(sample, text)| self.class(text, sample));
        let labels = classes.collect::<Result<Vec<u16>, _>>()?;
        Ok(Samples { inputs: self.matrix(inputs, labels.len()), labels })
    }

    /// The samples of a set that was read in its own way. Where whole numbers were kept, they are the
    /// values of the file; other sets must have the scaling of the training.
    fn set(mut self, set: Dataset) -> Result<Gathered, DataError> {
        let own = Preprocessing::of(&set);
        let is_same = (&own.scaling, own.levels) == (&self.trained.scaling, self.trained.levels);
        if own.shape != self.trained.shape {
            let problem =
                format!("samples of shape {:?}; the network takes {:?}", own.shape, self.trained.shape);
            return Err(DataError::malformed(self.file, problem));
        }
        if !is_same && own.scaling != InputScaling::Levels {
            let problem = "is scaled by its own training part, and the network was trained on another data set: \
                           score it from a CSV or NPZ file";
            return Err(DataError::malformed(self.file, problem));
        }
        let names = &set.classes;
        let mut part = |part: Samples| -> Result<Samples, DataError> {
            let class = |(sample, label): (usize, &u16)| self.class(&names[usize::from(*label)], sample);
            let labels = part.labels.iter().enumerate().map(class).collect::<Result<_, _>>()?;
            if is_same {
                return Ok(Samples { labels, ..part });
            }
            let mut inputs = part.inputs;
            for ((_, feature), input) in inputs.indexed_iter_mut() {
                let rule = |rule: &str| DataError::malformed(self.file, format!("{input}: {rule}"));
                *input = level(self.trained, feature, f64::from(*input), &mut self.clamped).map_err(rule)?;
            }
            Ok(Samples { inputs, labels })
        };
        let (train, test) = (part(set.train)?, part(set.test)?);
        let validation = set.validation.map(part).transpose()?;
        let reading = set.reading;
        self.range = reading.range;
        let mut notes = reading.notes;
        notes.extend(reading.is_test_cut.then(|| CUT.to_owned()));
        let is_test_cut = reading.is_test_cut;
        let gathered = self.gathered(train, validation, Some(test), reading.label, reading.header, notes);
        Ok(Gathered { is_test_cut, ..gathered })
    }

    fn gathered(
        self,
        train: Samples,
        validation: Option<Samples>,
        test: Option<Samples>,
        label: Option<String>,
        header: Option<bool>,
        mut notes: Vec<String>,
    ) -> Gathered {
        notes.extend(clamped_note(self.clamped));
        let (groups, is_test_cut, range) = (None, false, self.range);
        Gathered { train, validation, test, is_test_cut, groups, label, header, range, notes }
    }

    fn level(&mut self, feature: usize, value: f64) -> Result<u8, &'static str> {
        self.range = [self.range[0].min(value), self.range[1].max(value)];
        level(self.trained, feature, value, &mut self.clamped)
    }

    /// The number of the class called `text`.
    fn class(&self, text: &str, sample: usize) -> Result<u16, DataError> {
        let classes = &self.trained.classes;
        let is_named = |name: &str| classes.iter().position(|class| class == name);
        // A whole number is the same class however its fraction is written.
        let is_equal =
            || classes.iter().position(|class| number(class).is_some_and(|of| Some(of) == number(text)));
        let found = is_named(text).or_else(is_equal).and_then(|class| u16::try_from(class).ok());
        found.ok_or_else(|| {
            let hint = suggestion(text, classes.iter().map(String::as_str));
            let problem = format!(
                "label \"{text}\" of sample {sample}: no class of the network{hint}: rename the class in the file, or \
                 choose the label column with --label"
            );
            DataError::malformed(self.file, problem)
        })
    }

    fn matrix(&self, inputs: Vec<u8>, samples: usize) -> Array2<u8> {
        Array2::from_shape_vec((samples, self.trained.inputs()), inputs).expect("each sample has a label")
    }
}

/// The digits of a whole number, with or without zeros after a point.
fn number(text: &str) -> Option<&str> {
    let digits = classes::whole(text).unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')).then_some(digits)
}

/// The note on a part that was cut from the training part.
const CUT: &str = "the test part is cut from the training part";

/// Whether `folder` has folders of pictures, and no arrays of another format.
fn is_folder_of_pictures(folder: &Path) -> bool {
    let has_arrays = Cifar::in_folder(folder).is_some()
        || !matches!(idx_folder::pairs(folder), Ok(None))
        || npy_files::has_any(folder);
    !has_arrays && images::has_pictures(folder)
}

/// Whether `file` is an archive of other files by its name.
fn is_archive(file: &Path) -> bool {
    let name = file.to_string_lossy().to_lowercase();
    [".tar", ".tgz", ".tar.gz"].iter().any(|ending| name.ends_with(ending))
}
