//! Of thousands of trials, the part that the next trial depends on most.

use super::cube::Cell;
use super::features::Features;
use super::history::{History, Observation};

/// Up to this number all observations enter a Gaussian process, at a cost of O(n³) for n
/// observations.
const EXACT: usize = 1500;
/// The number of observations that enter if there are more. A quarter of them are the best, the
/// others are the nearest to the best one.
const LOCAL: usize = 800;

/// The part of `history` that enters the Gaussian processes; `None` if all of it does.
pub(crate) fn part(history: &History, features: &Features) -> Option<History> {
    if history.measured.len() <= EXACT && history.ended.len() <= EXACT {
        return None;
    }
    let ranking = history.ranking();
    let centre = features.row(ranking.first().map_or_else(|| &history.ended[0].0, |best| &best.cell));
    let distance =
        |cell: &Cell| -> f64 { features.row(cell).iter().zip(&centre).map(|(a, b)| (a - b) * (a - b)).sum() };
    let best: Vec<&Cell> = ranking.iter().take(LOCAL / 4).map(|measured| &measured.cell).collect();
    let of_measured = |measured: &Observation| match best.contains(&&measured.cell) {
        true => f64::NEG_INFINITY,
        false => distance(&measured.cell),
    };
    Some(History {
        measured: nearest(&history.measured, of_measured),
        ended: nearest(&history.ended, |(cell, _)| distance(cell)),
        pending: history.pending.clone(),
        reference: history.reference.clone(),
    })
}

/// The [`LOCAL`] items with the least distance, in the order of `all`.
fn nearest<T: Clone>(all: &[T], distance: impl Fn(&T) -> f64) -> Vec<T> {
    let distances: Vec<f64> = all.iter().map(distance).collect();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]));
    order.truncate(LOCAL);
    order.sort_unstable();
    order.into_iter().map(|index| all[index].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::bayes::fixtures::line;
    use crate::search::bayes::input::cube::Cube;

    #[test]
    fn the_best_and_the_nearest_of_thousands_stay_in_their_order() {
        let space = line();
        let cube = Cube::new(&space);
        let features = Features::new(&cube);
        let mut history = History::default();
        for step in 0..2000u32 {
            let u = f64::from(step * 777 % 2000) / 2000.0;
            // The best is at 0.25; a second valley at 0.9 is nearly as deep.
            let loss = (u - 0.25).abs().min((u - 0.9).abs() + 0.001);
            history.ended.push((cube.cell(&[u]), true));
            let (losses, constraints) = (vec![loss], Vec::new());
            history.measured.push(Observation {
                cell: cube.cell(&[u]),
                losses,
                constraints,
                is_feasible: true,
                is_elsewhere: false,
            });
        }
        let part = part(&history, &features).unwrap();
        assert_eq!((part.measured.len(), part.ended.len()), (LOCAL, LOCAL));
        let is_at =
            |low: f64, high: f64| part.measured.iter().filter(move |m| (low..high).contains(&m.cell.unit[0]));
        assert!(is_at(0.88, 0.92).count() > 50, "the best of the other valley");
        assert!(is_at(0.15, 0.35).count() == 400, "all of the nearest");
        let mut order = part.measured.iter().map(|m| history.measured.iter().position(|o| o.cell == m.cell));
        assert!(order.by_ref().is_sorted());
        history.measured.truncate(1500);
        history.ended.truncate(1500);
        assert!(super::part(&history, &features).is_none());
    }
}
