//! Options of `tune` itself: a study of networks on a data set and a chip.

use clap::Args;

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
    /// Search space: images, small-images, tables, topologies, whetstone, or a JSON file; chosen by the data set if left out
    #[arg(long, value_name = "NAME|FILE")]
    pub space: Option<String>,
    /// Chip to deploy on: a name such as loihi1 or truenorth (see configs/chips), ideal, or a JSON file
    ///
    /// ideal has no limits, exact weights and graded input.
    #[arg(long, value_name = "NAME|FILE", default_value = "ideal")]
    pub chip: String,
    #[command(flatten)]
    pub study: StudyArgs,
    /// What is optimized; may be given several times for several objectives
    ///
    /// The first metric decides the winner and is accuracy, balanced-accuracy, f1 or robustness. Others are modelled or
    /// counted for one inference on the chip: energy, latency, throughput, energy-delay-product, area, cores,
    /// parameters, synaptic-operations, spikes.
    #[arg(long, value_name = "NAME", default_value = "accuracy")]
    pub metric: Vec<Goal>,
    /// What a metric must be at least or at most: cores<=128, accuracy>=0.97; may be given several times
    ///
    /// Networks that break a constraint of cores or parameters are not trained. A network that breaks another one cannot
    /// win.
    #[arg(long, value_name = "METRIC<=VALUE")]
    pub constraint: Vec<Constraint>,
    /// Faults of the chips on which robustness is measured, as in `tune eval`
    #[arg(long, value_name = "FAULT,...", value_delimiter = ',', value_parser = fault,
        default_value = "stuck-at-zero,dead-neuron,dropped-spike")]
    pub faults: Vec<FaultChoice>,
    /// Rates at which each fault of robustness occurs
    #[arg(long, value_name = "RATE,...", value_delimiter = ',', default_values_t = [0.05])]
    pub fault_rates: Vec<f64>,
    /// Faulty chips per fault and rate of robustness
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub fault_maps: u32,
    /// Number of best trials to train again with new seeds; the best mean wins; 0 for none
    #[arg(long, value_name = "K", default_value_t = 3)]
    pub confirm: u32,
    /// What trials are scored on: a share of the training set that is held out (no effect if the data set has a
    /// validation part), or a CSV file with the columns of the data set
    #[arg(long, value_name = "SHARE|FILE", default_value_t)]
    pub validation: Validation,
    /// Exit with 3 if the winner's mean accuracy on the test set is below this
    #[arg(long, value_name = "ACCURACY", value_parser = share)]
    pub fail_under: Option<f64>,
    /// Memory limit of one trial, such as 8G (K, M, G, T: powers of 1024)
    ///
    /// A trial that needs more fails before it begins. If left out: the memory available at the start, shared equally
    /// among the workers, where the system tells it.
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Bytes>,
}
