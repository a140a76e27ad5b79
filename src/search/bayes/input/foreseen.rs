//! What is known of the losses of a point before it is tried.
//!
//! Some metrics follow from a point, such as the parameters of a network. Of others only bounds are
//! known. A bound still tells the value if all trials so far have the same share of it. For example, a
//! network mostly has as many cores after its training as before.

use super::cube::Cell;
use super::history::{History, Observation};
use crate::space::{Bounds, Foresight, Space};
use crate::study::{Direction, Metric};

/// The number of latest measurements by which bounds are judged.
const LATEST: usize = 64;
/// The fewest measurements by which bounds are judged.
const LEAST: usize = 3;
/// A bound tells the value if the logarithms of its shares vary by no more than this part of what those
/// of the values vary by: `benches/README.md#metrics-known-before-training`.
const TELLING: f64 = 0.1;

/// A loss that is known before a trial, with the standard deviation around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct KnownLoss {
    pub loss: f64,
    /// The losses at a standard deviation below and above; both are `loss` where it is known exactly.
    pub low: f64,
    pub high: f64,
}

/// What is known of a point before it is tried.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Foreseen {
    /// Each loss, if it is known.
    pub losses: Vec<Option<KnownLoss>>,
}

/// Tells what is known of points before they are tried.
pub(crate) struct Knowledge<'a> {
    space: &'a Space,
    directions: Vec<Direction>,
    /// For each loss the number of its metric among the bounds.
    metrics: Vec<usize>,
    /// For each loss how its bounds tell its value; `None` if they do not.
    shares: Vec<Option<Share>>,
}

/// The share of a bound that the values have: the mean and the standard deviation of its logarithm.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Share {
    mean: f64,
    deviation: f64,
}

impl<'a> Knowledge<'a> {
    /// What the space knows of points, judged by the final measurements of `history`. `None` if no loss
    /// is known.
    pub fn of(space: &'a Space, metrics: &[Metric], history: &History) -> Option<Self> {
        if !space.has_foresight() {
            return None;
        }
        let finals = history.measured.iter().filter(|measured| measured.cell.level == 0);
        let known: Vec<(&Observation, Vec<Bounds>)> = finals
            .rev()
            .take(LATEST)
            .filter_map(|measured| match space.foresee(&space.decode(&measured.cell.unit)) {
                Foresight::Possible { bounds } => Some((measured, bounds)),
                Foresight::Refused { .. } => None,
            })
            .collect();
        let share = |(metric, of): (usize, &Metric)| {
            let pair = |(measured, bounds): &(&Observation, Vec<Bounds>)| {
                let value = of.direction.loss(*measured.losses.get(metric)?);
                Some((value, bounds.get(metric).copied().unwrap_or(Bounds::UNKNOWN)))
            };
            Share::of(&known.iter().filter_map(pair).collect::<Vec<_>>())
        };
        let knowledge = Self {
            space,
            directions: metrics.iter().map(|metric| metric.direction).collect(),
            metrics: (0..metrics.len()).collect(),
            shares: metrics.iter().enumerate().map(share).collect(),
        };
        knowledge.shares.iter().any(Option::is_some).then_some(knowledge)
    }

    /// The same of these `losses` alone, by their numbers.
    pub fn of_losses(&self, losses: &[usize]) -> Self {
        Self {
            space: self.space,
            directions: losses.iter().map(|&loss| self.directions[loss]).collect(),
            metrics: losses.iter().map(|&loss| self.metrics[loss]).collect(),
            shares: losses.iter().map(|&loss| self.shares[loss]).collect(),
        }
    }

    /// What is known of the point of `cell`; `None` if it is refused.
    pub fn at(&self, cell: &Cell) -> Option<Foreseen> {
        match self.space.foresee(&self.space.decode(&cell.unit)) {
            Foresight::Refused { .. } => None,
            Foresight::Possible { bounds } => {
                let loss = |loss: usize| self.loss(loss, *bounds.get(self.metrics[loss])?);
                Some(Foreseen { losses: (0..self.directions.len()).map(loss).collect() })
            }
        }
    }

    /// The loss of number `loss` between `bounds`, if it is known.
    fn loss(&self, loss: usize, bounds: Bounds) -> Option<KnownLoss> {
        let [low, value, high] = self.shares[loss]?.values(bounds)?;
        Some(match self.directions[loss] {
            Direction::Minimize => KnownLoss { loss: value, low, high },
            Direction::Maximize => KnownLoss { loss: -value, low: -high, high: -low },
        })
    }

    /// Whether the loss of number `loss` is known before a trial.
    pub fn knows_loss(&self, loss: usize) -> bool {
        self.shares.get(loss).is_some_and(Option::is_some)
    }
}

impl Share {
    /// Learns from values of a metric with their bounds. `None` if these do not tell the values.
    fn of(pairs: &[(f64, Bounds)]) -> Option<Self> {
        if !pairs.is_empty() && pairs.iter().all(|(_, bounds)| bounds.value().is_some()) {
            return Some(Self { mean: 0.0, deviation: 0.0 });
        }
        let logarithms = |&(value, bounds): &(f64, Bounds)| {
            (value > 0.0).then_some((value.ln(), value.ln() - telling(bounds)?.ln()))
        };
        let (values, shares): (Vec<f64>, Vec<f64>) =
            pairs.iter().map(logarithms).collect::<Option<Vec<_>>>()?.into_iter().unzip();
        let ((mean, deviation), (_, extent)) = (moments(&shares), moments(&values));
        let tells = pairs.len() >= LEAST && extent > 0.0 && deviation <= TELLING * extent;
        tells.then_some(Self { mean, deviation })
    }

    /// The value between `bounds`, and those at a standard deviation below and above it, in rising
    /// order: below, value, above. `None` if the bounds do not tell it.
    fn values(self, bounds: Bounds) -> Option<[f64; 3]> {
        if let Some(value) = bounds.value() {
            return Some([value; 3]);
        }
        let bound = telling(bounds)?;
        let at = |deviations: f64| {
            let ln = self.mean + deviations * self.deviation;
            (bound * ln.exp()).clamp(bounds.low, bounds.high)
        };
        Some([-1.0, 0.0, 1.0].map(at))
    }
}

/// The bound that the value is a share of: the upper one, if it is finite, else the lower one.
fn telling(bounds: Bounds) -> Option<f64> {
    [bounds.high, bounds.low].into_iter().find(|bound| bound.is_finite()).filter(|&bound| bound > 0.0)
}

/// The mean and the standard deviation of `values`; of a sample, so two at least have a deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, (squares / (count - 1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::search::bayes::fixtures::{line, measured};
    use crate::search::bayes::input::cube::Cube;
    use crate::space::{Foresee, Point, Refusals};

    const BETWEEN: Bounds = Bounds { low: 0.0, high: 1.0 };

    fn at_most(high: f64) -> Bounds {
        Bounds { low: 1.0, high }
    }

    #[test]
    fn a_bound_that_all_values_reach_tells_the_value() {
        let share = Share::of(&[(4.0, at_most(4.0)), (7.0, at_most(7.0)), (5.0, at_most(5.0))]).unwrap();
        assert_eq!(share.values(at_most(9.0)), Some([9.0; 3]));
        assert_eq!(share.values(Bounds::exact(-2.0)), Some([-2.0; 3]), "an exact value needs no share");
        assert_eq!(share.values(Bounds::UNKNOWN), None);
    }

    #[test]
    fn a_bound_that_values_are_a_share_of_tells_the_value_roughly() {
        let shares = [0.5, 0.51, 0.49, 0.5];
        let pairs: Vec<(f64, Bounds)> = shares
            .iter()
            .zip([2.0, 80.0, 9.0, 30.0])
            .map(|(share, most)| (share * most, at_most(most)))
            .collect();
        let [low, value, high] = Share::of(&pairs).unwrap().values(at_most(40.0)).unwrap();
        assert!((value - 20.0).abs() < 0.1, "{value}");
        // The deviation of the shares is 0.0082.
        assert!((low / 19.67 - 1.0).abs() < 0.01 && (high / 20.33 - 1.0).abs() < 0.01, "{low} to {high}");
        let [_, _, least] = Share::of(&pairs).unwrap().values(at_most(1.5)).unwrap();
        assert_eq!(least, 1.0, "values stay within their bounds");
    }

    #[test]
    fn bounds_that_tell_nothing_are_no_values() {
        let accuracies = [(0.9, BETWEEN), (0.8, BETWEEN), (0.95, BETWEEN), (0.4, BETWEEN)];
        assert_eq!(Share::of(&accuracies), None);
        assert_eq!(Share::of(&[(1.0, BETWEEN); 5]), None, "all the same: nothing was learnt");
        assert_eq!(Share::of(&[(4.0, at_most(4.0)), (7.0, at_most(7.0))]), None, "two are too few");
        let wide = [(4.0, at_most(9.0)), (5.0, at_most(5.0)), (6.0, at_most(80.0))];
        assert_eq!(Share::of(&wide), None);
        assert_eq!(Share::of(&[]), None);
        let exact = Share::of(&[(4.0, Bounds::exact(4.0))]).unwrap();
        assert_eq!(exact.values(Bounds::exact(-2.0)), Some([-2.0; 3]), "one exact value is enough");
    }

    /// Knows the second metric, and refuses a part.
    struct Half;

    impl Foresee for Half {
        fn foresee(&self, point: &Point) -> Foresight {
            let x = point.get("x").and_then(|x| x.as_f64()).expect("a number");
            match x > 0.75 {
                true => Foresight::Refused { reason: "too large".into() },
                false => Foresight::Possible { bounds: vec![BETWEEN, Bounds::exact(3.0 * x)] },
            }
        }

        fn refusals(&self) -> Refusals {
            Refusals::default()
        }
    }

    #[test]
    fn of_a_point_those_losses_are_known_that_the_space_tells() {
        let metrics = [Metric::maximize("accuracy"), Metric::maximize("speed")];
        let space = line().with_foresight(Some(Arc::new(Half)));
        let cube = Cube::new(&space);
        let mut history = History::default();
        for u in [0.1, 0.25, 0.6] {
            history.measured.push(measured(&cube, u, &[-u, -3.0 * u], &[]));
        }
        let knowledge = Knowledge::of(&space, &metrics, &history).unwrap();
        assert!(!knowledge.knows_loss(0) && knowledge.knows_loss(1));
        let speed = KnownLoss { loss: -0.75, low: -0.75, high: -0.75 };
        assert_eq!(knowledge.at(&cube.cell(&[0.25])), Some(Foreseen { losses: vec![None, Some(speed)] }));
        assert_eq!(knowledge.at(&cube.cell(&[0.8])), None, "it is refused");
        assert!(Knowledge::of(&line(), &metrics, &history).is_none(), "without foresight nothing is known");
        assert!(Knowledge::of(&space, &metrics[..1], &history).is_none(), "an accuracy is not known");
        assert!(Knowledge::of(&space, &metrics, &History::default()).is_none(), "no trial, no knowledge");
    }
}
