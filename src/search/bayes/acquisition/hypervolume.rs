//! Several losses: the expected growth of the volume that their Pareto front dominates.
//!
//! Each loss has a Gaussian process, and the processes are independent given the data. So in every
//! box that the front leaves undominated, the expectation is a product over the losses, in closed
//! form (Emmerich, Deutz & Klinkenberg 2011; Yang et al. 2019, "Efficient computation of expected
//! hypervolume improvement using box decomposition algorithms"). The front is that of the posterior
//! means, since observed losses may be lucky draws.

use ndarray::ArrayView2;

use super::boxes::Boxes;
use super::reference;
use super::steps::{self, Normal, Shortfalls, Steps, ln_difference};
use crate::search::bayes::fit::scale::Scale;
use crate::search::bayes::input::foreseen::Foreseen;
use crate::search::gp::{GaussianProcess, Local};

/// Below this sum over all boxes, in units of the largest possible one, digits are lost. The sum is
/// then taken in another unit.
const LEAST_SUM: f64 = 1e-200;

/// The expected hypervolume improvement.
#[derive(Clone, Debug)]
pub(crate) struct Hypervolume {
    /// The Gaussian process of each loss.
    pub processes: Vec<GaussianProcess>,
    boxes: Boxes,
    /// The steps of each loss, between the bounds of the boxes.
    steps: Vec<Steps>,
}

impl Hypervolume {
    /// The improvement on the front of `members`, at least one, each with its targets. `scales` has
    /// the scale of each loss. Only targets below `reference` count. If it is not given, a point
    /// behind the front is chosen.
    pub fn new(
        processes: Vec<GaussianProcess>,
        scales: &[Scale],
        members: &[Vec<f64>],
        reference: Option<Vec<f64>>,
    ) -> Self {
        let front = reference::front(members);
        let reference = reference.unwrap_or_else(|| reference::behind(&front, members, scales, 0.0));
        let boxes = Boxes::new(&front, &reference);
        let steps = scales.iter().enumerate();
        let steps = steps.map(|(loss, scale)| Steps::new(boxes.levels(loss).to_vec(), scale)).collect();
        Self { processes, boxes, steps }
    }

    /// The logarithm of the expected improvement at every row of `inputs`, of which this is
    /// `foreseen`; empty if nothing is.
    pub fn values(&self, inputs: ArrayView2<f64>, foreseen: &[Foreseen]) -> Vec<f64> {
        let posteriors: Vec<_> = self.processes.iter().map(|process| process.posterior(inputs)).collect();
        let normals = |row: usize| steps::normals(&self.steps, &posteriors, row, foreseen.get(row));
        let value = |row: usize| {
            let normals = normals(row);
            self.ln_sum(&self.ln_h(&normals), &normals).0
        };
        (0..inputs.nrows()).map(value).collect()
    }

    /// The logarithm of the expected improvement at `input`; adds its derivatives to `gradient`.
    pub fn add_gradient(&self, input: &[f64], gradient: &mut [f64]) -> f64 {
        let locals: Vec<Local> = self.processes.iter().map(|process| process.local(input)).collect();
        let normals: Vec<Normal> =
            locals.iter().map(|local| Normal::new(local.mean, local.variance)).collect();
        let ln_h = self.ln_h(&normals);
        let (value, units) = self.ln_sum(&ln_h, &normals);
        let shortfalls: Vec<Shortfalls> = (0..normals.len())
            .map(|loss| self.steps[loss].shortfalls(normals[loss], &ln_h[loss], units[loss]))
            .collect();
        let mut slopes = vec![(0.0, 0.0); locals.len()];
        let mut total = 0.0;
        let difference = |entries: &[f64], (low, high): (usize, usize)| entries[high] - entries[low];
        for ends in self.boxes.iter() {
            let factor = |loss: usize| difference(&shortfalls[loss].sums, ends[loss]);
            total += (0..ends.len()).map(factor).product::<f64>();
            for (loss, slopes) in slopes.iter_mut().enumerate() {
                let others: f64 = (0..ends.len()).filter(|&other| other != loss).map(factor).product();
                slopes.0 += others * difference(&shortfalls[loss].by_mean, ends[loss]);
                slopes.1 += others * difference(&shortfalls[loss].by_deviation, ends[loss]);
            }
        }
        if total > 0.0 {
            for ((local, shortfall), (by_mean, by_deviation)) in locals.iter().zip(&shortfalls).zip(slopes) {
                let unit = total * shortfall.deviation;
                local.add_slopes(by_mean / unit, by_deviation / unit, gradient);
            }
        }
        value
    }

    /// [`Steps::ln_h`] of each loss.
    fn ln_h(&self, normals: &[Normal]) -> Vec<Vec<f64>> {
        self.steps.iter().zip(normals).map(|(steps, &normal)| steps.ln_h(normal)).collect()
    }

    /// The logarithm of the sum over all boxes, and the logarithm of the unit of each loss in which
    /// it keeps its digits.
    fn ln_sum(&self, ln_h: &[Vec<f64>], normals: &[Normal]) -> (f64, Vec<f64>) {
        let deviations: f64 = normals.iter().map(|normal| normal.ln_deviation()).sum();
        let last: Vec<f64> = ln_h.iter().map(|ln| ln[ln.len() - 1]).collect();
        let sum = self.sum(ln_h, &last);
        let ln = |sum: f64, units: &[f64]| sum.ln() + units.iter().sum::<f64>() + deviations;
        if sum > LEAST_SUM {
            return (ln(sum, &last), last);
        }
        let of_box = |ends: &[(usize, usize)]| -> Vec<f64> {
            ln_h.iter().zip(ends).map(|(ln, &(low, high))| ln_difference(ln[high], ln[low])).collect()
        };
        let total = |units: &[f64]| units.iter().sum::<f64>();
        let largest = self.boxes.iter().map(of_box).max_by(|a, b| total(a).total_cmp(&total(b)));
        match largest.filter(|units| total(units).is_finite()) {
            Some(units) => (ln(self.sum(ln_h, &units), &units), units),
            None => (f64::NEG_INFINITY, last),
        }
    }

    /// The sum over all boxes, where each loss is in the unit whose logarithm is in `units`.
    fn sum(&self, ln_h: &[Vec<f64>], units: &[f64]) -> f64 {
        let sums: Vec<Vec<f64>> =
            (0..units.len()).map(|loss| self.steps[loss].sums(&ln_h[loss], units[loss])).collect();
        let of_box = |ends: &[(usize, usize)]| -> f64 {
            sums.iter().zip(ends).map(|(sums, &(low, high))| sums[high] - sums[low]).product()
        };
        self.boxes.iter().map(of_box).sum()
    }
}

#[cfg(test)]
pub(super) mod fixtures {
    use linfa::Dataset;
    use linfa::traits::Fit;
    use ndarray::{Array, Array1};

    use super::*;
    use crate::search::bayes::fit::transform::{Transform, Warped};
    use crate::search::gp::GpParams;

    /// Processes of this number of losses, on the scale of the losses' logarithms, with their means at
    /// the inputs of their data.
    pub fn waves(losses: usize) -> (Vec<GaussianProcess>, Vec<Scale>, Vec<Vec<f64>>) {
        let inputs = Array::from_shape_fn((9, 2), |(i, j)| ((i * (3 + 2 * j)) % 9) as f64 / 9.0);
        let process = |loss: usize| {
            let of_row =
                |x: ndarray::ArrayView1<f64>| (5.0 * x[0] + 1.7 * loss as f64).sin() + x[1] * loss as f64;
            let targets: Array1<f64> = inputs.rows().into_iter().map(of_row).collect();
            GpParams::new().fit(&Dataset::new(inputs.clone(), targets)).unwrap()
        };
        let processes: Vec<GaussianProcess> = (0..losses).map(process).collect();
        let scale = |process: &GaussianProcess| {
            let losses: Vec<f64> = process.targets().iter().map(|target| (0.7 * target).exp()).collect();
            let warped = Warped { values: process.targets().to_vec(), ..Warped::of(Transform::Log, &losses) };
            Scale::new(&warped, &losses, &[])
        };
        let scales: Vec<Scale> = processes.iter().map(scale).collect();
        let members = reference::means(&processes, &inputs);
        (processes, scales, members)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use rand_distr::{Distribution, StandardNormal};

    use super::fixtures::waves;
    use super::*;
    use crate::search::bayes::input::foreseen::KnownLoss;
    use crate::search::gp::fixtures::assert_slopes;
    use crate::seed::Seed;

    fn hypervolume(losses: usize) -> Hypervolume {
        let (processes, scales, members) = waves(losses);
        Hypervolume::new(processes, &scales, &members, None)
    }

    /// The mean volume that draws of the losses add, and its standard error. The second loss is not drawn
    /// if it is `known`: then it counts as it is, on its scale.
    fn sampled(hypervolume: &Hypervolume, input: [f64; 2], known: Option<(&Scale, f64)>) -> (f64, f64) {
        let posteriors: Vec<_> =
            hypervolume.processes.iter().map(|process| process.posterior(array![input].view())).collect();
        let mut stream = Seed::root(3).stream();
        let mut gain = || {
            let draw = |posterior: &crate::search::gp::Posterior| {
                let normal: f64 = StandardNormal.sample(&mut stream);
                posterior.mean[0] + posterior.variance[0].sqrt() * normal
            };
            let losses: Vec<f64> = posteriors.iter().map(draw).collect();
            let side = |(loss, &(low, high)): (usize, &(usize, usize))| {
                let levels = hypervolume.boxes.levels(loss);
                if let (1, Some((scale, known))) = (loss, known) {
                    let loss = |level: f64| if level.is_finite() { scale.loss(level) } else { level };
                    return (loss(levels[high]) - loss(levels[low]).max(known / scale.unit())).max(0.0);
                }
                let target = losses[loss];
                let steps = levels.windows(2).zip(hypervolume.steps[loss].rates()).take(high).skip(low);
                steps.map(|(ends, rate)| rate * (ends[1] - ends[0].max(target)).max(0.0)).sum::<f64>()
            };
            hypervolume
                .boxes
                .iter()
                .map(|ends| ends.iter().enumerate().map(side).product::<f64>())
                .sum::<f64>()
        };
        let gains: Vec<f64> = (0..100_000).map(|_| gain()).collect();
        let mean = gains.iter().sum::<f64>() / gains.len() as f64;
        let square = gains.iter().map(|gain| (gain - mean).powi(2)).sum::<f64>() / gains.len() as f64;
        (mean, (square / gains.len() as f64).sqrt())
    }

    #[test]
    fn it_is_the_mean_volume_that_draws_add() {
        for losses in 1..=4 {
            let hypervolume = hypervolume(losses);
            for input in [[0.41, 0.63], [0.9, 0.05]] {
                let exact = hypervolume.values(array![input].view(), &[])[0].exp();
                let (mean, error) = sampled(&hypervolume, input, None);
                assert!((exact - mean).abs() < 5.0 * error, "{losses} losses: {exact}, {mean} +- {error}");
            }
        }
    }

    #[test]
    fn a_loss_that_is_known_counts_as_it_is_and_only_the_others_are_expected() {
        for losses in 2..=4 {
            let (processes, scales, members) = waves(losses);
            let hypervolume = Hypervolume::new(processes, &scales, &members, None);
            let scale = &scales[1];
            let input = [0.41, 0.63];
            let by_models = hypervolume.values(array![input].view(), &[])[0].exp();
            for target in [-2.5, -0.7, 0.1] {
                let loss = scale.unit() * scale.loss(target);
                let known = KnownLoss { loss, low: loss, high: loss };
                let foreseen = Foreseen { losses: vec![None, Some(known)] };
                let exact = hypervolume.values(array![input].view(), &[foreseen])[0].exp();
                let (mean, error) = sampled(&hypervolume, input, Some((scale, loss)));
                let context = format!("{losses} losses, {target}: {exact}, {mean} +- {error}, {by_models}");
                assert!((exact - mean).abs() < 5.0 * error + 1e-6 * mean, "{context}");
                assert!((exact / by_models).ln().abs() > 0.05, "it differs from the models: {context}");
            }
        }
    }

    #[test]
    fn the_gradient_matches_differences() {
        for losses in 1..=4 {
            let hypervolume = hypervolume(losses);
            let input = [0.41, 0.63];
            let mut gradient = [0.0; 2];
            let value = hypervolume.add_gradient(&input, &mut gradient);
            let at = |input: [f64; 2]| hypervolume.values(array![input].view(), &[])[0];
            assert!((value - at(input)).abs() < 1e-9);
            assert_slopes(gradient, at, input, 1e-5);
        }
    }
}
