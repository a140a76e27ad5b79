//! Built-in data sets, which need neither a file nor the network.

use std::path::Path;

use linfa::Dataset as LinfaDataset;
use ndarray::{Array2, Ix1};

use super::format::table::{About, Reals, Scale, Table};
use super::format::{csv, stream};
use super::parts::Parts;
use super::{DataError, InputScaling, Reading, Samples, Scaling, classes};

/// The file of the digits; `datasets/README.md` states its source and licence.
const DIGITS: &[u8] = include_bytes!("../../datasets/digits.csv.gz");

/// The largest input of a digit. Each input is the number of black pixels in a block of 4x4 pixels.
const DIGIT_LEVELS: u8 = 16;

/// 1,797 digits of 8x8 blocks with 0 to 16 black pixels each (Alpaydin, Kaynak 1998).
pub(super) fn digits() -> Result<Parts, DataError> {
    let file = Path::new("built-in digits");
    let text = stream::unpacked(DIGITS).map_err(|error| stream::read_error(file, error))?;
    let table = csv::read_whole(text, file)?;
    let inputs = table.train.features.mapv(|blocks| blocks as u8);
    let train = Samples { inputs, labels: table.train.labels };
    let reading = Reading {
        label: None,
        header: None,
        range: [0.0, f64::from(DIGIT_LEVELS)],
        scaling: Scaling::Divided { maximum: DIGIT_LEVELS },
        inputs: InputScaling::Levels,
        columns: None,
        is_test_cut: true,
        notes: Vec::new(),
        identifiers: Vec::new(),
        schema: None,
    };
    let (shape, levels, classes) = ([8, 8, 1], DIGIT_LEVELS, table.classes);
    Ok(Parts { shape, levels, classes, train, validation: None, test: None, reading, groups: None })
}

/// 150 irises of three species with four lengths (Fisher 1936).
pub(super) fn iris() -> Result<Parts, DataError> {
    let species = ["setosa", "versicolor", "virginica"].map(str::to_owned).to_vec();
    Table { classes: species, ..table(linfa_datasets::iris())? }.into_parts()
}

/// 1,599 red wines of quality 3 to 8 with eleven chemical properties (Cortez et al. 2009).
pub(super) fn winequality() -> Result<Parts, DataError> {
    table(linfa_datasets::winequality())?.into_parts()
}

fn table(set: LinfaDataset<f64, usize, Ix1>) -> Result<Table, DataError> {
    let features: Array2<f64> = set.records;
    let labels: Vec<String> = set.targets.iter().map(usize::to_string).collect();
    let (classes, labels) = classes::number(&labels, "the target", Path::new("built-in table"))?;
    let (shape, train) = ([1, 1, features.ncols()], Reals { features, labels });
    let (scale, validation, test, is_test_cut) = (Scale::PerColumn, None, None, false);
    Ok(Table { shape, scale, classes, train, validation, test, is_test_cut, about: About::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(labels: &[u16], classes: usize) -> Vec<usize> {
        (0..classes)
            .map(|class| labels.iter().filter(|&&label| usize::from(label) == class).count())
            .collect()
    }

    #[test]
    fn the_digits_are_those_of_the_original_file() {
        let digits = digits().unwrap();
        assert_eq!(digits.train.inputs.dim(), (1797, 64));
        assert_eq!(counts(&digits.train.labels, 10), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        assert_eq!(digits.train.inputs.iter().max(), Some(&16));
        // The first line of the file.
        assert_eq!(digits.train.inputs.row(0).as_slice().unwrap()[..8], [0, 0, 5, 13, 9, 1, 0, 0]);
        assert_eq!(digits.train.labels[..5], [0, 1, 2, 3, 4]);
        assert_eq!(digits.classes.len(), 10);
    }

    #[test]
    fn iris_is_balanced_in_both_parts() {
        let iris = iris().unwrap();
        assert_eq!(counts(&iris.train.labels, 3), [40, 40, 40]);
        assert_eq!(counts(&iris.test.unwrap().labels, 3), [10, 10, 10]);
        assert_eq!(iris.classes, ["setosa", "versicolor", "virginica"]);
    }

    #[test]
    fn winequality_has_the_published_counts() {
        let wines = winequality().unwrap();
        assert_eq!(wines.classes, ["3", "4", "5", "6", "7", "8"]);
        let all = [wines.train.labels, wines.test.unwrap().labels].concat();
        assert_eq!(counts(&all, 6), [10, 53, 681, 638, 199, 18]);
        assert_eq!(wines.shape, [1, 1, 11]);
    }
}
