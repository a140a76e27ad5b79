//! The catalogue: the sets that are known by name.

pub(super) mod checksum;
pub(super) mod download;
pub(super) mod entries;
pub(super) mod fetch;
#[cfg(test)]
pub(super) mod server;
pub(super) mod sources;

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::DataError;
use super::format::cifar::Cifar;
use crate::input::nearest;
use entries::ENTRIES;

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

/// The sets that are known by name.
pub fn catalogue() -> &'static [Entry] {
    ENTRIES
}

/// The set called `name`.
///
/// # Errors
/// There is none; the error lists the names and the nearest of them.
pub fn find(name: &str) -> Result<&'static Entry, DataError> {
    ENTRIES.iter().find(|entry| entry.name == name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> DataError {
    let names = || ENTRIES.iter().map(|entry| entry.name);
    let hint = nearest(name, names()).map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
    DataError::Unknown { name: name.to_owned(), known: names().collect::<Vec<_>>().join(", "), hint }
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

/// Whether the sum is that of a file of some other set than `entry`: several sets use the same names.
pub(crate) fn belongs_to_another(sum: &str, entry: &Entry) -> bool {
    let others = ENTRIES.iter().filter(|other| other.name != entry.name);
    others.flat_map(Entry::files).any(|file| file.sha256 == sum || file.unpacked_sha256 == Some(sum))
}

/// Paths as a list for an error.
pub(crate) fn listed(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_answered_with_the_nearest_name_and_the_list() {
        let message = find("minst").unwrap_err().to_string();
        assert_eq!(
            message,
            "unknown data set \"minst\": must be a file or one of digits, iris, winequality, yinyang, mnist, \
             fashion-mnist, kmnist, cifar10, cifar100; did you mean \"mnist\"?"
        );
        assert!(find("imagenet").unwrap_err().to_string().ends_with("cifar100"));
    }

    #[test]
    fn entries_are_well_formed() {
        for entry in catalogue() {
            let mut names = entry.class_names();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), entry.classes.len(), "{}", entry.name);
            for file in entry.files() {
                let sums = [Some(file.sha256), file.unpacked_sha256];
                for sum in sums.into_iter().flatten() {
                    assert!(sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit()), "{sum}");
                }
                assert!(!belongs_to_another(file.sha256, entry));
            }
        }
    }
}
