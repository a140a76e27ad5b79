//! Settings of the search by Gaussian processes.

/// Settings of a [`BayesSearch`](super::BayesSearch).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BayesParams {
    /// Number of trials before the first suggestion of the model. The default point of the space
    /// and trials of other sources count too. The other points come from a scrambled Sobol
    /// sequence.
    ///
    /// `None`, the default: 5. A larger number gives a surer model, but fewer trials use it.
    pub initial: Option<usize>,
    /// Number of candidates at which the acquisition is computed before local search; default
    /// 2,048. A quarter as many more surround the best trials. From 50 observations on both numbers
    /// fall, since each candidate takes longer.
    ///
    /// A larger number finds the maximum more surely, but slower.
    pub candidates: usize,
    /// Number of local searches that start from candidates drawn by their acquisition; default 8.
    /// Further local searches start from the best candidate and from the best trials. From 50
    /// observations on the number falls. With 0 there is one local search, from the best candidate.
    pub starts: usize,
}

impl Default for BayesParams {
    fn default() -> Self {
        Self { initial: None, candidates: 2048, starts: 8 }
    }
}
