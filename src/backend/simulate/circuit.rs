//! A layer as it is simulated: as deployed, or with faults.

use std::borrow::Cow;

use ndarray::{Array2, Array3};

use crate::backend::profile::format::Compare;
use crate::backend::quantize::IntegerLayer;

/// The integers of a layer, neuron by neuron.
pub(crate) struct Circuit<'a> {
    /// The layer as deployed.
    pub layer: &'a IntegerLayer,
    /// The comparison by which the chip's neurons fire.
    pub compare: Compare,
    pub weights: Weights<'a>,
    /// The threshold of each neuron, which fires if its sum is at least this.
    pub thresholds: Vec<i64>,
}

/// The weights of a layer.
pub(crate) enum Weights<'a> {
    /// (elements, channels), the same at all positions.
    Shared(Cow<'a, Array2<i64>>),
    /// (positions, elements, channels)
    PerPosition(Array3<i64>),
}

impl<'a> Circuit<'a> {
    /// The layer without faults, on a chip with this comparison.
    pub fn new(layer: &'a IntegerLayer, compare: Compare) -> Self {
        let more = match compare {
            Compare::Ge => 0,
            Compare::Gt => 1,
        };
        let thresholds = layer.thresholds.iter().map(|threshold| threshold.saturating_add(more));
        Self {
            layer,
            compare,
            weights: Weights::Shared(Cow::Borrowed(&layer.weights)),
            thresholds: thresholds.cycle().take(layer.neurons()).collect(),
        }
    }

    /// Pairs of the least and the greatest sum: one per channel if positions share weights, else
    /// one per neuron.
    pub fn reach(&self) -> Vec<(i64, i64)> {
        match &self.weights {
            Weights::Shared(weights) => self.layer.reach_of(weights.view()),
            Weights::PerPosition(weights) => {
                weights.outer_iter().flat_map(|position| self.layer.reach_of(position)).collect()
            }
        }
    }
}
