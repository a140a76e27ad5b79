//! The simulation: the chip's integer, event-driven forward pass, bit for bit.
//!
//! Each layer is one step. A spike adds its weights to the sums of the neurons that it reaches, so
//! silent inputs cost nothing. Sums use the narrowest integers that cannot overflow, in whatever
//! order weights are added. The range of a layer's possible sums tells which. Samples go through
//! the layers in blocks, so that weights stay in a cache close to the processor.
//!
//! | file | idea |
//! |---|---|
//! | `simulator` | a network that runs blocks of samples |
//! | `circuit` | a layer as deployed, or with faults |
//! | `presynaptic` | the spikes and levels that a layer receives |
//! | `layer` | from received spikes to the spikes of a layer |
//! | `lane` | the integers of the sums |
//! | `events` | lists of active inputs and neurons |
//! | `panels` | sums of dense layers by events, in vectors |
//! | `tiles`, `tile_sum`, `matrix_unit` | sums of dense layers on a matrix unit |
//! | `counts` | dense layers if only counts are needed |
//! | `decoder` | from output spikes to a decision |
//! | `spike_drop` | spikes that get lost |

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
