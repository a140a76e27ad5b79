//! The result of an earlier study, a `best.json`.

use std::path::Path;

use anyhow::{Context, Result, anyhow};

use super::open;
use crate::input;
use crate::report::Best;
use crate::storage::Location;

/// Reads `file`, which `option` names; without an option, the file stands alone.
///
/// # Errors
/// The file cannot be read, or is no result of a study.
pub(crate) fn read(file: &Path, option: &str) -> Result<Best> {
    let name = format!("{option} {}", file.display()).trim_start().to_owned();
    let text = std::fs::read_to_string(file).with_context(|| format!("{name}: cannot read it"))?;
    input::from_json(&text, &name).map_err(|error| anyhow!("{error}: must be a best.json that tune wrote"))
}

/// Reads `name`: a file, or the name of a study in `database` whose winner is confirmed among all trials. A
/// study names no files of networks.
///
/// # Errors
/// It is neither, or the study has no confirmed winner.
pub(crate) fn of_file_or_study(name: &str, database: &Location) -> Result<Best> {
    let path = Path::new(name);
    // A folder of pictures often has the name of its study.
    let is_file = path.exists() && !path.is_dir();
    if is_file || name.ends_with(".json") {
        return read(path, "");
    }
    let mut storage = open::to_read(database).with_context(|| format!("{name}: no such file, and"))?;
    let key = open::the_study(&mut *storage, database, Some(name))?;
    let study = storage.load_study(key)?;
    Best::current(&study).with_context(|| match study.best() {
        None => format!("study {name}: has no winner: {}", study.no_best()),
        Some(_) => format!("study {name}: has no confirmed winner: run it to its end"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::space::{Point, Space};
    use crate::study::{Attributes, CONFIRMATION, Metric, Outcome};

    #[test]
    fn a_winner_that_was_confirmed_among_fewer_trials_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Location::File(folder.path().join("tune.db"));
        let mut storage = database.open().expect("made");
        let text = r#"{"name": "s", "parameters": {"n": {"type": "int", "low": 1, "high": 9}}}"#;
        let space = Space::from_json(text, "s.json").expect("a space");
        let repeat = json!({"value": 0.5, "attributes": {}});
        let confirmation = json!({
            "trials": 1, "repeats": 1, "wanted": 1, "test": [repeat], "kept": 0,
            "candidates": [{"trial": 0, "repeats": [repeat]}]
        });
        let attributes = Attributes::from([(CONFIRMATION.to_owned(), confirmation)]);
        let study = storage.create_study("s", &[Metric::minimize("loss")], &attributes).expect("made");
        let mut evaluate = |n: i64| {
            let point: Point = [("n", n)].into_iter().collect();
            let claim = storage.claim(study, &space, &point, &Attributes::new(), 9).expect("looked");
            let (values, constraints, attributes) = (vec![0.5], Vec::new(), Attributes::new());
            let outcome = Outcome::Complete { values, constraints, attributes };
            assert!(storage.finish(claim.expect("it has room").key, &outcome).expect("stored"));
        };
        evaluate(1);
        assert_eq!(of_file_or_study("s", &database).expect("it is confirmed").trial, 0);
        evaluate(2);
        let problem = of_file_or_study("s", &database).expect_err("one trial more").to_string();
        assert_eq!(problem, "study s: has no confirmed winner: run it to its end");
    }
}
