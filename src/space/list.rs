//! Lists: a number of items (such as layers), each with the same parameters.
//!
//! A list is written once in the file and becomes ordinary parameters. One is its length. Item k
//! has the parameters `LIST.k.NAME`, which are active if the list has at least k items. So
//! searches, tables and databases treat them like all others. [`Space::lists`] finds them again by
//! their names, for searches that add, remove and swap whole items.

use std::ops::RangeInclusive;

use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use super::file::ListFile;
use super::{Domain, Space, Value};

/// The most items of a list.
pub(super) const MOST_ITEMS: u32 = 64;

/// A list of items that have the same parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The index in [`Space::parameters`] of the parameter for the length.
    pub length: usize,
    /// For each possible item, the indices of its parameters, in the same order.
    pub items: Vec<Vec<usize>>,
}

impl List {
    /// The least and the greatest number of items; the list is one of `space`.
    ///
    /// # Panics
    /// `space` has no such list.
    pub fn lengths(&self, space: &Space) -> (i64, i64) {
        lengths(&space.parameters[self.length].domain).expect("a list of this space")
    }
}

impl Space {
    /// The lists of the space, in the order of the parameters for their lengths.
    pub fn lists(&self) -> Vec<List> {
        let lists = (0..self.parameters.len()).filter_map(|length| {
            let parameter = &self.parameters[length];
            let (_, high) = lengths(&parameter.domain)?;
            let of_item = |item| self.with_prefix(&format!("{}.{item}.", parameter.name));
            // Most whole numbers are no lengths, and some are large: only items that are there are looked at.
            let size = of_item(1).len();
            let is_item = |item: &Vec<usize>| !item.is_empty() && item.len() == size;
            let items: Vec<Vec<usize>> = (1..=high).map(of_item).take_while(is_item).collect();
            (i64::try_from(items.len()) == Ok(high) && high > 0).then_some(List { length, items })
        });
        lists.collect()
    }

    /// The indices of the parameters whose names begin with `prefix`.
    fn with_prefix(&self, prefix: &str) -> Vec<usize> {
        let names = self.parameters.iter().enumerate();
        names.filter(|(_, parameter)| parameter.name.starts_with(prefix)).map(|(index, _)| index).collect()
    }
}

/// The least and the greatest length of a list, if `domain` is that of a length.
fn lengths(domain: &Domain) -> Option<(i64, i64)> {
    match *domain {
        Domain::Int { low, high, step: 1, log: false } => Some((low, high)),
        Domain::Fixed { value: Value::Int(length) } => Some((length, length)),
        _ => None,
    }
}

/// The parameters that the `list` called `name` becomes, each in the form of a space file.
pub(super) fn expanded(name: &str, list: ListFile) -> Vec<(String, Json)> {
    let ListFile { length: [low, high], default, of, when, .. } = list;
    let length = match low == high {
        true => json!({"type": "fixed", "value": low, "when": when}),
        false => match default {
            Some(default) => {
                json!({"type": "int", "low": low, "high": high, "default": default, "when": when})
            }
            None => json!({"type": "int", "low": low, "high": high, "when": when}),
        },
    };
    let mut parameters = vec![(name.to_owned(), length)];
    for item in 1..=high {
        for (own, parameter) in &of {
            let mut parameter = parameter.clone();
            if let Json::Object(fields) = &mut parameter {
                let own_when = fields.remove("when");
                fields.insert("when".to_owned(), conditions(name, item.max(low)..=high, item, own_when, &of));
            }
            parameters.push((format!("{name}.{item}.{own}"), parameter));
        }
    }
    parameters
}

/// The conditions of a parameter of `item`: the list has one of `lengths`, and what the item says,
/// whose own parameters are meant first.
fn conditions(
    list: &str,
    lengths: RangeInclusive<u32>,
    item: u32,
    own: Option<Json>,
    of: &IndexMap<String, Json>,
) -> Json {
    let lengths: Vec<u32> = lengths.collect();
    let mut when = Map::from_iter([(list.to_owned(), json!(&lengths))]);
    match own {
        Some(Json::Object(own)) => {
            when.extend(own.into_iter().map(|(parent, values)| match of.contains_key(&parent) {
                true => (format!("{list}.{item}.{parent}"), values),
                // A length at which the list has no such item is none of the item's.
                false if parent == list => (parent, among(values, &lengths)),
                false => (parent, values),
            }));
            Json::Object(when)
        }
        // A value that is no object is refused later, where conditions are read.
        Some(other) => other,
        None => Json::Object(when),
    }
}

/// Those of `values` that are among `lengths`; `values` as they are if they are no array.
fn among(values: Json, lengths: &[u32]) -> Json {
    match values {
        Json::Array(values) => Json::Array(
            values.into_iter().filter(|value| lengths.iter().any(|&length| *value == length)).collect(),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;

    const LAYERS: &str = r#"{"name": "layers", "parameters": {
        "rate": {"type": "float", "low": 0, "high": 1},
        "layers": {"type": "list", "length": [0, 3], "default": 2, "of": {
            "kind": {"type": "categorical", "choices": ["wide", "narrow"]},
            "width": {"type": "int", "low": 1, "high": 9, "when": {"kind": ["wide"]}}
        }}
    }}"#;

    fn space() -> Space {
        Space::from_json(LAYERS, "layers.json").unwrap()
    }

    #[test]
    fn a_list_may_have_one_length_or_begin_above_zero() {
        let lengths = |length: &str| {
            let text = LAYERS.replace("[0, 3], \"default\": 2", length);
            let space = Space::from_json(&text, "layers.json").expect("a space");
            assert_eq!(space.check(&space.default_point()), Ok(()));
            space.default_point().iter().filter(|(name, _)| name.ends_with(".kind")).count()
        };
        assert_eq!(["[2, 2]", "[1, 3]", "[0, 0]"].map(lengths), [2, 2, 0]);
    }

    #[test]
    fn a_list_becomes_a_length_and_the_parameters_of_its_items() {
        let space = space();
        let names: Vec<&str> = space.parameters().iter().map(|parameter| parameter.name.as_str()).collect();
        let expected = [
            "rate",
            "layers",
            "layers.1.kind",
            "layers.1.width",
            "layers.2.kind",
            "layers.2.width",
            "layers.3.kind",
            "layers.3.width",
        ];
        assert_eq!(names, expected);
        let list = List { length: 1, items: vec![vec![2, 3], vec![4, 5], vec![6, 7]] };
        assert_eq!(space.lists(), [list]);
        let default: Point = serde_json::from_str(
            r#"{"rate": 0.5, "layers": 2, "layers.1.kind": "wide", "layers.1.width": 5,
                "layers.2.kind": "wide", "layers.2.width": 5}"#,
        )
        .unwrap();
        assert_eq!(space.default_point(), default);
    }

    #[test]
    fn items_beyond_the_length_and_unmet_conditions_are_absent() {
        let space = space();
        let point: Point =
            serde_json::from_str(r#"{"rate": 0.5, "layers": 1, "layers.1.kind": "narrow"}"#).unwrap();
        assert_eq!(space.check(&point), Ok(()));
        let more: Point =
            serde_json::from_str(r#"{"rate": 0.5, "layers": 0, "layers.1.kind": "narrow"}"#).unwrap();
        assert!(space.check(&more).is_err());
    }

    #[test]
    fn a_condition_on_the_length_of_the_own_list_leaves_items_beyond_it_absent() {
        let text = |lengths: &str| {
            format!(
                r#"{{"name": "s", "parameters": {{"p": {{"type": "list", "length": [0, 3], "of": {{
                "a": {{"type": "int", "low": 0, "high": 9, "when": {{"p": {lengths}}}}}}}}}}}}}"#
            )
        };
        let space = Space::from_json(&text("[1, 3]"), "s.json").unwrap();
        let count = |length: i64| space.completed(&[("p", length)].into_iter().collect()).iter().count() - 1;
        assert_eq!([0, 1, 2, 3].map(count), [0, 1, 0, 3]);
        let error = Space::from_json(&text("[1, 2]"), "s.json").unwrap_err().to_string();
        assert!(error.contains("of.a: when.p: must have 3"), "{error}");
    }

    #[test]
    fn a_list_survives_the_form_that_a_study_keeps() {
        let space = space();
        let again = Space::from_json(&space.to_json().to_string(), "again").unwrap();
        assert_eq!(again, space);
        assert_eq!(again.lists(), space.lists());
    }

    #[test]
    fn the_condition_of_a_list_holds_for_its_items() {
        let text = r#"{"name": "s", "parameters": {
            "deep": {"type": "categorical", "choices": [false, true]},
            "layers": {"type": "list", "length": [1, 2], "when": {"deep": [true]}, "of": {
                "width": {"type": "int", "low": 1, "high": 9}}}
        }}"#;
        let space = Space::from_json(text, "s.json").unwrap();
        assert_eq!(space.default_point().len(), 1);
        assert_eq!(space.lists().len(), 1);
        let fixed = Space::from_json(&text.replace("[1, 2]", "[2, 2]"), "s.json").unwrap();
        let lists = fixed.lists();
        assert_eq!((lists.len(), lists[0].items.len(), lists[0].lengths(&fixed)), (1, 2, (2, 2)));
    }

    #[test]
    fn a_wrong_list_is_refused_with_its_place() {
        let error = |list: &str| {
            let text = format!(r#"{{"name": "s", "parameters": {{"l": {list}}}}}"#);
            Space::from_json(&text, "s.json").unwrap_err().to_string()
        };
        let no_items = error(r#"{"type": "list", "length": [0, 2], "of": {}}"#);
        assert_eq!(
            no_items,
            "s.json: parameters.l: of = {}: a list needs at least one parameter of its items"
        );
        let swapped =
            error(r#"{"type": "list", "length": [3, 2], "of": {"a": {"type": "fixed", "value": 1}}}"#);
        assert_eq!(swapped, "s.json: parameters.l: length = [3, 2]: must be from fewest to most, at most 64");
        let inside =
            error(r#"{"type": "list", "length": [0, 1], "of": {"a": {"type": "int", "low": 3, "high": 1}}}"#);
        assert!(inside.starts_with("s.json: parameters.l.1.a: low = 3 > high = 1"), "{inside}");
    }

    #[test]
    fn a_large_whole_number_is_no_list_and_takes_no_memory() {
        let text = r#"{"name": "s", "parameters": {"a": {"type": "int", "low": 1, "high": 1000000000000}}}"#;
        assert!(Space::from_json(text, "s.json").expect("right").lists().is_empty());
    }
}
