//! Whole error lines, so that a doubled word or a lost way out is seen: `tests/fixtures/error-lines.txt` has the
//! arguments of each case, then the line. `TUNE_WRITE=1 cargo test --release --test it error_lines` writes it again.

use crate::support::Tune;

/// Arguments, as in a shell, that are refused.
const CASES: [&str; 56] = [
    "--dataset iris --bugdet 3",
    "--dataset iris --budget 0",
    "--dataset iris --budget x",
    "--dataset iris --budget -1",
    "--dataset iris --label kind",
    "--budget 3",
    "studeis",
    "chips show lohi1",
    "--dataset iris --workers 257",
    "--dataset iris --validation 1.5",
    "--dataset iris --memory 8X",
    "--dataset iris --chip lohi1",
    "--dataset iris --chip gone.json",
    "--dataset iris --space tabels",
    "--dataset iris --space gone.json",
    "--dataset iris --space typo.json",
    "--dataset iris --space range.json",
    "--dataset iris --space domain.json",
    "--dataset iris --space choice.json",
    "--dataset iris --space twice.json",
    "--dataset iris --space step.json",
    "--dataset iris --metric acuracy",
    "--dataset iris --metric energy",
    "--dataset iris --metric accuracy --metric accuracy",
    "--dataset iris --metric accuracy --metric energy --chip loihi2",
    "--dataset iris --stop-when stagnaton=3",
    "--dataset iris --search tpe --stop-when improvement=0.1",
    "--dataset iris --reference 0.5",
    "--dataset iris --fidelity bayes --search tpe",
    "--dataset iris --heartbeat-timeout 1s",
    "--dataset minst",
    "--dataset quote.csv",
    "--dataset iris --header maybe",
    "--dataset iris --channels second",
    "--dataset iris --out no/such/best.json",
    "--dataset iris --max-failures x",
    "--dataset iris --retry-failed --fresh",
    "--dataset iris --warm-start gone.jsonl",
    "show --storage gone.db",
    "show --storage sqlite://gone.db",
    "show --storage mysql://me@host/db",
    "show --storage range.json",
    "run --command true --space range.json --metric loss",
    "net describe twice.json",
    "eval gone.safetensors --dataset iris",
    "eval gone.nir --dataset iris --time-step 0",
    "check gone.json --record",
    "check --record",
    "check best.json",
    "check best.json --tolerance 5%",
    "check best.json --fail-under accuracy",
    "check best.json --max-seeds 2",
    "delete s --storage gone.db",
    "enqueue s x=1 --storage gone.db",
    "compare range.json gone.json",
    "export nir gone.nir --out x.nir --input-max 0",
];

fn lines() -> String {
    let tune = Tune::new();
    tune.file(
        "typo.json",
        r#"{"name": "s", "parameters": {"droput": {"type": "float", "low": 0, "high": 0.5}}}"#,
    )
    .file(
        "range.json",
        r#"{"name": "s", "parameters": {"dropout": {"type": "float", "low": 0.5, "high": 0.1}}}"#,
    )
    .file("quote.csv", "x,y,kind\n1,2,\"a\n3,4,b\n")
    .file("domain.json", r#"{"name": "s", "parameters": {"dropout": {"type": "float", "low": 0, "high": 1.5}}}"#)
    .file(
        "choice.json",
        r#"{"name": "s", "parameters": {"optimizer": {"type": "categorical", "choices": ["adam", "lion"]}}}"#,
    )
    .file("twice.json", r#"{"name": "s", "parameters": {"dropout": {"type": "fixed", "value": 0, "value": 1}}}"#)
    .file(
        "step.json",
        r#"{"name": "s", "parameters": {"dropout": {"type": "float", "low": 0, "high": 0.5, "step": 1e-20}}}"#,
    );
    let line = |case: &&str| {
        let words = shlex::split(case).expect("words as in a shell");
        let ended = tune.run(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(ended.code, Some(2), "{case}: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{case}: {}", ended.stderr);
        format!("tune {case}\n    {}\n", ended.stderr.trim_end())
    };
    CASES.iter().map(line).collect()
}

#[test]
fn every_wrong_input_is_one_clear_line() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/error-lines.txt");
    let found = lines();
    if std::env::var_os("TUNE_WRITE").is_some() {
        std::fs::write(file, &found).expect("the fixture can be written");
    }
    let expected = std::fs::read_to_string(file).unwrap_or_default();
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found, expected, "cases came or went: write {file} again");
}

#[test]
fn a_bad_environment_variable_is_named_and_disturbs_only_the_commands_that_read_it() {
    let tune = Tune::new();
    let with = |name: &str, value: &str, args: &[&str]| {
        let output = tune.command(args).env(name, value).output().expect("it runs");
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    };
    for (name, value) in [("TUNE_THREADS", "abc"), ("TUNE_STORAGE", ""), ("TUNE_STORAGE", "mysql://u@h/db")] {
        assert_eq!(with(name, value, &["chips", "list"]), (Some(0), String::new()), "{name}={value}");
        let (code, said) = with(name, value, &["worker"]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.starts_with(&format!("error: {name}: ")) && said.lines().count() == 1, "{said}");
    }
    let (code, said) = with("TUNE_STORAGE", "", &["list", "--storage", "gone.db"]);
    assert!(code == Some(2) && said.starts_with("error: gone.db: no such file"), "{said}");
}
