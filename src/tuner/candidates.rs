//! The candidates of a confirmation: the best trials, their results with fresh seeds, and the
//! networks that can still win.

use std::collections::BTreeMap;

use crate::objective::{Evaluation, Model};
use crate::study::{Candidate, Direction, FreshSeed, FreshSeeds, Outcome, Repeat, Trial};

use super::value_of;
use super::winner::{Race, Rank};

/// The networks of a candidate by seed; `None` where an evaluation failed, made none, or its network
/// was dropped because it is not to be saved.
type Networks = Vec<Option<Box<dyn Model>>>;

/// The best trials of a study, evaluated with fresh seeds.
pub(super) struct Candidates {
    direction: Direction,
    /// Number of seeds with which a candidate can win, at least 1.
    repeats: usize,
    /// Whether every candidate is tested and keeps its best network, not the winner alone.
    tests_all: bool,
    /// In order of the study's ranking.
    results: Vec<Results>,
    /// Decides who gets the next seed, where not every candidate gets all of them.
    race: Race,
    /// Results of an earlier run, by candidate and repeat, until they are asked for.
    saved: BTreeMap<(usize, usize), FreshSeed>,
}

/// The results of one candidate, one for each seed.
struct Results {
    trial: u32,
    repeats: Vec<Option<Repeat>>,
    tests: Vec<Option<Repeat>>,
    models: Networks,
    /// Whether a network was trained, also one that was dropped since.
    has_network: Vec<bool>,
    /// Whether an earlier run trained a network, which is not here.
    trained_before: Vec<bool>,
}

/// The candidates of a confirmation with all results.
pub(super) struct Confirmed {
    /// All candidates: the winner, then the others, best mean first.
    pub candidates: Vec<Candidate>,
    /// The networks of each candidate.
    pub models: Vec<Networks>,
    /// Index of the winner's best seed on the validation set, whose network is saved.
    pub kept: usize,
}

impl Candidates {
    /// The candidates `trials`, best first and at least one, before their first result.
    pub fn new(trials: &[&Trial], repeats: usize, direction: Direction, tests_all: bool) -> Self {
        let results = |trial: &&Trial| Results {
            trial: trial.number,
            repeats: vec![None; repeats],
            tests: vec![None; repeats],
            models: std::iter::repeat_with(|| None).take(repeats).collect(),
            has_network: vec![false; repeats],
            trained_before: vec![false; repeats],
        };
        let race = Race::new(repeats, trials.iter().map(|trial| entrant(trial, direction)));
        let results = trials.iter().map(results).collect();
        Self { direction, repeats, tests_all, results, race, saved: BTreeMap::new() }
    }

    /// The next evaluations, `count` at a time or all that are left: pairs of a candidate and a
    /// repeat. They are none once the winner is known and its networks are there.
    ///
    /// Results of an earlier run are taken over here, `count` at a time as they were made: so the race
    /// goes the same way as without an interruption.
    pub fn next(&mut self, count: usize) -> Vec<(usize, usize)> {
        loop {
            let is_saved = |evaluation: &(usize, usize)| self.saved.contains_key(evaluation);
            let (known, missing): (Vec<_>, Vec<_>) = self.open(count).into_iter().partition(is_saved);
            if known.is_empty() && missing.is_empty() {
                return self.without_networks();
            }
            let is_whole = missing.is_empty();
            known.into_iter().for_each(|evaluation| self.take_over(evaluation));
            if !is_whole {
                return missing;
            }
        }
    }

    /// Adds the result that an earlier run has saved.
    fn take_over(&mut self, (index, repeat): (usize, usize)) {
        let Some(FreshSeed { result, test, has_network, .. }) = self.saved.remove(&(index, repeat)) else {
            return;
        };
        let results = &mut self.results[index];
        results.tests[repeat] = test;
        results.trained_before[repeat] = has_network;
        self.set(index, repeat, result);
    }

    /// The evaluations without a result that decide the winner.
    fn open(&self, count: usize) -> Vec<(usize, usize)> {
        if !self.tests_all {
            return self.race.next(count);
        }
        let missing = |(index, results): (usize, &Results)| {
            let missing = (0..self.repeats).filter(|&repeat| results.repeats[repeat].is_none());
            missing.map(|repeat| (index, repeat)).collect::<Vec<_>>()
        };
        self.results.iter().enumerate().flat_map(missing).collect()
    }

    /// The evaluations whose networks an earlier run has trained, and which are to be saved or tested now.
    fn without_networks(&self) -> Vec<(usize, usize)> {
        let winner = self.best();
        let missing = |(index, results): (usize, &Results)| {
            let best = results.candidate().best_seed(self.direction);
            let is_needed = |repeat: usize| match self.tests_all {
                true => repeat == best,
                false => winner == Some(index),
            };
            let is_missing = |repeat: &usize| results.trained_before[*repeat] && is_needed(*repeat);
            (0..self.repeats).filter(is_missing).map(|repeat| (index, repeat)).collect::<Vec<_>>()
        };
        self.results.iter().enumerate().flat_map(missing).collect()
    }

    /// Keeps the results of an earlier run that was broken off, for [`next`](Self::next).
    pub fn restore(&mut self, FreshSeeds(seeds): FreshSeeds) {
        for seed in seeds.into_iter().filter(|seed| seed.repeat < self.repeats) {
            if let Some(index) = self.results.iter().position(|results| results.trial == seed.trial) {
                self.saved.insert((index, seed.repeat), seed);
            }
        }
    }

    /// The results so far, for [`restore`](Self::restore).
    pub fn so_far(&self) -> FreshSeeds {
        let of_candidate = |results: &Results| {
            let seed = |(repeat, result): (usize, &Option<Repeat>)| {
                Some(FreshSeed {
                    trial: results.trial,
                    repeat,
                    result: result.clone()?,
                    test: results.tests[repeat].clone(),
                    has_network: results.trained_before[repeat] || results.has_network[repeat],
                })
            };
            results.repeats.iter().enumerate().filter_map(seed).collect::<Vec<_>>()
        };
        let taken = self.results.iter().flat_map(of_candidate);
        FreshSeeds(taken.chain(self.saved.values().cloned()).collect())
    }

    /// Adds the result of candidate number `index` from seed number `repeat`, then drops the
    /// networks that will not be saved.
    pub fn add(&mut self, index: usize, repeat: usize, evaluation: Evaluation) {
        if self.results[index].repeats[repeat].is_none() {
            self.set(index, repeat, repeat_of(&evaluation.outcome));
        }
        let results = &mut self.results[index];
        results.trained_before[repeat] = false;
        results.has_network[repeat] = evaluation.model.is_some();
        if let (true, Some(model)) = (self.tests_all, &evaluation.model) {
            results.tests[repeat] = Some(repeat_of(&model.test()));
        }
        results.models[repeat] = evaluation.model;
        match self.tests_all {
            true => results.keep_best(self.direction),
            false => self.drop_losers(),
        }
    }

    /// Sets the result of candidate number `index` from seed number `repeat`.
    fn set(&mut self, index: usize, repeat: usize, result: Repeat) {
        let loss = result.value.map_or(f64::INFINITY, |value| self.direction.loss(value));
        self.results[index].repeats[repeat] = Some(result);
        self.race.add(index, loss, self.results[index].candidate().keeps_constraints());
    }

    /// The index of the best candidate with all results; `None` if none has all.
    fn best(&self) -> Option<usize> {
        let ranks = self.results.iter().map(|one| one.rank(self.direction)).enumerate();
        let complete = ranks.filter_map(|(index, rank)| Some((index, rank?)));
        complete.min_by(|(_, a), (_, b)| a.compare(b)).map(|(index, _)| index)
    }

    /// Drops the networks of candidates that can no longer win.
    fn drop_losers(&mut self) {
        let ranks: Vec<Option<Rank>> = self.results.iter().map(|one| one.rank(self.direction)).collect();
        let Some(best) = self.best() else { return };
        for (index, (results, rank)) in self.results.iter_mut().zip(ranks).enumerate() {
            if rank.is_some() && index != best {
                results.models.fill_with(|| None);
            }
        }
    }

    /// The candidates, the winner first: of those with all seeds that with the best mean, among
    /// equals the smallest network. One that breaks a constraint wins only if all do. `None` if the
    /// winner is not known.
    pub fn ranked(mut self) -> Option<Confirmed> {
        if !self.next(1).is_empty() {
            return None;
        }
        let (direction, tests_all) = (self.direction, self.tests_all);
        let mut all: Vec<_> = self.results.into_iter().map(|results| results.finish(tests_all)).collect();
        all.sort_by(|(a, _), (b, _)| rank(a, direction).compare(&rank(b, direction)));
        let winner = all.iter().position(|(candidate, _)| !candidate.stopped)?;
        all[..=winner].rotate_right(1);
        let (candidates, models): (Vec<Candidate>, Vec<_>) = all.into_iter().unzip();
        let kept = candidates.first()?.best_seed(direction);
        Some(Confirmed { candidates, models, kept })
    }
}

/// The loss of a trial and the number of parameters of its network, the largest number if it is not
/// known.
fn entrant(trial: &Trial, direction: Direction) -> (f64, u64) {
    let loss = trial.values.first().map_or(f64::INFINITY, |&value| direction.loss(value));
    let parameters = trial.attributes.get("parameters").and_then(serde_json::Value::as_u64);
    (loss, parameters.unwrap_or(u64::MAX))
}

/// The rank of a candidate by its seeds so far.
fn rank(candidate: &Candidate, direction: Direction) -> Rank {
    Rank::new(candidate.mean_loss(direction), candidate.parameters()).keeping(candidate.keeps_constraints())
}

impl Results {
    /// The rank of the candidate; `None` before its last result.
    fn rank(&self, direction: Direction) -> Option<Rank> {
        let candidate = self.candidate();
        (!candidate.stopped).then(|| rank(&candidate, direction))
    }

    /// The candidate without its tests; it counts as stopped before its last result.
    fn candidate(&self) -> Candidate {
        let repeats: Vec<Repeat> = self.repeats.iter().flatten().cloned().collect();
        let stopped = repeats.len() < self.repeats.len();
        Candidate {
            trial: self.trial,
            repeats,
            stopped,
            test: Vec::new(),
            model_sha256: None,
            host_throughput: None,
        }
    }

    /// Drops all networks but that of the best seed so far.
    fn keep_best(&mut self, direction: Direction) {
        let loss = |repeat: &Option<Repeat>| {
            let value = repeat.as_ref().and_then(|repeat| repeat.value);
            value.map_or(f64::INFINITY, |value| direction.loss(value))
        };
        let losses = self.repeats.iter().map(loss).enumerate();
        let best = losses.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(index, _)| index);
        for (index, model) in self.models.iter_mut().enumerate() {
            model.take_if(|_| best != Some(index));
        }
    }

    /// The candidate and its networks. A seed without a network has its own result as its test.
    fn finish(self, is_tested: bool) -> (Candidate, Networks) {
        let candidate = self.candidate();
        let has_tests = is_tested && self.tests.iter().any(Option::is_some);
        let tests = self.tests.into_iter().zip(&candidate.repeats).filter(|_| has_tests);
        let test = tests.map(|(test, repeat)| test.unwrap_or_else(|| repeat.clone())).collect();
        (Candidate { test, ..candidate }, self.models)
    }
}

impl Confirmed {
    /// The same with the candidate of `trial` first, if it is among them.
    pub fn with_first(mut self, trial: u32, direction: Direction) -> Self {
        if let Some(at) = self.candidates.iter().position(|candidate| candidate.trial == trial) {
            self.candidates[..=at].rotate_right(1);
            self.models[..=at].rotate_right(1);
            self.kept = self.candidates[0].best_seed(direction);
        }
        self
    }

    /// The network to save of candidate number `index`: that of its best seed.
    pub fn model(&self, index: usize, direction: Direction) -> Option<&dyn Model> {
        self.models[index][self.candidates[index].best_seed(direction)].as_deref()
    }

    /// The results of the winner's networks on the test set, one for each seed; empty if there are
    /// no networks.
    pub fn test(&self) -> Vec<Repeat> {
        if !self.candidates[0].test.is_empty() || self.models[0].iter().all(Option::is_none) {
            return self.candidates[0].test.clone();
        }
        let repeats = self.models[0].iter().zip(&self.candidates[0].repeats);
        repeats
            .map(|(model, repeat)| model.as_ref().map_or(repeat.clone(), |model| repeat_of(&model.test())))
            .collect()
    }
}

/// The first metric and the attributes of `outcome`. For a failure: no value, and the reason.
pub(super) fn repeat_of(outcome: &Outcome) -> Repeat {
    match outcome {
        Outcome::Complete { values, constraints, .. } => Repeat {
            value: value_of(outcome),
            values: if values.len() > 1 { values.clone() } else { Vec::new() },
            constraints: constraints.clone(),
            attributes: outcome.all_attributes(),
        },
        Outcome::Failed { .. } => Repeat {
            value: None,
            values: Vec::new(),
            constraints: Vec::new(),
            attributes: outcome.all_attributes(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::study::Attributes;

    struct Unchanged;

    impl Model for Unchanged {
        fn test(&self) -> Outcome {
            Outcome::Complete { values: vec![0.5], constraints: Vec::new(), attributes: Attributes::new() }
        }

        fn save(&self, _: &Path) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_an_earlier_run_did_is_taken_over_and_the_networks_to_save_are_trained_again() {
        let trials = [7, 8].map(|number| Trial::waiting(number, crate::space::Point::default()));
        let new = || Candidates::new(&trials.each_ref(), 2, Direction::Maximize, true);
        let evaluation = |value: f64| {
            let (constraints, attributes) = (Vec::new(), Attributes::new());
            let outcome = Outcome::Complete { values: vec![value], constraints, attributes };
            Evaluation { outcome, model: Some(Box::new(Unchanged)) }
        };
        let mut first = new();
        first.add(0, 0, evaluation(0.8));
        first.add(0, 1, evaluation(0.9));
        first.add(1, 0, evaluation(0.7));
        let mut second = new();
        second.restore(first.so_far());
        assert_eq!(second.so_far(), first.so_far());
        assert_eq!(second.next(9), [(1, 1)]);
        second.add(1, 1, evaluation(0.6));
        assert_eq!(second.next(9), [(0, 1), (1, 0)], "the best seed of each");
        assert!(second.so_far().0.iter().all(|seed| seed.has_network));
        second.add(0, 1, evaluation(0.9));
        second.add(1, 0, evaluation(0.7));
        let ranked = second.ranked().expect("nothing is left");
        assert_eq!((ranked.candidates[0].trial, ranked.candidates[0].test.len(), ranked.kept), (7, 2, 1));
        assert!((0..2).all(|index| ranked.model(index, Direction::Maximize).is_some()));
        // A seed that a faster worker has done is not done again.
        let mut gap = first.so_far();
        gap.0.retain(|seed| (seed.trial, seed.repeat) != (7, 0));
        let mut third = new();
        third.restore(gap);
        assert_eq!(third.next(9), [(0, 0), (1, 1)]);
    }

    #[test]
    fn an_interruption_within_a_batch_changes_no_winner() {
        let losses = [[3.0, 1.0, 1.0], [1.6, 1.6, 1.9]];
        let trials = [(7, 1.0), (8, 1.4)].map(|(number, value)| Trial {
            values: vec![value],
            ..Trial::waiting(number, crate::space::Point::default())
        });
        let new = || Candidates::new(&trials.each_ref(), 3, Direction::Minimize, false);
        let add = |candidates: &mut Candidates, (index, repeat): (usize, usize)| {
            let values = vec![losses[index][repeat]];
            let outcome =
                Outcome::Complete { values, constraints: Vec::new(), attributes: Attributes::new() };
            candidates.add(index, repeat, outcome.into());
        };
        let finish = |mut candidates: Candidates| {
            loop {
                let next = candidates.next(3);
                if next.is_empty() {
                    return candidates.ranked().expect("it has ended").candidates[0].trial;
                }
                next.into_iter().for_each(|evaluation| add(&mut candidates, evaluation));
            }
        };
        let whole = finish(new());
        for done in [vec![0], vec![1], vec![2], vec![0, 2], vec![1, 2], vec![0, 1, 2]] {
            let mut first = new();
            let batch = first.next(3);
            done.iter().for_each(|&at: &usize| add(&mut first, batch[at]));
            let mut second = new();
            second.restore(first.so_far());
            assert_eq!(finish(second), whole, "{done:?}");
        }
    }

    #[test]
    fn a_candidate_that_breaks_a_constraint_wins_only_where_all_do() {
        for (constraints, winner) in [([-0.1, -0.2], 7), ([0.1, -0.2], 8), ([0.1, 0.2], 7)] {
            let trials = [7, 8].map(|number| Trial::waiting(number, crate::space::Point::default()));
            let mut candidates = Candidates::new(&trials.each_ref(), 2, Direction::Maximize, false);
            loop {
                let next = candidates.next(1);
                let Some(&(index, repeat)) = next.first() else { break };
                // The first seeds keep the constraint, but not the means.
                let constraint = constraints[index] + if repeat == 0 { -0.05 } else { 0.05 };
                let (values, constraints) = (vec![[0.9, 0.8][index]], vec![constraint]);
                let outcome = Outcome::Complete { values, constraints, attributes: Attributes::new() };
                candidates.add(index, repeat, outcome.into());
            }
            let ranked = candidates.ranked().expect("the race has ended");
            assert_eq!(ranked.candidates[0].trial, winner, "{constraints:?}");
        }
    }

    #[test]
    fn among_equal_means_the_smaller_network_wins_and_is_kept() {
        // The sums of these seeds are equal but for rounding, whatever their order.
        let seeds =
            [[280.0, 281.0, 280.0], [281.0, 281.0, 279.0]].map(|seeds| seeds.map(|right| right / 288.0));
        for parameters in [[90, 10], [10, 90]] {
            let trials = [7, 8].map(|number| Trial {
                values: vec![0.97],
                ..Trial::waiting(number, crate::space::Point::default())
            });
            let mut candidates = Candidates::new(&trials.each_ref(), 3, Direction::Maximize, false);
            for (index, (values, parameters)) in seeds.iter().zip(parameters).enumerate() {
                for (repeat, &value) in values.iter().enumerate() {
                    let attributes = Attributes::from([("parameters".to_owned(), parameters.into())]);
                    let outcome =
                        Outcome::Complete { values: vec![value], constraints: Vec::new(), attributes };
                    candidates.add(index, repeat, Evaluation { outcome, model: Some(Box::new(Unchanged)) });
                }
            }
            let ranked = candidates.ranked().expect("all results are there");
            let winner = if parameters[0] == 10 { 7 } else { 8 };
            assert_eq!(ranked.candidates[0].trial, winner);
            assert!(ranked.models[0].iter().all(Option::is_some), "its networks were dropped");
            assert_eq!(ranked.test().len(), 3);
        }
    }
}
