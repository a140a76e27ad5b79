//! `--dataset` and where data sets are found.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::data::{Channels, DataError, Header, LabelColumn, OpenOptions, Sources};

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
    /// Label column of a CSV file, by name or by number from 0; the last if left out
    #[arg(long, value_name = "COLUMN")]
    pub label: Option<LabelColumn>,
    /// Whether the first line of a CSV file names its columns: yes or no; found out if left out
    #[arg(long, value_name = "yes|no")]
    pub header: Option<Header>,
    /// Whether images of four dimensions have their channels first or last; found out if left out
    #[arg(long, value_name = "first|last")]
    pub channels: Option<Channels>,
}

impl DataArgs {
    /// What these options say about the files.
    pub fn open_options(&self) -> OpenOptions {
        OpenOptions {
            label: self.label.clone().unwrap_or_default(),
            header: self.header.unwrap_or_default(),
            channels: self.channels.unwrap_or_default(),
        }
    }
}
