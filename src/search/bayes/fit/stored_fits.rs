//! Fits that a trial carries, so that nobody has to repeat them.
//!
//! Workers in processes of their own share a study and nothing else. Whoever fits where a fit is due notes it with the
//! trial that it then suggests, and everybody else finds it there, also where trials end in another order for each.

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

/// What was fitted for the suggestion of a trial.
#[derive(Serialize, Deserialize)]
struct CachedFits {
    /// The count at which it was due.
    observations: usize,
    /// By the name of the quantity.
    fits: BTreeMap<String, Fitted>,
}

/// The fits that a study has notes of and that are still to be used, and those that come.
pub(crate) struct StoredFits {
    observations: usize,
    known: BTreeMap<String, Fitted>,
    new: RefCell<BTreeMap<String, Fitted>>,
}

impl StoredFits {
    /// Those of `study`, of which `history` is made. Whoever was first to note a fit is believed.
    pub fn of(study: &Study, history: &History) -> Self {
        let observations = scheduled(history.ended.len().max(history.measured.len()));
        let mut known = BTreeMap::new();
        if is_noted(observations) {
            let fits = study.trials.iter().filter_map(|trial| trial.internal.get(MODEL));
            for (name, fitted) in fits.filter_map(|note| of_count(note, observations)).flatten() {
                known.entry(name).or_insert(fitted);
            }
        }
        Self { observations, known, new: RefCell::default() }
    }

    /// The fit of the quantity `name`, if it is known and of so many length-scales and stages and so many warps or none.
    pub fn find(&self, name: &str, [lengths, levels, warps]: [usize; 3]) -> Option<Fitted> {
        let suits = |hyper: &Hyperparameters| {
            (hyper.lengths.len(), hyper.levels.len()) == (lengths, levels)
                && [0, warps].contains(&hyper.warps.len())
        };
        self.known.get(name).filter(|fitted| suits(&fitted.hyperparameters)).cloned()
    }

    /// Notes a fit of the quantity `name`.
    pub fn add(&self, name: &str, fitted: &Fitted) {
        self.new.borrow_mut().insert(name.to_owned(), fitted.clone());
    }

    /// What is to be kept with the trial that was suggested.
    pub fn into_attributes(self) -> Attributes {
        let note = CachedFits { observations: self.observations, fits: self.new.into_inner() };
        if note.fits.is_empty() || !is_noted(note.observations) {
            return Attributes::new();
        }
        let json = serde_json::to_value(note).expect("finite numbers are JSON");
        [(MODEL.to_owned(), json)].into()
    }
}

/// Before that every count has a fit of its own.
fn is_noted(observations: usize) -> bool {
    observations >= EVERY
}

/// The fits of `note` if they were due at this count. One that nobody can have written is none.
fn of_count(note: &Json, observations: usize) -> Option<BTreeMap<String, Fitted>> {
    if note.get("observations")?.as_u64()? != observations as u64 {
        return None;
    }
    let mut fits = serde_json::from_value::<CachedFits>(note.clone()).ok()?.fits;
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

    /// So many trials on a line, all complete.
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
    fn a_fit_is_noted_where_it_is_due_and_found_by_other_processes() {
        assert_eq!(next(&study(59)).fits, Attributes::new(), "the next count has a fit of its own");
        let mut noted = study(62);
        let first = next(&noted);
        let note = &first.fits[MODEL];
        assert_eq!(note["observations"], 60);
        noted.trials[61].internal = first.fits.clone();
        let second = next(&noted);
        assert_eq!((second.point, second.fits), (first.point, Attributes::new()));
        // Due again.
        let mut later = study(66);
        later.trials[61].internal = first.fits.clone();
        assert_eq!(next(&later).fits[MODEL]["observations"], 66);
    }

    /// `note` with so many warps.
    fn with_warps(note: &Json, count: usize) -> Attributes {
        let mut note = note.clone();
        note["fits"]["/loss"]["hyper"]["warps"] = vec![serde_json::json!({"a": 0.5, "b": 2.0}); count].into();
        [(MODEL.to_owned(), note)].into()
    }

    #[test]
    fn what_is_noted_counts_and_what_is_broken_does_not() {
        let mut noted = study(62);
        let first = next(&noted);
        let mut other = first.fits[MODEL].clone();
        other["fits"]["/loss"]["hyper"]["lengths"][0] = 0.03.into();
        noted.trials[61].internal = [(MODEL.to_owned(), other.clone())].into();
        assert_ne!(next(&noted).point, first.point, "another length-scale");
        noted.trials[61].internal = with_warps(&other, 2);
        assert_eq!(next(&noted), first, "a line has one number to warp");
        noted.trials[61].internal = with_warps(&other, 0);
        assert_ne!(next(&noted).point, first.point, "none is warped");
        for broken in [serde_json::json!(0.0), serde_json::json!("long"), serde_json::json!([])] {
            let mut other = other.clone();
            other["fits"]["/loss"]["hyper"]["lengths"][0] = broken;
            noted.trials[61].internal = [(MODEL.to_owned(), other)].into();
            assert_eq!(next(&noted), first);
        }
    }
}
