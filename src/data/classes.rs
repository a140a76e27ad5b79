//! Labels as text become numbered classes.

use std::collections::HashMap;
use std::path::Path;

use super::DataError;

/// The sorted names of the classes, and the class of each label.
///
/// Labels that are all numbers are sorted as numbers, and `1` and `1.0` are the same class.
/// Otherwise all are sorted as text.
pub(super) fn number(labels: Vec<String>, file: &Path) -> Result<(Vec<String>, Vec<u16>), DataError> {
    let numbers: Option<Vec<f64>> = labels.iter().map(|label| label.parse().ok()).collect();
    let (labels, names) = match numbers {
        Some(numbers) => (numbers.iter().copied().map(written).collect(), sorted_numbers(numbers)),
        None => (labels.clone(), sorted_text(labels)),
    };
    let classes: HashMap<&str, usize> =
        names.iter().enumerate().map(|(class, name)| (name.as_str(), class)).collect();
    let class_of = |label: &String| u16::try_from(classes[label.as_str()]);
    let numbered: Result<Vec<u16>, _> = labels.iter().map(class_of).collect();
    let numbered = numbered.map_err(|_| DataError::Classes { file: file.into(), found: names.len() })?;
    drop(classes);
    Ok((names, numbered))
}

/// The name of a class that is a number. Adding zero makes a negative zero positive.
fn written(number: f64) -> String {
    (number + 0.0).to_string()
}

fn sorted_numbers(mut numbers: Vec<f64>) -> Vec<String> {
    numbers.sort_by(f64::total_cmp);
    let mut names: Vec<String> = numbers.into_iter().map(written).collect();
    names.dedup();
    names
}

fn sorted_text(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(labels: &[&str]) -> (Vec<String>, Vec<u16>) {
        number(labels.iter().map(|&label| label.to_owned()).collect(), Path::new("file")).unwrap()
    }

    #[test]
    fn numbers_are_sorted_as_numbers_and_compared_by_value() {
        let (names, labels) = numbered(&["10", "9", "1.0", "1", "-0", "0"]);
        assert_eq!(names, ["0", "1", "9", "10"]);
        assert_eq!(labels, [3, 2, 1, 1, 0, 0]);
    }

    #[test]
    fn one_text_label_makes_all_of_them_text() {
        let (names, labels) = numbered(&["10", "9", "b"]);
        assert_eq!(names, ["10", "9", "b"]);
        assert_eq!(labels, [0, 1, 2]);
    }

    #[test]
    fn more_classes_than_a_label_can_number_are_an_error() {
        let labels = (0..=65536).map(|label| label.to_string()).collect();
        let message = number(labels, Path::new("prices.csv")).unwrap_err().to_string();
        assert!(message.starts_with("prices.csv: 65537 classes; must be 2 to 65,536"), "{message}");
    }
}
