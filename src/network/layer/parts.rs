//! Samples in parts that are worked on in parallel.

use std::ops::Range;

use crate::network::kernels::Lanes;
use crate::network::pass::tensor::Tensor;

/// Parts that a sum over samples is cut into where each sample has many places: as many for any number of
/// threads, so that the sum is the same.
pub(crate) const PARTS: usize = 4;

/// The samples of part `part` of `parts`.
pub(crate) fn part_of(samples: usize, part: usize, parts: usize) -> Range<usize> {
    samples * part / parts..samples * (part + 1) / parts
}

/// Memory of several samples, to write to.
pub(crate) struct BatchPart<'a> {
    pub lanes: &'a mut [Lanes],
    /// Lanes from one sample to the next; 0 for none at all.
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

    /// Cut as [`part_of`] cuts all its samples into `parts`, at most [`PARTS`]; the others are empty.
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

/// How samples are shared out.
#[derive(Clone, Copy)]
pub(crate) enum Share {
    /// A part a thread: where every part reads the same large weights.
    Whole,
    /// Several parts a thread, for balance.
    Small,
    /// One part alone, where waking another thread would take longer than the work.
    Alone,
}

/// Lanes that one thread works through, once, in the time that another takes to wake up.
const SOON_DONE: usize = 8192;

impl Share {
    /// For work that touches each of `lanes` lanes a few times.
    pub fn of_pass(lanes: usize) -> Self {
        if lanes < SOON_DONE { Self::Alone } else { Self::Small }
    }
}

/// Runs `task(samples, parts)` on parts of all `samples`.
///
/// Where the cuts lie depends on the number of threads, so `task` must treat each sample on its own.
pub(crate) fn for_each_part<const N: usize>(
    samples: usize,
    share: Share,
    parts: [BatchPart<'_>; N],
    task: &(impl Fn(Range<usize>, [BatchPart<'_>; N]) + Sync),
) {
    let threads = rayon::current_num_threads();
    let pieces = match share {
        Share::Whole => threads,
        Share::Alone => 1,
        Share::Small if threads == 1 => 1,
        Share::Small => 4 * threads,
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
                for_each_part(samples, Share::Small, parts, &|range, [mut part, none]| {
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
