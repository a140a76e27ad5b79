//! The integer, event-driven forward pass: what the chip computes, bit for bit.
//!
//! Each layer is one step. An input spike adds its weights to the sums of the neurons that it reaches, so an
//! input that is silent costs nothing. Sums live in the narrowest integer that no order of the additions
//! can overflow, which the layer's reach tells before the first input is seen. Samples go through the layers
//! in blocks, so that weights are read from near memory.
//!
//! | file | idea |
//! |---|---|
//! | `lane` | the integers of the sums |
//! | `events` | what is active, sample by sample |
//! | `layer` | from the events below to the spikes of a layer |
//! | `panels`; `tiles`, `sum`, `unit` | the sums of dense layers: of events in vectors, of all inputs on a matrix unit |
//! | `counts` | dense layers where only counts are asked for |
//! | `decoder` | from the last spikes to a decision |
//! | `loss` | spikes that get lost on their way |

pub(super) mod circuit;
pub(super) mod counts;
mod decoder;
mod events;
mod lane;
mod layer;
mod matrix_unit;
mod panels;
mod presynaptic;
mod simulator;
mod spike_drop;
mod tile_sum;
mod tiles;

pub(super) use counts::Counts;
pub(super) use simulator::{BLOCK, Block, Simulator};
pub(super) use spike_drop::SpikeDrop;
