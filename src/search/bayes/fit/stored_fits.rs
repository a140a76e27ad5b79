//! Fits of Gaussian processes that are stored with trials, so that other programs need not repeat
//! them.
//!
//! Programs (operating system processes) that work at one study share nothing but the study. The
//! one that makes a due fit stores it with the trial that it suggests. The others find it there,
//! even if they see trials end in another order.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::fitted::Fitted;
use super::schedule::{EVERY, scheduled};
use crate::search::bayes::input::history::History;
use crate::search::gp::Hyperparameters;
use crate::study::{Attributes, Study};

/// Name of the internal attribute of a trial that holds its [`CachedFits`].
const MODEL: &str = "tune:model";

/// The fits that were made for the suggestion of a trial.
#[derive(Serialize, Deserialize)]
struct CachedFits {
    /// The number of observations at which they were due.
    observations: usize,
    /// Fits by the name of their quantity.
    fits: BTreeMap<String, Fitted>,
}

/// The fits of a study that are still in use, and new ones.
pub(crate) struct StoredFits {
    observations: usize,
    known: BTreeMap<String, Fitted>,
    new: RefCell<BTreeMap<String, Fitted>>,
}

impl StoredFits {
    /// The stored fits of `study` for the number of observations of its `history`. If a quantity
    /// has several such fits, the first counts.
    pub fn of(study: &Study, history: &History) -> Self {
        let observations = scheduled(history.ended.len().max(history.measured.len()));
        let mut known = BTreeMap::new();
        if is_stored(observations) {
            let fits = study.trials.iter().filter_map(|trial| trial.internal.get(MODEL));
            for (name, fitted) in fits.filter_map(|stored| of_count(stored, observations)).flatten() {
                known.entry(name).or_insert(fitted);
            }
        }
        Self { observations, known, new: RefCell::default() }
    }

    /// The stored fit of the quantity `name`, if it has these numbers of length-scales, levels and
    /// warps. It may also have no warps.
    pub fn find(&self, name: &str, [lengths, levels, warps]: [usize; 3]) -> Option<Fitted> {
        let suits = |hyper: &Hyperparameters| {
            (hyper.lengths.len(), hyper.levels.len()) == (lengths, levels)
                && [0, warps].contains(&hyper.warps.len())
        };
        self.known.get(name).filter(|fitted| suits(&fitted.hyperparameters)).cloned()
    }

    /// Adds a new fit of the quantity `name`.
    pub fn add(&self, name: &str, fitted: &Fitted) {
        self.new.borrow_mut().insert(name.to_owned(), fitted.clone());
    }

    /// The new fits, as internal attributes of the trial that is suggested.
    pub fn into_attributes(self) -> Attributes {
        let stored = CachedFits { observations: self.observations, fits: self.new.into_inner() };
        if stored.fits.is_empty() || !is_stored(stored.observations) {
            return Attributes::new();
        }
        let json = serde_json::to_value(stored).expect("finite numbers are JSON");
        [(MODEL.to_owned(), json)].into()
    }
}

/// Whether fits are stored at this number of observations. At smaller numbers there is a new fit
/// after every observation.
fn is_stored(observations: usize) -> bool {
    observations >= EVERY
}

/// The fits in the attribute `stored`, if they were made at this number of observations. Malformed
/// fits are left out.
fn of_count(stored: &Json, observations: usize) -> Option<BTreeMap<String, Fitted>> {
    if stored.get("observations")?.as_u64()? != observations as u64 {
        return None;
    }
    let mut fits = serde_json::from_value::<CachedFits>(stored.clone()).ok()?.fits;
    fits.retain(|_, fitted| {
        let logs = fitted.hyperparameters.to_logs();
        logs.len() > 2 && logs.iter().all(|log| log.is_finite())
    });
    Some(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::bayes::fixtures::line;
    use crate::search::{BayesSearch, Search, Suggestion};
    use crate::seed::Seed;
    use crate::study::{Metric, Trial, TrialState};

    /// A study of this number of complete trials on a line.
    fn study(count: u32) -> Study {
        let trials = (0..count).map(|number| {
            let x = f64::from(number * 37 % 101) / 100.0;
            let point = [("x", x)].into_iter().collect();
            let values = vec![(x - 0.3) * (x - 0.3) + 0.01 * f64::from(number * 7 % 5)];
            Trial { state: TrialState::Complete, values, ..Trial::waiting(number, point) }
        });
        Study { metrics: vec![Metric::minimize("loss")], trials: trials.collect(), ..Study::default() }
    }

    fn next(study: &Study) -> Suggestion {
        BayesSearch::new().suggest_with_fits(&line(), study, &Seed::root(3))
    }

    #[test]
    fn a_due_fit_is_stored_and_found_by_other_processes() {
        assert_eq!(next(&study(59)).fits, Attributes::new(), "the next count has a fit of its own");
        let mut stored = study(62);
        let first = next(&stored);
        assert_eq!(first.fits[MODEL]["observations"], 60);
        stored.trials[61].internal = first.fits.clone();
        let second = next(&stored);
        assert_eq!((second.point, second.fits), (first.point, Attributes::new()));
        // Due again.
        let mut later = study(66);
        later.trials[61].internal = first.fits.clone();
        assert_eq!(next(&later).fits[MODEL]["observations"], 66);
    }

    /// `stored` with this number of warps.
    fn with_warps(stored: &Json, count: usize) -> Attributes {
        let mut stored = stored.clone();
        stored["fits"]["/loss"]["hyper"]["warps"] =
            vec![serde_json::json!({"a": 0.5, "b": 2.0}); count].into();
        [(MODEL.to_owned(), stored)].into()
    }

    #[test]
    fn a_stored_fit_is_used_and_a_malformed_one_is_not() {
        let mut stored = study(62);
        let first = next(&stored);
        let mut other = first.fits[MODEL].clone();
        other["fits"]["/loss"]["hyper"]["lengths"][0] = 0.03.into();
        stored.trials[61].internal = [(MODEL.to_owned(), other.clone())].into();
        assert_ne!(next(&stored).point, first.point, "another length-scale");
        stored.trials[61].internal = with_warps(&other, 2);
        assert_eq!(next(&stored), first, "a line has one number to warp");
        stored.trials[61].internal = with_warps(&other, 0);
        assert_ne!(next(&stored).point, first.point, "no number is warped");
        for broken in [serde_json::json!(0.0), serde_json::json!("long"), serde_json::json!([])] {
            let mut other = other.clone();
            other["fits"]["/loss"]["hyper"]["lengths"][0] = broken;
            stored.trials[61].internal = [(MODEL.to_owned(), other)].into();
            assert_eq!(next(&stored), first);
        }
    }
}
