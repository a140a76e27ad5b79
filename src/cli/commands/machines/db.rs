//! `tune db`: a private PostgreSQL server.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use crate::cli::setup::machine;
use crate::cli::shown::exit::{Exit, WhileRunning};
use crate::cli::shown::streams;

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Start a private PostgreSQL server
    ///
    /// Prints its address for --storage. The first start creates the server.
    Start(StartArgs),
    /// Stop the server; its data stays
    Stop(DirArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DirArgs {
    /// Folder of the server
    ///
    /// It holds its data, log, socket and password.
    #[arg(long, value_name = "FOLDER")]
    pub dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    #[command(flatten)]
    pub folder: DirArgs,
    /// Port on which the server listens for workers
    ///
    /// Workers on other machines need its password.
    #[arg(long, value_name = "N", default_value_t = 5432)]
    pub port: u16,
    /// Largest number of connections
    ///
    /// Each worker process needs one, and so do `tune status` and the `tune` that waits for the
    /// workers.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(10..))]
    pub connections: u32,
}

/// The name of the server's user and of its database.
const NAME: &str = "tune";

/// Starts or stops a server.
pub(crate) fn run(command: &DbCommand) -> Result<Exit> {
    match command {
        DbCommand::Start(args) => start(args),
        DbCommand::Stop(args) => {
            let server = Server::new(&args.dir)?;
            if !server.exists() {
                bail!("--dir {}: no server was made there: tune db start makes one", args.dir.display());
            }
            server.run("pg_ctl", &["-D", &server.path("data"), "-m", "fast", "-w", "stop"])?;
            Ok(Exit::Done)
        }
    }
}

fn start(args: &StartArgs) -> Result<Exit> {
    let folder = &args.folder.dir;
    fs::create_dir_all(folder).with_context(|| format!("--dir {}", folder.display()))?;
    let server = Server::new(folder)?;
    if !server.exists() {
        server.make()?;
    }
    let data = server.path("data");
    if server.run("pg_ctl", &["-D", &data, "status"]).is_ok() {
        bail!("--dir {}: its server runs already: tune db stop ends it", folder.display());
    }
    let options = format!(
        "-c listen_addresses=* -c port={} -c max_connections={} -c unix_socket_directories='{}'",
        args.port,
        args.connections,
        server.path("")
    );
    let log = server.path("log");
    server.run("pg_ctl", &["-D", &data, "-l", &log, "-o", &options, "-w", "start"])?;
    // A start that fails leaves the file of a server that runs as it is.
    server.keep_password(args.port)?;
    server.make_database(args.port)?;
    streams::print_line(format_args!("postgresql://{NAME}@{}:{}/{NAME}", machine::host(), args.port))?;
    streams::say(format_args!("its password is in a file: export PGPASSFILE={}", server.path("pgpass")));
    Ok(Exit::Done)
}

/// A server in a folder, and PostgreSQL's programs.
struct Server {
    folder: PathBuf,
    programs: PathBuf,
}

impl Server {
    fn new(folder: &Path) -> Result<Self> {
        let folder = std::path::absolute(folder)?;
        Ok(Self { folder, programs: programs()? })
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn exists(&self) -> bool {
        self.folder.join("data/PG_VERSION").exists()
    }

    /// Creates the server's files, with a random password.
    fn make(&self) -> Result<()> {
        let secret = self.folder.join("password");
        write_private(&secret, &password()?)?;
        let args = ["--username", NAME, "--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8"];
        let more = ["--locale=C", "--pwfile", &self.path("password"), "-D", &self.path("data")];
        self.run("initdb", &[&args[..], &more].concat())?;
        let rules = self.folder.join("data/pg_hba.conf");
        let mut text = fs::read_to_string(&rules)?;
        text += "# Workers on other machines.\nhost all all all scram-sha-256\n";
        fs::write(rules, text)?;
        Ok(())
    }

    /// Writes the server's password to the file that the variable PGPASSFILE is to name.
    fn keep_password(&self, port: u16) -> Result<()> {
        let secret = fs::read_to_string(self.folder.join("password"))?;
        write_private(&self.folder.join("pgpass"), &format!("*:{port}:{NAME}:{NAME}:{secret}\n"))
    }

    /// Creates the database in the running server, unless it exists.
    fn make_database(&self, port: u16) -> Result<()> {
        let mut config = postgres::Config::new();
        config.host_path(&self.folder).port(port).user(NAME).dbname("postgres");
        let make = || {
            let mut client = config.connect(postgres::NoTls)?;
            let there = client.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&NAME])?;
            match there {
                Some(_) => Ok(()),
                None => client.batch_execute(&format!("CREATE DATABASE {NAME}")),
            }
        };
        make().map_err(|error| WhileRunning(format!("the server that was started: {error}")).into())
    }

    /// Runs one of PostgreSQL's programs and returns what it printed.
    fn run(&self, program: &str, args: &[&str]) -> Result<String> {
        let said = self.folder.join("said");
        // A file, since the server that pg_ctl starts would hold a pipe open.
        let file = fs::File::create(&said).with_context(|| format!("cannot write {}", said.display()))?;
        let mut command = Command::new(self.programs.join(program));
        command.args(args).current_dir(&self.folder).stdin(Stdio::null());
        command.stdout(file.try_clone()?).stderr(file);
        let status = command.status().with_context(|| format!("cannot start {program}"))?;
        let said = fs::read_to_string(said).unwrap_or_default();
        if !status.success() {
            let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            let log = if program == "pg_ctl" { format!("; see {}", self.path("log")) } else { String::new() };
            return Err(WhileRunning(format!("{program}: {}{log}", lines.join("; "))).into());
        }
        Ok(said)
    }
}

/// The folder that holds PostgreSQL's programs, such as `initdb` and `pg_ctl`.
fn programs() -> Result<PathBuf> {
    let named = std::env::var_os("TUNE_POSTGRES_BIN").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = debian.map(|version| version.path().join("bin"));
    let mut places = named.into_iter().chain(std::env::split_paths(&path)).chain(debian);
    let found = places.find(|folder| ["initdb", "pg_ctl"].iter().all(|name| folder.join(name).is_file()));
    found.context(
        "no PostgreSQL here: install it, load its module, or name the folder of initdb in TUNE_POSTGRES_BIN",
    )
}

/// A random password of 32 hexadecimal digits.
fn password() -> Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut system| system.read_exact(&mut bytes))
        .context("/dev/urandom")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a file that only its owner can read.
fn write_private(file: &Path, text: &str) -> Result<()> {
    let folder = file.parent().context("a file in a folder")?;
    // Made for its owner alone, and moved to its place when it is whole.
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut new, text.as_bytes())?;
    new.persist(file).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(())
}
