//! Trials that pause at rungs, and continue if they are promising.

use super::*;
use crate::search::BayesSearch;
use crate::search::bayes::BayesParams;
use crate::study::RungHistory;

fn bench() -> Bench {
    let objective = Synthetic::new(Problem::Hartmann6).with_noise(0.1).with_steps(9);
    Bench { pauses: Some(Rungs::HALVING), ..Bench::new(objective) }
}

fn by_model() -> Bench {
    let params = BayesParams { candidates: 128, starts: 2, ..BayesParams::default() };
    Bench { pauses: Some(Rungs::MODEL), search: Box::new(BayesSearch::with(params)), ..bench() }
}

fn steps(study: &Study) -> usize {
    study.trials.iter().map(|trial| trial.intermediate.len()).sum()
}

fn files(bench: &Bench) -> usize {
    std::fs::read_dir(bench.checkpoint_dir()).unwrap().count()
}

#[test]
fn the_best_third_goes_on_at_each_rung() {
    let bench = bench();
    let (end, study, events) = bench.run_through(27);
    assert_eq!((end, study.trials.len()), (End::Done, 27));
    let complete: Vec<&Trial> = study.in_state(TrialState::Complete).collect();
    let paused: Vec<&Trial> = study.trials.iter().filter(|trial| trial.is_paused()).collect();
    assert_eq!(complete.len() + paused.len(), 27);
    assert!((3..=9).contains(&complete.len()), "{}", complete.len());
    assert!(steps(&study) < 27 * 9 / 2, "{}", steps(&study));
    for trial in &complete[1..] {
        assert_eq!(trial.intermediate.len(), 9);
        assert_eq!(trial.rung_history.rungs.iter().map(|rung| rung.steps).collect::<Vec<_>>(), [1, 3]);
    }
    assert_eq!(
        (complete[0].number, complete[0].rung_history.clone()),
        (0, RungHistory::default()),
        "the default never pauses"
    );
    assert_eq!(files(&bench), paused.len(), "a checkpoint for each trial that may continue");
    let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
    assert_eq!(count(|event| matches!(event, Event::TrialStarted { .. })), 27);
    assert_eq!(count(|event| matches!(event, Event::TrialReported { .. })), steps(&study));
    let paused = count(|event| matches!(event, Event::TrialPaused { .. }));
    let resumed = count(|event| matches!(event, Event::TrialResumed { .. }));
    assert_eq!(paused - resumed, 27 - complete.len());
    let full = Bench::new(Synthetic::new(Problem::Hartmann6).with_noise(0.1).with_steps(9)).run_through(27).1;
    for trial in complete {
        assert_eq!(trial.values, full.trials[trial.number as usize].values, "pauses change no result");
    }
}

#[test]
fn a_study_that_was_broken_off_at_any_step_ends_the_same() {
    let (_, expected, _) = bench().run_through(12);
    for broken_at in [1, 7, 19, 26] {
        let broken = bench();
        let mut reports = 0;
        let (end, ..) = broken.run(12, |event| {
            reports += u32::from(matches!(event, Event::TrialReported { .. }));
            reports == broken_at
        });
        assert_eq!(end, End::Interrupted);
        let (end, study, _) = broken.run_through(12);
        assert_eq!((end, told(&study)), (End::Done, told(&expected)));
    }
}

#[test]
fn a_checkpoint_that_is_lost_or_broken_changes_no_result() {
    let (_, expected, _) = bench().run_through(9);
    let bench = bench();
    let mut pauses = 0;
    bench.run(9, |event| {
        pauses += u32::from(matches!(event, Event::TrialPaused { .. }));
        pauses == 3
    });
    for (index, file) in std::fs::read_dir(bench.checkpoint_dir()).unwrap().enumerate() {
        let file = file.unwrap().path();
        match index % 2 {
            0 => std::fs::remove_file(file).unwrap(),
            _ => std::fs::write(file, "nonsense").unwrap(),
        }
    }
    let (_, study, events) = bench.run_through(9);
    assert_eq!(told(&study), told(&expected));
    let restarted = events.iter().filter(|event| matches!(event, Event::TrialRestarted { .. }));
    assert!(restarted.count() >= 1);
}

#[test]
fn with_a_budget_below_three_only_the_default_is_complete() {
    let (end, study, _) = bench().run_through(2);
    assert_eq!(end, End::Done);
    assert_eq!(study.in_state(TrialState::Complete).count(), 1);
}

#[test]
fn a_larger_budget_continues_from_checkpoints() {
    let bench = bench();
    bench.run_through(9);
    let (end, study, events) = bench.run_through(18);
    assert_eq!((end, study.trials.len()), (End::Done, 18));
    assert!(!events.iter().any(|event| matches!(event, Event::TrialRestarted { .. })));
}

#[test]
fn leftovers_of_a_dead_run_go_and_files_of_other_studies_stay() {
    let bench = bench();
    bench.run_through(9);
    let names = || {
        let entries = std::fs::read_dir(bench.checkpoint_dir()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    let (of_trials, own) = (names(), names()[0].split_once('-').unwrap().0.to_owned());
    let left = [format!("{own}-4-0-segment"), format!("{own}-0-0.safetensors"), "99-4-0-segment".to_owned()];
    std::fs::create_dir_all(bench.checkpoint_dir().join(&left[0]).join("checkpoint")).unwrap();
    left[1..].iter().for_each(|name| std::fs::write(bench.checkpoint_dir().join(name), "").unwrap());
    bench.run_through(9);
    let mut expected = [of_trials, vec![left[2].clone()]].concat();
    let mut found = names();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn several_workers_pause_and_resume_trials() {
    let bench = Bench { workers: 3, ..bench() };
    let (end, study, _) = bench.run_through(18);
    assert_eq!((end, study.trials.len()), (End::Done, 18));
    assert!(study.in_state(TrialState::Complete).count() >= 2);
    assert_eq!(study.in_state(TrialState::Running).count(), 0);
}

#[test]
fn a_model_decides_which_trials_continue() {
    let bench = by_model();
    let (end, study, _) = bench.run_through(40);
    assert_eq!((end, study.trials.len()), (End::Done, 40));
    let complete = study.in_state(TrialState::Complete).count();
    assert!((20..40).contains(&complete), "at least half go on: {complete}");
    let rungs = |trial: &Trial| trial.rung_history.rungs.iter().map(|rung| rung.steps).collect::<Vec<_>>();
    assert!(study.trials[1..].iter().all(|trial| rungs(trial) == [3]), "after a quarter of 9 steps");
    // Without pauses: points that take as many steps, all trained to the end.
    let whole = Bench { search: Box::new(SobolSearch::new()), pauses: None, ..by_model() };
    let (_, blind, _) = whole.run_through(u32::try_from(steps(&study).div_ceil(9)).unwrap());
    let best = |study: &Study| study.best().map(|best| best.values[0]).unwrap();
    assert!(best(&study) < best(&blind), "{} and {}", best(&study), best(&blind));
}

#[test]
fn a_study_by_model_that_was_broken_off_ends_the_same() {
    let (_, expected, _) = by_model().run_through(14);
    for broken_at in [9, 33] {
        let broken = by_model();
        let mut reports = 0;
        broken.run(14, |event| {
            reports += u32::from(matches!(event, Event::TrialReported { .. }));
            reports == broken_at
        });
        let (end, study, _) = broken.run_through(14);
        assert_eq!((end, told(&study)), (End::Done, told(&expected)));
    }
}
