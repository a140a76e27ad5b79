//! `--dataset` and where data sets are found.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::data::{Channels, ColumnRef, DataError, DecimalMark, Header, Missing, OpenOptions, Sources};

/// The folders and servers in which data sets are looked for.
#[derive(Clone, Debug, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceArgs {
    /// Folder of data sets that is searched first
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Fail rather than download a data set
    #[arg(long)]
    pub offline: bool,
}

impl SourceArgs {
    /// The places that these options name.
    pub fn sources(&self) -> Result<Sources, DataError> {
        let sources = Sources::new(self.data_dir.as_deref())?;
        Ok(if self.offline { sources.offline() } else { sources })
    }
}

/// The data set to train on, or to score on.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// A name from `tune data list`, or a CSV or NPZ file
    #[arg(long, value_name = "NAME|FILE", required = true)]
    pub dataset: Option<String>,
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Label column of a CSV file, by name or by number from 0; the last (-1) if left out
    #[arg(long, value_name = "COLUMN", allow_negative_numbers = true)]
    pub label: Option<ColumnRef>,
    /// Whether the first line of a CSV file names its columns: yes or no; found out if left out
    #[arg(long, value_name = "yes|no")]
    pub header: Option<Header>,
    /// Whether images of four dimensions have their channels first or last; found out if left out
    #[arg(long, value_name = "first|last")]
    pub channels: Option<Channels>,
    #[command(flatten)]
    pub table: TableArgs,
}

/// What a table does not say about itself.
#[derive(Debug, Args)]
pub(crate) struct TableArgs {
    /// Columns of a CSV file to leave out, by name or by number from 0
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', allow_negative_numbers = true)]
    pub drop: Vec<ColumnRef>,
    /// Columns of a CSV file whose values are categories, though they are numbers
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', allow_negative_numbers = true)]
    pub categorical: Vec<ColumnRef>,
    /// Missing cells of a CSV file: refuse them, or impute the median of the column and tell it by an input (in
    /// columns of texts: a category)
    #[arg(long, value_name = "refuse|impute")]
    pub missing: Option<Missing>,
    /// Decimal mark of a CSV file: . or ,
    #[arg(long, value_name = ".|,")]
    pub decimal: Option<DecimalMark>,
    /// CSV file with the test part, with the columns of the data set by name; a fifth of the data set if left out
    #[arg(long, value_name = "FILE")]
    pub test: Option<PathBuf>,
}

impl DataArgs {
    /// What these options say about the files.
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
            ..OpenOptions::default()
        }
    }
}
