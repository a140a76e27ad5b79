//! NPZ, NumPy's archive of arrays, with the names that Keras and scikit-learn give them.
//!
//! Features are called `x_train`, `x`, `data` or `images`, and labels `y_train`, `y`, `target` or
//! `labels`. The test part, `x_test` and `y_test`, may be missing. The first dimension counts
//! samples; images are H x W or H x W x C. Unsigned bytes are levels; every other type is scaled to
//! levels, a table per column, images as a whole.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use ndarray::Array2;
use npyz::NpyFile;
use zip::ZipArchive;
use zip::result::ZipError;

use super::npy::{Array, ArrayError, Values, read_array};
use super::stream::read_error;
use super::table::{Reals, Scale, Table};
use crate::data::parts::Parts;
use crate::data::{DataError, Samples, classes};

const TRAIN_NAMES: [(&str, &str); 4] =
    [("x_train", "y_train"), ("x", "y"), ("data", "target"), ("images", "labels")];
const TEST_NAMES: (&str, &str) = ("x_test", "y_test");

/// The most dimensions: N, height, width, channels.
const MAX_RANK: usize = 4;

struct Archive<'a> {
    file: &'a Path,
    arrays: ZipArchive<BufReader<File>>,
}

/// The features and the labels of one part.
struct ArrayPart {
    x: Array,
    y: Vec<String>,
}

/// Reads a data set.
pub(crate) fn read(file: &Path) -> Result<Parts, DataError> {
    let mut archive = Archive::open(file)?;
    let train_names = archive.train_names()?;
    let train = archive.part(train_names)?;
    let test = if archive.has(TEST_NAMES.0) { Some(archive.part(TEST_NAMES)?) } else { None };
    if let Some(test) = &test {
        archive.check_same_inputs(&train, test)?;
    }
    let (shape, scale) = shape_of(&train.x.dims);
    let train_count = train.y.len();
    let all_labels = [train.y, test.as_ref().map(|test| test.y.clone()).unwrap_or_default()].concat();
    let (classes, mut labels) = classes::number(all_labels, file)?;
    let test_labels = labels.split_off(train_count);
    let test = test.map(|test| (test.x.values, test_labels));
    assemble(shape, scale, classes, (train.x.values, labels), test)
}

type Labelled = (Values, Vec<u16>);

/// Puts the parts together. Bytes are levels only if both parts are bytes; otherwise both are
/// scaled.
fn assemble(
    shape: [usize; 3],
    scale: Scale,
    classes: Vec<String>,
    train: Labelled,
    test: Option<Labelled>,
) -> Result<Parts, DataError> {
    let inputs = shape.iter().product();
    match (train, test) {
        ((Values::Bytes(train), labels), None) => {
            let train = samples(train, labels, inputs);
            Ok(Parts { shape, levels: u8::MAX, classes, train, test: None })
        }
        ((Values::Bytes(train), labels), Some((Values::Bytes(test), test_labels))) => {
            let train = samples(train, labels, inputs);
            let test = Some(samples(test, test_labels, inputs));
            Ok(Parts { shape, levels: u8::MAX, classes, train, test })
        }
        (train, test) => {
            let train = reals(train, inputs);
            let test = test.map(|test| reals(test, inputs));
            Table { shape, scale, classes, train, test }.into_parts()
        }
    }
}

fn samples(bytes: Vec<u8>, labels: Vec<u16>, inputs: usize) -> Samples {
    Samples { inputs: matrix(bytes, inputs, labels.len()), labels }
}

fn reals((values, labels): Labelled, inputs: usize) -> Reals {
    let values = match values {
        Values::Bytes(bytes) => bytes.into_iter().map(f64::from).collect(),
        Values::Reals(reals) => reals,
    };
    Reals { features: matrix(values, inputs, labels.len()), labels }
}

fn matrix<T>(values: Vec<T>, inputs: usize, count: usize) -> Array2<T> {
    Array2::from_shape_vec((count, inputs), values).expect("labels were counted when they were read")
}

fn shape_of(dims: &[usize]) -> ([usize; 3], Scale) {
    match dims[1..] {
        [height, width] => ([height, width, 1], Scale::Common),
        [height, width, channels] => ([height, width, channels], Scale::Common),
        ref rest => ([1, 1, rest.iter().product()], Scale::PerColumn),
    }
}

impl<'a> Archive<'a> {
    fn open(file: &'a Path) -> Result<Self, DataError> {
        let reader = File::open(file).map_err(|error| read_error(file, error))?;
        let arrays =
            ZipArchive::new(BufReader::new(reader)).map_err(|error| read_error(file, error.into()))?;
        Ok(Self { file, arrays })
    }

    /// The names of the arrays: those of the files in the archive that end in `.npy`, without that
    /// ending.
    fn names(&self) -> impl Iterator<Item = String> {
        self.arrays.file_names().filter_map(|name| Some(name.ok()?.strip_suffix(".npy")?.to_owned()))
    }

    fn has(&self, name: &str) -> bool {
        self.names().any(|found| found == name)
    }

    fn train_names(&self) -> Result<(&'static str, &'static str), DataError> {
        TRAIN_NAMES.into_iter().find(|(x, _)| self.has(x)).ok_or_else(|| {
            let mut found: Vec<String> = self.names().collect();
            found.sort_unstable();
            let found = found.join(", ");
            let wanted = TRAIN_NAMES.map(|(x, _)| x).join(", ");
            DataError::malformed(self.file, format!("arrays {found}: must have one of {wanted}"))
        })
    }

    fn part(&mut self, (x_name, y_name): (&str, &str)) -> Result<ArrayPart, DataError> {
        let x = self.array(x_name)?;
        if !(2..=MAX_RANK).contains(&x.dims.len()) {
            return Err(self.wrong(x_name, format!("{} dimensions; must be 2 to {MAX_RANK}", x.dims.len())));
        }
        if let Values::Reals(reals) = &x.values
            && let Some(at) = reals.iter().position(|value| !value.is_finite())
        {
            let sample = at / x.dims[1..].iter().product::<usize>();
            return Err(self.wrong(x_name, format!("{} in sample {sample}: must be finite", reals[at])));
        }
        let y = self.labels(y_name, x.dims[0])?;
        Ok(ArrayPart { x, y })
    }

    fn labels(&mut self, name: &str, count: usize) -> Result<Vec<String>, DataError> {
        let array = self.array(name)?;
        let is_column = matches!(array.dims[..], [_] | [_, 1]);
        if !is_column || array.dims[0] != count {
            return Err(self.wrong(
                name,
                format!("dimensions {:?}; must be [{count}], one label per sample", array.dims),
            ));
        }
        match array.values {
            Values::Bytes(bytes) => Ok(bytes.iter().map(u8::to_string).collect()),
            Values::Reals(reals) => reals
                .iter()
                .enumerate()
                .map(|(sample, value)| {
                    let wrong = || self.wrong(name, format!("{value} for sample {sample}: must be finite"));
                    value.is_finite().then(|| value.to_string()).ok_or_else(wrong)
                })
                .collect(),
        }
    }

    fn array(&mut self, name: &str) -> Result<Array, DataError> {
        let file = self.file;
        let packed = self.arrays.by_name(&format!("{name}.npy")).map_err(|error| match error {
            ZipError::FileNotFound => DataError::malformed(file, format!("no array {name}")),
            error => read_error(file, error.into()),
        })?;
        let array = NpyFile::new(packed).map_err(|error| read_error(file, error))?;
        read_array(array).map_err(|error| match error {
            ArrayError::Io(error) => read_error(file, error),
            ArrayError::Problem(problem) => DataError::malformed(file, format!("array {name}: {problem}")),
        })
    }

    fn check_same_inputs(&self, train: &ArrayPart, test: &ArrayPart) -> Result<(), DataError> {
        if train.x.dims[1..] == test.x.dims[1..] {
            return Ok(());
        }
        let problem = format!("dimensions {:?}; the training part has {:?}", test.x.dims, train.x.dims);
        Err(self.wrong(TEST_NAMES.0, problem))
    }

    fn wrong(&self, array: &str, problem: String) -> DataError {
        DataError::malformed(self.file, format!("array {array}: {problem}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            read(&self.folder.path().join("set.npz")).map_err(|error| error.to_string())
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
        let unfinished = Written::new().array("x", &[2, 1], vec![1.0, f64::INFINITY]);
        assert!(unfinished.read().unwrap_err().ends_with("array x: inf in sample 1: must be finite"));
        let unlabelled = Written::new().array("x_train", &[2, 1], vec![1u8, 2]).read();
        assert!(unlabelled.unwrap_err().ends_with("no array y_train"));
        let nameless = Written::new().array("arr_0", &[2, 1], vec![1u8, 2]).read();
        assert!(nameless.unwrap_err().ends_with("arrays arr_0: must have one of x_train, x, data, images"));
    }

    #[test]
    fn an_unknown_packing_is_an_error_with_the_way_out() {
        let written = Written::new().array("x", &[1, 1], vec![1u8]);
        written.writer.finish().unwrap();
        let file = written.folder.path().join("set.npz");
        let mut bytes = std::fs::read(&file).unwrap();
        // The method stands in the header of the array's file and in that of the archive: 12 is
        // bzip2.
        let central = bytes.windows(4).position(|word| word == b"PK\x01\x02").unwrap();
        (bytes[8], bytes[central + 10]) = (12, 12);
        std::fs::write(&file, bytes).unwrap();
        let error = read(&file).unwrap_err().to_string();
        assert!(error.contains("packed in an unknown way") && error.contains("numpy.savez"), "{error}");
    }

    #[test]
    fn what_is_no_archive_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cut.npz");
        std::fs::write(&file, b"PK\x03\x04 and then nothing").unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("cut.npz: "));
    }
}
