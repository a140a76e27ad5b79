//! One seed: the point is evaluated, and its network is tested.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result};

use super::subject::{Evaluator, Subject};
use crate::cli::setup::model;
use crate::cli::shown::exit::WhileRunning;
use crate::cli::signals::STOP;
use crate::objective::{Evaluation, Model, ModelFile};
use crate::report::{Costs, FailedSeed, SeedResult};
use crate::seed::Seed;
use crate::study::{Attributes, Outcome};

/// Name of the stream of seeds for checks, below a study's root seed.
const STREAM: &str = "check";

/// Where the costs of a network stand in the attributes of its test.
const COSTS: [(&str, &str); 6] = [
    ("energy", "/chip/energy_j/total"),
    ("latency", "/chip/latency_s"),
    ("cores", "/chip/cores"),
    ("parameters", "/chip/neurobench/ParameterCount"),
    ("synaptic-operations", "/chip/synaptic_operations_per_inference"),
    ("spikes", "/chip/spikes_per_inference"),
];

/// What became of one seed.
pub(super) enum Measured {
    /// It has results, and a network unless a command is run.
    Done(SeedResult, Option<Box<dyn Model>>),
    /// It has none.
    Failed(FailedSeed),
    /// A signal stopped it.
    Stopped,
}

impl Subject {
    /// Evaluates the point with the seed of this number.
    pub fn measure(&self, seed: u64) -> Measured {
        let stream = Seed::root(self.seed).child(STREAM).index(seed);
        let mut go_on = |_, _| match STOP.load(Ordering::Relaxed) {
            false => ControlFlow::Continue(()),
            true => ControlFlow::Break(()),
        };
        let evaluation = self.evaluator.objective().evaluate(&self.point, &stream, &mut go_on);
        match evaluation {
            // A command that a signal stopped fails.
            _ if STOP.load(Ordering::Relaxed) => Measured::Stopped,
            None => Measured::Stopped,
            Some(evaluation) => match result(seed, &evaluation) {
                Ok(result) => Measured::Done(result, evaluation.model),
                Err(reason) => Measured::Failed(FailedSeed { seed, reason }),
            },
        }
    }

    /// The values and costs of the network in `file`, deployed again; `None` if a command is run.
    ///
    /// # Errors
    /// The file holds no network of this program, or the network cannot be deployed.
    pub fn test_saved(&self, file: &Path) -> Result<Option<(Vec<f64>, Costs)>> {
        let Evaluator::Network(classify, _) = &self.evaluator else { return Ok(None) };
        let ModelFile::Saved(saved) = model::open(file)? else {
            return Err(anyhow::anyhow!("{}: is no network that tune check --record saved", file.display()));
        };
        let outcome = classify.test_saved(&saved);
        let tested = complete(&outcome).map_err(WhileRunning).with_context(|| file.display().to_string())?;
        Ok(Some((tested.0.to_vec(), costs(tested.1))))
    }
}

/// The results of an evaluation; the reason if it has none.
fn result(seed: u64, evaluation: &Evaluation) -> Result<SeedResult, String> {
    let (values, _) = complete(&evaluation.outcome)?;
    let Some(model) = &evaluation.model else {
        return Ok(SeedResult { seed, values: values.to_vec(), validation: Vec::new(), costs: Costs::new() });
    };
    let test = model.test();
    let (tested, attributes) = complete(&test)?;
    Ok(SeedResult { seed, values: tested.to_vec(), validation: values.to_vec(), costs: costs(attributes) })
}

/// The finite values and the attributes of `outcome`; the reason if it has none.
fn complete(outcome: &Outcome) -> Result<(&[f64], &Attributes), String> {
    match outcome {
        Outcome::Complete { values, attributes, .. } if values.iter().all(|value| value.is_finite()) => {
            Ok((values, attributes))
        }
        Outcome::Complete { values, .. } => Err(format!("values {values:?}: must be finite")),
        Outcome::Failed { failure, .. } => Err(failure.reason.clone()),
    }
}

fn costs(attributes: &Attributes) -> Costs {
    let facts = serde_json::to_value(attributes).expect("attributes are JSON");
    let cost = |&(name, place): &(&str, &str)| Some((name.to_owned(), facts.pointer(place)?.as_f64()?));
    COSTS.iter().filter_map(cost).collect()
}
