//! From a history to an acquisition: the processes of losses, constraints and success, fitted.

use ndarray::Array2;
use rand_distr::{Distribution, Exp1};

use super::acquisition::feasibility::Feasibility;
use super::acquisition::hypervolume::Hypervolume;
use super::acquisition::success::Success;
use super::acquisition::{Acquisition, Gain, Improvement};
use super::fit::fitted::Observations;
use super::fit::fitter::Fitter;
use super::fit::transform;
use super::input::cube::Cell;
use super::input::features::Features;
use super::input::history::{History, Observation};
use super::input::local;
use crate::search::gp::GaussianProcess;
use crate::search::gp::GpError;
use crate::search::pareto;
use crate::seed::Seed;

/// Up to so many losses have a process and a front each; with more the boxes of the front are too many, and one loss is
/// made of them.
pub const MOST_LOSSES: usize = 4;
/// So are those of a front of so many losses with more members: 3,000 boxes at 40, 15,000 at 100.
const LARGEST_FRONT: usize = 40;

/// The acquisition after `history`, whose processes `fitter` fits.
///
/// # Errors
/// A process cannot be fitted: there is no input, or its kernel matrix has no factor.
pub(super) fn acquisition(
    history: &History,
    features: &Features,
    fitter: &Fitter<'_>,
) -> Result<Acquisition, GpError> {
    let part = local::part(history, features);
    let history = part.as_ref().unwrap_or(history);
    let mut acquisition = Acquisition {
        feasibility: feasibility(history, features, &fitter.child("feasibility"))?,
        ..Acquisition::default()
    };
    if history.incumbents().next().is_some() {
        acquisition.gain = Some(gain(history, features, &fitter.child("loss"))?);
    }
    let mut trials: Vec<(&Cell, bool)> = history.ended.iter().map(|(cell, end)| (cell, *end)).collect();
    if acquisition.gain.is_none() {
        // No process of losses to keep the next trial away from those under way: taken for failures,
        // they do so here.
        trials.extend(history.pending.iter().map(|cell| (cell, false)));
    }
    if trials.iter().any(|&(_, succeeded)| !succeeded) {
        let inputs = features.rows(trials.iter().map(|&(cell, _)| cell));
        let labels: Vec<bool> = trials.iter().map(|&(_, succeeded)| succeeded).collect();
        let success = Success::fit(&fitter.child("success"), features.groups(), &inputs, &labels)?;
        acquisition.success = Some(success);
    }
    Ok(acquisition)
}

/// What the losses promise, given those under way.
fn gain(history: &History, features: &Features, fitter: &Fitter<'_>) -> Result<Gain, GpError> {
    let inputs = features.rows(history.measured.iter().map(|measured| &measured.cell));
    if has_boxes(history) {
        return Ok(Gain::Hypervolume(hypervolume(history, &inputs, features, fitter)?));
    }
    let mut process = match history.losses() {
        1 => fitter.process(Observations {
            inputs: &inputs,
            losses: &history.loss(0),
            levels: &history.levels(),
            groups: features.groups(),
            numbers: &features.numbers(),
        })?,
        _ => {
            let weights = fitter.seed().child("weights").index(history.measured.len() as u64);
            fitter.without_stored_fits().process(Observations {
                inputs: &inputs,
                losses: &scalarized(history, &weights),
                levels: &history.levels(),
                groups: features.groups(),
                numbers: &features.numbers(),
            })?
        }
    };
    let best = least(&process.means_of_data(), history);
    // What is believed of those under way counts as found: what is gained must be gained on it.
    let believed = process.fantasize(features.rows(&history.pending).view());
    let best = believed.iter().copied().fold(best, f64::min);
    Ok(Gain::Improvement(Box::new(Improvement { process, best })))
}

/// Whether there are several losses whose front leaves few boxes; with up to three there are about two a member.
fn has_boxes(history: &History) -> bool {
    match history.losses() {
        MOST_LOSSES => {
            let incumbents: Vec<Vec<f64>> = history.incumbents().map(|rival| rival.losses.clone()).collect();
            pareto::fronts(&incumbents).into_iter().filter(|&front| front == 0).count() <= LARGEST_FRONT
        }
        losses => (2..MOST_LOSSES).contains(&losses),
    }
}

/// A process for each loss.
fn hypervolume(
    history: &History,
    inputs: &Array2<f64>,
    features: &Features,
    fitter: &Fitter<'_>,
) -> Result<Hypervolume, GpError> {
    let process = |loss| {
        fitter.index(loss).process(Observations {
            inputs,
            losses: &history.loss(loss),
            levels: &history.levels(),
            groups: features.groups(),
            numbers: &features.numbers(),
        })
    };
    let mut processes = (0..history.losses()).map(process).collect::<Result<Vec<_>, _>>()?;
    let reference = history.reference.as_ref().and_then(|losses| reference(losses, history, &processes));
    let pending = features.rows(&history.pending);
    processes.iter_mut().for_each(|process| drop(process.fantasize(pending.view())));
    let members = features.rows(history.incumbents().map(|rival| &rival.cell).chain(&history.pending));
    Ok(Hypervolume::new(processes, &members, reference))
}

/// The reference point `losses` on the scale of the processes; `None` while the best of some loss is far from it.
fn reference(losses: &[f64], history: &History, processes: &[GaussianProcess]) -> Option<Vec<f64>> {
    /// In deviations. What is farther away nobody comes below in a trial or two, and until then that loss alone would
    /// count; without a reference the front moves as a whole. Chosen on ZDT4, whose reference nobody reaches in 60
    /// trials, and ZDT5, where waiting until a trial is below it leaves 6 of 20 studies beyond.
    const FAR: f64 = 1.0;
    let placed = |(loss, process): (usize, &GaussianProcess)| {
        let place = transform::placed(losses[loss], &history.loss(loss), &process.targets().to_vec());
        (least(process.targets(), history) < place + FAR).then_some(place)
    };
    processes.iter().enumerate().map(placed).collect()
}

/// One loss of many: the largest of them, and a little of all, under weights drawn anew for every trial (ParEGO:
/// Knowles 2006). Each counts as a share of its extent.
fn scalarized(history: &History, seed: &Seed) -> Vec<f64> {
    /// Share of the sum, so that of two with the same largest loss the better one is better.
    const SUM: f64 = 0.05;
    let mut stream = seed.stream();
    let drawn: Vec<f64> = (0..history.losses()).map(|_| Exp1.sample(&mut stream)).collect();
    let total: f64 = drawn.iter().sum();
    let mut largest = vec![f64::NEG_INFINITY; history.measured.len()];
    let mut sums = vec![0.0; history.measured.len()];
    for (loss, weight) in drawn.iter().map(|weight| weight / total).enumerate() {
        let losses = history.loss(loss);
        let (low, high) =
            losses.iter().fold((f64::MAX, f64::MIN), |(low, high), &x| (low.min(x), high.max(x)));
        // Halved before the difference is taken, which may overflow otherwise.
        let extent = (high / 2.0 - low / 2.0).max(f64::MIN_POSITIVE);
        for ((largest, sum), value) in largest.iter_mut().zip(&mut sums).zip(&losses) {
            let share = weight * (value / 2.0 - low / 2.0) / extent;
            *largest = largest.max(share);
            *sum += share;
        }
    }
    largest.iter().zip(&sums).map(|(largest, sum)| largest + SUM * sum).collect()
}

/// The processes of the constraints: of as many as every trial that has any has.
fn feasibility(
    history: &History,
    features: &Features,
    fitter: &Fitter<'_>,
) -> Result<Vec<Feasibility>, GpError> {
    let constrained: Vec<&Observation> =
        history.measured.iter().filter(|measured| !measured.constraints.is_empty()).collect();
    let inputs = features.rows(constrained.iter().map(|measured| &measured.cell));
    let count = constrained.iter().map(|measured| measured.constraints.len()).min().unwrap_or(0);
    let pending = features.rows(&history.pending);
    let fit = |constraint: usize| {
        let values: Vec<f64> = constrained.iter().map(|measured| measured.constraints[constraint]).collect();
        let mut feasibility =
            Feasibility::fit(&fitter.index(constraint), features.groups(), &inputs, &values)?;
        feasibility.process.fantasize(pending.view());
        Ok(feasibility)
    };
    (0..count).map(fit).collect()
}

/// The least of `values`, one an observation, at those to be bettered.
fn least<'a>(values: impl IntoIterator<Item = &'a f64>, history: &History) -> f64 {
    let incumbents = history.measured.iter().zip(values).filter(|(measured, _)| measured.is_incumbent());
    incumbents.map(|(_, &value)| value).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::bayes::fit::fit_cache::FitCache;
    use crate::search::bayes::fixtures::line;
    use crate::search::bayes::input::cube::Cube;

    fn measured(cube: &Cube, u: f64, losses: &[f64], constraints: &[f64]) -> Observation {
        Observation {
            cell: cube.cell(&[u]),
            losses: losses.to_vec(),
            constraints: constraints.to_vec(),
            is_feasible: constraints.iter().all(|&excess| excess <= 0.0),
        }
    }

    #[test]
    fn a_pending_trial_takes_the_promise_from_its_place_and_keeps_the_mean() {
        let space = line();
        let cube = Cube::new(&space);
        let features = Features::new(&cube);
        let mut history = History::default();
        for (u, loss) in [(0.0, 1.0), (0.3, 0.2), (0.5, 0.1), (0.9, 0.8)] {
            history.measured.push(measured(&cube, u, &[loss], &[]));
        }
        let at = features.rows([&cube.cell(&[0.42])]);
        let without =
            acquisition(&history, &features, &FitCache::default().fitter(None, Seed::root(0))).unwrap();
        history.pending.push(cube.cell(&[0.42]));
        let with =
            acquisition(&history, &features, &FitCache::default().fitter(None, Seed::root(0))).unwrap();
        assert!(with.values(at.view())[0] < without.values(at.view())[0] - 0.1);
        let mean = |acquisition: &Acquisition| acquisition.processes()[0].posterior(at.view()).mean[0];
        assert!((mean(&with) - mean(&without)).abs() < 1e-9);
    }

    #[test]
    fn what_a_pending_trial_is_believed_to_find_is_no_gain_any_more() {
        let space = line();
        let cube = Cube::new(&space);
        let features = Features::new(&cube);
        let mut history = History::default();
        for u in [0.0, 0.2, 0.4, 0.8, 1.0] {
            history.measured.push(measured(&cube, u, &[(u - 0.6f64).powi(2)], &[]));
        }
        let best = |history: &History| match acquisition(
            history,
            &features,
            &FitCache::default().fitter(None, Seed::root(0)),
        )
        .unwrap()
        .gain
        {
            Some(Gain::Improvement(improvement)) => improvement.best,
            other => panic!("{other:?}"),
        };
        let before = best(&history);
        history.pending.push(cube.cell(&[0.6]));
        assert!(best(&history) < before - 0.05, "the valley lies between the trials");
    }

    #[test]
    fn where_nothing_succeeded_a_pending_trial_keeps_the_next_away() {
        let space = line();
        let cube = Cube::new(&space);
        let features = Features::new(&cube);
        let mut history = History::default();
        history.ended.extend([0.0, 0.1, 0.2, 0.3].map(|u| (cube.cell(&[u]), false)));
        history.ended.extend([0.6, 0.65].map(|u| (cube.cell(&[u]), true)));
        let at = features.rows([&cube.cell(&[0.95])]);
        let without =
            acquisition(&history, &features, &FitCache::default().fitter(None, Seed::root(0))).unwrap();
        history.pending.push(cube.cell(&[0.95]));
        let with =
            acquisition(&history, &features, &FitCache::default().fitter(None, Seed::root(0))).unwrap();
        assert!(with.values(at.view())[0] < without.values(at.view())[0] - 0.1);
    }

    /// Where the acquisition is highest on the line.
    fn most_promising(
        losses: impl Fn(f64) -> Vec<f64>,
        constraint: impl Fn(f64) -> f64,
        tried: &[f64],
    ) -> f64 {
        most_promising_below(None, losses, constraint, tried)
    }

    /// The same, where losses count below `reference` only.
    fn most_promising_below(
        reference: Option<Vec<f64>>,
        losses: impl Fn(f64) -> Vec<f64>,
        constraint: impl Fn(f64) -> f64,
        tried: &[f64],
    ) -> f64 {
        let space = line();
        let cube = Cube::new(&space);
        let features = Features::new(&cube);
        let mut history = History { reference, ..History::default() };
        for &u in tried {
            history.measured.push(measured(&cube, u, &losses(u), &[constraint(u)]));
        }
        let acquisition =
            acquisition(&history, &features, &FitCache::default().fitter(None, Seed::root(0))).unwrap();
        let places: Vec<f64> = (0..=200).map(|step| f64::from(step) / 200.0).collect();
        let cells: Vec<Cell> = places.iter().map(|&u| cube.cell(&[u])).collect();
        let values = acquisition.values(features.rows(&cells).view());
        let best = (0..places.len()).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap();
        places[best]
    }

    #[test]
    fn a_constraint_keeps_the_next_trial_on_its_side() {
        // The loss falls all the way to the right, the constraint is broken from 0.6 on.
        let next = most_promising(|x| vec![-x], |x| x - 0.6, &[0.0, 0.2, 0.4, 0.5, 0.8, 1.0]);
        assert!((0.5..0.62).contains(&next), "{next}");
        // Nothing is feasible yet: the way there counts alone.
        let next = most_promising(|x| vec![-x], |x| x - 0.3, &[0.5, 0.6, 0.75, 0.9, 1.0]);
        assert!(next < 0.3, "{next}");
    }

    #[test]
    fn several_losses_lead_to_the_gap_in_their_front() {
        // Between 0.2 and 0.8 one loss is traded for the other; 0.5 lies in the widest gap.
        let losses = |x: f64| vec![(x - 0.2f64).powi(2), (x - 0.8f64).powi(2)];
        let next = most_promising(losses, |_| -1.0, &[0.0, 0.2, 0.25, 0.3, 0.7, 0.75, 0.8, 1.0]);
        assert!((0.35..0.65).contains(&next), "{next}");
    }

    #[test]
    fn beyond_a_reference_there_is_nothing_to_gain() {
        let losses = |x: f64| vec![(x - 0.2f64).powi(2), (x - 0.8f64).powi(2)];
        let tried = [0.0, 0.2, 0.25, 0.3, 0.7, 0.75, 0.8, 1.0];
        // The first loss is below 0.09 up to 0.5 only.
        let next = most_promising_below(Some(vec![0.09, 1.0]), losses, |_| -1.0, &tried);
        assert!((0.35..0.5).contains(&next), "{next}");
        // Nobody has come below this one: the front as a whole is bettered.
        let free = most_promising(losses, |_| -1.0, &tried);
        let next = most_promising_below(Some(vec![-1.0, -1.0]), losses, |_| -1.0, &tried);
        assert_eq!(next, free);
    }

    #[test]
    fn four_losses_make_one_once_their_front_is_large() {
        let space = line();
        let cube = Cube::new(&space);
        let mut history = History::default();
        for member in 0..=LARGEST_FRONT {
            assert!(member == 0 || has_boxes(&history), "{member}");
            let loss = member as f64;
            history.measured.push(measured(&cube, 0.5, &[loss, -loss, 0.0, 0.0], &[]));
        }
        assert!(!has_boxes(&history));
        history.measured[1].losses = vec![9.0; 4];
        assert!(has_boxes(&history), "what is dominated is no member");
    }

    #[test]
    fn five_losses_make_one_under_other_weights_each_time() {
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
