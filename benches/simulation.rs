//! Images per second of a deployed network, beside a dense pass with ndarray over the same network.
//!
//! The network is 784-512-512-100 with weights of 8 bits. About 15 % of the inputs and of the
//! neurons of each hidden layer are active. All programs take turns on one thread, are measured in
//! its CPU time, and must give the same decisions. Run with `cargo bench --bench simulation`. If
//! the variable `TUNE_PYTHON` names a Python with snnTorch, `benches/peers/simulate_snntorch.py`
//! runs a network of the same shape.

use std::hint::black_box;
use std::process::{Command, Stdio};
use std::time::Duration;

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rand::RngExt;
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;
use spiketune::backend::{Chip, ChipProfile, DeployOptions};
use spiketune::network::{BinaryLayer, BinaryNetwork, Connectivity, Key};
use spiketune::seed::Seed;

const WIDTHS: [usize; 4] = [784, 512, 512, 100];
const CLASSES: usize = 10;
const IMAGES: usize = 10_000;
const ACTIVE: f64 = 0.15;
const ROUNDS: usize = 15;
/// Batch sizes of ndarray's products; the fastest counts.
const BATCHES: [usize; 4] = [128, 512, 2048, IMAGES];
const CHIPS: [&str; 2] = ["ideal", "loihi1"];

/// A dense layer of threshold neurons.
struct Dense {
    /// (inputs, neurons)
    weights: Array2<f32>,
    thresholds: Array1<f32>,
}

impl Dense {
    fn fire(&self, inputs: ArrayView2<'_, f32>) -> Array2<f32> {
        let mut sums = inputs.dot(&self.weights);
        for mut row in sums.rows_mut() {
            row.zip_mut_with(&self.thresholds, |sum, &threshold| {
                *sum = if *sum >= threshold { 1.0 } else { 0.0 };
            });
        }
        sums
    }
}

/// Layers whose neurons fire on a share of [`ACTIVE`] of the samples, and the samples.
fn layers() -> (Vec<Dense>, Array2<u8>) {
    let mut stream = Seed::root(1).stream();
    let inputs = Array2::from_shape_simple_fn((IMAGES, WIDTHS[0]), || u8::from(stream.random_bool(ACTIVE)));
    let mut presynaptic = inputs.slice(s![..1000, ..]).mapv(f32::from);
    let layer = |pair: &[usize]| {
        let weight = || f32::from(stream.random_range(-127i8..=127));
        let weights = Array2::from_shape_simple_fn((pair[0], pair[1]), weight);
        let threshold = |sums: ndarray::ArrayView1<'_, f32>| {
            let mut sums = sums.to_vec();
            sums.sort_by(f32::total_cmp);
            sums[((1.0 - ACTIVE) * sums.len() as f64) as usize]
        };
        let thresholds = presynaptic.dot(&weights).axis_iter(Axis(1)).map(threshold).collect();
        let layer = Dense { weights, thresholds };
        presynaptic = layer.fire(presynaptic.view());
        layer
    };
    (WIDTHS.windows(2).map(layer).collect(), inputs)
}

fn binary(layers: &[Dense]) -> BinaryNetwork {
    let layer = |(index, layer): (usize, &Dense)| BinaryLayer {
        connectivity: Connectivity::Dense { inputs: layer.weights.nrows(), outputs: layer.weights.ncols() },
        sources: vec![index],
        weights: layer.weights.t().mapv(f64::from),
        thresholds: layer.thresholds.mapv(f64::from),
        exponent: 0,
    };
    let key = Key::generate(CLASSES, WIDTHS[3] / CLASSES, false, &Seed::root(1));
    BinaryNetwork { input_max: 1, layers: layers.iter().enumerate().map(layer).collect(), key }
}

/// The decisions of the dense pass.
fn dense_pass(layers: &[Dense], votes: &Array2<f32>, inputs: &Array2<f32>, batch: usize) -> Vec<u16> {
    let decide = |row: ndarray::ArrayView1<'_, f32>| {
        let first = |best: (usize, f32), (class, &score): (usize, &f32)| {
            if score > best.1 { (class, score) } else { best }
        };
        row.iter().enumerate().fold((0, f32::NEG_INFINITY), first).0 as u16
    };
    let mut classes = Vec::with_capacity(inputs.nrows());
    for inputs in inputs.axis_chunks_iter(Axis(0), batch) {
        let (first, above) = layers.split_first().expect("a layer");
        let spikes = above.iter().fold(first.fire(inputs), |below, layer| layer.fire(below.view()));
        classes.extend(spikes.dot(votes).rows().into_iter().map(decide));
    }
    classes
}

/// (neurons, classes): the amount that a spike adds to each score.
fn votes(key: &Key) -> Array2<f32> {
    key.members().t().mapv(|member| if member { 1.0 } else { -1.0 })
}

/// The CPU time of the thread, which other programs on the machine do not change.
fn time_of_thread() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Calls the `programs` in turns; returns the median seconds of each.
fn medians(programs: &mut [Box<dyn FnMut() + '_>]) -> Vec<f64> {
    let mut seconds = vec![Vec::new(); programs.len()];
    for _ in 0..ROUNDS {
        for (program, seconds) in programs.iter_mut().zip(&mut seconds) {
            let start = time_of_thread();
            program();
            seconds.push((time_of_thread() - start).as_secs_f64());
        }
    }
    seconds.iter_mut().for_each(|seconds| seconds.sort_by(f64::total_cmp));
    seconds.iter().map(|seconds| seconds[ROUNDS / 2]).collect()
}

/// The programs of `benches/peers/simulate_snntorch.py`: name and version, and images per second.
fn peers() -> Vec<(String, f64)> {
    let Ok(python) = std::env::var("TUNE_PYTHON") else { return Vec::new() };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/simulate_snntorch.py");
    let output = Command::new(python).arg(script).stderr(Stdio::inherit()).output().expect("Python runs");
    assert!(output.status.success(), "the peers run");
    let peer = |line: &str| {
        let peer: Value = serde_json::from_str(line).expect("a line of JSON");
        let text = |key: &str| peer[key].as_str().expect("a text").to_owned();
        let rate = peer["images_per_second"].as_f64().expect("a number");
        (format!("{} {}", text("program"), text("version")), rate)
    };
    String::from_utf8_lossy(&output.stdout).lines().map(peer).collect()
}

#[expect(clippy::print_stdout, reason = "a table for people")]
fn compare() {
    let (layers, inputs) = layers();
    let (network, numbers) = (binary(&layers), inputs.mapv(f32::from));
    let votes = votes(&network.key);
    let deploy = |name: &str| {
        let chip = Chip::new(ChipProfile::builtin(name).expect("a profile"));
        chip.deploy(&network, &DeployOptions::default()).expect("the network fits")
    };
    let deployments = CHIPS.map(deploy);
    let ideal = deployments[0].run(inputs.view()).expect("the inputs fit");
    let expected = dense_pass(&layers, &votes, &numbers, BATCHES[0]);
    assert_eq!(ideal.predictions, expected, "all programs give the same decisions");
    for (layer, width) in ideal.layers.iter().zip(WIDTHS) {
        let share = layer.active_inputs as f64 / (IMAGES * width) as f64;
        println!("{width} inputs: {:.1} % active", 100.0 * share);
    }
    let mut programs: Vec<Box<dyn FnMut()>> = Vec::new();
    for deployment in &deployments {
        programs.push(Box::new(|| {
            black_box(deployment.run(inputs.view()).expect("the inputs fit"));
        }));
    }
    for batch in BATCHES {
        let (layers, votes, numbers) = (&layers, &votes, &numbers);
        programs.push(Box::new(move || {
            black_box(dense_pass(layers, votes, numbers, batch));
        }));
    }
    let medians = medians(&mut programs);
    let (ours, dense) = medians.split_at(CHIPS.len());
    let fastest = dense.iter().copied().fold(f64::INFINITY, f64::min);
    let mut others = vec![("ndarray, f32".to_owned(), IMAGES as f64 / fastest)];
    others.extend(peers());
    others.iter().for_each(|(name, rate)| println!("{name}: {rate:.0} images/s"));
    for (chip, seconds) in CHIPS.iter().zip(ours) {
        let rate = IMAGES as f64 / seconds;
        let times: Vec<String> =
            others.iter().map(|(name, other)| format!("{:.1} times {name}", rate / other)).collect();
        println!("{chip}: {rate:.0} images/s, {}", times.join(", "));
    }
}

fn main() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool of one thread");
    pool.install(compare);
}
