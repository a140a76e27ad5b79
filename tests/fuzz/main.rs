//! Every reader of the program against inputs that nobody meant to write: no panic, no hang, no memory
//! without end.
//!
//! Input N of a target is a mutation of one of its seeds, always the same one. `TUNE_FUZZ=200000 cargo test
//! --release --test fuzz` runs so many of each target, `TUNE_FUZZ_ONLY=space:123` runs one again and keeps it
//! in a file.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an input that fails is named, and its target counted"
)]

mod json;
mod memory;
mod mutate;
mod run;
mod seeds;
mod targets;

use run::fuzz;

#[test]
fn space() {
    fuzz("space");
}

#[test]
fn chip() {
    fuzz("chip");
}

#[test]
fn plan() {
    fuzz("plan");
}

#[test]
fn config() {
    fuzz("config");
}

#[test]
fn point() {
    fuzz("point");
}

#[test]
fn baseline() {
    fuzz("baseline");
}

#[test]
fn csv() {
    fuzz("csv");
}

#[test]
fn npz() {
    fuzz("npz");
}

#[test]
fn pictures() {
    fuzz("pictures");
}

#[test]
fn idx() {
    fuzz("idx");
}

#[test]
fn cifar() {
    fuzz("cifar");
}

#[test]
fn model() {
    fuzz("model");
}

#[test]
fn nir() {
    fuzz("nir");
}

#[test]
fn serve() {
    fuzz("serve");
}

#[test]
fn kurobako() {
    fuzz("kurobako");
}

#[test]
fn command() {
    fuzz("command");
}

#[test]
fn new_samples() {
    fuzz("new_samples");
}

#[test]
fn description() {
    fuzz("description");
}

#[test]
fn warm_start() {
    fuzz("warm_start");
}
