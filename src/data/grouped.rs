//! Splits that keep groups together: samples of one patient or one recording are alike, so a network
//! that has seen some of them is not tested by the others.

use std::collections::{BTreeMap, HashMap};

use rand::seq::SliceRandom;

use super::DataError;
use crate::seed::Seed;

/// The number of each sample's group, which is called by a text: counted from 0 in the order of the samples.
pub(super) fn numbered(groups: &[String]) -> Vec<u32> {
    let mut numbers = HashMap::new();
    let number = |group| {
        let next = numbers.len() as u32;
        *numbers.entry(group).or_insert(next)
    };
    groups.iter().map(number).collect()
}

/// The ascending indices of the samples that stay and of those that are held out: all samples of a
/// group on one side, and of each class about the share `fraction` (in (0, 1)) on the other.
///
/// Groups come in a random order, the largest first. One is held out if that brings the classes nearer
/// to their shares.
///
/// # Errors
/// The fraction is outside (0, 1), or there are fewer than two groups.
pub(super) fn grouped(
    labels: &[u16],
    groups: &[u32],
    fraction: f64,
    seed: &Seed,
) -> Result<(Vec<usize>, Vec<usize>), DataError> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(DataError::Fraction { fraction });
    }
    let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    groups.iter().enumerate().for_each(|(sample, &group)| members.entry(group).or_default().push(sample));
    if members.len() < 2 {
        return Err(DataError::TooFewGroups { fraction, groups: members.len() });
    }
    let mut members: Vec<Vec<usize>> = members.into_values().collect();
    members.shuffle(&mut seed.child("groups").stream());
    members.sort_by_key(|samples| std::cmp::Reverse(samples.len()));
    let classes = labels.iter().max().map_or(0, |&top| usize::from(top) + 1);
    let sizes = counts(labels, &(0..labels.len()).collect::<Vec<_>>(), classes);
    let mut lacking: Vec<f64> = sizes.iter().map(|size| size * fraction).collect();
    let mut is_held_out = vec![false; members.len()];
    for (group, samples) in members.iter().enumerate() {
        let taken = counts(labels, samples, classes);
        if gain(&lacking, &taken, &sizes) > 0.0 {
            is_held_out[group] = true;
            lacking.iter_mut().zip(&taken).for_each(|(lacking, taken)| *lacking -= taken);
        }
    }
    if !is_held_out.contains(&true) {
        // Every group is too large: the smallest is the nearest.
        is_held_out[members.len() - 1] = true;
    } else if !is_held_out.contains(&false) {
        is_held_out[0] = false;
    }
    Ok(sides(members, &is_held_out))
}

/// The indices of both sides, ascending.
fn sides(members: Vec<Vec<usize>>, is_held_out: &[bool]) -> (Vec<usize>, Vec<usize>) {
    let (mut rest, mut held_out) = (Vec::new(), Vec::new());
    for (samples, &is_held) in members.into_iter().zip(is_held_out) {
        if is_held { held_out.extend(samples) } else { rest.extend(samples) }
    }
    rest.sort_unstable();
    held_out.sort_unstable();
    (rest, held_out)
}

/// By class, the number of `samples`.
fn counts(labels: &[u16], samples: &[usize], classes: usize) -> Vec<f64> {
    let mut counts = vec![0.0; classes];
    samples.iter().for_each(|&sample| counts[usize::from(labels[sample])] += 1.0);
    counts
}

/// By how much less the classes lack once samples with the counts `taken` are held out, as squares
/// that are weighed alike for small and large classes.
fn gain(lacking: &[f64], taken: &[f64], sizes: &[f64]) -> f64 {
    let of_class = |((&lacking, &taken), &size): ((&f64, &f64), &f64)| match size > 0.0 {
        true => (lacking * lacking - (lacking - taken) * (lacking - taken)) / (size * size),
        false => 0.0,
    };
    lacking.iter().zip(taken).zip(sizes).map(of_class).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_group_is_on_one_side_and_both_sides_have_samples(
            samples in prop::collection::vec((0u16..3, 0u32..12), 24..150),
            fraction in 0.1f64..0.9,
            seed: u64,
        ) {
            let (labels, mut groups): (Vec<u16>, Vec<u32>) = samples.into_iter().unzip();
            (groups[0], groups[1]) = (0, 1);
            let (rest, held_out) = grouped(&labels, &groups, fraction, &Seed::root(seed)).unwrap();
            prop_assert!(!rest.is_empty() && !held_out.is_empty());
            prop_assert!(rest.iter().all(|&sample| held_out.iter().all(|&other| groups[sample] != groups[other])));
            let mut all = [rest.clone(), held_out.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
            prop_assert!(rest.is_sorted() && held_out.is_sorted());
        }
    }

    #[test]
    fn many_small_groups_give_each_class_its_share() {
        let labels: Vec<u16> = (0..1000).map(|sample| u16::from(sample % 10 == 0)).collect();
        let groups: Vec<u32> = (0..1000).map(|sample| sample / 5).collect();
        let (_, held_out) = grouped(&labels, &groups, 0.2, &Seed::root(1)).unwrap();
        let rare = held_out.iter().filter(|&&sample| labels[sample] == 1).count();
        assert!(
            (190..=210).contains(&held_out.len()) && (18..=22).contains(&rare),
            "{} {rare}",
            held_out.len()
        );
        let split = |seed| grouped(&labels, &groups, 0.2, &Seed::root(seed)).unwrap();
        assert_eq!(split(1), split(1));
        assert_ne!(split(1), split(2));
    }

    #[test]
    fn one_group_cannot_be_split() {
        let message = grouped(&[0, 1], &[7, 7], 0.2, &Seed::root(0)).unwrap_err().to_string();
        assert_eq!(message, "cannot hold out 0.2 of 1 groups of samples: there must be two");
        assert!(
            grouped(&[0, 1], &[7, 8], 1.0, &Seed::root(0))
                .unwrap_err()
                .to_string()
                .contains("between 0 and 1")
        );
    }
}
