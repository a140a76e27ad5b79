//! What can go wrong with a storage.

use std::io;
use std::path::PathBuf;

use super::{StudyKey, TrialKey};
use crate::space::SpaceError;

/// A storage that cannot be opened, fails, or is asked for what it does not keep.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The folder of a new database is not there.
    #[error("{}: the folder {} does not exist: create it first", path.display(), folder.display())]
    NoFolder {
        /// The database.
        path: PathBuf,
        /// Its folder.
        folder: PathBuf,
    },
    /// A folder stands where the database should be.
    #[error("{0}: a folder: name a file, such as {0}/studies.db", path.display())]
    IsFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The file is something else than an SQLite database.
    #[error("{}: not a database: the file is not SQLite's: name another one", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The database belongs to another program.
    #[error("{}: not a database of studies: it has the table {table}: name another one", place)]
    ForeignDatabase {
        /// The database.
        place: String,
        /// One of its tables.
        table: String,
    },
    /// The database has a schema that this program does not know.
    #[error("{}: schema version {version}: must be {known}, as Optuna 3.2 to 5.0 write it", place)]
    UnknownVersion {
        /// The database.
        place: String,
        /// The version it names.
        version: String,
        /// The version that is known.
        known: &'static str,
    },
    /// The database would live on a file system where SQLite's locks do not hold.
    #[error("{}: on {file_system}, where SQLite's locks fail: keep studies on a local disk", path.display())]
    NetworkFileSystem {
        /// The database.
        path: PathBuf,
        /// What the file system is called.
        file_system: &'static str,
    },
    /// The database or its folder cannot be written.
    #[error("{}: cannot be written: make the file and its folder writable, or name another", path.display())]
    Unwritable {
        /// The database.
        path: PathBuf,
    },
    /// The file system gives SQLite no shared memory, which its write-ahead log needs.
    #[error("{}: journal mode {mode}: must be wal, which this file system denies: move it", path.display())]
    NoWriteAheadLog {
        /// The database.
        path: PathBuf,
        /// The mode that SQLite stayed in.
        mode: String,
    },
    /// Another process held the database for too long.
    #[error("{}: locked by another process for {seconds} s: end that process or try again", path.display())]
    Busy {
        /// The database.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// No space is left; what was finished is kept.
    #[error("{}: the disk is full: free some space and resume, all finished trials are kept", place)]
    DiskFull {
        /// The database.
        place: String,
    },
    /// The system does not let the file grow or be written; what was finished is kept.
    #[error(
        "{}: cannot be written (a quota, a limit on the size of files, or a broken disk): \
         make room and resume, all finished trials are kept",
        path.display()
    )]
    Unwritten {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// SQLite failed in a way that has no better name.
    #[error("{}: the database failed", path.display())]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A row breaks the schema's rules: another program wrote it, or the file is damaged.
    #[error("{}: {problem}", place)]
    BadRow {
        /// The database.
        place: String,
        /// Where, the value, the rule.
        problem: String,
    },
    /// Another process leads this study.
    #[error(
        "study \"{study}\" in {place}: run by {holder}: wait for it, join it with tune worker, or name another study"
    )]
    Locked {
        /// The study.
        study: String,
        /// Its database.
        place: String,
        /// Who holds the lock.
        holder: String,
    },
    /// The lock of a study cannot be made.
    #[error("{}: no lock can be taken there", path.display())]
    LockFile {
        /// The lock's file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Text that is no PostgreSQL address.
    #[error("{address}: {problem}")]
    Address {
        /// The text, without a password.
        address: String,
        /// What is wrong with it and the way out.
        problem: String,
    },
    /// A file that has to do with the way to the server cannot be used.
    #[error("{}: {problem}", path.display())]
    AccessFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and the way out.
        problem: String,
    },
    /// The server does not answer, or does not let us in.
    #[error(
        "{place}: cannot be reached: {problem}: mind host, port, user and database, and that the server runs"
    )]
    Unreachable {
        /// The database.
        place: String,
        /// What the system or the server says, and for how long it was tried.
        problem: String,
    },
    /// PostgreSQL failed in a way that has no better name.
    #[error("{place}: the database failed: {problem}")]
    Postgres {
        /// The database.
        place: String,
        /// What PostgreSQL says.
        problem: String,
    },
    /// A name holds the one character that PostgreSQL's texts cannot.
    #[error("name \"{name}\": must not hold the character \\0")]
    NulInName {
        /// The name, escaped.
        name: String,
    },
    /// A step is too large for its column.
    #[error("step {step}: must be at most {most}")]
    Step {
        /// The step.
        step: u32,
        /// The largest there may be.
        most: u32,
    },
    /// A study's name breaks a rule.
    #[error("study name of {length} characters: must have 1 to {longest}")]
    StudyName {
        /// Its length in characters.
        length: usize,
        /// The longest there may be.
        longest: usize,
    },
    /// The name of a new study is taken.
    #[error("study \"{name}\" exists: resume it or choose another name")]
    StudyExists {
        /// The name.
        name: String,
    },
    /// A study without metrics.
    #[error("study \"{name}\" has no metric: must have at least one")]
    NoMetric {
        /// The study.
        name: String,
    },
    /// There is no such study, or no longer.
    #[error("study {} is not in this storage: it was deleted", .0.0)]
    NoStudy(StudyKey),
    /// There is no such trial, or no longer.
    #[error("trial {} is not in this storage: its study was deleted", .0.0)]
    NoTrial(TrialKey),
    /// The point is not one of the space's.
    #[error(transparent)]
    Point(#[from] SpaceError),
    /// An outcome has too many or too few values.
    #[error("{found} values for {expected} metrics: must be one for each")]
    ValueCount {
        /// How many metrics the study has.
        expected: usize,
        /// How many values came.
        found: usize,
    },
    /// A value or a constraint is not a number.
    #[error("{what} {index} = NaN: must be a number: record the trial as failed")]
    NotANumber {
        /// `value` or `constraint`.
        what: &'static str,
        /// Which of them, counted from 0.
        index: usize,
    },
    /// An internal attribute has a name that is kept for other programs.
    #[error("internal attribute \"{name}\": must begin with \"{prefix}\"")]
    InternalName {
        /// The name.
        name: String,
        /// How it must begin.
        prefix: &'static str,
    },
}
