//! When hyperparameters are fitted, and to which observations.
//!
//! After dozens of trials one more trial changes a fit little. Of hundreds of observations, a part
//! is enough for a fit.

/// Up to this number of observations there is a fit after each. From then on there is one whenever
/// they grow by a tenth.
pub(crate) const EVERY: usize = 60;
/// The most observations of a fit: a third of them the best, the others spread evenly over all.
const MOST: usize = 250;

/// The indices of the `losses` that enter the fit, rising.
pub(crate) fn fitted_rows(losses: &[f64]) -> Vec<usize> {
    let count = scheduled(losses.len());
    if count <= MOST {
        return (0..count).collect();
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| losses[a].total_cmp(&losses[b]));
    let (best, others) = order.split_at_mut(MOST / 3);
    others.sort_unstable();
    let spread = MOST - best.len();
    let mut rows: Vec<usize> = (0..spread).map(|place| others[place * others.len() / spread]).collect();
    rows.extend_from_slice(best);
    rows.sort_unstable();
    rows
}

/// The largest number of observations up to `count` that is followed by a fit.
pub(crate) fn scheduled(count: usize) -> usize {
    let mut last = count.min(EVERY);
    while last + last / 10 <= count && last >= EVERY {
        last += last / 10;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fit_follows_every_trial_at_first_and_every_tenth_part_later() {
        let counts: Vec<usize> = (0..=60).map(scheduled).collect();
        assert_eq!(counts, (0..=60).collect::<Vec<usize>>());
        assert_eq!([61, 65, 66, 71, 72, 78, 79].map(scheduled), [60, 60, 66, 66, 72, 72, 79]);
        assert!((900..=1000).contains(&scheduled(1000)));
    }

    #[test]
    fn a_large_fit_has_the_best_and_some_of_all_ages() {
        let losses: Vec<f64> = (0..2000).map(|i| f64::from(i * 7 % 2000)).collect();
        let rows = fitted_rows(&losses);
        assert_eq!(rows.len(), MOST);
        assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
        let count = scheduled(2000);
        let mut best: Vec<usize> = (0..count).collect();
        best.sort_by(|&a, &b| losses[a].total_cmp(&losses[b]));
        assert!(best[..MOST / 3].iter().all(|row| rows.contains(row)));
        assert!(rows.iter().filter(|&&row| row < count / 2).count() > MOST / 4);
    }
}
