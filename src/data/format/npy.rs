//! Reads NPY, NumPy's format of one array, as NPZ archives hold it. Values may be any type of
//! number or texts, in row-major or column-major order.

use std::io::{self, BufReader, Read};

use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use npyz::{DType, Deserialize, Endianness, NpyFile, Order, TypeChar};

/// The largest magnitude below which every integer is exact as a float.
const EXACT: f64 = (1u64 << 53) as f64;

/// An array with its values in row-major order.
pub(crate) struct Array {
    /// The dimensions.
    pub dims: Vec<usize>,
    /// The values.
    pub values: Values,
}

/// The values of an array: bytes, any other type of number as reals, or texts.
pub(crate) enum Values {
    /// Unsigned bytes.
    Bytes(Vec<u8>),
    /// Numbers of any other type.
    Reals(Vec<f64>),
    /// Texts.
    Texts(Vec<String>),
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

/// Reads an array of numbers, booleans or texts.
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
        Values::Texts(texts) => Values::Texts(row_major(texts, &dims, order)),
    };
    Ok(Array { dims, values })
}

fn read_values<R: Read>(array: NpyFile<R>) -> Result<Values, ArrayError> {
    use TypeChar::{Bool, ByteStr, Float, Int, Object, Uint, UnicodeStr};
    let dtype = array.dtype();
    let kind = match &dtype {
        DType::Plain(kind) => Some((kind.type_char(), kind.size_field(), kind.endianness())),
        _ => None,
    };
    match kind {
        Some((Uint, 1, _)) => read_bytes(array),
        Some((Uint, 2, _)) => reals_of(array, |value: u16| value.into()),
        Some((Uint, 4, _)) => reals_of(array, |value: u32| value.into()),
        Some((Uint, 8, _)) => exact(reals_of(array, |value: u64| value as f64)?),
        Some((Int, 1, _)) => reals_of(array, |value: i8| value.into()),
        Some((Int, 2, _)) => reals_of(array, |value: i16| value.into()),
        Some((Int, 4, _)) => reals_of(array, |value: i32| value.into()),
        Some((Int, 8, _)) => exact(reals_of(array, |value: i64| value as f64)?),
        Some((Float, 2, endianness)) => halves(array, endianness),
        Some((Float, 4, _)) => reals_of(array, |value: f32| value.into()),
        Some((Float, 8, _)) => reals_of(array, |value: f64| value),
        Some((Bool, 1, _)) => reals_of(array, |value: bool| f64::from(u8::from(value))),
        Some((UnicodeStr | ByteStr, 1.., _)) => texts(array),
        Some((Object, ..)) => Err(ArrayError::Problem(
            "Python objects: save it as numbers or texts, by numpy.asarray with dtype=float or dtype=str"
                .into(),
        )),
        _ => Err(ArrayError::Problem(format!(
            "type {}: must be integers, floats of 16, 32 or 64 bits, booleans, or texts",
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

/// Reads floats of 16 bits.
fn halves<R: Read>(array: NpyFile<R>, endianness: Endianness) -> Result<Values, ArrayError> {
    let count = array.len();
    let mut bytes = Vec::new();
    array.into_inner().take(count.saturating_mul(2)).read_to_end(&mut bytes)?;
    if (bytes.len() / 2) as u64 != count {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    let is_big = endianness == Endianness::Big;
    let bits = |pair: &[u8]| if is_big { [pair[0], pair[1]] } else { [pair[1], pair[0]] };
    Ok(Values::Reals(bytes.chunks_exact(2).map(|pair| half(u16::from_be_bytes(bits(pair)))).collect()))
}

/// The value of an IEEE 754 float of 16 bits.
pub(crate) fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    }
}

fn texts<R: Read>(array: NpyFile<R>) -> Result<Values, ArrayError> {
    let texts = array.data::<String>().map_err(|error| ArrayError::Problem(error.to_string()))?;
    Ok(Values::Texts(texts.collect::<io::Result<_>>()?))
}

/// `values` of integers, all of which are exact as floats.
fn exact(values: Values) -> Result<Values, ArrayError> {
    match &values {
        Values::Reals(reals) if reals.iter().any(|real| real.abs() >= EXACT) => Err(ArrayError::Problem(
            "integers of 2^53 and more: save them as smaller numbers, or as texts".into(),
        )),
        _ => Ok(values),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_of_16_bits_have_their_values() {
        let cases = [0x0000, 0x3c00, 0xbc00, 0x3800, 0x3555, 0x7bff, 0x0400, 0x0001];
        let values = [0.0, 1.0, -1.0, 0.5, 0.333251953125, 65504.0, 0.00006103515625, 5.960464477539063e-8];
        assert_eq!(cases.map(half), values);
        assert_eq!(half(0x7c00), f64::INFINITY);
        assert!(half(0x7e00).is_nan());
    }
}
