//! A study in memory whose trials the caller evaluates: ask for a point, then tell its outcome.
//!
//! If the caller asks and tells in turn, the study equals the one that the tuner makes, bit for
//! bit. Nothing is written to disk.

use crate::search::{NextSegment, Search, Suggestion};
use crate::seed::Seed;
use crate::space::{Point, Space, SpaceError};
use crate::study::{Attributes, Metric, Outcome, REFERENCE, Study, Trial, TrialState};

use super::next;
use super::steps::{Part, Steps, StepsError};

/// Why a study in memory refuses an outcome.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum SessionError {
    /// No trial has that number.
    #[error("trial {number}: there is none; {count} have been asked for or told")]
    NoTrial {
        /// The number.
        number: u32,
        /// Number of trials.
        count: usize,
    },
    /// The trial has ended.
    #[error("trial {number}: already {state}: a trial is told once")]
    Finished {
        /// The number.
        number: u32,
        /// The state in which the trial has ended.
        state: TrialState,
    },
    /// Too many or too few values.
    #[error("{found} values for {expected} metrics: must be one for each")]
    Values {
        /// Number of metrics.
        expected: usize,
        /// Number of values.
        found: usize,
    },
    /// The number of constraints is too large or too small.
    #[error("{found} constraints, the study has {expected}: must be one for each")]
    Constraints {
        /// Number of constraints of the study.
        expected: usize,
        /// Number of constraints of the outcome.
        found: usize,
    },
    /// A value is not finite.
    #[error("{0}: must be a finite number; report a trial without a value as failed")]
    NotFinite(f64),
    /// The point is not in the space.
    #[error(transparent)]
    Point(#[from] SpaceError),
    /// Trials do not pause, or not at this step.
    #[error(transparent)]
    Step(#[from] StepsError),
}

/// A study in memory, which the caller drives by asking for points and telling their outcomes.
///
/// ```
/// use spiketune::search::Strategy;
/// use spiketune::space::Space;
/// use spiketune::study::{Attributes, Metric, Outcome};
/// use spiketune::tuner::Session;
///
/// let text = r#"{"name": "line", "parameters": {"x": {"type": "float", "low": 0, "high": 1}}}"#;
/// let space = Space::from_json(text, "line.json")?;
/// let mut session = Session::new(space, vec![Metric::minimize("loss")], 0, Strategy::Bayes.build(), 7);
/// for _ in 0..20 {
///     let trial = session.ask();
///     let x = trial.point.get("x").and_then(|x| x.as_f64()).expect("its only parameter");
///     let (number, values) = (trial.number, vec![(x - 0.3) * (x - 0.3)]);
///     session.tell(number, Outcome::Complete { values, constraints: vec![], attributes: Attributes::new() })?;
/// }
/// assert!(session.study().best().is_some_and(|best| best.values[0] < 1e-3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Session {
    space: Space,
    study: Study,
    constraints: usize,
    search: Box<dyn Search>,
    steps: Option<Steps>,
    seed: u64,
}

impl Session {
    /// A study without trials. It needs at least one metric, and has `constraints` constraints.
    pub fn new(
        space: Space,
        metrics: Vec<Metric>,
        constraints: usize,
        search: Box<dyn Search>,
        seed: u64,
    ) -> Self {
        let study = Study { name: space.name().to_owned(), metrics, ..Study::default() };
        Self { space, study, constraints, search, steps: None, seed }
    }

    /// The same study with a `reference` point, which has one finite value for each metric. Points
    /// that do not improve on the reference in every metric score zero.
    ///
    /// # Errors
    /// `reference` does not have one finite value for each metric.
    pub fn with_reference(mut self, reference: &[f64]) -> Result<Self, SessionError> {
        self.check_values(reference)?;
        self.study.attributes.insert(REFERENCE.to_owned(), reference.into());
        Ok(self)
    }

    /// The same study whose trials pause at `steps`, if there are any.
    pub fn with_steps(self, steps: Option<Steps>) -> Self {
        Self { steps, ..self }
    }

    /// Starts the next trial to evaluate: a new one, or a paused one that resumes, see
    /// [`Self::part`].
    pub fn ask(&mut self) -> &Trial {
        let next = self.next(&self.space);
        self.begin(next)
    }

    /// As [`Self::ask`]; a new trial has these values, wherever they are active.
    ///
    /// # Errors
    /// Those of [`Space::holding`].
    pub fn ask_holding(&mut self, values: &Point) -> Result<&Trial, SpaceError> {
        let next = match values.is_empty() {
            true => self.next(&self.space),
            false => self.next(&self.space.clone().holding(values)?),
        };
        Ok(self.begin(next))
    }

    /// The trial to evaluate next, where new ones are proposed in `space`.
    fn next(&self, space: &Space) -> NextSegment {
        let seed = Seed::root(self.seed).child("search");
        let search = self.search.as_ref();
        match self.steps {
            None => NextSegment::New(next::suggest(space, search, &seed, &self.study)),
            Some(steps) => next::next_part(space, search, &self.study, steps, &seed),
        }
    }

    fn begin(&mut self, next: NextSegment) -> &Trial {
        match next {
            NextSegment::New(suggestion) => self.start(suggestion),
            NextSegment::Of(number) => {
                let trial = &mut self.study.trials[number as usize];
                trial.state = TrialState::Running;
                trial
            }
        }
    }

    /// The part of `trial` that is to be trained; `None` if trials do not pause.
    pub fn part(&self, trial: &Trial) -> Option<Part> {
        self.steps.map(|steps| steps.part(trial))
    }

    /// Tells the `values` of the trial of this number after `step`, at which it pauses. At its last
    /// step it ends, as by [`Self::tell`], with `constraints`.
    ///
    /// # Errors
    /// As [`Self::tell`], or the trial was asked for until another step.
    pub fn tell_step(
        &mut self,
        number: u32,
        step: u32,
        values: Vec<f64>,
        constraints: Vec<f64>,
    ) -> Result<(), SessionError> {
        let steps = self.steps.ok_or(StepsError::NoPauses(step))?;
        let trial = self.running(number)?;
        match steps.reached(trial, step, &values)? {
            None => {
                self.tell(number, Outcome::Complete { values, constraints, attributes: Attributes::new() })
            }
            Some(rung_history) => {
                self.check_values(&values)?;
                let trial = &mut self.study.trials[number as usize];
                (trial.state, trial.rung_history) = (TrialState::Pruned, rung_history);
                Ok(())
            }
        }
    }

    /// The trial of this number, which must not have ended.
    fn running(&self, number: u32) -> Result<&Trial, SessionError> {
        let count = self.study.trials.len();
        let trial = self.study.trials.get(number as usize).ok_or(SessionError::NoTrial { number, count })?;
        match trial.state.is_finished() {
            true => Err(SessionError::Finished { number, state: trial.state }),
            false => Ok(trial),
        }
    }

    /// Ends the trial of this number with `outcome`.
    ///
    /// # Errors
    /// There is no such trial, it has ended already, or the outcome does not fit the metrics and
    /// constraints.
    pub fn tell(&mut self, number: u32, outcome: Outcome) -> Result<(), SessionError> {
        self.running(number)?;
        self.check(&outcome)?;
        finish(&mut self.study.trials[number as usize], outcome);
        Ok(())
    }

    /// Adds a trial of a point that was not asked for; returns its number.
    ///
    /// # Errors
    /// The point is not in the space, or the outcome does not fit the metrics and constraints.
    pub fn add(&mut self, point: &Point, outcome: Outcome) -> Result<u32, SessionError> {
        let point = self.space.adopt(point);
        self.space.check(&point)?;
        self.check(&outcome)?;
        // The parameters in order of the space.
        let number = self.start(self.space.completed(&point).into()).number;
        finish(&mut self.study.trials[number as usize], outcome);
        Ok(number)
    }

    /// The study with all its trials.
    pub fn study(&self) -> &Study {
        &self.study
    }

    fn start(&mut self, Suggestion { point, fits: internal }: Suggestion) -> &Trial {
        let number = self.study.trials.len();
        let trial = Trial::waiting(number as u32, point);
        self.study.trials.push(Trial { state: TrialState::Running, internal, ..trial });
        &self.study.trials[number]
    }

    fn check(&self, outcome: &Outcome) -> Result<(), SessionError> {
        let Outcome::Complete { values, constraints, .. } = outcome else { return Ok(()) };
        self.check_values(values)?;
        let (expected, found) = (self.constraints, constraints.len());
        if expected != found {
            return Err(SessionError::Constraints { expected, found });
        }
        are_finite(constraints)
    }

    /// Checks that there is one finite value for each metric.
    fn check_values(&self, values: &[f64]) -> Result<(), SessionError> {
        let (expected, found) = (self.study.metrics.len(), values.len());
        if expected != found {
            return Err(SessionError::Values { expected, found });
        }
        are_finite(values)
    }
}

fn are_finite(values: &[f64]) -> Result<(), SessionError> {
    let infinite = values.iter().find(|value| !value.is_finite());
    infinite.map_or(Ok(()), |&value| Err(SessionError::NotFinite(value)))
}

fn finish(trial: &mut Trial, outcome: Outcome) {
    match outcome {
        Outcome::Complete { values, constraints, attributes } => {
            trial.state = TrialState::Complete;
            (trial.values, trial.constraints, trial.attributes) = (values, constraints, attributes);
        }
        Outcome::Failed { failure, attributes } => {
            trial.state = TrialState::Fail;
            trial.attributes = attributes;
            trial.attributes.insert("failure".to_owned(), failure.kind.to_string().into());
            trial.attributes.insert("reason".to_owned(), failure.reason.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{Fidelity, Strategy};
    use crate::study::{Failure, FailureKind};

    fn session(constraints: usize) -> Session {
        let text = r#"{"name": "s", "start": [{"n": 9}], "parameters": {
            "x": {"type": "float", "low": 0, "high": 1},
            "n": {"type": "int", "low": 1, "high": 9}
        }}"#;
        let space = Space::from_json(text, "s.json").unwrap();
        Session::new(space, vec![Metric::minimize("loss")], constraints, Strategy::Tpe.build(), 3)
    }

    fn complete(values: &[f64], constraints: &[f64]) -> Outcome {
        let (values, constraints) = (values.to_vec(), constraints.to_vec());
        Outcome::Complete { values, constraints, attributes: Attributes::new() }
    }

    #[test]
    fn starting_points_come_first_and_trials_may_be_told_in_any_order() {
        let mut session = session(0);
        assert_eq!(session.ask().point.get("n"), Some(&5i64.into()));
        assert_eq!(session.ask().point.get("n"), Some(&9i64.into()));
        let third = session.ask().number;
        assert_eq!(session.tell(third, complete(&[2.0], &[])), Ok(()));
        let failure = Failure { kind: FailureKind::Error, reason: "broke".into() };
        assert_eq!(session.tell(0, Outcome::Failed { failure, attributes: Attributes::new() }), Ok(()));
        let states: Vec<TrialState> = session.study().trials.iter().map(|trial| trial.state).collect();
        assert_eq!(states, [TrialState::Fail, TrialState::Running, TrialState::Complete]);
        assert_eq!(session.study().trials[0].attributes["reason"], "broke");
    }

    #[test]
    fn an_added_point_becomes_a_trial_in_the_types_and_order_of_the_space() {
        let mut session = session(0);
        let point: Point = serde_json::from_str(r#"{"n": 3.0, "x": 1}"#).unwrap();
        assert_eq!(session.add(&point, complete(&[0.5], &[])), Ok(0));
        let expected: Point = serde_json::from_str(r#"{"x": 1.0, "n": 3}"#).unwrap();
        assert_eq!(session.study().trials[0].point, expected);
        let outside: Point = serde_json::from_str(r#"{"x": 2, "n": 3}"#).unwrap();
        let error = session.add(&outside, complete(&[0.5], &[])).expect_err("outside").to_string();
        assert_eq!(error, "x = 2.0 is outside the space s: must be a number from 0.0 to 1.0");
        assert_eq!(session.study().trials.len(), 1);
    }

    #[test]
    fn a_reference_is_one_finite_value_for_each_metric() {
        assert_eq!(session(0).with_reference(&[2.0]).unwrap().study().reference(), Some(vec![2.0]));
        let error = |values: &[f64]| session(0).with_reference(values).err();
        assert_eq!(error(&[]), Some(SessionError::Values { expected: 1, found: 0 }));
        assert_eq!(error(&[f64::INFINITY]), Some(SessionError::NotFinite(f64::INFINITY)));
    }

    #[test]
    fn an_outcome_that_does_not_fit_is_refused_and_changes_nothing() {
        let mut session = session(1);
        session.ask();
        let before = session.study().clone();
        assert_eq!(
            session.tell(1, complete(&[1.0], &[0.0])),
            Err(SessionError::NoTrial { number: 1, count: 1 })
        );
        let values = SessionError::Values { expected: 1, found: 2 };
        assert_eq!(session.tell(0, complete(&[1.0, 2.0], &[0.0])), Err(values));
        let constraints = SessionError::Constraints { expected: 1, found: 0 };
        assert_eq!(session.tell(0, complete(&[1.0], &[])), Err(constraints));
        let infinite = SessionError::NotFinite(f64::INFINITY);
        assert_eq!(session.tell(0, complete(&[1.0], &[f64::INFINITY])), Err(infinite));
        assert_eq!(session.study(), &before);
        assert_eq!(session.tell(0, complete(&[1.0], &[0.0])), Ok(()));
        let finished = SessionError::Finished { number: 0, state: TrialState::Complete };
        assert_eq!(session.tell(0, complete(&[1.0], &[0.0])), Err(finished));
    }

    #[test]
    fn trials_pause_at_their_rungs_and_the_promising_ones_resume() {
        let text = r#"{"name": "s", "parameters": {"x": {"type": "float", "low": 0, "high": 1}}}"#;
        let space = Space::from_json(text, "s.json").unwrap();
        let steps = Steps::new(Fidelity::Bayes, Some(40)).unwrap();
        let (metrics, search) = (vec![Metric::minimize("loss")], Strategy::Bayes.build());
        let mut session = Session::new(space, metrics, 0, search, 3).with_steps(steps);
        let mut spent = 0;
        while spent < 20 * 40 {
            let trial = session.ask().clone();
            let part = session.part(&trial).expect("trials pause");
            assert!(part.step < part.until && [10, 40].contains(&part.until), "{part:?}");
            spent += part.until - part.step;
            let x = trial.point.get("x").and_then(|x| x.as_f64()).unwrap();
            let loss = (x - 0.7).powi(2) + 1.0 / f64::from(part.until);
            session.tell_step(trial.number, part.until, vec![loss], vec![]).unwrap();
        }
        let study = session.study();
        let paused = study.trials.iter().filter(|trial| trial.is_paused()).count();
        assert!(study.trials.len() > 22 && paused > 0, "{} trials, {paused} paused", study.trials.len());
        let best = study.best().expect("a complete trial");
        assert!(best.values[0] < 0.03, "{best:?}");
        let early = session.tell_step(0, 10, vec![0.5], vec![]);
        assert!(matches!(early, Err(SessionError::Finished { number: 0, .. })));
    }
}
