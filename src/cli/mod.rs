//! The command line: what is typed becomes what is meant, and what happens is shown.
//!
//! Results go to standard output, everything else to standard error. Only here is anything printed, and
//! only here do errors lose their types.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the module that prints")]

mod args;
mod ask;
mod config;
mod data;
mod db;
mod eval;
mod exit;
mod export;
mod external;
mod job;
mod kurobako;
mod launch;
mod machine;
mod model;
mod net;
mod open;
mod out;
mod output;
mod pausing;
mod progress;
mod reference;
mod run;
mod schema;
mod serve;
mod show;
mod spaces;
mod status;
mod trial;
mod warm;
mod worker;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command, NetCommand};
use exit::Exit;

/// Runs the program with the process's arguments; the exit code tells how it ended.
pub fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Err(error) => exit::usage(&error),
        Ok(cli) => dispatch(cli).unwrap_or_else(|error| exit::report(&error)),
    };
    ExitCode::from(exit.code())
}

/// Whether `words`, the program's name first, are a command line that the program takes.
///
/// For the test that every command in the documents can be typed.
#[doc(hidden)]
pub fn parses(words: &[String]) -> Result<(), clap::Error> {
    Cli::try_parse_from(words).map(drop)
}

fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    match cli.command {
        None => run::run(&cli.run),
        Some(Command::Run(args)) => external::run(&args),
        Some(Command::Worker(args)) => worker::run(&args),
        Some(Command::Launch(command)) => launch::run(&command),
        Some(Command::Db(command)) => db::run(&command),
        Some(Command::Trial) => trial::run(),
        Some(Command::Ask(args)) => ask::ask(&args),
        Some(Command::Tell(args)) => ask::tell(&args),
        Some(Command::Serve { .. }) => serve::run(),
        Some(Command::Kurobako { search }) => kurobako::run(search),
        Some(Command::Data(command)) => data::run(&command),
        Some(Command::Status(args)) => status::run(&args),
        Some(Command::Show(args)) => show::run(&args),
        Some(Command::Eval(args)) => eval::run(&args),
        Some(Command::Export(args)) => export::run(&args),
        Some(Command::Net(NetCommand::Describe { file })) => net::describe(&file),
        Some(Command::Schema { kind }) => schema::run(kind),
    }
}
