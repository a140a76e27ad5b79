//! Attributes: four tables of one shape.

use serde_json::Value as Json;

use super::super::{StorageError, StudyKey, TrialKey};
use super::fault::Fault;
use super::sql::Sql;
use crate::study::Attributes;

/// How the names of our own attributes begin; Optuna keeps `tpe:`, `constraints` and others for itself.
pub(super) const OURS: &str = "tune:";

/// What an attribute belongs to, and for whom it is: people (user) or programs (system).
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner {
    /// Of a study, for people.
    StudyUser(StudyKey),
    /// Of a study, for programs.
    StudySystem(StudyKey),
    /// Of a trial, for people.
    TrialUser(TrialKey),
    /// Of a trial, for programs.
    TrialSystem(TrialKey),
}

impl Owner {
    /// The owner of a study's attribute called `name`.
    pub fn in_study(study: StudyKey, name: &str) -> Self {
        if name.starts_with(OURS) { Owner::StudySystem(study) } else { Owner::StudyUser(study) }
    }

    /// Table, column of the owner's key, and that key.
    fn place(self) -> (&'static str, &'static str, i64) {
        match self {
            Owner::StudyUser(key) => ("study_user_attribute", "study_id", key.0),
            Owner::StudySystem(key) => ("study_system_attribute", "study_id", key.0),
            Owner::TrialUser(key) => ("trial_user_attribute", "trial_id", key.0),
            Owner::TrialSystem(key) => ("trial_system_attribute", "trial_id", key.0),
        }
    }
}

/// Sets one attribute to the JSON `text`, over an older value.
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

/// Removes one attribute, if it is there.
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
    let (table, column, key) = owner.place();
    let statement =
        format!(r#"SELECT "key", value_json FROM {table}s WHERE {column} = ?1 ORDER BY {table}_id"#);
    let rows = sql.query(&statement, &[key.into()])?;
    rows.iter().map(|row| Ok((row.text(0)?, read(row.maybe_text(1)?)))).collect()
}

/// Refuses names of internal attributes that could be another program's.
pub(super) fn check_internal(attributes: &Attributes) -> Result<(), StorageError> {
    match attributes.keys().find(|name| !name.starts_with(OURS)) {
        Some(name) => Err(StorageError::InternalName { name: name.clone(), prefix: OURS }),
        None => Ok(()),
    }
}

/// Refuses a name with the character that PostgreSQL's texts cannot hold.
pub(super) fn check_name(name: &str) -> Result<(), StorageError> {
    match name.contains('\0') {
        true => Err(StorageError::NulInName { name: name.escape_debug().to_string() }),
        false => Ok(()),
    }
}

/// The value of a stored attribute.
///
/// Python writes NaN and the infinities as words that JSON does not have. Such an attribute is read as its
/// text, so that a remark somebody attached in Python never bars the study.
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
