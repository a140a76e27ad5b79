//! The methods by which the activations of a network become binary.

use serde::{Deserialize, Serialize};

use super::sharpener::Sharpener;
use crate::network::{Shape, Surrogate};
use crate::training::TrainingError;
use crate::training::check::positive;

/// The method by which the activations of a network become binary (0 or 1).
///
/// Every method learns the thresholds too. A neuron with the weighted sum y and the bias b fires
/// where `y + b >= 1/2`, so its threshold is `1/2 - b`. With batch norm, b is added after the
/// normalization.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Method {
    /// Sharpening: soft steps (ramps) become sharp while the network learns. Training ends when all
    /// layers are sharp (Severa et al. 2019).
    Sharpen {
        /// When, in which order and how fast layers are sharpened.
        sharpener: Sharpener,
    },
    /// Exact steps from the first epoch on, with a surrogate gradient (a smooth function in place
    /// of the derivative) in the backward pass.
    Surrogate {
        /// The function of the surrogate gradient.
        shape: Shape,
        /// The width of the surrogate gradient in the first epoch, above 0, in units of the
        /// potential. A wider one lets more neurons learn, from a coarser gradient.
        width: f32,
        /// The width of the surrogate gradient in the last epoch, above 0. In between, the width
        /// changes by the same factor from epoch to epoch.
        final_width: f32,
    },
    /// Sharpening until all layers are sharp, then learning with a surrogate gradient.
    Hybrid {
        /// When, in which order and how fast layers are sharpened.
        sharpener: Sharpener,
        /// Number of epochs with the surrogate gradient, after the epoch in which the last layer
        /// became sharp. The rest of that epoch already uses it.
        fine_tune: u32,
        /// The surrogate gradient.
        surrogate: Surrogate,
    },
}

impl Method {
    /// Checks that the settings lie in their ranges.
    pub(crate) fn check(&self) -> Result<(), TrainingError> {
        match self {
            Method::Sharpen { sharpener } => sharpener.check(),
            Method::Surrogate { width, final_width, .. } => positive("width", f64::from(*width))
                .and_then(|()| positive("final_width", f64::from(*final_width))),
            Method::Hybrid { sharpener, surrogate, .. } => {
                sharpener.check().and_then(|()| positive("surrogate.width", f64::from(surrogate.width)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_of_no_width_is_refused() {
        let method = Method::Surrogate { shape: Shape::Arctan, width: 1.0, final_width: 0.0 };
        let problem = method.check().expect_err("the width is wrong").to_string();
        assert_eq!(problem, "final_width = 0: must be positive");
    }
}
