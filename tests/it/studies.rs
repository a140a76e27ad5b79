//! Commands about whole studies: list, delete, enqueue, compare, and a study as JSON.

use serde_json::Value as Json;

use crate::support::{LINE, ONE, Tune, trials, validate};

/// A finished study of a command that always measures 1.
fn study(tune: &Tune, name: &str, more: &[&str]) {
    tune.file("line.json", LINE).script("one.sh", ONE);
    let args = ["run", "--command", "./one.sh", "--space", "line.json", "--quiet", "--study", name];
    let budget = if more.contains(&"--budget") { &[][..] } else { &["--budget", "3"] };
    tune.run(&[&args[..], budget, more].concat()).success();
}

fn lines(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[cfg(unix)]
#[test]
fn studies_are_listed_and_deleted_only_with_yes() {
    let tune = Tune::new();
    study(&tune, "first", &[]);
    study(&tune, "second", &["--prepare"]);
    let prepared = tune.run(&[
        "run",
        "--command",
        "./one.sh",
        "--space",
        "line.json",
        "--study",
        "third",
        "--prepare",
        "--json",
    ]);
    let prepared = lines(&prepared.success().stdout);
    validate("event", &prepared[0]);
    assert_eq!((&prepared[0]["event"], &prepared[0]["study"]), (&"study_prepared".into(), &"third".into()));
    tune.run(&["delete", "third", "--yes"]).success();
    let listed = tune.run(&["list"]).success().stdout;
    assert_eq!(
        listed,
        "study   trials  best         state\nfirst   3 of 3  value 1.000  ended\nsecond  0 of 3  none         new\n"
    );
    let listed = lines(&tune.run(&["list", "--json"]).success().stdout);
    listed.iter().for_each(|line| validate("list", line));
    assert_eq!((&listed[0]["best_trial"], &listed[1]["state"]), (&0.into(), &"new".into()));
    tune.run(&["delete", "first"]).refused(&["first has 3 trials", "--yes"]);
    tune.run(&["delete", "frist", "--yes"]).refused(&["frist", "did you mean \"first\""]);
    let deleted = tune.run(&["delete", "first", "--yes"]).success();
    assert_eq!(deleted.stderr, "deleted first with 3 trials from tune.db\n");
    assert_eq!(tune.run(&["list"]).success().stdout.lines().count(), 2);
}

#[cfg(unix)]
#[test]
fn status_names_the_leader_until_it_is_killed() {
    let tune = Tune::new();
    tune.file("line.json", LINE);
    let mut child =
        tune.start(&["run", "--command", "sleep 60", "--space", "line.json", "--study", "s", "--quiet"]);
    let mut looks = (0..600).map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        tune.run(&["status", "--storage", "tune.db"])
    });
    let running = looks.find(|look| look.stdout.contains("1 running")).expect("its first trial runs");
    let led = format!("led by process {}\n", child.id());
    assert!(running.stdout.contains(&led) && !running.stdout.contains("no process"), "{}", running.stdout);
    child.kill().expect("SIGKILL");
    child.wait().expect("ours");
    let status = tune.run(&["status"]).success().stdout;
    assert!(status.contains("no process leads the study") && !status.contains("led by"), "{status}");
    let status = tune.run(&["status", "--json"]).success().stdout;
    assert_eq!(lines(&status)[0]["leader"], Json::Null, "{status}");
}

#[cfg(unix)]
#[test]
fn an_enqueued_point_is_tried_next() {
    let tune = Tune::new();
    study(&tune, "s", &[]);
    let enqueued = tune.run(&["enqueue", "s", r#"{"x": 0.625}"#]).success();
    assert_eq!(enqueued.stdout, "3\n");
    assert!(enqueued.stderr.contains("the budget of 3 is spent"), "{}", enqueued.stderr);
    study(&tune, "s", &["--budget", "4"]);
    assert_eq!(trials(&tune).len(), 4);
    let table = tune.run(&["export", "csv"]).success().stdout;
    assert!(table.lines().nth(4).is_some_and(|line| line.contains("0.625")), "{table}");
    for (point, parts) in [
        (r#"{"x": 2}"#, ["POINT", "x = 2.0 is outside the space line"]),
        (r#"{"y": 0.5}"#, ["POINT", "y"]),
        (r#"{"x": [1]}"#, ["POINT", "x"]),
        ("x=1", ["POINT", "JSON"]),
    ] {
        tune.run(&["enqueue", "s", point]).refused(&parts);
    }
}

#[cfg(unix)]
#[test]
fn winners_of_the_same_seeds_are_compared_in_pairs() {
    let tune = Tune::new();
    let noisy =
        |offset: &str| format!("#!/bin/sh\nread request\necho \"{{\\\"value\\\": {offset}$(($1 % 7))}}\"\n");
    for (name, offset) in [("low", "1."), ("high", "2.")] {
        tune.file("line.json", LINE).script("noisy.sh", &noisy(offset));
        let args = "run --space line.json --budget 2 --confirm 1 --confirm-seeds 4 --quiet --command";
        let args: Vec<&str> = args.split(' ').chain(["./noisy.sh {seed}", "--study", name]).collect();
        tune.run(&args).success();
        std::fs::rename(tune.path("best.json"), tune.path(&format!("{name}.json"))).expect("there");
    }
    // A folder of the name of a study does not hide it.
    std::fs::create_dir(tune.path("high")).expect("a folder");
    let json = tune.run(&["compare", "low.json", "high", "--json"]).success().stdout;
    let comparison: Json = serde_json::from_str(&json).expect("JSON");
    validate("compare", &comparison);
    assert_eq!(comparison["paired"], true);
    let difference = |name: &str| comparison["difference"][name].as_f64().expect("a number");
    assert!((difference("low") - 1.0).abs() < 1e-9 && (difference("high") - 1.0).abs() < 1e-9, "{json}");
    let text = tune.run(&["compare", "low", "high.json"]).success().stdout;
    assert!(text.contains("paired by seed): low is better"), "{text}");
    tune.run(&["compare", "low.json", "nobody"]).refused(&["nobody", "not in tune.db"]);
}

#[cfg(unix)]
#[test]
fn a_study_is_shown_as_json() {
    let tune = Tune::new();
    study(&tune, "s", &[]);
    let shown: Json =
        serde_json::from_str(&tune.run(&["show", "--json", "--top", "2"]).success().stdout).expect("JSON");
    validate("show", &shown);
    assert_eq!(shown["best_trials"].as_array().map(Vec::len), Some(2));
    assert_eq!(shown["winner"]["trial"], 0);
}

/// A space in which a study begins, and the same space with one more parameter.
#[cfg(unix)]
const NET: &str = r#"{"name": "net", "parameters": {"x": {"type": "float", "low": 0, "high": 1},
    "n": {"type": "int", "low": 1, "high": 9}, "kind": {"type": "categorical", "choices": ["a", "b"]}}}"#;

/// The column `name` of the table of the only study.
#[cfg(unix)]
fn column(tune: &Tune, name: &str) -> Vec<String> {
    let table = tune.run(&["export", "csv"]).success().stdout;
    let mut lines = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let at = lines.next().and_then(|names| names.iter().position(|found| *found == name));
    let at = at.unwrap_or_else(|| panic!("no column {name}: {table}"));
    lines.map(|cells| cells[at].to_owned()).collect()
}

#[cfg(unix)]
#[test]
fn new_trials_keep_fixed_values_until_the_option_goes() {
    for search in ["bayes", "tpe", "random", "evolution"] {
        let tune = Tune::new();
        tune.file("line.json", NET).script("one.sh", ONE);
        let run = |more: &[&str]| {
            let args = [
                "run",
                "--command",
                "./one.sh",
                "--space",
                "line.json",
                "--search",
                search,
                "--confirm",
                "0",
            ];
            tune.run(&[&args[..], more].concat()).success().stderr
        };
        run(&["--budget", "5"]);
        let said = run(&["--budget", "9", "--fix", "n=7", "--fix", "kind=b"]);
        assert!(said.contains("new trials keep n=7, kind=b"), "{said}");
        run(&["--budget", "20"]);
        let (numbers, kinds) = (column(&tune, "n"), column(&tune, "kind"));
        assert!(numbers[5..9].iter().all(|n| n == "7") && kinds[5..9].iter().all(|kind| kind == "b"));
        assert!(numbers[9..].iter().any(|n| n != "7") && kinds[9..].iter().any(|kind| kind == "a"));
    }
}

#[cfg(unix)]
#[test]
fn workers_and_scripts_fix_values_too_and_a_wrong_one_is_refused() {
    let tune = Tune::new();
    tune.file("line.json", NET).script("one.sh", ONE);
    let run = ["run", "--command", "./one.sh", "--space", "line.json", "--budget", "6", "--study", "s"];
    tune.run(&[&run[..], &["--prepare"]].concat()).success();
    tune.run(&["worker", "--study", "s", "--fix", "n=2", "--no-linger"]).success();
    assert_eq!(column(&tune, "n"), ["2"; 6]);
    let ask = ["ask", "--space", "line.json", "--study", "asked", "--storage", "asked.db"];
    for n in ["3", "4"] {
        let asked = tune.run(&[&ask[..], &["--fix", &format!("n={n}")]].concat()).success().stdout;
        assert!(asked.contains(&format!(r#""n":{n},"#)), "{asked}");
    }
    let requests = format!(
        r#"{{"op": "open", "space": {}, "metrics": [{{"name": "m", "direction": "minimize"}}]}}
        {{"op": "ask", "fix": {{"n": 8}}}}
        {{"op": "ask", "fix": {{"n": 88}}}}
        {{"op": "ask"}}"#,
        NET.replace('\n', " ")
    );
    tune.file("requests", requests);
    let served = tune.shell(r#""$TUNE" serve --stdio <requests"#).output().expect("it runs").stdout;
    let replies = lines(&String::from_utf8(served).expect("UTF-8"));
    replies.iter().for_each(|reply| validate("serve", reply));
    assert_eq!((&replies[1]["point"]["n"], &replies[3]["trial"]), (&8.into(), &1.into()));
    assert_eq!(
        replies[2]["message"],
        "fix: n = 88 is outside the space net: must be a whole number from 1 to 9"
    );
    for (fix, parts) in [
        ("n=10", &["--fix n=10", "must be a whole number from 1 to 9"][..]),
        ("momentum=1", &["--fix momentum=1", "space net has no parameter momentum", "there are: x, n, kind"]),
        ("n", &["--fix n: must be NAME=VALUE"]),
    ] {
        tune.run(&[&run[..], &["--fix", fix]].concat()).refused(parts);
        tune.run(&[&ask[..], &["--fix", fix]].concat()).refused(parts);
        tune.run(&["worker", "--study", "s", "--fix", fix]).refused(parts);
    }
}

#[cfg(unix)]
#[test]
fn a_study_goes_on_with_more_parameters_and_older_trials_count_with_their_defaults() {
    let tune = Tune::new();
    tune.file("line.json", NET).script("one.sh", ONE);
    let run = |more: &[&str]| {
        let args = ["run", "--command", "./one.sh", "--space", "line.json", "--confirm", "0", "--study", "s"];
        tune.run(&[&args[..], more].concat())
    };
    run(&["--budget", "6"]).success();
    let depth =
        r#""depth": {"type": "int", "low": 1, "high": 5, "default": 2, "when": {"kind": ["a"]}}, "n":"#;
    let more = NET.replace(r#""n":"#, depth);
    tune.file("line.json", &more);
    let said = run(&["--budget", "12"]).success().stderr;
    assert!(
        said.contains("the space has more parameters than before: the trials so far count with depth = 2"),
        "{said}"
    );
    let (kinds, depths) = (column(&tune, "kind"), column(&tune, "depth"));
    for (kind, depth) in kinds.iter().zip(&depths).take(6) {
        assert_eq!(depth, if kind == "a" { "2" } else { "" });
    }
    assert!(depths[6..].iter().any(|depth| !["2", ""].contains(&depth.as_str())), "{depths:?}");
    assert!(!run(&["--budget", "13"]).success().stderr.contains("more parameters"), "told once");
    tune.run(&["worker", "--study", "s", "--no-linger"]).success();
    tune.file("line.json", NET);
    run(&["--budget", "14"]).refused(&["is of another setup", "space parameters.depth", "--fresh"]);
    tune.file("line.json", more.replace(r#""high": 9"#, r#""high": 8"#));
    run(&["--budget", "14"]).refused(&["is of another setup", "space parameters.n.high: 9 there, 8 here"]);
}

#[cfg(unix)]
#[test]
fn a_trial_that_is_tried_again_counts_once() {
    let tune = Tune::new();
    let fails_until = "#!/bin/sh\ntest -e mended || exit 1\necho '{\"value\": 1}'\n";
    tune.file("line.json", LINE).script("one.sh", fails_until);
    let run = |more: &[&str]| {
        let args =
            ["run", "--command", "./one.sh", "--space", "line.json", "--study", "s", "--max-failures", "0"];
        tune.run(&[&args[..], more].concat())
    };
    run(&["--budget", "3", "--json"]);
    tune.file("mended", "");
    let again = lines(&run(&["--budget", "3", "--retry-failed", "--json"]).success().stdout);
    assert_eq!(again.last().expect("some")["finished"], 3);
    let next = lines(&run(&["--budget", "4", "--json"]).success().stdout);
    assert_eq!((&next[0]["finished"], &next[0]["budget"]), (&3.into(), &4.into()));
    assert_eq!(tune.json("best.json")["trials"], 4);
}

#[cfg(unix)]
#[test]
fn seeds_that_failed_in_the_confirmation_are_tried_again() {
    let tune = Tune::new();
    let script = "#!/bin/sh\necho . >>count\ntest $(wc -l <count) -le 3 -o -e mended || { echo broken >&2; exit 1; }\necho '{\"value\": 1}'\n";
    tune.file("line.json", LINE).script("one.sh", script);
    let run = |more: &[&str]| {
        let args = [
            "run",
            "--command",
            "./one.sh",
            "--space",
            "line.json",
            "--study",
            "s",
            "--budget",
            "3",
            "--confirm",
            "1",
        ];
        tune.run(&[&args[..], more].concat()).success()
    };
    let failed = run(&[]);
    let said =
        "3 of 3 fresh seeds of the winner, trial 0, failed, the first with: ended with exit code 1: broken";
    assert!(
        failed.stderr.contains(said) && failed.stdout.contains("3 of 3 seeds failed"),
        "{}",
        failed.stderr
    );
    tune.file("mended", "");
    let again = run(&["--retry-failed"]);
    assert!(again.stderr.contains("fresh seeds failed, is done again"), "{}", again.stderr);
    assert!(again.stdout.contains("(mean and sd of 3 seeds)"), "{}", again.stdout);
}

#[test]
fn a_study_of_networks_goes_on_with_what_its_trials_had() {
    let tune = Tune::new();
    let space = |dropout: &str| {
        let network = r#"
            "learning_rate_adam": { "type": "float", "low": 0.003, "high": 0.03, "log": true },
            "optimizer": { "type": "fixed", "value": "adam" }, "batch_norm": { "type": "fixed", "value": true },
            "method": { "type": "fixed", "value": "surrogate" }, "batch_size": { "type": "fixed", "value": 16 },
            "epochs": { "type": "fixed", "value": 5 }"#;
        tune.file("space.json", format!(r#"{{"name": "s", "parameters": {{{dropout} {network}}}}}"#));
    };
    let run = |budget: &str| {
        let args = [
            "--dataset",
            "iris",
            "--space",
            "space.json",
            "--confirm",
            "0",
            "--study",
            "s",
            "--budget",
            budget,
        ];
        tune.run(&args).success().stderr
    };
    space("");
    run("3");
    // Without the parameter nothing is dropped, whatever the default of the space is.
    space(r#""dropout": { "type": "float", "low": 0, "high": 0.5, "default": 0.2 },"#);
    let said = run("5");
    assert!(said.contains("the trials so far count with dropout = 0.0\n"), "{said}");
    assert_eq!(column(&tune, "dropout")[..3], ["0.0", "0.0", "0.0"]);
    space(
        r#""dropout": { "type": "float", "low": 0, "high": 0.5, "default": 0.2 },
        "temperature": { "type": "float", "low": 2, "high": 4 },"#,
    );
    let said = run("6");
    assert!(
        said.contains("does not learn from them, since the space leaves out temperature = 1.0"),
        "{said}"
    );
}
