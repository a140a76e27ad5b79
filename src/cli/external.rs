//! `tune run`: a study whose trials a command evaluates.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::args::{SearchKind, StorageArgs};
use super::config;
use super::exit::{Exit, WhileRunning};
use super::open::{self, Wanted};
use super::output::Output;
use super::progress::Progress;
use super::{run, spaces};
use crate::objective::external::External;
use crate::report::{self, Best};
use crate::space::Space;
use crate::storage::{SqliteStorage, Storage, StudyKey, StudyLock};
use crate::study::{Direction, EXTERNAL_SETUP, ExternalSetup, Metric, SPACE};
use crate::tuner::{Confirm, End, Settings, StopRule, Tuner};
use crate::units::Seconds;

#[derive(Debug, Args)]
pub(super) struct ExternalArgs {
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
    /// A trial that takes longer fails and is killed, such as 90s, 30m, 2h
    #[arg(long, value_name = "DURATION")]
    pub trial_timeout: Option<Seconds>,
    /// Trials in all, those of earlier runs of the study included
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub budget: u32,
    /// What proposes points
    #[arg(long, value_enum, default_value_t = SearchKind::Bayes)]
    pub search: SearchKind,
    /// End before the budget is spent when RULE holds, as for `tune --dataset`
    #[arg(long, value_name = "RULE")]
    pub stop_when: Vec<StopRule>,
    /// Root of all randomness
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Evaluate this many of the best again with fresh seeds; the best mean wins; 0: no
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub confirm: u32,
    /// Fresh seeds for each of those
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeats: u32,
    /// Where the result goes
    #[arg(long, value_name = "FILE", default_value = "best.json")]
    pub out: PathBuf,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Name of the study; of space, search and seed if left out
    #[arg(long, value_name = "NAME")]
    pub study: Option<String>,
    /// Drop an older study of this name and begin anew
    #[arg(long)]
    pub fresh: bool,
    /// Commands at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: u16,
    /// With N workers too, the same seed gives the same study, as for `tune --dataset`
    #[arg(long)]
    pub deterministic: bool,
    /// Stream events as JSON lines on standard output
    #[arg(long, conflicts_with = "quiet")]
    pub json: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// Runs the study that `args` describe.
pub(super) fn run(args: &ExternalArgs) -> Result<Exit> {
    let output = Output::check(&args.out)?;
    config::check_rules(&args.stop_when, args.search)?;
    check_names(&args.metric)?;
    let space = spaces::open(&args.space)?;
    let objective = External::new(&args.command, &space, args.metric.clone())
        .context("--command")?
        .with_timeout(args.trial_timeout)
        .with_stop(&run::STOP);
    let database = &args.storage.storage;
    let mut storage = SqliteStorage::open(database)?;
    let name = args.study.clone().unwrap_or_else(|| default_name(&space, args.search, args.seed));
    let _lock = StudyLock::acquire(database, &name)?;
    let wanted = Wanted {
        name: &name,
        metrics: &args.metric,
        setup: (EXTERNAL_SETUP, setup(args, &space).to_json()),
        facts: [(SPACE.to_owned(), space.to_json())].into(),
    };
    let study = open::open(&mut storage, database, &wanted, args.fresh)?;
    run::stop_on_signals()?;
    let mut progress = Progress::new(args.json, args.quiet);
    let search = args.search.strategy().build();
    let mut tuner = Tuner {
        space: &space,
        search: search.as_ref(),
        objective: &objective,
        storage: &mut storage,
        study,
        settings: settings(args),
        stop: &run::STOP,
    };
    match tuner.run(&mut |event| progress.observe(&event))? {
        End::Interrupted => Ok(Exit::Interrupted),
        End::NothingFeasible => {
            eprintln!("no trial of {name} came to a value: see `tune show` for the reasons");
            Ok(Exit::NothingFeasible)
        }
        End::Done => finish(args, &output, &mut storage, study, &progress),
    }
}

/// Writes the winner and shows it.
fn finish(
    args: &ExternalArgs,
    output: &Output,
    storage: &mut SqliteStorage,
    study: StudyKey,
    progress: &Progress,
) -> Result<Exit> {
    let study = storage.load_study(study)?;
    let best = Best::of(&study, &command(args), None)
        .ok_or_else(|| WhileRunning(format!("{} has no winner", study.name)))?;
    output.write(&best.to_text()).map_err(|error| WhileRunning(format!("{error:#}")))?;
    if progress.is_for_people() {
        print!("{}", report::winner_text(&best));
        eprintln!("written to {}", output.file().display());
    }
    Ok(Exit::Done)
}

fn settings(args: &ExternalArgs) -> Settings {
    Settings {
        budget: args.budget,
        seed: args.seed,
        workers: usize::from(args.workers),
        deterministic: args.deterministic,
        stop_when: args.stop_when.clone(),
        confirm: Confirm { candidates: args.confirm, repeats: args.repeats },
        model: None,
    }
}

fn setup(args: &ExternalArgs, space: &Space) -> ExternalSetup {
    ExternalSetup {
        command: Some(args.command.clone()),
        trial_timeout_s: args.trial_timeout.map(|Seconds(seconds)| seconds),
        space: space.name().to_owned(),
        space_sha256: config::sha256(space.to_json().to_string().as_bytes()),
        search: args.search.name().to_owned(),
        seed: args.seed,
        deterministic_workers: Some(args.workers).filter(|&workers| args.deterministic && workers > 1),
    }
}

/// Space, search and seed: what people vary in sweeps.
pub(super) fn default_name(space: &Space, search: SearchKind, seed: u64) -> String {
    format!("{}-{}-{seed}", space.name(), search.name())
}

/// Reads `loss:minimize`, `accuracy:max`.
pub(super) fn metric(text: &str) -> Result<Metric, String> {
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

/// Refuses two metrics of one name.
pub(super) fn check_names(metrics: &[Metric]) -> Result<()> {
    for (index, metric) in metrics.iter().enumerate() {
        if metrics[..index].iter().any(|other| other.name == metric.name) {
            bail!("metric {}: stands there twice: give each another name", metric.name);
        }
    }
    Ok(())
}

/// The command that makes the same result again, with every option that shapes it.
fn command(args: &ExternalArgs) -> String {
    let mut words = vec!["tune".to_owned(), "run".to_owned()];
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
    option("budget", args.budget.to_string());
    option("search", args.search.name().to_owned());
    for rule in &args.stop_when {
        option("stop-when", rule.to_string());
    }
    option("seed", args.seed.to_string());
    option("confirm", args.confirm.to_string());
    option("repeats", args.repeats.to_string());
    if args.workers > 1 {
        option("workers", args.workers.to_string());
    }
    option("out", args.out.display().to_string());
    if args.deterministic {
        words.push("--deterministic".to_owned());
    }
    // Nothing that was typed holds the one character that cannot be quoted.
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
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
        let twice = [Metric::minimize("a"), Metric::maximize("a")];
        assert!(check_names(&twice).is_err_and(|error| error.to_string().starts_with("metric a: ")));
    }
}
