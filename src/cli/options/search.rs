//! `--search` and `--fidelity`: the names of their values, each with a line of help. `--fix`: values
//! that new trials keep.

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use crate::input;
use crate::report::Remark;
use crate::search::{Fidelity, Strategy};
use crate::space::{Point, Space, Value};

impl ValueEnum for Strategy {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Strategy::Bayes => {
                "Gaussian process with expected improvement; with several metrics, expected hypervolume gain"
            }
            Strategy::Tpe => "Tree-structured Parzen estimator",
            Strategy::Nsga2 => "Evolution towards the Pareto front of all metrics",
            Strategy::Evolution => {
                "Evolution that adds, removes and swaps layers; a Gaussian process chooses among the children"
            }
            Strategy::Sobol => "Scrambled Sobol sequence",
            Strategy::Random => "Uniform random points",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

impl ValueEnum for Fidelity {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Fidelity::Off => "Train every trial to its end",
            Fidelity::Asha => "Asynchronous successive halving",
            Fidelity::Bayes => {
                "Freeze-thaw: trains the trial next that promises the largest gain per training time"
            }
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

/// The strategy that a study stores as `name`.
///
/// # Errors
/// No strategy has this name: a later version of the program wrote it.
pub(crate) fn strategy(name: &str) -> Result<Strategy> {
    let strategy = Strategy::ALL.into_iter().find(|strategy| strategy.name() == name);
    strategy
        .with_context(|| format!("search \"{name}\" of the study: this version of tune has no such search"))
}

/// The fidelity that a study stores as `name`.
///
/// # Errors
/// No fidelity has this name: a later version of the program wrote it.
pub(crate) fn fidelity(name: &str) -> Result<Fidelity> {
    let fidelity = Fidelity::ALL.into_iter().find(|fidelity| fidelity.name() == name);
    fidelity.with_context(|| {
        format!("fidelity \"{name}\" of the study: this version of tune has no such fidelity")
    })
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct FixArgs {
    /// Value that new trials keep, such as width_1=256; may be given several times
    ///
    /// Trials with other values stay, and the search learns from them.
    ///
    /// It holds for the trials that this process begins, wherever the parameter is active. Enqueued
    /// and paused trials keep their own values. Without the option the parameter is searched again.
    #[arg(long, value_name = "NAME=VALUE")]
    pub fix: Vec<String>,
}

impl FixArgs {
    /// `space`, in which new trials keep the values.
    ///
    /// # Errors
    /// The message names the option, its value, the rule and the way out.
    pub fn hold(&self, space: Space) -> Result<Space> {
        if self.fix.is_empty() {
            return Ok(space);
        }
        let mut values = Point::default();
        for text in &self.fix {
            let (name, value) = parsed(text, &space).with_context(|| format!("--fix {text}"))?;
            if values.get(name).is_some_and(|other| *other != value) {
                bail!("--fix {text}: {name} has another value already: give each parameter once");
            }
            values.set(name, value);
        }
        space.holding(&values).with_context(|| format!("--fix {}", self.fix.join(" --fix ")))
    }

    /// What the user is told before the first trial; `None` without values.
    pub fn remark(&self) -> Option<Remark> {
        (!self.fix.is_empty()).then(|| Remark::Fixed { values: self.fix.join(", ") })
    }
}

/// The parameter and the value of `text`. A value that is no JSON scalar is a text.
fn parsed<'a>(text: &'a str, space: &Space) -> Result<(&'a str, Value)> {
    let Some(first) = text.split_once('=') else {
        bail!("must be NAME=VALUE, such as width_1=256");
    };
    // A name may have a = of its own.
    let mut pairs = text.match_indices('=').map(|(at, _)| (&text[..at], &text[at + 1..]));
    let (name, value) = pairs.rfind(|(name, _)| space.parameter(name).is_some()).unwrap_or(first);
    let Some(parameter) = space.parameter(name) else {
        let names = space.parameters().iter().map(|parameter| parameter.name.as_str());
        let hint = input::suggestion(name, names);
        bail!("space {} has no parameter {name}{hint}", space.name());
    };
    let as_text = Value::from(value);
    let scalar = serde_json::from_str::<Value>(value).ok();
    Ok((name, scalar.filter(|_| !parameter.domain.contains(&as_text)).unwrap_or(as_text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(fix: &[&str]) -> Result<Space> {
        let text = r#"{"name": "s", "parameters": {
            "width": {"type": "int", "low": 1, "high": 9}, "rate": {"type": "float", "low": 0, "high": 1},
            "rule": {"type": "categorical", "choices": ["adam", "3", true]}}}"#;
        let args = FixArgs { fix: fix.iter().map(|&text| text.to_owned()).collect() };
        args.hold(Space::from_json(text, "s.json")?)
    }

    #[test]
    fn a_value_is_read_as_its_parameter_has_it() {
        let point = |fix: &[&str]| serde_json::to_string(held(fix).expect("right").held()).expect("JSON");
        assert_eq!(point(&["width=3", "rate=1", "rule=adam"]), r#"{"width":3,"rate":1.0,"rule":"adam"}"#);
        assert_eq!(point(&["rule=3"]), r#"{"rule":"3"}"#);
        assert_eq!(point(&["rule=true", "width=3", "width=3"]), r#"{"rule":true,"width":3}"#);
        assert_eq!(point(&[]), "{}");
    }

    #[test]
    fn a_wrong_value_is_told_in_one_line() {
        let error = |fix: &[&str]| format!("{:#}", held(fix).expect_err("wrong"));
        assert_eq!(error(&["width"]), "--fix width: must be NAME=VALUE, such as width_1=256");
        assert_eq!(
            error(&["widht=3"]),
            r#"--fix widht=3: space s has no parameter widht; did you mean "width"?"#
        );
        assert_eq!(
            error(&["width=3.5"]),
            "--fix width=3.5: width = 3.5 is outside the space s: must be a whole number from 1 to 9"
        );
        assert_eq!(
            error(&["rule=sgd"]),
            "--fix rule=sgd: rule = sgd is outside the space s: must be one of adam, 3, true"
        );
        assert_eq!(
            error(&["width=3", "width=4"]),
            "--fix width=4: width has another value already: give each parameter once"
        );
    }
}
