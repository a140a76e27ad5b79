//! Which trials are evaluated again with new seeds before one of them wins.

use std::fmt;
use std::str::FromStr;

use crate::tuner::Confirm;

/// Which trials are confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confirmed {
    /// This number of the best ones; 0: none.
    Best(u32),
    /// All trials of the front.
    Front,
}

/// Trials that are confirmed in a study with one metric.
const OF_ONE_METRIC: u32 = 3;

impl Confirmed {
    /// What is confirmed where nobody says: a few trials, or with several `metrics` the front.
    pub fn usual(metrics: usize) -> Self {
        match metrics {
            0 | 1 => Self::Best(OF_ONE_METRIC),
            _ => Self::Front,
        }
    }

    /// The tuner's setting, with `seeds` for each trial.
    pub fn setting(self, seeds: u32) -> Confirm {
        match self {
            Self::Best(candidates) => Confirm { candidates, front: false, repeats: seeds },
            Self::Front => Confirm { candidates: 0, front: true, repeats: seeds },
        }
    }
}

impl FromStr for Confirmed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "front" => Ok(Self::Front),
            count => {
                count.parse().map(Self::Best).map_err(|_| "must be a number of trials, or front".to_owned())
            }
        }
    }
}

impl fmt::Display for Confirmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Best(count) => write!(f, "{count}"),
            Self::Front => f.write_str("front"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_reads_back_as_it_prints_and_others_are_refused() {
        for text in ["0", "3", "front"] {
            assert_eq!(text.parse::<Confirmed>().unwrap().to_string(), text);
        }
        for text in ["", "-1", "all", "2.5"] {
            assert!(text.parse::<Confirmed>().is_err(), "{text}");
        }
    }

    #[test]
    fn several_metrics_confirm_the_front() {
        assert_eq!((Confirmed::usual(1), Confirmed::usual(2)), (Confirmed::Best(3), Confirmed::Front));
    }
}
