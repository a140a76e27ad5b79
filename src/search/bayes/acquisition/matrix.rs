//! Several losses: how far a trial is expected to come from the nearest member of their Pareto front.
//!
//! A matrix has the expected improvement of every loss on every member of the front. The gain of a
//! trial is the smallest Euclidean norm among its columns, one per member (Zhan, Cheng & Liu 2017,
//! "Expected improvement matrix-based infill criteria for expensive multiobjective optimization").
//! It needs no reference point and is as large in the middle of the front as at its ends.

use ndarray::ArrayView2;

use super::reference;
use super::steps::{self, Normal, Steps, ln_add};
use crate::search::bayes::fit::scale::Scale;
use crate::search::bayes::input::foreseen::Foreseen;
use crate::search::gp::{GaussianProcess, Local};

/// The expected improvement matrix.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    /// The Gaussian process of each loss.
    pub processes: Vec<GaussianProcess>,
    /// The steps of each loss, between the values of members.
    steps: Vec<Steps>,
    /// For each member and loss, the number of its level.
    members: Vec<Vec<usize>>,
    /// The logarithm of the extent of the front in each loss.
    ln_extents: Vec<f64>,
}

impl Matrix {
    /// The improvement on the front of `trials`, at least one, each with its targets. `scales` has
    /// the scale of each loss.
    pub fn new(processes: Vec<GaussianProcess>, scales: &[Scale], trials: &[Vec<f64>]) -> Self {
        let mut front = reference::front(trials);
        let extents = reference::extremes(&reference::losses(&front, scales));
        let reference = reference::behind(&front, trials, scales, reference::MARGIN);
        front.retain(|row| row.iter().zip(&reference).all(|(target, most)| target < most));
        let levels: Vec<Vec<f64>> = (0..scales.len()).map(|loss| levels(&front, loss)).collect();
        let place = |(loss, &target): (usize, &f64)| levels[loss].partition_point(|&level| level < target);
        let members = front.iter().map(|row| row.iter().enumerate().map(place).collect()).collect();
        let ln_extent = |((low, high), scale): ((f64, f64), &Scale)| {
            let extent = if high > low { high - low } else { scale.extent() };
            extent.max(f64::MIN_POSITIVE).ln()
        };
        let ln_extents = extents.into_iter().zip(scales).map(ln_extent).collect();
        let steps = levels.into_iter().zip(scales).map(|(levels, scale)| Steps::new(levels, scale)).collect();
        Self { processes, steps, members, ln_extents }
    }

    /// The logarithm of the gain at every row of `inputs`, of which this is `foreseen`; empty if
    /// nothing is.
    pub fn values(&self, inputs: ArrayView2<f64>, foreseen: &[Foreseen]) -> Vec<f64> {
        let posteriors: Vec<_> = self.processes.iter().map(|process| process.posterior(inputs)).collect();
        let value = |row: usize| {
            let normals = steps::normals(&self.steps, &posteriors, row, foreseen.get(row));
            let sums: Vec<Vec<f64>> =
                normals.into_iter().enumerate().map(|(loss, normal)| self.ln_sums(loss, normal)).collect();
            self.nearest(&sums).1
        };
        (0..inputs.nrows()).map(value).collect()
    }

    /// The logarithm of the gain at `input`; adds its derivatives to `gradient`.
    pub fn add_gradient(&self, input: &[f64], gradient: &mut [f64]) -> f64 {
        let locals: Vec<Local> = self.processes.iter().map(|process| process.local(input)).collect();
        let normals: Vec<Normal> =
            locals.iter().map(|local| Normal::new(local.mean, local.variance)).collect();
        let sums: Vec<Vec<f64>> =
            normals.iter().enumerate().map(|(loss, &normal)| self.ln_sums(loss, normal)).collect();
        let (member, value) = self.nearest(&sums);
        if value == f64::NEG_INFINITY {
            return value;
        }
        for (loss, local) in locals.iter().enumerate() {
            let level = self.members[member][loss];
            // The share of this loss in the square of the norm.
            let weight = (2.0 * (sums[loss][level] - value)).exp();
            let ln_unit = sums[loss][level] + self.ln_extents[loss] - normals[loss].ln_deviation();
            if weight > 0.0 {
                let (by_mean, by_deviation) = self.steps[loss].slopes(normals[loss], level, ln_unit);
                let share = weight / normals[loss].deviation();
                local.add_slopes(share * by_mean, share * by_deviation, gradient);
            }
        }
        value
    }

    /// For each level of a loss, the logarithm of the expected improvement on it, as a share of the
    /// extent.
    fn ln_sums(&self, loss: usize, target: Normal) -> Vec<f64> {
        let steps = &self.steps[loss];
        let unit = target.ln_deviation() - self.ln_extents[loss];
        steps.ln_sums(&steps.ln_h(target)).into_iter().map(|ln| ln + unit).collect()
    }

    /// The member with the smallest norm, and the logarithm of this norm.
    fn nearest(&self, sums: &[Vec<f64>]) -> (usize, f64) {
        let ln_norm = |member: &Vec<usize>| {
            let squares = sums.iter().zip(member).map(|(sums, &level)| 2.0 * sums[level]);
            0.5 * squares.fold(f64::NEG_INFINITY, ln_add)
        };
        let norms = self.members.iter().map(ln_norm).enumerate();
        norms.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, f64::NEG_INFINITY))
    }
}

/// The distinct values of `front` in `loss`, rising, after minus infinity.
fn levels(front: &[Vec<f64>], loss: usize) -> Vec<f64> {
    let mut levels: Vec<f64> = front.iter().map(|row| row[loss]).chain([f64::NEG_INFINITY]).collect();
    levels.sort_by(f64::total_cmp);
    levels.dedup();
    levels
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::search::bayes::acquisition::hypervolume::fixtures::waves;
    use crate::search::bayes::input::foreseen::KnownLoss;
    use crate::search::gp::fixtures::assert_slopes;

    #[test]
    fn the_gradient_matches_differences() {
        for losses in 2..=4 {
            let (processes, scales, members) = waves(losses);
            let matrix = Matrix::new(processes, &scales, &members);
            let input = [0.41, 0.63];
            let mut gradient = [0.0; 2];
            let value = matrix.add_gradient(&input, &mut gradient);
            let at = |input: [f64; 2]| matrix.values(array![input].view(), &[])[0];
            assert!((value - at(input)).abs() < 1e-9);
            assert_slopes(gradient, at, input, 1e-5);
        }
    }

    #[test]
    fn of_losses_that_are_all_known_it_is_the_distance_from_the_nearest_member() {
        let (processes, scales, members) = waves(2);
        let matrix = Matrix::new(processes, &scales, &members);
        let front = reference::losses(&reference::front(&members), &scales);
        let extents: Vec<f64> =
            reference::extremes(&front).into_iter().map(|(low, high)| high - low).collect();
        let point: Vec<f64> = scales.iter().map(|scale| scale.loss(-0.9)).collect();
        let known = |(loss, scale): (&f64, &Scale)| {
            let loss = loss * scale.unit();
            Some(KnownLoss { loss, low: loss, high: loss })
        };
        let losses = point.iter().zip(&scales).map(known).collect();
        let foreseen = Foreseen { losses };
        let distance = |member: &Vec<f64>| {
            let gains = member.iter().zip(&point).zip(&extents);
            gains
                .map(|((member, loss), extent)| ((member - loss).max(0.0) / extent).powi(2))
                .sum::<f64>()
                .sqrt()
        };
        let nearest = front.iter().map(distance).fold(f64::INFINITY, f64::min);
        let gain = matrix.values(array![[0.4, 0.6]].view(), &[foreseen])[0].exp();
        assert!(nearest > 0.01 && (gain - nearest).abs() < 1e-6, "{gain} instead of {nearest}");
    }
}
