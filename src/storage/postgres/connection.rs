//! One connection to a server, its statements, and what to do when they fail.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::thread;
use std::time::{Duration, Instant};

use postgres::error::SqlState;
use postgres::types::ToSql;
use postgres::{Client, Statement};

use super::super::StorageError;
use super::super::tables::{Cell, Fault, Row, Sql};
use super::address::said;
use super::{Address, tls};

/// The first and the longest pause between attempts to reach a server.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// When a machine counts as gone that answers nothing: how long a connection is silent before it is asked, the time
/// between two questions, and their number. The defaults of systems are hours, in which locks stay behind.
const ALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(10), 3);

/// The same for the server, which asks whether this program is alive. A transaction that is broken off ends with the
/// connection, or after this time.
fn alive_settings() -> String {
    let (idle, interval, count) = (ALIVE.0.as_secs(), ALIVE.1.as_secs(), ALIVE.2);
    let gone = (ALIVE.0 + ALIVE.2 * ALIVE.1).as_millis();
    format!(
        "SET tcp_keepalives_idle = {idle}; SET tcp_keepalives_interval = {interval}; SET tcp_keepalives_count = {count};
         SET idle_in_transaction_session_timeout = {gone}"
    )
}

/// A client with its prepared statements.
pub(super) struct Connection {
    client: Client,
    statements: HashMap<String, Statement>,
}

impl Connection {
    /// Connects to the server at `address`, in one attempt, as the application `name`.
    pub fn open(address: &Address, name: &str) -> Result<Self, Fault> {
        let mut config = address.with_password()?;
        config.application_name(name);
        config.keepalives_idle(ALIVE.0).keepalives_interval(ALIVE.1).keepalives_retries(ALIVE.2);
        config.tcp_user_timeout(ALIVE.0 + ALIVE.2 * ALIVE.1);
        let mut client = config.connect(tls::connector(address)?)?;
        client.batch_execute(&alive_settings())?;
        Ok(Self { client, statements: HashMap::new() })
    }

    /// The driver's client.
    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// The statement with its placeholders `?1` written as `$1`, prepared once.
    fn prepare(&mut self, statement: &str) -> Result<Statement, Fault> {
        if let Some(prepared) = self.statements.get(statement) {
            return Ok(prepared.clone());
        }
        // Statements have question marks only in placeholders.
        let prepared = self.client.prepare(&statement.replace('?', "$"))?;
        self.statements.insert(statement.to_owned(), prepared.clone());
        Ok(prepared)
    }
}

/// Statements of a transaction that has begun.
pub(super) struct Statements<'a> {
    /// The connection that has begun the transaction.
    pub connection: &'a mut Connection,
    /// See [`Sql::is_repeated`].
    pub is_repeated: bool,
}

impl Sql for Statements<'_> {
    /// `FOR UPDATE`, as Optuna locks the rows of studies and trials.
    fn lock(&self) -> &'static str {
        " FOR UPDATE"
    }

    fn heartbeat_age(&self) -> &'static str {
        // Both in UTC: a span over the change to summer time would be an hour too long else.
        "EXTRACT(EPOCH FROM (CURRENT_TIMESTAMP - heartbeat::timestamptz))::float8"
    }

    fn is_repeated(&self) -> bool {
        self.is_repeated
    }

    fn execute(&mut self, statement: &str, cells: &[Cell]) -> Result<u64, Fault> {
        let prepared = self.connection.prepare(statement)?;
        Ok(self.connection.client.execute(&prepared, &bound(cells))?)
    }

    fn query(&mut self, statement: &str, cells: &[Cell]) -> Result<Vec<Row>, Fault> {
        let prepared = self.connection.prepare(statement)?;
        let rows = self.connection.client.query(&prepared, &bound(cells))?;
        let cells = |row: &postgres::Row| {
            (0..row.len()).map(|index| row.try_get(index)).collect::<Result<_, _>>().map(Row)
        };
        Ok(rows.iter().map(cells).collect::<Result<_, _>>()?)
    }
}

fn bound(cells: &[Cell]) -> Vec<&(dyn ToSql + Sync)> {
    cells.iter().map(|cell| cell as &(dyn ToSql + Sync)).collect()
}

/// What may help after an error in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The connection is lost, or the server accepts none for a while: connect again later.
    Away,
    /// Another transaction interfered: run the same one again.
    InTheWay,
    /// Nothing helps.
    Lasting,
}

impl Trouble {
    /// What may help after `fault`.
    pub fn of(fault: &Fault) -> Self {
        let Fault::Postgres(error) = fault else { return Trouble::Lasting };
        let Some(state) = error.code() else {
            let is_io = std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>());
            return if error.is_closed() || is_io { Trouble::Away } else { Trouble::Lasting };
        };
        let away = [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::IDLE_SESSION_TIMEOUT,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::TOO_MANY_CONNECTIONS,
        ];
        let in_the_way = [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::UNIQUE_VIOLATION,
        ];
        match state {
            state if away.contains(state) || state.code().starts_with("08") => Trouble::Away,
            state if in_the_way.contains(state) => Trouble::InTheWay,
            _ => Trouble::Lasting,
        }
    }
}

/// A wait that is longer than this is told.
const SILENCE: Duration = Duration::from_secs(2);

/// Waits for a server that is away, with longer and longer pauses.
pub(super) struct Patience {
    begun: Instant,
    most: Duration,
    pause: Duration,
    is_told: bool,
}

impl Patience {
    /// A wait of at most `most`.
    pub fn new(most: Duration) -> Self {
        Self { begun: Instant::now(), most, pause: PAUSES.0, is_told: false }
    }

    /// Whether the wait has become long, which people should know; `true` once.
    pub fn is_news(&mut self) -> bool {
        let is_long = self.begun.elapsed() >= SILENCE;
        is_long && !std::mem::replace(&mut self.is_told, true)
    }

    /// Pauses and returns `true`; returns `false` at once when the time is up.
    pub fn wait(&mut self) -> bool {
        if self.begun.elapsed() >= self.most {
            return false;
        }
        // Half of the pause is random, so that workers do not all come back at once.
        let half = self.pause / 2;
        thread::sleep(half + half.mul_f64(chance()));
        self.pause = (self.pause * 2).min(PAUSES.1);
        true
    }
}

/// A random number from 0 to 1. No result depends on it.
fn chance() -> f64 {
    (RandomState::new().build_hasher().finish() >> 11) as f64 / (1_u64 << 53) as f64
}

/// The error of the database at `address`.
pub(super) fn at(fault: Fault, address: &Address) -> StorageError {
    let place = address.to_string();
    match fault {
        Fault::Storage(error) => error,
        Fault::Row(problem) => StorageError::BadRow { place, problem },
        Fault::Attribute { trial, key, problem } => StorageError::BadAttribute { place, trial, key, problem },
        Fault::Sqlite(error) => StorageError::Postgres { place, problem: error.to_string() },
        Fault::Postgres(error) => {
            let problem = said(&error);
            match error.code() {
                Some(code) if *code == SqlState::DISK_FULL => StorageError::DiskFull { place },
                Some(code) if *code == SqlState::TOO_MANY_CONNECTIONS => {
                    let way_out = "raise its max_connections or run fewer workers";
                    StorageError::Unreachable { place, problem: format!("{problem}: {way_out}") }
                }
                // 28: the user is refused; 3D: there is no such database; 08 and 57: the server is
                // away.
                Some(code) if ["28", "3D", "08", "57"].iter().any(|class| code.code().starts_with(class)) => {
                    StorageError::Unreachable { place, problem }
                }
                Some(_) => StorageError::Postgres { place, problem },
                None => StorageError::Unreachable { place, problem },
            }
        }
    }
}
