//! Search spaces: parameters, the values that they may take, conditions between them, and points.
//!
//! A [`Space`] is checked once, when it is read, and is valid from then on. A [`Point`] has a value
//! for each active parameter. [`Space::encode`] and [`Space::decode`] map points to the unit cube
//! and back.

mod check;
mod encode;
mod enumerate;
mod error;
mod file;
mod foresight;
mod hold;
mod list;
mod parameter;
mod point;
mod related;
mod relation;
mod restrict;
mod spell;
mod value;

use std::fmt;
use std::sync::Arc;

use relation::Relation;

pub use encode::INACTIVE;
pub use error::SpaceError;
pub use foresight::{Bounds, Foresee, Foresight, Refusals};
pub use list::List;
pub use parameter::{Condition, Domain, Parameter};
pub use point::Point;
pub use related::Border;
pub use value::Value;

/// A checked search space.
#[derive(Clone)]
pub struct Space {
    name: String,
    /// All parameters, in the file's order.
    parameters: Vec<Parameter>,
    /// Indices of `parameters` with every parent before its children.
    order: Vec<usize>,
    /// Points to try after the default point, each with all its values.
    start: Vec<Point>,
    /// Linear inequalities between numbers, which every point keeps.
    relations: Vec<Relation>,
    /// For each parameter of a relation a value, such that all relations hold.
    anchor: Vec<(String, Value)>,
    /// Values that every proposed point has where they are active. They are no part of the file.
    held: Point,
    /// Whom to ask about points before they are evaluated. It is no part of the file.
    foresight: Option<Arc<dyn Foresee>>,
}

/// Shows what the file says.
impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Space");
        shown
            .field("name", &self.name)
            .field("parameters", &self.parameters)
            .field("order", &self.order)
            .field("start", &self.start);
        // Studies of older versions know their spaces by a checksum of this text.
        if !self.relations.is_empty() {
            shown.field("relations", &self.relations);
        }
        shown.finish()
    }
}

/// Spaces are equal if their files say the same.
impl PartialEq for Space {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.parameters == other.parameters
            && self.order == other.order
            && self.start == other.start
            && self.relations == other.relations
    }
}

impl Space {
    /// The JSON Schema of the file of a space.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(file::SpaceFile).to_value()
    }

    /// The name of the space.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All parameters, fixed ones too, in the order of the space file.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The parameters that are not fixed, in the order of the coordinates of the unit cube.
    pub fn searched(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|parameter| !parameter.domain.is_fixed())
    }

    /// The number of searched parameters, which is the dimension of the unit cube.
    pub fn dimension(&self) -> usize {
        self.searched().count()
    }

    /// The parameter called `name`, if there is one.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// The point with every active parameter at its default. If that breaks a relation, its numbers
    /// are moved until it does not.
    pub fn default_point(&self) -> Point {
        let defaults = self.parameters.iter().map(|parameter| parameter.default.clone());
        self.related(defaults.collect())
    }

    /// The points to try before the search proposes any: first the default point, then those that
    /// the file names. With held values each comes once, see [`Space::holding`].
    pub fn starting_points(&self) -> Vec<Point> {
        let mut points: Vec<Point> =
            [self.default_point()].into_iter().chain(self.start.iter().cloned()).collect();
        if !self.held.is_empty() {
            let held = points.iter().map(|point| self.proposed(point));
            points = held.fold(Vec::new(), |mut points, point| {
                if !points.contains(&point) {
                    points.push(point);
                }
                points
            });
        }
        points
    }

    /// `point` as a complete point of this space. Inactive parameters are dropped. An active one
    /// that is missing or outside its domain gets its default. If the result breaks a relation, its
    /// numbers are moved until it does not.
    pub fn completed(&self, point: &Point) -> Point {
        self.related(self.values_or_defaults(point))
    }

    /// As [`Space::completed`], without any regard to relations.
    fn with_defaults(&self, point: &Point) -> Point {
        self.keep_active(self.values_or_defaults(point))
    }

    /// The values of all parameters, active or not: those of `point`, and defaults where it has none in the
    /// domain.
    fn values_or_defaults(&self, point: &Point) -> Vec<Value> {
        let value = |parameter: &Parameter| {
            let given = point.get(&parameter.name).filter(|value| parameter.domain.contains(value));
            given.unwrap_or(&parameter.default).clone()
        };
        self.parameters.iter().map(value).collect()
    }

    /// `point` as a complete point of this space. An active parameter that it lacks gets its
    /// default, and every value that it has is kept. Its numbers may have the types of another
    /// program, such as `3.0` for a whole number.
    ///
    /// # Errors
    /// Names a parameter of `point` that is outside its domain, not active, or not in the space, or
    /// a relation that it breaks.
    pub fn filled(&self, point: &Point) -> Result<Point, SpaceError> {
        let given = self.adopt(point);
        let filled = self.with_defaults(&given);
        for (name, value) in given.iter() {
            let (name, value, space) = (name.to_owned(), value.clone(), self.name.clone());
            match self.parameter(&name) {
                Some(parameter) if !parameter.domain.contains(&value) => {
                    let rule = parameter.domain.to_string();
                    return Err(SpaceError::Outside { name, value, space, rule });
                }
                Some(_) if filled.get(&name).is_some() => {}
                Some(_) => return Err(SpaceError::Inactive { name, value, space }),
                None => return Err(self.unknown(name)),
            }
        }
        self.check_relations(&filled)?;
        Ok(filled)
    }

    /// The error of a name that is no parameter of this space.
    fn unknown(&self, name: String) -> SpaceError {
        let names = self.parameters.iter().map(|parameter| parameter.name.as_str());
        let hint = crate::input::suggestion(&name, names);
        SpaceError::Unknown { name, space: self.name.clone(), hint }
    }

    /// Checks that `point` has a value in its domain for every active parameter, no other value, and
    /// keeps all relations.
    ///
    /// # Errors
    /// Names a parameter that is missing, not active, or outside its domain, or a broken relation.
    pub fn check(&self, point: &Point) -> Result<(), SpaceError> {
        let values = self.parameters.iter().map(|parameter| {
            point.get(&parameter.name).cloned().unwrap_or_else(|| parameter.default.clone())
        });
        let expected = self.keep_active(values.collect());
        let space = || self.name.clone();
        for (name, value) in point.iter() {
            let parameter = self.parameter(name).ok_or_else(|| self.unknown(name.to_owned()))?;
            let parameter = Some(parameter).filter(|_| expected.get(name).is_some());
            let domain = parameter.map(|parameter| &parameter.domain).ok_or_else(|| {
                SpaceError::Inactive { name: name.to_owned(), value: value.clone(), space: space() }
            })?;
            if !domain.contains(value) {
                let (name, value, rule) = (name.to_owned(), value.clone(), domain.to_string());
                return Err(SpaceError::Outside { name, value, space: space(), rule });
            }
        }
        match expected.iter().find(|(name, _)| point.get(name).is_none()) {
            Some((name, _)) => Err(SpaceError::Missing { name: name.to_owned(), space: space() }),
            None => self.check_relations(point),
        }
    }
}
