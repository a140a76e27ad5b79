//! Numbers of every type that arrays have, from their bytes.

use npyz::{DType, Endianness, TypeChar};

use crate::data::format::npy::half;

/// The type of the numbers of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    F32,
    F64,
}

/// The numbers of an array as they lie in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    /// Their type.
    pub kind: Number,
    /// Whether the highest byte comes first.
    pub is_big_endian: bool,
}

impl Numbers {
    /// The numbers of an array of NumPy; `None` if it holds anything else.
    pub fn of_numpy(dtype: &DType) -> Option<Self> {
        use TypeChar::{Bool, Float, Int, Uint};
        let DType::Plain(plain) = dtype else { return None };
        let kind = match (plain.type_char(), plain.size_field()) {
            (Uint | Bool, 1) => Number::U8,
            (Int, 1) => Number::I8,
            (Uint, 2) => Number::U16,
            (Int, 2) => Number::I16,
            (Uint, 4) => Number::U32,
            (Int, 4) => Number::I32,
            (Uint, 8) => Number::U64,
            (Int, 8) => Number::I64,
            (Float, 2) => Number::F16,
            (Float, 4) => Number::F32,
            (Float, 8) => Number::F64,
            _ => return None,
        };
        Some(Self { kind, is_big_endian: plain.endianness() == Endianness::Big })
    }

    /// The length of a number in bytes.
    pub fn bytes(self) -> usize {
        match self.kind {
            Number::U8 | Number::I8 => 1,
            Number::U16 | Number::I16 | Number::F16 => 2,
            Number::U32 | Number::I32 | Number::F32 => 4,
            Number::U64 | Number::I64 | Number::F64 => 8,
        }
    }

    /// Whether the bytes are the numbers.
    pub fn are_bytes(self) -> bool {
        self.kind == Number::U8
    }

    /// Appends the numbers of whole `bytes` to `values`.
    pub fn read(self, bytes: &[u8], values: &mut Vec<f64>) {
        match self.kind {
            Number::U8 => values.extend(bytes.iter().map(|&byte| f64::from(byte))),
            Number::I8 => self.each(bytes, values, |number| i8::from_le_bytes(number).into()),
            Number::U16 => self.each(bytes, values, |number| u16::from_le_bytes(number).into()),
            Number::I16 => self.each(bytes, values, |number| i16::from_le_bytes(number).into()),
            Number::U32 => self.each(bytes, values, |number| u32::from_le_bytes(number).into()),
            Number::I32 => self.each(bytes, values, |number| i32::from_le_bytes(number).into()),
            Number::U64 => self.each(bytes, values, |number| u64::from_le_bytes(number) as f64),
            Number::I64 => self.each(bytes, values, |number| i64::from_le_bytes(number) as f64),
            Number::F16 => self.each(bytes, values, |number| half(u16::from_le_bytes(number))),
            Number::F32 => self.each(bytes, values, |number| f32::from_le_bytes(number).into()),
            Number::F64 => self.each(bytes, values, f64::from_le_bytes),
        }
    }

    fn each<const N: usize>(self, bytes: &[u8], values: &mut Vec<f64>, number: impl Fn([u8; N]) -> f64) {
        let (numbers, _) = bytes.as_chunks::<N>();
        if self.is_big_endian {
            values.extend(numbers.iter().map(|&bytes| {
                let mut turned = bytes;
                turned.reverse();
                number(turned)
            }));
        } else {
            values.extend(numbers.iter().map(|&bytes| number(bytes)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_type_and_order_are_read() {
        let read = |kind, is_big_endian, bytes: &[u8]| {
            let mut values = Vec::new();
            Numbers { kind, is_big_endian }.read(bytes, &mut values);
            values
        };
        for is_big in [false, true] {
            let ordered = |mut bytes: Vec<u8>| {
                if is_big {
                    bytes.reverse();
                }
                bytes
            };
            assert_eq!(read(Number::I16, is_big, &ordered((-2i16).to_le_bytes().into())), [-2.0]);
            assert_eq!(read(Number::U32, is_big, &ordered(70_000u32.to_le_bytes().into())), [70_000.0]);
            assert_eq!(read(Number::I64, is_big, &ordered((-5i64).to_le_bytes().into())), [-5.0]);
            assert_eq!(read(Number::F32, is_big, &ordered(0.5f32.to_le_bytes().into())), [0.5]);
            assert_eq!(read(Number::F64, is_big, &ordered(0.1f64.to_le_bytes().into())), [0.1]);
            assert_eq!(read(Number::F16, is_big, &ordered(0x3c00u16.to_le_bytes().into())), [1.0]);
        }
        assert_eq!(read(Number::U8, false, &[7, 255]), [7.0, 255.0]);
        assert_eq!(read(Number::I8, false, &[0xff]), [-1.0]);
    }
}
