//! Data sets: file formats, the catalogue, splits, augmentation and input coding.
//!
//! [`Dataset::open`] takes a name of the [`catalogue`](catalogue()) (the data sets known by name)
//! or a path. Files of the catalogue are looked for in [`Sources`] and verified; missing ones are
//! downloaded.
//!
//! Array axes: N samples, I inputs.
//!
//! ```
//! use spiketune::data::{Dataset, OpenOptions, Sources};
//! use spiketune::seed::Seed;
//!
//! let sources = Sources::new(None)?.offline();
//! let iris = Dataset::open("iris", &OpenOptions::default(), &sources, &mut |_| {})?;
//! let (train, validation) = iris.train.split(0.25, &Seed::root(1))?;
//! assert_eq!((train.len(), validation.len(), iris.test.len()), (90, 30, 30));
//! # Ok::<(), spiketune::data::DataError>(())
//! ```

mod augment;
mod builtin;
mod catalogue;
mod classes;
mod coding;
mod columns;
mod error;
mod format;
mod grouped;
mod open;
mod options;
mod part_checksums;
mod parts;
mod prepared;
mod preprocessing;
mod progress;
mod split;
mod summary;
mod yinyang;

pub use augment::{Augmentation, Sampling};
pub use catalogue::download::DownloadProgress;
pub use catalogue::fetch::fetch;
pub use catalogue::sources::{Network, Sources};
pub use catalogue::{BuiltIn, CatalogueFile, Entry, Format, Origin, catalogue, find};
pub use coding::{Coded, CodingError, InputCoding};
pub use columns::cell::{DecimalMark, DecimalMarkError};
pub use columns::schema::{ColumnKind, EncodedTable, Missing, MissingError, TableColumn, TableSchema};
pub use error::DataError;
pub use format::cifar::Cifar;
pub use options::{Channels, ChoiceError, ColumnRef, Header, ImageSize, ImageSizeError, OpenOptions};
pub use part_checksums::PartChecksums;
pub use prepared::{
    Batch, BatchOptions, DataPart, Labelled, ReadSamples, Source, Split, Visit, read_batches,
};
pub use preprocessing::{Columns, InputScaling, Preprocessing};
pub use progress::LoadProgress;
pub use summary::{ClassCount, DataSummary, Reading, Scaling};

use ndarray::Array2;

use self::grouped::grouped;
use crate::seed::Seed;

/// Samples with their labels.
///
/// An input is a whole number (a level) from 0 to [`Dataset::levels`]. It stands for the real
/// number `input / levels` in [0, 1]. A chip with graded spikes (spikes that carry a number)
/// receives the whole number.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// The inputs, (N, I).
    pub inputs: Array2<u8>,
    /// The classes of the samples, (N), each below the number of classes.
    pub labels: Vec<u16>,
}

/// A data set in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// The name in the catalogue, or the name of the file without its extension.
    pub name: String,
    /// The training set. A validation set is split from it unless the source has one.
    pub train: Samples,
    /// The validation set, if the source has one of its own.
    pub validation: Option<Samples>,
    /// The test set, which is used once, at the end.
    pub test: Samples,
    /// Height, width and channels of an image; `[1, 1, I]` for a table.
    pub shape: [usize; 3],
    /// The input that stands for 1.0, the largest level; at least 1.
    pub levels: u8,
    /// The names of the classes, at least two.
    pub classes: Vec<String>,
    /// SHA-256 of shape, levels, inputs and labels, in hex. It does not depend on the file format.
    pub checksum: String,
    /// How the files were read.
    pub reading: Reading,
    /// The group of each training sample, if samples belong together: all samples of a group are held
    /// out, or none.
    pub groups: Option<Vec<u32>>,
}

impl Dataset {
    /// The samples to train on and those to validate on: the validation part of the source, else the
    /// share `fraction` of the training part, stratified by class and drawn from `seed`.
    ///
    /// # Errors
    /// The training part is too small to be split.
    pub fn hold_out(&self, fraction: f64, seed: &Seed) -> Result<(Samples, Samples), DataError> {
        match (&self.validation, &self.groups) {
            (Some(own), _) => Ok((self.train.clone(), own.clone())),
            (None, None) => self.train.split(fraction, seed),
            (None, Some(groups)) => {
                let (rest, held_out) = grouped(&self.train.labels, groups, fraction, seed)?;
                Ok((self.train.select(&rest), self.train.select(&held_out)))
            }
        }
    }
}

impl Dataset {
    /// The same data set without any sample.
    pub(crate) fn without_samples(&self) -> Self {
        Self {
            name: self.name.clone(),
            train: self.train.select(&[]),
            validation: None,
            test: self.test.select(&[]),
            shape: self.shape,
            levels: self.levels,
            classes: self.classes.clone(),
            checksum: self.checksum.clone(),
            reading: self.reading.clone(),
            groups: None,
        }
    }
}
