//! Neurons of a graph, and the layer of a binary network that they make.

use ndarray::{Array1, Array2};

use crate::network::{BinaryLayer, Connectivity};

/// A layer before rounding to a grid; neurons fire if their sum is above their limit.
pub(super) struct Neurons {
    pub connectivity: Connectivity,
    /// (channels, elements)
    pub weights: Array2<f64>,
    /// (channels)
    pub limits: Array1<f64>,
}

impl Neurons {
    /// Whether each neuron is the OR of one channel's spikes in its window.
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

    /// The layer with these sources, whose inputs go up to `max`.
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
