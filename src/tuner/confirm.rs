//! Fresh seeds for the best trials, so that a lucky seed does not win, and the test of the one that does.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::worker_pool::{Job, WorkerPool, with_pool};
use super::{Confirm, Event, Tuner, TunerError, value_of};
use crate::objective::{Advance, Evaluation, Model, SegmentEnd};
use crate::seed::Seed;
use crate::study::{
    Attributes, CONFIRMATION, Candidate, Confirmation, Direction, Outcome, Repeat, Spread, Study, Trial,
};

/// A candidate with the models of its repeats.
struct Confirmed {
    candidate: Candidate,
    models: Vec<Option<Box<dyn Model>>>,
}

impl Tuner<'_> {
    /// Confirms the best of `study`, tests the winner, keeps its model; the study as it then stands.
    ///
    /// A study confirmed before is not confirmed again. `None` if it was broken off.
    pub(super) fn confirm(
        &mut self,
        study: &Arc<Study>,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Option<Arc<Study>>, TunerError> {
        if let Some(old) = self.old_confirmation(study) {
            return Ok(self.restore_model(study, &old)?.map(|()| Arc::clone(study)));
        }
        let trials = self.candidates(study);
        if self.settings.confirm.candidates == 0 && self.settings.model.is_none() {
            return self.keep(as_it_is(study, trials[0], self.settings.confirm)).map(Some);
        }
        observe(Event::ConfirmationStarted { candidates: trials.len(), repeats: self.repeats() });
        let (objective, stop, workers) = (self.objective, self.stop, self.settings.workers);
        let interval = self.settings.heartbeat.interval;
        let confirmed = with_pool(objective, stop, workers, interval, |worker_pool| {
            Ok(self.repeat_all(&trials, worker_pool, observe))
        })?;
        let Some(mut confirmed) = confirmed else { return Ok(None) };
        let direction = study.direction();
        confirmed.sort_by(|a, b| {
            mean_loss(&a.candidate, direction).total_cmp(&mean_loss(&b.candidate, direction))
        });
        let winner = &confirmed[0];
        let kept = best_repeat(&winner.candidate, direction);
        if let Some(model) = &winner.models[kept] {
            self.save(model.as_ref())?;
        }
        let confirmation = Confirmation {
            trials: study.finished() as u32,
            repeats: self.settings.confirm.repeats,
            wanted: self.settings.confirm.candidates,
            test: winner.models.iter().flatten().map(|model| repeat_of(&model.test())).collect(),
            kept,
            candidates: confirmed.into_iter().map(|confirmed| confirmed.candidate).collect(),
        };
        self.keep(confirmation).map(Some)
    }

    /// Stores `confirmation`; the study as it then stands.
    fn keep(&mut self, confirmation: Confirmation) -> Result<Arc<Study>, TunerError> {
        self.storage.set_study_attribute(self.study, CONFIRMATION, &confirmation.to_json())?;
        Ok(self.storage.load_study(self.study)?)
    }

    /// The confirmation that `study` has, if it is of just these trials and settings.
    fn old_confirmation(&self, study: &Study) -> Option<Confirmation> {
        let wanted = self.settings.confirm;
        Confirmation::of(study).filter(|old| {
            old.trials as usize == study.finished()
                && (old.wanted, old.repeats) == (wanted.candidates, wanted.repeats)
        })
    }

    /// Trains the winner's kept model again if its file is gone; `None` if it was broken off.
    fn restore_model(&mut self, study: &Study, old: &Confirmation) -> Result<Option<()>, TunerError> {
        let is_there = self.settings.model.as_ref().is_none_or(|file| file.exists());
        let trial = study.trials.iter().find(|trial| trial.number == old.winner().trial);
        let (false, Some(trial)) = (is_there, trial) else { return Ok(Some(())) };
        let Some(evaluation) = self.evaluate(trial, &self.repeat_seed(trial, old.kept)) else {
            return Ok(None);
        };
        if let Some(model) = evaluation.model {
            self.save(model.as_ref())?;
        }
        Ok(Some(()))
    }

    fn candidates<'s>(&self, study: &'s Study) -> Vec<&'s Trial> {
        let wanted = self.settings.confirm.candidates.max(1) as usize;
        study.ranking().into_iter().take(wanted).collect()
    }

    fn repeats(&self) -> usize {
        match self.settings.confirm.candidates {
            0 => 1,
            _ => self.settings.confirm.repeats.max(1) as usize,
        }
    }

    /// A fresh seed, the same for every candidate; without candidates the trial's own.
    fn repeat_seed(&self, trial: &Trial, repeat: usize) -> Seed {
        match self.settings.confirm.candidates {
            0 => self.root().child("trial").index(u64::from(trial.number)),
            _ => self.root().child("confirm").index(repeat as u64),
        }
    }

    /// Every repeat of every one of `trials`, in their order, whichever ends first; `None` if it was broken
    /// off.
    fn repeat_all(
        &self,
        trials: &[&Trial],
        worker_pool: &mut WorkerPool<usize>,
        observe: &mut dyn FnMut(Event),
    ) -> Option<Vec<Confirmed>> {
        let repeats = self.repeats();
        let mut evaluations: Vec<Option<Evaluation>> = Vec::new();
        evaluations.resize_with(trials.len() * repeats, || None);
        let mut left = 0..evaluations.len();
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
                break;
            }
            let (index, advance) = worker_pool.next(&mut |_, _| ControlFlow::Continue(()));
            let evaluation = advance.map(whole);
            if let Some(Evaluation { outcome, .. }) = &evaluation {
                let (trial, repeat) = (trials[index / repeats].number, (index % repeats) as u32);
                observe(Event::TrialConfirmed { trial, repeat, value: value_of(outcome) });
            }
            evaluations[index] = evaluation;
        }
        let evaluations = evaluations.into_iter().collect::<Option<Vec<_>>>()?;
        Some(by_trial(trials, evaluations))
    }

    fn evaluate(&self, trial: &Trial, seed: &Seed) -> Option<Evaluation> {
        let mut hear = |_, _| match self.stop.load(Ordering::Relaxed) {
            false => ControlFlow::Continue(()),
            true => ControlFlow::Break(()),
        };
        self.objective.evaluate(&trial.point, seed, &mut hear)
    }

    fn save(&self, model: &dyn Model) -> Result<(), TunerError> {
        match &self.settings.model {
            None => Ok(()),
            Some(file) => model.save(file).map_err(|source| TunerError::Model { file: file.clone(), source }),
        }
    }
}

/// What an evaluation in one piece came to.
fn whole(advance: Advance) -> Evaluation {
    match advance.end {
        SegmentEnd::Done(evaluation) => evaluation,
        SegmentEnd::Paused(_) | SegmentEnd::Unsaved(..) => unreachable!("only a leg pauses"),
    }
}

/// The best trial of `study` without another evaluation: where nothing is confirmed and no model is kept.
fn as_it_is(study: &Study, best: &Trial, Confirm { candidates, repeats }: Confirm) -> Confirmation {
    let repeat = Repeat { value: best.values.first().copied(), attributes: best.attributes.clone() };
    let candidate = Candidate { trial: best.number, repeats: vec![repeat] };
    Confirmation {
        trials: study.finished() as u32,
        repeats,
        wanted: candidates,
        candidates: vec![candidate],
        test: Vec::new(),
        kept: 0,
    }
}

/// Groups `evaluations`, as many for each of `trials`.
fn by_trial(trials: &[&Trial], evaluations: Vec<Evaluation>) -> Vec<Confirmed> {
    let repeats = evaluations.len() / trials.len().max(1);
    let mut evaluations = evaluations.into_iter();
    let confirmed = trials.iter().map(|trial| {
        let (repeats, models) = evaluations
            .by_ref()
            .take(repeats)
            .map(|evaluation| (repeat_of(&evaluation.outcome), evaluation.model))
            .unzip();
        Confirmed { candidate: Candidate { trial: trial.number, repeats }, models }
    });
    confirmed.collect()
}

fn repeat_of(outcome: &Outcome) -> Repeat {
    match outcome {
        Outcome::Complete { attributes, .. } => {
            Repeat { value: value_of(outcome), attributes: attributes.clone() }
        }
        Outcome::Failed { failure, attributes } => {
            let mut attributes: Attributes = attributes.clone();
            attributes.insert("failure".to_owned(), failure.kind.to_string().into());
            attributes.insert("reason".to_owned(), failure.reason.clone().into());
            Repeat { value: None, attributes }
        }
    }
}

/// Mean loss over the repeats; infinite if one failed, so that such a candidate comes last.
fn mean_loss(candidate: &Candidate, direction: Direction) -> f64 {
    Spread::of(&candidate.repeats).map_or(f64::INFINITY, |spread| direction.loss(spread.mean))
}

/// The repeat of the lowest loss, the first of equals.
fn best_repeat(candidate: &Candidate, direction: Direction) -> usize {
    let loss = |repeat: &Repeat| repeat.value.map_or(f64::INFINITY, |value| direction.loss(value));
    let losses = candidate.repeats.iter().map(loss).enumerate();
    losses.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(index, _)| index)
}
