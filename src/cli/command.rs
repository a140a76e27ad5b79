//! The program's commands, all in one list.

use clap::{Parser, Subcommand};

use super::commands::ask::{AskArgs, TellArgs};
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

/// Finds the best hyperparameters of a binary-communication (spiking) network for a data set and a
/// spiking chip.
///
/// Each trial takes a point (one value per hyperparameter) and trains a network with it. Hidden
/// neurons of the network send only 0 or 1. The trial is scored by the accuracy on a simulated
/// chip. A Gaussian process, a model of the results so far, proposes the next point. The best
/// hyperparameters are written to a JSON file. The same command resumes an interrupted study.
#[derive(Debug, Parser)]
#[command(
    name = "tune",
    version,
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    after_help = "\
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
    /// Run a study whose trials are evaluated by a command of yours
    Run(RunArgs),
    /// Join a study as a worker: evaluate its trials on this machine, beside workers on this or
    /// other machines
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
    /// Start the next trial of a study whose trials your own script evaluates; prints its point as
    /// JSON
    Ask(AskArgs),
    /// Store the result of a trial that your own script has evaluated
    Tell(TellArgs),
    /// Act as an optimizer for another program: propose points and take results, line by line;
    /// nothing is stored
    Serve {
        /// Talk over standard input and output, with one JSON object per line
        #[arg(long, required = true)]
        stdio: bool,
    },
    /// Act as a solver of kurobako, a benchmark program for optimizers, which starts it by:
    /// kurobako solver command tune kurobako
    Kurobako {
        /// Search algorithm that proposes points (one value for each parameter)
        #[arg(long, value_enum, default_value_t = Strategy::Bayes)]
        search: Strategy,
    },
    /// List the known data sets, or download one
    #[command(subcommand)]
    Data(DataCommand),
    /// Show the state of a study: trials by state, workers, speed, failures
    Status(StatusArgs),
    /// Show the results of a study: its best trials, which parameters matter, the best network
    Show(ShowArgs),
    /// Write a report of one study, or of two side by side, as a page of HTML, as Markdown or as JSON
    Report(ReportArgs),
    /// Pick another winner from the front of a study that has ended
    Pick(PickArgs),
    /// Predict the classes of new samples with a trained network
    Predict(PredictArgs),
    /// List the studies of a storage: trials, best value, state
    List(ListArgs),
    /// Delete a study with all its trials
    Delete(DeleteArgs),
    /// Add a point that a study tries next; prints the number of its trial
    Enqueue(EnqueueArgs),
    /// Compare the winners of two studies, with a 95 % interval of the difference
    Compare(CompareArgs),
    /// Check that the winner of a study has not become worse than a recorded baseline
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
    /// Print the JSON Schema that describes a kind of file or message
    Schema {
        /// Kind of file or message
        kind: SchemaKind,
    },
}
