//! A searched parameter as an axis of a chart.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use super::number::short;
use crate::space::{Domain, Parameter, Space, Value};
use crate::study::Study;

/// The kind of values of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AxisKind {
    /// Real numbers.
    Float,
    /// Whole numbers.
    Int,
    /// Choices without an order.
    Categorical,
}

/// A searched parameter.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Axis {
    /// The parameter's name.
    pub name: String,
    /// The kind of its values.
    pub kind: AxisKind,
    /// The smallest value; `null` for choices.
    pub low: Option<f64>,
    /// The largest value; `null` for choices.
    pub high: Option<f64>,
    /// Whether the scale is logarithmic.
    pub log: bool,
    /// The choices; left out for numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Value>,
    /// When the parameter is active, in words; left out if it always is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

impl Axis {
    /// The axes of `study`: the searched parameters of `space`. Without a space, each name of a
    /// trial's point is one, and the trials tell its kind and range.
    pub(super) fn all(study: &Study, space: Option<&Space>) -> Vec<Self> {
        match space {
            Some(space) => space.searched().map(|parameter| Self::of(space, parameter)).collect(),
            None => found(study),
        }
    }

    fn of(space: &Space, parameter: &Parameter) -> Self {
        let number = |kind, low, high, log| Self {
            name: parameter.name.clone(),
            kind,
            low: Some(low),
            high: Some(high),
            log,
            choices: Vec::new(),
            when: when(space, parameter),
        };
        match &parameter.domain {
            &Domain::Float { low, high, log, .. } => number(AxisKind::Float, low, high, log),
            &Domain::Int { low, high, log, .. } => number(AxisKind::Int, low as f64, high as f64, log),
            Domain::Categorical { choices } => {
                Self { when: when(space, parameter), ..Self::of_choices(&parameter.name, choices.clone()) }
            }
            Domain::Fixed { value } => Self::of_choices(&parameter.name, vec![value.clone()]),
        }
    }

    fn of_choices(name: &str, choices: Vec<Value>) -> Self {
        let name = name.to_owned();
        Self { name, kind: AxisKind::Categorical, low: None, high: None, log: false, choices, when: None }
    }

    /// `value` as a trial's row has it: a number, or the index of a choice; `null` for a value that
    /// is not on the axis.
    pub(super) fn place(&self, value: &Value) -> Json {
        match self.kind {
            AxisKind::Categorical => {
                self.choices.iter().position(|choice| choice == value).map_or(Json::Null, Json::from)
            }
            AxisKind::Int => value.as_i64().map_or_else(|| value.as_f64().into(), Json::from),
            AxisKind::Float => value.as_f64().and_then(short).into(),
        }
    }
}

/// The conditions of `parameter` in words: `method is sharpen or hybrid`.
fn when(space: &Space, parameter: &Parameter) -> Option<String> {
    let condition = |condition: &crate::space::Condition| {
        let values: Vec<String> = condition.values.iter().map(ToString::to_string).collect();
        format!("{} is {}", space.parameters()[condition.parent].name, values.join(" or "))
    };
    let conditions: Vec<String> = parameter.conditions.iter().map(condition).collect();
    (!conditions.is_empty()).then(|| conditions.join(" and "))
}

/// Axes from the points of the trials.
fn found(study: &Study) -> Vec<Axis> {
    let mut names: Vec<&str> = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, _) in study.trials.iter().flat_map(|trial| trial.point.iter()) {
        if seen.insert(name) {
            names.push(name);
        }
    }
    names.into_iter().map(|name| of_values(name, study)).collect()
}

fn of_values(name: &str, study: &Study) -> Axis {
    let values: Vec<&Value> = study.trials.iter().filter_map(|trial| trial.point.get(name)).collect();
    let numbers: Option<Vec<f64>> = values.iter().map(|value| value.as_f64()).collect();
    let Some(numbers) = numbers.filter(|numbers| numbers.iter().all(|x| x.is_finite())) else {
        let mut choices: Vec<Value> = Vec::new();
        for value in values {
            if !choices.contains(value) {
                choices.push(value.clone());
            }
        }
        return Axis::of_choices(name, choices);
    };
    let is_whole = values.iter().all(|value| value.as_i64().is_some());
    Axis {
        kind: if is_whole { AxisKind::Int } else { AxisKind::Float },
        low: numbers.iter().copied().reduce(f64::min),
        high: numbers.iter().copied().reduce(f64::max),
        ..Axis::of_choices(name, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::fixtures::{space, study};

    #[test]
    fn every_searched_parameter_is_an_axis_with_its_scale_and_condition() {
        let axes = Axis::all(&study(3), Some(&space()));
        let names: Vec<&str> = axes.iter().map(|axis| axis.name.as_str()).collect();
        assert_eq!(names, ["lr", "width", "</script>", "drop"], "what is fixed is no axis");
        assert!(axes[0].log && (axes[0].low, axes[0].high) == (Some(1e-4), Some(1.0)));
        assert_eq!(axes[2].choices.len(), 3);
        assert_eq!(axes[3].when.as_deref(), Some("</script> is adam"));
        assert_eq!(axes[0].place(&Value::Float(1.0 / 3.0)), 0.333333);
        assert_eq!(axes[1].place(&Value::Int(64)), 64);
        assert_eq!(axes[2].place(&"<b>".into()), 1);
        assert_eq!(axes[2].place(&"gone".into()), Json::Null);
    }

    #[test]
    fn without_a_space_the_points_tell_the_axes() {
        let axes = Axis::all(&study(40), None);
        let kinds: Vec<(&str, AxisKind)> = axes.iter().map(|axis| (axis.name.as_str(), axis.kind)).collect();
        let lr = kinds.iter().find(|(name, _)| *name == "lr").expect("there");
        let kind = kinds.iter().find(|(name, _)| *name == "</script>").expect("there");
        assert_eq!((lr.1, kind.1), (AxisKind::Float, AxisKind::Categorical));
    }
}
