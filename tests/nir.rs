//! The Python package `nir` reads our files as the graph that they are, and writes them such that we read
//! them; Norse runs them with the spikes of the chip.
//!
//! The scripts in `docs/predict.md` run our `.safetensors` files with NumPy alone, and with PyTorch.
//!
//! Needs a Python that imports `nir` (`pip install -r tests/python/requirements.txt`), and `norse` for the last
//! test (`pip install norse==1.1.0`): `python3`, or the interpreter that TUNE_PYTHON names. Tests of packages
//! that it lacks are listed as ignored.

use std::path::Path;
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use ndarray::{Array2, Axis, array};
use serde_json::{Value as Json, json};
use spiketune::backend::nir::{self, Export, Flavour, NirFile, Reading};
use spiketune::backend::{Chip, ChipProfile, DeployOptions, IntegerNetwork};
use spiketune::data::InputCoding;
use spiketune::network::{BinaryLayer, BinaryNetwork, Connectivity, Decision, Key, Volume, Window};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/check_nir.py");
const NORSE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/make_norse.py");

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let python = std::env::var("TUNE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let is_missing = !imports(&python, "nir");
    let tests = [
        ("nir_reads_the_graph_of_thresholds_that_was_written", Flavour::Threshold),
        ("nir_reads_the_graph_of_integrators_that_was_written", Flavour::IntegrateAndFire),
    ];
    let tests = tests.into_iter().map(|(name, flavour)| {
        let python = python.clone();
        Trial::test(name, move || read_by_python(&python, flavour)).with_ignored_flag(is_missing)
    });
    let mut tests: Vec<Trial> = tests.collect();
    let is_missing = is_missing || !imports(&python, "norse");
    let norse = Trial::test("norse_runs_what_was_written_with_the_same_spikes", {
        let python = python.clone();
        move || run_by_norse(&python)
    });
    tests.push(norse.with_ignored_flag(is_missing));
    let is_missing = !imports(&python, "numpy");
    let script = Trial::test("numpy_decides_as_predict_does", {
        let python = python.clone();
        move || run_by_numpy(&python)
    });
    tests.push(script.with_ignored_flag(is_missing));
    let is_missing = !["numpy", "torch", "safetensors"].iter().all(|package| imports(&python, package));
    let script = Trial::test("torch_decides_as_predict_does", {
        let python = python.clone();
        move || run_by_torch(&python)
    });
    tests.push(script.with_ignored_flag(is_missing));
    libtest_mimic::run(&arguments, tests).exit_code()
}

fn imports(python: &str, package: &str) -> bool {
    let import = format!("import {package}");
    Command::new(python).args(["-c", &import]).output().is_ok_and(|output| output.status.success())
}

/// A convolution of 2x3 pixels to two channels, their pool, and four output neurons of two classes.
fn network() -> BinaryNetwork {
    let input = Volume { height: 2, width: 3, channels: 1 };
    let window = Window { padding: 1, ..Window::square(3, 1) };
    BinaryNetwork {
        input_max: 1,
        layers: vec![
            BinaryLayer {
                connectivity: Connectivity::Convolution { input, window, channels: 2 },
                sources: vec![0],
                weights: array![
                    [0.0, 1.0, 0.0, 2.0, 7.0, -1.0, 0.0, -3.0, 0.0],
                    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
                ],
                thresholds: array![3.0, 2.0],
                exponent: 0,
            },
            BinaryLayer::pool(Volume { channels: 2, ..input }, Window::square(2, 1), vec![1]),
            BinaryLayer {
                connectivity: Connectivity::Dense { inputs: 4, outputs: 4 },
                sources: vec![2],
                // Of places 0 and 1, each with channels 0 and 1.
                weights: array![
                    [1.0, 2.0, 3.0, 4.0],
                    [5.0, 6.0, 7.0, 8.0],
                    [-1.0, 0.0, 1.0, 0.0],
                    [0.0, -2.0, 0.0, 3.0]
                ],
                thresholds: array![4.0, 9.0, 0.0, 1.0],
                exponent: 0,
            },
        ],
        key: Key::from_members(array![[true, false, true, false], [false, true, false, true]]),
    }
}

fn read_by_python(python: &str, flavour: Flavour) -> Result<(), Failed> {
    let network = network();
    let coding = Some(InputCoding::Threshold { at: 0.5 });
    let folder = tempfile::tempdir()?;
    let (ours, theirs) = (folder.path().join("ours.nir"), folder.path().join("theirs.nir"));
    write(&network, flavour, coding, &ours)?;
    let seen = printed(Command::new(python).arg(SCRIPT).arg(&ours).arg(&theirs))?;
    compare(&seen, flavour);
    let read = NirFile::from_bytes(std::fs::read(&theirs)?)?;
    assert_eq!(read.coding()?, coding);
    let read = read.network([2, 3, 1], 1, Reading::default())?;
    let inputs = every_input();
    assert_eq!(read.decide(inputs.view()), network.decide(inputs.view()));
    Ok(())
}

fn write(
    network: &BinaryNetwork,
    flavour: Flavour,
    coding: Option<InputCoding>,
    file: &Path,
) -> Result<(), Failed> {
    let profile = ChipProfile::builtin("loihi1")?;
    let integers = IntegerNetwork::new(network, &profile, &DeployOptions::default())?;
    let bytes = nir::write(
        &integers,
        &Export {
            flavour,
            chip: "loihi1",
            input_max: 1,
            coding,
            by_pixel: true,
            keyed: true,
            description: None,
        },
    )?;
    Ok(std::fs::write(file, bytes)?)
}

/// The 64 samples of six pixels.
fn every_input() -> Array2<u8> {
    Array2::from_shape_fn((64, 6), |(sample, input)| (sample >> input & 1) as u8)
}

/// The JSON that a script prints.
fn printed(command: &mut Command) -> Result<Json, Failed> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Norse's spikes of each layer are as many as the chip's, and those of the last decide alike.
fn run_by_norse(python: &str) -> Result<(), Failed> {
    let (network, inputs) = (network(), every_input());
    let folder = tempfile::tempdir()?;
    let (net, samples) = (folder.path().join("net.nir"), folder.path().join("inputs.json"));
    write(&network, Flavour::IntegrateAndFire, None, &net)?;
    let rows: Vec<Vec<u8>> = inputs.rows().into_iter().map(|row| row.to_vec()).collect();
    std::fs::write(&samples, serde_json::to_vec(&rows)?)?;
    let seen = printed(Command::new(python).arg(NORSE).arg(&net).arg(&samples))?;
    let seen = seen["samples"].as_array().ok_or("no list of samples")?;
    assert_eq!(seen.len(), inputs.nrows());
    let deployment =
        Chip::new(ChipProfile::builtin("loihi1")?).deploy(&network, &DeployOptions::default())?;
    for (sample, theirs) in inputs.axis_chunks_iter(Axis(0), 1).zip(seen) {
        let theirs: Vec<String> = serde_json::from_value(theirs["spikes"].clone())?;
        let ours = deployment.run(sample)?;
        let spikes = |text: &String| text.matches('1').count() as u64;
        let counts: Vec<u64> = theirs.iter().map(spikes).collect();
        assert_eq!(ours.layers.iter().map(|layer| layer.spikes).collect::<Vec<_>>(), counts, "{sample}");
        let outputs: Vec<bool> = theirs[counts.len() - 1].chars().map(|spike| spike == '1').collect();
        assert_eq!(ours.predictions, [Decision::of(&network.key.scores(&outputs)).class], "{sample}");
    }
    Ok(())
}

/// Loihi fires above its threshold, so thresholds are one less than where the network's neurons fire.
fn compare(seen: &Json, flavour: Flavour) {
    let fire = |numbers: Json, zeros: Json, ones: Json| match flavour {
        Flavour::Threshold => json!({"type": "Threshold", "metadata": {}, "threshold": numbers}),
        Flavour::IntegrateAndFire => {
            json!({"type": "IF", "metadata": {}, "r": ones, "v_threshold": numbers, "v_reset": zeros})
        }
    };
    let fill = |channels: [f64; 2], height: usize, width: usize| -> Json {
        channels.iter().map(|&number| vec![vec![number; width]; height]).collect::<Vec<_>>().into()
    };
    let image = |channels: [f64; 2], height, width| {
        fire(fill(channels, height, width), fill([0.0; 2], height, width), fill([1.0; 2], height, width))
    };
    let nodes = json!({
        "input": {"type": "Input", "metadata": {}, "shape": [1, 2, 3]},
        "layer_0_sums": {
            "type": "Conv2d", "metadata": {"scales": [1.0, 1.0]}, "input_shape": [2, 3],
            "weight": [[[[0.0, 1.0, 0.0], [2.0, 7.0, -1.0], [0.0, -3.0, 0.0]]],
                       [[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]]],
            "stride": [1, 1], "padding": [1, 1], "dilation": [1, 1], "groups": 1, "bias": [0.0, 0.0],
        },
        "layer_0_spikes": image([2.0, 1.0], 2, 3),
        "layer_1_sums": {
            "type": "SumPool2d", "metadata": {}, "kernel_size": [2, 2], "stride": [1, 1], "padding": [0, 0],
        },
        "layer_1_spikes": image([0.0, 0.0], 1, 2),
        "layer_2_flatten": {
            "type": "Flatten", "metadata": {}, "start_dim": 0, "end_dim": -1, "input_type": [2, 1, 2],
        },
        "layer_2_sums": {
            "type": "Linear", "metadata": {"scales": [1.0, 1.0, 1.0, 1.0]},
            // Channel by channel: the numbers in the middle of each row have changed places.
            "weight": [[1.0, 3.0, 2.0, 4.0], [5.0, 7.0, 6.0, 8.0], [-1.0, 1.0, 0.0, 0.0], [0.0, 0.0, -2.0, 3.0]],
        },
        "layer_2_spikes": fire(json!([3.0, 8.0, -1.0, 0.0]), json!(vec![0.0; 4]), json!(vec![1.0; 4])),
        "output": {"type": "Output", "metadata": {}, "shape": [4]},
    });
    let edges = json!([
        ["input", "layer_0_sums"],
        ["layer_0_spikes", "layer_1_sums"],
        ["layer_0_sums", "layer_0_spikes"],
        ["layer_1_spikes", "layer_2_flatten"],
        ["layer_1_sums", "layer_1_spikes"],
        ["layer_2_flatten", "layer_2_sums"],
        ["layer_2_spikes", "output"],
        ["layer_2_sums", "layer_2_spikes"],
    ]);
    let metadata = json!({
        "chip": "loihi1",
        "input_coding": r#"{"kind":"threshold","at":0.5}"#,
        "input_max": 1,
        "key": [[1, 0, 1, 0], [0, 1, 0, 1]],
        "program": concat!("tune ", env!("CARGO_PKG_VERSION")),
        "weight_bits": 8,
    });
    assert_eq!(seen["nodes"], nodes);
    assert_eq!(seen["edges"], edges);
    assert_eq!(seen["metadata"], metadata);
}

/// The script in `docs/predict.md` decides on every sample as `tune predict` does, in every input coding, with exact
/// weights and with the integers of a chip.
fn run_by_numpy(python: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("forward.py"), script(1)?)?;
    std::fs::write(folder.path().join("table.csv"), table())?;
    for (chip, coding, field) in [
        ("ideal", "graded", ""),
        ("ideal", "thermometer", r#""input_levels": {"type": "fixed", "value": 5},"#),
        ("loihi1", "threshold", r#""input_threshold": {"type": "fixed", "value": 0.4},"#),
        ("loihi1", "thermometer", r#""input_levels": {"type": "fixed", "value": 3},"#),
    ] {
        let space = format!(
            r#"{{"name": "one", "parameters": {{"input_coding": {{"type": "fixed", "value": "{coding}"}}, {field}
                "method": {{"type": "fixed", "value": "surrogate"}}, "hidden_layers": {{"type": "fixed", "value": 1}},
                "epochs": {{"type": "fixed", "value": 5}}, "width_1": {{"type": "int", "low": 20, "high": 21}}}}}}"#
        );
        std::fs::write(folder.path().join("space.json"), space)?;
        let tune =
            |args: &[&str]| text_of(Command::new(env!("CARGO_BIN_EXE_tune")).args(args), folder.path());
        let study = ["--fresh", "--budget", "1", "--confirm", "0", "--folds", "1", "--quiet", "--chip", chip];
        tune(&[&["--dataset", "table.csv", "--space", "space.json"][..], &study].concat())?;
        let ours = tune(&["predict", "best.safetensors", "table.csv"])?;
        let theirs = text_of(
            Command::new(python).args(["forward.py", "best.safetensors", "table.csv"]),
            folder.path(),
        )?;
        let ours: Vec<String> = ours.lines().skip(1).map(first_three).collect();
        assert_eq!(
            (ours.len(), theirs.lines().collect::<Vec<_>>()),
            (90, ours.iter().map(String::as_str).collect())
        );
    }
    Ok(())
}

/// The script with this number, from 1, in `docs/predict.md`.
fn script(number: usize) -> Result<String, Failed> {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/predict.md"))?;
    let script = document.split("```python\n").nth(number).and_then(|rest| rest.split("```").next());
    Ok(script.ok_or("no script")?.to_owned())
}

/// Writes 60 images with three channels of three classes, with labels and without.
const IMAGES: &str = "
import numpy
stream = numpy.random.default_rng(3)
labels, images = numpy.arange(60) % 3, (stream.random((60, 9, 8, 3)) * 90).astype('uint8')
for at in range(60):
    images[at, labels[at] * 3 : labels[at] * 3 + 3, 1:7, labels[at]] += 140
numpy.savez('images.npz', x_train=images, y_train=labels)
numpy.save('images.npy', images)
";

/// The second script in `docs/predict.md` decides on every image as `tune predict` does: with convolutions,
/// residual connections and both pools, with exact weights and with the integers of a chip.
fn run_by_torch(python: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("forward.py"), script(2)?)?;
    text_of(Command::new(python).args(["-c", IMAGES]), folder.path())?;
    for (chip, coding, pool) in [
        ("ideal", "graded", "none"),
        ("ideal", "graded", "average"),
        ("loihi1", "thermometer", "max"),
        ("loihi1", "threshold", "none"),
    ] {
        let layer = format!(
            r#"{{"channels": {{"type": "fixed", "value": 6}}, "residual": {{"type": "fixed", "value": true}},
                "padding": {{"type": "fixed", "value": true}}, "pool": {{"type": "fixed", "value": "{pool}"}}}}"#
        );
        let space = format!(
            r#"{{"name": "one", "parameters": {{"input_coding": {{"type": "fixed", "value": "{coding}"}},
                "convolutions": {{"type": "list", "length": [3, 3], "of": {layer}}},
                "dense": {{"type": "list", "length": [1, 1], "of": {{"width": {{"type": "fixed", "value": 20}}}}}},
                "batch_norm": {{"type": "fixed", "value": true}}, "method": {{"type": "fixed", "value": "surrogate"}},
                "optimizer": {{"type": "fixed", "value": "adam"}}, "epochs": {{"type": "fixed", "value": 2}},
                "learning_rate_adam": {{"type": "fixed", "value": 0.01}},
                "batch_size": {{"type": "int", "low": 8, "high": 9}}}}}}"#
        );
        std::fs::write(folder.path().join("space.json"), space)?;
        let tune =
            |args: &[&str]| text_of(Command::new(env!("CARGO_BIN_EXE_tune")).args(args), folder.path());
        let study = ["--fresh", "--budget", "1", "--confirm", "0", "--folds", "1", "--quiet", "--chip", chip];
        tune(&[&["--dataset", "images.npz", "--space", "space.json"][..], &study].concat())?;
        let ours = tune(&["predict", "best.safetensors", "images.npy"])?;
        let theirs = text_of(
            Command::new(python).args(["forward.py", "best.safetensors", "images.npy"]),
            folder.path(),
        )?;
        let ours: Vec<String> = ours.lines().skip(1).map(first_three).collect();
        assert_eq!(
            (ours.len(), theirs.lines().collect::<Vec<_>>()),
            (60, ours.iter().map(String::as_str).collect()),
            "{chip} {coding} {pool}"
        );
    }
    Ok(())
}

/// The number of a sample, its class and its score, of a line of predictions.
fn first_three(line: &str) -> String {
    line.splitn(4, ',').take(3).collect::<Vec<_>>().join(",")
}

/// A table of 90 samples of three classes.
fn table() -> String {
    let row = |number: u32| {
        let (class, part) = (number % 3, f64::from(number * 37 % 91) / 91.0);
        let base = f64::from(class);
        format!("{},{},{},c{class}\n", base + part, 7.0 - base * part, part * part - base)
    };
    std::iter::once("a,b,c,kind\n".to_owned()).chain((0..90).map(row)).collect()
}

/// What `command` prints in `folder`.
fn text_of(command: &mut Command, folder: &Path) -> Result<String, Failed> {
    let output = command.current_dir(folder).output()?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
    }
}
