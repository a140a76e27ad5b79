//! Quantization: from a network of real numbers to the integers that a chip holds.
//!
//! A neuron with weights w, inputs x and threshold t fires if `w . x >= t`. Its weights become
//! integers `q = round(w / s)` for a scale s. The neuron then fires if `q . x >= ceil(t / s)`. If
//! the weights are exact multiples of s, both decide alike. The threshold takes in the scale, so
//! each channel can have its own. A chip that compares with `>` gets that integer threshold minus
//! one. The single weight of a pool stays 1.

pub(super) mod scale;
pub(super) mod threshold;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::{DeployError, Limit};
use super::profile::ChipProfile;
use super::profile::format::{Compare, NeuronFormat, WeightFormat};
use crate::network::{BinaryLayer, BinaryNetwork, Connectivity, Key};
use scale::Scale;

/// Options for deploying a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeployOptions {
    /// Bits of a weight, sign included. `None`: the chip's default; weights are exact on a chip
    /// without limits.
    pub weight_bits: Option<u8>,
    /// The weights that share one scale.
    pub granularity: Granularity,
}

/// The weights that share one scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Granularity {
    /// All weights of a layer.
    Layer,
    /// The weights of one channel, which is an output neuron of a dense layer, or a channel of a
    /// convolution. The rounding error is smaller, at no cost to the chip.
    #[default]
    Channel,
}

/// A layer as the chip holds it. A neuron of channel c fires if its sum `weights[.., c] . inputs`
/// passes `thresholds[c]`.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerLayer {
    /// The connections between inputs and neurons.
    pub connectivity: Connectivity,
    /// Sources of the layer: 0 is the network's input, l the spikes of layer l - 1.
    pub sources: Vec<usize>,
    /// (elements, channels)
    pub weights: Array2<i64>,
    /// (channels), in units of the weights; compared as the chip compares.
    pub thresholds: Array1<i64>,
    /// (channels): the real weight that an integer weight of 1 stands for.
    pub scales: Array1<f64>,
    /// Bits by which the chip shifts the weights of this layer left into the membrane.
    pub shift: u8,
    /// The largest value of one input, added up over all sources.
    pub input_max: u8,
    /// Root mean square of the rounding errors of the weights, divided by the root mean square of
    /// the weights.
    pub weight_error: f64,
    /// Number of neurons that got the nearest threshold because the chip lacks the exact one.
    pub thresholds_changed: usize,
}

/// A network as the chip holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerNetwork {
    /// The layers from the input to the output neurons.
    pub layers: Vec<IntegerLayer>,
    /// The comparison that decides whether a neuron fires.
    pub compare: Compare,
    /// Bits of a weight, sign included; `None`: weights are exact.
    pub weight_bits: Option<u8>,
    /// The assignment of output neurons to classes.
    pub key: Key,
}

impl IntegerNetwork {
    /// Quantizes `network` for the chip of `profile`.
    ///
    /// # Errors
    /// The chip has no weights of this number of bits, its membrane potential cannot hold every
    /// sum, or the network is malformed.
    pub fn new(
        network: &BinaryNetwork,
        profile: &ChipProfile,
        options: &DeployOptions,
    ) -> Result<Self, DeployError> {
        network.check()?;
        let weight_bits = weight_bits(profile, options)?;
        let quantizer = Quantizer { profile, weight_bits, granularity: options.granularity };
        let layer = |(index, layer): (usize, &BinaryLayer)| {
            quantizer.layer(index, layer, layer.input_max(network.input_max))
        };
        let layers = network.layers.iter().enumerate().map(layer).collect::<Result<_, _>>()?;
        Ok(Self { layers, compare: profile.neuron.compare, weight_bits, key: network.key.clone() })
    }
}

impl IntegerNetwork {
    /// The number of weights and thresholds. Pools have none.
    pub fn parameters(&self) -> usize {
        let layers =
            self.layers.iter().filter(|layer| !matches!(layer.connectivity, Connectivity::Pool { .. }));
        layers.map(|layer| layer.weights.len() + layer.thresholds.len()).sum()
    }
}

impl IntegerLayer {
    /// The number of inputs I.
    pub fn inputs(&self) -> usize {
        self.connectivity.input().len()
    }

    /// The number of neurons O.
    pub fn neurons(&self) -> usize {
        self.connectivity.output().len()
    }

    /// The number of channels: neurons of one channel share their weights.
    pub(crate) fn channels(&self) -> usize {
        self.weights.ncols()
    }

    /// (channels): the least and the greatest sum that inputs can make in the neurons of each
    /// channel.
    ///
    /// Partial sums stay within these bounds. Neurons whose window reaches beyond the border may
    /// not get as far.
    pub(crate) fn reach(&self) -> Vec<(i64, i64)> {
        self.reach_of(self.weights.view())
    }

    /// The bounds of [`reach`](Self::reach) for other `weights`, (elements, channels).
    pub(crate) fn reach_of(&self, weights: ArrayView2<'_, i64>) -> Vec<(i64, i64)> {
        let input_max = i64::from(self.input_max) * self.connectivity.inputs_per_element() as i64;
        let mut reach = vec![(0, 0); weights.ncols()];
        for row in weights.rows() {
            for (bounds, &weight) in reach.iter_mut().zip(row) {
                bounds.0 += weight.min(0) * input_max;
                bounds.1 += weight.max(0) * input_max;
            }
        }
        reach
    }
}

/// The bits of a weight: `options.weight_bits` if the chip has them, or the chip's default.
pub(super) fn weight_bits(profile: &ChipProfile, options: &DeployOptions) -> Result<Option<u8>, DeployError> {
    let (min, max) = match profile.weights {
        WeightFormat::Exact => (2, 16),
        WeightFormat::Integer { min_bits, max_bits, .. } => (min_bits, max_bits),
        WeightFormat::Palette { types, .. } => (2, types),
    };
    match options.weight_bits {
        Some(bits) if !(min..=max).contains(&bits) => {
            Err(DeployError::WeightBits { chip: profile.name.clone(), bits, min, max })
        }
        asked => Ok(asked.or(profile.weights.default_bits())),
    }
}

struct Quantizer<'a> {
    profile: &'a ChipProfile,
    weight_bits: Option<u8>,
    granularity: Granularity,
}

impl Quantizer<'_> {
    fn layer(&self, index: usize, layer: &BinaryLayer, input_max: u8) -> Result<IntegerLayer, DeployError> {
        let grid = Grid::of(index, layer, input_max)?;
        let scales = self.scales(&grid.weights);
        let largest_input = i64::from(input_max) * layer.connectivity.inputs_per_element() as i64;
        let scales = self.with_thresholds_in_range(scales, &grid, largest_input);
        let thresholds = scales.iter().zip(&grid.thresholds).map(|(scale, &t)| scale.threshold(t)).collect();
        let grid_step = libm::scalbn(1.0, layer.exponent);
        let mut integers = IntegerLayer {
            connectivity: layer.connectivity,
            sources: layer.sources.clone(),
            weights: coded(&grid.weights, &scales),
            thresholds,
            scales: scales.iter().map(|scale| scale.size() * grid_step).collect(),
            shift: 0,
            input_max,
            weight_error: weight_error(&grid.weights, &scales),
            thresholds_changed: 0,
        };
        self.fit_membrane(index, &mut integers)?;
        Ok(integers)
    }

    /// One scale for each channel.
    fn scales(&self, weights: &Array2<i64>) -> Vec<Scale> {
        let largest_code = self.weight_bits.map(|bits| (1 << (bits - 1)) - 1);
        match self.granularity {
            Granularity::Layer => vec![Scale::choose(weights.iter(), largest_code); weights.nrows()],
            Granularity::Channel => {
                weights.rows().into_iter().map(|row| Scale::choose(row.into_iter(), largest_code)).collect()
            }
        }
    }

    /// The scales, made coarser where an integer threshold would exceed the chip's largest one.
    fn with_thresholds_in_range(&self, scales: Vec<Scale>, grid: &Grid, largest_input: i64) -> Vec<Scale> {
        let (Some(bits), Some(format)) = (self.weight_bits, &self.profile.neuron.threshold) else {
            return scales;
        };
        let largest = (format.largest() >> self.shifts().0) as f64;
        let least_step = |(row, &threshold): (ArrayView1<'_, i64>, &f64)| {
            // A neuron whose threshold is above every sum never fires, so a smaller such threshold
            // is as good.
            let reach = row.iter().map(|&weight| weight.max(0) * largest_input).sum::<i64>() as f64 + 1.0;
            // A quotient that is rounded down would need one unit more than the register has.
            threshold.min(reach) / largest * (1.0 + 4.0 * f64::EPSILON)
        };
        let mut steps: Vec<f64> =
            grid.weights.rows().into_iter().zip(&grid.thresholds).map(least_step).collect();
        if self.granularity == Granularity::Layer {
            let coarsest = steps.iter().copied().fold(0.0, f64::max);
            steps.fill(coarsest);
        }
        let largest_code = (1 << (bits - 1)) - 1;
        let coarser = |(scale, step): (Scale, f64)| match step > scale.size() {
            true => Scale::Step { step, largest_code },
            false => scale,
        };
        scales.into_iter().zip(steps).map(coarser).collect()
    }

    /// Chooses by how many bits the layer's weights are shifted left before they are added to the
    /// membrane potential. Then gives every neuron a threshold that the chip has.
    ///
    /// Takes the largest shift for which sums fit the membrane and thresholds the register, up to the
    /// shift of the register. A larger shift keeps more thresholds exact, but only up to that one.
    fn fit_membrane(&self, index: usize, layer: &mut IntegerLayer) -> Result<(), DeployError> {
        let reach = layer.reach();
        let neuron = &self.profile.neuron;
        let (least, best) = self.shifts();
        let widest = reach.iter().map(|&(low, high)| high.max(-low)).max().unwrap_or(0);
        let limit = neuron.membrane_bits.map_or(1 << 62, |bits| (1 << (bits - 1)) - 1);
        let highest = layer.thresholds.iter().zip(&reach).map(|(&t, &(low, high))| t.clamp(low, high + 1));
        let highest = highest.max().unwrap_or(0);
        // Scales are chosen such that thresholds fit at the least shift.
        let largest = neuron.threshold.as_ref().map_or(i64::MAX, |threshold| threshold.largest());
        let fits = |&shift: &u8| widest <= limit >> shift && (shift == least || highest <= largest >> shift);
        layer.shift = (least..=best).rev().find(fits).ok_or_else(|| DeployError::TooLarge {
            chip: self.profile.name.clone(),
            limit: Limit::MembraneBits,
            needed: u64::from(membrane_bits(widest)) + u64::from(least),
            available: neuron.membrane_bits.map_or(64, u64::from),
            layer: Some(index),
        })?;
        set_thresholds(layer, &reach, neuron);
        Ok(())
    }

    /// The least shift of the chip, and the best one: it keeps thresholds exact, or nearest to it.
    fn shifts(&self) -> (u8, u8) {
        let register = self.profile.neuron.threshold.as_ref().map_or(0, |threshold| threshold.shift);
        match self.profile.weights {
            WeightFormat::Integer { shift: [least, greatest], .. } => {
                (least, register.clamp(least, greatest))
            }
            WeightFormat::Exact | WeightFormat::Palette { .. } => (0, 0),
        }
    }
}

/// Bits, sign included, that hold every whole number from `-widest` to `widest`.
fn membrane_bits(widest: i64) -> u32 {
    i64::BITS - widest.leading_zeros() + 1
}

/// Clamps thresholds to `reach`, the range of possible sums, which changes no decision. Then rounds
/// them to thresholds that the chip has.
fn set_thresholds(layer: &mut IntegerLayer, reach: &[(i64, i64)], neuron: &NeuronFormat) {
    let less = match neuron.compare {
        Compare::Ge => 0,
        Compare::Gt => 1,
    };
    let positions = layer.connectivity.positions();
    for (threshold, &(low, high)) in layer.thresholds.iter_mut().zip(reach) {
        // A threshold below the least sum always fires, one above the greatest never, however far
        // away.
        let ideal = (*threshold).clamp(low, high + 1) - less;
        let nearest = match &neuron.threshold {
            Some(format) => unshifted(format.nearest(ideal << layer.shift), layer.shift, neuron.compare),
            None => ideal,
        };
        layer.thresholds_changed += if nearest == ideal { 0 } else { positions };
        *threshold = nearest;
    }
}

/// The threshold in units of the weights that decides like `threshold` in units of the membrane.
fn unshifted(threshold: i64, shift: u8, compare: Compare) -> i64 {
    match compare {
        Compare::Ge => -(-threshold >> shift),
        Compare::Gt => threshold >> shift,
    }
}

/// (elements, channels): integer codes of `weights`, (channels, elements).
fn coded(weights: &Array2<i64>, scales: &[Scale]) -> Array2<i64> {
    let (channels, elements) = weights.dim();
    Array2::from_shape_fn((elements, channels), |(element, channel)| {
        scales[channel].code(weights[[channel, element]])
    })
}

fn weight_error(weights: &Array2<i64>, scales: &[Scale]) -> f64 {
    let (mut errors, mut squares) = (0.0, 0.0);
    for (row, scale) in weights.rows().into_iter().zip(scales) {
        errors += row.iter().map(|&weight| scale.error(weight).powi(2)).sum::<f64>();
        squares += row.iter().map(|&weight| (weight as f64).powi(2)).sum::<f64>();
    }
    if squares > 0.0 { (errors / squares).sqrt() } else { 0.0 }
}

/// A layer in whole multiples of its grid.
struct Grid {
    /// (channels, elements)
    weights: Array2<i64>,
    /// (channels): whole numbers, possibly far outside the reach of sums.
    thresholds: Vec<f64>,
}

impl Grid {
    /// The weights and thresholds of `layer` as whole multiples of its grid, a power of 2.
    ///
    /// # Errors
    /// A number is not a whole multiple of the grid, or sums are too large to be exact.
    fn of(index: usize, layer: &BinaryLayer, input_max: u8) -> Result<Self, DeployError> {
        let malformed = |problem: String| DeployError::Malformed { layer: index, problem };
        let off_grid = |what: &str, value: f64| {
            malformed(format!("{what} {value} is not a whole multiple of 2^{}", layer.exponent))
        };
        let whole = |what: &str, value: f64| {
            let multiple = libm::scalbn(value, layer.exponent.saturating_neg());
            // A number far below the grid becomes 0, which is whole, but not that number.
            let is_whole = multiple.is_finite() && multiple.fract() == 0.0;
            let exact = is_whole && libm::scalbn(multiple, layer.exponent) == value;
            if exact { Ok(multiple) } else { Err(off_grid(what, value)) }
        };
        let thresholds = layer.thresholds.iter().map(|&t| whole("threshold", t)).collect::<Result<_, _>>()?;
        let weights = layer.weights.iter().map(|&w| whole("weight", w)).collect::<Result<Vec<f64>, _>>()?;
        let weights = Array2::from_shape_vec(layer.weights.dim(), weights).expect("one number a weight");
        let largest = f64::from(input_max) * layer.connectivity.inputs_per_element() as f64;
        let sums_are_exact = |row: ArrayView1<'_, f64>| {
            row.iter().map(|weight| weight.abs()).sum::<f64>() * largest < 2f64.powi(53)
        };
        match weights.rows().into_iter().position(|row| !sums_are_exact(row)) {
            Some(neuron) => Err(malformed(format!("sums of neuron {neuron} need more than 53 bits"))),
            None => Ok(Self { weights: weights.mapv(|weight| weight as i64), thresholds }),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::fixtures::{Random, by_hand, full};
    use super::*;
    use crate::network::{Volume, Window};

    fn quantized(
        network: &BinaryNetwork,
        chip: &str,
        options: &DeployOptions,
    ) -> Result<IntegerNetwork, DeployError> {
        IntegerNetwork::new(network, &ChipProfile::builtin(chip).unwrap(), options)
    }

    fn bits(weight_bits: u8, granularity: Granularity) -> DeployOptions {
        DeployOptions { weight_bits: Some(weight_bits), granularity }
    }

    #[test]
    fn a_chip_that_fires_above_its_threshold_gets_one_less() {
        let options = DeployOptions::default();
        let at = quantized(&by_hand(), "ideal", &options).unwrap();
        let above = quantized(&by_hand(), "loihi1", &options).unwrap();
        assert_eq!(at.layers[1].weights, array![[1, 1], [0, 1]]);
        assert_eq!((at.compare, &at.layers[1].thresholds), (Compare::Ge, &array![1, 2]));
        assert_eq!((above.compare, &above.layers[1].thresholds), (Compare::Gt, &array![0, 1]));
    }

    #[test]
    fn a_small_register_gets_a_smaller_shift() {
        // Thresholds of 200 exceed a register of 6 bits at its own shift of 6, not at a shift of 0.
        let mut profile = ChipProfile::builtin("loihi1").unwrap();
        profile.neuron.threshold.as_mut().unwrap().bits = 6;
        let mut network = full(&[300, 2]);
        network.layers[0].thresholds = array![200.0, 1.0];
        let layer = &IntegerNetwork::new(&network, &profile, &bits(8, Granularity::Layer)).unwrap().layers[0];
        assert_eq!((layer.shift, &layer.thresholds, layer.thresholds_changed), (4, &array![199, 0], 0));
        profile.neuron.threshold.as_mut().unwrap().bits = 8;
        let layer = &IntegerNetwork::new(&network, &profile, &bits(8, Granularity::Layer)).unwrap().layers[0];
        assert_eq!((layer.shift, &layer.thresholds, layer.thresholds_changed), (6, &array![199, 0], 0));
    }

    #[test]
    fn numbers_far_below_the_grid_are_refused() {
        for exponent in [1100, 5000, i32::MAX] {
            let mut network = by_hand();
            network.layers[0].exponent = exponent;
            let error = quantized(&network, "ideal", &DeployOptions::default()).unwrap_err().to_string();
            assert_eq!(error, format!("layer 0: threshold 1 is not a whole multiple of 2^{exponent}"));
        }
        let mut network = by_hand();
        network.layers[0].exponent = i32::MIN;
        assert!(quantized(&network, "ideal", &DeployOptions::default()).is_err());
    }

    #[test]
    fn thresholds_out_of_reach_are_clamped_to_it() {
        let mut network = by_hand();
        network.layers[0].thresholds = array![1e300, -1e300];
        let layer = &quantized(&network, "ideal", &DeployOptions::default()).unwrap().layers[0];
        assert_eq!((&layer.thresholds, layer.thresholds_changed), (&array![3, -1], 0));
    }

    #[test]
    fn a_scale_for_each_channel_is_closer_than_one_for_the_layer() {
        let mut random =
            Random { widths: vec![30], classes: 2, input_max: 1, largest: 1000, exponent: -10, seed: 1 }
                .network();
        random.layers[0].weights.row_mut(0).mapv_inplace(|weight| (weight * 64.0).round() / 1024.0);
        let error =
            |granularity| quantized(&random, "loihi1", &bits(4, granularity)).unwrap().layers[0].weight_error;
        assert!(0.0 < error(Granularity::Channel) && error(Granularity::Channel) < error(Granularity::Layer));
    }

    #[test]
    fn scales_give_the_weights_back_within_half_a_step() {
        let random =
            Random { widths: vec![50], classes: 2, input_max: 1, largest: 1000, exponent: -10, seed: 2 };
        let network = random.network();
        let integers = &quantized(&network, "ideal", &bits(8, Granularity::Channel)).unwrap().layers[0];
        for ((output, input), weight) in network.layers[0].weights.indexed_iter() {
            let scale = integers.scales[output];
            let code = integers.weights[[input, output]];
            assert!(code.abs() == 127 || (code as f64 * scale - weight).abs() <= scale * 0.500_001);
        }
    }

    #[test]
    fn sums_up_to_the_membrane_fit_and_one_more_does_not() {
        let mut profile = ChipProfile::builtin("loihi1").unwrap();
        profile.neuron.membrane_bits = Some(8);
        let deploy = |inputs| IntegerNetwork::new(&full(&[inputs, 2]), &profile, &DeployOptions::default());
        assert_eq!(deploy(1).unwrap().layers[0].shift, 6);
        assert_eq!(deploy(2).unwrap().layers[0].shift, 5);
        assert_eq!(deploy(127).unwrap().layers[0].shift, 0);
        let message = deploy(128).unwrap_err().to_string();
        assert_eq!(message, "too large for loihi1: layer 0 needs 9 membrane bits, the chip has 8");
    }

    #[test]
    fn a_threshold_that_the_chip_cannot_have_is_counted() {
        let mut profile = ChipProfile::builtin("loihi1").unwrap();
        profile.neuron.threshold.as_mut().unwrap().bias = None;
        let mut network = full(&[9, 2]);
        network.layers[0].weights.fill(-1.0);
        network.layers[0].thresholds = array![-3.0, 1.0];
        let layer = &IntegerNetwork::new(&network, &profile, &DeployOptions::default()).unwrap().layers[0];
        assert_eq!((&layer.thresholds, layer.thresholds_changed), (&array![0, 0], 1));
    }

    #[test]
    fn weights_are_coarser_where_the_largest_threshold_would_be_too_small() {
        // Sums have up to 20 inputs; half of the neurons have thresholds above 127.
        let random =
            Random { widths: vec![40], classes: 5, input_max: 1, largest: 100, exponent: 0, seed: 3 };
        let mut network = random.network();
        network.layers[0].thresholds = Array1::from_shape_fn(10, |neuron| 60.0 * (neuron as f64 + 1.0));
        for granularity in [Granularity::Layer, Granularity::Channel] {
            let layer = &quantized(&network, "risp-127", &bits(8, granularity)).unwrap().layers[0];
            assert_eq!(layer.thresholds_changed, 0, "{granularity:?}");
            assert!(layer.thresholds.iter().all(|threshold| (1..=127).contains(threshold)));
            assert!(layer.weights.iter().all(|weight| weight.abs() <= 127));
            let real = |channel: usize| layer.thresholds[channel] as f64 * layer.scales[channel];
            assert!((real(9) - 600.0).abs() <= layer.scales[9], "{}", real(9));
        }
        let by_channel = &quantized(&network, "risp-127", &bits(8, Granularity::Channel)).unwrap().layers[0];
        assert_eq!(by_channel.scales[0], 1.0);
    }

    #[test]
    fn bits_that_the_chip_does_not_have_are_refused() {
        let message = |chip, weight_bits| {
            quantized(&by_hand(), chip, &bits(weight_bits, Granularity::Layer)).unwrap_err().to_string()
        };
        assert_eq!(message("loihi1", 10), "weight_bits = 10: loihi1 takes 2 to 9");
        assert_eq!(message("truenorth", 1), "weight_bits = 1: truenorth takes 2 to 4");
    }

    #[test]
    fn a_malformed_network_is_refused() {
        let message = |change: fn(&mut BinaryNetwork)| {
            let mut network = by_hand();
            change(&mut network);
            quantized(&network, "ideal", &DeployOptions::default()).unwrap_err().to_string()
        };
        assert_eq!(
            message(|network| network.layers[0].weights[[0, 0]] = 0.5),
            "layer 0: weight 0.5 is not a whole multiple of 2^0"
        );
        assert_eq!(
            message(|network| network.layers[1].thresholds[0] = f64::NAN),
            "layer 1: threshold NaN is not a whole multiple of 2^0"
        );
        assert_eq!(
            message(|network| network.layers[0].weights[[1, 0]] = 2f64.powi(53)),
            "layer 0: sums of neuron 1 need more than 53 bits"
        );
        assert_eq!(
            message(|network| network.layers[1] = full(&[2, 3, 2]).layers.remove(1)),
            "layer 1: 3 inputs do not match the neurons of the layer below"
        );
        assert_eq!(message(|network| network.layers.clear()), "layer 0: a network needs one layer at least");
        assert_eq!(
            message(|network| network.layers[1] = full(&[3, 2, 3]).layers.remove(1)),
            "layer 1: 3 output neurons, the key has 2"
        );
    }

    #[test]
    fn a_pool_is_exact_with_any_bits_on_every_chip() {
        let input = Volume { height: 2, width: 2, channels: 1 };
        let window = Window { height: 2, width: 2, stride: 1, padding: 0 };
        let mut network = full(&[4, 4, 1, 2]);
        network.layers[1] = BinaryLayer::pool(input, window, vec![1]);
        for (chip, threshold) in [("ideal", 1), ("loihi1", 0), ("truenorth", 1)] {
            let layer = &quantized(&network, chip, &bits(2, Granularity::Layer)).unwrap().layers[1];
            assert_eq!((&layer.weights, &layer.thresholds), (&array![[1]], &array![threshold]), "{chip}");
            assert_eq!((layer.weight_error, layer.thresholds_changed), (0.0, 0), "{chip}");
            assert_eq!(layer.reach(), [(0, 4)]);
        }
    }

    #[test]
    fn a_threshold_that_the_chip_cannot_have_counts_for_every_neuron_of_its_channel() {
        let mut profile = ChipProfile::builtin("loihi1").unwrap();
        profile.neuron.threshold.as_mut().unwrap().bias = None;
        let input = Volume { height: 3, width: 3, channels: 1 };
        let window = Window { height: 2, width: 2, stride: 1, padding: 0 };
        let mut network = full(&[9, 4, 2]);
        network.layers[0] = BinaryLayer {
            connectivity: Connectivity::Convolution { input, window, channels: 1 },
            sources: vec![0],
            weights: array![[-1.0, -1.0, -1.0, -1.0]],
            thresholds: array![-3.0],
            exponent: 0,
        };
        let layer = &IntegerNetwork::new(&network, &profile, &DeployOptions::default()).unwrap().layers[0];
        assert_eq!((&layer.thresholds, layer.thresholds_changed), (&array![0], 4));
    }

    #[test]
    fn options_are_read_strictly() {
        let options: DeployOptions = serde_json::from_str(r#"{"weight_bits": 4}"#).unwrap();
        assert_eq!(options, DeployOptions { weight_bits: Some(4), granularity: Granularity::Channel });
        assert!(serde_json::from_str::<DeployOptions>(r#"{"bits": 4}"#).is_err());
    }
}
