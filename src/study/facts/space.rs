//! The space that a study searches, and how it searches, as the study stores them. The space may
//! have got more parameters since the study began.

use super::external::ExternalSetup;
use super::searched::Searched;
use super::setup::Setup;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::space::{Point, Space, SpaceError};
use crate::study::{Study, TrialState};

/// Key of the study attribute that holds the space, as [`Space::to_json`] writes it.
pub const SPACE: &str = "tune:space";

/// Key of the trial attribute that holds the values which the user had fixed when the trial was
/// proposed.
pub const FIXED: &str = "tune:fixed";

/// Key of the study attribute that lists the parameters which were added to the space: [`Added`].
pub const ADDED: &str = "tune:added";

/// Parameters that the space of a study got after trials had begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Added {
    /// Number of trials before them.
    pub trials: usize,
    /// The parameters with the values that these trials count with.
    pub values: Point,
}

impl Study {
    /// The parameters that the space got later, oldest first.
    pub fn added(&self) -> Vec<Added> {
        let kept = self.attributes.get(ADDED).cloned();
        kept.and_then(|kept| serde_json::from_value(kept).ok()).unwrap_or_default()
    }

    /// The value of the attribute [`ADDED`] after parameters with these `values` are added.
    pub fn adding(&self, values: &Point) -> Json {
        let mut added = self.added();
        added.push(Added { trials: self.trials.len(), values: values.clone() });
        serde_json::to_value(added).expect("names and scalars are JSON")
    }

    /// The same study; trials that lack a parameter which was added later have its default.
    ///
    /// Waiting trials stay as they are: they get their missing values when they begin.
    pub fn with_added_parameters(mut self) -> Self {
        let added = self.added();
        let Some(Ok(space)) = self.space().filter(|_| !added.is_empty()) else { return self };
        let of_all = added.iter().flat_map(|added| added.values.iter());
        let values: Point = of_all.map(|(name, value)| (name, value.clone())).collect();
        for trial in self.trials.iter_mut().filter(|trial| trial.state != TrialState::Waiting) {
            trial.point = space.with_added(&trial.point, &values);
        }
        self
    }

    /// The space of the study, if the study stores it.
    ///
    /// # Errors
    /// The attribute [`SPACE`] is not a space: another program wrote it.
    pub fn space(&self) -> Option<Result<Space, SpaceError>> {
        let kept = self.attributes.get(SPACE)?;
        Some(Space::from_json(&kept.to_string(), SPACE))
    }

    /// What the study searches and how; `None` if another program made the study.
    pub fn searched(&self) -> Option<Searched> {
        let of_network = || Setup::of(self).map(|setup| setup.searched);
        of_network().or_else(|| ExternalSetup::of(self).map(|setup| setup.searched))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Trial;

    #[test]
    fn trials_before_a_parameter_was_added_count_with_its_default() {
        let text = r#"{"name": "s", "parameters": {"x": {"type": "float", "low": 0, "high": 1},
            "n": {"type": "int", "low": 1, "high": 9, "default": 3}}}"#;
        let space = Space::from_json(text, "s.json").expect("right");
        let old: Point = [("x", 0.5)].into_iter().collect();
        let trials = [TrialState::Complete, TrialState::Fail, TrialState::Waiting]
            .map(|state| Trial { state, ..Trial::waiting(0, old.clone()) });
        let mut study = Study { trials: trials.to_vec(), ..Study::default() };
        study.attributes.insert(SPACE.to_owned(), space.to_json());
        assert_eq!(study.clone().with_added_parameters(), study);
        let values: Point = [("n", 3)].into_iter().collect();
        study.attributes.insert(ADDED.to_owned(), study.adding(&values));
        assert_eq!(study.added(), [Added { trials: 3, values }]);
        let study = study.with_added_parameters();
        let found: Vec<Option<i64>> =
            study.trials.iter().map(|trial| trial.point.get("n").and_then(|n| n.as_i64())).collect();
        assert_eq!(found, [Some(3), Some(3), None]);
        assert_eq!(study.clone().with_added_parameters(), study);
    }
}
