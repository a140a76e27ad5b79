//! The loop, with objectives that cost nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Confirm, End, Event, Heartbeat, Pausing, Settings, StopRule, Tuner, TunerError};
use crate::objective::Objective;
use crate::objective::synthetic::{Problem, Synthetic};
use crate::search::{Rungs, Search, SobolSearch};
use crate::storage::{SqliteStorage, Storage};
use crate::study::{
    Attributes, Confirmation, EXTERNAL_SETUP, Pick, Spread, Study, Trial, TrialState, WARM_START,
    WarmStartTrials,
};

mod confirm;
mod incumbent;
mod next;
mod pausing;
mod stopping;
mod trains;
mod warm;
mod worker_pool;
mod workers;

/// A study in a folder of its own, and how to run it.
struct Bench<O = Synthetic> {
    folder: tempfile::TempDir,
    objective: O,
    search: Box<dyn Search>,
    confirm: Confirm,
    pick: Option<Pick>,
    workers: usize,
    deterministic: bool,
    pauses: Option<Rungs>,
    replicates: u32,
    warm_start: WarmStartTrials,
    stop_when: Vec<StopRule>,
    max_failures: u32,
    saves_model: bool,
    keep_disk: Option<u64>,
}

impl<O: Objective + AsRef<Synthetic>> Bench<O> {
    fn new(objective: O) -> Self {
        let confirm = Confirm { candidates: 3, front: false, repeats: 2 };
        Self {
            folder: tempfile::tempdir().unwrap(),
            objective,
            search: Box::new(SobolSearch::new()),
            confirm,
            pick: None,
            workers: 1,
            deterministic: false,
            pauses: None,
            replicates: 1,
            warm_start: WarmStartTrials::default(),
            stop_when: Vec::new(),
            max_failures: 0,
            saves_model: false,
            keep_disk: None,
        }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("tune.db")
    }

    fn attributes(&self) -> Attributes {
        let mut attributes = Attributes::new();
        if !self.warm_start.results.is_empty() {
            attributes.insert(WARM_START.to_owned(), self.warm_start.to_json());
        }
        if self.deterministic {
            // The rules for the end of a study read this as people's studies have it.
            let setup = serde_json::json!({"space": "branin", "space_sha256": "", "search": "sobol", "seed": 3,
                "deterministic_workers": self.workers});
            attributes.insert(EXTERNAL_SETUP.to_owned(), setup);
        }
        attributes
    }

    fn checkpoint_dir(&self) -> PathBuf {
        self.folder.path().join("checkpoints")
    }

    fn model(&self) -> PathBuf {
        self.folder.path().join("model")
    }

    /// Runs to `budget`, or until `stop_when` is true of an event.
    fn run(&self, budget: u32, stop_when: impl FnMut(&Event) -> bool) -> (End, Study, Vec<Event>) {
        let (end, study, events) = self.try_run(budget, stop_when);
        (end.unwrap(), study, events)
    }

    fn try_run(
        &self,
        budget: u32,
        mut stop_when: impl FnMut(&Event) -> bool,
    ) -> (Result<End, TunerError>, Study, Vec<Event>) {
        let mut storage = SqliteStorage::open(&self.database()).unwrap();
        let study = match storage.find_study("test").unwrap() {
            Some(study) => study,
            None => storage.create_study("test", &self.objective.metrics(), &self.attributes()).unwrap(),
        };
        let (stop, mut events) = (AtomicBool::new(false), Vec::new());
        let mut tuner = Tuner {
            space: &self.objective.as_ref().space().unwrap(),
            search: self.search.as_ref(),
            objective: &self.objective,
            storage: &mut storage,
            study,
            settings: Settings {
                budget,
                seed: 3,
                workers: self.workers,
                deterministic: self.deterministic,
                replicates: self.replicates,
                pausing: self.pauses.map(|rungs| Pausing { rungs, checkpoint_dir: self.checkpoint_dir() }),
                stop_when: self.stop_when.clone(),
                max_failures: self.max_failures,
                heartbeat: Heartbeat::default(),
                confirm: self.confirm,
                pick: self.pick.clone(),
                model: self.saves_model.then(|| self.model()),
                keep_disk: self.keep_disk,
            },
            stop: &stop,
        };
        let end = tuner.run(&mut |event| {
            stop.fetch_or(stop_when(&event), Ordering::Relaxed);
            events.extend(Some(event).filter(Event::is_public));
        });
        (end, Arc::unwrap_or_clone(storage.load_study(study).unwrap()), events)
    }

    fn run_through(&self, budget: u32) -> (End, Study, Vec<Event>) {
        self.run(budget, |_| false)
    }
}

impl AsRef<Synthetic> for Synthetic {
    fn as_ref(&self) -> &Synthetic {
        self
    }
}

/// The trials of a study without their times.
fn told(study: &Study) -> Vec<Trial> {
    study.trials.iter().map(|trial| Trial { started: None, finished: None, ..trial.clone() }).collect()
}

#[test]
fn a_study_spends_its_budget_and_tries_the_default_first() {
    let bench = Bench::new(Synthetic::new(Problem::Branin));
    let (end, study, events) = bench.run_through(8);
    assert_eq!(end, End::Done);
    assert_eq!(study.trials.len(), 8);
    assert_eq!(study.trials[0].point, bench.objective.space().unwrap().default_point());
    assert!(study.trials.iter().all(|trial| trial.state == TrialState::Complete));
    let finished = events.iter().filter(|event| matches!(event, Event::TrialFinished { .. })).count();
    let confirmed = events.iter().filter(|event| matches!(event, Event::TrialConfirmed { .. })).count();
    assert_eq!((finished, confirmed), (8, 2), "without noise the best trial leads all the time");
    assert!(matches!(events.last(), Some(Event::StudyFinished { finished: 8, best: Some(_) })));
}

#[test]
fn a_trial_that_was_broken_off_is_run_again_with_the_same_result() {
    let objective = || Synthetic::new(Problem::Hartmann6).with_noise(0.1).with_steps(4);
    let whole = Bench::new(objective());
    let (_, expected, _) = whole.run_through(6);
    let broken = Bench::new(objective());
    let (end, study, events) =
        broken.run(6, |event| matches!(event, Event::TrialReported { trial: 3, step: 2, .. }));
    assert_eq!(end, End::Interrupted);
    assert_eq!(events.last(), Some(&Event::Interrupted { finished: 3 }));
    assert_eq!(study.trials[3].state, TrialState::Waiting);
    assert_eq!(study.trials[3].intermediate, []);
    let (end, study, _) = broken.run_through(6);
    assert_eq!(end, End::Done);
    assert_eq!(told(&study), told(&expected));
    assert_eq!(study.attributes, expected.attributes);
}

#[test]
fn a_larger_budget_adds_trials_and_confirms_again() {
    let bench = Bench::new(Synthetic::new(Problem::Branin).with_noise(0.5));
    let (_, small, _) = bench.run_through(4);
    let (_, large, _) = bench.run_through(9);
    assert_eq!(told(&large)[..4], told(&small)[..]);
    assert_eq!(Confirmation::of(&large).unwrap().trials, 9);
    let (_, at_once, _) = Bench::new(Synthetic::new(Problem::Branin).with_noise(0.5)).run_through(9);
    assert_eq!(told(&large), told(&at_once));
}

#[test]
fn a_finished_study_is_neither_run_nor_confirmed_again() {
    let bench = Bench::new(Synthetic::new(Problem::Branin).with_noise(0.5));
    let (_, first, _) = bench.run_through(5);
    let (end, again, events) = bench.run_through(5);
    assert_eq!((end, &again), (End::Done, &first));
    assert_eq!(events.len(), 2, "{events:?}");
}

#[test]
fn the_best_mean_over_fresh_seeds_wins_not_the_luckiest_trial() {
    // Noise as large as the differences, so the order of the search means little.
    let mut bench = Bench::new(Synthetic::new(Problem::Branin).with_noise(30.0));
    bench.confirm = Confirm { candidates: 0, front: false, repeats: 8 };
    bench.run_through(12);
    // With a worker for each evaluation all candidates get all seeds.
    (bench.confirm.candidates, bench.workers) = (5, 40);
    let (_, study, _) = bench.run_through(12);
    let confirmation = Confirmation::of(&study).unwrap();
    let means: Vec<f64> =
        confirmation.candidates.iter().map(|one| Spread::of(&one.repeats).unwrap().mean).collect();
    assert_eq!(means.len(), 5);
    assert!(means.is_sorted(), "{means:?}");
    let by_search: Vec<u32> = study.ranking().iter().take(5).map(|trial| trial.number).collect();
    let confirmed: Vec<u32> = confirmation.candidates.iter().map(|one| one.trial).collect();
    assert_ne!(confirmed, by_search, "with this much noise the order changes");
}

#[test]
fn trials_that_all_fail_are_kept_with_their_reasons() {
    let bench = Bench::new(Synthetic::new(Problem::Branin).failing_above(-1.0));
    let (end, study, _) = bench.run_through(5);
    assert_eq!(end, End::NothingFeasible);
    assert_eq!(study.in_state(TrialState::Fail).count(), 5);
    for trial in &study.trials {
        assert_eq!(trial.attributes["failure"], "diverged");
        assert!(trial.attributes["reason"].as_str().unwrap().contains("diverges"));
    }
}

#[test]
fn an_enqueued_trial_gets_the_defaults_of_missing_parameters() {
    let bench = Bench::new(Synthetic::new(Problem::Branin));
    bench.run_through(1);
    enqueue(&bench.database(), r#"{"x": 3.25}"#);
    let (_, study, _) = bench.run_through(2);
    let space = bench.objective.space().unwrap();
    assert_eq!(study.trials[1].state, TrialState::Complete);
    assert_eq!(study.trials[1].point.get("x"), Some(&3.25.into()));
    assert_eq!(study.trials[1].point.get("y"), space.default_point().get("y"));
}

#[test]
fn an_enqueued_trial_with_all_parameters_is_run_and_stored_as_it_is() {
    let bench = Bench::new(Synthetic::new(Problem::Branin));
    bench.run_through(1);
    // A whole number is one of a real parameter, too.
    enqueue(&bench.database(), r#"{"y": 12, "x": 3.25}"#);
    let (end, study, _) = bench.run_through(2);
    assert_eq!(end, End::Done);
    let expected: crate::space::Point = [("x", 3.25), ("y", 12.0)].into_iter().collect();
    assert_eq!(study.trials[1].point, expected);
    let stored = "SELECT COUNT(*) FROM trial_params JOIN trials USING (trial_id) WHERE number = 1";
    let database = rusqlite::Connection::open(bench.database()).unwrap();
    assert_eq!(database.query_row(stored, [], |row| row.get::<_, u32>(0)), Ok(2));
}

#[test]
fn an_enqueued_trial_that_the_space_does_not_have_fails_with_its_reason() {
    for (parameters, reason) in [
        (r#"{"x": 99.5, "y": 1}"#, "enqueued: x = 99.5 is outside the space branin: must be a number from "),
        (r#"{"x": "wide"}"#, "enqueued: x = wide is outside the space branin: must be a number from "),
        (r#"{"x": 1, "z": 3}"#, "enqueued: unknown parameter \"z\" in the space branin; there are: x, y"),
        (r#"{"x": [1]}"#, "enqueued: fixed_params = {\"x\":[1]}: must be an object of names and scalars"),
        (r#"{"x": NaN}"#, "enqueued: fixed_params = \"{\\\"x\\\": NaN}\": must be an object of names"),
    ] {
        let bench = Bench::new(Synthetic::new(Problem::Branin));
        bench.run_through(1);
        enqueue(&bench.database(), parameters);
        let (end, study, events) = bench.run_through(3);
        assert_eq!(end, End::Done);
        let states: Vec<TrialState> = study.trials.iter().map(|trial| trial.state).collect();
        assert_eq!(states, [TrialState::Complete, TrialState::Fail, TrialState::Complete], "{parameters}");
        let found = study.trials[1].attributes["reason"].as_str().unwrap();
        assert!(found.starts_with(reason), "{found}");
        let told = events.iter().find_map(|event| match event {
            Event::TrialFinished { trial: 1, attributes, .. } => attributes["reason"].as_str(),
            _ => None,
        });
        assert_eq!(told, Some(found));
    }
}

/// Adds the rows of Optuna's `enqueue_trial` to the database.
fn enqueue(database: &Path, parameters: &str) {
    let database = rusqlite::Connection::open(database).unwrap();
    database
        .execute_batch(&format!(
            "INSERT INTO trials (number, study_id, state) VALUES (1, 1, 'WAITING');
             INSERT INTO trial_system_attributes (trial_id, key, value_json)
             VALUES (last_insert_rowid(), 'fixed_params', '{parameters}');"
        ))
        .unwrap();
}
