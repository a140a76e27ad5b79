//! Neurons of a graph, and the layer of a binary network that they make.

use ndarray::{Array1, Array2};

use super::wide::Wide;
use crate::network::{BinaryLayer, Connectivity};

/// Binary exponents from minus this to this are kept as they are: products of such numbers are
/// normal floats.
const ORDINARY: i32 = 200;
/// A channel's weights are scaled up if they are this many binary digits smaller than those of the
/// largest channel. Else the common grid of the layer would lose them.
const SMALL: i32 = 24;

/// Weighted sums of a layer: weights (channels, elements), each row times 2 to the power of its
/// exponent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rows {
    pub weights: Array2<f64>,
    /// (channels)
    pub exponents: Vec<i32>,
    /// (channels)
    pub bias: Vec<Wide>,
}

impl Rows {
    /// Multiplies channel number `channel` by `factor`.
    pub fn scale(&mut self, channel: usize, factor: Wide) {
        // A power of 2 goes to the exponent: weights stay in the range of floats.
        let exponent = factor.exponent().unwrap_or_default();
        let fraction = factor.shifted(-exponent).value();
        self.weights.row_mut(channel).mapv_inplace(|weight| weight * fraction);
        self.exponents[channel] += exponent;
        self.bias[channel] = self.bias[channel].times(factor);
    }
}

/// A layer before rounding to a grid; a neuron fires if its sum is above the limit of its channel.
pub(super) struct Neurons {
    pub connectivity: Connectivity,
    /// (channels, elements)
    pub weights: Array2<f64>,
    /// (channels); infinite: never above, or always.
    pub limits: Array1<f64>,
}

impl Neurons {
    /// The neurons that fire if the sum and bias of their channel are above its threshold.
    ///
    /// Multiplying the weights and the limit of a channel by the same number changes no spike. A
    /// channel is scaled in this way if it is far from the range of floats or from the other
    /// channels.
    pub fn new(connectivity: Connectivity, rows: Rows, thresholds: &[Wide]) -> Self {
        let Rows { mut weights, exponents, bias } = rows;
        let own: Vec<Option<i32>> =
            weights.outer_iter().map(|row| top(row.iter().map(|&weight| Wide::new(weight)))).collect();
        let total = |channel: usize| own[channel].map(|own| own + exponents[channel]);
        let ordinary = (0..own.len()).filter_map(total).filter(|total| total.abs() <= ORDINARY);
        let common = ordinary.max();
        let mut limits = Array1::zeros(own.len());
        for (channel, mut row) in weights.outer_iter_mut().enumerate() {
            let keeps =
                |total: i32| total.abs() <= ORDINARY && common.is_none_or(|common| total >= common - SMALL);
            let shift = match total(channel) {
                Some(total) if !keeps(total) => common.unwrap_or_default() - total,
                _ => 0,
            };
            row.mapv_inplace(|weight| Wide::new(weight).shifted(exponents[channel] + shift).value());
            limits[channel] = thresholds[channel].minus(bias[channel]).shifted(shift).value();
        }
        Self { connectivity, weights, limits }
    }

    /// Whether each neuron fires as soon as any spike of its own channel is in its window, as in
    /// max pooling.
    pub fn is_pool(&self) -> bool {
        let (channels, elements) = self.weights.dim();
        let limited =
            |channel: usize, weight: f64| weight > 0.0 && (0.0..weight).contains(&self.limits[channel]);
        let Connectivity::Convolution { input, .. } = self.connectivity else { return false };
        channels == input.channels
            && (0..channels).all(|channel| {
                (0..elements).all(|element| match self.weights[[channel, element]] {
                    weight if element % input.channels == channel => limited(channel, weight),
                    weight => weight == 0.0,
                })
            })
    }

    /// The finished layer with these sources, whose inputs go up to `max`.
    pub fn layer(self, sources: Vec<usize>, max: u8) -> BinaryLayer {
        match self.connectivity {
            Connectivity::Convolution { input, window, .. }
                if (max == 1 || sources != [0]) && self.is_pool() =>
            {
                BinaryLayer::pool(input, window, sources)
            }
            connectivity => {
                // Above the limit means at the next float or higher.
                let thresholds = self.limits.mapv(f64::next_up);
                BinaryLayer::on_grid(connectivity, sources, self.weights, thresholds, max)
            }
        }
    }
}

/// The largest exponent of `numbers`; `None` if all are 0.
fn top(numbers: impl Iterator<Item = Wide>) -> Option<i32> {
    numbers.filter_map(Wide::exponent).max()
}

/// The exponent to store separately for a row of `numbers`; 0 where they are ordinary floats.
pub(super) fn row_exponent(numbers: impl Iterator<Item = Wide>) -> i32 {
    top(numbers).filter(|top| top.abs() > ORDINARY).unwrap_or_default()
}
