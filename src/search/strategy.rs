//! All searches, by name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BayesSearch, EvolutionSearch, Nsga2Search, RandomSearch, RefiningSearch, Search, SobolSearch, TpeSearch,
};

/// A search with its default settings, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Gaussian processes of all metrics and constraints.
    #[default]
    Bayes,
    /// The tree-structured Parzen estimator.
    Tpe,
    /// NSGA-II: evolution towards the Pareto front of all metrics.
    Nsga2,
    /// Evolution of lists, such as the layers of a network, with a Gaussian process to choose among
    /// children.
    Evolution,
    /// Points that fill the space evenly.
    Sobol,
    /// Points at random.
    Random,
}

impl Strategy {
    /// All searches.
    pub const ALL: [Strategy; 6] = [
        Strategy::Bayes,
        Strategy::Tpe,
        Strategy::Nsga2,
        Strategy::Evolution,
        Strategy::Sobol,
        Strategy::Random,
    ];

    /// The name of the option's value.
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Bayes => "bayes",
            Strategy::Tpe => "tpe",
            Strategy::Nsga2 => "nsga2",
            Strategy::Evolution => "evolution",
            Strategy::Sobol => "sobol",
            Strategy::Random => "random",
        }
    }

    /// The search of a study with `budget` trials, the last `refine` of which keep the lists of the
    /// best trials.
    pub fn refining(self, budget: u32, refine: u32) -> Box<dyn Search> {
        match refine {
            0 => self.build(),
            _ => Box::new(RefiningSearch::new(self.build(), budget.saturating_sub(refine))),
        }
    }

    /// The search itself.
    pub fn build(self) -> Box<dyn Search> {
        match self {
            Strategy::Bayes => Box::new(BayesSearch::new()),
            Strategy::Tpe => Box::new(TpeSearch::new()),
            Strategy::Nsga2 => Box::new(Nsga2Search::new()),
            Strategy::Evolution => Box::new(EvolutionSearch::new()),
            Strategy::Sobol => Box::new(SobolSearch::new()),
            Strategy::Random => Box::new(RandomSearch::new()),
        }
    }
}
