//! A study of networks on a data set and a chip, made from the options of `tune`.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::job;
use super::output::{Inputs, Output};
use super::prepared::{Prepared, StudySetup};
use super::{best, checkpoints, chip, dataset, digest, machine, open, spaces};
use crate::backend::{Chip, ChipProfile};
use crate::cli::options::tune::TuneArgs;
use crate::data::{Dataset, OpenOptions};
use crate::objective::Goal;
use crate::report::Remark;
use crate::space::{Domain, Space, Value};
use crate::study::{DATA_SHAPE, JOB, Metric, SPACE, Searched, Setup, TEST_SAMPLES, VALIDATION_SAMPLES};
use crate::units::Bytes;

impl Prepared {
    /// Checks `args` and opens the files that they name. Checks that take little time come first.
    ///
    /// # Errors
    /// An option, a file or the data set is wrong.
    pub fn of_network(args: &TuneArgs) -> Result<Self> {
        let study = &args.study;
        let output = Output::check_with_model(&study.out, &inputs(args))?;
        let (profile, chip_sha256) = chip::open(&args.chip)?;
        check_goals(args, &profile)?;
        let against = args
            .against
            .as_deref()
            .map(|file| Ok::<_, anyhow::Error>((file.display().to_string(), best::read(file, "--against")?)));
        let against = against.transpose()?;
        let named_space = args.space.as_deref().map(spaces::open).transpose()?;
        let dataset =
            dataset::open(&args.data, &open_options(args), !study.display.quiet && !study.display.json)?;
        let space = match named_space {
            Some(space) => space,
            None => spaces::open(spaces::fitting(dataset.shape))?,
        };
        study.check_refine(&space)?;
        let (space, mut remarks) = on_chip(space, &profile)?;
        study.fix.hold(space.clone())?;
        remarks.extend(study.fix.remark());
        let identifiers = dataset.reading.identifiers.iter().cloned();
        remarks.extend(identifiers.map(|column| Remark::IdentifierColumn { column }));
        if output.model().is_none() {
            remarks.push(Remark::NoModelFile { out: output.file().display().to_string() });
        }
        let mut setup = setup(args, &dataset, &space, &profile, chip_sha256);
        let name = study.study.clone().unwrap_or_else(|| default_name(&setup, &args.metric));
        setup.folds = folds(args, &dataset, &name)?;
        let job = job::of_network(args, &open_options(args), &setup, &profile)?;
        let training = job.training.as_ref().expect("a job of networks says how they are trained");
        let objective = job::network(training, dataset, memory(args))?;
        let space_file = args.space.as_deref().unwrap_or(space.name());
        objective.check(&space).with_context(|| space_file.to_owned())?;
        let pausing = checkpoints::pausing(
            study.fidelity.fidelity,
            study.fidelity.checkpoint_dir.clone(),
            &study.storage.storage,
        )?;
        let mut settings = study.settings(args.confirmed())?;
        (settings.pausing, settings.model) = (pausing, output.model().map(Path::to_owned));
        settings.keep_disk = args.keep_disk.map(|Bytes(bytes)| bytes);
        let facts = [
            (DATA_SHAPE.to_owned(), objective.data_shape().to_json()),
            (VALIDATION_SAMPLES.to_owned(), objective.validation_samples().into()),
            (TEST_SAMPLES.to_owned(), objective.test_samples().into()),
            (SPACE.to_owned(), space.to_json()),
            (JOB.to_owned(), job.to_json()),
        ];
        Ok(Self {
            name,
            data: Some(objective.data_summary()),
            objective: Box::new(objective),
            setup: StudySetup::Networks(setup),
            facts: facts.into_iter().chain(study.reference.fact()).collect(),
            fail_under: args.fail_under,
            against,
            space,
            settings,
            output,
            remarks,
        })
    }
}

/// What `args` say about the files of the data set.
pub(crate) fn open_options(args: &TuneArgs) -> OpenOptions {
    let validation = args.validation.table().map(Path::to_owned);
    OpenOptions { validation, ..args.data.open_options() }
}

/// The files that a study with the options `args` reads.
fn inputs(args: &TuneArgs) -> Inputs {
    let named = Inputs::default()
        .with("--against", args.against.as_ref())
        .with("--config", args.study.config.as_ref())
        .with("--space", args.space.as_ref())
        .with("--chip", Some(&args.chip));
    let named = named.with("--warm-start", args.study.warm_start.as_ref()).with_dataset(&args.data);
    let named = named.with("--validation", args.validation.table());
    named.with_storage(&args.study.storage.storage)
}

/// Refuses metrics and constraints that contradict each other, the chip or the faults.
fn check_goals(args: &TuneArgs, profile: &ChipProfile) -> Result<()> {
    let goals = &args.metric;
    let metrics: Vec<Metric> = goals.iter().map(|goal| goal.metric()).collect();
    args.study.check(&metrics)?;
    if let Some(pick) = args.study.pick.as_ref().filter(|_| goals[0].is_quality()) {
        pick.check_share(&goals[0].to_string()).with_context(|| format!("--pick {pick}"))?;
    }
    if !goals[0].is_quality() {
        bail!(
            "--metric {}: the first decides the winner: accuracy, balanced-accuracy, f1 or robustness must come first",
            goals[0]
        );
    }
    for goal in goals {
        goal.check(profile).with_context(|| format!("--metric {goal}"))?;
    }
    for constraint in &args.constraint {
        constraint.goal.check(profile).with_context(|| format!("--constraint {constraint}"))?;
    }
    if goals.contains(&Goal::Robustness) {
        for fault in job::sweep(args, profile).faults {
            args.fault_rates.iter().try_for_each(|&rate| fault.check_rate(rate)).context("--fault-rates")?;
        }
    }
    Ok(())
}

/// `space` without the input codings that a chip of `profile` cannot take. If there were any, a
/// remark says so.
///
/// # Errors
/// Every point of the space has a graded (grey-scale) input, and the chip takes only spikes.
fn on_chip(space: Space, profile: &ChipProfile) -> Result<(Space, Vec<Remark>)> {
    let takes_graded = Chip::new(profile.clone()).takes_graded_inputs();
    if !takes_graded && !codes_spikes(&space) {
        let (chip, name) = (&profile.name, space.name());
        bail!(
            "space {name}: chip {chip} takes no graded input: give the space \"input_coding\" with threshold or \
             thermometer"
        );
    }
    let searched =
        space.clone().restrict("input_coding", |coding| takes_graded || coding.as_str() != Some("graded"));
    let domain = searched.parameter("input_coding").map(|parameter| &parameter.domain);
    let is_searched = matches!(domain, Some(Domain::Categorical { choices }) if choices.len() > 1);
    let remark = Remark::NoGradedInput { chip: profile.name.clone(), is_searched };
    let remarks = if searched == space { Vec::new() } else { vec![remark] };
    Ok((searched, remarks))
}

/// Whether some point of `space` codes its inputs as spikes.
fn codes_spikes(space: &Space) -> bool {
    let is_binary = |coding: &Value| coding.as_str() != Some("graded");
    match space.parameter("input_coding").map(|parameter| &parameter.domain) {
        Some(Domain::Categorical { choices }) => choices.iter().any(is_binary),
        Some(Domain::Fixed { value }) => is_binary(value),
        _ => false,
    }
}

fn setup(
    args: &TuneArgs,
    dataset: &Dataset,
    space: &Space,
    profile: &ChipProfile,
    chip_sha256: String,
) -> Setup {
    let is_robust = args.metric.contains(&Goal::Robustness);
    Setup {
        dataset: dataset.name.clone(),
        dataset_sha256: dataset.checksum.clone(),
        validation: args.validation.share(),
        folds: None,
        chip: profile.name.clone(),
        chip_sha256,
        constraints: args.constraint.iter().map(ToString::to_string).collect(),
        faults: is_robust.then(|| job::sweep(args, profile).to_string()),
        searched: args.study.searched(space, digest::sha256(format!("{space:?}").as_bytes())),
    }
}

/// The number of parts of the cross-validation that scores the trials of the study `name`; `None` if
/// one part is held out instead. It is that of `--folds`, or else that of the study if it exists, or
/// else follows from the number of samples that would be held out.
///
/// # Errors
/// `--folds` with pauses: a trial with several trainings cannot pause.
fn folds(args: &TuneArgs, dataset: &Dataset, name: &str) -> Result<Option<u32>> {
    match kept_setup(args, name).filter(|_| args.folds.is_none()) {
        Some(kept) => Ok(kept.folds),
        None => new_folds(args, dataset),
    }
}

/// The same for a study that begins.
///
/// # Errors
/// `--folds` with pauses: a trial with several trainings cannot pause.
pub(crate) fn new_folds(args: &TuneArgs, dataset: &Dataset) -> Result<Option<u32>> {
    const FEWEST_HELD_OUT: f64 = 100.0;
    const USUAL: u32 = 5;
    let pauses = args.study.fidelity.is_on();
    if let Some(folds) = args.folds {
        let fidelity = args.study.fidelity.fidelity.name();
        if pauses && folds > 1 {
            bail!(
                "--folds {folds}: with --fidelity {fidelity} a trial has one training: leave one of the two out"
            );
        }
        return Ok(Some(folds).filter(|&folds| folds > 1));
    }
    let samples = dataset.train.len();
    let is_small = args.validation.share() * (samples as f64) < FEWEST_HELD_OUT && samples >= USUAL as usize;
    let is_free = dataset.validation.is_none() && dataset.groups.is_none();
    Ok(Some(USUAL).filter(|_| is_small && is_free && !pauses))
}

/// The setup of the study `name`, if that exists and will be resumed. If the database cannot be
/// read, the reason is told where it is opened to be written.
fn kept_setup(args: &TuneArgs, name: &str) -> Option<Setup> {
    if args.study.fresh {
        return None;
    }
    let mut storage = open::to_read(&args.study.storage.storage).ok()?;
    let study = storage.find_study(name).ok()??;
    Setup::of(&*storage.load_study(study).ok()?)
}

/// The name of a study without `--study`: data set, space, chip, search, seed and metrics, which
/// people vary most often.
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

/// The memory limit of a trial: that of `--memory`, else an equal share of the available memory.
fn memory(args: &TuneArgs) -> Option<Bytes> {
    args.memory.or_else(|| machine::memory_share(args.study.workers))
}
