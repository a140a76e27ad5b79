//! `--storage`: the database of studies.

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
