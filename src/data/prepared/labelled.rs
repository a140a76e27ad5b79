//! Labelled samples on which a trained network is scored, and their parts.

use std::path::Path;

use ndarray::{Axis, concatenate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gather::{Gathered, Gatherer};
use crate::data::catalogue::{self, checksum};
use crate::data::grouped;
use crate::data::open::stem;
use crate::data::parts::{cut_test_groups, cut_test_part};
use crate::data::{
    DataError, Dataset, InputScaling, LoadProgress, OpenOptions, Preprocessing, Reading, Samples, Scaling,
    Sources,
};
use crate::seed::Seed;

/// A part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DataPart {
    /// The samples that networks are tested on.
    Test,
    /// The samples that networks are trained on.
    Train,
    /// The samples by which networks are chosen.
    Validation,
    /// Every sample, in the order of the file where it has no parts.
    All,
}

/// How the validation part was held out from the training part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The share of the training part, in (0, 1).
    pub validation: f64,
    /// The root of the seed.
    pub seed: u64,
}

impl Split {
    /// The seed of all splits of this root.
    pub fn root(&self) -> Seed {
        Seed::root(self.seed).child("split")
    }
}

/// Labelled samples, read as those of a training.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// The samples in their parts. The test part is empty where none could be cut.
    pub dataset: Dataset,
    /// All samples in the order of the file, where the test part was cut from them.
    whole: Option<Samples>,
}

impl Labelled {
    /// The data set called `name_or_path`, by the scaling and the classes of `trained`.
    ///
    /// A class that the file lacks is no mistake. The arguments are those of [`Dataset::open`].
    ///
    /// # Errors
    /// The file cannot be read, does not fit `trained`, or has a class that is not of `trained`.
    pub fn open(
        name_or_path: &str,
        options: &OpenOptions,
        sources: &Sources,
        progress: &mut dyn FnMut(LoadProgress<'_>),
        trained: &Preprocessing,
    ) -> Result<Self, DataError> {
        let path = Path::new(name_or_path);
        let gatherer = Gatherer::new(trained, path);
        let gathered = gatherer.gather(name_or_path, options, sources, progress)?;
        let name = match catalogue::find(name_or_path) {
            Ok(entry) => entry.name.to_owned(),
            Err(_) => stem(path),
        };
        Ok(Self::of(gathered, name, trained))
    }

    /// The samples of `dataset`, read in its own way.
    pub fn of_own_scaling(dataset: Dataset) -> Self {
        Self { dataset, whole: None }
    }

    fn of(gathered: Gathered, name: String, trained: &Preprocessing) -> Self {
        let is_test_cut = gathered.is_test_cut || gathered.test.is_none();
        let Gathered { train: first, validation, test, groups, label, header, range, notes, .. } = gathered;
        let mut groups = groups.map(|groups| grouped::numbered(&groups));
        let (train, test, whole) = match test {
            Some(test) => (first, test, None),
            None => {
                let cut = match &groups {
                    Some(groups) => cut_test_groups(&first.labels, groups),
                    None => cut_test_part(&first.labels),
                };
                let (rest, held_out) = cut.unwrap_or_else(|_| ((0..first.len()).collect(), Vec::new()));
                groups = groups.map(|groups| rest.iter().map(|&sample| groups[sample]).collect());
                (first.select(&rest), first.select(&held_out), Some(first))
            }
        };
        let validation = validation.filter(|part| !part.is_empty());
        let parts: Vec<&Samples> = [&train, &test].into_iter().chain(&validation).collect();
        let checksum = checksum::content(trained.shape, trained.levels, &parts);
        let (inputs, columns) = (trained.scaling.clone(), trained.columns.clone());
        let scaling = shown(trained);
        let (identifiers, schema) = (Vec::new(), trained.schema.clone());
        let reading = Reading {
            label,
            header,
            range,
            scaling,
            inputs,
            columns,
            is_test_cut,
            notes,
            identifiers,
            schema,
        };
        let (shape, levels, classes) = (trained.shape, trained.levels, trained.classes.clone());
        let dataset =
            Dataset { name, train, validation, test, shape, levels, classes, checksum, reading, groups };
        Self { dataset, whole }
    }

    /// The samples of `part`; the validation part is held out as `split` says, if the source has none.
    ///
    /// # Errors
    /// The part is empty, or nothing says what the validation part is.
    pub fn part(&self, part: DataPart, split: Option<&Split>) -> Result<Samples, DataError> {
        let Dataset { train, validation, test, .. } = &self.dataset;
        let samples = match part {
            DataPart::Test => test.clone(),
            DataPart::All => self.all(),
            DataPart::Train | DataPart::Validation => match (validation, split) {
                (Some(own), _) if part == DataPart::Validation => own.clone(),
                (Some(_), _) => train.clone(),
                (None, Some(split)) => {
                    let (rest, held_out) = self.dataset.hold_out(split.validation, &split.root())?;
                    if part == DataPart::Train { rest } else { held_out }
                }
                (None, None) if part == DataPart::Train => train.clone(),
                (None, None) => return Err(self.lacks("validation")),
            },
        };
        match samples.is_empty() {
            true => Err(self.lacks(match part {
                DataPart::Test => "test",
                DataPart::Train => "training",
                DataPart::Validation => "validation",
                DataPart::All => "",
            })),
            false => Ok(samples),
        }
    }

    /// The checksum of all samples of a file that has no parts of its own, in hex; `None` for others.
    pub fn whole_checksum(&self) -> Option<String> {
        let whole = self.whole.as_ref()?;
        Some(checksum::content(self.dataset.shape, self.dataset.levels, &[whole]))
    }

    fn lacks(&self, part: &str) -> DataError {
        DataError::malformed(self.dataset.name.as_str(), format!("has no {part} part: say --part all"))
    }

    /// Every sample.
    fn all(&self) -> Samples {
        let Dataset { train, validation, test, .. } = &self.dataset;
        if let Some(whole) = &self.whole {
            return whole.clone();
        }
        let parts: Vec<&Samples> = [train].into_iter().chain(validation).chain([test]).collect();
        let views: Vec<_> = parts.iter().map(|part| part.inputs.view()).collect();
        let inputs = concatenate(Axis(0), &views).expect("all parts have the same inputs");
        Samples { inputs, labels: parts.iter().flat_map(|part| part.labels.iter().copied()).collect() }
    }
}

/// The scaling as a summary shows it.
fn shown(trained: &Preprocessing) -> Scaling {
    match trained.scaling {
        InputScaling::Levels => Scaling::Divided { maximum: trained.levels },
        InputScaling::Whole { .. } if trained.is_unit() => Scaling::Kept,
        InputScaling::Whole { low, high } => Scaling::Whole { low, high },
        InputScaling::Columns { .. } => Scaling::Columns,
    }
}
