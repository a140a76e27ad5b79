//! The front of a study with several metrics, as `best.json` has it.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scored::Scored;
use crate::space::Point;
use crate::study::{Attributes, Candidate, Confirmation, Spread, Study, Trial};

/// A trial on the front of several metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnFront {
    /// Its number.
    pub trial: u32,
    /// Its values, one for each metric, as the search knew them.
    pub values: Vec<f64>,
    /// Its hyperparameters.
    pub hyperparameters: Point,
    /// Its results by fresh seeds; left out if the trial was not confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<ConfirmedTrial>,
}

/// A trial of the front by fresh seeds, with all that makes it a winner when it is picked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmedTrial {
    /// Mean and standard deviation of each metric on the validation set; empty if a seed failed.
    pub metrics: Vec<Spread>,
    /// The first metric by seed on the validation set.
    pub validation: Scored,
    /// The first metric of the same networks on the test set; empty if a command evaluates the
    /// trials.
    pub test: Scored,
    /// The position of the best seed on the validation set, whose network is saved.
    pub seed: usize,
    /// That network: its topology, and its costs on the chip.
    pub network: Attributes,
    /// Its file, relative to the folder of this file; left out if it was not saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// SHA-256 of that file, in hex; files of earlier versions do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_sha256: Option<String>,
    /// Whether it breaks a constraint in the mean over the seeds; left out if it keeps all.
    #[serde(default, skip_serializing_if = "is_false")]
    pub breaks_constraint: bool,
    /// Its samples per second on the simulator of the machine that ended the study, measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_throughput: Option<f64>,
}

/// The front of `study`, and what else was confirmed in its place. `model` is the name of the winner's
/// network; the others lie in the folder beside it.
pub(super) fn front(study: &Study, confirmation: &Confirmation, model: Option<&str>) -> Vec<OnFront> {
    if study.metrics.len() < 2 {
        return Vec::new();
    }
    let on_front: Vec<u32> = study.pareto_front().iter().map(|trial| trial.number).collect();
    let candidate =
        |number| confirmation.candidates.iter().find(|one| confirmation.front && one.trial == number);
    let confirmed = |number| candidate(number).map(|one| confirmed_trial(study, one, model));
    let entry = |trial: &Trial| OnFront {
        trial: trial.number,
        values: trial.values.clone(),
        hyperparameters: trial.point.clone(),
        confirmed: confirmed(trial.number),
    };
    let is_shown = |trial: &&Trial| on_front.contains(&trial.number) || candidate(trial.number).is_some();
    study.trials.iter().filter(is_shown).map(entry).collect()
}

/// What is reported of a confirmed trial.
fn confirmed_trial(study: &Study, candidate: &Candidate, model: Option<&str>) -> ConfirmedTrial {
    let seed = candidate.best_seed(study.direction());
    let kept = candidate.test.get(seed).or(candidate.repeats.get(seed));
    let file = |model: &str| {
        let folder = Path::new(model).with_extension("front");
        format!("{}/trial-{}.safetensors", folder.display(), candidate.trial)
    };
    ConfirmedTrial {
        metrics: candidate.spreads(),
        validation: Scored::of(&candidate.repeats),
        test: Scored::of(&candidate.test),
        seed,
        network: kept.map(|repeat| repeat.attributes.clone()).unwrap_or_default(),
        model: model.filter(|_| !candidate.test.is_empty()).map(file),
        model_sha256: candidate.model_sha256.clone().filter(|_| model.is_some()),
        breaks_constraint: !candidate.keeps_constraints(),
        host_throughput: candidate.host_throughput,
    }
}

/// Whether a fact is left out, which it is where it does not hold.
fn is_false(fact: &bool) -> bool {
    !fact
}
