//! The next trial: a waiting one, a paused one, or a new point of the search.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::enqueued::{Accepted, Refused, accept};
use super::pausing::last_hope;
use super::steps::Steps;
use super::{Event, Tuner, TunerError};
use crate::search::{Decider, NextSegment, Rungs, Search, Suggestion, nearest_possible};
use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::storage::{Claim, ClaimResult, Storage, StorageError, StudyKey};
use crate::study::{FIXED, Study, Trial, TrialState};

impl Tuner<'_> {
    /// Claims the next trial to evaluate: a waiting trial, else a paused or a new one. `None` if
    /// the budget is spent or a rule has ended the study. Also `None` as long as a result is
    /// missing that the next suggestion must use.
    ///
    /// Processes that know the same trials suggest the same point, but only one of them can claim
    /// it. The others suggest again with random numbers that depend on their `name`, so they rarely
    /// suggest the same point again.
    pub(super) fn next_trial(
        &mut self,
        name: &str,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Option<Claim>, TunerError> {
        let has_lock = self.search.takes_long() && self.locks_suggestions()?;
        let next = self.claim_next(name, observe);
        if has_lock {
            self.storage.unlock_suggestions(self.study)?;
        }
        next
    }

    /// Waits up to 10 s for the suggestion lock of the study. `false` if another process still
    /// holds it then, perhaps since that process hangs. Also `false` if this run is asked to stop.
    fn locks_suggestions(&mut self) -> Result<bool, TunerError> {
        const PATIENCE: Duration = Duration::from_secs(1);
        const ATTEMPTS: usize = 10;
        for _ in 0..ATTEMPTS {
            if self.is_stopped() {
                break;
            }
            if self.storage.lock_suggestions(self.study, PATIENCE)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Claims the next trial, see [`next_trial`](Self::next_trial).
    fn claim_next(
        &mut self,
        name: &str,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Option<Claim>, TunerError> {
        let budget = self.settings.budget;
        for attempt in 0.. {
            let seed = match attempt {
                0 => self.search_seed(),
                _ => self.search_seed().child(name).index(attempt),
            };
            let study = match self.claim_waiting(observe)? {
                ControlFlow::Break(claim) => return Ok(Some(*claim)),
                ControlFlow::Continue(study) => study,
            };
            let known = study.next_number();
            let claim = match self.choose(study.without_retried(), &seed)? {
                None => return Ok(None),
                Some(NextSegment::Of(trial)) => {
                    self.resume(trial)?.map(|claim| with_known_point(claim, &study))
                }
                Some(NextSegment::New(Suggestion { point, fits })) => {
                    match self.storage.claim_unless_duplicate(
                        self.study,
                        self.space,
                        &point,
                        &fits,
                        budget,
                        Some(known),
                    )? {
                        ClaimResult::Claimed(claim) => Some(*claim),
                        ClaimResult::BudgetSpent => return Ok(None),
                        ClaimResult::Duplicate => None,
                    }
                }
            };
            // Without a claim another process was faster, and there are new results to load.
            if claim.is_some() {
                return Ok(claim);
            }
        }
        unreachable!("the loop has no other end")
    }

    /// Claims the first waiting trial that can be run; returns the study if there is none. Waiting
    /// trials that cannot be run fail, and `observe` gets the reason.
    fn claim_waiting(
        &mut self,
        observe: &mut dyn FnMut(Event),
    ) -> Result<ControlFlow<Box<Claim>, Arc<Study>>, TunerError> {
        loop {
            let study = self.storage.load_study(self.study)?;
            if !self.takes_waiting(&study) {
                return Ok(ControlFlow::Continue(study));
            }
            let Some(claim) = self.storage.claim_waiting(self.study, self.settings.budget)? else {
                return Ok(ControlFlow::Continue(study));
            };
            match accept(self.storage, self.space, claim)? {
                Accepted::Ready(claim) => return Ok(ControlFlow::Break(claim)),
                Accepted::Refused(Refused { trial, .. }) => {
                    let study = self.storage.load_study(self.study)?;
                    observe(Event::trial_finished(&study, trial));
                    observe(self.changed(&study));
                }
            }
        }
    }

    /// Whether a trial of `study` is waiting and may be started. If failures have ended the study,
    /// it may not. An exception are several workers with a fixed order of results
    /// (`deterministic`). There an uninterrupted run would have started the waiting trials before
    /// the failures.
    fn takes_waiting(&self, study: &Study) -> bool {
        let waits = study.in_state(TrialState::Waiting).next().is_some();
        let order_matters = self.settings.deterministic && self.settings.workers > 1;
        waits && (order_matters || self.hopeless(&study.without_retried()).is_none())
    }

    /// The seed of all draws of the search.
    pub(super) fn search_seed(&self) -> Seed {
        self.root().child("search")
    }

    /// The trial or point of `study` to evaluate next, if any, with random draws from `seed`.
    fn choose(&mut self, mut study: Cow<'_, Study>, seed: &Seed) -> Result<Option<NextSegment>, TunerError> {
        let budget = self.settings.budget;
        let rungs = self.settings.pausing.as_ref().map(|pausing| pausing.rungs);
        if rungs.is_none() && study.trials.len() >= budget as usize {
            return Ok(None);
        }
        if self.settings.deterministic && !forget_late_results(study.to_mut(), self.settings.workers) {
            return Ok(None);
        }
        if self.hopeless(&study).is_some() || self.has_gone_far_enough(&study)? {
            return Ok(None);
        }
        let has_room = study.trials.len() < budget as usize;
        Ok(match rungs {
            None => Some(NextSegment::New(suggest(self.space, self.search, seed, &study))),
            Some(rungs) => {
                let cost = |point: &Point| self.objective.cost(point);
                next_segment(self.space, self.search, &cost, &study, rungs, has_room, seed)
            }
        })
    }
}

/// What to train next if trials pause at `rungs`. `None` if the budget is spent (not `has_room`) and
/// no paused trial should resume. `cost` is that of a whole trial of a point.
fn next_segment(
    space: &Space,
    search: &dyn Search,
    cost: &dyn Fn(&Point) -> f64,
    study: &Study,
    rungs: Rungs,
    has_room: bool,
    seed: &Seed,
) -> Option<NextSegment> {
    if let Some(point) = start(space, study, seed).filter(|_| has_room) {
        return Some(NextSegment::New(marked(space, point.into())));
    }
    let seen = study.warm_start.before(study);
    let of = |trial: &Trial| NextSegment::Of(trial.number);
    let weighed = || search.next_segment(space, &seen, cost, seed);
    let next = (rungs.decider() == Decider::Model).then(weighed).flatten();
    match next.or_else(|| rungs.promotion(study).map(of)) {
        Some(NextSegment::Of(trial)) => Some(NextSegment::Of(trial)),
        _ if !has_room => last_hope(study, rungs).map(of),
        Some(NextSegment::New(suggestion)) => Some(NextSegment::New(marked(space, suggestion))),
        None => {
            let seen = rungs.comparable(space, &seen);
            Some(NextSegment::New(marked(space, search.suggest_with_fits(space, &seen, seed))))
        }
    }
}

/// What another program evaluates next, whose trials pause at `steps`: a paused trial of `study` that
/// resumes, or a new one. Every part costs the same per step, and new trials may begin for ever.
pub(super) fn next_part(
    space: &Space,
    search: &dyn Search,
    study: &Study,
    steps: Steps,
    seed: &Seed,
) -> NextSegment {
    let next = next_segment(space, search, &|_| 1.0, study, steps.rungs(), true, seed);
    next.expect("a new trial may always begin")
}

/// Claims the next trial of `study` for a caller who evaluates it: a waiting trial, else a paused
/// one that resumes, if trials pause at `steps`, else a new one. Waiting trials whose points are not
/// in the space fail, and `refused` gets the reason.
///
/// Meanwhile no other process may ask for a trial of the study, or both may get the same point.
///
/// # Errors
/// The storage fails.
pub fn ask(
    storage: &mut dyn Storage,
    study: StudyKey,
    space: &Space,
    search: &dyn Search,
    steps: Option<Steps>,
    seed: u64,
    refused: &mut dyn FnMut(Refused),
) -> Result<Claim, StorageError> {
    const NO_BUDGET: u32 = u32::MAX;
    while let Some(claim) = storage.claim_waiting(study, NO_BUDGET)? {
        match accept(storage, space, claim)? {
            Accepted::Ready(claim) => return Ok(*claim),
            Accepted::Refused(trial) => refused(trial),
        }
    }
    let seed = Seed::root(seed).child("search");
    loop {
        let known = storage.load_study(study)?;
        let seen = known.without_retried();
        let next = match steps {
            None => NextSegment::New(suggest(space, search, &seed, &seen)),
            Some(steps) => next_part(space, search, &seen, steps, &seed),
        };
        let claim = match next {
            NextSegment::New(Suggestion { point, fits }) => {
                let claim = storage.claim(study, space, &point, &fits, NO_BUDGET)?;
                return Ok(claim.expect("a study has fewer trials than u32::MAX"));
            }
            NextSegment::Of(trial) => storage.find_trial(study, trial)?.map(|key| storage.resume(key)),
        };
        // Without a claim a worker resumed the trial first, and the study has changed.
        if let Some(claim) = claim.transpose()?.flatten() {
            return Ok(with_known_point(claim, &known));
        }
    }
}

/// `claim` of a paused trial, with its point as `study` has it: with the parameters that were added
/// to the space after the trial had begun.
fn with_known_point(mut claim: Claim, study: &Study) -> Claim {
    let number = claim.trial.number;
    if let Some(known) = study.trials.iter().rev().find(|trial| trial.number == number) {
        claim.trial.point.clone_from(&known.point);
    }
    claim
}

/// The next point: first the starting points of the study, then suggestions of `search` with random
/// draws from `seed`.
pub(super) fn suggest(space: &Space, search: &dyn Search, seed: &Seed, study: &Study) -> Suggestion {
    let start = start(space, study, seed);
    let start = start.map(Suggestion::from);
    let suggested = || search.suggest_with_fits(space, &study.warm_start.before(study), seed);
    marked(space, start.unwrap_or_else(suggested))
}

/// `suggestion`, with the values that `space` holds as an attribute of its trial.
fn marked(space: &Space, mut suggestion: Suggestion) -> Suggestion {
    if !space.held().is_empty() {
        let held = serde_json::to_value(space.held()).expect("names and scalars are JSON");
        suggestion.fits.insert(FIXED.to_owned(), held);
    }
    suggestion
}

/// The next point that needs no search: first the starting points of `space`, then the best point
/// of the warm start (trials of earlier studies). A point that cannot be evaluated is replaced by
/// the nearest that can, with random draws from `seed`. `None` if there are no more such points.
fn start(space: &Space, study: &Study, seed: &Seed) -> Option<Point> {
    let mut points = space.starting_points();
    let at = study.trials.len();
    let point = match at == points.len() {
        true => warm_start(space, study).filter(|point| !points.contains(point)),
        false => (at < points.len()).then(|| points.swap_remove(at)),
    };
    point.map(|point| nearest_possible(space, study, point, &seed.child("start").index(at as u64)))
}

/// The best point of the warm start, with the values that `space` holds.
fn warm_start(space: &Space, study: &Study) -> Option<Point> {
    let best = study.warm_start.best(&study.metrics)?;
    Some(if space.held().is_empty() { best } else { space.proposed(&best) })
}

/// Hides late results of `study`, which has k trials. Only trials 0 to k - `workers` keep their
/// results, as if all trials took the same time. The other trials look as if they were running.
///
/// Returns `false` if a trial that keeps its result is not finished.
fn forget_late_results(study: &mut Study, workers: usize) -> bool {
    let known = study.trials.len().saturating_sub(workers.saturating_sub(1));
    let (known, late) = study.trials.split_at_mut(known);
    for trial in late {
        let point = std::mem::take(&mut trial.point);
        *trial = Trial { state: TrialState::Running, ..Trial::waiting(trial.number, point) };
    }
    known.iter().all(|trial| trial.state.is_finished())
}
