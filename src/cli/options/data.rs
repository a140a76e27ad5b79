//! `--dataset`, where data sets are found, and what is said of their files.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::numbers::open_share;
use crate::data::{
    Channels, ColumnRef, DataError, DecimalMark, Header, ImageSize, Missing, OpenOptions, Sources,
};

/// The folders and servers in which data sets are looked for.
#[derive(Clone, Debug, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceArgs {
    /// Folder that is searched first for data sets
    ///
    /// Then come TUNE_DATA_DIR, ./datasets and the user's cache.
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Never download a data set
    ///
    /// Fails if it is not on this machine.
    #[arg(long)]
    pub offline: bool,
}

impl SourceArgs {
    /// The folders and servers that these options name.
    pub fn sources(&self) -> Result<Sources, DataError> {
        let sources = Sources::new(self.data_dir.as_deref())?;
        Ok(if self.offline { sources.offline() } else { sources })
    }
}

/// The data set to train on, or to score a network on.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// Data set: a name, a file, or a folder of pictures
    ///
    /// A name from `tune data list`, a CSV, NPZ or NPY file, or a folder of pictures with a folder
    /// per class.
    #[arg(long, value_name = "NAME|FILE", required = true)]
    pub dataset: Option<String>,
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Label column of a CSV file
    ///
    /// By name, or by number from 0. The last (-1) if left out.
    #[arg(long, value_name = "COLUMN", allow_negative_numbers = true)]
    pub label: Option<ColumnRef>,
    /// Whether a CSV file names its columns: yes or no
    ///
    /// Found out if left out.
    #[arg(long, value_name = "yes|no")]
    pub header: Option<Header>,
    /// Whether images have their channels first or last
    ///
    /// Of images with four dimensions: last means sample, rows, columns, channels. Decided by the
    /// shape if left out.
    ///
    /// first means sample, channels, rows, columns.
    #[arg(long, value_name = "first|last")]
    pub channels: Option<Channels>,
    #[command(flatten)]
    pub table: TableArgs,
    #[command(flatten)]
    pub pictures: PictureArgs,
}

/// What a table does not say about itself.
#[derive(Debug, Default, Args)]
pub(crate) struct TableArgs {
    /// Columns of a CSV file to leave out
    ///
    /// By name, or by number from 0.
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', allow_hyphen_values = true)]
    pub drop: Vec<ColumnRef>,
    /// Columns of a CSV file that are categories
    ///
    /// Though their values are numbers.
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', allow_hyphen_values = true)]
    pub categorical: Vec<ColumnRef>,
    /// Missing cells of a CSV file: refuse or impute
    ///
    /// impute fills in the median of the column and tells it by an input; in columns of texts, a
    /// missing cell is a category.
    #[arg(long, value_name = "refuse|impute")]
    pub missing: Option<Missing>,
    /// Decimal mark of a CSV file: . or ,
    #[arg(long, value_name = ".|,")]
    pub decimal: Option<DecimalMark>,
    /// CSV file with the test part
    ///
    /// It has the columns of the data set by name. A fifth of the data set is the test part if left
    /// out.
    #[arg(long, value_name = "FILE")]
    pub test: Option<PathBuf>,
    /// Column of a CSV file that names groups of samples
    ///
    /// Such as the patient. A group is held out as a whole.
    #[arg(long, value_name = "COLUMN", allow_negative_numbers = true)]
    pub group: Option<ColumnRef>,
}

/// What is done with pictures.
#[derive(Debug, Default, Args)]
pub(crate) struct PictureArgs {
    /// NPY file with the labels of an NPY file of images
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Size that all pictures of a folder are given
    ///
    /// A side in pixels, or height x width.
    #[arg(long, value_name = "N|HxW")]
    pub image_size: Option<ImageSize>,
    /// Make pictures with colours grey
    #[arg(long)]
    pub grey: bool,
    /// Leave out broken pictures and count them
    ///
    /// They are an error otherwise.
    #[arg(long)]
    pub skip_broken: bool,
}

impl DataArgs {
    /// How the files of the data set are read.
    pub fn open_options(&self) -> OpenOptions {
        OpenOptions {
            label: self.label.clone().unwrap_or_default(),
            header: self.header.unwrap_or_default(),
            channels: self.channels.unwrap_or_default(),
            drop: self.table.drop.clone(),
            categorical: self.table.categorical.clone(),
            missing: self.table.missing.unwrap_or_default(),
            decimal: self.table.decimal,
            test: self.table.test.clone(),
            group: self.table.group.clone(),
            labels: self.pictures.labels.clone(),
            image_size: self.pictures.image_size,
            grey: self.pictures.grey,
            skip_broken: self.pictures.skip_broken,
            ..OpenOptions::default()
        }
    }
}

/// The share that is held out if nothing was said.
const SHARE: f64 = 0.2;

/// What trials are scored on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Validation {
    /// A share of the training set, in (0, 1).
    Share(f64),
    /// A table of its own.
    Table(PathBuf),
}

impl Validation {
    /// The share that is held out of a training set without a validation part.
    pub fn share(&self) -> f64 {
        match self {
            Self::Share(share) => *share,
            Self::Table(_) => SHARE,
        }
    }

    /// The file of the table.
    pub fn table(&self) -> Option<&Path> {
        match self {
            Self::Share(_) => None,
            Self::Table(file) => Some(file),
        }
    }
}

impl Default for Validation {
    fn default() -> Self {
        Self::Share(SHARE)
    }
}

impl FromStr for Validation {
    type Err = String;

    /// Reads a number as a share, and any other text as a file.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            Ok(_) => open_share(text).map(Self::Share),
            Err(_) if Path::new(text).is_file() => Ok(Self::Table(text.into())),
            Err(_) => Err("must be a number between 0 and 1, or a CSV file".to_owned()),
        }
    }
}

impl fmt::Display for Validation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => share.fmt(f),
            Self::Table(file) => file.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_share_and_a_text_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let name = file.path().display().to_string();
        let table: Validation = name.parse().unwrap();
        assert_eq!((table.table(), table.share(), table.to_string()), (Some(file.path()), 0.2, name));
        assert_eq!("0.3".parse(), Ok(Validation::Share(0.3)));
        assert_eq!(Validation::default().to_string(), "0.2");
        assert_eq!("1".parse::<Validation>(), Err("must be a number between 0 and 1".to_owned()));
        assert_eq!(
            "gone.csv".parse::<Validation>(),
            Err("must be a number between 0 and 1, or a CSV file".to_owned())
        );
    }
}
