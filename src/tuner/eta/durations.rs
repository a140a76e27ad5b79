//! The duration of evaluations to come, from those that have ended.

/// An evaluation that has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finished {
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Its cost by the plan: positive, in any unit.
    pub cost: f64,
}

/// The most evaluations that count: the last ones.
pub(super) const RECENT: usize = 500;
/// An evaluation counts half as much as one that ended half of all evaluations later, and at least
/// this number later. Chosen by replays: `benches/README.md#time-left`.
const LEAST_HALF_LIFE: f64 = 8.0;
/// A duration farther from the median than this number of standard deviations counts as if it were
/// so far: a machine that slept for an hour is no trend.
const MOST_DEVIATIONS: f64 = 3.0;
/// The least standard deviation of logarithms of durations, for that purpose.
const LEAST_DEVIATION: f64 = 0.3;
/// A trend is followed this share of the evaluations so far into the future, no farther.
const REACH: f64 = 0.5;
/// A trend changes the mean by this factor at most, as a logarithm.
const MOST_TREND: f64 = 1.5;
/// The weight, in squared logarithms of costs, of the opinion that costs say nothing.
const PRIOR: f64 = 0.5;
/// The largest power of the cost by which durations grow.
const MOST_POWER: f64 = 1.2;
/// The shortest duration, in seconds: logarithms need one.
const SHORTEST: f64 = 1e-3;

/// What is expected of the durations of evaluations. All are in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Durations {
    /// The mean of recent durations, and how many evaluations ago it stood at that.
    mean: f64,
    age: f64,
    /// The change of the logarithm of a duration with each evaluation, and how far it is followed.
    trend: f64,
    reach: f64,
    /// The logarithm of the duration at the mean cost, the power of the cost by which it grows, and
    /// the factor from the geometric to the arithmetic mean.
    level: f64,
    power: f64,
    log_cost: f64,
    smear: f64,
}

impl Durations {
    /// What `finished` evaluations tell, in the order in which they ended; `None` if there are none.
    pub fn of(finished: &[Finished]) -> Option<Self> {
        let recent = &finished[finished.len().saturating_sub(RECENT)..];
        let last = recent.len().checked_sub(1)? as f64;
        let half_life = (0.5 * recent.len() as f64).max(LEAST_HALF_LIFE);
        let weights: Vec<f64> =
            (0..recent.len()).map(|at| 0.5_f64.powf((last - at as f64) / half_life)).collect();
        let logs: Vec<f64> = recent.iter().map(|one| one.seconds.max(SHORTEST).ln()).collect();
        let costs: Vec<f64> = recent.iter().map(|one| one.cost.max(f64::MIN_POSITIVE).ln()).collect();
        let positions: Vec<f64> = (0..recent.len()).map(|at| at as f64).collect();
        let log_cost = mean(&costs, &weights);
        let beyond: Vec<f64> = costs.iter().map(|cost| cost - log_cost).collect();
        let power_of = |logs: &[f64]| slope(&costs, logs, &weights, PRIOR).clamp(0.0, MOST_POWER);
        // Outliers are those that their costs do not explain, as far as bounded durations tell.
        let first = power_of(&within_bounds(&logs, &weights));
        let explained = |power: f64, sign: f64, logs: &[f64]| -> Vec<f64> {
            logs.iter().zip(&beyond).map(|(log, beyond)| log + sign * power * beyond).collect()
        };
        let bounded = within_bounds(&explained(first, -1.0, &logs), &weights);
        let logs = explained(first, 1.0, &bounded);
        let power = power_of(&logs);
        let at_mean_cost = explained(power, -1.0, &logs);
        let level = mean(&at_mean_cost, &weights);
        let smear = mean(&at_mean_cost.iter().map(|log| (log - level).exp()).collect::<Vec<_>>(), &weights);
        Some(Self {
            mean: mean(&logs.iter().map(|log| log.exp()).collect::<Vec<_>>(), &weights),
            age: last - mean(&positions, &weights),
            trend: trend(&positions, &logs),
            reach: REACH * recent.len() as f64,
            level,
            power,
            log_cost,
            smear,
        })
    }

    /// Every evaluation takes `seconds`.
    pub fn constant(seconds: f64) -> Self {
        let level = seconds.max(SHORTEST).ln();
        Self { mean: seconds, age: 0.0, trend: 0.0, reach: 0.0, level, power: 0.0, log_cost: 0.0, smear: 1.0 }
    }

    /// The duration of an evaluation of this `cost`.
    pub fn of_cost(&self, cost: f64) -> f64 {
        let log = self.level + self.power * (cost.max(f64::MIN_POSITIVE).ln() - self.log_cost);
        log.exp() * self.smear
    }

    /// The duration of evaluation number `ahead` from now on, whose cost is not known; the next one
    /// is number 1.
    pub fn ahead(&self, ahead: usize) -> f64 {
        let steps = (self.age + ahead as f64).min(self.age + self.reach);
        self.mean * (self.trend * steps).clamp(-MOST_TREND, MOST_TREND).exp()
    }
}

/// `logs` with those moved that lie far from their median.
fn within_bounds(logs: &[f64], weights: &[f64]) -> Vec<f64> {
    /// The ratio of a standard deviation to a median distance, of a normal distribution.
    const NORMAL: f64 = 1.4826;
    let middle = median(logs, weights);
    let distances: Vec<f64> = logs.iter().map(|log| (log - middle).abs()).collect();
    let most = MOST_DEVIATIONS * (NORMAL * median(&distances, weights)).max(LEAST_DEVIATION);
    logs.iter().map(|log| log.clamp(middle - most, middle + most)).collect()
}

fn mean(values: &[f64], weights: &[f64]) -> f64 {
    let sum: f64 = values.iter().zip(weights).map(|(value, weight)| value * weight).sum();
    sum / weights.iter().sum::<f64>()
}

fn median(values: &[f64], weights: &[f64]) -> f64 {
    let mut order: Vec<(f64, f64)> = values.iter().copied().zip(weights.iter().copied()).collect();
    order.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let half = 0.5 * weights.iter().sum::<f64>();
    let mut sum = 0.0;
    let at_half = order.iter().find(|(_, weight)| {
        sum += weight;
        sum >= half
    });
    at_half.or(order.last()).map_or(0.0, |(value, _)| *value)
}

/// The slope of `y` over `x` by weighted least squares, drawn to 0 by the weight `prior`; 0 without
/// a spread of `x`.
fn slope(x: &[f64], y: &[f64], weights: &[f64], prior: f64) -> f64 {
    let (mean_x, mean_y) = (mean(x, weights), mean(y, weights));
    let (mut both, mut square) = (0.0, 0.0);
    for ((x, y), weight) in x.iter().zip(y).zip(weights) {
        both += weight * (x - mean_x) * (y - mean_y);
        square += weight * (x - mean_x).powi(2);
    }
    if square > 0.0 { both / (square + prior) } else { 0.0 }
}

/// The change of `logs` with each position, drawn to 0 as far as it may be chance.
fn trend(positions: &[f64], logs: &[f64]) -> f64 {
    /// A trend of fewer evaluations is chance.
    const LEAST: usize = 5;
    if logs.len() < LEAST {
        return 0.0;
    }
    let even = vec![1.0; logs.len()];
    let found = slope(positions, logs, &even, 0.0);
    let (mean_x, mean_y) = (mean(positions, &even), mean(logs, &even));
    let rest = |(x, y): (&f64, &f64)| (y - mean_y - found * (x - mean_x)).powi(2);
    let rests: f64 = positions.iter().zip(logs).map(rest).sum();
    let spread: f64 = positions.iter().map(|x| (x - mean_x).powi(2)).sum();
    let error = rests / (logs.len() - 2) as f64 / spread;
    if found == 0.0 { 0.0 } else { found * (1.0 - 2.0 * error / found.powi(2)).max(0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn durations(seconds: impl IntoIterator<Item = f64>) -> Durations {
        let finished: Vec<Finished> =
            seconds.into_iter().map(|seconds| Finished { seconds, cost: 1.0 }).collect();
        Durations::of(&finished).expect("some have ended")
    }

    fn assert_near(found: f64, expected: f64, tolerance: f64) {
        assert!((found / expected - 1.0).abs() <= tolerance, "{found}, not {expected}");
    }

    #[test]
    fn equal_durations_go_on() {
        for count in [1, 2, 30, 2000] {
            let equal = durations(vec![4.0; count]);
            for found in [equal.ahead(1), equal.ahead(1000), equal.of_cost(1.0), equal.of_cost(9.0)] {
                assert_near(found, 4.0, 1e-9);
            }
        }
        assert_eq!(Durations::of(&[]), None);
    }

    #[test]
    fn one_night_of_sleep_hardly_counts_and_recent_durations_count_more() {
        let slept = durations((0..20).map(|at| if at == 10 { 36_000.0 } else { 4.0 }));
        assert!(slept.ahead(1) < 6.0, "{slept:?}");
        let slower = durations((0..20).map(|at| if at < 10 { 1.0 } else { 3.0 }));
        assert!(slower.ahead(1) > 2.2, "{slower:?}");
    }

    #[test]
    fn a_trend_is_followed_a_while() {
        let growing = durations((0..20).map(|at| 1.1_f64.powi(at)));
        assert_near(growing.ahead(1), 1.1_f64.powi(20), 0.25);
        assert!(growing.ahead(5) > growing.ahead(1));
        assert_eq!(growing.ahead(100), growing.ahead(1000));
    }

    #[test]
    fn durations_grow_with_costs() {
        let finished: Vec<Finished> = (0..20)
            .map(|at| 1.0 + f64::from(at * 7 % 20))
            .map(|cost| Finished { seconds: 2.0 * cost, cost: 1e6 * cost })
            .collect();
        let found = Durations::of(&finished).expect("some have ended");
        assert_near(found.of_cost(2e6), 4.0, 0.15);
        assert_near(found.of_cost(18e6), 36.0, 0.15);
    }
}
