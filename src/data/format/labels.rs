//! Labels in arrays, as texts. The array holds numbers, texts, or one column per class (one-hot).

use std::path::Path;

use super::npy::{Array, Values};
use crate::data::DataError;

/// The labels of `count` samples, as texts. `name` is the name of `array` in error texts.
///
/// The array has one value per sample; or it has one row per sample with a single 1, in the column
/// of the sample's class (one-hot).
///
/// # Errors
/// The array has another number of labels, a label is missing or not finite, or a row is not
/// one-hot.
pub(crate) fn texts(array: Array, count: usize, name: &str, file: &Path) -> Result<Vec<String>, DataError> {
    let wrong = |problem: String| DataError::malformed(file, format!("{name}: {problem}"));
    match array.dims[..] {
        [found] | [found, 1] if found == count => each(array.values).map_err(wrong),
        [found, classes] if found == count && classes > 1 => one_hot(array.values, classes).map_err(wrong),
        _ => Err(wrong(format!("dimensions {:?}; must be [{count}], one label per sample", array.dims))),
    }
}

fn each(values: Values) -> Result<Vec<String>, String> {
    match values {
        Values::Bytes(bytes) => Ok(bytes.iter().map(u8::to_string).collect()),
        Values::Reals(reals) => reals.into_iter().enumerate().map(real).collect(),
        Values::Texts(texts) => texts.into_iter().enumerate().map(text).collect(),
    }
}

/// The text of a number. Adding zero makes a negative zero positive.
fn real((sample, value): (usize, f64)) -> Result<String, String> {
    let wrong = || format!("{value} for sample {sample}: must be finite");
    value.is_finite().then(|| (value + 0.0).to_string()).ok_or_else(wrong)
}

fn text((sample, text): (usize, String)) -> Result<String, String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(format!("empty for sample {sample}: must name a class"));
    }
    Ok(trimmed.to_owned())
}

/// The number of the column of the only 1 of each row.
fn one_hot(values: Values, classes: usize) -> Result<Vec<String>, String> {
    let numbers: Vec<f64> = match values {
        Values::Bytes(bytes) => bytes.into_iter().map(f64::from).collect(),
        Values::Reals(reals) => reals,
        Values::Texts(_) => return Err("a row of texts per sample; must be one label per sample".into()),
    };
    let class_of = |(sample, row): (usize, &[f64])| {
        let is_binary = row.iter().all(|&value| value == 0.0 || value == 1.0);
        let class = row.iter().position(|&value| value == 1.0);
        match class {
            Some(class) if is_binary && row.iter().sum::<f64>() == 1.0 => Ok(class.to_string()),
            _ => Err(format!(
                "{classes} values for sample {sample}; must be one label per sample, or a single 1 among zeros"
            )),
        }
    };
    numbers.chunks_exact(classes).enumerate().map(class_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dims: &[usize], values: Values) -> Result<Vec<String>, String> {
        let array = Array { dims: dims.to_vec(), values };
        texts(array, 2, "array y", Path::new("f")).map_err(|error| error.to_string())
    }

    #[test]
    fn labels_of_every_kind_are_texts() {
        assert_eq!(read(&[2], Values::Bytes(vec![7, 0])).unwrap(), ["7", "0"]);
        assert_eq!(read(&[2, 1], Values::Reals(vec![1.0, -0.0])).unwrap(), ["1", "0"]);
        assert_eq!(read(&[2], Values::Texts(vec![" cat ".into(), "dog".into()])).unwrap(), ["cat", "dog"]);
        assert_eq!(read(&[2, 3], Values::Reals(vec![0., 0., 1., 1., 0., 0.])).unwrap(), ["2", "0"]);
        assert_eq!(read(&[2, 2], Values::Bytes(vec![0, 1, 1, 0])).unwrap(), ["1", "0"]);
    }

    #[test]
    fn what_is_no_label_is_an_error() {
        let message = |dims: &[usize], values| read(dims, values).unwrap_err();
        for row in [[0.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.2, 0.3, 0.5], [2.0, -1.0, 0.0]] {
            let values = Values::Reals([[1.0, 0.0, 0.0], row].concat());
            assert!(message(&[2, 3], values).contains("array y: 3 values for sample 1; must be one label"));
        }
        assert!(message(&[2], Values::Texts(vec!["a".into(), " ".into()])).contains("empty for sample 1"));
        assert!(
            message(&[2], Values::Reals(vec![0.0, f64::NAN])).contains("NaN for sample 1: must be finite")
        );
        assert!(message(&[3], Values::Bytes(vec![0; 3])).contains("dimensions [3]; must be [2]"));
        assert!(message(&[2, 2, 1], Values::Bytes(vec![0; 4])).contains("must be [2]"));
        assert!(message(&[2, 2], Values::Texts(vec!["a".into(); 4])).contains("a row of texts"));
    }
}
