//! Reads IDX, the file format of MNIST. A file has two zero bytes, a byte for the type of values,
//! the number of dimensions, the dimensions, then the values. Numbers are big-endian.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::arrays::{ArrayPart, ArraySet, Named};
use super::labels;
use super::layout::MAX_RANK;
use super::npy::{Array, Values};
use super::stream::{open, read_error, read_rest};
use crate::data::parts::Parts;
use crate::data::{Channels, DataError};

/// The type of the values of a file.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    UnsignedByte,
    SignedByte,
    Short,
    Int,
    Float,
    Double,
}

/// The files of images and labels of one part.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    /// The file of images.
    pub images: PathBuf,
    /// The file of labels.
    pub labels: PathBuf,
}

/// Reads a data set from IDX files. If `classes` are given, labels are the numbers of these
/// classes. If not, every label that occurs is a class.
pub(crate) fn read_set(
    train: &Pair,
    test: Option<&Pair>,
    classes: Option<Vec<String>>,
    channels: Channels,
) -> Result<Parts, DataError> {
    let file = file_of(train, test);
    ArraySet { classes, ..read_arrays(train, test, file)? }.into_parts(channels)
}

/// What errors of both pairs name: the folder, or the file of labels if there is one part only.
pub(crate) fn file_of<'a>(train: &'a Pair, test: Option<&Pair>) -> &'a Path {
    train.labels.parent().filter(|_| test.is_some()).unwrap_or(&train.labels)
}

/// Reads the arrays of a data set; errors of several files name `file`.
pub(crate) fn read_arrays<'a>(
    train: &Pair,
    test: Option<&Pair>,
    file: &'a Path,
) -> Result<ArraySet<'a>, DataError> {
    let label = train.labels.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let test = test.map(read_pair).transpose()?;
    let train = read_pair(train)?;
    Ok(ArraySet { file, train, validation: None, test, classes: None, label })
}

fn read_pair(pair: &Pair) -> Result<ArrayPart, DataError> {
    let name = pair.images.display().to_string();
    let x = Named { name: file_name(&pair.images), array: read(&pair.images)? };
    if x.array.dims.len() < 2 {
        return Err(DataError::malformed(name, "one dimension only; images have two to four"));
    }
    let (labels, count) = (read(&pair.labels)?, x.array.dims[0]);
    let labels = labels::texts(labels, count, "labels", &pair.labels)?;
    Ok(ArrayPart { x, labels })
}

fn file_name(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn read(file: &Path) -> Result<Array, DataError> {
    let mut stream = open(file)?;
    let (kind, dims) = read_header(&mut stream, file)?;
    let count = dims.iter().try_fold(kind.bytes(), |count, &dim| count.checked_mul(dim));
    let count = count.ok_or_else(|| DataError::malformed(file, format!("impossible dimensions {dims:?}")))?;
    let values = kind.values(read_rest(stream, count, file)?);
    Ok(Array { dims, values })
}

/// The type of the values and the dimensions, from the beginning of a file.
///
/// # Errors
/// It is no file of IDX, or has values or dimensions that cannot be read.
pub(crate) fn read_header(stream: &mut impl Read, file: &Path) -> Result<(Kind, Vec<usize>), DataError> {
    let [zero, also_zero, kind, rank] = read_word(stream, file)?;
    if [zero, also_zero] != [0, 0] {
        return Err(DataError::malformed(file, "not an IDX file: it must begin with two zero bytes"));
    }
    let kind = Kind::of(kind).ok_or_else(|| {
        let known = "0x08, 0x09 (bytes), 0x0b, 0x0c (integers), 0x0d or 0x0e (floats)";
        DataError::malformed(file, format!("values of IDX type {kind:#04x}; must be {known}"))
    })?;
    if !(1..=MAX_RANK).contains(&usize::from(rank)) {
        return Err(DataError::malformed(file, format!("{rank} dimensions; must be 1 to {MAX_RANK}")));
    }
    let dims = (0..rank).map(|_| Ok(u32::from_be_bytes(read_word(stream, file)?) as usize));
    Ok((kind, dims.collect::<Result<_, _>>()?))
}

fn read_word(stream: &mut impl Read, file: &Path) -> Result<[u8; 4], DataError> {
    let mut word = [0; 4];
    stream.read_exact(&mut word).map_err(|error| read_error(file, error))?;
    Ok(word)
}

impl Kind {
    fn of(code: u8) -> Option<Self> {
        Some(match code {
            0x08 => Self::UnsignedByte,
            0x09 => Self::SignedByte,
            0x0b => Self::Short,
            0x0c => Self::Int,
            0x0d => Self::Float,
            0x0e => Self::Double,
            _ => return None,
        })
    }

    /// The length of a value in bytes.
    fn bytes(self) -> usize {
        match self {
            Self::UnsignedByte | Self::SignedByte => 1,
            Self::Short => 2,
            Self::Int | Self::Float => 4,
            Self::Double => 8,
        }
    }

    fn values(self, bytes: Vec<u8>) -> Values {
        let reals = match self {
            Self::UnsignedByte => return Values::Bytes(bytes),
            Self::SignedByte => reals(&bytes, |value| i8::from_be_bytes(value).into()),
            Self::Short => reals(&bytes, |value| i16::from_be_bytes(value).into()),
            Self::Int => reals(&bytes, |value| i32::from_be_bytes(value).into()),
            Self::Float => reals(&bytes, |value| f32::from_be_bytes(value).into()),
            Self::Double => reals(&bytes, f64::from_be_bytes),
        };
        Values::Reals(reals)
    }
}

fn reals<const N: usize>(bytes: &[u8], real: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|&value| real(value)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::stream::tests::gzipped;
    use super::*;
    use crate::data::parts;

    pub(in crate::data) fn idx(dims: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0x08, dims.len() as u8];
        dims.iter().for_each(|dim| bytes.extend(dim.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    fn pair(folder: &Path, images: &[u8], labels: &[u8]) -> Pair {
        let pair = Pair { images: folder.join("images"), labels: folder.join("labels") };
        std::fs::write(&pair.images, images).unwrap();
        std::fs::write(&pair.labels, labels).unwrap();
        pair
    }

    fn message(images: &[u8], labels: &[u8], classes: usize) -> String {
        let folder = tempfile::tempdir().unwrap();
        let pair = pair(folder.path(), images, labels);
        read_set(&pair, None, Some(parts::numbered(classes)), Channels::Detect)
            .map(|_| ())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn images_and_labels_are_read_in_order_plain_or_gzipped() {
        let folder = tempfile::tempdir().unwrap();
        let images = idx(&[2, 1, 3], &[1, 2, 3, 4, 5, 6]);
        let labels = idx(&[2], &[1, 0]);
        for (images, labels) in [(gzipped(&images), gzipped(&labels)), (images, labels)] {
            let parts =
                read_set(&pair(folder.path(), &images, &labels), None, None, Channels::Detect).unwrap();
            assert_eq!(parts.shape, [1, 3, 1]);
            assert_eq!(parts.train.inputs, ndarray::array![[1, 2, 3], [4, 5, 6]]);
            assert_eq!(parts.train.labels, [1, 0]);
            assert_eq!(parts.classes, ["0", "1"]);
        }
    }

    #[test]
    fn a_label_outside_the_classes_is_named_with_its_sample() {
        let message = message(&idx(&[3, 1], &[1, 2, 3]), &idx(&[3], &[0, 9, 200]), 10);
        assert!(message.ends_with("labels: label 200 of sample 2: must be below 10, the number of classes"));
    }

    #[test]
    fn a_wrong_length_is_named_with_both_numbers() {
        let labels = idx(&[2], &[0, 1]);
        let short = message(&idx(&[2, 2], &[1, 2, 3]), &labels, 2);
        assert!(
            short.contains("images: truncated: the header promises 4 bytes of content, 3 are there"),
            "{short}"
        );
        let long = message(&idx(&[2, 2], &[1, 2, 3, 4, 5]), &labels, 2);
        assert!(long.contains("goes on after the 4 bytes"), "{long}");
    }

    #[test]
    fn broken_headers_are_errors_and_allocate_nothing() {
        let labels = idx(&[2], &[0, 1]);
        assert!(message(b"P5 28", &labels, 2).contains("not an IDX file"));
        assert!(message(&[0, 0, 0x0a, 2], &labels, 2).contains("IDX type 0x0a"));
        assert!(message(&[0, 0, 8, 0], &labels, 2).contains("0 dimensions; must be 1 to 4"));
        assert!(message(&[0, 0, 8], &labels, 2).contains("truncated"));
        assert!(message(&idx(&[u32::MAX; 4], &[]), &labels, 2).contains("impossible dimensions"));
        assert!(message(&idx(&[u32::MAX, 9], &[]), &labels, 2).contains("truncated"));
        assert!(message(&idx(&[3, 1], &[1, 2, 3]), &labels, 2).contains("must be [3], one label per sample"));
    }

    #[test]
    fn values_of_every_type_are_read() {
        let values = [0i8, 1, -3, 4];
        let bytes: [(u8, Vec<u8>); 5] = [
            (0x09, values.iter().flat_map(|v| v.to_be_bytes()).collect()),
            (0x0b, values.iter().flat_map(|&v| i16::from(v).to_be_bytes()).collect()),
            (0x0c, values.iter().flat_map(|&v| i32::from(v).to_be_bytes()).collect()),
            (0x0d, values.iter().flat_map(|&v| f32::from(v).to_be_bytes()).collect()),
            (0x0e, values.iter().flat_map(|&v| f64::from(v).to_be_bytes()).collect()),
        ];
        for (code, bytes) in bytes {
            let Values::Reals(found) = Kind::of(code).unwrap().values(bytes) else { panic!("{code}") };
            assert_eq!(found, [0.0, 1.0, -3.0, 4.0]);
        }
    }

    #[test]
    fn labels_that_do_not_begin_at_0_add_no_empty_class() {
        let folder = tempfile::tempdir().unwrap();
        let pair = pair(folder.path(), &idx(&[4, 1], &[1, 2, 3, 4]), &idx(&[4], &[1, 255, 1, 255]));
        let parts = read_set(&pair, None, None, Channels::Detect).unwrap();
        assert_eq!((parts.classes, parts.train.labels), (vec!["1".into(), "255".into()], vec![0, 1, 0, 1]));
    }
}
