//! Trained networks in files, with all that it takes to use them.

mod description;
mod file;

pub use description::{Description, TrainedOn};
pub use file::{ModelError, ModelFile, SavedNetwork};
