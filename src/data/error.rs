//! Errors of data sets.

use std::io;
use std::path::PathBuf;

/// Why a data set cannot be found, read or split.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The name is neither in the catalogue nor that of a file.
    #[error("unknown data set \"{name}\": must be a file or one of {known}{hint}")]
    Unknown {
        /// The name.
        name: String,
        /// Every name in the catalogue.
        known: String,
        /// `; did you mean ...?`, or nothing.
        hint: String,
    },
    /// The file is of a kind that cannot be read.
    #[error(
        "{}: unknown kind of file; must be .csv, .tsv, .data (also with .gz), .npz, .npy, .tar.gz of CIFAR, \
         or a folder of pictures per class, of IDX or of CIFAR files", .file.display()
    )]
    UnknownKind {
        /// The path.
        file: PathBuf,
    },
    /// A folder that an option or a variable names does not exist.
    #[error("{origin} = {}: not a folder", .folder.display())]
    NotAFolder {
        /// The option or the variable.
        origin: &'static str,
        /// The path.
        folder: PathBuf,
    },
    /// A file of the catalogue is in no folder, and downloading is not allowed.
    #[error(
        "{name}: no {file} in {looked}; name its folder with --data-dir, or run `tune data fetch {name}`"
    )]
    NotFound {
        /// The data set.
        name: String,
        /// The file.
        file: String,
        /// The folders that were searched.
        looked: String,
    },
    /// There is no folder for downloads.
    #[error("no folder for downloads: set HOME or XDG_CACHE_HOME")]
    NoCache,
    /// The file cannot be read.
    #[error("cannot read {}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {}", .file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file ends too early.
    #[error("{}: truncated: {problem}; copy or fetch it again", .file.display())]
    Truncated {
        /// The file.
        file: PathBuf,
        /// What is missing.
        problem: String,
    },
    /// The file breaks a rule of its format.
    #[error("{}: {problem}", .file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// The value and the rule.
        problem: String,
    },
    /// A cell of a table breaks a rule.
    #[error("{}: line {line}, column {column} = \"{value}\": {rule}", .file.display())]
    Cell {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The name of the column in quotes, or its number from 0.
        column: String,
        /// The text of the cell.
        value: String,
        /// The rule, and the way out.
        rule: String,
    },
    /// An option does not belong to this kind of data.
    #[error("{option}: {name} is no {kind}: leave the option out")]
    Option {
        /// The option.
        option: &'static str,
        /// The data set.
        name: String,
        /// What the option belongs to.
        kind: &'static str,
    },
    /// A label is not below the number of classes.
    #[error("{}: label {value} of sample {index}: must be below {classes}, the number of classes", .file.display())]
    Label {
        /// The file.
        file: PathBuf,
        /// The index of the sample, from 0.
        index: usize,
        /// The label.
        value: u16,
        /// The number of classes.
        classes: usize,
    },
    /// There are fewer than two classes, or more than labels can number.
    #[error("{}: {}; must be 2 to 65,536: is the label column the right one?", .file.display(), counted(.found.to_owned(), "class", "classes"))]
    Classes {
        /// The file.
        file: PathBuf,
        /// The number of distinct labels.
        found: usize,
    },
    /// A file of the catalogue has another content than it should.
    #[error(
        "{}: SHA-256 is {found}, must be {expected}; delete the file, or run `tune data fetch {name}`",
        .file.display()
    )]
    Checksum {
        /// The file.
        file: PathBuf,
        /// The data set that it should belong to.
        name: String,
        /// The SHA-256 that it should have, in hex.
        expected: &'static str,
        /// The SHA-256 that it has, in hex.
        found: String,
    },
    /// No mirror sent the file.
    #[error("cannot download {file}: {tried}; try again, or put the file into a folder named by --data-dir")]
    Download {
        /// The file.
        file: String,
        /// Each URL with its reason.
        tried: String,
    },
    /// A share to hold out is not between 0 and 1.
    #[error("fraction to hold out = {fraction}: must be between 0 and 1, both excluded")]
    Fraction {
        /// The share.
        fraction: f64,
    },
    /// There are too few groups to split.
    #[error("cannot hold out {fraction} of {groups} groups of samples: there must be two")]
    TooFewGroups {
        /// The share.
        fraction: f64,
        /// The number of groups.
        groups: usize,
    },
    /// There are too few samples to split.
    #[error("cannot hold out {fraction} of {samples} samples: at least one class must have two")]
    TooFew {
        /// The share.
        fraction: f64,
        /// The number of samples.
        samples: usize,
    },
    /// There are too few samples for a cross-validation, or it has too few parts.
    #[error("cannot make {folds} folds of {samples} training samples: must be 2 to the number of samples")]
    Folds {
        /// The number of parts.
        folds: u32,
        /// The number of samples.
        samples: usize,
    },
    /// A data set with a validation set of its own cannot be cross-validated.
    #[error(
        "{folds} folds: the data set has a validation part of its own, or groups, so trials are scored on one part: leave --folds out"
    )]
    OwnValidation {
        /// The number of parts.
        folds: u32,
    },
}

impl DataError {
    /// [`DataError::Malformed`] of `file`.
    pub(super) fn malformed(file: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Malformed { file: file.into(), problem: problem.into() }
    }
}

/// `count` with its noun: `1 class`, `2 classes`.
pub(super) fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}
