//! The readers, each with the inputs that it gets.

use std::path::Path;
use std::sync::LazyLock;

use ndarray::Array2;
use rand::RngExt;
use spiketune::backend::nir::Reading;
use spiketune::backend::{Chip, ChipProfile, DeployOptions};
use spiketune::data::{
    BatchOptions, Channels, Columns, Dataset, Header, InputScaling, Labelled, OpenOptions, Preprocessing,
    Source, Sources, read_batches,
};
use spiketune::input;
use spiketune::network::{Network, Spec};
use spiketune::objective::external::is_report;
use spiketune::objective::{Description, Extras, ModelFile, Plan, SavedNetwork};
use spiketune::report::{Baseline, CheckResult, Scale};
use spiketune::search::Strategy;
use spiketune::seed::{Seed, Stream};
use spiketune::space::{Point, Space};
use spiketune::study::{Metric, Regression, WarmStartTrials};

use crate::seeds::{self, Members};
use crate::{json, mutate};

/// A reader.
pub struct Target {
    pub name: &'static str,
    /// The input of a number, always the same.
    pub input: fn(u64) -> Vec<u8>,
    /// Reads an input and uses what it holds.
    pub run: fn(&[u8]),
}

pub static TARGETS: [Target; 19] = [
    Target { name: "space", input: |n| document("space", &seeds::SPACES, n), run: space },
    Target { name: "chip", input: |n| document("chip", &seeds::CHIPS, n), run: chip },
    Target { name: "plan", input: |n| document("plan", &seeds::PLANS, n), run: plan },
    Target { name: "point", input: |n| document("point", &seeds::POINTS, n), run: point },
    Target { name: "config", input: |n| document("config", &seeds::CONFIGS, n), run: config },
    Target { name: "baseline", input: |n| document("baseline", &seeds::BASELINES, n), run: baseline },
    Target { name: "csv", input: |n| maybe_gzipped("csv", n), run: |bytes| dataset(&[table(bytes)], true) },
    Target { name: "npz", input: |n| archive("npz", &seeds::ARRAYS, seeds::zipped, n), run: npz },
    Target { name: "pictures", input: |n| plain("pictures", &seeds::PICTURES, n), run: pictures },
    Target { name: "idx", input: |n| archive("idx", &seeds::IMAGES, joined, n), run: idx },
    Target { name: "cifar", input: |n| archive("cifar", &seeds::BATCHES, packed, n), run: cifar },
    Target { name: "model", input: model_bytes, run: model },
    Target { name: "nir", input: |n| plain("nir", &seeds::NIRS, n), run: model },
    Target { name: "new_samples", input: new_samples_bytes, run: new_samples },
    Target {
        name: "description",
        input: |n| document("description", &seeds::DESCRIPTIONS, n),
        run: description,
    },
    Target { name: "serve", input: |n| lines("serve", &seeds::SESSIONS, n), run: serve },
    Target { name: "kurobako", input: |n| lines("kurobako", &seeds::SOLVERS, n), run: kurobako },
    Target { name: "command", input: |n| lines("command", &seeds::OUTPUTS, n), run: command },
    Target { name: "warm_start", input: |n| plain("warm_start", &seeds::WARM_STARTS, n), run: warm_start },
];

// --- inputs

fn stream(target: &str, number: u64) -> Stream {
    Seed::root(number).child(target).stream()
}

/// A mutation of the bytes of a seed.
fn plain(target: &str, seeds: &[Vec<u8>], number: u64) -> Vec<u8> {
    let stream = &mut stream(target, number);
    let (seed, other) = two(seeds, stream);
    mutate::mutated(seed.clone(), other, stream)
}

fn two<'a, T>(seeds: &'a [T], stream: &mut Stream) -> (&'a T, &'a T) {
    (&seeds[stream.random_range(0..seeds.len())], &seeds[stream.random_range(0..seeds.len())])
}

/// A mutation of a JSON text: of its values as often as of its bytes.
fn document(target: &str, seeds: &[Vec<u8>], number: u64) -> Vec<u8> {
    let stream = &mut stream(target, number);
    let (seed, other) = two(seeds, stream);
    match stream.random_bool(0.7).then(|| json::mutated(seed, stream)).flatten() {
        Some(text) => text,
        None => mutate::mutated(seed.clone(), other, stream),
    }
}

/// Mutations of one to three lines.
fn lines(target: &str, seeds: &[Vec<u8>], number: u64) -> Vec<u8> {
    let stream = &mut stream(target, number);
    let (seed, other) = two(seeds, stream);
    let mut lines: Vec<Vec<u8>> = seed.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    for _ in 0..stream.random_range(1..4) {
        let at = match stream.random_bool(0.3) {
            true => 0,
            false => stream.random_range(0..lines.len()),
        };
        match stream.random_range(0..8) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[at].clone()),
            2 => lines[at] = mutate::mutated(lines[at].clone(), other, stream),
            _ => {
                let changed = json::mutated(&lines[at], stream);
                lines[at] = changed.unwrap_or_else(|| mutate::mutated(lines[at].clone(), other, stream));
            }
        }
        if lines.is_empty() {
            break;
        }
    }
    lines.join(&b'\n')
}

fn maybe_gzipped(target: &str, number: u64) -> Vec<u8> {
    let table = plain(target, &seeds::TABLES, number);
    match number % 8 {
        0 => seeds::gzipped(&table),
        1 => mutate::mutated(seeds::gzipped(&table), &table, &mut stream("gzip", number)),
        _ => table,
    }
}

/// A table, an archive of arrays, or a file of one array or of images.
fn new_samples_bytes(number: u64) -> Vec<u8> {
    const NAME: &str = "new_samples";
    let alone = |members: &[(&str, Vec<u8>)]| members[0].1.clone();
    match number % 4 {
        0 | 1 => maybe_gzipped(NAME, number),
        2 => archive(NAME, &seeds::ARRAYS, seeds::zipped, number),
        _ => archive(NAME, if number % 8 == 3 { &seeds::ARRAYS } else { &seeds::IMAGES }, alone, number),
    }
}

/// Makes an archive of named contents.
type Pack = fn(&[(&str, Vec<u8>)]) -> Vec<u8>;

/// An archive with a mutated member, or a mutated archive.
fn archive(target: &str, seeds: &[Members], pack: Pack, number: u64) -> Vec<u8> {
    let stream = &mut stream(target, number);
    let (seed, other) = two(seeds, stream);
    let mut members = seed.clone();
    if stream.random_bool(0.3) {
        return mutate::mutated(pack(&members), &pack(other), stream);
    }
    for _ in 0..stream.random_range(1..3) {
        let (from, to) = (stream.random_range(0..members.len()), stream.random_range(0..members.len()));
        members[to].1 = mutate::mutated(members[to].1.clone(), &members[from].1, stream);
    }
    pack(&members)
}

/// Contents one after the other, each after its length.
fn joined(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let each =
        |(_, content): &(&str, Vec<u8>)| [&(content.len() as u32).to_le_bytes(), content.as_slice()].concat();
    members.iter().flat_map(each).collect()
}

fn packed(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let archive = seeds::tarred(members);
    // The batches have even lengths until a mutation changes one.
    if members[0].1.len().is_multiple_of(2) { seeds::gzipped(&archive) } else { archive }
}

/// A safetensors file whose header is mutated as JSON, or whose bytes are.
fn model_bytes(number: u64) -> Vec<u8> {
    let stream = &mut stream("model", number);
    let (seed, other) = two(&seeds::MODELS, stream);
    if stream.random_bool(0.4) {
        return mutate::mutated(seed.clone(), other, stream);
    }
    let length = u64::from_le_bytes(*seed.first_chunk().expect("a header")) as usize;
    let (header, content) = seed[8..].split_at(length);
    // A header that becomes too long stays as it was.
    let mut header = json::mutated(header, stream).unwrap_or_else(|| header.to_vec());
    // The metadata are JSON in texts of JSON.
    if stream.random_bool(0.5) {
        header = with_metadata_mutated(&seed[8..8 + length], stream);
    }
    [&(header.len() as u64).to_le_bytes(), header.as_slice(), content].concat()
}

fn with_metadata_mutated(header: &[u8], stream: &mut Stream) -> Vec<u8> {
    let mut header: serde_json::Value = serde_json::from_slice(header).expect("the header is JSON");
    let metadata = header["__metadata__"].as_object_mut().expect("metadata");
    let key = metadata.keys().nth(stream.random_range(0..metadata.len())).cloned().expect("it is there");
    let text = metadata[&key].as_str().expect("a text").to_owned();
    let changed = json::mutated(text.as_bytes(), stream).unwrap_or_default();
    metadata.insert(key, String::from_utf8_lossy(&changed).into());
    header.to_string().into_bytes()
}

// --- readers

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn space(bytes: &[u8]) {
    let Ok(space) = Space::from_json(&text(bytes), "s.json") else { return };
    let again = Space::from_json(&space.to_json().to_string(), "again.json");
    assert_eq!(again.as_ref(), Ok(&space), "a space is read back as it was written");
    let mut stream = Seed::root(1).stream();
    let corners = [vec![0.0; space.dimension()], vec![1.0; space.dimension()]];
    let inside = (0..8).map(|_| (0..space.dimension()).map(|_| stream.random()).collect());
    for unit in corners.into_iter().chain(inside) {
        let unit: Vec<f64> = unit;
        let point = space.decode(&unit);
        let encoded = space.encode(&point).expect("a decoded point is in the space");
        assert!(encoded.iter().all(|u| (0.0..=1.0).contains(u)), "{point:?} lies at {encoded:?}");
    }
    space
        .starting_points()
        .iter()
        .for_each(|point| space.check(point).expect("a starting point is in the space"));
    let _ = Plan::check(&space);
}

/// A small network of convolutions.
fn small() -> &'static SavedNetwork {
    static SMALL: LazyLock<SavedNetwork> =
        LazyLock::new(|| SavedNetwork::from_bytes(&seeds::MODELS[0]).expect("a network"));
    &SMALL
}

fn chip(bytes: &[u8]) {
    let Ok(profile) = ChipProfile::from_json(&text(bytes), "c.json") else { return };
    deploy(&Chip::new(profile), small(), &DeployOptions::default());
}

/// Runs a network on a chip, if it fits.
fn deploy(chip: &Chip, saved: &SavedNetwork, options: &DeployOptions) {
    let Ok(deployment) = chip.deploy(&saved.network, options) else { return };
    let inputs = saved.network.inputs();
    if inputs > 1 << 16 {
        return;
    }
    let most = saved.network.input_max;
    let samples = Array2::from_shape_fn((3, inputs), |(sample, input)| {
        ((sample * 7 + input * 13) % (usize::from(most) + 1)) as u8
    });
    if let Ok(run) = deployment.run(samples.view()) {
        let _ = serde_json::to_string(&deployment.report(&run));
    }
}

fn plan(bytes: &[u8]) {
    let Ok(spec) = input::from_json::<Spec>(&text(bytes), "p.json") else { return };
    let (checked, summary) = (spec.check(), spec.summary());
    assert_eq!(checked.is_ok(), summary.is_ok());
    let (Ok(footprint), Ok(_), Ok(word)) = (spec.footprint(), spec.work(), spec.topology()) else { return };
    if footprint.network < 1 << 20 {
        let network = Network::build(&spec, &Seed::root(0)).expect("the plan is right");
        assert_eq!(network.topology(), word);
    }
}

fn point(bytes: &[u8]) {
    let Ok(point) = input::from_json::<Point>(&text(bytes), "--point") else { return };
    let Ok(plan) = Plan::new(&point, [8, 8, 1], 10) else { return };
    let _ = (plan.cost(1000), plan.memory([1000, 100, 100], Extras { faulty_weights: true, pauses: true }));
}

/// A file of options: its words are those of options, one line says what is wrong.
fn config(bytes: &[u8]) {
    match spiketune::cli::config_words(&text(bytes)) {
        Ok(words) => assert!(words.iter().all(|word| word.starts_with("--")), "{words:?}"),
        Err(problem) => assert!(problem.lines().count() <= 1 && problem.len() < 10_000, "{problem}"),
    }
}

/// A check against the baseline with its own values, in every form.
fn baseline(bytes: &[u8]) {
    let Ok(baseline) = input::from_json::<Baseline>(&text(bytes), "baseline.json") else { return };
    if baseline.check().is_err() {
        return;
    }
    let direction = baseline.metric().direction;
    let losses: Vec<f64> = baseline.values().into_iter().map(|value| direction.loss(value)).collect();
    let scale = Scale::of(baseline.metric(), baseline.is_of_networks());
    let regression = Regression::new(losses.clone(), 2.0 * baseline.spread().sd, 12);
    let mut result = CheckResult::new("s", &baseline, scale, &regression, false);
    result.seeds.clone_from(&baseline.seeds);
    let (drop, verdict) = regression.judge(&losses);
    (result.drop, result.verdict) = (Some(drop), verdict);
    let _ = (baseline.next_seed(), baseline.text(), result.plan_text(), result.text());
    let _ = (result.junit(), result.openmetrics(), result.github_annotations(), result.github_summary(0));
}

/// Opens the data set that consists of `files`: the first one, or the folder of all.
fn dataset(files: &[(&str, &[u8])], is_file: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).expect("a file");
    }
    let path = if is_file { folder.path().join(files[0].0) } else { folder.path().to_owned() };
    open(&path);
}

fn open(path: &Path) {
    let sources = Sources { cache: None, ..Sources::new(None).expect("no folder is named").offline() };
    let opened = Dataset::open(&path.to_string_lossy(), &OpenOptions::default(), &sources, &mut |_| {});
    if let Ok(set) = opened {
        let inputs: usize = set.shape.iter().product();
        for part in [&set.train, &set.test] {
            assert_eq!(part.inputs.dim(), (part.labels.len(), inputs));
            assert!(part.labels.iter().all(|&label| usize::from(label) < set.classes.len()));
        }
        let _ = set.train.split(0.25, &Seed::root(0));
        // The same file, read as its own training part was.
        let trained = Preprocessing::of(&set);
        let again =
            Labelled::open(&path.to_string_lossy(), &OpenOptions::default(), &sources, &mut |_| {}, &trained);
        if let Ok(again) = again {
            assert_eq!(again.dataset.train.inputs.ncols(), inputs);
        }
    }
}

fn table(bytes: &[u8]) -> (&'static str, &[u8]) {
    if bytes.starts_with(&[0x1f, 0x8b]) { ("t.csv.gz", bytes) } else { ("t.csv", bytes) }
}

/// Reads the bytes as new samples of networks of a table, and of images as bytes or as reals.
fn new_samples(bytes: &[u8]) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bytes).expect("a file");
    let (columns, label_name) = (["length", "width"].map(str::to_owned).to_vec(), Some("kind".to_owned()));
    let columns = Columns { names: Some(columns), label: 2, label_name };
    let ranges = InputScaling::Columns { low: vec![0.0, 1.0], high: vec![5.0, 1.0] };
    for (shape, scaling, columns) in [
        ([1, 1, 2], ranges, Some(columns)),
        ([2, 2, 1], InputScaling::Levels, None),
        ([2, 2, 1], InputScaling::Whole { low: 0.0, high: 1.0 }, None),
    ] {
        let classes = ["a", "b"].map(str::to_owned).to_vec();
        let trained = Preprocessing { shape, levels: 16, scaling, columns, schema: None, classes };
        let options = BatchOptions {
            batch: 3,
            label: None,
            header: Header::Detect,
            channels: Channels::Detect,
            array: None,
        };
        let mut samples = 0;
        let source = Source::File(file.path().to_owned());
        let read = read_batches(&source, &trained, &options, &mut |batch| {
            assert_eq!((batch.first, batch.inputs.ncols()), (samples, trained.inputs()));
            assert!(batch.inputs.iter().all(|&input| input <= 16) && batch.inputs.nrows() <= 3);
            samples += batch.inputs.nrows() as u64;
            std::ops::ControlFlow::Continue(())
        });
        assert!(read.is_ok_and(|read| read.samples == samples) || samples < 1 << 20);
    }
}

fn description(bytes: &[u8]) {
    if let Ok(read) = Description::from_text(&text(bytes)) {
        assert_eq!(Description::from_text(&read.to_text()).as_ref(), Ok(&read));
    }
}

fn npz(bytes: &[u8]) {
    dataset(&[("d.npz", bytes)], true);
}

/// Two classes with a good picture each, and a third picture.
fn pictures(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    for class in ["a", "b"] {
        std::fs::create_dir(folder.path().join(class)).expect("a folder");
        for name in ["1.png", "2.png", "3.png"] {
            std::fs::write(folder.path().join(class).join(name), &seeds::PICTURES[0]).expect("a file");
        }
    }
    std::fs::write(folder.path().join("a/4.png"), bytes).expect("a file");
    open(folder.path());
}

fn cifar(bytes: &[u8]) {
    dataset(&[("d.tar.gz", bytes)], true);
}

/// The files of a folder, each after its length.
fn idx(bytes: &[u8]) {
    const NAMES: [&str; 4] = [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ];
    let mut left = bytes;
    let mut files = Vec::new();
    for name in NAMES {
        let Some((length, rest)) = left.split_first_chunk() else { break };
        let (content, rest) = rest.split_at((u32::from_le_bytes(*length) as usize).min(rest.len()));
        files.push((name, content));
        left = rest;
    }
    if !files.is_empty() {
        dataset(&files, false);
    }
}

fn model(bytes: &[u8]) {
    let Ok(file) = ModelFile::from_bytes(bytes.to_vec()) else { return };
    let _ = file.coding();
    let Ok(options) = file.deploy() else { return };
    let chip = Chip::new(ChipProfile::builtin("loihi1").expect("it is built in"));
    let ideal = Chip::new(ChipProfile::builtin("ideal").expect("it is built in"));
    for shape in [[1, 1, 4], [8, 8, 1], [4, 4, 2], [6, 6, 1]] {
        let Ok(network) = file.network(shape, 1, Reading::default()) else { continue };
        let saved = SavedNetwork {
            network,
            description: Description { deploy: options.clone(), ..Description::default() },
        };
        deploy(&chip, &saved, &saved.description.deploy);
        deploy(&ideal, &saved, &saved.description.deploy);
        if matches!(file, ModelFile::Saved(_)) {
            break;
        }
    }
}

/// Whether the program has answered as many lines as there are requests, each with JSON.
fn check_answers(answers: &[u8]) {
    for line in answers.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        serde_json::from_slice::<serde::de::IgnoredAny>(line).expect("an answer is JSON");
    }
}

fn serve(bytes: &[u8]) {
    let answers = spiketune::cli::answer_requests(bytes);
    check_answers(&answers);
    let blank = |line: &&[u8]| !line.iter().all(|byte| byte.is_ascii_whitespace());
    let requests = bytes.split(|&byte| byte == b'\n').filter(blank).count();
    let replies = answers.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count();
    assert!(replies <= requests && requests - replies <= 2, "{replies} replies to {requests} requests");
}

fn kurobako(bytes: &[u8]) {
    check_answers(&spiketune::cli::answer_kurobako(Strategy::Tpe, bytes));
}

fn command(bytes: &[u8]) {
    let metrics = [Metric::minimize("loss"), Metric::maximize("speed")];
    for line in text(bytes).lines() {
        let problems = [is_report(line, &metrics), is_report(line, &metrics[..1])].map(Result::err);
        for problem in problems.into_iter().flatten() {
            assert!(!problem.contains('\n'), "{problem}");
        }
    }
}

fn warm_start(bytes: &[u8]) {
    let space = r#"{"name": "bowl", "parameters": {
        "x": {"type": "float", "low": -5, "high": 5},
        "n": {"type": "int", "low": 0, "high": 8},
        "kind": {"type": "categorical", "choices": ["round", "flat"]},
        "depth": {"type": "int", "low": 1, "high": 4, "when": {"kind": ["flat"]}}}}"#;
    let space = Space::from_json(space, "bowl.json").expect("a space");
    let read = WarmStartTrials::from_csv(&text(bytes), "t.csv", &space, &[Metric::minimize("loss")]);
    if let Ok(table) = read {
        for result in &table.warm_start.results {
            space.check(&result.point).expect("a result is in the space");
            assert!(result.values.iter().all(|value| value.is_finite()));
        }
    }
}
