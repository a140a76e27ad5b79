//! Two winners beside each other: the difference of their first metric, and how sure it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::Scale;
use super::result::{Best, Scored, against_text};
use crate::study::{Difference, Metric, Spread, WRONG};

/// Version of the JSON form of a [`Comparison`].
const SCHEMA: u32 = 1;

/// Two winners, compared in their first metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Version of this form.
    pub schema: u32,
    /// The names of the two results.
    pub studies: [String; 2],
    /// The metric.
    pub metric: Metric,
    /// How its values are shown.
    pub scale: Scale,
    /// Whether the values are those of the test set; otherwise of the validation set, or of a
    /// command.
    pub on_test_set: bool,
    /// The mean and the standard deviation of each of the two.
    pub spreads: [Spread; 2],
    /// Whether the values were compared in pairs: both have the same seeds.
    pub paired: bool,
    /// The second mean minus the first, with a 95 % confidence interval; `null` if one of the two
    /// has fewer than two seeds.
    pub difference: Option<Difference>,
    /// What the saved networks cost, in one line.
    pub costs: String,
}

/// Why two results cannot be compared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CompareError {
    /// They have other metrics.
    #[error("the first metrics differ: {0} and {1}")]
    Metrics(String, String),
    /// They were made with other data.
    #[error("the data sets differ: {0} and {1}: compare studies of the same data")]
    Data(String, String),
    /// A seed of one has no value.
    #[error("{0}: a seed of the winner has no value")]
    Failed(String),
}

impl Comparison {
    /// Compares the winner `second` with the winner `first`, which are called by their `names`.
    ///
    /// # Errors
    /// The two have other metrics or data, or a seed without a value.
    pub fn of(first: &Best, second: &Best, names: [&str; 2]) -> Result<Self, CompareError> {
        let both = [first, second];
        let [a, b] = both.map(|best| best.metrics.first());
        let (Some(metric), true) = (a, a == b) else {
            let name = |metric: Option<&Metric>| metric.map_or(String::new(), |metric| metric.name.clone());
            return Err(CompareError::Metrics(name(a), name(b)));
        };
        let data = both.map(|best| best.setup.as_ref().map(|setup| &setup.dataset_sha256));
        if data[0] != data[1] {
            let name = |best: &Best| match &best.setup {
                None => "none".to_owned(),
                Some(setup) => format!("{} ({:.12}...)", setup.dataset, setup.dataset_sha256),
            };
            let [a, b] = both.map(name);
            return Err(CompareError::Data(a, b));
        }
        let on_test_set = both.iter().all(|best| best.test.spread.is_some());
        let scored = both.map(|best| if on_test_set { &best.test } else { &best.validation });
        let values = [values(scored[0], first)?, values(scored[1], second)?];
        let paired = values[0].len() == values[1].len() && are_of_the_same_seeds(first, second);
        Ok(Self {
            schema: SCHEMA,
            studies: names.map(str::to_owned),
            metric: metric.clone(),
            scale: Scale::of(metric, first.setup.is_some()),
            on_test_set,
            spreads: [spread(&values[0]), spread(&values[1])],
            paired,
            difference: difference(&values, paired),
            costs: against_text(second, first, names[0]),
        })
    }

    /// The comparison in a few lines.
    pub fn text(&self) -> String {
        let part = if self.on_test_set { ", test" } else { "" };
        let mut text = String::new();
        for (study, spread) in self.studies.iter().zip(&self.spreads) {
            text += &format!("{study}: {}{part} {}\n", self.metric.name, self.scale.spread(spread));
        }
        let how = if self.paired { "paired by seed" } else { "independent seeds, Welch" };
        text += &match self.difference {
            None => {
                let shown = self.scale.difference(self.spreads[1].mean - self.spreads[0].mean);
                format!("difference: {shown}; an interval needs two seeds of each: confirm with more\n")
            }
            Some(Difference { mean, low, high }) => {
                let [mean, low, high] = [mean, low, high].map(|value| self.scale.difference(value));
                format!("difference: {mean} (95 % interval {low} to {high}, {how}): {}\n", self.word())
            }
        };
        text + &format!("{}\n", self.costs)
    }

    /// Which of the two is better, where that is proven.
    fn word(&self) -> String {
        let direction = self.metric.direction;
        match self.difference {
            // A few test samples, the same for each seed, are no proof.
            Some(Difference { low, high, .. }) if self.on_test_set && low == high && low != 0.0 => {
                "no difference is proven, since the seeds do not vary".to_owned()
            }
            Some(Difference { low, high, .. }) if low > 0.0 || high < 0.0 => {
                let second_is_better = direction.loss(low) < 0.0;
                format!("{} is better", self.studies[usize::from(second_is_better)])
            }
            _ => "no difference is proven".to_owned(),
        }
    }

    /// The JSON Schema of a comparison.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Comparison).to_value()
    }
}

fn values(scored: &Scored, best: &Best) -> Result<Vec<f64>, CompareError> {
    let values: Option<Vec<f64>> = scored.values.iter().copied().collect();
    values.filter(|values| !values.is_empty()).ok_or_else(|| CompareError::Failed(best.study.clone()))
}

fn spread(values: &[f64]) -> Spread {
    Spread::of_values(values).expect("there is a value")
}

/// Whether the winners were confirmed with the same fresh seeds: those of one root seed, the same
/// number of them.
fn are_of_the_same_seeds(first: &Best, second: &Best) -> bool {
    let root = |best: &Best| {
        let networks = best.setup.as_ref().map(|setup| setup.searched.seed);
        networks.or_else(|| best.external_setup.as_ref().map(|setup| setup.searched.seed))
    };
    let count = |best: &Best| best.validation.values.len();
    root(first).is_some() && root(first) == root(second) && count(first) == count(second) && count(first) > 1
}

fn difference(values: &[Vec<f64>; 2], paired: bool) -> Option<Difference> {
    let [first, second] = values;
    let alpha = WRONG / 2.0;
    match paired {
        _ if first.len() < 2 || second.len() < 2 => None,
        true => Some(Difference::paired(first, second, alpha)),
        false => Some(Difference::welch(first, second, alpha)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::{
        Attributes, CONFIRMATION, Candidate, Confirmation, Repeat, SETUP, Study, Trial, TrialState,
    };

    /// The winner of a study of networks from the root seed `seed`, with these test accuracies.
    fn best(name: &str, seed: u64, accuracies: &[f64]) -> Best {
        let repeat = |&value: &f64| Repeat {
            value: Some(value),
            values: Vec::new(),
            constraints: Vec::new(),
            attributes: Attributes::new(),
        };
        let repeats: Vec<Repeat> = accuracies.iter().map(repeat).collect();
        let candidate = Candidate {
            trial: 0,
            repeats: repeats.clone(),
            stopped: false,
            test: Vec::new(),
            model_sha256: None,
            host_throughput: None,
        };
        let confirmation = Confirmation {
            trials: 1,
            repeats: accuracies.len() as u32,
            wanted: 1,
            front: false,
            pick: None,
            candidates: vec![candidate],
            test: repeats,
            kept: 0,
        };
        let setup = serde_json::json!({
            "dataset": "digits", "dataset_sha256": "00", "validation": 0.2, "space": "images", "space_sha256": "11",
            "chip": "loihi1", "chip_sha256": "22", "search": "bayes", "seed": seed,
        });
        let attributes = [(CONFIRMATION.to_owned(), confirmation.to_json()), (SETUP.to_owned(), setup)];
        let trial =
            Trial { state: TrialState::Complete, values: vec![0.5], ..Trial::waiting(0, Default::default()) };
        let study = Study {
            name: name.to_owned(),
            metrics: vec![Metric::maximize("accuracy")],
            trials: vec![trial],
            attributes: attributes.into_iter().collect(),
            ..Study::default()
        };
        Best::of(&study, "", None).expect("it is confirmed")
    }

    #[test]
    fn the_same_seeds_are_compared_in_pairs_and_see_more() {
        let (first, second) = ([0.90, 0.94, 0.92], [0.911, 0.949, 0.932]);
        let paired = Comparison::of(&best("a", 7, &first), &best("b", 7, &second), ["a", "b"])
            .expect("the same metric");
        assert!(paired.paired && paired.on_test_set);
        assert!(paired.text().contains("paired by seed): b is better"), "{}", paired.text());
        let apart = Comparison::of(&best("a", 7, &first), &best("b", 8, &second), ["a", "b"])
            .expect("the same metric");
        assert!(!apart.paired);
        assert!(apart.text().contains("Welch): no difference is proven"), "{}", apart.text());
        assert!(apart.text().starts_with("a: accuracy, test 92.00 % (sd 2.00 points, 3 seeds)\n"));
    }

    #[test]
    fn lists_of_other_lengths_are_not_compared_in_pairs() {
        let [first, mut second] = ["a", "b"].map(|name| best(name, 7, &[0.90, 0.94, 0.92]));
        second.test.values.push(Some(0.93));
        let compared = Comparison::of(&first, &second, ["a", "b"]).expect("the same metric");
        assert!(!compared.paired && compared.difference.is_some());
    }

    #[test]
    fn one_seed_has_no_interval_and_other_data_is_refused() {
        let one = Comparison::of(&best("a", 7, &[0.9]), &best("b", 7, &[0.8]), ["a", "b"])
            .expect("the same metric");
        assert_eq!((one.paired, one.difference), (false, None));
        let mut other = best("b", 7, &[0.8]);
        if let Some(setup) = &mut other.setup {
            setup.dataset_sha256 = "33".to_owned();
        }
        let error =
            Comparison::of(&best("a", 7, &[0.9]), &other, ["a", "b"]).expect_err("other data").to_string();
        assert_eq!(
            error,
            "the data sets differ: digits (00...) and digits (33...): compare studies of the same data"
        );
    }
}
