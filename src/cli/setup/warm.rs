//! `--warm-start`: reads earlier results, from which the search learns.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::digest::sha256;
use crate::report::Remark;
use crate::space::Space;
use crate::storage::Storage;
use crate::study::{Metric, WarmStartError, WarmStartTable, WarmStartTrials};

/// Warm-start trials: earlier results, in the form in which a study stores them.
pub(crate) struct WarmStart {
    pub trials: WarmStartTrials,
    /// The SHA-256 of the trials, in hex.
    pub sha256: String,
    /// How many trials there are, how many are left out, and why.
    pub remark: Remark,
}

/// Reads the results of `source` for a study called `study`. `source` is a CSV table, a file of
/// JSON lines, or another study of `storage`.
///
/// # Errors
/// There is no such file or study, or it does not fit the space and the metrics.
pub(crate) fn read(
    source: &str,
    storage: &mut dyn Storage,
    study: &str,
    space: &Space,
    metrics: &[Metric],
) -> Result<WarmStart> {
    let ending = Path::new(source).extension().map(|ending| ending.to_ascii_lowercase());
    let text =
        || std::fs::read_to_string(source).with_context(|| format!("--warm-start {source}: cannot read it"));
    let found = match ending.as_ref().and_then(|ending| ending.to_str()) {
        Some("csv") => WarmStartTrials::from_csv(&text()?, source, space, metrics),
        Some("jsonl" | "ndjson") => WarmStartTrials::from_jsonl(&text()?, source, space, metrics),
        _ => of_study(storage, source, study, space, metrics)?,
    };
    let found = found.context("--warm-start")?;
    let failed = found.failed();
    let WarmStartTable { warm_start: trials, left_out, reason } = found;
    let remark = Remark::WarmStart {
        source: source.to_owned(),
        known: trials.results.len(),
        failed,
        left_out: reason.map(|reason| (left_out, reason.to_string())),
    };
    Ok(WarmStart { sha256: sha256(trials.to_json().to_string().as_bytes()), trials, remark })
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
            "--warm-start {source}: no file that ends in .csv or .jsonl, and no study of the database, which has: {names}"
        );
    };
    Ok(WarmStartTrials::of_trials(&*storage.load_study(key)?, space, metrics))
}
