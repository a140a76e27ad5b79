//! Files as streams, unpacked if they are gzipped.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::data::DataError;

/// The size of the buffer: enough for the first line of a table with a thousand columns.
const BUFFER_BYTES: usize = 1 << 16;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Opens `file`. It is unpacked while it is read if its first two bytes are those of gzip.
pub(crate) fn open(file: &Path) -> Result<Box<dyn BufRead>, DataError> {
    let raw = File::open(file).map_err(|error| read_error(file, error))?;
    unpacked(BufReader::with_capacity(BUFFER_BYTES, raw)).map_err(|error| read_error(file, error))
}

/// `stream`, unpacked if it is gzipped.
pub(crate) fn unpacked<'a>(mut stream: impl BufRead + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    if stream.fill_buf()?.starts_with(&GZIP_MAGIC) {
        Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(stream))))
    } else {
        Ok(Box::new(stream))
    }
}

/// Reads exactly `count` bytes, after which the file must end. Memory grows with the bytes that are
/// read, since the header that states `count` may be wrong.
pub(crate) fn read_rest(stream: impl Read, count: usize, file: &Path) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    let limit = (count as u64).saturating_add(1);
    let found = stream.take(limit).read_to_end(&mut bytes).map_err(|error| read_error(file, error))?;
    if found < count {
        let problem = format!("the header promises {count} bytes of content, {found} are there");
        return Err(DataError::Truncated { file: file.into(), problem });
    }
    if found > count {
        let problem = format!("goes on after the {count} bytes of content that its header promises");
        return Err(DataError::malformed(file, problem));
    }
    Ok(bytes)
}

/// An IO error while reading `file`, as an error for the user.
pub(crate) fn read_error(file: &Path, error: io::Error) -> DataError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            DataError::Truncated { file: file.into(), problem: "it ends in the middle of its content".into() }
        }
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            DataError::malformed(file, format!("damaged: {error}; copy or fetch it again"))
        }
        io::ErrorKind::Unsupported => {
            let way_out = "write it by gzip, or by numpy.savez or savez_compressed";
            DataError::malformed(file, format!("packed in an unknown way ({error}): {way_out}"))
        }
        _ => DataError::Read { file: file.into(), source: error },
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    pub(in crate::data) fn gzipped(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn read(file: &Path) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        open(file)?.read_to_end(&mut bytes).map_err(|error| read_error(file, error))?;
        Ok(bytes)
    }

    #[test]
    fn a_file_reads_the_same_plain_and_gzipped() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        for written in [b"content".to_vec(), gzipped(b"content")] {
            std::fs::write(&file, written).unwrap();
            assert_eq!(read(&file).unwrap(), b"content");
        }
    }

    #[test]
    fn a_gzip_cut_anywhere_is_called_truncated() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cut.gz");
        let whole = gzipped(&(0..=255).cycle().take(5000).collect::<Vec<u8>>());
        for length in [3, 11, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&file, &whole[..length]).unwrap();
            let message = read(&file).unwrap_err().to_string();
            assert!(message.contains("cut.gz: truncated"), "{length}: {message}");
        }
    }

    #[test]
    fn a_gzip_with_a_flipped_bit_is_called_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("flipped.gz");
        let mut bytes = gzipped(&[7; 300]);
        let checksum = bytes.len() - 6;
        bytes[checksum] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("flipped.gz: damaged"));
    }

    #[test]
    fn a_missing_file_is_named() {
        assert_eq!(read(Path::new("no/such")).unwrap_err().to_string(), "cannot read no/such");
    }
}
