//! The gain of a trial. With one loss it is the expected improvement, with several the expected
//! growth of the volume that their Pareto front dominates.

use ndarray::{Array2, ArrayView2};

use super::hypervolume::Hypervolume;
use super::improvement::Improvement;
use super::matrix::Matrix;
use super::reference::means;
use super::scalarize::scalarized;
use crate::search::bayes::fit::fitted::Observations;
use crate::search::bayes::fit::fitter::Fitter;
use crate::search::bayes::fit::scale::Scale;
use crate::search::bayes::input::features::Features;
use crate::search::bayes::input::foreseen::{Foreseen, Knowledge};
use crate::search::bayes::input::history::History;
use crate::search::gp::{GaussianProcess, GpError};
use crate::search::pareto;

/// Up to this number of losses, each loss has a Gaussian process of its own. More losses are
/// combined into one, since their Pareto front would have too many boxes.
pub const MOST_LOSSES: usize = 4;
/// [`MOST_LOSSES`] losses are also combined if their front has more members than this:
/// `benches/README.md#size-of-a-front`.
const LARGEST_FRONT: usize = 40;
/// The reference point counts once the best value of every loss is within this distance of it, in
/// standard deviations: `benches/README.md#reference-point`.
const NEAR_REFERENCE: f64 = 1.0;

/// Without a reference point, one trial in this number counts the volume: see
/// `benches/README.md#reference-point`.
const VOLUME_TURN: usize = 3;

/// The gain that may be expected of a trial.
#[derive(Clone, Debug)]
pub(crate) enum Gain {
    /// Of one loss.
    Improvement(Box<Improvement>),
    /// Of several losses: the growth of the volume that their front dominates.
    Hypervolume(Hypervolume),
    /// Of several losses: the distance from the nearest member of their front.
    Matrix(Matrix),
}

impl Gain {
    /// Fits the gain of the next trial to `history`, which has an incumbent: a feasible final
    /// observation. Pending trials count as if their expected losses had been observed.
    ///
    /// A loss that is the same in all measurements is left out, unless something is known before trials. Its
    /// process would only know how far a point is from the trials.
    ///
    /// # Errors
    /// A kernel matrix has no Cholesky factor.
    pub fn fit(
        history: &History,
        features: &Features,
        knowledge: Option<&Knowledge<'_>>,
        fitter: &Fitter<'_>,
    ) -> Result<Self, GpError> {
        let varying: Vec<usize> = (0..history.losses()).filter(|&loss| history.varies(loss)).collect();
        if knowledge.is_none() && (1..history.losses()).contains(&varying.len()) {
            return Self::fit(&history.of_losses(&varying), features, None, &fitter.without_stored_fits());
        }
        let inputs = features.rows(history.measured.iter().map(|measured| &measured.cell));
        let (levels, numbers) = (history.levels(), features.numbers());
        let is_one_of_several = has_boxes(history);
        let process = |fitter: &Fitter<'_>, losses: &[f64]| {
            let (groups, kinds) = (features.groups(), features.kinds());
            fitter.process(Observations {
                inputs: &inputs,
                losses,
                levels: &levels,
                groups,
                kinds,
                numbers: &numbers,
                is_one_of_several,
            })
        };
        if is_one_of_several {
            let of_loss = |loss| process(&fitter.index(loss), &history.loss(loss));
            let fitted = (0..history.losses()).map(of_loss).collect::<Result<Vec<_>, _>>()?;
            let (processes, scales): (Vec<_>, Vec<Scale>) = fitted.into_iter().unzip();
            return Ok(several(history, features, knowledge, processes, &scales));
        }
        let (process, scale) = match history.losses() {
            1 => {
                let (process, scale) = process(fitter, &history.loss(0))?;
                (process, Some(scale))
            }
            _ => {
                let weights = fitter.seed().child("weights").index(history.measured.len() as u64);
                (process(&fitter.without_stored_fits(), &scalarized(history, &weights))?.0, None)
            }
        };
        Ok(Self::Improvement(Box::new(improvement(history, features, knowledge, process, scale))))
    }

    /// The logarithm of the gain at every row of `inputs`, of which this is `foreseen`; empty if
    /// nothing is.
    pub fn values(&self, inputs: ArrayView2<f64>, foreseen: &[Foreseen]) -> Vec<f64> {
        match self {
            Self::Improvement(gain) => gain.values(inputs, foreseen),
            Self::Hypervolume(gain) => gain.values(inputs, foreseen),
            Self::Matrix(gain) => gain.values(inputs, foreseen),
        }
    }

    /// The logarithm of the gain at `input`; adds the derivatives to `gradient`.
    pub fn add_gradient(&self, input: &[f64], gradient: &mut [f64]) -> f64 {
        match self {
            Self::Improvement(gain) => gain.add_gradient(input, gradient),
            Self::Hypervolume(gain) => gain.add_gradient(input, gradient),
            Self::Matrix(gain) => gain.add_gradient(input, gradient),
        }
    }

    /// The Gaussian processes of the losses.
    pub fn processes(&self) -> &[GaussianProcess] {
        match self {
            Self::Improvement(gain) => std::slice::from_ref(&gain.process),
            Self::Hypervolume(gain) => &gain.processes,
            Self::Matrix(gain) => &gain.processes,
        }
    }
}

/// The improvement on the lowest posterior mean, pending trials included; of a loss that is known before
/// a trial, on the lowest loss. `scale` is that of the process if its targets are losses.
fn improvement(
    history: &History,
    features: &Features,
    knowledge: Option<&Knowledge<'_>>,
    mut process: GaussianProcess,
    scale: Option<Scale>,
) -> Improvement {
    let known = knowledge.filter(|knowledge| scale.is_some() && knowledge.knows_loss(0));
    let targets = if known.is_some() { process.targets().clone() } else { process.means_of_data() };
    let best = least(&targets, history);
    let fantasized = process.fantasize(features.rows(&history.pending).view());
    let mut pending: Vec<Vec<f64>> = fantasized.iter().map(|&mean| vec![mean]).collect();
    if let (Some(knowledge), Some(scale)) = (known, &scale) {
        insert_foreseen(&mut pending, history, knowledge, std::slice::from_ref(scale));
    }
    let best = pending.iter().map(|targets| targets[0]).fold(best, f64::min);
    Improvement { process, best, scale }
}

/// Whether there are several losses whose Pareto front leaves few boxes. With up to three losses
/// there are about two boxes per member of the front.
fn has_boxes(history: &History) -> bool {
    match history.losses() {
        MOST_LOSSES => {
            let incumbents: Vec<Vec<f64>> =
                history.incumbents().map(|incumbent| incumbent.losses.clone()).collect();
            pareto::fronts(&incumbents).into_iter().filter(|&front| front == 0).count() <= LARGEST_FRONT
        }
        losses => (2..MOST_LOSSES).contains(&losses),
    }
}

/// The gain of several losses, one per Gaussian process. With a reference point that counts it is the
/// volume. Without one, two of three trials take the matrix: the volume alone would send most trials
/// to the ends of the front.
fn several(
    history: &History,
    features: &Features,
    knowledge: Option<&Knowledge<'_>>,
    mut processes: Vec<GaussianProcess>,
    scales: &[Scale],
) -> Gain {
    let given = history.reference.as_ref();
    let reference = given.and_then(|losses| reference(losses, history, &processes, scales));
    let pending = features.rows(&history.pending);
    processes.iter_mut().for_each(|process| drop(process.fantasize(pending.view())));
    let incumbents = history.incumbents().map(|incumbent| &incumbent.cell);
    let inputs = features.rows(incumbents.chain(&history.pending));
    let members = members(&inputs, history, knowledge, &processes, scales);
    match reference.is_none() && !members.len().is_multiple_of(VOLUME_TURN) {
        true => Gain::Matrix(Matrix::new(processes, scales, &members)),
        false => Gain::Hypervolume(Hypervolume::new(processes, scales, &members, reference)),
    }
}

/// The targets of the incumbents and then of the pending trials, whose `inputs` these are: the posterior
/// means, but the losses themselves where they are known before a trial.
fn members(
    inputs: &Array2<f64>,
    history: &History,
    knowledge: Option<&Knowledge<'_>>,
    processes: &[GaussianProcess],
    scales: &[Scale],
) -> Vec<Vec<f64>> {
    let mut members = means(processes, inputs);
    let Some(knowledge) = knowledge else { return members };
    let known: Vec<usize> = (0..scales.len()).filter(|&loss| knowledge.knows_loss(loss)).collect();
    for (targets, incumbent) in members.iter_mut().zip(history.incumbents()) {
        known.iter().for_each(|&loss| targets[loss] = scales[loss].target(incumbent.losses[loss]));
    }
    let pending = members.len() - history.pending.len();
    insert_foreseen(&mut members[pending..], history, knowledge, scales);
    members
}

/// Writes the losses of the pending trials of `history` that are known to their `targets`.
fn insert_foreseen(targets: &mut [Vec<f64>], history: &History, knowledge: &Knowledge<'_>, scales: &[Scale]) {
    for (targets, cell) in targets.iter_mut().zip(&history.pending) {
        let losses = knowledge.at(cell).unwrap_or_default().losses;
        for ((target, known), scale) in targets.iter_mut().zip(losses).zip(scales) {
            *target = known.map_or(*target, |known| scale.target(known.loss));
        }
    }
}

/// The reference point `losses`, on the scales of the Gaussian processes. `None` while the best
/// value of any loss is farther than [`NEAR_REFERENCE`] from it.
fn reference(
    losses: &[f64],
    history: &History,
    processes: &[GaussianProcess],
    scales: &[Scale],
) -> Option<Vec<f64>> {
    let placed = |(loss, process): (usize, &GaussianProcess)| {
        let place = scales[loss].target(losses[loss]);
        (least(process.targets(), history) < place + NEAR_REFERENCE).then_some(place)
    };
    processes.iter().enumerate().map(placed).collect()
}

/// The least of `values`, one per observation, among the observations that the next trial is to
/// improve on.
fn least<'a>(values: impl IntoIterator<Item = &'a f64>, history: &History) -> f64 {
    let incumbents = history.measured.iter().zip(values).filter(|(measured, _)| measured.is_incumbent());
    incumbents.map(|(_, &value)| value).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::bayes::fixtures::{line, measured};
    use crate::search::bayes::input::cube::Cube;

    #[test]
    fn four_losses_become_one_once_their_front_is_large() {
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
        assert!(has_boxes(&history), "a dominated point is no member");
    }
}
