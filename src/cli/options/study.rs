//! Options of every study, for networks and for commands alike.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::confirm::Confirmed;
use super::fidelity::{FidelityArgs, check_search};
use super::heartbeat::HeartbeatArgs;
use super::metric::check_metrics;
use super::process::DisplayArgs;
use super::process::ThreadsArgs;
use super::reference::ReferenceArgs;
use super::search::FixArgs;
use super::storage::StorageArgs;
use crate::search::Strategy;
use crate::space::Space;
use crate::study::{Metric, Pick, Searched};
use crate::tuner::{Settings, StopRule};

#[derive(Debug, Args)]
pub(crate) struct StudyArgs {
    /// Number of trials in all
    ///
    /// Those of earlier runs of the study are included.
    ///
    /// A trial evaluates one point: one value for each hyperparameter.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub budget: u32,
    /// Search algorithm that proposes the next trial
    #[arg(long, value_enum, default_value_t = Strategy::Bayes)]
    pub search: Strategy,
    /// Last N trials, which keep the best lists of layers
    ///
    /// They keep the lists of the best trials, such as their layers, and search all else.
    ///
    /// Needs a space with lists. The Gaussian process chooses among points with the lists of the three best topologies.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub refine: u32,
    /// End the study early; may be given several times
    ///
    /// A rule such as target=0.98, stagnation=30 or time=2h.
    ///
    /// target=0.98: a trial reaches 0.98 in the first metric.
    ///
    /// stagnation=30: 30 trials in a row bring no improvement.
    ///
    /// improvement=0.01: the search expects an improvement below 0.01 from the next trial, in
    /// standard deviations of the results so far. This rule needs --search bayes.
    ///
    /// time=30m: by the durations so far, another trial and the confirmation after it would end later
    /// than 30 minutes after the start. Trials at the same time count once, interruptions do not count.
    #[arg(long, value_name = "RULE")]
    pub stop_when: Vec<StopRule>,
    /// End the study if the first N trials fail
    ///
    /// N trials have failed before any has succeeded. 0 for never.
    ///
    /// This ends a study early whose data, chip or command does not work at all.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub max_failures: u32,
    #[command(flatten)]
    pub fix: FixArgs,
    #[command(flatten)]
    pub reference: ReferenceArgs,
    /// Seed of all random numbers
    ///
    /// The same seed gives the same study, bit for bit. With several workers, that needs
    /// --deterministic.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Earlier results that the search learns from
    ///
    /// A CSV table, a file of JSON lines, or a study in the same database.
    ///
    /// The table has one column per parameter and per metric. `tune export csv` and `tune export
    /// jsonl` write such files. The results do not count as trials. Their best point is tried
    /// early, right after the starting points of the space file.
    #[arg(long, value_name = "FILE.csv|FILE.jsonl|STUDY")]
    pub warm_start: Option<String>,
    /// Number of seeds per trial
    ///
    /// The value of a trial is the mean over its seeds.
    ///
    /// More seeds give less noise, and a trial takes longer by this factor.
    #[arg(long, alias = "replicates", value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub seeds_per_trial: u32,
    /// Rule that chooses the winner of several metrics
    ///
    /// knee, a trial's number, or METRIC within VALUE.
    ///
    /// VALUE is in the unit of the first metric: 0.005 is half a point of accuracy.
    ///
    /// "energy within 0.005" and knee choose from the Pareto front: the trials that no other
    /// dominates. "energy within 0.005" is the trial with the best energy whose first metric is at
    /// most 0.005 worse than the best. knee is a compromise: the trial where the front bends most,
    /// farthest from the line through the front's ends. A number names any trial that has a value
    /// and keeps all constraints. If left out, the best trial in the first metric wins.
    #[arg(long, value_name = "RULE")]
    pub pick: Option<Pick>,
    /// Number of fresh seeds of each confirmed trial
    ///
    /// See --confirm.
    #[arg(long, alias = "repeats", value_name = "N", default_value_t = 3,
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub confirm_seeds: u32,
    /// File for the best hyperparameters, as JSON
    ///
    /// A network's weights go beside it as .safetensors.
    #[arg(short, long, value_name = "FILE", default_value = "best.json")]
    pub out: PathBuf,
    /// JSON file with options of the study
    ///
    /// Its keys are names of options without the dashes, such as "budget". Options on the command
    /// line win. Paths in it are relative to the current folder. `tune schema config` describes it.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Name of the study
    ///
    /// If left out, made of the main options, such as digits-small-images-ideal-bayes-0.
    ///
    /// If the database has a study of this name, that study is resumed. Its setup (such as data
    /// set, space, chip, search and seed) must be the same.
    #[arg(long, value_name = "NAME")]
    pub study: Option<String>,
    /// Delete the study of this name first
    ///
    /// The study then begins again.
    #[arg(long)]
    pub fresh: bool,
    /// Repeat the failed trials of earlier runs
    ///
    /// For instance after a mistake in the data or the command was mended.
    ///
    /// Each gets a new number. The failed trial no longer counts for the budget and the search.
    #[arg(long, conflicts_with = "fresh")]
    pub retry_failed: bool,
    /// Number of trials that run at the same time in this process
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: u16,
    /// Create the study and end, for workers to join it
    ///
    /// `tune worker` can then join it from any machine.
    ///
    /// The same command without --prepare then goes on with the study, waits for its workers, and
    /// confirms the winner.
    #[arg(long)]
    pub prepare: bool,
    /// Make a study with several workers reproducible
    ///
    /// This costs some speed.
    ///
    /// With N workers, the proposal for trial k uses the results of trials up to k - N and no
    /// others. So it may have to wait for a slow trial.
    #[arg(long)]
    pub deterministic: bool,
    #[command(flatten)]
    pub fidelity: FidelityArgs,
    #[command(flatten)]
    pub threads: ThreadsArgs,
    #[command(flatten)]
    pub heartbeat: HeartbeatArgs,
    #[command(flatten)]
    pub display: DisplayArgs,
}

impl StudyArgs {
    /// Refuses options that contradict each other, in a study of `metrics`.
    ///
    /// # Errors
    /// The message names the option, its value, the rule and the way out.
    pub fn check(&self, metrics: &[Metric]) -> Result<()> {
        self.check_rules()?;
        check_metrics(metrics)?;
        self.reference.check(metrics, self.search)?;
        if let Some(pick) = &self.pick {
            let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
            pick.check(&names).with_context(|| format!("--pick {pick}"))?;
            if metrics.len() < 2 && !matches!(pick, Pick::Trial(_)) {
                bail!(
                    "--pick {pick}: the study has one metric, so there is no front to pick from: leave it out"
                );
            }
            if matches!(pick, Pick::Trial(number) if *number >= self.budget) {
                bail!("--pick {pick}: the trials of --budget {0} are 0 to {1}", self.budget, self.budget - 1);
            }
        }
        self.check_fidelity()
    }

    /// Checks `--refine`: `space` must have a list, such as layers, which the last trials keep, and
    /// the number of these trials must be below `--budget`.
    ///
    /// # Errors
    /// One of the two does not hold. The message names the option, its value, the rule and the way
    /// out.
    pub fn check_refine(&self, space: &Space) -> Result<()> {
        let (refine, budget) = (self.refine, self.budget);
        if refine > 0 && space.lists().is_empty() {
            let name = space.name();
            bail!(
                "--refine {refine}: space {name} has no list to keep: use a space with lists, such as topologies"
            );
        }
        if refine >= budget {
            bail!("--refine {refine}: must be below --budget {budget}, the number of all trials");
        }
        Ok(())
    }

    /// Refuses a rule that the search can never fulfil.
    fn check_rules(&self) -> Result<()> {
        let needs_model = self.stop_when.iter().find(|rule| matches!(rule, StopRule::Improvement(_)));
        match needs_model {
            Some(rule) if self.search != Strategy::Bayes => {
                let search = self.search.name();
                bail!(
                    "--stop-when {rule}: --search {search} has no model that expects an improvement: use bayes"
                )
            }
            _ => Ok(()),
        }
    }

    /// Refuses trials that pause if a trial has several seeds, or if the order of results is fixed
    /// for several workers. Also refuses freeze-thaw with a search that has no model.
    fn check_fidelity(&self) -> Result<()> {
        let fidelity = self.fidelity.fidelity.name();
        if self.fidelity.is_on() && self.deterministic_workers().is_some() {
            bail!(
                "--fidelity {fidelity}: with --deterministic it takes one worker: leave one of the two out"
            );
        }
        if self.fidelity.is_on() && self.seeds_per_trial > 1 {
            bail!(
                "--fidelity {fidelity}: with --seeds-per-trial (--replicates) a trial has several trainings and cannot \
                 pause: leave one of the two out"
            );
        }
        check_search(self.fidelity.fidelity, self.search, "--")?;
        Ok(())
    }

    /// The tuner's settings, with the trials of `confirm` confirmed; checkpoints and the model's file are set later.
    ///
    /// # Errors
    /// The heartbeat's options contradict each other.
    pub fn settings(&self, confirm: Confirmed) -> Result<Settings> {
        Ok(Settings {
            budget: self.budget,
            seed: self.seed,
            workers: usize::from(self.workers),
            deterministic: self.deterministic,
            replicates: self.seeds_per_trial,
            pausing: None,
            stop_when: self.stop_when.clone(),
            max_failures: self.max_failures,
            heartbeat: self.heartbeat.heartbeat()?,
            confirm: confirm.setting(self.confirm_seeds),
            pick: self.pick.clone(),
            model: None,
            keep_disk: None,
        })
    }

    /// The part of a study's setup that says what is searched and how. `space_sha256` is the
    /// checksum of `space`.
    pub fn searched(&self, space: &Space, space_sha256: String) -> Searched {
        let searched = Searched::new(space.name(), space_sha256, self.search.name(), self.seed);
        Searched {
            fidelity: self.fidelity.name(),
            replicates: Some(self.seeds_per_trial).filter(|&seeds| seeds > 1),
            reference: self.reference.values(),
            deterministic_workers: self.deterministic_workers(),
            ..searched
        }
    }

    /// The number of workers, if results depend on it: with `--deterministic` and at least two.
    fn deterministic_workers(&self) -> Option<u16> {
        Some(self.workers).filter(|&workers| self.deterministic && workers > 1)
    }
}
