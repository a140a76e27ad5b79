//! Reads NPZ, NumPy's archive of named arrays.
//!
//! The arrays of features and labels are found by the pairs of names in `TRAIN`, `VALIDATION` and
//! `TEST`. Only the training part must be there. The first dimension of an array counts samples.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use npyz::NpyFile;
use zip::ZipArchive;
use zip::result::ZipError;

use super::arrays::{ArrayPart, ArraySet, Named};
use super::labels;
use super::npy::{Array, ArrayError, read_array};
use super::stream::read_error;
use crate::data::parts::Parts;
use crate::data::{Channels, DataError};

/// Names of features and labels of the training part; they also match in other cases of letters.
const TRAIN: [(&str, &str); 12] = [
    ("x_train", "y_train"),
    ("train_x", "train_y"),
    ("train_images", "train_labels"),
    ("train_data", "train_labels"),
    ("x", "y"),
    ("data", "target"),
    ("data", "labels"),
    ("images", "labels"),
    ("features", "labels"),
    ("features", "targets"),
    ("inputs", "targets"),
    UNNAMED,
];

/// Names in the validation part.
const VALIDATION: [(&str, &str); 6] = [
    ("x_val", "y_val"),
    ("x_valid", "y_valid"),
    ("x_validation", "y_validation"),
    ("val_x", "val_y"),
    ("val_images", "val_labels"),
    ("val_data", "val_labels"),
];

/// Names in the test part.
const TEST: [(&str, &str); 4] = [
    ("x_test", "y_test"),
    ("test_x", "test_y"),
    ("test_images", "test_labels"),
    ("test_data", "test_labels"),
];

/// The names that NumPy gives to arrays without names.
const UNNAMED: (&str, &str) = ("arr_0", "arr_1");

struct Archive<'a> {
    file: &'a Path,
    arrays: Arrays,
}

/// Where arrays are.
enum Arrays {
    Zip(ZipArchive<BufReader<File>>),
    /// Files with the names of their arrays.
    Files(Vec<(String, PathBuf)>),
}

/// Reads a data set of an archive.
pub(crate) fn read(file: &Path, channels: Channels) -> Result<Parts, DataError> {
    read_arrays(file)?.into_parts(channels)
}

/// Reads the arrays of a data set of an archive.
pub(crate) fn read_arrays(file: &Path) -> Result<ArraySet<'_>, DataError> {
    Archive::open(file)?.arrays()
}

/// Reads a data set of the NPY `files`, with the names of their arrays; `file` is what errors name.
pub(crate) fn read_files(
    file: &Path,
    files: Vec<(String, PathBuf)>,
    channels: Channels,
) -> Result<Parts, DataError> {
    Archive { file, arrays: Arrays::Files(files) }.arrays()?.into_parts(channels)
}

/// The names of the arrays of features, in any part.
pub(crate) fn is_features(name: &str) -> bool {
    let pairs = TRAIN.iter().chain(&VALIDATION).chain(&TEST);
    pairs.map(|(x, _)| x).any(|x| x.eq_ignore_ascii_case(name))
}

/// The name of the labels that belong to the training features called `name`.
pub(crate) fn labels_of(name: &str) -> impl Iterator<Item = &'static str> {
    TRAIN.iter().filter(move |(x, _)| x.eq_ignore_ascii_case(name)).map(|(_, y)| *y)
}

impl<'a> Archive<'a> {
    /// The arrays of all parts.
    fn arrays(mut self) -> Result<ArraySet<'a>, DataError> {
        let file = self.file;
        let Some((x, y)) = self.find(&TRAIN)? else { return Err(self.no_train_part()) };
        let label = format!("array {y}");
        let train = self.part(&x, &y)?;
        let mut other = |names| match self.find(names)? {
            Some((x, y)) => self.part(&x, &y).map(Some),
            None => Ok(None),
        };
        let (validation, test) = (other(&VALIDATION)?, other(&TEST)?);
        Ok(ArraySet { file, train, validation, test, classes: None, label })
    }

    fn open(file: &'a Path) -> Result<Self, DataError> {
        let reader = File::open(file).map_err(|error| read_error(file, error))?;
        let arrays =
            ZipArchive::new(BufReader::new(reader)).map_err(|error| read_error(file, error.into()))?;
        Ok(Self { file, arrays: Arrays::Zip(arrays) })
    }

    /// The sorted names of the arrays: those of the files in the archive that end in `.npy`, without
    /// that ending.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = match &self.arrays {
            Arrays::Zip(arrays) => {
                let files = arrays.file_names();
                files.filter_map(|name| Some(name.ok()?.strip_suffix(".npy")?.to_owned())).collect()
            }
            Arrays::Files(files) => files.iter().map(|(name, _)| name.clone()).collect(),
        };
        names.sort_unstable();
        names
    }

    /// The array called `name`, in any case of letters.
    fn named(&self, name: &str) -> Result<Option<String>, DataError> {
        let found: Vec<String> =
            self.names().into_iter().filter(|found| found.eq_ignore_ascii_case(name)).collect();
        match &found[..] {
            [] => Ok(None),
            [name] => Ok(Some(name.clone())),
            [..] => {
                let problem = format!("arrays {}: must not differ by capital letters only", found.join(", "));
                Err(DataError::malformed(self.file, problem))
            }
        }
    }

    /// The arrays of the first of `pairs` that is there.
    fn find(&self, pairs: &[(&str, &str)]) -> Result<Option<(String, String)>, DataError> {
        let mut half = None;
        for &(x, y) in pairs {
            match (self.named(x)?, self.named(y)?) {
                (Some(found_x), Some(found_y)) => {
                    self.check_unnamed((x, y))?;
                    return Ok(Some((found_x, found_y)));
                }
                (Some(there), None) => half = half.or(Some((there, y))),
                (None, Some(there)) => half = half.or(Some((there, x))),
                (None, None) => {}
            }
        }
        let Some((there, missing)) = half else { return Ok(None) };
        let found = self.names().join(", ");
        let problem = format!("array {there} without {missing}: the arrays are {found}");
        Err(DataError::malformed(self.file, problem))
    }

    /// Refuses more than two arrays without names: nothing tells which part they belong to.
    fn check_unnamed(&self, pair: (&str, &str)) -> Result<(), DataError> {
        let names = self.names();
        if pair != UNNAMED || names.len() == 2 {
            return Ok(());
        }
        let problem = format!(
            "arrays {}: nothing tells which is which: name them x_train, y_train, x_test, y_test",
            names.join(", ")
        );
        Err(DataError::malformed(self.file, problem))
    }

    fn no_train_part(&self) -> DataError {
        let wanted: Vec<String> = TRAIN.iter().map(|(x, y)| format!("{x} and {y}")).collect();
        let found = self.names().join(", ");
        DataError::malformed(self.file, format!("arrays {found}: must have {}", wanted.join(", or ")))
    }

    fn part(&mut self, x_name: &str, y_name: &str) -> Result<ArrayPart, DataError> {
        let x = Named { name: format!("array {x_name}"), array: self.array(x_name)? };
        let Some(&count) = x.array.dims.first() else {
            return Err(DataError::malformed(
                self.file,
                format!("{}: a single number; must be samples", x.name),
            ));
        };
        let labels = labels::texts(self.array(y_name)?, count, &format!("array {y_name}"), self.file)?;
        Ok(ArrayPart { x, labels })
    }

    fn array(&mut self, name: &str) -> Result<Array, DataError> {
        let file = self.file;
        let unknown = || DataError::malformed(file, format!("no array {name}"));
        match &mut self.arrays {
            Arrays::Zip(arrays) => {
                let packed = arrays.by_name(&format!("{name}.npy")).map_err(|error| match error {
                    ZipError::FileNotFound => unknown(),
                    error => read_error(file, error.into()),
                })?;
                array(packed, name, file)
            }
            Arrays::Files(files) => {
                let (_, path) = files.iter().find(|(known, _)| known == name).ok_or_else(unknown)?;
                let opened = File::open(path).map_err(|error| read_error(path, error))?;
                array(BufReader::new(opened), name, path)
            }
        }
    }
}

/// The array called `name` that `reader` gives; errors name `file`.
fn array(reader: impl Read, name: &str, file: &Path) -> Result<Array, DataError> {
    let array = NpyFile::new(reader).map_err(|error| read_error(file, error))?;
    read_array(array).map_err(|error| match error {
        ArrayError::Io(error) => read_error(file, error),
        ArrayError::Problem(problem) => DataError::malformed(file, format!("array {name}: {problem}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Samples, Scaling};
    use npyz::{AutoSerialize, Order, WriteOptions, WriterBuilder};
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    struct Written {
        folder: tempfile::TempDir,
        writer: ZipWriter<File>,
    }

    impl Written {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let writer = ZipWriter::new(File::create(folder.path().join("set.npz")).unwrap());
            Self { folder, writer }
        }

        fn array<T: AutoSerialize>(self, name: &str, dims: &[u64], values: Vec<T>) -> Self {
            self.ordered(name, dims, values, Order::C)
        }

        fn ordered<T: AutoSerialize>(
            mut self,
            name: &str,
            dims: &[u64],
            values: Vec<T>,
            order: Order,
        ) -> Self {
            self.writer.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
            let options = WriteOptions::<T>::new().default_dtype().shape(dims).order(order);
            let mut array = options.writer(&mut self.writer).begin_nd().unwrap();
            array.extend(values).unwrap();
            array.finish().unwrap();
            self
        }

        fn read(self) -> Result<Parts, String> {
            self.writer.finish().unwrap();
            read(&self.folder.path().join("set.npz"), Channels::Detect).map_err(|error| error.to_string())
        }
    }

    #[test]
    fn images_of_bytes_stay_as_they_are() {
        let parts = Written::new()
            .array("x_train", &[2, 1, 2], vec![0u8, 7, 255, 16])
            .array("y_train", &[2], vec![1u8, 0])
            .array("x_test", &[1, 1, 2], vec![3u8, 4])
            .array("y_test", &[1, 1], vec![1i64])
            .read()
            .unwrap();
        assert_eq!(parts.shape, [1, 2, 1]);
        assert_eq!(parts.levels, 255);
        assert_eq!(parts.train.inputs, ndarray::array![[0, 7], [255, 16]]);
        assert_eq!(parts.train.labels, [1, 0]);
        assert_eq!(parts.test.unwrap(), Samples { inputs: ndarray::array![[3, 4]], labels: vec![1] });
    }

    #[test]
    fn reals_of_every_type_are_scaled_and_either_order_reads_the_same() {
        let by_rows = |writer: Written| writer.array("data", &[3, 2], vec![0f32, 5.0, 1.0, 9.0, 2.0, 7.0]);
        let by_columns =
            |writer: Written| writer.ordered("data", &[3, 2], vec![0i64, 1, 2, 5, 9, 7], Order::Fortran);
        let read = |writer: Written| {
            let parts =
                writer.array("target", &[3], vec![7i32, 7, 8]).array("x_test", &[1, 2], vec![9f64, 0.0]);
            parts.array("y_test", &[1], vec![8u16]).read().unwrap()
        };
        for parts in [read(by_rows(Written::new())), read(by_columns(Written::new()))] {
            assert_eq!(parts.train.inputs, ndarray::array![[0, 0], [128, 255], [255, 128]]);
            assert_eq!(parts.test.unwrap().inputs, ndarray::array![[255, 0]]);
            assert_eq!(parts.classes, ["7", "8"]);
            assert_eq!(parts.train.labels, [0, 0, 1]);
        }
    }

    #[test]
    fn mistakes_name_the_array() {
        let labelled = |labels: Vec<f64>| {
            Written::new().array("x", &[2, 1], vec![1u8, 2]).array("y", &[labels.len() as u64], labels).read()
        };
        assert!(
            labelled(vec![0.0])
                .unwrap_err()
                .ends_with("array y: dimensions [1]; must be [2], one label per sample")
        );
        assert!(
            labelled(vec![0.0, f64::NAN]).unwrap_err().ends_with("array y: NaN for sample 1: must be finite")
        );
        let unfinished =
            Written::new().array("x", &[2, 1], vec![1.0, f64::INFINITY]).array("y", &[2], vec![0u8, 1]);
        assert!(unfinished.read().unwrap_err().ends_with("array x: inf in sample 1: must be finite"));
        let unlabelled = Written::new().array("x_train", &[2, 1], vec![1u8, 2]).read();
        assert!(unlabelled.unwrap_err().ends_with("array x_train without y_train: the arrays are x_train"));
        let strange = Written::new().array("a", &[2, 1], vec![1u8, 2]).array("b", &[2], vec![0u8, 1]).read();
        let message = strange.unwrap_err();
        assert!(message.contains("arrays a, b: must have x_train and y_train, or "), "{message}");
        assert!(message.ends_with("or arr_0 and arr_1"), "{message}");
    }

    /// Images and labels under these names, and a test part where its names are given.
    fn named(names: [&str; 2], others: &[[&str; 2]]) -> Result<Parts, String> {
        let part = |writer: Written, [x, y]: [&str; 2]| {
            writer.array(x, &[4, 1, 2], vec![0u8, 7, 255, 16, 1, 2, 3, 4]).array(
                y,
                &[4, 1],
                vec![1u8, 0, 1, 0],
            )
        };
        others.iter().fold(part(Written::new(), names), |writer, &names| part(writer, names)).read()
    }

    #[test]
    fn the_names_of_many_programs_are_found() {
        for names in [
            ["X", "y"],
            ["X", "Y"],
            ["X_train", "y_train"],
            ["train_images", "train_labels"],
            ["data", "labels"],
            ["features", "targets"],
            ["arr_0", "arr_1"],
        ] {
            let parts = named(names, &[]).unwrap();
            assert_eq!(parts.train.labels, [1, 0, 1, 0], "{names:?}");
            assert_eq!(parts.reading.label, Some(format!("array {}", names[1])));
            assert!(parts.validation.is_none() && parts.test.is_none());
        }
    }

    #[test]
    fn the_parts_of_medmnist_are_used_as_such() {
        let others = [["val_images", "val_labels"], ["test_images", "test_labels"]];
        let parts = named(["train_images", "train_labels"], &others).unwrap();
        assert_eq!(parts.validation.as_ref().unwrap().labels, [1, 0, 1, 0]);
        let set = parts.into_dataset("m", Path::new("m.npz")).unwrap();
        assert_eq!((set.train.len(), set.validation.unwrap().len(), set.test.len()), (4, 4, 4));
        assert!(!set.reading.is_test_cut);
    }

    #[test]
    fn names_that_tell_too_little_are_refused() {
        let message = |names, others: &[[&str; 2]]| named(names, others).map(|_| ()).unwrap_err();
        assert!(message(["arr_0", "arr_1"], &[["arr_2", "arr_3"]]).contains("nothing tells which is which"));
        assert!(message(["x", "y"], &[["X", "Y"]]).contains("must not differ by capital letters"));
        let text = message(["x", "y"], &[["test_images", "labels_of_test"]]);
        assert!(
            text.contains("array test_images without test_labels: the arrays are labels_of_test, "),
            "{text}"
        );
        assert!(message(["x_train", "y_train"], &[["x_val", "y_vla"]]).contains("x_val without y_val"));
    }

    #[test]
    fn bytes_of_a_narrow_range_have_their_maximum_as_levels() {
        for (bytes, levels) in [([0u8, 1, 1, 0], 1), ([0, 16, 3, 4], 16), ([0, 200, 3, 4], 255)] {
            let parts = Written::new()
                .array("x", &[4, 1], bytes.to_vec())
                .array("y", &[4], vec![0u8, 1, 0, 1])
                .read()
                .unwrap();
            assert_eq!(
                (parts.levels, parts.train.inputs.into_raw_vec_and_offset().0),
                (levels, bytes.to_vec())
            );
        }
    }

    #[test]
    fn images_of_whole_numbers_are_levels_of_any_type_and_fractions_are_kept() {
        let read = |writer: Written| writer.array("y", &[2], vec![0u8, 0]).read().unwrap();
        let whole = vec![3.0f32, 254.0, 9.0, 7.0];
        let parts = read(Written::new().array("x", &[2, 1, 2], whole));
        assert_eq!((parts.levels, parts.train.inputs), (255, ndarray::array![[3, 254], [9, 7]]));
        let narrow = read(Written::new().array("x", &[2, 1, 2], vec![0i64, 16, 9, 7]));
        assert_eq!((narrow.levels, narrow.train.inputs), (16, ndarray::array![[0, 16], [9, 7]]));
        let part = |writer: Written| {
            writer.array("x_test", &[2, 1, 2], vec![0.2f64, 1.0, 0.0, 2.0]).array(
                "y_test",
                &[2],
                vec![0u8, 1],
            )
        };
        let fractions = Written::new().array("x_train", &[2, 1, 2], vec![0.2f64, 0.4, 0.6, 0.8]);
        let parts = part(fractions).array("y_train", &[2], vec![0u8, 1]).read().unwrap();
        assert_eq!(parts.train.inputs, ndarray::array![[51, 102], [153, 204]]);
        assert_eq!(parts.test.unwrap().inputs, ndarray::array![[51, 255], [0, 255]]);
        assert_eq!(parts.reading.scaling, Scaling::Kept);
        assert_eq!(parts.reading.notes, ["values of the test part beyond the training range are clamped: 1"]);
    }

    #[test]
    fn parts_that_were_scaled_differently_are_refused() {
        let test = |writer: Written| {
            writer.array("x_test", &[2, 1, 1], vec![0.5f32, 1.0]).array("y_test", &[2], vec![0u8, 1])
        };
        let train = Written::new().array("x_train", &[2, 1, 1], vec![0u8, 255]);
        let message = test(train).array("y_train", &[2], vec![0u8, 1]).read().map(|_| ()).unwrap_err();
        assert!(message.contains("are 1 and 255: scale all parts in the same way"), "{message}");
    }

    #[test]
    fn planes_of_channels_become_pixels() {
        let planes: Vec<u8> = (0..2 * 3 * 5 * 6).map(|at| at as u8).collect();
        let parts =
            Written::new().array("x", &[2, 3, 5, 6], planes).array("y", &[2], vec![0u8, 1]).read().unwrap();
        assert_eq!(parts.shape, [5, 6, 3]);
        assert_eq!(parts.train.inputs.row(1).as_slice().unwrap()[..4], [90, 120, 150, 91]);
    }

    /// The parts of a file with this array of labels, given as the bytes of its NPY file.
    fn with_labels(header: &str, values: &[u8]) -> Result<Parts, String> {
        let mut written = Written::new().array("x", &[2, 1], vec![1u8, 2]);
        written.writer.start_file("y.npy", SimpleFileOptions::default()).unwrap();
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        let bytes = [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), values].concat();
        std::io::Write::write_all(&mut written.writer, &bytes).unwrap();
        written.read()
    }

    fn header(descr: &str) -> String {
        format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (2,), }}")
    }

    #[test]
    fn labels_of_every_type_are_classes() {
        let wide = |text: &str| text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect::<Vec<u8>>();
        for (descr, values, classes) in [
            ("'<U3'", wide("dogcat"), ["cat", "dog"]),
            ("'|S3'", b"b\0\0a\0\0".to_vec(), ["a", "b"]),
            ("'>i2'", vec![1, 0, 0, 7], ["7", "256"]),
            ("'|b1'", vec![1, 0], ["0", "1"]),
            ("'<f2'", vec![0x00, 0x40, 0x00, 0x3c], ["1", "2"]),
            ("'>f2'", vec![0x40, 0x00, 0x3c, 0x00], ["1", "2"]),
        ] {
            let parts = with_labels(&header(descr), &values).unwrap();
            assert_eq!(
                (parts.classes, parts.train.labels),
                (classes.map(str::to_owned).to_vec(), vec![1, 0])
            );
        }
    }

    #[test]
    fn labels_of_no_class_are_refused_with_the_way_out() {
        let message =
            |descr: &str, values: &[u8]| with_labels(&header(descr), values).map(|_| ()).unwrap_err();
        assert!(message("'|O'", b"pickle").contains("array y: Python objects: save it as numbers or texts"));
        assert!(message("'<c8'", &[0; 16]).contains("array y: type '<c8': must be integers"));
        assert!(message("[('a', '<i4')]", &[0; 8]).contains("array y: type "));
        let large = [(1u64 << 53).to_le_bytes(), ((1u64 << 53) + 1).to_le_bytes()].concat();
        assert!(message("'<u8'", &large).contains("2^53"));
        assert!(message("'<f2'", &[0, 0]).contains("truncated"));
    }

    #[test]
    fn an_unknown_packing_is_an_error_with_the_way_out() {
        let written = Written::new().array("x", &[1, 1], vec![1u8]).array("y", &[1], vec![1u8]);
        written.writer.finish().unwrap();
        let file = written.folder.path().join("set.npz");
        let mut bytes = std::fs::read(&file).unwrap();
        // The method stands in the header of the array's file and in that of the archive: 12 is
        // bzip2.
        let central = bytes.windows(4).position(|word| word == b"PK\x01\x02").unwrap();
        (bytes[8], bytes[central + 10]) = (12, 12);
        std::fs::write(&file, bytes).unwrap();
        let error = read(&file, Channels::Detect).unwrap_err().to_string();
        assert!(error.contains("packed in an unknown way") && error.contains("numpy.savez"), "{error}");
    }

    #[test]
    fn what_is_no_archive_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cut.npz");
        std::fs::write(&file, b"PK\x03\x04 and then nothing").unwrap();
        assert!(read(&file, Channels::Detect).unwrap_err().to_string().contains("cut.npz: "));
    }
}
