//! Core activity: counts of what cores and their neurons do.

use std::ops::AddAssign;

/// Counts for one core in a step, or summed over cores and steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CoreActivity {
    /// Synaptic operations.
    pub operations: u64,
    /// Neuron steps: placed neurons times steps.
    pub steps: u64,
    /// Neuron steps on cores that received an event in the step.
    pub active: u64,
    /// Neuron steps in which the neuron received an event, kept a potential from the step before,
    /// or fired. Counted only if the chip profile has a cost for them.
    pub updated: u64,
    /// Spikes of placed neurons. Counted only if the chip profile has a cost for them.
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
