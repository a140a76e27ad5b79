//! The samples of a batch, split into parts that run in parallel.

use std::ops::Range;

use crate::network::kernels::Lanes;
use crate::network::pass::tensor::Tensor;
use crate::team;

/// The number of parts of a sum over a batch of images. It does not depend on the number of
/// threads, so the sum does not depend on it either.
pub(crate) const PARTS: usize = 4;

/// The numbers of the samples in part `part`, if `samples` samples are cut into `parts` parts.
pub(crate) fn part_of(samples: usize, part: usize, parts: usize) -> Range<usize> {
    samples * part / parts..samples * (part + 1) / parts
}

/// The memory of several samples, to write to.
pub(crate) struct BatchPart<'a> {
    /// All lanes of the samples.
    pub lanes: &'a mut [Lanes],
    /// Distance from one sample to the next, in lanes; 0 for a part without memory.
    pub stride: usize,
}

impl<'a> BatchPart<'a> {
    /// The first `samples` samples of a tensor.
    pub fn of(tensor: &'a mut Tensor, samples: usize) -> Self {
        let stride = tensor.stride;
        Self { lanes: tensor.first_mut(samples), stride }
    }

    /// Sample number `index` of this part.
    pub fn sample(&mut self, index: usize) -> &mut [Lanes] {
        &mut self.lanes[index * self.stride..(index + 1) * self.stride]
    }

    /// Cuts the samples into `parts` parts, at most [`PARTS`], as [`part_of`] does. The other parts
    /// are empty.
    pub fn in_parts(self, parts: usize) -> [Self; PARTS] {
        let samples = self.lanes.len() / self.stride;
        let mut rest = self;
        std::array::from_fn(|part| {
            rest.take(if part < parts { part_of(samples, part, parts).len() } else { 0 })
        })
    }

    /// Takes the first `samples` samples out of this part.
    fn take(&mut self, samples: usize) -> Self {
        let lanes = self.lanes.split_off_mut(..samples * self.stride).expect("as many samples are left");
        Self { lanes, stride: self.stride }
    }
}

/// How a batch is split among threads.
#[derive(Clone, Copy)]
pub(crate) enum Split {
    /// One part per thread. It is for work in which each part reads all of the large weights.
    PerThread,
    /// Several parts per thread, so that all threads finish at about the same time.
    Fine,
    /// A single part. It is for work that takes less time than sharing it.
    Single,
}

/// The least number of lanes for which it pays to wake another thread, if the work touches each
/// lane a few times.
const LEAST_TO_WAKE: usize = 8192;
/// The least number of lanes for which it pays to share work with a team, which is awake.
const LEAST_TO_SHARE: usize = 1024;

impl Split {
    /// The split of work that touches each of `lanes` lanes a few times.
    pub fn of_pass(lanes: usize) -> Self {
        let least = if team::is_ready() { LEAST_TO_SHARE } else { LEAST_TO_WAKE };
        if lanes < least { Self::Single } else { Self::Fine }
    }

    /// The most parts into which work is cut.
    pub fn pieces(self) -> usize {
        match (self, team::threads()) {
            (Self::Single, _) | (_, 1) => 1,
            (Self::PerThread, threads) => threads,
            (Self::Fine, threads) => 4 * threads,
        }
    }
}

/// Cuts all `samples` samples into parts, and runs `task(range of samples, their memory)` on the
/// parts in parallel.
///
/// The number of parts depends on that of the threads, so the result of a sample must not depend on
/// other samples.
pub(crate) fn for_each_part<const N: usize>(
    samples: usize,
    split: Split,
    parts: [BatchPart<'_>; N],
    task: &(impl Fn(Range<usize>, [BatchPart<'_>; N]) + Sync),
) {
    let pieces = split.pieces().min(samples);
    let mut rest = parts;
    let pieces = (0..pieces).map(|piece| {
        let range = part_of(samples, piece, pieces);
        (range.clone(), rest.each_mut().map(|part| part.take(range.len())))
    });
    team::for_each(pieces, |(range, parts)| task(range, parts));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_cover_every_sample_once(samples in 1usize..100, threads in 1usize..5) {
            let mut memory = vec![Lanes::ZERO; samples * 3];
            let mut none: Vec<Lanes> = Vec::new();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| team::within(|| {
                let parts = [BatchPart { lanes: &mut memory, stride: 3 }, BatchPart { lanes: &mut none, stride: 0 }];
                for_each_part(samples, Split::Fine, parts, &|range, [mut part, none]| {
                    assert!(none.lanes.is_empty());
                    for (index, sample) in range.clone().enumerate() {
                        part.sample(index).fill(Lanes::splat(sample as f32 + 1.0));
                    }
                    assert_eq!(part.lanes.len(), 3 * range.len());
                });
            }));
            for (index, lanes) in memory.iter().enumerate() {
                prop_assert_eq!(lanes.0[0], (index / 3) as f32 + 1.0);
            }
        }
    }
}
