//! Layers of neurons, in the narrowest integers that hold every sum.

use super::circuit::{Circuit, Weights};
use super::events::EventLists;
use super::lane::{Lane, StepBuffers};
use super::panels::{PanelBuffers, Panels};
use super::presynaptic::PresynapticInputs;
use super::tile_sum::TileSum;
use super::tiles::{Tiles, rows};
use crate::network::{Connectivity, FanOut};

/// A layer that computes its sums in the narrowest integer type (lane) that holds them all.
#[derive(Clone, Debug)]
pub(super) enum SimulatedLayer {
    I16(EventLayer<i16>),
    I32(EventLayer<i32>),
    I64(EventLayer<i64>),
    /// On a matrix unit.
    Tiled(Box<TiledLayer<i32>>),
    WideTiled(Box<TiledLayer<i64>>),
}

impl SimulatedLayer {
    pub(super) fn new(circuit: &Circuit<'_>) -> Self {
        let reach = circuit.reach();
        let events = Self::of_events(circuit, &reach);
        match &events {
            Self::I16(_) | Self::I32(_) => TiledLayer::or_else(circuit, &reach, events, Self::Tiled),
            _ => TiledLayer::or_else(circuit, &reach, events, Self::WideTiled),
        }
    }

    /// The layer without a matrix unit; `reach` bounds its sums.
    pub(super) fn of_events(circuit: &Circuit<'_>, reach: &[(i64, i64)]) -> Self {
        let widest = reach.iter().map(|&(low, high)| (high + 1).max(-low)).max().unwrap_or(0);
        match widest {
            widest if widest <= i16::largest() => Self::I16(EventLayer::new(circuit, reach)),
            widest if widest <= i32::largest() => Self::I32(EventLayer::new(circuit, reach)),
            _ => Self::I64(EventLayer::new(circuit, reach)),
        }
    }

    /// Writes to `spikes` the neurons that fire, given the inputs `received`.
    pub(super) fn step(
        &self,
        received: PresynapticInputs<'_>,
        buffers: &mut StepBuffers,
        spikes: &mut EventLists,
    ) {
        match self {
            Self::I16(layer) => layer.step(received, buffers, spikes),
            Self::I32(layer) => layer.step(received, buffers, spikes),
            Self::I64(layer) => layer.step(received, buffers, spikes),
            Self::Tiled(layer) => layer.step(received, buffers, spikes),
            Self::WideTiled(layer) => layer.step(received, buffers, spikes),
        }
    }
}

/// A layer that adds up the weights of active inputs, in integers of type `T`.
#[derive(Clone, Debug)]
pub(super) struct EventLayer<T> {
    weights: EventWeights<T>,
    /// The threshold of each neuron, which fires if its sum is at least this.
    thresholds: Vec<T>,
}

/// The weights of a layer, in the order in which events read them.
#[derive(Clone, Debug)]
enum EventWeights<T> {
    /// A dense layer.
    Dense(Panels<T, T>),
    /// A dense layer whose weights fit in bytes.
    DenseBytes(Panels<i8, T>),
    /// Any other layer.
    Windows(FanOut<T>),
}

impl<T: Lane + From<i8>> EventLayer<T> {
    fn new(circuit: &Circuit<'_>, reach: &[(i64, i64)]) -> Self {
        Self { weights: EventWeights::new(circuit), thresholds: thresholds(circuit, reach) }
    }

    fn step(&self, received: PresynapticInputs<'_>, buffers: &mut StepBuffers, spikes: &mut EventLists) {
        let mut silent = std::mem::take(&mut buffers.silent);
        let lanes = T::sums(buffers);
        let stride = self.weights.stride(self.thresholds.len());
        lanes.clear();
        lanes.resize(received.samples() * stride, T::default());
        match &self.weights {
            EventWeights::Dense(panels) => {
                panels.sum(received, PanelBuffers { silent: &mut silent, sums: lanes })
            }
            EventWeights::DenseBytes(panels) => {
                panels.sum(received, PanelBuffers { silent: &mut silent, sums: lanes })
            }
            EventWeights::Windows(fan_out) => {
                for (sample, sums) in lanes.chunks_exact_mut(stride).enumerate() {
                    add_windows(fan_out, received, sample, sums);
                }
            }
        }
        list(lanes.chunks_exact(stride), &self.thresholds, spikes);
        buffers.silent = silent;
    }
}

/// The threshold of each neuron, which fires if its sum is at least this. Clamped to `reach`, the
/// range of its possible sums.
fn thresholds<T: Lane>(circuit: &Circuit<'_>, reach: &[(i64, i64)]) -> Vec<T> {
    let within =
        |(&threshold, &(low, high)): (&i64, &(i64, i64))| T::narrowed(threshold.clamp(low, high + 1));
    circuit.thresholds.iter().zip(reach.iter().cycle()).map(within).collect()
}

/// Writes to `spikes` the neurons whose sums reach their thresholds, sample by sample.
fn list<'a, T: Lane + 'a>(sums: impl Iterator<Item = &'a [T]>, thresholds: &[T], spikes: &mut EventLists) {
    spikes.clear();
    sums.for_each(|sums| spikes.push_reaching(&sums[..thresholds.len()], thresholds));
}

/// A dense layer that sums on the matrix unit if many inputs are active, else by lists of active
/// inputs. Both give the same integers.
#[derive(Clone, Debug)]
pub(super) struct TiledLayer<T> {
    pub tiles: Tiles<T>,
    /// The threshold of each neuron, which fires if its sum is at least this.
    pub thresholds: Vec<T>,
    events: SimulatedLayer,
}

impl<T: TileSum> TiledLayer<T> {
    /// The layer on the matrix unit, wrapped by `variant`. Returns `events` if there is no such
    /// unit or the layer is too large for it.
    fn or_else(
        circuit: &Circuit<'_>,
        reach: &[(i64, i64)],
        events: SimulatedLayer,
        variant: fn(Box<Self>) -> SimulatedLayer,
    ) -> SimulatedLayer {
        let tiles = match (&circuit.weights, circuit.layer.connectivity) {
            (Weights::Shared(weights), Connectivity::Dense { .. }) => Tiles::new(weights.view()),
            _ => None,
        };
        match tiles {
            None => events,
            Some(tiles) => variant(Box::new(Self { tiles, thresholds: thresholds(circuit, reach), events })),
        }
    }

    /// The number of neurons.
    pub fn neurons(&self) -> usize {
        self.thresholds.len()
    }

    fn step(&self, received: PresynapticInputs<'_>, buffers: &mut StepBuffers, spikes: &mut EventLists) {
        if !self.tiles.suit(received) {
            return self.events.step(received, buffers, spikes);
        }
        let (samples, width) = (received.samples(), self.tiles.width());
        let mut lines = std::mem::take(&mut buffers.lines);
        let lanes = T::sums(buffers);
        lanes.resize(rows(samples) * width, T::default());
        self.tiles.sum(received, &mut lines, lanes);
        list(lanes.chunks_exact(width).take(samples), &self.thresholds, spikes);
        buffers.lines = lines;
    }
}

impl<T: Lane + From<i8>> EventWeights<T> {
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
            (Weights::PerPosition(weights), _) => {
                Self::Windows(FanOut::unshared(connectivity, weights.mapv(T::narrowed).view()))
            }
        }
    }

    /// The distance between the sums of two samples.
    fn stride(&self, neurons: usize) -> usize {
        match self {
            Self::Dense(panels) => panels.width(),
            Self::DenseBytes(panels) => panels.width(),
            Self::Windows(_) => neurons,
        }
    }
}

/// Adds to the `sums` of one sample the weights of its active inputs, for layers with windows.
fn add_windows<T: Lane>(fan_out: &FanOut<T>, received: PresynapticInputs<'_>, sample: usize, sums: &mut [T]) {
    for &source in received.sources {
        let active = received.events[source].of(sample);
        match received.levels_of(source, sample) {
            None => fan_out.add_spikes(active, sums),
            Some(levels) => {
                let levels = levels.iter().map(|&level| T::narrowed(i64::from(level)));
                fan_out.add_levels(active, levels, sums);
            }
        }
    }
}
