//! Studies in PostgreSQL keep the contract of every storage, are Optuna's tables to the letter, and outlive
//! the server's restarts.
//!
//! Needs PostgreSQL's programs (`initdb`, `pg_ctl`, `postgres`), on the path, where Debian keeps them, or where
//! TUNE_POSTGRES_BIN says. Without them the tests are listed as ignored.

#[cfg(unix)]
#[path = "../src/storage/contract/mod.rs"]
mod contract;
#[cfg(unix)]
mod server;

// What the contract names by the crate's root, as it does within the library.
#[cfg(unix)]
use spiketune::storage::{Claim, ClaimResult, Lost, Storage, StorageError, StudyKey, TrialKey};
#[cfg(unix)]
use spiketune::{seed, space, study};

#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    tests::main()
}

#[cfg(unix)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;
    use std::process::ExitCode;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use assert_cmd::Command;
    use libtest_mimic::{Arguments, Trial as Test};
    use spiketune::storage::{Address, Location, PostgresStorage};
    use spiketune::study::{Attributes, TrialState};

    use super::contract::{self, Place, promises};
    use super::server::{Server, programs};
    use super::{ClaimResult, Storage, StorageError, TrialKey};

    pub fn main() -> ExitCode {
        let arguments = Arguments::from_args();
        let mut tests = contract_tests();
        let own: [(&str, fn()); 8] = [
            ("the_tables_are_those_that_optuna_makes", the_tables_are_those_that_optuna_makes),
            ("many_programs_may_make_the_tables_at_once", many_programs_may_make_the_tables_at_once),
            ("a_database_of_another_program_is_refused", a_database_of_another_program_is_refused),
            ("a_restart_of_the_server_is_waited_for", a_restart_of_the_server_is_waited_for),
            ("a_claim_whose_answer_is_lost_is_no_ghost", a_claim_whose_answer_is_lost_is_no_ghost),
            ("a_private_way_and_a_kept_password_lead_in", a_private_way_and_a_kept_password_lead_in),
            ("one_process_at_a_time_leads_a_study", one_process_at_a_time_leads_a_study),
            ("a_leader_whose_lock_was_lost_takes_it_again", a_leader_whose_lock_was_lost_takes_it_again),
        ];
        tests.extend(own.map(|(name, body)| {
            Test::test(name, move || {
                body();
                Ok(())
            })
        }));
        let is_missing = programs().is_none();
        let tests = tests.into_iter().map(|test| test.with_ignored_flag(is_missing)).collect();
        let conclusion = libtest_mimic::run(&arguments, tests);
        if let Some(server) = SERVER.get() {
            server.down("immediate");
        }
        conclusion.exit_code()
    }

    static SERVER: OnceLock<Server> = OnceLock::new();

    /// The server of all tests but those that end it.
    fn server() -> &'static Server {
        SERVER.get_or_init(Server::start)
    }

    /// A database of the server.
    struct Database(String);

    impl Database {
        fn storage(&self) -> PostgresStorage {
            PostgresStorage::open(&address(&self.0)).expect("a database")
        }
    }

    impl Place for Database {
        fn fresh() -> Self {
            Self(server().database())
        }

        fn open(&self) -> Box<dyn Storage> {
            Box::new(self.storage())
        }

        fn age_heartbeat(&self, trial: TrialKey, seconds: u32) {
            let (_, name) = self.0.rsplit_once('/').expect("an address");
            let sql = format!(
                "UPDATE trial_heartbeats SET heartbeat = heartbeat - interval '{seconds} s' WHERE trial_id = {}",
                trial.0
            );
            server().sql(name, &sql);
        }
    }

    fn address(text: &str) -> Address {
        text.parse().expect("an address")
    }

    macro_rules! list {
        ($place:ty: $($promise:ident)*) => {
            vec![$(Test::test(stringify!($promise), || {
                contract::$promise(&<$place>::fresh());
                Ok(())
            })),*]
        };
    }

    fn contract_tests() -> Vec<Test> {
        promises!(list, Database)
    }

    fn the_tables_are_those_that_optuna_makes() {
        let golden = include_str!("fixtures/optuna-schema-postgresql.txt");
        let place = Database::fresh();
        place.storage();
        let (_, name) = place.0.rsplit_once('/').expect("an address");
        let mut client = server().client(name);
        let query = include_str!("python/describe_postgresql.sql");
        let lines: Vec<String> =
            client.query(query, &[]).expect("described").iter().map(|row| row.get(0)).collect();
        let golden: Vec<&str> = golden.lines().filter(|line| !line.starts_with("--")).collect();
        assert!(golden.len() > 100, "{} lines", golden.len());
        for (ours, optunas) in lines.iter().zip(&golden) {
            assert_eq!(ours, optunas);
        }
        assert_eq!(lines.len(), golden.len());
        let version: String =
            client.query_one("SELECT version_num FROM alembic_version", &[]).expect("there").get(0);
        assert_eq!(version, "v3.2.0.a");
    }

    fn many_programs_may_make_the_tables_at_once() {
        let place = Database::fresh();
        std::thread::scope(|scope| {
            let openers: Vec<_> = (0..8).map(|_| scope.spawn(|| place.storage().study_names())).collect();
            for opener in openers {
                assert_eq!(opener.join().expect("no panic").expect("opened"), Vec::<String>::new());
            }
        });
    }

    fn a_database_of_another_program_is_refused() {
        let place = Database::fresh();
        let (_, name) = place.0.rsplit_once('/').expect("an address");
        let refused = |change: &str| {
            server().sql(name, change);
            PostgresStorage::open(&address(&place.0)).err().expect("refused").to_string()
        };
        let message = refused("CREATE TABLE music (id int)");
        assert!(message.ends_with("not a database of studies: it has the table music: name another one"));
        server().sql(name, "DROP TABLE music");
        place.storage();
        let message = refused("UPDATE alembic_version SET version_num = 'v9.0.0.a'");
        assert!(message.contains("schema version v9.0.0.a: must be v3.2.0.a"), "{message}");
        let nowhere = address(&server().address("nowhere"));
        let error = PostgresStorage::open(&nowhere).err().expect("no database");
        assert!(matches!(&error, StorageError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains("\"nowhere\" does not exist"), "{error}");
        let closed: Address = "postgresql://tune@127.0.0.1:9/tune".parse().expect("an address");
        let error = PostgresStorage::open(&closed).err().expect("nobody listens").to_string();
        assert!(error.contains("cannot be reached"), "{error}");
    }

    /// Whatever a storage does when the server goes away, it does once it is back.
    fn a_restart_of_the_server_is_waited_for() {
        let server = Server::start();
        let place = address(&server.database());
        let mut storage = PostgresStorage::open(&place).expect("a database");
        let study = contract::study(&mut storage);
        let mut begun = Vec::new();
        for how in ["fast", "immediate", "fast"] {
            begun.push(contract::claim(&mut storage, study).key);
            server.down(how);
            let claim = std::thread::scope(|scope| {
                let claim = scope.spawn(|| contract::claim(&mut storage, study));
                std::thread::sleep(Duration::from_millis(300));
                assert!(!claim.is_finished(), "nobody answers");
                server.up();
                claim.join().expect("no panic")
            });
            begun.push(claim.key);
        }
        server.down("fast");
        server.up();
        storage.work_as("back first");
        contract::claim(&mut storage, study);
        server.down("fast");
        server.up();
        let name = place.to_string();
        let (_, name) = name.rsplit_once('/').expect("an address");
        server.sql(name, "UPDATE trial_heartbeats SET heartbeat = heartbeat - interval '600 s'");
        storage.heartbeats(study).expect("it answers");
        let timeout = Duration::from_secs(120);
        assert_eq!(storage.reap(study, timeout).expect("looked"), [], "others could not send a heartbeat");
        let mut other = PostgresStorage::open(&place).expect("a database");
        assert_eq!(other.reap(study, timeout).expect("looked").len(), 1);
        let mut storage = PostgresStorage::open(&place).expect("a database");
        assert!(storage.finish(begun[0], &contract::complete(0.5)).expect("stored"));
        let loaded = storage.load_study(study).expect("loaded");
        assert_eq!(loaded.trials.len(), begun.len() + 2, "one is lost and tried again");
        assert_eq!(loaded.trials[0].state, TrialState::Complete);
    }

    /// What stands between a client and the server, and once armed loses the answer to the next commit.
    struct Proxy {
        port: u16,
        is_armed: &'static AtomicBool,
    }

    impl Proxy {
        fn start(server: &Server) -> Self {
            let is_armed: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let port = listener.local_addr().expect("bound").port();
            let socket = server.folder().join(format!(".s.PGSQL.{}", server.port()));
            std::thread::spawn(move || {
                for client in listener.incoming().flatten() {
                    let server = UnixStream::connect(&socket).expect("a running server");
                    std::thread::spawn(move || forward(client, server, is_armed));
                }
            });
            Self { port, is_armed }
        }
    }

    fn forward(client: TcpStream, server: UnixStream, is_armed: &AtomicBool) {
        let mut to_client = client.try_clone().expect("a stream");
        let mut from_server = server.try_clone().expect("a stream");
        let back = std::thread::spawn(move || std::io::copy(&mut from_server, &mut to_client));
        let (mut client, mut server) = (client, server);
        let mut buffer = [0; 1 << 16];
        while let Ok(length @ 1..) = client.read(&mut buffer) {
            let text = &buffer[..length];
            if text.windows(6).any(|word| word == b"COMMIT") && is_armed.swap(false, Ordering::SeqCst) {
                // The client hears no more of it; the server gets it, and answers nobody.
                client.shutdown(std::net::Shutdown::Write).expect("open until now");
                server.write_all(text).expect("open until now");
                break;
            }
            if server.write_all(text).is_err() {
                break;
            }
        }
        let _ = server.shutdown(std::net::Shutdown::Write);
        let _ = back.join();
        let _ = client.shutdown(std::net::Shutdown::Both);
    }

    fn a_claim_whose_answer_is_lost_is_no_ghost() {
        let direct = Database::fresh();
        let (_, name) = direct.0.rsplit_once('/').expect("an address");
        let proxy = Proxy::start(server());
        let by_proxy = format!("postgresql://tune@127.0.0.1:{}/{name}?sslmode=disable", proxy.port);
        let mut storage = PostgresStorage::open(&address(&by_proxy)).expect("a database");
        let lose = || proxy.is_armed.store(true, Ordering::SeqCst);
        lose();
        let study = contract::study(&mut storage);
        storage.work_as("one");
        lose();
        let first = contract::claim(&mut storage, study);
        assert!(!proxy.is_armed.load(Ordering::SeqCst), "an answer was lost");
        assert_eq!(first.trial.number, 0);
        assert_eq!(
            direct.storage().load_study(study).expect("loaded").trials,
            std::slice::from_ref(&first.trial)
        );
        lose();
        storage.report(first.key, 1, 0.5).expect("stored");
        lose();
        assert!(storage.finish(first.key, &contract::complete(0.5)).expect("stored"), "it is ours");
        assert!(!storage.finish(first.key, &contract::complete(0.5)).expect("stored"), "told twice");
        let second = contract::claim(&mut storage, study);
        assert!(storage.release(second.key).expect("stored"));
        lose();
        let again = storage.claim_waiting(study, 9).expect("stored").expect("it waits");
        assert_eq!(again.key, second.key);
        assert_eq!(storage.claim_waiting(study, 9).expect("looked"), None);
        lose();
        let (space, none) = (contract::space(), Attributes::new());
        let asked = storage.claim_unless_duplicate(study, &space, &contract::point(0.02), &none, 3, Some(2));
        assert!(matches!(asked, Ok(ClaimResult::Claimed(claim)) if claim.trial.number == 2));
        assert_eq!(direct.storage().load_study(study).expect("loaded").trials.len(), 3);
    }

    fn a_private_way_and_a_kept_password_lead_in() {
        let place = Database::fresh();
        let (_, name) = place.0.rsplit_once('/').expect("an address");
        contract::study(&mut place.storage());
        let secret = "c:o\\rrect";
        server().sql(name, &format!("CREATE USER guest SUPERUSER PASSWORD '{secret}'"));
        let folder = tempfile::tempdir().expect("a folder");
        let keep = |password: &str| {
            let file = folder.path().join("pgpass");
            std::fs::write(&file, format!("*:*:{name}:guest:{password}\n")).expect("written");
            let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&file, owner_only).expect("ours");
            file
        };
        let certificate = server().certificate().display().to_string();
        let (host, port) = ("localhost", server().port());
        let show = |options: &str, passfile: &std::path::Path| {
            let mut tune = Command::cargo_bin("tune").expect("built");
            let address = format!("postgresql://guest@{host}:{port}/{name}?{options}");
            tune.args(["show", "--storage", &address]).env("PGPASSFILE", passfile).env_remove("PGPASSWORD");
            let output = tune.output().expect("it runs");
            let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            assert!(!said.contains("rrect"), "{said}");
            (output.status.code(), said.into_owned())
        };
        let right = keep(r"c\:o\\rrect");
        let proven = format!("sslmode=verify-full&sslrootcert={certificate}");
        for options in ["sslmode=require", "sslmode=prefer", &proven] {
            let (code, said) = show(options, &right);
            assert!(code == Some(0) && said.starts_with("study: 0 complete"), "{options}: {said}");
        }
        let (code, said) = show("sslmode=verify-full", &right);
        assert!(code == Some(5) && said.contains("certificate"), "{said}");
        let (code, said) = show("sslmode=disable", &right);
        assert!(code == Some(5) && said.contains("no encryption"), "{said}");
        let (code, said) = show("sslmode=require", &keep("wrong"));
        assert!(code == Some(5) && said.contains("password authentication failed"), "{said}");
    }

    fn one_process_at_a_time_leads_a_study() {
        let place: Location = Database::fresh().0.parse().expect("a location");
        let first = place.lock("mnist").expect("free");
        let error = place.lock("mnist").expect_err("held").to_string();
        assert!(error.contains(&format!("run by tune, process {}", std::process::id())), "{error}");
        place.lock("iris").expect("another study is free");
        let leader = |study| place.leader(study).expect("it answers");
        let own = format!("tune, process {}", std::process::id());
        assert_eq!((leader("mnist"), leader("iris")), (Some(own), None));
        drop(first);
        place.lock("mnist").expect("free again");
    }

    /// Ends the connections of this process to a database.
    const END_ALL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'tune%'";

    fn a_leader_whose_lock_was_lost_takes_it_again() {
        let database = Database::fresh();
        let (_, name) = database.0.rsplit_once('/').expect("an address");
        let place: Location = database.0.parse().expect("a location");
        let mut storage = database.storage();
        let study = contract::study(&mut storage);
        let lock = place.lock("mnist").expect("free");
        storage.guard(&lock);
        server().sql(name, END_ALL);
        contract::claim(&mut storage, study);
        let own = format!("tune, process {}", std::process::id());
        assert_eq!(place.leader("mnist").expect("it answers"), Some(own));
        server().sql(name, END_ALL);
        let digest = <sha2::Sha256 as sha2::Digest>::digest("tune mnist");
        let key = i64::from_be_bytes(std::array::from_fn(|index| digest[index]));
        let other = format!("{}?application_name=other", database.0);
        let mut other = postgres::Client::connect(&other, postgres::NoTls).expect("a connection");
        other.execute("SELECT pg_advisory_lock($1)", &[&key]).expect("free");
        let error = storage.load_study(study).expect_err("another process leads it").to_string();
        assert!(error.contains("study \"mnist\"") && error.contains("is run by other"), "{error}");
        drop(other);
        storage.load_study(study).expect("it leads again");
    }
}
