//! The candidates of a confirmation: the best trials, their results with fresh seeds, and the
//! networks that can still win.

use crate::objective::{Evaluation, Model};
use crate::study::{Candidate, Direction, Outcome, Pick, Repeat, Spread};

use super::value_of;

/// The best trials of a study, evaluated with fresh seeds.
pub(super) struct Candidates {
    direction: Direction,
    /// Number of seeds for each candidate, at least 1.
    repeats: usize,
    /// The results of each candidate, in the order of the study's ranking.
    results: Vec<Results>,
}

/// The results of one candidate, one for each seed.
struct Results {
    trial: u32,
    repeats: Vec<Option<Repeat>>,
    models: Vec<Option<Box<dyn Model>>>,
}

/// The winner of a confirmation.
pub(super) struct Winner {
    /// All candidates, best mean first: the first is the winner.
    pub candidates: Vec<Candidate>,
    /// The winner's networks, one per seed; `None` if the evaluation failed or made none.
    pub models: Vec<Option<Box<dyn Model>>>,
    /// Index of the seed with which the winner was best on the validation set; that network is
    /// saved.
    pub kept: usize,
}

impl Candidates {
    /// The candidates `trials`, best first and at least one, before their first result.
    pub fn new(trials: impl Iterator<Item = u32>, repeats: usize, direction: Direction) -> Self {
        let results = |trial| Results {
            trial,
            repeats: vec![None; repeats],
            models: std::iter::repeat_with(|| None).take(repeats).collect(),
        };
        Self { direction, repeats, results: trials.map(results).collect() }
    }

    /// Adds the result of candidate number `index` with seed number `repeat`. Then drops the
    /// networks of candidates that can no longer win.
    pub fn add(&mut self, index: usize, repeat: usize, evaluation: Evaluation) {
        let results = &mut self.results[index];
        results.repeats[repeat] = Some(repeat_of(&evaluation.outcome));
        results.models[repeat] = evaluation.model;
        let losses: Vec<Option<f64>> = self.results.iter().map(|one| one.mean_loss(self.direction)).collect();
        let complete = losses.iter().enumerate().filter_map(|(index, loss)| Some((index, (*loss)?)));
        let Some((best, _)) = complete.min_by(|(_, a), (_, b)| a.total_cmp(b)) else { return };
        for (index, (results, loss)) in self.results.iter_mut().zip(losses).enumerate() {
            if loss.is_some() && index != best {
                results.models.fill_with(|| None);
            }
        }
    }

    /// The winner by `pick`, or by the best mean; `None` if a result is still missing.
    pub fn winner(self, pick: Option<&Pick>) -> Option<Winner> {
        let complete = |results: Results| {
            let repeats = results.repeats.into_iter().collect::<Option<Vec<Repeat>>>()?;
            Some((Candidate { trial: results.trial, repeats }, results.models))
        };
        let mut all = self.results.into_iter().map(complete).collect::<Option<Vec<_>>>()?;
        let loss = |candidate: &Candidate| mean_loss(&candidate.repeats, self.direction);
        let losses: Vec<f64> = all.iter().map(|(candidate, _)| loss(candidate)).collect();
        let first = pick.filter(|_| !all.is_empty()).map(|pick| all.remove(pick.winner(&losses)));
        all.sort_by(|(a, _), (b, _)| loss(a).total_cmp(&loss(b)));
        all.splice(0..0, first);
        let (candidates, mut models): (Vec<Candidate>, Vec<_>) = all.into_iter().unzip();
        let kept = best_repeat(&candidates.first()?.repeats, self.direction);
        Some(Winner { models: models.swap_remove(0), candidates, kept })
    }

    /// Number of evaluations, of all candidates and seeds together.
    pub fn evaluations(&self) -> usize {
        self.results.len() * self.repeats
    }
}

impl Results {
    /// The mean loss of the candidate; `None` before its last result.
    fn mean_loss(&self, direction: Direction) -> Option<f64> {
        let repeats = self.repeats.iter().cloned().collect::<Option<Vec<Repeat>>>()?;
        Some(mean_loss(&repeats, direction))
    }
}

impl Winner {
    /// The results of the winner's networks on the test set, one for each seed. Empty if there are
    /// no networks.
    pub fn test(&self) -> Vec<Repeat> {
        if self.models.iter().all(Option::is_none) {
            return Vec::new();
        }
        let repeats = self.models.iter().zip(&self.candidates[0].repeats);
        repeats
            .map(|(model, repeat)| model.as_ref().map_or(repeat.clone(), |model| repeat_of(&model.test())))
            .collect()
    }
}

/// The first metric and the attributes of `outcome`. For a failure: no value, and the reason.
pub(super) fn repeat_of(outcome: &Outcome) -> Repeat {
    match outcome {
        Outcome::Complete { attributes, .. } => {
            Repeat { value: value_of(outcome), attributes: attributes.clone() }
        }
        Outcome::Failed { failure, attributes } => {
            let mut attributes = attributes.clone();
            attributes.insert("failure".to_owned(), failure.kind.to_string().into());
            attributes.insert("reason".to_owned(), failure.reason.clone().into());
            Repeat { value: None, attributes }
        }
    }
}

/// Mean loss over `repeats`; infinite if one failed, so that such a candidate comes last.
fn mean_loss(repeats: &[Repeat], direction: Direction) -> f64 {
    Spread::of(repeats).map_or(f64::INFINITY, |spread| direction.loss(spread.mean))
}

/// Index of the repeat with the lowest loss; the first one if several are equal.
fn best_repeat(repeats: &[Repeat], direction: Direction) -> usize {
    let loss = |repeat: &Repeat| repeat.value.map_or(f64::INFINITY, |value| direction.loss(value));
    let losses = repeats.iter().map(loss).enumerate();
    losses.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(index, _)| index)
}
