//! Which trials a report shows if a study has too many of them.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use crate::study::{Study, Trial};

/// The most trials that a report shows of a study.
pub(super) const MOST_TRIALS: usize = 2_000;
/// The share of them that are the best ones.
const BEST: usize = 4;

/// Says that a report shows a sample of the trials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sampled {
    /// The number of trials that are shown.
    pub shown: usize,
    /// The number of trials of the study.
    pub of: usize,
    /// How the sample was drawn, in words.
    pub rule: String,
}

/// The trials of `study` to show, in order of their numbers. If there are more than
/// [`MOST_TRIALS`], these are the trials `important`, the best ones, and others evenly spread over
/// the study.
pub(super) fn sampled<'s>(study: &'s Study, important: &BTreeSet<u32>) -> (Vec<&'s Trial>, Option<Sampled>) {
    let count = study.trials.len();
    if count <= MOST_TRIALS {
        return (study.trials.iter().collect(), None);
    }
    let mut kept: BTreeSet<u32> = important.iter().copied().take(MOST_TRIALS / 2).collect();
    kept.extend(study.ranking().iter().take(MOST_TRIALS / BEST).map(|trial| trial.number));
    let others: Vec<u32> =
        study.trials.iter().map(|trial| trial.number).filter(|number| !kept.contains(number)).collect();
    let free = MOST_TRIALS - kept.len();
    kept.extend((0..free).map(|k| others[k * others.len() / free]));
    let shown: Vec<&Trial> = study.trials.iter().filter(|trial| kept.contains(&trial.number)).collect();
    let rule = format!(
        "the {} best trials, those of the front, the confirmed ones, and others evenly spread",
        MOST_TRIALS / BEST
    );
    let sampled = Sampled { shown: shown.len(), of: count, rule };
    (shown, Some(sampled))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::fixtures::study;

    #[test]
    fn a_large_study_is_sampled_with_its_best_and_important_trials() {
        let study = study(10_000);
        let important = BTreeSet::from([7777]);
        let (shown, sampled) = sampled(&study, &important);
        let numbers: BTreeSet<u32> = shown.iter().map(|trial| trial.number).collect();
        assert_eq!((numbers.len(), sampled.map(|sampled| sampled.of)), (MOST_TRIALS, Some(10_000)));
        assert!(numbers.contains(&7777) && numbers.contains(&study.ranking()[499].number));
        let gaps = shown.windows(2).map(|pair| pair[1].number - pair[0].number);
        assert!(gaps.max() <= Some(10), "spread over the study");
    }

    #[test]
    fn a_small_study_is_shown_whole() {
        let study = study(MOST_TRIALS as u32);
        let (shown, sampled) = sampled(&study, &BTreeSet::new());
        assert_eq!((shown.len(), sampled), (MOST_TRIALS, None));
    }
}
