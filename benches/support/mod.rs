//! Parts that several benchmarks share: networks, training steps, the peak of the processor.

pub mod nets;
pub mod peak;
