//! HDF5 files as trees of groups, texts and numbers; the only importer of the HDF5 library.
//!
//! Files may come from anyone. The sizes that a file declares are added up before anything is read.
//! Groups are read to a fixed depth, so that circular links end.

use std::collections::BTreeMap;

use hdf5_pure::{
    DType, Dataset, DatasetBuilder, Datatype, DatatypeByteOrder, File, FileBuilder, Group, GroupBuilder,
    VlenStringReadOptions,
};

use super::error::NirError;

/// Most numbers of a file, in all arrays together: 2 GiB in 64 bits.
const MOST_NUMBERS: u64 = 1 << 28;
/// Most numbers that a file may declare for each of its bytes. Chunks that were never written read
/// as zeros, so without this limit a tiny file could declare huge arrays.
const NUMBERS_PER_BYTE: u64 = 32;
/// This number may always be declared, however short the file is.
const NUMBERS_OF_A_SHORT_FILE: u64 = 1 << 24;
/// Most bytes of text in a file.
const MOST_TEXT: u64 = 1 << 24;
/// Most groups and data sets in a file.
const MOST_ITEMS: u64 = 1 << 16;
/// Most groups within groups; a NIR graph without subgraphs uses seven at most.
const MOST_DEPTH: u64 = 12;

/// Arrays with this many numbers or more are compressed.
const COMPRESSED: usize = 64;
/// Most numbers in a chunk, the unit of compression.
const CHUNK: usize = 1 << 18;

/// An entry of a group.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    /// Entries by name.
    Group(Tree),
    /// One text.
    Text(String),
    /// A table of texts.
    Texts {
        /// Rows, columns.
        shape: Vec<usize>,
        /// Row by row.
        values: Vec<String>,
    },
    /// Numbers.
    Numbers(Array),
    /// A type that no network needs.
    Other(String),
}

/// Items by name.
pub(super) type Tree = BTreeMap<String, Item>;

/// Numbers of a shape, the last axis fastest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    /// Empty for a single number.
    pub shape: Vec<usize>,
    /// One number for each place of the shape.
    pub values: Vec<f64>,
    /// How the numbers are written.
    pub width: Width,
}

/// How numbers are written; all are read as 64-bit floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// 32-bit floats.
    Single,
    /// 64-bit floats.
    Double,
    /// 64-bit integers.
    Whole,
}

impl Array {
    /// One whole number.
    pub fn whole(value: usize) -> Self {
        Self { shape: Vec::new(), values: vec![value as f64], width: Width::Whole }
    }

    /// A list of whole numbers.
    pub fn wholes(values: &[usize]) -> Self {
        let numbers = values.iter().map(|&value| value as f64).collect();
        Self { shape: vec![values.len()], values: numbers, width: Width::Whole }
    }
}

/// Reads a whole HDF5 file from its bytes.
///
/// # Errors
/// The file is damaged, or declares more than the limits above.
pub(super) fn read(bytes: Vec<u8>) -> Result<Tree, NirError> {
    let most_numbers = most_numbers(bytes.len());
    let file = File::from_bytes(bytes)?;
    BoundedReader { most_numbers, numbers: most_numbers, text: MOST_TEXT, items: MOST_ITEMS }
        .group(&file.root(), MOST_DEPTH)
}

/// Most numbers of a file of this length in bytes.
fn most_numbers(length: usize) -> u64 {
    (NUMBERS_PER_BYTE.saturating_mul(length as u64)).clamp(NUMBERS_OF_A_SHORT_FILE, MOST_NUMBERS)
}

/// A reader with budgets: what it may still read.
struct BoundedReader {
    /// The budget of numbers at the start.
    most_numbers: u64,
    numbers: u64,
    text: u64,
    items: u64,
}

impl BoundedReader {
    fn group(&mut self, group: &Group, depth: u64) -> Result<Tree, NirError> {
        let deeper = take(depth, 1, "groups within groups", MOST_DEPTH)?;
        let mut tree = Tree::new();
        for name in group.datasets()? {
            self.items = take(self.items, 1, "groups and data sets", MOST_ITEMS)?;
            let item = self.dataset(&group.dataset(&name)?)?;
            tree.insert(name, item);
        }
        for name in group.groups()? {
            self.items = take(self.items, 1, "groups and data sets", MOST_ITEMS)?;
            let inner = self.group(&group.group(&name)?, deeper)?;
            tree.insert(name, Item::Group(inner));
        }
        Ok(tree)
    }

    fn dataset(&mut self, dataset: &Dataset) -> Result<Item, NirError> {
        let shape = dataset.shape()?;
        let count = shape.iter().try_fold(1u64, |count, &size| count.checked_mul(size)).unwrap_or(u64::MAX);
        let kind = dataset.dtype()?;
        match kind {
            DType::String | DType::VariableLengthString => {
                let values = self.texts(dataset, count)?;
                Ok(match (shape.as_slice(), <[String; 1]>::try_from(values)) {
                    ([], Ok([value])) => Item::Text(value),
                    (_, Ok([value])) => Item::Texts { shape: sizes(&shape), values: vec![value] },
                    (_, Err(values)) => Item::Texts { shape: sizes(&shape), values },
                })
            }
            DType::F32 | DType::F64 => {
                Ok(Item::Numbers(self.array(dataset, &shape, count, Width::Double)?))
            }
            DType::Other(kind) if half_order(&kind).is_some() => {
                Ok(Item::Numbers(self.halves(dataset, &shape, count, half_order(&kind))?))
            }
            DType::I8
            | DType::I16
            | DType::I32
            | DType::I64
            | DType::U8
            | DType::U16
            | DType::U32
            | DType::U64
            // The truth values of h5py are an enumeration of 0 and 1.
            | DType::Enum(_) => Ok(Item::Numbers(self.array(dataset, &shape, count, Width::Whole)?)),
            other => Ok(Item::Other(other.to_string())),
        }
    }

    fn array(
        &mut self,
        dataset: &Dataset,
        shape: &[u64],
        count: u64,
        width: Width,
    ) -> Result<Array, NirError> {
        self.numbers = take(self.numbers, count, "numbers", self.most_numbers)?;
        let values = dataset.read_f64()?;
        if values.len() as u64 != count {
            return Err(NirError::Form(format!("{} numbers for a shape of {count}", values.len())));
        }
        Ok(Array { shape: sizes(shape), values, width })
    }

    /// Floats of 16 bits, which the library does not decode.
    fn halves(
        &mut self,
        dataset: &Dataset,
        shape: &[u64],
        count: u64,
        order: Option<fn([u8; 2]) -> u16>,
    ) -> Result<Array, NirError> {
        self.numbers = take(self.numbers, count, "numbers", self.most_numbers)?;
        let bytes = dataset.read_raw()?;
        let (pairs, rest) = bytes.as_chunks::<2>();
        let order = order.unwrap_or(u16::from_le_bytes);
        if pairs.len() as u64 != count || !rest.is_empty() {
            return Err(NirError::Form(format!("{} bytes for {count} numbers of 2", bytes.len())));
        }
        let values = pairs.iter().map(|&pair| half(order(pair))).collect();
        Ok(Array { shape: sizes(shape), values, width: Width::Double })
    }

    fn texts(&mut self, dataset: &Dataset, count: u64) -> Result<Vec<String>, NirError> {
        let payload = match dataset.dtype()? {
            DType::VariableLengthString => {
                self.text = take(self.text, count, "bytes of text", MOST_TEXT)?;
                dataset.vlen_string_payload_size()?
            }
            _ => dataset.element_size()?.saturating_mul(count),
        };
        self.text = take(self.text, payload, "bytes of text", MOST_TEXT)?;
        let values = match dataset.dtype()? {
            DType::VariableLengthString => {
                let most = VlenStringReadOptions::new().with_max_payload_bytes(MOST_TEXT as usize);
                dataset.read_vlen_strings(most)?
            }
            _ => dataset.read_string()?,
        };
        match values.len() as u64 == count {
            true => Ok(values),
            false => Err(NirError::Form(format!("{} texts for a shape of {count}", values.len()))),
        }
    }
}

/// The function that decodes the two bytes of a 16-bit IEEE 754 float, in the byte order of `kind`.
/// `None`: `kind` is another type.
fn half_order(kind: &Datatype) -> Option<fn([u8; 2]) -> u16> {
    let Datatype::FloatingPoint { size: 2, byte_order, layout } = kind else { return None };
    let is_half = (layout.exponent_size, layout.mantissa_size, layout.exponent_bias) == (5, 10, 15);
    match byte_order {
        DatatypeByteOrder::LittleEndian if is_half => Some(u16::from_le_bytes),
        DatatypeByteOrder::BigEndian if is_half => Some(u16::from_be_bytes),
        _ => None,
    }
}

/// The value of a 16-bit float.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// `left - part`, or an error if the budget `left` is too small.
fn take(left: u64, part: u64, what: &'static str, limit: u64) -> Result<u64, NirError> {
    left.checked_sub(part).ok_or(NirError::TooLarge { what, limit })
}

/// A shape as `usize`. The caller has checked that its product is small, or 0.
fn sizes(shape: &[u64]) -> Vec<usize> {
    shape.iter().map(|&size| usize::try_from(size).unwrap_or(usize::MAX)).collect()
}

/// The bytes of a file that holds `tree`.
pub(super) fn write(tree: &Tree) -> Result<Vec<u8>, NirError> {
    let mut file = FileBuilder::new();
    for (name, item) in tree {
        match item {
            Item::Group(inner) => {
                let group = fill_group(file.create_group(name), inner)?;
                file.add_group(group.finish());
            }
            item => fill(file.create_dataset(name), item)?,
        }
    }
    Ok(file.finish()?)
}

fn fill_group(mut group: GroupBuilder, tree: &Tree) -> Result<GroupBuilder, NirError> {
    for (name, item) in tree {
        match item {
            Item::Group(inner) => {
                let inner = fill_group(group.create_group(name), inner)?;
                group.add_group(inner.finish());
            }
            item => fill(group.create_dataset(name), item)?,
        }
    }
    Ok(group)
}

fn fill(dataset: &mut DatasetBuilder, item: &Item) -> Result<(), NirError> {
    let extents = |shape: &[usize]| shape.iter().map(|&size| size as u64).collect::<Vec<u64>>();
    match item {
        Item::Text(text) => {
            dataset.with_vlen_strings(&[text]).with_shape(&[]);
        }
        Item::Texts { shape, values } => {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            dataset.with_vlen_strings(&values).with_shape(&extents(shape));
        }
        Item::Numbers(Array { shape, values, width }) => {
            match width {
                Width::Single => {
                    dataset.with_f32_data(&values.iter().map(|&value| value as f32).collect::<Vec<f32>>())
                }
                Width::Double => dataset.with_f64_data(values),
                Width::Whole => {
                    dataset.with_i64_data(&values.iter().map(|&value| value as i64).collect::<Vec<i64>>())
                }
            }
            .with_shape(&extents(shape));
            if values.len() >= COMPRESSED {
                dataset.with_chunks(&chunk(shape)).with_deflate(4);
            }
        }
        Item::Group(_) => return Err(NirError::Form("a group is not a data set".to_owned())),
        Item::Other(kind) => return Err(NirError::Form(format!("{kind} is not written"))),
    }
    Ok(())
}

/// The shape of a chunk of an array (the unit of compression): the whole rows of the first axis
/// that fit.
fn chunk(shape: &[usize]) -> Vec<u64> {
    let row: usize = shape[1..].iter().product();
    let rows = (CHUNK / row.max(1)).clamp(1, shape[0]);
    std::iter::once(rows).chain(shape[1..].iter().copied()).map(|size| size as u64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let numbers = |shape: &[usize], width| {
            let count = shape.iter().product::<usize>();
            let values = (0..count).map(|value| value as f64 - 3.0).collect();
            Item::Numbers(Array { shape: shape.to_vec(), values, width })
        };
        let inner = [
            ("empty".to_owned(), Item::Group(Tree::new())),
            ("large".to_owned(), numbers(&[3, 200_000], Width::Double)),
            ("weights".to_owned(), numbers(&[2, 3, 4], Width::Double)),
            ("single".to_owned(), Item::Numbers(Array::whole(7))),
            ("list".to_owned(), Item::Numbers(Array::wholes(&[4, 5]))),
        ];
        let pairs = ["a", "größe", "b", ""].map(str::to_owned).to_vec();
        [
            ("text".to_owned(), Item::Text("1.0.8".to_owned())),
            ("pairs".to_owned(), Item::Texts { shape: vec![2, 2], values: pairs }),
            ("inner".to_owned(), Item::Group(inner.into_iter().collect())),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn a_tree_is_the_same_after_writing_and_reading() {
        assert_eq!(read(write(&tree()).unwrap()).unwrap(), tree());
    }

    #[test]
    fn a_file_that_is_cut_off_or_something_else_is_refused() {
        let whole = write(&tree()).unwrap();
        for length in [0, 1, 7, 8, 100, whole.len() / 2, whole.len() - 1] {
            assert!(read(whole[..length].to_vec()).is_err(), "{length} bytes of {}", whole.len());
        }
        assert!(read(b"PK, a zip perhaps".to_vec()).is_err());
    }

    #[test]
    fn what_a_file_claims_is_added_up_before_it_is_read() {
        let mut file = FileBuilder::new();
        // Chunks that were never written read as zeros, so a declared size costs nothing.
        file.create_dataset("large").with_dtype(hdf5_pure::make_f64_type()).with_shape(&[0, 1 << 40]);
        let empty = read(file.finish().unwrap()).unwrap();
        assert!(matches!(&empty["large"], Item::Numbers(array) if array.values.is_empty()));
        let lengths = [0, 1 << 19, 1 << 20, 1 << 23, usize::MAX];
        assert_eq!(lengths.map(most_numbers), [1 << 24, 1 << 24, 1 << 25, 1 << 28, 1 << 28]);
        assert_eq!(take(5, 5, "numbers", 5), Ok(0));
        assert_eq!(take(5, 6, "numbers", 5).unwrap_err().to_string(), "holds more than 5 numbers");
    }

    #[test]
    fn groups_too_deep_are_refused() {
        let nested = (0..20).fold(Item::Text("deep".to_owned()), |item, _| {
            Item::Group([("g".to_owned(), item)].into_iter().collect())
        });
        let Item::Group(tree) = nested else { panic!("a group") };
        let message = read(write(&tree).unwrap()).unwrap_err().to_string();
        assert_eq!(message, "holds more than 12 groups within groups");
    }
}
