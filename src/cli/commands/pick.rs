//! `tune pick`: another winner from the front of a study that has ended, without new training.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;

use crate::cli::options::storage::StorageArgs;
use crate::cli::reproduce;
use crate::cli::setup::output::{Inputs, Output};
use crate::cli::setup::{best, model};
use crate::cli::shown::exit::{Exit, WhileRunning};
use crate::cli::shown::streams;
use crate::objective::ModelFile;
use crate::output;
use crate::report::{Best, against_text, winner_text};
use crate::study::Pick;

#[derive(Debug, Args)]
pub(crate) struct PickArgs {
    /// Result of a study: a best.json, or the name of a study
    ///
    /// The front of the study must be confirmed. A name finds the study in --storage, whose networks only best.json
    /// knows.
    #[arg(value_name = "RESULT")]
    pub best: String,
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
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// Picks, prints and writes the winner that `args` ask for.
pub(crate) fn run(args: &PickArgs) -> Result<Exit> {
    let reference = args.against.as_deref().map(|file| best::read(file, "--against")).transpose()?;
    let best = best::of_file_or_study(&args.best, &args.storage.storage)?;
    let mut picked = best.picked(&args.rule).with_context(|| args.best.clone())?;
    picked.command = reproduce::with_option(&picked.command, "pick", &picked.trial.to_string());
    if let Some(out) = &args.out {
        picked.command = reproduce::with_option(&picked.command, "out", &out.display().to_string());
        write(args, out, &best, &mut picked)?;
    }
    streams::print(&winner_text(&picked))?;
    if let (Some(reference), Some(file)) = (&reference, &args.against) {
        streams::print_line(against_text(&picked, reference, &file.display().to_string()))?;
    }
    if is_beyond(&picked) {
        streams::say("the winner breaks a constraint in the mean of its fresh seeds");
    }
    streams::say(match &args.out {
        None if picked.model.is_some() => {
            "nothing is written: --out FILE writes this winner, with its network beside it".to_owned()
        }
        None => "nothing is written: --out FILE writes this winner".to_owned(),
        Some(out) => written(out, &picked),
    });
    Ok(Exit::Done)
}

/// Whether the winner `picked` breaks a constraint by fresh seeds.
fn is_beyond(picked: &Best) -> bool {
    let mut of_winner = picked.front.iter().filter(|one| one.trial == picked.trial);
    of_winner.any(|one| one.confirmed.as_ref().is_some_and(|confirmed| confirmed.breaks_constraint))
}

/// The files that were written.
fn written(out: &Path, picked: &Best) -> String {
    let network =
        picked.model.as_ref().map(|_| format!(" and {}", out.with_extension("safetensors").display()));
    let without = picked.setup.as_ref().map(|_| {
        ", without a network: there is none to copy; pick from the study's best.json where that has one"
            .to_owned()
    });
    format!("written to {}{}", out.display(), network.or(without).unwrap_or_default())
}

/// Writes `picked` of `best` to `out`, with a copy of its network beside it if that is there.
fn write(args: &PickArgs, out: &Path, best: &Best, picked: &mut Best) -> Result<()> {
    let folder = Path::new(&args.best).parent().unwrap_or(Path::new(""));
    let output = Output::check_with_model(out, &inputs(args, folder, best))?;
    match (picked.model.take(), output.model()) {
        (Some(source), Some(file)) => {
            copy(&folder.join(source), file, picked)?;
            picked.model = file.file_name().map(|name| name.to_string_lossy().into_owned());
        }
        (None, Some(file)) if file.exists() => bail!(
            "--out {}: there is no network of trial {} to copy, and {} holds another one: choose another name",
            out.display(),
            picked.trial,
            file.display()
        ),
        _ => {}
    }
    if picked.model.is_none() {
        *picked = picked.clone().without_model();
    }
    for one in &mut picked.front {
        // The folder of the other networks stays where it is.
        if let Some(confirmed) =
            one.confirmed.as_mut().filter(|_| folder != out.parent().unwrap_or(Path::new("")))
        {
            (confirmed.model, confirmed.model_sha256) = (None, None);
        }
    }
    output.write(picked.to_text()).map_err(|error| anyhow!(error))
}

/// The files that no output may replace: the result, and the networks that it names.
fn inputs(args: &PickArgs, folder: &Path, best: &Best) -> Inputs {
    let of_front = best.front.iter().filter_map(|one| one.confirmed.as_ref()?.model.as_ref());
    let networks = best.model.iter().chain(of_front).map(|model| folder.join(model));
    let named = Inputs::default().with("RESULT", Some(&args.best)).with("--against", args.against.as_ref());
    networks.fold(named, |inputs, network| inputs.with("the network", Some(network)))
}

/// Copies the network of `picked` from `source` to `file`.
///
/// # Errors
/// `source` is gone, is no network, or is not that of `picked`.
fn copy(source: &Path, file: &Path, picked: &Best) -> Result<()> {
    let way_out = || {
        format!("the network of trial {}: run the command of the study again to make it anew", picked.trial)
    };
    let model = model::open(source).with_context(way_out)?;
    let failed = |error| WhileRunning(format!("cannot copy {}: {error}", source.display()));
    let is_same = match &picked.model_sha256 {
        Some(sha256) => output::sha256(source).map_err(failed)? == *sha256,
        None => is_of_same_data(picked, &model)?,
    };
    if !is_same {
        return Err(anyhow!("{}: holds another network", source.display())).with_context(way_out);
    }
    let weights = std::fs::read(source).map_err(failed)?;
    output::write(file, &weights).map_err(failed)?;
    Ok(())
}

/// Whether `model` was trained on the data set of `picked`, as far as both say it: a result of an
/// earlier version has no checksum of its network.
fn is_of_same_data(picked: &Best, model: &ModelFile) -> Result<bool> {
    let trained_on = model.description()?.trained_on;
    let both = picked.setup.as_ref().zip(trained_on);
    Ok(both.is_none_or(|(setup, trained_on)| setup.dataset_sha256 == trained_on.dataset_sha256))
}
