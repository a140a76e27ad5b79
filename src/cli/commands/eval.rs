//! `tune eval`: a trained network scored on a chip.

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::backend::Chip;
use crate::cli::args::{EvalArgs, FaultChoice, PartKind};
use crate::cli::setup::{config, machine, model};
use crate::cli::shown::exit::Exit;
use crate::data::InputCoding;
use crate::objective::{DataPart, ModelFile, Robustness, Scoring, Sweep};
use crate::report;

/// Where a file says nothing and the chip takes plain spikes, an input above half of its range is one.
const HALF: InputCoding = InputCoding::Threshold { at: 0.5 };

/// Scores the network that `args` name.
pub(crate) fn run(args: &EvalArgs) -> Result<Exit> {
    machine::use_threads(args.threads)?;
    let name = args.model.display().to_string();
    let (profile, _) = config::chip(&args.chip)?;
    let model = model::open(&args.model)?;
    let chip = Chip::new(profile);
    let coding = coding(args, &model, &chip).with_context(|| name.clone())?;
    let dataset = config::dataset(&args.data, !args.json)?;
    let mut deploy = model.deploy();
    deploy.weight_bits = args.weight_bits.or(deploy.weight_bits);
    let part = match args.part {
        PartKind::Test => DataPart::Test,
        PartKind::Train => DataPart::Train,
    };
    let sweep = sweep(args);
    let faults = sweep.as_ref();
    let scoring =
        Scoring { name: &name, model: &model, chip: &chip, dataset: &dataset, part, coding, deploy, faults };
    let score = scoring.score().with_context(|| name.clone())?;
    if args.json {
        println!("{}", serde_json::to_string(&score)?);
    } else {
        print!("{}", report::network_text(&score.attributes(), &json!(score.chip)));
        score.faults.iter().for_each(|faults| print!("\n{}", table(faults)));
    }
    match args.fail_under {
        Some(least) if score.accuracy < least => {
            eprintln!("the network scores {:.4}, below --fail-under {least}", score.accuracy);
            Ok(Exit::BelowTarget)
        }
        _ => Ok(Exit::Done),
    }
}

/// How inputs are coded: as asked for, as the file says, or as the chip can take them.
fn coding(args: &EvalArgs, model: &ModelFile, chip: &Chip) -> Result<InputCoding> {
    if let Some(coding) = args.input_coding.or(model.coding()?) {
        return Ok(coding);
    }
    match model {
        ModelFile::Saved(saved) if saved.network.input_max > 1 => Ok(InputCoding::Graded),
        ModelFile::Saved(_) => bail!("does not say how inputs are coded: name it with --input-coding"),
        ModelFile::Nir(_) if chip.takes_graded_inputs() => Ok(InputCoding::Graded),
        ModelFile::Nir(_) => {
            let chip = &chip.profile().name;
            eprintln!(
                "no input coding in the file, and {chip} takes plain spikes: --input-coding {HALF} is used"
            );
            Ok(HALF)
        }
    }
}

/// The faults that are asked for, if any.
fn sweep(args: &EvalArgs) -> Option<Sweep> {
    let faults = FaultChoice::chosen(&args.faults);
    let (rates, maps, seed) = (args.fault_rates.clone(), args.fault_maps, args.seed);
    (!faults.is_empty()).then_some(Sweep { faults, rates, maps, seed })
}

/// A line a fault and rate.
fn table(faults: &Robustness) -> String {
    let mut text = format!("{:<16}  {:>8}  {:>6}  {:>6}  {:>6}\n", "fault", "rate", "mean", "sd", "worst");
    for score in &faults.scores {
        let name = score.fault.name();
        text += &format!(
            "{name:<16}  {:>8}  {:.4}  {:.4}  {:.4}\n",
            score.rate, score.mean, score.sd, score.worst
        );
    }
    text
}
