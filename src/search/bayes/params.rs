//! Settings of the search by Gaussian processes.

/// Settings of a [`BayesSearch`](super::BayesSearch).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BayesParams {
    /// Trials before the first suggestion of the model, including the default point and trials of
    /// other sources. The search fills them up with a scrambled Sobol sequence.
    ///
    /// `None`, the default: one more than the space has dimensions, from 5 to 20. More: a surer
    /// model, fewer trials that use it.
    pub initial: Option<usize>,
    /// Candidates at which the acquisition is computed before local search; default 2,048. A
    /// quarter as many more surround the best trials. From 50 observations on both numbers fall,
    /// since each candidate takes longer.
    ///
    /// More: surer of the maximum, slower.
    pub candidates: usize,
    /// Local searches from candidates that are drawn by their acquisition, beside those from the
    /// best candidate and from the best trials; default 8. From 50 observations on the number
    /// falls. With 0 there is one local search, from the best candidate.
    pub starts: usize,
}

impl Default for BayesParams {
    fn default() -> Self {
        Self { initial: None, candidates: 2048, starts: 8 }
    }
}
