//! A layer of neurons, in the narrowest integers that hold every sum.

use super::circuit::{Circuit, Weights};
use super::events::Lists;
use super::lane::Lane;
pub(super) use super::lane::Sums;
use super::panels::{PanelBuffers, Panels};
use super::presynaptic::Presynaptic;
use super::sum::Sum;
use super::tiles::{Tiles, rows};
use crate::network::{Connectivity, FanOut};

/// A layer's weights, in the narrowest lane that holds every sum.
#[derive(Clone, Debug)]
pub(super) enum Rows {
    I16(Layer<i16>),
    I32(Layer<i32>),
    I64(Layer<i64>),
    /// On a matrix unit.
    Tiled(Box<Tiled<i32>>),
    WideTiled(Box<Tiled<i64>>),
}

impl Rows {
    pub(super) fn new(circuit: &Circuit<'_>) -> Self {
        let reach = circuit.reach();
        let events = Self::of_events(circuit, &reach);
        match &events {
            Self::I16(_) | Self::I32(_) => Tiled::or_else(circuit, &reach, events, Self::Tiled),
            _ => Tiled::or_else(circuit, &reach, events, Self::WideTiled),
        }
    }

    /// The layer by events alone; `reach` bounds its sums.
    pub(super) fn of_events(circuit: &Circuit<'_>, reach: &[(i64, i64)]) -> Self {
        let widest = reach.iter().map(|&(low, high)| (high + 1).max(-low)).max().unwrap_or(0);
        match widest {
            widest if widest <= i16::largest() => Self::I16(Layer::new(circuit, reach)),
            widest if widest <= i32::largest() => Self::I32(Layer::new(circuit, reach)),
            _ => Self::I64(Layer::new(circuit, reach)),
        }
    }

    /// Lists in `spikes` the neurons that fire on what they have `heard`.
    pub(super) fn step(&self, heard: Presynaptic<'_>, sums: &mut Sums, spikes: &mut Lists) {
        match self {
            Self::I16(layer) => layer.step(heard, sums, spikes),
            Self::I32(layer) => layer.step(heard, sums, spikes),
            Self::I64(layer) => layer.step(heard, sums, spikes),
            Self::Tiled(layer) => layer.step(heard, sums, spikes),
            Self::WideTiled(layer) => layer.step(heard, sums, spikes),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Layer<T> {
    reader: Reader<T>,
    /// One a neuron: fires where the sum is this or more.
    thresholds: Vec<T>,
}

/// The weights in the order in which events read them.
#[derive(Clone, Debug)]
enum Reader<T> {
    /// Of a dense layer.
    Dense(Panels<T, T>),
    /// Of a dense layer whose weights are bytes.
    DenseBytes(Panels<i8, T>),
    /// Of any other.
    Windows(FanOut<T>),
}

impl<T: Lane + From<i8>> Layer<T> {
    fn new(circuit: &Circuit<'_>, reach: &[(i64, i64)]) -> Self {
        Self { reader: Reader::new(circuit), thresholds: thresholds(circuit, reach) }
    }

    fn step(&self, heard: Presynaptic<'_>, sums: &mut Sums, spikes: &mut Lists) {
        let Sums { silent, .. } = sums;
        let mut silent = std::mem::take(silent);
        let lanes = T::sums(sums);
        let stride = self.reader.stride(self.thresholds.len());
        lanes.clear();
        lanes.resize(heard.samples() * stride, T::default());
        match &self.reader {
            Reader::Dense(panels) => panels.sum(heard, PanelBuffers { silent: &mut silent, sums: lanes }),
            Reader::DenseBytes(panels) => {
                panels.sum(heard, PanelBuffers { silent: &mut silent, sums: lanes })
            }
            Reader::Windows(spread) => {
                for (sample, sums) in lanes.chunks_exact_mut(stride).enumerate() {
                    add_windows(spread, heard, sample, sums);
                }
            }
        }
        list(lanes.chunks_exact(stride), &self.thresholds, spikes);
        sums.silent = silent;
    }
}

/// One a neuron: fires where the sum is this or more; no sum is outside its `reach`.
fn thresholds<T: Lane>(circuit: &Circuit<'_>, reach: &[(i64, i64)]) -> Vec<T> {
    let within =
        |(&threshold, &(low, high)): (&i64, &(i64, i64))| T::narrowed(threshold.clamp(low, high + 1));
    circuit.thresholds.iter().zip(reach.iter().cycle()).map(within).collect()
}

/// Lists in `spikes` the neurons whose sums, sample by sample, reach their thresholds.
fn list<'a, T: Lane + 'a>(sums: impl Iterator<Item = &'a [T]>, thresholds: &[T], spikes: &mut Lists) {
    spikes.clear();
    sums.for_each(|sums| spikes.push_reaching(&sums[..thresholds.len()], thresholds));
}

/// A dense layer that sums in tiles where many inputs are active, else by events: the integers are the same.
#[derive(Clone, Debug)]
pub(super) struct Tiled<T> {
    pub tiles: Tiles<T>,
    /// One a neuron.
    pub thresholds: Vec<T>,
    events: Rows,
}

impl<T: Sum> Tiled<T> {
    /// The layer by `named`, if it is one that has tiles, else by `events`.
    fn or_else(
        circuit: &Circuit<'_>,
        reach: &[(i64, i64)],
        events: Rows,
        named: fn(Box<Self>) -> Rows,
    ) -> Rows {
        let tiles = match (&circuit.weights, circuit.layer.connectivity) {
            (Weights::Shared(weights), Connectivity::Dense { .. }) => Tiles::new(weights.view()),
            _ => None,
        };
        match tiles {
            None => events,
            Some(tiles) => named(Box::new(Self { tiles, thresholds: thresholds(circuit, reach), events })),
        }
    }

    pub fn neurons(&self) -> usize {
        self.thresholds.len()
    }

    fn step(&self, heard: Presynaptic<'_>, sums: &mut Sums, spikes: &mut Lists) {
        if !self.tiles.suit(heard) {
            return self.events.step(heard, sums, spikes);
        }
        let (samples, width) = (heard.samples(), self.tiles.width());
        let mut lines = std::mem::take(&mut sums.lines);
        let lanes = T::sums(sums);
        lanes.resize(rows(samples) * width, T::default());
        self.tiles.sum(heard, &mut lines, lanes);
        list(lanes.chunks_exact(width).take(samples), &self.thresholds, spikes);
        sums.lines = lines;
    }
}

impl<T: Lane + From<i8>> Reader<T> {
    fn new(circuit: &Circuit<'_>) -> Self {
        let connectivity = &circuit.layer.connectivity;
        match (&circuit.weights, connectivity) {
            (Weights::Shared(weights), Connectivity::Dense { .. }) => {
                let bytes = i64::from(i8::MIN)..=i64::from(i8::MAX);
                match weights.iter().all(|weight| bytes.contains(weight)) {
                    true => Self::DenseBytes(Panels::new(weights.view(), |weight| weight as i8)),
                    false => Self::Dense(Panels::new(weights.view(), T::narrowed)),
                }
            }
            (Weights::Shared(weights), _) => {
                Self::Windows(FanOut::new(connectivity, weights.mapv(T::narrowed).view()))
            }
            (Weights::Own(weights), _) => {
                Self::Windows(FanOut::unshared(connectivity, weights.mapv(T::narrowed).view()))
            }
        }
    }

    /// How far the sums of two samples are apart.
    fn stride(&self, neurons: usize) -> usize {
        match self {
            Self::Dense(panels) => panels.width(),
            Self::DenseBytes(panels) => panels.width(),
            Self::Windows(_) => neurons,
        }
    }
}

/// Adds to the `sums` of one sample what it sends through windows.
fn add_windows<T: Lane>(spread: &FanOut<T>, heard: Presynaptic<'_>, sample: usize, sums: &mut [T]) {
    for &source in heard.sources {
        let active = heard.events[source].of(sample);
        match heard.levels_of(source, sample) {
            None => spread.add_spikes(active, sums),
            Some(levels) => {
                let levels = levels.iter().map(|&level| T::narrowed(i64::from(level)));
                spread.add_levels(active, levels, sums);
            }
        }
    }
}
