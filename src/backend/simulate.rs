//! The integer, event-driven forward pass: what the chip computes, bit for bit.
//!
//! Each layer is one step. An input spike adds its weights to the sums of the neurons that it reaches, so an
//! input that is silent costs nothing. Sums live in the narrowest integer that no order of the additions
//! can overflow, which the layer's reach tells before the first input is seen.

use std::ops::{Add, Mul};

use ndarray::ArrayView1;
use rand::RngExt;

use crate::network::{Decision, Key, Spread};
use crate::seed::{Seed, Stream};

use super::circuit::{Circuit, Weights};
use super::error::RunError;
use super::quantize::IntegerNetwork;

/// A number that sums are kept in.
trait Lane: Copy + Default + Ord + Add<Output = Self> + Mul<Output = Self> {
    const ZERO: Self;

    /// `whole` as a lane that was chosen wide enough for it.
    fn narrowed(whole: i64) -> Self;

    /// The largest number.
    fn largest() -> i64;

    /// The scratch sums of this type.
    fn sums(scratch: &mut Sums) -> &mut Vec<Self>;
}

macro_rules! lane {
    ($lane:ident) => {
        impl Lane for $lane {
            const ZERO: Self = 0;

            fn narrowed(whole: i64) -> Self {
                whole as Self
            }

            fn largest() -> i64 {
                i64::from(Self::MAX)
            }

            fn sums(scratch: &mut Sums) -> &mut Vec<Self> {
                &mut scratch.$lane
            }
        }
    };
}

lane!(i16);
lane!(i32);
lane!(i64);

/// Sums of the neurons of the layer at hand, by type.
#[derive(Default)]
struct Sums {
    i16: Vec<i16>,
    i32: Vec<i32>,
    i64: Vec<i64>,
}

/// Memory that is used again for every sample.
#[derive(Default)]
pub(super) struct Scratch {
    sums: Sums,
    /// By source: the active inputs, then the neurons of each layer that fired.
    events: Vec<Vec<u32>>,
    levels: Vec<u8>,
    scores: Vec<i32>,
}

/// A network ready to run.
#[derive(Clone, Debug)]
pub(super) struct Simulator {
    layers: Vec<Rows>,
    /// One a layer: what it hears.
    sources: Vec<Vec<usize>>,
    decoder: Decoder,
    inputs: usize,
    input_max: u8,
    loss: Option<Loss>,
}

/// Spikes that get lost on their way, those of the input and of the output too.
#[derive(Clone, Debug)]
pub(super) struct Loss {
    /// How probably one does, in [0, 1].
    pub rate: f64,
    /// What each sample's draws come from.
    pub seed: Seed,
}

/// The draws of one sample.
struct Losing {
    rate: f64,
    stream: Stream,
}

impl Losing {
    fn keeps(&mut self) -> bool {
        self.stream.random::<f64>() >= self.rate
    }
}

impl Simulator {
    pub(super) fn new(network: &IntegerNetwork) -> Self {
        let circuits = network.layers.iter().map(|layer| Circuit::new(layer, network.compare));
        Self::of(network, circuits, None)
    }

    /// The simulator of what became of the layers of `network`.
    pub(super) fn of<'a>(
        network: &IntegerNetwork,
        circuits: impl Iterator<Item = Circuit<'a>>,
        loss: Option<Loss>,
    ) -> Self {
        let first = network.layers.first().expect("a deployed network has a layer");
        Self {
            layers: circuits.map(|circuit| Rows::new(&circuit)).collect(),
            sources: network.layers.iter().map(|layer| layer.sources.clone()).collect(),
            decoder: Decoder::new(&network.key),
            inputs: first.inputs(),
            input_max: first.input_max,
            loss,
        }
    }

    /// Checks the width of the inputs.
    pub(super) fn check_width(&self, found: usize) -> Result<(), RunError> {
        let expected = self.inputs;
        if found == expected { Ok(()) } else { Err(RunError::Width { found, expected }) }
    }

    /// Runs sample number `sample`; `observe` hears after each layer its number, what it heard and the
    /// events of all sources so far.
    pub(super) fn run(
        &self,
        sample: usize,
        inputs: ArrayView1<'_, u8>,
        scratch: &mut Scratch,
        mut observe: impl FnMut(usize, &[usize], &[Vec<u32>]),
    ) -> Result<Decision, RunError> {
        self.read(sample, inputs, scratch)?;
        let Scratch { sums, events, levels, scores } = scratch;
        let losing =
            |loss: &Loss| Losing { rate: loss.rate, stream: loss.seed.index(sample as u64).stream() };
        let mut losing = self.loss.as_ref().map(losing);
        if let Some(losing) = &mut losing {
            lose_inputs(&mut events[0], levels, losing);
        }
        let levels = (self.input_max > 1).then_some(levels.as_slice());
        for (index, (layer, sources)) in self.layers.iter().zip(&self.sources).enumerate() {
            let (heard, spikes) = events.split_at_mut(index + 1);
            layer.step(sources, heard, levels, sums, &mut spikes[0]);
            if let Some(losing) = &mut losing {
                spikes[0].retain(|_| losing.keeps());
            }
            observe(index, sources, events);
        }
        Ok(self.decoder.decide(&events[self.layers.len()], scores))
    }

    /// Lists the inputs that are not zero.
    fn read(&self, sample: usize, inputs: ArrayView1<'_, u8>, scratch: &mut Scratch) -> Result<(), RunError> {
        scratch.events.resize_with(self.layers.len() + 1, Vec::new);
        scratch.events[0].clear();
        scratch.levels.clear();
        for (index, &level) in inputs.iter().enumerate().filter(|&(_, &level)| level > 0) {
            if level > self.input_max {
                return Err(RunError::Level { level, sample, input_max: self.input_max });
            }
            scratch.events[0].push(index as u32);
            scratch.levels.push(level);
        }
        Ok(())
    }
}

/// Drops inputs together with their levels.
fn lose_inputs(inputs: &mut Vec<u32>, levels: &mut Vec<u8>, losing: &mut Losing) {
    let kept: Vec<bool> = inputs.iter().map(|_| losing.keeps()).collect();
    let (mut of_inputs, mut of_levels) = (kept.iter(), kept.iter());
    inputs.retain(|_| of_inputs.next().is_some_and(|&kept| kept));
    levels.retain(|_| of_levels.next().is_some_and(|&kept| kept));
}

/// A layer's weights, in the narrowest lane that holds every sum.
#[derive(Clone, Debug)]
enum Rows {
    I16(Layer<i16>),
    I32(Layer<i32>),
    I64(Layer<i64>),
}

impl Rows {
    fn new(circuit: &Circuit<'_>) -> Self {
        let reach = circuit.reach();
        let widest = reach.iter().map(|&(low, high)| (high + 1).max(-low)).max().unwrap_or(0);
        match widest {
            widest if widest <= i16::largest() => Self::I16(Layer::new(circuit, &reach)),
            widest if widest <= i32::largest() => Self::I32(Layer::new(circuit, &reach)),
            _ => Self::I64(Layer::new(circuit, &reach)),
        }
    }

    fn step(
        &self,
        sources: &[usize],
        events: &[Vec<u32>],
        levels: Option<&[u8]>,
        sums: &mut Sums,
        spikes: &mut Vec<u32>,
    ) {
        match self {
            Self::I16(layer) => layer.step(sources, events, levels, sums, spikes),
            Self::I32(layer) => layer.step(sources, events, levels, sums, spikes),
            Self::I64(layer) => layer.step(sources, events, levels, sums, spikes),
        }
    }
}

#[derive(Clone, Debug)]
struct Layer<T> {
    spread: Spread<T>,
    /// One a neuron: fires where the sum is this or more.
    thresholds: Vec<T>,
}

impl<T: Lane> Layer<T> {
    fn new(circuit: &Circuit<'_>, reach: &[(i64, i64)]) -> Self {
        let within =
            |(&threshold, &(low, high)): (&i64, &(i64, i64))| T::narrowed(threshold.clamp(low, high + 1));
        let wiring = &circuit.layer.wiring;
        Self {
            spread: match &circuit.weights {
                Weights::Shared(weights) => Spread::new(wiring, weights.mapv(T::narrowed).view()),
                Weights::Own(weights) => Spread::unshared(wiring, weights.mapv(T::narrowed).view()),
            },
            thresholds: circuit.thresholds.iter().zip(reach.iter().cycle()).map(within).collect(),
        }
    }

    /// Lists in `spikes` the neurons that fire on the `events` of the layer's `sources`; `levels` are those
    /// of graded inputs.
    fn step(
        &self,
        sources: &[usize],
        events: &[Vec<u32>],
        levels: Option<&[u8]>,
        sums: &mut Sums,
        spikes: &mut Vec<u32>,
    ) {
        let sums = T::sums(sums);
        sums.clear();
        sums.resize(self.thresholds.len(), T::ZERO);
        for &source in sources {
            match levels.filter(|_| source == 0) {
                None => self.spread.add_spikes(&events[source], sums),
                Some(levels) => {
                    let levels = levels.iter().map(|&level| T::narrowed(i64::from(level)));
                    self.spread.add_levels(&events[source], levels, sums);
                }
            }
        }
        let fires = |&(_, (sum, threshold)): &(usize, (&T, &T))| sum >= threshold;
        let fired = sums.iter().zip(&self.thresholds).enumerate().filter(fires);
        spikes.clear();
        spikes.extend(fired.map(|(neuron, _)| neuron as u32));
    }
}

/// Counts the output neurons' votes: the scores are linear in the spikes, so each spike adds its share.
#[derive(Clone, Debug)]
struct Decoder {
    /// (K): the scores without a spike.
    silent: Vec<i32>,
    /// (N) rows of (K): what a neuron's spike adds.
    shares: Vec<i32>,
}

impl Decoder {
    fn new(key: &Key) -> Self {
        let mut spikes = vec![false; key.width()];
        let silent = key.scores(&spikes);
        let mut shares = Vec::with_capacity(key.width() * key.classes());
        for neuron in 0..key.width() {
            spikes[neuron] = true;
            shares.extend(key.scores(&spikes).iter().zip(&silent).map(|(one, none)| one - none));
            spikes[neuron] = false;
        }
        Self { silent, shares }
    }

    fn decide(&self, spikes: &[u32], scores: &mut Vec<i32>) -> Decision {
        let classes = self.silent.len();
        scores.clear();
        scores.extend_from_slice(&self.silent);
        for &neuron in spikes {
            let shares = &self.shares[neuron as usize * classes..][..classes];
            for (score, share) in scores.iter_mut().zip(shares) {
                *score += share;
            }
        }
        Decision::of(scores)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixtures::{Random, chip, dense, full, reference};
    use super::super::{Compare, DeployOptions};
    use super::*;
    use crate::network::{BinaryNetwork, fixtures};

    fn random(widths: Vec<usize>, classes: usize, seed: u64) -> Random {
        Random { widths, classes, input_max: 1, largest: 1, exponent: 0, seed }
    }

    /// Decisions and ties of `network` on a chip are those of the reference.
    fn agrees(name: &str, network: &BinaryNetwork, inputs: ndarray::ArrayView2<'_, u8>) {
        let run = chip(name).deploy(network, &DeployOptions::default()).unwrap().run(inputs).unwrap();
        let expected: Vec<Decision> =
            inputs.rows().into_iter().map(|sample| reference(network, sample)).collect();
        assert_eq!(run.predictions, expected.iter().map(|decision| decision.class).collect::<Vec<_>>());
        assert_eq!(run.ties, expected.iter().filter(|decision| decision.tied).count());
    }

    proptest! {
        #[test]
        fn without_limits_every_decision_is_the_networks_own(
            widths in prop::collection::vec(1usize..20, 1..4), classes in 2usize..5, seed: u64,
            input_max in prop::sample::select(vec![1u8, 4, 255]), bits in 1u32..36, exponent in -60i32..4,
        ) {
            let random = Random { input_max, largest: 1 << bits, exponent, ..random(widths, classes, seed) };
            agrees("ideal", &random.network(), random.inputs(70).view());
        }

        #[test]
        fn small_whole_weights_decide_alike_where_the_chip_fires_above_its_threshold(
            widths in prop::collection::vec(1usize..40, 1..4), classes in 2usize..5, seed: u64,
            largest in 1i64..=127, exponent in -40i32..4,
        ) {
            let random = Random { largest, exponent, ..random(widths, classes, seed) };
            agrees("loihi1", &random.network(), random.inputs(20).view());
        }

        #[test]
        fn ternary_weights_decide_alike_where_the_chip_fires_at_its_threshold(
            widths in prop::collection::vec(1usize..100, 1..4), classes in 2usize..5, seed: u64,
        ) {
            let random = random(widths, classes, seed);
            agrees("truenorth", &random.network(), random.inputs(20).view());
        }
    }

    /// The decision of a deployed network, in plain loops over windows of `i64`.
    fn integer_reference(network: &IntegerNetwork, sample: ArrayView1<'_, u8>) -> Decision {
        let mut values = vec![sample.iter().map(|&level| i64::from(level)).collect::<Vec<i64>>()];
        for layer in &network.layers {
            let heard: Vec<i64> = (0..layer.inputs())
                .map(|input| layer.sources.iter().map(|&source| values[source][input]).sum())
                .collect();
            let fires = |(neuron, sum): (usize, i64)| match network.compare {
                Compare::Ge => i64::from(sum >= layer.thresholds[neuron % layer.units()]),
                Compare::Gt => i64::from(sum > layer.thresholds[neuron % layer.units()]),
            };
            let sums = fixtures::direct_sums(&layer.wiring, layer.weights.view(), &heard);
            values.push(sums.into_iter().enumerate().map(fires).collect());
        }
        let outputs = values.pop().expect("a layer");
        Decision::of(&network.key.scores(&outputs.iter().map(|&spike| spike == 1).collect::<Vec<bool>>()))
    }

    proptest! {
        #[test]
        fn any_wiring_decides_as_the_hard_pass_does_where_nothing_is_quantized(
            seed: u64, input_max in prop::sample::select(vec![1u8, 4, 255]), bits in 1u32..36,
            exponent in -60i32..4,
        ) {
            let network = fixtures::network(seed, input_max, 1 << bits, exponent);
            let inputs = fixtures::inputs(&network, 70, seed);
            let deployment = chip("ideal").deploy(&network, &DeployOptions::default()).unwrap();
            let run = deployment.run(inputs.view()).unwrap();
            prop_assert_eq!(&run.predictions, &network.predict(inputs.view()));
            let ties = network.decide(inputs.view()).iter().filter(|decision| decision.tied).count();
            prop_assert_eq!(run.ties, ties);
        }

        #[test]
        fn any_wiring_decides_as_its_quantized_integers_say(seed: u64, bits in 2u8..=9) {
            let network = fixtures::network(seed, 1, 1 << 20, -10);
            let inputs = fixtures::inputs(&network, 20, seed);
            let options = DeployOptions { weight_bits: Some(bits), ..DeployOptions::default() };
            let deployment = chip("loihi1").deploy(&network, &options).unwrap();
            let run = deployment.run(inputs.view()).unwrap();
            for (sample, &prediction) in inputs.rows().into_iter().zip(&run.predictions) {
                prop_assert_eq!(prediction, integer_reference(deployment.network(), sample).class);
            }
        }
    }

    /// The deployed layer of one neuron with these weights, on the chip without limits.
    fn lane_of(weights: &[f64], input_max: u8) -> Rows {
        let weights = ndarray::Array2::from_shape_vec((1, weights.len()), weights.to_vec()).unwrap();
        let layer = dense(0, weights, ndarray::array![0.0], 0);
        let key = Key::from_members(ndarray::array![[true], [false]]);
        let network = BinaryNetwork { input_max, layers: vec![layer], key };
        let deployment = chip("ideal").deploy(&network, &DeployOptions::default()).unwrap();
        Rows::new(&Circuit::new(&deployment.network().layers[0], Compare::Ge))
    }

    #[test]
    fn sums_live_in_the_narrowest_integer_that_holds_them_all() {
        assert!(matches!(lane_of(&[32_765.0, 1.0, -32_767.0], 1), Rows::I16(_)));
        assert!(matches!(lane_of(&[32_766.0, 1.0], 1), Rows::I32(_)));
        assert!(matches!(lane_of(&[32_765.0, 1.0], 2), Rows::I32(_)));
        assert!(matches!(lane_of(&[2_147_483_645.0, 1.0], 1), Rows::I32(_)));
        assert!(matches!(lane_of(&[2_147_483_646.0, 1.0], 1), Rows::I64(_)));
    }

    #[test]
    fn the_lane_holds_spikes_of_every_source() {
        let network = |sources| {
            let mut network = full(&[2, 2, 2, 2]);
            network.layers[2].weights = ndarray::array![[16_382.0, 1.0], [0.0, -1.0]];
            network.layers[2].sources = sources;
            let deployment = chip("ideal").deploy(&network, &DeployOptions::default()).unwrap();
            Rows::new(&Circuit::new(&deployment.network().layers[2], Compare::Ge))
        };
        assert!(matches!(network(vec![2]), Rows::I16(_)));
        assert!(matches!(network(vec![2, 0]), Rows::I16(_)));
        assert!(matches!(network(vec![2, 1, 0]), Rows::I32(_)));
    }
}
