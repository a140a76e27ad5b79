//! The address of a database on a PostgreSQL server: host, user, database and encryption.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use postgres::Config;
use postgres::config::SslMode;

use super::super::StorageError;
use super::password;

/// The longest time of one attempt to connect, unless the address sets `connect_timeout`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The address of a database on a server. It contains no password.
#[derive(Clone)]
pub struct Address {
    /// The text that was read.
    text: String,
    /// The settings of the driver, without a password.
    pub(super) config: Config,
    /// Whether the certificate of the server is verified.
    pub(super) must_verify: bool,
    /// A file of trusted root certificates; `None`: the certificates that browsers trust.
    pub(super) root_certificate: Option<PathBuf>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Address {
    type Err = StorageError;

    /// Reads `postgresql://user@host:port/database?sslmode=verify-full&sslrootcert=FILE`, as libpq
    /// (PostgreSQL's own client library) does.
    ///
    /// An address with a password is refused. Other users could read it in the list of processes
    /// and in job scripts.
    fn from_str(text: &str) -> Result<Self, StorageError> {
        let (rest, options) = take_ssl_options(text);
        let wrong = |problem: String| StorageError::Address { address: without_password(text), problem };
        let mut config: Config = rest.parse().map_err(|error: postgres::Error| {
            wrong(format!("{}: must be postgresql://USER@HOST/DATABASE", said(&error)))
        })?;
        if config.get_password().is_some() {
            let way_out = "keep it in ~/.pgpass, in the file that PGPASSFILE names, or in PGPASSWORD";
            return Err(wrong(format!("must not hold a password: {way_out}")));
        }
        if config.get_hosts().is_empty() {
            return Err(wrong("names no host: must be postgresql://USER@HOST/DATABASE".to_owned()));
        }
        let mode = options.mode.as_deref().unwrap_or("prefer");
        let (ssl_mode, must_verify) = match mode {
            "disable" => (SslMode::Disable, false),
            "prefer" => (SslMode::Prefer, false),
            "require" => (SslMode::Require, options.root_certificate.is_some()),
            "verify-full" => (SslMode::Require, true),
            other => {
                let modes = "disable, prefer, require or verify-full";
                return Err(wrong(format!("sslmode={other}: must be {modes}")));
            }
        };
        config.ssl_mode(ssl_mode).application_name("tune");
        if config.get_user().is_none() {
            let user = ["PGUSER", "USER"].iter().find_map(|name| std::env::var(name).ok());
            let user =
                user.ok_or_else(|| wrong("names no user: postgresql://USER@HOST/DATABASE".to_owned()))?;
            config.user(&user);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        let root_certificate = options.root_certificate.map(PathBuf::from);
        Ok(Self { text: text.to_owned(), config, must_verify, root_certificate })
    }
}

impl Address {
    /// The configuration with the password of its user, if one is kept.
    pub(super) fn with_password(&self) -> Result<Config, StorageError> {
        let mut config = self.config.clone();
        if let Some(password) = password::find(&self.config)? {
            config.password(password);
        }
        Ok(config)
    }
}

/// The options for encryption, which the driver does not read itself.
#[derive(Default)]
struct SslOptions {
    mode: Option<String>,
    root_certificate: Option<String>,
}

/// Splits an address into the address without `sslmode` and `sslrootcert`, and these two options.
fn take_ssl_options(text: &str) -> (String, SslOptions) {
    let mut options = SslOptions::default();
    let Some((front, query)) = text.split_once('?') else { return (text.to_owned(), options) };
    let mut kept = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", mode)) => options.mode = Some(mode.to_owned()),
            Some(("sslrootcert", file)) => options.root_certificate = Some(file.to_owned()),
            _ => kept.push(pair),
        }
    }
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    (format!("{front}{query}"), options)
}

/// The address `text` with dots in place of a password, for messages.
pub fn without_password(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let is_query = |at: &usize| rest[..*at].contains('@') || !rest.contains('@');
    // A question mark before the only `@` is part of a password.
    let query_at = rest.match_indices('?').map(|(at, _)| at).find(is_query);
    let (place, query) = query_at.map_or((rest, None), |at| (&rest[..at], Some(&rest[at + 1..])));
    let place = match place.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split_once(':').map_or(user.to_owned(), |(user, _)| format!("{user}:..."));
            format!("{user}@{host}")
        }
        None => place.to_owned(),
    };
    let query = query.map_or(String::new(), |query| {
        let shown = query.split('&').map(|pair| match pair.split_once('=') {
            Some(("password", _)) => "password=...",
            _ => pair,
        });
        format!("?{}", shown.collect::<Vec<_>>().join("&"))
    });
    format!("{scheme}://{place}{query}")
}

/// The message of the driver's error with its causes, in one line.
pub(super) fn said(error: &postgres::Error) -> String {
    let mut text = match error.as_db_error() {
        Some(answer) => return answer.message().to_owned(),
        None => error.to_string(),
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        text.parse::<Address>().expect_err("refused").to_string()
    }

    #[test]
    fn a_password_is_refused_and_not_shown() {
        let message = refused("postgresql://me:secret@host/db");
        assert!(message.starts_with("postgresql://me:...@host/db: must not hold a password"), "{message}");
        for password in ["sec?ret", "sec/?ret", "s?e?cret"] {
            let message = refused(&format!("postgresql://me:{password}@host/db?sslmode=require"));
            assert!(
                message.starts_with("postgresql://me:...@host/db?sslmode=require: must not"),
                "{message}"
            );
        }
        let message = refused("postgresql://me@host/db?password=secret&sslmode=require");
        assert!(message.contains("password=...") && !message.contains("secret"), "{message}");
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        assert!(refused("postgresql://me@host/db?sslmode=maybe").contains("sslmode=maybe: must be disable"));
        assert!(refused("postgresql://me@host:many/db").contains("must be postgresql://USER@HOST/DATABASE"));
        assert!(refused("postgresql:///db").contains("names no host"));
    }

    #[test]
    fn the_modes_of_privacy_are_libpqs() {
        let read = |query: &str| {
            let address: Address = format!("postgresql://me@host/db{query}").parse().expect("an address");
            (address.config.get_ssl_mode(), address.must_verify, address.root_certificate)
        };
        assert_eq!(read(""), (SslMode::Prefer, false, None));
        assert_eq!(read("?sslmode=require"), (SslMode::Require, false, None));
        let root = Some(PathBuf::from("root.crt"));
        assert_eq!(read("?sslrootcert=root.crt&sslmode=require"), (SslMode::Require, true, root));
        assert_eq!(read("?sslmode=verify-full"), (SslMode::Require, true, None));
        assert_eq!(read("?sslmode=disable&application_name=x"), (SslMode::Disable, false, None));
    }
}
