//! The small matrices of F(4x4, 3x3) and F(4x4, 5x5), each as the sums that multiplying with it comes to.
//!
//! Four outputs of a correlation with K weights take K + 3 products, one for each of the points at which two
//! polynomials are multiplied (Toom and Cook; Lavin and Gray 2016, with other points): 0, pairs ±p, and
//! infinity. In one direction, for inputs d, weights g and outputs y, with W = K + 3,
//!
//! ```text
//! y = Aᵀ [(G g) ∘ (Bᵀ d)]
//! Aᵀ (4, W)   row i: p^i at the finite points p; 1 at infinity in the last row
//! Bᵀ (W, W)   row p: coefficients of M(x) / (x - p), M(x) = x Π (x² - p²); those of M at infinity
//! G  (W, K)   row p: (1, p, p², ..) / M'(p); (0, .., 1) at infinity
//! ```
//!
//! and in two directions each of these works along columns, then along rows. By the chain rule the error by
//! the products is `A e`, that by the inputs `B m`, and the gradient by the weights `Gᵀ m`.
//!
//! The points are such that all entries of A and B are exact, and lie close to 1. For K = 3 this halves the
//! rounding error of Lavin and Gray's ±1 and ±2, to about twice that of direct convolution over 64 channels;
//! for K = 5, of all triples of eighths up to 2 those below came out best, at about six times that.

use crate::network::kernels::{LANES, Lanes};

/// Outputs of a tile along one side.
pub const SIDE: usize = 4;

/// The points of K = 3: 0, ±A, ±B and infinity.
mod three {
    pub const A: f32 = 0.625;
    pub const B: f32 = 1.5;
    pub const A2: f32 = A * A;
    pub const B2: f32 = B * B;
    pub const A3: f32 = A2 * A;
    pub const B3: f32 = B2 * B;

    /// M'(p) at 0, ±A and ±B.
    pub const SLOPES: [f32; 3] = [A2 * B2, 2.0 * A2 * (A2 - B2), 2.0 * B2 * (B2 - A2)];
}

/// The points of K = 5: 0, ±p for each of these, and infinity.
mod five {
    pub const P: [f32; 3] = [0.5, 1.0, 2.0];
    pub const P2: [f32; 3] = [P[0] * P[0], P[1] * P[1], P[2] * P[2]];

    /// The squares of the two others, as their sum and their product.
    pub const OTHERS: [(f32, f32); 3] = [others(1, 2), others(0, 2), others(0, 1)];
    /// M(x) = x^7 - M[0] x^5 + M[1] x^3 - M[2] x.
    pub const M: [f32; 3] =
        [P2[0] + P2[1] + P2[2], P2[0] * OTHERS[0].0 + P2[1] * P2[2], P2[0] * P2[1] * P2[2]];
    /// M'(±p).
    pub const SLOPES: [f32; 3] = [slope(0), slope(1), slope(2)];

    const fn others(q: usize, r: usize) -> (f32, f32) {
        (P2[q] + P2[r], P2[q] * P2[r])
    }

    const fn slope(p: usize) -> f32 {
        let (sum, product) = OTHERS[p];
        2.0 * P2[p] * (P2[p] * P2[p] - sum * P2[p] + product)
    }
}

/// One of the matrices, applied to a line of I floats.
pub trait Line<const I: usize, const O: usize> {
    /// The product; to be `#[inline(always)]`.
    fn apply(line: [f32; I]) -> [f32; O];
}

/// `Bᵀ d`
pub struct Input;

impl Line<6, 6> for Input {
    #[inline(always)]
    fn apply(d: [f32; 6]) -> [f32; 6] {
        use three::{A, A2, B, B2};
        let (even_a, odd_a) = (d[4] - B2 * d[2], A * (d[3] - B2 * d[1]));
        let (even_b, odd_b) = (d[4] - A2 * d[2], B * (d[3] - A2 * d[1]));
        let whole = |from: usize| (d[from + 4] - (A2 + B2) * d[from + 2]) + A2 * B2 * d[from];
        [whole(0), even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, whole(1)]
    }
}

impl Line<8, 8> for Input {
    #[inline(always)]
    fn apply(d: [f32; 8]) -> [f32; 8] {
        let mut points = [0.0; 8];
        for (p, (sum, product)) in five::OTHERS.into_iter().enumerate() {
            let even = (d[6] - sum * d[4]) + product * d[2];
            let odd = five::P[p] * ((d[5] - sum * d[3]) + product * d[1]);
            (points[2 * p + 1], points[2 * p + 2]) = (even + odd, even - odd);
        }
        let [a, b, c] = five::M;
        let whole = |from: usize| (d[from + 6] - a * d[from + 4]) + (b * d[from + 2] - c * d[from]);
        (points[0], points[7]) = (whole(0), whole(1));
        points
    }
}

/// `B m`
pub struct Below;

impl Line<6, 6> for Below {
    #[inline(always)]
    fn apply(m: [f32; 6]) -> [f32; 6] {
        use three::{A, A2, B, B2};
        let (even_a, odd_a) = (m[1] + m[2], A * (m[1] - m[2]));
        let (even_b, odd_b) = (m[3] + m[4], B * (m[3] - m[4]));
        [
            A2 * B2 * m[0],
            A2 * B2 * m[5] - (B2 * odd_a + A2 * odd_b),
            -(A2 + B2) * m[0] - (B2 * even_a + A2 * even_b),
            (odd_a + odd_b) - (A2 + B2) * m[5],
            m[0] + (even_a + even_b),
            m[5],
        ]
    }
}

impl Line<8, 8> for Below {
    #[inline(always)]
    fn apply(m: [f32; 8]) -> [f32; 8] {
        let [a, b, c] = five::M;
        let mut below = [-c * m[0], -c * m[7], b * m[0], b * m[7], -a * m[0], -a * m[7], m[0], m[7]];
        for (p, (sum, product)) in five::OTHERS.into_iter().enumerate() {
            let even = m[2 * p + 1] + m[2 * p + 2];
            let odd = five::P[p] * (m[2 * p + 1] - m[2 * p + 2]);
            below[1] += product * odd;
            below[2] += product * even;
            below[3] -= sum * odd;
            below[4] -= sum * even;
            below[5] += odd;
            below[6] += even;
        }
        below
    }
}

/// `Aᵀ m`
pub struct Output;

impl Line<6, SIDE> for Output {
    #[inline(always)]
    fn apply(m: [f32; 6]) -> [f32; SIDE] {
        use three::{A, A2, A3, B, B2, B3};
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

impl Line<8, SIDE> for Output {
    #[inline(always)]
    fn apply(m: [f32; 8]) -> [f32; SIDE] {
        let (mut even, mut odd) = ([0.0; 2], [0.0; 2]);
        for p in 0..3 {
            let (sum, difference) = (m[2 * p + 1] + m[2 * p + 2], five::P[p] * (m[2 * p + 1] - m[2 * p + 2]));
            even[0] += sum;
            even[1] += five::P2[p] * sum;
            odd[0] += difference;
            odd[1] += five::P2[p] * difference;
        }
        [m[0] + even[0], odd[0], even[1], odd[1] + m[7]]
    }
}

/// `A e`
pub struct Error;

impl Line<SIDE, 6> for Error {
    #[inline(always)]
    fn apply(e: [f32; SIDE]) -> [f32; 6] {
        use three::{A, A2, A3, B, B2, B3};
        let (even_a, odd_a) = (e[0] + A2 * e[2], A * e[1] + A3 * e[3]);
        let (even_b, odd_b) = (e[0] + B2 * e[2], B * e[1] + B3 * e[3]);
        [e[0], even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, e[3]]
    }
}

impl Line<SIDE, 8> for Error {
    #[inline(always)]
    fn apply(e: [f32; SIDE]) -> [f32; 8] {
        let mut points = [0.0; 8];
        for p in 0..3 {
            let (even, odd) = (e[0] + five::P2[p] * e[2], five::P[p] * (e[1] + five::P2[p] * e[3]));
            (points[2 * p + 1], points[2 * p + 2]) = (even + odd, even - odd);
        }
        (points[0], points[7]) = (e[0], e[3]);
        points
    }
}

/// `G g`
pub struct Weight;

impl Line<3, 6> for Weight {
    #[inline(always)]
    fn apply(g: [f32; 3]) -> [f32; 6] {
        use three::{A, A2, B, B2, SLOPES};
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

impl Line<5, 8> for Weight {
    #[inline(always)]
    fn apply(g: [f32; 5]) -> [f32; 8] {
        let mut points = [0.0; 8];
        for (p, slope) in five::SLOPES.into_iter().enumerate() {
            let square = five::P2[p];
            let even = (g[0] + square * g[2]) + square * square * g[4];
            let odd = five::P[p] * (g[1] + square * g[3]);
            (points[2 * p + 1], points[2 * p + 2]) = ((even + odd) / slope, (even - odd) / slope);
        }
        (points[0], points[7]) = (g[0] / -five::M[2], g[4]);
        points
    }
}

/// `Gᵀ m`
pub struct Gradient;

impl Line<6, 3> for Gradient {
    #[inline(always)]
    fn apply(m: [f32; 6]) -> [f32; 3] {
        use three::{A, A2, B, B2, SLOPES};
        let [zero, a, b] = SLOPES;
        let (even_a, odd_a) = ((m[1] + m[2]) / a, (m[1] - m[2]) / a);
        let (even_b, odd_b) = ((m[3] + m[4]) / b, (m[3] - m[4]) / b);
        [m[0] / zero + (even_a + even_b), A * odd_a + B * odd_b, (A2 * even_a + B2 * even_b) + m[5]]
    }
}

impl Line<8, 5> for Gradient {
    #[inline(always)]
    fn apply(m: [f32; 8]) -> [f32; 5] {
        let mut taps = [m[0] / -five::M[2], 0.0, 0.0, 0.0, m[7]];
        for (p, slope) in five::SLOPES.into_iter().enumerate() {
            let square = five::P2[p];
            let even = (m[2 * p + 1] + m[2 * p + 2]) / slope;
            let odd = five::P[p] * ((m[2 * p + 1] - m[2 * p + 2]) / slope);
            taps[0] += even;
            taps[1] += odd;
            taps[2] += square * even;
            taps[3] += square * odd;
            taps[4] += square * square * even;
        }
        taps
    }
}

/// A block of lanes that is spread over memory: from one row to the next, and from one column to the next.
pub type Steps = (usize, usize);

/// A block that is halfway through [`both_ways`], or copied from where it lies.
pub type Block<const W: usize> = [[Lanes; W]; W];

/// Applies a matrix along the columns, then along the rows of the block at the start of `from`, and writes the
/// result to the start of `to`.
#[inline(always)]
pub fn both_ways<L: Line<I, O>, const I: usize, const O: usize, const W: usize>(
    (from, from_steps): (&[Lanes], Steps),
    (to, to_steps): (&mut [Lanes], Steps),
    half: &mut Block<W>,
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
