//! Optuna reads our studies and goes on with them, and we read what it did.
//!
//! Needs a Python that imports Optuna (`pip install -r tests/python/requirements.txt`): `python3`, or the
//! interpreter that TUNE_PYTHON names. Without one the tests are listed as ignored; those on PostgreSQL also
//! where there is none, or Python has no psycopg, and those of plots without plotly and scikit-learn.

#[cfg(unix)]
mod server;

use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial as Test};
use serde_json::{Value as Json, json};
use spiketune::space::{Point, Space};
use spiketune::storage::{Claim, Location, Storage, StudyKey};
use spiketune::study::{Attributes, Failure, FailureKind, Metric, Outcome, SPACE, Study, Trial, TrialState};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python");

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let python = std::env::var("TUNE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    type Body = fn(&str, Kind) -> Result<(), Failed>;
    let bodies: [(&str, Body); 5] = [
        ("optuna_reads_every_trial_of_one_metric_and_goes_on", one_metric),
        ("optuna_draws_what_was_searched_and_goes_on", drawn),
        ("scripts_that_use_optuna_and_workers_share_a_study", shared),
        ("what_optuna_enqueues_is_run_as_it_is_or_fails_and_optuna_reads_it", enqueued),
        ("optuna_reads_values_constraints_and_front_of_two_metrics", two_metrics),
    ];
    let mut tests = Vec::new();
    let replays = "sqlite::optuna_replays_the_journal_of_a_study_and_goes_on";
    let replay = {
        let python = python.clone();
        move || journal(&python)
    };
    tests.push(Test::test(replays, replay).with_ignored_flag(!imports(&python, "optuna")));
    for (kind, is_missing) in [
        (Kind::Sqlite, !imports(&python, "optuna")),
        (Kind::Postgresql, !has_postgresql() || !imports(&python, "optuna, psycopg")),
    ] {
        for (name, body) in bodies {
            let (name, python) = (format!("{kind:?}::{name}").to_lowercase(), python.clone());
            let needs_more = name.ends_with("goes_on") && name.contains("draws");
            let is_missing = is_missing || needs_more && !imports(&python, "plotly, sklearn");
            tests.push(Test::test(name, move || body(&python, kind)).with_ignored_flag(is_missing));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, tests);
    #[cfg(unix)]
    if let Some(server) = SERVER.get() {
        server.down("immediate");
    }
    conclusion.exit_code()
}

fn imports(python: &str, modules: &str) -> bool {
    let import = format!("import {modules}");
    Command::new(python).args(["-c", &import]).output().is_ok_and(|output| output.status.success())
}

/// Which of the two databases.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Sqlite,
    Postgresql,
}

#[cfg(unix)]
static SERVER: std::sync::OnceLock<server::Server> = std::sync::OnceLock::new();

#[cfg(unix)]
fn has_postgresql() -> bool {
    server::programs().is_some()
}

#[cfg(not(unix))]
fn has_postgresql() -> bool {
    false
}

/// Where we and where Optuna find a new database; the folder is for one that is a file.
#[cfg(unix)]
fn new_database(kind: Kind, folder: &Path) -> (String, String) {
    if let Kind::Sqlite = kind {
        let file = folder.join("studies.db").display().to_string();
        return (file.clone(), format!("sqlite:///{file}"));
    }
    let server = SERVER.get_or_init(server::Server::start);
    let address = server.database();
    let optunas = address.replace("postgresql://", "postgresql+psycopg://");
    let (host, database) = (server.folder().display(), optunas.rsplit_once('/').expect("an address").1);
    let optunas = format!("postgresql+psycopg://tune@/{database}?host={host}&port={}", server.port());
    (address, optunas)
}

#[cfg(not(unix))]
fn new_database(_kind: Kind, folder: &Path) -> (String, String) {
    let file = folder.join("studies.db").display().to_string();
    (file.clone(), format!("sqlite:///{file}"))
}

/// A database, removed at the end, with one study called `study`.
struct Database {
    folder: tempfile::TempDir,
    /// Where Optuna finds it.
    url: String,
    storage: Box<dyn Storage>,
    study: StudyKey,
}

impl Database {
    fn new(kind: Kind, metrics: &[Metric]) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let (place, url) = new_database(kind, folder.path());
        let mut storage = place.parse::<Location>()?.open()?;
        let about = attributes([("tune:seed", json!(7)), ("data", json!("größe"))]);
        let study = storage.create_study("study", metrics, &about)?;
        Ok(Self { folder, url, storage, study })
    }

    fn claim(&mut self, change: impl FnOnce(&mut Point)) -> Result<Claim, Failed> {
        let space = space()?;
        let mut point = space.default_point();
        change(&mut point);
        let internal = attributes([("tune:origin", json!("default"))]);
        let claim = self.storage.claim(self.study, &space, &point, &internal, 100)?;
        claim.ok_or_else(|| "the budget is spent".into())
    }

    fn complete(&mut self, values: &[f64], constraints: &[f64]) -> Result<(), Failed> {
        let claim = self.claim(|_| ())?;
        let outcome = Outcome::Complete {
            values: values.to_vec(),
            constraints: constraints.to_vec(),
            attributes: attributes([("cores", json!(3)), ("energy", json!({"static_nj": 0.1}))]),
        };
        self.storage.finish(claim.key, &outcome)?;
        Ok(())
    }

    fn load(&mut self) -> Result<Study, Failed> {
        Ok(Arc::unwrap_or_clone(self.storage.load_study(self.study)?))
    }

    /// What Optuna sees of the study, before it goes on with trials of its own.
    fn seen_by_optuna(&self, python: &str) -> Result<Json, Failed> {
        seen_by_optuna(python, &self.url)
    }
}

/// What Optuna sees of the study in the storage at `place`, before it goes on with trials of its own.
fn seen_by_optuna(python: &str, place: &str) -> Result<Json, Failed> {
    // A journal's dates are those of the reader's clock.
    let output = script(python, "check_study", &[place, "study"]).env("TZ", "UTC").output()?;
    Ok(serde_json::from_slice(&success(output)?)?)
}

/// One of our scripts, to be run.
fn script(python: &str, name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(python);
    command.args(["-W", "ignore"]).arg(format!("{SCRIPTS}/{name}.py")).args(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a program has printed that ended well.
fn success(output: Output) -> Result<Vec<u8>, Failed> {
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
    }
}

/// Our program in `folder`, with a storage at `place`.
fn tune(folder: &Path, place: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tune"));
    command.args(args).arg("--quiet").current_dir(folder).env("TUNE_STORAGE", place).stdin(Stdio::null());
    command.env_remove("TUNE_DATA_DIR").env_remove("TUNE_THREADS");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Studies of one metric and of two, of networks; without the libraries that draw there is nothing to test.
fn drawn(python: &str, kind: Kind) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let (place, url) = new_database(kind, folder.path());
    let common = ["--dataset", "iris", "--offline", "--budget", "12", "--confirm", "0"];
    let two = ["--study", "two", "--chip", "loihi1", "--metric", "accuracy", "--metric", "energy"];
    for (name, more, plot) in [
        ("one", &["--study", "one"][..], "plot_optimization_history"),
        ("two", &two[..], "plot_pareto_front"),
    ] {
        success(tune(folder.path(), &place, &[&common[..], more].concat()).output()?)?;
        let seen: Json =
            serde_json::from_slice(&success(script(python, "plot_study", &[&url, name]).output()?)?)?;
        let plots = seen["plots"].as_array().ok_or("no plots")?;
        assert!(plots.len() >= 9 && plots.contains(&json!(plot)), "{seen}");
        for evaluator in ["FanovaImportanceEvaluator", "PedAnovaImportanceEvaluator"] {
            let parameters = seen["importances"][evaluator].as_array().ok_or("no importances")?;
            assert!(parameters.contains(&json!("batch_size")), "{seen}");
        }
        assert_eq!(seen["new"], json!([12, 13, 14]));
    }
    Ok(())
}

/// Two scripts and two of our workers at once.
fn shared(python: &str, kind: Kind) -> Result<(), Failed> {
    const BUDGET: usize = 60;
    const OF_EACH_SCRIPT: &str = "15";
    let folder = tempfile::tempdir()?;
    let (place, url) = new_database(kind, folder.path());
    let space = r#"{"name": "plane", "parameters": {"x0": {"type": "float", "low": 0, "high": 1},
        "x1": {"type": "float", "low": 0, "high": 1}}}"#;
    std::fs::write(folder.path().join("space.json"), space)?;
    // As long as a trial of a script, so that both kinds get many.
    let command = r#"sh -c 'sleep 0.1; echo "{{\"value\": $1}}"' sh {x0}"#;
    let (budget, search) = (BUDGET.to_string(), "random");
    let args = ["run", "--command", command, "--space", "space.json", "--study", "study", "--search", search];
    success(
        tune(folder.path(), &place, &[&args[..], &["--budget", &budget, "--prepare"]].concat()).output()?,
    )?;
    let mut running = Vec::new();
    for _ in 0..2 {
        running.push(script(python, "join_study", &[&url, "study", OF_EACH_SCRIPT]).spawn()?);
        running.push(tune(folder.path(), &place, &["worker"]).spawn()?);
    }
    for child in running {
        success(child.wait_with_output()?)?;
    }
    let mut storage = place.parse::<Location>()?.open()?;
    let study = storage.find_study("study")?.ok_or("no study")?;
    let study = storage.load_study(study)?;
    assert!(study.trials.iter().all(|trial| trial.state == TrialState::Complete), "{study:?}");
    let ours = study.trials.iter().filter(|trial| trial.worker().is_some()).count();
    assert!(study.trials.len() >= BUDGET && ours < study.trials.len(), "{ours} of {}", study.trials.len());
    assert_eq!(study.trials.len() - ours, 30, "all of the scripts' trials are there");
    assert!(study.trials.iter().zip(0..).all(|(trial, number)| trial.number == number));
    Ok(())
}

/// Trials that Optuna enqueues: whole, in part, out of range, with a name that the space does not have.
fn enqueued(python: &str, kind: Kind) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let (place, url) = new_database(kind, folder.path());
    let space = r#"{"name": "s", "parameters": {"x": {"type": "float", "low": 0, "high": 1},
        "c": {"type": "categorical", "choices": ["a", "b"]}}}"#;
    std::fs::write(folder.path().join("s.json"), space)?;
    let command = r#"sh -c 'echo "{{\"value\": $1}}"' sh {x}"#;
    let run = |budget: &str| {
        let args = ["run", "--command", command, "--space", "s.json", "--study", "study", "--budget", budget];
        tune(folder.path(), &place, &args).output()
    };
    success(run("1")?)?;
    let enqueued = [
        r#"{"c": "b", "x": 0.000125}"#,
        r#"{"x": 7.5, "c": "a"}"#,
        r#"{"x": 1}"#,
        r#"{"x": NaN}"#,
        r#"{"x": 0.5, "lr": [1]}"#,
    ];
    success(script(python, "enqueue_trials", &[&[&*url, "study"], &enqueued[..]].concat()).output()?)?;
    success(run("6")?)?;
    let seen: Json =
        serde_json::from_slice(&success(script(python, "enqueue_trials", &[&url, "study"]).output()?)?)?;
    assert_eq!(seen["best"], json!({"x": 0.000125, "c": "b"}));
    let trials = seen["trials"].as_array().ok_or("no trials")?;
    let expected = json!([
        ["COMPLETE", {"x": 0.000125, "c": "b"}, [0.000125]],
        ["FAIL", {}, null],
        ["COMPLETE", {"x": 1.0, "c": "a"}, [1.0]],
        ["FAIL", {}, null],
        ["FAIL", {}, null],
    ]);
    assert_eq!(json!(trials[1..]), expected);
    Ok(())
}

fn journal(python: &str) -> Result<(), Failed> {
    let mut database = Database::new(Kind::Sqlite, &[Metric::maximize("accuracy")])?;
    database.complete(&[0.75], &[-1.0])?;
    let failing = database.claim(|point| point.set("layers", 3))?;
    database.storage.report(failing.key, 1, 0.25)?;
    let failure = Failure { kind: FailureKind::Silent, reason: "no spikes".into() };
    database.storage.finish(failing.key, &Outcome::Failed { failure, attributes: Attributes::new() })?;
    database.complete(&[0.875], &[0.5])?;
    database.claim(|_| ())?;
    database.storage.set_study_attribute(database.study, SPACE, &space()?.to_json())?;
    let ours = database.load()?;
    let file = database.folder.path().join("study.journal");
    std::fs::write(&file, spiketune::report::journal(&ours)?)?;
    let seen = seen_by_optuna(python, &file.display().to_string())?;
    assert_eq!((&seen["metrics"], &seen["user"]), (&json!(["accuracy"]), &json!({"data": "größe"})));
    compare(&ours, &seen)
}

fn one_metric(python: &str, kind: Kind) -> Result<(), Failed> {
    let mut database = Database::new(kind, &[Metric::maximize("accuracy")])?;
    write_every_state(&mut database)?;
    let ours = database.load()?;
    let seen = database.seen_by_optuna(python)?;
    let head = (&seen["metrics"], &seen["directions"], &seen["user"]);
    assert_eq!(head, (&json!(["accuracy"]), &json!(["MAXIMIZE"]), &json!({"data": "größe"})));
    compare(&ours, &seen)?;
    assert_eq!(seen["best"], json!([1]));
    assert_eq!(ours.best().map(|trial| trial.number), Some(1));
    let after = database.load()?;
    // As text, in which NaN equals NaN. The first trial waited, and Optuna finished it.
    let finished = |study: &Study| format!("{:?}", &study.trials[1..7]);
    assert_eq!(finished(&after), finished(&ours));
    check_what_optuna_added(&mut database, &after.trials[ours.trials.len()..])
}

fn two_metrics(python: &str, kind: Kind) -> Result<(), Failed> {
    let mut database = Database::new(kind, &[Metric::maximize("accuracy"), Metric::minimize("energy_nj")])?;
    let inf = f64::INFINITY;
    for (values, constraints) in [
        ([0.9, 5.0], [-1.0, 0.0]),
        ([0.8, 5.0], [-1.0, -0.5]),
        ([0.99, 1.0], [0.5, -1.0]),
        ([0.95, inf], [-inf, -1e-300]),
        ([0.5, -1e308], [-1.0, 0.0]),
    ] {
        database.complete(&values, &constraints)?;
    }
    let ours = database.load()?;
    let seen = database.seen_by_optuna(python)?;
    compare(&ours, &seen)?;
    assert_eq!(seen["best"], json!([0, 3, 4]));
    let front: Vec<u32> = ours.pareto_front().iter().map(|trial| trial.number).collect();
    assert_eq!(front, [0, 4], "an infinite value is never among the best here");
    assert_eq!(database.load()?.trials.len(), ours.trials.len() + 2);
    Ok(())
}

/// Every kind of parameter, and every state that the program itself brings a trial into.
fn write_every_state(database: &mut Database) -> Result<(), Failed> {
    // Taken back from a worker that died: waits under the number 0.
    database.claim(|point| point.set("rate", 0.012345678901234567))?;
    database.storage.requeue(database.study)?;
    database.complete(&[0.75], &[])?;
    database.complete(&[f64::NEG_INFINITY], &[])?;
    for choice in choices() {
        let claim = database.claim(|point| {
            if choice != "sgd".into() {
                *point = point
                    .iter()
                    .filter(|(name, _)| *name != "momentum")
                    .map(|(n, v)| (n, v.clone()))
                    .collect();
            }
            point.set("rule", choice.clone());
        })?;
        for (step, value) in [(1, 0.1), (2, f64::NAN), (3, f64::INFINITY), (4, f64::NEG_INFINITY)] {
            database.storage.report(claim.key, step, value)?;
        }
        database.storage.heartbeat(claim.key)?;
        let failure = Failure { kind: FailureKind::Diverged, reason: "loss = NaN in epoch 2".into() };
        let known = attributes([("epochs", json!(2))]);
        database.storage.finish(claim.key, &Outcome::Failed { failure, attributes: known })?;
    }
    let running = database.claim(|point| point.set("layers", 4))?;
    database.storage.report(running.key, 1, 0.3)?;
    Ok(())
}

/// Every trial, one by one, in both readers.
fn compare(ours: &Study, seen: &Json) -> Result<(), Failed> {
    let theirs = seen["trials"].as_array().ok_or("no list of trials")?;
    assert_eq!(theirs.len(), ours.trials.len());
    for (trial, theirs) in ours.trials.iter().zip(theirs) {
        assert_eq!(*theirs, as_optuna_sees(trial)?, "trial {}", trial.number);
    }
    Ok(())
}

fn as_optuna_sees(trial: &Trial) -> Result<Json, Failed> {
    let params: Vec<Json> = trial.point.iter().map(|(name, value)| json!([name, value])).collect();
    let known = distributions();
    let distributions: serde_json::Map<String, Json> =
        trial.point.iter().map(|(name, _)| (name.to_owned(), known[name].clone())).collect();
    let intermediate: serde_json::Map<String, Json> =
        trial.intermediate.iter().map(|(step, value)| (step.to_string(), spell(*value))).collect();
    let list = |numbers: &[f64]| match numbers {
        [] => Json::Null,
        numbers => numbers.iter().copied().map(spell).collect(),
    };
    let state = match trial.state {
        TrialState::Waiting => "WAITING",
        TrialState::Running => "RUNNING",
        TrialState::Complete => "COMPLETE",
        TrialState::Pruned => "PRUNED",
        TrialState::Fail => "FAIL",
    };
    Ok(json!({
        "number": trial.number,
        "state": state,
        "params": params,
        "distributions": distributions,
        "values": list(&trial.values),
        "intermediate": intermediate,
        "constraints": list(&trial.constraints),
        "user": trial.attributes,
        "system": trial.internal,
        "started": trial.started.map(|moment| date(moment.0)).transpose()?,
        "finished": trial.finished.map(|moment| date(moment.0)).transpose()?,
    }))
}

/// A number as the script prints it.
fn spell(x: f64) -> Json {
    match x {
        x if x.is_nan() => json!("nan"),
        f64::INFINITY => json!("inf"),
        f64::NEG_INFINITY => json!("-inf"),
        x => json!(x),
    }
}

/// A moment as Python's `str` prints it, which leaves a fraction of zero out.
fn date(microseconds: i64) -> Result<String, Failed> {
    let moment = jiff::Timestamp::from_microsecond(microseconds)?;
    let digits = if microseconds % 1_000_000 == 0 { "" } else { "%.6f" };
    Ok(moment.strftime(&format!("%Y-%m-%d %H:%M:%S{digits}")).to_string())
}

/// A complete trial, a pruned one and an enqueued one, which is claimed and completed here.
fn check_what_optuna_added(database: &mut Database, added: &[Trial]) -> Result<(), Failed> {
    let [complete, pruned, enqueued] = added else { return Err(format!("{added:?}").into()) };
    let space = space()?;
    assert_eq!((complete.state, complete.values.as_slice()), (TrialState::Complete, [0.25].as_slice()));
    assert_eq!(complete.attributes, attributes([("note", json!("NaN"))]));
    assert!(complete.point.iter().all(|(name, value)| {
        space.parameter(name).is_some_and(|parameter| parameter.domain.contains(value))
    }));
    assert_eq!((pruned.state, pruned.intermediate.as_slice()), (TrialState::Pruned, [(1, 0.125)].as_slice()));
    assert!(complete.started.is_some() && complete.started <= complete.finished);
    let mut point = Point::default();
    point.set("rate", 0.05);
    point.set("layers", 3);
    assert_eq!((enqueued.state, &enqueued.point), (TrialState::Waiting, &point));
    let claim = database.storage.claim_waiting(database.study, 100)?.ok_or("nothing waits")?;
    assert_eq!((claim.trial.number, &claim.trial.point), (enqueued.number, &point));
    Ok(())
}

fn space() -> Result<Space, Failed> {
    let text = r#"{"name": "test", "parameters": {
        "rate": {"type": "float", "low": 1e-4, "high": 0.1, "log": true, "default": 0.01},
        "dropout": {"type": "float", "low": 0, "high": 0.5, "step": 0.1, "default": 0.1},
        "layers": {"type": "int", "low": 1, "high": 4, "default": 2},
        "width": {"type": "int", "low": 16, "high": 512, "log": true, "default": 64},
        "rule": {"type": "categorical", "choices": ["adam", "sgd", 1, 1.5, true, null], "default": "sgd"},
        "momentum": {"type": "float", "low": 0, "high": 0.9, "default": 0.5, "when": {"rule": ["sgd"]}},
        "decay": {"type": "fixed", "value": 0.5}
    }}"#;
    Ok(Space::from_json(text, "test.json")?)
}

fn choices() -> [spiketune::space::Value; 4] {
    use spiketune::space::Value;
    [Value::Int(1), Value::Float(1.5), Value::Bool(true), Value::Null]
}

/// The domains of [`space`], as Optuna spells them.
fn distributions() -> Json {
    json!({
        "rate": {"name": "FloatDistribution",
                 "attributes": {"step": null, "low": 1e-4, "high": 0.1, "log": true}},
        "dropout": {"name": "FloatDistribution",
                    "attributes": {"step": 0.1, "low": 0.0, "high": 0.5, "log": false}},
        "layers": {"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}},
        "width": {"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 16, "high": 512}},
        "rule": {"name": "CategoricalDistribution",
                 "attributes": {"choices": ["adam", "sgd", 1, 1.5, true, null]}},
        "momentum": {"name": "FloatDistribution",
                     "attributes": {"step": null, "low": 0.0, "high": 0.9, "log": false}},
        "decay": {"name": "CategoricalDistribution", "attributes": {"choices": [0.5]}},
    })
}

fn attributes<const N: usize>(pairs: [(&str, Json); N]) -> Attributes {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
