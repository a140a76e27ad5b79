//! `tune show`: a study as a table, the parameters that matter, and the network of its best trial.

use anyhow::Result;
use clap::Args;

use super::networks::net;
use crate::cli::options::storage::{StorageArgs, StudyName};
use crate::cli::shown::exit::Exit;
use crate::cli::{setup::open, shown::streams};
use crate::objective::Plan;
use crate::report;
use crate::search::bayes::importance_and_slices;
use crate::seed::Seed;
use crate::space::Point;
use crate::study::{DataShape, ExternalSetup, Study};

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub study: StudyName,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Number of trials to show, the best first
    #[arg(long, default_value_t = 10)]
    pub top: usize,
    /// Print the study as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Prints the study that `args` name.
pub(crate) fn run(args: &ShowArgs) -> Result<Exit> {
    let database = &args.storage.storage;
    let mut storage = open::to_read(database)?;
    let key = open::the_study(&mut *storage, database, args.study.name())?;
    let study = storage.load_study(key)?;
    // Without its command, which is long.
    let winner = report::Best::current(&study).map(|best| report::Best { command: String::new(), ..best });
    let best = winner.as_ref().map(|best| &best.hyperparameters);
    let at = best.or_else(|| Some(&study.best()?.point)).cloned().unwrap_or_default();
    let model = || -> Result<_> {
        let space = study.space().transpose()?;
        Ok(space
            .and_then(|space| importance_and_slices(&space, &study, &at, &Seed::root(0).child("importance"))))
    };
    if args.json {
        let shown = report::Shown::of(&study, args.top, model()?);
        streams::print_line(serde_json::to_string(&shown)?)?;
        return Ok(Exit::Done);
    }
    streams::print(&report::study_text(&study, args.top))?;
    let remarks: String = report::Remark::of(&study).iter().map(|remark| format!("{remark}\n")).collect();
    streams::print(&remarks)?;
    if let Some(best) = &winner {
        streams::print(&format!("\n{}", report::winner_text(best)))?;
    }
    if let Some((importance, slices)) = model()? {
        streams::print(&format!("\n{}", report::importance_text(&importance, &study)))?;
        let good = report::GoodValues::of(&slices, study.direction());
        if !good.is_empty() {
            streams::print(&format!("\n{}", report::good_values_text(&good)))?;
        }
    }
    if ExternalSetup::of(&study).is_some() {
        return Ok(Exit::Done);
    }
    let best = winner.map(|best| best.hyperparameters).or_else(|| Some(study.best()?.point.clone()));
    if let Some(point) = best {
        streams::print(&format!("\n{}", network_text(&study, &point)))?;
    }
    Ok(Exit::Done)
}

/// A table of the network that `point` of `study` describes, or the reason why there is no network.
fn network_text(study: &Study, point: &Point) -> String {
    let Some(DataShape { sample, classes }) = DataShape::of(study) else {
        return "no network: the study does not say what its samples look like\n".to_owned();
    };
    let table = Plan::new(point, sample, classes).map_err(anyhow::Error::from);
    match table.and_then(|plan| net::plan_text(&plan.spec)) {
        Ok(table) => format!("network\n{table}"),
        Err(error) => format!("no network: {error:#}\n"),
    }
}
