//! The program's commands, all in one list.

use clap::{Parser, Subcommand};

use super::commands::ask::{AskArgs, TellArgs};
use super::commands::catalogue::chips::ChipsCommand;
use super::commands::catalogue::init::InitArgs;
use super::commands::catalogue::spaces::SpacesCommand;
use super::commands::data::DataCommand;
use super::commands::export::ExportCommand;
use super::commands::machines::db::DbCommand;
use super::commands::machines::launch::LaunchCommand;
use super::commands::machines::worker::WorkerArgs;
use super::commands::networks::eval::EvalArgs;
use super::commands::networks::net::NetCommand;
use super::commands::networks::predict::PredictArgs;
use super::commands::networks::rerun::RerunArgs;
use super::commands::pick::PickArgs;
use super::commands::report::ReportArgs;
use super::commands::schema::SchemaKind;
use super::commands::show::ShowArgs;
use super::commands::status::StatusArgs;
use super::commands::studies::check::CheckArgs;
use super::commands::studies::compare::CompareArgs;
use super::commands::studies::delete::DeleteArgs;
use super::commands::studies::enqueue::EnqueueArgs;
use super::commands::studies::list::ListArgs;
use super::options::run::RunArgs;
use super::options::tune::TuneArgs;
use crate::search::Strategy;

/// Finds the best hyperparameters of a spiking network for your data and a chip.
///
/// The network is a binary-communication network: its hidden neurons send only 0 or 1.
///
/// Each trial takes a point (one value per hyperparameter) and trains a network with it. The trial is scored by the accuracy on a simulated
/// chip. A Gaussian process, a model of the results so far, proposes the next point. The best
/// hyperparameters are written to a JSON file. The same command resumes an interrupted study.
#[derive(Debug, Parser)]
#[command(
    name = "tune",
    version,
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    after_help = "tune --help describes all commands and options. tune COMMAND -h is about one.",
    after_long_help = "\
Exit codes: 0 done, 1 the run failed, 2 wrong usage or input, 3 done but below --fail-under,
or a check failed, 4 no trial has a value, 5 the storage cannot be reached or fails, 6 a rerun differs,
130 interrupted after saving."
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub tune: TuneArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a study whose trials a command of yours evaluates
    Run(RunArgs),
    /// Evaluate trials of a study, beside workers on other machines
    Worker(WorkerArgs),
    /// Start workers through the scheduler of a cluster
    #[command(subcommand)]
    Launch(LaunchCommand),
    /// Start and stop a private PostgreSQL server
    #[command(subcommand)]
    Db(DbCommand),
    /// Evaluate one trial in this process, on behalf of `tune worker`
    #[command(hide = true)]
    Trial,
    /// Start the next trial of a study that your script evaluates
    ///
    /// Prints the number of the trial, its point and a seed as one JSON object.
    Ask(AskArgs),
    /// Store the result of a trial that your script has evaluated
    Tell(TellArgs),
    /// Propose points to another program, line by line; stores nothing
    Serve {
        /// Talk over standard input and output, one JSON object per line
        #[arg(long, required = true)]
        stdio: bool,
    },
    /// Act as a solver of kurobako, a benchmark for optimizers
    Kurobako {
        /// Search algorithm that proposes points
        #[arg(long, value_enum, default_value_t = Strategy::Bayes)]
        search: Strategy,
    },
    /// Write a search space for your data, with comments, to change
    Init(InitArgs),
    /// List the built-in search spaces, or show one
    Spaces {
        /// What is done; if left out, the spaces are listed
        #[command(subcommand)]
        command: Option<SpacesCommand>,
    },
    /// List the built-in chips, show one, or compare several
    Chips {
        /// What is done; if left out, the chips are listed
        #[command(subcommand)]
        command: Option<ChipsCommand>,
    },
    /// List the known data sets, or download one
    Data {
        /// What is done; if left out, the data sets are listed
        #[command(subcommand)]
        command: Option<DataCommand>,
    },
    /// Show how far a study is: trials, workers, speed, failures
    Status(StatusArgs),
    /// Show the best trials of a study, and which parameters matter
    Show(ShowArgs),
    /// Write a report of a study as a page of HTML, Markdown or JSON
    ///
    /// Two studies are shown side by side.
    Report(ReportArgs),
    /// Pick another winner from the front of a study that has ended
    Pick(PickArgs),
    /// Predict the classes of new samples with a trained network
    Predict(PredictArgs),
    /// List the studies of a storage: trials, best value, state
    #[command(visible_alias = "studies")]
    List(ListArgs),
    /// Delete a study with all its trials
    Delete(DeleteArgs),
    /// Add a point that a study tries next
    ///
    /// Prints the number of its trial.
    Enqueue(EnqueueArgs),
    /// Compare the winners of two studies, with a 95 % interval
    Compare(CompareArgs),
    /// Check that a winner is no worse than a recorded baseline
    Check(Box<CheckArgs>),
    /// Score a trained network on a chip
    Eval(EvalArgs),
    /// Train the winner of a study again, and compare every bit
    Rerun(RerunArgs),
    /// Write a study or a trained network for other programs
    #[command(subcommand)]
    Export(ExportCommand),
    /// Show the layers of a network
    #[command(subcommand)]
    Net(NetCommand),
    /// Print completions of commands and options for a shell
    Completions {
        /// Shell for which they are
        shell: clap_complete::Shell,
    },
    /// Write a man page of every command into a folder
    Man {
        /// Folder for the pages; it is made if it is missing
        #[arg(value_name = "FOLDER")]
        folder: std::path::PathBuf,
    },
    /// Print the JSON Schema of a kind of file or message
    Schema {
        /// Kind of file or message
        kind: SchemaKind,
    },
}
