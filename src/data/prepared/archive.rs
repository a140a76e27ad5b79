//! The array of samples in a file: NPY, NPZ or IDX, gzipped or not.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

use npyz::{NpyFile, Order};
use zip::ZipArchive;

use super::array::ArrayStream;
use super::collector::Collector;
use super::numbers::{Number, Numbers};
use crate::data::format::npy::{ArrayError, Values, read_array};
use crate::data::format::npz::is_features;
use crate::data::format::stream::read_error;
use crate::data::format::{idx, stream};
use crate::data::{Channels, DataError, Preprocessing};

/// The first bytes of a ZIP archive, which NPZ is, and of an array of NumPy.
const ZIP: &[u8] = b"PK\x03\x04";
const NPY: &[u8] = b"\x93NUMPY";

/// The kind of a file by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An archive of arrays.
    Npz,
    /// An array of NumPy.
    Npy,
    /// An array as MNIST has it.
    Idx,
    /// Anything else is a table.
    Table,
}

impl Kind {
    /// The kind of `file`, unpacked if it is gzipped.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of(file: &Path) -> Result<Self, DataError> {
        let failed = |error| read_error(file, error);
        let mut raw = BufReader::new(File::open(file).map_err(failed)?);
        if raw.fill_buf().map_err(failed)?.starts_with(ZIP) {
            return Ok(Self::Npz);
        }
        let mut unpacked = stream::open(file)?;
        Ok(match unpacked.fill_buf().map_err(failed)? {
            start if start.starts_with(NPY) => Self::Npy,
            [0, 0, 8..=14, 1..=9, ..] => Self::Idx,
            _ => Self::Table,
        })
    }
}

/// Where the samples of a file go, and what the file does not say.
pub(super) struct ArrayRequest<'a> {
    /// What the network was trained on.
    pub trained: &'a Preprocessing,
    /// The array of an archive, if one was named.
    pub array: Option<&'a str>,
    /// The place of the channels.
    pub channels: Channels,
}

/// Hands the samples of `file`, of this `kind`, to `collector`. Returns what was left out.
///
/// # Errors
/// The file is damaged, or its samples do not fit.
pub(super) fn read(
    file: &Path,
    kind: Kind,
    request: &ArrayRequest<'_>,
    collector: &mut Collector<'_>,
) -> Result<Vec<String>, DataError> {
    match kind {
        Kind::Npz => read_npz(file, request, collector),
        Kind::Npy => {
            let array = NpyFile::new(stream::open(file)?).map_err(|error| read_error(file, error))?;
            read_npy(array, "the array".to_owned(), file, request, collector)?;
            Ok(Vec::new())
        }
        Kind::Idx | Kind::Table => {
            let mut bytes = stream::open(file)?;
            let (kind, dims) = idx::read_header(&mut bytes, file)?;
            let numbers = Numbers { kind: number(kind), is_big_endian: true };
            let array = ArrayStream { bytes, dims, numbers, name: "the images".to_owned() };
            array.read(request.trained, request.channels, collector, file)?;
            Ok(Vec::new())
        }
    }
}

fn number(kind: idx::Kind) -> Number {
    match kind {
        idx::Kind::UnsignedByte => Number::U8,
        idx::Kind::SignedByte => Number::I8,
        idx::Kind::Short => Number::I16,
        idx::Kind::Int => Number::I32,
        idx::Kind::Float => Number::F32,
        idx::Kind::Double => Number::F64,
    }
}

fn read_npz(
    file: &Path,
    request: &ArrayRequest<'_>,
    collector: &mut Collector<'_>,
) -> Result<Vec<String>, DataError> {
    let failed = |error: zip::result::ZipError| read_error(file, error.into());
    let raw = BufReader::new(File::open(file).map_err(|error| read_error(file, error))?);
    let mut archive = ZipArchive::new(raw).map_err(failed)?;
    let mut names: Vec<String> =
        archive.file_names().filter_map(|name| Some(name.ok()?.strip_suffix(".npy")?.to_owned())).collect();
    names.sort_unstable();
    let name = chosen(&names, request.array).map_err(|problem| DataError::malformed(file, problem))?;
    let packed = archive.by_name(&format!("{name}.npy")).map_err(failed)?;
    let array =
        NpyFile::new(BufReader::with_capacity(1 << 16, packed)).map_err(|error| read_error(file, error))?;
    read_npy(array, format!("array {name}"), file, request, collector)?;
    let others: Vec<String> = names.into_iter().filter(|other| *other != name).collect();
    let note = (!others.is_empty()).then(|| format!("array {name} is read; ignored: {}", others.join(", ")));
    Ok(note.into_iter().collect())
}

/// The array of features among `names`: the one that was `asked` for, the only one, or the only one that
/// is called as features are.
fn chosen(names: &[String], asked: Option<&str>) -> Result<String, String> {
    let listed = || names.join(", ");
    let of_features: Vec<&String> = names.iter().filter(|name| is_features(name)).collect();
    match (asked, names, &of_features[..]) {
        (Some(asked), ..) => {
            let found = names.iter().find(|name| *name == asked);
            found.cloned().ok_or_else(|| format!("no array {asked}: the arrays are {}", listed()))
        }
        (None, [only], _) => Ok(only.clone()),
        (None, _, [only]) => Ok((*only).clone()),
        (None, [], _) => Err("no array: must hold one of samples".to_owned()),
        _ => Err(format!("arrays {}: nothing tells which has the samples: name it with --array", listed())),
    }
}

/// Hands on the samples of an array of NumPy. In column-major order it is read whole, since its first
/// sample ends at the end of the file.
fn read_npy<R: Read>(
    array: NpyFile<R>,
    name: String,
    file: &Path,
    request: &ArrayRequest<'_>,
    collector: &mut Collector<'_>,
) -> Result<(), DataError> {
    let header = array.header().clone();
    let dims: Vec<usize> = header.shape().iter().map(|&side| side as usize).collect();
    let wrong = |problem: &str| DataError::malformed(file, format!("{name}: {problem}"));
    let ArrayRequest { trained, channels, .. } = request;
    let Some(numbers) = Numbers::of_numpy(&header.dtype()) else {
        let descr = header.dtype().descr();
        return Err(wrong(&format!("type {descr}: must be integers, floats of 16 to 64 bits, or booleans")));
    };
    if header.order() == Order::C || dims.len() < 2 {
        let bytes = array.into_inner();
        return ArrayStream { bytes, dims, numbers, name }.read(trained, *channels, collector, file);
    }
    let whole = read_array(array).map_err(|error| match error {
        ArrayError::Io(error) => read_error(file, error),
        ArrayError::Problem(problem) => wrong(&problem),
    })?;
    let (kind, bytes) = match whole.values {
        Values::Bytes(bytes) => (Number::U8, bytes),
        Values::Reals(reals) => (Number::F64, reals.iter().flat_map(|real| real.to_le_bytes()).collect()),
        Values::Texts(_) => return Err(wrong("texts; must be numbers")),
    };
    let (bytes, numbers) = (Cursor::new(bytes), Numbers { kind, is_big_endian: false });
    ArrayStream { bytes, dims, numbers, name }.read(trained, *channels, collector, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_array_of_features_is_chosen() {
        let choose = |names: &[&str], asked| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            chosen(&names, asked)
        };
        assert_eq!(choose(&["anything"], None).as_deref(), Ok("anything"));
        assert_eq!(choose(&["X", "ids"], None).as_deref(), Ok("X"));
        assert_eq!(choose(&["x_test", "x_train"], Some("x_test")).as_deref(), Ok("x_test"));
        assert!(choose(&["x_test", "x_train"], None).unwrap_err().contains("--array"));
        assert!(choose(&["a", "b"], Some("c")).unwrap_err().contains("no array c: the arrays are a, b"));
        assert!(choose(&[], None).unwrap_err().contains("no array"));
    }
}
