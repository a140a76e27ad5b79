//! Images per second of a deployed network, beside a dense pass with ndarray over the same network.
//!
//! The network is 784-512-512-100 with weights of 8 bits. About 15 % of the inputs and of the
//! neurons of each hidden layer are active. All programs take turns on one thread, are measured in
//! its CPU time, and must give the same decisions. Then `tune predict` reads the images from an NPZ
//! file and writes a CSV table, with one thread, in wall time. Run with `cargo bench --bench simulation`. If
//! the variable `TUNE_PYTHON` names a Python with snnTorch, `benches/peers/simulate_snntorch.py`
//! runs a network of the same shape.

use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rand::RngExt;
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;
use spiketune::backend::{Chip, ChipProfile, DeployOptions};
use spiketune::data::{InputCoding, InputScaling, Preprocessing};
use spiketune::network::{BinaryLayer, BinaryNetwork, Connectivity, Key};
use spiketune::objective::{Description, SavedNetwork};
use spiketune::seed::Seed;

const WIDTHS: [usize; 4] = [784, 512, 512, 100];
const CLASSES: usize = 10;
const IMAGES: usize = 10_000;
const ACTIVE: f64 = 0.15;
const ROUNDS: usize = 15;
/// Batch sizes of ndarray's products; the fastest counts.
const BATCHES: [usize; 4] = [128, 512, 2048, IMAGES];
/// Copies of the images that `tune predict` reads.
const COPIES: usize = 10;
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
    for deployment in &deployments {
        programs.push(Box::new(|| {
            black_box(deployment.decide(inputs.view()).expect("the inputs fit"));
        }));
    }
    for batch in BATCHES {
        let (layers, votes, numbers) = (&layers, &votes, &numbers);
        programs.push(Box::new(move || {
            black_box(dense_pass(layers, votes, numbers, batch));
        }));
    }
    let medians = medians(&mut programs);
    let (ours, dense) = medians.split_at(2 * CHIPS.len());
    let (ours, decisions) = ours.split_at(CHIPS.len());
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
    for (chip, seconds) in CHIPS.iter().zip(decisions) {
        println!("{chip}, decisions alone: {:.0} images/s", IMAGES as f64 / seconds);
    }
    for chip in CHIPS {
        println!("{chip}, tune predict from NPZ to CSV: {:.0} images/s", end_to_end(&network, &inputs, chip));
    }
}

/// Images per second of `tune predict` on [`COPIES`] copies of `inputs`, 0 and 1, as bytes of 0 and 255.
fn end_to_end(network: &BinaryNetwork, inputs: &Array2<u8>, chip: &str) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let inputs_of_training = Preprocessing {
        shape: [28, 28, 1],
        levels: 255,
        scaling: InputScaling::Levels,
        columns: None,
        schema: None,
        classes: (0..CLASSES).map(|class| class.to_string()).collect(),
    };
    let description = Description {
        inputs: Some(inputs_of_training),
        coding: Some(InputCoding::Threshold { at: 0.5 }),
        chip: Some(ChipProfile::builtin(chip).expect("a profile")),
        ..Description::new()
    };
    let saved = SavedNetwork { network: network.clone(), description };
    saved.save(None, &path("net.safetensors")).expect("written");
    write_images(inputs, &path("images.npz"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_tune"));
    command.arg("predict").args([path("net.safetensors"), path("images.npz")]);
    command.args(["--threads", "1", "--out"]).arg(path("classes.csv")).stderr(Stdio::null());
    let mut seconds: Vec<f64> = Vec::new();
    for _ in 0..3 {
        let start = Instant::now();
        assert!(command.status().expect("tune runs").success(), "tune predicts");
        seconds.push(start.elapsed().as_secs_f64());
    }
    let rows = std::fs::read_to_string(path("classes.csv")).expect("predictions").lines().count() - 1;
    assert_eq!(rows, COPIES * IMAGES);
    rows as f64 / seconds.into_iter().fold(f64::INFINITY, f64::min)
}

/// Writes copies of `inputs` as NumPy's `savez` does.
fn write_images(inputs: &Array2<u8>, file: &Path) {
    let mut header =
        format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({}, 28, 28), }}", COPIES * IMAGES);
    header += &" ".repeat(127 - 10 - header.len());
    header.push('\n');
    let bytes = inputs.mapv(|input| 255 * input).into_raw_vec_and_offset().0;
    let mut archive = zip::ZipWriter::new(std::fs::File::create(file).expect("a file"));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    archive.start_file("x.npy", stored.large_file(true)).expect("a member");
    archive.write_all(b"\x93NUMPY\x01\x00").expect("written");
    archive.write_all(&(header.len() as u16).to_le_bytes()).expect("written");
    archive.write_all(header.as_bytes()).expect("written");
    (0..COPIES).for_each(|_| archive.write_all(&bytes).expect("written"));
    archive.finish().expect("written");
}

fn main() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool of one thread");
    pool.install(compare);
}
