//! Which inputs and neurons are active, for each sample of a block.

use std::ops::Range;

/// Lists of active numbers in rising order, one a sample.
#[derive(Default)]
pub(super) struct Lists {
    /// Memory that lasts: what lies behind the last end counts for nothing.
    active: Vec<u32>,
    /// Of sample s: those from `ends[s]` to `ends[s + 1]`.
    ends: Vec<usize>,
}

impl Lists {
    pub fn clear(&mut self) {
        self.ends.clear();
        self.ends.push(0);
    }

    /// Samples.
    pub fn len(&self) -> usize {
        self.ends.len() - 1
    }

    /// The active ones of sample number `sample`.
    pub fn of(&self, sample: usize) -> &[u32] {
        &self.active[self.range(sample)]
    }

    /// Where they are among those of all samples.
    pub fn range(&self, sample: usize) -> Range<usize> {
        self.ends[sample]..self.ends[sample + 1]
    }

    /// Adds the list of one more sample: the places of those that are `active`.
    #[inline(always)]
    pub fn push(&mut self, active: impl ExactSizeIterator<Item = bool>) {
        // Every place is written and only active ones stay: no branch that depends on the data.
        let start = *self.ends.last().expect("lists begin with an end");
        let room = start + active.len() + 1;
        if self.active.len() < room {
            self.active.resize(room.next_power_of_two(), 0);
        }
        let places = &mut self.active[start..room];
        let mut found = 0;
        for (place, is_active) in (0..).zip(active) {
            places[found] = place;
            found += usize::from(is_active);
        }
        self.ends.push(start + found);
    }

    /// Drops what `keeps(sample, place)` says no to; `place` counts the active ones of all samples.
    pub fn retain(&mut self, mut keeps: impl FnMut(usize, usize) -> bool) {
        let (mut kept, mut start) = (0, 0);
        for sample in 0..self.len() {
            let end = self.ends[sample + 1];
            for place in start..end {
                if keeps(sample, place) {
                    self.active[kept] = self.active[place];
                    kept += 1;
                }
            }
            start = end;
            self.ends[sample + 1] = kept;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_follow_one_another() {
        let mut lists = Lists::default();
        lists.clear();
        lists.push([true, false, true, false, true].into_iter());
        lists.push([false; 3].into_iter());
        lists.push([false, true, true, true].into_iter());
        assert_eq!((lists.len(), lists.of(0), lists.of(1)), (3, [0, 2, 4].as_slice(), [].as_slice()));
        lists.retain(|sample, place| (sample, place) != (2, 4) && place > 0);
        assert_eq!((lists.of(0), lists.of(2)), ([2, 4].as_slice(), [1, 3].as_slice()));
        lists.push([true].into_iter());
        assert_eq!((lists.of(2), lists.of(3)), ([1, 3].as_slice(), [0].as_slice()));
    }
}
