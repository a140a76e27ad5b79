//! The importance of parameters: how much of the variance of a study's losses each explains, and
//! what a model expects along each.

use crate::space::Value;

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

/// What a model expects of the first metric along one parameter, while all others stay as they are
/// at one point.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// The name of the parameter.
    pub name: String,
    /// Values of the parameter, rising, or all its choices.
    pub at: Vec<Value>,
    /// Whether these are numbers of a range; choices have no order, even if they are numbers.
    pub is_number: bool,
    /// The expected metric at each of them, in the metric's own unit.
    pub mean: Vec<f64>,
    /// The standard deviation of that expectation, without the noise of a measurement.
    pub sd: Vec<f64>,
    /// Whether each of the values keeps the relations of the space, and is expected to keep all constraints.
    pub is_allowed: Vec<bool>,
}
