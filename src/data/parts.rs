//! The parts of a data set (training, validation, test) as a reader returns them, and how they
//! become a [`Dataset`].

use std::path::Path;

use super::grouped::grouped;
use super::split::stratified;
use super::{DataError, Dataset, Reading, Samples, catalogue::checksum};
use crate::seed::Seed;

/// The share of a set without a test part that becomes its test part.
pub(super) const TEST_FRACTION: f64 = 0.2;

/// The parts of a data set, with levels as inputs. The test part is there only if the source has
/// one.
#[derive(Debug)]
pub(super) struct Parts {
    /// As [`Dataset::shape`].
    pub shape: [usize; 3],
    /// As [`Dataset::levels`].
    pub levels: u8,
    /// As [`Dataset::classes`].
    pub classes: Vec<String>,
    /// The training part.
    pub train: Samples,
    /// The validation part, if the source has one.
    pub validation: Option<Samples>,
    /// The test part.
    pub test: Option<Samples>,
    /// As [`Dataset::groups`].
    pub groups: Option<Vec<u32>>,
    /// As [`Dataset::reading`]; whether the test part is cut is decided here.
    pub reading: Reading,
}

impl Parts {
    /// The data set called `name`, read from `file`.
    pub fn into_dataset(self, name: &str, file: &Path) -> Result<Dataset, DataError> {
        if self.classes.len() < 2 || self.classes.len() > usize::from(u16::MAX) + 1 {
            return Err(DataError::Classes { file: file.into(), found: self.classes.len() });
        }
        let mut reading = self.reading;
        let (train, test) = match self.test {
            Some(test) => (self.train, test),
            None => {
                reading.is_test_cut = true;
                self.train.split(TEST_FRACTION, &test_seed())?
            }
        };
        let validation = self.validation.filter(|part| !part.is_empty());
        check_filled(&train, &test, file)?;
        reading.notes.extend(unlearnt(&train, &self.classes));
        let parts: Vec<&Samples> = [&train, &test].into_iter().chain(&validation).collect();
        let checksum = checksum::content(self.shape, self.levels, &parts);
        let (name, shape, levels, classes, groups) =
            (name.to_owned(), self.shape, self.levels, self.classes, self.groups);
        Ok(Dataset { name, train, validation, test, shape, levels, classes, checksum, reading, groups })
    }
}

/// A note on the classes that have no training sample; `None` if all have one.
fn unlearnt(train: &Samples, classes: &[String]) -> Option<String> {
    let mut has_sample = vec![false; classes.len()];
    train.labels.iter().for_each(|&label| has_sample[usize::from(label)] = true);
    let lacking: Vec<&str> =
        classes.iter().zip(has_sample).filter(|(_, has)| !has).map(|(class, _)| class.as_str()).collect();
    match lacking[..] {
        [] => None,
        [class] => Some(format!("class {class} has no training sample")),
        _ => Some(format!("{} classes have no training sample, such as {}", lacking.len(), lacking[0])),
    }
}

fn check_filled(train: &Samples, test: &Samples, file: &Path) -> Result<(), DataError> {
    let counts = [train.len(), test.len(), train.inputs.ncols()];
    if counts.iter().all(|&count| count > 0) {
        return Ok(());
    }
    let [train, test, inputs] = counts;
    let problem =
        format!("{train} training and {test} test samples of {inputs} inputs: each must be at least 1");
    Err(DataError::malformed(file, problem))
}

/// Cuts a test part: the indices of the samples that stay in the training part, and of those that
/// become the test part.
pub(super) fn cut_test_part(labels: &[u16]) -> Result<(Vec<usize>, Vec<usize>), DataError> {
    stratified(labels, TEST_FRACTION, &test_seed())
}

/// As [`cut_test_part`], with all samples of a group on one side.
pub(super) fn cut_test_groups(labels: &[u16], groups: &[u32]) -> Result<(Vec<usize>, Vec<usize>), DataError> {
    grouped(labels, groups, TEST_FRACTION, &test_seed())
}

/// The seed of the test part: fixed, so that it is the same in every run and for every seed of a
/// study.
fn test_seed() -> Seed {
    Seed::root(0).child("test part")
}

/// Numbers as names for `count` classes that have none.
#[cfg(test)]
pub(super) fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|class| class.to_string()).collect()
}

/// Checks that all labels are below the number of `classes`.
pub(super) fn check_labels(labels: &[u16], classes: usize, file: &Path) -> Result<(), DataError> {
    match labels.iter().position(|&label| usize::from(label) >= classes) {
        Some(index) => Err(DataError::Label { file: file.into(), index, value: labels[index], classes }),
        None => Ok(()),
    }
}
