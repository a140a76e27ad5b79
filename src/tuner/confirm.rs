//! The end of a study. The best trials are evaluated with fresh seeds, so that a lucky seed does
//! not win. Then the winner is tested and its network is saved.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::Value as Json;

use super::candidates::{Candidates, Confirmed, repeat_of};
use super::kept_network::KeptNetwork;
use super::winner::Restored;
use super::workers::pool::{Job, Signal, WorkerPool, with_pool};
use super::{Event, Live, Tuner, TunerError, value_of};
use crate::objective::{Advance, Evaluation, SegmentEnd};
use crate::seed::Seed;
use crate::study::{
    CONFIRMATION, Candidate, Confirmation, FRESH_SEEDS, FreshSeeds, Pick, Repeat, Study, Trial, confirmed,
};

/// What an earlier confirmation is worth.
enum Before {
    /// It stands, in this study.
    Stands(Arc<Study>),
    /// The networks train to other scores now.
    Outdated,
    /// This run was asked to stop.
    Stopped,
}

impl Tuner<'_> {
    /// Confirms the best trials of `study`, tests the winner and saves its network. Returns the
    /// study with its confirmation. `kept` is the network of the best trial, if this run has
    /// trained it.
    ///
    /// A study that was confirmed before is not confirmed again. `None` if this run was asked to
    /// stop.
    pub(super) fn confirm(
        &mut self,
        study: &Arc<Study>,
        kept: KeptNetwork,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Option<Arc<Study>>, TunerError> {
        if let Some(old) = self.old_confirmation(study) {
            match self.confirmed_before(study, old, observe)? {
                Before::Stands(study) => return Ok(Some(study)),
                Before::Stopped => return Ok(None),
                Before::Outdated => {}
            }
        }
        let wanted = self.settings.confirm;
        let confirmed = match (wanted.candidates, wanted.front) {
            (0, false) => self.best_as_it_is(study, kept, observe)?,
            _ => self.by_fresh_seeds(study, observe)?,
        };
        let Some(mut confirmed) = confirmed else { return Ok(None) };
        self.save_networks(study, &mut confirmed)?;
        let confirmation = Confirmation {
            trials: study.finished() as u32,
            repeats: wanted.repeats,
            wanted: wanted.candidates,
            front: wanted.front,
            pick: self.pick(),
            test: confirmed.test(),
            kept: confirmed.kept,
            candidates: confirmed.candidates,
        };
        self.storage.set_study_attribute(self.study, CONFIRMATION, &confirmation.to_json())?;
        if confirmation.is_by_seeds() {
            self.storage.set_study_attribute(self.study, FRESH_SEEDS, &Json::Null)?;
        }
        self.mark_winner(study, &confirmation)?;
        Ok(Some(self.storage.load_study(self.study)?))
    }

    /// What `old`, the confirmation of `study`, is worth once the files of its networks are restored.
    fn confirmed_before(
        &mut self,
        study: &Arc<Study>,
        old: Confirmation,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Before, TunerError> {
        let mut restored = old.clone();
        match self.restore_networks(study, &mut restored, observe)? {
            Restored::Same if restored == old => Ok(Before::Stands(Arc::clone(study))),
            Restored::Same => {
                self.storage.set_study_attribute(self.study, CONFIRMATION, &restored.to_json())?;
                Ok(Before::Stands(self.storage.load_study(self.study)?))
            }
            Restored::Others => Ok(Before::Outdated),
            Restored::Stopped => Ok(Before::Stopped),
        }
    }

    /// The confirmation of `study`, if it has one with the same number of finished trials and the
    /// same settings.
    fn old_confirmation(&self, study: &Study) -> Option<Confirmation> {
        let wanted = self.settings.confirm;
        Confirmation::current(study).filter(|old| {
            (old.wanted, old.repeats) == (wanted.candidates, wanted.repeats)
                && old.front == wanted.front
                && old.pick == self.pick()
                && !self.lacks_test(old)
        })
    }

    /// Whether the winner of `old` was never tested, since its network was not to be saved then and is
    /// now. Where trials are trained again for the confirmation, all networks are tested.
    fn lacks_test(&self, old: &Confirmation) -> bool {
        let is_untested = old.wanted == 0 && !old.front && old.test.is_empty();
        is_untested && self.settings.model.is_some()
    }

    /// The rule that chooses the winner, as people write it.
    fn pick(&self) -> Option<String> {
        self.settings.pick.as_ref().map(ToString::to_string)
    }

    /// The trials of `study` that can win, best first.
    fn ranked<'a>(&self, study: &'a Study) -> Result<Vec<&'a Trial>, TunerError> {
        match &self.settings.pick {
            None => Ok(study.ranking()),
            Some(pick) => {
                pick.order(study).map_err(|source| TunerError::Pick { rule: pick.to_string(), source })
            }
        }
    }

    /// The trials of `study` that are evaluated again, the one to win first: the best ones, or the
    /// whole front with what else the rule for the winner names.
    fn candidates<'a>(&self, study: &'a Study) -> Result<Vec<&'a Trial>, TunerError> {
        let mut ranked = self.ranked(study)?;
        if !self.settings.confirm.front {
            ranked.truncate(self.settings.confirm.candidates as usize);
            return Ok(ranked);
        }
        let front: Vec<u32> = study.pareto_front().iter().map(|trial| trial.number).collect();
        let is_named =
            |trial: &Trial| matches!(self.settings.pick, Some(Pick::Trial(number)) if number == trial.number);
        ranked.retain(|trial| front.contains(&trial.number) || is_named(trial));
        let missing = study.ranking().into_iter().filter(|trial| front.contains(&trial.number));
        let missing: Vec<&Trial> =
            missing.filter(|trial| !ranked.iter().any(|one| one.number == trial.number)).collect();
        Ok([ranked, missing].concat())
    }

    /// The best trial of `study` by its own seed. If a network is to be saved and none was kept, it
    /// is trained again; `None` if that was broken off.
    fn best_as_it_is(
        &self,
        study: &Study,
        kept: KeptNetwork,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Option<Confirmed>, TunerError> {
        let best = *self.ranked(study)?.first().expect("a study is confirmed if it has a best trial");
        let (repeat, model) = match kept.take(best.number) {
            _ if self.settings.model.is_none() => {
                let value = best.values.first().copied();
                (
                    Repeat {
                        value,
                        values: Vec::new(),
                        constraints: Vec::new(),
                        attributes: best.attributes.clone(),
                    },
                    None,
                )
            }
            Some((repeat, model)) => (repeat, Some(model)),
            None => {
                let again = self.train_again(best, &self.repeat_seed(best, 0), None, observe);
                let Some(evaluation) = again else { return Ok(None) };
                (repeat_of(&evaluation.outcome), evaluation.model)
            }
        };
        let candidate = Candidate {
            trial: best.number,
            repeats: vec![repeat],
            stopped: false,
            test: Vec::new(),
            model_sha256: None,
            host_throughput: None,
        };
        Ok(Some(Confirmed { candidates: vec![candidate], models: vec![vec![model]], kept: 0 }))
    }

    /// The candidates by fresh seeds, the winner first; `None` if it was broken off.
    fn by_fresh_seeds(
        &mut self,
        study: &Study,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Option<Confirmed>, TunerError> {
        let trials = self.candidates(study)?;
        let repeats = self.settings.confirm.repeats.max(1) as usize;
        observe(Event::ConfirmationStarted { candidates: trials.len(), repeats });
        let (objective, stop, workers) = (self.objective, self.stop, self.settings.workers);
        let interval = self.settings.heartbeat.interval;
        let tests_all = self.settings.confirm.front || self.settings.pick.is_some();
        let mut candidates = Candidates::new(&trials, repeats, study.direction(), tests_all);
        candidates.restore(FreshSeeds::of(study));
        with_pool(objective, stop, workers, interval, |worker_pool| {
            while !self.is_stopped() {
                let evaluations = candidates.next(workers);
                if evaluations.is_empty() {
                    break;
                }
                self.evaluate_repeats(&trials, &evaluations, &mut candidates, worker_pool, observe)?;
            }
            Ok(())
        })?;
        let Some(ranked) = candidates.ranked() else { return Ok(None) };
        let picked = self.picked(study, &ranked.candidates);
        Ok(Some(match picked {
            Some(trial) => ranked.with_first(trial, study.direction()),
            None => ranked,
        }))
    }

    /// The trial that the rule for the winner picks among `candidates` by their means. Those that keep
    /// their constraints come first, if there are any. `None` without a rule, or where every candidate
    /// has a failed seed.
    fn picked(&self, study: &Study, candidates: &[Candidate]) -> Option<u32> {
        match self.settings.pick.as_ref()? {
            Pick::Trial(number) => Some(*number),
            rule => {
                let keep = |candidate: &&Candidate| candidate.keeps_constraints();
                let kept: Vec<Candidate> = candidates.iter().filter(keep).cloned().collect();
                let among = if kept.is_empty() { candidates } else { &kept };
                rule.order(&confirmed(study, among)).ok()?.first().map(|trial| trial.number)
            }
        }
    }

    /// The seed of a repeat: a fresh one, the same for every candidate. If nothing is confirmed, it
    /// is the trial's own seed.
    pub(super) fn repeat_seed(&self, trial: &Trial, repeat: usize) -> Seed {
        let is_confirmed = self.settings.confirm.candidates > 0 || self.settings.confirm.front;
        repeat_seed(&self.root(), is_confirmed, trial.number, repeat as u64)
    }

    /// Does the `evaluations`, pairs of one of `trials` and a repeat, and adds the results to
    /// `candidates`, until this run is asked to stop.
    fn evaluate_repeats(
        &mut self,
        trials: &[&Trial],
        evaluations: &[(usize, usize)],
        candidates: &mut Candidates,
        worker_pool: &mut WorkerPool<'_, (usize, usize)>,
        observe: &mut dyn FnMut(Event),
    ) -> Result<(), TunerError> {
        let mut left = evaluations.iter().copied();
        loop {
            while worker_pool.has_room()
                && !self.is_stopped()
                && let Some((candidate, repeat)) = left.next()
            {
                let waiting = left.len() + 1;
                let trial = trials[candidate];
                let job = Job {
                    point: trial.point.clone(),
                    seed: self.repeat_seed(trial, repeat),
                    segment: None,
                    replicates: 1,
                    incumbent: None,
                };
                worker_pool.start((candidate, repeat), job, waiting)?;
                observe(Event::Live(Live::RepeatStarted { trial: trial.number, repeat: repeat as u32 }));
            }
            if worker_pool.is_idle() {
                return Ok(());
            }
            let ((candidate, repeat), advance) = worker_pool.next(&mut |&(candidate, repeat), signal| {
                if let Signal::Step(step, value) = signal {
                    let (trial, repeat) = (trials[candidate].number, repeat as u32);
                    observe(Event::Live(Live::RepeatReported { trial, repeat, step, value }));
                }
                ControlFlow::Continue(())
            });
            if let Some(evaluation) = advance.map(whole) {
                let (trial, value) = (trials[candidate].number, value_of(&evaluation.outcome));
                observe(Event::TrialConfirmed { trial, repeat: repeat as u32, value });
                candidates.add(candidate, repeat, evaluation);
                let so_far = candidates.so_far().to_json();
                self.storage.set_study_attribute(self.study, FRESH_SEEDS, &so_far)?;
            }
        }
    }

    /// Evaluates `trial` with `seed` once more to get its network, for a file that holds something
    /// else if it `replaces` one; `None` if this run was asked to stop.
    pub(super) fn train_again(
        &self,
        trial: &Trial,
        seed: &Seed,
        replaces: Option<String>,
        observe: &mut dyn FnMut(Event),
    ) -> Option<Evaluation> {
        observe(Event::NetworkRetrained { trial: trial.number, replaces });
        let mut go_on = |_, _| match self.stop.load(Ordering::Relaxed) {
            false => ControlFlow::Continue(()),
            true => ControlFlow::Break(()),
        };
        self.objective.evaluate(&trial.point, seed, &mut go_on)
    }
}

/// The seed of repeat number `repeat` of `trial` in a study with the seed `root`: a fresh one if its
/// trials are confirmed. Else it is that of the trial, and fresh ones after it.
pub fn repeat_seed(root: &Seed, is_confirmed: bool, trial: u32, repeat: u64) -> Seed {
    match is_confirmed {
        false if repeat == 0 => root.child("trial").index(u64::from(trial)),
        _ => root.child("confirm").index(repeat),
    }
}

/// The result of a job that evaluates a whole trial, without segments.
fn whole(advance: Advance) -> Evaluation {
    match advance.end {
        SegmentEnd::Done(evaluation) => evaluation,
        SegmentEnd::Paused(_) | SegmentEnd::Unsaved(..) => unreachable!("only a segment pauses"),
    }
}
