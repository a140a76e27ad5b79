//! Core activity: counts of what cores and their neurons do.

use std::ops::AddAssign;

/// Counts for one core in a step, or summed over cores and steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CoreActivity {
    /// Synaptic operations, as the chip counts them.
    pub operations: u64,
    /// Neuron steps: placed neurons times steps.
    pub steps: u64,
    /// Neuron steps on cores that received an event in the step.
    pub active: u64,
    /// Neuron steps with an event, a kept potential or a spike; counted only if the profile has a
    /// cost for them.
    pub updated: u64,
    /// Spikes of placed neurons; counted only if the profile has a cost for them.
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
