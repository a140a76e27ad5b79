//! The end of a study: fresh seeds for the best trials, so that a lucky seed does not win, then the
//! test of the winner and its file.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::candidates::{Candidates, Winner, repeat_of};
use super::kept_network::KeptNetwork;
use super::worker_pool::{Job, WorkerPool, with_pool};
use super::{Event, Tuner, TunerError, value_of};
use crate::objective::{Advance, Evaluation, Model, SegmentEnd};
use crate::seed::Seed;
use crate::study::{CONFIRMATION, Candidate, Confirmation, Repeat, Study, Trial};

impl Tuner<'_> {
    /// Confirms the best trials of `study`, tests the winner and saves its network; the study with
    /// its confirmation. `kept` is the network of the best trial, if this run has trained it.
    ///
    /// A study confirmed before is not confirmed again. `None` if it was broken off.
    pub(super) fn confirm(
        &mut self,
        study: &Arc<Study>,
        kept: KeptNetwork,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Option<Arc<Study>>, TunerError> {
        if let Some(old) = self.old_confirmation(study) {
            return Ok(self.restore_model(study, &old, observe)?.map(|()| Arc::clone(study)));
        }
        let winner = match self.settings.confirm.candidates {
            0 => self.best_as_it_is(study, kept, observe)?,
            _ => self.best_by_fresh_seeds(study, observe)?,
        };
        let Some(winner) = winner else { return Ok(None) };
        if let Some(model) = &winner.models[winner.kept] {
            self.save(model.as_ref())?;
        }
        let confirmation = Confirmation {
            trials: study.finished() as u32,
            repeats: self.settings.confirm.repeats,
            wanted: self.settings.confirm.candidates,
            pick: self.pick(),
            test: winner.test(),
            kept: winner.kept,
            candidates: winner.candidates,
        };
        self.storage.set_study_attribute(self.study, CONFIRMATION, &confirmation.to_json())?;
        Ok(Some(self.storage.load_study(self.study)?))
    }

    /// The confirmation of `study`, if it has one of the same trials and settings.
    fn old_confirmation(&self, study: &Study) -> Option<Confirmation> {
        let wanted = self.settings.confirm;
        Confirmation::of(study).filter(|old| {
            old.trials as usize == study.finished()
                && (old.wanted, old.repeats) == (wanted.candidates, wanted.repeats)
                && old.pick == self.pick()
        })
    }

    /// The rule for the winner, as people write it.
    fn pick(&self) -> Option<String> {
        self.settings.pick.as_ref().map(ToString::to_string)
    }

    /// The trials of `study` that can win, the one to win first.
    fn ranked<'a>(&self, study: &'a Study) -> Result<Vec<&'a Trial>, TunerError> {
        match &self.settings.pick {
            None => Ok(study.ranking()),
            Some(pick) => {
                pick.order(study).map_err(|source| TunerError::Pick { rule: pick.to_string(), source })
            }
        }
    }

    /// Trains the winner's network again if its file is gone; `None` if it was broken off.
    fn restore_model(
        &mut self,
        study: &Study,
        old: &Confirmation,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Option<()>, TunerError> {
        let exists = self.settings.model.as_ref().is_none_or(|file| file.exists());
        let trial = study.trials.iter().find(|trial| trial.number == old.winner().trial);
        let (false, Some(trial)) = (exists, trial) else { return Ok(Some(())) };
        let Some(evaluation) = self.train_again(trial, &self.repeat_seed(trial, old.kept), observe) else {
            return Ok(None);
        };
        if let Some(model) = evaluation.model {
            self.save(model.as_ref())?;
        }
        Ok(Some(()))
    }

    /// The best trial of `study` by its own seed. If a network is to be saved and none was kept, it
    /// is trained again; `None` if that was broken off.
    fn best_as_it_is(
        &self,
        study: &Study,
        kept: KeptNetwork,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Option<Winner>, TunerError> {
        let best = *self.ranked(study)?.first().expect("a study is confirmed if it has a best trial");
        let (repeat, model) = match kept.take(best.number) {
            _ if self.settings.model.is_none() => {
                let value = best.values.first().copied();
                (Repeat { value, attributes: best.attributes.clone() }, None)
            }
            Some((repeat, model)) => (repeat, Some(model)),
            None => {
                let again = self.train_again(best, &self.repeat_seed(best, 0), observe);
                let Some(evaluation) = again else { return Ok(None) };
                (repeat_of(&evaluation.outcome), evaluation.model)
            }
        };
        let candidates = vec![Candidate { trial: best.number, repeats: vec![repeat] }];
        Ok(Some(Winner { candidates, models: vec![model], kept: 0 }))
    }

    /// The winner by the mean over fresh seeds; `None` if it was broken off.
    fn best_by_fresh_seeds(
        &self,
        study: &Study,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Option<Winner>, TunerError> {
        let count = self.settings.confirm.candidates as usize;
        let trials: Vec<&Trial> = self.ranked(study)?.into_iter().take(count).collect();
        let repeats = self.settings.confirm.repeats.max(1) as usize;
        observe(Event::ConfirmationStarted { candidates: trials.len(), repeats });
        let (objective, stop, workers) = (self.objective, self.stop, self.settings.workers);
        let interval = self.settings.heartbeat.interval;
        let numbers = trials.iter().map(|trial| trial.number);
        let mut candidates = Candidates::new(numbers, repeats, study.direction());
        with_pool(objective, stop, workers, interval, |worker_pool| {
            self.evaluate_repeats(&trials, repeats, &mut candidates, worker_pool, observe);
            Ok(())
        })?;
        Ok(candidates.winner(self.settings.pick.as_ref()))
    }

    /// The seed of a repeat: a fresh one, the same for every candidate. Without candidates: the
    /// trial's own.
    fn repeat_seed(&self, trial: &Trial, repeat: usize) -> Seed {
        repeat_seed(&self.root(), self.settings.confirm.candidates, trial.number, repeat as u64)
    }

    /// Evaluates every repeat of `trials` and adds the results to `candidates`, until `stop` is
    /// set.
    fn evaluate_repeats(
        &self,
        trials: &[&Trial],
        repeats: usize,
        candidates: &mut Candidates,
        worker_pool: &mut WorkerPool<usize>,
        observe: &mut dyn FnMut(Event),
    ) {
        let mut left = 0..candidates.evaluations();
        loop {
            while worker_pool.has_room()
                && !self.is_stopped()
                && let Some(index) = left.next()
            {
                let (trial, repeat) = (trials[index / repeats], index % repeats);
                let job = Job {
                    point: trial.point.clone(),
                    seed: self.repeat_seed(trial, repeat),
                    segment: None,
                    replicates: 1,
                };
                worker_pool.start(index, job);
            }
            if worker_pool.is_idle() {
                return;
            }
            let (index, advance) = worker_pool.next(&mut |_, _| ControlFlow::Continue(()));
            if let Some(evaluation) = advance.map(whole) {
                let (candidate, repeat) = (index / repeats, index % repeats);
                let (trial, value) = (trials[candidate].number, value_of(&evaluation.outcome));
                observe(Event::TrialConfirmed { trial, repeat: repeat as u32, value });
                candidates.add(candidate, repeat, evaluation);
            }
        }
    }

    /// Evaluates `trial` with `seed` once more for its network; `None` if it was broken off.
    fn train_again(&self, trial: &Trial, seed: &Seed, observe: &mut dyn FnMut(Event)) -> Option<Evaluation> {
        observe(Event::NetworkRetrained { trial: trial.number });
        let mut go_on = |_, _| match self.stop.load(Ordering::Relaxed) {
            false => ControlFlow::Continue(()),
            true => ControlFlow::Break(()),
        };
        self.objective.evaluate(&trial.point, seed, &mut go_on)
    }

    fn save(&self, model: &dyn Model) -> Result<(), TunerError> {
        match &self.settings.model {
            None => Ok(()),
            Some(file) => model.save(file).map_err(|source| TunerError::Model { file: file.clone(), source }),
        }
    }
}

/// The seed of repeat number `repeat` of `trial` in a study with the seed `root` that confirms this number
/// of candidates: a fresh one, or without candidates that of the trial, and fresh ones after it.
pub fn repeat_seed(root: &Seed, candidates: u32, trial: u32, repeat: u64) -> Seed {
    match candidates {
        0 if repeat == 0 => root.child("trial").index(u64::from(trial)),
        _ => root.child("confirm").index(repeat),
    }
}

/// The evaluation of a job without segments.
fn whole(advance: Advance) -> Evaluation {
    match advance.end {
        SegmentEnd::Done(evaluation) => evaluation,
        SegmentEnd::Paused(_) | SegmentEnd::Unsaved(..) => unreachable!("only a segment pauses"),
    }
}
