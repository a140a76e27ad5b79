//! What can be wrong with data.

use std::io;
use std::path::PathBuf;

/// Why a data set cannot be had, read or split.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// Neither in the catalogue nor a file.
    #[error("unknown data set \"{name}\": must be a file or one of {known}{hint}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// Every name in the catalogue.
        known: String,
        /// `; did you mean ...?`, or nothing.
        hint: String,
    },
    /// A path whose kind of file nobody reads.
    #[error(
        "{}: unknown kind of file; must be .csv, .tsv, .data (also with .gz), .npz, .tar.gz of CIFAR, \
         or a folder of IDX or CIFAR files", .file.display()
    )]
    UnknownKind {
        /// The path.
        file: PathBuf,
    },
    /// A folder named by the user that is not there.
    #[error("{origin} = {}: not a folder", .folder.display())]
    NotAFolder {
        /// The option or variable that names it.
        origin: &'static str,
        /// The path.
        folder: PathBuf,
    },
    /// A catalogue file that is in no folder, where downloading is not allowed.
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
    /// No folder to keep downloads in.
    #[error("no folder for downloads: set HOME or XDG_CACHE_HOME")]
    NoCache,
    /// The system refused to read.
    #[error("cannot read {}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The system refused to write.
    #[error("cannot write {}", .file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file that ends before its content does.
    #[error("{}: truncated: {problem}; copy or fetch it again", .file.display())]
    Truncated {
        /// The file.
        file: PathBuf,
        /// What is missing.
        problem: String,
    },
    /// A file that breaks the rules of its format.
    #[error("{}: {problem}", .file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// The value and the rule.
        problem: String,
    },
    /// A cell of a table that does not hold what it must.
    #[error("{}: line {line}, column {column} = \"{value}\": {rule}", .file.display())]
    Cell {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: u64,
        /// The header's name of the column in quotes, or its number counted from 0.
        column: String,
        /// What stands there.
        value: String,
        /// What must stand there.
        rule: &'static str,
    },
    /// A label that is none of the classes.
    #[error("{}: label {value} of sample {index}: must be below {classes}, the number of classes", .file.display())]
    Label {
        /// The file.
        file: PathBuf,
        /// The sample, counted from 0.
        index: usize,
        /// The label.
        value: u16,
        /// How many classes there are.
        classes: usize,
    },
    /// Fewer than two classes, or more than a label can number.
    #[error("{}: {found} classes; must be 2 to 65536: is the label column the right one?", .file.display())]
    Classes {
        /// The file.
        file: PathBuf,
        /// How many distinct labels it holds.
        found: usize,
    },
    /// A file of the catalogue with another content.
    #[error(
        "{}: SHA-256 is {found}, must be {expected}; delete the file, or run `tune data fetch {name}`",
        .file.display()
    )]
    Checksum {
        /// The file.
        file: PathBuf,
        /// The data set it is meant to belong to.
        name: String,
        /// In hex.
        expected: &'static str,
        /// In hex.
        found: String,
    },
    /// No mirror gave the file.
    #[error("cannot download {file}: {tried}; try again, or put the file into a folder named by --data-dir")]
    Download {
        /// The file.
        file: String,
        /// Each URL with its reason.
        tried: String,
    },
    /// A share that is not between nothing and everything.
    #[error("fraction to hold out = {fraction}: must lie between 0 and 1, both excluded")]
    Fraction {
        /// The share.
        fraction: f64,
    },
    /// Too few samples to split.
    #[error("cannot hold out {fraction} of {samples} samples: at least one class must have two")]
    TooFew {
        /// The share.
        fraction: f64,
        /// How many samples there are.
        samples: usize,
    },
}

impl DataError {
    pub(super) fn malformed(file: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Malformed { file: file.into(), problem: problem.into() }
    }
}
