//! Importance of parameters and of pairs of them: Sobol' indices of the expected loss.
//!
//! The variance V of the expected loss f over the unit cube is split among the parameters and their
//! pairs (Sobol' 1993). A and B are independent random samples of the cube; A_i is A with column i
//! (parameter i) of B. E is the mean over a sample. Jansen 1999 estimates
//!
//! - the share of parameter i alone as 1 - E[(f(B) - f(A_i))²] / 2V,
//! - its total share, pairs included, as E[(f(A) - f(A_i))²] / 2V.
//!
//! For a pair, A_ij is A with the columns i and j of B. The first formula with A_ij gives the share
//! of both; less the shares of i and j alone it is the share of the pair (Saltelli 2002). A
//! conditional parameter counts in the part of the space where it is active.

use linfa::traits::Predict;
use ndarray::Array1;

use super::input::cube::{Cell, Cube};
use super::input::features::Features;
use super::landscape::Landscape;
use crate::search::gp::GaussianProcess;
use crate::search::sobol::SobolSequence;
use crate::seed::Seed;
use crate::space::Space;
use crate::study::{Importance, PairShare, Share, Study};

/// Size of each sample. The error of a share is about 1/√512 of it.
const SAMPLES: u64 = 512;
/// The number of most important parameters whose pairs are computed, and the least share of a pair.
const PAIRED: (usize, f64) = (6, 0.01);

/// The importance of the parameters of `space` for the first metric of `study`, the most important
/// parameter first.
///
/// `None` if there are fewer than 10 measurements, or if the expected loss is constant.
pub fn importance(space: &Space, study: &Study, seed: &Seed) -> Option<Importance> {
    of_landscape(&Landscape::of(space, study, seed)?, seed)
}

/// The importance of the parameters in the model `landscape`; `None` if its loss is constant.
pub(super) fn of_landscape(landscape: &Landscape<'_>, seed: &Seed) -> Option<Importance> {
    let Landscape { cube, features, process, .. } = landscape;
    let samples = Samples::new(cube, features, process, &seed.child("samples"));
    let names: Vec<&str> = landscape.space.searched().map(|parameter| parameter.name.as_str()).collect();
    let (variance, shares) = samples.shares(&names)?;
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|&a, &b| shares[b].total.total_cmp(&shares[a].total));
    let pairs = samples.pairs(&order[..order.len().min(PAIRED.0)], &shares, variance);
    Some(Importance {
        parameters: order.into_iter().map(|axis| shares[axis].clone()).collect(),
        pairs,
        noise: process.hyperparameters().noise.min(1.0),
    })
}

/// Two random samples A and B of the cube, with the expected losses there.
struct Samples<'a> {
    cube: &'a Cube<'a>,
    features: &'a Features,
    process: &'a GaussianProcess,
    a: Vec<Vec<f64>>,
    b: Vec<Vec<f64>>,
    at_a: Array1<f64>,
    at_b: Array1<f64>,
}

impl<'a> Samples<'a> {
    /// Scrambled Sobol points of the cube.
    fn new(cube: &'a Cube<'a>, features: &'a Features, process: &'a GaussianProcess, seed: &Seed) -> Self {
        let (sequence, dimension) = (SobolSequence::new(seed), cube.dimension());
        let points = (0..SAMPLES).map(|index| sequence.point(index, 2 * dimension));
        let (a, b): (Vec<_>, Vec<_>) =
            points.map(|point| (point[..dimension].to_vec(), point[dimension..].to_vec())).unzip();
        let [at_a, at_b] = [&a, &b].map(|units| expected(cube, features, process, units));
        Self { cube, features, process, a, b, at_a, at_b }
    }

    /// The variance of the expected loss over the cube, and the share of each axis in it; `None` if
    /// the variance is 0.
    fn shares(&self, names: &[&str]) -> Option<(f64, Vec<Share>)> {
        let all: Vec<f64> = self.at_a.iter().chain(&self.at_b).copied().collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / all.len() as f64;
        let shares = names.iter().enumerate().map(|(axis, name)| {
            let mixed = self.mixed(&[axis]);
            let alone = closed(&self.at_b, &mixed, variance);
            let total = (1.0 - closed(&self.at_a, &mixed, variance)).clamp(0.0, 1.0);
            Share { name: (*name).to_owned(), alone: alone.clamp(0.0, total), total }
        });
        (variance > 1e-12).then(|| (variance, shares.collect()))
    }

    /// The pairs among `axes` with a sufficient share, largest first.
    fn pairs(&self, axes: &[usize], shares: &[Share], variance: f64) -> Vec<PairShare> {
        let mut pairs = Vec::new();
        for (place, &i) in axes.iter().enumerate() {
            for &j in &axes[place + 1..] {
                let both = closed(&self.at_b, &self.mixed(&[i, j]), variance);
                let most = shares[i].total.min(shares[j].total);
                let together = (both - shares[i].alone - shares[j].alone).clamp(0.0, most);
                if together >= PAIRED.1 {
                    pairs.push(PairShare { names: [i, j].map(|axis| shares[axis].name.clone()), together });
                }
            }
        }
        pairs.sort_by(|a, b| b.together.total_cmp(&a.together));
        pairs
    }

    /// The expected losses at sample A, where the columns `axes` are those of sample B.
    fn mixed(&self, axes: &[usize]) -> Array1<f64> {
        let mut units = self.a.clone();
        for (unit, other) in units.iter_mut().zip(&self.b) {
            axes.iter().for_each(|&axis| unit[axis] = other[axis]);
        }
        expected(self.cube, self.features, self.process, &units)
    }
}

/// The expected losses at some points of the cube.
fn expected(
    cube: &Cube<'_>,
    features: &Features,
    process: &GaussianProcess,
    units: &[Vec<f64>],
) -> Array1<f64> {
    let cells: Vec<Cell> = units.iter().map(|unit| cube.cell(unit)).collect();
    process.predict(&features.rows(&cells))
}

/// The share of the variance that f and g have in common: 1 - E[(f - g)²] / 2V.
fn closed(f: &Array1<f64>, g: &Array1<f64>, variance: f64) -> f64 {
    let squares: f64 = f.iter().zip(g).map(|(x, y)| (x - y) * (x - y)).sum();
    1.0 - squares / (2.0 * f.len() as f64 * variance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{Search, SobolSearch};
    use crate::space::Point;
    use crate::study::{Metric, Trial, TrialState};

    /// The importance after `count` points of a Sobol sequence.
    fn of(space: &str, count: u32, loss: impl Fn(&Point) -> f64) -> Option<Importance> {
        let space = Space::from_json(space, "test.json").unwrap();
        let mut study = Study { metrics: vec![Metric::minimize("loss")], ..Study::default() };
        for number in 0..count {
            let point = SobolSearch::new().suggest(&space, &study, &Seed::root(1));
            let values = vec![loss(&point)];
            study.trials.push(Trial { state: TrialState::Complete, values, ..Trial::waiting(number, point) });
        }
        importance(&space, &study, &Seed::root(0))
    }

    fn at(point: &Point, name: &str) -> f64 {
        point.get(name).and_then(|value| value.as_f64()).unwrap_or(0.0)
    }

    const THREE: &str = r#"{"name": "three", "parameters": {
        "x": {"type": "float", "low": 0, "high": 1},
        "y": {"type": "float", "low": 0, "high": 1},
        "z": {"type": "float", "low": 0, "high": 1}
    }}"#;

    fn share<'a>(importance: &'a Importance, name: &str) -> &'a Share {
        importance.parameters.iter().find(|share| share.name == name).unwrap()
    }

    #[test]
    fn a_sum_has_the_shares_of_its_variances_and_no_interaction() {
        // Of x + 2y the variances are 1/12 and 4/12.
        let importance = of(THREE, 60, |point| at(point, "x") + 2.0 * at(point, "y")).unwrap();
        let names: Vec<&str> = importance.parameters.iter().map(|share| share.name.as_str()).collect();
        assert_eq!(names, ["y", "x", "z"]);
        for (name, expected) in [("x", 0.2), ("y", 0.8), ("z", 0.0)] {
            let share = share(&importance, name);
            assert!((share.alone - expected).abs() < 0.06, "{importance:?}");
            assert!((share.total - expected).abs() < 0.06, "{importance:?}");
        }
        assert!(importance.pairs.iter().all(|pair| pair.together < 0.05), "{importance:?}");
    }

    #[test]
    fn a_product_is_nearly_all_interaction() {
        let importance = of(THREE, 90, |point| (at(point, "x") - 0.5) * (at(point, "z") - 0.5)).unwrap();
        assert!(
            share(&importance, "x").alone < 0.15 && share(&importance, "x").total > 0.8,
            "{importance:?}"
        );
        assert!(share(&importance, "y").total < 0.1, "{importance:?}");
        let strongest = &importance.pairs[0];
        let mut names = strongest.names.clone();
        names.sort();
        assert_eq!(names, ["x", "z"]);
        assert!(strongest.together > 0.7, "{importance:?}");
    }

    #[test]
    fn choices_and_conditional_parameters_have_their_shares() {
        let space = r#"{"name": "tree", "parameters": {
            "kind": {"type": "categorical", "choices": ["none", "some"]},
            "depth": {"type": "float", "low": 0, "high": 1, "when": {"kind": ["some"]}},
            "idle": {"type": "int", "low": 0, "high": 9}
        }}"#;
        let importance = of(space, 60, |point| match point.get("kind").and_then(|kind| kind.as_str()) {
            Some("some") => 1.0 + 2.0 * at(point, "depth"),
            _ => 0.0,
        });
        // Of the variance, 1/2 · 4/12 belongs to depth and its kind, (2/2)² to the kind alone: 1/7
        // and 6/7.
        let importance = importance.unwrap();
        assert!((share(&importance, "kind").alone - 6.0 / 7.0).abs() < 0.1, "{importance:?}");
        assert!((share(&importance, "depth").total - 1.0 / 7.0).abs() < 0.1, "{importance:?}");
        assert!(share(&importance, "idle").total < 0.05, "{importance:?}");
    }

    #[test]
    fn with_few_trials_or_equal_losses_there_is_no_importance() {
        assert_eq!(of(THREE, 9, |point| at(point, "x")), None);
        assert_eq!(of(THREE, 30, |_| 0.5), None);
    }
}
