//! Faults of weights.

use std::borrow::Cow;

use ndarray::{Array2, Array3};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::Fault;
use crate::backend::mapping::{Core, LayerMapping};
use crate::backend::profile::format::{Compare, WeightFormat};
use crate::backend::simulate::circuit::{Circuit, Weights};
use crate::network::Connectivity;
use crate::seed::Stream;

/// Number of parts of an integer weight's unit: a varied weight is rounded to 1/256.
const PARTS: i64 = 256;

/// The encoding of a weight on the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WeightEncoding {
    /// A number without bits.
    Exact,
    /// Two's complement with this number of bits.
    Complement(u8),
    /// Two bits of a crossbar, one for 1 and one for -1.
    PlusMinus,
}

impl WeightEncoding {
    /// The encoding of weights in `format` with this number of bits; `None`: exact weights.
    pub fn new(format: &WeightFormat, bits: Option<u8>) -> Self {
        match (format, bits) {
            (_, None) => Self::Exact,
            (WeightFormat::Palette { .. }, Some(2)) => Self::PlusMinus,
            (_, Some(bits)) => Self::Complement(bits),
        }
    }

    /// The largest code; 0 for exact weights, which have none.
    fn largest(self) -> i64 {
        match self {
            Self::Exact => 0,
            Self::PlusMinus => 1,
            Self::Complement(bits) => (1 << (bits - 1)) - 1,
        }
    }

    /// The weight `code` after each bit for which `flips` returns true was flipped.
    pub fn flipped(self, code: i64, mut flips: impl FnMut() -> bool) -> i64 {
        match self {
            Self::Exact => code,
            Self::PlusMinus => {
                let (plus, minus) = ((code > 0) ^ flips(), (code < 0) ^ flips());
                i64::from(plus) - i64::from(minus)
            }
            Self::Complement(bits) => {
                let mask = (0..bits).fold(0, |mask, bit| mask | i64::from(flips()) << bit);
                let unused = i64::BITS - u32::from(bits);
                (code ^ mask) << unused >> unused
            }
        }
    }
}

/// Applies `fault` to the weights at `rate`.
pub(super) fn damage(
    circuit: &mut Circuit<'_>,
    kernels: &KernelStorage<'_>,
    encoding: WeightEncoding,
    fault: Fault,
    rate: f64,
    stream: &mut Stream,
) {
    change(circuit, kernels, |code| match fault {
        Fault::BitFlip => encoding.flipped(code, || stream.random::<f64>() < rate),
        _ if stream.random::<f64>() >= rate => code,
        Fault::StuckAtMax => encoding.largest(),
        _ => 0,
    });
}

/// Multiplies each weight by a random factor from a normal distribution around 1. If weights have
/// `bits`, weights and thresholds then count in parts, 1/256 of their unit.
pub(super) fn vary(
    circuit: &mut Circuit<'_>,
    kernels: &KernelStorage<'_>,
    bits: bool,
    deviation: f64,
    stream: &mut Stream,
) {
    if matches!(circuit.layer.connectivity, Connectivity::Pool { .. }) {
        return;
    }
    let parts = if bits { PARTS } else { 1 };
    change(circuit, kernels, |code| {
        let normal: f64 = StandardNormal.sample(stream);
        ((code * parts) as f64 * (1.0 + deviation * normal)).round() as i64
    });
    let compare = circuit.compare;
    circuit.thresholds.iter_mut().for_each(|threshold| *threshold = refined(*threshold, parts, compare));
}

/// Converts `threshold`, the least sum that fires, from units of the integer weights to `parts` per
/// unit.
///
/// A chip that compares with `>` fires one part above the last whole sum that does not fire.
fn refined(threshold: i64, parts: i64, compare: Compare) -> i64 {
    match compare {
        Compare::Ge => threshold.saturating_mul(parts),
        Compare::Gt => threshold.saturating_sub(1).saturating_mul(parts).saturating_add(1),
    }
}

/// Where the kernels of a convolution are stored.
pub(super) struct KernelStorage<'a> {
    pub map: &'a LayerMapping,
    /// Whether each core holds a whole layer, with one kernel.
    pub whole_layers: bool,
}

impl KernelStorage<'_> {
    /// Whether the positions on this core share one kernel.
    fn are_shared(&self, core: &Core) -> bool {
        self.whole_layers || core.synapse_bits < core.unshared_bits
    }
}

/// Replaces every stored weight by `new` of it; weights of a pool stay.
fn change(circuit: &mut Circuit<'_>, kernels: &KernelStorage<'_>, mut new: impl FnMut(i64) -> i64) {
    let layer = circuit.layer;
    let (elements, channels) = layer.weights.dim();
    circuit.weights = match layer.connectivity {
        Connectivity::Pool { .. } => return,
        Connectivity::Dense { .. } => {
            let weights = Array2::from_shape_fn((elements, channels), |place| new(layer.weights[place]));
            Weights::Shared(Cow::Owned(weights))
        }
        Connectivity::Convolution { .. } => {
            let mut kernel =
                || Array2::from_shape_fn((elements, channels), |place| new(layer.weights[place]));
            let cores = kernels.map.cores.iter();
            let shared: Vec<Option<Array2<i64>>> =
                cores.map(|core| kernels.are_shared(core).then(&mut kernel)).collect();
            let of = |(position, element, channel)| match &shared
                [kernels.map.core_of(position * channels + channel)]
            {
                Some(kernel) => kernel[[element, channel]],
                None => new(layer.weights[[element, channel]]),
            };
            Weights::PerPosition(Array3::from_shape_fn(
                (layer.connectivity.positions(), elements, channels),
                of,
            ))
        }
    };
}
