//! Pareto fronts of several losses, and the crowding distance within a front.
//!
//! Both are those of Deb et al. 2002, "A fast and elitist multiobjective genetic algorithm:
//! NSGA-II". The front of a point is found by binary search over the earlier fronts (Zhang et al.
//! 2015, "An efficient approach to nondominated sorting for evolutionary multiobjective
//! optimization").

use std::cmp::Ordering;

use crate::study::dominates;

/// The number of the Pareto front of each of `losses`: 0 if no other dominates it, 1 if only
/// members of front 0 dominate it, and so on. Each has one number per loss.
pub(super) fn fronts(losses: &[Vec<f64>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..losses.len()).collect();
    // In this order no member dominates an earlier one.
    order.sort_by(|&a, &b| lexicographic(&losses[a], &losses[b]));
    let mut fronts: Vec<Vec<usize>> = Vec::new();
    let mut front_of = vec![0; losses.len()];
    for index in order {
        // If a front dominates it, so do all fronts before. The latest members are the likeliest
        // to.
        let is_beaten_by =
            |front: &Vec<usize>| front.iter().rev().any(|&other| dominates(&losses[other], &losses[index]));
        let front = fronts.partition_point(is_beaten_by);
        if front == fronts.len() {
            fronts.push(Vec::new());
        }
        fronts[front].push(index);
        front_of[index] = front;
    }
    front_of
}

/// The crowding distance of each of the `losses` of one front. It adds up, over all losses, the
/// distance between its two neighbours as a share of the front's extent. Infinite at the ends of
/// the front.
pub(super) fn crowding(losses: &[&[f64]]) -> Vec<f64> {
    let mut distances = vec![0.0; losses.len()];
    for loss in 0..losses.first().map_or(0, |losses| losses.len()) {
        let mut order: Vec<usize> = (0..losses.len()).collect();
        order.sort_by(|&a, &b| losses[a][loss].total_cmp(&losses[b][loss]));
        let at = |place: usize| losses[order[place]][loss];
        let last = order.len() - 1;
        let extent = at(last) - at(0);
        distances[order[0]] = f64::INFINITY;
        distances[order[last]] = f64::INFINITY;
        // If all are equal, or the extent overflows, this loss does not count.
        if extent > 0.0 && extent.is_finite() {
            for place in 1..last {
                distances[order[place]] += (at(place + 1) - at(place - 1)) / extent;
            }
        }
    }
    distances
}

/// The order by the first loss, of equal first losses by the second, and so on.
fn lexicographic(a: &[f64], b: &[f64]) -> Ordering {
    // -0.0 and 0.0 are the same loss, which a total order tells apart.
    let orders = a.iter().zip(b).map(|(x, y)| (x + 0.0).total_cmp(&(y + 0.0)));
    orders.fold(Ordering::Equal, Ordering::then)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Fronts by their definition: one after the other is removed.
    fn peeled(losses: &[Vec<f64>]) -> Vec<usize> {
        let mut front_of = vec![usize::MAX; losses.len()];
        for front in 0..losses.len() {
            let left: Vec<usize> = (0..losses.len()).filter(|&i| front_of[i] == usize::MAX).collect();
            for &i in &left {
                if !left.iter().any(|&j| dominates(&losses[j], &losses[i])) {
                    front_of[i] = front;
                }
            }
        }
        front_of
    }

    #[test]
    fn both_zeros_are_the_same_loss() {
        let losses = [vec![-0.0, 5.0], vec![0.0, 3.0]];
        assert_eq!(fronts(&losses), [1, 0]);
    }

    proptest! {
        #[test]
        fn fronts_equal_their_definition(
            losses in prop::collection::vec(prop::collection::vec(0u8..6, 3), 0..40)
        ) {
            let losses: Vec<Vec<f64>> =
                losses.iter().map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect();
            prop_assert_eq!(fronts(&losses), peeled(&losses));
        }
    }

    #[test]
    fn one_loss_makes_a_front_of_every_value() {
        let losses = [2.0, 1.0, 2.0, 5.0].map(|loss| vec![loss]);
        assert_eq!(fronts(&losses), [1, 0, 1, 2]);
    }

    #[test]
    fn crowding_is_infinite_at_the_ends_and_by_neighbours_elsewhere() {
        // The neighbours of each inner one are 3 of 4 apart in both losses.
        let front: [&[f64]; 4] = [&[0.0, 4.0], &[1.0, 3.0], &[3.0, 1.0], &[4.0, 0.0]];
        assert_eq!(crowding(&front), [f64::INFINITY, 1.5, 1.5, f64::INFINITY]);
        let equal: [&[f64]; 3] = [&[1.0], &[1.0], &[1.0]];
        assert_eq!(crowding(&equal), [f64::INFINITY, 0.0, f64::INFINITY]);
        assert!(crowding(&[]).is_empty());
    }
}
