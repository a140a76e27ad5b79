//! People find what there is: commands, spaces, chips, completions and man pages.

use std::collections::BTreeSet;

#[cfg(unix)]
use crate::support::{LINE, ONE};
use crate::support::{Tune, validate};

/// The names of the commands, as the long help lists them.
fn names() -> BTreeSet<String> {
    let help = Tune::new().run(&["--help"]).success().stdout;
    let lists = help.split("\n\n").filter(|part| {
        ["Studies:", "Networks and chips:", "Machines:", "Other programs:"]
            .iter()
            .any(|head| part.starts_with(head))
    });
    let lines = lists.flat_map(|list| list.lines().skip(1));
    let names: BTreeSet<String> =
        lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    assert!(names.len() > 20, "{names:?}");
    names
}

#[test]
fn completions_name_every_command_and_its_options() {
    let names = names();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = Tune::new().run(&["completions", shell]).success().stdout;
        for name in &names {
            assert!(text.contains(name.as_str()), "{shell}: no {name}");
        }
        for option in ["seeds-per-trial", "fault-rates", "checkpoint-dir"] {
            assert!(text.contains(option), "{shell}: no {option}");
        }
        assert!(!text.contains("tune worker`, which"), "{shell}: the hidden command is named");
    }
    Tune::new().run(&["completions", "cmd"]).refused(&["cmd", "bash"]);
}

#[test]
fn every_command_has_a_man_page() {
    let tune = Tune::new();
    tune.run(&["man", "pages/man1"]).success();
    let page = |name: &str| tune.read(&format!("pages/man1/{name}.1"));
    for name in names() {
        let text = page(&format!("tune-{name}"));
        assert!(text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"), "{name}: {text}");
        assert!(page("tune").contains(&name), "the page of the program lacks {name}");
    }
    assert!(page("tune-export-csv").contains("Examples:"));
    assert!(!tune.path("pages/man1/tune-trial.1").exists(), "the hidden command has a page");
    tune.file("taken", "");
    tune.run(&["man", "taken"]).refused(&["taken", "cannot make this folder"]);
}

#[test]
fn a_mistyped_command_is_told_the_one_that_was_meant() {
    Tune::new().run(&["lst"]).refused(&["'lst'", "'list'"]);
    Tune::new().run(&["chips", "shwo", "loihi1"]).refused(&["'shwo'", "'show'"]);
}

#[test]
fn a_noun_alone_is_a_list_of_short_lines() {
    let tune = Tune::new();
    for noun in ["data", "spaces", "chips"] {
        let list = tune.run(&[noun]).success().stdout;
        assert_eq!(list, tune.run(&[noun, "list"]).success().stdout);
        let widest = list.lines().map(|line| line.chars().count()).max();
        assert!(noun == "data" || widest.is_some_and(|widest| widest <= 110), "{widest:?}: {list}");
    }
}

#[test]
fn a_built_in_space_is_printed_as_a_file_that_a_study_reads() {
    let tune = Tune::new();
    let text = tune.run(&["spaces", "show", "tables"]).success().stdout;
    tune.file("mine.json", &text);
    let summary = tune.run(&["spaces", "show", "mine.json", "--summary"]).success().stdout;
    assert!(summary.contains("hidden_layers"), "{summary}");
    tune.run(&["spaces", "show", "tabels"]).refused(&["tabels", "tables"]);
    tune.run(&["chips", "show", "lohi1"]).refused(&["lohi1", "loihi1"]);
    let chip = tune.run(&["chips", "show", "loihi1", "--json"]).success().stdout;
    tune.file("chip.json", &chip);
    assert_eq!(tune.run(&["chips", "show", "chip.json", "--json"]).success().stdout, chip);
    std::fs::create_dir(tune.path("loihi1")).expect("a temporary folder");
    tune.file("loihi2", "no chip");
    assert_eq!(
        tune.run(&["chips", "show", "loihi1", "--json"]).success().stdout,
        chip,
        "a folder of that name"
    );
    let other = tune.run(&["chips", "show", "loihi2"]).success().stdout;
    assert!(other.starts_with("loihi2: ") && other.contains("cores per chip"), "{other}");
}

/// Samples of two classes that the first of three columns tells apart.
fn table() -> String {
    let rows = (0..60)
        .map(|row| format!("{},{},{},{}\n", row % 2 * 3 + row % 5, row % 7, row % 3, ["a", "b"][row % 2]));
    "x,y,z,kind\n".to_owned() + &rows.collect::<String>()
}

#[test]
fn a_space_for_the_data_at_hand_is_commented_and_a_study_runs_with_it() {
    let tune = Tune::new();
    tune.file("my.csv", table());
    let said = tune.run(&["init", "--dataset", "my.csv", "--label", "kind", "-o", "space.json"]).success();
    assert!(said.stderr.contains("tune --dataset my.csv --label kind --space space.json"), "{}", said.stderr);
    let space = tune.json("space.json");
    validate("space", &space);
    assert_eq!(space["name"], "my-tables");
    let parameters = space["parameters"].as_object().expect("parameters");
    assert!(parameters.values().all(|parameter| parameter["description"].is_string()), "{space}");
    let study = "--dataset my.csv --space space.json --budget 2 --confirm 0 --folds 1 --quiet";
    tune.run(&study.split(' ').collect::<Vec<_>>()).success();
    assert_eq!(tune.json("best.json")["trials"], 2);
    tune.run(&["init", "--dataset", "my.csv", "-o", "my.csv"]).refused(&["--out my.csv", "--dataset"]);
}

#[cfg(unix)]
#[test]
fn options_of_a_file_make_the_same_study_and_the_command_line_wins() {
    let tune = Tune::new();
    let config = r#"{"command": "./one.sh", "space": "line.json", "budget": 3, "study": "s", "search": "random",
        "metric": ["value:minimize"], "quiet": true}"#;
    tune.file("line.json", LINE).script("one.sh", ONE).file("c.json", config);
    validate("config", &tune.json("c.json"));
    tune.run(&["run", "--config", "c.json", "--budget", "2"]).success();
    let best = tune.json("best.json");
    assert_eq!(best["trials"], 2);
    let command = best["command"].as_str().expect("a command").to_owned();
    assert!(command.contains("--search random") && command.contains("--budget 2"), "{command}");
    assert!(!command.contains("config"), "{command}");
    tune.run(&["run", "--config", "c.json"]).success();
    assert_eq!(tune.json("best.json")["trials"], 3);
    tune.file("wrong.json", config.replace("budget", "bugdet"));
    tune.run(&["run", "--config", "wrong.json"]).refused(&["wrong.json", "\"bugdet\"", "\"budget\""]);
    tune.file("zero.json", config.replace('3', "0"));
    tune.run(&["run", "--config", "zero.json"]).refused(&[
        "error: zero.json: ",
        "'0'",
        "--budget",
        "1 to 100,000",
    ]);
    tune.run(&["run", "--config", "c.json", "--fresh", "--out", "c.json"]).refused(&["--config c.json"]);
}

#[cfg(unix)]
#[test]
fn a_deleted_study_leaves_no_lock_file_and_waiting_trials_are_listed() {
    let tune = Tune::new();
    tune.file("line.json", LINE).script("one.sh", ONE);
    let run = "run --space line.json --command ./one.sh --budget 2 --quiet --study s";
    tune.run(&run.split(' ').collect::<Vec<_>>()).success();
    tune.run(&["enqueue", "s", r#"{"x": 0.5}"#]).success();
    let list = tune.run(&["list"]).success().stdout;
    assert!(list.contains("2 of 2, 1 waiting"), "{list}");
    tune.run(&["delete", "s", "--yes"]).success();
    let files =
        std::fs::read_dir(tune.path("")).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let left: Vec<String> = files.map(|name| name.to_string_lossy().into_owned()).collect();
    assert!(!left.iter().any(|name| name.ends_with(".lock") || name.ends_with(".turn")), "{left:?}");
    // The study of this name begins anew.
    tune.run(&run.split(' ').collect::<Vec<_>>()).success();
}

#[cfg(unix)]
#[test]
fn the_winner_is_marked_for_the_dashboard_and_a_note_of_people_stays() {
    let tune = Tune::new();
    tune.file("line.json", LINE).script("one.sh", ONE);
    let run = |budget: &str| {
        let run = format!(
            "run --space line.json --command ./one.sh --quiet --study s --confirm 1 --budget {budget}"
        );
        tune.run(&run.split(' ').collect::<Vec<_>>()).success();
    };
    let cell = |table: &str, key: &str| -> String {
        let database = rusqlite::Connection::open(tune.path("tune.db")).expect("a database");
        let query = format!("SELECT value_json FROM {table} WHERE \"key\" = ?1");
        database.query_row(&query, [key], |row| row.get(0)).expect("an attribute")
    };
    let note = || {
        [0, 1].map(|at| cell("study_system_attributes", ["dashboard:note_ver", "dashboard:note_str:0"][at]))
    };
    run("1");
    assert_eq!(cell("study_user_attributes", "winner"), "0");
    assert_eq!(note()[0], "1");
    assert!(note()[1].contains("**Winner: trial 0**: value 1.000 +- 0 over 3 fresh seeds"), "{}", note()[1]);
    run("2");
    assert_eq!(note()[0], "2");
    let database = rusqlite::Connection::open(tune.path("tune.db")).expect("a database");
    let write =
        "UPDATE study_system_attributes SET value_json = '\"mine\"' WHERE \"key\" = 'dashboard:note_str:0'";
    assert_eq!(database.execute(write, []).expect("written"), 1);
    drop(database);
    run("3");
    assert_eq!(note()[1], "\"mine\"");
}

#[test]
fn a_difference_of_setup_names_the_place() {
    let tune = Tune::new();
    let space = tune.run(&["spaces", "show", "tables"]).success().stdout;
    tune.file("mine.json", &space);
    let study = "--dataset iris --space mine.json --budget 1 --confirm 0 --quiet --study s";
    let words: Vec<&str> = study.split(' ').collect();
    tune.run(&words).success();
    tune.file("mine.json", space.replace("\"high\": 0.5", "\"high\": 0.4"));
    tune.run(&words)
        .refused(&["space: another content", "space parameters.dropout.high: 0.5 there, 0.4 here"]);
    let table = tune.run(&["net", "describe", "best.safetensors"]).success().stdout;
    assert!(table.contains("dense") && table.contains("trained network"), "{table}");
    let scored =
        tune.run(&["eval", "best.safetensors", "--dataset", "iris", "--faults", "all", "--fault-maps", "1"]);
    let scored = scored.success();
    assert!(scored.stderr.contains("bit-flip are left out") && scored.stdout.contains("masked-core"));
    let pick = ["--metric", "accuracy", "--metric", "cores", "--pick", "cores within 5"];
    tune.run(&[&words[..], &pick].concat()).refused(&["cores within 5", "share from 0 to 1", "0.005"]);
    let report = tune.run(&["report", "s", "--format", "md"]).success().stdout;
    assert!(report.contains("4 inputs, 3 classes"), "{report}");
}
