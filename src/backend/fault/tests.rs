//! Faults have the stated rate, and the damaged network decides as its integers do.

use ndarray::{Array1, Array2, ArrayView1};
use proptest::prelude::*;

use super::super::fixtures::{by_hand, chip, full};
use super::super::{Chip, ChipProfile, DeployOptions};
use super::weights::WeightEncoding;
use super::*;
use crate::backend::simulate::circuit::Weights;
use crate::network::{BinaryLayer, Connectivity, Decision, Volume, Window, fixtures};

fn deployed(name: &str, network: &crate::network::BinaryNetwork) -> Deployment {
    chip(name).deploy(network, &DeployOptions::default()).unwrap()
}

fn seed(map: u64) -> Seed {
    Seed::root(map)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_is_wrong_at_rate_0(network_seed: u64, fault in prop::sample::select(Fault::ALL.to_vec())) {
        let network = fixtures::network(network_seed, 1, 50, 0);
        let inputs = fixtures::inputs(&network, 20, network_seed);
        for name in ["loihi1", "truenorth"] {
            // Some networks do not fit on TrueNorth.
            let Ok(deployment) = chip(name).deploy(&network, &DeployOptions::default()) else { continue };
            let whole = deployment.run(inputs.view()).unwrap().predictions;
            let damaged = deployment.damaged(fault, 0.0, &seed(1)).unwrap();
            prop_assert_eq!(damaged.predict(inputs.view()).unwrap(), whole);
        }
    }

    #[test]
    fn a_damaged_network_decides_as_its_own_integers_say(
        network_seed: u64, fault in prop::sample::select(Fault::ALL.to_vec()), rate in 0.0..0.6, name in prop::sample::select(vec!["loihi1", "ideal"]),
    ) {
        prop_assume!(fault != Fault::DroppedSpike);
        let network = fixtures::network(network_seed, 1, 50, 0);
        let inputs = fixtures::inputs(&network, 10, network_seed);
        let options = DeployOptions { weight_bits: Some(6), ..DeployOptions::default() };
        let deployment = chip(name).deploy(&network, &options).unwrap();
        let damaged = deployment.damaged(fault, rate, &seed(network_seed)).unwrap();
        let circuits: Vec<Circuit<'_>> = deployment.circuits(fault, rate, seed(network_seed)).collect();
        let expected: Vec<u16> =
            inputs.rows().into_iter().map(|sample| slow(&deployment, &circuits, sample)).collect();
        prop_assert_eq!(damaged.predict(inputs.view()).unwrap(), expected);
    }
}

/// The class of one sample, in plain loops over synapses.
fn slow(deployment: &Deployment, circuits: &[Circuit<'_>], sample: ArrayView1<'_, u8>) -> u16 {
    let mut values = vec![sample.iter().map(|&level| i64::from(level)).collect::<Vec<i64>>()];
    for circuit in circuits {
        let (layer, channels) = (circuit.layer, circuit.layer.channels());
        let mut sums = vec![0; layer.neurons()];
        for (neuron, sum) in sums.iter_mut().enumerate() {
            let (position, channel) = (neuron / channels, neuron % channels);
            layer.connectivity.for_each_input(position, |input, element| {
                let weight = match &circuit.weights {
                    Weights::Shared(weights) => weights[[element, channel]],
                    Weights::PerPosition(weights) => weights[[position, element, channel]],
                };
                *sum += layer.sources.iter().map(|&source| values[source][input]).sum::<i64>() * weight;
            });
        }
        let fires = |(sum, &threshold): (i64, &i64)| i64::from(sum >= threshold);
        values.push(sums.into_iter().zip(&circuit.thresholds).map(fires).collect());
    }
    let outputs: Vec<bool> = values.pop().expect("a layer").iter().map(|&spike| spike == 1).collect();
    Decision::of(&deployment.network().key.scores(&outputs)).class
}

#[test]
fn bits_are_flipped_in_the_encoding_of_the_chip() {
    let flipped = |encoding: WeightEncoding, code, flips: &[bool]| {
        let mut flips = flips.iter().copied();
        encoding.flipped(code, || flips.next().unwrap())
    };
    let complement = WeightEncoding::Complement(4);
    assert_eq!(flipped(complement, 5, &[false; 4]), 5);
    assert_eq!(flipped(complement, 5, &[true, false, false, false]), 4);
    assert_eq!(flipped(complement, 5, &[false, false, false, true]), -3);
    assert_eq!(flipped(complement, -7, &[true; 4]), 6);
    assert_eq!(flipped(complement, 0, &[false, false, false, true]), -8);
    let crossbar = |code, flips: [bool; 2]| flipped(WeightEncoding::PlusMinus, code, &flips);
    assert_eq!([-1, 0, 1].map(|code| crossbar(code, [true, false])), [0, 1, 0]);
    assert_eq!([-1, 0, 1].map(|code| crossbar(code, [true, true])), [1, 0, -1]);
}

/// The weights of the only hidden layer, a dense layer of 100 x 100 ones.
fn weights(fault: Fault, rate: f64, map: u64) -> Array2<i64> {
    let deployment = deployed("loihi1", &full(&[100, 100, 2]));
    let circuit = deployment.circuits(fault, rate, seed(map)).next().unwrap();
    match circuit.weights {
        Weights::Shared(weights) => weights.into_owned(),
        Weights::PerPosition(_) => panic!("a dense layer shares its weights"),
    }
}

#[test]
fn the_rate_is_the_share_of_stuck_weights_and_a_higher_rate_adds_to_them() {
    for (fault, stuck) in [(Fault::StuckAtZero, 0), (Fault::StuckAtMax, 127)] {
        let broken = |rate| weights(fault, rate, 3).mapv(|weight| weight == stuck);
        let (few, many) = (broken(0.01), broken(0.1));
        let count = |broken: &Array2<bool>| broken.iter().filter(|&&broken| broken).count() as f64;
        // Five standard deviations of a binomial number of 10,000.
        assert!((count(&few) - 100.0).abs() < 50.0, "{}", count(&few));
        assert!((count(&many) - 1000.0).abs() < 150.0, "{}", count(&many));
        assert!(few.iter().zip(&many).all(|(few, many)| !few || *many));
        assert_ne!(broken(0.1), weights(fault, 0.1, 4).mapv(|weight| weight == stuck));
    }
}

#[test]
fn weights_vary_by_their_deviation() {
    let varied = weights(Fault::WeightVariation, 0.1, 1);
    let numbers: Vec<f64> = varied.iter().map(|&weight| weight as f64 / 256.0).collect();
    let mean = numbers.iter().sum::<f64>() / 1e4;
    let deviation = (numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / 1e4).sqrt();
    // Five standard errors: 0.1 / 100 of the mean, 0.1 / sqrt(20,000) of the deviation.
    assert!((mean - 1.0).abs() < 0.005, "{mean}");
    assert!((deviation - 0.1).abs() < 0.0036, "{deviation}");
}

#[test]
fn synapses_of_a_convolution_fail_one_by_one_unless_they_share_a_kernel() {
    let input = Volume { height: 9, width: 9, channels: 1 };
    let mut network = full(&[81, 162, 2]);
    network.layers[0] = BinaryLayer {
        connectivity: Connectivity::Convolution {
            input,
            window: Window { padding: 1, ..Window::square(3, 1) },
            channels: 2,
        },
        sources: vec![0],
        weights: Array2::ones((2, 9)),
        thresholds: Array1::ones(2),
        exponent: 0,
    };
    let positions_differ = |shared| {
        let mut profile = ChipProfile::builtin("loihi1").unwrap();
        profile.core.synapse_memory.as_mut().unwrap().shared_kernels = shared;
        let deployment = Chip::new(profile).deploy(&network, &DeployOptions::default()).unwrap();
        let circuit = deployment.circuits(Fault::StuckAtZero, 0.5, seed(1)).next().unwrap();
        let Weights::PerPosition(weights) = &circuit.weights else { panic!("each position has its own") };
        assert_eq!(weights.dim(), (81, 9, 2));
        assert!(weights.iter().any(|&weight| weight == 0) && weights.iter().any(|&weight| weight != 0));
        weights.outer_iter().any(|position| position != weights.index_axis(ndarray::Axis(0), 0))
    };
    // All 81 positions lie on one core.
    assert_eq!([false, true].map(positions_differ), [true, false]);
}

#[test]
fn dead_neurons_are_silent_and_saturated_ones_always_fire() {
    let deployment = deployed("loihi1", &by_hand());
    let inputs = Array2::from_shape_fn((8, 3), |(sample, input)| (sample >> input & 1) as u8);
    let all = |fault| deployment.damaged(fault, 1.0, &seed(1)).unwrap().predict(inputs.view()).unwrap();
    let key = &deployment.network().key;
    assert_eq!(all(Fault::DeadNeuron), vec![key.decide(&[false; 2]).class; 8]);
    assert_eq!(all(Fault::SaturatedNeuron), vec![key.decide(&[true; 2]).class; 8]);
    assert_eq!(all(Fault::DroppedSpike), vec![key.decide(&[false; 2]).class; 8]);
    assert_eq!(all(Fault::MaskedCore), all(Fault::DeadNeuron));
}

#[test]
fn a_masked_core_silences_its_neurons_and_no_others() {
    let mut profile = ChipProfile::builtin("loihi1").unwrap();
    profile.core.neurons = Some(10);
    let deployment = Chip::new(profile).deploy(&full(&[5, 95, 2]), &DeployOptions::default()).unwrap();
    let circuit = deployment.circuits(Fault::MaskedCore, 0.5, seed(2)).next().unwrap();
    let mut masked = 0;
    for core in &deployment.mapping().layers[0].cores {
        let silent = |neuron: usize| circuit.thresholds[neuron] == neurons::NEVER;
        let neurons = core.first..core.first + core.neurons;
        assert!(neurons.clone().all(silent) || !neurons.clone().any(silent));
        masked += usize::from(silent(core.first));
    }
    assert!((1..10).contains(&masked), "{masked} of 10 cores");
}

#[test]
fn every_sample_loses_other_spikes_and_any_number_of_threads_the_same() {
    let deployment = deployed("loihi1", &fixtures::network(7, 1, 50, 0));
    let inputs = Array2::ones((300, deployment.network().layers[0].inputs()));
    let damaged = deployment.damaged(Fault::DroppedSpike, 0.3, &seed(1)).unwrap();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| damaged.predict(inputs.view()).unwrap())
    };
    assert_eq!(on(1), on(4));
    assert!(on(1).iter().any(|class| *class != on(1)[0]), "equal samples, all decided alike");
}

#[test]
fn a_threshold_moves_in_units_of_the_neurons_own_spread() {
    let deployment = deployed("loihi1", &full(&[100, 400, 2]));
    let moved = |rate| {
        let circuit = deployment.circuits(Fault::ThresholdShift, rate, seed(1)).next().unwrap();
        circuit.thresholds.iter().map(|&threshold| (threshold - 1) as f64).collect::<Vec<f64>>()
    };
    assert!(moved(0.0).iter().all(|&by| by == 0.0));
    let square = moved(0.5).iter().map(|by| by * by).sum::<f64>() / 400.0;
    // Weights of 1 on 100 inputs give a root of 10; half of it squared is 25. The variance of 400
    // samples has an error of 7 percent.
    assert!((square / 25.0 - 1.0).abs() < 0.36, "{square}");
}

#[test]
fn faults_have_names() {
    for fault in Fault::ALL {
        assert_eq!(fault.name().parse(), Ok(fault));
        assert_eq!(serde_json::to_value(fault).unwrap(), fault.name());
    }
    let unknown = "bitflip".parse::<Fault>().unwrap_err().to_string();
    assert_eq!(unknown, "no such fault; did you mean \"bit-flip\"?");
}

#[test]
fn rates_out_of_range_and_bits_of_exact_weights_are_refused() {
    let message = |name: &str, fault, rate| {
        deployed(name, &by_hand()).damaged(fault, rate, &seed(1)).unwrap_err().to_string()
    };
    assert_eq!(message("loihi1", Fault::BitFlip, 1.5), "bit-flip: rate 1.5 must be from 0 to 1");
    assert_eq!(
        message("loihi1", Fault::WeightVariation, -0.1),
        "weight-variation: rate -0.1 must be from 0 to 100"
    );
    assert_eq!(
        message("ideal", Fault::StuckAtMax, 0.1),
        "stuck-at-max: the weights of ideal are exact and have no bits: choose --weight-bits"
    );
}
