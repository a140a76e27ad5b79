//! Which trials deserve to be trained further: asynchronous successive halving.
//!
//! Li et al. 2020, "A system for massively parallel hyperparameter tuning" (ASHA), the form that promotes: a
//! trial pauses at every rung, and goes on while it is among the best third of all that ever came as far. With
//! several metrics the order is that of NSGA-II: front by front, the loneliest of a front first. The history
//! is the state here too: what comes next depends on the study alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Suggestion, pareto};
use crate::space::Space;
use crate::study::{Study, Trial, TrialState};

/// Where halving decides, a trial pauses after so large a part of its steps, rounded up: each rung costs thrice the one
/// before.
const HALVING: [u32; 2] = [9, 3];
/// And where the model does: a second rung, and what it costs, told it little more. At a third, a sixth or an eighth
/// studies of `digits` were as good (`benches/README.md`).
const WEIGHED: [u32; 1] = [4];

/// The part of those at a rung of halving that goes on: one in so many.
const REDUCTION: usize = 3;

/// Whether trials pause, and what decides which of them go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fidelity {
    /// Every trial is trained to its end.
    #[default]
    Off,
    /// The best third at each rung goes on.
    Asha,
    /// Whichever promises the largest gain for its effort goes on, or a new one begins.
    Bayes,
}

/// What is trained next.
#[derive(Clone, Debug, PartialEq)]
pub enum NextSegment {
    /// The paused trial of this number goes on.
    Of(u32),
    /// A new trial begins.
    New(Suggestion),
}

impl Fidelity {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Asha, Self::Bayes];

    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Asha => "asha",
            Self::Bayes => "bayes",
        }
    }

    /// Its rungs: a trial pauses after one in so many of its steps, rounded up.
    pub fn rungs(self) -> &'static [u32] {
        match self {
            Self::Off => &[],
            Self::Asha => &HALVING,
            Self::Bayes => &WEIGHED,
        }
    }
}

/// A trial with what it had come to at one rung.
struct Member<'s> {
    trial: &'s Trial,
    losses: Vec<f64>,
}

/// The paused trial of `study` that goes on next: the best one at the highest rung where one is among the
/// best third; `None` if none is anywhere.
pub fn promotion(study: &Study) -> Option<&Trial> {
    (0..HALVING.len()).rev().find_map(|rung| {
        let members = members(study, rung);
        let best = members.len() / REDUCTION;
        let mut measured = ranked(members).into_iter().take(best);
        measured.find(|&trial| waits_at(trial, rung))
    })
}

/// The paused trial of `study` that is the best of those that came farthest: for a study in which none has
/// come to its end.
pub fn farthest(study: &Study) -> Option<&Trial> {
    (0..HALVING.len())
        .rev()
        .find_map(|rung| ranked(members(study, rung)).into_iter().find(|&trial| waits_at(trial, rung)))
}

/// `study` as a search sees it that knows no rungs: with the values at the highest rung, or else at the end,
/// that as many trials have reached as a model of `space` needs; those at the lowest as long as there are few.
pub fn comparable(space: &Space, study: &Study) -> Study {
    let enough = (space.dimension() + 1).clamp(5, 20);
    if study.in_state(TrialState::Complete).count() >= enough {
        return study.clone();
    }
    let has_enough =
        |&rung: &usize| study.trials.iter().filter(|trial| values(trial, rung).is_some()).count() >= enough;
    let rung = (0..HALVING.len()).rev().find(has_enough).unwrap_or(0);
    let trials = study.trials.iter().map(|trial| match values(trial, rung) {
        Some(values) => Trial { state: TrialState::Complete, values, ..trial.clone() },
        None => trial.clone(),
    });
    Study { trials: trials.collect(), ..study.clone() }
}

fn values(trial: &Trial, rung: usize) -> Option<Vec<f64>> {
    trial.rung_history.rungs.get(rung).map(|rung| rung.values.clone()).filter(|values| !values.is_empty())
}

fn waits_at(trial: &Trial, rung: usize) -> bool {
    trial.is_paused() && trial.rung_history.rungs.len() == rung + 1
}

/// All that have come as far as `rung`, in order of their numbers; whatever could not be measured there is
/// worse than everything else.
fn members(study: &Study, rung: usize) -> Vec<Member<'_>> {
    let reached =
        study.trials.iter().filter_map(|trial| Some((trial, &trial.rung_history.rungs.get(rung)?.values)));
    reached
        .map(|(trial, values)| Member {
            trial,
            losses: match values.len() == study.metrics.len() {
                true => std::iter::zip(&study.metrics, values)
                    .map(|(metric, &value)| metric.direction.loss(value))
                    .collect(),
                false => vec![f64::INFINITY; study.metrics.len()],
            },
        })
        .collect()
}

/// The trials of `members`, best first; the earlier of equals first.
fn ranked(members: Vec<Member<'_>>) -> Vec<&Trial> {
    let losses: Vec<Vec<f64>> = members.iter().map(|member| member.losses.clone()).collect();
    let front_of = pareto::fronts(&losses);
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|&index| front_of[index]);
    let ranked = order.chunk_by(|&a, &b| front_of[a] == front_of[b]).flat_map(|front| {
        let of_front: Vec<&[f64]> = front.iter().map(|&index| losses[index].as_slice()).collect();
        let mut order: Vec<(f64, usize)> =
            pareto::crowding(&of_front).into_iter().zip(front.iter().copied()).collect();
        // Equals in one metric have no neighbours: there the number alone decides.
        if losses[front[0]].len() > 1 {
            order.sort_by(|a, b| b.0.total_cmp(&a.0));
        }
        order
    });
    ranked.map(|(_, index)| members[index].trial).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;
    use crate::study::{Metric, Rung, RungHistory};

    /// Trials paused at the last of the rungs whose values are given.
    fn study(metrics: Vec<Metric>, rung_history: &[&[&[f64]]]) -> Study {
        let trials = rung_history.iter().enumerate().map(|(number, rungs)| {
            let rungs = rungs.iter().zip([1, 3]);
            let rungs = rungs.map(|(values, steps)| Rung { steps, values: values.to_vec(), seconds: 0.0 });
            let rung_history = RungHistory { rungs: rungs.collect() };
            let waiting = Trial::waiting(number as u32, Point::default());
            Trial { state: TrialState::Pruned, rung_history, ..waiting }
        });
        Study { metrics, trials: trials.collect(), ..Study::default() }
    }

    fn promoted(study: &Study) -> Option<u32> {
        promotion(study).map(|trial| trial.number)
    }

    #[test]
    fn the_best_third_goes_on_each_once() {
        let accuracy = || vec![Metric::maximize("accuracy")];
        assert_eq!(promoted(&study(accuracy(), &[&[&[0.5]], &[&[0.9]]])), None, "two are no three");
        let mut six = study(accuracy(), &[&[&[0.5]], &[&[0.9]], &[&[0.7]], &[&[0.9]], &[&[]], &[&[0.1]]]);
        assert_eq!(promoted(&six), Some(1));
        six.trials[1].state = TrialState::Running;
        assert_eq!(promoted(&six), Some(3));
        six.trials[3].state = TrialState::Fail;
        assert_eq!(promoted(&six), None, "those that went on keep their places");
    }

    #[test]
    fn a_higher_rung_goes_first() {
        let high: &[&[f64]] = &[&[0.5], &[0.6]];
        let best: &[&[f64]] = &[&[0.5], &[0.8]];
        let study =
            study(vec![Metric::maximize("accuracy")], &[high, best, high, &[&[0.9]], &[&[0.1]], &[&[0.1]]]);
        assert_eq!(promoted(&study), Some(1));
    }

    #[test]
    fn with_several_metrics_the_front_goes_on() {
        let metrics = vec![Metric::maximize("accuracy"), Metric::minimize("energy")];
        let study = study(metrics, &[&[&[0.5, 5.0]], &[&[0.4, 6.0]], &[&[0.9, 4.0]]]);
        assert_eq!(promoted(&study), Some(2));
    }

    #[test]
    fn what_could_not_be_measured_goes_on_only_where_nothing_else_is_left() {
        let mut study = study(vec![Metric::minimize("loss")], &[&[&[]], &[&[3.0]]]);
        assert_eq!(farthest(&study).map(|trial| trial.number), Some(1));
        study.trials[1].state = TrialState::Fail;
        assert_eq!(farthest(&study).map(|trial| trial.number), Some(0));
    }

    #[test]
    fn a_search_compares_values_of_one_rung() {
        let text = r#"{"name": "line", "parameters": {"x": {"type": "float", "low": 0, "high": 1}}}"#;
        let space = Space::from_json(text, "line.json").unwrap();
        let (low, high): (&[&[f64]], &[&[f64]]) = (&[&[0.5]], &[&[0.4], &[0.6]]);
        let losses = vec![Metric::minimize("loss")];
        let few = study(losses.clone(), &[low, high, high, high, high]);
        let seen = comparable(&space, &few);
        assert_eq!(seen.trials[0].values, [0.5]);
        assert!(seen.trials[1..].iter().all(|trial| trial.values == [0.4]));
        let enough = comparable(&space, &study(losses, &[low, high, high, high, high, high]));
        assert_eq!(enough.trials[0].state, TrialState::Pruned);
        assert!(enough.trials[1..].iter().all(|trial| trial.values == [0.6]));
    }
}
