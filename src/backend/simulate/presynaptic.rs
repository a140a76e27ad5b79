//! What reaches a layer: the spikes of its sources, and the levels of graded inputs.

use super::events::EventLists;

/// What a layer hears in a block of samples.
#[derive(Clone, Copy)]
pub(super) struct PresynapticInputs<'a> {
    pub sources: &'a [usize],
    /// By source.
    pub events: &'a [EventLists],
    /// Of graded inputs: one for each active one.
    pub levels: Option<&'a [u8]>,
}

impl<'a> PresynapticInputs<'a> {
    /// Samples.
    pub fn samples(&self) -> usize {
        self.events[0].len()
    }

    /// The levels of sample number `sample`, if `source` is graded.
    pub fn levels_of(&self, source: usize, sample: usize) -> Option<&'a [u8]> {
        let levels = self.levels.filter(|_| source == 0)?;
        Some(&levels[self.events[0].range(sample)])
    }
}
