//! The command line: turns options into a study, runs it, and shows its progress.
//!
//! Results go to standard output, everything else to standard error. Only this room prints, and
//! only through `shown::streams`. Elsewhere errors have types; here they become text.
//!
//! *A command parses its options; options become a prepared study; one function leads it.*

mod command;
mod commands;
mod config;
mod help;
mod kurobako;
mod lead;
mod options;
mod reproduce;
mod request_lines;
mod serve;
mod setup;
mod shown;
mod signals;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::builder::{OsStr, Resettable};
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use command::{Cli, Command};
use commands::catalogue::{chips, init, spaces};
use commands::machines::{db, launch, trial, worker};
use commands::networks::net::{self, NetCommand};
use commands::networks::{eval, predict, rerun};
use commands::studies::{check, compare, delete, enqueue, list};
use commands::{ask, data, export, pick, report, run, schema, shells, show, status, tune};
use config::CommandLine;
use shown::exit::{self, Exit};
use signals::survive_file_limit;

use crate::search::Strategy;

/// Runs the program with the process's arguments; the exit code tells how it ended.
pub fn main() -> ExitCode {
    survive_file_limit();
    let exit = match config::command_line(&Cli::command(), std::env::args_os().collect()) {
        Err(error) => exit::report(&error),
        Ok(line) => start(&line),
    };
    ExitCode::from(exit.code())
}

/// Parses `line` and runs its command.
fn start(line: &CommandLine) -> Exit {
    let parsed = command_for(&line.words).try_get_matches_from(&line.words).and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        Ok((cli, matches))
    });
    match parsed {
        Err(error) => exit::usage(&error, line.config.as_ref()),
        Ok((cli, matches)) => dispatch(cli, &matches).unwrap_or_else(|error| exit::report(&error)),
    }
}

/// The command that parses `words`. Where they name a subcommand, environment variables are no concern of the
/// options of `tune` itself.
fn command_for(words: &[OsString]) -> clap::Command {
    let command = help::arranged(Cli::command());
    let has_subcommand = words
        .get(1)
        .and_then(|word| word.to_str())
        .is_some_and(|word| command.find_subcommand(word).is_some());
    if has_subcommand { command.mut_args(|arg| arg.env(Resettable::<OsStr>::Reset)) } else { command }
}

/// Checks that the program takes the command line `words`, which begins with the program's name.
///
/// This function serves the test that every command in the documents can be typed.
#[doc(hidden)]
pub fn parses(words: &[String]) -> Result<(), clap::Error> {
    help::arranged(Cli::command()).try_get_matches_from(words).map(drop)
}

/// The replies of `tune serve --stdio` to `requests`, both as lines of JSON.
///
/// This function serves the test that no input ends the program.
#[doc(hidden)]
pub fn answer_requests(requests: &[u8]) -> Vec<u8> {
    let mut replies = Vec::new();
    serve::serve(requests, &mut replies).expect("memory can be read");
    replies
}

/// The words that a file for `--config` with this `content` adds to a command line of `tune`; or one line about what is
/// wrong with it.
///
/// This function serves the test that no file ends the program.
///
/// # Errors
/// The content is no JSON object of options.
#[doc(hidden)]
pub fn config_words(content: &str) -> Result<Vec<String>, String> {
    config::words_of(&Cli::command(), content, "c.json").map_err(|error| error.to_string())
}

/// The answers of `tune kurobako` to `messages`, both as lines of JSON. `strategy` is its search.
///
/// This function serves the test that no input ends the program.
#[doc(hidden)]
pub fn answer_kurobako(strategy: Strategy, messages: &[u8]) -> Vec<u8> {
    let mut answers = Vec::new();
    kurobako::serve(strategy, messages, &mut answers).expect("memory can be read");
    answers
}

fn dispatch(cli: Cli, matches: &ArgMatches) -> anyhow::Result<Exit> {
    let again = || reproduce::command_line(&Cli::command(), matches);
    match cli.command {
        None => tune::run(&cli.tune, &again()),
        Some(Command::Run(args)) => run::run(&args, &again()),
        Some(Command::Worker(args)) => worker::run(&args),
        Some(Command::Launch(command)) => launch::run(&command),
        Some(Command::Db(command)) => db::run(&command),
        Some(Command::Trial) => trial::run(),
        Some(Command::Ask(args)) => ask::ask(&args),
        Some(Command::Tell(args)) => ask::tell(&args),
        Some(Command::Serve { .. }) => serve::run(),
        Some(Command::Kurobako { search }) => kurobako::run(search),
        Some(Command::Init(args)) => init::run(&args, &again()),
        Some(Command::Spaces { command }) => spaces::run(&command.unwrap_or_default()),
        Some(Command::Chips { command }) => chips::run(&command.unwrap_or_default()),
        Some(Command::Data { command }) => data::run(&command.unwrap_or_default()),
        Some(Command::Status(args)) => status::run(&args),
        Some(Command::Show(args)) => show::run(&args),
        Some(Command::Report(args)) => report::run(&args),
        Some(Command::Pick(args)) => pick::run(&args),
        Some(Command::Predict(args)) => predict::run(&args),
        Some(Command::List(args)) => list::run(&args),
        Some(Command::Delete(args)) => delete::run(&args),
        Some(Command::Enqueue(args)) => enqueue::run(&args),
        Some(Command::Compare(args)) => compare::run(&args),
        Some(Command::Check(args)) => check::run(&args),
        Some(Command::Eval(args)) => eval::run(&args),
        Some(Command::Rerun(args)) => rerun::run(&args),
        Some(Command::Export(args)) => export::run(&args),
        Some(Command::Net(NetCommand::Describe { plan, json })) => net::describe(&plan, json),
        Some(Command::Completions { shell }) => shells::completions(shell, help::complete(Cli::command())),
        Some(Command::Man { folder }) => shells::man(&folder, help::complete(Cli::command())),
        Some(Command::Schema { kind }) => schema::run(kind, &Cli::command()),
    }
}
