//! Workers that join a study, die, stop and come back, on both databases.
//!
//! Those on PostgreSQL need its programs, see `tests/postgres.rs`; without them they are listed as ignored. TUNE_STORM
//! says how many trials the storm has, 200 if it is not set: a tenth as many workers are killed.

#[cfg(unix)]
mod server;

#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    tests::main()
}

#[cfg(unix)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::path::PathBuf;
    use std::process::{Child, Command, ExitCode, Output, Stdio};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use libtest_mimic::{Arguments, Trial as Test};
    use rustix::process::{Pid, Signal, kill_process};
    use spiketune::storage::{Location, MOST_TRIES};
    use spiketune::study::{Study, Trial, TrialState};

    use super::server::{Server, programs};

    /// Longer than anything here takes, unless something hangs.
    const PATIENCE: Duration = Duration::from_secs(600);
    /// As short as SQLite's clock allows.
    const PULSE: [&str; 4] = ["--heartbeat", "0.5s", "--grace", "3s"];
    const SPACE: &str = r#"{"name": "line", "parameters": {"x": {"type": "float", "low": 0, "high": 1}}}"#;
    /// A trial of 50 ms.
    const SHORT: &str = r#"sh -c 'sleep 0.05; echo "{{\"value\": $1}}"' sh {x}"#;

    pub fn main() -> ExitCode {
        let arguments = Arguments::from_args();
        type Body = fn(Kind);
        let bodies: [(&str, Body); 10] = [
            ("a_budget_raised_meanwhile_is_spent", a_budget_raised_meanwhile_is_spent),
            ("a_job_that_is_told_to_end_loses_nothing", a_job_that_is_told_to_end_loses_nothing),
            ("a_paused_trial_of_a_dead_worker_goes_on_with_another", a_paused_trial_goes_on_with_another),
            ("a_broken_state_is_told_and_its_trial_trained_anew", a_broken_state_is_told),
            ("a_storm_of_kills_loses_and_doubles_nothing", a_storm_of_kills_loses_and_doubles_nothing),
            ("a_stopped_worker_that_comes_back_changes_nothing", a_stopped_worker_changes_nothing),
            ("a_terminated_worker_hands_its_trial_back_at_once", a_terminated_worker_hands_back),
            ("a_trial_that_takes_its_workers_down_is_left_alone", a_poisonous_trial_is_left_alone),
            ("networks_are_trained_by_workers_and_confirmed_by_the_command", networks_are_trained_by_workers),
            ("a_data_set_that_has_changed_is_refused", a_data_set_that_has_changed_is_refused),
        ];
        let is_missing = programs().is_none();
        let mut tests = Vec::new();
        for (kind, ignored) in [(Kind::Sqlite, false), (Kind::Postgresql, is_missing)] {
            for (name, body) in bodies {
                let run = move || {
                    body(kind);
                    Ok(())
                };
                tests.push(
                    Test::test(format!("{kind:?}::{name}").to_lowercase(), run).with_ignored_flag(ignored),
                );
            }
        }
        let alone: [(&str, fn()); 2] = [
            ("what_a_killed_worker_has_started_ends_with_it", what_a_killed_worker_has_started_ends_with_it),
            ("what_does_not_fit_is_an_error_and_the_rest_is_kept", what_does_not_fit_is_an_error),
        ];
        tests.extend(alone.map(|(name, body)| {
            Test::test(name, move || {
                body();
                Ok(())
            })
        }));
        let of_servers: [(&str, fn()); 2] = [
            ("a_wait_for_the_server_is_told", a_wait_for_the_server_is_told),
            ("restarts_of_the_server_are_survived", restarts_of_the_server_are_survived),
        ];
        tests.extend(of_servers.map(|(name, body)| {
            let run = move || {
                body();
                Ok(())
            };
            Test::test(name, run).with_ignored_flag(is_missing)
        }));
        libtest_mimic::run(&arguments, tests).exit_code()
    }

    #[derive(Clone, Copy, Debug)]
    enum Kind {
        Sqlite,
        Postgresql,
    }

    /// A folder, and a database in it or on a server of its own.
    struct Bench {
        folder: tempfile::TempDir,
        server: Option<Server>,
        storage: String,
    }

    impl Bench {
        fn new(kind: Kind) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            std::fs::write(folder.path().join("space.json"), SPACE).expect("written");
            let server = matches!(kind, Kind::Postgresql).then(Server::start);
            let file = folder.path().join("studies.db").display().to_string();
            let storage = server.as_ref().map_or(file, Server::database);
            Self { folder, server, storage }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn command(&self, args: &[&str]) -> Command {
            let mut command = Command::new(env!("CARGO_BIN_EXE_tune"));
            command.args(args).current_dir(self.folder.path()).env("TUNE_STORAGE", &self.storage);
            command.env_remove("TUNE_DATA_DIR").env_remove("TUNE_THREADS").stdin(Stdio::null());
            command
        }

        /// Makes a study of `command` without a trial.
        fn prepare(&self, command: &str, budget: u32) {
            let budget = budget.to_string();
            let args = ["run", "--command", command, "--space", "space.json", "--search", "random"];
            let args = [&args[..], &["--study", "study", "--budget", &budget, "--prepare"]].concat();
            success(self.command(&args).output().expect("it runs"));
        }

        fn worker(&self, more: &[&str]) -> Child {
            let mut command = self.command(&[&["worker", "--quiet"][..], &PULSE, more].concat());
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts")
        }

        fn study(&self) -> Study {
            let mut storage = self.storage.parse::<Location>().expect("a location").open().expect("there");
            let names = storage.study_names().expect("listed");
            let key = storage.find_study(&names[0]).expect("looked").expect("there");
            Arc::unwrap_or_clone(storage.load_study(key).expect("whole"))
        }

        /// The study once `is_so`.
        fn wait_for(&self, is_so: impl Fn(&Study) -> bool) -> Study {
            let begin = Instant::now();
            loop {
                let study = self.study();
                if is_so(&study) {
                    return study;
                }
                assert!(begin.elapsed() < PATIENCE, "{:?}", states(&study));
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    fn states(study: &Study) -> Vec<TrialState> {
        study.trials.iter().map(|trial| trial.state).collect()
    }

    fn count(study: &Study, state: TrialState) -> usize {
        study.in_state(state).count()
    }

    fn success(output: Output) -> String {
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{:?}: {errors}", output.status.code());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn signal(child: &Child, signal: Signal) {
        kill_process(Pid::from_child(child), signal).expect("ours");
    }

    /// Waits for its end, and that it was a good one.
    fn ends_well(child: Child) {
        success(child.wait_with_output().expect("ours"));
    }

    fn a_storm_of_kills_loses_and_doubles_nothing(kind: Kind) {
        const WORKERS: usize = 6;
        let trials: u32 = std::env::var("TUNE_STORM").map_or(200, |text| text.parse().expect("a number"));
        let bench = Bench::new(kind);
        bench.prepare(SHORT, trials);
        let mut workers: Vec<Child> = (0..WORKERS).map(|_| bench.worker(&[])).collect();
        let (mut chance, mut kills) = (12345_u32, 0);
        while kills < trials / 10 {
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            std::thread::sleep(Duration::from_millis(u64::from(chance >> 16) % 100));
            let worker = &mut workers[(chance >> 8) as usize % WORKERS];
            if worker.try_wait().expect("ours").is_none() {
                worker.kill().expect("ours");
                worker.wait().expect("ours");
                kills += 1;
            }
            *worker = bench.worker(&[]);
        }
        workers.into_iter().for_each(ends_well);
        let study = bench.study();
        let complete = count(&study, TrialState::Complete);
        let retried = study.trials.iter().filter(|trial| trial.is_retried()).count();
        // Chance may kill one trial three times: it is left alone, and counted.
        let is_spent = |trial: &&Trial| trial.state == TrialState::Fail && !trial.is_retried();
        let spent: Vec<&Trial> = study.trials.iter().filter(is_spent).collect();
        assert!(spent.iter().all(|trial| trial.tries() + 1 == MOST_TRIES), "{spent:?}");
        assert!(spent.len() <= trials as usize / 100, "{} were killed three times", spent.len());
        assert_eq!((complete + spent.len(), study.charged()), (trials as usize, trials as usize));
        assert_eq!(complete + spent.len() + retried, study.trials.len());
        assert!(retried > 0, "no kill has hit anybody");
        let again = |trial: &&Trial| trial.tries() > 0;
        assert_eq!(study.trials.iter().filter(again).count(), retried);
        if let Kind::Sqlite = kind {
            let database = rusqlite::Connection::open(bench.path("studies.db")).expect("there");
            let health: String =
                database.pragma_query_value(None, "integrity_check", |row| row.get(0)).expect("checked");
            assert_eq!(health, "ok");
        }
    }

    fn a_stopped_worker_changes_nothing(kind: Kind) {
        let bench = Bench::new(kind);
        // As long as the file is there, a trial waits.
        let hold = bench.path("hold");
        std::fs::write(&hold, "").expect("written");
        let command = format!(
            r#"sh -c 'while test -e {}; do sleep 0.02; done; echo "{{{{\"value\": 1}}}}"'"#,
            hold.display()
        );
        bench.prepare(&command, 1);
        let stopped = bench.worker(&["--name", "stopped"]);
        bench.wait_for(|study| count(study, TrialState::Running) == 1);
        signal(&stopped, Signal::STOP);
        let other = bench.worker(&["--name", "other"]);
        let study = bench.wait_for(|study| study.trials.len() == 2 && count(study, TrialState::Running) == 1);
        assert_eq!(study.trials[1].worker(), Some("other"));
        signal(&stopped, Signal::CONT);
        std::fs::remove_file(&hold).expect("there");
        ends_well(other);
        ends_well(stopped);
        let study = bench.study();
        assert_eq!(states(&study), [TrialState::Fail, TrialState::Complete]);
        assert_eq!((study.charged(), &study.trials[0].values), (1, &vec![]));
        assert_eq!(study.trials[0].worker(), Some("stopped"));
    }

    /// Schedulers tell all processes of a job to end, the trials' too: here the command tells the worker and then
    /// ends as if it had been told.
    fn a_job_that_is_told_to_end_loses_nothing(kind: Kind) {
        let bench = Bench::new(kind);
        bench.prepare(r#"sh -c 'kill -TERM $PPID; kill -TERM $$'"#, 1);
        let output = bench.worker(&[]).wait_with_output().expect("ours");
        assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(states(&bench.study()), [TrialState::Waiting]);
    }

    fn a_terminated_worker_hands_back(kind: Kind) {
        let bench = Bench::new(kind);
        bench.prepare("sleep 600", 3);
        let worker = bench.worker(&["--workers", "2"]);
        bench.wait_for(|study| count(study, TrialState::Running) == 2);
        signal(&worker, Signal::TERM);
        let output = worker.wait_with_output().expect("ours");
        assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
        let study = bench.study();
        assert_eq!(states(&study), [TrialState::Waiting; 2]);
        assert!(study.trials.iter().all(|trial| trial.tries() == 0 && trial.worker().is_none()));
    }

    fn a_budget_raised_meanwhile_is_spent(kind: Kind) {
        let bench = Bench::new(kind);
        let command = r#"sh -c 'until [ -e go ]; do sleep 0.02; done; echo "{{\"value\": $1}}"' sh {x}"#;
        bench.prepare(command, 1);
        let worker = bench.worker(&[]);
        bench.wait_for(|study| count(study, TrialState::Running) == 1);
        bench.prepare(command, 3);
        std::fs::write(bench.path("go"), "").expect("written");
        ends_well(worker);
        assert_eq!(states(&bench.study()), [TrialState::Complete; 3]);
    }

    /// The command kills the worker that started it, which leads no other process.
    fn a_poisonous_trial_is_left_alone(kind: Kind) {
        let bench = Bench::new(kind);
        bench.prepare(r#"sh -c 'kill -9 $PPID; sleep 0.2'"#, 1);
        for _ in 0..3 {
            let mut worker = bench.worker(&[]);
            assert!(!worker.wait().expect("ours").success(), "its trial has killed it");
        }
        ends_well(bench.worker(&[]));
        let study = bench.study();
        assert_eq!(states(&study), [TrialState::Fail; 3]);
        assert_eq!(study.charged(), 1);
        let reason = study.trials[2].attributes["reason"].as_str().expect("text");
        assert!(reason.ends_with("tried 3 times, not tried again"), "{reason}");
    }

    fn networks_are_trained_by_workers(kind: Kind) {
        let bench = Bench::new(kind);
        let study = ["--dataset", "iris", "--offline", "--budget", "6", "--seed", "3", "--confirm", "1"];
        let run = |more: &[&str]| {
            let args = [&study[..], &["--quiet"], more].concat();
            bench.command(&args).output().expect("it runs")
        };
        success(run(&["--prepare"]));
        let workers = [bench.worker(&["--offline"]), bench.worker(&["--offline", "--workers", "2"])];
        workers.into_iter().for_each(ends_well);
        let by_workers = bench.study();
        assert_eq!((by_workers.finished(), by_workers.trials.len()), (6, 6));
        for trial in by_workers.in_state(TrialState::Fail) {
            // A network may come to nothing; its process may not.
            assert!(
                !["error", "lost"].contains(&trial.attributes["failure"].as_str().expect("text")),
                "{trial:?}"
            );
        }
        assert!(by_workers.trials.iter().all(|trial| trial.worker().is_some()));
        success(run(&[]));
        assert!(bench.path("best.json").exists() && bench.path("best.safetensors").exists());
        assert_eq!(bench.study().trials, by_workers.trials, "the command trains no more of them");
        // In a process of its own the first trial comes to the same.
        let alone = Bench::new(Kind::Sqlite);
        let args = [&study[..], &["--quiet", "--budget", "1"]].concat().join(" ").replace("--budget 6 ", "");
        let args: Vec<&str> = args.split(' ').collect();
        success(alone.command(&args).output().expect("it runs"));
        assert_eq!(alone.study().trials[0].values, by_workers.trials[0].values);
    }

    /// A study whose only worker was killed while it trained a paused trial on, and that trial: the best of the three
    /// that pause, so that there is nothing else to do.
    fn killed_where_one_goes_on(kind: Kind) -> (Bench, Trial) {
        const SPACE: &str = r#"{"name": "small", "parameters": {
            "width_1": {"type": "int", "low": 8, "high": 64, "log": true},
            "learning_rate_adam": {"type": "float", "low": 1e-3, "high": 0.1, "log": true},
            "optimizer": {"type": "fixed", "value": "adam"},
            "method": {"type": "fixed", "value": "surrogate"},
            "epochs": {"type": "fixed", "value": 90}
        }}"#;
        let goes_on = |study: &Study| {
            let running = study.in_state(TrialState::Running).next().cloned();
            running.filter(|trial| !trial.rung_history.rungs.is_empty())
        };
        let has_gone_on = |trial: &Trial| trial.rung_history.rungs.len() > 1;
        // It may have come to an end before the signal came.
        for _ in 0..20 {
            let bench = Bench::new(kind);
            std::fs::write(bench.path("small.json"), SPACE).expect("written");
            let study = ["--dataset", "yinyang", "--space", "small.json", "--budget", "4", "--confirm", "0"];
            let more = ["--fidelity", "asha", "--states", "states", "--prepare", "--quiet"];
            success(bench.command(&[&study[..], &more].concat()).output().expect("it runs"));
            let mut worker = bench.worker(&["--name", "one"]);
            bench.wait_for(|study| goes_on(study).is_some() || study.trials.iter().any(has_gone_on));
            worker.kill().expect("ours");
            worker.wait().expect("ours");
            if let Some(trial) = goes_on(&bench.study()) {
                return (bench, trial);
            }
        }
        panic!("no worker was killed in time");
    }

    /// What the worker who takes over says, and what the trial has come to.
    fn taken_over(bench: &Bench, trial: &Trial) -> (String, Trial) {
        let args = ["worker", "--json", "--name", "two"];
        let said = success(bench.command(&[&args[..], &PULSE].concat()).output().expect("it runs"));
        let after = bench.study().trials[trial.number as usize].clone();
        assert_eq!(after.worker(), Some("two"));
        let (before, rungs) = (&trial.rung_history.rungs, &after.rung_history.rungs);
        assert_eq!(rungs[..before.len()], before[..], "what it had come to is kept");
        assert!(after.state == TrialState::Complete || rungs.len() > before.len(), "{after:?}");
        let steps: Vec<u32> = after.intermediate.iter().map(|(step, _)| *step).collect();
        assert!(steps.iter().copied().eq(1..=steps.len() as u32), "{steps:?}");
        (said, after)
    }

    fn restarts(said: &str) -> Vec<&str> {
        said.lines().filter(|line| line.contains(r#""trial_restarted""#)).collect()
    }

    fn a_paused_trial_goes_on_with_another(kind: Kind) {
        let (bench, trial) = killed_where_one_goes_on(kind);
        let (said, after) = taken_over(&bench, &trial);
        assert_eq!(restarts(&said), [""; 0]);
        assert_eq!(after.tries(), 1, "the worker that died is counted");
    }

    fn a_broken_state_is_told(kind: Kind) {
        let (bench, trial) = killed_where_one_goes_on(kind);
        let study = bench.study();
        let own = bench.path("states").join(study.identity().expect("it has one"));
        for file in std::fs::read_dir(own).expect("there") {
            let file = file.expect("read").path();
            let mut bytes = std::fs::read(&file).expect("a state");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&file, bytes).expect("written");
        }
        let (said, _) = taken_over(&bench, &trial);
        let told = restarts(&said);
        let number = format!(r#""trial":{}"#, trial.number);
        assert!(told.iter().any(|line| line.contains(&number)), "{told:?}");
        assert!(told.iter().all(|line| line.contains("checksum")), "{told:?}");
    }

    fn what_a_killed_worker_has_started_ends_with_it() {
        let bench = Bench::new(Kind::Sqlite);
        bench.prepare(r#"sh -c 'trap "" TERM HUP; sleep 600 & echo $! $$ >pids; wait'"#, 1);
        let mut worker = bench.worker(&[]);
        bench
            .wait_for(|_| std::fs::read_to_string(bench.path("pids")).is_ok_and(|text| text.ends_with('\n')));
        worker.kill().expect("ours");
        worker.wait().expect("ours");
        let pids = std::fs::read_to_string(bench.path("pids")).expect("there");
        for pid in pids.split_whitespace().map(|pid| pid.parse().expect("a number")) {
            let begin = Instant::now();
            while is_alive(pid) {
                assert!(begin.elapsed() < Duration::from_secs(60), "process {pid} is still there");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// Whether there is such a process that has not ended.
    fn is_alive(pid: i32) -> bool {
        let state = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output();
        let state = String::from_utf8_lossy(&state.expect("ps is there").stdout).trim().to_owned();
        !state.is_empty() && !state.starts_with('Z')
    }

    /// No file may grow beyond a limit, which the system answers much as a full disk; `tests/full_disk.sh` fills one.
    fn what_does_not_fit_is_an_error() {
        const TRIALS: u32 = 400;
        let bench = Bench::new(Kind::Sqlite);
        let limited = |args: &[&str]| {
            // Blocks of 512 bytes.
            let script = r#"trap "" XFSZ; ulimit -f 2000; exec "$0" "$@""#;
            let mut shell = Command::new("sh");
            shell.args(["-c", script, env!("CARGO_BIN_EXE_tune")]).args(args).stdin(Stdio::null());
            shell.current_dir(bench.path("")).env("TUNE_STORAGE", &bench.storage);
            shell.output().expect("it runs")
        };
        let quick = r#"echo '{{"value":1}}'"#;
        bench.prepare(quick, TRIALS);
        let budget = TRIALS.to_string();
        let run = ["run", "--command", quick, "--space", "space.json", "--search", "random"];
        let run = [&run[..], &["--study", "study", "--budget", &budget, "--quiet"]].concat();
        let mut before = 0;
        for args in [&run[..], &["worker", "--quiet"]] {
            let output = limited(args);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!((output.status.code(), said.lines().count()), (Some(5), 1), "{said}");
            assert!(said.contains("studies.db: cannot be written"), "{said}");
            assert!(said.contains("all finished trials are kept"), "{said}");
            let study = bench.study();
            let complete = count(&study, TrialState::Complete);
            assert!(complete > before && complete < TRIALS as usize, "{complete}");
            before = complete;
        }
        ends_well(bench.worker(&[]));
        success(bench.command(&run).output().expect("it runs"));
        let study = bench.study();
        assert_eq!(
            (count(&study, TrialState::Complete), study.charged()),
            (TRIALS as usize, TRIALS as usize)
        );
    }

    fn a_data_set_that_has_changed_is_refused(kind: Kind) {
        let bench = Bench::new(kind);
        let rows: String = (0..40).map(|n| format!("{},{},{}\n", n % 7, n % 5, n % 2)).collect();
        std::fs::write(bench.path("table.csv"), &rows).expect("written");
        let args = ["--dataset", "table.csv", "--budget", "2", "--prepare", "--quiet"];
        success(bench.command(&args).output().expect("it runs"));
        std::fs::write(bench.path("table.csv"), rows + "1,1,1\n").expect("written");
        let output = bench.worker(&[]).wait_with_output().expect("ours");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("table.csv: its SHA-256 is") && said.lines().count() == 1, "{said}");
        assert_eq!(bench.study().trials, []);
    }

    fn a_wait_for_the_server_is_told() {
        let bench = Bench::new(Kind::Postgresql);
        let server = bench.server.as_ref().expect("of this kind");
        bench.prepare(r#"sh -c 'sleep 1; echo "{{\"value\": $1}}"' sh {x}"#, 1);
        let mut worker = bench.worker(&[]);
        bench.wait_for(|study| count(study, TrialState::Running) == 1);
        server.down("fast");
        let mut said = String::new();
        let errors = worker.stderr.take().expect("piped");
        BufReader::new(errors).read_line(&mut said).expect("text");
        assert!(
            said.contains("cannot be reached") && said.ends_with("waiting for the server, at most 300 s\n"),
            "{said}"
        );
        server.up();
        ends_well(worker);
        assert_eq!(states(&bench.study()), [TrialState::Complete]);
    }

    fn restarts_of_the_server_are_survived() {
        let bench = Bench::new(Kind::Postgresql);
        let server = bench.server.as_ref().expect("of this kind");
        bench.prepare(SHORT, 150);
        let workers: Vec<Child> = (0..3).map(|_| bench.worker(&[])).collect();
        for restart in 1..=5 {
            bench.wait_for(|study| count(study, TrialState::Complete) >= 20 * restart);
            server.down("fast");
            server.up();
        }
        workers.into_iter().for_each(ends_well);
        let study = bench.study();
        assert_eq!((count(&study, TrialState::Complete), study.charged()), (150, 150));
    }
}
