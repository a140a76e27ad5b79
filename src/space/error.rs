//! Errors of spaces and points.

use super::Value;
use crate::input::InputError;

/// A space that cannot be read, or a point that is not in it.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum SpaceError {
    /// The file breaks a rule.
    #[error(transparent)]
    File(#[from] InputError),
    /// A point lacks a parameter that is active at it.
    #[error("{name} is missing: it is active in the space {space} at this point")]
    Missing {
        /// The parameter.
        name: String,
        /// The name of the space.
        space: String,
    },
    /// A point has a parameter that the space does not have.
    #[error("unknown parameter \"{name}\" in the space {space}{hint}")]
    Unknown {
        /// The name.
        name: String,
        /// The name of the space.
        space: String,
        /// The nearest name as a question, or nothing.
        hint: String,
    },
    /// A point has a parameter that is not active at that point.
    #[error("{name} = {value} is not active in the space {space} at this point")]
    Inactive {
        /// The parameter.
        name: String,
        /// The value of the parameter.
        value: Value,
        /// The name of the space.
        space: String,
    },
    /// A value is outside its domain.
    #[error("{name} = {value} is outside the space {space}: must be {rule}")]
    Outside {
        /// The parameter.
        name: String,
        /// The value of the parameter.
        value: Value,
        /// The name of the space.
        space: String,
        /// The rule for its values.
        rule: String,
    },
    /// A value is to be held by a parameter that no point with the held values has.
    #[error("{name} = {value} can never be active with these values: it needs {needs}")]
    NeverActive {
        /// The parameter.
        name: String,
        /// Its value.
        value: Value,
        /// A condition that it breaks, such as `layers = 2 or 3`.
        needs: String,
    },
    /// No point with the held values keeps the relations.
    #[error("no point with these values keeps the relation {relations}: choose other values")]
    Contradiction {
        /// The relations.
        relations: String,
    },
    /// A point breaks a relation between its parameters.
    #[error("the point breaks a relation of the space {space}: {relation}")]
    Relation {
        /// The relation, as the file has it.
        relation: String,
        /// The name of the space.
        space: String,
    },
}
