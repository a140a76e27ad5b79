//! Studies, networks and results that version 0.1 wrote stay of use: `tests/fixtures/0.1/`.
#![cfg(unix)]

use std::path::Path;

use rusqlite::Connection;
use serde_json::Value as Json;

use crate::support::{Ended, Tune, project, validate};

/// The study that `best.json` is of.
const DIGITS: &str = "digits-small-ideal-bayes-0";

/// A folder with a copy of all files of version 0.1.
fn folder() -> Tune {
    let tune = Tune::new();
    copy(&project().join("tests/fixtures/0.1"), &tune.path(""));
    tune
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let from = entry.expect("an entry").path();
        let to = to.join(from.file_name().expect("a name"));
        if from.is_dir() {
            std::fs::create_dir(&to).expect("a folder");
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("a copy");
        }
    }
}

fn words(command: &str) -> Vec<&str> {
    command.split_whitespace().collect()
}

fn run(tune: &Tune, command: &str) -> Ended {
    tune.run(&words(command))
}

/// `tune run` as `make.sh` calls it, with `command` for the trials.
fn run_command(tune: &Tune, command: &str, rest: &str) -> Ended {
    let args = ["run", "--space", "bowl.json", "--command", command, "--out", "other.json"];
    tune.run(&[&args[..], &words(rest)].concat())
}

/// One trial: number, state, parameters, values, and values of steps, with all digits of a float.
type Row = (u32, String, String, String, Vec<(u32, String)>);

fn rows(tune: &Tune, study: &str) -> Vec<Row> {
    let database = Connection::open(tune.path("tune.db")).expect("the database");
    let query = "
        SELECT number, state,
            (SELECT json_group_array(param_name || '=' || printf('%!.17g', param_value)) FROM trial_params p
                WHERE p.trial_id = t.trial_id),
            (SELECT json_group_array(printf('%!.17g', value)) FROM trial_values v WHERE v.trial_id = t.trial_id),
            (SELECT json_group_array(json_array(step, printf('%!.17g', intermediate_value)))
                FROM trial_intermediate_values i WHERE i.trial_id = t.trial_id)
        FROM trials t JOIN studies USING (study_id) WHERE study_name = ?1 ORDER BY number";
    let mut statement = database.prepare(query).expect("Optuna's tables");
    let rows = statement.query_map([study], |row| {
        let steps: String = row.get(4)?;
        let steps = serde_json::from_str(&steps).expect("pairs");
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, steps))
    });
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

/// Checks that the trials which had ended are unchanged. The others keep parameters and steps.
#[track_caller]
fn kept(before: &[Row], after: &[Row]) {
    assert!(after.len() >= before.len(), "{} trials are gone", before.len() - after.len());
    for (old, new) in before.iter().zip(after) {
        match old.1.as_str() {
            "COMPLETE" | "FAIL" => assert_eq!(new, old),
            _ => {
                assert_eq!((new.0, &new.2), (old.0, &old.2));
                assert!(new.4.starts_with(&old.4), "{:?} begins otherwise than {:?}", new.4, old.4);
            }
        }
    }
}

fn count(rows: &[Row], state: &str) -> usize {
    rows.iter().filter(|row| row.1 == state).count()
}

/// The distinct answers of a query, in their order.
fn texts(query: &str) -> Vec<String> {
    let tune = folder();
    let database = Connection::open(tune.path("tune.db")).expect("the database");
    let mut statement = database.prepare(query).expect("Optuna's tables");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("text")).collect()
}

#[test]
fn the_files_are_of_that_version_and_have_its_names_of_everything() {
    let version = "SELECT DISTINCT value_json FROM study_system_attributes WHERE key = 'tune:version'";
    assert_eq!(texts(version), [r#""0.1.0""#]);
    let of_trials = "SELECT DISTINCT key FROM trial_system_attributes ORDER BY key";
    let names = ["failed_trial", "retry_history", "tune:course", "tune:model", "tune:retried", "tune:worker"];
    assert_eq!(texts(of_trials), names);
    let of_studies = "SELECT DISTINCT key FROM study_system_attributes WHERE key LIKE 'tune:%' ORDER BY key";
    let names = "confirmation data_shape external_setup identity job prior reference retried setup space stopped \
                 version";
    let found = texts(of_studies);
    let found: Vec<&str> = found.iter().map(|key| key.trim_start_matches("tune:")).collect();
    assert_eq!(found, words(names));
}

#[test]
fn studies_are_shown_with_their_best_trials() {
    let tune = folder();
    let shown = |study: &str, counts: &str, parts: &[&str]| {
        let text = run(&tune, &format!("show --study {study}")).success().stdout;
        assert!(text.starts_with(&format!("{study}: {counts}")), "{text}");
        for part in parts {
            assert!(text.contains(part), "{study}: no {part:?} in {text}");
        }
    };
    let winner =
        ["trial 7  0.9340  hidden_layers=1 width_1=12", "trial 2 of 8", "\nnetwork\nlayer", "8x8x1-10-20"];
    shown(DIGITS, "8 complete, 0 paused", &winner);
    shown("paused", "4 complete, 4 paused, 0 pruned", &["trial 4  0.9583  hidden_layers=1 width_1=13"]);
    shown("halved", "1 complete, 2 paused, 0 pruned, 0 failed, 1 running", &["trial 0  0.9583"]);
    shown("steps", "1 complete, 2 paused, 0 pruned, 1 failed, 1 running", &["trial 0  1.694  x=0.0 n=4"]);
    shown("fitted", "45 complete, 0 paused, 0 pruned, 17 failed", &["trial 33  2.000e-10", "exit code 1"]);
    let front = ["front of loss, size: 2 trials", "no improvement in 3 trials"];
    shown("front", "4 complete, 0 paused, 0 pruned, 1 failed", &front);
    shown("warm", "3 complete", &["trial 0  0.9028"]);
    shown("worked", "3 complete, 0 paused, 0 pruned, 1 failed, 1 running", &["trial 4  1.250"]);
    let status: Json =
        serde_json::from_str(&run(&tune, "status --study worked --json").success().stdout).expect("JSON");
    let expected = [("budget", 6), ("charged", 5), ("retried", 1)];
    assert!(expected.iter().all(|(key, value)| status[key] == *value), "{status}");
    assert_eq!((&status["workers"][0]["name"], &status["workers"][2]["ended"]), (&"gone".into(), &4.into()));
}

#[test]
fn the_command_of_best_json_tells_the_same_again_and_goes_on_with_a_larger_budget() {
    let tune = folder();
    let (old, trials) = (tune.json("best.json"), rows(&tune, DIGITS));
    let command = old["command"].as_str().expect("a command").strip_prefix("tune ").expect("this program");
    run(&tune, command).success();
    assert_eq!(rows(&tune, DIGITS), trials);
    let new = tune.json("best.json");
    validate("best", &new);
    for key in ["study", "trial", "hyperparameters", "searched", "validation", "test", "default"] {
        assert_eq!(new[key], old[key], "{key}");
    }
    // A form of another number may have other names.
    if new["schema"] == old["schema"] {
        validate("best", &old);
    }
    run(&tune, &command.replace("--budget 8", "--budget 10")).success();
    let more = rows(&tune, DIGITS);
    assert_eq!((&more[..8], more.len()), (&trials[..], 10));
    assert_eq!(tune.json("best.json")["trials"], 10);
}

#[test]
fn a_network_scores_what_it_did() {
    let tune = folder();
    let score = run(&tune, "eval best.safetensors --dataset digits --json").success();
    let score: Json = serde_json::from_str(&score.stdout).expect("JSON");
    validate("eval", &score);
    let (old, best) = (tune.json("eval.json"), tune.json("best.json"));
    for key in ["accuracy", "samples", "dataset_sha256"] {
        assert_eq!(score[key], old[key], "{key}");
    }
    assert!(best["test"]["values"].as_array().expect("a list").contains(&score["accuracy"]));
}

#[test]
fn trials_are_exported() {
    let tune = folder();
    let table = run(&tune, &format!("export csv --study {DIGITS}")).success().stdout;
    let winner = "2,complete,1,10,2,true,adam,0.014964590775241308,surrogate,17,0.9097222222222222,";
    assert!(table.lines().nth(3).is_some_and(|line| line.starts_with(winner)), "{table}");
    let lines = run(&tune, "export jsonl --study halved").success().stdout;
    let lines: Vec<Json> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    lines.iter().for_each(|line| validate("trial", line));
    let states: Vec<&Json> = lines.iter().map(|line| &line["state"]).collect();
    assert_eq!(states, ["complete", "pruned", "running", "pruned"]);
    let journal = run(&tune, "export optuna-journal --study worked").success().stdout;
    assert!(journal.contains("retry_history"), "{journal}");
}

#[test]
fn results_begin_other_studies_and_a_study_that_they_began_goes_on() {
    let tune = folder();
    let common = format!("--dataset digits --space small.json --confirm 0 --warm-start {DIGITS}");
    let new = run(&tune, &format!("{common} --seed 1 --study new --budget 2 --out other.json")).success();
    assert!(new.stderr.contains(&format!("8 results of {DIGITS}")), "{}", new.stderr);
    let before = rows(&tune, "warm");
    run(&tune, &format!("{common} --study warm --budget 4 --out other.json")).success();
    let after = rows(&tune, "warm");
    assert_eq!((&after[..3], after.len()), (&before[..], 4));
    // The best of what was known comes after the default.
    let best = rows(&tune, DIGITS)[7].2.clone();
    assert_eq!((&before[1].2, &rows(&tune, "new")[1].2), (&best, &best));
}

#[test]
fn paused_trials_go_on_from_their_checkpoints() {
    let halved = "--dataset iris --space long.json --study halved --fidelity asha --budget 12 --confirm 0 \
                  --out other.json";
    let beside = |tune: &Tune| tune.path("tune.db.paused");
    // In a folder that was named they lie under the study's identity.
    let named = |tune: &Tune| {
        let database = Connection::open(tune.path("tune.db")).expect("the database");
        let query = "SELECT value_json FROM study_system_attributes JOIN studies USING (study_id)
            WHERE key = 'tune:identity' AND study_name = 'halved'";
        let identity: String = database.query_row(query, [], |row| row.get(0)).expect("an identity");
        tune.path("states").join(identity.trim_matches('"'))
    };
    let go_on = |tune: &Tune, args: &str| {
        let before = rows(tune, "halved");
        let ended = run(tune, args).success();
        let after = rows(tune, "halved");
        kept(&before, &after);
        assert_eq!((after.len(), count(&after, "RUNNING")), (12, 0));
        let goes_on = |(old, new): (&Row, &Row)| old.1 == "RUNNING" && new.4.len() > old.4.len();
        assert!(before.iter().zip(&after).any(goes_on), "{after:?}");
        ended.stderr.contains("run from the start")
    };
    assert!(!go_on(&folder(), halved));
    let moved = folder();
    std::fs::create_dir(moved.path("states")).expect("a folder");
    std::fs::rename(beside(&moved), named(&moved)).expect("checkpoints");
    assert!(!go_on(&moved, &format!("{halved} --states states")));
    let gone = folder();
    std::fs::remove_dir_all(beside(&gone)).expect("checkpoints");
    assert!(go_on(&gone, halved));
}

#[test]
fn the_model_goes_on_with_paused_trials() {
    let tune = folder();
    let before = rows(&tune, "paused");
    let paused = "--dataset iris --space small.json --study paused --fidelity bayes --budget 12 --confirm 0";
    let ended = run(&tune, &format!("{paused} --out other.json")).success();
    assert!(!ended.stderr.contains("run from the start"), "{}", ended.stderr);
    let after = rows(&tune, "paused");
    kept(&before, &after);
    assert_eq!((after.len(), count(&after, "RUNNING")), (12, 0));
}

#[test]
fn a_command_goes_on_from_its_checkpoints() {
    let tune = folder();
    let before = rows(&tune, "steps");
    let rest = "--metric loss:minimize --study steps --fidelity asha --steps 9 --budget 12";
    let ended = run_command(&tune, "./train.sh", rest).success();
    assert!(!ended.stderr.contains("run from the start"), "{}", ended.stderr);
    let after = rows(&tune, "steps");
    kept(&before, &after);
    assert_eq!((after.len(), count(&after, "RUNNING")), (12, 0));
    assert_eq!((before[4].1.as_str(), before[4].4.len()), ("RUNNING", 1));
    assert!(after[4].4.len() > 1, "{:?}", after[4]);
    let failures = run(&tune, "show --study steps").success().stdout;
    assert!(!failures.contains("exit code 9"), "a checkpoint was not the one of its trial: {failures}");
}

#[test]
fn fits_that_trials_carry_are_known() {
    // How many fits two new trials carry: those that nobody had kept before.
    let new_fits = |forgotten: bool| {
        let tune = folder();
        let database = Connection::open(tune.path("tune.db")).expect("the database");
        if forgotten {
            let gone = database.execute("DELETE FROM trial_system_attributes WHERE key = 'tune:model'", []);
            assert_eq!(gone, Ok(1));
        }
        let before = rows(&tune, "fitted");
        let rest = "--metric loss:minimize --study fitted --budget 64";
        run_command(&tune, "./train.sh", rest).success();
        let after = rows(&tune, "fitted");
        assert_eq!((&after[..62], after.len()), (&before[..], 64));
        let query = "SELECT count(*) FROM trial_system_attributes JOIN trials USING (trial_id)
            JOIN studies USING (study_id) WHERE study_name = 'fitted' AND number >= 62";
        database.query_row(query, [], |row| row.get::<_, u32>(0)).expect("a count")
    };
    assert_eq!((new_fits(false), new_fits(true)), (0, 1));
}

#[test]
fn a_search_knows_what_is_kept_with_its_study() {
    // Parameters of the trial that comes next, with the fact or without.
    let next = |study: &str, fact: &str, command: &str| {
        [true, false].map(|is_kept| {
            let tune = folder();
            let database = Connection::open(tune.path("tune.db")).expect("the database");
            if !is_kept {
                let query = "DELETE FROM study_system_attributes WHERE key = ?1";
                assert_eq!(database.execute(query, [fact]), Ok(1));
            }
            run(&tune, command).success();
            rows(&tune, study).pop().expect("a trial").2
        })
    };
    let [known, forgotten] = next("warm", "tune:prior", "worker --study warm --threads 1 --quiet");
    assert_ne!(known, forgotten, "results from elsewhere");
    let [known, forgotten] = next("front", "tune:reference", "ask --study front");
    assert_ne!(known, forgotten, "a reference");
}

#[test]
fn a_study_that_a_rule_has_ended_stays_so_under_the_same_command() {
    let tune = folder();
    let before = rows(&tune, "front");
    let rest = "--metric loss:minimize --metric size:minimize --study front --reference 30,8 --replicates 2 \
                --stop-when stagnation=3 --budget 12";
    run_command(&tune, "./train.sh two", rest).success();
    assert_eq!(rows(&tune, "front"), before);
    let best = tune.json("other.json");
    validate("best", &best);
    assert!(best.to_string().contains("no improvement in 3 trials"), "{best}");
    assert_eq!(best["front"].as_array().map(Vec::len), Some(2));
}

#[test]
fn workers_join_and_take_the_trials_of_those_that_are_gone() {
    let tune = folder();
    let work = |study: &str| {
        let before = rows(&tune, study);
        run(&tune, &format!("worker --study {study} --threads 1 --quiet")).success();
        let after = rows(&tune, study);
        kept(&before, &after);
        assert_eq!(count(&after, "COMPLETE") + count(&after, "FAIL"), after.len());
        after
    };
    assert_eq!(work("prepared").len(), 4);
    let worked = work("worked");
    // The sixth point is tried again, as the first was before; then there is room for one more.
    assert_eq!((worked.len(), worked[5].1.as_str(), worked[6].1.as_str()), (8, "FAIL", "COMPLETE"));
    assert_eq!(worked[6].2, worked[5].2);
    let status = run(&tune, "status --study worked --json").success().stdout;
    let status: Json = serde_json::from_str(&status).expect("JSON");
    assert_eq!((&status["charged"], &status["retried"]), (&6.into(), &2.into()), "{status}");
}

#[test]
fn a_trial_that_was_asked_for_is_told_and_the_next_is_asked_for() {
    let tune = folder();
    let told = run(&tune, "tell --study asked --trial 1 --value 2.5").success().stdout;
    assert!(told.contains(r#""best":{"trial":1,"values":[2.5]}"#), "{told}");
    let asked: Json = serde_json::from_str(&run(&tune, "ask --study asked").success().stdout).expect("JSON");
    assert_eq!(asked["trial"], 2);
    let values: Vec<String> = rows(&tune, "asked").into_iter().map(|row| row.3).collect();
    assert_eq!(values, [r#"["3.0"]"#, r#"["2.5"]"#, "[]"]);
}
