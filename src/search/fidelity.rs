//! `--fidelity`: whether trials pause, and what decides which of them resume.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rungs::Rungs;

/// Whether trials pause, and what decides which of them resume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fidelity {
    /// Every trial is trained to its end.
    #[default]
    Off,
    /// A trial pauses at each rung (a step of its training); the best third at a rung resumes.
    Asha,
    /// The paused or new trial with the largest expected gain for its cost is trained next.
    Bayes,
}

impl Fidelity {
    /// All values of the option.
    pub const ALL: [Self; 3] = [Self::Off, Self::Asha, Self::Bayes];

    /// The name of the option's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Asha => "asha",
            Self::Bayes => "bayes",
        }
    }

    /// The rungs of this option: where trials pause; `None` if trials do not pause.
    pub fn rungs(self) -> Option<Rungs> {
        match self {
            Self::Off => None,
            Self::Asha => Some(Rungs::HALVING),
            Self::Bayes => Some(Rungs::MODEL),
        }
    }
}
