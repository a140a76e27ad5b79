//! Finds the points with the highest acquisition: many candidates, and local search from the best
//! of them. A cell is a point of the unit cube of the search space.
//!
//! Candidates fill the cube (scrambled Sobol points) and surround the best trials. A local search
//! starts from the best candidate, from some that are drawn with probability proportional to their
//! acquisition, and from the best trials. In a small space all cells are candidates, and there is no
//! local search.

use std::cmp::Ordering;
use std::collections::HashSet;

use rand::RngExt;
use rand_distr::{Distribution, Exp1, StandardNormal};

use super::Acquisition;
use super::borders;
use crate::search::bayes::input::cube::{AxisKind, Cell, Cube};
use crate::search::bayes::input::features::Features;
use crate::search::bayes::input::foreseen::Knowledge;
use crate::search::bayes::input::history::History;
use crate::search::bayes::params::BayesParams;
use crate::search::gp::threads;
use crate::search::sobol::SobolSequence;
use crate::seed::{Seed, Stream};
use crate::space::Space;

/// In a space of at most this number of cells, all cells are candidates.
const ENUMERABLE: usize = 1024;
/// The number of best trials that candidates surround, and the distance of these candidates: a
/// tenth of the length-scale.
const CENTRES: usize = 5;
const SPREAD: f64 = 0.1;
/// The number of candidates that are scored at once.
const PART: usize = 64;
/// Mean number of coordinates by which a candidate differs from the trial it surrounds (Regis &
/// Shoemaker 2013, DYCORS).
const CHANGED: f64 = 20.0;
/// The number of best trials that a local search starts from.
const INCUMBENTS: usize = 2;
/// A cell with its log acquisition.
#[derive(Clone, Debug)]
pub(crate) struct Scored {
    /// By what is known of the cell before a trial; minus infinity if that was not asked.
    pub value: f64,
    /// By the models alone. The same as `value` where nothing is known of any cell.
    pub modelled: f64,
    pub cell: Cell,
}

impl Scored {
    /// The order by value; that of the models where nothing was asked.
    fn order(&self, other: &Self) -> Ordering {
        self.value.total_cmp(&other.value).then(self.modelled.total_cmp(&other.modelled))
    }
}

/// An acquisition and the cells that it is maximized over.
pub(crate) struct Maximizer<'a> {
    pub(super) space: &'a Space,
    pub(super) cube: &'a Cube<'a>,
    pub(super) features: &'a Features,
    pub(super) acquisition: &'a Acquisition,
    pub(super) history: &'a History,
    pub(super) knowledge: Option<&'a Knowledge<'a>>,
    /// Cells of ended and pending trials, by the bits of their coordinates.
    pub(super) taken: HashSet<Vec<u64>>,
}

impl<'a> Maximizer<'a> {
    /// A maximizer of `acquisition` over the cells of `space` that no trial of `history` has taken.
    pub fn new(
        space: &'a Space,
        cube: &'a Cube<'a>,
        features: &'a Features,
        acquisition: &'a Acquisition,
        history: &'a History,
    ) -> Self {
        let ended = history.ended.iter().map(|(cell, _)| cell);
        let taken = ended.chain(&history.pending).map(bits).collect();
        Self { space, cube, features, acquisition, history, knowledge: None, taken }
    }

    /// The same, which values the best cells by what is known of them before a trial.
    pub fn with_knowledge(self, knowledge: Option<&'a Knowledge<'a>>) -> Self {
        Self { knowledge, ..self }
    }

    /// Cells that no trial has taken, sorted by their acquisition, highest first.
    pub fn ranking(&self, params: &BayesParams, seed: &Seed) -> Vec<Scored> {
        let mut stream = seed.child("maximize").stream();
        let mut ranking = match self.every_cell() {
            Some(cells) => self.shortlisted(self.score_many(&cells)),
            None => {
                let (count, starts) = self.affordable(params);
                let mut cells = self.spread_cells(count, &seed.child("sobol"));
                cells.extend(self.neighbours(count / 4, &mut stream));
                let mut scored = self.shortlisted(self.score_many(&cells));
                let starts = self.starts(&scored, starts, &mut stream);
                scored.extend(threads::map(starts, |start| self.improve(start)));
                scored
            }
        };
        ranking.retain(|scored| !self.taken.contains(&bits(&scored.cell)));
        ranking.sort_by(|a, b| b.order(a));
        ranking
    }

    /// The numbers of candidates and of starts of local searches. Both fall with the number of
    /// observations, since each then takes longer.
    fn affordable(&self, params: &BayesParams) -> (usize, usize) {
        /// Up to this number of observations both numbers are those of the settings.
        const FREE: usize = 50;
        /// The fewest of both.
        const LEAST: (usize, usize) = (256, 2);
        let observations = self.history.measured.len().max(FREE);
        let part = |most: usize, least: usize| most.min((most * FREE / observations).max(least));
        (part(params.candidates, LEAST.0), part(params.starts, LEAST.1))
    }

    /// All cells of a small space; `None` for a large one.
    fn every_cell(&self) -> Option<Vec<Cell>> {
        if self.cube.least_size()? > ENUMERABLE as u64 {
            return None;
        }
        let points = self.space.enumerate(ENUMERABLE)?;
        let units = points.iter().filter_map(|point| self.space.encode(point).ok());
        Some(units.map(|unit| self.cube.proposal(&unit)).collect())
    }

    /// The cells of scrambled Sobol points.
    fn spread_cells(&self, count: usize, seed: &Seed) -> Vec<Cell> {
        let sequence = SobolSequence::new(seed);
        let unit = |index| self.candidate(&sequence.point(index, self.cube.dimension()));
        (0..count as u64).map(unit).collect()
    }

    /// The cell of `unit`, moved to where the relations hold.
    fn candidate(&self, unit: &[f64]) -> Cell {
        borders::moved_within(self.space, self.cube, unit)
    }

    /// Cells around the best trials, which take turns as centres.
    fn neighbours(&self, count: usize, stream: &mut Stream) -> Vec<Cell> {
        let ranking = self.history.ranking();
        let centres = &ranking[..ranking.len().min(CENTRES)];
        let turns = centres.iter().cycle().take(if centres.is_empty() { 0 } else { count });
        turns.map(|centre| self.neighbour(&centre.cell, stream)).collect()
    }

    /// A random cell near `centre`.
    fn neighbour(&self, centre: &Cell, stream: &mut Stream) -> Cell {
        let dimension = self.cube.dimension();
        let mut unit = centre.unit.clone();
        for (axis, u) in unit.iter_mut().enumerate() {
            let is_changed = stream.random::<f64>() < CHANGED / dimension as f64;
            let redrawn: f64 = stream.random();
            let step: f64 = StandardNormal.sample(stream);
            match self.cube.kind(axis) {
                // All choices are equally far. On average one axis of a neighbour takes another
                // choice.
                AxisKind::Choices(_) if stream.random::<f64>() < 1.0 / dimension as f64 => *u = redrawn,
                AxisKind::Choices(_) => {}
                _ if is_changed => *u = (*u + step * SPREAD * self.length(axis)).clamp(0.0, 1.0),
                _ => {}
            }
        }
        self.candidate(&unit)
    }

    /// The shortest length-scale of the number on `axis` among all processes, at most 1.
    fn length(&self, axis: usize) -> f64 {
        let Some(column) = self.features.number_column(axis) else { return 1.0 };
        let group = self.features.groups()[column];
        let processes = self.acquisition.processes().iter();
        processes.map(|process| process.hyperparameters().lengths[group]).fold(1.0, f64::min)
    }

    /// `cells` with their log acquisitions, on several threads. The parts are the same for any number of
    /// threads, since sums may round otherwise in other parts.
    fn score_many(&self, cells: &[Cell]) -> Vec<Scored> {
        let parts = threads::map(cells.chunks(PART).collect(), |part| self.score(part.to_vec()));
        parts.into_iter().flatten().collect()
    }

    /// `cells` with their log acquisitions.
    pub fn score(&self, cells: Vec<Cell>) -> Vec<Scored> {
        let values = self.acquisition.values(self.features.rows(&cells).view());
        cells.into_iter().zip(values).map(|(cell, value)| Scored { value, modelled: value, cell }).collect()
    }

    /// Where local searches start: at the best candidate, at `count` drawn candidates, and at the
    /// best trials. With a `count` of 0 the only start is the best candidate.
    ///
    /// Candidates are drawn without replacement, with probability proportional to their
    /// acquisition. For that a Gumbel variable is added to each log acquisition, and the highest
    /// sums are taken (Gumbel-top-k).
    fn starts(&self, scored: &[Scored], count: usize, stream: &mut Stream) -> Vec<Scored> {
        let mut order: Vec<(f64, usize)> =
            scored.iter().enumerate().map(|(index, scored)| (scored.value + gumbel(stream), index)).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let best = self.best_possible(scored);
        if count == 0 {
            return best.into_iter().map(|index| scored[index].clone()).collect();
        }
        let others = order.into_iter().map(|(_, index)| index).filter(|&index| Some(index) != best);
        let drawn = others.filter(|&index| !self.refuses(&scored[index].cell)).take(count);
        // With several losses there is a front of best trials.
        let incumbents = if self.history.losses() > 1 { CENTRES } else { INCUMBENTS };
        let incumbents = self.history.ranking().into_iter().take(incumbents);
        let mut incumbents =
            self.score(incumbents.map(|measured| self.cube.proposal(&measured.cell.unit)).collect());
        self.ask_about(&mut incumbents);
        best.into_iter().chain(drawn).map(|index| scored[index].clone()).chain(incumbents).collect()
    }

    /// The index of the best cell whose point the space does not refuse; `None` if it refuses all.
    fn best_possible(&self, scored: &[Scored]) -> Option<usize> {
        let mut refused = HashSet::new();
        loop {
            let left = (0..scored.len()).filter(|index| !refused.contains(index));
            let best = left.max_by(|&a, &b| scored[a].order(&scored[b]))?;
            if !self.refuses(&scored[best].cell) {
                return Some(best);
            }
            refused.insert(best);
        }
    }

    /// Whether the point of `cell` breaks a relation, or is refused before it is evaluated.
    pub(super) fn refuses(&self, cell: &Cell) -> bool {
        !self.space.keeps_relations(&cell.unit) || self.space.refuses(&self.space.decode(&cell.unit))
    }
}

/// A standard Gumbel variable.
fn gumbel(stream: &mut Stream) -> f64 {
    let exponential: f64 = Exp1.sample(stream);
    -exponential.ln()
}

/// A key for the coordinates of a cell.
pub(super) fn bits(cell: &Cell) -> Vec<u64> {
    cell.unit.iter().map(|u| u.to_bits()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::bayes::fixtures::{best, with_maximizer};

    const PLANE: &str = r#"{"name": "plane", "parameters": {
        "x": {"type": "float", "low": 0, "high": 1},
        "y": {"type": "float", "low": 0, "high": 1}
    }}"#;
    /// 10,201 cells on two axes that are too long for a sweep.
    const GRID: &str = r#"{"name": "grid", "parameters": {
        "x": {"type": "int", "low": 0, "high": 100},
        "y": {"type": "int", "low": 0, "high": 100}
    }}"#;
    const FEW: &str = r#"{"name": "few", "parameters": {
        "n": {"type": "int", "low": 1, "high": 5},
        "rule": {"type": "categorical", "choices": ["a", "b"]}
    }}"#;

    /// A bowl whose minimum is at (0.31, 0.72).
    fn bowl(unit: &[f64]) -> f64 {
        (unit[0] - 0.31).powi(2) + (unit[1] - 0.72).powi(2)
    }

    /// The cells of a grid of 101 by 101 points.
    fn grid(cube: &Cube<'_>) -> Vec<Cell> {
        let places = || (0..=100).map(|step| f64::from(step) / 100.0);
        places().flat_map(|x| places().map(move |y| [x, y])).map(|unit| cube.cell(&unit)).collect()
    }

    #[test]
    fn the_gradient_leads_from_a_few_candidates_to_the_maximum() {
        with_maximizer(PLANE, 12, bowl, |_, maximizer| {
            let params = BayesParams { candidates: 16, starts: 0, ..BayesParams::default() };
            let maximum = best(maximizer, grid(maximizer.cube)).value;
            let seed = Seed::root(3);
            let candidates = maximizer.spread_cells(16, &seed.child("sobol"));
            assert!(best(maximizer, candidates).value < maximum - 0.1, "candidates alone are not enough");
            let found = maximizer.ranking(&params, &seed).swap_remove(0);
            assert!(found.value > maximum - 1e-2, "{} below {maximum}", found.value);
            let mut gradient = [0.0; 2];
            let row = maximizer.features.row(&found.cell);
            maximizer.acquisition.value_and_gradient(&row, &mut gradient);
            let inner = found.cell.unit.iter().zip(gradient).filter(|(u, _)| (1e-6..1.0 - 1e-6).contains(*u));
            let steepest = inner.map(|(_, slope)| slope.abs()).fold(0.0, f64::max);
            assert!(steepest < 0.5, "{gradient:?} at {:?}", found.cell.unit);
        });
    }

    #[test]
    fn within_the_border_of_a_relation_the_maximum_is_found() {
        let sum = PLANE.replacen('{', r#"{"relations": ["x + y <= 0.6"],"#, 1);
        // The bowl's minimum is beyond the border.
        with_maximizer(&sum, 14, bowl, |space, maximizer| {
            let mut within = grid(maximizer.cube);
            within.retain(|cell| space.keeps_relations(&cell.unit));
            let maximum = best(maximizer, within).value;
            let found = maximizer.ranking(&BayesParams::default(), &Seed::root(3));
            assert!(found.iter().all(|scored| space.keeps_relations(&scored.cell.unit)));
            assert!(found[0].value > maximum - 1e-2, "{} below {maximum}", found[0].value);
        });
    }

    #[test]
    fn on_long_axes_the_best_cell_that_is_not_taken_is_found() {
        with_maximizer(GRID, 30, bowl, |_, maximizer| {
            let is_taken = |cell: &Cell| maximizer.taken.contains(&bits(cell));
            let free: Vec<Cell> = grid(maximizer.cube).into_iter().filter(|cell| !is_taken(cell)).collect();
            assert_eq!(free.len(), 10_201 - 30);
            let maximum = best(maximizer, free);
            let ranking = maximizer.ranking(&BayesParams::default(), &Seed::root(3));
            assert!(ranking.iter().all(|scored| !is_taken(&scored.cell)));
            assert!(ranking.is_sorted_by(|a, b| a.value >= b.value));
            assert_eq!(ranking[0].cell, maximum.cell);
        });
    }

    #[test]
    fn a_small_space_is_ranked_as_a_whole_without_the_cells_of_trials() {
        with_maximizer(FEW, 4, bowl, |_, maximizer| {
            let every = maximizer.every_cell().unwrap();
            assert_eq!(every.len(), 10);
            let ranking = maximizer.ranking(&BayesParams::default(), &Seed::root(3));
            assert_eq!(ranking.len(), 10 - maximizer.taken.len());
            let free = every.into_iter().filter(|cell| !maximizer.taken.contains(&bits(cell))).collect();
            assert_eq!(ranking[0].cell, best(maximizer, free).cell);
        });
        with_maximizer(GRID, 4, bowl, |_, maximizer| assert!(maximizer.every_cell().is_none()));
    }

    #[test]
    fn candidates_and_starts_fall_with_the_observations_down_to_the_fewest() {
        for (count, expected) in [(50, (2048, 8)), (100, (1024, 4)), (600, (256, 2))] {
            with_maximizer(PLANE, 5, bowl, |space, maximizer| {
                let measured = vec![maximizer.history.measured[0].clone(); count];
                let history = History { measured, ..History::default() };
                let Maximizer { cube, features, acquisition, .. } = maximizer;
                let maximizer = Maximizer::new(space, cube, features, acquisition, &history);
                assert_eq!(maximizer.affordable(&BayesParams::default()), expected, "{count}");
            });
        }
    }
}
