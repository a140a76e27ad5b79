//! The key of an n-hot output: which output neurons belong to which class.

use ndarray::{Array2, ArrayView2};
use rand::seq::{SliceRandom, index};

use crate::seed::{Seed, Stream};

use crate::network::{Decision, HeadSpec};

/// The key of an n-hot output: it says which output neurons belong to which class. A class owns n
/// neurons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// (K, N): whether neuron n belongs to class k.
    members: Array2<bool>,
}

impl Key {
    /// A random key for `classes` classes and N = `classes * redundancy` neurons. It gives each
    /// class `redundancy` neurons.
    ///
    /// If `overlapping`, classes may share neurons, but no two classes own the same set. Otherwise
    /// each neuron belongs to one class.
    pub fn generate(classes: usize, redundancy: usize, overlapping: bool, seed: &Seed) -> Self {
        let mut stream = seed.stream();
        let sets = if overlapping {
            distinct_sets(classes, redundancy, &mut stream)
        } else {
            let mut neurons: Vec<usize> = (0..classes * redundancy).collect();
            neurons.shuffle(&mut stream);
            neurons.chunks(redundancy).map(<[usize]>::to_vec).collect()
        };
        let mut members = Array2::from_elem((classes, classes * redundancy), false);
        for (class, set) in sets.iter().enumerate() {
            set.iter().for_each(|&neuron| members[[class, neuron]] = true);
        }
        Self { members }
    }

    /// The random key of a plan's head.
    pub(crate) fn of(head: &HeadSpec, seed: &Seed) -> Self {
        Self::generate(head.classes, head.redundancy, head.overlapping, seed)
    }

    /// The key with these `members` (K classes, N output neurons), such as one from a file.
    pub fn from_members(members: Array2<bool>) -> Self {
        Self { members }
    }

    /// (K, N): whether neuron n belongs to class k.
    pub fn members(&self) -> ArrayView2<'_, bool> {
        self.members.view()
    }

    /// K, the number of classes.
    pub fn classes(&self) -> usize {
        self.members.nrows()
    }

    /// N, the number of output neurons.
    pub fn width(&self) -> usize {
        self.members.ncols()
    }

    /// The signs (N, K): +1 where neuron n belongs to class k, else -1.
    pub fn signs(&self) -> Array2<f32> {
        self.members.t().map(|&member| if member { 1.0 } else { -1.0 })
    }

    /// One score per class from the `spikes` of one sample, one per output neuron. The score is the
    /// number of neurons that agree with the key, minus the number that disagree.
    ///
    /// As a formula it is `(2a - 1)(2 Mᵀ - 1)` for spikes a (N) and members M (K, N).
    pub fn scores(&self, spikes: &[bool]) -> Vec<i32> {
        let mut scores = vec![0; self.classes()];
        self.score(spikes, &mut scores);
        scores
    }

    /// Writes one score per class to `scores` (K classes), from the `spikes` of one sample (N output
    /// neurons). [`scores`](Self::scores) has the formula.
    pub(crate) fn score(&self, spikes: &[bool], scores: &mut [i32]) {
        let agreement = |(member, spike): (&bool, &bool)| if member == spike { 1 } else { -1 };
        for (members, score) in self.members.outer_iter().zip(scores) {
            *score = members.iter().zip(spikes).map(agreement).sum();
        }
    }

    /// The decision for the `spikes` of the output neurons: the class with the highest score, and
    /// of several equal ones the lowest class.
    pub fn decide(&self, spikes: &[bool]) -> Decision {
        Decision::of(&self.scores(spikes))
    }
}

/// Draws `count` different sets, each of `size` neurons among `count * size`.
fn distinct_sets(count: usize, size: usize, stream: &mut Stream) -> Vec<Vec<usize>> {
    let mut sets: Vec<Vec<usize>> = Vec::with_capacity(count);
    while sets.len() < count {
        let mut set = index::sample(stream, count * size, size).into_vec();
        set.sort_unstable();
        if !sets.contains(&set) {
            sets.push(set);
        }
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_class_owns_as_many_neurons_as_asked_and_no_two_the_same(
            classes in 2usize..20, redundancy in 1usize..8, overlapping: bool, seed: u64
        ) {
            let key = Key::generate(classes, redundancy, overlapping, &Seed::root(seed));
            for (k, row) in key.members().rows().into_iter().enumerate() {
                prop_assert_eq!(row.iter().filter(|&&one| one).count(), redundancy);
                prop_assert!(key.members().rows().into_iter().take(k).all(|other| other != row));
            }
            if !overlapping {
                let owners = |n: usize| key.members().column(n).iter().filter(|&&one| one).count();
                prop_assert!((0..key.width()).all(|n| owners(n) == 1));
            }
        }
    }

    #[test]
    fn a_class_scores_highest_on_its_own_pattern() {
        let key = Key::generate(10, 10, true, &Seed::root(3));
        for (class, row) in key.members().rows().into_iter().enumerate() {
            let decision = key.decide(&row.to_vec());
            assert_eq!((decision.class, decision.tied), (class as u16, false));
            assert_eq!(key.scores(&row.to_vec())[class], 100);
        }
    }

    #[test]
    fn silence_ties_all_classes_and_goes_to_the_lowest() {
        let key = Key::generate(3, 2, false, &Seed::root(3));
        assert_eq!(key.scores(&[false; 6]), [2, 2, 2]);
        assert_eq!(key.decide(&[false; 6]), Decision { class: 0, tied: true, margin: 0, score: 2 });
    }
}
