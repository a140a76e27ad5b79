//! The rule by which a winner is chosen from the Pareto front, if a study has several metrics.

use std::fmt;
use std::str::FromStr;

use super::{Study, Trial};

/// The rule that chooses the winner of a study with several metrics.
#[derive(Clone, Debug, PartialEq)]
pub enum Pick {
    /// The trial of this number.
    Trial(u32),
    /// The trial at which the front bends most: the one farthest from the line between the front's
    /// ends. Distances are measured with each metric as a share of the front's extent in it.
    Knee,
    /// The trial that is best in another metric, among those whose first metric is at most `slack`
    /// worse than the best.
    Within {
        /// The name of the metric to be best in; not the first.
        metric: String,
        /// By how much the first metric may be worse than the best, in its own unit; not negative.
        slack: f64,
    },
}

/// A text that is no [`Pick`], or one that fits no trial of a study.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PickError {
    /// The text is none of the rules.
    #[error(
        "\"{0}\": must be knee, the number of a trial, or METRIC within VALUE, such as latency within 0.005"
    )]
    Unknown(String),
    /// The study has no such metric beside the first.
    #[error("{metric}: must be a metric of the study after the first: {others}")]
    NoMetric {
        /// The metric that was named.
        metric: String,
        /// The metrics that there are.
        others: String,
    },
    /// The slack is larger than a share can be.
    #[error(
        "within {slack}: {first} is a share from 0 to 1, and VALUE is how much of it may be lost: below 1, such as 0.005"
    )]
    Slack {
        /// The slack.
        slack: f64,
        /// The first metric.
        first: String,
    },
    /// The trial has no value, or is not in the study.
    #[error("trial {0}: must be a complete trial of the study that keeps all constraints")]
    NoTrial(u32),
}

impl Pick {
    /// Checks that the rule fits a study whose metrics have these names.
    ///
    /// # Errors
    /// The rule names a metric that is not among them, or is the first.
    pub fn check(&self, metrics: &[&str]) -> Result<(), PickError> {
        match self {
            Pick::Within { metric, .. } if !metrics.iter().skip(1).any(|name| name == metric) => {
                let others = metrics.iter().skip(1).copied().collect::<Vec<_>>().join(", ");
                Err(PickError::NoMetric { metric: metric.clone(), others })
            }
            _ => Ok(()),
        }
    }

    /// Refuses a slack that leaves nothing of a first metric that is a share, such as an accuracy.
    ///
    /// # Errors
    /// The slack is 1 or more.
    pub fn check_share(&self, first: &str) -> Result<(), PickError> {
        match self {
            Pick::Within { slack, .. } if *slack >= 1.0 => {
                Err(PickError::Slack { slack: *slack, first: first.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// The trials of the Pareto front of `study`, in the order in which the rule prefers them.
    ///
    /// # Errors
    /// The rule does not fit the study.
    pub fn order<'a>(&self, study: &'a Study) -> Result<Vec<&'a Trial>, PickError> {
        let mut front = study.pareto_front();
        match self {
            Pick::Trial(number) => {
                let trial = study.trials.iter().find(|trial| trial.number == *number && trial.is_feasible());
                Ok(vec![trial.ok_or(PickError::NoTrial(*number))?])
            }
            Pick::Knee => {
                let losses: Vec<Vec<f64>> = front.iter().map(|trial| study.losses(trial)).collect();
                let bends = bends(&losses);
                let mut order: Vec<usize> = (0..front.len()).collect();
                order.sort_by(|&a, &b| bends[b].total_cmp(&bends[a]));
                Ok(order.into_iter().map(|index| front[index]).collect())
            }
            Pick::Within { metric, slack } => {
                let names: Vec<&str> = study.metrics.iter().map(|metric| metric.name.as_str()).collect();
                self.check(&names)?;
                let at = names.iter().position(|name| name == metric).expect("it was checked");
                let first = |trial: &Trial| study.losses(trial)[0];
                let best = front.iter().map(|trial| first(trial)).fold(f64::INFINITY, f64::min);
                let key = |trial: &Trial| (first(trial) > best + slack + ROUNDING, study.losses(trial)[at]);
                front.sort_by(|a, b| {
                    let (a, b) = (key(a), key(b));
                    a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
                });
                Ok(front)
            }
        }
    }
}

/// Two accuracies that differ by less are equal but for rounding.
const ROUNDING: f64 = 1e-12;

/// For each trial of a front, given by its `losses`: how far it lies below the plane through the
/// front's ends. Each loss counts as a share of its extent over the front. The result is minus the
/// sum of these shares, so the front bends most at the largest number.
fn bends(losses: &[Vec<f64>]) -> Vec<f64> {
    let dimension = losses.first().map_or(0, Vec::len);
    let range = |at: usize| {
        let column = losses.iter().map(|loss| loss[at]);
        (column.clone().fold(f64::INFINITY, f64::min), column.fold(f64::NEG_INFINITY, f64::max))
    };
    let ranges: Vec<(f64, f64)> = (0..dimension).map(range).collect();
    let share =
        |(loss, (low, high)): (&f64, &(f64, f64))| if high > low { (loss - low) / (high - low) } else { 0.0 };
    losses.iter().map(|loss| -loss.iter().zip(&ranges).map(share).sum::<f64>()).collect()
}

impl FromStr for Pick {
    type Err = PickError;

    fn from_str(text: &str) -> Result<Self, PickError> {
        let unknown = || PickError::Unknown(text.to_owned());
        if text == "knee" {
            return Ok(Pick::Knee);
        }
        if let Ok(number) = text.parse() {
            return Ok(Pick::Trial(number));
        }
        let (metric, slack) = text.split_once(" within ").ok_or_else(unknown)?;
        // People may add of what, as in "within 0.005 of the best accuracy".
        let slack = slack.split_once(" of ").map_or(slack, |(slack, _)| slack);
        let slack = slack.trim().parse().ok().filter(|slack: &f64| slack.is_finite() && *slack >= 0.0);
        let metric = match metric.trim() {
            "fastest" => "latency",
            metric => metric,
        };
        Ok(Pick::Within { metric: metric.to_owned(), slack: slack.ok_or_else(unknown)? })
    }
}

impl fmt::Display for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pick::Trial(number) => write!(f, "{number}"),
            Pick::Knee => f.write_str("knee"),
            Pick::Within { metric, slack } => write!(f, "{metric} within {slack}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;
    use crate::study::{Metric, TrialState};

    /// Accuracy and energy: four trials on the front, one behind it.
    fn study() -> Study {
        let values = [[0.90, 10.0], [0.97, 20.0], [0.975, 40.0], [0.98, 200.0], [0.96, 30.0]];
        let trial = |(number, values): (usize, [f64; 2])| Trial {
            state: TrialState::Complete,
            values: values.to_vec(),
            ..Trial::waiting(number as u32, Point::default())
        };
        Study {
            metrics: vec![Metric::maximize("accuracy"), Metric::minimize("energy")],
            trials: values.into_iter().enumerate().map(trial).collect(),
            ..Study::default()
        }
    }

    fn order(text: &str) -> Vec<u32> {
        let pick: Pick = text.parse().expect("a rule");
        pick.order(&study()).expect("it fits").iter().map(|trial| trial.number).collect()
    }

    #[test]
    fn within_a_slack_the_cheapest_is_picked() {
        assert_eq!(order("energy within 0.006"), [2, 3, 0, 1]);
        assert_eq!(order("energy within 0.01 of the best accuracy")[0], 1);
        assert_eq!(order("energy within 0")[0], 3);
    }

    #[test]
    fn the_knee_is_where_the_front_bends() {
        assert_eq!(order("knee")[0], 1);
    }

    #[test]
    fn a_trial_is_picked_by_its_number_even_behind_the_front() {
        assert_eq!(order("4"), [4]);
        assert_eq!(Pick::Trial(9).order(&study()), Err(PickError::NoTrial(9)));
    }

    #[test]
    fn rules_read_back_as_they_print_and_others_are_refused() {
        for text in ["knee", "7", "energy within 0.005"] {
            assert_eq!(text.parse::<Pick>().unwrap().to_string(), text);
        }
        assert_eq!("fastest within 0.1".parse::<Pick>().unwrap().to_string(), "latency within 0.1");
        for text in ["", "best", "energy within x", "energy within -1"] {
            assert_eq!(text.parse::<Pick>(), Err(PickError::Unknown(text.to_owned())));
        }
        let within: Pick = "accuracy within 0.1".parse().unwrap();
        assert_eq!(
            within.check(&["accuracy", "energy"]).unwrap_err().to_string(),
            "accuracy: must be a metric of the study after the first: energy"
        );
    }
}
