//! The region of losses that no member of a Pareto front dominates, cut into boxes. Lower losses
//! are better.
//!
//! The region is sliced along the last loss, at the members of the front. In a slice, the members
//! below it leave a region with one loss less, which is sliced in turn. An expectation over the
//! region is then a sum over the boxes, in which each term is a product over the losses (Emmerich,
//! Deutz & Klinkenberg 2011, "Hypervolume-based expected improvement: monotonicity properties and
//! exact computation").

use crate::study::dominates;

/// Boxes that do not overlap. Together they are all points below a reference that no member of a
/// Pareto front dominates. A point has one number per loss.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Boxes {
    /// For each loss: the bounds of the boxes, rising, from minus infinity to the reference.
    levels: Vec<Vec<f64>>,
    /// For each box and loss: the indices of the two levels that bound the box.
    ends: Vec<(usize, usize)>,
}

impl Boxes {
    /// The boxes that `front` leaves undominated below the point `reference`. There must be at
    /// least one loss.
    pub fn new(front: &[Vec<f64>], reference: &[f64]) -> Self {
        let below = |losses: &&[f64]| losses.iter().zip(reference).all(|(loss, most)| loss < most);
        let front: Vec<&[f64]> = front.iter().map(Vec::as_slice).filter(below).collect();
        let mut cut = Vec::new();
        slice(&front, reference, &mut Vec::new(), &mut cut);
        let levels: Vec<Vec<f64>> = (0..reference.len()).map(|loss| levels(&cut, loss)).collect();
        let place = |loss: usize, end: f64| levels[loss].partition_point(|&level| level < end);
        let of_box = |ends: &Vec<(f64, f64)>| -> Vec<(usize, usize)> {
            let losses = ends.iter().enumerate();
            losses.map(|(loss, &(low, high))| (place(loss, low), place(loss, high))).collect()
        };
        let ends = cut.iter().flat_map(of_box).collect();
        Self { levels, ends }
    }

    /// The bounds of the boxes in loss number `loss`, rising; the first is minus infinity.
    pub fn levels(&self, loss: usize) -> &[f64] {
        &self.levels[loss]
    }

    /// For each box, by loss, the indices of the two levels that bound it.
    pub fn iter(&self) -> impl Iterator<Item = &[(usize, usize)]> + Clone {
        self.ends.chunks_exact(self.levels.len())
    }
}

/// Adds to `cut` the boxes that `front` leaves in its first losses, as many losses as `reference`
/// has. `behind` has the bounds of these boxes in the other losses, the last loss first.
fn slice(front: &[&[f64]], reference: &[f64], behind: &mut Vec<(f64, f64)>, cut: &mut Vec<Vec<(f64, f64)>>) {
    let Some((&most, others)) = reference.split_last() else { unreachable!("there is a loss") };
    let last = others.len();
    if last == 0 {
        let high = front.iter().map(|losses| losses[0]).fold(most, f64::min);
        let ends = std::iter::once((f64::NEG_INFINITY, high)).chain(behind.iter().rev().copied());
        cut.push(ends.collect());
        return;
    }
    let mut order = front.to_vec();
    order.sort_by(|a, b| a[last].total_cmp(&b[last]));
    let mut below: Vec<&[f64]> = Vec::new();
    let mut low = f64::NEG_INFINITY;
    for losses in order {
        let is_beaten =
            |other: &&[f64]| other[..last] == losses[..last] || dominates(&other[..last], &losses[..last]);
        if below.iter().any(is_beaten) {
            continue;
        }
        if losses[last] > low {
            behind.push((low, losses[last]));
            slice(&below, others, behind, cut);
            behind.pop();
            low = losses[last];
        }
        below.retain(|other| !dominates(&losses[..last], &other[..last]));
        below.push(losses);
    }
    behind.push((low, most));
    slice(&below, others, behind, cut);
    behind.pop();
}

/// The distinct bounds of all boxes in `loss`, rising.
fn levels(cut: &[Vec<(f64, f64)>], loss: usize) -> Vec<f64> {
    let mut levels: Vec<f64> = cut.iter().flat_map(|ends| [ends[loss].0, ends[loss].1]).collect();
    levels.sort_by(f64::total_cmp);
    levels.dedup();
    levels
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The volume below `reference` that `front` dominates, by inclusion and exclusion of the
    /// front's members.
    fn dominated(front: &[Vec<f64>], reference: &[f64]) -> f64 {
        let of_members = |members: u32| {
            let chosen = || front.iter().enumerate().filter(move |(index, _)| members >> index & 1 == 1);
            let side = |(loss, most): (usize, &f64)| {
                let low = chosen().map(|(_, losses)| losses[loss]).fold(f64::NEG_INFINITY, f64::max);
                (most - low).max(0.0)
            };
            let sign = if members.count_ones() % 2 == 1 { 1.0 } else { -1.0 };
            sign * reference.iter().enumerate().map(side).product::<f64>()
        };
        (1..1u32 << front.len()).map(of_members).sum()
    }

    /// The volume of the boxes that `losses` dominates.
    fn gained(boxes: &Boxes, losses: &[f64]) -> f64 {
        let side = |(loss, &(low, high)): (usize, &(usize, usize))| {
            let levels = boxes.levels(loss);
            (levels[high] - levels[low].max(losses[loss])).max(0.0)
        };
        boxes.iter().map(|ends| ends.iter().enumerate().map(side).product::<f64>()).sum()
    }

    proptest! {
        #[test]
        fn a_new_member_gains_the_volume_of_the_boxes_that_it_dominates(
            losses in 1usize..5, front in prop::collection::vec(prop::collection::vec(0u8..6, 4), 0..6),
            new in prop::collection::vec(0u8..6, 4),
        ) {
            let real = |row: &Vec<u8>| -> Vec<f64> { row[..losses].iter().map(|&x| f64::from(x)).collect() };
            let (front, new): (Vec<Vec<f64>>, Vec<f64>) = (front.iter().map(real).collect(), real(&new));
            let reference = vec![4.5; losses];
            let boxes = Boxes::new(&front, &reference);
            let mut larger = front.clone();
            larger.push(new.clone());
            let expected = dominated(&larger, &reference) - dominated(&front, &reference);
            prop_assert!((gained(&boxes, &new) - expected).abs() < 1e-9, "{expected}");
        }
    }

    #[test]
    fn with_two_losses_there_is_a_box_for_each_member_and_one_more() {
        let boxes = Boxes::new(&[vec![1.0, 3.0], vec![2.0, 1.0], vec![2.5, 2.0]], &[4.0, 5.0]);
        let low = f64::NEG_INFINITY;
        assert_eq!(
            (boxes.levels(0), boxes.levels(1)),
            ([low, 1.0, 2.0, 4.0].as_slice(), [low, 1.0, 3.0, 5.0].as_slice())
        );
        let ends: Vec<&[(usize, usize)]> = boxes.iter().collect();
        assert_eq!(ends, [[(0, 3), (0, 1)], [(0, 2), (1, 2)], [(0, 1), (2, 3)]]);
    }
}
