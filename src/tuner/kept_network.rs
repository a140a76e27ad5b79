//! The network of the best trial so far, kept so that it need not be trained again to be saved.

use crate::objective::{Evaluation, Model, first_replicate};
use crate::study::{Repeat, Study};

/// The network of the best trial so far, if this run has evaluated that trial. No other trial can
/// win, so no other network is kept.
pub(super) struct KeptNetwork {
    is_wanted: bool,
    kept: Option<Kept>,
}

/// A trained network with its trial and its result with the trial's own seed.
struct Kept {
    trial: u32,
    repeat: Repeat,
    model: Box<dyn Model>,
}

impl KeptNetwork {
    /// Keeps networks only if `is_wanted`.
    pub fn new(is_wanted: bool) -> Self {
        Self { is_wanted, kept: None }
    }

    /// Keeps the network of `evaluation`, the result of `trial`, if that is now the best trial of
    /// `study`. Drops a kept network whose trial is no longer the best.
    pub fn update(&mut self, study: &Study, trial: u32, evaluation: Evaluation) {
        let best = study.best().map(|best| best.number);
        self.kept.take_if(|kept| best != Some(kept.trial));
        if let (true, Some(model)) = (self.is_wanted && best == Some(trial), evaluation.model) {
            let (value, attributes) = first_replicate(&evaluation.outcome);
            self.kept = Some(Kept {
                trial,
                repeat: Repeat { value, values: Vec::new(), constraints: Vec::new(), attributes },
                model,
            });
        }
    }

    /// The network of `trial` and its result with the trial's own seed, if it was kept.
    pub fn take(self, trial: u32) -> Option<(Repeat, Box<dyn Model>)> {
        self.kept.filter(|kept| kept.trial == trial).map(|kept| (kept.repeat, kept.model))
    }
}
