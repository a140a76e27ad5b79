//! Times training steps, one measurement per line of input: the counterpart of `torch_step.py`.
//!
//! The answer to a line `NET BATCH THREADS REPEATS` (NET is `mlp`, `lenet` or `vgg`) is one line of
//! JSON: the seconds per step, as wall-clock time and as CPU time of all threads, minimum and
//! median of the repeats. A repeat is an epoch of 5 steps: shuffle, load, both passes, Adam, and
//! the evaluation of one sample. An empty line ends the program.

use std::io::{BufRead, Write};
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};
use spiketune::seed::Seed;
use spiketune::training::{Rule, Trainer};
use support::nets::{LENET, MLP, Net, VGG, images, soft};

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "each benchmark needs a part of it")]
mod support;

const STEPS: usize = 5;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, r#"{{"ready": true}}"#)?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            break;
        }
        let answer = answer(&line).unwrap_or_else(|error| serde_json::json!({ "error": error }));
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn answer(line: &str) -> Result<serde_json::Value, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [name, numbers @ ..] = words.as_slice() else { return Err("an empty line".to_owned()) };
    let net = match *name {
        "mlp" => MLP,
        "lenet" => LENET,
        "vgg" => VGG,
        _ => return Err(format!("no net {name}: there are mlp, lenet, vgg")),
    };
    let numbers: Result<Vec<usize>, _> = numbers.iter().map(|word| word.parse()).collect();
    let Ok(&[batch, threads, repeats]) = numbers.as_deref() else {
        return Err("NET BATCH THREADS REPEATS".to_owned());
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|error| error.to_string())?;
    let (mut wall, mut cpu) = pool.install(|| measure(&net, batch, repeats));
    wall.sort_by(f64::total_cmp);
    cpu.sort_by(f64::total_cmp);
    Ok(serde_json::json!({
        "net": name, "batch": batch, "threads": threads, "repeats": repeats,
        "wall_min": wall[0], "wall_median": wall[repeats / 2], "cpu_min": cpu[0], "cpu_median": cpu[repeats / 2],
    }))
}

fn measure(net: &Net, batch: usize, repeats: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut network, set) = (net.build(), images(batch * STEPS, net.image));
    let (validation, seed) = (images(1, net.image), Seed::root(3));
    let config = soft(Rule::adam(0.0001), batch);
    let mut trainer =
        Trainer::new(&mut network, &set, &validation, &config, &seed).expect("the settings are right");
    let mut epoch = || {
        let (wall, cpu) = (Instant::now(), cpu_seconds());
        trainer.epoch().expect("nothing diverges");
        let steps = STEPS as f64;
        (wall.elapsed().as_secs_f64() / steps, (cpu_seconds() - cpu) / steps)
    };
    epoch();
    (0..repeats).map(|_| epoch()).unzip()
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
