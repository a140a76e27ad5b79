//! A trial as a row of a report, short enough for thousands of them on one page.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use super::axis::Axis;
use super::number::{cut, short, shorter};
use crate::study::{Study, Trial};

/// The most steps of a trial's curve, and of all curves together.
const STEPS: (usize, usize) = (50, 20_000);
/// The fewest steps of a trial's curve, if it has as many.
const FEWEST_STEPS: usize = 8;
/// The most attributes of trials that become columns.
const MEASURED: usize = 8;
/// The parameter of networks that tells at which epoch sharpening begins.
const SHARPEN_START: &str = "sharpen_start";

/// A trial.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Row {
    /// Its number.
    pub trial: u32,
    /// `waiting`, `running`, `complete`, `pruned`, `paused`, `failed`, or `retried` for a failed one
    /// whose point is tried again.
    pub state: String,
    /// One entry per axis: a number, or the index of a choice; `null` if the parameter is inactive.
    pub point: Vec<Json>,
    /// One value per metric; empty unless the trial is complete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Option<f64>>,
    /// Whether a constraint is broken; left out if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub infeasible: bool,
    /// The first metric during the trial; left out if it reported nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<Option<f64>>,
    /// The steps of `curve`; left out if they are 1, 2, 3 and so on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<u32>,
    /// The steps at which the trial paused; left out if it never did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<u32>,
    /// The epoch at which sharpening begins, if a parameter says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharpening: Option<u32>,
    /// Seconds that it ran, without pauses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The reason of a failure, cut if it is long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// One entry per measured attribute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measured: Vec<Option<f64>>,
}

/// What rows have in common.
pub(super) struct Columns<'a> {
    pub axes: &'a [Axis],
    /// Names of attributes that are numbers.
    pub measured: &'a [String],
    /// The most steps of a curve.
    pub steps: usize,
}

impl<'a> Columns<'a> {
    /// The columns for `shown` trials.
    pub fn new(axes: &'a [Axis], measured: &'a [String], shown: usize) -> Self {
        let steps = (STEPS.1 / shown.max(1)).clamp(FEWEST_STEPS, STEPS.0);
        Self { axes, measured, steps }
    }

    /// The row of `trial`.
    pub fn row(&self, trial: &Trial) -> Row {
        let place = |axis: &Axis| trial.point.get(&axis.name).map_or(Json::Null, |value| axis.place(value));
        let (steps, curve): (Vec<u32>, Vec<Option<f64>>) =
            thinned(&trial.intermediate, self.steps).map(|&(step, value)| (step, shorter(value))).unzip();
        let are_counted = steps.iter().zip(1..).all(|(&step, count)| step == count);
        let whole = |name: &str| trial.point.get(name).and_then(|value| value.as_i64());
        let number = |name: &String| trial.attributes.get(name).and_then(Json::as_f64).and_then(shorter);
        let measured: Vec<Option<f64>> = self.measured.iter().map(number).collect();
        Row {
            trial: trial.number,
            state: if trial.is_retried() { "retried".to_owned() } else { trial.standing() },
            point: self.axes.iter().map(place).collect(),
            values: trial.values.iter().copied().map(short).collect(),
            infeasible: trial.constraints.iter().any(|&excess| excess > 0.0),
            curve,
            steps: if are_counted { Vec::new() } else { steps },
            pauses: trial.rung_history.rungs.iter().map(|rung| rung.steps).collect(),
            sharpening: whole(SHARPEN_START).and_then(|epoch| u32::try_from(epoch).ok()),
            seconds: trial.seconds().and_then(shorter),
            reason: trial.attributes.get("reason").and_then(Json::as_str).map(cut),
            measured: if measured.iter().all(Option::is_none) { Vec::new() } else { measured },
        }
    }
}

/// At most `most` of `steps`, evenly spread, with the first and the last.
fn thinned<T>(steps: &[T], most: usize) -> impl Iterator<Item = &T> {
    let (count, most) = (steps.len(), most.max(2));
    (0..count.min(most)).map(move |k| match count <= most {
        true => &steps[k],
        false => &steps[k * (count - 1) / (most - 1)],
    })
}

/// Names of the attributes of `study` that are numbers, in the order of their first appearance, at
/// most [`MEASURED`].
pub(super) fn measured(study: &Study) -> Vec<String> {
    let attributes = study.trials.iter().flat_map(|trial| &trial.attributes);
    let numbers = attributes.filter(|(_, value)| value.is_number());
    let names: indexmap::IndexSet<&String> = numbers.map(|(name, _)| name).collect();
    names.into_iter().take(MEASURED).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::fixtures::{space, study};

    #[test]
    fn a_row_has_the_trial_in_short() {
        let study = study(3);
        let (axes, measured) = (Axis::all(&study, Some(&space())), measured(&study));
        assert_eq!(measured, ["size"]);
        let row = Columns::new(&axes, &measured, 3).row(&study.trials[1]);
        let text = serde_json::to_string(&row).expect("JSON");
        assert_eq!(
            text,
            r#"{"trial":1,"state":"complete","point":[0.618034,32,1,null],"values":[0.618034],"curve":[1.618,1.118,0.9514],"seconds":2.5,"measured":[10.0]}"#
        );
    }

    #[test]
    fn long_curves_are_thinned_and_keep_their_ends() {
        let kept: Vec<&u32> = thinned(&[1, 2, 3, 4, 5, 6, 7], 4).collect();
        assert_eq!(kept, [&1, &3, &5, &7]);
        assert_eq!(thinned(&[1, 2], 4).count(), 2);
        assert_eq!(thinned(&[0u32; 0], 4).count(), 0);
        assert_eq!(Columns::new(&[], &[], 10).steps, 50);
        assert_eq!(Columns::new(&[], &[], 1000).steps, 20);
        assert_eq!(Columns::new(&[], &[], 100_000).steps, 8);
    }
}
