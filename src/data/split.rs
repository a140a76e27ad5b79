//! Stratified random splits: every class is divided in the same proportion.

use ndarray::Axis;
use rand::seq::SliceRandom;

use super::{DataError, Samples};
use crate::seed::Seed;

impl Samples {
    /// The number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The samples with these `indices`, in the order of `indices`.
    ///
    /// # Panics
    /// If an index is not below [`Samples::len`].
    pub fn select(&self, indices: &[usize]) -> Samples {
        Samples {
            inputs: self.inputs.select(Axis(0), indices),
            labels: indices.iter().map(|&index| self.labels[index]).collect(),
        }
    }

    /// Splits the samples at random. Returns those that stay, and the share `fraction` (in (0, 1))
    /// that is held out.
    ///
    /// Of the N_c samples of class c, `fraction * N_c` are held out, give or take one sample. Of
    /// all N samples, `fraction * N` are held out, rounded, unless the next rule forbids it. A
    /// class of two or more samples has at least one on each side, and the only sample of a class
    /// stays. Both sides keep the original order.
    ///
    /// # Errors
    /// The fraction is outside (0, 1), or no class has two samples.
    pub fn split(&self, fraction: f64, seed: &Seed) -> Result<(Samples, Samples), DataError> {
        let (rest, held_out) = stratified(&self.labels, fraction, seed)?;
        Ok((self.select(&rest), self.select(&held_out)))
    }
}

impl Samples {
    /// Splits the samples at random into `count` parts of equal size, give or take one sample, with
    /// equal shares of each class. Returns for each part the other samples and the part, both in the
    /// original order.
    ///
    /// # Errors
    /// `count` is below 2, or there are fewer samples than parts.
    pub fn folds(&self, count: u32, seed: &Seed) -> Result<Vec<(Samples, Samples)>, DataError> {
        let samples = self.len();
        if count < 2 || samples < count as usize {
            return Err(DataError::Folds { folds: count, samples });
        }
        let mut part = vec![0; samples];
        let mut next = 0;
        for (class, mut indices) in members_by_class(&self.labels).into_iter().enumerate() {
            indices.shuffle(&mut seed.child("folds").index(class as u64).stream());
            for index in indices {
                part[index] = next;
                next = (next + 1) % count;
            }
        }
        let of_part = |number| {
            let (held_out, rest): (Vec<usize>, Vec<usize>) = (0..samples).partition(|&i| part[i] == number);
            (self.select(&rest), self.select(&held_out))
        };
        Ok((0..count).map(of_part).collect())
    }
}

/// The indices of the samples that stay, and of those that are held out, both ascending. The rules
/// are those of [`Samples::split`].
pub(super) fn stratified(
    labels: &[u16],
    fraction: f64,
    seed: &Seed,
) -> Result<(Vec<usize>, Vec<usize>), DataError> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(DataError::Fraction { fraction });
    }
    let members = members_by_class(labels);
    let sizes: Vec<usize> = members.iter().map(Vec::len).collect();
    let mut is_held_out = vec![false; labels.len()];
    for (class, (mut indices, take)) in members.into_iter().zip(shares(&sizes, fraction)).enumerate() {
        indices.shuffle(&mut seed.child("split").index(class as u64).stream());
        indices[..take].iter().for_each(|&index| is_held_out[index] = true);
    }
    let (held_out, rest): (Vec<usize>, Vec<usize>) = (0..labels.len()).partition(|&i| is_held_out[i]);
    if held_out.is_empty() {
        return Err(DataError::TooFew { fraction, samples: labels.len() });
    }
    Ok((rest, held_out))
}

fn members_by_class(labels: &[u16]) -> Vec<Vec<usize>> {
    let classes = labels.iter().max().map_or(0, |&top| usize::from(top) + 1);
    let mut members = vec![Vec::new(); classes];
    for (index, &label) in labels.iter().enumerate() {
        members[usize::from(label)].push(index);
    }
    members
}

/// How many samples of each class are held out, by the method of largest remainders: each class
/// gets its share rounded down, and the rest goes to the largest remainders. Among equals the lower
/// class comes first.
fn shares(sizes: &[usize], fraction: f64) -> Vec<usize> {
    let quotas: Vec<f64> = sizes.iter().map(|&size| size as f64 * fraction).collect();
    let most: Vec<usize> = sizes.iter().map(|&size| size.saturating_sub(1)).collect();
    let floor_or_one = |(&quota, &most): (&f64, &usize)| (quota as usize).max(1).min(most);
    let mut shares: Vec<usize> = quotas.iter().zip(&most).map(floor_or_one).collect();
    let may_grow = |&class: &usize| shares[class] < most[class] && quotas[class] > shares[class] as f64;
    let mut by_remainder: Vec<usize> = (0..sizes.len()).filter(may_grow).collect();
    let remainder = |class: usize| quotas[class] - shares[class] as f64;
    by_remainder.sort_by(|&a, &b| remainder(b).total_cmp(&remainder(a)));
    let total = (sizes.iter().sum::<usize>() as f64 * fraction).round() as usize;
    let missing = total.saturating_sub(shares.iter().sum());
    by_remainder.into_iter().take(missing).for_each(|class| shares[class] += 1);
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;

    fn count(labels: &[u16], indices: &[usize], class: u16) -> usize {
        indices.iter().filter(|&&index| labels[index] == class).count()
    }

    proptest! {
        #[test]
        fn every_class_is_divided_in_the_same_proportion(
            labels in prop::collection::vec(0u16..6, 12..200),
            fraction in 0.01f64..0.99,
            seed: u64,
        ) {
            let (rest, held_out) = stratified(&labels, fraction, &Seed::root(seed)).unwrap();
            let mut all = [rest.clone(), held_out.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
            prop_assert!(rest.is_sorted() && held_out.is_sorted());
            for class in 0..6 {
                let (kept, held) = (count(&labels, &rest, class), count(&labels, &held_out, class));
                let size = kept + held;
                prop_assert!((held as f64 - size as f64 * fraction).abs() < 1.0 + 1e-9);
                prop_assert!(size < 2 || (kept > 0 && held > 0));
                prop_assert!(size != 1 || kept == 1);
            }
        }

        #[test]
        fn the_whole_is_divided_exactly_where_every_class_has_enough(fraction in 0.1f64..0.9, seed: u64) {
            let labels: Vec<u16> = (0..437).map(|index| index % 7).collect();
            let (_, held_out) = stratified(&labels, fraction, &Seed::root(seed)).unwrap();
            prop_assert_eq!(held_out.len(), (437.0 * fraction).round() as usize);
        }
    }

    #[test]
    fn folds_hold_out_every_sample_once_in_equal_shares() {
        let labels: Vec<u16> = (0..50).map(|index| u16::from(index % 5 == 0)).collect();
        let inputs = Array2::from_shape_fn((50, 1), |(row, _)| row as u8);
        let samples = Samples { inputs, labels };
        let folds = samples.folds(4, &Seed::root(2)).expect("enough samples");
        let mut held_out: Vec<u8> = folds.iter().flat_map(|(_, held)| held.inputs.iter().copied()).collect();
        held_out.sort_unstable();
        assert_eq!(held_out, (0..50).collect::<Vec<u8>>());
        for (rest, held) in &folds {
            assert_eq!(rest.len() + held.len(), 50);
            assert!((12..=13).contains(&held.len()));
            let rare = held.labels.iter().filter(|&&label| label == 1).count();
            assert!((2..=3).contains(&rare), "{rare}");
        }
        assert_eq!(folds, samples.folds(4, &Seed::root(2)).expect("enough samples"));
        assert!(samples.folds(51, &Seed::root(2)).is_err() && samples.folds(1, &Seed::root(2)).is_err());
    }

    #[test]
    fn a_seed_fixes_the_split_and_another_changes_it() {
        let labels: Vec<u16> = (0..100).map(|index| index % 2).collect();
        let split = |seed| stratified(&labels, 0.3, &Seed::root(seed)).unwrap();
        assert_eq!(split(1), split(1));
        assert_ne!(split(1), split(2));
    }

    #[test]
    fn inputs_go_with_their_labels() {
        let inputs = Array2::from_shape_fn((50, 3), |(sample, input)| (sample * 3 + input) as u8);
        let samples = Samples { inputs, labels: (0..50).map(|index| index % 5).collect() };
        let (rest, held_out) = samples.split(0.2, &Seed::root(0)).unwrap();
        assert_eq!((rest.len(), held_out.len()), (40, 10));
        for part in [rest, held_out] {
            for (row, &label) in part.inputs.rows().into_iter().zip(&part.labels) {
                assert_eq!(u16::from(row[0] / 3 % 5), label);
            }
        }
    }

    #[test]
    fn impossible_splits_are_errors() {
        let message =
            |labels: &[u16], fraction| stratified(labels, fraction, &Seed::root(0)).unwrap_err().to_string();
        for fraction in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(message(&[0, 0], fraction).contains("must be between 0 and 1"));
        }
        assert_eq!(
            message(&[0, 1, 2], 0.2),
            "cannot hold out 0.2 of 3 samples: at least one class must have two"
        );
        assert!(message(&[], 0.2).contains("of 0 samples"));
    }
}
