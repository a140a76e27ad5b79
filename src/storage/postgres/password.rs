//! The password for a server: from the environment, or from a file that only its owner can read.

use std::path::{Path, PathBuf};

use postgres::Config;
use postgres::config::Host;

use super::super::StorageError;

/// The password for `config`, if one is stored. PGPASSWORD comes before the file.
///
/// # Errors
/// Other users can read the file, or it cannot be read.
pub(super) fn find(config: &Config) -> Result<Option<String>, StorageError> {
    if let Ok(password) = std::env::var("PGPASSWORD") {
        return Ok(Some(password));
    }
    let named = std::env::var_os("PGPASSFILE").map(PathBuf::from);
    let usual = || std::env::home_dir().map(|home| home.join(".pgpass"));
    match named.or_else(usual) {
        Some(file) if file.is_file() => in_file(&file, config),
        _ => Ok(None),
    }
}

fn in_file(file: &Path, config: &Config) -> Result<Option<String>, StorageError> {
    let wrong = |problem: String| StorageError::AccessFile { path: file.to_owned(), problem };
    check_owner_only(file).map_err(wrong)?;
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    let user = config.get_user().unwrap_or_default();
    // As in libpq, a database without a name has that of the user.
    let database = config.get_dbname().unwrap_or(user);
    let host = host(config);
    // The file calls a socket localhost.
    let host = if host.starts_with('/') { "localhost" } else { host.as_str() };
    Ok(text.lines().find_map(|line| password_of(line, [host, &port, database, user])))
}

/// The host's name, its address, or the folder of its socket.
fn host(config: &Config) -> String {
    match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        #[cfg(unix)]
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => "localhost".to_owned(),
    }
}

/// The password in a line `host:port:database:user:password`, if the line is for this `place`. A
/// field `*` fits any text.
fn password_of(line: &str, place: [&str; 4]) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let fields = fields(line);
    let (password, keys) = fields.split_last().filter(|(_, keys)| keys.len() == 4)?;
    let fits = keys.iter().zip(place).all(|(key, wanted)| key == "*" || key == wanted);
    fits.then(|| password.clone())
}

/// The fields of a line. The character after a backslash has no special meaning.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut rest) = (vec![String::new()], line.chars());
    while let Some(next) = rest.next() {
        let last = fields.len() - 1;
        match next {
            ':' => fields.push(String::new()),
            '\\' => fields[last].extend(rest.next()),
            other => fields[last].push(other),
        }
    }
    fields
}

#[cfg(unix)]
fn check_owner_only(file: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;

    let metadata = file.metadata().map_err(|error| error.to_string())?;
    match metadata.permissions().mode() & 0o077 {
        0 => Ok(()),
        _ => Err("others can read the passwords in it: chmod 600 it".to_owned()),
    }
}

#[cfg(not(unix))]
fn check_owner_only(_file: &Path) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: [&str; 4] = ["db.example", "5432", "tune", "me"];

    #[test]
    fn the_first_line_of_the_place_counts() {
        assert_eq!(password_of("db.example:5432:tune:me:se:cret", PLACE), None, "a colon must be escaped");
        assert_eq!(password_of(r"db.example:*:tune:me:se\:c\\ret", PLACE), Some(r"se:c\ret".to_owned()));
        assert_eq!(password_of("*:*:*:me:x", PLACE), Some("x".to_owned()));
        assert_eq!(password_of("*:*:*:you:x", PLACE), None);
        assert_eq!(password_of("# *:*:*:*:x", PLACE), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pgpass");
        std::fs::write(&file, "/nowhere:1:*:*:no\nlocalhost:*:*:me:yes\n").expect("written");
        let config: Config = "host=/run/socket user=me".parse().expect("a configuration");
        let set =
            |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("ours");
        set(0o644);
        assert!(in_file(&file, &config).expect_err("open to others").to_string().contains("chmod 600"));
        set(0o600);
        assert_eq!(in_file(&file, &config).expect("read"), Some("yes".to_owned()));
    }
}
