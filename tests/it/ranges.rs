//! Ranges and sizes: what no trial could be made of is refused when it is read, and what fits is searched.

use serde_json::json;

use crate::support::Tune;

fn space(parameters: &str) -> String {
    format!(r#"{{"name": "s", "parameters": {{{parameters}}}}}"#)
}

#[test]
fn a_space_beyond_the_domain_of_a_hyperparameter_is_refused_before_anything_is_begun() {
    for (parameters, parts) in [
        (r#""dropout": {"type": "float", "low": 0, "high": 1.5}"#, ["dropout: high = 1.5", "from 0 to 0.95"]),
        (
            r#""optimizer": {"type": "categorical", "choices": ["adam", "lion"]}"#,
            ["optimizer: choice = lion", "one of adadelta, adam, rmsprop, sgd"],
        ),
        (
            r#""width_3": {"type": "int", "low": 1, "high": 1000000000, "log": true}"#,
            ["width_3: high = 1000000000", "a whole number from 1 to 1048576"],
        ),
        (r#""batch_size": {"type": "fixed", "value": 0}"#, ["batch_size: value = 0", "from 1 to 65536"]),
        (
            r#""momentum": {"type": "float", "low": -0.5, "high": 0.9}"#,
            ["momentum: low = -0.5", "from 0 to 0.9999"],
        ),
    ] {
        let tune = Tune::new();
        tune.file("space.json", space(parameters));
        let refused = tune.run(&["--dataset", "iris", "--space", "space.json"]);
        refused.refused(&[&["space.json"][..], &parts].concat());
        assert!(!tune.path("tune.db").exists(), "nothing was begun");
    }
}

#[test]
fn a_key_that_is_there_twice_is_named() {
    let tune = Tune::new();
    tune.file("space.json", space(r#""x": {"type": "float", "low": 0, "high": 1, "low": 0.5}"#));
    let run = ["run", "--command", "true", "--space", "space.json", "--metric", "loss:min"];
    tune.run(&run).refused(&["space.json: parameters.x", r#"key "low" is there twice"#, "drop one"]);
    let chip = tune.run(&["schema", "chip"]).success();
    assert!(!chip.stdout.is_empty());
    let text =
        std::fs::read_to_string(crate::support::project().join("configs/chips/ideal.json")).expect("a chip");
    tune.file("chip.json", text.replacen(r#""core":"#, r#""core": {}, "core":"#, 1));
    let twice = ["--dataset", "iris", "--chip", "chip.json"];
    tune.run(&twice).refused(&["chip.json", r#"key "core" is there twice"#]);
    let head = r#""head": {"classes": 2, "redundancy": 2, "overlapping": false, "batch_norm": false}"#;
    tune.file("plan.json", format!(r#"{{"input": {{"height": 1, "height": 2}}, "hidden": [], {head}}}"#));
    tune.run(&["net", "describe", "plan.json"])
        .refused(&["plan.json: input", r#"key "height" is there twice"#]);
    let point = ["tell", "--study", "s", "--point", r#"{"x": 1, "x": 2}"#, "--value", "1"];
    tune.file("own.json", space(r#""x": {"type": "float", "low": 0, "high": 9}"#));
    tune.run(&["ask", "--study", "s", "--space", "own.json"]).success();
    tune.run(&point).refused(&["--point", r#"key "x" is there twice"#]);
}

#[test]
fn steps_and_ends_that_floats_do_not_hold_are_refused() {
    for (range, part) in [
        (r#""type": "float", "low": 0, "high": 1, "step": 1e-20"#, "more than 2^50 steps"),
        (r#""type": "float", "low": -1e308, "high": 1e308, "step": 1e300"#, "more than 2^50 steps"),
        (r#""type": "float", "low": 1e20, "high": 1.0001e20, "step": 1000"#, "too small beside"),
        (r#""type": "int", "low": -9223372036854775808, "high": 1"#, "must be -2^53 to 2^53"),
        (r#""type": "float", "low": 0, "high": 1e400"#, "number out of range"),
    ] {
        let tune = Tune::new();
        tune.file("space.json", space(&format!(r#""x": {{{range}}}"#)));
        let run = ["run", "--command", "true", "--space", "space.json", "--metric", "loss:min"];
        tune.run(&run).refused(&["space.json", part]);
    }
}

#[test]
fn ranges_as_wide_as_floats_are_searched_over_all_of_them() {
    let parameters = r#""x": {"type": "float", "low": -1.7e308, "high": 1.7e308},
        "y": {"type": "float", "low": 1e-308, "high": 1e308, "log": true}"#;
    let tune = Tune::new();
    tune.file("space.json", space(parameters));
    for search in ["bayes", "tpe", "nsga2", "sobol", "random"] {
        let (mut below, mut small) = (0, 0);
        for number in 0..12 {
            let asked =
                tune.run(&["ask", "--study", search, "--space", "space.json", "--search", search]).success();
            let trial: serde_json::Value = serde_json::from_str(&asked.stdout).expect("JSON");
            let at = |name: &str| trial["point"][name].as_f64().expect("a number");
            below += u32::from(at("x") < 0.0);
            small += u32::from(at("y") < 1.0);
            let value = (number % 5).to_string();
            let told =
                tune.run(&["tell", "--study", search, "--trial", &number.to_string(), "--value", &value]);
            told.success();
        }
        assert!(
            (2..=11).contains(&below) && (2..=11).contains(&small),
            "{search}: {below} and {small} of 12"
        );
    }
}

#[test]
fn a_plan_of_any_size_is_described() {
    let dense = json!({"kind": "dense", "width": 16000, "batch_norm": false, "dropout": 0.0});
    let head = json!({"classes": 10, "redundancy": 2, "overlapping": false, "batch_norm": false});
    let input = json!({"height": 8, "width": 8, "channels": 1});
    let tune = Tune::new();
    tune.file("plan.json", json!({"input": input, "hidden": vec![dense; 200], "head": head}).to_string());
    let text = tune.run(&["net", "describe", "plan.json"]).success().stdout;
    // 64 and 199 times 16,000 inputs of 16,000 neurons, 16,000 of 20, and a bias for each.
    let parameters = 65 * 16_000 + 199 * 16_001 * 16_000u64 + 16_001 * 20;
    assert!(text.lines().last().is_some_and(|sums| sums.contains(&parameters.to_string())), "{text}");
}

#[test]
fn a_network_that_does_not_fit_in_memory_is_a_failure_with_its_size() {
    let tune = Tune::new();
    tune.file(
        "space.json",
        space(
            r#""width_1": {"type": "fixed", "value": 16000}, "width_2": {"type": "fixed", "value": 16000},
               "epochs": {"type": "fixed", "value": 1}, "method": {"type": "fixed", "value": "surrogate"}"#,
        ),
    );
    let run = ["--dataset", "iris", "--space", "space.json", "--budget", "1", "--memory", "1G", "--quiet"];
    let ended = tune.run(&run);
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    let shown = tune.run(&["show"]).success().stdout;
    assert!(shown.contains("would take") && shown.contains("may take 1.00 GiB"), "{shown}");
}

#[test]
fn a_network_beyond_a_bound_is_never_trained() {
    let tune = Tune::new();
    let run = ["--dataset", "iris", "--budget", "2", "--constraint", "parameters<=5", "--json"];
    let ended = tune.run(&run);
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert!(ended.stdout.contains("parameters: must be parameters<=5"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("trial_reported"), "{}", ended.stdout);
}
