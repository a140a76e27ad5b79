//! The schema of a table: what its columns are and how they become inputs, learnt from the training
//! part. It is kept with a network, so that another table is read as the first one was.

use std::str::FromStr;

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cell::DecimalMark;

/// How the columns of a table become inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableSchema {
    /// Whether the columns have names. Otherwise they are matched by their place.
    pub header: bool,
    /// The character before decimals.
    pub decimal: DecimalMark,
    /// What becomes of missing cells.
    pub missing: Missing,
    /// All columns of the table in its order, also those that are no features.
    pub columns: Vec<TableColumn>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TableColumn {
    /// Its name in the header; its number from 0 without a header.
    pub name: String,
    /// What it is.
    #[serde(flatten)]
    pub kind: ColumnKind,
}

/// What a column is, and which inputs it becomes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ColumnKind {
    /// A number: one input, and a second one that is 1 where the cell is missing, if `indicator`.
    Number {
        /// The median of the training part, which stands for missing cells.
        median: f64,
        /// Whether an input tells that the cell is missing.
        indicator: bool,
        /// What separates the thousands, if anything does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thousands: Option<char>,
    },
    /// A text: one input per value, of which one is 1, and the last for a missing cell, if `missing`.
    Category {
        /// The values in the training part, sorted.
        values: Vec<String>,
        /// Whether cells are missing in the training part.
        missing: bool,
    },
    /// The labels: no input.
    Label {
        /// The names of the classes by their numbers.
        classes: Vec<String>,
    },
    /// No input: it was left out.
    Dropped,
    /// No input: it says which samples belong together.
    Group,
}

/// A table that was encoded by a schema.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedTable {
    /// The inputs (N, I) before they are scaled to levels.
    pub features: Array2<f64>,
    /// The texts of the label column, (N), if the table has one.
    pub labels: Option<Vec<String>>,
    /// The texts of the column of groups, (N), if the table has one.
    pub groups: Option<Vec<String>>,
    /// Whether the first line named the columns.
    pub has_header: bool,
    /// Sentences on values that were unknown in the training part.
    pub notes: Vec<String>,
}

/// What becomes of the missing cells of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// They are an error.
    #[default]
    Refuse,
    /// In a column of numbers the median of the training part stands for them, and an input tells it.
    /// In a column of texts they are a category.
    Impute,
}

/// The error of a text that is no [`Missing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be refuse or impute")]
pub struct MissingError;

impl FromStr for Missing {
    type Err = MissingError;

    /// Reads `refuse` or `impute`.
    fn from_str(text: &str) -> Result<Self, MissingError> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "impute" => Ok(Self::Impute),
            _ => Err(MissingError),
        }
    }
}

impl TableSchema {
    /// The number of inputs of a sample.
    pub fn inputs(&self) -> usize {
        self.columns.iter().map(|column| column.kind.inputs()).sum()
    }

    /// The names of the inputs in their order: `age`, `age missing`, `colour = red`, `colour missing`.
    pub fn input_names(&self) -> Vec<String> {
        self.columns.iter().flat_map(TableColumn::input_names).collect()
    }

    /// Whether every column is a number that is never missing, or the label: rows can then be read one
    /// by one without the schema.
    pub fn is_plain(&self) -> bool {
        let is_plain = |column: &TableColumn| match column.kind {
            ColumnKind::Number { indicator, thousands, .. } => !indicator && thousands.is_none(),
            ColumnKind::Label { .. } => true,
            _ => false,
        };
        self.decimal == DecimalMark::Point && self.columns.iter().all(is_plain)
    }

    /// The names of the classes; empty without a label column.
    pub fn classes(&self) -> &[String] {
        let classes = self.columns.iter().find_map(|column| match &column.kind {
            ColumnKind::Label { classes } => Some(classes.as_slice()),
            _ => None,
        });
        classes.unwrap_or_default()
    }
}

impl TableSchema {
    /// Names the classes of the label column.
    pub(crate) fn set_classes(&mut self, names: &[String]) {
        for column in &mut self.columns {
            if let ColumnKind::Label { classes } = &mut column.kind {
                names.clone_into(classes);
            }
        }
    }
}

impl TableColumn {
    fn input_names(&self) -> Vec<String> {
        let name = &self.name;
        let told = |is_told: bool| is_told.then(|| format!("{name} missing"));
        match &self.kind {
            ColumnKind::Number { indicator, .. } => {
                [Some(name.clone()), told(*indicator)].into_iter().flatten().collect()
            }
            ColumnKind::Category { values, missing } => {
                let named = values.iter().map(|value| format!("{name} = {value}"));
                named.chain(told(*missing)).collect()
            }
            ColumnKind::Label { .. } | ColumnKind::Dropped | ColumnKind::Group => Vec::new(),
        }
    }
}

impl ColumnKind {
    /// The number of inputs that the column becomes.
    pub fn inputs(&self) -> usize {
        match self {
            Self::Number { indicator, .. } => 1 + usize::from(*indicator),
            Self::Category { values, missing } => values.len() + usize::from(*missing),
            Self::Label { .. } | Self::Dropped | Self::Group => 0,
        }
    }

    /// Whether a table must have the column to be encoded.
    pub fn is_feature(&self) -> bool {
        matches!(self, Self::Number { .. } | Self::Category { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> TableSchema {
        let column = |name: &str, kind| TableColumn { name: name.to_owned(), kind };
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        TableSchema {
            header: true,
            decimal: DecimalMark::Point,
            missing: Missing::Impute,
            columns: vec![
                column("id", ColumnKind::Dropped),
                column("age", ColumnKind::Number { median: 31.5, indicator: true, thousands: None }),
                column("colour", ColumnKind::Category { values: texts(&["blue", "red"]), missing: true }),
                column("kind", ColumnKind::Label { classes: texts(&["a", "b"]) }),
            ],
        }
    }

    #[test]
    fn a_schema_survives_json() {
        let json = serde_json::to_string(&schema()).unwrap();
        assert!(json.contains(r#"{"name":"age","kind":"number","median":31.5,"indicator":true}"#), "{json}");
        assert_eq!(serde_json::from_str::<TableSchema>(&json).unwrap(), schema());
    }

    #[test]
    fn inputs_have_names_in_their_order() {
        let schema = schema();
        let names = ["age", "age missing", "colour = blue", "colour = red", "colour missing"];
        assert_eq!(schema.input_names(), names);
        assert_eq!((schema.inputs(), schema.classes()), (5, &["a".to_owned(), "b".to_owned()][..]));
    }

    #[test]
    fn choices_of_missing_cells_are_read() {
        assert_eq!(("refuse".parse(), "impute".parse()), (Ok(Missing::Refuse), Ok(Missing::Impute)));
        assert_eq!("drop".parse::<Missing>().unwrap_err().to_string(), "must be refuse or impute");
    }
}
