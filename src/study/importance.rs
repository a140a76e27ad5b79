//! The importance of parameters: how much of the variance of a study's losses each explains.

use schemars::JsonSchema;
use serde::Serialize;

/// How much of the variance of a study's losses over its space the parameters explain. A model is
/// fitted to the losses without outliers.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Importance {
    /// One entry per searched parameter, the most important first.
    pub parameters: Vec<Share>,
    /// Pairs of parameters that interact, the strongest first.
    pub pairs: Vec<PairShare>,
    /// The share of the variance that the model takes for noise of the measurements, in [0, 1].
    pub noise: f64,
}

/// The share of one parameter in the variance.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Share {
    /// The name of the parameter.
    pub name: String,
    /// The effect of the parameter alone, on average over all others: the first-order Sobol' index,
    /// in [0, 1].
    pub alone: f64,
    /// The effect of the parameter alone and together with others: the total Sobol' index, in [0,
    /// 1].
    pub total: f64,
}

/// The common share of two parameters, beyond the effect of each alone.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PairShare {
    /// The names of the two parameters.
    pub names: [String; 2],
    /// The second-order Sobol' index, in [0, 1].
    pub together: f64,
}
