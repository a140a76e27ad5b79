//! The confirmation: its candidates, its seeds, its end in the middle, and seeds that fail.

use super::trains::{Trains, retrained, saved, tested};
use super::*;
use crate::study::{Candidate, FreshSeeds};

fn bench(candidates: u32, repeats: u32) -> Bench<Trains> {
    let objective = Synthetic::new(Problem::Branin).with_noise(30.0);
    let confirm = Confirm { candidates, front: false, repeats };
    Bench { confirm, saves_model: true, ..Bench::new(Trains::new(objective)) }
}

fn confirmed(events: &[Event]) -> Vec<(u32, u32, Option<f64>)> {
    let confirmed = events.iter().filter_map(|event| match event {
        Event::TrialConfirmed { trial, repeat, value } => Some((*trial, *repeat, *value)),
        _ => None,
    });
    confirmed.collect()
}

fn numbers(candidates: &[Candidate]) -> Vec<u32> {
    candidates.iter().map(|candidate| candidate.trial).collect()
}

fn values(candidate: &Candidate) -> Vec<Option<f64>> {
    candidate.repeats.iter().map(|repeat| repeat.value).collect()
}

#[test]
fn the_candidates_are_the_best_trials_in_order() {
    let mut bench = bench(3, 2);
    bench.objective.failing = vec![1];
    let (_, study, events) = bench.run_through(6);
    let best: Vec<u32> = study.ranking()[..3].iter().map(|trial| trial.number).collect();
    assert!(!best.contains(&1));
    let order: Vec<(u32, u32)> =
        confirmed(&events).iter().map(|&(trial, repeat, _)| (trial, repeat)).collect();
    assert_eq!(order[0], (best[0], 0), "the best trial begins");
    assert!(order.iter().all(|(trial, _)| best.contains(trial)), "{order:?}");
    let mut found = numbers(&Confirmation::of(&study).unwrap().candidates);
    found.sort_unstable();
    let mut best = best;
    best.sort_unstable();
    assert_eq!(found, best);
}

#[test]
fn there_are_no_more_candidates_than_trials_with_a_value() {
    let mut bench = bench(5, 1);
    bench.objective.failing = vec![0, 2];
    let (_, study, events) = bench.run_through(4);
    assert!(matches!(
        events.iter().find(|event| matches!(event, Event::ConfirmationStarted { .. })),
        Some(Event::ConfirmationStarted { candidates: 2, repeats: 1 })
    ));
    let confirmation = Confirmation::of(&study).unwrap();
    assert_eq!((confirmation.wanted, confirmation.candidates.len()), (5, 2));
}

#[test]
fn every_candidate_has_the_same_fresh_seeds() {
    // A worker for each evaluation: then every candidate gets all its seeds.
    let bench = Bench { workers: 6, ..bench(3, 2) };
    let (_, study, _) = bench.run_through(6);
    let exact = Synthetic::new(Problem::Branin);
    let noise_free = |number: u32| {
        let point = &study.trials[number as usize].point;
        let mut observer = |_, _| std::ops::ControlFlow::Continue(());
        let evaluation = exact.evaluate(point, &crate::seed::Seed::root(0), &mut observer).unwrap();
        crate::tuner::value_of(&evaluation.outcome).unwrap()
    };
    let noise: Vec<Vec<f64>> = Confirmation::of(&study)
        .unwrap()
        .candidates
        .iter()
        .map(|one| values(one).into_iter().map(|value| value.unwrap() - noise_free(one.trial)).collect())
        .collect();
    let is_same = |a: f64, b: f64| (a - b).abs() < 1e-9;
    for other in &noise[1..] {
        assert!(is_same(noise[0][0], other[0]) && is_same(noise[0][1], other[1]), "{noise:?}");
    }
    assert!(!is_same(noise[0][0], noise[0][1]));
    for trial in &study.trials {
        let own = trial.values[0] - noise_free(trial.number);
        assert!(noise[0].iter().all(|&fresh| !is_same(own, fresh)), "a seed of a trial is not fresh");
    }
}

#[test]
fn a_confirmation_that_was_broken_off_goes_on_to_the_same_end() {
    let whole = bench(3, 2);
    let (_, expected, events) = whole.run_through(5);
    let all = confirmed(&events).len();
    for enough in [1, all - 1, all] {
        let broken = bench(3, 2);
        let mut count = 0;
        let (end, study, events) = broken.run(5, |event| {
            count += usize::from(matches!(event, Event::TrialConfirmed { .. }));
            count == enough
        });
        // The last result completes the confirmation, so there is nothing to break off.
        let ends = if enough == all { End::Done } else { End::Interrupted };
        assert_eq!((end, confirmed(&events).len()), (ends, enough));
        assert_eq!(
            (Confirmation::of(&study).is_none(), broken.model().exists()),
            (enough < all, enough == all)
        );
        let before: Vec<(u32, usize)> =
            FreshSeeds::of(&study).0.iter().map(|seed| (seed.trial, seed.repeat)).collect();
        broken.objective.count();
        let (end, study, events) = broken.run_through(5);
        assert_eq!((end, &study.attributes), (End::Done, &expected.attributes));
        // Of the seeds that were done, those of the winner are trained again for their networks.
        let winner = Confirmation::of(&study).unwrap().winner().trial;
        let again = before.iter().filter(|(trial, _)| *trial == winner).count();
        assert_eq!(broken.objective.count(), all - enough + again);
        assert_eq!(before.len(), if enough == all { 0 } else { enough });
        assert_eq!((saved(&broken), retrained(&events)), (saved(&whole), Vec::<u32>::new()));
    }
}

#[test]
fn a_candidate_with_a_failed_seed_does_not_win() {
    let (_, unhurt, events) = bench(3, 2).run_through(5);
    let first = Confirmation::of(&unhurt).unwrap().winner().trial;
    let second = confirmed(&events).iter().position(|&(trial, repeat, _)| (trial, repeat) == (first, 1));
    let mut bench = bench(3, 2);
    // The second seed of the candidate that would win.
    bench.objective.failing = vec![5 + second.unwrap()];
    let (end, study, events) = bench.run_through(5);
    assert_eq!(end, End::Done);
    assert!(confirmed(&events).contains(&(first, 1, None)));
    let confirmation = Confirmation::of(&study).unwrap();
    assert!(values(confirmation.winner()).iter().all(Option::is_some));
    let failed = confirmation.candidates.iter().find(|one| one.trial == first).unwrap();
    let failed = &failed.repeats[1];
    assert_eq!((failed.value, &failed.attributes["failure"]), (None, &"diverged".into()));
    assert_eq!(failed.attributes["reason"], "it was to fail");
    assert!(confirmation.test.iter().all(|repeat| repeat.value.is_some()));
}

#[test]
fn if_every_candidate_has_a_failed_seed_the_best_trial_wins_with_its_other_seed() {
    let mut bench = bench(2, 2);
    bench.objective.failing = vec![4, 5];
    let (end, study, _) = bench.run_through(4);
    assert_eq!(end, End::Done);
    let confirmation = Confirmation::of(&study).unwrap();
    let best: Vec<u32> = study.ranking()[..2].iter().map(|trial| trial.number).collect();
    assert_eq!(numbers(&confirmation.candidates), best);
    let value = values(confirmation.winner())[1].unwrap();
    assert_eq!((confirmation.kept, saved(&bench)), (1, value));
    let test: Vec<Option<f64>> = confirmation.test.iter().map(|repeat| repeat.value).collect();
    assert_eq!(test, [None, Some(tested(value))]);
}

#[test]
fn candidates_behind_the_leader_stop_and_their_seeds_are_kept() {
    // Without noise the best trial leads from its first seed to its last.
    let confirm = Confirm { candidates: 3, front: false, repeats: 3 };
    for (workers, expected) in [(1, [3, 0, 0]), (2, [3, 1, 0]), (9, [3, 3, 3])] {
        let bench = Bench {
            confirm,
            workers,
            deterministic: true,
            saves_model: true,
            ..Bench::new(Trains::new(Synthetic::new(Problem::Branin)))
        };
        let (_, study, events) = bench.run_through(7);
        let confirmation = Confirmation::of(&study).unwrap();
        assert_eq!(confirmation.winner().trial, study.best().unwrap().number);
        let seeds: Vec<usize> = confirmation.candidates.iter().map(|one| one.repeats.len()).collect();
        assert_eq!((&seeds[..], confirmed(&events).len()), (&expected[..], expected.iter().sum()));
        let stopped = confirmation.candidates.iter().map(|one| one.stopped);
        assert!(stopped.eq(expected.map(|seeds| seeds < 3)));
        assert_eq!(confirmation.test.len(), 3);
    }
}

/// A study of four trials, all on the front, with two fresh seeds for each.
fn front() -> Bench<Trains> {
    let mut bench = bench(0, 2);
    bench.confirm.front = true;
    bench.objective.is_opposed = true;
    bench
}

/// The content of the file of the network of `trial`.
fn saved_trial(bench: &Bench<Trains>, trial: u32) -> f64 {
    let file = bench.model().with_extension("front").join(format!("trial-{trial}.safetensors"));
    std::fs::read_to_string(file).unwrap().parse().unwrap()
}

#[test]
fn networks_of_the_worst_trials_are_dropped_beyond_the_limit_and_not_trained_again() {
    let is_saved = |bench: &Bench<Trains>, study: &Study| -> Vec<bool> {
        let candidates = Confirmation::of(study).unwrap().candidates;
        let folder = bench.model().with_extension("front");
        let file = |trial: u32| folder.join(format!("trial-{trial}.safetensors"));
        candidates.iter().map(|candidate| file(candidate.trial).exists()).collect()
    };
    let mut bench = front();
    let (_, study, _) = bench.run_through(4);
    assert_eq!(is_saved(&bench, &study), [true; 4]);
    // Each file is a number in decimals, of at most 32 bytes: the winner's and two or three more.
    let winner = std::fs::metadata(bench.model()).unwrap().len();
    bench = Bench { keep_disk: Some(2 * winner), ..front() };
    let (_, study, _) = bench.run_through(4);
    assert!(is_saved(&bench, &study)[0]);
    assert_eq!(is_saved(&bench, &study)[2..], [false; 2]);
    let (_, _, events) = bench.run_through(4);
    assert!(retrained(&events).is_empty(), "a dropped network was trained again");
    bench = Bench { keep_disk: Some(1), ..front() };
    let (_, study, _) = bench.run_through(4);
    assert_eq!(is_saved(&bench, &study), [false; 4]);
    assert!(bench.model().exists(), "the winner's network is always kept");
}

#[test]
fn a_file_at_the_place_of_a_network_is_that_network_or_goes() {
    let file = |bench: &Bench<Trains>, trial: u32| {
        bench.model().with_extension("front").join(format!("trial-{trial}.safetensors"))
    };
    // A dropped network is not trained again, and nothing else stands for it.
    let bench = Bench { keep_disk: Some(1), ..front() };
    let (_, study, _) = bench.run_through(4);
    let last = Confirmation::of(&study).unwrap().candidates[3].trial;
    std::fs::create_dir(bench.model().with_extension("front")).expect("an empty one has gone");
    std::fs::write(file(&bench, last), "of another study").unwrap();
    let (_, _, events) = bench.run_through(4);
    assert_eq!((retrained(&events), file(&bench, last).exists()), (Vec::new(), false));
    // Without a limit it is trained again; the winner's copy needs no training.
    let bench = front();
    let (_, study, _) = bench.run_through(4);
    let confirmation = Confirmation::of(&study).unwrap();
    let (winner, last) = (confirmation.winner().trial, confirmation.candidates[3].trial);
    let before = [winner, last].map(|trial| saved_trial(&bench, trial));
    [winner, last, 99]
        .iter()
        .for_each(|&trial| std::fs::write(file(&bench, trial), "of another study").unwrap());
    let (_, again, events) = bench.run_through(4);
    assert_eq!(retrained(&events), [last]);
    assert_eq!([winner, last].map(|trial| saved_trial(&bench, trial)), before);
    assert!(!file(&bench, 99).exists(), "a network of no trial stays in the folder");
    assert_eq!(again.attributes, study.attributes);
}

#[test]
fn the_whole_front_is_confirmed_tested_and_saved() {
    let bench = front();
    let (end, study, events) = bench.run_through(4);
    assert_eq!((end, confirmed(&events).len()), (End::Done, 8));
    let confirmation = Confirmation::of(&study).unwrap();
    assert!(confirmation.front);
    let mut trials = numbers(&confirmation.candidates);
    trials.sort_unstable();
    assert_eq!(trials, [0, 1, 2, 3]);
    for candidate in &confirmation.candidates {
        let own = values(candidate);
        let test: Vec<Option<f64>> = candidate.test.iter().map(|repeat| repeat.value).collect();
        assert_eq!(test, own.iter().map(|value| value.map(tested)).collect::<Vec<_>>());
        let best = own.iter().flatten().copied().fold(f64::INFINITY, f64::min);
        assert_eq!(saved_trial(&bench, candidate.trial), best);
        assert_eq!(candidate.host_throughput, Some(best.abs()));
        assert_eq!(candidate.repeats[0].values, [own[0].unwrap(), -own[0].unwrap()]);
    }
    let means: Vec<f64> = confirmation.candidates.iter().map(|one| one.spreads()[0].mean).collect();
    assert!(means.is_sorted(), "{means:?}");
    assert_eq!(saved(&bench), saved_trial(&bench, confirmation.winner().trial));
}

#[test]
fn a_lost_network_of_the_front_is_trained_again_and_no_other() {
    let bench = front();
    let (_, study, _) = bench.run_through(4);
    let last = Confirmation::of(&study).unwrap().candidates[3].trial;
    let before = saved_trial(&bench, last);
    let file = bench.model().with_extension("front").join(format!("trial-{last}.safetensors"));
    std::fs::remove_file(file).unwrap();
    let (_, again, events) = bench.run_through(4);
    assert_eq!((retrained(&events), saved_trial(&bench, last)), (vec![last], before));
    assert_eq!(again.attributes, study.attributes);
}

#[test]
fn the_rule_picks_by_the_means_over_fresh_seeds_and_keeps_that_network() {
    let mut bench = Bench { pick: Some("opposite within 1e9".parse().unwrap()), ..front() };
    let (_, study, _) = bench.run_through(4);
    let confirmation = Confirmation::of(&study).unwrap();
    let mean = |one: &Candidate| one.spreads()[0].mean;
    let most = confirmation.candidates.iter().map(mean).fold(f64::NEG_INFINITY, f64::max);
    assert_eq!(mean(confirmation.winner()), most, "the opposite of the first metric is least");
    assert_eq!(saved(&bench), saved_trial(&bench, confirmation.winner().trial));
    // With a few candidates, too, the picked one is tested, though others have better means.
    bench = Bench { pick: bench.pick.clone(), ..front() };
    bench.confirm = Confirm { candidates: 4, front: false, repeats: 2 };
    let (_, study, _) = bench.run_through(4);
    let confirmation = Confirmation::of(&study).unwrap();
    assert_eq!(mean(confirmation.winner()), most);
    assert!(confirmation.test.iter().all(|repeat| repeat.value.is_some()));
}
