//! The score of each class: what is taken for what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// With more classes the matrix is left out: nobody reads it.
const MOST_CLASSES: usize = 1000;

/// The scores of the classes on labelled samples.
///
/// A share whose denominator is 0 has no value: nothing is known of a class without samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ByClass {
    /// The mean recall of the classes that have samples, from 0 to 1.
    pub balanced_accuracy: f64,
    /// The classes in the order of their numbers.
    pub classes: Vec<ClassScore>,
    /// (K, K): the number of samples of the class of the row for which the class of the column was
    /// decided; left out with more than 1000 classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confusion: Vec<Vec<usize>>,
}

/// The score of a class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassScore {
    /// Its name.
    pub class: String,
    /// The share of the decisions for it that are right; `null` if it was never decided for.
    pub precision: Option<f64>,
    /// The share of its samples that were found; `null` without samples.
    pub recall: Option<f64>,
    /// The harmonic mean of both; `null` if it has no sample and was never decided for.
    pub f1: Option<f64>,
    /// The number of its samples.
    pub support: usize,
}

impl ByClass {
    /// The scores of `predictions` for samples of the classes `labels`, one for each of the `classes`.
    ///
    /// # Panics
    /// If a label or a prediction is not below the number of classes.
    pub fn of(classes: &[String], labels: &[u16], predictions: &[u16]) -> Self {
        let count = classes.len();
        let [mut right, mut support, mut decided] = [vec![0; count], vec![0; count], vec![0; count]];
        let mut confusion = vec![vec![0; count]; if count > MOST_CLASSES { 0 } else { count }];
        for (label, decision) in
            labels.iter().zip(predictions).map(|(&a, &b)| (usize::from(a), usize::from(b)))
        {
            support[label] += 1;
            decided[decision] += 1;
            right[label] += usize::from(label == decision);
            if let Some(row) = confusion.get_mut(label) {
                row[decision] += 1;
            }
        }
        let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
        let score = |(class, name): (usize, &String)| ClassScore {
            class: name.clone(),
            precision: share(right[class], decided[class]),
            recall: share(right[class], support[class]),
            f1: share(2 * right[class], support[class] + decided[class]),
            support: support[class],
        };
        let classes: Vec<ClassScore> = classes.iter().enumerate().map(score).collect();
        let recalls: Vec<f64> = classes.iter().filter_map(|class| class.recall).collect();
        let balanced_accuracy = recalls.iter().sum::<f64>() / recalls.len().max(1) as f64;
        Self { balanced_accuracy, classes, confusion }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;

    /// The answers of scikit-learn: `tests/fixtures/make_by_class.py`.
    const ANSWERS: &str = include_str!("../../../../tests/fixtures/by_class.json");

    #[test]
    fn the_scores_are_those_of_scikit_learn() {
        let answers: Json = serde_json::from_str(ANSWERS).expect("JSON");
        let cases = answers["cases"].as_array().expect("a list");
        assert!(cases.len() > 2);
        for case in cases {
            let numbers =
                |name: &str| -> Vec<u16> { serde_json::from_value(case[name].clone()).expect("numbers") };
            let shares = |name: &str| -> Vec<Option<f64>> {
                serde_json::from_value(case[name].clone()).expect("numbers")
            };
            let (labels, predictions) = (numbers("labels"), numbers("predictions"));
            let classes: Vec<String> =
                (0..case["classes"].as_u64().expect("a number")).map(|n| n.to_string()).collect();
            let scores = ByClass::of(&classes, &labels, &predictions);
            let confusion: Vec<Vec<usize>> =
                serde_json::from_value(case["confusion"].clone()).expect("a matrix");
            assert_eq!(scores.confusion, confusion);
            let balanced = case["balanced_accuracy"].as_f64().expect("a number");
            assert!((scores.balanced_accuracy - balanced).abs() < 1e-12, "{scores:?}");
            let [precision, recall, f1] = ["precision", "recall", "f1"].map(shares);
            for (class, score) in scores.classes.iter().enumerate() {
                for (ours, theirs) in [
                    (score.precision, precision[class]),
                    (score.recall, recall[class]),
                    (score.f1, f1[class]),
                ] {
                    let is_same = match (ours, theirs) {
                        (Some(ours), Some(theirs)) => (ours - theirs).abs() < 1e-12,
                        (None, None) => true,
                        _ => false,
                    };
                    assert!(is_same, "class {class}: {ours:?}, scikit-learn {theirs:?}");
                }
                assert_eq!(Some(score.support as f64), case["support"][class].as_f64());
            }
        }
    }

    #[test]
    fn a_matrix_of_too_many_classes_is_left_out() {
        let classes: Vec<String> = (0..=MOST_CLASSES).map(|class| class.to_string()).collect();
        let scores = ByClass::of(&classes, &[1000, 3], &[1000, 4]);
        assert!(scores.confusion.is_empty());
        assert_eq!((scores.balanced_accuracy, scores.classes[1000].f1), (0.5, Some(1.0)));
    }
}
