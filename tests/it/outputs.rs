//! Output files: what stands at their path, who may read them, and what must not be lost.
#![cfg(unix)]

use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;

use serde_json::Value as Json;

use crate::support::{Ended, LINE, ONE, Tune};

/// A space whose network is trained in a moment.
const TINY: &str = r#"{"name": "tiny", "parameters": {
    "input_coding": {"type": "fixed", "value": "graded"},
    "hidden_layers": {"type": "fixed", "value": 1}, "width_1": {"type": "int", "low": 8, "high": 16},
    "method": {"type": "fixed", "value": "surrogate"}, "optimizer": {"type": "fixed", "value": "adam"},
    "batch_norm": {"type": "fixed", "value": true}, "learning_rate_adam": {"type": "fixed", "value": 0.01},
    "epochs": {"type": "fixed", "value": 4}, "redundancy": {"type": "int", "low": 4, "high": 24, "default": 4}
}}"#;

const NETWORK: [&str; 10] =
    ["--dataset", "iris", "--space", "tiny.json", "--budget", "1", "--confirm", "0", "--quiet", "--fresh"];

fn folder() -> Tune {
    let tune = Tune::new();
    tune.file("tiny.json", TINY).file("line.json", LINE).script("one.sh", ONE);
    tune
}

fn network<'a>(more: &[&'a str]) -> Vec<&'a str> {
    NETWORK.into_iter().chain(more.iter().copied()).collect()
}

fn shell(tune: &Tune, script: &str) -> Ended {
    Ended::of(tune.shell(script).output().expect("it starts"))
}

fn mode(tune: &Tune, name: &str) -> u32 {
    std::fs::metadata(tune.path(name)).expect("there").permissions().mode() & 0o777
}

/// A device of the test's own, since a fault of the program would replace the system's: `null` or `full` by its number.
/// `false` without the right to make one.
fn device(tune: &Tune, name: &str, minor: &str) -> bool {
    let made = std::process::Command::new("mknod").arg(tune.path(name)).args(["c", "1", minor]).output();
    made.is_ok_and(|made| made.status.success())
        && std::fs::File::options().write(true).open(tune.path(name)).is_ok()
}

#[test]
fn a_fifo_and_a_descriptor_stay_and_get_the_result() {
    let tune = folder();
    let args = NETWORK.join(" ");
    let got = shell(&tune, &format!(r#"mkfifo fifo; cat fifo >got.json & "$TUNE" {args} --out fifo; wait"#));
    assert_eq!(got.success().stderr, "");
    assert!(std::fs::symlink_metadata(tune.path("fifo")).expect("there").file_type().is_fifo());
    let best = tune.json("got.json");
    assert_eq!((&best["trials"], &best["model"]), (&1.into(), &Json::Null));
    assert!(!tune.path("fifo.safetensors").exists());
    let script = r#"cat fifo >t.csv & "$TUNE" export csv --out fifo; wait"#;
    assert_eq!(shell(&tune, script).success().stderr, "written to fifo\n");
    assert!(tune.read("t.csv").starts_with("trial,state,"));

    // As /dev/stdout is one.
    symlink("/proc/self/fd/1", tune.path("out")).expect("a link");
    if Path::new("/proc/self/fd/1").exists() {
        let printed = tune.run(&network(&["--out", "out"])).success().stdout;
        assert_eq!(serde_json::from_str::<Json>(&printed).expect("JSON")["trials"], 1);
        shell(&tune, r#"echo first >log; "$TUNE" export csv --out out >>log"#).success();
        assert!(tune.read("log").starts_with("first\ntrial,state,"), "{}", tune.read("log"));
        assert!(tune.path("out").is_symlink());
    }
}

#[test]
fn a_device_stays_and_a_full_one_is_told() {
    let tune = folder();
    if !device(&tune, "null", "3") || !device(&tune, "full", "7") {
        return;
    }
    let said = tune.run(&[&NETWORK[..8], &["--out", "null"]].concat()).success().stderr;
    assert!(said.contains("no weights are saved beside null, which is no regular file"), "{said}");
    let ended = tune.run(&network(&["--out", "full"]));
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stderr, "error: cannot write full: No space left on device (os error 28)\n");
    assert_eq!(tune.run(&["export", "csv", "--out", "full"]).code, Some(1));
    for name in ["null", "full"] {
        assert!(std::fs::metadata(tune.path(name)).expect("there").file_type().is_char_device(), "{name}");
        assert!(!tune.path(name).with_extension("safetensors").exists(), "{name}");
    }
}

#[test]
fn a_link_stays_and_the_file_behind_it_is_replaced() {
    let tune = folder();
    std::fs::create_dir(tune.path("deep")).expect("a folder");
    symlink("deep/real.json", tune.path("best.json")).expect("a link");
    symlink("deep/real.safetensors", tune.path("best.safetensors")).expect("a link");
    symlink("deep/real.nir", tune.path("net.nir")).expect("a link");
    for _ in 0..2 {
        tune.run(&NETWORK).success();
        tune.run(&["export", "nir", "best.safetensors", "--out", "net.nir"]).success();
        for name in ["best.json", "best.safetensors", "net.nir"] {
            assert!(tune.path(name).is_symlink(), "{name}");
        }
        for name in ["deep/real.json", "deep/real.safetensors", "deep/real.nir"] {
            assert!(std::fs::symlink_metadata(tune.path(name)).expect("there").is_file(), "{name}");
        }
    }
    assert_eq!(tune.json("deep/real.json")["model"], "best.safetensors");
    tune.run(&["eval", "best.safetensors", "--dataset", "iris"]).success();
}

#[test]
fn a_new_file_obeys_the_umask_and_an_old_one_keeps_its_mode() {
    let tune = folder();
    let args = NETWORK.join(" ");
    let all = ["best.json", "best.safetensors", "net.nir", "t.csv", "job.sh"];
    let export = r#""$TUNE" export nir best.safetensors --out net.nir && "$TUNE" export csv --out t.csv &&
        "$TUNE" launch slurm --time 10 --out job.sh"#;
    for (mask, expected) in [("027", 0o640), ("022", 0o644), ("077", 0o600)] {
        shell(&tune, &format!(r#"umask {mask}; "$TUNE" {args} && {export}"#)).success();
        for name in all {
            assert_eq!(mode(&tune, name), expected, "{name} with umask {mask}");
        }
        if mask == "022" {
            let bits = std::fs::Permissions::from_mode(0o664);
            all.iter()
                .for_each(|name| std::fs::set_permissions(tune.path(name), bits.clone()).expect("ours"));
            shell(&tune, &format!(r#"umask 077; "$TUNE" {args} && {export}"#)).success();
            all.iter().for_each(|name| assert_eq!(mode(&tune, name), 0o664, "{name}"));
        }
        all.iter().for_each(|name| std::fs::remove_file(tune.path(name)).expect("there"));
    }
}

#[test]
fn an_input_is_never_the_output() {
    let tune = folder();
    tune.file("data.csv", "a,b,label\n".to_owned() + &"0,1,x\n1,0,y\n".repeat(20));
    tune.run(&network(&["--out", "net.json"])).success();
    std::fs::hard_link(tune.path("data.csv"), tune.path("hard.json")).expect("a link");
    symlink("tiny.json", tune.path("soft.json")).expect("a link");
    symlink("tune.db", tune.path("base.json")).expect("a link");
    symlink("line.json", tune.path("line.safetensors")).expect("a link");
    symlink("net.safetensors", tune.path("net.nir")).expect("a link");
    let chip = std::fs::read(crate::support::project().join("configs/chips/loihi1.json")).expect("committed");
    tune.file("chip.json", chip).file("known.csv", "x,value\n0.5,1\n");
    let data = ["--dataset", "data.csv", "--space", "tiny.json", "--budget", "1", "--out"];
    let run =
        ["run", "--command", "sh ./one.sh", "--space", "line.json", "--warm-start", "known.csv", "--out"];
    let before: Vec<Vec<u8>> =
        INPUTS.iter().map(|name| std::fs::read(tune.path(name)).expect("there")).collect();
    let cases: [(&[&str], &[&str], &str); 12] = [
        (&data, &["hard.json"], "--out hard.json: is the file of --dataset data.csv"),
        (&data, &["./data.csv"], "--out ./data.csv: is the file of --dataset data.csv"),
        (&data, &["soft.json"], "--out soft.json: is the file of --space tiny.json"),
        (&data, &["base.json"], "--out base.json: is the file of --storage tune.db"),
        (&data, &["chip.json", "--chip", "chip.json"], "--out chip.json: is the file of --chip chip.json"),
        (
            &data,
            &["new.json", "--storage", "./new.json"],
            "--out new.json: is the file of --storage ./new.json",
        ),
        (
            &data,
            &["n.json", "--storage", "n.safetensors"],
            "weights go to n.safetensors: it is the file of --storage",
        ),
        (&data, &["x.safetensors"], "--out x.safetensors: the network's weights go to the same file"),
        (&run, &["one.sh"], "--out one.sh: is the file of --command ./one.sh"),
        (&run, &["known.csv"], "--out known.csv: is the file of --warm-start known.csv"),
        (
            &["export", "nir", "net.safetensors", "--out"],
            &["net.nir"],
            "is the file of MODEL net.safetensors",
        ),
        (&["export", "csv", "--out"], &["base.json"], "--out base.json: is the file of --storage tune.db"),
    ];
    for (args, more, line) in cases {
        tune.run(&[args, more].concat()).refused(&[line]);
    }
    tune.run(&[&data[..], &["line.json"]].concat()).refused(&["the network's weights go to the same file"]);
    for (name, before) in INPUTS.iter().zip(before) {
        assert!(std::fs::read(tune.path(name)).expect("there") == before, "{name}");
    }
}

/// Files that must be as before.
const INPUTS: [&str; 8] =
    ["data.csv", "tiny.json", "line.json", "tune.db", "net.safetensors", "one.sh", "known.csv", "chip.json"];

#[test]
fn the_same_seed_is_the_same_bytes() {
    let tune = folder();
    let mut files = Vec::new();
    for _ in 0..3 {
        tune.run(&NETWORK).success();
        tune.run(&["export", "nir", "best.safetensors", "--out", "net.nir"]).success();
        files
            .push(["best.safetensors", "net.nir"].map(|name| std::fs::read(tune.path(name)).expect("there")));
    }
    assert!(files.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_network_on_several_chips_says_what_its_figures_lack() {
    let tune = folder();
    let text = std::fs::read_to_string(crate::support::project().join("configs/chips/loihi1.json"))
        .expect("committed");
    let mut chip: Json = serde_json::from_str(&text).expect("JSON");
    chip["topology"] = serde_json::json!({"chips": 8, "cores": 2, "layers_share_cores": false, "cores_per_tile": 2,
        "mesh": [1, 1], "placement": "short-ways"});
    chip["core"]["neurons"] = 16.into();
    chip["energy"]["chip_crossing"] = Json::Null;
    chip["time"]["chip_crossing"] = Json::Null;
    tune.file("eight.json", chip.to_string());
    let plain = TINY.replace("\"graded\"", "\"threshold\"").replace("\"default\": 4", "\"default\": 20");
    tune.file("tiny.json", plain);
    tune.run(&network(&["--chip", "eight.json"])).success();
    let report = &tune.json("best.json")["network"]["chip"];
    assert!(report["chips"].as_u64() > Some(1), "{report}");
    assert_eq!((&report["energy_j"]["total"], &report["latency_s"]), (&Json::Null, &Json::Null));
    let crossing = serde_json::json!({
        "dynamic energy": ["energy.chip_crossing"],
        "energy": ["energy.chip_crossing", "time.chip_crossing"],
        "energy-delay product": ["energy.chip_crossing", "time.chip_crossing"],
        "latency": ["time.chip_crossing"],
        "throughput": ["time.chip_crossing"],
    });
    assert_eq!(report["unmodelled"], crossing);
}

#[test]
fn small_figures_are_shown_with_their_digits_and_units() {
    let tune = folder();
    tune.file("tiny.json", TINY.replace("\"graded\"", "\"threshold\""));
    let metrics = ["--chip", "loihi1", "--metric", "accuracy", "--metric", "energy", "--metric", "latency"];
    let more =
        ["--metric", "area", "--metric", "throughput", "--metric", "energy-delay-product", "--budget", "3"];
    let args: Vec<&str> = network(&[&metrics[..], &more].concat());
    let args: Vec<&str> = [&args[..4], &args[6..]].concat();
    tune.run(&args).success();
    let shown = tune.run(&["show"]).success().stdout;
    let mut front = shown.lines().skip_while(|line| !line.starts_with("  trial "));
    let head = front.next().expect("the head of the front");
    assert!(head.contains("accuracy") && head.contains("energy-delay-product"), "{head}");
    let front = front.next().expect("a trial");
    for unit in [" nJ  ", " us  ", " mm2  ", " /s  ", "J s  "] {
        assert!(front.contains(unit), "no {unit:?} in {front}");
    }
    assert!(!front.contains("0.0000"), "{front}");
    let energy = shown.lines().find(|line| line.starts_with("modelled_energy ")).expect("a row");
    assert!(energy.ends_with("J"), "{energy}");
}
