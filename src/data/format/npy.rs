//! NPY, one array of an NPZ archive: of any type of number, in row-major or column-major order.

use std::io::{self, BufReader, Read};

use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use npyz::{DType, Deserialize, NpyFile, Order, TypeChar};

/// An array with its values in row-major order.
pub(crate) struct Array {
    /// The dimensions.
    pub dims: Vec<usize>,
    /// The values.
    pub values: Values,
}

/// The values of an array: bytes, or any other type of number as reals.
pub(crate) enum Values {
    /// Unsigned bytes.
    Bytes(Vec<u8>),
    /// Numbers of any other type.
    Reals(Vec<f64>),
}

/// Why an array cannot be read.
pub(crate) enum ArrayError {
    /// The file cannot be read.
    Io(io::Error),
    /// The array breaks this rule.
    Problem(String),
}

impl From<io::Error> for ArrayError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads an array of numbers or booleans.
pub(crate) fn read_array<R: Read>(array: NpyFile<R>) -> Result<Array, ArrayError> {
    let header = array.header().clone();
    let (order, dims) = (header.order(), header.shape().iter().map(|&dim| dim as usize).collect::<Vec<_>>());
    let count = dims.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim));
    if count.is_none_or(|count| count as u64 != array.len()) {
        return Err(ArrayError::Problem(format!("impossible dimensions {dims:?}")));
    }
    // Buffered, since the stream of the archive would unpack anew for every single value.
    let array = NpyFile::with_header(header, BufReader::new(array.into_inner()));
    let values = match read_values(array)? {
        Values::Bytes(bytes) => Values::Bytes(row_major(bytes, &dims, order)),
        Values::Reals(reals) => Values::Reals(row_major(reals, &dims, order)),
    };
    Ok(Array { dims, values })
}

fn read_values<R: Read>(array: NpyFile<R>) -> Result<Values, ArrayError> {
    use TypeChar::{Bool, Float, Int, Uint};
    let dtype = array.dtype();
    let kind = match &dtype {
        DType::Plain(kind) => Some((kind.type_char(), kind.size_field())),
        _ => None,
    };
    match kind {
        Some((Uint, 1)) => read_bytes(array),
        Some((Uint, 2)) => reals_of(array, |value: u16| value.into()),
        Some((Uint, 4)) => reals_of(array, |value: u32| value.into()),
        Some((Uint, 8)) => reals_of(array, |value: u64| value as f64),
        Some((Int, 1)) => reals_of(array, |value: i8| value.into()),
        Some((Int, 2)) => reals_of(array, |value: i16| value.into()),
        Some((Int, 4)) => reals_of(array, |value: i32| value.into()),
        Some((Int, 8)) => reals_of(array, |value: i64| value as f64),
        Some((Float, 4)) => reals_of(array, |value: f32| value.into()),
        Some((Float, 8)) => reals_of(array, |value: f64| value),
        Some((Bool, 1)) => reals_of(array, |value: bool| f64::from(u8::from(value))),
        _ => Err(ArrayError::Problem(format!(
            "type {}: must be an integer, a float of 32 or 64 bits, or a boolean",
            dtype.descr()
        ))),
    }
}

/// Reads all bytes at once, which is faster: images have millions of them.
fn read_bytes<R: Read>(array: NpyFile<R>) -> Result<Values, ArrayError> {
    let count = array.len();
    let mut bytes = Vec::new();
    array.into_inner().take(count).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < count {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(Values::Bytes(bytes))
}

fn reals_of<T: Deserialize, R: Read>(
    array: NpyFile<R>,
    real: impl Fn(T) -> f64,
) -> Result<Values, ArrayError> {
    let values = array.data().map_err(|error| ArrayError::Problem(error.to_string()))?;
    Ok(Values::Reals(values.map(|value| value.map(&real)).collect::<io::Result<_>>()?))
}

fn row_major<T: Clone>(values: Vec<T>, dims: &[usize], order: Order) -> Vec<T> {
    match order {
        Order::C => values,
        Order::Fortran => {
            let array = ArrayD::from_shape_vec(IxDyn(dims).f(), values);
            array.expect("the number of values was checked against the dimensions").iter().cloned().collect()
        }
    }
}
