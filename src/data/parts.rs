//! What a reader returns, and the last steps that turn it into a data set.

use std::path::Path;

use super::split::stratified;
use super::{DataError, Dataset, Samples, catalogue::checksum};
use crate::seed::Seed;

/// The share of a set without a test part that becomes one.
pub(super) const TEST_FRACTION: f64 = 0.2;

/// What a reader returns: levels, and a test part if the source has one.
#[derive(Debug)]
pub(super) struct Parts {
    pub shape: [usize; 3],
    pub levels: u8,
    pub classes: Vec<String>,
    pub train: Samples,
    pub test: Option<Samples>,
}

impl Parts {
    /// The data set called `name`, read from `file`.
    pub fn into_dataset(self, name: &str, file: &Path) -> Result<Dataset, DataError> {
        if self.classes.len() < 2 || self.classes.len() > usize::from(u16::MAX) + 1 {
            return Err(DataError::Classes { file: file.into(), found: self.classes.len() });
        }
        let (train, test) = match self.test {
            Some(test) => (self.train, test),
            None => self.train.split(TEST_FRACTION, &test_seed())?,
        };
        check_filled(&train, &test, file)?;
        let checksum = checksum::content(self.shape, self.levels, &[&train, &test]);
        let (shape, levels, classes) = (self.shape, self.levels, self.classes);
        Ok(Dataset { name: name.to_owned(), train, test, shape, levels, classes, checksum })
    }
}

fn check_filled(train: &Samples, test: &Samples, file: &Path) -> Result<(), DataError> {
    let counts = [train.len(), test.len(), train.inputs.ncols()];
    if counts.iter().all(|&count| count > 0) {
        return Ok(());
    }
    let [train, test, inputs] = counts;
    let problem =
        format!("{train} training and {test} test samples of {inputs} inputs; must have some of each");
    Err(DataError::malformed(file, problem))
}

/// Samples that stay, and samples that become the test part of a set that has none.
pub(super) fn cut_test_part(labels: &[u16]) -> Result<(Vec<usize>, Vec<usize>), DataError> {
    stratified(labels, TEST_FRACTION, &test_seed())
}

/// Fixed, so that the test part is the same for everybody and whatever seed a study has.
fn test_seed() -> Seed {
    Seed::root(0).child("test part")
}

/// The names of `count` classes that have none.
pub(super) fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|class| class.to_string()).collect()
}

/// An error for the first label that is none of `classes`.
pub(super) fn check_labels(labels: &[u16], classes: usize, file: &Path) -> Result<(), DataError> {
    match labels.iter().position(|&label| usize::from(label) >= classes) {
        Some(index) => Err(DataError::Label { file: file.into(), index, value: labels[index], classes }),
        None => Ok(()),
    }
}
