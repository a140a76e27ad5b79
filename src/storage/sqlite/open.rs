//! Opening a database: a missing one is made, and one of another program is refused.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, Transaction, TransactionBehavior};

use super::super::StorageError;
use super::super::tables::Fault;
use super::super::tables::content::Content;
use super::fault::{BUSY_TIMEOUT, at};
use super::{place, schema};

/// The pause between two attempts to turn on the write-ahead log. Turning it on takes less time
/// than this.
const RETRY: Duration = Duration::from_millis(5);

/// The size of the cache of prepared statements. It has room for all statements, so each is
/// compiled once per connection.
pub(super) const STATEMENTS: usize = 128;

/// Opens the database at `path`, ready for use.
pub(super) fn open(path: &Path) -> Result<Connection, StorageError> {
    place::check(path)?;
    // Without SQLITE_OPEN_URI, which would give `file:` and `?` in a path a meaning.
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|error| at(error.into(), path))?;
    prepare(&mut connection, path).map_err(|fault| at(fault, path))?;
    Ok(connection)
}

fn prepare(connection: &mut Connection, path: &Path) -> Result<(), Fault> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    if schema::content(connection)? == Content::Empty {
        create(connection)?;
    }
    schema::check(connection, path)?;
    let path = || path.to_owned();
    if connection.is_readonly(MAIN_DB)? {
        return Err(StorageError::Unwritable { path: path() }.into());
    }
    // Another program's database keeps the journal that its owner has chosen.
    if !schema::is_ours(connection)? {
        return Ok(());
    }
    let mode = write_ahead(connection)?;
    if mode != "wal" {
        return Err(StorageError::NoWriteAheadLog { path: path(), mode }.into());
    }
    Ok(())
}

/// Makes the tables, unless another process just did.
fn create(connection: &mut Connection) -> Result<(), Fault> {
    let transaction: Transaction<'_> =
        connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if schema::content(&transaction)? == Content::Empty {
        schema::create(&transaction)?;
    }
    Ok(transaction.commit()?)
}

/// Turns on the write-ahead log, so that readers never wait for writers. Returns the journal mode
/// that is set.
///
/// With `synchronous` NORMAL, the operating system has a commit when the call returns. So the
/// commit survives the death of this process. A power failure may lose the last commits. It leaves
/// the database consistent, and the lost trials are run again. FULL would wait for the disk at
/// every report.
fn write_ahead(connection: &Connection) -> Result<String, Fault> {
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let begun = Instant::now();
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)) {
            // SQLite does not wait here: two processes that turn the log on at once would wait for
            // each other.
            Err(error) if is_busy(&error) && begun.elapsed() < BUSY_TIMEOUT => thread::sleep(RETRY),
            result => return Ok(result?),
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn refused(path: &Path) -> String {
        let error = open(path).expect_err("refused").to_string();
        error.strip_prefix(&format!("{}: ", path.display())).expect("the path comes first").to_owned()
    }

    #[test]
    fn a_file_of_another_kind_and_a_database_of_another_program_stay_as_they_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notes.txt");
        fs::write(&path, "a note, longer than nothing".repeat(100)).expect("written");
        assert_eq!(refused(&path), "is not an SQLite database: name another file");
        for table in ["music", "studies", "alembic_version"] {
            let path = folder.path().join(table);
            let create = format!("CREATE TABLE {table} (version_num TEXT)");
            Connection::open(&path).and_then(|foreign| foreign.execute_batch(&create)).expect("made");
            let before = fs::read(&path).expect("read");
            let rule = format!("is not a database of studies: it has the table {table}: name another one");
            assert_eq!(refused(&path), rule);
            assert_eq!(fs::read(&path).expect("read"), before);
        }
    }

    #[test]
    fn an_unknown_schema_version_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("studies.db");
        let connection = open(&path).expect("made");
        let refused_after = |sql| {
            connection.execute_batch(sql).expect("written");
            refused(&path)
        };
        assert_eq!(
            refused_after("UPDATE alembic_version SET version_num = 'v9.0.0.a'"),
            "schema version v9.0.0.a: must be v3.2.0.a, as Optuna 3.2 to 5.0 write it"
        );
        assert!(refused_after("DELETE FROM alembic_version").starts_with("schema version none: must be"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_place_where_nothing_can_be_written_is_refused() {
        let message = refused(Path::new("/proc/studies.db"));
        assert_eq!(message, "cannot be written: make the file and its folder writable, or name another file");
    }

    #[test]
    fn an_empty_file_and_a_path_with_signs_become_databases() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["empty.db", "file:a?mode=memory", "größe %20#.db"] {
            let path = folder.path().join(name);
            fs::write(&path, "").expect("written");
            open(&path).expect("made");
            assert!(fs::metadata(&path).expect("there").len() > 0, "{name}");
        }
    }

    #[test]
    fn many_processes_may_make_one_database_at_once() {
        for _ in 0..10 {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("studies.db");
            std::thread::scope(|scope| {
                let openers: Vec<_> = (0..8).map(|_| scope.spawn(|| open(&path).map(drop))).collect();
                for opener in openers {
                    opener.join().expect("no panic").expect("opened");
                }
            });
        }
    }

    #[test]
    fn a_database_of_another_program_keeps_its_journal() {
        let folder = tempfile::tempdir().expect("a folder");
        for mode in ["delete", "truncate", "persist", "wal"] {
            let path = folder.path().join(mode);
            let foreign = Connection::open(&path).expect("made");
            foreign.pragma_update(None, "journal_mode", mode).expect("set");
            schema::create(&foreign).expect("made");
            foreign.execute("UPDATE version_info SET library_version = '4.9.0'", []).expect("written");
            drop(foreign);
            let header = |path: &Path| fs::read(path).expect("read")[18..20].to_vec();
            let before = header(&path);
            let ours = open(&path).expect("opened");
            ours.execute("INSERT INTO studies (study_name) VALUES ('s')", []).expect("written");
            drop(ours);
            assert_eq!(header(&path), before, "{mode}");
        }
    }

    #[test]
    fn the_write_ahead_log_is_on_and_commits_do_not_wait_for_the_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let connection = open(&folder.path().join("studies.db")).expect("made");
        let setting =
            |name| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        assert_eq!(setting("journal_mode"), Ok("wal".to_owned().into()));
        assert_eq!(setting("synchronous"), Ok(1.into()));
        assert_eq!(setting("foreign_keys"), Ok(1.into()));
    }
}
