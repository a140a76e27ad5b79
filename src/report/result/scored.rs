//! The first metric by seed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::study::{Repeat, Spread};

/// The first metric by seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scored {
    /// One value for each seed; `null` where it failed.
    pub values: Vec<Option<f64>>,
    /// Their mean and standard deviation; `null` if one failed.
    pub spread: Option<Spread>,
}

impl Scored {
    /// The first metric of each of `repeats`.
    pub(super) fn of(repeats: &[Repeat]) -> Self {
        Self { values: repeats.iter().map(|repeat| repeat.value).collect(), spread: Spread::of(repeats) }
    }
}
