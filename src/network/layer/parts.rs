//! The samples of a batch, split into parts that run in parallel.

use std::ops::Range;

use crate::network::kernels::Lanes;
use crate::network::pass::tensor::Tensor;

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
        let mut rest = Some(self);
        std::array::from_fn(|part| {
            let size = if part < parts { part_of(samples, part, parts).len() } else { 0 };
            let (cut, more) = rest.take().expect("what is left").split_at(size);
            rest = Some(more);
            cut
        })
    }

    fn split_at(self, samples: usize) -> (Self, Self) {
        let (left, right) = self.lanes.split_at_mut(samples * self.stride);
        (Self { lanes: left, stride: self.stride }, Self { lanes: right, stride: self.stride })
    }
}

/// How a batch is split among threads.
#[derive(Clone, Copy)]
pub(crate) enum Split {
    /// One part per thread. It is for work in which each part reads all of the large weights.
    PerThread,
    /// Several parts per thread, so that all threads finish at about the same time.
    Fine,
    /// A single part. It is for work that takes less time than waking another thread.
    Single,
}

/// The least number of lanes for which it pays to wake another thread, if the work touches each
/// lane a few times.
const LEAST_TO_SPLIT: usize = 8192;

impl Split {
    /// The split of work that touches each of `lanes` lanes a few times.
    pub fn of_pass(lanes: usize) -> Self {
        if lanes < LEAST_TO_SPLIT { Self::Single } else { Self::Fine }
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
    let threads = rayon::current_num_threads();
    let pieces = match split {
        Split::PerThread => threads,
        Split::Single => 1,
        Split::Fine if threads == 1 => 1,
        Split::Fine => 4 * threads,
    };
    run(0..samples, samples.div_ceil(pieces), parts, task);
}

fn run<const N: usize>(
    samples: Range<usize>,
    most: usize,
    parts: [BatchPart<'_>; N],
    task: &(impl Fn(Range<usize>, [BatchPart<'_>; N]) + Sync),
) {
    if samples.len() <= most {
        return task(samples, parts);
    }
    let half = samples.len() / 2;
    let middle = samples.start + half;
    let mut right: [Option<BatchPart<'_>>; N] = [const { None }; N];
    let mut index = 0;
    let left = parts.map(|part| {
        let (left, rest) = part.split_at(half);
        right[index] = Some(rest);
        index += 1;
        left
    });
    let right = right.map(|part| part.expect("every part was cut"));
    rayon::join(
        || run(samples.start..middle, most, left, task),
        || run(middle..samples.end, most, right, task),
    );
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
            pool.install(|| {
                let parts = [BatchPart { lanes: &mut memory, stride: 3 }, BatchPart { lanes: &mut none, stride: 0 }];
                for_each_part(samples, Split::Fine, parts, &|range, [mut part, none]| {
                    assert!(none.lanes.is_empty());
                    for (index, sample) in range.clone().enumerate() {
                        part.sample(index).fill(Lanes::splat(sample as f32 + 1.0));
                    }
                    assert_eq!(part.lanes.len(), 3 * range.len());
                });
            });
            for (index, lanes) in memory.iter().enumerate() {
                prop_assert_eq!(lanes.0[0], (index / 3) as f32 + 1.0);
            }
        }
    }
}
