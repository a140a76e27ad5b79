//! What a core does in a step.

use std::ops::AddAssign;

/// Counts of what cores and their neurons do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CoreActivity {
    /// Synaptic operations, as the chip counts them.
    pub operations: u64,
    /// Placed neurons times steps.
    pub steps: u64,
    /// Those of them on cores that received an event in the step.
    pub active: u64,
    /// Those of them that received an event, kept a potential or fired. Counted only where it has a price.
    pub updated: u64,
    /// Spikes of placed neurons. Counted only where they have a price.
    pub fired: u64,
}

impl AddAssign<&CoreActivity> for CoreActivity {
    fn add_assign(&mut self, other: &CoreActivity) {
        self.operations += other.operations;
        self.steps += other.steps;
        self.active += other.active;
        self.updated += other.updated;
        self.fired += other.fired;
    }
}
