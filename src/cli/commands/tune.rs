//! `tune`: a study from beginning or middle to end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::cli::args::RunArgs;
use crate::cli::setup::config::{self, Config};
use crate::cli::setup::machine;
use crate::cli::setup::open::{self, Wanted};
use crate::cli::setup::warm::{self, WarmStartFile};
use crate::cli::shown::exit::{Exit, WhileRunning};
use crate::cli::shown::progress::Progress;
use crate::objective::Objective;
use crate::report::{self, Best};
use crate::storage::{Storage, StudyKey};
use crate::study::{DATA_SHAPE, JOB, SETUP, SPACE, WARM_START};
use crate::tuner::{End, Tuner};

/// Set by the first signal; the tuner ends cleanly when it sees it.
pub(crate) static STOP: AtomicBool = AtomicBool::new(false);

/// Signals that come within this time of the first are the same wish: `timeout` signals a program and its
/// group at once.
const SAME_WISH: Duration = Duration::from_secs(1);

/// Runs the study that `args` describe.
pub(crate) fn run(args: &RunArgs) -> Result<Exit> {
    machine::use_threads(args.threads)?;
    let mut config = Config::new(args)?;
    let database = &args.study.storage.storage;
    let mut storage = database.open()?;
    let _lock = database.lock(&config.study)?;
    let metrics = config.objective.metrics();
    let warm = warm::read(&args.study, &mut *storage, &config.study, &config.space, &metrics)?;
    if let Some(warm) = &warm {
        config.setup.searched.warm_start_sha256 = Some(warm.sha256.clone());
        config.remarks.push(warm.remark.clone());
    }
    let study = open_study(&mut *storage, &config, warm, args)?;
    if args.study.prepare {
        return Ok(open::ready(&config.study, database));
    }
    if let (Some(pausing), Some(named)) = (&mut config.settings.pausing, &args.pausing.states) {
        pausing.states = open::states_in(named, &*storage.load_study(study)?);
    }
    stop_on_signals()?;
    let mut progress = Progress::new(args.study.json, args.study.quiet);
    if progress.is_for_people() {
        config.remarks.iter().for_each(|remark| eprintln!("{remark}"));
    }
    let search = args.study.search.build();
    let mut tuner = Tuner {
        space: &config.space,
        search: search.as_ref(),
        objective: &config.objective,
        storage: &mut *storage,
        study,
        settings: config.settings.clone(),
        stop: &STOP,
    };
    match tuner.run(&mut |event| progress.observe(&event))? {
        End::Interrupted => Ok(Exit::Interrupted),
        End::NothingFeasible => {
            eprintln!("no trial of {} came to a value: see `tune show` for the reasons", config.study);
            Ok(Exit::NothingFeasible)
        }
        End::Done => finish(args, &config, &mut *storage, study, &progress),
    }
}

/// Writes the winner, shows it, and holds it against what was asked for.
fn finish(
    args: &RunArgs,
    config: &Config,
    storage: &mut dyn Storage,
    study: StudyKey,
    progress: &Progress,
) -> Result<Exit> {
    let study = storage.load_study(study)?;
    let model = config.output.model();
    let name = model.file_name().filter(|_| model.exists()).map(|name| name.to_string_lossy().into_owned());
    let command = config::command(args);
    let best = Best::of(&study, &command, name.as_deref())
        .ok_or_else(|| WhileRunning(format!("{} has no confirmed winner", study.name)))?;
    config.output.write(best.to_text()).map_err(|error| WhileRunning(format!("{error:#}")))?;
    if progress.is_for_people() {
        print!("{}", report::winner_text(&best));
        eprintln!("written to {}", config.output.file().display());
    }
    let mean = best.test.spread.map(|spread| spread.mean);
    match (args.fail_under, mean) {
        (Some(least), mean) if mean.is_none_or(|mean| mean < least) => {
            let shown = mean.map_or("nothing".to_owned(), |mean| format!("{mean:.4}"));
            eprintln!("the winner scores {shown} on the test set, below --fail-under {least}");
            Ok(Exit::BelowTarget)
        }
        _ => Ok(Exit::Done),
    }
}

/// The study of this name: new, or an older one of the same setup.
fn open_study(
    storage: &mut dyn Storage,
    config: &Config,
    warm: Option<WarmStartFile>,
    args: &RunArgs,
) -> Result<StudyKey> {
    let mut facts = vec![
        (DATA_SHAPE.to_owned(), config.objective.data_shape().to_json()),
        (SPACE.to_owned(), config.space.to_json()),
        (JOB.to_owned(), config.job.to_json()),
    ];
    facts.extend(args.study.reference.fact());
    facts.extend(warm.map(|warm| (WARM_START.to_owned(), warm.warm_start.to_json())));
    let wanted = Wanted {
        name: &config.study,
        metrics: &config.objective.metrics(),
        setup: (SETUP, config.setup.to_json()),
        facts: facts.into_iter().collect(),
    };
    open::open(storage, &args.study.storage.storage, &wanted, args.study.fresh)
}

/// The first signal asks to end cleanly, a later one ends at once: everything finished is stored already.
pub(crate) fn stop_on_signals() -> Result<()> {
    let mut first: Option<Instant> = None;
    ctrlc::set_handler(move || {
        STOP.store(true, Ordering::Relaxed);
        let since = first.get_or_insert_with(Instant::now).elapsed();
        if since > SAME_WISH {
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    })
    .context("cannot listen for signals")
}
