//! The order in which the layers of a network are sharpened.

use serde::{Deserialize, Serialize};

/// The order in which layers are sharpened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// From the input on, each layer after the one below. A sharp layer is frozen, and the layers
    /// above adapt to it.
    BottomUp,
    /// All layers at the same time.
    Uniform,
}

impl Order {
    /// The number of layers that must be sharp before `layer` begins.
    pub(crate) fn predecessors(self, layer: u32) -> u32 {
        match self {
            Order::BottomUp => layer,
            Order::Uniform => 0,
        }
    }
}
