//! Finds the files of an IDX data set in a folder, by the names that people give them.
//!
//! In MNIST the training part is `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`; the test
//! part has `t10k` in place of `train`. Other sources put a point before `idx3`, a name before
//! `train`, or `test` in place of `t10k`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::idx::Pair;
use crate::data::DataError;

/// The usual beginnings of the four file names: training images, training labels, test images, test
/// labels. Their order numbers the roles.
const ROLES: [&str; 4] = ["train-images", "train-labels", "t10k-images", "t10k-labels"];

/// The names that a message lists.
const LOOKED_FOR: &str = "train-images-idx3-ubyte, train-labels-idx1-ubyte, and for a test part \
                          t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte; also with .idx3 or .idx in place of -idx3, \
                          test in place of t10k, a name before train, and .gz";

/// The most names of files that a message lists.
const LISTED: usize = 8;

/// The files of images and labels in `folder`: those of the training part, and those of the test
/// part if it is there. `None` if no file has such a name.
///
/// # Errors
/// Files of two data sets are there, or a part has only one of its two files.
pub(crate) fn pairs(folder: &Path) -> Result<Option<(Pair, Option<Pair>)>, DataError> {
    let mut sets: BTreeMap<String, BTreeMap<usize, PathBuf>> = BTreeMap::new();
    for path in files(folder)? {
        if let Some((set, role)) = role(&path) {
            // If a file is there both unpacked and packed, the packed one comes later and is taken.
            sets.entry(set).or_default().insert(role, path);
        }
    }
    let Some((set, mut found)) = sets.pop_first() else { return Ok(None) };
    if let Some((other, _)) = sets.pop_first() {
        let shown = [set, other].map(|set| format!("{set}train-images..."));
        let problem = format!("files of several data sets, {}: must be one per folder", shown.join(" and "));
        return Err(DataError::malformed(folder, problem));
    }
    let mut pair = |images: usize| match (found.remove(&images), found.remove(&(images + 1))) {
        (Some(images), Some(labels)) => Ok(Some(Pair { images, labels })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(missing(folder, &set, images + 1)),
        (None, Some(_)) => Err(missing(folder, &set, images)),
    };
    let (train, test) = (pair(0)?, pair(2)?);
    train.map(|train| Some((train, test))).ok_or_else(|| missing(folder, &set, 0))
}

/// A sentence on the names that were looked for in `folder` and those that are there.
pub(crate) fn looked_for(folder: &Path) -> String {
    let names: Vec<String> = files(folder).unwrap_or_default().iter().map(|path| name(path)).collect();
    let more = if names.len() > LISTED { ", ..." } else { "" };
    let listed = names[..names.len().min(LISTED)].join(", ");
    let there = if names.is_empty() { "no file".to_owned() } else { format!("{listed}{more}") };
    format!("looked for {LOOKED_FOR}; there: {there}")
}

fn missing(folder: &Path, set: &str, role: usize) -> DataError {
    DataError::malformed(folder, format!("no {set}{}: {}", ROLES[role], looked_for(folder)))
}

/// The files of a folder, sorted by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let read = |source| DataError::Read { file: folder.into(), source };
    let entries: Vec<_> = folder.read_dir().map_err(read)?.collect::<Result<_, _>>().map_err(read)?;
    let mut files: Vec<PathBuf> =
        entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Splits a file's name into the data set's name, which comes first, and the number of the file's
/// role in [`ROLES`]. `None` if it is not the name of an IDX file.
fn role(path: &Path) -> Option<(String, usize)> {
    let name = name(path).to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name).replace(['_', '.'], "-");
    if !(name.contains("-idx") || name.ends_with("-ubyte")) || name.starts_with('-') {
        return None;
    }
    let spelled = name.replace("test-", "t10k-");
    ROLES.iter().enumerate().find_map(|(number, role)| {
        let (set, rest) = spelled.split_once(role)?;
        let is_whole = (set.is_empty() || set.ends_with('-')) && rest.starts_with('-');
        is_whole.then(|| (set.to_owned(), number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        names.iter().for_each(|name| std::fs::write(folder.path().join(name), []).unwrap());
        folder
    }

    #[test]
    fn names_of_every_source_have_their_roles() {
        for (written, set, number) in [
            ("train-images-idx3-ubyte", "", 0),
            ("train-images.idx3-ubyte", "", 0),
            ("Train_Labels_idx1_ubyte.gz", "", 1),
            ("t10k-images-idx3-ubyte.idx", "", 2),
            ("test-labels.idx", "", 3),
            ("emnist-letters-test-labels-idx1-ubyte.gz", "emnist-letters-", 3),
            ("train-images-ubyte", "", 0),
        ] {
            assert_eq!(role(Path::new(written)), Some((set.to_owned(), number)), "{written}");
        }
        for other in
            ["train-images.png", "train.idx", "images-idx3-ubyte", ".train-images-idx3-ubyte", "README"]
        {
            assert_eq!(role(Path::new(other)), None, "{other}");
        }
    }

    #[test]
    fn the_parts_of_a_folder_are_found() {
        let only = folder(&["train-images.idx3-ubyte", "train-labels.idx1-ubyte", "README"]);
        let (train, test) = pairs(only.path()).unwrap().unwrap();
        assert!(train.labels.ends_with("train-labels.idx1-ubyte") && test.is_none());
        let names = ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte"];
        let both = folder(&[&names[..], &["test-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]].concat());
        let (train, test) = pairs(both.path()).unwrap().unwrap();
        assert!(train.images.ends_with("train-images-idx3-ubyte.gz"));
        assert!(test.unwrap().images.ends_with("test-images-idx3-ubyte"));
        assert!(pairs(folder(&["a.png"]).path()).unwrap().is_none());
    }

    #[test]
    fn what_is_missing_is_named_with_what_is_there() {
        let message = |names: &[&str]| pairs(folder(names).path()).map(|_| ()).unwrap_err().to_string();
        let train = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"];
        let text = message(&[&train[..], &["t10k-labels-idx1-ubyte"]].concat());
        assert!(text.contains("no t10k-images: looked for train-images-idx3-ubyte, "), "{text}");
        assert!(
            text.ends_with("there: t10k-labels-idx1-ubyte, train-images-idx3-ubyte, train-labels-idx1-ubyte")
        );
        assert!(message(&["train-labels-idx1-ubyte"]).contains("no train-images"));
        assert!(message(&["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]).contains("no train-images"));
        let two = ["emnist-digits-train-images-idx3-ubyte", "emnist-letters-train-images-idx3-ubyte"];
        assert!(
            message(&two).contains("several data sets, emnist-digits-train-images... and emnist-letters")
        );
    }
}
