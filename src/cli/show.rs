//! `tune show`: a study as a table.

use anyhow::{Result, bail};

use super::args::ShowArgs;
use super::exit::Exit;
use crate::input;
use crate::report;
use crate::storage::{SqliteStorage, Storage};

/// Prints the study that is asked for.
pub(super) fn run(args: &ShowArgs) -> Result<Exit> {
    let database = &args.storage.storage;
    if !database.exists() {
        bail!("--storage {}: no such file: name the database of a study", database.display());
    }
    let mut storage = SqliteStorage::open(database)?;
    let names = storage.study_names()?;
    let name = match (&args.study, names.as_slice()) {
        (Some(name), _) => name.clone(),
        (None, [only]) => only.clone(),
        (None, []) => bail!("{}: holds no study", database.display()),
        (None, names) => {
            bail!("{} holds several studies: choose with --study: {}", database.display(), names.join(", "))
        }
    };
    let Some(key) = storage.find_study(&name)? else {
        let hint = input::suggestion(&name, names.iter().map(String::as_str));
        bail!("--study {name}: not in {}{hint}", database.display());
    };
    let study = storage.load_study(key)?;
    print!("{}", report::study_text(&study, args.top));
    if let Some(best) = report::Best::of(&study, "", None) {
        print!("\n{}", report::winner_text(&best));
    }
    Ok(Exit::Done)
}
