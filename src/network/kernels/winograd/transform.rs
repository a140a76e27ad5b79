//! The small matrices of F(4x4, 3x3), each as the sums that multiplying with it comes to.
//!
//! Four outputs of a correlation with three weights take six products, one for each of the points 0, ±A, ±B
//! and infinity at which two polynomials are multiplied (Toom and Cook; Lavin and Gray 2016, with other
//! points). In one direction, for inputs d, weights g and outputs y,
//!
//! ```text
//! y = Aᵀ [(G g) ∘ (Bᵀ d)]
//! Aᵀ (4, 6)   row i: p^i at the five finite points p; 1 at infinity in the last row
//! Bᵀ (6, 6)   row p: coefficients of M(x) / (x - p), M(x) = x (x² - A²) (x² - B²); those of M at infinity
//! G  (6, 3)   row p: (1, p, p²) / M'(p); (0, 0, 1) at infinity
//! ```
//!
//! and in two directions each of these works along columns, then along rows. By the chain rule the error by
//! the products is `A e`, and the gradient by the weights `Gᵀ m`.
//!
//! The points are such that all entries of A and B are exact, and lie close to 1: this halves the rounding
//! error of Lavin and Gray's ±1 and ±2, to about twice that of direct convolution over 64 channels.

use crate::network::kernels::{LANES, Lanes};

/// Inputs that a tile reads along one side.
pub const WINDOW: usize = 6;
/// Outputs of a tile along one side.
pub const SIDE: usize = 4;
/// Weights along one side.
pub const KERNEL: usize = 3;

const A: f32 = 0.625;
const B: f32 = 1.5;
const A2: f32 = A * A;
const B2: f32 = B * B;
const A3: f32 = A2 * A;
const B3: f32 = B2 * B;

/// M'(p) at 0, ±A and ±B.
const SLOPES: [f32; 3] = [A2 * B2, 2.0 * A2 * (A2 - B2), 2.0 * B2 * (B2 - A2)];

/// One of the matrices, applied to a line of I floats.
pub trait Line<const I: usize, const O: usize> {
    /// The product; to be `#[inline(always)]`.
    fn apply(line: [f32; I]) -> [f32; O];
}

/// `Bᵀ d`
pub struct Input;

impl Line<WINDOW, WINDOW> for Input {
    #[inline(always)]
    fn apply(d: [f32; WINDOW]) -> [f32; WINDOW] {
        let (even_a, odd_a) = (d[4] - B2 * d[2], A * (d[3] - B2 * d[1]));
        let (even_b, odd_b) = (d[4] - A2 * d[2], B * (d[3] - A2 * d[1]));
        let whole = |from: usize| (d[from + 4] - (A2 + B2) * d[from + 2]) + A2 * B2 * d[from];
        [whole(0), even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, whole(1)]
    }
}

/// `Aᵀ m`
pub struct Output;

impl Line<WINDOW, SIDE> for Output {
    #[inline(always)]
    fn apply(m: [f32; WINDOW]) -> [f32; SIDE] {
        let (even_a, odd_a) = (m[1] + m[2], m[1] - m[2]);
        let (even_b, odd_b) = (m[3] + m[4], m[3] - m[4]);
        [
            m[0] + (even_a + even_b),
            A * odd_a + B * odd_b,
            A2 * even_a + B2 * even_b,
            (A3 * odd_a + B3 * odd_b) + m[5],
        ]
    }
}

/// `A e`
pub struct Error;

impl Line<SIDE, WINDOW> for Error {
    #[inline(always)]
    fn apply(e: [f32; SIDE]) -> [f32; WINDOW] {
        let (even_a, odd_a) = (e[0] + A2 * e[2], A * e[1] + A3 * e[3]);
        let (even_b, odd_b) = (e[0] + B2 * e[2], B * e[1] + B3 * e[3]);
        [e[0], even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, e[3]]
    }
}

/// `G g`
pub struct Weight;

impl Line<KERNEL, WINDOW> for Weight {
    #[inline(always)]
    fn apply(g: [f32; KERNEL]) -> [f32; WINDOW] {
        let (even_a, odd_a) = (g[0] + A2 * g[2], A * g[1]);
        let (even_b, odd_b) = (g[0] + B2 * g[2], B * g[1]);
        let [zero, a, b] = SLOPES;
        [
            g[0] / zero,
            (even_a + odd_a) / a,
            (even_a - odd_a) / a,
            (even_b + odd_b) / b,
            (even_b - odd_b) / b,
            g[2],
        ]
    }
}

/// `Gᵀ m`
pub struct Gradient;

impl Line<WINDOW, KERNEL> for Gradient {
    #[inline(always)]
    fn apply(m: [f32; WINDOW]) -> [f32; KERNEL] {
        let [zero, a, b] = SLOPES;
        let (even_a, odd_a) = ((m[1] + m[2]) / a, (m[1] - m[2]) / a);
        let (even_b, odd_b) = ((m[3] + m[4]) / b, (m[3] - m[4]) / b);
        [m[0] / zero + (even_a + even_b), A * odd_a + B * odd_b, (A2 * even_a + B2 * even_b) + m[5]]
    }
}

/// A block of lanes that is spread over memory: from one row to the next, and from one column to the next.
pub type Steps = (usize, usize);

/// Room for a block that is halfway through [`both_ways`].
pub type Half = [[Lanes; WINDOW]; WINDOW];

/// Applies a matrix along the columns, then along the rows of the block at the start of `from`, and writes the
/// result to the start of `to`.
#[inline(always)]
pub fn both_ways<L: Line<I, O>, const I: usize, const O: usize>(
    (from, from_steps): (&[Lanes], Steps),
    (to, to_steps): (&mut [Lanes], Steps),
    half: &mut Half,
) {
    for x in 0..I {
        let mut column = [Lanes::ZERO; I];
        for y in 0..I {
            column[y] = from[y * from_steps.0 + x * from_steps.1];
        }
        let column = along::<L, I, O>(column);
        for y in 0..O {
            half[y][x] = column[y];
        }
    }
    for y in 0..O {
        let mut row = [Lanes::ZERO; I];
        row.copy_from_slice(&half[y][..I]);
        let row = along::<L, I, O>(row);
        for x in 0..O {
            to[y * to_steps.0 + x * to_steps.1] = row[x];
        }
    }
}

/// The matrix applied in each lane.
#[inline(always)]
fn along<L: Line<I, O>, const I: usize, const O: usize>(from: [Lanes; I]) -> [Lanes; O] {
    let mut to = [Lanes::ZERO; O];
    for n in 0..LANES {
        let mut line = [0.0; I];
        for i in 0..I {
            line[i] = from[i].0[n];
        }
        let line = L::apply(line);
        for o in 0..O {
            to[o].0[n] = line[o];
        }
    }
    to
}
