//! The winner of a study, trained again: whether it came to the same.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::Best;
use crate::study::{Attributes, Spread};
use crate::units::digits;

/// The program and its version.
const PROGRAM: &str = concat!("tune ", env!("CARGO_PKG_VERSION"));
/// Version of the JSON form of a [`Rerun`].
const SCHEMA: u32 = 1;

/// Endings of attributes that are measured times, which no rerun repeats.
const TIMES: &str = "_seconds";

/// The winner of a study, trained again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rerun {
    /// Version of this form.
    pub schema: u32,
    /// The program and its version.
    pub program: String,
    /// Whether everything that could be compared is the same, bit for bit.
    pub same: bool,
    /// What differs, one sentence each.
    pub differences: Vec<String>,
    /// How many results were compared: on the validation set, and on the test set.
    pub compared: [usize; 2],
    /// The network's file, beside what this run trained.
    pub network: NetworkFile,
    /// The results by seed.
    pub seeds: Vec<RerunSeed>,
    /// The first metric on the test set over all seeds; `null` if one failed.
    pub test: Option<Spread>,
}

/// The results of one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RerunSeed {
    /// The first metric on the validation set; `null` if it failed.
    pub validation: Option<f64>,
    /// The first metric on the test set; `null` if it failed.
    pub test: Option<f64>,
}

/// The file of the saved network, beside what a rerun trained; the closer to it, the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkFile {
    /// There is no file, or its seed was not trained.
    NotCompared,
    /// Weights, thresholds or key differ.
    Different,
    /// Weights, thresholds and key are the same; what the file says about them is not, as between versions.
    SameNetwork,
    /// Every byte is the same.
    SameBytes,
}

impl Rerun {
    /// The comparison of `best` with the results `seeds` of its first seeds, with the saved network's
    /// `attributes` on the test set if its seed is among them, and with its file.
    pub fn of(
        best: &Best,
        seeds: Vec<RerunSeed>,
        attributes: Option<&Attributes>,
        network: NetworkFile,
    ) -> Self {
        let mut differences = Vec::new();
        let mut compare = |part: &str, recorded: &[Option<f64>], found: fn(&RerunSeed) -> Option<f64>| {
            let pairs = recorded.iter().zip(&seeds);
            for (seed, (old, new)) in pairs.clone().enumerate() {
                let new = found(new);
                if old.map(f64::to_bits) != new.map(f64::to_bits) {
                    let shown =
                        |value: Option<f64>| value.map_or("failed".to_owned(), |value| value.to_string());
                    let (old, new) = (shown(*old), shown(new));
                    differences.push(format!("seed {seed} on the {part} set: {old} in the file, {new} now"));
                }
            }
            pairs.len()
        };
        let validation = compare("validation", &best.validation.values, |seed| seed.validation);
        let test = compare("test", &best.test.values, |seed| seed.test);
        let others = attributes.map(|found| other_attributes(&best.network, found)).unwrap_or_default();
        differences.extend(others.into_iter().map(|name| format!("{name} of the saved network is another")));
        if network == NetworkFile::Different {
            differences.push("the weights of the saved network are others".to_owned());
        }
        let values: Option<Vec<f64>> = seeds.iter().map(|seed| seed.test).collect();
        Self {
            schema: SCHEMA,
            program: PROGRAM.to_owned(),
            same: differences.is_empty(),
            differences,
            compared: [validation, test],
            network,
            test: values.and_then(|values| Spread::of_values(&values)),
            seeds,
        }
    }

    /// That nothing was trained again, since the chip or the data are others: `difference` says which.
    pub fn of_others(difference: String) -> Self {
        Self {
            schema: SCHEMA,
            program: PROGRAM.to_owned(),
            same: false,
            differences: vec![difference],
            compared: [0, 0],
            network: NetworkFile::NotCompared,
            seeds: Vec::new(),
            test: None,
        }
    }

    /// A few lines for people.
    pub fn to_text(&self) -> String {
        let [validation, test] = self.compared;
        let file = match self.network {
            NetworkFile::SameBytes => ", and every byte of the network's file",
            NetworkFile::SameNetwork => {
                ", and the network in its file; what the file says about it is of another version"
            }
            NetworkFile::Different | NetworkFile::NotCompared => "",
        };
        let mut text = match self.same {
            true => format!(
                "same: {validation} values on the validation set and {test} on the test set, bit for bit{file}\n"
            ),
            false => format!("different: {}\n", self.differences.join("; ")),
        };
        if let Some(Spread { count, mean, sd }) = self.test {
            let seeds = if count == 1 { "seed" } else { "seeds" };
            text +=
                &format!("test set: {} +- {} (mean and sd of {count} {seeds})\n", digits(mean), digits(sd));
        }
        text
    }
}

/// The names of the attributes that are there and differ, times left out.
fn other_attributes(recorded: &Attributes, found: &Attributes) -> Vec<String> {
    let differs = |(name, old): &(&String, &Json)| !name.ends_with(TIMES) && found.get(*name) != Some(*old);
    recorded.iter().filter(differs).map(|(name, _)| name.clone()).collect()
}
