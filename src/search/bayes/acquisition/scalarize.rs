//! Many losses combined into one: ParEGO (Knowles 2006, "ParEGO: a hybrid algorithm with on-line
//! landscape approximation for expensive multiobjective optimization problems").

use rand_distr::{Distribution, Exp1};

use crate::search::bayes::input::history::History;
use crate::seed::Seed;

/// Weight of the sum of all losses. Of two points with the same largest loss, the sum prefers the
/// one with the lower other losses.
const SUM: f64 = 0.05;

/// Combines the losses of each observation of `history` into one: the largest of its weighted
/// losses plus a little of their sum. The weights are random.
///
/// Each loss counts as a share of the extent of that loss. `seed` should differ from trial to
/// trial, since each weighting leads to another place of the Pareto front.
pub(crate) fn scalarized(history: &History, seed: &Seed) -> Vec<f64> {
    let mut stream = seed.stream();
    let drawn: Vec<f64> = (0..history.losses()).map(|_| Exp1.sample(&mut stream)).collect();
    let total: f64 = drawn.iter().sum();
    let mut largest = vec![f64::NEG_INFINITY; history.measured.len()];
    let mut sums = vec![0.0; history.measured.len()];
    for (loss, weight) in drawn.iter().map(|weight| weight / total).enumerate() {
        let losses = history.loss(loss);
        let (low, high) =
            losses.iter().fold((f64::MAX, f64::MIN), |(low, high), &x| (low.min(x), high.max(x)));
        // Halved before the difference is taken, which might overflow otherwise.
        let extent = (high / 2.0 - low / 2.0).max(f64::MIN_POSITIVE);
        for ((largest, sum), value) in largest.iter_mut().zip(&mut sums).zip(&losses) {
            let share = weight * (value / 2.0 - low / 2.0) / extent;
            *largest = largest.max(share);
            *sum += share;
        }
    }
    largest.iter().zip(&sums).map(|(largest, sum)| largest + SUM * sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::bayes::fixtures::{line, measured};
    use crate::search::bayes::input::cube::Cube;

    #[test]
    fn five_losses_become_one_under_weights_that_differ_each_time() {
        let space = line();
        let cube = Cube::new(&space);
        let mut history = History::default();
        for (u, best) in [(0.1, 0), (0.5, 2), (0.9, 4)] {
            let losses: Vec<f64> = (0..5).map(|loss| if loss == best { 0.0 } else { 1e300 }).collect();
            history.measured.push(measured(&cube, u, &losses, &[]));
        }
        let (one, other) = (scalarized(&history, &Seed::root(0)), scalarized(&history, &Seed::root(1)));
        assert!(one.iter().all(|loss| loss.is_finite() && *loss >= 0.0));
        assert_ne!(one, other);
    }
}
