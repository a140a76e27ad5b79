//! What is typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use super::commands::ask::{AskArgs, TellArgs};
use super::commands::db::DbCommand;
use super::commands::launch::LaunchCommand;
use super::commands::run::ExternalArgs;
use super::commands::status::StatusArgs;
use super::commands::worker::WorkerArgs;
use super::options::fidelity::PausingArgs;
use super::options::reference::ReferenceArgs;
use crate::backend::{Fault, UnknownFault};
use crate::data::{DataError, InputCoding, LabelColumn, Sources};
use crate::objective::Goal;
use crate::search::{Fidelity, Strategy};
use crate::storage::Location;
use crate::tuner::{Confirm, Heartbeat, Settings, StopRule};
use crate::units::{Bytes, Seconds};

/// Finds the best hyperparameters of a binary-communication network for a data set and a spiking chip.
///
/// Trains networks whose hidden activations are 0 or 1, deploys each on a simulated chip, searches with a
/// Gaussian process, and writes the best hyperparameters to JSON. A study that was interrupted goes on when
/// the same command runs again.
#[derive(Debug, Parser)]
#[command(
    name = "tune",
    version,
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    after_help = "\
Exit codes: 0 done, 1 the run failed, 2 wrong usage or input, 3 done but below --fail-under,
4 no trial came to a value, 5 the storage cannot be reached, 130 interrupted after saving."
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub run: RunArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a study whose trials a command of yours evaluates
    Run(ExternalArgs),
    /// Evaluate trials of a study beside any number of other workers, on this or other machines
    Worker(WorkerArgs),
    /// Start workers under the scheduler of a cluster
    #[command(subcommand)]
    Launch(LaunchCommand),
    /// Start and stop a private PostgreSQL server
    #[command(subcommand)]
    Db(DbCommand),
    /// Evaluate one trial for a worker
    #[command(hide = true)]
    Trial,
    /// Start the next trial of a study whose trials a script evaluates; prints its point as JSON
    Ask(AskArgs),
    /// Store what a trial came to that a script has evaluated
    Tell(TellArgs),
    /// Answer another program that asks for points and tells results, line by line; nothing is stored
    Serve {
        /// Over standard input and output, one JSON object a line
        #[arg(long, required = true)]
        stdio: bool,
    },
    /// Answer kurobako, the program that benchmarks optimizers: kurobako solver command tune kurobako
    Kurobako {
        /// What proposes points
        #[arg(long, value_enum, default_value_t = Strategy::Bayes)]
        search: Strategy,
    },
    /// List and download data sets
    #[command(subcommand)]
    Data(DataCommand),
    /// Show how a study stands: trials by state, workers, speed, failures
    Status(StatusArgs),
    /// Show a study: how many trials came to what, and the best of them
    Show(ShowArgs),
    /// Score a trained network on a chip
    Eval(EvalArgs),
    /// Write a study or a trained network for other programs
    #[command(subcommand)]
    Export(ExportCommand),
    /// Describe networks
    #[command(subcommand)]
    Net(NetCommand),
    /// Print the JSON Schema of a kind of file
    Schema {
        /// Which
        kind: SchemaKind,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum DataCommand {
    /// List the catalogue
    List,
    /// Download a data set into the cache and verify it
    Fetch {
        /// Its name in the catalogue
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum NetCommand {
    /// Print a plan's layers with their shapes, parameters and operations
    Describe {
        /// The plan, as JSON: input, hidden layers, head
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The study; the only one of the storage if left out
    #[arg(long)]
    pub study: Option<String>,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// How many trials to show
    #[arg(long, default_value_t = 10)]
    pub top: usize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum SchemaKind {
    /// A search space
    Space,
    /// A chip profile
    Chip,
    /// best.json
    Best,
    /// One line of --json
    Event,
    /// One line between tune run and its command
    Command,
    /// One line of tune serve
    Serve,
    /// What `tune eval --json` prints
    Eval,
    /// One line of `tune export jsonl`
    Trial,
}

#[derive(Debug, Args)]
pub(super) struct StorageArgs {
    /// The database of studies, which Optuna's tools open as well: a file of SQLite on this machine, or
    /// postgresql://USER@HOST/DATABASE for workers on many; its password is kept in ~/.pgpass, the file that
    /// PGPASSFILE names, or PGPASSWORD; ?sslmode=verify-full has the server prove who it is
    #[arg(long, value_name = "FILE|URL", env = "TUNE_STORAGE", default_value = "tune.db")]
    pub storage: Location,
}

/// Where data sets are looked for.
#[derive(Clone, Debug, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceArgs {
    /// Folder of data sets, looked at first
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Fail rather than download a data set
    #[arg(long)]
    pub offline: bool,
}

impl SourceArgs {
    /// The places that these name.
    pub fn sources(&self) -> Result<Sources, DataError> {
        let sources = Sources::new(self.data_dir.as_deref())?;
        Ok(if self.offline { sources.offline() } else { sources })
    }
}

/// What to learn from, or to be scored on.
#[derive(Debug, Args)]
pub(super) struct DataArgs {
    /// A name of `tune data list`, or a CSV or NPZ file
    #[arg(long, value_name = "NAME|FILE", required = true)]
    pub dataset: Option<String>,
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Label column of a CSV file, by name or by number from 0; the last if left out
    #[arg(long, value_name = "COLUMN")]
    pub label: Option<LabelColumn>,
}

#[derive(Debug, Args)]
pub(super) struct EvalArgs {
    /// The network: a .safetensors that tune saved, or a NIR file of any program
    pub model: PathBuf,
    #[command(flatten)]
    pub data: DataArgs,
    /// Which part of the data set
    #[arg(long, value_enum, default_value_t = PartKind::Test)]
    pub part: PartKind,
    /// Chip to deploy on: loihi1, truenorth and others of configs/chips, ideal (no limits, exact weights, graded input), or a JSON file
    #[arg(long, value_name = "NAME|FILE", default_value = "ideal")]
    pub chip: String,
    /// How inputs are coded: graded, threshold:X, thermometer:L; what the file says, if left out
    #[arg(long, value_name = "CODING")]
    pub input_coding: Option<InputCoding>,
    /// Bits of a deployed weight; those that it was trained for, or the chip's, if left out
    #[arg(long, value_name = "N")]
    pub weight_bits: Option<u8>,
    /// Score on faulty chips too: all, or some of stuck-at-zero, stuck-at-max, bit-flip, weight-variation,
    /// dead-neuron, saturated-neuron, threshold-shift, dropped-spike, masked-core
    #[arg(long, value_name = "FAULT,...", value_delimiter = ',', value_parser = faults)]
    pub faults: Vec<FaultChoice>,
    /// What each fault is tried at: the share that is broken, or the standard deviation of a variation or shift
    #[arg(long, value_name = "RATE,...", value_delimiter = ',', default_values_t = [0.001, 0.01, 0.05, 0.1])]
    pub fault_rates: Vec<f64>,
    /// Chips of each fault and rate, each broken in other places
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub fault_maps: u32,
    /// Root of where chips break
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Exit with 3 if the accuracy is below this
    #[arg(long, value_name = "ACCURACY", value_parser = share_or_one)]
    pub fail_under: Option<f64>,
    /// Threads to run on; does not change the result; all cores if left out
    #[arg(long, value_name = "N", env = "TUNE_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum PartKind {
    /// What networks are tested on
    Test,
    /// What networks are trained on
    Train,
}

#[derive(Debug, Subcommand)]
pub(super) enum ExportCommand {
    /// The trials as a table of comma-separated values, which --warm-start reads
    Csv(TrialsArgs),
    /// The trials, one JSON object a line
    Jsonl(TrialsArgs),
    /// The study as a journal file of Optuna
    OptunaJournal(TrialsArgs),
    /// A trained network in the neuromorphic intermediate representation, as the Python package `nir` reads it
    Nir(NirArgs),
}

#[derive(Debug, Args)]
pub(super) struct TrialsArgs {
    /// The study; the only one of the storage if left out
    #[arg(long, value_name = "NAME")]
    pub study: Option<String>,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Where it goes; to standard output if left out
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct NirArgs {
    /// The network: a .safetensors that tune saved
    pub model: PathBuf,
    /// Where it goes
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
    /// Chip whose integers are written; on `ideal` they are exact
    #[arg(long, value_name = "NAME|FILE", default_value = "ideal")]
    pub chip: String,
    /// Bits of a weight; those that it was trained for, or the chip's, if left out
    #[arg(long, value_name = "N")]
    pub weight_bits: Option<u8>,
    /// What neurons are called
    #[arg(long, value_enum, default_value_t = FlavourKind::Threshold)]
    pub flavour: FlavourKind,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum FlavourKind {
    /// What they are
    Threshold,
    /// Integrate and fire: the same spikes in one step from rest, and more programs read it
    If,
}

/// How a study goes on, whatever it is of.
#[derive(Debug, Args)]
pub(super) struct StudyArgs {
    /// Trials in all, those of earlier runs of the study included
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub budget: u32,
    /// What proposes points
    #[arg(long, value_enum, default_value_t = Strategy::Bayes)]
    pub search: Strategy,
    /// End before the budget is spent when RULE holds (may be given several times): target=VALUE, the first
    /// metric reaches it; stagnation=N, no improvement in N trials; improvement=TOLERANCE, the model of bayes
    /// expects less than that, in standard deviations of the losses; time=30m, trials have run that long
    #[arg(long, value_name = "RULE")]
    pub stop_when: Vec<StopRule>,
    #[command(flatten)]
    pub reference: ReferenceArgs,
    /// Root of all randomness: the same seed, the same result, with one worker or with --deterministic
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Results that the search knows before the first trial: a table, FILE.csv, with a column for every parameter and
    /// metric, or another study of the database. Their best point is tried after the starting points
    #[arg(long, value_name = "FILE.csv|STUDY")]
    pub warm_start: Option<String>,
    /// Seeds that every trial is evaluated from: its value is their mean, for a noisy objective
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub replicates: u32,
    /// Fresh seeds for each of the best that --confirm takes
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeats: u32,
    /// Where the result goes; a network's weights go beside it as .safetensors
    #[arg(long, value_name = "FILE", default_value = "best.json")]
    pub out: PathBuf,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Name of the study; of what it is of, search and seed if left out
    #[arg(long, value_name = "NAME")]
    pub study: Option<String>,
    /// Drop an older study of this name and begin anew
    #[arg(long)]
    pub fresh: bool,
    /// Trials at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: u16,
    /// Make the study and end: tune worker joins it from any number of machines. The same command without this
    /// option goes on with it, waits for them, and confirms the winner
    #[arg(long)]
    pub prepare: bool,
    /// With N workers too, the same seed gives the same study: suggestion k waits for the results of the trials
    /// up to number k - N, and knows no others
    #[arg(long)]
    pub deterministic: bool,
    #[command(flatten)]
    pub heartbeat: HeartbeatArgs,
    /// Stream events as JSON lines on standard output
    #[arg(long, conflicts_with = "quiet")]
    pub json: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub data: DataArgs,
    /// Search space: images, small-images, tables, whetstone, or a JSON file; what fits the data set if left out
    #[arg(long, value_name = "NAME|FILE")]
    pub space: Option<String>,
    /// Chip to deploy on: loihi1, truenorth and others of configs/chips, ideal (no limits, exact weights, graded input), or a JSON file
    #[arg(long, value_name = "NAME|FILE", default_value = "ideal")]
    pub chip: String,
    #[command(flatten)]
    pub study: StudyArgs,
    /// What trials are measured by (several times for several; the first must be accuracy or robustness and decides
    /// the winner): accuracy, robustness, and of one inference on the chip, modelled where it is no count, energy,
    /// latency, throughput, energy-delay-product, area, cores, synaptic-operations, spikes
    #[arg(long, value_name = "NAME", default_value = "accuracy")]
    pub metric: Vec<Goal>,
    /// Faulty chips of robustness, as in tune eval
    #[arg(long, value_name = "FAULT,...", value_delimiter = ',', value_parser = faults,
        default_value = "stuck-at-zero,dead-neuron,dropped-spike")]
    pub faults: Vec<FaultChoice>,
    /// What each fault of robustness is tried at
    #[arg(long, value_name = "RATE,...", value_delimiter = ',', default_values_t = [0.05])]
    pub fault_rates: Vec<f64>,
    /// Chips of each fault and rate of robustness
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub fault_maps: u32,
    #[command(flatten)]
    pub pausing: PausingArgs,
    /// Train this many of the best again with fresh seeds; the best mean wins; 0: no
    #[arg(long, value_name = "K", default_value_t = 3)]
    pub confirm: u32,
    /// Share of the training set held out to score trials
    #[arg(long, value_name = "SHARE", default_value_t = 0.2, value_parser = share)]
    pub validation: f64,
    /// Exit with 3 if the winner's mean on the test set is below this accuracy
    #[arg(long, value_name = "ACCURACY", value_parser = share_or_one)]
    pub fail_under: Option<f64>,
    /// Threads to train with, shared out among the workers; does not change a trial's result; all cores if
    /// left out
    #[arg(long, value_name = "N", env = "TUNE_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// The most memory that one trial may take, such as 8G (K, M, G, T: powers of 1024); a trial that would
    /// take more fails before it begins; if left out, the memory available on the machine at the start, shared
    /// out among the workers, where the system tells it
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Bytes>,
}

/// How workers show that they are alive.
#[derive(Debug, Args)]
pub(super) struct HeartbeatArgs {
    /// How often a running trial gives a sign of life
    #[arg(long, value_name = "DURATION", default_value = "30s", hide_short_help = true)]
    pub heartbeat: Seconds,
    /// How long after the last sign of life a trial is taken from its worker and tried again; the same for all
    /// workers of a study, several times --heartbeat
    #[arg(long, value_name = "DURATION", default_value = "120s", hide_short_help = true)]
    pub timeout: Seconds,
}

impl HeartbeatArgs {
    /// As the tuner takes it.
    pub fn heartbeat(&self) -> anyhow::Result<Heartbeat> {
        let (Seconds(interval), Seconds(timeout)) = (self.heartbeat, self.timeout);
        // SQLite keeps the time of a heartbeat to the second.
        if timeout < 2.0 * interval || timeout < 2.0 {
            anyhow::bail!(
                "--grace {timeout}s: must be at least 2s and twice --heartbeat, which is {interval}s"
            );
        }
        Ok(Heartbeat {
            interval: Duration::from_secs_f64(interval),
            timeout: Duration::from_secs_f64(timeout),
        })
    }
}

impl FaultChoice {
    /// The faults that are chosen by any of `choices`.
    pub fn chosen(choices: &[Self]) -> Vec<Fault> {
        let is_chosen = |fault: &Fault| {
            choices.iter().any(|choice| match choice {
                Self::All => true,
                Self::One(one) => one == fault,
            })
        };
        Fault::ALL.into_iter().filter(is_chosen).collect()
    }
}

impl StudyArgs {
    /// How far to go, with the best `confirm` trials confirmed.
    pub fn settings(&self, confirm: u32, model: Option<PathBuf>) -> anyhow::Result<Settings> {
        Ok(Settings {
            budget: self.budget,
            seed: self.seed,
            workers: usize::from(self.workers),
            deterministic: self.deterministic,
            replicates: self.replicates,
            pausing: None,
            stop_when: self.stop_when.clone(),
            heartbeat: self.heartbeat.heartbeat()?,
            confirm: Confirm { candidates: confirm, repeats: self.repeats },
            model,
        })
    }

    /// The number of workers where the study's results depend on it alone.
    pub fn deterministic_workers(&self) -> Option<u16> {
        Some(self.workers).filter(|&workers| self.deterministic && workers > 1)
    }

    /// The seeds of a trial where there are several.
    pub fn several_replicates(&self) -> Option<u32> {
        Some(self.replicates).filter(|&replicates| replicates > 1)
    }

    /// The command line that makes the same result again: `tune`, the words and options of the study's `kind`,
    /// then all of these that shape it.
    pub fn command(&self, kind: Vec<String>) -> String {
        let mut words = vec!["tune".to_owned()];
        words.extend(kind);
        let mut option = |name: &str, value: String| words.extend([format!("--{name}"), value]);
        option("budget", self.budget.to_string());
        option("search", self.search.name().to_owned());
        for rule in &self.stop_when {
            option("stop-when", rule.to_string());
        }
        if let Some(values) = self.reference.text() {
            option("reference", values);
        }
        option("seed", self.seed.to_string());
        if let Some(source) = &self.warm_start {
            option("warm-start", source.clone());
        }
        if self.replicates > 1 {
            option("replicates", self.replicates.to_string());
        }
        option("repeats", self.repeats.to_string());
        if self.workers > 1 {
            option("workers", self.workers.to_string());
        }
        option("out", self.out.display().to_string());
        if self.deterministic {
            words.push("--deterministic".to_owned());
        }
        // Nothing that was typed holds the one character that cannot be quoted.
        shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
    }
}

impl ValueEnum for Strategy {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Strategy::Bayes => {
                "Gaussian process: log expected improvement, of several metrics that of their hypervolume"
            }
            Strategy::Tpe => "Tree-structured Parzen estimator",
            Strategy::Nsga2 => "Evolution towards the Pareto front of all metrics",
            Strategy::Sobol => "Scrambled Sobol sequence",
            Strategy::Random => "Uniform",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

impl ValueEnum for Fidelity {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Fidelity::Off => "Every trial is trained to its end",
            Fidelity::Asha => "Asynchronous successive halving",
            Fidelity::Bayes => "Whichever promises the largest gain for its effort, by the Gaussian process",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

/// All faults, or one.
#[derive(Clone, Copy, Debug)]
pub(super) enum FaultChoice {
    All,
    One(Fault),
}

fn faults(text: &str) -> Result<FaultChoice, UnknownFault> {
    match text {
        "all" => Ok(FaultChoice::All),
        one => one.parse().map(FaultChoice::One),
    }
}

fn share(text: &str) -> Result<f64, String> {
    number_in(text, "between 0 and 1", |x| x > 0.0 && x < 1.0)
}

fn share_or_one(text: &str) -> Result<f64, String> {
    number_in(text, "from 0 to 1", |x| (0.0..=1.0).contains(&x))
}

fn number_in(text: &str, rule: &str, is_in: impl Fn(f64) -> bool) -> Result<f64, String> {
    text.parse().ok().filter(|&x| is_in(x)).ok_or_else(|| format!("must be a number {rule}"))
}
