//! The methods by which a network gets binary activations.

use serde::{Deserialize, Serialize};

use super::sharpener::Sharpener;
use crate::network::{Shape, Surrogate};
use crate::training::TrainingError;
use crate::training::check::positive;

/// How a network comes to binary activations.
///
/// In every method thresholds are learnt: a neuron fires where `y + b >= 1/2`, so the bias b is the threshold
/// `1/2 - b` by another name, and with batch norm the shift after it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Method {
    /// Soft steps are sharpened while the network learns; training ends when all are exact (Severa et al.
    /// 2019).
    Sharpen {
        /// When, which layers, how fast.
        sharpener: Sharpener,
    },
    /// Exact steps from the first epoch; going back, a surrogate stands for the slope.
    Surrogate {
        /// The form of the surrogate slope.
        shape: Shape,
        /// Of the slope in the first epoch, above 0, in units of the step's input. Wider: more neurons learn,
        /// from a coarser gradient.
        width: f32,
        /// Of the slope in the last epoch, above 0; in between the width changes by the same factor from
        /// epoch to epoch.
        final_width: f32,
    },
    /// Soft steps are sharpened until all are exact; from then on a surrogate stands for the slope.
    Hybrid {
        /// When, which layers, how fast.
        sharpener: Sharpener,
        /// Epochs after that in which the last layer became exact; in what is left of that one the surrogate
        /// is at work already.
        fine_tune: u32,
        /// What stands for the slope of exact steps.
        surrogate: Surrogate,
    },
}

impl Method {
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
