//! A study whose trials a command evaluates, made from the options of `tune run`.

use anyhow::{Context, Result};

use super::output::{Inputs, Output};
use super::prepared::{Prepared, StudySetup};
use super::{checkpoints, digest, job, spaces};
use crate::cli::options::run::RunArgs;
use crate::cli::signals::STOP;
use crate::objective::external::External;
use crate::space::Space;
use crate::study::{ExternalSetup, JOB, Metric, SCRIPT, SPACE};
use crate::units::Seconds;

impl Prepared {
    /// Checks `args` and opens the space that they name.
    ///
    /// # Errors
    /// An option, the space or the command's template is wrong.
    pub fn of_command(args: &RunArgs) -> Result<Self> {
        let study = &args.study;
        let output = Output::check(&study.out, &inputs(args))?;
        study.check(&args.metric)?;
        let steps = args.steps()?;
        let space = spaces::open(&args.space)?;
        study.check_refine(&space)?;
        study.fix.hold(space.clone())?;
        let setup = setup(args, steps, &space);
        let objective = objective(&setup, &space, &args.metric).context("--command")?;
        let mut settings = study.settings(args.confirm)?;
        settings.pausing = checkpoints::pausing(
            study.fidelity.fidelity,
            study.fidelity.checkpoint_dir.clone(),
            &study.storage.storage,
        )?;
        let facts = [
            (SPACE.to_owned(), space.to_json()),
            (JOB.to_owned(), job::of_command(study, args.confirm).to_json()),
        ];
        let script = digest::of_script(&args.command).map(|script| (SCRIPT.to_owned(), script.to_json()));
        Ok(Self {
            data: None,
            name: study.study.clone().unwrap_or_else(|| default_name(&space, args)),
            objective: Box::new(objective),
            setup: StudySetup::External(setup),
            facts: facts.into_iter().chain(script).chain(study.reference.fact()).collect(),
            fail_under: None,
            against: None,
            remarks: study.fix.remark().into_iter().collect(),
            space,
            settings,
            output,
        })
    }
}

/// The files that a study with the options `args` reads.
fn inputs(args: &RunArgs) -> Inputs {
    let named = Inputs::default().with("--space", Some(&args.space)).with_command(&args.command);
    let named = named.with("--config", args.study.config.as_ref());
    named.with("--warm-start", args.study.warm_start.as_ref()).with_storage(&args.study.storage.storage)
}

/// The command of `setup`, ready to evaluate points of `space` and to report `metrics`.
///
/// # Errors
/// The setup names no command, or its template does not fit the space.
pub(crate) fn objective(setup: &ExternalSetup, space: &Space, metrics: &[Metric]) -> Result<External> {
    let command = setup.command.as_deref().context("the trials of the study are asked for, not run")?;
    let external = External::new(command, space, metrics.to_vec(), setup.steps)?;
    Ok(external.with_timeout(setup.trial_timeout_s.map(Seconds)).with_stop(&STOP))
}

/// The setup of a study whose trials the command of `args` evaluates.
pub(crate) fn setup(args: &RunArgs, steps: Option<u32>, space: &Space) -> ExternalSetup {
    ExternalSetup {
        command: Some(args.command.clone()),
        trial_timeout_s: args.trial_timeout.map(|Seconds(seconds)| seconds),
        steps,
        searched: args.study.searched(space, digest::of_space(space)),
    }
}

/// The name of a study without `--study`: space, search, seed and fidelity, which people vary most
/// often.
fn default_name(space: &Space, args: &RunArgs) -> String {
    let name = format!("{}-{}-{}", space.name(), args.study.search.name(), args.study.seed);
    args.study.fidelity.name().into_iter().fold(name, |name, fidelity| name + "-" + &fidelity)
}
