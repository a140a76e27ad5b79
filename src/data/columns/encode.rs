//! Values of columns become features, by what the training part has taught.

use ndarray::{Array2, ArrayViewMut2, s};

use super::raw::Values;
use super::schema::{ColumnKind, Missing};
use crate::data::error::counted;

/// The most values of a column of texts.
const MOST_VALUES: usize = 32;

/// What a column of these `values` is, learnt from the samples `train` alone.
///
/// # Errors
/// The column has no value there, or too many texts. The text goes on after the column's name.
pub(crate) fn learn(values: &Values, train: &[usize], missing: Missing) -> Result<ColumnKind, String> {
    match values {
        Values::Numbers { numbers, thousands } => {
            let mut known: Vec<f64> = train.iter().map(|&sample| numbers[sample]).collect();
            known.retain(|number| !number.is_nan());
            let is_missing = known.len() < train.len();
            let median =
                median(known).ok_or("has no value in the training part: leave it out with --drop")?;
            let indicator = is_missing && missing == Missing::Impute;
            Ok(ColumnKind::Number { median, indicator, thousands: *thousands })
        }
        Values::Texts(texts) => {
            let mut is_used = vec![false; texts.texts.len()];
            let codes = || train.iter().map(|&sample| texts.codes[sample]);
            codes().flatten().for_each(|code| is_used[code as usize] = true);
            let used = texts.texts.iter().zip(is_used).filter(|(_, is_used)| *is_used);
            let mut values: Vec<String> = used.map(|(text, _)| text.clone()).collect();
            values.sort_unstable();
            match values.len() {
                0 => Err("has no value in the training part: leave it out with --drop".to_owned()),
                count if count > MOST_VALUES => Err(format!(
                    "has {count} different texts, such as \"{}\"; at most {MOST_VALUES} can be categories: leave it \
                     out with --drop, or write groups in their place",
                    values[0].chars().take(40).collect::<String>().escape_debug()
                )),
                _ => Ok(ColumnKind::Category { values, missing: codes().any(|code| code.is_none()) }),
            }
        }
    }
}

/// The median; the mean of the two in the middle if their number is even. `None` if there is none.
fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_unstable_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    let upper = *numbers.get(middle)?;
    Some(if numbers.len() % 2 == 1 { upper } else { numbers[middle - 1] / 2.0 + upper / 2.0 })
}

/// A feature column: its name for people, what it is, and its values.
pub(crate) struct Feature<'a> {
    /// The name in quotes, or the number.
    pub name: String,
    /// What it is.
    pub kind: &'a ColumnKind,
    /// A value per sample.
    pub values: &'a Values,
}

/// The features (N, I) of the `samples`, and sentences on values that were unknown in the training part.
pub(crate) fn features(columns: &[Feature<'_>], samples: &[usize]) -> (Array2<f64>, Vec<String>) {
    let inputs = columns.iter().map(|column| column.kind.inputs()).sum();
    let mut features = Array2::zeros((samples.len(), inputs));
    let (mut notes, mut at) = (Vec::new(), 0);
    for column in columns {
        let end = at + column.kind.inputs();
        let unknown = column.fill(samples, features.slice_mut(s![.., at..end]));
        notes.extend(unknown.map(|text| format!("column {}: {text}", column.name)));
        at = end;
    }
    (features, notes)
}

impl Feature<'_> {
    /// Writes the inputs of the column, which are 0 before; returns what was unknown.
    fn fill(&self, samples: &[usize], inputs: ArrayViewMut2<'_, f64>) -> Option<String> {
        match (self.kind, self.values) {
            (ColumnKind::Number { median, indicator, .. }, Values::Numbers { numbers, .. }) => {
                let numbers = samples.iter().map(|&sample| numbers[sample]);
                fill_numbers(numbers, *median, *indicator, inputs)
            }
            (ColumnKind::Category { values, missing }, Values::Texts(texts)) => {
                let place_of_missing = missing.then_some(values.len());
                let places = texts.places(values);
                let place = |code: Option<u32>| code.map_or(place_of_missing, |code| places[code as usize]);
                fill_texts(samples.iter().map(|&sample| place(texts.codes[sample])), inputs)
            }
            _ => unreachable!("values are read as the kind of their column says"),
        }
    }
}

fn fill_numbers(
    numbers: impl Iterator<Item = f64>,
    median: f64,
    indicator: bool,
    mut inputs: ArrayViewMut2<'_, f64>,
) -> Option<String> {
    let mut missing = 0;
    for (row, number) in numbers.enumerate() {
        inputs[(row, 0)] = if number.is_nan() { median } else { number };
        if number.is_nan() && indicator {
            inputs[(row, 1)] = 1.0;
        }
        missing += usize::from(number.is_nan());
    }
    (missing > 0 && !indicator).then(|| {
        let cells = counted(missing, "missing cell", "missing cells");
        format!("the median stands for {cells}, of which the training part has none")
    })
}

/// Sets the input at the place of each sample's text.
fn fill_texts(
    places: impl Iterator<Item = Option<usize>>,
    mut inputs: ArrayViewMut2<'_, f64>,
) -> Option<String> {
    let mut unknown = 0;
    for (row, place) in places.enumerate() {
        match place {
            Some(place) => inputs[(row, place)] = 1.0,
            None => unknown += 1,
        }
    }
    (unknown > 0).then(|| {
        let cells = counted(unknown, "cell has", "cells have");
        format!("{cells} a value that no training sample has: inputs of such a cell are 0")
    })
}

#[cfg(test)]
mod tests {
    use super::super::raw::Texts;
    use super::*;
    use ndarray::array;

    fn numbers(numbers: &[f64]) -> Values {
        Values::Numbers { numbers: numbers.to_vec(), thousands: None }
    }

    fn texts(cells: &[&str]) -> Values {
        let mut texts = Texts::default();
        cells.iter().for_each(|cell| texts.push(cell, 1));
        Values::Texts(texts)
    }

    fn encoded(values: Values, train: &[usize]) -> (Array2<f64>, Vec<String>) {
        let kind = learn(&values, train, Missing::Impute).unwrap();
        let all: Vec<usize> = (0..values.len()).collect();
        features(&[Feature { name: "\"c\"".into(), kind: &kind, values: &values }], &all)
    }

    #[test]
    fn the_median_of_the_training_part_stands_for_missing_numbers() {
        let (features, notes) = encoded(numbers(&[1.0, f64::NAN, 5.0, 4.0, 900.0, f64::NAN]), &[0, 1, 2, 3]);
        assert_eq!(features, array![[1., 0.], [4., 1.], [5., 0.], [4., 0.], [900., 0.], [4., 1.]]);
        assert!(notes.is_empty());
        let (features, notes) = encoded(numbers(&[1.0, 2.0, f64::NAN]), &[0, 1]);
        assert_eq!(features, array![[1.0], [2.0], [1.5]]);
        assert!(notes[0].starts_with("column \"c\": the median stands for 1 missing cell,"), "{notes:?}");
    }

    #[test]
    fn texts_become_one_input_per_value_of_the_training_part() {
        let (features, notes) = encoded(texts(&["b", "a", "?", "c"]), &[0, 1, 2]);
        assert_eq!(features, array![[0., 1., 0.], [1., 0., 0.], [0., 0., 1.], [0., 0., 0.]]);
        assert_eq!(
            notes,
            ["column \"c\": 1 cell has a value that no training sample has: inputs of such a cell are 0"]
        );
    }

    #[test]
    fn too_many_values_and_none_are_errors() {
        let many: Vec<String> = (0..33).map(|value| format!("v{value}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let all: Vec<usize> = (0..33).collect();
        let problem = learn(&texts(&many), &all, Missing::Refuse).unwrap_err();
        assert!(problem.starts_with("has 33 different texts, such as \"v0\"; at most 32"), "{problem}");
        assert!(learn(&texts(&many), &all[1..], Missing::Refuse).is_ok());
        assert!(learn(&numbers(&[1.0, f64::NAN]), &[1], Missing::Impute).unwrap_err().contains("no value"));
    }

    #[test]
    fn the_median_of_an_even_number_is_between() {
        assert_eq!(median(vec![3.0, 1.0, 10.0, 2.0]), Some(2.5));
        assert_eq!((median(vec![7.0]), median(Vec::new())), (Some(7.0), None));
    }
}
