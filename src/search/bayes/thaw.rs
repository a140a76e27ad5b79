//! Which trial is trained next where trials pause: of those that pause and the best new one, the one that promises
//! the largest gain for its effort.
//!
//! The idea is freeze-thaw's (Swersky, Snoek & Adams 2014, "Freeze-thaw Bayesian optimization"), the model simpler:
//! one process over points and how far they came, so that what a trial had come to at a rung tells what it will come
//! to at the end, and what others will. A trial whose rung disappoints promises less than a new one and stays where it
//! is. Efforts are known, so they are a function and have no model.

use super::acquisition::Acquisition;
use super::cube::{Cell, Cube};
use super::effort::Effort;
use super::features::Features;
use super::history::History;
use super::maximize::Maximizer;
use super::{BayesSearch, model};
use crate::search::tried::Tried;
use crate::search::{NextLeg, REDUCTION, RUNGS};
use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::study::{Course, Study, Trial};

impl BayesSearch {
    /// What to train next; `None` without a model.
    pub(super) fn thaw(
        &self,
        space: &Space,
        study: &Study,
        effort: &dyn Fn(&Point) -> f64,
        seed: &Seed,
    ) -> Option<NextLeg> {
        let cube = Cube::new(space);
        let history = History::with_rungs(space, &cube, study);
        let features = Features::with_fidelity(&cube);
        let mut acquisition = model::acquisition(&history, &features, &self.fits, &seed.child("model")).ok()?;
        acquisition.gain.as_ref()?;
        let paused = rates(space, study, &cube, &features, &acquisition, effort);
        let best = |rung: Option<usize>| {
            let of_rung = paused.iter().filter(|paused| rung.is_none_or(|rung| paused.rung == rung));
            of_rung.max_by(|a, b| a.rate.total_cmp(&b.rate).then(b.trial.cmp(&a.trial)))
        };
        if let Some(due) = due(study).and_then(|rung| best(Some(rung))) {
            return Some(NextLeg::Of(due.trial));
        }
        acquisition.effort = Effort::fit(space, &cube, &features, effort, &seed.child("effort"));
        let seed = seed.index(study.trials.len() as u64);
        let ranking =
            Maximizer::new(&cube, &features, &acquisition, &history).ranking(space, &self.params, &seed);
        let tried = Tried::of(study);
        let fresh = ranking.iter().find_map(|scored| {
            let point = space.decode(&scored.cell.unit);
            (!tried.contains(&point)).then_some((scored.value, point))
        });
        match (best(None), fresh) {
            (Some(paused), Some((rate, _))) if paused.rate >= rate => Some(NextLeg::Of(paused.trial)),
            (_, Some((_, point))) => Some(NextLeg::New(point)),
            (paused, None) => paused.map(|paused| NextLeg::Of(paused.trial)),
        }
    }
}

/// A paused trial.
struct Paused {
    trial: u32,
    /// Its last.
    rung: usize,
    /// The logarithm of its gain for what is left of its effort.
    rate: f64,
}

/// All paused trials of `study`.
fn rates(
    space: &Space,
    study: &Study,
    cube: &Cube<'_>,
    features: &Features,
    acquisition: &Acquisition,
    effort: &dyn Fn(&Point) -> f64,
) -> Vec<Paused> {
    let cell = |trial: &Trial| Some(cube.cell(&space.encode(&trial.point).ok()?));
    let paused: Vec<(&Trial, usize, Cell)> = study
        .trials
        .iter()
        .filter(|trial| trial.is_paused())
        .filter_map(|trial| Some((trial, Course::of(trial).rungs.len().checked_sub(1)?, cell(trial)?)))
        .collect();
    let gains = acquisition.values(features.rows(paused.iter().map(|(.., cell)| cell)).view());
    let rated = paused.iter().zip(gains).map(|((trial, rung, _), gain)| {
        let left = effort(&trial.point) * (1.0 - 1.0 / f64::from(RUNGS[*rung]));
        Paused { trial: trial.number, rung: *rung, rate: gain - left.ln() }
    });
    rated.collect()
}

/// The highest rung from which fewer than a third of the trials have gone on.
fn due(study: &Study) -> Option<usize> {
    let courses: Vec<(usize, bool)> =
        study.trials.iter().map(|trial| (Course::of(trial).rungs.len(), trial.is_paused())).collect();
    (0..RUNGS.len()).rev().find(|&rung| {
        let reached = courses.iter().filter(|(rungs, _)| *rungs > rung);
        let stayed = reached.clone().filter(|(rungs, is_paused)| *rungs == rung + 1 && *is_paused).count();
        let all = reached.count();
        all - stayed < all / REDUCTION
    })
}
