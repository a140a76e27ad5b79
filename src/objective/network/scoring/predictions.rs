//! The decisions of a network as text: a CSV table or JSON lines.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::score::ScoreBySample;
use crate::network::Decision;

/// The columns of a table of predictions.
pub const PREDICTION_COLUMNS: &str = "sample,class,score,margin,tie\n";

/// The text form of predictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PredictionForm {
    /// Rows of a CSV table, without its header: [`PREDICTION_COLUMNS`].
    Csv,
    /// One JSON object per line: a [`PredictionLine`].
    JsonLines,
}

/// One prediction as a JSON object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PredictionLine {
    /// The number of the sample, from 0.
    pub sample: u64,
    /// The name of the class that was decided for.
    pub class: String,
    /// Its score: the output neurons that agree with its key, minus those that do not.
    pub score: i32,
    /// The score minus that of the next class.
    pub margin: u32,
    /// Whether several classes share the highest score; the first of them is taken.
    pub tie: bool,
    /// The file of the sample, where each sample has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl PredictionForm {
    /// A line for each of the `decisions`, of which the first is on the sample with the number `first`.
    ///
    /// A class without a name is its number. `files` has the file of each sample, or is empty.
    pub fn lines(self, first: u64, decisions: &[Decision], classes: &[String], files: &[String]) -> String {
        let most = decisions.iter().map(|decision| usize::from(decision.class) + 1).max().unwrap_or(0);
        let name = |class: usize| classes.get(class).cloned().unwrap_or_else(|| class.to_string());
        let names: Vec<String> = (0..most).map(|class| self.spelled(&name(class))).collect();
        let mut text = String::with_capacity(decisions.len() * 32);
        let mut files = files.iter();
        for (sample, decision) in (first..).zip(decisions) {
            let file = files.next().map(|file| self.spelled(file));
            let Decision { class, tied, margin, score } = decision;
            let class = &names[usize::from(*class)];
            let written = match self {
                Self::Csv => {
                    let file = file.map(|file| format!(",{file}")).unwrap_or_default();
                    writeln!(text, "{sample},{class},{score},{margin},{tied}{file}")
                }
                Self::JsonLines => {
                    let file = file.map(|file| format!(",\"file\":{file}")).unwrap_or_default();
                    writeln!(
                        text,
                        "{{\"sample\":{sample},\"class\":{class},\"score\":{score},\"margin\":{margin},\"tie\":{tied}{file}}}"
                    )
                }
            };
            written.expect("memory takes every line");
        }
        text
    }

    /// The name of a class as a cell or as JSON.
    fn spelled(self, class: &str) -> String {
        match self {
            Self::Csv => cell(class),
            Self::JsonLines => serde_json::Value::from(class).to_string(),
        }
    }
}

/// `text` as a cell of a CSV table, in quotes where it needs them.
fn cell(text: &str) -> String {
    let mut line = csv::Writer::from_writer(Vec::new());
    line.write_record([text, ""]).expect("memory takes every row");
    let bytes = line.into_inner().expect("memory takes every row");
    let text = String::from_utf8(bytes).expect("text was written");
    text.strip_suffix(",\n").unwrap_or(&text).to_owned()
}

impl ScoreBySample {
    /// A CSV table with a line per sample: its number from 0, the names of its class and of the
    /// decided class, the margin of the decision, and whether it was a tie. A class without a name
    /// is its number.
    pub fn predictions_csv(&self, classes: &[String]) -> String {
        table(classes, &self.labels, &self.decisions)
    }
}

fn table(classes: &[String], labels: &[u16], decisions: &[Decision]) -> String {
    let names: Vec<String> = classes.iter().map(|class| cell(class)).collect();
    let name = |class: u16| names.get(usize::from(class)).cloned().unwrap_or_else(|| class.to_string());
    let mut table = String::from("sample,label,predicted,margin,tie\n");
    for (sample, (&label, decision)) in labels.iter().zip(decisions).enumerate() {
        let Decision { class, tied, margin, .. } = *decision;
        let written = writeln!(table, "{sample},{},{},{margin},{tied}", name(label), name(class));
        written.expect("memory takes every line");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sample_is_a_line_and_names_are_quoted() {
        let classes = ["a, or \"b\"", "größe", ""].map(str::to_owned);
        let decisions = [[3, 1, 1], [0, 0, -1], [-5, -4, 7]].map(|scores| Decision::of(&scores));
        assert_eq!(
            table(&classes, &[0, 1, 7], &decisions),
            "sample,label,predicted,margin,tie\n\
             0,\"a, or \"\"b\"\"\",\"a, or \"\"b\"\"\",2,false\n\
             1,größe,\"a, or \"\"b\"\"\",0,true\n\
             2,7,,11,false\n"
        );
    }

    #[test]
    fn predictions_are_rows_or_json_lines() {
        let classes = ["a, or \"b\"", "größe"].map(str::to_owned);
        let decisions = [[3, 1, 1], [0, 2, 2], [-5, -4, 7]].map(|scores| Decision::of(&scores));
        assert_eq!(
            PredictionForm::Csv.lines(7, &decisions, &classes, &[]),
            "7,\"a, or \"\"b\"\"\",3,2,false\n8,größe,2,0,true\n9,2,7,11,false\n"
        );
        let lines = PredictionForm::JsonLines.lines(0, &decisions[..1], &classes, &[]);
        let line: PredictionLine = serde_json::from_str(&lines).expect("JSON");
        let class = "a, or \"b\"".to_owned();
        assert_eq!(line, PredictionLine { sample: 0, class, score: 3, margin: 2, tie: false, file: None });
    }
}
