//! Files as streams, unpacked if they are gzipped.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;

use crate::data::DataError;

/// The size of the buffer: enough for the first line of a table with a thousand columns.
const BUFFER_BYTES: usize = 1 << 16;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// How often a file may be packed by gzip.
const MOST_PACKINGS: usize = 3;

/// The first bytes of files that other programs packed, with the programs' names.
const FOREIGN: [(&[u8], &str); 4] =
    [(b"\xfd7zXZ\x00", "xz"), (b"BZh", "bzip2"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"PK\x03\x04", "zip")];

/// Opens `file`. It is unpacked while it is read if its first two bytes are those of gzip.
///
/// # Errors
/// The file cannot be read, or another program packed it.
pub(crate) fn open(file: &Path) -> Result<Box<dyn BufRead>, DataError> {
    let failed = |error| read_error(file, error);
    let raw = File::open(file).map_err(failed)?;
    let mut stream = unpacked(BufReader::with_capacity(BUFFER_BYTES, raw)).map_err(failed)?;
    let start = stream.fill_buf().map_err(failed)?;
    match FOREIGN.iter().find(|(magic, _)| start.starts_with(magic)) {
        Some((_, program)) => {
            Err(DataError::malformed(file, format!("packed by {program}: unpack it, or pack it by gzip")))
        }
        None => Ok(stream),
    }
}

/// `stream`, unpacked if it is gzipped, also more than once.
pub(crate) fn unpacked<'a>(stream: impl BufRead + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    let mut stream: Box<dyn BufRead + 'a> = Box::new(stream);
    for _ in 0..MOST_PACKINGS {
        if !stream.fill_buf()?.starts_with(&GZIP_MAGIC) {
            break;
        }
        stream = Box::new(BufReader::with_capacity(BUFFER_BYTES, Members::new(stream)));
    }
    Ok(stream)
}

/// The unpacked content of a gzip file, which may consist of several members (pieces packed one by
/// one). As in gzip, bytes after the last member that are no member are ignored.
struct Members<R> {
    /// The current member; `None` after the last.
    member: Option<GzDecoder<Peeked<R>>>,
}

impl<R: BufRead> Members<R> {
    fn new(stream: R) -> Self {
        Self { member: Some(GzDecoder::new(Peeked { head: Vec::new(), stream })) }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(mut member) = self.member.take() {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                self.member = Some(member);
                return Ok(count);
            }
            let mut rest = member.into_inner();
            self.member = rest.begins_with_magic()?.then(|| GzDecoder::new(rest));
        }
        Ok(0)
    }
}

/// A stream of which the next bytes were read already, and are read again.
struct Peeked<R> {
    /// The bytes that were read already; they come before those of the stream.
    head: Vec<u8>,
    stream: R,
}

impl<R: BufRead> Peeked<R> {
    fn begins_with_magic(&mut self) -> io::Result<bool> {
        let missing = GZIP_MAGIC.len().saturating_sub(self.head.len());
        self.stream.by_ref().take(missing as u64).read_to_end(&mut self.head)?;
        Ok(self.head.starts_with(&GZIP_MAGIC))
    }
}

impl<R: BufRead> Read for Peeked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Peeked<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.head.is_empty() { self.stream.fill_buf() } else { Ok(&self.head) }
    }

    fn consume(&mut self, count: usize) {
        if self.head.is_empty() {
            self.stream.consume(count);
        } else {
            self.head.drain(..count);
        }
    }
}

/// Reads exactly `count` bytes, after which the file must end. Memory grows only with the bytes
/// that arrive, since a wrong header may state a huge `count`.
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
    fn gzip_in_members_twice_or_with_bytes_after_it_reads_as_gzip_does() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let whole = gzipped(b"content");
        let members: Vec<u8> = (0..1000).flat_map(|_| gzipped(&[])).collect();
        for packed in [
            [gzipped(b"con"), gzipped(b"tent")].concat(),
            [&gzipped(b"con")[..], &members, &gzipped(b"tent")].concat(),
            gzipped(&whole),
            [&whole[..], &[0; 512]].concat(),
            [&whole[..], b"junk"].concat(),
            [&whole[..], &[0x1f]].concat(),
            gzipped(&[&whole[..], b"junk"].concat()),
        ] {
            std::fs::write(&file, packed).unwrap();
            assert_eq!(read(&file).unwrap(), b"content");
        }
        std::fs::write(&file, [&whole[..], &whole[..15]].concat()).unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("truncated"));
    }

    #[test]
    fn what_another_program_packed_is_named_with_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        for (magic, program) in FOREIGN {
            std::fs::write(&file, [magic, b"rest"].concat()).unwrap();
            let expected = format!("t.csv: packed by {program}: unpack it, or pack it by gzip");
            assert!(read(&file).unwrap_err().to_string().ends_with(&expected));
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
