//! A study by name: made, or taken up again if it is of the same setup.

use std::path::Path;

use anyhow::{Result, bail};
use serde_json::Value as Json;

use crate::storage::{SqliteStorage, Storage, StudyKey};
use crate::study::{Attributes, Metric, Study, differences};

/// What a study must be.
pub(super) struct Wanted<'a> {
    pub name: &'a str,
    pub metrics: &'a [Metric],
    /// Name of the attribute that must be the same when the study is taken up again, and its value.
    pub setup: (&'static str, Json),
    /// Attributes that are written anew each time: studies of older versions lack some.
    pub facts: Attributes,
}

/// Opens the study in `storage`, whose file is `database`; drops an older one of the name first if `fresh`.
pub(super) fn open(
    storage: &mut SqliteStorage,
    database: &Path,
    wanted: &Wanted<'_>,
    fresh: bool,
) -> Result<StudyKey> {
    if let Some(key) = storage.find_study(wanted.name)? {
        if !fresh {
            check_same(&storage.load_study(key)?, database, wanted)?;
            for (name, value) in &wanted.facts {
                storage.set_study_attribute(key, name, value)?;
            }
            return Ok(key);
        }
        storage.delete_study(key)?;
    }
    let (name, setup) = &wanted.setup;
    let mut attributes = Attributes::new();
    attributes.insert((*name).to_owned(), setup.clone());
    attributes.extend(wanted.facts.clone());
    attributes.insert("tune:version".to_owned(), env!("CARGO_PKG_VERSION").into());
    Ok(storage.create_study(wanted.name, wanted.metrics, &attributes)?)
}

/// Refuses to go on with a study of another setup.
fn check_same(study: &Study, database: &Path, wanted: &Wanted<'_>) -> Result<()> {
    let (way_out, database) =
        ("choose another --study, or drop the old one with --fresh", database.display());
    let (attribute, ours) = &wanted.setup;
    let Some(theirs) = study.attributes.get(*attribute) else {
        bail!("study {} in {database} was not made by this command of tune: {way_out}", study.name);
    };
    let mut differences = differences(ours, theirs);
    if study.metrics != wanted.metrics {
        differences.push(format!(
            "metric: {} there, {} here",
            spelled(&study.metrics),
            spelled(wanted.metrics)
        ));
    }
    if !differences.is_empty() {
        let differences = differences.join("; ");
        bail!("study {} in {database} is of another setup ({differences}): {way_out}", study.name);
    }
    Ok(())
}

fn spelled(metrics: &[Metric]) -> String {
    serde_json::to_string(metrics).expect("text is JSON")
}
