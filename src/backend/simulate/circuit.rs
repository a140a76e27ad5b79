//! A layer as it is simulated: as it was deployed, or as faults have left it.

use std::borrow::Cow;

use ndarray::{Array2, Array3};

use crate::backend::profile::format::Compare;
use crate::backend::quantize::IntegerLayer;

/// The integers of a layer, neuron by neuron.
pub(crate) struct Circuit<'a> {
    /// What was deployed.
    pub layer: &'a IntegerLayer,
    /// When the chip's neurons fire.
    pub compare: Compare,
    pub weights: Weights<'a>,
    /// One a neuron, which fires where its sum is this or more.
    pub thresholds: Vec<i64>,
}

/// The weights of a layer.
pub(crate) enum Weights<'a> {
    /// (elements, units), alike at all positions.
    Shared(Cow<'a, Array2<i64>>),
    /// (positions, elements, units)
    PerPosition(Array3<i64>),
}

impl<'a> Circuit<'a> {
    /// The layer without a fault, on a chip that compares so.
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

    /// Bounds of the sums: of the neurons of a site, which all have them, or of every neuron.
    pub fn reach(&self) -> Vec<(i64, i64)> {
        match &self.weights {
            Weights::Shared(weights) => self.layer.reach_of(weights.view()),
            Weights::PerPosition(weights) => {
                weights.outer_iter().flat_map(|position| self.layer.reach_of(position)).collect()
            }
        }
    }
}
