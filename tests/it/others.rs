//! What other programs do with a study, and what reading leaves as it is.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::Value as Json;

use crate::support::{Ended, Tune, trials};

const SPACE: &str = r#"{"name": "s", "parameters": {
    "x": {"type": "float", "low": 0.0, "high": 1.0},
    "c": {"type": "categorical", "choices": ["a", "b"]},
    "m": {"type": "int", "low": 1, "high": 9, "when": {"c": ["b"]}}
}}"#;

/// Prints x as the value, and notes what it reads.
const SCRIPT: &str = r#"#!/bin/sh
read request
echo "$request" >> seen.txt
echo "{\"value\": $(echo "$request" | sed 's/.*"x":\([-0-9.e]*\).*/\1/')}"
"#;

fn folder() -> Tune {
    let tune = Tune::new();
    tune.file("s.json", SPACE);
    script(&tune, SCRIPT);
    tune
}

fn script(tune: &Tune, text: &str) {
    tune.file("train.sh", text);
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(tune.path("train.sh"), executable).expect("ours");
}

fn run(tune: &Tune, extra: &[&str]) -> Ended {
    let common = ["run", "--command", "./train.sh", "--space", "s.json", "--search", "random"];
    tune.run(&[&common[..], extra].concat())
}

/// Every file of the test's folder with its content, in order.
fn files(tune: &Tune) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(tune.path(".")).expect("a folder").map(|entry| entry.expect("an entry"));
    let files = entries.map(|entry| entry.path()).filter(|path| path.is_file());
    let mut files: Vec<_> = files.map(|path| (path.clone(), std::fs::read(path).expect("a file"))).collect();
    files.sort();
    files
}

/// A database as Optuna makes it, with `rows` and a study called p of one metric.
fn foreign(tune: &Tune, name: &str, rows: &str) {
    let schema = include_str!("../fixtures/optuna-schema.sql");
    let head = "INSERT INTO version_info VALUES (1, 12, '4.9.0');
        INSERT INTO alembic_version VALUES ('v3.2.0.a');
        INSERT INTO studies VALUES (1, 'p');
        INSERT INTO study_directions VALUES (1, 'MINIMIZE', 1, 0);";
    let database = Connection::open(tune.path(name)).expect("made");
    for sql in [schema, head, rows] {
        database.execute_batch(sql).expect("written");
    }
}

/// SQL for a complete trial with this number, stored value and one parameter of this distribution.
fn complete(number: u32, parameter: f64, distribution: &str, value: &str) -> String {
    let key = number + 1;
    format!(
        "INSERT INTO trials VALUES ({key}, {number}, 1, 'COMPLETE', '2026-01-31 10:00:00', '2026-01-31 10:00:01');
         INSERT INTO trial_params VALUES ({key}, {key}, 'x', {parameter:?}, '{distribution}');
         INSERT INTO trial_values VALUES ({key}, {key}, 0, {value});"
    )
}

/// SQL of Optuna's `enqueue_trial`.
fn enqueue(tune: &Tune, number: u32, parameters: &str) {
    let rows = format!(
        "INSERT INTO trials (number, study_id, state) VALUES ({number}, 1, 'WAITING');
         INSERT INTO trial_system_attributes (trial_id, key, value_json)
         VALUES (last_insert_rowid(), 'fixed_params', '{parameters}');"
    );
    Connection::open(tune.path("tune.db"))
        .and_then(|database| database.execute_batch(&rows))
        .expect("written");
}

fn journal_mode(file: &Path) -> String {
    let database = Connection::open(file).expect("opened");
    database.pragma_query_value(None, "journal_mode", |row| row.get(0)).expect("read")
}

#[test]
fn commands_that_read_leave_every_file_as_it_is() {
    let tune = folder();
    let float = r#"{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}"#;
    foreign(&tune, "o.db", &complete(0, 0.5, float, "0.25, 'FINITE'"));
    run(&tune, &["--budget", "2", "--quiet"]).success();
    let before = files(&tune);
    let names: Vec<_> = before.iter().filter_map(|(path, _)| path.file_name()?.to_str()).collect();
    assert!(!names.iter().any(|name| name.ends_with("-wal") || name.ends_with("-shm")), "{names:?}");
    for storage in ["o.db", "tune.db", "sqlite:///o.db", "sqlite+pysqlite:///./tune.db"] {
        for command in
            [&["show"][..], &["status"], &["status", "--json"], &["export", "csv"], &["export", "jsonl"]]
        {
            tune.run(&[command, &["--storage", storage]].concat()).success();
            assert!(files(&tune) == before, "{command:?} --storage {storage} changed a file");
        }
    }
    let whole = format!("sqlite:///{}", tune.path("o.db").display());
    assert!(whole.starts_with("sqlite:////"));
    assert!(tune.run(&["show", "--storage", &whole]).success().stdout.contains("1 complete"));
    tune.run(&["show", "--storage", "sqlite:///gone.db"]).refused(&["gone.db", "no such file"]);
    tune.run(&["show", "--storage", "mysql://h/d"]).refused(&["mysql://h/d", "sqlite:///FILE"]);
    assert!(files(&tune) == before);
}

#[test]
fn a_study_of_older_optuna_with_deleted_trials_is_shown_and_gone_on_with() {
    let tune = folder();
    let of = |name: &str, attributes: &str| format!(r#"{{"name": "{name}", "attributes": {attributes}}}"#);
    let rows = [
        complete(1, 0.5, &of("UniformDistribution", r#"{"low": 0.0, "high": 1.0}"#), "0.5, 'FINITE'"),
        complete(2, 0.1, &of("LogUniformDistribution", r#"{"low": 0.01, "high": 1.0}"#), "0.1, 'FINITE'"),
        complete(
            4,
            0.75,
            &of("DiscreteUniformDistribution", r#"{"low": 0, "high": 1, "q": 0.25}"#),
            "NULL, 'INF_NEG'",
        ),
        complete(
            7,
            3.0,
            &of("IntUniformDistribution", r#"{"low": 1, "high": 9, "step": 2}"#),
            "NULL, 'INF_POS'",
        ),
        complete(8, 4.0, &of("IntLogUniformDistribution", r#"{"low": 1, "high": 9}"#), "4.0, 'FINITE'"),
        complete(
            9,
            1.0,
            &of("CategoricalDistribution", r#"{"choices": ["a", [1, 2], NaN]}"#),
            "5.0, 'FINITE'",
        ),
        complete(
            10,
            7.5,
            &of("IntDistribution", r#"{"log": false, "step": 1, "low": 1, "high": 9}"#),
            "6.0, 'FINITE'",
        ),
    ];
    foreign(&tune, "tune.db", &rows.join("\n"));
    let shown = tune.run(&["show"]).success().stdout;
    assert!(shown.starts_with("p: 7 complete,"), "{shown}");
    let first = shown.lines().nth(1).expect("the best trial");
    assert_eq!(first.trim(), "trial 2   0.1000  x=0.1", "no infinite value is the best");
    let table = tune.run(&["export", "csv"]).success().stdout;
    let cells: Vec<&str> =
        table.lines().skip(1).map(|line| line.split(",2026").next().expect("a line")).collect();
    let expected = [
        "1,complete,0.5,0.5",
        "2,complete,0.1,0.1",
        "4,complete,0.75,-inf",
        "7,complete,3,inf",
        "8,complete,4,4",
        "9,complete,\"[1,2]\",5",
        "10,complete,7.5,6",
    ];
    assert_eq!(cells, expected);
    // A study of ours in the same database gets its own numbers, and the journal stays.
    run(&tune, &["--budget", "3", "--quiet", "--study", "q"]).success();
    assert_eq!(journal_mode(&tune.path("tune.db")), "delete");
    let delete = "PRAGMA foreign_keys = OFF; DELETE FROM trials WHERE study_id = 2 AND number = 1";
    Connection::open(tune.path("tune.db"))
        .and_then(|database| database.execute_batch(delete))
        .expect("deleted");
    run(&tune, &["--budget", "4", "--quiet", "--study", "q"]).success();
    let status = tune.run(&["status", "--study", "q", "--json"]).success().stdout;
    let status: Json = serde_json::from_str(&status).expect("JSON");
    assert_eq!(status["states"]["complete"], 4);
    let table = tune.run(&["export", "csv", "--study", "q"]).success().stdout;
    let numbers: Vec<&str> = table.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(numbers, ["0", "2", "3", "4"]);
}

#[test]
fn enqueued_trials_are_run_as_they_are_or_fail_with_a_reason() {
    let tune = folder();
    run(&tune, &["--budget", "1", "--quiet"]).success();
    for (number, parameters) in [
        (1, r#"{"c": "b", "x": 0.000125, "m": 3}"#),
        (2, r#"{"x": 7.5, "c": "a"}"#),
        (3, r#"{"x": 0.5, "c": "a", "m": 3}"#),
        (4, r#"{"x": 0.5, "lr": 1}"#),
        (5, r#"{"x": "wide"}"#),
        (6, r#"{"x": 1}"#),
    ] {
        enqueue(&tune, number, parameters);
    }
    std::fs::remove_file(tune.path("seen.txt")).expect("one trial ran");
    let ended = run(&tune, &["--budget", "7"]).success();
    for line in [
        "trial 2: failed: enqueued: x = 7.5 is outside the space s: must be a number from 0.0 to 1.0",
        "trial 3: failed: enqueued: m = 3 is not active in the space s",
        "trial 4: failed: enqueued: unknown parameter \"lr\" in the space s",
        "trial 5: failed: enqueued: x = wide is outside the space s",
    ] {
        assert_eq!(
            ended.stderr.lines().filter(|told| told.starts_with(line)).count(),
            1,
            "{line}: {}",
            ended.stderr
        );
    }
    let seen = tune.read("seen.txt");
    let seen: Vec<Json> = seen.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let parameters: Vec<String> = seen.iter().map(|request| request["parameters"].to_string()).collect();
    assert_eq!(parameters, [r#"{"x":0.000125,"c":"b","m":3}"#, r#"{"x":1.0,"c":"a"}"#]);
    let best = tune.json("best.json");
    assert_eq!(best["trial"], 1);
    assert_eq!(best["hyperparameters"].to_string(), parameters[0]);
    // What Optuna reads: its parameters are there.
    let stored = "SELECT COUNT(*) FROM trial_params JOIN trials USING (trial_id) WHERE number = 1";
    let database = Connection::open(tune.path("tune.db")).expect("opened");
    assert_eq!(database.query_row(stored, [], |row| row.get::<_, u32>(0)), Ok(3));
    for export in ["csv", "jsonl", "optuna-journal"] {
        tune.run(&["export", export]).success();
    }
}

#[test]
fn ask_tells_of_an_enqueued_trial_that_it_cannot_give() {
    let tune = folder();
    tune.run(&["ask", "--study", "k", "--space", "s.json"]).success();
    enqueue(&tune, 1, r#"{"x": 2, "c": "b"}"#);
    enqueue(&tune, 2, r#"{"c": "b", "m": 2.0}"#);
    let asked = tune.run(&["ask", "--study", "k"]).success();
    assert_eq!(asked.stderr.lines().count(), 1, "{}", asked.stderr);
    assert!(asked.stderr.starts_with("trial 1: failed: enqueued: x = 2.0 is outside"), "{}", asked.stderr);
    let asked: Json = serde_json::from_str(&asked.stdout).expect("JSON");
    assert_eq!(asked["point"].to_string(), r#"{"x":0.5,"c":"b","m":2}"#);
}

#[test]
fn a_running_trial_of_another_program_is_left_to_it() {
    let tune = folder();
    run(&tune, &["--budget", "1", "--quiet"]).success();
    let rows = "INSERT INTO trials (number, study_id, state) VALUES (1, 1, 'RUNNING')";
    Connection::open(tune.path("tune.db"))
        .and_then(|database| database.execute_batch(rows))
        .expect("written");
    run(&tune, &["--budget", "3", "--quiet"]).success();
    let states: Vec<String> = trials(&tune).into_iter().map(|trial| trial.1).collect();
    assert_eq!(states, ["COMPLETE", "RUNNING", "COMPLETE"]);
}

/// Runs five trials, the third of which does `harm` to the database.
fn harmed(harm: &str) -> (Tune, Ended) {
    let tune = folder();
    let text = SCRIPT.replace("echo \"{", &format!("[ $(wc -l < seen.txt) = 3 ] && {harm}\necho \"{{"));
    script(&tune, &text);
    let ended = run(&tune, &["--budget", "5", "--quiet"]);
    assert_eq!(ended.code, Some(5), "{harm}: {}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{harm}: {}", ended.stderr);
    (tune, ended)
}

#[test]
fn a_database_that_is_deleted_or_replaced_during_a_run_is_saved_with_all_results() {
    for (harm, what) in [
        ("rm tune.db tune.db-wal tune.db-shm", "was deleted while it was in use"),
        ("rm tune.db", "was deleted while it was in use"),
        ("mv tune.db elsewhere.db", "was deleted while it was in use"),
        ("cp tune.db new.db && mv new.db tune.db", "was replaced by another file while it was in use"),
    ] {
        let (tune, ended) = harmed(harm);
        let line =
            format!("error: tune.db: {what}: all trials are saved in tune.db.saved: name it with --storage");
        assert!(ended.stderr.starts_with(&line), "{harm}: {}", ended.stderr);
        let status = tune.run(&["status", "--json", "--storage", "tune.db.saved"]).success().stdout;
        let status: Json = serde_json::from_str(&status).expect("JSON");
        assert_eq!(status["states"]["complete"], 3, "{harm}");
        run(&tune, &["--budget", "5", "--quiet", "--storage", "tune.db.saved"]).success();
        assert_eq!(tune.read("seen.txt").lines().count(), 5, "{harm}: no trial ran twice");
    }
}

#[test]
fn a_database_whose_tables_are_gone_is_told_in_one_line() {
    let drop = r#"sqlite "DROP TABLE trial_values""#;
    let tune = folder();
    // Without a program for SQLite, a second thread of the test drops the table.
    let text = SCRIPT.replace(
        "echo \"{",
        "[ $(wc -l < seen.txt) = 2 ] && { touch now; while [ -e now ]; do sleep 0.05; done; }\necho \"{",
    );
    script(&tune, &text);
    let now = tune.path("now");
    let ended = std::thread::scope(|scope| {
        let dropper = scope.spawn(|| {
            while !now.exists() {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            let database = Connection::open(tune.path("tune.db")).expect("opened");
            database.execute_batch("PRAGMA foreign_keys = OFF; DROP TABLE trial_values").expect(drop);
            std::fs::remove_file(&now).expect("made by the script");
        });
        let ended = run(&tune, &["--budget", "5", "--quiet"]);
        dropper.join().expect("no panic");
        ended
    });
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    let [first, second] =
        ["error: the result of trial 1 is not stored (value ", "no such table: trial_values: restore it"];
    assert!(ended.stderr.starts_with(first) && ended.stderr.contains(second), "{}", ended.stderr);
}

#[test]
fn a_complete_trial_without_values_is_named() {
    let tune = folder();
    run(&tune, &["--budget", "2", "--quiet"]).success();
    let delete = "DELETE FROM trial_values WHERE trial_id = 2";
    Connection::open(tune.path("tune.db"))
        .and_then(|database| database.execute_batch(delete))
        .expect("deleted");
    tune.run(&["show"])
        .refused(&["tune.db: trial 1: 0 values of a complete trial: must be one for each metric"]);
}

#[test]
fn a_study_starts_from_what_tune_exports() {
    let tune = folder();
    script(&tune, &SCRIPT.replace("echo \"{", "case $request in *'\"b\"'*) exit 1;; esac\necho \"{"));
    run(&tune, &["--budget", "6", "--quiet", "--seed", "3", "--study", "earlier"]).success();
    for kind in ["csv", "jsonl"] {
        let file = format!("own.{kind}");
        tune.run(&["export", kind, "--study", "earlier", "-o", &file]).success();
    }
    let failed = trials(&tune).iter().filter(|trial| trial.1 == "FAIL").count();
    assert!(failed > 0, "both are in the table");
    let remark = |source: &str, study: &str| {
        let ended = run(&tune, &["--budget", "1", "--study", study, "--warm-start", source]).success();
        ended.stderr.lines().next().expect("a remark").replace(source, "SOURCE")
    };
    let expected = format!("6 results of SOURCE are known before the first trial ({failed} of them failed)");
    for (source, study) in [("own.csv", "a"), ("own.jsonl", "b"), ("earlier", "c")] {
        assert_eq!(remark(source, study), expected);
    }
    // One trial in which the condition of m does not hold: the table has its column all the same.
    let alone = folder();
    let one = ["--budget", "1", "--quiet", "--study", "one"];
    run(&alone, &one).success();
    alone.run(&["export", "csv", "-o", "one.csv"]).success();
    assert!(alone.read("one.csv").starts_with("trial,state,x,c,m,value,"), "{}", alone.read("one.csv"));
    run(&alone, &["--budget", "2", "--study", "two", "--warm-start", "one.csv"]).success();
    // So did older versions without it.
    alone.file("older.csv", "value,c,x\n0.5,a,0.5\n0.25,b,0.25\n");
    let ended = run(&alone, &["--budget", "2", "--study", "three", "--warm-start", "older.csv"]).success();
    assert!(
        ended.stderr.contains(
            "1 results of older.csv are known before the first trial; 1 are left out: row 2: m is missing"
        ),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_failing_script_ends_the_study_early_and_is_tried_again_once_it_is_mended() {
    let tune = folder();
    let broken = "#!/bin/sh\necho 'no module named torch' >&2\nexit 1\n";
    script(&tune, broken);
    let ended = run(&tune, &["--budget", "50"]);
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert_eq!(trials(&tune).len(), 10);
    let last = ended.stderr.lines().last().expect("a line");
    let expected = "no trial of s-random-0 has a value, 10 failed, the last one, trial 9: ended with exit code 1: \
        no module named torch: mend it, then run the same command with --retry-failed";
    assert_eq!(last, expected);
    assert!(ended.stderr.contains("max-failures=10"), "{}", ended.stderr);
    // The same again runs nothing; more are tried where that is asked for.
    assert_eq!(run(&tune, &["--budget", "50", "--quiet"]).code, Some(4));
    assert_eq!(trials(&tune).len(), 10);
    assert_eq!(run(&tune, &["--budget", "12", "--quiet", "--max-failures", "0"]).code, Some(4));
    assert_eq!(trials(&tune).len(), 12);
    script(&tune, SCRIPT);
    let ended = run(&tune, &["--budget", "14", "--retry-failed"]).success();
    let changed = "./train.sh has changed since the last run of the study: its trials keep their results; \
        --retry-failed tries failed ones again, --fresh begins anew";
    for line in [changed, "12 failed trials are tried again"] {
        assert_eq!(ended.stderr.lines().filter(|told| *told == line).count(), 1, "{line}: {}", ended.stderr);
    }
    assert_eq!(tune.read("seen.txt").lines().count(), 14);
    let states: Vec<String> = trials(&tune).into_iter().map(|trial| trial.1).collect();
    assert_eq!(states.iter().filter(|state| *state == "COMPLETE").count(), 14);
    let ended = run(&tune, &["--budget", "14", "--retry-failed"]).success();
    assert!(
        ended.stderr.contains("--retry-failed: no failed trial is left to try again"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("has changed"), "{}", ended.stderr);
    run(&tune, &["--retry-failed", "--fresh"]).refused(&["--retry-failed", "--fresh"]);
}
