//! `--dataset` and the options that say where data sets are and how their files are read.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::data::{Channels, DataError, Header, LabelColumn, OpenOptions, Sources};

/// The folders and servers in which data sets are looked for.
#[derive(Clone, Debug, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceArgs {
    /// Folder that is searched first for data sets; then TUNE_DATA_DIR, ./datasets and the user's
    /// cache
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Never download a data set: fail if it is not on this machine
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
    /// Data set: a name that `tune data list` prints, a CSV or NPZ file, or a folder
    #[arg(long, value_name = "NAME|FILE", required = true)]
    pub dataset: Option<String>,
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Label column of a CSV file, by name or by number from 0; the last if left out
    #[arg(long, value_name = "COLUMN")]
    pub label: Option<LabelColumn>,
    /// Whether the first line of a CSV file names its columns: yes or no; found out if left out
    #[arg(long, value_name = "yes|no")]
    pub header: Option<Header>,
    /// Position of the channels in images of four dimensions (sample, rows, columns, channels); if
    /// left out, decided by the shape
    ///
    /// first means sample, channels, rows, columns.
    #[arg(long, value_name = "first|last")]
    pub channels: Option<Channels>,
}

impl DataArgs {
    /// How the files of the data set are read.
    pub fn open_options(&self) -> OpenOptions {
        OpenOptions {
            label: self.label.clone().unwrap_or_default(),
            header: self.header.unwrap_or_default(),
            channels: self.channels.unwrap_or_default(),
        }
    }
}
