//! The winner of a study as a report has it: its scores, its costs, its layers and cores.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use super::number::{Interval, short};
use crate::report::check::Scale;
use crate::report::facts::Fact;
use crate::report::interval::accuracy_interval;
use crate::report::text::attribute;
use crate::space::Point;
use crate::study::{Attributes, Confirmation, Repeat, Setup, Spread, Study, Trial, test_samples};

/// The most cores that a report lists.
const CORES: usize = 128;
/// The parts of the energy in the report of a chip, each with its words.
const ENERGIES: [(&str, &str); 4] = [
    ("synapse", "synaptic operations"),
    ("neuron", "neurons"),
    ("network", "packets between cores"),
    ("static", "static power"),
];

/// The winner; before the end of the study the best trial so far.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Winner {
    /// Its number.
    pub trial: u32,
    /// Whether the study has ended with it. If not, it is the best trial so far.
    pub ended: bool,
    /// Its values, one per metric, as the search knew them.
    pub searched: Vec<Option<f64>>,
    /// The first metric on the validation set over fresh seeds; `null` if there were none, or if one
    /// failed.
    pub validation: Option<Interval>,
    /// The first metric on the test set over the same seeds; `null` if there is none.
    pub test: Option<Interval>,
    /// The trial of the default point; `null` if the study has none.
    pub default: Option<DefaultTrial>,
    /// Its hyperparameters.
    pub hyperparameters: Point,
    /// Costs and other measurements of its network, in words.
    pub costs: Vec<Fact>,
    /// Its layers on the chip, in order; empty if a command evaluates the trials.
    pub layers: Vec<Layer>,
    /// The parts of the mean energy of an inference, in joules; empty if the chip has no such
    /// constants.
    pub energy: Vec<EnergyPart>,
    /// The cores in use.
    pub cores: Cores,
}

/// The trial of the default point.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DefaultTrial {
    /// Its number.
    pub trial: u32,
    /// Its first metric, as the search knew it; `null` if it failed.
    pub searched: Option<f64>,
    /// How much better the winner's first metric is, by fresh seeds if there are any: positive is better.
    pub gain: Option<f64>,
}

/// A layer of the winner's network on the chip.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Layer {
    /// Its kind: dense, convolution or pool.
    pub kind: String,
    /// The mean share of its neurons that fire.
    pub firing: Option<f64>,
    /// The share of its neurons that never fired in validation.
    pub dead: Option<f64>,
    /// The share of its neurons that always fired in validation.
    pub always_on: Option<f64>,
    /// The relative rounding error of its weights.
    pub weight_error: Option<f64>,
}

/// A part of the energy of an inference.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct EnergyPart {
    /// What takes the energy.
    pub part: String,
    /// Joules per inference.
    pub joules: f64,
}

/// The cores of the winner's network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Cores {
    /// The number of cores in use.
    pub count: u64,
    /// Neurons on each core, for the first 128 cores.
    pub neurons: Vec<u64>,
    /// Bits of synapse memory on each core, for the first 128 cores.
    pub synapse_bits: Vec<u64>,
}

impl Winner {
    /// The winner of `study`, or its best trial so far; `None` while no trial has a value.
    pub(super) fn of(study: &Study, confirmation: Option<&Confirmation>) -> Option<Self> {
        let numbered = |number| study.trials.iter().find(|trial| trial.number == number);
        let confirmed = confirmation.and_then(|one| Some((one, numbered(one.winner().trial)?)));
        let trial = confirmed.map(|(_, trial)| trial).or_else(|| study.best())?;
        let repeats = confirmed.map_or(&[][..], |(one, _)| &one.winner().repeats);
        let test = confirmed.map_or(&[][..], |(one, _)| &one.test);
        let is_repeated = confirmed.is_some_and(|(one, _)| one.is_by_seeds());
        let kept = confirmed.and_then(|(one, _)| test.get(one.kept).or(repeats.get(one.kept)));
        let network = kept.map_or(&trial.attributes, |repeat| &repeat.attributes);
        let mut costs = costs(network);
        if let Some(rate) = confirmed.and_then(|(one, _)| one.winner().host_throughput) {
            costs.push(Fact::new("host throughput", format!("{} /s", crate::units::digits(rate))));
        }
        let chip = network.get("chip");
        Some(Self {
            trial: trial.number,
            ended: confirmed.is_some(),
            searched: trial.values.iter().copied().map(short).collect(),
            validation: interval(study, repeats).filter(|_| is_repeated),
            test: interval(study, test).map(|test| with_samples(study, test)),
            default: default_trial(study, trial, Spread::of(repeats).map(|spread| spread.mean)),
            hyperparameters: trial.point.clone(),
            costs,
            layers: chip.map(|chip| layers(chip, network)).unwrap_or_default(),
            energy: chip.map(energy).unwrap_or_default(),
            cores: chip.map(cores).unwrap_or_default(),
        })
    }
}

fn interval(study: &Study, repeats: &[Repeat]) -> Option<Interval> {
    Spread::of(repeats)
        .map(|spread| Interval::of(Scale::of(&study.metrics[0], Setup::of(study).is_some()), &spread))
}

/// The trial of the default point of `study`, beside the `winner`.
fn default_trial(study: &Study, winner: &Trial, confirmed: Option<f64>) -> Option<DefaultTrial> {
    let default = crate::report::result::default_trial(study)?;
    let direction = study.direction();
    // By fresh seeds if there are any: the winner of a search had luck as well.
    let now = confirmed.or(winner.values.first().copied());
    let gain = default.searched.zip(now).map(|(before, now)| direction.loss(before) - direction.loss(now));
    Some(DefaultTrial {
        trial: default.trial,
        searched: default.searched.and_then(short),
        gain: gain.and_then(short),
    })
}

/// The measurements of a network that are no lists.
fn costs(network: &Attributes) -> Vec<Fact> {
    let is_short = |value: &Json| !value.is_object() && !value.is_array();
    let rows =
        network.iter().filter(|(_, value)| is_short(value)).map(|(name, value)| attribute(name, value));
    rows.map(|(name, value)| Fact::new(&name, value)).collect()
}

/// The layers in the report of a `chip`, with what the training of the `network` told of them.
fn layers(chip: &Json, network: &Attributes) -> Vec<Layer> {
    let kinds = chip["kinds"].as_array().map_or(&[][..], Vec::as_slice);
    let number = |list: Option<&Json>, at: usize| list?.get(at)?.as_f64().and_then(short);
    let is_pool = |kind: Option<&Json>| kind.and_then(Json::as_str) == Some("pool");
    let mut trained = 0;
    let layer = |(at, kind): (usize, &Json)| {
        // In training a pool belongs to the layer before it, whose neurons are then those of the pool.
        let own = (!is_pool(kinds.get(at + 1))).then_some(trained);
        trained += usize::from(own.is_some());
        Layer {
            kind: kind.as_str().unwrap_or("layer").to_owned(),
            firing: number(chip.get("activity"), at),
            dead: own.and_then(|own| number(network.get("dead"), own)),
            always_on: own.and_then(|own| number(network.get("always_on"), own)),
            weight_error: number(chip.get("weight_errors"), at),
        }
    };
    kinds.iter().enumerate().map(layer).collect()
}

fn energy(chip: &Json) -> Vec<EnergyPart> {
    let part = |&(key, words): &(&str, &str)| {
        let joules = chip["energy_j"][key].as_f64().and_then(short)?;
        Some(EnergyPart { part: words.to_owned(), joules })
    };
    ENERGIES.iter().filter_map(part).collect()
}

fn cores(chip: &Json) -> Cores {
    let listed = chip["core_use"].as_array().map_or(&[][..], Vec::as_slice);
    let column =
        |key: &str| listed.iter().take(CORES).map(|core| core[key].as_u64().unwrap_or(0)).collect::<Vec<_>>();
    Cores {
        count: chip["cores"].as_u64().unwrap_or(0),
        neurons: column("neurons"),
        synapse_bits: column("synapse_bits"),
    }
}

/// `test` with an interval that counts the test samples as well as the seeds, if it is an accuracy.
fn with_samples(study: &Study, test: Interval) -> Interval {
    let samples = test_samples(study).filter(|&samples| samples > 0 && study.metrics[0].name == "accuracy");
    let spread = Spread { count: test.count, mean: test.mean, sd: test.sd };
    let interval = samples.map(|samples| accuracy_interval(&spread, samples)).or(test.interval);
    Interval { interval, ..test }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::html::fixtures::study;
    use crate::study::{CONFIRMATION, Candidate};

    fn repeat(value: f64, attributes: Json) -> Repeat {
        let attributes = serde_json::from_value(attributes).expect("an object");
        Repeat { value: Some(value), values: Vec::new(), constraints: Vec::new(), attributes }
    }

    #[test]
    fn what_the_training_told_of_a_pooled_layer_stands_at_its_pool() {
        let chip = json!({"kinds": ["convolution", "pool", "dense"], "activity": [0.3, 0.2, 0.1]});
        let network =
            [("dead".to_owned(), json!([0.25, 0.5])), ("always_on".to_owned(), json!([0.125, 0.0]))];
        let layers = layers(&chip, &network.into_iter().collect());
        let told: Vec<_> = layers.iter().map(|layer| (layer.dead, layer.always_on)).collect();
        assert_eq!(told, [(None, None), (Some(0.25), Some(0.125)), (Some(0.5), Some(0.0))]);
    }

    #[test]
    fn before_a_confirmation_the_best_trial_stands_in() {
        let study = study(30);
        let winner = Winner::of(&study, None).expect("trials have values");
        assert_eq!((winner.ended, Some(winner.trial)), (false, study.best().map(|trial| trial.number)));
        let default = winner.default.expect("trial 0");
        // The first trial has a loss of 0, the best possible.
        assert_eq!((default.trial, default.searched, default.gain), (0, Some(0.0), Some(0.0)));
        assert_eq!((winner.validation, winner.layers.len()), (None, 0));
    }

    #[test]
    fn a_confirmed_winner_has_intervals_layers_energy_and_cores() {
        let mut study = study(30);
        let chip = json!({"kinds": ["dense", "dense"], "activity": [0.25, 0.1], "weight_errors": [0.01, 0.02],
            "energy_j": {"synapse": 1e-9, "neuron": null, "network": 2e-9, "static": 0.0}, "cores": 2,
            "core_use": [{"core": 0, "neurons": 5, "synapse_bits": 70}, {"core": 1, "neurons": 6}]});
        let network = json!({"dead": [0.5, 0.0], "modelled_energy_nj": 3.0, "chip": chip});
        let confirmation = Confirmation {
            trials: 30,
            repeats: 2,
            wanted: 1,
            front: false,
            pick: None,
            candidates: vec![Candidate {
                trial: 7,
                stopped: false,
                repeats: vec![repeat(0.2, json!({})), repeat(0.3, json!({}))],
                test: Vec::new(),
                model_sha256: None,
                host_throughput: None,
            }],
            test: vec![repeat(0.25, network), repeat(0.35, json!({}))],
            kept: 0,
        };
        study.attributes.insert(CONFIRMATION.to_owned(), confirmation.to_json());
        let winner = Winner::of(&study, Some(&confirmation)).expect("a winner");
        assert_eq!((winner.trial, winner.ended), (7, true));
        assert_eq!(winner.test.map(|test| test.mean), Some(0.3));
        assert_eq!(winner.layers[0].firing.zip(winner.layers[0].dead), Some((0.25, 0.5)));
        let parts: Vec<&str> = winner.energy.iter().map(|part| part.part.as_str()).collect();
        assert_eq!(parts, ["synaptic operations", "packets between cores", "static power"]);
        assert_eq!((winner.cores.count, &winner.cores.neurons[..]), (2, &[5, 6][..]));
        assert_eq!(winner.costs[0], Fact::new("modelled_energy", "3.000 nJ".into()));
    }
}
