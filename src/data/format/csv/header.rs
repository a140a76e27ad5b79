//! Whether the first line of a table names its columns.

/// Texts that stand for a missing value.
const MISSING: [&str; 8] = ["", "?", "na", "n/a", "nan", "null", "none", "-"];

/// Names that people give to a column of labels.
const LABEL_NAMES: [&str; 12] = [
    "label",
    "labels",
    "class",
    "target",
    "y",
    "species",
    "kind",
    "category",
    "diagnosis",
    "type",
    "outcome",
    "quality",
];

/// Facts about the lines after the first, by which the first is recognized as a header or not.
#[derive(Clone, Debug)]
pub(crate) struct Others {
    /// Number of lines after the first.
    pub lines: usize,
    /// Number of those lines whose label is a number.
    pub numeric_labels: usize,
    /// By column: whether one of those lines has the same cell as the first line.
    pub repeat: Vec<bool>,
    /// By column: whether every cell of those lines has a decimal point.
    pub are_fractions: Vec<bool>,
}

impl Others {
    /// No lines of this number of `columns`.
    pub fn new(columns: usize) -> Self {
        Self { lines: 0, numeric_labels: 0, repeat: vec![false; columns], are_fractions: vec![true; columns] }
    }
}

/// The first line of a table with what is known of its columns.
pub(crate) struct FirstLine<'a> {
    /// Its cells.
    pub cells: &'a [&'a str],
    /// The column of the labels.
    pub label: usize,
    /// By column: whether it is a feature.
    pub is_feature: &'a [bool],
    /// The cells of the line after it, if there is one.
    pub second: Option<&'a [&'a str]>,
}

/// Whether the first line is a header, which names the columns. `others` reads the lines after it and
/// is called only if it is needed.
///
/// A line without a number among its features is a header if there are numbers below, or if none of
/// its features occurs again in its column. A line whose features are missing is none. A line of
/// numbers is a header if its label is of another kind than all others. A label that only occurs
/// nowhere else is not enough. One more sign is needed: the line counts the columns, it has whole
/// numbers above numbers with a decimal point, or it calls the labels by a usual name.
///
/// # Errors
/// Those of `others`.
pub(crate) fn names_columns<E>(
    line: &FirstLine<'_>,
    others: impl FnOnce() -> Result<Others, E>,
) -> Result<bool, E> {
    let FirstLine { cells: first, label, .. } = *line;
    let features =
        || line.is_feature.iter().zip(first).enumerate().filter(|(_, (is_feature, _))| **is_feature);
    let numbers = features().filter(|(_, (_, cell))| is_number(cell)).count();
    let is_below =
        |at: usize| line.second.and_then(|second| second.get(at)).is_some_and(|cell| is_number(cell));
    Ok(match numbers {
        0 if features().all(|(_, (_, cell))| is_missing(cell)) => false,
        0 if features().any(|(at, (_, cell))| !is_missing(cell) && is_below(at)) => true,
        0 => {
            let others = others()?;
            features().all(|(at, _)| !others.repeat[at])
        }
        _ if numbers == features().count() => has_other_pattern(first, label, &others()?),
        _ => false,
    })
}

fn is_number(cell: &str) -> bool {
    cell.parse::<f64>().is_ok()
}

fn is_missing(cell: &str) -> bool {
    MISSING.contains(&cell.to_lowercase().as_str())
}

/// Whether a line of numbers differs from those after it.
fn has_other_pattern(first: &[&str], label: usize, others: &Others) -> bool {
    let is_number = first[label].parse::<f64>().is_ok();
    let is_other_kind = match is_number {
        true => others.numeric_labels == 0,
        false => others.numeric_labels == others.lines,
    };
    if others.lines >= 2 && is_other_kind {
        return true;
    }
    let has_label_name = !is_number && LABEL_NAMES.contains(&first[label].to_lowercase().as_str());
    let is_alone = others.lines >= 2 && !others.repeat[label];
    is_alone && (has_label_name || counts(first, label) || is_whole_above_fractions(first, label, others))
}

/// Whether the cells count up by one: at least two cells from 0 or 1 on, or at least three from any
/// other number on. A label cell that is no number is ignored.
fn counts(first: &[&str], label: usize) -> bool {
    let cells = first.iter().enumerate();
    let counted = cells.filter(|&(column, cell)| column != label || cell.parse::<f64>().is_ok());
    let numbers: Option<Vec<i64>> = counted.map(|(_, cell)| cell.parse().ok()).collect();
    let Some(numbers) = numbers else { return false };
    let is_long =
        numbers.len() >= if numbers[..].starts_with(&[0]) || numbers[..].starts_with(&[1]) { 2 } else { 3 };
    is_long && numbers.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1]))
}

/// Whether all features, at least two, are whole numbers in `first`, and have decimal points in all
/// other lines.
fn is_whole_above_fractions(first: &[&str], label: usize, others: &Others) -> bool {
    let mut features = first.iter().enumerate().filter(|&(column, _)| column != label);
    first.len() > 2
        && features.all(|(column, cell)| cell.parse::<i64>().is_ok() && others.are_fractions[column])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the first of `lines` is a header, with the labels in the last column.
    fn names(lines: &[&[&str]]) -> bool {
        let (first, rest) = lines.split_first().unwrap();
        let label = first.len() - 1;
        let columns = || 0..first.len();
        let others = Others {
            lines: rest.len(),
            numeric_labels: rest.iter().filter(|line| is_number(line[label])).count(),
            repeat: columns().map(|at| rest.iter().any(|line| line[at] == first[at])).collect(),
            are_fractions: columns().map(|at| rest.iter().all(|line| line[at].contains('.'))).collect(),
        };
        let is_feature: Vec<bool> = columns().map(|at| at != label).collect();
        let line = FirstLine { cells: first, label, is_feature: &is_feature, second: rest.first().copied() };
        names_columns::<()>(&line, || Ok(others)).unwrap()
    }

    #[test]
    fn names_and_numbers_of_columns_are_headers() {
        for lines in [
            [&["a", "b", "kind"][..], &["1", "2", "x"], &["3", "4", "y"]],
            [&["0", "1", "2"], &["0.5", "1", "x"], &["3", "4", "y"]],
            [&["0", "1", "2"], &["5", "6", "7"], &["8", "9", "7"]],
            [&["1", "2", "label"], &["5", "6", "a"], &["8", "9", "b"]],
            [&["4", "7", "9"], &["5", "6", "x"], &["8", "9", "y"]],
            [&["4", "7", "group"], &["5", "6", "0"], &["8", "9", "1"]],
            [&["4", "7", "class"], &["5", "6", "0"], &["8", "9", "1"]],
            [&["2001", "2002", "2003"], &["5", "6", "0"], &["8", "9", "1"]],
            [&["10", "30", "50"], &["5.5", "6.1", "0"], &["8.5", "9.0", "1"]],
            [&["?", "width", "kind"], &["1", "2", "x"], &["3", "4", "y"]],
            [&["colour", "size", "kind"], &["red", "small", "x"], &["red", "large", "y"]],
            [&["colour", "size", "kind"], &["red", "2", "x"], &["red", "3", "y"]],
        ] {
            assert!(names(&lines), "{lines:?}");
        }
    }

    #[test]
    fn samples_are_no_headers() {
        for lines in [
            [&["1", "2", "x"][..], &["1.5", "2.5", "x"], &["3.5", "4.5", "y"]],
            [&["0", "1", "2"], &["5", "6", "2"], &["8", "9", "1"]],
            [&["5", "9", "7"], &["5", "6", "1"], &["8", "9", "1"]],
            [&["?", "NA", "x"], &["5", "6", "x"], &["8", "9", "y"]],
            [&["1", "abc", "x"], &["5", "6", "x"], &["8", "9", "y"]],
            [&["red", "small", "x"], &["red", "large", "x"], &["blue", "small", "y"]],
            [&["5.1", "3.5", "a"], &["5.5", "6.1", "b"], &["8.5", "9.0", "b"]],
        ] {
            assert!(!names(&lines), "{lines:?}");
        }
    }
}
