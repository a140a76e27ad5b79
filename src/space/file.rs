//! The JSON of a search space file, before the rules between its keys are checked.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{Point, Value};
use crate::input::{self, InputError};

/// A search space: the parameters that may vary, and their bounds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Space")]
pub(super) struct SpaceFile {
    /// The address of the JSON Schema of this file, for editors.
    #[serde(rename = "$schema")]
    pub _schema: Option<String>,
    /// The name of the space in results.
    pub name: String,
    /// The purpose of the space, in a sentence.
    #[serde(rename = "description")]
    pub _description: Option<String>,
    /// The parameters, by name.
    #[schemars(with = "IndexMap<String, ParameterFile>")]
    pub parameters: IndexMap<String, Json>,
    /// Points to try after the default point, in this order, before the search proposes any. A
    /// parameter that is missing in a point has its default.
    #[serde(default)]
    pub start: Vec<Point>,
    /// Linear inequalities between parameters that are numbers, such as `width_1 >= width_2` or
    /// `2 * a + b <= 1`. Every search keeps them. A relation holds where one of its parameters is
    /// not active.
    #[serde(default)]
    pub relations: Vec<String>,
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
    List(ListFile),
}

/// A real number.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Float")]
pub(super) struct FloatFile {
    /// What the parameter does, for people.
    #[serde(rename = "description")]
    pub _description: Option<String>,
    /// The smallest value.
    pub low: f64,
    /// The largest value.
    pub high: f64,
    /// Whether the scale is logarithmic.
    #[serde(default)]
    pub log: bool,
    /// The distance between neighbouring values; continuous if absent.
    pub step: Option<f64>,
    /// The value in the default point; the middle of the scale if absent.
    pub default: Option<f64>,
    /// The parameter is active only where each of these parameters has one of the listed values.
    #[serde(default)]
    pub when: When,
}

/// A whole number.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Int")]
pub(super) struct IntFile {
    /// What the parameter does, for people.
    #[serde(rename = "description")]
    pub _description: Option<String>,
    /// The smallest value.
    pub low: i64,
    /// The largest value.
    pub high: i64,
    /// Whether the scale is logarithmic.
    #[serde(default)]
    pub log: bool,
    /// The distance between neighbouring values; 1 if absent.
    pub step: Option<i64>,
    /// The value in the default point; the middle of the scale if absent.
    pub default: Option<i64>,
    /// The parameter is active only where each of these parameters has one of the listed values.
    #[serde(default)]
    pub when: When,
}

/// One of several values.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Categorical")]
pub(super) struct CategoricalFile {
    /// What the parameter does, for people.
    #[serde(rename = "description")]
    pub _description: Option<String>,
    /// The values, each a JSON scalar.
    pub choices: Vec<Value>,
    /// The value in the default point, written as in `choices`; the first if absent.
    #[serde(default, deserialize_with = "present")]
    pub default: Option<Value>,
    /// The parameter is active only where each of these parameters has one of the listed values.
    #[serde(default)]
    pub when: When,
}

/// A parameter that is not searched and always has the same value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Fixed")]
pub(super) struct FixedFile {
    /// What the parameter does, for people.
    #[serde(rename = "description")]
    pub _description: Option<String>,
    /// The value.
    pub value: Value,
    /// The parameter is active only where each of these parameters has one of the listed values.
    #[serde(default)]
    pub when: When,
}

/// A list of items that have the same parameters. The parameter `LIST`, named after the list, is
/// the number of items. Item k has the parameters `LIST.k.NAME`, which are active if the list has
/// at least k items.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "List")]
pub(super) struct ListFile {
    /// What the parameter does, for people.
    #[serde(rename = "description")]
    pub _description: Option<String>,
    /// The fewest and the most items.
    pub length: [u32; 2],
    /// The number of items in the default point; the middle of both if absent.
    pub default: Option<u32>,
    /// The parameters of each item, by name. Their conditions may name parameters of the same item.
    #[schemars(with = "IndexMap<String, ParameterFile>")]
    pub of: IndexMap<String, Json>,
    /// The list is active only where each of these parameters has one of the listed values.
    #[serde(default)]
    pub when: When,
}

/// Conditions: the names of other parameters, each with the values at which this parameter is
/// active.
pub(super) type When = IndexMap<String, Vec<Value>>;

/// Reads the value of a key that is there. A `null` is a value too.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl ParameterFile {
    /// Reads the parameter at `path`. The key `type` is read first, so that an error can name the
    /// key that is wrong.
    pub(super) fn read(mut json: Json, file: &str, path: &str) -> Result<Self, InputError> {
        const KINDS: [&str; 5] = ["float", "int", "categorical", "fixed", "list"];
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
            "list" => input::from_value(json, file, path).map(ParameterFile::List),
            _ => {
                let problem = format!("unknown type \"{kind}\"{}", input::suggestion(&kind, KINDS));
                Err(InputError::new(file, path, problem))
            }
        }
    }
}
