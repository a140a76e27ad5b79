//! What a database contains, and the revision of Optuna's schema that is written and read.

use super::super::StorageError;

/// The revision of the schema that is written and read, as Alembic names it.
pub(in super::super) const VERSION: &str = "v3.2.0.a";

/// The number of the schema in the table `version_info`. Optuna has not changed it since it
/// introduced that table.
pub(in super::super) const SCHEMA_NUMBER: u32 = 12;

/// The program that made the tables, for the table `version_info`.
pub(in super::super) const LIBRARY: &str = concat!("tune ", env!("CARGO_PKG_VERSION"));

/// The kinds of content that a database can have.
#[derive(Debug, PartialEq)]
pub(in super::super) enum Content {
    /// No table.
    Empty,
    /// Tables of studies.
    Studies,
    /// Tables of another program; the name of the first one.
    Foreign(String),
}

impl Content {
    /// What a database contains, judged by the names of its `tables`.
    pub fn of(tables: &[String]) -> Self {
        let has = |name: &str| tables.iter().any(|table| table == name);
        match tables.first() {
            None => Content::Empty,
            Some(_) if has("studies") && has("alembic_version") => Content::Studies,
            Some(table) => Content::Foreign(table.clone()),
        }
    }

    /// Refuses anything but studies of the revision [`VERSION`]; `place` is the database.
    pub fn check(self, version: Option<String>, place: &str) -> Result<(), StorageError> {
        let place = place.to_owned();
        match (self, version) {
            (Content::Studies, Some(version)) if version == VERSION => Ok(()),
            (Content::Studies, version) => {
                let version = version.unwrap_or_else(|| "none".to_owned());
                Err(StorageError::UnknownVersion { place, version, known: VERSION })
            }
            (Content::Foreign(table), _) => Err(StorageError::ForeignDatabase { place, table }),
            (Content::Empty, _) => Err(StorageError::Empty { place }),
        }
    }
}
