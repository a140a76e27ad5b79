//! What a database holds, and the revision of the tables that is written and read.

use super::super::StorageError;

/// The revision of the schema that is written and read; Alembic's name for it.
pub(in super::super) const VERSION: &str = "v3.2.0.a";

/// Number of the schema in `version_info`, which Optuna has kept since its first release with one.
pub(in super::super) const SCHEMA_NUMBER: u32 = 12;

/// Who made the tables, in `version_info`.
pub(in super::super) const LIBRARY: &str = concat!("tune ", env!("CARGO_PKG_VERSION"));

/// What a database holds.
#[derive(Debug, PartialEq)]
pub(in super::super) enum Content {
    /// Nothing yet.
    Empty,
    /// Studies.
    Studies,
    /// Something of another program, such as this table.
    Foreign(String),
}

impl Content {
    /// What a database holds that has `tables`.
    pub fn of(tables: &[String]) -> Self {
        let has = |name: &str| tables.iter().any(|table| table == name);
        match tables.first() {
            None => Content::Empty,
            Some(_) if has("studies") && has("alembic_version") => Content::Studies,
            Some(table) => Content::Foreign(table.clone()),
        }
    }

    /// Refuses what is not studies of the known revision; `place` is the database.
    pub fn check(self, version: Option<String>, place: &str) -> Result<(), StorageError> {
        let place = place.to_owned();
        match (self, version) {
            (Content::Studies, Some(version)) if version == VERSION => Ok(()),
            (Content::Studies, version) => {
                let version = version.unwrap_or_else(|| "none".to_owned());
                Err(StorageError::UnknownVersion { place, version, known: VERSION })
            }
            (Content::Foreign(table), _) => Err(StorageError::ForeignDatabase { place, table }),
            // Somebody else removed the tables meanwhile.
            (Content::Empty, _) => Err(StorageError::BadRow { place, problem: "has no tables".to_owned() }),
        }
    }
}
