//! `--search` and `--fidelity`: the names of their values, each with a line of help.

use anyhow::{Context, Result};
use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::search::{Fidelity, Strategy};

impl ValueEnum for Strategy {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Strategy::Bayes => {
                "Gaussian process with expected improvement; with several metrics, expected hypervolume gain"
            }
            Strategy::Tpe => "Tree-structured Parzen estimator",
            Strategy::Nsga2 => "Evolution towards the Pareto front of all metrics",
            Strategy::Evolution => {
                "Evolution that adds, removes and swaps layers; a Gaussian process chooses among the children"
            }
            Strategy::Sobol => "Scrambled Sobol sequence",
            Strategy::Random => "Uniform random points",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

impl ValueEnum for Fidelity {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Fidelity::Off => "Train every trial to its end",
            Fidelity::Asha => "Asynchronous successive halving",
            Fidelity::Bayes => {
                "Freeze-thaw: trains the trial next that promises the largest gain per training time"
            }
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

/// The strategy that a study stores as `name`.
///
/// # Errors
/// No strategy has this name: a later version of the program wrote it.
pub(crate) fn strategy(name: &str) -> Result<Strategy> {
    let strategy = Strategy::ALL.into_iter().find(|strategy| strategy.name() == name);
    strategy
        .with_context(|| format!("search \"{name}\" of the study: this version of tune has no such search"))
}

/// The fidelity that a study stores as `name`.
///
/// # Errors
/// No fidelity has this name: a later version of the program wrote it.
pub(crate) fn fidelity(name: &str) -> Result<Fidelity> {
    let fidelity = Fidelity::ALL.into_iter().find(|fidelity| fidelity.name() == name);
    fidelity.with_context(|| {
        format!("fidelity \"{name}\" of the study: this version of tune has no such fidelity")
    })
}
