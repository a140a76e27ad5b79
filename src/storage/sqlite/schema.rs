//! The tables, exactly as Optuna 3.2 to 5.0 make them. So Optuna's tools open the studies of this
//! program, and this program opens theirs.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::super::tables::Fault;
use super::super::tables::content::{Content, LIBRARY, SCHEMA_NUMBER, VERSION};

/// Tables with names, types and constraints as SQLAlchemy writes them. Foreign keys do not cascade.
const TABLES: &str = r#"
CREATE TABLE studies (
    study_id INTEGER NOT NULL,
    study_name VARCHAR(512) NOT NULL,
    PRIMARY KEY (study_id)
);
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE TABLE version_info (
    version_info_id INTEGER NOT NULL,
    schema_version INTEGER,
    library_version VARCHAR(256),
    PRIMARY KEY (version_info_id),
    CHECK (version_info_id=1)
);
CREATE TABLE study_directions (
    study_direction_id INTEGER NOT NULL,
    direction VARCHAR(8) NOT NULL,
    study_id INTEGER NOT NULL,
    objective INTEGER NOT NULL,
    PRIMARY KEY (study_direction_id),
    UNIQUE (study_id, objective),
    FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE study_user_attributes (
    study_user_attribute_id INTEGER NOT NULL,
    study_id INTEGER,
    "key" VARCHAR(512),
    value_json TEXT,
    PRIMARY KEY (study_user_attribute_id),
    UNIQUE (study_id, "key"),
    FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE study_system_attributes (
    study_system_attribute_id INTEGER NOT NULL,
    study_id INTEGER,
    "key" VARCHAR(512),
    value_json TEXT,
    PRIMARY KEY (study_system_attribute_id),
    UNIQUE (study_id, "key"),
    FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE trials (
    trial_id INTEGER NOT NULL,
    number INTEGER,
    study_id INTEGER,
    state VARCHAR(8) NOT NULL,
    datetime_start DATETIME,
    datetime_complete DATETIME,
    PRIMARY KEY (trial_id),
    FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE INDEX ix_trials_study_id ON trials (study_id);
CREATE TABLE trial_user_attributes (
    trial_user_attribute_id INTEGER NOT NULL,
    trial_id INTEGER,
    "key" VARCHAR(512),
    value_json TEXT,
    PRIMARY KEY (trial_user_attribute_id),
    UNIQUE (trial_id, "key"),
    FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_system_attributes (
    trial_system_attribute_id INTEGER NOT NULL,
    trial_id INTEGER,
    "key" VARCHAR(512),
    value_json TEXT,
    PRIMARY KEY (trial_system_attribute_id),
    UNIQUE (trial_id, "key"),
    FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_params (
    param_id INTEGER NOT NULL,
    trial_id INTEGER,
    param_name VARCHAR(512),
    param_value FLOAT,
    distribution_json TEXT,
    PRIMARY KEY (param_id),
    UNIQUE (trial_id, param_name),
    FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_values (
    trial_value_id INTEGER NOT NULL,
    trial_id INTEGER NOT NULL,
    objective INTEGER NOT NULL,
    value FLOAT,
    value_type VARCHAR(7) NOT NULL,
    PRIMARY KEY (trial_value_id),
    UNIQUE (trial_id, objective),
    FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
    trial_intermediate_value_id INTEGER NOT NULL,
    trial_id INTEGER NOT NULL,
    step INTEGER NOT NULL,
    intermediate_value FLOAT,
    intermediate_value_type VARCHAR(7) NOT NULL,
    PRIMARY KEY (trial_intermediate_value_id),
    UNIQUE (trial_id, step),
    FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_heartbeats (
    trial_heartbeat_id INTEGER NOT NULL,
    trial_id INTEGER NOT NULL,
    heartbeat DATETIME NOT NULL,
    PRIMARY KEY (trial_heartbeat_id),
    UNIQUE (trial_id),
    FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
"#;

/// What kind of tables the database contains.
pub(super) fn content(connection: &Connection) -> Result<Content, Fault> {
    let mut statement = connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table'")?;
    let tables = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    Ok(Content::of(&tables))
}

/// Makes the tables in an empty database, within the caller's transaction.
pub(super) fn create(connection: &Connection) -> Result<(), Fault> {
    connection.execute_batch(TABLES)?;
    connection.execute("INSERT INTO version_info VALUES (1, ?1, ?2)", (SCHEMA_NUMBER, LIBRARY))?;
    connection.execute("INSERT INTO alembic_version VALUES (?1)", [VERSION])?;
    Ok(())
}

/// Refuses anything but tables of studies of a known revision; `path` is the database.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), Fault> {
    let content = content(connection)?;
    let version = if content == Content::Studies { version(connection)? } else { None };
    Ok(content.check(version, &path.display().to_string())?)
}

/// Whether this program has made the tables.
pub(super) fn is_ours(connection: &Connection) -> Result<bool, Fault> {
    let sql = "SELECT library_version FROM version_info";
    let maker: Option<Option<String>> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(maker.flatten().is_some_and(|maker| maker.starts_with("tune ")))
}

/// The schema revision in a database of studies, if there is one.
fn version(connection: &Connection) -> Result<Option<String>, Fault> {
    let version = connection.query_row("SELECT version_num FROM alembic_version", [], |row| row.get(0));
    Ok(version.optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kind, name and definition of everything in the database, each in one line.
    fn definitions(connection: &Connection) -> Vec<(String, String, String)> {
        let sql = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name";
        let mut select = connection.prepare(sql).expect("a table of every database");
        let rows = select.query_map([], |row| {
            let sql: String = row.get(2)?;
            Ok((row.get(0)?, row.get(1)?, sql.split_whitespace().collect::<Vec<_>>().join(" ")))
        });
        rows.and_then(Iterator::collect).expect("read")
    }

    /// For every column: table, cid (its position), name, type, NOT NULL, default and primary key,
    /// as SQLite reports them.
    fn columns(connection: &Connection) -> Vec<[String; 7]> {
        let sql = "SELECT t.name, c.cid, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk
                   FROM sqlite_master t, pragma_table_info(t.name) c ORDER BY 1, 2";
        all(connection, sql)
    }

    /// Table, unique or not, place and name of every indexed column.
    fn indices(connection: &Connection) -> Vec<[String; 5]> {
        let sql = "SELECT t.name, i.name, i.\"unique\", c.seqno, c.name
                   FROM sqlite_master t, pragma_index_list(t.name) i, pragma_index_info(i.name) c
                   WHERE t.type = 'table' ORDER BY 1, 2, 4";
        all(connection, sql)
    }

    fn all<const N: usize>(connection: &Connection, sql: &str) -> Vec<[String; N]> {
        let mut select = connection.prepare(sql).expect("pragmas of every database");
        let rows = select.query_map([], |row| {
            Ok(std::array::from_fn(|index| format!("{:?}", row.get_ref(index).expect("a column"))))
        });
        rows.and_then(Iterator::collect).expect("read")
    }

    #[test]
    fn the_tables_are_those_that_optuna_makes() {
        let golden = include_str!("../../../tests/fixtures/optuna-schema.sql");
        let (ours, optunas) = (Connection::open_in_memory(), Connection::open_in_memory());
        let (ours, optunas) = (ours.expect("opened"), optunas.expect("opened"));
        create(&ours).expect("made");
        optunas.execute_batch(golden).expect("made");
        assert_eq!(definitions(&ours), definitions(&optunas));
        assert_eq!(columns(&ours), columns(&optunas));
        assert_eq!(indices(&ours), indices(&optunas));
        assert_eq!((definitions(&ours).len(), columns(&ours).len()), (15, 50));
        let version = golden.lines().find_map(|line| line.strip_prefix("-- alembic_version: "));
        assert_eq!(version, Some(format!("('{VERSION}',)").as_str()));
        assert!(golden.contains(&format!("-- version_info: (1, {SCHEMA_NUMBER}, ")));
    }
}
