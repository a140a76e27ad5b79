//! Presynaptic inputs: what a layer receives from its sources.

use super::events::EventLists;

/// The inputs that a layer receives in a block of samples.
#[derive(Clone, Copy)]
pub(super) struct PresynapticInputs<'a> {
    pub sources: &'a [usize],
    /// The active inputs of each source of the network.
    pub events: &'a [EventLists],
    /// Levels of graded inputs: one per active input of source 0.
    pub levels: Option<&'a [u8]>,
}

impl<'a> PresynapticInputs<'a> {
    /// The number of samples.
    pub fn samples(&self) -> usize {
        self.events[0].len()
    }

    /// The levels of a sample's active inputs, if `source` is graded.
    pub fn levels_of(&self, source: usize, sample: usize) -> Option<&'a [u8]> {
        let levels = self.levels.filter(|_| source == 0)?;
        Some(&levels[self.events[0].range(sample)])
    }
}
