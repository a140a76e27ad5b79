//! SHA-256 of files, and of the content of data sets.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::data::{DataError, Samples, format};

/// SHA-256 of a file's bytes, in hex.
pub(crate) fn file(path: &Path) -> Result<String, DataError> {
    let read = |source| DataError::Read { file: path.into(), source };
    stream(File::open(path).map_err(read)?).map_err(read)
}

/// SHA-256 of a file's content after unpacking, in hex. A file that is not gzipped is read as it
/// is.
pub(crate) fn unpacked(path: &Path) -> Result<String, DataError> {
    stream(format::stream::open(path)?).map_err(|error| format::stream::read_error(path, error))
}

fn stream(mut bytes: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match bytes.read(&mut buffer)? {
            0 => return Ok(hex(hasher)),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// SHA-256 of a data set, in hex. It covers the shape (8 bytes per number) and the levels (1 byte).
/// Then, for each part, it covers the number of samples (8 bytes), the inputs (1 byte each) and the
/// labels (2 bytes each). All numbers are little-endian.
pub(crate) fn content(shape: [usize; 3], levels: u8, parts: &[&Samples]) -> String {
    let mut hasher = Sha256::new();
    shape.iter().for_each(|&side| hasher.update((side as u64).to_le_bytes()));
    hasher.update([levels]);
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        for row in part.inputs.rows() {
            match row.as_slice() {
                Some(row) => hasher.update(row),
                None => row.iter().for_each(|&input| hasher.update([input])),
            }
        }
        part.labels.iter().for_each(|label| hasher.update(label.to_le_bytes()));
    }
    hex(hasher)
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_stream_has_the_published_sum() {
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(stream(&b"abc"[..]).unwrap(), expected);
    }

    #[test]
    fn the_content_has_the_documented_sum() {
        let train = Samples { inputs: array![[1, 2], [3, 4]], labels: vec![0, 258] };
        let test = Samples { inputs: array![[5, 6]], labels: vec![1] };
        // python3 -c "import hashlib, struct
        // b = struct.pack('<3QB', 1, 1, 2, 255) + struct.pack('<Q4B2H', 2, 1, 2, 3, 4, 0, 258)
        // print(hashlib.sha256(b + struct.pack('<Q2BH', 1, 5, 6, 1)).hexdigest())"
        let expected = "de7ef0b49a01ff3854bf00a2710b21f2aa87c5e4972df4a4dc455d52a50fdb4f";
        assert_eq!(content([1, 1, 2], 255, &[&train, &test]), expected);
    }
}
