//! Several losses: the expected growth of the volume that their Pareto front dominates.
//!
//! Each loss has a Gaussian process, and the processes are independent given the data. So in every
//! box that the front leaves undominated, the expectation is a product over the losses, in closed
//! form (Emmerich, Deutz & Klinkenberg 2011; Yang et al. 2019, "Efficient computation of expected
//! hypervolume improvement using box decomposition algorithms"). The front is that of the posterior
//! means, since observed losses may be lucky draws.

use ndarray::{Array2, ArrayView2};

use super::boxes::Boxes;
use crate::search::gp::{GaussianProcess, Local, normal};
use crate::study::dominates;

/// A smaller standard deviation counts as this one.
const LEAST_DEVIATION: f64 = 1e-9;
/// Distance of a chosen reference from the worst member of the front, as a share of the front's
/// extent.
const MARGIN: f64 = 0.1;

/// The expected hypervolume improvement.
#[derive(Clone, Debug)]
pub(crate) struct Hypervolume {
    /// The Gaussian process of each loss.
    pub processes: Vec<GaussianProcess>,
    boxes: Boxes,
}

/// What one loss contributes to the expectation of a box, in a product over the losses.
#[derive(Clone, Copy)]
struct Factor {
    ln: f64,
    by_mean: f64,
    by_deviation: f64,
}

impl Hypervolume {
    /// The improvement on the front of the posterior means at the rows of `members`, at least one.
    /// Only losses below `reference` count. If it is not given, a point behind the front is chosen.
    pub fn new(processes: Vec<GaussianProcess>, members: &Array2<f64>, reference: Option<Vec<f64>>) -> Self {
        let means: Vec<_> = processes.iter().map(|process| process.means(members.view())).collect();
        let measured: Vec<Vec<f64>> =
            (0..members.nrows()).map(|row| means.iter().map(|means| means[row]).collect()).collect();
        let front = front(&measured);
        let reference = reference.unwrap_or_else(|| behind(&front, &measured));
        Self { boxes: Boxes::new(&front, &reference), processes }
    }

    /// The logarithm of the expected improvement at every row of `inputs`.
    pub fn values(&self, inputs: ArrayView2<f64>) -> Vec<f64> {
        let posteriors: Vec<_> = self.processes.iter().map(|process| process.posterior(inputs)).collect();
        let value = |row: usize| {
            let normals = posteriors.iter().map(|posterior| (posterior.mean[row], posterior.variance[row]));
            let steps: Vec<Vec<f64>> = normals
                .enumerate()
                .map(|(loss, (mean, variance))| self.ln_shortfalls(loss, mean, variance.sqrt()))
                .collect();
            let ln_box = |ends: &[(usize, usize)]| -> f64 {
                ends.iter()
                    .zip(&steps)
                    .map(|(&(low, high), steps)| ln_difference(steps[high], steps[low]))
                    .sum()
            };
            ln_sum(self.boxes.iter().map(ln_box))
        };
        (0..inputs.nrows()).map(value).collect()
    }

    /// The logarithm of the expected improvement at `input`; adds its derivatives to `gradient`.
    pub fn add_gradient(&self, input: &[f64], gradient: &mut [f64]) -> f64 {
        let locals: Vec<Local> = self.processes.iter().map(|process| process.local(input)).collect();
        let factors: Vec<Vec<Factor>> = self
            .boxes
            .iter()
            .map(|ends| {
                ends.iter()
                    .zip(&locals)
                    .enumerate()
                    .map(|(loss, (&ends, local))| self.factor(loss, ends, local))
                    .collect()
            })
            .collect();
        let ln_of = |factors: &[Factor]| factors.iter().map(|factor| factor.ln).sum::<f64>();
        let value = ln_sum(factors.iter().map(|factors| ln_of(factors)));
        for factors in &factors {
            let weight = (ln_of(factors) - value).exp();
            // A box without weight has no slope, and its factors may not be finite.
            if weight > 0.0 {
                for (factor, local) in factors.iter().zip(&locals) {
                    add(local, weight * factor.by_mean, weight * factor.by_deviation, gradient);
                }
            }
        }
        value
    }

    /// For every level t of a loss: ln E[max(t - f, 0)], where f is normal with mean μ and standard
    /// deviation σ. That is ln (σ h((t - μ) / σ)), with h as in [`normal::ln_h`].
    fn ln_shortfalls(&self, loss: usize, mean: f64, deviation: f64) -> Vec<f64> {
        let deviation = deviation.max(LEAST_DEVIATION);
        let at = |level: &f64| match level.is_finite() {
            true => normal::ln_h((level - mean) / deviation) + deviation.ln(),
            false => f64::NEG_INFINITY,
        };
        self.boxes.levels(loss).iter().map(at).collect()
    }

    /// The factor of a loss f in the expectation of a box with the bounds l and u: E[max(u - max(l,
    /// f), 0)] = σ (h(z_u) - h(z_l)), with z_u = (u - μ) / σ, z_l = (l - μ) / σ and h as in
    /// [`normal::ln_h`]. Its derivative by the mean μ is Φ(z_l) - Φ(z_u), by the standard deviation
    /// σ it is φ(z_u) - φ(z_l).
    fn factor(&self, loss: usize, (low, high): (usize, usize), local: &Local) -> Factor {
        let deviation = local.variance.sqrt().max(LEAST_DEVIATION);
        let levels = self.boxes.levels(loss);
        let z = |level: f64| (level - local.mean) / deviation;
        let (above, below) = (z(levels[high]), z(levels[low]));
        let of_low = |ln: fn(f64) -> f64| if below.is_finite() { ln(below) } else { f64::NEG_INFINITY };
        let ln = ln_difference(normal::ln_h(above), of_low(normal::ln_h));
        let by_mean = -(ln_difference(normal::ln_cdf(above), of_low(normal::ln_cdf)) - ln).exp() / deviation;
        let density = |ln_density: f64| (ln_density - ln).exp() / deviation;
        let by_deviation = density(normal::ln_density(above)) - density(of_low(normal::ln_density));
        Factor { ln: ln + deviation.ln(), by_mean, by_deviation }
    }
}

/// The chain rule: adds to `gradient` the derivatives of a function by the input, from its
/// derivatives by the posterior mean and standard deviation σ. It uses dσ = d(σ²) / (2σ).
fn add(local: &Local, by_mean: f64, by_deviation: f64, gradient: &mut [f64]) {
    let by_variance = by_deviation / (2.0 * local.variance.sqrt().max(LEAST_DEVIATION));
    for (slope, (mean, variance)) in
        gradient.iter_mut().zip(local.mean_gradient.iter().zip(&local.variance_gradient))
    {
        *slope += by_mean * mean + by_variance * variance;
    }
}

/// The rows of `measured` that no other row dominates.
fn front(measured: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let is_beaten = |losses: &Vec<f64>| measured.iter().any(|other| dominates(other, losses));
    measured.iter().filter(|losses| !is_beaten(losses)).cloned().collect()
}

/// A reference point a little behind the worst value of the front in every loss. While the front
/// has fewer than two members per loss, it lies behind the worst of all `measured`. Else only
/// points between the front's few members would count.
fn behind(front: &[Vec<f64>], measured: &[Vec<f64>]) -> Vec<f64> {
    let losses = measured.first().map_or(0, Vec::len);
    let worst =
        |of: &[Vec<f64>], loss: usize| of.iter().map(|row| row[loss]).fold(f64::NEG_INFINITY, f64::max);
    let best = |loss: usize| front.iter().map(|row| row[loss]).fold(f64::INFINITY, f64::min);
    let of = if front.len() < 2 * losses { measured } else { front };
    let of_loss = |loss| {
        let (worst, best) = (worst(of, loss), best(loss));
        // Losses are in standard deviations. If all are equal, their extent counts as one.
        worst + MARGIN * if worst > best { worst - best } else { 1.0 }
    };
    (0..losses).map(of_loss).collect()
}

/// ln (e^a - e^b) for a ≥ b.
fn ln_difference(a: f64, b: f64) -> f64 {
    let less = b - a;
    if a == f64::NEG_INFINITY || less >= 0.0 {
        return f64::NEG_INFINITY;
    }
    // Without cancellation: Mächler 2012, "Accurately computing log(1 - exp(-|a|))".
    a + if less > -std::f64::consts::LN_2 { (-less.exp_m1()).ln() } else { (-less.exp()).ln_1p() }
}

/// ln Σ e^x.
fn ln_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + terms.map(|term| (term - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use linfa::Dataset;
    use linfa::traits::Fit;
    use ndarray::{Array, Array1, array};
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::search::gp::GpParams;
    use crate::search::gp::fixtures::assert_slopes;
    use crate::seed::Seed;

    fn waves(losses: usize) -> (Hypervolume, Array2<f64>) {
        let inputs = Array::from_shape_fn((9, 2), |(i, j)| ((i * (3 + 2 * j)) % 9) as f64 / 9.0);
        let process = |loss: usize| {
            let of_row =
                |x: ndarray::ArrayView1<f64>| (5.0 * x[0] + 1.7 * loss as f64).sin() + x[1] * loss as f64;
            let targets: Array1<f64> = inputs.rows().into_iter().map(of_row).collect();
            GpParams::new().fit(&Dataset::new(inputs.clone(), targets)).unwrap()
        };
        (Hypervolume::new((0..losses).map(process).collect(), &inputs, None), inputs)
    }

    /// The mean volume that draws of the losses add, and its standard error.
    fn sampled(hypervolume: &Hypervolume, input: [f64; 2]) -> (f64, f64) {
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
                (levels[high] - levels[low].max(losses[loss])).max(0.0)
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
            let (hypervolume, _) = waves(losses);
            for input in [[0.41, 0.63], [0.9, 0.05]] {
                let exact = hypervolume.values(array![input].view())[0].exp();
                let (mean, error) = sampled(&hypervolume, input);
                assert!((exact - mean).abs() < 5.0 * error, "{losses} losses: {exact}, {mean} +- {error}");
            }
        }
    }

    #[test]
    fn the_gradient_matches_differences() {
        for losses in 1..=4 {
            let (hypervolume, _) = waves(losses);
            let input = [0.41, 0.63];
            let mut gradient = [0.0; 2];
            let value = hypervolume.add_gradient(&input, &mut gradient);
            let at = |input: [f64; 2]| hypervolume.values(array![input].view())[0];
            assert!((value - at(input)).abs() < 1e-9);
            assert_slopes(gradient, at, input, 1e-5);
        }
    }

    #[test]
    fn a_difference_of_exponentials_keeps_its_digits() {
        assert!((ln_difference(1.0, 0.0) - (1f64.exp() - 1.0).ln()).abs() < 1e-15);
        let step = 2f64.powi(-30);
        assert!((ln_difference(-2000.0, -2000.0 - step) - (-2000.0 + step.ln())).abs() < 1e-8);
        assert_eq!(ln_difference(3.0, 3.0), f64::NEG_INFINITY);
        assert_eq!(ln_difference(3.0, f64::NEG_INFINITY), 3.0);
    }
}
