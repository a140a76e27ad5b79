//! How the values of a file become inputs, learnt from the training part and kept with a network: new
//! samples are read as the first ones were.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::counted;
use super::{ColumnKind, Dataset, TableSchema};

/// The level of the largest value of a feature that is scaled; the smallest has level 0.
pub(super) const LEVELS: u8 = 255;

/// How the values of a sample become inputs, and what the inputs and the classes are called.
///
/// ```
/// use spiketune::data::{InputScaling, Preprocessing};
///
/// let columns = InputScaling::Columns { low: vec![0.0, -1.0], high: vec![10.0, 1.0] };
/// let classes = ["no", "yes"].map(str::to_owned).to_vec();
/// let trained = Preprocessing { shape: [1, 1, 2], levels: 255, scaling: columns, columns: None, schema: None, classes };
/// assert_eq!((trained.level(0, 5.0), trained.level(1, -7.0)), (128, 0));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Height, width and channels of an image; `[1, 1, I]` for a table.
    pub shape: [usize; 3],
    /// The input that stands for 1.0; at least 1.
    pub levels: u8,
    /// How values become inputs of 0 to `levels`.
    pub scaling: InputScaling,
    /// The columns of the table of the training; `None` if it was no table in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// How the columns of that table became inputs, if texts, missing cells or columns that were left
    /// out are among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<TableSchema>,
    /// The names of the classes in the order of their numbers, at least two.
    pub classes: Vec<String>,
}

/// How values become inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum InputScaling {
    /// Whole numbers are inputs as they are.
    Levels,
    /// All values go linearly from [`low`, `high`] to all levels, rounded; values beyond are clamped.
    Whole {
        /// What becomes 0.
        low: f64,
        /// What becomes the highest level.
        high: f64,
    },
    /// As `Whole`, with a range for each of the I inputs. An input whose range is empty is always 0.
    Columns {
        /// (I): what becomes 0.
        low: Vec<f64>,
        /// (I): what becomes the highest level.
        high: Vec<f64>,
    },
}

/// The columns of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// The names of the I columns that are inputs, in the order of the inputs; `None` without a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// The place of the label column among all columns, from 0.
    pub label: usize,
    /// The name of the label column; `None` without a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_name: Option<String>,
}

impl Columns {
    /// The columns of a table of this `schema`, if it is plain and has labels.
    pub(crate) fn of_plain(schema: &TableSchema) -> Option<Self> {
        let label =
            schema.columns.iter().position(|column| matches!(column.kind, ColumnKind::Label { .. }))?;
        schema.is_plain().then(|| Self {
            names: schema.header.then(|| schema.input_names()),
            label,
            label_name: schema.header.then(|| schema.columns[label].name.clone()),
        })
    }
}

impl Preprocessing {
    /// What the training part of `set` tells.
    pub fn of(set: &Dataset) -> Self {
        Self {
            shape: set.shape,
            levels: set.levels,
            scaling: set.reading.inputs.clone(),
            columns: set.reading.columns.clone(),
            schema: set.reading.schema.clone().filter(|schema| !schema.is_plain()),
            classes: set.classes.clone(),
        }
    }

    /// I, the number of inputs of a sample before they are coded.
    pub fn inputs(&self) -> usize {
        self.shape.iter().product()
    }

    /// The input that `value` of feature number `feature` becomes. With [`InputScaling::Levels`] it is
    /// cut to a whole number. Values beyond the range are clamped.
    ///
    /// # Panics
    /// If `feature` is not below [`Preprocessing::inputs`], which [`Preprocessing::check`] makes sure of.
    pub fn level(&self, feature: usize, value: f64) -> u8 {
        match &self.scaling {
            InputScaling::Levels => value.clamp(0.0, f64::from(self.levels)) as u8,
            InputScaling::Whole { low, high } => level(value, (*low, *high), self.levels),
            InputScaling::Columns { low, high } => level(value, (low[feature], high[feature]), self.levels),
        }
    }

    /// The smallest and the largest value of feature number `feature` that are not clamped.
    ///
    /// # Panics
    /// As [`Preprocessing::level`].
    pub fn range(&self, feature: usize) -> (f64, f64) {
        match &self.scaling {
            InputScaling::Levels => (0.0, f64::from(self.levels)),
            InputScaling::Whole { low, high } => (*low, *high),
            InputScaling::Columns { low, high } => (low[feature], high[feature]),
        }
    }

    /// Whether values of the training lay from 0 to 1.
    pub fn is_unit(&self) -> bool {
        match self.scaling {
            InputScaling::Levels => self.levels == 1,
            InputScaling::Whole { low, high } => (low, high) == (0.0, 1.0),
            InputScaling::Columns { .. } => false,
        }
    }

    /// Checks that its parts fit together, as a file of anybody may not.
    ///
    /// # Errors
    /// The first part that does not fit, and the rule.
    pub fn check(&self) -> Result<(), String> {
        let most = self.shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
        let Some(inputs) = most.filter(|&inputs| inputs > 0) else {
            return Err(format!("shape {:?}: must have an input", self.shape));
        };
        let lists = match &self.scaling {
            InputScaling::Levels => vec![],
            InputScaling::Whole { low, high } => vec![vec![*low], vec![*high]],
            InputScaling::Columns { low, high } => vec![low.clone(), high.clone()],
        };
        let is_per_column = matches!(self.scaling, InputScaling::Columns { .. });
        if is_per_column && lists.iter().any(|list| list.len() != inputs) {
            return Err(format!("scaling: must have a range for each of the {inputs} inputs"));
        }
        if lists.iter().flatten().any(|limit| !limit.is_finite()) {
            return Err("scaling: ranges must be finite".to_owned());
        }
        let names = self.columns.as_ref().and_then(|columns| columns.names.as_ref());
        match names {
            Some(names) if names.len() != inputs => {
                Err(format!("{} column names for {inputs} inputs", names.len()))
            }
            _ if self.levels == 0 => Err("levels = 0: must be at least 1".to_owned()),
            _ if self.classes.len() < 2 => {
                Err(format!("{}: must be at least 2", counted(self.classes.len(), "class", "classes")))
            }
            _ => Ok(()),
        }
    }
}

/// The level of 0 to `levels` that `value` becomes, where `low` becomes 0 and `high` the highest. Of an
/// empty range it is 0.
pub(super) fn level(value: f64, (low, high): (f64, f64), levels: u8) -> u8 {
    if high <= low {
        return 0;
    }
    // Halved first, since the difference of two finite numbers may be infinite.
    let share = (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
    (share.clamp(0.0, 1.0) * f64::from(levels)).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trained(scaling: InputScaling) -> Preprocessing {
        let classes = ["a", "b"].map(str::to_owned).to_vec();
        Preprocessing { shape: [1, 1, 2], levels: LEVELS, scaling, columns: None, schema: None, classes }
    }

    #[test]
    fn values_become_levels_and_those_beyond_are_clamped() {
        let whole = trained(InputScaling::Whole { low: -1.0, high: 1.0 });
        assert_eq!([-2.0, -1.0, 0.0, 1.0, 9.0].map(|value| whole.level(1, value)), [0, 0, 128, 255, 255]);
        let columns = trained(InputScaling::Columns { low: vec![0.0, 3.0], high: vec![2.0, 3.0] });
        assert_eq!([columns.level(0, 1.0), columns.level(1, 3.0)], [128, 0]);
        let levels = Preprocessing { levels: 16, ..trained(InputScaling::Levels) };
        assert_eq!([3.0, 16.0, 17.0, -1.0].map(|value| levels.level(0, value)), [3, 16, 16, 0]);
        let far = trained(InputScaling::Whole { low: -f64::MAX, high: f64::MAX });
        assert_eq!(far.level(0, 0.0), 128);
    }

    #[test]
    fn every_bit_survives_json() {
        let kept = trained(InputScaling::Columns { low: vec![0.1, -1e-300], high: vec![0.1 + 0.2, 1e300] });
        let text = serde_json::to_string(&kept).expect("JSON");
        assert_eq!(serde_json::from_str::<Preprocessing>(&text).expect("JSON"), kept);
        assert!(kept.check().is_ok());
    }

    #[test]
    fn parts_that_do_not_fit_are_named() {
        let message = |change: &dyn Fn(&mut Preprocessing)| {
            let mut trained = trained(InputScaling::Columns { low: vec![0.0; 2], high: vec![1.0; 2] });
            change(&mut trained);
            trained.check().expect_err("it does not fit")
        };
        assert_eq!(
            message(&|it| it.shape = [1, 1, 3]),
            "scaling: must have a range for each of the 3 inputs"
        );
        assert_eq!(message(&|it| it.shape = [0, 1, 3]), "shape [0, 1, 3]: must have an input");
        assert_eq!(message(&|it| it.levels = 0), "levels = 0: must be at least 1");
        assert_eq!(message(&|it| it.classes.truncate(1)), "1 class: must be at least 2");
        let names = |it: &mut Preprocessing| {
            it.columns = Some(Columns { names: Some(vec!["x".into()]), label: 0, label_name: None });
        };
        assert_eq!(message(&names), "1 column names for 2 inputs");
    }
}
