//! Synthetic objectives of known optimum that cost nothing: for tests of searches and of the tuner.

use std::f64::consts::PI;
use std::ops::RangeInclusive;
use std::path::Path;

use rand_distr::{Distribution, StandardNormal};

use super::{Advance, Evaluation, Objective, Observer, Segment, SegmentEnd};
use crate::seed::Seed;
use crate::space::{Point, Space, SpaceError};
use crate::study::{Attributes, Failure, FailureKind, Metric, Outcome, Rung};

/// A function to minimize.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A function of two numbers with three equal minima: Branin 1972, with the constants of Dixon
    /// & Szegö 1978, "The global optimization problem: an introduction". Least value 0.397887, at
    /// (-π, 12.275), (π, 2.275) and (9.42478, 2.475).
    Branin,
    /// A function of six numbers with six local minima: Hartmann 1973, with the constants of Dixon
    /// & Szegö 1978. Least value -3.32237, at (0.20169, 0.150011, 0.476874, 0.275332, 0.311652,
    /// 0.6573).
    Hartmann6,
    /// A rate on a logarithmic scale and a choice of three kinds. Kind `conv` has an integer
    /// `depth` and a float `width` of its own, `dense` has a float, `none` has nothing. The value
    /// is a sum of terms that are zero at the optimum: least value 0, at rate 0.01, kind `conv`,
    /// depth 5, width 10^1.5.
    Conditional,
}

impl Problem {
    /// The least value of the function.
    pub fn optimum(self) -> f64 {
        match self {
            Problem::Branin => 0.397_887_357_729_739,
            Problem::Hartmann6 => -3.322_368_011_415_5,
            Problem::Conditional => 0.0,
        }
    }

    fn space_text(self) -> &'static str {
        match self {
            Problem::Branin => BRANIN,
            Problem::Hartmann6 => HARTMANN6,
            Problem::Conditional => CONDITIONAL,
        }
    }

    /// The value at `point`, or the name of a parameter that it lacks.
    fn value(self, point: &Point) -> Result<f64, &'static str> {
        match self {
            Problem::Branin => Ok(branin(number(point, "x")?, number(point, "y")?)),
            Problem::Hartmann6 => {
                let mut x = [0.0; 6];
                for (x, name) in x.iter_mut().zip(["x1", "x2", "x3", "x4", "x5", "x6"]) {
                    *x = number(point, name)?;
                }
                Ok(hartmann6(x))
            }
            Problem::Conditional => conditional(point),
        }
    }
}

const BRANIN: &str = r#"{"name": "branin", "parameters": {
    "x": {"type": "float", "low": -5, "high": 10},
    "y": {"type": "float", "low": 0, "high": 15}
}}"#;

const HARTMANN6: &str = r#"{"name": "hartmann6", "parameters": {
    "x1": {"type": "float", "low": 0, "high": 1},
    "x2": {"type": "float", "low": 0, "high": 1},
    "x3": {"type": "float", "low": 0, "high": 1},
    "x4": {"type": "float", "low": 0, "high": 1},
    "x5": {"type": "float", "low": 0, "high": 1},
    "x6": {"type": "float", "low": 0, "high": 1}
}}"#;

const CONDITIONAL: &str = r#"{"name": "conditional", "parameters": {
    "rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": true},
    "kind": {"type": "categorical", "choices": ["none", "dense", "conv"]},
    "dropout": {"type": "float", "low": 0, "high": 1, "when": {"kind": ["dense"]}},
    "depth": {"type": "int", "low": 1, "high": 8, "when": {"kind": ["conv"]}},
    "width": {"type": "float", "low": 1.0, "high": 1000.0, "log": true, "when": {"kind": ["conv"]}}
}}"#;

fn branin(x: f64, y: f64) -> f64 {
    let bend = y - 5.1 / (4.0 * PI * PI) * x * x + 5.0 / PI * x - 6.0;
    bend * bend + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0
}

fn hartmann6(x: [f64; 6]) -> f64 {
    const HEIGHTS: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const SHARPNESS: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const CENTRES: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let peak = |peak: usize| {
        let distance: f64 = (0..6).map(|i| SHARPNESS[peak][i] * square(x[i] - CENTRES[peak][i])).sum();
        HEIGHTS[peak] * (-distance).exp()
    };
    -(0..4).map(peak).sum::<f64>()
}

fn conditional(point: &Point) -> Result<f64, &'static str> {
    let rate = (number(point, "rate")?.log10() + 2.0) / 2.0;
    let kind = point.get("kind").and_then(|kind| kind.as_str()).ok_or("kind")?;
    let by_kind = match kind {
        "dense" => 0.4 + square(number(point, "dropout")? - 0.3),
        "conv" => {
            let (depth, width) = (number(point, "depth")?, number(point, "width")?.log10());
            square(depth - 5.0) / 32.0 + square(width - 1.5) / 4.0
        }
        _ => 0.8,
    };
    Ok(square(rate) + by_kind)
}

fn square(x: f64) -> f64 {
    x * x
}

fn number(point: &Point, name: &'static str) -> Result<f64, &'static str> {
    point.get(name).and_then(|value| value.as_f64()).ok_or(name)
}

/// A [`Problem`] as an objective. It can have noise, a region where every trial fails, and values
/// that improve step by step.
///
/// ```
/// use spiketune::objective::{Objective, synthetic::{Problem, Synthetic}};
/// use spiketune::{seed::Seed, study::Outcome};
///
/// let objective = Synthetic::new(Problem::Conditional);
/// let point = objective.space()?.default_point();
/// let mut observer = |_, _| std::ops::ControlFlow::Continue(());
/// let evaluation = objective.evaluate(&point, &Seed::root(0), &mut observer).expect("not broken off");
/// assert!(matches!(evaluation.outcome, Outcome::Complete { values, .. } if values[0] > 0.5));
/// # Ok::<(), spiketune::space::SpaceError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Synthetic {
    problem: Problem,
    deviation: f64,
    failing_above: Option<f64>,
    steps: u32,
}

impl Synthetic {
    /// The problem without noise and failures, in one step.
    pub fn new(problem: Problem) -> Self {
        Self { problem, deviation: 0.0, failing_above: None, steps: 1 }
    }

    /// Adds a normal random number with standard deviation `deviation` to every value. It is drawn
    /// with the trial's seed.
    pub fn with_noise(mut self, deviation: f64) -> Self {
        self.deviation = deviation;
        self
    }

    /// Lets a trial diverge if its first searched parameter, scaled from 0 to 1, is above `unit`.
    /// At 0.75 the optimum is still allowed; of the three optima of Branin two are.
    pub fn failing_above(mut self, unit: f64) -> Self {
        self.failing_above = Some(unit);
        self
    }

    /// Reports `steps` intermediate values, at least one. The value at step k is the final value
    /// plus 1/k - 1/`steps`.
    pub fn with_steps(mut self, steps: u32) -> Self {
        self.steps = steps.max(1);
        self
    }

    /// The function that is minimized.
    pub fn problem(&self) -> Problem {
        self.problem
    }

    /// The search space of the problem.
    ///
    /// # Errors
    /// None in practice: the spaces are part of this module.
    pub fn space(&self) -> Result<Space, SpaceError> {
        Space::from_json(self.problem.space_text(), "synthetic")
    }

    /// Why a trial of `point` fails, if it does.
    fn failure(&self, point: &Point) -> Option<Failure> {
        let limit = self.failing_above?;
        let space = self.space().ok()?;
        let first = *space.encode(point).ok()?.first()?;
        let name = &space.searched().next()?.name;
        let reason = format!("{name} at {first:.3} of its scale: diverges above {limit}");
        (first > limit).then_some(Failure { kind: FailureKind::Diverged, reason })
    }
}

impl Synthetic {
    fn measure(&self, point: &Point, seed: &Seed) -> Result<f64, Failure> {
        self.failure(point).map_or(Ok(()), Err)?;
        let value = self.problem.value(point).map_err(|name| {
            let reason = format!("{name} is missing: must have a value");
            Failure { kind: FailureKind::Invalid, reason }
        })?;
        let noise: f64 = StandardNormal.sample(&mut seed.child("noise").stream());
        Ok(value + self.deviation * noise)
    }

    /// Reports `steps` to `observer`; `None` if it breaks off.
    fn report(&self, value: f64, steps: RangeInclusive<u32>, observer: &mut Observer<'_>) -> Option<()> {
        steps
            .into_iter()
            .try_for_each(|step| observer(step, value + self.ahead(step)))
            .is_continue()
            .then_some(())
    }

    /// The difference between the value after `step` and the final value.
    fn ahead(&self, step: u32) -> f64 {
        f64::from(step).recip() - f64::from(self.steps).recip()
    }
}

impl Objective for Synthetic {
    fn metrics(&self) -> Vec<Metric> {
        vec![Metric::minimize("loss")]
    }

    fn evaluate(&self, point: &Point, seed: &Seed, observer: &mut Observer<'_>) -> Option<Evaluation> {
        let value = match self.measure(point, seed) {
            Ok(value) => value,
            Err(failure) => return Some(failed(failure)),
        };
        self.report(value, 1..=self.steps, observer)?;
        Some(complete(value))
    }

    fn advance(
        &self,
        point: &Point,
        seed: &Seed,
        segment: &Segment,
        observer: &mut Observer<'_>,
    ) -> Option<Advance> {
        let value = match self.measure(point, seed) {
            Ok(value) => value,
            Err(failure) => return Some(failed(failure).into()),
        };
        let (done, restarted) = match segment.from.as_deref().map(read_steps).transpose() {
            Ok(done) => (done.unwrap_or(0), None),
            Err(reason) => (0, Some(reason)),
        };
        let pause =
            segment.pause.as_ref().map(|pause| (self.steps.div_ceil(pause.divisor), &pause.checkpoint));
        let Some((until, file)) = pause.filter(|&(until, _)| until < self.steps) else {
            self.report(value, done + 1..=self.steps, observer)?;
            return Some(Advance { end: SegmentEnd::Done(complete(value)), restarted });
        };
        self.report(value, done + 1..=until, observer)?;
        let end = match std::fs::write(file, until.to_string()) {
            Ok(()) => {
                let values = vec![value + self.ahead(until)];
                SegmentEnd::Paused(Rung { steps: until, values, seconds: 0.0 })
            }
            Err(error) => SegmentEnd::Unsaved(file.clone(), error),
        };
        Some(Advance { end, restarted })
    }
}

fn failed(failure: Failure) -> Evaluation {
    Outcome::Failed { failure, attributes: Attributes::new() }.into()
}

fn complete(value: f64) -> Evaluation {
    let values = vec![value];
    Outcome::Complete { values, constraints: Vec::new(), attributes: Attributes::new() }.into()
}

/// The steps done, from the checkpoint `file`.
fn read_steps(file: &Path) -> Result<u32, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    text.parse().map_err(|error| format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::search::{BayesSearch, RandomSearch, Search, SobolSearch, TpeSearch};
    use crate::study::{Study, Trial, TrialState};

    fn outcome(objective: &Synthetic, point: &Point, seed: &Seed) -> Outcome {
        objective.evaluate(point, seed, &mut |_, _| ControlFlow::Continue(())).unwrap().outcome
    }

    fn value(objective: &Synthetic, point: &Point, seed: u64) -> f64 {
        match outcome(objective, point, &Seed::root(seed)) {
            Outcome::Complete { values, .. } => values[0],
            failed => panic!("{failed:?}"),
        }
    }

    /// A study of `count` trials, the default point first.
    fn study(objective: &Synthetic, search: &dyn Search, count: u32, seed: u64) -> Study {
        let space = objective.space().unwrap();
        let mut study = Study { metrics: objective.metrics(), ..Study::default() };
        let root = Seed::root(seed);
        for number in 0..count {
            let point = match number {
                0 => space.default_point(),
                _ => search.suggest(&space, &study, &root.child("search")),
            };
            let seed = root.child("trial").index(u64::from(number));
            let (state, values) = match outcome(objective, &point, &seed) {
                Outcome::Complete { values, .. } => (TrialState::Complete, values),
                _ => (TrialState::Fail, Vec::new()),
            };
            study.trials.push(Trial { state, values, ..Trial::waiting(number, point) });
        }
        study
    }

    /// How far the best of 40 trials is from the optimum: the median over five seeds.
    fn median_regret(objective: &Synthetic, search: &dyn Search) -> f64 {
        let mut regrets: Vec<f64> = (0..5)
            .map(|seed| {
                let study = study(objective, search, 40, seed);
                value(&Synthetic::new(objective.problem), &study.best().unwrap().point, 0)
                    - objective.problem.optimum()
            })
            .collect();
        regrets.sort_by(f64::total_cmp);
        regrets[2]
    }

    #[test]
    fn the_functions_have_their_published_minima() {
        let at = |problem, pairs: &[(&str, f64)]| {
            let point: Point = pairs.iter().map(|&(name, x)| (name, x)).collect();
            value(&Synthetic::new(problem), &point, 0)
        };
        for (x, y) in [(-PI, 12.275), (PI, 2.275), (9.42478, 2.475)] {
            assert!((at(Problem::Branin, &[("x", x), ("y", y)]) - Problem::Branin.optimum()).abs() < 1e-6);
        }
        let best = [0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573];
        let names = ["x1", "x2", "x3", "x4", "x5", "x6"];
        let pairs: Vec<(&str, f64)> = names.into_iter().zip(best).collect();
        assert!((at(Problem::Hartmann6, &pairs) - Problem::Hartmann6.optimum()).abs() < 1e-6);

        let mut point = Synthetic::new(Problem::Conditional).space().unwrap().default_point();
        point.set("rate", 0.01);
        point.set("kind", "conv");
        point.set("depth", 5i64);
        point.set("width", 10f64.powf(1.5));
        assert!(value(&Synthetic::new(Problem::Conditional), &point, 0) < 1e-20);
    }

    #[test]
    fn noise_comes_from_the_seed_alone() {
        let objective = Synthetic::new(Problem::Branin).with_noise(0.5);
        let point = objective.space().unwrap().default_point();
        assert_eq!(value(&objective, &point, 1).to_bits(), value(&objective, &point, 1).to_bits());
        assert_ne!(value(&objective, &point, 1), value(&objective, &point, 2));
    }

    #[test]
    fn the_curve_falls_to_the_value_and_may_be_broken_off() {
        let objective = Synthetic::new(Problem::Branin).with_steps(4);
        let point = objective.space().unwrap().default_point();
        let mut reported = Vec::new();
        let evaluation = objective.evaluate(&point, &Seed::root(0), &mut |step, value| {
            reported.push((step, value));
            ControlFlow::Continue(())
        });
        assert!(matches!(evaluation.unwrap().outcome, Outcome::Complete { .. }));
        assert_eq!(reported.last(), Some(&(4, value(&objective, &point, 0))));
        assert!(reported.is_sorted_by(|a, b| a.0 < b.0 && a.1 > b.1));
        assert!(objective.evaluate(&point, &Seed::root(0), &mut |_, _| ControlFlow::Break(())).is_none());
    }

    #[test]
    fn failures_have_a_kind_and_a_reason() {
        let objective = Synthetic::new(Problem::Branin).failing_above(0.75);
        let failure = |point: &Point| match outcome(&objective, point, &Seed::root(0)) {
            Outcome::Failed { failure, .. } => failure,
            complete => panic!("{complete:?}"),
        };
        let far = [("x", 9.0), ("y", 2.0)].into_iter().collect();
        assert_eq!(failure(&far).kind, FailureKind::Diverged);
        assert_eq!(failure(&far).reason, "x at 0.933 of its scale: diverges above 0.75");
        let incomplete = [("x", 1.0)].into_iter().collect();
        assert_eq!(failure(&incomplete).reason, "y is missing: must have a value");
    }

    #[test]
    fn bayes_beats_random_and_sobol_on_branin() {
        let objective = Synthetic::new(Problem::Branin);
        let bayes = median_regret(&objective, &BayesSearch::new());
        let random = median_regret(&objective, &RandomSearch::new());
        let sobol = median_regret(&objective, &SobolSearch::new());
        assert!(bayes < 0.02 && bayes < 0.2 * random.min(sobol), "{bayes} {random} {sobol}");
    }

    #[test]
    fn bayes_beats_random_and_sobol_on_hartmann6() {
        let objective = Synthetic::new(Problem::Hartmann6);
        let bayes = median_regret(&objective, &BayesSearch::new());
        let random = median_regret(&objective, &RandomSearch::new());
        let sobol = median_regret(&objective, &SobolSearch::new());
        assert!(bayes < 0.3 && bayes < 0.5 * random.min(sobol), "{bayes} {random} {sobol}");
    }

    #[test]
    fn bayes_finds_the_optimum_of_a_mixed_conditional_space() {
        let objective = Synthetic::new(Problem::Conditional);
        let bayes = median_regret(&objective, &BayesSearch::new());
        let random = median_regret(&objective, &RandomSearch::new());
        // Every other kind is at least 0.4 off, and every other depth 1/32.
        assert!(bayes < 0.01 && bayes < 0.2 * random, "{bayes} {random}");
    }

    #[test]
    fn tpe_beats_random_on_numbers_and_on_a_mixed_conditional_space() {
        for problem in [Problem::Hartmann6, Problem::Conditional] {
            let objective = Synthetic::new(problem);
            let tpe = median_regret(&objective, &TpeSearch::new());
            let random = median_regret(&objective, &RandomSearch::new());
            assert!(tpe < 0.8 * random, "{problem:?}: {tpe} {random}");
        }
    }

    #[test]
    fn tpe_learns_to_avoid_a_region_that_fails() {
        let objective = Synthetic::new(Problem::Branin).failing_above(0.6);
        let study = study(&objective, &TpeSearch::new(), 60, 2);
        let late_failures = study.trials[30..].iter().filter(|trial| trial.state == TrialState::Fail).count();
        assert!(late_failures <= 7, "{late_failures} of the last 30, 12 at random");
    }

    #[test]
    fn bayes_learns_to_avoid_a_region_that_fails() {
        let objective = Synthetic::new(Problem::Branin).failing_above(0.6);
        let studies: Vec<Study> =
            (0..8).map(|seed| study(&objective, &BayesSearch::new(), 40, seed)).collect();
        let has_failed = |trial: &&Trial| trial.state == TrialState::Fail;
        let late = studies.iter().flat_map(|study| &study.trials[20..]).filter(has_failed).count();
        assert!(late <= 32, "{late} of the last 20 in 8 studies, 64 at random");
        let bests = studies.iter().map(|study| study.best().unwrap().values[0]);
        assert!(bests.fold(f64::MIN, f64::max) < 0.41);
    }

    #[test]
    fn bayes_is_close_to_the_optimum_under_noise() {
        let objective = Synthetic::new(Problem::Branin).with_noise(1.0);
        assert!(median_regret(&objective, &BayesSearch::new()) < 1.0);
    }
}
