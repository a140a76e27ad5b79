//! The decisions of a scored network as a table.

use super::score::ScoreBySample;
use crate::network::Decision;

impl ScoreBySample {
    /// A CSV table with a line per sample: its number from 0, the names of its class and of the
    /// decided class, the margin of the decision, and whether it was a tie. A class without a name
    /// is its number.
    pub fn predictions_csv(&self, classes: &[String]) -> String {
        table(classes, &self.labels, &self.decisions)
    }
}

fn table(classes: &[String], labels: &[u16], decisions: &[Decision]) -> String {
    let name = |class: u16| classes.get(usize::from(class)).cloned().unwrap_or_else(|| class.to_string());
    let mut table = csv::Writer::from_writer(Vec::new());
    let mut write = |row: [String; 5]| table.write_record(row).expect("memory takes every row");
    write(["sample", "label", "predicted", "margin", "tie"].map(str::to_owned));
    for (sample, (&label, decision)) in labels.iter().zip(decisions).enumerate() {
        let Decision { class, tied, margin, .. } = *decision;
        write([sample.to_string(), name(label), name(class), margin.to_string(), tied.to_string()]);
    }
    let bytes = table.into_inner().expect("memory takes every row");
    String::from_utf8(bytes).expect("text was written")
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
}
