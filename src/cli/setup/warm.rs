//! `--warm-start`: what is known before a study begins.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::config::sha256;
use crate::cli::args::StudyArgs;
use crate::space::Space;
use crate::storage::Storage;
use crate::study::{Metric, WarmStartError, WarmStartTable, WarmStartTrials};

/// Results from elsewhere, as a study keeps them.
pub(crate) struct WarmStartFile {
    pub warm_start: WarmStartTrials,
    /// Of the results.
    pub sha256: String,
    /// What people should know.
    pub remark: String,
}

/// The results that `args` name, a table or another study of `storage`, for a study called `study`.
pub(crate) fn read(
    args: &StudyArgs,
    storage: &mut dyn Storage,
    study: &str,
    space: &Space,
    metrics: &[Metric],
) -> Result<Option<WarmStartFile>> {
    let Some(source) = &args.warm_start else { return Ok(None) };
    let is_table = Path::new(source).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    let taken = match is_table {
        true => {
            let text = std::fs::read_to_string(source)
                .with_context(|| format!("--warm-start {source}: cannot read it"))?;
            WarmStartTrials::from_csv(&text, source, space, metrics)
        }
        false => of_study(storage, source, study, space, metrics)?,
    };
    let WarmStartTable { warm_start, left_out, reason } = taken.context("--warm-start")?;
    let mut remark =
        format!("{} results of {source} are known before the first trial", warm_start.results.len());
    if let Some(reason) = reason {
        remark += &format!("; {left_out} are left out: {reason}");
    }
    Ok(Some(WarmStartFile {
        sha256: sha256(warm_start.to_json().to_string().as_bytes()),
        warm_start,
        remark,
    }))
}

/// The trials of the study called `source`.
fn of_study(
    storage: &mut dyn Storage,
    source: &str,
    study: &str,
    space: &Space,
    metrics: &[Metric],
) -> Result<Result<WarmStartTable, WarmStartError>> {
    if source == study {
        bail!(
            "--warm-start {source}: is this study itself: name another, or go on with it by leaving this out"
        );
    }
    let Some(key) = storage.find_study(source)? else {
        let names = storage.study_names()?.join(", ");
        bail!(
            "--warm-start {source}: no file that ends in .csv, and no study of the database, which has: {names}"
        );
    };
    Ok(WarmStartTrials::of_trials(&*storage.load_study(key)?, space, metrics))
}
