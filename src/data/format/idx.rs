//! IDX, the format of MNIST: two zero bytes, a type, the number of dimensions, the dimensions
//! big-endian, the values.
//!
//! The four files of a data set have MNIST's names: `train-images-idx3-ubyte`,
//! `train-labels-idx1-ubyte`, and the same with `t10k` for the test part; plain or gzipped.

use std::io::Read;
use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::stream::{open, read_error, read_rest};
use crate::data::parts::{self, Parts};
use crate::data::{DataError, Samples};

/// The type byte of unsigned bytes, the only type that is read.
const UNSIGNED_BYTE: u8 = 0x08;

/// The most dimensions: N, height, width, channels.
const MAX_RANK: u8 = 4;

/// The content of one file.
struct Idx {
    dims: Vec<usize>,
    values: Vec<u8>,
}

/// The files of images and labels of one part.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    /// The file of images.
    pub images: PathBuf,
    /// The file of labels.
    pub labels: PathBuf,
}

/// Reads a data set. Without `classes` the largest label decides their number, and their names are
/// numbers.
pub(crate) fn read_set(
    train: &Pair,
    test: Option<&Pair>,
    classes: Option<Vec<String>>,
) -> Result<Parts, DataError> {
    let (shape, train_samples) = read_pair(train)?;
    let test_samples = test.map(|pair| read_part_of_shape(pair, shape)).transpose()?;
    let labels = train_samples.labels.iter().chain(test_samples.iter().flat_map(|part| &part.labels));
    let classes = classes.unwrap_or_else(|| parts::numbered(labels.max().map_or(0, |&top| top as usize + 1)));
    parts::check_labels(&train_samples.labels, classes.len(), &train.labels)?;
    if let (Some(pair), Some(samples)) = (test, &test_samples) {
        parts::check_labels(&samples.labels, classes.len(), &pair.labels)?;
    }
    Ok(Parts { shape, levels: u8::MAX, classes, train: train_samples, test: test_samples })
}

fn read_part_of_shape(pair: &Pair, expected: [usize; 3]) -> Result<Samples, DataError> {
    let (shape, samples) = read_pair(pair)?;
    if shape == expected {
        return Ok(samples);
    }
    let problem = format!("images of {shape:?}; the training images are {expected:?}");
    Err(DataError::malformed(&pair.images, problem))
}

fn read_pair(pair: &Pair) -> Result<([usize; 3], Samples), DataError> {
    let images = read(&pair.images)?;
    let labels = read(&pair.labels)?;
    let shape = match images.dims[..] {
        [_, inputs] => [1, 1, inputs],
        [_, height, width] => [height, width, 1],
        [_, height, width, channels] => [height, width, channels],
        _ => return Err(DataError::malformed(&pair.images, "one dimension only; images have two to four")),
    };
    if labels.dims.len() != 1 || labels.dims[0] != images.dims[0] {
        let problem =
            format!("dimensions {:?}; must be [{}], one label per image", labels.dims, images.dims[0]);
        return Err(DataError::malformed(&pair.labels, problem));
    }
    let inputs = Array2::from_shape_vec((images.dims[0], shape.iter().product()), images.values)
        .expect("the values were counted when they were read");
    Ok((shape, Samples { inputs, labels: labels.values.into_iter().map(u16::from).collect() }))
}

fn read(file: &Path) -> Result<Idx, DataError> {
    let mut stream = open(file)?;
    let dims = read_header(&mut stream, file)?;
    let count = dims.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim));
    let count = count.ok_or_else(|| DataError::malformed(file, format!("impossible dimensions {dims:?}")))?;
    let values = read_rest(stream, count, file)?;
    Ok(Idx { dims, values })
}

fn read_header(stream: &mut impl Read, file: &Path) -> Result<Vec<usize>, DataError> {
    let [zero, also_zero, kind, rank] = read_word(stream, file)?;
    if [zero, also_zero] != [0, 0] {
        return Err(DataError::malformed(file, "not an IDX file: it must begin with two zero bytes"));
    }
    if kind != UNSIGNED_BYTE {
        let problem = format!("values of IDX type {kind:#04x}; must be 0x08, unsigned bytes");
        return Err(DataError::malformed(file, problem));
    }
    if !(1..=MAX_RANK).contains(&rank) {
        return Err(DataError::malformed(file, format!("{rank} dimensions; must be 1 to {MAX_RANK}")));
    }
    (0..rank).map(|_| Ok(u32::from_be_bytes(read_word(stream, file)?) as usize)).collect()
}

fn read_word(stream: &mut impl Read, file: &Path) -> Result<[u8; 4], DataError> {
    let mut word = [0; 4];
    stream.read_exact(&mut word).map_err(|error| read_error(file, error))?;
    Ok(word)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::stream::tests::gzipped;
    use super::*;

    pub(in crate::data) fn idx(dims: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, UNSIGNED_BYTE, dims.len() as u8];
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
        read_set(&pair, None, Some(parts::numbered(classes))).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn images_and_labels_are_read_in_order_plain_or_gzipped() {
        let folder = tempfile::tempdir().unwrap();
        let images = idx(&[2, 1, 3], &[1, 2, 3, 4, 5, 6]);
        let labels = idx(&[2], &[1, 0]);
        for (images, labels) in [(gzipped(&images), gzipped(&labels)), (images, labels)] {
            let parts = read_set(&pair(folder.path(), &images, &labels), None, None).unwrap();
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
        assert!(message(&[0, 0, 0x0d, 2], &labels, 2).contains("IDX type 0x0d"));
        assert!(message(&[0, 0, 8, 0], &labels, 2).contains("0 dimensions; must be 1 to 4"));
        assert!(message(&[0, 0, 8], &labels, 2).contains("truncated"));
        assert!(message(&idx(&[u32::MAX; 4], &[]), &labels, 2).contains("impossible dimensions"));
        assert!(message(&idx(&[u32::MAX, 9], &[]), &labels, 2).contains("truncated"));
        assert!(message(&idx(&[3, 1], &[1, 2, 3]), &labels, 2).contains("must be [3], one label per image"));
    }
}
