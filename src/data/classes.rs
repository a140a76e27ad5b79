//! Turns labels that are text into numbered classes.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::DataError;

/// Most values of a numeric label: labels with fractions and more values are a measurement, not
/// classes. Whole numbers with more values need more samples per value.
const MOST_FRACTIONS: usize = 20;

/// With fewer values than this, labels are never too many for the number of samples.
const FEWEST_VALUES: usize = 3;

/// The names of the classes, sorted, and the class of each label. `source` names the place of the
/// labels in error texts.
///
/// Labels are compared as texts, so `01` and `1` are two classes. `1.0` is the class `1` if there is one, since
/// other programs write a column of whole numbers so. If all labels are numbers, they
/// are sorted by their value; otherwise as text.
///
/// # Errors
/// The labels look like a measurement, not like classes. Or there are more of them than a `u16` can
/// number.
pub(super) fn number(
    labels: &[String],
    source: &str,
    file: &Path,
) -> Result<(Vec<String>, Vec<u16>), DataError> {
    let mut texts: BTreeSet<&str> = labels.iter().map(String::as_str).collect();
    let doubles: HashMap<&str, &str> =
        texts.iter().filter_map(|&text| Some((text, *texts.get(whole(text)?)?))).collect();
    texts.retain(|text| !doubles.contains_key(text));
    let names = sorted(texts);
    check_measurement(&names, labels.len(), source, file)?;
    let classes: HashMap<&str, usize> =
        names.iter().enumerate().map(|(class, &name)| (name, class)).collect();
    let name_of = |label: &String| match doubles.get(label.as_str()) {
        Some(&whole) => classes[whole],
        None => classes[label.as_str()],
    };
    let class_of = |label: &String| u16::try_from(name_of(label));
    let numbered: Result<Vec<u16>, _> = labels.iter().map(class_of).collect();
    let numbered = numbered.map_err(|_| DataError::Classes { file: file.into(), found: names.len() })?;
    Ok((names.into_iter().map(str::to_owned).collect(), numbered))
}

/// `text` without the point and the zeros after it, if it is a whole number with such an end.
pub(super) fn whole(text: &str) -> Option<&str> {
    let (whole, zeros) = text.split_once('.')?;
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_whole && zeros.bytes().all(|byte| byte == b'0')).then_some(whole)
}

/// The names in the order of their numbers if all are numbers, and otherwise as texts.
pub(super) fn sorted(names: BTreeSet<&str>) -> Vec<&str> {
    let by_text: Vec<&str> = names.into_iter().collect();
    let Some(numbers) = numbers(&by_text) else { return by_text };
    let mut by_number: Vec<(f64, &str)> = numbers.into_iter().zip(by_text).collect();
    // The sort is stable: texts of the same number stay in the order of texts.
    by_number.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    by_number.into_iter().map(|(_, name)| name).collect()
}

/// All `names` as finite numbers; `None` if one of them is no such number.
fn numbers(names: &[&str]) -> Option<Vec<f64>> {
    names.iter().map(|name| name.parse().ok().filter(|number: &f64| number.is_finite())).collect()
}

/// Refuses labels with nearly as many different values as samples, and labels with many values that
/// have fractions.
fn check_measurement(names: &[&str], samples: usize, source: &str, file: &Path) -> Result<(), DataError> {
    let found = names.len();
    let numbers = numbers(names);
    let has_fractions = numbers.as_ref().is_some_and(|all| all.iter().any(|number| number.fract() != 0.0));
    // From a class with fewer than two samples none can be held out. Many numbers need four samples
    // each.
    let per_class = if numbers.is_some() && found > MOST_FRACTIONS { 4 } else { 2 };
    let are_many = found >= FEWEST_VALUES && found * per_class > samples;
    let are_fractions = has_fractions && found > MOST_FRACTIONS;
    if !(are_many || are_fractions) {
        return Ok(());
    }
    let kind = if has_fractions { "with fractions " } else { "" };
    let problem = format!(
        "{source} has {found} different values {kind}in {samples} samples: it looks like a measurement or a name, \
         not a class: choose another column with --label, or write groups in place of the values, such as low and \
         high"
    );
    Err(DataError::malformed(file, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_with_zeros_after_its_point_is_the_class_without_them() {
        let labels = ["1.0", "0", "1", "2.0", "-3.00", "-3"].repeat(4).into_iter().map(str::to_owned);
        let labels: Vec<String> = labels.collect();
        let (names, classes) = number(&labels, "column 0", Path::new("t.csv")).expect("classes");
        assert_eq!(names, ["-3", "0", "1", "2.0"]);
        assert_eq!(classes[..6], [2, 1, 2, 3, 0, 0]);
        assert_eq!(["1.5", "1.", "x.0", ".0", "1"].map(whole), [None, Some("1"), None, None, None]);
    }

    fn texts(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|&label| label.to_owned()).collect()
    }

    /// Each label twice, so that they can be classes.
    fn numbered(labels: &[&str]) -> (Vec<String>, Vec<u16>) {
        let (names, mut found) =
            number(&texts(&[labels, labels].concat()), "column 1", Path::new("file")).unwrap();
        found.truncate(labels.len());
        (names, found)
    }

    #[test]
    fn different_numbers_are_sorted_as_numbers_and_keep_their_texts() {
        let (names, labels) = numbered(&["10.0", "9.0", "1.0", "-0.5"]);
        assert_eq!(names, ["-0.5", "1.0", "9.0", "10.0"]);
        assert_eq!(labels, [3, 2, 1, 0]);
    }

    #[test]
    fn texts_of_the_same_number_are_different_classes() {
        for (labels, expected) in [
            (["501", "00501"], ["00501", "501"]),
            (["1.10", "1.1"], ["1.1", "1.10"]),
            (["1e3", "1000"], ["1000", "1e3"]),
            (["1", "+1"], ["+1", "1"]),
            (["0", "-0"], ["-0", "0"]),
        ] {
            assert_eq!(numbered(&labels), (texts(&expected), vec![1, 0]), "{labels:?}");
        }
    }

    #[test]
    fn integers_beyond_the_exact_range_of_floats_stay_apart() {
        let (names, _) = numbered(&["9007199254740993", "9007199254740992"]);
        assert_eq!(names, ["9007199254740992", "9007199254740993"]);
    }

    #[test]
    fn one_text_label_makes_all_of_them_text() {
        let (names, labels) = numbered(&["10", "9", "b"]);
        assert_eq!(names, ["10", "9", "b"]);
        assert_eq!(labels, [0, 1, 2]);
    }

    #[test]
    fn more_classes_than_a_label_can_number_are_an_error() {
        let labels: Vec<String> = (0..65537 * 4).map(|label| format!("{}", label % 65537)).collect();
        let message = number(&labels, "column 1", Path::new("prices.csv")).unwrap_err().to_string();
        assert!(message.starts_with("prices.csv: 65537 classes; must be 2 to 65,536"), "{message}");
    }

    #[test]
    fn measurements_and_names_are_no_classes() {
        let few_fractions: Vec<String> = (0..1000).map(|i| format!("{}", f64::from(i % 21) / 4.0)).collect();
        let integers: Vec<String> = (0..442).map(|i| (i % 214).to_string()).collect();
        let names: Vec<String> = (0..30).map(|i| format!("id{i}")).collect();
        for (labels, found) in
            [(few_fractions, "21 different values with fractions"), (integers, "214"), (names, "30")]
        {
            let message = number(&labels, "column \"y\"", Path::new("t.csv")).unwrap_err().to_string();
            assert!(message.starts_with(&format!("t.csv: column \"y\" has {found}")), "{message}");
            assert!(message.contains("--label"), "{message}");
        }
    }

    #[test]
    fn many_classes_with_samples_enough_stay_classes() {
        let hundred: Vec<String> = (0..400).map(|i| (i % 100).to_string()).collect();
        let versions: Vec<String> = (0..60).map(|i| format!("{}.{}", i % 2, i % 10)).collect();
        let people: Vec<String> = (0..60).map(|i| format!("p{}", i % 30)).collect();
        for (labels, count) in [(hundred, 100), (versions, 10), (people, 30)] {
            assert_eq!(number(&labels, "column 1", Path::new("t.csv")).unwrap().0.len(), count);
        }
    }
}
