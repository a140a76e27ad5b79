//! Another winner of a study that has ended, without new training.

use super::best::{Best, test_interval};
use super::front::OnFront;
use crate::study::{Pick, PickError, Study, Trial, TrialState};

/// Why no other trial of a front can be picked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PickedError {
    /// There is no front.
    #[error("the study has one metric, so there is no front to pick from")]
    OneMetric,
    /// No trial of the front has results by fresh seeds.
    #[error("no trial of the front is confirmed by fresh seeds: run the study again with --confirm front")]
    Unconfirmed,
    /// The trial is not on the front. A `best.json` does not tell whether the study has it.
    #[error(
        "trial {trial} is not on the confirmed front ({front}): --pick {trial} in the study's command trains it, if the study has it"
    )]
    NotOnFront {
        /// Its number.
        trial: u32,
        /// The trials of the front.
        front: String,
    },
    /// The rule does not fit.
    #[error(transparent)]
    Rule(#[from] PickError),
}

impl Best {
    /// The same study with another winner: the trial of the front that `pick` chooses by the means
    /// over fresh seeds.
    ///
    /// # Errors
    /// The study has one metric, its front was not confirmed, or the rule fits none of its trials.
    pub fn picked(&self, pick: &Pick) -> Result<Self, PickedError> {
        if self.metrics.len() < 2 {
            return Err(PickedError::OneMetric);
        }
        if self.setup.is_some() {
            pick.check_share(&self.metrics[0].name)?;
        }
        let means = self.means();
        if means.trials.is_empty() {
            return Err(PickedError::Unconfirmed);
        }
        if let Pick::Trial(trial) = *pick
            && !means.trials.iter().any(|one| one.number == trial)
        {
            let front: Vec<String> = means.trials.iter().map(|one| one.number.to_string()).collect();
            return Err(PickedError::NotOnFront { trial, front: front.join(", ") });
        }
        let means = if matches!(pick, Pick::Trial(_)) { means } else { self.kept(means) };
        let number = pick.order(&means)?.first().map(|trial| trial.number).ok_or(PickedError::Unconfirmed)?;
        let same = |one: &&OnFront| one.trial == number;
        let chosen = self.front.iter().find(same).ok_or(PickedError::Unconfirmed)?;
        let confirmed = chosen.confirmed.as_ref().ok_or(PickedError::Unconfirmed)?;
        let saved = confirmed.model.is_some();
        Ok(Self {
            trial: number,
            hyperparameters: chosen.hyperparameters.clone(),
            searched: chosen.values.first().copied().unwrap_or(self.searched),
            validation: confirmed.validation.clone(),
            test: confirmed.test.clone(),
            test_interval: test_interval(&self.metrics, &confirmed.test, self.test_samples),
            network: confirmed.network.clone(),
            model: confirmed.model.clone(),
            model_sha256: confirmed.model_sha256.clone(),
            model_seed: saved.then_some(confirmed.seed),
            model_test: confirmed.test.values.get(confirmed.seed).copied().flatten().filter(|_| saved),
            host_throughput: confirmed.host_throughput,
            ..self.clone()
        })
    }

    /// The same without the networks that `is_there` does not find by their names and checksums.
    pub fn with_models(mut self, is_there: impl Fn(&str, &str) -> bool) -> Self {
        let stands = |model: &Option<String>, sha256: &Option<String>| {
            model.as_ref().zip(sha256.as_ref()).is_some_and(|(model, sha256)| is_there(model, sha256))
        };
        if !stands(&self.model, &self.model_sha256) {
            self = self.without_model();
        }
        for confirmed in self.front.iter_mut().filter_map(|one| one.confirmed.as_mut()) {
            if !stands(&confirmed.model, &confirmed.model_sha256) {
                (confirmed.model, confirmed.model_sha256) = (None, None);
            }
        }
        self
    }

    /// The same without a saved network of the winner.
    pub fn without_model(self) -> Self {
        Self { model: None, model_sha256: None, model_seed: None, model_test: None, ..self }
    }

    /// `means` with the trials that keep all constraints, or with all if none does.
    fn kept(&self, means: Study) -> Study {
        let breaks = |number: u32| {
            let mut confirmed =
                self.front.iter().filter_map(|one| Some((one.trial, one.confirmed.as_ref()?)));
            confirmed.any(|(trial, one)| trial == number && one.breaks_constraint)
        };
        let kept: Vec<Trial> = means.trials.iter().filter(|trial| !breaks(trial.number)).cloned().collect();
        if kept.is_empty() { means } else { means.with_trials(kept) }
    }

    /// The confirmed trials of the front, with their means as values.
    fn means(&self) -> Study {
        let trial = |one: &OnFront| {
            let metrics = &one.confirmed.as_ref()?.metrics;
            (metrics.len() == self.metrics.len()).then(|| Trial {
                state: TrialState::Complete,
                values: metrics.iter().map(|spread| spread.mean).collect(),
                ..Trial::waiting(one.trial, one.hyperparameters.clone())
            })
        };
        Study {
            metrics: self.metrics.clone(),
            trials: self.front.iter().filter_map(trial).collect(),
            ..Study::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;
    use crate::study::{Attributes, CONFIRMATION, Candidate, Confirmation, Metric, Repeat};

    /// A confirmed front of two trials: the means of the accuracy by fresh seeds are 0.9 and 0.8, of the energy 10 and 2.
    fn best() -> Best {
        let repeat = |accuracy: f64, energy: f64| Repeat {
            value: Some(accuracy),
            values: vec![accuracy, energy],
            constraints: Vec::new(),
            attributes: [("modelled_energy_nj".to_owned(), energy.into())].into_iter().collect(),
        };
        let candidate = |trial, accuracy: f64, energy: f64| Candidate {
            trial,
            stopped: false,
            repeats: vec![repeat(accuracy - 0.01, energy), repeat(accuracy + 0.01, energy)],
            test: vec![repeat(accuracy - 0.02, energy), repeat(accuracy - 0.03, energy)],
            model_sha256: Some("00".repeat(32)),
            host_throughput: Some(1000.0 / energy),
        };
        let candidates = vec![candidate(0, 0.9, 10.0), candidate(1, 0.8, 2.0)];
        let confirmation = Confirmation {
            trials: 2,
            repeats: 2,
            wanted: 0,
            front: true,
            pick: None,
            test: candidates[0].test.clone(),
            kept: 1,
            candidates,
        };
        let trial = |number: u32, values: [f64; 2]| Trial {
            state: TrialState::Complete,
            values: values.to_vec(),
            ..Trial::waiting(number, Point::default())
        };
        let study = Study {
            metrics: vec![Metric::maximize("accuracy"), Metric::minimize("energy")],
            trials: vec![trial(0, [0.95, 10.0]), trial(1, [0.85, 2.0])],
            attributes: Attributes::from([(CONFIRMATION.to_owned(), confirmation.to_json())]),
            ..Study::default()
        };
        Best::of(&study, "", Some("best.safetensors")).expect("it is confirmed")
    }

    #[test]
    fn a_picked_trial_is_a_whole_winner() {
        let best = best();
        assert_eq!((best.trial, best.host_throughput), (0, Some(100.0)));
        let picked = best.picked(&"energy within 0.11".parse().unwrap()).expect("it fits");
        assert_eq!((picked.trial, picked.searched, picked.model_seed), (1, 0.85, Some(1)));
        assert_eq!(picked.model.as_deref(), Some("best.front/trial-1.safetensors"));
        assert_eq!((picked.model_test, picked.host_throughput), (Some(0.8 - 0.03), Some(500.0)));
        assert_eq!(picked.network["modelled_energy_nj"], 2.0);
        assert_eq!(picked.picked(&"0".parse().unwrap()).unwrap().trial, 0);
        let line = crate::report::against_text(&picked, &best, "reference.json");
        assert_eq!(
            line,
            "against reference.json: 5.000 times lower energy, 5.000 times higher host throughput, 10.00 points lower \
             accuracy (worse)"
        );
    }

    #[test]
    fn a_trial_that_breaks_a_constraint_by_fresh_seeds_is_picked_by_its_number_alone() {
        let mut best = best();
        let broken = |best: &mut Best, at: usize| {
            best.front[at].confirmed.as_mut().expect("confirmed").breaks_constraint = true;
        };
        let pick = |best: &Best, rule: &str| best.picked(&rule.parse().unwrap()).map(|picked| picked.trial);
        broken(&mut best, 1);
        assert_eq!(pick(&best, "energy within 0.11"), Ok(0));
        assert_eq!(pick(&best, "1"), Ok(1));
        broken(&mut best, 0);
        assert_eq!(pick(&best, "energy within 0.11"), Ok(1), "none keeps its constraints");
    }

    #[test]
    fn what_cannot_be_picked_says_why() {
        let mut one = best();
        one.metrics.truncate(1);
        assert_eq!(one.picked(&Pick::Knee), Err(PickedError::OneMetric));
        let mut unconfirmed = best();
        unconfirmed.front.iter_mut().for_each(|trial| trial.confirmed = None);
        assert_eq!(unconfirmed.picked(&Pick::Knee), Err(PickedError::Unconfirmed));
        assert_eq!(
            best().picked(&Pick::Trial(7)),
            Err(PickedError::NotOnFront { trial: 7, front: "0, 1".to_owned() })
        );
    }
}
