//! `tune run`: a study whose trials a command evaluates.

use anyhow::{Context, Result, bail};
use clap::Args;

use super::tune;
use crate::cli::args::StudyArgs;
use crate::cli::options::fidelity::PausingArgs;
use crate::cli::setup::open::{self, Wanted};
use crate::cli::setup::output::Output;
use crate::cli::setup::spaces;
use crate::cli::setup::warm::{self, WarmStartFile};
use crate::cli::setup::{config, job};
use crate::cli::shown::exit::{Exit, WhileRunning};
use crate::cli::shown::progress::Progress;
use crate::objective::external::External;
use crate::report::{self, Best};
use crate::space::Space;
use crate::storage::{Storage, StudyKey};
use crate::study::{Direction, EXTERNAL_SETUP, ExternalSetup, JOB, Metric, SPACE, Searched, WARM_START};
use crate::tuner::{End, Settings, Tuner};
use crate::units::Seconds;

/// With fewer steps both rungs are one.
const FEWEST_STEPS: i64 = 4;

#[derive(Debug, Args)]
pub(crate) struct ExternalArgs {
    /// Run for every trial: reads {"parameters": {...}, "seed": N} on standard input, prints {"value": X} last;
    /// {NAME} in its arguments stands for a parameter, {seed} for the seed. No shell: for one, sh -c '...'
    #[arg(long, value_name = "COMMAND")]
    pub command: String,
    /// The search space, a JSON file
    #[arg(long, value_name = "FILE")]
    pub space: String,
    /// What the command measures and which way is better (several times for several metrics; the first
    /// decides who is best)
    #[arg(long, value_name = "NAME:minimize|maximize", default_value = "value:minimize", value_parser = metric)]
    pub metric: Vec<Metric>,
    /// A trial that takes longer fails and is killed, such as 90s, 30m, 2h; with --fidelity each segment has as long
    #[arg(long, value_name = "DURATION")]
    pub trial_timeout: Option<Seconds>,
    #[command(flatten)]
    pub pausing: PausingArgs,
    /// Steps of a whole trial as the command counts them, with --fidelity: it pauses at the first that it reports from
    /// N/9 and from N/3 on (asha) or from N/4 on (bayes); without --fidelity nothing depends on them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(FEWEST_STEPS..))]
    pub steps: Option<u32>,
    #[command(flatten)]
    pub study: StudyArgs,
    /// Evaluate this many of the best again with fresh seeds; the best mean wins; 0: no
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub confirm: u32,
}

/// Runs the study that `args` describe.
pub(crate) fn run(args: &ExternalArgs) -> Result<Exit> {
    let output = Output::check(&args.study.out)?;
    config::check_rules(&args.study.stop_when, args.study.search)?;
    config::check_metrics(&args.metric)?;
    args.study.reference.check(&args.metric, args.study.search)?;
    args.pausing.check(&args.study)?;
    let steps = steps(args)?;
    let space = spaces::open(&args.space)?;
    let objective = External::new(&args.command, &space, args.metric.clone(), steps)
        .context("--command")?
        .with_timeout(args.trial_timeout)
        .with_stop(&tune::STOP);
    let database = &args.study.storage.storage;
    let mut pausing = args.pausing.pausing(database)?;
    let mut storage = database.open()?;
    let name = args.study.study.clone().unwrap_or_else(|| default_name(&space, args));
    let _lock = database.lock(&name)?;
    let warm = warm::read(&args.study, &mut *storage, &name, &space, &args.metric)?;
    let mut facts = vec![(SPACE.to_owned(), space.to_json())];
    facts.push((JOB.to_owned(), job::of_command(&args.study, &args.pausing).to_json()));
    facts.extend(args.study.reference.fact());
    facts.extend(warm.as_ref().map(|warm| (WARM_START.to_owned(), warm.warm_start.to_json())));
    let wanted = Wanted {
        name: &name,
        metrics: &args.metric,
        setup: (EXTERNAL_SETUP, setup(args, &space, warm.as_ref()).to_json()),
        facts: facts.into_iter().collect(),
    };
    let study = open::open(&mut *storage, database, &wanted, args.study.fresh)?;
    if args.study.prepare {
        return Ok(open::ready(&name, database));
    }
    if let (Some(pausing), Some(named)) = (&mut pausing, &args.pausing.states) {
        pausing.states = open::states_in(named, &*storage.load_study(study)?);
    }
    tune::stop_on_signals()?;
    let mut progress = Progress::new(args.study.json, args.study.quiet);
    if let Some(warm) = warm.filter(|_| progress.is_for_people()) {
        eprintln!("{}", warm.remark);
    }
    let search = args.study.search.build();
    let mut tuner = Tuner {
        space: &space,
        search: search.as_ref(),
        objective: &objective,
        storage: &mut *storage,
        study,
        settings: Settings { pausing, ..args.study.settings(args.confirm, None)? },
        stop: &tune::STOP,
    };
    match tuner.run(&mut |event| progress.observe(&event))? {
        End::Interrupted => Ok(Exit::Interrupted),
        End::NothingFeasible => {
            eprintln!("no trial of {name} came to a value: see `tune show` for the reasons");
            Ok(Exit::NothingFeasible)
        }
        End::Done => finish(args, &output, &mut *storage, study, &progress),
    }
}

/// The steps of a whole trial, if trials pause.
fn steps(args: &ExternalArgs) -> Result<Option<u32>> {
    match (args.pausing.name(), args.steps) {
        (None, _) => Ok(None),
        (Some(_), Some(steps)) => Ok(Some(steps)),
        (Some(fidelity), None) => {
            bail!(
                "--fidelity {fidelity}: --steps is missing: say how many steps the command reports in a whole trial"
            )
        }
    }
}

/// Writes the winner and shows it.
fn finish(
    args: &ExternalArgs,
    output: &Output,
    storage: &mut dyn Storage,
    study: StudyKey,
    progress: &Progress,
) -> Result<Exit> {
    let study = storage.load_study(study)?;
    let best = Best::of(&study, &command(args), None)
        .ok_or_else(|| WhileRunning(format!("{} has no winner", study.name)))?;
    output.write(best.to_text()).map_err(|error| WhileRunning(format!("{error:#}")))?;
    if progress.is_for_people() {
        print!("{}", report::winner_text(&best));
        eprintln!("written to {}", output.file().display());
    }
    Ok(Exit::Done)
}

fn setup(args: &ExternalArgs, space: &Space, warm: Option<&WarmStartFile>) -> ExternalSetup {
    ExternalSetup {
        command: Some(args.command.clone()),
        trial_timeout_s: args.trial_timeout.map(|Seconds(seconds)| seconds),
        steps: args.steps.filter(|_| args.pausing.is_on()),
        searched: Searched {
            space: space.name().to_owned(),
            space_sha256: config::sha256(space.to_json().to_string().as_bytes()),
            search: args.study.search.name().to_owned(),
            fidelity: args.pausing.name(),
            warm_start_sha256: warm.map(|warm| warm.sha256.clone()),
            replicates: args.study.several_replicates(),
            reference: args.study.reference.values(),
            seed: args.study.seed,
            deterministic_workers: args.study.deterministic_workers(),
        },
    }
}

/// Space, search, seed and what decides on pauses: what people vary in sweeps.
fn default_name(space: &Space, args: &ExternalArgs) -> String {
    let name = format!("{}-{}-{}", space.name(), args.study.search.name(), args.study.seed);
    args.pausing.name().into_iter().fold(name, |name, fidelity| name + "-" + &fidelity)
}

/// Reads `loss:minimize`, `accuracy:max`.
pub(crate) fn metric(text: &str) -> Result<Metric, String> {
    let (name, direction) = text.rsplit_once(':').ok_or("must be NAME:minimize or NAME:maximize")?;
    let direction = match direction {
        "minimize" | "min" => Direction::Minimize,
        "maximize" | "max" => Direction::Maximize,
        other => return Err(format!("direction \"{other}\": must be minimize or maximize")),
    };
    match name.is_empty() {
        true => Err("must have a name before the colon".to_owned()),
        false => Ok(Metric { name: name.to_owned(), direction }),
    }
}

/// The command that makes the same result again, with every option that shapes it.
fn command(args: &ExternalArgs) -> String {
    let mut words = vec!["run".to_owned()];
    let mut option = |name: &str, value: String| words.extend([format!("--{name}"), value]);
    option("command", args.command.clone());
    option("space", args.space.clone());
    for Metric { name, direction } in &args.metric {
        let direction = if *direction == Direction::Minimize { "minimize" } else { "maximize" };
        option("metric", format!("{name}:{direction}"));
    }
    if let Some(Seconds(seconds)) = args.trial_timeout {
        option("trial-timeout", format!("{seconds}s"));
    }
    if let (Some(fidelity), Some(steps)) = (args.pausing.name(), args.steps) {
        option("fidelity", fidelity);
        option("steps", steps.to_string());
    }
    option("confirm", args.confirm.to_string());
    args.study.command(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_a_name_and_a_direction() {
        assert_eq!(metric("loss:minimize"), Ok(Metric::minimize("loss")));
        assert_eq!(metric("top:1:max"), Ok(Metric::maximize("top:1")));
        assert_eq!(metric("loss"), Err("must be NAME:minimize or NAME:maximize".to_owned()));
        assert!(metric("loss:down").is_err_and(|problem| problem.contains("\"down\"")));
        assert!(metric(":min").is_err());
    }
}
