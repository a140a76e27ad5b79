//! What several benchmarks share: networks by name, training steps, the peak of the processor.

pub mod nets;
pub mod peak;
