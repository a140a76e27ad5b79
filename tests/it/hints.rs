//! What the program says to somebody who does not know it yet.

use serde_json::Value as Json;

use crate::support::{SMALL, Tune};

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// A study of irises with two trials, and `rest`.
fn study(tune: &Tune, rest: &str) -> String {
    let budget = if rest.contains("--budget") { "" } else { "--budget 2" };
    tune.file("small.json", SMALL);
    let space = if rest.contains("--space") { "" } else { "--space small.json" };
    let line = format!("--dataset iris --search random {space} {budget} --folds 1 --confirm-seeds 1 {rest}");
    tune.run(&words(&line)).success().stderr
}

#[test]
fn a_coding_that_a_chip_lacks_is_named_and_the_others_are_still_searched() {
    let tune = Tune::new();
    let space = |choices: &str| {
        format!(
            r#"{{"name": "s", "parameters": {{"hidden_layers": {{"type": "fixed", "value": 1}},
                "batch_norm": {{"type": "fixed", "value": true}}, "epochs": {{"type": "fixed", "value": 3}},
                "input_coding": {{"type": "categorical", "choices": [{choices}]}}}}}}"#
        )
    };
    tune.file("three.json", space(r#""graded", "threshold", "thermometer""#));
    tune.file("two.json", space(r#""graded", "threshold""#));
    let said = |space: &str| study(&tune, &format!("--chip loihi1 --space {space} --study {space}"));
    let three = said("three.json");
    assert!(three.contains("input_coding=graded is left out") && !three.contains("not searched"), "{three}");
    assert!(said("two.json").contains("input_coding is not searched there"));
}

#[test]
fn a_space_that_was_changed_by_hand_is_replaced_by_force_alone() {
    let tune = Tune::new();
    let init = words("init --dataset iris -o space.json");
    tune.run(&init).success();
    tune.run(&init).success();
    let own = tune.read("space.json").replace("Made by", "Changed by me, made by");
    tune.file("space.json", &own);
    tune.run(&init).refused(&["--out space.json", "holds something else", "--force"]);
    assert_eq!(tune.read("space.json"), own);
    tune.run(&[&init[..], &["--force"]].concat()).success();
    assert_ne!(tune.read("space.json"), own);
}

#[test]
fn the_next_command_of_init_reads_the_same_data() {
    let tune = Tune::new();
    let row = |at: usize| format!("{},5;{};{}\n", at % 7, if at == 3 { "" } else { "2" }, ["x", "y"][at % 2]);
    tune.file("a b.csv", format!("one;two;kind\n{}", (0..60).map(row).collect::<String>()));
    let init = ["init", "--dataset", "a b.csv", "--decimal", ",", "--missing", "impute", "-o", "s.json"];
    let said = tune.run(&init).success().stderr;
    let next = said.split("next: ").nth(1).expect("a command").trim();
    for part in ["--decimal ','", "--missing impute", "--space s.json", "'a b.csv'"] {
        assert!(next.contains(part) && !next.contains("--out"), "no {part} in {next}");
    }
    let mut typed = shlex::split(next).expect("words");
    assert_eq!(typed.remove(0), "tune");
    let rest = words("--prepare --quiet");
    let line: Vec<&str> = typed.iter().map(String::as_str).chain(rest).collect();
    tune.run(&line).success();
}

#[test]
fn a_list_as_csv_has_the_chip_and_the_costs_of_each_winner() {
    let tune = Tune::new();
    for chip in ["ideal", "loihi1"] {
        study(&tune, &format!("--chip {chip} --study {chip} --out {chip}.json --quiet"));
    }
    let table = tune.run(&["list", "--csv"]).success().stdout;
    let mut lines = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().expect("a header");
    let cell = |row: &[&str], name: &str| {
        row[head.iter().position(|column| *column == name).expect("a column")].to_owned()
    };
    let rows: Vec<Vec<&str>> = lines.collect();
    assert_eq!(rows.len(), 2);
    for (row, chip) in rows.iter().zip(["ideal", "loihi1"]) {
        let best = tune.json(&format!("{chip}.json"));
        let of_chip = &best["network"]["chip"];
        assert_eq!((cell(row, "chip"), cell(row, "dataset")), (chip.to_owned(), "iris".to_owned()));
        let same = |name: &str, value: &Json| {
            let found: Option<f64> = cell(row, name).parse().ok();
            assert_eq!(found, value.as_f64(), "{name} of {chip}");
        };
        same("test", &best["test"]["spread"]["mean"]);
        same("energy_j", &of_chip["energy_j"]["total"]);
        same("latency_s", &of_chip["latency_s"]);
        same("cores", &of_chip["cores"]);
    }
}

#[test]
fn with_several_metrics_the_best_is_said_to_be_best_in_one() {
    let tune = Tune::new();
    let said = study(&tune, "--metric accuracy --metric parameters --budget 4 --study f");
    assert!(said.contains("the best so far in accuracy alone"), "{said}");
    let status = tune.run(&["status", "f"]).success().stdout;
    assert!(
        status.contains("best in accuracy alone: trial ") && status.contains("\nfront: trial"),
        "{status}"
    );
    let front: Json =
        serde_json::from_str(&tune.run(&["status", "f", "--json"]).success().stdout).expect("JSON");
    assert!(!front["front"].as_array().expect("a list").is_empty());
}

#[test]
fn options_and_files_that_do_not_fit_are_refused_with_the_way_out() {
    let tune = Tune::new();
    study(&tune, "--quiet --study a");
    tune.file("t.csv", "a,b,kind\n1,2,x\n2,1,y\n1,1,\n2,2,y\n".repeat(4));
    for (line, parts) in [
        ("--budget 3", &["--dataset", "tune --help"][..]),
        ("studeis", &["unrecognized subcommand", "tune --help"]),
        ("--dataset iris --label k", &["--label", "catalogue", "leave the option out"]),
        ("--dataset iris --budget -1", &["'-1'", "must be 1 to 100,000"]),
        ("--dataset t.csv --missing impute", &["the label is missing", "delete the line"]),
        ("--dataset t.csv --label z", &["\"z\"", "there are: a, b, kind"]),
        ("--dataset iris --study a --budget 2 --chip loihi1", &["another --study"]),
        ("predict best.safetensors a.png b.png", &["b.png", "one file or folder"]),
        ("predict best.json t.csv", &["best.json: holds no network", "best.safetensors"]),
        ("chips show lohi1", &["chip lohi1: no such chip"]),
        ("spaces show tabels", &["space tabels: neither"]),
        ("show nobody", &["study nobody: not in tune.db"]),
        ("list --storage gone.db", &["gone.db: no such file", "--storage"]),
        ("report a -o x.pdf", &[".pdf", ".html, .md or .json"]),
    ] {
        let ended = tune.run(&words(line));
        assert!(!ended.stderr.contains("'studies'"), "{}", ended.stderr);
        assert!(ended.stderr.len() < 700, "{line}: {}", ended.stderr);
        ended.refused(parts);
    }
    let line =
        "--dataset iris --space small.json --study a --budget 2 --chip loihi1 --folds 1 --search random";
    let other = tune.run(&words(line));
    assert!(other.stderr.contains("chip: \"ideal\" there, \"loihi1\" here"), "{}", other.stderr);
    assert!(!other.stderr.contains("SHA-256"), "{}", other.stderr);
}

#[test]
fn a_foreign_file_is_scored_as_in_the_training() {
    let tune = Tune::new();
    study(&tune, "--quiet");
    let row = |at: usize| {
        format!("5.{},3.0,1.{},0.2,{}\n", at % 9, at % 5, ["setosa", "versicolor", "virginica"][at % 3])
    };
    tune.file("new.csv", (0..30).map(row).collect::<String>());
    let eval = ["eval", "best.safetensors", "--dataset", "new.csv", "--header", "no", "--label", "4"];
    let said = tune.run(&eval).success().stderr;
    assert!(said.contains("scaled as in the training") && said.contains("30 scored"), "{said}");
    assert!(!said.contains("for training"), "{said}");
}

#[test]
fn importance_says_its_metric_and_when_few_trials_stand_behind_it() {
    let tune = Tune::new();
    study(&tune, "--budget 12 --quiet --study a --metric accuracy --metric parameters");
    let shown = tune.run(&["show", "a"]).success().stdout;
    for part in ["importance for accuracy", "add up to more than 100 %", "leaves out the others"] {
        assert!(shown.contains(part), "no {part} in {shown}");
    }
    let report = tune.run(&["report", "a", "--format", "md"]).success().stdout;
    for part in ["Importance for accuracy", "add up to more than 100 %", "never fire"] {
        assert!(report.contains(part), "no {part} in {report}");
    }
}
