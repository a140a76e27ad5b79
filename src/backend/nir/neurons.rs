//! Neurons of a graph as a layer of a binary network.

use ndarray::{Array1, Array2};

use crate::network::{BinaryLayer, Connectivity};

/// A layer before its numbers are brought to a grid: it fires where the sum is above its limit.
pub(super) struct Neurons {
    pub connectivity: Connectivity,
    /// (units, elements)
    pub weights: Array2<f64>,
    /// (units)
    pub limits: Array1<f64>,
}

impl Neurons {
    /// Whether they are the OR of plain spikes in a window.
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

    /// The layer that hears `sources`, whose numbers go up to `max`.
    pub fn layer(self, sources: Vec<usize>, max: u8) -> BinaryLayer {
        match self.connectivity {
            Connectivity::Convolution { input, window, .. }
                if (max == 1 || sources != [0]) && self.is_pool() =>
            {
                BinaryLayer::pool(input, window, sources)
            }
            connectivity => {
                // Above the limit is at the next number or above it.
                let thresholds = self.limits.mapv(f64::next_up);
                BinaryLayer::on_grid(connectivity, sources, self.weights, thresholds, max)
            }
        }
    }
}
