//! What may vary: parameters, their domains, conditions between them, and points in the space they span.
//!
//! A [`Space`] is checked once, when it is read, and is right from then on. A [`Point`] holds a value for
//! every active parameter. [`Space::encode`] and [`Space::decode`] go between points and the unit cube.

mod config;
mod encode;
mod error;
mod parameter;
mod point;
mod value;

pub use error::SpaceError;
pub use parameter::{Condition, Domain, Parameter};
pub use point::Point;
pub use value::Value;

/// A checked search space.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    name: String,
    /// In the file's order.
    parameters: Vec<Parameter>,
    /// Indices of `parameters` with every parent before its children.
    order: Vec<usize>,
}
