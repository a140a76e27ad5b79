//! The result of an earlier study, a `best.json`.

use std::path::Path;

use anyhow::{Context, Result, anyhow};

use super::open;
use crate::input;
use crate::report::Best;
use crate::storage::Location;
use crate::study::COMMAND;

/// Reads `file`, which `option` names; without an option, the file stands alone.
///
/// # Errors
/// The file cannot be read, or is no result of a study.
pub(crate) fn read(file: &Path, option: &str) -> Result<Best> {
    let name = format!("{option} {}", file.display()).trim_start().to_owned();
    let text = std::fs::read_to_string(file).with_context(|| format!("{name}: cannot read it"))?;
    input::from_json(&text, &name).map_err(|error| anyhow!("{error}: must be a best.json that tune wrote"))
}

/// Reads `name`: a file, or the name of a study in `database` whose winner is confirmed. A study names no
/// files of networks.
///
/// # Errors
/// It is neither, or the study has no confirmed winner.
pub(crate) fn of_file_or_study(name: &str, database: &Location) -> Result<Best> {
    let looks_like_file = Path::new(name).exists() || name.ends_with(".json");
    if looks_like_file {
        return read(Path::new(name), "");
    }
    let mut storage = open::to_read(database).with_context(|| format!("{name}: no such file, and"))?;
    let key = open::the_study(&mut *storage, database, Some(name))?;
    let study = storage.load_study(key)?;
    let command = study.attributes.get(COMMAND).and_then(|command| command.as_str()).unwrap_or_default();
    let best = Best::of(&study, command, None);
    best.with_context(|| match study.best() {
        None => format!("study {name}: has no winner: {}", study.no_best()),
        Some(_) => format!("study {name}: has no confirmed winner: run it to its end"),
    })
}
