//! The simulator: a network of integers that runs blocks of samples.

use ndarray::ArrayView2;

use super::circuit::Circuit;
use super::decoder::Decoder;
use super::events::EventLists;
use super::lane::StepBuffers;
use super::layer::SimulatedLayer;
use super::presynaptic::PresynapticInputs;
use super::spike_drop::{self, SampleDrops, SpikeDrop};
use crate::backend::error::RunError;
use crate::backend::quantize::IntegerNetwork;
use crate::network::Decision;

/// Number of samples in a block.
pub(in crate::backend) const BLOCK: usize = 64;

/// A network that is ready to run.
#[derive(Clone, Debug)]
pub(in crate::backend) struct Simulator {
    pub(super) layers: Vec<SimulatedLayer>,
    /// Sources of each layer.
    pub(super) sources: Vec<Vec<usize>>,
    pub(super) decoder: Decoder,
    pub(super) inputs: usize,
    input_max: u8,
    /// (I): for each of the I inputs the level from which it counts as active.
    ones: Vec<u8>,
    pub(super) drop: Option<SpikeDrop>,
}

/// The activity of a block of samples in every layer; the memory is reused for the next block.
#[derive(Default)]
pub(in crate::backend) struct Block {
    /// The active inputs of the network, then the neurons of each layer that fired.
    events: Vec<EventLists>,
    /// Levels of graded inputs: one per active input.
    levels: Vec<u8>,
    /// The decision on each sample.
    pub decisions: Vec<Decision>,
    buffers: StepBuffers,
    scores: Vec<i32>,
}

impl Block {
    /// Whether an input of sample number `sample` is above 1.
    pub(in crate::backend) fn is_graded(&self, sample: usize) -> bool {
        !self.levels.is_empty() && self.levels[self.events[0].range(sample)].iter().any(|&level| level > 1)
    }

    /// The active inputs of sample number `sample` of the block, then the neurons of each layer
    /// that fired.
    pub(in crate::backend) fn events(&self, sample: usize) -> impl Iterator<Item = &[u32]> {
        self.events.iter().map(move |lists| lists.of(sample))
    }
}

impl Simulator {
    pub(in crate::backend) fn new(network: &IntegerNetwork) -> Self {
        let circuits = network.layers.iter().map(|layer| Circuit::new(layer, network.compare));
        Self::of(network, circuits, None)
    }

    /// The simulator of `network`, whose layers compute as `circuits` say. If `drop` is given,
    /// spikes get lost.
    pub(in crate::backend) fn of<'a>(
        network: &IntegerNetwork,
        circuits: impl Iterator<Item = Circuit<'a>>,
        drop: Option<SpikeDrop>,
    ) -> Self {
        let first = network.layers.first().expect("a deployed network has a layer");
        Self {
            layers: circuits.map(|circuit| SimulatedLayer::new(&circuit)).collect(),
            sources: network.layers.iter().map(|layer| layer.sources.clone()).collect(),
            decoder: Decoder::new(&network.key),
            inputs: first.inputs(),
            input_max: first.input_max,
            ones: vec![1; first.inputs()],
            drop,
        }
    }

    /// The sources of layer number `layer`.
    pub(in crate::backend) fn sources(&self, layer: usize) -> &[usize] {
        &self.sources[layer]
    }

    /// Checks that samples have the network's number of inputs.
    ///
    /// # Errors
    /// [`RunError::Width`] if `found` is another number.
    pub(in crate::backend) fn check_width(&self, found: usize) -> Result<(), RunError> {
        let expected = self.inputs;
        if found == expected { Ok(()) } else { Err(RunError::Width { found, expected }) }
    }

    /// Runs the samples `inputs`, one row of I inputs each; `first` is the number of the first
    /// sample.
    ///
    /// # Errors
    /// [`RunError::Level`] if an input is above the network's largest.
    pub(in crate::backend) fn run(
        &self,
        first: usize,
        inputs: ArrayView2<'_, u8>,
        block: &mut Block,
    ) -> Result<(), RunError> {
        self.read(first, inputs, block)?;
        let mut drops: Vec<SampleDrops> = match &self.drop {
            Some(drop) => (first..first + inputs.nrows()).map(|sample| drop.of_sample(sample)).collect(),
            None => Vec::new(),
        };
        let Block { events, levels, buffers, .. } = block;
        spike_drop::drop_inputs(&mut events[0], levels, &mut drops);
        let levels = (self.input_max > 1).then_some(levels.as_slice());
        for (index, (layer, sources)) in self.layers.iter().zip(&self.sources).enumerate() {
            let (below, spikes) = events.split_at_mut(index + 1);
            layer.step(PresynapticInputs { sources, events: below, levels }, buffers, &mut spikes[0]);
            spike_drop::drop_spikes(&mut spikes[0], &mut drops);
        }
        let Block { events, scores, decisions, .. } = block;
        let outputs = &events[self.layers.len()];
        decisions.clear();
        decisions.extend((0..inputs.nrows()).map(|sample| self.decoder.decide(outputs.of(sample), scores)));
        Ok(())
    }

    /// Lists the inputs that are not zero.
    fn read(&self, first: usize, inputs: ArrayView2<'_, u8>, block: &mut Block) -> Result<(), RunError> {
        block.events.resize_with(self.layers.len() + 1, EventLists::default);
        block.levels.clear();
        let lists = &mut block.events[0];
        lists.clear();
        for (sample, row) in inputs.rows().into_iter().enumerate() {
            let row = row.as_standard_layout();
            let row = row.as_slice().expect("a row in standard layout lies in one piece");
            self.check_levels(first + sample, row)?;
            lists.push_reaching(row, &self.ones);
            if self.input_max > 1 {
                block.levels.extend(lists.of(sample).iter().map(|&input| row[input as usize]));
            }
        }
        Ok(())
    }

    /// The highest level (value of an input) of a sample.
    ///
    /// # Errors
    /// [`RunError::Level`] if a level is above the network's largest.
    pub(super) fn check_levels(&self, sample: usize, row: &[u8]) -> Result<u8, RunError> {
        let most = row.iter().copied().max().unwrap_or(0);
        if most <= self.input_max {
            return Ok(most);
        }
        let level = row.iter().copied().find(|&level| level > self.input_max).unwrap_or(most);
        Err(RunError::Level { level, sample, input_max: self.input_max })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayView1;
    use proptest::prelude::*;

    use super::*;
    use crate::backend::fixtures::{Random, chip, dense, full, reference};
    use crate::backend::quantize::IntegerLayer;
    use crate::backend::{Compare, DeployOptions};
    use crate::network::{BinaryNetwork, Key, fixtures};

    fn random(widths: Vec<usize>, classes: usize, seed: u64) -> Random {
        Random { widths, classes, input_max: 1, largest: 1, exponent: 0, seed }
    }

    /// Holds decisions and ties of `network` on a chip to those of the reference.
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
            let received: Vec<i64> = (0..layer.inputs())
                .map(|input| layer.sources.iter().map(|&source| values[source][input]).sum())
                .collect();
            let fires = |(neuron, sum): (usize, i64)| match network.compare {
                Compare::Ge => i64::from(sum >= layer.thresholds[neuron % layer.channels()]),
                Compare::Gt => i64::from(sum > layer.thresholds[neuron % layer.channels()]),
            };
            let sums = fixtures::direct_sums(&layer.connectivity, layer.weights.view(), &received);
            values.push(sums.into_iter().enumerate().map(fires).collect());
        }
        let outputs = values.pop().expect("a layer");
        Decision::of(&network.key.scores(&outputs.iter().map(|&spike| spike == 1).collect::<Vec<bool>>()))
    }

    proptest! {
        #[test]
        fn any_connectivity_decides_as_the_hard_pass_does_where_nothing_is_quantized(
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
        fn any_connectivity_decides_as_its_quantized_integers_say(seed: u64, bits in 2u8..=9) {
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

    fn by_events(layer: &IntegerLayer) -> SimulatedLayer {
        let circuit = Circuit::new(layer, Compare::Ge);
        SimulatedLayer::of_events(&circuit, &circuit.reach())
    }

    /// The deployed layer of one neuron with these weights, on the chip without limits.
    fn lane_of(weights: &[f64], input_max: u8) -> SimulatedLayer {
        let weights = ndarray::Array2::from_shape_vec((1, weights.len()), weights.to_vec()).unwrap();
        let layer = dense(0, weights, ndarray::array![0.0], 0);
        let key = Key::from_members(ndarray::array![[true], [false]]);
        let network = BinaryNetwork { input_max, layers: vec![layer], key };
        let deployment = chip("ideal").deploy(&network, &DeployOptions::default()).unwrap();
        by_events(&deployment.network().layers[0])
    }

    #[test]
    fn sums_live_in_the_narrowest_integer_that_holds_them_all() {
        assert!(matches!(lane_of(&[32_765.0, 1.0, -32_767.0], 1), SimulatedLayer::I16(_)));
        assert!(matches!(lane_of(&[32_766.0, 1.0], 1), SimulatedLayer::I32(_)));
        assert!(matches!(lane_of(&[32_765.0, 1.0], 2), SimulatedLayer::I32(_)));
        assert!(matches!(lane_of(&[2_147_483_645.0, 1.0], 1), SimulatedLayer::I32(_)));
        assert!(matches!(lane_of(&[2_147_483_646.0, 1.0], 1), SimulatedLayer::I64(_)));
    }

    #[test]
    fn the_lane_holds_spikes_of_every_source() {
        let network = |sources| {
            let mut network = full(&[2, 2, 2, 2]);
            network.layers[2].weights = ndarray::array![[16_382.0, 1.0], [0.0, -1.0]];
            network.layers[2].sources = sources;
            let deployment = chip("ideal").deploy(&network, &DeployOptions::default()).unwrap();
            by_events(&deployment.network().layers[2])
        };
        assert!(matches!(network(vec![2]), SimulatedLayer::I16(_)));
        assert!(matches!(network(vec![2, 0]), SimulatedLayer::I16(_)));
        assert!(matches!(network(vec![2, 1, 0]), SimulatedLayer::I32(_)));
    }
}
