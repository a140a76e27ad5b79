//! The scores of classes as people read them.

use crate::objective::ByClass;
use crate::units::digits;

/// The most classes whose confusions are shown as a matrix.
const MATRIX: usize = 20;

/// The most confusions that are listed of more classes.
const LISTED: usize = 10;

/// A line per class, then what is taken for what.
pub(crate) fn by_class_text(scores: &ByClass) -> String {
    let shown = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), digits);
    let head = ["class", "precision", "recall", "F1", "samples"].map(str::to_owned);
    let row = |class: &crate::objective::ClassScore| {
        let [precision, recall, f1] = [class.precision, class.recall, class.f1].map(shown);
        [class.class.clone(), precision, recall, f1, class.support.to_string()]
    };
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(scores.classes.iter().map(row)).collect();
    let rows: Vec<Vec<String>> = rows.into_iter().map(Vec::from).collect();
    let balanced = digits(scores.balanced_accuracy);
    format!("balanced accuracy {balanced}\n{}{}", aligned(&rows), confusions(scores))
}

fn confusions(scores: &ByClass) -> String {
    if scores.confusion.is_empty() {
        return String::new();
    }
    let name = |class: usize| scores.classes[class].class.clone();
    if scores.classes.len() <= MATRIX {
        let head =
            std::iter::once("class \\ predicted".to_owned()).chain((0..scores.classes.len()).map(name));
        let row = |(class, counts): (usize, &Vec<usize>)| {
            std::iter::once(name(class)).chain(counts.iter().map(usize::to_string)).collect()
        };
        let rows: Vec<Vec<String>> =
            std::iter::once(head.collect()).chain(scores.confusion.iter().enumerate().map(row)).collect();
        return format!("\n{}", aligned(&rows));
    }
    let mut mistakes: Vec<(usize, usize, usize)> = Vec::new();
    for (class, counts) in scores.confusion.iter().enumerate() {
        let wrong = counts.iter().enumerate().filter(|&(other, &count)| other != class && count > 0);
        mistakes.extend(wrong.map(|(other, &count)| (count, class, other)));
    }
    mistakes.sort_by_key(|&(count, class, other)| (std::cmp::Reverse(count), class, other));
    let line = |&(count, class, other): &(usize, usize, usize)| {
        format!("  {} taken for {}: {count}\n", name(class), name(other))
    };
    let lines: String = mistakes.iter().take(LISTED).map(line).collect();
    format!("\nmost frequent mistakes\n{lines}")
}

/// Rows with aligned columns, the first to the left and the others to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let length = |text: &String| text.chars().count();
    let width = |column: usize| rows.iter().map(|row| length(&row[column])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let padded = cells.map(|(column, (cell, &width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("  {cell:>width$}"),
        });
        padded.collect::<String>().trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_confusions_are_tables() {
        let classes = ["setosa", "rose"].map(str::to_owned);
        let text = by_class_text(&ByClass::of(&classes, &[0, 0, 1], &[0, 0, 0]));
        let expected = "\
balanced accuracy 0.5000
class   precision  recall      F1  samples
setosa     0.6667   1.000  0.8000        2
rose            -       0       0        1

class \\ predicted  setosa  rose
setosa                  2     0
rose                    1     0
";
        assert_eq!(text, expected);
    }

    #[test]
    fn of_many_classes_the_most_frequent_mistakes_are_listed() {
        let classes: Vec<String> = (0..30).map(|class| format!("c{class}")).collect();
        let text = by_class_text(&ByClass::of(&classes, &[3, 3, 4, 5], &[4, 4, 5, 5]));
        let mistakes = "most frequent mistakes\n  c3 taken for c4: 2\n  c4 taken for c5: 1\n";
        assert!(text.ends_with(mistakes), "{text}");
    }
}
