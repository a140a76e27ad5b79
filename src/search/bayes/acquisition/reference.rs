//! The Pareto front of the posterior means, and where its volume begins if nobody says it:
//! `benches/README.md#reference-point`.

use ndarray::Array2;

use crate::search::bayes::fit::scale::Scale;
use crate::search::gp::GaussianProcess;
use crate::study::dominates;

/// Distance of a reference from the worst of all trials, or of a front that counts as a whole, as a
/// share of the extent.
pub(super) const MARGIN: f64 = 0.1;
/// A member of the front is useless if another one is better by this multiple of what it is worse,
/// in shares of the extents.
const TRADE: f64 = 10.0;

/// For each row of `members` the posterior mean of each loss.
pub(super) fn means(processes: &[GaussianProcess], members: &Array2<f64>) -> Vec<Vec<f64>> {
    let means: Vec<_> = processes.iter().map(|process| process.means(members.view())).collect();
    (0..members.nrows()).map(|row| means.iter().map(|means| means[row]).collect()).collect()
}

/// The rows of `measured` that no other row dominates.
pub(super) fn front(measured: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let is_beaten = |losses: &Vec<f64>| measured.iter().any(|other| dominates(other, losses));
    measured.iter().filter(|losses| !is_beaten(losses)).cloned().collect()
}

/// Whether `front` has fewer than two members per loss. It then says little of where a front ends.
fn is_small(front: &[Vec<f64>], losses: usize) -> bool {
    front.len() < 2 * losses
}

/// The targets of a reference point: behind the worst value of every loss among the useful members of
/// `front`, by `margin` as a share of the extent. While the front is small, it lies [`MARGIN`] behind
/// the worst of all `measured`. Else only points between the front's few members would count.
pub(super) fn behind(front: &[Vec<f64>], measured: &[Vec<f64>], scales: &[Scale], margin: f64) -> Vec<f64> {
    let is_small = is_small(front, scales.len());
    let kept = if is_small { losses(measured, scales) } else { useful(losses(front, scales)) };
    let (best, worst) = (extremes(&losses(front, scales)), extremes(&kept));
    let of_loss = |(loss, scale): (usize, &Scale)| {
        let (best, worst) = (best[loss].0, worst[loss].1);
        let extent = if worst > best { worst - best } else { scale.extent().max(f64::MIN_POSITIVE) };
        let margin = if is_small || worst <= best { MARGIN } else { margin };
        scale.target(scale.unit() * (worst + margin * extent))
    };
    scales.iter().enumerate().map(of_loss).collect()
}

/// The members of `front` that are useful, see [`TRADE`]; all if none is.
fn useful(front: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let extents: Vec<f64> = extremes(&front).into_iter().map(|(low, high)| high - low).collect();
    let is_useless = |row: &Vec<f64>| {
        front.iter().any(|other| {
            let gains = row.iter().zip(other).zip(&extents).filter(|(_, extent)| **extent > 0.0);
            let gains = gains.map(|((own, other), extent)| (own - other) / extent);
            let ends = |(most, least): (f64, f64), gain: f64| (most.max(gain), least.min(gain));
            let (most, least) = gains.fold((0.0, 0.0), ends);
            most > TRADE * -least
        })
    };
    let kept: Vec<Vec<f64>> = front.iter().filter(|row| !is_useless(row)).cloned().collect();
    if kept.is_empty() { front } else { kept }
}

/// The losses of rows of targets, in the units of `scales`.
pub(super) fn losses(rows: &[Vec<f64>], scales: &[Scale]) -> Vec<Vec<f64>> {
    let of_row = |row: &Vec<f64>| row.iter().zip(scales).map(|(&target, scale)| scale.loss(target)).collect();
    rows.iter().map(of_row).collect()
}

/// The least and the largest value of each column of `rows`.
pub(super) fn extremes(rows: &[Vec<f64>]) -> Vec<(f64, f64)> {
    let of_column = |column: usize| {
        let values = rows.iter().map(|row| row[column]);
        values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    (0..rows.first().map_or(0, Vec::len)).map(of_column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::bayes::fit::transform::{Transform, Warped};

    fn scales(losses: &[[f64; 2]]) -> Vec<Scale> {
        let of_loss = |loss: usize| {
            let losses: Vec<f64> = losses.iter().map(|row| row[loss]).collect();
            Scale::new(&Warped::of(Transform::Identity, &losses), &losses, &[])
        };
        vec![of_loss(0), of_loss(1)]
    }

    /// The reference point of these losses, as losses.
    fn reference(measured: &[[f64; 2]]) -> Vec<f64> {
        let scales = scales(measured);
        let targets: Vec<Vec<f64>> = measured
            .iter()
            .map(|row| row.iter().zip(&scales).map(|(&loss, scale)| scale.target(loss)).collect())
            .collect();
        let behind = behind(&front(&targets), &targets, &scales, 0.0);
        behind.iter().zip(&scales).map(|(&target, scale)| scale.loss(target) * scale.unit()).collect()
    }

    fn assert_near(actual: &[f64], expected: [f64; 2]) {
        let are_near = actual.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9 * (1.0 + b.abs()));
        assert!(are_near, "{actual:?} instead of {expected:?}");
    }

    #[test]
    fn a_small_front_counts_up_to_the_worst_of_all_and_a_large_one_to_its_own_worst() {
        assert_near(&reference(&[[0.0, 1.0], [1.0, 0.0], [3.0, 2.0]]), [3.3, 2.2]);
        let front = [[0.0, 1.0], [0.2, 0.6], [0.4, 0.3], [1.0, 0.0], [3.0, 2.0]];
        assert_near(&reference(&front), [1.0, 1.0]);
    }

    #[test]
    fn a_member_that_pays_much_for_next_to_nothing_does_not_move_the_reference() {
        let front = [[0.0, 1.0], [0.2, 0.6], [0.4, 0.3], [1.0, 0.001], [2.0, 0.0]];
        assert_near(&reference(&front), [1.0, 1.0]);
    }
}
