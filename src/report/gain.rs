//! What a winner gains over the default point, in one line.

use super::Best;
use super::check::Scale;
use crate::units::digits;

/// The gain of the winner's mean over fresh seeds over the default point, whose trial has one seed, both
/// on the validation set: `+7.049 points, 72.59 % fewer errors`. Of metrics that are no shares: `1.500
/// lower, 25.00 %`. `None` without the two values, or if the default point won.
pub(super) fn gain_text(best: &Best) -> Option<String> {
    let default = best.default.as_ref().filter(|default| default.trial != best.trial)?.searched?;
    let mean = best.validation.spread.map_or(best.searched, |spread| spread.mean);
    let metric = best.metrics.first()?;
    let difference = mean - default;
    if difference == 0.0 {
        return Some("none: the same value".to_owned());
    }
    // Of a share 1 is the most, and what is missing to 1 is an error.
    if Scale::of(metric, best.external_setup.is_none()) == Scale::Plain {
        let direction = if difference > 0.0 { "higher" } else { "lower" };
        let share = (default != 0.0).then(|| format!(", {} %", digits(100.0 * (difference / default).abs())));
        return Some(format!("{} {direction}{}", digits(difference.abs()), share.unwrap_or_default()));
    }
    let points = format!("{}{} points", if difference > 0.0 { "+" } else { "" }, digits(100.0 * difference));
    let fewer = difference / (1.0 - default);
    let words = if fewer > 0.0 { "fewer" } else { "more" };
    let errors = fewer.is_finite().then(|| format!(", {} % {words} errors", digits(100.0 * fewer.abs())));
    Some(points + &errors.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Default, Scored};
    use crate::study::{Metric, Spread};

    fn gain(metric: Metric, mean: f64, default: f64) -> Option<String> {
        let none = || Scored { values: Vec::new(), spread: None };
        let best = Best {
            schema: 1,
            program: String::new(),
            command: String::new(),
            study: String::new(),
            setup: None,
            external_setup: None,
            metrics: vec![metric],
            trials: 9,
            failed: 0,
            stopped: None,
            trial: 3,
            hyperparameters: crate::space::Point::default(),
            searched: 0.5,
            validation: Scored { spread: Some(Spread { count: 3, mean, sd: 0.0 }), ..none() },
            test: none(),
            test_samples: None,
            test_interval: None,
            default: Some(Default { trial: 0, searched: Some(default) }),
            candidates: Vec::new(),
            front: Vec::new(),
            network: crate::study::Attributes::new(),
            model: None,
            model_sha256: None,
            model_seed: None,
            model_test: None,
            host_throughput: None,
        };
        gain_text(&best)
    }

    #[test]
    fn a_share_gains_points_and_loses_errors() {
        let accuracy = || Metric::maximize("accuracy");
        let text = |mean, default| gain(accuracy(), mean, default).expect("both are known");
        assert_eq!(text(0.975, 0.9), "+7.500 points, 75.00 % fewer errors");
        assert_eq!(text(0.85, 0.9), "-5.000 points, 50.00 % more errors");
        assert_eq!(text(0.9, 0.9), "none: the same value");
        assert_eq!(text(0.9, 1.0), "-10.00 points");
    }

    #[test]
    fn other_metrics_change_by_a_share() {
        let text = |mean, default| gain(Metric::minimize("loss"), mean, default).expect("both are known");
        assert_eq!(text(1.5, 2.0), "0.5000 lower, 25.00 %");
        assert_eq!(text(1.5, 0.0), "1.500 higher");
    }
}
