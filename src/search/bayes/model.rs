//! From a history to an acquisition: the processes of loss and success, fitted.

use linfa::Dataset;
use linfa::traits::Fit;
use ndarray::{Array1, Array2};

use super::acquisition::{Acquisition, Improvement};
use super::cube::Cell;
use super::features::Features;
use super::history::{History, Measured};
use super::params::{GpError, GpParams};
use super::process::GaussianProcess;
use super::success::Success;
use super::transform::Warped;
use crate::seed::Seed;

/// With fewer losses their distribution is anyone's guess, and they stay as they are.
const LEAST_TO_TRANSFORM: usize = 6;
/// Steps of the fit that a transform is judged by: enough to tell them apart.
const SCREENING_STEPS: usize = 8;

/// The acquisition after `history`.
///
/// # Errors
/// A process cannot be fitted: there is no input, or its kernel matrix has no factor.
pub(super) fn acquisition(
    history: &History,
    features: &Features,
    seed: &Seed,
) -> Result<Acquisition, GpError> {
    let mut acquisition = Acquisition { improvement: None, success: None };
    if history.measured.iter().any(|measured| measured.is_feasible) {
        acquisition.improvement = Some(improvement(history, features, &seed.child("loss"))?);
    }
    if history.ended.iter().any(|&(_, succeeded)| !succeeded) {
        let mut trials: Vec<(&Cell, bool)> = history.ended.iter().map(|(cell, end)| (cell, *end)).collect();
        if acquisition.improvement.is_none() {
            // No process of losses to keep the next trial away from those under way: taken for failures,
            // they do so here.
            trials.extend(history.pending.iter().map(|cell| (cell, false)));
        }
        let inputs = features.rows(trials.iter().map(|&(cell, _)| cell));
        let labels: Vec<bool> = trials.iter().map(|&(_, succeeded)| succeeded).collect();
        let success = Success::fit(features.groups(), &inputs, &labels, &seed.child("success"))?;
        acquisition.success = Some(success);
    }
    Ok(acquisition)
}

fn improvement(history: &History, features: &Features, seed: &Seed) -> Result<Improvement, GpError> {
    let inputs = features.rows(history.measured.iter().map(|measured| &measured.cell));
    let losses: Vec<f64> = history.measured.iter().map(|measured| measured.loss).collect();
    let mut process = loss_process(&inputs, &losses, features, seed)?;
    let best = best_mean(&process, &inputs, &history.measured);
    for cell in &history.pending {
        believe(&mut process, &features.rows([cell]));
    }
    Ok(Improvement { process, best })
}

/// The process of the losses, on the scale that leave-one-out density prefers.
fn loss_process(
    inputs: &Array2<f64>,
    losses: &[f64],
    features: &Features,
    seed: &Seed,
) -> Result<GaussianProcess, GpError> {
    let data = |warped: &Warped| Dataset::new(inputs.clone(), Array1::from(warped.values.clone()));
    let params = GpParams::new().groups(features.groups().to_vec()).seed(seed.clone());
    let mut candidates = Warped::candidates(losses);
    if losses.len() < LEAST_TO_TRANSFORM {
        return params.fit(&data(&candidates.swap_remove(0)));
    }
    let screening = params.clone().draws(0).iterations(SCREENING_STEPS);
    let mut best: Option<(f64, GaussianProcess, Warped)> = None;
    for warped in candidates {
        let process = screening.fit(&data(&warped))?;
        let density = process.leave_one_out_density() + warped.ln_jacobian;
        if best.as_ref().is_none_or(|(highest, ..)| density > *highest) {
            best = Some((density, process, warped));
        }
    }
    let (_, process, warped) = best.expect("the identity is always a candidate");
    params.start(process.hyperparameters().clone()).fit(&data(&warped))
}

/// The lowest posterior mean at the feasible observations.
fn best_mean(process: &GaussianProcess, inputs: &Array2<f64>, measured: &[Measured]) -> f64 {
    let means = process.posterior(inputs.view()).mean;
    let feasible = means.iter().zip(measured).filter(|(_, measured)| measured.is_feasible);
    feasible.map(|(&mean, _)| mean).fold(f64::INFINITY, f64::min)
}

/// Conditions on a pending trial as if its mean had been observed: the mean stays, the variance shrinks
/// around it ("Kriging believer", Ginsbourger et al. 2010).
fn believe(process: &mut GaussianProcess, input: &Array2<f64>) {
    let mean = process.posterior(input.view()).mean[0];
    // An input so close to an observed one that it has no row of its own has no variance left to lose.
    let _ = process.observe(input.row(0), mean);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::bayes::cube::Cube;
    use crate::space::Space;

    #[test]
    fn a_pending_trial_takes_the_promise_from_its_place_and_keeps_the_mean() {
        let text = r#"{"name": "line", "parameters": {"x": {"type": "float", "low": 0, "high": 1}}}"#;
        let space = Space::from_json(text, "line.json").unwrap();
        let cube = Cube::new(&space);
        let features = Features::new(&cube);
        let mut history = History::default();
        for (u, loss) in [(0.0, 1.0), (0.3, 0.2), (0.5, 0.1), (0.9, 0.8)] {
            history.measured.push(Measured { cell: cube.cell(&[u]), loss, is_feasible: true });
        }
        let at = features.rows([&cube.cell(&[0.42])]);
        let without = acquisition(&history, &features, &Seed::root(0)).unwrap();
        history.pending.push(cube.cell(&[0.42]));
        let with = acquisition(&history, &features, &Seed::root(0)).unwrap();
        assert!(with.values(at.view())[0] < without.values(at.view())[0] - 0.1);
        let mean = |acquisition: &Acquisition| {
            acquisition.improvement.as_ref().unwrap().process.posterior(at.view()).mean[0]
        };
        assert!((mean(&with) - mean(&without)).abs() < 1e-9);
    }

    #[test]
    fn where_nothing_succeeded_a_pending_trial_keeps_the_next_away() {
        let text = r#"{"name": "line", "parameters": {"x": {"type": "float", "low": 0, "high": 1}}}"#;
        let space = Space::from_json(text, "line.json").unwrap();
        let cube = Cube::new(&space);
        let features = Features::new(&cube);
        let mut history = History::default();
        history.ended.extend([0.0, 0.1, 0.2, 0.3].map(|u| (cube.cell(&[u]), false)));
        history.ended.extend([0.6, 0.65].map(|u| (cube.cell(&[u]), true)));
        let at = features.rows([&cube.cell(&[0.95])]);
        let without = acquisition(&history, &features, &Seed::root(0)).unwrap();
        history.pending.push(cube.cell(&[0.95]));
        let with = acquisition(&history, &features, &Seed::root(0)).unwrap();
        assert!(with.values(at.view())[0] < without.values(at.view())[0] - 0.1);
    }
}
