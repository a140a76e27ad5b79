//! A density over a mixed, conditional space, made from some points: a mixture of one kernel per
//! point and a uniform kernel.
//!
//! A kernel is a product over the axes (parameters) of the space:
//!
//! - for a number, a normal distribution around the point's value, truncated at the ends of the
//!   axis;
//! - for a number on a grid, the mass of that distribution in the cell of the value;
//! - for a choice, most of the mass on the point's own choice, and a share on every choice;
//! - for a parameter that is inactive at the point, a uniform distribution.
//!
//! Every kernel covers all parameters, so the mixture is a density on a conditional space too.

use libm::erfc;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use crate::seed::Stream;
use crate::space::Domain;

/// Coordinates in the unit cube; `None` where the parameter is inactive.
pub(super) type Place = Vec<Option<f64>>;

/// The number of latest points that have full weight. The weight of earlier points falls linearly
/// with their age, as in Optuna.
const RECENT: usize = 25;

/// Factor of the width of the kernels of numbers, as a share of the axis, as in Optuna.
const WIDTH: f64 = 0.2;

/// A mixture of kernels.
pub(super) struct Parzen<'a> {
    /// The domain (possible values) of each axis.
    domains: &'a [&'a Domain],
    kernels: Vec<Kernel>,
    /// Standard deviation of the kernels of numbers.
    deviation: f64,
}

/// The kernel of one point, or the uniform one.
struct Kernel {
    /// The share of this kernel in the mixture.
    weight: f64,
    centre: Place,
    /// By axis: ln of the mass of the normal distribution between the ends.
    ln_mass: Vec<f64>,
}

impl<'a> Parzen<'a> {
    /// The density of the points `places`, oldest first. A place has one entry per domain (the
    /// values of a parameter).
    pub fn new(domains: &'a [&'a Domain], places: Vec<Place>) -> Self {
        let deviation = deviation(places.len(), domains.len());
        let uniform = vec![None; domains.len()];
        let mut weights = weights(places.len());
        weights.push(1.0);
        let sum: f64 = weights.iter().sum();
        let kernels = places.into_iter().chain([uniform]).zip(weights).map(|(centre, weight)| {
            let ln_mass =
                |u: &Option<f64>| u.map_or(0.0, |u| mass(-u / deviation, (1.0 - u) / deviation).ln());
            Kernel { weight: weight / sum, ln_mass: centre.iter().map(ln_mass).collect(), centre }
        });
        Self { domains, kernels: kernels.collect(), deviation }
    }

    /// Draws a point, with one coordinate per axis. Coordinates of parameters that are inactive at
    /// that point have no meaning.
    pub fn draw(&self, stream: &mut Stream) -> Vec<f64> {
        let mut left: f64 = stream.random();
        let chosen = self.kernels.iter().position(|kernel| {
            left -= kernel.weight;
            left < 0.0
        });
        let kernel = &self.kernels[chosen.unwrap_or(self.kernels.len() - 1)];
        let axes = self.domains.iter().zip(&kernel.centre);
        axes.map(|(domain, &centre)| self.draw_axis(domain, centre, stream)).collect()
    }

    /// A draw from the kernel around `centre` on one axis.
    fn draw_axis(&self, domain: &Domain, centre: Option<f64>, stream: &mut Stream) -> f64 {
        let uniform: f64 = stream.random();
        match (domain, centre) {
            (_, None) => uniform,
            (Domain::Categorical { choices }, Some(u)) => {
                let others = choices.len() as f64 / self.kernels.len() as f64;
                if stream.random::<f64>() * (1.0 + others) < 1.0 { u } else { uniform }
            }
            // The centre is between the ends and the deviation is at most 1: at least a third of
            // the draws are accepted.
            (_, Some(u)) => loop {
                let step: f64 = StandardNormal.sample(stream);
                let drawn = u + self.deviation * step;
                if (0.0..=1.0).contains(&drawn) {
                    break drawn;
                }
            },
        }
    }

    /// The logarithm of the density at `place`: per unit of length for numbers, per choice for
    /// choices.
    pub fn ln_density(&self, place: &Place) -> f64 {
        let cells: Vec<Option<(f64, f64)>> =
            self.domains.iter().zip(place).map(|(domain, u)| u.map(|u| domain.cell(u))).collect();
        let logs: Vec<f64> =
            self.kernels.iter().map(|kernel| kernel.weight.ln() + self.ln_kernel(kernel, &cells)).collect();
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        most + logs.iter().map(|log| (log - most).exp()).sum::<f64>().ln()
    }

    /// The logarithm of the density of one kernel at `cells`.
    fn ln_kernel(&self, kernel: &Kernel, cells: &[Option<(f64, f64)>]) -> f64 {
        let axes = self.domains.iter().zip(cells).zip(kernel.centre.iter().zip(&kernel.ln_mass));
        axes.map(|((domain, cell), (centre, ln_mass))| match (*cell, *centre) {
            (None, _) => 0.0,
            // The uniform density over a whole continuum is 1.
            (Some((low, high)), None) => {
                if low < high {
                    (high - low).ln()
                } else {
                    0.0
                }
            }
            (Some(cell), Some(centre)) => self.ln_axis(domain, cell, centre) - ln_mass_of(domain, *ln_mass),
        })
        .sum()
    }

    /// The logarithm of the density of one axis, of a kernel around `centre`, at a cell from `low`
    /// to `high`. The truncation at the ends of the axis is left out.
    fn ln_axis(&self, domain: &Domain, (low, high): (f64, f64), centre: f64) -> f64 {
        let z = |u: f64| (u - centre) / self.deviation;
        match domain {
            Domain::Categorical { choices } => {
                let count = self.kernels.len() as f64;
                let own = f64::from(u8::from((low..high).contains(&centre)));
                ((own + count.recip()) / (1.0 + choices.len() as f64 / count)).ln()
            }
            // Far from the centre the mass underflows, where the uniform kernel is much larger.
            _ if low < high => mass(z(low), z(high)).max(f64::MIN_POSITIVE).ln(),
            _ => -0.5 * z(low) * z(low) - (self.deviation * (2.0 * std::f64::consts::PI).sqrt()).ln(),
        }
    }
}

/// The log mass that a kernel is divided by: choices are not truncated.
fn ln_mass_of(domain: &Domain, ln_mass: f64) -> f64 {
    if matches!(domain, Domain::Categorical { .. }) { 0.0 } else { ln_mass }
}

/// Standard deviation of the kernels of `count` points in `dimension` dimensions: Scott's rule
/// (1992). It has the lower bound of Optuna, so that a few points do not hide the rest of the axis.
fn deviation(count: usize, dimension: usize) -> f64 {
    let rule = WIDTH * (count.max(1) as f64).powf(-1.0 / (dimension as f64 + 4.0));
    rule.clamp(((count + 2) as f64).min(100.0).recip(), 1.0)
}

/// The weights of `count` points, oldest first.
fn weights(count: usize) -> Vec<f64> {
    let older = count.saturating_sub(RECENT);
    let weight = |index: usize| match index < older {
        true => (index as f64 + 1.0) / (older as f64 + 1.0),
        false => 1.0,
    };
    (0..count).map(weight).collect()
}

/// The mass of the standard normal distribution between `low` and `high`, exact in both tails.
fn mass(low: f64, high: f64) -> f64 {
    let below = |z: f64| 0.5 * erfc(-z * std::f64::consts::FRAC_1_SQRT_2);
    if low > 0.0 { below(-low) - below(-high) } else { below(high) - below(low) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use crate::space::Value;

    const NUMBER: Domain = Domain::Float { low: 0.0, high: 1.0, log: false, step: None };

    fn choice() -> Domain {
        Domain::Categorical { choices: ["a", "b", "c"].map(Value::from).to_vec() }
    }

    fn grid() -> Domain {
        Domain::Int { low: 1, high: 7, log: true, step: 1 }
    }

    /// The midpoints of `count` equal parts of an axis.
    fn parts(count: u32) -> impl Iterator<Item = f64> {
        (0..count).map(move |k| (f64::from(k) + 0.5) / f64::from(count))
    }

    /// One coordinate for each value of a domain that is not a continuum.
    fn levels(domain: &Domain) -> Vec<f64> {
        let size = domain.size().unwrap();
        (0..size).map(|k| domain.encode(&domain.value_at(k)).unwrap()).collect()
    }

    #[test]
    fn the_density_sums_to_one() {
        let (choice, grid) = (choice(), grid());
        let domains = [&NUMBER, &choice, &grid];
        let places = vec![
            vec![Some(0.1), Some(0.5), Some(levels(&grid)[6])],
            vec![Some(0.98), None, Some(levels(&grid)[0])],
            vec![None, Some(0.9), None],
        ];
        let density = Parzen::new(&domains, places);
        let mut sum = 0.0;
        for x in parts(400) {
            for c in levels(&choice) {
                for &g in &levels(&grid) {
                    sum += density.ln_density(&vec![Some(x), Some(c), Some(g)]).exp() / 400.0;
                }
            }
        }
        assert!((sum - 1.0).abs() < 1e-4, "{sum}");
        // Where the number is inactive, the other parameters alone sum to one.
        let rest = levels(&choice).into_iter().flat_map(|c| levels(&grid).into_iter().map(move |g| (c, g)));
        let sum: f64 = rest.map(|(c, g)| density.ln_density(&vec![None, Some(c), Some(g)]).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    }

    #[test]
    fn draws_follow_the_density() {
        let choice = choice();
        let domains = [&NUMBER, &choice];
        let density = Parzen::new(&domains, vec![vec![Some(0.2), Some(0.5)], vec![Some(0.25), Some(0.5)]]);
        let mut stream = Seed::root(1).stream();
        let draws: Vec<Vec<f64>> = (0..20_000).map(|_| density.draw(&mut stream)).collect();
        for (low, high) in [(0.0, 0.1), (0.1, 0.4), (0.4, 1.0)] {
            let share = draws.iter().filter(|u| (low..high).contains(&u[0])).count() as f64 / 20_000.0;
            let at = |x: f64| density.ln_density(&vec![Some(low + x * (high - low)), None]).exp();
            let expected: f64 = parts(200).map(at).sum::<f64>() / 200.0 * (high - low);
            assert!((share - expected).abs() < 0.015, "{low} to {high}: {share}, expected {expected}");
        }
        let share = draws.iter().filter(|u| (u[1] * 3.0) as u32 == 1).count() as f64 / 20_000.0;
        let expected = density.ln_density(&vec![None, Some(0.5)]).exp();
        assert!((share - expected).abs() < 0.015, "{share}, expected {expected}");
    }

    #[test]
    fn more_points_have_narrower_kernels_and_old_points_lower_weights() {
        assert_eq!(deviation(0, 3), 0.5);
        assert!(deviation(50, 3) < deviation(10, 3) && deviation(10_000, 1) >= 0.01);
        assert_eq!(weights(3), [1.0; 3]);
        let weights = weights(27);
        assert_eq!((weights[2], weights[26]), (1.0, 1.0));
        assert!((weights[0] - 1.0 / 3.0).abs() < 1e-15 && (weights[1] - 2.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn far_from_all_points_the_uniform_kernel_remains() {
        let places = (0..400).map(|_| vec![Some(0.0)]).collect();
        let domains = [&NUMBER];
        let density = Parzen::new(&domains, places).ln_density(&vec![Some(1.0)]);
        assert!(density.is_finite() && density > -7.0, "{density}");
    }
}
