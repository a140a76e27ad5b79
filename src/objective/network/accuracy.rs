//! How right answers are: over all samples, or over the classes.

/// The share of `predictions` that equal their label, from 0 to 1; 0 if there are none.
pub(super) fn accuracy(predictions: &[u16], labels: &[u16]) -> f64 {
    let right = predictions.iter().zip(labels).filter(|(guess, label)| guess == label).count();
    right as f64 / labels.len().max(1) as f64
}

/// The mean recall of the classes that have a sample, from 0 to 1; 0 if there are none.
pub(super) fn balanced_accuracy(predictions: &[u16], labels: &[u16]) -> f64 {
    let counts = counts(predictions, labels);
    mean(
        counts
            .iter()
            .filter(|count| count.samples > 0)
            .map(|count| count.right as f64 / count.samples as f64),
    )
}

/// The mean F1 of the classes that have a sample or an answer, from 0 to 1; 0 if there are none.
///
/// F1 is 2 right / (samples + answers), the harmonic mean of precision and recall.
pub(super) fn macro_f1(predictions: &[u16], labels: &[u16]) -> f64 {
    let counts = counts(predictions, labels);
    let scores = counts.iter().map(|count| (2 * count.right, count.samples + count.answers));
    mean(scores.filter(|(_, all)| *all > 0).map(|(right, all)| right as f64 / all as f64))
}

/// What was answered for one class.
#[derive(Clone, Copy, Default)]
struct Count {
    samples: usize,
    answers: usize,
    right: usize,
}

/// By class.
fn counts(predictions: &[u16], labels: &[u16]) -> Vec<Count> {
    let classes = predictions.iter().chain(labels).max().map_or(0, |&top| usize::from(top) + 1);
    let mut counts = vec![Count::default(); classes];
    for (&guess, &label) in predictions.iter().zip(labels) {
        counts[usize::from(label)].samples += 1;
        counts[usize::from(guess)].answers += 1;
        counts[usize::from(label)].right += usize::from(guess == label);
    }
    counts
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), value| (sum + value, count + 1));
    sum / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[test]
    fn accuracy_is_the_share_of_equal_pairs() {
        assert_eq!(accuracy(&[1, 2, 3, 0], &[1, 2, 0, 0]), 0.75);
        assert_eq!(accuracy(&[], &[]), 0.0);
    }

    #[derive(Deserialize)]
    struct Answers {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        labels: Vec<u16>,
        predictions: Vec<u16>,
        balanced_accuracy: f64,
        f1: f64,
    }

    #[test]
    fn scores_of_classes_are_those_of_scikit_learn() {
        let text = include_str!("../../../tests/fixtures/class-scores.json");
        let answers: Answers = serde_json::from_str(text).unwrap();
        assert_eq!(answers.cases.len(), 8);
        for Case { labels, predictions, balanced_accuracy: balanced, f1 } in answers.cases {
            assert!((balanced_accuracy(&predictions, &labels) - balanced).abs() < 1e-12, "{labels:?}");
            assert!((macro_f1(&predictions, &labels) - f1).abs() < 1e-12, "{labels:?}");
        }
        assert_eq!((balanced_accuracy(&[], &[]), macro_f1(&[], &[])), (0.0, 0.0));
    }
}
