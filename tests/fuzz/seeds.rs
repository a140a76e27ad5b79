//! Right inputs, from which the mutations begin.

use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use zip::write::{SimpleFileOptions, ZipWriter};

/// The content of a file of the project.
fn file(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files with one of the `endings` in a folder of the project, sorted by name.
fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = path.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == ending)).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

pub static SPACES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let own = [
        r#"{"name": "a", "parameters": {"x": {"type": "float", "low": -1e308, "high": 1e308},
            "y": {"type": "float", "low": 1e-300, "high": 1e300, "log": true, "default": 1.0},
            "z": {"type": "float", "low": 0, "high": 1, "step": 0.25}}}"#,
        r#"{"name": "b", "start": [{"k": "b", "n": 3}], "parameters": {
            "k": {"type": "categorical", "choices": ["a", "b", null, 1, 2.5, true], "default": "b"},
            "n": {"type": "int", "low": 1, "high": 9, "step": 2, "when": {"k": ["b", 1]}},
            "m": {"type": "int", "low": 1, "high": 900, "log": true, "when": {"n": [3], "k": ["b"]}},
            "f": {"type": "fixed", "value": 3, "when": {"n": [5]}}}}"#,
    ];
    [files("configs", "json"), texts(&own)].concat()
});

pub static CHIPS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| files("configs/chips", "json"));

pub static PLANS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    texts(&[
        r#"{"input": {"height": 8, "width": 8, "channels": 2}, "hidden": [
            {"kind": "convolution", "channels": 4, "window": {"height": 3, "width": 3, "stride": 1, "padding": 1},
             "batch_norm": true, "dropout": 0.1},
            {"kind": "max-pool", "size": 2, "stride": 2},
            {"kind": "convolution", "channels": 4, "window": {"height": 3, "width": 3, "stride": 1, "padding": 1},
             "batch_norm": false, "dropout": 0.0},
            {"kind": "residual", "back": 1},
            {"kind": "dense", "width": 16, "batch_norm": true, "dropout": 0.5}],
            "head": {"classes": 3, "redundancy": 4, "overlapping": true, "batch_norm": false}}"#,
        r#"{"input": {"height": 4, "width": 6, "channels": 1}, "hidden": [
            {"kind": "convolution", "channels": 2, "window": {"height": 1, "width": 3, "stride": 1, "padding": 0},
             "batch_norm": true, "dropout": 0.0},
            {"kind": "average-pool", "size": 2}],
            "head": {"classes": 2, "redundancy": 1, "overlapping": false, "batch_norm": true}}"#,
    ])
});

pub static POINTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    texts(&[
        r#"{"method": "surrogate", "epochs": 8, "width_1": 32, "dropout": 0.5, "batch_norm": true, "shift": 2}"#,
        r#"{"topology": "convolutional", "conv_layers": 2, "channels_1": 4, "conv_window": 3, "conv_pool": 2,
            "input_coding": "thermometer", "input_levels": 3, "weight_bits": 4, "quantized_epochs": 2}"#,
        r#"{"method": "hybrid", "sharpener": "adaptive", "optimizer": "sgd", "momentum": 0.9, "average": "swa",
            "redundancy": 8, "hidden_layers": 4, "width_4": 100, "teacher_epochs": 3}"#,
    ])
});

pub static CONFIGS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    texts(&[
        r#"{"$schema": "config.schema.json", "dataset": "digits", "chip": "loihi1", "budget": 40, "quiet": true,
            "metric": ["accuracy", "energy"], "reference": [0.9, 1e-6], "faults": ["dead-neuron", "bit-flip"]}"#,
        r#"{"dataset": "my.csv", "label": -1, "drop": ["id"], "validation": 0.25, "memory": "8G", "fresh": false,
            "stop-when": "target=0.9", "constraint": ["cores<=128"], "workers": 2, "pick": "energy within 0.005"}"#,
    ])
});

pub static BASELINES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    texts(&[
        r#"{"schema": 1, "program": "tune 0.2.0", "command": "tune --dataset digits", "study": "s", "dataset": "digits",
            "dataset_sha256": "00", "chip": "loihi1", "chip_sha256": "11",
            "metrics": [{"name": "accuracy", "direction": "maximize"}, {"name": "energy", "direction": "minimize"}],
            "hyperparameters": {"width_1": 32}, "seed": 0, "seeds": [
                {"seed": 0, "values": [0.97, 5e-8], "validation": [0.98, 5e-8], "costs": {"energy": 5e-8, "cores": 2}},
                {"seed": 1, "values": [0.96, 6e-8], "validation": [0.97, 6e-8], "costs": {"energy": 6e-8, "cores": 2}},
                {"seed": 2, "values": [0.98, 4e-8], "validation": [0.99, 4e-8], "costs": {"energy": 4e-8, "cores": 2}}],
            "model": {"file": "baseline.safetensors", "seed": 2, "values": [0.98, 4e-8], "costs": {"energy": 4e-8}}}"#,
        r#"{"schema": 1, "program": "tune 0.2.0", "command": "tune run --command true", "study": "s",
            "metrics": [{"name": "loss", "direction": "minimize"}], "hyperparameters": {"lr": 0.1}, "seed": 3, "seeds":
            [{"seed": 0, "values": [1]}, {"seed": 7, "values": [2.5]}, {"seed": 2, "values": [-1e300]}]}"#,
    ])
});

pub static TABLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    texts(&[
        "length,width,kind\n1.0,2.0,a\n2.0,1.0,b\n1.5,2.0,a\n2.5,1.0,b\n1.2,2.2,a\n2.2,1.1,b\n1.1,2.1,a\n2.1,1.3,b\n",
        "5.1;3.5;0\n4.9;3.0;1\n4.7;3.2;0\n4.6;3.1;1\n5.0;3.6;0\n5.4;3.9;1\n",
        "a\tb\tlabel\r\n1\t2\t\"x, y\"\r\n3\t4\tz\r\n5\t6\t\"x, y\"\r\n7\t8\tz\r\n1\t1\tz\r\n2\t2\t\"x, y\"\r\n",
        "age;ward;kind\n1.234,5;north;a\n?;south;b\n7;;a\n12,5;north;b\n1;south;a\n2;north;b\n",
        "\"q \"\"1\"\"\",label\n1e3,1\n-2.5E-3,0\n.5,1\n7,0\n",
    ])
});

/// A grey and a coloured picture in each format.
pub static PICTURES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};
    let grey = GrayImage::from_fn(6, 5, |x, y| Luma([(x * 40 + y * 7) as u8]));
    let coloured = RgbImage::from_fn(6, 5, |x, y| Rgb([(x * 40) as u8, (y * 50) as u8, 9]));
    let images: [DynamicImage; 2] = [grey.into(), coloured.into()];
    let formats = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::Pnm];
    let encode = |image: &DynamicImage, format: ImageFormat| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let image = if format == ImageFormat::Gif { image.to_rgba8().into() } else { image.clone() };
        image.write_to(&mut bytes, format).expect("the picture can be encoded");
        bytes.into_inner()
    };
    formats
        .iter()
        .flat_map(|&format| images.iter().map(move |image| encode(image, format)).collect::<Vec<_>>())
        .collect()
});

pub static WARM_STARTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    texts(&[
        "x,n,kind,depth,loss\n1.0,3,round,,0.5\n-2,8,flat,2,1.5\n0,0,round,,\n",
        "trial,x,n,kind,depth,loss,note\n0,4.5,1.0,flat,4,nan,\"a, b\"\n1,-5,2,round,,7,\n",
    ])
});

/// The members of archives, each a list of named contents.
pub type Members = Vec<(&'static str, Vec<u8>)>;

/// An array in NumPy's form.
fn npy(kind: &str, shape: &str, content: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    header += &" ".repeat(63 - (header.len() + 10) % 64);
    header.push('\n');
    [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes(), content]
        .concat()
}

pub static ARRAYS: LazyLock<Vec<Members>> = LazyLock::new(|| {
    let floats: Vec<u8> = (0..24u8).flat_map(|n| (f32::from(n) / 3.0).to_le_bytes()).collect();
    let longs: Vec<u8> = (0..8i64).flat_map(|n| (n % 2).to_le_bytes()).collect();
    vec![
        vec![
            ("x_train.npy", npy("|u1", "(8, 2, 2)", &(0..32).collect::<Vec<u8>>())),
            ("y_train.npy", npy("<i8", "(8,)", &longs)),
            ("x_test.npy", npy("|u1", "(4, 2, 2)", &(0..16).collect::<Vec<u8>>())),
            ("y_test.npy", npy("|u1", "(4,)", &[0, 1, 0, 1])),
        ],
        vec![("x.npy", npy("<f4", "(8, 3)", &floats)), ("y.npy", npy("<i8", "(8,)", &longs))],
    ]
});

pub fn zipped(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        archive.start_file(*name, SimpleFileOptions::default()).expect("in memory");
        archive.write_all(content).expect("in memory");
    }
    archive.finish().expect("in memory").into_inner()
}

pub fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

pub fn tarred(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, name, content.as_slice()).expect("in memory");
    }
    archive.into_inner().expect("in memory")
}

fn idx(kind: u8, dims: &[u32], values: &[u8]) -> Vec<u8> {
    let head = [0, 0, kind, dims.len() as u8];
    let dims = dims.iter().flat_map(|dim| dim.to_be_bytes());
    head.into_iter().chain(dims).chain(values.iter().copied()).collect()
}

pub static IMAGES: LazyLock<Vec<Members>> = LazyLock::new(|| {
    let set = |count: u32, channels: &[u32]| -> (Vec<u8>, Vec<u8>) {
        let dims = [&[count, 2, 3], channels].concat();
        let values: Vec<u8> = (0..dims.iter().product()).map(|value| value as u8).collect();
        let labels: Vec<u8> = (0..count).map(|label| (label % 3) as u8).collect();
        (idx(8, &dims, &values), idx(8, &[count], &labels))
    };
    let members = |train: (Vec<u8>, Vec<u8>), test: Option<(Vec<u8>, Vec<u8>)>| {
        let mut members = vec![("train-images-idx3-ubyte", train.0), ("train-labels-idx1-ubyte", train.1)];
        if let Some((images, labels)) = test {
            members.extend([("t10k-images-idx3-ubyte", images), ("t10k-labels-idx1-ubyte", labels)]);
        }
        members
    };
    vec![members(set(9, &[]), Some(set(6, &[]))), members(set(12, &[2]), None)]
});

pub static BATCHES: LazyLock<Vec<Members>> = LazyLock::new(|| {
    let record = |bytes: usize, label: u8| -> Vec<u8> {
        let mut record = vec![label; bytes];
        record.extend((0..3072).map(|pixel| (pixel % 251) as u8));
        record
    };
    let batch = |bytes: usize| [record(bytes, 0), record(bytes, 1)].concat();
    vec![
        [
            "cifar-10-batches-bin/data_batch_1.bin",
            "cifar-10-batches-bin/data_batch_2.bin",
            "cifar-10-batches-bin/data_batch_3.bin",
            "cifar-10-batches-bin/data_batch_4.bin",
            "cifar-10-batches-bin/data_batch_5.bin",
            "cifar-10-batches-bin/test_batch.bin",
        ]
        .map(|name| (name, batch(1)))
        .to_vec(),
        ["cifar-100-binary/train.bin", "cifar-100-binary/test.bin"].map(|name| (name, batch(2))).to_vec(),
    ]
});

pub static MODELS: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| vec![file("tests/fixtures/0.1/best.safetensors")]);

/// What the files of networks say about them.
pub static DESCRIPTIONS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    texts(&[
        r#"{"schema": 1, "program": "tune 0.2.0", "coding": {"kind": "thermometer", "levels": 4}, "deploy": {"weight_bits": 4},
            "inputs": {"shape": [1, 1, 2], "levels": 255, "scaling": {"kind": "columns", "low": [0.1, -3], "high": [2.5, 7e9]},
                "columns": {"names": ["length", "width"], "label": 2, "label_name": "kind"}, "classes": ["a", "b, c"]},
            "trained_on": {"dataset": "iris", "dataset_sha256": "ab", "split": {"validation": 0.2, "seed": 7}, "seed": "00"}}"#,
        r#"{"schema": 1, "inputs": {"shape": [28, 28, 1], "levels": 255, "scaling": {"kind": "levels"}, "classes": ["0", "1"]}}"#,
    ])
});

pub static NIRS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| files("tests/fixtures/nir", "nir"));

/// The lines of a session: an opening by each search, results, questions.
pub static SESSIONS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let space = r#"{"name": "s", "parameters": {"x": {"type": "float", "low": 0, "high": 1},
        "kind": {"type": "categorical", "choices": ["a", "b"]},
        "n": {"type": "int", "low": 1, "high": 9, "when": {"kind": ["b"]}}}}"#
        .replace('\n', " ");
    let told = |count: usize, values: &str, constraints: &str| -> String {
        let tell = |k: usize| {
            let x = k as f64 / count as f64;
            let values = values.replace('v', &format!("{}", (x - 0.3) * (x - 0.3)));
            format!(
                r#"{{"op": "tell", "point": {{"x": {x}, "kind": "b", "n": {}}}, "values": {values}, "constraints": {constraints}}}"#,
                1 + k % 9
            ) + "\n"
        };
        (0..count).map(tell).collect()
    };
    let open = |search: &str, more: &str| {
        format!(r#"{{"op": "open", "space": {space}, "search": "{search}", "seed": 5, {more}}}"#) + "\n"
    };
    let one = r#""metrics": [{"name": "a", "direction": "minimize"}]"#;
    let two =
        r#""metrics": [{"name": "a", "direction": "minimize"}, {"name": "b", "direction": "maximize"}]"#;
    let rest = "{\"op\": \"ask\"}\n{\"op\": \"tell\", \"trial\": 0, \"failure\": \"late\"}\n{\"op\": \"best\"}\n{\"op\": \"close\"}\n";
    let mut sessions: Vec<String> = ["tpe", "nsga2", "sobol", "random"]
        .iter()
        .map(|search| open(search, one) + &told(22, "[v]", "[]") + rest)
        .collect();
    sessions.push(open("nsga2", two) + &told(22, "[v, 1]", "[]") + rest);
    sessions.push(
        open("tpe", &format!(r#"{one}, "constraints": 1"#))
            + &told(12, "[v]", "[-v]").replace("-v", "-1")
            + rest,
    );
    sessions.push(open("bayes", one) + &told(12, "[v]", "[]") + rest);
    sessions
        .push(open("bayes", &format!(r#"{two}, "reference": [1, 0]"#)) + &told(11, "[v, 1]", "[]") + rest);
    sessions.into_iter().map(String::into_bytes).collect()
});

/// The lines of kurobako to a solver.
pub static SOLVERS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let create = r#"{"type": "CREATE_SOLVER_CAST", "solver_id": 0, "random_seed": 5, "problem": {
        "name": "p", "attrs": {}, "steps": [1, 3], "reference_point": null, "params_domain": [
        {"name": "c", "range": {"type": "CATEGORICAL", "choices": ["a", "b"]}, "distribution": "UNIFORM", "constraint": null},
        {"name": "n", "range": {"type": "DISCRETE", "low": 1, "high": 9}, "distribution": "LOG_UNIFORM",
         "constraint": {"lua_script": "c == 'b' and not (1 > 2)"}},
        {"name": "x", "range": {"type": "CONTINUOUS", "low": -1, "high": 1}, "distribution": "UNIFORM",
         "constraint": {"lua_script": "n > 2 ^ 2 - 1.5e0 or c == nil"}}],
        "values_domain": [{"name": "v", "range": {"type": "CONTINUOUS", "low": null}, "distribution": "UNIFORM", "constraint": null}]}}"#
        .replace('\n', " ");
    let turn = |id: u64| {
        format!(
            "{{\"type\": \"ASK_CALL\", \"solver_id\": 0, \"next_trial_id\": {id}}}\n{{\"type\": \"TELL_CALL\", \"solver_id\": 0, \
             \"trial\": {{\"id\": {id}, \"values\": [{}], \"current_step\": 3}}}}\n",
            id % 5
        )
    };
    let drop = "{\"type\": \"DROP_SOLVER_CAST\", \"solver_id\": 0}\n";
    let session = |turns: u64| format!("{create}\n{}{drop}", (0..turns).map(turn).collect::<String>());
    vec![session(3).into_bytes(), session(13).into_bytes()]
});

pub static OUTPUTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    texts(&[
        "{\"step\": 1, \"value\": 0.71}\nepoch 1\n{'loss': 0.5}\n{\"value\": 0.31, \"attributes\": {\"size\": 120}}\n",
        "{\"step\": 2, \"values\": {\"loss\": 1, \"speed\": NaN}}\n{\"values\": [0.5, -Infinity], \"constraints\": [-1, \"inf\"]}\n",
        "{\"failure\": \"out of \\\"memory\\\"\\nat line 3\"}\n{\"level\": \"info\", \"msg\": \"done\"}\n",
    ])
});
