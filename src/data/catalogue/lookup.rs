//! Data sets of the catalogue, found by their names.

use super::entries::ENTRIES;
use super::entry::Entry;
use crate::data::DataError;
use crate::input::nearest;

/// All entries of the catalogue.
pub fn catalogue() -> &'static [Entry] {
    ENTRIES
}

/// The entry called `name`.
///
/// # Errors
/// No entry has this name. The error lists all names and suggests the nearest.
pub fn find(name: &str) -> Result<&'static Entry, DataError> {
    ENTRIES.iter().find(|entry| entry.name == name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> DataError {
    let names = || ENTRIES.iter().map(|entry| entry.name);
    let hint = nearest(name, names()).map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
    DataError::Unknown { name: name.to_owned(), known: names().collect::<Vec<_>>().join(", "), hint }
}

/// Whether `sum` is the SHA-256 of a file of another data set than `entry`. Several data sets use
/// the same file names, so a file may belong to another one.
pub(crate) fn belongs_to_another(sum: &str, entry: &Entry) -> bool {
    let others = ENTRIES.iter().filter(|other| other.name != entry.name);
    others.flat_map(Entry::files).any(|file| file.sha256 == sum || file.unpacked_sha256 == Some(sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_answered_with_the_nearest_name_and_the_list() {
        let message = find("minst").unwrap_err().to_string();
        assert_eq!(
            message,
            "unknown data set \"minst\": must be a file or one of digits, iris, winequality, yinyang, mnist, \
             fashion-mnist, kmnist, cifar10, cifar100; did you mean \"mnist\"?"
        );
        assert!(find("imagenet").unwrap_err().to_string().ends_with("cifar100"));
    }

    #[test]
    fn entries_are_well_formed() {
        for entry in catalogue() {
            let mut names = entry.class_names();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), entry.classes.len(), "{}", entry.name);
            for file in entry.files() {
                let sums = [Some(file.sha256), file.unpacked_sha256];
                for sum in sums.into_iter().flatten() {
                    assert!(sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit()), "{sum}");
                }
                assert!(!belongs_to_another(file.sha256, entry));
            }
        }
    }
}
