//! The order in which the layers of a network are sharpened.

use serde::{Deserialize, Serialize};

/// Which layers are sharpened first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// From the input up, each when the one below is done: a finished layer is frozen, and those above
    /// adapt to it.
    BottomUp,
    /// All at once.
    Uniform,
}

impl Order {
    /// How many layers before `layer` must be done before it begins.
    pub(crate) fn turn(self, layer: u32) -> u32 {
        match self {
            Order::BottomUp => layer,
            Order::Uniform => 0,
        }
    }
}
