//! What is meant: the typed arguments, checked once against each other and the files they name.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::output::Output;
use super::spaces;
use super::{job, machine};
use crate::backend::{Chip, ChipProfile};
use crate::cli::args::{DataArgs, FaultChoice, RunArgs};
use crate::cli::shown::progress::DownloadBar;
use crate::data::{Dataset, Header, LabelColumn, OpenOptions};
use crate::objective::network::classify::Classify;
use crate::objective::{Goal, Goals, Sweep};
use crate::search::Strategy;
use crate::seed::Seed;
use crate::space::Space;
use crate::study::{Job, Metric, Searched, Setup};
use crate::tuner::{Settings, StopRule};
use crate::units::Bytes;

/// A run that can begin.
pub(crate) struct Config {
    /// Where the result goes.
    pub output: Output,
    /// What is optimized.
    pub objective: Classify,
    /// What may vary, on this chip.
    pub space: Space,
    /// What the study is of.
    pub setup: Setup,
    /// What workers must know of it.
    pub job: Job,
    /// The study's name.
    pub study: String,
    /// How far to go.
    pub settings: Settings,
    /// Something that people should know before it begins.
    pub remarks: Vec<String>,
}

impl Config {
    /// Checks `args` and opens what they name, cheap things first.
    pub fn new(args: &RunArgs) -> Result<Self> {
        let output = Output::check(&args.study.out)?;
        check_rules(&args.study.stop_when, args.study.search)?;
        args.pausing.check(&args.study)?;
        let (profile, chip_sha256) = chip(&args.chip)?;
        let goals = goals(args, &profile)?;
        let named_space = args.space.as_deref().map(spaces::open).transpose()?;
        let dataset = dataset(&args.data, !args.study.quiet && !args.study.json)?;
        let mut remarks = Vec::new();
        let space = match named_space {
            Some(space) => space,
            None => spaces::open(spaces::fitting(dataset.shape))?,
        };
        let graded_too = Chip::new(profile.clone()).takes_graded_inputs();
        let searched =
            space.clone().restrict("input_coding", |coding| graded_too || coding.as_str() != Some("graded"));
        if searched != space {
            remarks.push(format!(
                "chip {} takes no graded input: input_coding is not searched there",
                profile.name
            ));
        }
        let setup = Setup {
            dataset: dataset.name.clone(),
            dataset_sha256: dataset.checksum.clone(),
            validation: args.validation,
            chip: profile.name.clone(),
            chip_sha256,
            faults: goals.list.contains(&Goal::Robustness).then(|| goals.sweep.to_string()),
            searched: Searched {
                space: searched.name().to_owned(),
                space_sha256: sha256(format!("{searched:?}").as_bytes()),
                search: args.study.search.name().to_owned(),
                fidelity: args.pausing.name(),
                warm_start_sha256: None,
                replicates: args.study.several_replicates(),
                reference: args.study.reference.values(),
                seed: args.study.seed,
                deterministic_workers: args.study.deterministic_workers(),
            },
        };
        let job = job::of_run(args, &setup, &profile)?;
        let split = Seed::root(args.study.seed).child("split");
        let objective =
            Classify::new(dataset, profile, args.validation, goals, &split)?.with_memory(memory(args));
        let space_file = args.space.as_deref().unwrap_or(searched.name());
        objective.check(&searched).with_context(|| space_file.to_owned())?;
        let pausing = args.pausing.pausing(&args.study.storage.storage)?;
        let settings = Settings { pausing, ..args.study.settings(args.confirm, Some(output.model()))? };
        let study = args.study.study.clone().unwrap_or_else(|| default_name(&setup, &args.metric));
        Ok(Self { output, objective, space: searched, setup, job, study, settings, remarks })
    }
}

/// Refuses a rule that `search` can never fulfil.
pub(crate) fn check_rules(rules: &[StopRule], search: Strategy) -> Result<()> {
    let needs_model = rules.iter().find(|rule| matches!(rule, StopRule::Improvement(_)));
    match needs_model {
        Some(rule) if search != Strategy::Bayes => {
            bail!(
                "--stop-when {rule}: --search {} has no model that expects anything: use bayes",
                search.name()
            )
        }
        _ => Ok(()),
    }
}

/// Refuses no metric, two of one name, and more than `search` learns from.
pub(crate) fn check_metrics(metrics: &[Metric]) -> Result<()> {
    if metrics.is_empty() {
        bail!("metrics = []: a study needs at least one");
    }
    for (index, metric) in metrics.iter().enumerate() {
        if metrics[..index].iter().any(|other| other.name == metric.name) {
            bail!("metric {}: stands there twice: give each another name", metric.name);
        }
    }
    Ok(())
}

/// What trials are measured by, on a chip of `profile`.
fn goals(args: &RunArgs, profile: &ChipProfile) -> Result<Goals> {
    let list = args.metric.clone();
    let metrics: Vec<Metric> = list.iter().map(|goal| goal.metric()).collect();
    check_metrics(&metrics)?;
    args.study.reference.check(&metrics, args.study.search)?;
    if !list[0].is_quality() {
        bail!("--metric {}: the first decides the winner: accuracy or robustness must come first", list[0]);
    }
    for goal in &list {
        goal.check(profile).with_context(|| format!("--metric {goal}"))?;
    }
    let faults = FaultChoice::chosen(&args.faults);
    if list.contains(&Goal::Robustness) {
        for (fault, &rate) in
            faults.iter().flat_map(|fault| args.fault_rates.iter().map(move |rate| (fault, rate)))
        {
            fault.check_rate(rate).context("--fault-rates")?;
        }
    }
    let sweep =
        Sweep { faults, rates: args.fault_rates.clone(), maps: args.fault_maps, seed: args.study.seed };
    Ok(Goals { list, sweep })
}

/// Data set, space, chip, search, seed and metrics: what people vary in sweeps.
fn default_name(setup: &Setup, goals: &[Goal]) -> String {
    let Searched { space, search, fidelity, seed, .. } = &setup.searched;
    let mut name = format!("{}-{space}-{}-{search}-{seed}", setup.dataset, setup.chip);
    if let Some(fidelity) = fidelity {
        name += &format!("-{fidelity}");
    }
    if goals != [Goal::Accuracy] {
        let goals: Vec<&str> = goals.iter().map(|goal| goal.name()).collect();
        name += &format!("-{}", goals.join("+"));
    }
    name
}

/// The chip profile `name`, built in or a file, and the SHA-256 of its text.
pub(crate) fn chip(name: &str) -> Result<(ChipProfile, String)> {
    let path = PathBuf::from(name);
    if path.extension().is_none() && !path.exists() {
        let profile = ChipProfile::builtin(name).with_context(|| format!("--chip {name}"))?;
        let sha256 = sha256(serde_json::to_string(&profile)?.as_bytes());
        return Ok((profile, sha256));
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("--chip {name}: cannot read it"))?;
    let profile = ChipProfile::from_json(&text, name)?;
    let sha256 = sha256(serde_json::to_string(&profile)?.as_bytes());
    Ok((profile, sha256))
}

/// The data set that is asked for; a download is shown if `shown`.
pub(crate) fn dataset(args: &DataArgs, shown: bool) -> Result<Dataset> {
    let Some(name) = &args.dataset else {
        bail!("--dataset is missing: name a data set of `tune data list`")
    };
    let sources = args.sources.sources()?;
    let options = OpenOptions { label: args.label.clone().unwrap_or_default(), header: Header::Detect };
    let mut bar = DownloadBar::new();
    let dataset = Dataset::open(name, &options, &sources, &mut |progress| {
        if shown {
            bar.show(progress);
        }
    });
    bar.clear();
    Ok(dataset?)
}

/// The most memory of a trial: as asked for, else an even share of what is available.
fn memory(args: &RunArgs) -> Option<Bytes> {
    let share = |Bytes(available)| Bytes(available / u64::from(args.study.workers));
    args.memory.or_else(|| machine::available_memory().map(share))
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The command that makes the same result again, with every option that shapes it.
pub(crate) fn command(args: &RunArgs) -> String {
    let mut words = Vec::new();
    let mut option = |name: &str, value: String| words.extend([format!("--{name}"), value]);
    option("dataset", args.data.dataset.clone().unwrap_or_default());
    if let Some(space) = &args.space {
        option("space", space.clone());
    }
    option("chip", args.chip.clone());
    if let Some(fidelity) = args.pausing.name() {
        option("fidelity", fidelity);
    }
    option("validation", args.validation.to_string());
    option("confirm", args.confirm.to_string());
    if args.metric != [Goal::Accuracy] {
        args.metric.iter().for_each(|goal| option("metric", goal.to_string()));
    }
    if args.metric.contains(&Goal::Robustness) {
        let faults: Vec<&str> = FaultChoice::chosen(&args.faults).iter().map(|fault| fault.name()).collect();
        let rates: Vec<String> = args.fault_rates.iter().map(f64::to_string).collect();
        option("faults", faults.join(","));
        option("fault-rates", rates.join(","));
        option("fault-maps", args.fault_maps.to_string());
    }
    match &args.data.label {
        None | Some(LabelColumn::Last) => {}
        Some(LabelColumn::Index(index)) => option("label", index.to_string()),
        Some(LabelColumn::Name(name)) => option("label", name.clone()),
    }
    if let Some(Bytes(memory)) = args.memory {
        option("memory", memory.to_string());
    }
    args.study.command(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_have_a_name_each() {
        let problem = |metrics: &[Metric]| check_metrics(metrics).err().map(|error| error.to_string());
        assert_eq!(problem(&[Metric::minimize("a"), Metric::maximize("b")]), None);
        let twice = [Metric::minimize("a"), Metric::maximize("a")];
        assert!(problem(&twice).is_some_and(|problem| problem.starts_with("metric a: ")));
        assert!(problem(&[]).is_some_and(|problem| problem.contains("at least one")));
    }
}
