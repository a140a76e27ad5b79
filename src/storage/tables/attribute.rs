//! Attributes of studies and trials: four tables of the same form.

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::super::{StorageError, StudyKey, TrialKey};
use super::fault::Fault;
use super::sql::Sql;
use crate::input;
use crate::study::Attributes;

/// The prefix of the names of this program's own attributes. Optuna uses `tpe:`, `constraints` and
/// others.
pub(super) const OURS: &str = "tune:";

/// The prefix of the names by which Optuna's dashboard keeps the notes of a study.
const NOTES: &str = "dashboard:note_";

/// Whether the attribute `name` of a study is for programs, this one or Optuna's dashboard, and read by this one.
pub(super) fn is_for_programs(name: &str) -> bool {
    name.starts_with(OURS) || name.starts_with(NOTES)
}

/// Name of a trial's internal attribute with the receipt of its claim. It identifies a claim whose
/// answer got lost.
pub(super) const RECEIPT: &str = "tune:receipt";

/// Name of the internal attribute of a running trial that was claimed by a process of this program
/// without heartbeats. Running trials of other programs do not have it.
pub(super) const LED: &str = "tune:led";

/// The owner of an attribute, and whether the attribute is for people (user) or programs (system).
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner {
    /// A study; for people.
    StudyUser(StudyKey),
    /// A study; for programs.
    StudySystem(StudyKey),
    /// A trial; for people.
    TrialUser(TrialKey),
    /// A trial; for programs.
    TrialSystem(TrialKey),
}

impl Owner {
    /// The owner of the attribute `name` of a study.
    pub fn in_study(study: StudyKey, name: &str) -> Self {
        if is_for_programs(name) { Owner::StudySystem(study) } else { Owner::StudyUser(study) }
    }

    /// The table without its final `s`, the column of the owner's key, and that key.
    fn place(self) -> (&'static str, &'static str, i64) {
        match self {
            Owner::StudyUser(key) => ("study_user_attribute", "study_id", key.0),
            Owner::StudySystem(key) => ("study_system_attribute", "study_id", key.0),
            Owner::TrialUser(key) => ("trial_user_attribute", "trial_id", key.0),
            Owner::TrialSystem(key) => ("trial_system_attribute", "trial_id", key.0),
        }
    }
}

/// Sets one attribute to the JSON `text`, in place of an older value.
pub(super) fn set(sql: &mut dyn Sql, owner: Owner, name: &str, text: &str) -> Result<(), Fault> {
    check_name(name)?;
    let (table, column, key) = owner.place();
    let statement = format!(
        r#"INSERT INTO {table}s ({column}, "key", value_json) VALUES (?1, ?2, ?3)
           ON CONFLICT ({column}, "key") DO UPDATE SET value_json = excluded.value_json"#
    );
    sql.execute(&statement, &[key.into(), name.into(), text.into()])?;
    Ok(())
}

/// Removes one attribute, if it exists.
pub(super) fn remove(sql: &mut dyn Sql, owner: Owner, name: &str) -> Result<(), Fault> {
    let (table, column, key) = owner.place();
    let statement = format!(r#"DELETE FROM {table}s WHERE {column} = ?1 AND "key" = ?2"#);
    sql.execute(&statement, &[key.into(), name.into()])?;
    Ok(())
}

/// Sets all of `attributes`.
pub(super) fn set_all(sql: &mut dyn Sql, owner: Owner, attributes: &Attributes) -> Result<(), Fault> {
    attributes.iter().try_for_each(|(name, value)| set(sql, owner, name, &value.to_string()))
}

/// All attributes of `owner`, oldest first.
pub(super) fn all(sql: &mut dyn Sql, owner: Owner) -> Result<Attributes, Fault> {
    let texts = texts(sql, owner)?;
    Ok(texts.into_iter().map(|(name, text)| (name, read(text))).collect())
}

/// Names and stored texts of all attributes of `owner`, oldest first.
pub(super) fn texts(sql: &mut dyn Sql, owner: Owner) -> Result<Vec<(String, Option<String>)>, Fault> {
    let (table, column, key) = owner.place();
    let statement =
        format!(r#"SELECT "key", value_json FROM {table}s WHERE {column} = ?1 ORDER BY {table}_id"#);
    let rows = sql.query(&statement, &[key.into()])?;
    rows.iter().map(|row| Ok((row.text(0)?, row.maybe_text(1)?))).collect()
}

/// Refuses internal attributes whose names could be those of another program.
pub(super) fn check_internal(attributes: &Attributes) -> Result<(), StorageError> {
    match attributes.keys().find(|name| !name.starts_with(OURS)) {
        Some(name) => Err(StorageError::InternalName { name: name.clone(), prefix: OURS }),
        None => Ok(()),
    }
}

/// Refuses a name that the database cannot keep.
pub(super) fn check_name(name: &str) -> Result<(), StorageError> {
    input::name_problem(name).map_or(Ok(()), |problem| Err(StorageError::Name { problem }))
}

/// Parses the `text` of the attribute `key`, of trial number `trial` or of the study itself.
///
/// # Errors
/// [`StorageError::BadAttribute`] if `text` is not what this program writes there.
pub(super) fn fact<T: DeserializeOwned>(
    trial: Option<u32>,
    key: &'static str,
    text: Option<&str>,
) -> Result<T, Fault> {
    serde_json::from_str(text.unwrap_or_default()).map_err(|error| Fault::Attribute {
        trial,
        key,
        problem: error.to_string(),
    })
}

/// The value of a stored attribute.
///
/// Python writes NaN and the infinities as words that JSON does not have. Such an attribute is read
/// as text. So an attribute that a person set in Python never makes the study unreadable.
pub(super) fn read(text: Option<String>) -> Json {
    match text {
        Some(text) => serde_json::from_str(&text).unwrap_or(Json::String(text)),
        None => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_attribute_that_only_python_can_spell_is_read_as_its_text() {
        assert_eq!(read(Some(r#"{"loss": 0.5}"#.into())), json!({"loss": 0.5}));
        assert_eq!(read(Some(r#"{"loss": NaN}"#.into())), json!(r#"{"loss": NaN}"#));
        assert_eq!(read(None), Json::Null);
    }
}
