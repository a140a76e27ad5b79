//! `--storage`, the database of studies, and the name of a study in it.

use clap::Args;

use crate::storage::Location;

#[derive(Debug, Args)]
pub(crate) struct StorageArgs {
    /// Database of studies: a file, or postgresql://...
    ///
    /// A SQLite file for one machine, or postgresql://USER@HOST/DATABASE for many machines.
    ///
    /// Optuna's tools open both. Optuna's addresses work too: sqlite:///FILE in this folder,
    /// sqlite:////FOLDER/FILE, postgresql+DRIVER://USER@HOST/DATABASE.
    ///
    /// The password of a PostgreSQL server is read from ~/.pgpass, from the file that PGPASSFILE
    /// names, or from PGPASSWORD. With ?sslmode=verify-full at the end of its address, the server's
    /// certificate is checked.
    #[arg(long, value_name = "FILE|URL", env = "TUNE_STORAGE", default_value = "tune.db")]
    pub storage: Location,
}

/// A study of the storage, if it holds several.
#[derive(Debug, Args)]
pub(crate) struct StudyName {
    /// Name of the study, if the storage holds several
    #[arg(value_name = "STUDY")]
    named: Option<String>,
    /// Name of the study, as an option
    #[arg(long, value_name = "NAME", conflicts_with = "named")]
    study: Option<String>,
}

impl StudyName {
    /// The name that was given, if any.
    pub fn name(&self) -> Option<&str> {
        self.named.as_deref().or(self.study.as_deref())
    }
}
