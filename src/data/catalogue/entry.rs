//! What the catalogue knows of a data set: its samples, its classes, its licence, and where it comes from.

use std::path::Path;

use serde::Serialize;

use crate::data::format::cifar::Cifar;

/// A set that is known by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it holds, in one line.
    pub description: &'static str,
    /// Names of the classes, in the order of their numbers.
    pub classes: &'static [&'static str],
    /// Height, width, channels of an image; `[1, 1, I]` for a table.
    pub shape: [usize; 3],
    /// How many training samples it has.
    pub train_samples: usize,
    /// How many test samples it has.
    pub test_samples: usize,
    /// Under what terms it may be used, and who says so.
    pub licence: &'static str,
    /// What to cite.
    pub citation: &'static str,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a set comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Part of this program.
    BuiltIn(BuiltIn),
    /// From files, found in a folder or downloaded.
    Files {
        /// How they are read.
        format: Format,
        /// All of them are needed.
        files: &'static [CatalogueFile],
        /// Folders on the network that hold the files under their names, tried in this order.
        mirrors: &'static [&'static str],
    },
}

/// The sets that are part of this program.
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

/// How the files of a set are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Four gzipped files: images and labels of training and test part, in this order.
    Idx,
    /// One archive of batches.
    Cifar(Cifar),
}

/// A file of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CatalogueFile {
    /// Its name, here and on every mirror.
    pub name: &'static str,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of the file, in hex.
    pub sha256: &'static str,
    /// SHA-256 of its content once unpacked, where it is known.
    pub unpacked_sha256: Option<&'static str>,
}

impl Entry {
    /// The files of the set; none if it is built in.
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
    /// The name once unpacked.
    pub(crate) fn unpacked_name(&self) -> &'static str {
        self.name.strip_suffix(".gz").unwrap_or(self.name)
    }

    /// The sum that a file at `path` must have, if it is known: packed or unpacked, by its name.
    pub(crate) fn expected_sum(&self, path: &Path) -> Option<&'static str> {
        if path.file_name().is_some_and(|name| name == self.name) {
            Some(self.sha256)
        } else {
            self.unpacked_sha256
        }
    }
}
