//! A folder of its own for every test, and the program run in it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value as Json;

/// A test's folder and the program's arguments.
pub struct Tune {
    folder: tempfile::TempDir,
}

/// What a run came to.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Tune {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("inside the folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
        self
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn json(&self, name: &str) -> Json {
        serde_json::from_str(&self.read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The program in the folder, without network, home or settings of whoever runs the test.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tune"));
        command.current_dir(self.folder.path()).args(args).stdin(Stdio::null());
        for name in ["TUNE_DATA_DIR", "TUNE_STORAGE", "TUNE_THREADS"] {
            command.env_remove(name);
        }
        command.env("XDG_CACHE_HOME", self.path("cache")).env("HOME", self.path("home"));
        command
    }

    pub fn run(&self, args: &[&str]) -> Ended {
        Ended::of(self.command(args).output().expect("the program starts"))
    }

    /// A shell in the folder that finds the program as `$TUNE` and begins with `script`.
    #[cfg(unix)]
    pub fn shell(&self, script: &str) -> Command {
        let mut shell = plain_shell();
        shell.args(["-c", script]).current_dir(self.folder.path()).stdin(Stdio::null());
        for name in ["TUNE_DATA_DIR", "TUNE_STORAGE", "TUNE_THREADS"] {
            shell.env_remove(name);
        }
        shell.env("XDG_CACHE_HOME", self.path("cache")).env("HOME", self.path("home"));
        shell.env("TUNE", env!("CARGO_BIN_EXE_tune"));
        shell
    }

    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }
}

/// A shell that ignores no signal, even if these tests began with ignored ones, as in the background
/// of a script; where `env` cannot do that, a shell as it is.
#[cfg(unix)]
fn plain_shell() -> Command {
    const RESET: &str = "--default-signal=HUP,INT,PIPE,TERM,XFSZ";
    let can_reset = Command::new("env").args([RESET, "true"]).stderr(Stdio::null()).status();
    if !can_reset.is_ok_and(|status| status.success()) {
        return Command::new("sh");
    }
    let mut shell = Command::new("env");
    shell.args([RESET, "sh"]);
    shell
}

impl Ended {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    #[track_caller]
    pub fn success(self) -> Self {
        assert_eq!(self.code, Some(0), "stderr: {}", self.stderr);
        self
    }

    /// Refused: exit code 2, one line on standard error that has every one of `parts`, no panic.
    #[track_caller]
    pub fn refused(self, parts: &[&str]) {
        assert_eq!(self.code, Some(2), "stderr: {}", self.stderr);
        assert_eq!(self.stdout, "");
        assert_eq!(self.stderr.trim_end().lines().count(), 1, "not one line: {}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "no {part:?} in: {}", self.stderr);
        }
    }
}

/// Number, state, values and steps of a trial.
pub type TrialRow = (u32, String, String, String);

/// A space of one number, for studies whose trials do not matter.
pub const LINE: &str = r#"{"name": "line", "parameters": {"x": {"type": "float", "low": 0, "high": 1}}}"#;

/// A space of small networks that are trained for a moment.
pub const SMALL: &str = r#"{"name": "small", "parameters": {
    "hidden_layers": {"type": "fixed", "value": 1}, "batch_norm": {"type": "fixed", "value": true},
    "width_1": {"type": "int", "low": 8, "high": 32}, "epochs": {"type": "fixed", "value": 3},
    "learning_rate_adam": {"type": "float", "low": 0.001, "high": 0.03, "log": true},
    "input_coding": {"type": "categorical", "choices": ["threshold", "thermometer"]}}}"#;

/// A script that evaluates a trial at once.
#[cfg(unix)]
pub const ONE: &str = "#!/bin/sh\nread request\necho '{\"value\": 1}'\n";

#[cfg(unix)]
impl Tune {
    /// Writes a script that can be run.
    pub fn script(&self, name: &str, content: &str) -> &Self {
        use std::os::unix::fs::PermissionsExt;

        self.file(name, content);
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o755)).expect("ours");
        self
    }
}

/// The trials of the only study, in their order; none as long as there is no database.
pub fn trials(tune: &Tune) -> Vec<TrialRow> {
    let Ok(database) = rusqlite::Connection::open(tune.path("tune.db")) else { return Vec::new() };
    let query = "
        SELECT number, state,
            (SELECT json_group_array(printf('%!.17g', value)) FROM trial_values v WHERE v.trial_id = t.trial_id),
            (SELECT json_group_array(step || '=' || printf('%!.17g', intermediate_value))
                FROM trial_intermediate_values i WHERE i.trial_id = t.trial_id)
        FROM trials t ORDER BY number";
    let Ok(mut statement) = database.prepare(query) else { return Vec::new() };
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

/// A small space of every kind of parameter.
pub const SPACE: &str = r#"{"name": "bowl", "parameters": {
    "x": {"type": "float", "low": -5, "high": 5},
    "n": {"type": "int", "low": 0, "high": 8},
    "kind": {"type": "categorical", "choices": ["round", "flat"]},
    "depth": {"type": "int", "low": 1, "high": 4, "when": {"kind": ["flat"]}}
}}"#;

/// The project's folder.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Holds a file that people or programs read against the committed schema of its kind.
pub fn validate(schema: &str, instance: &Json) {
    let file = project().join(format!("configs/schemas/{schema}.schema.json"));
    let schema: Json =
        serde_json::from_str(&std::fs::read_to_string(file).expect("committed")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let problems: Vec<String> = validator.iter_errors(instance).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{problems:?} in {instance}");
}
