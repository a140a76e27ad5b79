//! A summary of the loaded data set, for people and for programs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Columns, Dataset, InputScaling, Samples, TableSchema};
use crate::units::digits;

/// The most classes that are listed one by one in a line.
const LISTED: usize = 10;

/// The digits of a checksum that a line shows.
const SHOWN_DIGITS: usize = 12;

/// How the values of a file became inputs in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Scaling {
    /// The values lie within [0, 1] and are kept.
    Kept,
    /// Whole numbers from 0 on are divided by `maximum`.
    Divided {
        /// The value that stands for 1.
        maximum: u8,
    },
    /// All values are scaled linearly to [0, 1]. `low` and `high` are their range in the training
    /// part.
    Whole {
        /// The smallest value.
        low: f64,
        /// The largest value.
        high: f64,
    },
    /// Each column is scaled linearly from its range in the training part to [0, 1].
    Columns,
}

/// How the files of a data set were read.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The label column or array, as people name it; `None` if the format has only one place for
    /// labels.
    pub label: Option<String>,
    /// Whether the first line of a table named the columns; `None` for other formats.
    pub header: Option<bool>,
    /// The smallest and the largest value of the training part, before it was scaled.
    pub range: [f64; 2],
    /// How values became inputs.
    pub scaling: Scaling,
    /// The same with every range, for samples that are read later.
    pub inputs: InputScaling,
    /// The columns of a table in a file.
    pub columns: Option<Columns>,
    /// Whether the test part was cut from the training part.
    pub is_test_cut: bool,
    /// What was left out or changed, one sentence each.
    pub notes: Vec<String>,
    /// The columns of a table that seem to number or to name the samples, as people name them.
    pub identifiers: Vec<String>,
    /// How the columns of a table became inputs; `None` for other formats and built-in sets.
    pub schema: Option<TableSchema>,
}

/// A summary of the loaded data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DataSummary {
    /// The data set's name.
    pub dataset: String,
    /// Number of samples in all parts.
    pub samples: usize,
    /// Number of inputs of a sample.
    pub inputs: usize,
    /// Height, width and channels of an image; `[1, 1, inputs]` for a table.
    pub shape: [usize; 3],
    /// The smallest and the largest value of the training part, before scaling.
    pub range: [f64; 2],
    /// How values became inputs.
    pub scaling: Scaling,
    /// The classes in the order of their numbers.
    pub classes: Vec<ClassCount>,
    /// The label column or array; `null` if the format has only one place for labels.
    pub label: Option<String>,
    /// Whether the first line of a table named the columns; `null` for other formats.
    pub header: Option<bool>,
    /// Number of training samples, without those held out for validation.
    pub train: usize,
    /// Number of samples for validation; 0 if none are held out.
    pub validation: usize,
    /// Whether the source has a validation part of its own.
    pub own_validation: bool,
    /// Number of samples for the test.
    pub test: usize,
    /// Whether the source has a test part of its own.
    pub own_test: bool,
    /// What was left out or changed, one sentence each.
    pub notes: Vec<String>,
    /// SHA-256 of the content, in hex.
    pub sha256: String,
}

/// A class and how many samples it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClassCount {
    /// Name of the class.
    pub class: String,
    /// Number of its samples in all parts.
    pub samples: usize,
}

impl DataSummary {
    /// The summary of `set`. Of its training samples, `held_out` serve for validation.
    pub fn of(set: &Dataset, held_out: usize) -> Self {
        let own = set.validation.as_ref().map_or(0, Samples::len);
        let counts = counts(set);
        Self {
            dataset: set.name.clone(),
            samples: set.train.len() + own + set.test.len(),
            inputs: set.train.inputs.ncols(),
            shape: set.shape,
            range: set.reading.range,
            scaling: set.reading.scaling,
            classes: set.classes.iter().cloned().zip(counts).map(ClassCount::from).collect(),
            label: set.reading.label.clone(),
            header: set.reading.header,
            train: set.train.len() - held_out,
            validation: own + held_out,
            own_validation: own > 0,
            test: set.test.len(),
            own_test: !set.reading.is_test_cut,
            notes: set.reading.notes.clone(),
            sha256: set.checksum.clone(),
        }
    }

    /// The summary as one line for people, before a training.
    pub fn line(&self) -> String {
        self.line_of(&self.scaling.to_string(), self.shown_parts())
    }

    /// The summary as one line for people, where a trained network scores `scored` samples, scaled as in its training
    /// if it `knows_scaling`.
    pub fn line_of_scored(&self, scored: usize, knows_scaling: bool) -> String {
        let scaling = self.scaling.to_string();
        let scaling: &str = if knows_scaling { "scaled as in the training" } else { &scaling };
        self.line_of(scaling, format!("{scored} scored"))
    }

    fn line_of(&self, scaling: &str, shown_parts: String) -> String {
        let mut parts = vec![
            format!("{} samples of {}", self.samples, self.shown_inputs()),
            format!("values {} to {}, {scaling}", number(self.range[0]), number(self.range[1])),
            self.shown_classes(),
        ];
        parts.extend(self.shown_label());
        parts.push(shown_parts);
        parts.extend(self.notes.iter().map(|note| one_line(note)));
        parts.push(format!("SHA-256 {}", &self.sha256[..SHOWN_DIGITS.min(self.sha256.len())]));
        format!("data {}: {}", one_line(&self.dataset), parts.join("; "))
    }

    fn shown_inputs(&self) -> String {
        match self.shape {
            [1, 1, inputs] => format!("{inputs} inputs"),
            [height, width, channels] => {
                format!("{} inputs ({height} x {width} x {channels})", self.inputs)
            }
        }
    }

    fn shown_classes(&self) -> String {
        let count = self.classes.len();
        if count <= LISTED {
            let named = |class: &ClassCount| format!("{} ({})", one_line(&class.class), class.samples);
            let listed: Vec<String> = self.classes.iter().map(named).collect();
            return format!("{count} classes: {}", listed.join(", "));
        }
        let sizes = || self.classes.iter().map(|class| class.samples);
        let (least, most) = (sizes().min().unwrap_or(0), sizes().max().unwrap_or(0));
        format!("{count} classes of {least} to {most} samples")
    }

    fn shown_label(&self) -> Option<String> {
        let header = match self.header {
            Some(true) => ", the first line is a header",
            Some(false) => ", no header",
            None => "",
        };
        self.label.as_ref().map(|label| format!("labels: {}{header}", one_line(label)))
    }

    fn shown_parts(&self) -> String {
        let own = |is_own: bool| if is_own { " (its own)" } else { "" };
        let validation = match self.validation {
            0 => String::new(),
            count => format!("{count} for validation{}, ", own(self.own_validation)),
        };
        format!("{} for training, {validation}{} for the test{}", self.train, self.test, own(self.own_test))
    }
}

impl From<(String, usize)> for ClassCount {
    fn from((class, samples): (String, usize)) -> Self {
        Self { class, samples }
    }
}

impl std::fmt::Display for Scaling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Kept => f.write_str("kept"),
            Self::Divided { maximum: 1 } => f.write_str("kept"),
            Self::Divided { maximum } => write!(f, "divided by {maximum}"),
            Self::Whole { .. } => f.write_str("scaled as a whole to 0 to 1"),
            Self::Columns => f.write_str("each column scaled from its own range to 0 to 1"),
        }
    }
}

/// The number of samples of each class in all parts.
fn counts(set: &Dataset) -> Vec<usize> {
    let mut counts = vec![0; set.classes.len()];
    let parts = [Some(&set.train), set.validation.as_ref(), Some(&set.test)];
    for &label in parts.into_iter().flatten().flat_map(|part| &part.labels) {
        counts[usize::from(label)] += 1;
    }
    counts
}

/// `value` rounded to four significant digits; whole numbers stay as they are.
fn rounded(value: f64) -> f64 {
    let digits = format!("{value:.3e}");
    if value.fract() == 0.0 { value } else { digits.parse().unwrap_or(value) }
}

/// A number of data as people read it.
fn number(value: f64) -> String {
    /// From here on a number has too many digits to be read.
    const LARGE: f64 = 1e15;
    if value.abs() < LARGE { rounded(value).to_string() } else { digits(value) }
}

/// `text` without line breaks and other control characters.
fn one_line(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn set(classes: usize) -> Dataset {
        let part = |count: usize| Samples {
            inputs: Array2::zeros((count, 6)),
            labels: (0..count).map(|sample| (sample % classes) as u16).collect(),
        };
        Dataset {
            name: "a\nb".into(),
            train: part(40),
            validation: None,
            test: part(10),
            shape: [2, 3, 1],
            levels: 255,
            classes: (0..classes).map(|class| format!("c{class}")).collect(),
            checksum: "0123456789abcdef".into(),
            reading: Reading {
                label: Some("column \"kind\"".into()),
                header: Some(true),
                range: [-1.0, 2.5],
                scaling: Scaling::Columns,
                inputs: InputScaling::Columns { low: vec![-1.0; 4], high: vec![2.5; 4] },
                columns: None,
                is_test_cut: true,
                notes: vec!["column 0 is left out".into()],
                identifiers: Vec::new(),
                schema: None,
            },
            groups: None,
        }
    }

    #[test]
    fn a_line_says_all_that_was_loaded() {
        assert_eq!(
            DataSummary::of(&set(2), 8).line(),
            "data a\\nb: 50 samples of 6 inputs (2 x 3 x 1); values -1 to 2.5, each column scaled from its own range \
             to 0 to 1; 2 classes: c0 (25), c1 (25); labels: column \"kind\", the first line is a header; 32 for \
             training, 8 for validation, 10 for the test; column 0 is left out; SHA-256 0123456789ab"
        );
    }

    #[test]
    fn numbers_are_shown_to_four_digits() {
        assert_eq!(
            [0.000108006, -0.99978, 123456.0, 6.5, 1e-12].map(rounded),
            [0.000108, -0.9998, 123456.0, 6.5, 1e-12]
        );
    }

    #[test]
    fn parts_of_the_source_are_told_and_many_classes_are_counted() {
        let mut set = set(25);
        set.validation = Some(set.test.clone());
        set.reading.is_test_cut = false;
        let line = DataSummary::of(&set, 0).line();
        assert!(line.contains("25 classes of 1 to 4 samples"), "{line}");
        let parts = "40 for training, 10 for validation (its own), 10 for the test (its own)";
        assert!(line.contains(parts), "{line}");
    }
}
