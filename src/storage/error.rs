//! Errors of storages.

use std::io;
use std::path::PathBuf;

use super::{StudyKey, TrialKey};
use crate::space::SpaceError;

/// Why a storage cannot be opened, fails, or refuses a request.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The folder of a new database does not exist.
    #[error("{}: the folder {} does not exist: create it first", path.display(), folder.display())]
    NoFolder {
        /// The database.
        path: PathBuf,
        /// The folder of the database.
        folder: PathBuf,
    },
    /// The path of the database is a folder.
    #[error("{0}: is a folder: name a file, such as {0}/studies.db", path.display())]
    IsFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The file is not an SQLite database.
    #[error("{}: is not an SQLite database: name another file", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The database holds tables of another program.
    #[error("{}: is not a database of studies: it has the table {table}: name another one", place)]
    ForeignDatabase {
        /// The database.
        place: String,
        /// One of its tables.
        table: String,
    },
    /// The database has a schema version that this program does not know.
    #[error("{}: schema version {version}: must be {known}, as Optuna 3.2 to 5.0 write it", place)]
    UnknownVersion {
        /// The database.
        place: String,
        /// The version in the database.
        version: String,
        /// The version that this program knows.
        known: &'static str,
    },
    /// The database is on a network file system, where SQLite's locks do not hold.
    #[error("{}: is on {file_system}, where SQLite's locks fail: keep studies on a local disk", path.display())]
    NetworkFileSystem {
        /// The database.
        path: PathBuf,
        /// The name of the file system.
        file_system: &'static str,
    },
    /// The database or its folder is not writable.
    #[error("{}: cannot be written: make the file and its folder writable, or name another file", path.display())]
    Unwritable {
        /// The database.
        path: PathBuf,
    },
    /// The file system has no shared memory, which SQLite's write-ahead log needs.
    #[error("{}: journal mode {mode}: must be wal, which this file system does not allow: move the database to another one", path.display())]
    NoWriteAheadLog {
        /// The database.
        path: PathBuf,
        /// The mode that SQLite remained in.
        mode: String,
    },
    /// Another process has kept the database locked for too long.
    #[error("{}: locked by another process for {seconds} s: end that process or try again", path.display())]
    Busy {
        /// The database.
        path: PathBuf,
        /// How long this process waited, in seconds.
        seconds: u64,
    },
    /// The disk is full. Finished trials are kept.
    #[error("{}: the disk is full: free some space and resume, all finished trials are kept", place)]
    DiskFull {
        /// The database.
        place: String,
    },
    /// The system refuses to write to the file or to let it grow. Finished trials are kept.
    #[error(
        "{}: cannot be written (a quota, a limit on file sizes, or a broken disk): \
         make room and resume, all finished trials are kept",
        path.display()
    )]
    Unwritten {
        /// The database.
        path: PathBuf,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
    /// Any other failure of SQLite: the file is damaged, or another program has changed its tables.
    #[error(
        "{}: the database failed: {problem}: restore it from a copy, or begin anew in another file",
        path.display()
    )]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// The error of SQLite.
        problem: String,
    },
    /// The file was deleted or replaced while it was open.
    #[error("{}: was {what} while it was in use: {way_out}", path.display())]
    Moved {
        /// The database.
        path: PathBuf,
        /// What was done to the file.
        what: &'static str,
        /// Where its content is saved, or why it is not.
        way_out: String,
    },
    /// A database that is to be read does not exist.
    #[error("{}: no such file: name the database of a study", path.display())]
    NoFile {
        /// The database.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("{}: cannot be read: make the file readable, or name another one", path.display())]
    Unreadable {
        /// The database.
        path: PathBuf,
        /// The error of the system or of SQLite.
        source: io::Error,
    },
    /// A database that can be read from a copy only cannot be copied.
    #[error("{}: cannot be copied, to read it with its -wal file: make room in the folder for temporary files", path.display())]
    Uncopied {
        /// The database.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A process was killed within a change that only a writer can undo.
    #[error(
        "{}: holds half a change of a killed process: open it once with the program that wrote it, \
         or copy it with its -journal file and name the copy in tune ask or tune run",
        path.display()
    )]
    HalfChanged {
        /// The database.
        path: PathBuf,
    },
    /// A method that writes was called on a database that is open to be read.
    #[error("{}: is open to be read only", path.display())]
    OpenToRead {
        /// The database.
        path: PathBuf,
    },
    /// Somebody wrote to the file while it was read without locks.
    #[error("{}: was written while it was read: run the command again", path.display())]
    ChangedMeanwhile {
        /// The database.
        path: PathBuf,
    },
    /// A database that is to be read has no tables.
    #[error("{place}: is an empty database: name that of a study, or make one with tune or tune run")]
    Empty {
        /// The database.
        place: String,
    },
    /// A row breaks a rule of the schema: another program wrote it, or the file is damaged.
    #[error("{}: {problem}", place)]
    BadRow {
        /// The database.
        place: String,
        /// The place, the value and the rule.
        problem: String,
    },
    /// An attribute of this program does not hold what this program writes there. Another program
    /// changed it, or the file is damaged.
    #[error(
        "{place}: {}{key}: {problem}: restore the database from a copy, or start a new study",
        trial.map_or_else(String::new, |trial| format!("trial {trial}: "))
    )]
    BadAttribute {
        /// The database.
        place: String,
        /// The number of the trial that has the attribute; `None`: the study has it.
        trial: Option<u32>,
        /// The attribute's key.
        key: &'static str,
        /// The error of the parser.
        problem: String,
    },
    /// Another process leads the study.
    #[error(
        "study \"{study}\" in {place}: is run by {holder}: wait for it, join it with tune worker, or name another study"
    )]
    Locked {
        /// The study.
        study: String,
        /// The database of the study.
        place: String,
        /// The process that holds the lock.
        holder: String,
    },
    /// The lock file of a study cannot be opened or locked.
    #[error("{}: cannot be locked", path.display())]
    LockFile {
        /// The lock file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A text is not the address of a PostgreSQL database.
    #[error("{address}: {problem}")]
    Address {
        /// The text, without a password.
        address: String,
        /// The problem and the way out.
        problem: String,
    },
    /// A file of passwords or certificates cannot be used.
    #[error("{}: {problem}", path.display())]
    AccessFile {
        /// The file.
        path: PathBuf,
        /// The problem and the way out.
        problem: String,
    },
    /// The server does not answer, or refuses the connection.
    #[error("{place}: cannot be reached: {problem}: {}", way_to_reach(problem))]
    Unreachable {
        /// The database.
        place: String,
        /// The error of the system or of the server.
        problem: String,
    },
    /// Any other failure of PostgreSQL.
    #[error("{place}: the database failed: {problem}")]
    Postgres {
        /// The database.
        place: String,
        /// The error of PostgreSQL.
        problem: String,
    },
    /// A name that the database cannot keep.
    #[error("{problem}")]
    Name {
        /// The name, and the rule that it breaks.
        problem: String,
    },
    /// A step is too large for its column in the database.
    #[error("step {step}: must be at most {most}")]
    Step {
        /// The step.
        step: u32,
        /// The largest allowed step.
        most: u32,
    },
    /// The name of a study is empty or too long.
    #[error("study name of {length} characters: must have 1 to {longest} characters")]
    StudyName {
        /// The length of the name in characters.
        length: usize,
        /// The largest allowed length.
        longest: usize,
    },
    /// A study of that name exists.
    #[error("study \"{name}\" exists: resume it or choose another name")]
    StudyExists {
        /// The name.
        name: String,
    },
    /// A new study has no metric.
    #[error("study \"{name}\" has no metric: must have at least one")]
    NoMetric {
        /// The study.
        name: String,
    },
    /// The study does not exist, or no longer.
    #[error("study {} is not in this storage: it was deleted", .0.0)]
    NoStudy(StudyKey),
    /// The trial does not exist, or no longer.
    #[error("trial {} is not in this storage: its study was deleted", .0.0)]
    NoTrial(TrialKey),
    /// The point is not in the space.
    #[error(transparent)]
    Point(#[from] SpaceError),
    /// A result has too many or too few values.
    #[error("{found} values for {expected} metrics: must be one value for each metric")]
    ValueCount {
        /// The number of metrics of the study.
        expected: usize,
        /// The number of values of the result.
        found: usize,
    },
    /// A value or a constraint is NaN.
    #[error("{what} {index} = NaN: must be a number: record the trial as failed")]
    NotANumber {
        /// `value` or `constraint`.
        what: &'static str,
        /// The index of the value or constraint, from 0.
        index: usize,
    },
    /// The name of an internal attribute does not begin with the prefix of this program.
    #[error("internal attribute \"{name}\": must begin with \"{prefix}\"")]
    InternalName {
        /// The name.
        name: String,
        /// The prefix that it must have.
        prefix: &'static str,
    },
}

/// What to do about a server that is not reached for this `problem`.
fn way_to_reach(problem: &str) -> &'static str {
    match problem.contains("password") {
        true => "give the password in PGPASSWORD, in the file that PGPASSFILE names, or in ~/.pgpass",
        false => "check that the server runs, and host, port, user and database",
    }
}
