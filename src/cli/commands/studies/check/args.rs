//! The options of `tune check`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::cli::options::data::SourceArgs;
use crate::cli::options::process::ThreadsArgs;
use crate::cli::options::storage::StorageArgs;
use crate::input;
use crate::output;
use crate::report::{Baseline, FEWEST_SEEDS, Limit, LimitError};
use crate::study::{FIRST_LOOK, Tolerance};

/// The most seeds of a check or a baseline.
const MOST_SEEDS: i64 = 1000;

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Result of a study, a best.json
    ///
    /// If left out, the study that --study names, else the baseline itself.
    ///
    /// Its hyperparameters are trained with fresh seeds and compared with the baseline. Files that its command names
    /// are looked for in this folder.
    #[arg(value_name = "FILE", conflicts_with = "study")]
    pub best: Option<PathBuf>,
    /// Name of a study in --storage whose winner is checked
    #[arg(long, value_name = "NAME")]
    pub study: Option<String>,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// File with the results to compare with
    ///
    /// --record writes it, and a network beside it as .safetensors.
    #[arg(long, value_name = "FILE", default_value = "baseline.json")]
    pub baseline: PathBuf,
    /// Record the baseline
    ///
    /// Trains with --seeds seeds and writes --baseline.
    #[arg(long, conflicts_with = "replay")]
    pub record: bool,
    /// Number of seeds that --record trains with
    #[arg(long, value_name = "N", default_value_t = FEWEST_SEEDS as u32, requires = "record",
        value_parser = clap::value_parser!(u32).range(FEWEST_SEEDS as i64..=MOST_SEEDS))]
    pub seeds: u32,
    /// Train with a seed of the baseline again
    ///
    /// Compares its results bit for bit.
    #[arg(long, value_name = "SEED")]
    pub replay: Option<u64>,
    /// Largest drop that is no regression: 0.5, or 2sd
    ///
    /// 0.5 are points of accuracy, or the metric's own unit with tune run. 2sd are standard
    /// deviations of the baseline's seeds. The drop is that of the first metric.
    #[arg(long, value_name = "DROP", default_value = "2sd", allow_hyphen_values = true,
        conflicts_with_all = ["record", "replay"])]
    pub tolerance: Tolerance,
    /// Most seeds to train with before the check stays undecided
    #[arg(long, value_name = "N", default_value_t = 12, conflicts_with_all = ["record", "replay"],
        value_parser = clap::value_parser!(u32).range(FIRST_LOOK as i64..=MOST_SEEDS))]
    pub max_seeds: u32,
    /// Exit with code 3 also if the check stays undecided
    #[arg(long, conflicts_with_all = ["record", "replay"])]
    pub strict: bool,
    /// Exit with code 3 if a mean is below this, METRIC=VALUE
    ///
    /// The mean of a metric or cost over the new seeds. May be given several times.
    ///
    /// Costs of networks are in joules and seconds: energy, latency, cores, parameters, synaptic-operations, spikes.
    #[arg(long, value_name = "METRIC=VALUE", value_parser = least, conflicts_with_all = ["record", "replay"])]
    pub fail_under: Vec<Limit>,
    /// Exit with code 3 if a mean is above this, METRIC=VALUE
    ///
    /// The mean of a metric or cost over the new seeds. May be given several times.
    #[arg(long, value_name = "METRIC=VALUE", value_parser = most, conflicts_with_all = ["record", "replay"])]
    pub fail_over: Vec<Limit>,
    /// Data set in place of the one that the study names
    ///
    /// Such as its file on this machine.
    #[arg(long, value_name = "NAME|FILE")]
    pub dataset: Option<String>,
    #[command(flatten)]
    pub sources: SourceArgs,
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// Write the result as JUnit XML
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "replay"])]
    pub junit: Option<PathBuf>,
    /// Write the result as OpenMetrics text, with fixed decimals
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "replay"])]
    pub openmetrics: Option<PathBuf>,
    /// Print annotations for GitHub Actions
    ///
    /// Also adds a summary to the file that GITHUB_STEP_SUMMARY names.
    #[arg(long, conflicts_with_all = ["record", "replay"])]
    pub github: bool,
    /// Print the result as one JSON object
    #[arg(long, conflicts_with_all = ["quiet", "record", "replay"])]
    pub json: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

fn least(text: &str) -> Result<Limit, LimitError> {
    Limit::parse(text, false)
}

fn most(text: &str) -> Result<Limit, LimitError> {
    Limit::parse(text, true)
}

impl CheckArgs {
    /// Whether lines for people are shown while seeds are trained.
    pub fn is_for_people(&self) -> bool {
        !self.quiet && !self.json
    }

    /// The file of the baseline's network.
    pub fn model(&self) -> PathBuf {
        self.baseline.with_extension("safetensors")
    }

    /// The bounds that were asked for.
    pub fn limits(&self) -> Vec<Limit> {
        [self.fail_under.clone(), self.fail_over.clone()].concat()
    }

    /// Refuses output files that cannot be written, or that are inputs of the check.
    ///
    /// # Errors
    /// The option, the file and what stands in the way.
    pub fn check_files(&self) -> Result<()> {
        let mut inputs = vec![("FILE", self.best.clone())];
        let mut outputs = vec![("--junit", self.junit.clone()), ("--openmetrics", self.openmetrics.clone())];
        let files = [("--baseline", self.baseline.clone()), ("--baseline", self.model())];
        let own = files.map(|(option, file)| (option, Some(file)));
        inputs.push(("--storage", self.storage.storage.file().map(Path::to_owned)));
        if self.record {
            let network = self.best.as_ref().map(|best| best.with_extension("safetensors"));
            inputs.push(("the winner's network", network));
            if self.baseline == self.model() {
                bail!(
                    "--baseline {}: is the name of the baseline's network: choose one that ends in .json",
                    self.baseline.display()
                );
            }
            outputs.extend(own)
        } else {
            inputs.extend(own)
        }
        for (option, file) in &outputs {
            let Some(file) = file else { continue };
            let shown = || format!("{option} {}", file.display());
            output::check(file).with_context(shown)?;
            let is_input = |(_, input): &&(&str, Option<PathBuf>)| {
                input.as_ref().is_some_and(|input| input.exists() && output::is_same(input, file))
            };
            if let Some((input, _)) = inputs.iter().find(is_input) {
                bail!("{}: is the file of {input}, which would be lost: choose another name", shown());
            }
        }
        match &self.junit {
            Some(junit) if self.openmetrics.as_ref().is_some_and(|other| output::is_same(junit, other)) => {
                bail!("--openmetrics {}: is the file of --junit: choose another name", junit.display())
            }
            _ => Ok(()),
        }
    }

    /// The baseline to compare with; `None` if one is to be recorded.
    ///
    /// # Errors
    /// The file cannot be read, or is no baseline that can be compared with.
    pub fn open_baseline(&self) -> Result<Option<Baseline>> {
        if self.record {
            return Ok(None);
        }
        let name = format!("--baseline {}", self.baseline.display());
        let text = std::fs::read_to_string(&self.baseline)
            .with_context(|| format!("{name}: cannot read it: record it with --record"))?;
        let baseline: Baseline =
            input::from_json(&text, &name).context("must be a file that tune check --record wrote")?;
        baseline.check().with_context(|| name)?;
        Ok(Some(baseline))
    }
}
