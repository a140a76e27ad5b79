//! The JSON of a search space as it is written, before any rule is checked.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{Point, Value};
use crate::input::{self, InputError};

/// A search space: what may vary, and between which bounds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Space")]
pub(super) struct SpaceFile {
    /// Address of the JSON Schema of this file, for editors.
    #[serde(rename = "$schema")]
    pub _schema: Option<String>,
    /// What the space is called in results.
    pub name: String,
    /// What it is for, in a sentence.
    #[serde(rename = "description")]
    pub _description: Option<String>,
    /// The parameters, by name.
    #[schemars(with = "IndexMap<String, ParameterFile>")]
    pub parameters: IndexMap<String, Json>,
    /// Points that are worth a trial before any search: after the default point, in this order. What a point
    /// does not name has its default.
    #[serde(default)]
    pub start: Vec<Point>,
}

/// One parameter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
#[schemars(rename = "Parameter")]
pub(super) enum ParameterFile {
    Float(FloatFile),
    Int(IntFile),
    Categorical(CategoricalFile),
    Fixed(FixedFile),
}

/// A real number.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Float")]
pub(super) struct FloatFile {
    /// Smallest value.
    pub low: f64,
    /// Largest value.
    pub high: f64,
    /// Whether the scale is logarithmic.
    #[serde(default)]
    pub log: bool,
    /// Distance of neighbouring values.
    pub step: Option<f64>,
    /// The value in the default point; the middle if absent.
    pub default: Option<f64>,
    /// The parameter exists only where each of these parameters has one of the values.
    #[serde(default)]
    pub when: When,
}

/// A whole number.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Int")]
pub(super) struct IntFile {
    /// Smallest value.
    pub low: i64,
    /// Largest value.
    pub high: i64,
    /// Whether the scale is logarithmic.
    #[serde(default)]
    pub log: bool,
    /// Distance of neighbouring values, 1 if absent.
    pub step: Option<i64>,
    /// The value in the default point; the middle if absent.
    pub default: Option<i64>,
    /// The parameter exists only where each of these parameters has one of the values.
    #[serde(default)]
    pub when: When,
}

/// One of several values.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Categorical")]
pub(super) struct CategoricalFile {
    /// The values, each a JSON scalar.
    pub choices: Vec<Value>,
    /// The value in the default point; the first if absent. Written as in `choices`.
    #[serde(default, deserialize_with = "present")]
    pub default: Option<Value>,
    /// The parameter exists only where each of these parameters has one of the values.
    #[serde(default)]
    pub when: When,
}

/// A parameter that is not searched.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Fixed")]
pub(super) struct FixedFile {
    /// Its value.
    pub value: Value,
    /// The parameter exists only where each of these parameters has one of the values.
    #[serde(default)]
    pub when: When,
}

/// Parents and the values that they must have.
pub(super) type When = IndexMap<String, Vec<Value>>;

/// A key that is there, with `null` as a value of its own.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl ParameterFile {
    /// Reads the parameter at `path`. By its `type` first, so that an error names the very key.
    pub(super) fn read(mut json: Json, file: &str, path: &str) -> Result<Self, InputError> {
        const KINDS: [&str; 4] = ["float", "int", "categorical", "fixed"];
        let fields =
            json.as_object_mut().ok_or_else(|| InputError::new(file, path, "must be a JSON object"))?;
        let kind = match fields.shift_remove("type") {
            Some(Json::String(kind)) => kind,
            _ => {
                return Err(InputError::new(
                    file,
                    path,
                    format!("\"type\" must be one of {}", KINDS.join(", ")),
                ));
            }
        };
        match kind.as_str() {
            "float" => input::from_value(json, file, path).map(ParameterFile::Float),
            "int" => input::from_value(json, file, path).map(ParameterFile::Int),
            "categorical" => input::from_value(json, file, path).map(ParameterFile::Categorical),
            "fixed" => input::from_value(json, file, path).map(ParameterFile::Fixed),
            _ => {
                let problem = format!("unknown type \"{kind}\"{}", input::suggestion(&kind, KINDS));
                Err(InputError::new(file, path, problem))
            }
        }
    }
}
