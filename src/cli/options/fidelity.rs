//! `--fidelity`: what is meant by it, whatever the study is of.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use crate::cli::args::StudyArgs;
use crate::cli::setup::open;
use crate::search::{Fidelity, Strategy};
use crate::storage::Location;
use crate::tuner::{Decider, Pausing};

/// How trials pause.
#[derive(Debug, Args)]
pub(crate) struct PausingArgs {
    /// Pause trials on their way: asha after a ninth and a third of their epochs, or --steps of a command, and it trains
    /// the best third at each of the two on; bayes after a quarter, and it trains on whatever promises most for its
    /// effort. The budget counts points, however far each is trained; the default point never pauses
    #[arg(long, value_enum, default_value_t = Fidelity::Off)]
    pub fidelity: Fidelity,
    /// Folder of the states of paused trials, which all machines of the study share; beside the database's file
    /// if left out
    #[arg(long, value_name = "FOLDER")]
    pub states: Option<PathBuf>,
}

impl PausingArgs {
    /// Whether trials pause at all.
    pub fn is_on(&self) -> bool {
        self.fidelity != Fidelity::Off
    }

    /// What is kept with the study: the name of what decides who goes on, if trials pause.
    pub fn name(&self) -> Option<String> {
        self.is_on().then(|| self.fidelity.name().to_owned())
    }

    /// Refuses pauses where the order of results is fixed: who goes on depends on who was there first. And a model where
    /// there is none.
    pub fn check(&self, study: &StudyArgs) -> Result<()> {
        let fidelity = self.fidelity.name();
        if self.is_on() && study.deterministic_workers().is_some() {
            bail!(
                "--fidelity {fidelity}: with --deterministic it takes one worker: leave one of the two out"
            );
        }
        if self.is_on() && study.replicates > 1 {
            bail!(
                "--fidelity {fidelity}: with --replicates a trial has no one training to pause: leave one of the two out"
            );
        }
        if self.fidelity == Fidelity::Bayes && study.search != Strategy::Bayes {
            let search = study.search.name();
            bail!(
                "--fidelity {fidelity}: --search {search} has no model that weighs trials: use bayes, or asha"
            );
        }
        Ok(())
    }

    /// How trials of a study in `database` pause, if they do.
    pub fn pausing(&self, database: &Location) -> Result<Option<Pausing>> {
        pausing(self.fidelity, self.states.clone(), database)
    }
}

/// How trials of a study in `database` pause, if they do: with their states in a folder that was asked for, or else
/// beside the database.
pub(crate) fn pausing(
    fidelity: Fidelity,
    states: Option<PathBuf>,
    database: &Location,
) -> Result<Option<Pausing>> {
    let by = match fidelity {
        Fidelity::Off => return Ok(None),
        Fidelity::Asha => Decider::Halving,
        Fidelity::Bayes => Decider::Model,
    };
    match states.or_else(|| database.file().map(open::beside)) {
        Some(states) => Ok(Some(Pausing { by, states })),
        None => bail!("--states is missing: name a folder that all machines of the study share"),
    }
}
