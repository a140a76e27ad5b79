//! Sums of integer weights, put together from the matrix unit's sums of single bytes.

use super::lane::Lane;
use super::matrix_unit::{NEURONS, ROWS, Square};

/// An integer type for sums of weights that are split into bytes.
pub(super) trait TileSum: Lane + From<i32> {
    /// Memory for the sums of a square of samples and neurons.
    type Squares: Default;

    /// The most bytes (digits) of a weight that can change a sum in this type.
    const DIGITS: usize;

    /// The most inputs for which the sums of one byte of the weights fit the matrix unit.
    const INPUTS: usize;

    /// The sums of weights that are split into `digits` bytes, the highest byte first.
    ///
    /// `multiply(digit, square, adds)` computes the sums of one byte. It writes them to `square`,
    /// or adds them to it if `adds` is true.
    fn together(
        digits: usize,
        squares: &mut Self::Squares,
        multiply: impl FnMut(usize, &mut Square, bool),
    ) -> &SquareSums<Self>;
}

/// Sums by row and neuron.
pub(super) type SquareSums<T> = [[T; 2 * NEURONS]; 2 * ROWS];

/// All sums are modulo 2^32.
impl TileSum for i32 {
    type Squares = Square;
    const DIGITS: usize = 4;
    const INPUTS: usize = usize::MAX;

    #[inline(always)]
    fn together(
        digits: usize,
        square: &mut Square,
        mut multiply: impl FnMut(usize, &mut Square, bool),
    ) -> &SquareSums<i32> {
        for digit in 0..digits {
            if digit > 0 {
                square.0.as_flattened_mut().iter_mut().for_each(|sum| *sum = sum.wrapping_shl(8));
            }
            multiply(digit, square, digit > 0);
        }
        &square.0
    }
}

/// The sums of one byte of the weights, and the combined sums of all bytes so far.
pub(super) struct WideSquares {
    digit: Square,
    sums: Box<SquareSums<i64>>,
}

impl Default for WideSquares {
    fn default() -> Self {
        Self { digit: Square::default(), sums: Box::new([[0; 2 * NEURONS]; 2 * ROWS]) }
    }
}

/// The sums of a byte are exact; combined sums are modulo 2^64.
impl TileSum for i64 {
    type Squares = WideSquares;
    const DIGITS: usize = 8;
    const INPUTS: usize = (i32::MAX / (255 * 128)) as usize;

    #[inline(always)]
    fn together(
        digits: usize,
        squares: &mut WideSquares,
        mut multiply: impl FnMut(usize, &mut Square, bool),
    ) -> &SquareSums<i64> {
        let WideSquares { digit: square, sums } = squares;
        sums.as_flattened_mut().fill(0);
        for digit in 0..digits {
            multiply(digit, square, false);
            for (sum, &part) in sums.as_flattened_mut().iter_mut().zip(square.0.as_flattened()) {
                *sum = sum.wrapping_shl(8).wrapping_add(i64::from(part));
            }
        }
        sums
    }
}
