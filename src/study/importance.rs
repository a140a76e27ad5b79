//! The importance of parameters: their shares of the variance of a study's losses.

/// Shares of the variance of a study's losses over its space, by a model that is fitted to them
/// without outliers.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// One entry per searched parameter, the most important first.
    pub parameters: Vec<Share>,
    /// Pairs of parameters that interact, the strongest first.
    pub pairs: Vec<PairShare>,
    /// The share of the variance of the measured losses that the model attributes to noise, in [0,
    /// 1].
    pub noise: f64,
}

/// The share of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// Its name.
    pub name: String,
    /// Its effect alone, on average over the others: the first-order Sobol' index, in [0, 1].
    pub alone: f64,
    /// Its effect alone and together with others: the total Sobol' index, in [0, 1].
    pub total: f64,
}

/// The share of two parameters together, beyond the effects of each alone.
#[derive(Clone, Debug, PartialEq)]
pub struct PairShare {
    /// Their names.
    pub names: [String; 2],
    /// The second-order Sobol' index, in [0, 1].
    pub together: f64,
}
