//! How values of a metric are shown to people.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::study::{Metric, Spread};
use crate::units::{digits, with_prefix};

/// Names of the metrics of networks that are shares of samples.
const SHARES: [&str; 4] = ["accuracy", "balanced-accuracy", "f1", "robustness"];

/// Units of the costs of networks.
const UNITS: [(&str, &str); 2] = [("energy", "J"), ("latency", "s")];

/// From here on, whole numbers are shown like others.
const LARGE: f64 = 1e9;

/// The scale of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// A share from 0 to 1, shown in percent. Differences and tolerances are in points of a
    /// hundred.
    Share,
    /// Any number, shown as it is.
    Plain,
}

impl Scale {
    /// The scale of `metric`; that of a network's answers, such as its accuracy, is a share.
    pub fn of(metric: &Metric, is_network: bool) -> Self {
        match is_network && is_share(&metric.name) {
            true => Self::Share,
            false => Self::Plain,
        }
    }

    /// The unit of a tolerance, in the unit of the values: a point is 0.01.
    pub fn unit(self) -> f64 {
        match self {
            Self::Share => 0.01,
            Self::Plain => 1.0,
        }
    }

    /// A value, for people.
    pub fn value(self, value: f64) -> String {
        match self {
            Self::Share => format!("{:.2} %", 100.0 * value),
            Self::Plain => digits(value),
        }
    }

    /// A difference of values, for people.
    pub fn difference(self, difference: f64) -> String {
        match self {
            Self::Share => format!("{:.2} points", 100.0 * difference),
            Self::Plain => digits(difference),
        }
    }

    /// A mean with its standard deviation, for people.
    pub fn spread(self, spread: &Spread) -> String {
        let seeds = if spread.count == 1 { "seed" } else { "seeds" };
        format!("{} (sd {}, {} {seeds})", self.value(spread.mean), self.difference(spread.sd), spread.count)
    }
}

/// Whether the metric `name` of networks is a share of samples, from 0 to 1.
fn is_share(name: &str) -> bool {
    SHARES.contains(&name)
}

/// The value of the cost or metric `name`, for people: with its unit if it is one of networks.
pub(super) fn cost(name: &str, value: f64, is_network: bool) -> String {
    match UNITS.iter().find(|(known, _)| is_network && *known == name) {
        Some((_, unit)) => with_prefix(value, unit),
        None if is_network && is_share(name) => Scale::Share.value(value),
        // Counts are whole.
        None if value.fract() == 0.0 && value.abs() < LARGE => value.to_string(),
        None => digits(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accuracy_is_shown_in_points_and_a_loss_as_it_is() {
        let accuracy = Metric::maximize("accuracy");
        let share = Scale::of(&accuracy, true);
        assert_eq!((share.value(0.97222), share.difference(0.005)), ("97.22 %".into(), "0.50 points".into()));
        assert_eq!(Scale::of(&accuracy, false).value(0.97222), "0.9722");
        assert_eq!(Scale::of(&Metric::maximize("f1"), true), Scale::Share);
        assert_eq!(cost("energy", 5.243e-8, true), "52.43 nJ");
        assert_eq!(cost("energy", 1.5, false), "1.500", "that of another program");
        assert_eq!(
            (cost("cores", 2.0, true), cost("spikes", 84.5654, true)),
            ("2".to_owned(), "84.57".to_owned())
        );
    }
}
