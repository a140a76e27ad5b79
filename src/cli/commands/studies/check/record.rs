//! `tune check --record`: the point's results with several seeds become the baseline.

use anyhow::Result;

use super::args::CheckArgs;
use super::measure::Measured;
use super::subject::Subject;
use crate::cli::shown::exit::{Exit, WhileRunning};
use crate::cli::shown::streams;
use crate::objective::Model;
use crate::output;
use crate::report::{Baseline, BaselineModel, Scale, SeedResult};
use crate::study::Direction;

/// Trains `subject` with every seed and writes the baseline, with the best network beside it.
///
/// # Errors
/// A seed has no result, or a file cannot be written.
pub(super) fn record(args: &CheckArgs, subject: &Subject) -> Result<Exit> {
    if let Some(other) = other_study(args, subject).filter(|_| !args.quiet) {
        streams::say(format_args!(
            "{} will be replaced: it is the baseline of {other}",
            args.baseline.display()
        ));
    }
    let metric = &subject.metrics[0];
    let scale = Scale::of(metric, subject.evaluator.facts().is_some());
    let mut seeds: Vec<SeedResult> = Vec::new();
    let mut best: Option<(f64, u64, Box<dyn Model>)> = None;
    for seed in 0..u64::from(args.seeds) {
        let (result, model) = match subject.measure(seed) {
            Measured::Done(result, model) => (result, model),
            Measured::Stopped => return Ok(Exit::Interrupted),
            Measured::Failed(failed) => {
                return Err(WhileRunning(format!("seed {seed} has no result: {}", failed.reason)).into());
            }
        };
        if args.is_for_people() {
            streams::say(result.text(scale));
        }
        let loss = validation_loss(&result, metric.direction);
        if let Some(model) = model.filter(|_| best.as_ref().is_none_or(|(least, ..)| loss < *least)) {
            best = Some((loss, seed, model));
        }
        seeds.push(result);
    }
    let model = best.map(|(_, seed, model)| save(args, subject, seed, model.as_ref())).transpose()?.flatten();
    let baseline = baseline(subject, seeds, model);
    output::write(&args.baseline, baseline.to_text().as_bytes())
        .map_err(|error| WhileRunning(format!("cannot write {}: {error}", args.baseline.display())))?;
    if !args.quiet {
        streams::print(&baseline.text())?;
        streams::say(format_args!("written to {}", args.baseline.display()));
    }
    Ok(Exit::Done)
}

/// The study of the baseline that will be replaced, if there is one of another study.
fn other_study(args: &CheckArgs, subject: &Subject) -> Option<String> {
    let text = std::fs::read_to_string(&args.baseline).ok()?;
    let old: Baseline = serde_json::from_str(&text).ok()?;
    (old.study != subject.study).then_some(old.study)
}

fn validation_loss(result: &SeedResult, direction: Direction) -> f64 {
    result.validation.first().map_or(f64::INFINITY, |&value| direction.loss(value))
}

/// Saves the network of `seed`, and tests what was saved.
fn save(args: &CheckArgs, subject: &Subject, seed: u64, model: &dyn Model) -> Result<Option<BaselineModel>> {
    let file = args.model();
    let unwritten = |error: std::io::Error| WhileRunning(format!("cannot write {}: {error}", file.display()));
    model.save(&file).map_err(unwritten)?;
    let sha256 = Some(output::sha256(&file).map_err(unwritten)?);
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let tested = subject.test_saved(&file)?;
    Ok(tested.map(|(values, costs)| BaselineModel { file: name, sha256, seed, values, costs }))
}

fn baseline(subject: &Subject, seeds: Vec<SeedResult>, model: Option<BaselineModel>) -> Baseline {
    let (schema, program) = Baseline::version();
    let facts = subject.evaluator.facts();
    Baseline {
        schema,
        program,
        command: subject.command.clone(),
        study: subject.study.clone(),
        dataset: facts.map(|facts| facts.dataset.clone()),
        dataset_sha256: facts.map(|facts| facts.dataset_sha256.clone()),
        chip: facts.map(|facts| facts.chip.clone()),
        chip_sha256: facts.map(|facts| facts.chip_sha256.clone()),
        metrics: subject.metrics.clone(),
        hyperparameters: subject.point.clone(),
        seed: subject.seed,
        seeds,
        model,
    }
}
