//! Weights that are not what was written.

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

/// Parts of a code that a varied weight is rounded to.
const PARTS: i64 = 256;

/// How a weight is kept on the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WeightEncoding {
    /// As a number without bits.
    Exact,
    /// In two's complement of so many bits.
    Complement(u8),
    /// As two bits of a crossbar, one that counts 1 and one that counts -1.
    PlusMinus,
}

impl WeightEncoding {
    pub fn new(format: &WeightFormat, bits: Option<u8>) -> Self {
        match (format, bits) {
            (_, None) => Self::Exact,
            (WeightFormat::Palette { .. }, Some(2)) => Self::PlusMinus,
            (_, Some(bits)) => Self::Complement(bits),
        }
    }

    /// The largest weight; of exact ones there is none.
    fn largest(self) -> i64 {
        match self {
            Self::Exact => 0,
            Self::PlusMinus => 1,
            Self::Complement(bits) => (1 << (bits - 1)) - 1,
        }
    }

    /// The weight `code` once each of its bits was turned if `turns` says so.
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

/// Breaks weights as `fault` does.
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

/// Multiplies each weight by a normal factor; codes with `bits` are refined, so that what is between two counts.
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

/// The least sum in parts at which a neuron fires whose least whole sum is `threshold`: a chip that fires above
/// the number before it does so from the next part on.
fn refined(threshold: i64, parts: i64, compare: Compare) -> i64 {
    match compare {
        Compare::Ge => threshold.saturating_mul(parts),
        Compare::Gt => threshold.saturating_sub(1).saturating_mul(parts).saturating_add(1),
    }
}

/// Where the weights of a convolution are kept.
pub(super) struct KernelStorage<'a> {
    pub map: &'a LayerMapping,
    /// Whether cores hold whole layers, with one kernel each.
    pub whole_layers: bool,
}

impl KernelStorage<'_> {
    /// Whether the sites on this core have one kernel among them.
    fn are_shared(&self, core: &Core) -> bool {
        self.whole_layers || core.synapse_bits < core.unshared_bits
    }
}

/// Replaces every weight, memory by memory; those of a pool stay.
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
