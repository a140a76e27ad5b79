//! The weights of classes in the loss: a class with few samples may count as much as one with many.

/// The weight of each of `classes` classes for training on `labels`. It is in proportion to N / (K n)
/// to the power of `power`, where n of N samples in K classes are of the class. The weights of all
/// samples have the mean 1. So a learning rate means the same with and without weights.
///
/// At `power` 1 all classes count alike: these are scikit-learn's "balanced" weights. At 0 there are
/// no weights: the list is empty. A class without samples has the weight 1, which nothing uses.
pub(in crate::training) fn class_weights(labels: &[u16], classes: usize, power: f32) -> Vec<f32> {
    if power == 0.0 {
        return Vec::new();
    }
    let mut counts = vec![0.0; classes];
    labels.iter().for_each(|&label| counts[usize::from(label)] += 1.0);
    let samples = labels.len() as f64;
    let present = counts.iter().filter(|&&count| count > 0.0).count() as f64;
    let raw = |count: f64| (samples / (present * count)).powf(f64::from(power));
    let total: f64 = counts.iter().filter(|&&count| count > 0.0).map(|&count| count * raw(count)).sum();
    let weight = |count: f64| if count > 0.0 { (raw(count) * samples / total) as f32 } else { 1.0 };
    counts.into_iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_weights_are_those_of_scikit_learn() {
        // compute_class_weight("balanced", classes=[0, 1, 2], y=[0] * 6 + [1] * 3 + [2]) of
        // scikit-learn 1.9.1: 10 / (3 n).
        let labels = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2];
        let expected = [0.555_555_6, 1.111_111, 3.333_333_3];
        for (weight, expected) in class_weights(&labels, 3, 1.0).iter().zip(expected) {
            assert!((weight - expected).abs() < 1e-6, "{weight} {expected}");
        }
    }

    #[test]
    fn a_power_between_keeps_the_mean_of_all_samples_at_one() {
        // Roots of 10 / (3 n), by hand: (0.7454, 1.0541, 1.8257), whose sum over the samples is 9.4604.
        let labels = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2];
        let weights = class_weights(&labels, 4, 0.5);
        for (weight, expected) in weights.iter().zip([0.787_87, 1.114_22, 1.929_86, 1.0]) {
            assert!((weight - expected).abs() < 1e-4, "{weight} {expected}");
        }
        let mean: f32 = labels.iter().map(|&label| weights[usize::from(label)]).sum::<f32>() / 10.0;
        assert!((mean - 1.0).abs() < 1e-6, "{mean}");
    }

    #[test]
    fn even_classes_have_equal_weights_and_no_power_has_none() {
        assert_eq!(class_weights(&[0, 1, 0, 1], 2, 1.0), [1.0, 1.0]);
        assert_eq!(class_weights(&[0, 1, 1], 2, 0.0), [0.0; 0]);
    }
}
