//! `--fidelity` and `--checkpoint-dir`: whether trials pause, and where their checkpoints are.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use crate::search::{Fidelity, Strategy};

#[derive(Debug, Args)]
pub(crate) struct FidelityArgs {
    /// Pause trials early, and resume the promising ones
    ///
    /// Saves training time.
    ///
    /// asha (asynchronous successive halving) pauses a trial after 1/9 and after 1/3 of its epochs.
    /// At each pause, only the best third of the trials resume. bayes (freeze-thaw) pauses a trial
    /// after 1/4 of its epochs. Next it trains the paused or new trial that promises the largest
    /// gain per training time. In `tune run` the steps of --steps take the place of epochs.
    /// --budget counts paused trials too. The first trial, with all defaults, never pauses.
    #[arg(long, value_enum, default_value_t = Fidelity::Off)]
    pub fidelity: Fidelity,
    /// Folder for the checkpoints of paused trials
    ///
    /// If left out, beside the SQLite file; required with PostgreSQL.
    ///
    /// A checkpoint holds what a trial needs to resume. All machines that work on the study must
    /// see this folder.
    #[arg(long, alias = "states", value_name = "FOLDER")]
    pub checkpoint_dir: Option<PathBuf>,
}

impl FidelityArgs {
    /// Whether trials pause at all.
    pub fn is_on(&self) -> bool {
        self.fidelity != Fidelity::Off
    }

    /// The name of the fidelity as a study stores it; `None` if trials do not pause.
    pub fn name(&self) -> Option<String> {
        self.is_on().then(|| self.fidelity.name().to_owned())
    }
}

/// Checks that `search` has the model that `fidelity` needs.
///
/// # Errors
/// It has none.
pub(crate) fn check_search(fidelity: Fidelity, search: Strategy, dashes: &str) -> Result<()> {
    if fidelity == Fidelity::Bayes && search != Strategy::Bayes {
        bail!(
            "{dashes}fidelity {}: {dashes}search {} has no model that weighs trials: use bayes, or asha",
            fidelity.name(),
            search.name()
        );
    }
    Ok(())
}
