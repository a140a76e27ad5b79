//! A PostgreSQL server of a test's own, in a folder that is removed at the end.
//!
//! Its programs are looked for where TUNE_POSTGRES_BIN says, on the path, and where Debian keeps them. They
//! refuse to work for root, so root runs them as `postgres` or `nobody`.
#![cfg(unix)]
#![allow(dead_code, reason = "each test takes what it needs")]

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// A running server.
pub struct Server {
    bin: PathBuf,
    owner: Option<(u32, u32)>,
    folder: tempfile::TempDir,
    port: u16,
    databases: AtomicU32,
}

/// The folder of the server's programs, if they are here.
pub fn programs() -> Option<PathBuf> {
    let has =
        |folder: &PathBuf| ["initdb", "pg_ctl", "postgres"].iter().all(|name| folder.join(name).is_file());
    let named = std::env::var_os("TUNE_POSTGRES_BIN").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = std::fs::read_dir("/usr/lib/postgresql").ok();
    let debian = debian.into_iter().flatten().flatten().map(|version| version.path().join("bin"));
    named.into_iter().chain(debian).chain(std::env::split_paths(&path)).find(has)
}

impl Server {
    /// Starts one.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().expect("a folder");
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let server = Self {
            bin: programs().expect("looked for before"),
            owner: owner(),
            folder,
            port: port.expect("a free port").port(),
            databases: AtomicU32::new(0),
        };
        if let Some((user, group)) = server.owner {
            chown(server.folder(), Some(user), Some(group)).expect("we are root");
        }
        let data = server.data();
        let args = ["--auth=trust", "--username=tune", "--no-sync", "--encoding=UTF8", "--locale=C", "-D"];
        server.program("initdb", &[&args[..], &[&data]].concat());
        server.make_private();
        server.up();
        server
    }

    /// The folder of everything of the server, its socket too.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where it listens on this machine, by TLS alone.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate by which it proves who it is, for `localhost`.
    pub fn certificate(&self) -> PathBuf {
        self.folder().join("data/server.crt")
    }

    /// A certificate, and who may come in which way.
    fn make_private(&self) {
        let file = |name: &str| format!("{}/{name}", self.data());
        let rules = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(file("pg_hba.conf"), rules).expect("written");
        let (key, certificate) = (file("server.key"), file("server.crt"));
        let args = [
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ];
        let made = Command::new("openssl").args(args).output().expect("openssl comes with PostgreSQL");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        if let Some((user, group)) = self.owner {
            for name in [&key, &certificate] {
                chown(name, Some(user), Some(group)).expect("we are root");
            }
        }
    }

    /// Starts it after [`down`](Self::down).
    pub fn up(&self) {
        let folder = self.folder().display();
        let options = format!(
            "-k {folder} -p {} -c listen_addresses=127.0.0.1 -c max_connections=300 -c ssl=on -c fsync=off",
            self.port
        );
        let log = format!("{folder}/log");
        self.program("pg_ctl", &["-D", &self.data(), "-l", &log, "-o", &options, "-w", "start"]);
    }

    /// Ends it: `fast` breaks connections off, `immediate` is as if the machine had lost its power.
    pub fn down(&self, how: &str) {
        self.program("pg_ctl", &["-D", &self.data(), "-m", how, "-w", "stop"]);
    }

    /// The address of a new, empty database, by the server's socket.
    pub fn database(&self) -> String {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.address(&name)
    }

    /// The address of a database by the server's socket.
    pub fn address(&self, database: &str) -> String {
        let host = self.folder().display().to_string().replace('/', "%2F");
        format!("postgresql://tune@{host}:{}/{database}", self.port)
    }

    /// Runs statements in a database, as its owner.
    pub fn sql(&self, database: &str, statements: &str) {
        let mut client = self.client(database);
        client.batch_execute(statements).expect("right statements");
    }

    /// A connection to a database, as its owner.
    pub fn client(&self, database: &str) -> postgres::Client {
        let address = self.address(database);
        postgres::Client::connect(&address, postgres::NoTls).expect("a running server")
    }

    fn data(&self) -> String {
        self.folder().join("data").display().to_string()
    }

    fn program(&self, name: &str, args: &[&str]) {
        let mut command = Command::new(self.bin.join(name));
        command.args(args).current_dir(self.folder()).env_remove("PGDATA");
        // What the server inherits it holds open: nobody should wait for the end of it.
        command.stdin(std::process::Stdio::null());
        let log = std::fs::File::create(self.folder().join("out")).expect("a file");
        command.stdout(log.try_clone().expect("a file")).stderr(log);
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        let status = command.status().expect("a program");
        let said = || std::fs::read_to_string(self.folder().join("out")).unwrap_or_default();
        assert!(status.success(), "{name}: {}", said());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let stop = ["-D", &self.data(), "-m", "immediate", "-w", "stop"];
        let mut command = Command::new(self.bin.join("pg_ctl"));
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        let _: Result<Output, _> = command.args(stop).current_dir("/").output();
    }
}

/// User and group of the server's programs if we are root.
fn owner() -> Option<(u32, u32)> {
    let is_root = rustix::process::geteuid().is_root();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.starts_with(&format!("{name}:")))?;
        let mut fields = line.split(':').skip(2).map(|field| field.parse().ok());
        Some((fields.next()??, fields.next()??))
    };
    is_root.then(|| ids("postgres").or_else(|| ids("nobody")).expect("a user that is not root"))
}
