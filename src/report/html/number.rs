//! Numbers and texts as a report has them, short, since a page holds many; and intervals of means.

use schemars::JsonSchema;
use serde::Serialize;

use crate::report::check::Scale;
use crate::report::interval::student;
use crate::study::Spread;

/// The most letters of a text that each trial may have.
const LETTERS: usize = 200;

/// `value` with six significant digits; `None` if it is not finite.
pub(super) fn short(value: f64) -> Option<f64> {
    rounded(value, 5)
}

/// `value` with four significant digits; `None` if it is not finite.
pub(super) fn shorter(value: f64) -> Option<f64> {
    rounded(value, 3)
}

fn rounded(value: f64, decimals: usize) -> Option<f64> {
    value.is_finite().then(|| format!("{value:.decimals$e}").parse().unwrap_or(value))
}

/// `text` in at most 200 letters; a longer one ends with `…`.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A mean over seeds, with its 95 % interval by Student's t.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Interval {
    /// The number of seeds.
    pub count: usize,
    /// The mean.
    pub mean: f64,
    /// The sample standard deviation; 0 with one seed.
    pub sd: f64,
    /// The ends of the interval; `null` with one seed, which tells no spread.
    pub interval: Option<[f64; 2]>,
}

impl Interval {
    /// The interval of a mean on this `scale` that `spread` describes. That of a share ends at 0 and 1.
    pub(super) fn of(scale: Scale, spread: &Spread) -> Self {
        let &Spread { count, mean, sd } = spread;
        let half = (count > 1).then(|| student(count) * sd / (count as f64).sqrt());
        let end = |end: f64| if scale == Scale::Share { end.clamp(0.0, 1.0) } else { end };
        let shown = |value: f64| short(value).unwrap_or(value);
        let interval = half.map(|half| [mean - half, mean + half].map(end).map(shown));
        Self { count, mean: shown(mean), sd: shown(sd), interval }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_significant_digits_and_infinite_ones_left_out() {
        assert_eq!(short(1.0 / 3.0), Some(0.333333));
        assert_eq!(short(-1.234_567_89e-12), Some(-1.23457e-12));
        assert_eq!(shorter(123_456.0), Some(123_500.0));
        assert_eq!((short(f64::NAN), shorter(f64::INFINITY), short(0.0)), (None, None, Some(0.0)));
    }

    #[test]
    fn long_texts_are_cut_between_letters() {
        assert_eq!(cut("é"), "é");
        assert_eq!(cut(&"é".repeat(201)), format!("{}…", "é".repeat(200)));
    }

    #[test]
    fn the_interval_of_a_mean_is_students() {
        // scipy.stats.t.interval(0.95, 2, loc=0.98, scale=0.005/sqrt(3)) = (0.967579, 0.992421).
        let interval = Interval::of(Scale::Plain, &Spread { count: 3, mean: 0.98, sd: 0.005 })
            .interval
            .expect("three seeds");
        assert!((interval[0] - 0.967_579).abs() < 2e-6 && (interval[1] - 0.992_421).abs() < 2e-6);
        assert_eq!(Interval::of(Scale::Plain, &Spread { count: 1, mean: 0.98, sd: 0.0 }).interval, None);
        let many = Interval::of(Scale::Plain, &Spread { count: 100, mean: 0.0, sd: 10.0 })
            .interval
            .expect("many seeds");
        assert!((many[1] - 1.984_217).abs() < 1e-5);
        let share = Interval::of(Scale::Share, &Spread { count: 3, mean: 0.999, sd: 0.005 }).interval;
        assert_eq!(share.map(|ends| ends[1]), Some(1.0));
    }
}
