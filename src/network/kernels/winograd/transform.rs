//! The small matrices of Winograd's convolution F(S x S, K x K), with tiles of S x S outputs and
//! kernels of K x K. Each is written as the sums of its matrix product.
//!
//! In one dimension, S outputs of a correlation with K weights need W = S + K - 1 products. Each
//! belongs to a point at which two polynomials are multiplied (Toom and Cook; Lavin and Gray 2016,
//! with other points). The points are 0, N pairs ±p, and infinity. For inputs d, weights g and
//! outputs y, with ∘ as the product element by element,
//!
//! ```text
//! y = Aᵀ [(G g) ∘ (Bᵀ d)]
//! Aᵀ (S, W)   row i: p^i at the finite points p; 1 at infinity in the last row
//! Bᵀ (W, W)   row p: coefficients of M(x) / (x - p), M(x) = x Π (x² - p²); those of M at infinity
//! G  (W, K)   row p: (1, p, p², ..) / M'(p); (0, .., 1) at infinity
//! ```
//!
//! In two dimensions each matrix is applied to the columns, then to the rows. By the chain rule,
//! errors e at the outputs give `A e` at the products. Errors m at the products give `B m` at the
//! inputs, and the gradient `Gᵀ m` of the weights.
//!
//! The points are eighths near 1, so that all entries of A and B are exact. Some hundred sets of
//! points were tried; these are among those with the least rounding error over 32 to 64 channels.
//! The root mean square of the error is about 2 times that of direct convolution with 2 pairs, and
//! 5 to 6 times with 3. With 4 pairs it is 70 times, which is 7e-6 of the largest output.

#![expect(
    clippy::needless_range_loop,
    reason = "a register's index is that of the formulas, and these loops vanish"
)]

use std::ops::Range;

use crate::network::kernels::Lanes;
use crate::network::kernels::register::Register;

/// The most pairs of points.
const MOST: usize = 4;

/// The points for a window of W inputs, and the coefficients that follow from them.
struct Points<const W: usize>;

impl<const W: usize> Points<W> {
    /// N, the number of pairs.
    const PAIRS: usize = (W - 2) / 2;

    /// The positive point of each pair.
    const P: [f32; MOST] = match W {
        6 => [0.625, 1.5, 0.0, 0.0],
        8 => [0.5, 1.0, 2.0, 0.0],
        10 => [0.375, 0.75, 1.25, 1.75],
        _ => panic!("a window has 6, 8 or 10 inputs"),
    };

    /// Row p: the coefficients of the product of `x² - q²` over all points q other than p, by
    /// powers of x².
    const OTHERS: [[f32; MOST]; MOST] = {
        let mut others = [[0.0; MOST]; MOST];
        let mut p = 0;
        while p < Self::PAIRS {
            let all = Self::product(p);
            let mut j = 0;
            while j < MOST {
                others[p][j] = all[j];
                j += 1;
            }
            p += 1;
        }
        others
    };

    /// The coefficients of `M(x) / x`, by powers of x².
    const ALL: [f32; MOST + 1] = Self::product(MOST);

    /// The derivative `M'` at 0.
    const SLOPE_AT_0: f32 = Self::ALL[0];

    /// The derivative `M'` at ±p.
    const SLOPES: [f32; MOST] = {
        let mut slopes = [0.0; MOST];
        let mut p = 0;
        while p < Self::PAIRS {
            let square = Self::P[p] * Self::P[p];
            let (mut value, mut j) = (0.0, Self::PAIRS);
            while j > 0 {
                j -= 1;
                value = value * square + Self::OTHERS[p][j];
            }
            slopes[p] = 2.0 * square * value;
            p += 1;
        }
        slopes
    };

    /// The coefficients of the product of `x² - q²` over all q except the one with index
    /// `left_out`.
    const fn product(left_out: usize) -> [f32; MOST + 1] {
        let mut all = [0.0; MOST + 1];
        all[0] = 1.0;
        let mut q = 0;
        while q < Self::PAIRS {
            if q != left_out {
                let square = Self::P[q] * Self::P[q];
                let mut j = MOST;
                while j > 0 {
                    all[j] = all[j - 1] - square * all[j];
                    j -= 1;
                }
                all[0] *= -square;
            }
            q += 1;
        }
        all
    }

    /// `p^power`
    const fn power(pair: usize, power: usize) -> f32 {
        let (mut factor, mut i) = (1.0, 0);
        while i < power {
            factor *= Self::P[pair];
            i += 1;
        }
        factor
    }

    /// The values at p and -p of the polynomial with these coefficients.
    #[inline(always)]
    fn evaluate<R: Register, const C: usize>(pair: usize, coefficients: [R; C]) -> (R, R) {
        let mut even = coefficients[0];
        let mut odd = coefficients[1].times(Self::power(pair, 1));
        for i in 2..C {
            let (factor, coefficient) = (Self::power(pair, i), coefficients[i]);
            if i % 2 == 0 {
                even = even.plus(factor, coefficient);
            } else {
                odd = odd.plus(factor, coefficient);
            }
        }
        (even.sum(odd), even.difference(odd))
    }

    /// The transpose of [`evaluate`](Self::evaluate) over all points: it leads from values at
    /// points to coefficients.
    #[inline(always)]
    fn gather<R: Register, const C: usize>(points: [R; W]) -> [R; C] {
        let mut coefficients = [points[0]; C];
        for pair in 0..Self::PAIRS {
            let (plus, minus) = (points[2 * pair + 1], points[2 * pair + 2]);
            let (sum, difference) = (plus.sum(minus), plus.difference(minus));
            for i in 0..C {
                let share = if i % 2 == 0 { sum } else { difference };
                let (factor, before) = (Self::power(pair, i), coefficients[i]);
                coefficients[i] = match (pair, i) {
                    (0, 1..) => share.times(factor),
                    _ => before.plus(factor, share),
                };
            }
        }
        coefficients[C - 1] = coefficients[C - 1].sum(points[W - 1]);
        coefficients
    }

    /// A weighted sum of every second input, from input `first` on. The first `highest`
    /// of them have the weights `coefficients`, and the next one has the weight 1.
    #[inline(always)]
    fn weigh<R: Register>(d: &[R; W], coefficients: &[f32], highest: usize, first: usize) -> R {
        let mut sum = d[2 * highest + first];
        for j in (0..highest).rev() {
            sum = sum.plus(coefficients[j], d[2 * j + first]);
        }
        sum
    }
}

/// One of the matrices, with O rows and I columns, applied to a line of I registers. Each register
/// holds one element of sixteen lines.
pub trait Line<const I: usize, const O: usize> {
    /// The product. Must be `#[inline(always)]`.
    fn apply<R: Register>(line: [R; I]) -> [R; O];
}

/// `Bᵀ d`: from inputs to points.
pub struct Input;

impl<const W: usize> Line<W, W> for Input {
    #[inline(always)]
    fn apply<R: Register>(d: [R; W]) -> [R; W] {
        let pairs = Points::<W>::PAIRS;
        let mut points = d;
        for pair in 0..pairs {
            let others = &Points::<W>::OTHERS[pair];
            let even = Points::<W>::weigh(&d, others, pairs - 1, 2);
            let odd = Points::<W>::weigh(&d, others, pairs - 1, 1).times(Points::<W>::power(pair, 1));
            (points[2 * pair + 1], points[2 * pair + 2]) = (even.sum(odd), even.difference(odd));
        }
        points[0] = Points::<W>::weigh(&d, &Points::<W>::ALL, pairs, 0);
        points[W - 1] = Points::<W>::weigh(&d, &Points::<W>::ALL, pairs, 1);
        points
    }
}

/// `B m`: from errors at points to errors at the inputs.
pub struct InputError;

impl<const W: usize> Line<W, W> for InputError {
    #[inline(always)]
    fn apply<R: Register>(m: [R; W]) -> [R; W] {
        let mut errors = m;
        for i in 0..W {
            errors[i] = m[if i % 2 == 0 { 0 } else { W - 1 }].times(Points::<W>::ALL[i / 2]);
        }
        for pair in 0..Points::<W>::PAIRS {
            let (plus, minus) = (m[2 * pair + 1], m[2 * pair + 2]);
            let even = plus.sum(minus);
            let odd = plus.difference(minus).times(Points::<W>::power(pair, 1));
            for i in 1..W - 1 {
                let coefficient = Points::<W>::OTHERS[pair][(i - 1) / 2];
                errors[i] = errors[i].plus(coefficient, if i % 2 == 0 { even } else { odd });
            }
        }
        errors
    }
}

/// `Aᵀ m`: from products at points to outputs.
pub struct Output;

impl<const W: usize, const S: usize> Line<W, S> for Output {
    #[inline(always)]
    fn apply<R: Register>(m: [R; W]) -> [R; S] {
        Points::<W>::gather(m)
    }
}

/// `A e`: from errors at the outputs to points.
pub struct OutputError;

impl<const S: usize, const W: usize> Line<S, W> for OutputError {
    #[inline(always)]
    fn apply<R: Register>(e: [R; S]) -> [R; W] {
        let mut points = [e[0]; W];
        for pair in 0..Points::<W>::PAIRS {
            (points[2 * pair + 1], points[2 * pair + 2]) = Points::<W>::evaluate(pair, e);
        }
        points[W - 1] = e[S - 1];
        points
    }
}

/// `G g`: from weights to points.
pub struct Weight;

impl<const K: usize, const W: usize> Line<K, W> for Weight {
    #[inline(always)]
    fn apply<R: Register>(g: [R; K]) -> [R; W] {
        let mut points = [g[0].times(Points::<W>::SLOPE_AT_0.recip()); W];
        for pair in 0..Points::<W>::PAIRS {
            let (plus, minus) = Points::<W>::evaluate(pair, g);
            let share = Points::<W>::SLOPES[pair].recip();
            (points[2 * pair + 1], points[2 * pair + 2]) = (plus.times(share), minus.times(share));
        }
        points[W - 1] = g[K - 1];
        points
    }
}

/// `Gᵀ m`: from a gradient at points to that of the weights.
pub struct Gradient;

impl<const W: usize, const K: usize> Line<W, K> for Gradient {
    #[inline(always)]
    fn apply<R: Register>(mut m: [R; W]) -> [R; K] {
        m[0] = m[0].times(Points::<W>::SLOPE_AT_0.recip());
        for pair in 0..Points::<W>::PAIRS {
            let share = Points::<W>::SLOPES[pair].recip();
            m[2 * pair + 1] = m[2 * pair + 1].times(share);
            m[2 * pair + 2] = m[2 * pair + 2].times(share);
        }
        Points::<W>::gather(m)
    }
}

/// The distances in lanes from one row of a block to the next, and from one column to the next.
pub type Steps = (usize, usize);

/// A square block of lanes, one after the other in memory.
pub type Block<const W: usize> = [[Lanes; W]; W];

/// Applies a matrix to the columns, then to the rows of a block. The block is at the start of
/// `from`, and the result goes to the start of `to`. `half` is scratch memory.
///
/// # Safety
/// The processor has the features of R.
#[inline(always)]
pub unsafe fn both_ways<R: Register, L: Line<I, O>, const I: usize, const O: usize, const W: usize>(
    from: (&[Lanes], Steps),
    (to, steps): (&mut [Lanes], Steps),
    half: &mut Block<W>,
) {
    // SAFETY: the caller's promise; lanes are written through references.
    unsafe {
        both_ways_row_by_row::<R, L, I, O, W>(
            from,
            half,
            0..O,
            #[inline(always)]
            |y, row| {
                for x in 0..O {
                    row[x].store(&mut to[y * steps.0 + x * steps.1]);
                }
            },
        );
    }
}

/// As [`both_ways`], but for some `rows` of the result only, which are given to `put`. `put` must
/// be `#[inline(always)]`.
///
/// # Safety
/// The processor has the features of R.
#[inline(always)]
pub unsafe fn both_ways_row_by_row<
    R: Register,
    L: Line<I, O>,
    const I: usize,
    const O: usize,
    const W: usize,
>(
    (from, steps): (&[Lanes], Steps),
    half: &mut Block<W>,
    rows: Range<usize>,
    mut put: impl FnMut(usize, [R; O]),
) {
    // SAFETY: the caller's promise; lanes are read and written through references.
    unsafe {
        for x in 0..I {
            let mut column = [R::zero(); I];
            for y in 0..I {
                column[y] = R::load(&from[y * steps.0 + x * steps.1]);
            }
            let column = L::apply(column);
            for y in 0..O {
                column[y].store(&mut half[y][x]);
            }
        }
        for y in rows {
            let mut row = [R::zero(); I];
            for x in 0..I {
                row[x] = R::load(&half[y][x]);
            }
            put(y, L::apply(row));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::kernels::register::Level;
    use crate::network::kernels::vector::{Task, task_at};
    use crate::seed::Seed;
    use rand::RngExt;

    /// A matrix applied to a block.
    struct Apply<'a, const W: usize> {
        from: &'a Block<W>,
        to: &'a mut Block<W>,
        matrix: usize,
    }

    impl<const W: usize> Apply<'_, W> {
        #[inline(always)]
        unsafe fn by<R: Register, L: Line<I, O>, const I: usize, const O: usize>(self) {
            let mut half = [[Lanes::ZERO; W]; W];
            let to = (self.to.as_flattened_mut(), (W, 1));
            // SAFETY: the caller's promise.
            unsafe { both_ways::<R, L, I, O, W>((self.from.as_flattened(), (W, 1)), to, &mut half) };
        }
    }

    impl Task for Apply<'_, 10> {
        #[inline(always)]
        unsafe fn run<R: Register>(self) {
            // SAFETY: the caller's promise.
            unsafe {
                match self.matrix {
                    0 => self.by::<R, Input, 10, 10>(),
                    1 => self.by::<R, InputError, 10, 10>(),
                    2 => self.by::<R, Output, 10, 8>(),
                    3 => self.by::<R, OutputError, 8, 10>(),
                    4 => self.by::<R, Weight, 3, 10>(),
                    _ => self.by::<R, Gradient, 10, 3>(),
                }
            }
        }
    }

    #[test]
    fn all_levels_agree() {
        let mut stream = Seed::root(7).stream();
        let mut draw = || Lanes(std::array::from_fn(|_| stream.random::<f32>() - 0.5));
        let from: Block<10> = std::array::from_fn(|_| std::array::from_fn(|_| draw()));
        for matrix in 0..6 {
            let results = Level::all().into_iter().map(|level| {
                let mut to = [[Lanes::ZERO; 10]; 10];
                // SAFETY: the level is one that the processor has.
                unsafe { task_at(level, Apply { from: &from, to: &mut to, matrix }) };
                to
            });
            let results: Vec<Block<10>> = results.collect();
            // Levels with fused multiply-add give the same bits; the portable one differs by its
            // rounding.
            assert!(results[1..].windows(2).all(|pair| pair[0] == pair[1]), "matrix {matrix}");
            let largest = entries(&results[0]).map(f32::abs).fold(0.0, f32::max);
            for result in &results {
                for (one, other) in entries(result).zip(entries(&results[0])) {
                    assert!((one - other).abs() <= 2e-6 * largest, "matrix {matrix}: {one} and {other}");
                }
            }
        }
    }

    fn entries(block: &Block<10>) -> impl Iterator<Item = f32> + '_ {
        block.as_flattened().iter().flat_map(|lanes| lanes.0)
    }
}
