//! The cell of the highest acquisition: many looked at, the promising ones improved.
//!
//! Candidates fill the cube (scrambled Sobol) and surround the best trials. From the best candidate, some
//! drawn with probability proportional to their acquisition, and the best trials starts a local search that
//! alternates ascent along the gradient in the continuous axes with a look at every value of each discrete
//! one. In a small space all cells are candidates and nothing needs to be searched.

use std::collections::HashSet;

use rand::RngExt;
use rand_distr::{Distribution, Exp1, StandardNormal};

use super::Acquisition;
use crate::search::bayes::input::cube::{AxisKind, Cell, Cube};
use crate::search::bayes::input::features::Features;
use crate::search::bayes::input::history::History;
use crate::search::bayes::params::BayesParams;
use crate::search::gp::lbfgs::{self, Stopping};
use crate::search::sobol::SobolSequence;
use crate::seed::{Seed, Stream};
use crate::space::Space;

/// Spaces of no more cells are looked at as a whole.
const ENUMERABLE: usize = 1024;
/// Axes of no more values are swept value by value; a longer one is climbed like a continuum, then rounded.
const SWEPT: u64 = 32;
/// How many of the best trials candidates surround, and how far: a tenth of the length-scale.
const CENTRES: usize = 5;
const SPREAD: f64 = 0.1;
/// Coordinates changed in a neighbour of a trial, on average (Regis & Shoemaker 2013, DYCORS).
const CHANGED: f64 = 20.0;
/// How many of the best trials a local search starts from.
const INCUMBENTS: usize = 2;
/// Alternations of one local search.
const ROUNDS: usize = 10;
/// Tolerances in logarithms of the acquisition: more precision is lost on a model that is itself a guess. Where the
/// acquisition is all but exhausted, rounding keeps the gradient from ever being so small, but not the steps.
const ASCENT: Stopping = Stopping { iterations: 40, gradient: 1e-3, decrease: 1e-3 };

/// A cell with its log acquisition.
#[derive(Clone, Debug)]
pub(crate) struct Scored {
    pub value: f64,
    pub cell: Cell,
}

/// What is maximized, and over what.
pub(crate) struct Maximizer<'a> {
    cube: &'a Cube<'a>,
    features: &'a Features,
    acquisition: &'a Acquisition,
    history: &'a History,
    /// Cells of trials, by the bits of their coordinates.
    taken: HashSet<Vec<u64>>,
}

impl<'a> Maximizer<'a> {
    pub fn new(
        cube: &'a Cube<'a>,
        features: &'a Features,
        acquisition: &'a Acquisition,
        history: &'a History,
    ) -> Self {
        let ended = history.ended.iter().map(|(cell, _)| cell);
        let taken = ended.chain(&history.pending).map(bits).collect();
        Self { cube, features, acquisition, history, taken }
    }

    /// Cells that no trial has taken, the most promising first.
    pub fn ranking(&self, space: &Space, params: &BayesParams, seed: &Seed) -> Vec<Scored> {
        let mut stream = seed.child("maximize").stream();
        let mut ranking = match self.every_cell(space) {
            Some(cells) => self.score(cells),
            None => {
                let (count, starts) = self.affordable(params);
                let mut cells = self.spread_cells(count, &seed.child("sobol"));
                cells.extend(self.neighbours(count / 4, &mut stream));
                let mut scored = self.score(cells);
                let starts = self.starts(&scored, starts, &mut stream);
                scored.extend(starts.into_iter().map(|start| self.improve(start)));
                scored
            }
        };
        ranking.retain(|scored| !self.taken.contains(&bits(&scored.cell)));
        ranking.sort_by(|a, b| b.value.total_cmp(&a.value));
        ranking
    }

    /// Candidates and starts: fewer where each is the dearer for many observations.
    fn affordable(&self, params: &BayesParams) -> (usize, usize) {
        /// Observations at which all are affordable.
        const FREE: usize = 50;
        /// The fewest of both.
        const LEAST: (usize, usize) = (256, 2);
        let observations = self.history.measured.len().max(FREE);
        let part = |most: usize, least: usize| most.min((most * FREE / observations).max(least));
        (part(params.candidates, LEAST.0), part(params.starts, LEAST.1))
    }

    /// All cells, if they are few.
    fn every_cell(&self, space: &Space) -> Option<Vec<Cell>> {
        if self.cube.least_size()? > ENUMERABLE as u64 {
            return None;
        }
        let points = space.enumerate(ENUMERABLE)?;
        let units = points.iter().filter_map(|point| space.encode(point).ok());
        Some(units.map(|unit| self.cube.cell(&unit)).collect())
    }

    fn spread_cells(&self, count: usize, seed: &Seed) -> Vec<Cell> {
        let sequence = SobolSequence::new(seed);
        let unit = |index| self.cube.cell(&sequence.point(index, self.cube.dimension()));
        (0..count as u64).map(unit).collect()
    }

    /// Cells around the best trials, in turn.
    fn neighbours(&self, count: usize, stream: &mut Stream) -> Vec<Cell> {
        let ranking = self.history.ranking();
        let centres = &ranking[..ranking.len().min(CENTRES)];
        let turns = centres.iter().cycle().take(if centres.is_empty() { 0 } else { count });
        turns.map(|centre| self.neighbour(&centre.cell, stream)).collect()
    }

    fn neighbour(&self, centre: &Cell, stream: &mut Stream) -> Cell {
        let dimension = self.cube.dimension();
        let mut unit = centre.unit.clone();
        for (axis, u) in unit.iter_mut().enumerate() {
            let is_changed = stream.random::<f64>() < CHANGED / dimension as f64;
            let redrawn: f64 = stream.random();
            let step: f64 = StandardNormal.sample(stream);
            match self.cube.kind(axis) {
                // All choices are equally far: one axis in each neighbour takes another, on average.
                AxisKind::Choices(_) if stream.random::<f64>() < 1.0 / dimension as f64 => *u = redrawn,
                AxisKind::Choices(_) => {}
                _ if is_changed => *u = (*u + step * SPREAD * self.length(axis)).clamp(0.0, 1.0),
                _ => {}
            }
        }
        self.cube.cell(&unit)
    }

    /// The shortest length-scale of a number, at most the whole axis.
    fn length(&self, axis: usize) -> f64 {
        let Some(column) = self.features.number_column(axis) else { return 1.0 };
        let group = self.features.groups()[column];
        let processes = self.acquisition.processes().iter();
        processes.map(|process| process.hyperparameters().lengths[group]).fold(1.0, f64::min)
    }

    fn score(&self, cells: Vec<Cell>) -> Vec<Scored> {
        let values = self.acquisition.values(self.features.rows(&cells).view());
        cells.into_iter().zip(values).map(|(cell, value)| Scored { value, cell }).collect()
    }

    /// The best candidate; unless `count` is 0 the best trials, too, and `count` candidates by roulette without
    /// replacement: those that lead after a Gumbel variable is added to the log of each (Gumbel-top-k).
    fn starts(&self, scored: &[Scored], count: usize, stream: &mut Stream) -> Vec<Scored> {
        let mut order: Vec<(f64, usize)> =
            scored.iter().enumerate().map(|(index, scored)| (scored.value + gumbel(stream), index)).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let best = (0..scored.len()).max_by(|&a, &b| scored[a].value.total_cmp(&scored[b].value));
        if count == 0 {
            return best.into_iter().map(|index| scored[index].clone()).collect();
        }
        let drawn =
            order.into_iter().map(|(_, index)| index).filter(|&index| Some(index) != best).take(count);
        // With several losses there are several best.
        let incumbents = if self.history.losses() > 1 { CENTRES } else { INCUMBENTS };
        let incumbents = self.history.ranking().into_iter().take(incumbents);
        let incumbents = self.score(incumbents.map(|measured| self.cube.cell(&measured.cell.unit)).collect());
        best.into_iter().chain(drawn).map(|index| scored[index].clone()).chain(incumbents).collect()
    }

    /// Local search from `start`, never onto a cell that is taken.
    fn improve(&self, start: Scored) -> Scored {
        let mut best = start;
        if self.taken.contains(&bits(&best.cell)) {
            best.value = f64::NEG_INFINITY;
        }
        for _ in 0..ROUNDS {
            let before = best.value;
            best = self.climb(best);
            for axis in 0..self.cube.dimension() {
                best = self.sweep(best, axis);
            }
            if best.value <= before + ASCENT.gradient {
                break;
            }
        }
        best
    }

    /// The better of `from` and of where the gradient leads, rounded to a cell.
    fn climb(&self, from: Scored) -> Scored {
        let axes: Vec<(usize, usize)> = (0..self.cube.dimension())
            .filter(|&axis| from.cell.active[axis] && self.is_climbed(axis))
            .filter_map(|axis| Some((axis, self.features.number_column(axis)?)))
            .collect();
        let mut input = self.features.row(&from.cell);
        let mut slopes = vec![0.0; input.len()];
        // A column moves with its coordinate at rate 1, so the ascent is in columns.
        let start: Vec<f64> = axes.iter().map(|&(_, column)| input[column]).collect();
        let offsets: Vec<f64> =
            axes.iter().map(|&(axis, column)| from.cell.unit[axis] - input[column]).collect();
        let bounds: Vec<(f64, f64)> = offsets.iter().map(|offset| (-offset, 1.0 - offset)).collect();
        let end = lbfgs::minimize(&start, &bounds, ASCENT, |columns, gradient| {
            axes.iter().zip(columns).for_each(|(&(_, column), value)| input[column] = *value);
            let value = self.acquisition.value_and_gradient(&input, &mut slopes);
            gradient.iter_mut().zip(&axes).for_each(|(slope, &(_, column))| *slope = -slopes[column]);
            -value
        });
        let mut unit = from.cell.unit.clone();
        for ((&(axis, _), column), offset) in axes.iter().zip(&end.point).zip(&offsets) {
            unit[axis] = column + offset;
        }
        self.better(from, vec![self.cube.cell(&unit)])
    }

    /// The better of `from` and of all that differ from it in the value on `axis`.
    fn sweep(&self, from: Scored, axis: usize) -> Scored {
        if !from.cell.active[axis] {
            return from;
        }
        let here = from.cell.unit[axis];
        let levels: Vec<u64> = match self.cube.kind(axis) {
            AxisKind::Continuum => return from,
            AxisKind::Choices(size) => (0..size).collect(),
            AxisKind::Grid(size) if size <= SWEPT => (0..size).collect(),
            AxisKind::Grid(size) => surrounding(self.cube.level_at(axis, here), size),
        };
        let at = |level| {
            let mut unit = from.cell.unit.clone();
            unit[axis] = self.cube.level(axis, level);
            self.cube.cell(&unit)
        };
        let others = levels.into_iter().map(at).filter(|cell| cell != &from.cell).collect();
        self.better(from, others)
    }

    /// The best of `from` and those of `others` that are not taken.
    fn better(&self, from: Scored, mut others: Vec<Cell>) -> Scored {
        others.retain(|cell| !self.taken.contains(&bits(cell)));
        if others.is_empty() {
            return from;
        }
        self.score(others)
            .into_iter()
            .fold(from, |best, other| if other.value > best.value { other } else { best })
    }

    fn is_climbed(&self, axis: usize) -> bool {
        match self.cube.kind(axis) {
            AxisKind::Continuum => true,
            AxisKind::Grid(size) => size > SWEPT,
            AxisKind::Choices(_) => false,
        }
    }
}

/// A standard Gumbel variable.
fn gumbel(stream: &mut Stream) -> f64 {
    let exponential: f64 = Exp1.sample(stream);
    -exponential.ln()
}

/// The levels at distances of 1, 2, 4, ... on both sides.
fn surrounding(level: u64, size: u64) -> Vec<u64> {
    let distances = || (0..u64::BITS).map(|power| 1 << power).take_while(|&distance| distance < size);
    let below = distances().filter_map(|distance| level.checked_sub(distance));
    let above = distances().map(|distance| level + distance).filter(|&level| level < size);
    below.chain(above).collect()
}

fn bits(cell: &Cell) -> Vec<u64> {
    cell.unit.iter().map(|u| u.to_bits()).collect()
}
