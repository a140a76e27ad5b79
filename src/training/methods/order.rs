//! The order in which the layers of a network are sharpened.

use serde::{Deserialize, Serialize};

/// The order in which layers are sharpened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// From the input on, each layer after the one below. A sharp layer is frozen, and the layers
    /// above adapt to it.
    BottomUp,
    /// From the output on, each layer after the one above. A sharp layer passes no gradient, so the
    /// layers below it are frozen while they are soft. This order shows that the other one matters.
    TopDown,
    /// All layers at the same time.
    Uniform,
}

impl Order {
    /// The number of layers that must be sharp before `layer` of `layers` begins.
    pub(crate) fn predecessors(self, layer: u32, layers: u32) -> u32 {
        match self {
            Order::BottomUp => layer,
            Order::TopDown => layers - 1 - layer,
            Order::Uniform => 0,
        }
    }

    /// The number of layers, of `layers`, that must be sharp before the last one begins.
    pub(crate) fn most_predecessors(self, layers: u32) -> u32 {
        match self {
            Order::BottomUp | Order::TopDown => layers.saturating_sub(1),
            Order::Uniform => 0,
        }
    }
}
