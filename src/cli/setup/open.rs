//! Finds a study by its name, or creates it. An older study must have the same setup.

use std::hash::{BuildHasher, Hasher, RandomState};

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

use super::checkpoints;
use crate::cli::shown::exit::Exit;
use crate::cli::shown::{painter, streams};
use crate::input;
use crate::space::{Point, Space, Value};
use crate::storage::{Location, Storage, StudyKey};
use crate::study::{
    ADDED, Attributes, DATA_SHAPE, IDENTITY, JOB, Metric, SPACE, Study, TEST_SAMPLES, TrialState,
    VALIDATION_SAMPLES, VERSION, changed_places, differences,
};
use crate::tuner::{Event, remove_checkpoints};

/// A worker whose last heartbeat is younger than this many seconds may be alive.
const ALIVE: f64 = 120.0;

/// What a caller wants of a study: its name, its metrics and its setup.
pub(crate) struct StudyRequest<'a> {
    pub name: &'a str,
    pub metrics: &'a [Metric],
    /// Name and value of the attribute that must be the same when an older study is resumed.
    pub setup: (&'static str, Json),
    /// Attributes that are written at every start, since studies of older versions lack some of
    /// them.
    pub facts: Attributes,
    /// The value that a trial had for a parameter that its point lacks, where that is known.
    pub value_without: &'a dyn Fn(&Point, &str) -> Option<Value>,
}

/// Opens the storage at `database` for reading and writing, or makes it. If its server goes away later,
/// people are told.
pub(crate) fn storage(database: &Location) -> Result<Box<dyn Storage>> {
    let mut storage = database.open()?;
    storage.when_away(|error, most| {
        painter::interject(&format!("{error}; waiting for the server, at most {} s", most.as_secs()));
    });
    Ok(storage)
}

/// Opens the storage at `database`, which must exist, for reading and writing.
pub(crate) fn existing(database: &Location) -> Result<Box<dyn Storage>> {
    must_exist(database)?;
    storage(database)
}

/// Opens the storage at `database`, which must exist, for reading only.
pub(crate) fn to_read(database: &Location) -> Result<Box<dyn Storage>> {
    must_exist(database)?;
    Ok(database.open_to_read()?)
}

fn must_exist(database: &Location) -> Result<()> {
    if database.file().is_some_and(|file| !file.exists()) {
        bail!("{database}: no such file: name the database of a study with --storage");
    }
    Ok(())
}

/// A random text that identifies a new study.
fn identity() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

/// The study called `name`; without a name, the only study of the storage.
pub(crate) fn the_study(
    storage: &mut dyn Storage,
    database: &Location,
    name: Option<&str>,
) -> Result<StudyKey> {
    let names = storage.study_names()?;
    let name = match (name, names.as_slice()) {
        (_, []) => {
            bail!("{database}: holds no study: name another --storage, or make one with tune or tune run")
        }
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, names) => {
            bail!("{database} holds several studies: name one of them: {}", names.join(", "))
        }
    };
    let found = storage.find_study(name)?;
    found.with_context(|| {
        let hint = input::suggestion(name, names.iter().map(String::as_str));
        format!("study {name}: not in {database}{hint}")
    })
}

/// Tells the user that the study was created: prints its name, or an event if `is_json`, and the command by
/// which workers join it.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn ready(name: &str, database: &Location, is_json: bool) -> Result<Exit> {
    if is_json {
        let event = Event::study_prepared(name, &database.to_string());
        streams::print_line(serde_json::to_string(&event)?)?;
        return Ok(Exit::Done);
    }
    streams::print_line(name)?;
    let quoted = |text: &str| shlex::try_quote(text).map_or_else(|_| text.to_owned(), Into::into);
    let (storage, study) = (quoted(&database.to_string()), quoted(name));
    streams::say(format_args!("ready for any number of: tune worker --storage {storage} --study {study}"));
    Ok(Exit::Done)
}

/// Opens the study that `request` names in `storage`, or creates it. `database` is the location of
/// `storage`.
///
/// If `fresh`, an older study of this name and its checkpoints are deleted first.
///
/// # Errors
/// An older study has another setup, workers evaluate its trials, its checkpoints cannot be removed, or the
/// storage fails.
pub(crate) fn open(
    storage: &mut dyn Storage,
    database: &Location,
    request: &StudyRequest<'_>,
    fresh: bool,
) -> Result<StudyKey> {
    if let Some(key) = storage.find_study(request.name)? {
        if !fresh {
            let study = storage.load_study(key)?;
            match added(&study, request) {
                Some(values) => grow(storage, key, request, &study.adding(&values))?,
                None => check_same(&study, database, request)?,
            }
            for (name, value) in &request.facts {
                storage.set_study_attribute(key, name, value)?;
            }
            return Ok(key);
        }
        delete(storage, database, key)?;
    }
    let (name, setup) = &request.setup;
    let mut attributes = Attributes::new();
    attributes.insert((*name).to_owned(), setup.clone());
    attributes.extend(request.facts.clone());
    attributes.insert(VERSION.to_owned(), env!("CARGO_PKG_VERSION").into());
    attributes.insert(IDENTITY.to_owned(), identity().into());
    Ok(storage.create_study(request.name, request.metrics, &attributes)?)
}

/// The parameters that the space of `request` has and that of `study` lacks. Each has the value that all trials
/// of the study had, or its default if that is not known. `None` if there are none, or if anything else differs.
pub(crate) fn added(study: &Study, request: &StudyRequest<'_>) -> Option<Point> {
    const CHECKSUM: &str = "space_sha256";
    let (attribute, ours) = &request.setup;
    let theirs = study.attributes.get(*attribute)?;
    let space = Space::from_json(&request.facts.get(SPACE)?.to_string(), SPACE).ok()?;
    let defaults = space.added_to(&study.space()?.ok()?)?;
    let values = defaults.iter().map(|(name, default)| {
        (name.to_owned(), common_value(study, name, request).unwrap_or_else(|| default.clone()))
    });
    let values: Point = values.collect();
    let mut same = ours.clone();
    same[CHECKSUM] = theirs.get(CHECKSUM)?.clone();
    let is_same = differences(&same, theirs).is_empty() && study.metrics == request.metrics;
    is_same.then_some(values)
}

/// The value that all trials of `study` had for the parameter `name`, which their points lack; `None` if it is
/// not known or not the same in all.
fn common_value(study: &Study, name: &str, request: &StudyRequest<'_>) -> Option<Value> {
    let mut begun = study.trials.iter().filter(|trial| trial.state != TrialState::Waiting);
    let first = (request.value_without)(&begun.next()?.point, name)?;
    begun.all(|trial| (request.value_without)(&trial.point, name).as_ref() == Some(&first)).then_some(first)
}

/// Stores that parameters were added to the space of a study: `fact` is the new value of [`ADDED`].
///
/// # Errors
/// The storage fails.
fn grow(storage: &mut dyn Storage, study: StudyKey, request: &StudyRequest<'_>, fact: &Json) -> Result<()> {
    let (name, setup) = &request.setup;
    // In this order a process that dies in between does no harm: the next one begins again, or finds
    // the setup changed and writes the space.
    storage.set_study_attribute(study, ADDED, fact)?;
    Ok(storage.set_study_attribute(study, name, setup)?)
}

/// Deletes a study with its trials and their checkpoints.
///
/// # Errors
/// Workers evaluate trials of the study, the storage fails, or the checkpoints cannot be removed.
pub(crate) fn delete(storage: &mut dyn Storage, database: &Location, study: StudyKey) -> Result<()> {
    let old = storage.load_study(study)?;
    let alive = storage.heartbeats(study)?.iter().filter(|(_, age)| age.0 < ALIVE).count();
    if alive > 0 {
        bail!("{}: {alive} of its trials are evaluated by workers now: stop them first", old.name);
    }
    let checkpoints = checkpoints::folder_of(&old, database);
    storage.delete_study(study)?;
    database.forget(study);
    if let Some(folder) = checkpoints {
        let context = || format!("cannot remove the checkpoints of the old study from {}", folder.display());
        remove_checkpoints(&folder, study).with_context(context)?;
    }
    Ok(())
}

/// Refuses to resume a study that has another setup.
fn check_same(study: &Study, database: &Location, request: &StudyRequest<'_>) -> Result<()> {
    let way_out = "choose another --study, or drop the old one with --fresh or tune delete";
    let (attribute, ours) = &request.setup;
    let Some(theirs) = study.attributes.get(*attribute) else {
        bail!("study {} in {database} was not made by this command of tune: {way_out}", study.name);
    };
    let mut differences = differences(ours, theirs);
    if !differences.is_empty() {
        differences.extend(contents(study, request));
    }
    if study.metrics != request.metrics {
        differences.push(format!(
            "metric: {} there, {} here",
            spelled(&study.metrics),
            spelled(request.metrics)
        ));
    }
    if !differences.is_empty() {
        let differences = differences.join("; ");
        bail!("study {} in {database} is of another setup ({differences}): {way_out}", study.name);
    }
    Ok(())
}

/// The places at which the space, the chip or the data of `study` differ from those of `request`.
fn contents(study: &Study, request: &StudyRequest<'_>) -> Vec<String> {
    let parts = [
        ("space", SPACE, ""),
        ("chip", JOB, "/training/chip"),
        ("data", DATA_SHAPE, ""),
        ("validation samples", VALIDATION_SAMPLES, ""),
        ("test samples", TEST_SAMPLES, ""),
    ];
    let theirs = study.attributes.get(request.setup.0).cloned().unwrap_or_default();
    let has_another_name = |what: &str| {
        let key = if what == "chip" || what == "space" { what } else { "dataset" };
        theirs.get(key) != request.setup.1.get(key)
    };
    let changed = |(what, fact, place): (&str, &str, &str)| {
        if has_another_name(what) {
            return Vec::new();
        }
        let of = |facts: &Attributes| facts.get(fact).and_then(|fact| fact.pointer(place)).cloned();
        let (Some(theirs), Some(ours)) = (of(&study.attributes), of(&request.facts)) else {
            return Vec::new();
        };
        changed_places(&ours, &theirs).iter().map(|place| format!("{what} {place}")).collect::<Vec<_>>()
    };
    parts.into_iter().flat_map(changed).collect()
}

fn spelled(metrics: &[Metric]) -> String {
    serde_json::to_string(metrics).expect("text is JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::study::EXTERNAL_SETUP;

    #[test]
    fn a_study_that_workers_evaluate_is_neither_deleted_nor_begun_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Location::File(folder.path().join("tune.db"));
        let mut storage = database.open().expect("made");
        let request = StudyRequest {
            name: "s",
            metrics: &[Metric::minimize("loss")],
            setup: (EXTERNAL_SETUP, json!({})),
            facts: Attributes::new(),
            value_without: &|_, _| None,
        };
        let study = open(&mut *storage, &database, &request, false).expect("made");
        let text = r#"{"name": "s", "parameters": {"n": {"type": "int", "low": 1, "high": 9}}}"#;
        let space = Space::from_json(text, "s.json").expect("a space");
        storage.work_as("one");
        let claim = storage.claim(study, &space, &space.default_point(), &Attributes::new(), 1);
        let trial = claim.expect("looked").expect("it has room").key;
        let line = "s: 1 of its trials are evaluated by workers now: stop them first";
        let fresh = open(&mut *storage, &database, &request, true).expect_err("a worker is alive");
        let deleted = delete(&mut *storage, &database, study).expect_err("a worker is alive");
        assert_eq!([fresh.to_string(), deleted.to_string()], [line, line]);
        assert!(storage.release(trial).expect("stored"));
        let fresh = open(&mut *storage, &database, &request, true).expect("no worker is left");
        assert_eq!(storage.load_study(fresh).expect("loaded").trials, []);
    }
}
