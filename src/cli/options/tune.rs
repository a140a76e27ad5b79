//! Options of `tune` itself: a study of networks on a data set and a chip.

use std::path::PathBuf;

use clap::Args;

use super::confirm::Confirmed;
use super::data::{DataArgs, Validation};
use super::faults::{FaultChoice, fault};
use super::numbers::share;
use super::study::StudyArgs;
use crate::objective::{Constraint, Goal};
use crate::units::Bytes;

#[derive(Debug, Args)]
pub(crate) struct TuneArgs {
    #[command(flatten)]
    pub data: DataArgs,
    /// Search space: a name, or a JSON file
    ///
    /// The names are images, small-images, tables, uneven-tables, topologies and whetstone; `tune spaces list`
    /// says what each is for. `tune init` writes a file for your data.
    ///
    /// The space lists the hyperparameters and their ranges. If left out, the shape of the data
    /// decides between images, small-images and tables.
    #[arg(long, value_name = "NAME|FILE")]
    pub space: Option<String>,
    /// Chip to deploy on: a name, or a JSON file
    ///
    /// A name such as loihi1 or truenorth; `tune chips list` lists all.
    ///
    /// The ideal chip has no limits, exact weights and graded (grey-scale) input.
    #[arg(long, value_name = "NAME|FILE", default_value = "ideal")]
    pub chip: String,
    #[command(flatten)]
    pub study: StudyArgs,
    /// What is optimized; may be given several times
    ///
    /// The first metric is accuracy, balanced-accuracy, f1, or robustness, the accuracy on faulty
    /// chips. It decides the winner, unless --pick does. The other metrics describe the network on the chip. For one
    /// inference: energy, latency, throughput, energy-delay-product, synaptic-operations, spikes.
    /// For the whole network: area, cores, parameters.
    #[arg(long, value_name = "NAME", default_value = "accuracy")]
    pub metric: Vec<Goal>,
    /// Bound of a metric, such as cores<=128
    ///
    /// Or accuracy>=0.97, or latency<=0.002: in joules, seconds, inferences per second and mm2. May be given
    /// several times.
    ///
    /// A network beyond a bound of cores or parameters is not trained. A network beyond any other
    /// bound cannot win.
    #[arg(long, value_name = "METRIC<=VALUE")]
    pub constraint: Vec<Constraint>,
    /// Kinds of chip faults for the metric robustness
    ///
    /// Separated by commas; `tune eval --help` lists them.
    #[arg(long, value_name = "FAULT,...", value_delimiter = ',', value_parser = fault,
        default_value = "stuck-at-zero,dead-neuron,dropped-spike")]
    pub faults: Vec<FaultChoice>,
    /// Rates of each fault, for the metric robustness
    ///
    /// For most faults the rate is the share of broken parts. For weight-variation and
    /// threshold-shift it is the standard deviation.
    #[arg(long, value_name = "RATE,...", value_delimiter = ',', default_values_t = [0.05])]
    pub fault_rates: Vec<f64>,
    /// Simulated faulty chips, for the metric robustness
    ///
    /// Their number for each fault and rate.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub fault_maps: u32,
    /// Best trials to train again: a number, or front
    ///
    /// They are trained with fresh seeds. 0 for none. 3, or front with several metrics, if left out.
    ///
    /// The best mean over the seeds wins, or the trial that --pick names. front trains the Pareto front (every
    /// trial that no other dominates), tests it, and saves its networks in a folder beside --out that ends in .front.
    #[arg(long, value_name = "K|front")]
    pub confirm: Option<Confirmed>,
    /// Compare the winner with that of another best.json
    ///
    /// By energy, latency, throughput and accuracy.
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,
    /// Share that trials are scored on, or a CSV file
    ///
    /// A share of the training set that is held out, or a CSV file with the columns of the data
    /// set.
    ///
    /// A share has no effect if the data set has a validation part, or with --folds above 1.
    #[arg(long, value_name = "SHARE|FILE", default_value_t)]
    pub validation: Validation,
    /// Number of parts of a cross-validation of trials
    ///
    /// Each part is scored by a network that did not train on it. 1 to hold out one part instead.
    ///
    /// If left out: 5 where --validation would hold out fewer than 100 samples of at least 5, else 1. The saved
    /// network trains on all training samples. A trial takes about K times as long.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub folds: Option<u32>,
    /// Exit with code 3 if the test accuracy is below this
    ///
    /// The winner's mean accuracy on the test set, from 0 to 1.
    #[arg(long, value_name = "ACCURACY", value_parser = share)]
    pub fail_under: Option<f64>,
    /// Most disk for saved networks, such as 2G
    ///
    /// K, M, G and T are powers of 1024. With a confirmed front every network of it is saved. Those of
    /// the worst trials are dropped beyond the limit; the winner's is always kept.
    #[arg(long, value_name = "SIZE")]
    pub keep_disk: Option<Bytes>,
    /// Memory limit of one trial, such as 8G
    ///
    /// K, M, G and T are powers of 1024.
    ///
    /// A point that needs more is not proposed, as long as others fit. If left out, the memory available at the
    /// start is shared equally among the workers, where the system tells it.
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Bytes>,
}

impl TuneArgs {
    /// The trials that are confirmed: as the options say, or what is usual for their metrics.
    pub fn confirmed(&self) -> Confirmed {
        self.confirm.unwrap_or(Confirmed::usual(self.metric.len()))
    }
}
