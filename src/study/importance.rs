//! What the losses of a study depend on: shares of their variance.

/// Shares of the variance of a study's losses over its space, as a model of them, outliers cut, has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// One a searched parameter, the most important first.
    pub parameters: Vec<Share>,
    /// Pairs whose interaction matters, the strongest first.
    pub pairs: Vec<PairShare>,
    /// The share of the losses' own variance that the model takes for noise, in [0, 1].
    pub noise: f64,
}

/// The share of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// Its name.
    pub name: String,
    /// What it does by itself, on average over the others: the first-order Sobol' index, in [0, 1].
    pub alone: f64,
    /// What it does by itself and together with others: the total Sobol' index, in [0, 1].
    pub total: f64,
}

/// The share of two parameters together, beyond what each does by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct PairShare {
    /// Their names.
    pub names: [String; 2],
    /// The second-order Sobol' index, in [0, 1].
    pub together: f64,
}
