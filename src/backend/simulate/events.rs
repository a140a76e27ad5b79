//! Lists of active inputs and neurons, for each sample of a block.

use std::ops::Range;

/// Lists of active indices in rising order, one list per sample.
#[derive(Default)]
pub(super) struct EventLists {
    /// The indices of all samples; entries beyond the last end are unused memory.
    active: Vec<u32>,
    /// The list of sample s lies from `ends[s]` to `ends[s + 1]`.
    ends: Vec<usize>,
}

impl EventLists {
    /// Removes all lists; keeps the memory.
    pub fn clear(&mut self) {
        self.ends.clear();
        self.ends.push(0);
    }

    /// The number of active indices of all samples.
    pub fn count(&self) -> usize {
        *self.ends.last().expect("lists begin with an end")
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.ends.len() - 1
    }

    /// The active indices of sample number `sample`.
    pub fn of(&self, sample: usize) -> &[u32] {
        &self.active[self.range(sample)]
    }

    /// The range of a sample's indices among those of all samples.
    pub fn range(&self, sample: usize) -> Range<usize> {
        self.ends[sample]..self.ends[sample + 1]
    }

    /// Adds the list of one more sample: the indices at which `active` is true.
    #[inline(always)]
    pub fn push(&mut self, active: impl ExactSizeIterator<Item = bool>) {
        // Every index is written and only active ones are kept, so no branch depends on the data.
        let places = self.room(active.len() + 1);
        let mut found = 0;
        for (place, is_active) in (0..).zip(active) {
            places[found] = place;
            found += usize::from(is_active);
        }
        self.ends.push(self.count() + found);
    }

    /// Adds the list of one more sample: the indices at which `values` reach `thresholds`. Both
    /// have the same length.
    pub fn push_reaching<T: Copy + Ord>(&mut self, values: &[T], thresholds: &[T]) {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx512bw") && std::is_x86_feature_detected!("avx512vl") {
            // SAFETY: the processor has the features that the call needs, as just checked.
            return unsafe { self.push_with_avx512(values, thresholds) };
        }
        self.push(values.iter().zip(thresholds).map(|(value, threshold)| value >= threshold));
    }

    /// [`EventLists::push_reaching`] with an AVX-512 instruction that packs the active indices
    /// among sixteen.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn push_with_avx512<T: Copy + Ord>(&mut self, values: &[T], thresholds: &[T]) {
        use std::arch::x86_64::{
            _mm512_add_epi32, _mm512_loadu_si512, _mm512_maskz_compress_epi32, _mm512_set1_epi32,
            _mm512_setr_epi32, _mm512_storeu_si512, _mm512_test_epi8_mask,
        };
        const CHUNK: usize = 64;
        const LANES: usize = 16;
        let places = self.room(values.len() + LANES);
        let mut found = 0;
        let mut numbers = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        for (values, thresholds) in values.chunks(CHUNK).zip(thresholds.chunks(CHUNK)) {
            let mut active = [0u8; CHUNK];
            for ((active, value), threshold) in active.iter_mut().zip(values).zip(thresholds) {
                *active = u8::from(value >= threshold);
            }
            // SAFETY: the chunk has the 64 bytes that are read.
            let active = unsafe { _mm512_loadu_si512(active.as_ptr().cast()) };
            let active = _mm512_test_epi8_mask(active, active);
            for first in (0..values.len()).step_by(LANES) {
                let active = (active >> first) as u16;
                let kept = _mm512_maskz_compress_epi32(active, numbers);
                let target = &mut places[found..found + LANES];
                // SAFETY: the target has the 16 places that are written.
                unsafe { _mm512_storeu_si512(target.as_mut_ptr().cast(), kept) };
                found += active.count_ones() as usize;
                numbers = _mm512_add_epi32(numbers, _mm512_set1_epi32(LANES as i32));
            }
        }
        self.ends.push(self.count() + found);
    }

    /// Memory for at least `most` indices beyond the last end.
    #[inline(always)]
    fn room(&mut self, most: usize) -> &mut [u32] {
        let (start, end) = (self.count(), self.count() + most);
        if self.active.len() < end {
            self.active.resize(end.next_power_of_two(), 0);
        }
        &mut self.active[start..]
    }

    /// Keeps the entries for which `keeps(sample, index)` is true. `index` counts the entries of
    /// all samples together.
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_that_reach_their_thresholds_are_listed(
            pairs in prop::collection::vec((-3i16..3, -3i16..3), 0..200),
        ) {
            let (values, thresholds): (Vec<i16>, Vec<i16>) = pairs.iter().copied().unzip();
            let mut lists = EventLists::default();
            lists.clear();
            lists.push([true].into_iter());
            lists.push_reaching(&values, &thresholds);
            let expected = (0..).zip(&pairs).filter(|(_, (value, threshold))| value >= threshold);
            prop_assert_eq!(lists.of(1), expected.map(|(place, _)| place).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn lists_follow_one_another() {
        let mut lists = EventLists::default();
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
