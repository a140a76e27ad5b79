//! New samples, read as those of a training were: by its scaling, its columns and its classes.
//!
//! Elsewhere in this room a file says what its samples are. Here [`Preprocessing`](super::Preprocessing)
//! says it, and a file that does not fit is refused. Samples without labels come in batches, so that
//! memory does not grow with the file.

mod archive;
mod array;
mod batches;
mod collector;
mod columns;
mod gather;
mod labelled;
mod numbers;
mod table;

pub use batches::{BatchOptions, Source, read_batches};
pub use collector::{Batch, ReadSamples, Visit};
pub use labelled::{DataPart, Labelled, Split};
