//! What is meant: the typed arguments, checked once against each other and the files they name.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::args::{RunArgs, SearchKind};
use super::machine;
use super::output::Output;
use super::progress::DownloadBar;
use super::spaces;
use crate::backend::{Chip, ChipProfile};
use crate::data::{Dataset, Header, LabelColumn, OpenOptions, Sources};
use crate::objective::classify::Classify;
use crate::seed::Seed;
use crate::space::Space;
use crate::study::Setup;
use crate::tuner::{Confirm, Settings, StopRule};
use crate::units::Bytes;

/// A run that can begin.
pub(super) struct Config {
    /// Where the result goes.
    pub output: Output,
    /// What is optimized.
    pub objective: Classify,
    /// What may vary, on this chip.
    pub space: Space,
    /// What the study is of.
    pub setup: Setup,
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
        let output = Output::check(&args.out)?;
        check_rules(&args.stop_when, args.search)?;
        let (profile, chip_sha256) = chip(&args.chip)?;
        let named_space = args.space.as_deref().map(spaces::open).transpose()?;
        let dataset = dataset(args)?;
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
            space: searched.name().to_owned(),
            space_sha256: sha256(format!("{searched:?}").as_bytes()),
            chip: profile.name.clone(),
            chip_sha256,
            search: args.search.name().to_owned(),
            seed: args.seed,
            deterministic_workers: Some(args.workers).filter(|&workers| args.deterministic && workers > 1),
        };
        let split = Seed::root(args.seed).child("split");
        let objective = Classify::new(dataset, profile, args.validation, &split)?.with_memory(memory(args));
        objective.check(&searched)?;
        let settings = Settings {
            budget: args.budget,
            seed: args.seed,
            workers: usize::from(args.workers),
            deterministic: args.deterministic,
            stop_when: args.stop_when.clone(),
            confirm: Confirm { candidates: args.confirm, repeats: args.repeats },
            model: Some(output.model()),
        };
        let study = args.study.clone().unwrap_or_else(|| default_name(&setup));
        Ok(Self { output, objective, space: searched, setup, study, settings, remarks })
    }
}

/// Refuses a rule that `search` can never fulfil.
pub(super) fn check_rules(rules: &[StopRule], search: SearchKind) -> Result<()> {
    let needs_model = rules.iter().find(|rule| matches!(rule, StopRule::Improvement(_)));
    match needs_model {
        Some(rule) if search != SearchKind::Bayes => {
            bail!(
                "--stop-when {rule}: --search {} has no model that expects anything: use bayes",
                search.name()
            )
        }
        _ => Ok(()),
    }
}

/// Data set, space, chip, search and seed: what people vary in sweeps.
fn default_name(setup: &Setup) -> String {
    format!("{}-{}-{}-{}-{}", setup.dataset, setup.space, setup.chip, setup.search, setup.seed)
}

/// The chip profile `name`, built in or a file, and the SHA-256 of its text.
fn chip(name: &str) -> Result<(ChipProfile, String)> {
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

fn dataset(args: &RunArgs) -> Result<Dataset> {
    let Some(name) = &args.dataset else {
        bail!("--dataset is missing: name a data set of `tune data list`")
    };
    let mut sources = Sources::new(args.data_dir.as_deref())?;
    if args.offline {
        sources = sources.offline();
    }
    let options = OpenOptions { label: args.label.clone().unwrap_or_default(), header: Header::Detect };
    let mut bar = DownloadBar::new();
    let dataset = Dataset::open(name, &options, &sources, &mut |progress| {
        if !args.quiet && !args.json {
            bar.show(progress);
        }
    });
    bar.clear();
    Ok(dataset?)
}

/// The most memory of a trial: as asked for, else an even share of what is available.
fn memory(args: &RunArgs) -> Option<Bytes> {
    let share = |Bytes(available)| Bytes(available / u64::from(args.workers));
    args.memory.or_else(|| machine::available_memory().map(share))
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The command that makes the same result again, with every option that shapes it.
pub(super) fn command(args: &RunArgs, out: &Path) -> String {
    let mut words = vec!["tune".to_owned()];
    let mut option = |name: &str, value: String| words.extend([format!("--{name}"), value]);
    option("dataset", args.dataset.clone().unwrap_or_default());
    option("budget", args.budget.to_string());
    if let Some(space) = &args.space {
        option("space", space.clone());
    }
    option("chip", args.chip.clone());
    option("search", args.search.name().to_owned());
    for rule in &args.stop_when {
        option("stop-when", rule.to_string());
    }
    option("seed", args.seed.to_string());
    option("validation", args.validation.to_string());
    option("confirm", args.confirm.to_string());
    option("repeats", args.repeats.to_string());
    match &args.label {
        None | Some(LabelColumn::Last) => {}
        Some(LabelColumn::Index(index)) => option("label", index.to_string()),
        Some(LabelColumn::Name(name)) => option("label", name.clone()),
    }
    if args.workers > 1 {
        option("workers", args.workers.to_string());
    }
    if let Some(Bytes(memory)) = args.memory {
        option("memory", memory.to_string());
    }
    option("out", out.display().to_string());
    if args.deterministic {
        words.push("--deterministic".to_owned());
    }
    words.join(" ")
}
