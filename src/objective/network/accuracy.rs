//! The share of right answers.

/// The share of `predictions` that equal their label, from 0 to 1; 0 if there are none.
pub(super) fn accuracy(predictions: &[u16], labels: &[u16]) -> f64 {
    let right = predictions.iter().zip(labels).filter(|(guess, label)| guess == label).count();
    right as f64 / labels.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_is_the_share_of_equal_pairs() {
        assert_eq!(accuracy(&[1, 2, 3, 0], &[1, 2, 0, 0]), 0.75);
        assert_eq!(accuracy(&[], &[]), 0.0);
    }
}
