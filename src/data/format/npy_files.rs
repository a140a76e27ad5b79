//! Data sets of NPY files: a folder of them, or a file of images and one of labels.

use std::path::{Path, PathBuf};

use super::npz::{labels_of, read_files};
use crate::data::parts::Parts;
use crate::data::{Channels, DataError, OpenOptions};

/// Reads the arrays of a folder, named by their files; nothing if it has none.
///
/// # Errors
/// The names tell too little, or an array cannot be read.
pub(crate) fn read_folder(folder: &Path, channels: Channels) -> Result<Option<Parts>, DataError> {
    let read = |source| DataError::Read { file: folder.into(), source };
    let entries: Vec<_> = folder.read_dir().map_err(read)?.collect::<Result<_, _>>().map_err(read)?;
    let named = |path: PathBuf| Some((name(&path)?, path));
    let mut files: Vec<(String, PathBuf)> =
        entries.into_iter().filter_map(|entry| named(entry.path())).collect();
    files.sort();
    if files.is_empty() {
        return Ok(None);
    }
    read_files(folder, files, channels).map(Some)
}

/// Whether a folder has files of NumPy.
pub(crate) fn has_any(folder: &Path) -> bool {
    folder.read_dir().is_ok_and(|entries| entries.flatten().any(|entry| name(&entry.path()).is_some()))
}

/// Reads the images in `file` and their labels. The labels are in the file that `options` name, or else
/// in the file beside it that belongs to its name, such as `y_train.npy` to `x_train.npy`.
///
/// # Errors
/// There are no labels, or an array cannot be read.
pub(crate) fn read_pair(file: &Path, options: &OpenOptions) -> Result<Parts, DataError> {
    let beside = || {
        let name = name(file)?;
        labels_of(&name)
            .map(|labels| file.with_file_name(format!("{labels}.npy")))
            .find(|path| path.is_file())
    };
    let labels = options.labels.clone().or_else(beside).ok_or_else(|| {
        DataError::malformed(file, "an array without labels: name their file with --labels")
    })?;
    let files = vec![("x".to_owned(), file.to_owned()), ("y".to_owned(), labels)];
    read_files(file, files, options.channels)
}

/// The name of the array in a file; nothing if it is no NPY file.
fn name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let (stem, ending) = name.rsplit_once('.')?;
    (ending.eq_ignore_ascii_case("npy") && !stem.is_empty() && path.is_file()).then(|| stem.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use npyz::{AutoSerialize, WriteOptions, WriterBuilder};
    use std::fs::File;

    fn write<T: AutoSerialize>(folder: &Path, name: &str, dims: &[u64], values: Vec<T>) -> PathBuf {
        let path = folder.join(name);
        let file = File::create(&path).unwrap();
        let mut array = WriteOptions::<T>::new().default_dtype().shape(dims).writer(file).begin_nd().unwrap();
        array.extend(values).unwrap();
        array.finish().unwrap();
        path
    }

    #[test]
    fn images_and_labels_are_two_files() {
        let folder = tempfile::tempdir().unwrap();
        let images = write(folder.path(), "a.npy", &[2, 1, 2], vec![0u8, 7, 255, 16]);
        let labels = write(folder.path(), "b.npy", &[2], vec![1i64, 0]);
        let message = read_pair(&images, &OpenOptions::default()).unwrap_err().to_string();
        assert!(
            message.ends_with("a.npy: an array without labels: name their file with --labels"),
            "{message}"
        );
        let options = OpenOptions { labels: Some(labels), ..OpenOptions::default() };
        let parts = read_pair(&images, &options).unwrap();
        assert_eq!((parts.shape, parts.train.labels), ([1, 2, 1], vec![1, 0]));
        assert_eq!(parts.train.inputs, ndarray::array![[0, 7], [255, 16]]);
        write(folder.path(), "y_train.npy", &[2], vec![0u8, 1]);
        let images = write(folder.path(), "X_train.npy", &[2, 3], vec![5u8; 6]);
        assert_eq!(read_pair(&images, &OpenOptions::default()).unwrap().train.labels, [0, 1]);
    }

    #[test]
    fn a_folder_of_arrays_is_read_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_folder(folder.path(), Channels::Detect).unwrap().is_none());
        for part in ["train", "val", "test"] {
            write(folder.path(), &format!("{part}_images.npy"), &[2, 1, 2], vec![0u8, 7, 255, 16]);
            write(folder.path(), &format!("{part}_labels.npy"), &[2, 1], vec![1u8, 0]);
        }
        let parts = read_folder(folder.path(), Channels::Detect).unwrap().unwrap();
        assert!(
            [Some(parts.train), parts.validation, parts.test]
                .into_iter()
                .flatten()
                .all(|part| part.len() == 2)
        );
        std::fs::write(folder.path().join("train_labels.npy"), b"no array").unwrap();
        let message = read_folder(folder.path(), Channels::Detect).unwrap_err().to_string();
        assert!(message.contains("train_labels.npy: "), "{message}");
    }
}
