//! `--fidelity` and `--checkpoint-dir`: whether trials pause, and where their checkpoints are.

use std::path::PathBuf;

use clap::Args;

use crate::search::Fidelity;

#[derive(Debug, Args)]
pub(crate) struct FidelityArgs {
    /// Pause trials after a part of their training, and resume the most promising ones
    ///
    /// asha (successive halving) pauses a trial at 1/9 and at 1/3 of its epochs (of its --steps in `tune run`). At each
    /// of the two, the best third of the trials resume. bayes (freeze-thaw) pauses a trial at 1/4. It then trains the
    /// paused or new trial for which the Gaussian process expects the largest gain per cost. --budget counts paused
    /// trials too. The default point never pauses.
    #[arg(long, value_enum, default_value_t = Fidelity::Off)]
    pub fidelity: Fidelity,
    /// Folder for the checkpoints of paused trials; beside the SQLite file if left out, required with PostgreSQL
    ///
    /// All machines that work on the study must see this folder.
    #[arg(long, alias = "states", value_name = "FOLDER")]
    pub checkpoint_dir: Option<PathBuf>,
}

impl FidelityArgs {
    /// Whether trials pause at all.
    pub fn is_on(&self) -> bool {
        self.fidelity != Fidelity::Off
    }

    /// The name of the fidelity as a study keeps it; `None` where trials do not pause.
    pub fn name(&self) -> Option<String> {
        self.is_on().then(|| self.fidelity.name().to_owned())
    }
}
