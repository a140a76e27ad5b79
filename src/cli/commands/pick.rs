//! `tune pick`: another winner from the front of a study that has ended, without new training.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::Args;

use crate::cli::setup::output::{Inputs, Output};
use crate::cli::setup::{best, model};
use crate::cli::shown::exit::{Exit, WhileRunning};
use crate::cli::shown::streams;
use crate::output;
use crate::report::{Best, against_text, winner_text};
use crate::study::Pick;

#[derive(Debug, Args)]
pub(crate) struct PickArgs {
    /// Result of a study, a best.json
    ///
    /// The front of the study must be confirmed.
    #[arg(value_name = "FILE")]
    pub best: PathBuf,
    /// knee, a trial's number, or METRIC within VALUE
    ///
    /// Says which trial of the front wins.
    ///
    /// "energy within 0.005" is the trial with the least energy whose first metric is at most 0.005 worse than the best.
    #[arg(value_name = "RULE")]
    pub rule: Pick,
    /// Compare the winner with that of another best.json
    ///
    /// By energy, latency, throughput and accuracy.
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,
    /// File for the result with the picked winner
    ///
    /// Its network goes beside it as .safetensors.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Picks, prints and writes the winner that `args` ask for.
pub(crate) fn run(args: &PickArgs) -> Result<Exit> {
    let reference = args.against.as_deref().map(|file| best::read(file, "--against")).transpose()?;
    let best = best::read(&args.best, "")?;
    let mut picked = best.picked(&args.rule).with_context(|| args.best.display().to_string())?;
    if let Some(out) = &args.out {
        write(args, out, &mut picked)?;
    }
    streams::print(&winner_text(&picked))?;
    if let (Some(reference), Some(file)) = (&reference, &args.against) {
        streams::print_line(against_text(&picked, reference, &file.display().to_string()))?;
    }
    Ok(Exit::Done)
}

/// Writes `picked` to `out`, with a copy of its network beside it if that is there.
fn write(args: &PickArgs, out: &Path, picked: &mut Best) -> Result<()> {
    let inputs = Inputs::default().with("FILE", Some(&args.best)).with("--against", args.against.as_ref());
    let output = Output::check_with_model(out, &inputs)?;
    let folder = args.best.parent().unwrap_or(Path::new(""));
    let source = picked.model.take().map(|model| folder.join(model));
    if let Some(source) = source.as_ref().filter(|_| output.model().is_some()) {
        model::open(source).with_context(|| {
            format!(
                "the network of trial {}: run the command of the study again to make it anew",
                picked.trial
            )
        })?;
    }
    if let (Some(source), Some(file)) = (source, output.model()) {
        let failed = |error| WhileRunning(format!("cannot copy {}: {error}", source.display()));
        let weights = std::fs::read(&source).map_err(failed)?;
        output::write(file, &weights).map_err(failed)?;
        picked.model = file.file_name().map(|name| name.to_string_lossy().into_owned());
    }
    if picked.model.is_none() {
        (picked.model_seed, picked.model_test) = (None, None);
    }
    for one in &mut picked.front {
        // The folder of the other networks stays where it is.
        if let Some(confirmed) = &mut one.confirmed {
            confirmed.model =
                confirmed.model.take().filter(|_| folder == out.parent().unwrap_or(Path::new("")));
        }
    }
    output.write(picked.to_text()).map_err(|error| anyhow!(error))
}
