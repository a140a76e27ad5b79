//! The race of a confirmation: which candidate is evaluated with its next fresh seed.
//!
//! The next seed goes to the candidate that leads: the one with the best mean of its trial and of
//! its seeds so far. The race ends when the leader has all its seeds. A candidate that falls behind
//! gets no further seed, unless the leader falls behind it later. So seeds go where they decide
//! (`benches/README.md#confirmation-race`).

use std::cmp::Ordering;

/// What ranks candidates: whether they keep their constraints, then the mean loss, and among equal
/// ones the size of the network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::tuner) struct Rank {
    breaks_constraint: bool,
    loss: f64,
    parameters: u64,
}

impl Rank {
    /// The rank of a candidate with this mean loss. It counts to twelve digits: sums of the same
    /// values in another order differ in the last.
    pub fn new(loss: f64, parameters: u64) -> Self {
        let loss = format!("{loss:.11e}").parse().unwrap_or(loss);
        Self { breaks_constraint: false, loss, parameters }
    }

    /// The same rank behind all candidates that keep their constraints, if this one does not.
    pub fn keeping(self, keeps_constraints: bool) -> Self {
        Self { breaks_constraint: !keeps_constraints, ..self }
    }

    /// The better rank first. A candidate with a failed seed, whose loss is infinite, comes last: nobody
    /// knows its constraints.
    pub fn compare(&self, other: &Self) -> Ordering {
        let failed = (self.loss == f64::INFINITY).cmp(&(other.loss == f64::INFINITY));
        let broken = self.breaks_constraint.cmp(&other.breaks_constraint);
        failed
            .then(broken)
            .then(self.loss.total_cmp(&other.loss))
            .then(self.parameters.cmp(&other.parameters))
    }
}

/// The candidates of a race, in the order of the study's ranking.
pub(in crate::tuner) struct Race {
    /// Number of seeds with which a candidate can win, at least 1.
    seeds: usize,
    entrants: Vec<Entrant>,
}

struct Entrant {
    /// Number of parameters of its network.
    parameters: u64,
    /// The losses of its trial and of its seeds so far; infinite where one failed.
    losses: Vec<f64>,
    /// Whether its seeds so far keep the constraints, by their means.
    keeps_constraints: bool,
}

impl Race {
    /// A race to `seeds` seeds before the first of them. A candidate is the loss of its trial and
    /// the number of parameters of its network.
    pub fn new(seeds: usize, candidates: impl Iterator<Item = (f64, u64)>) -> Self {
        let entrant =
            |(loss, parameters)| Entrant { parameters, losses: vec![loss], keeps_constraints: true };
        Self { seeds, entrants: candidates.map(entrant).collect() }
    }

    /// Adds the loss of candidate number `candidate` with its next seed, infinite if it failed, and
    /// whether all its seeds keep the constraints, by their means.
    pub fn add(&mut self, candidate: usize, loss: f64, keeps_constraints: bool) {
        let entrant = &mut self.entrants[candidate];
        entrant.losses.push(loss);
        entrant.keeps_constraints = keeps_constraints;
    }

    /// The next evaluations, up to `count` at a time: pairs of a candidate and a seed. They are
    /// none once the leader has all its seeds.
    ///
    /// Several at a time are chosen as if those before did not change the order.
    pub fn next(&self, count: usize) -> Vec<(usize, usize)> {
        let mut order: Vec<usize> = (0..self.entrants.len()).collect();
        order.sort_by(|&a, &b| self.entrants[a].rank().compare(&self.entrants[b].rank()));
        let left = |candidate: &usize| self.entrants[*candidate].seeds()..self.seeds;
        if order.first().is_none_or(|leader| left(leader).is_empty()) {
            return Vec::new();
        }
        let evaluations = order.iter().flat_map(|one| left(one).map(move |seed| (*one, seed)));
        evaluations.take(count).collect()
    }
}

impl Entrant {
    /// The number of its seeds so far.
    fn seeds(&self) -> usize {
        self.losses.len() - 1
    }

    fn rank(&self) -> Rank {
        let mean = self.losses.iter().sum::<f64>() / self.losses.len() as f64;
        Rank::new(mean, self.parameters).keeping(self.keeps_constraints)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a race on candidates with these losses, of the trial and then of each seed; `at_once`
    /// evaluations at a time. Returns the evaluations in order.
    fn run(losses: &[[f64; 4]], at_once: usize) -> Vec<(usize, usize)> {
        let mut race = Race::new(3, losses.iter().map(|losses| (losses[0], 5)));
        let mut all = Vec::new();
        loop {
            let next = race.next(at_once);
            if next.is_empty() {
                return all;
            }
            next.iter().for_each(|&(candidate, seed)| race.add(candidate, losses[candidate][seed + 1], true));
            all.extend(next);
        }
    }

    #[test]
    fn a_candidate_whose_seeds_failed_is_behind_one_that_breaks_a_constraint() {
        let failed = Rank::new(f64::INFINITY, 1);
        let breaks = Rank::new(0.9, 2).keeping(false);
        let keeps = Rank::new(5.0, 3);
        assert_eq!(breaks.compare(&failed), Ordering::Less);
        assert_eq!(keeps.compare(&breaks), Ordering::Less);
        assert_eq!(failed.keeping(false).compare(&breaks), Ordering::Greater);
    }

    #[test]
    fn the_leader_runs_alone_while_it_leads() {
        let losses = [[1.0, 1.2, 1.1, 1.0], [2.0; 4], [1.5; 4]];
        assert_eq!(run(&losses, 1), [(0, 0), (0, 1), (0, 2)]);
        assert_eq!(run(&losses, 2), [(0, 0), (0, 1), (0, 2), (2, 0)], "a worker without work helps");
        assert_eq!(run(&losses, 9).len(), 9);
    }

    #[test]
    fn who_falls_behind_stops_and_comes_back_when_the_leader_falls() {
        // Candidate 0 falls to a mean of 2; 1 leads with means of 1.5 and 2.5; 0 leads again.
        let losses = [[1.0, 3.0, 2.0, 2.0], [1.4, 1.6, 4.5, 0.0], [9.0; 4]];
        assert_eq!(run(&losses, 1), [(0, 0), (1, 0), (1, 1), (0, 1), (0, 2)]);
    }

    #[test]
    fn among_equals_the_smaller_network_runs_first() {
        let race = Race::new(2, [(0.1 + 0.2, 9), (0.3, 8), (0.3, 8)].into_iter());
        assert_eq!(race.next(3), [(1, 0), (1, 1), (2, 0)]);
    }

    #[test]
    fn a_failed_seed_leaves_the_race_to_the_others() {
        let losses = [[1.0, f64::INFINITY, 0.0, 0.0], [2.0; 4]];
        assert_eq!(run(&losses, 1), [(0, 0), (1, 0), (1, 1), (1, 2)]);
        // If all have failed, the first one still ends the race.
        let losses = [[1.0, f64::INFINITY, 0.0, 0.0], [2.0, f64::INFINITY, 0.0, 0.0]];
        assert_eq!(run(&losses, 1), [(0, 0), (1, 0), (0, 1), (0, 2)]);
    }

    #[test]
    fn who_breaks_a_constraint_is_behind_all_that_keep_it() {
        let mut race = Race::new(2, [(1.0, 5), (2.0, 5)].into_iter());
        race.add(0, 1.0, false);
        assert_eq!(race.next(1), [(1, 0)]);
        race.add(1, 9.0, true);
        assert_eq!(race.next(1), [(1, 1)], "a better loss does not count");
        race.add(1, 9.0, false);
        assert_eq!(race.next(1), [(0, 1)], "now both break it");
    }

    #[test]
    fn nobody_runs_without_candidates() {
        assert!(Race::new(3, [].into_iter()).next(4).is_empty());
    }
}
