//! `--dataset`: the data set, opened or downloaded.

use anyhow::{Result, bail};

use crate::cli::options::data::DataArgs;
use crate::cli::shown::progress::DownloadBar;
use crate::data::Dataset;

/// Opens the data set that `args` name. If `shown`, a bar shows the progress of a download.
///
/// # Errors
/// No data set is named, or it cannot be found, read or downloaded.
pub(crate) fn open(args: &DataArgs, shown: bool) -> Result<Dataset> {
    let Some(name) = &args.dataset else {
        bail!("--dataset is missing: name a data set of `tune data list`")
    };
    let sources = args.sources.sources()?;
    let options = args.open_options();
    let mut bar = DownloadBar::new();
    let dataset = Dataset::open(name, &options, &sources, &mut |progress| {
        if shown {
            bar.show(progress);
        }
    });
    bar.clear();
    Ok(dataset?)
}
