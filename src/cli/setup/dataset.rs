//! `--dataset`: the data set, opened or downloaded.

use anyhow::{Result, bail};

use crate::cli::options::data::DataArgs;
use crate::cli::shown::load_bar::LoadBar;
use crate::data::{Dataset, OpenOptions};

/// The data set that `args` name, read by `options`; a bar shows a download if `shown`.
///
/// # Errors
/// None is named, or it cannot be found, read or downloaded.
pub(crate) fn open(args: &DataArgs, options: &OpenOptions, shown: bool) -> Result<Dataset> {
    let Some(name) = &args.dataset else {
        bail!("--dataset is missing: name a data set of `tune data list`")
    };
    let sources = args.sources.sources()?;
    let mut bar = LoadBar::new();
    let dataset = Dataset::open(name, options, &sources, &mut |progress| {
        if shown {
            bar.show(progress);
        }
    });
    bar.clear();
    Ok(dataset?)
}
