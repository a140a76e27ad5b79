//! An entry of the catalogue of data sets: samples, classes, licence and source of a data set.

use std::path::Path;

use serde::Serialize;

use crate::data::format::cifar::Cifar;

/// An entry of the catalogue: a data set that is known by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The name on the command line.
    pub name: &'static str,
    /// The content in one line.
    pub description: &'static str,
    /// The names of the classes, in the order of their numbers.
    pub classes: &'static [&'static str],
    /// Height, width and channels of an image; `[1, 1, I]` for a table.
    pub shape: [usize; 3],
    /// The number of training samples.
    pub train_samples: usize,
    /// The number of test samples.
    pub test_samples: usize,
    /// The licence, and who states it.
    pub licence: &'static str,
    /// The publication to cite.
    pub citation: &'static str,
    /// The source of the data.
    pub origin: Origin,
}

/// The source of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The data set is part of this program.
    BuiltIn(BuiltIn),
    /// Files that are found in a folder or downloaded.
    Files {
        /// The format of the files.
        format: Format,
        /// The files, all of which are needed.
        files: &'static [CatalogueFile],
        /// Base addresses; the address of a file is one of these and the file's name. They are
        /// tried in this order.
        mirrors: &'static [&'static str],
    },
}

/// The data sets that are part of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BuiltIn {
    /// Handwritten digits.
    Digits,
    /// Three species of iris.
    Iris,
    /// Red wines by quality.
    Winequality,
    /// Areas of the Yin-Yang sign.
    Yinyang,
}

/// The format of the files of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Four gzipped IDX files: training images, training labels, test images, test labels.
    Idx,
    /// One archive of batches.
    Cifar(Cifar),
}

/// A file of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CatalogueFile {
    /// The name, the same on every mirror.
    pub name: &'static str,
    /// The length in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, in hex.
    pub sha256: &'static str,
    /// SHA-256 of the unpacked content, in hex, where it is known.
    pub unpacked_sha256: Option<&'static str>,
}

impl Entry {
    /// The files of the data set; none if it is built in.
    pub fn files(&self) -> &'static [CatalogueFile] {
        match self.origin {
            Origin::BuiltIn(_) => &[],
            Origin::Files { files, .. } => files,
        }
    }

    /// The names of the classes.
    pub(crate) fn class_names(&self) -> Vec<String> {
        self.classes.iter().map(|&class| class.to_owned()).collect()
    }
}

impl CatalogueFile {
    /// The name without `.gz`.
    pub(crate) fn unpacked_name(&self) -> &'static str {
        self.name.strip_suffix(".gz").unwrap_or(self.name)
    }

    /// The SHA-256 that the file at `path` must have, if it is known. A name that ends in `.gz` is
    /// that of a packed file.
    pub(crate) fn expected_sum(&self, path: &Path) -> Option<&'static str> {
        if path.file_name().is_some_and(|name| name == self.name) {
            Some(self.sha256)
        } else {
            self.unpacked_sha256
        }
    }
}
