//! A search space for the data at hand: a built-in space with sizes that suit the data, and a comment for each
//! parameter.

use std::fmt::Write;

use anyhow::Result;
use serde_json::{Map, Value as Json, json};

use crate::cli::setup::spaces;
use crate::data::Dataset;
use crate::input;
use crate::objective::Plan;
use crate::space::Space;

/// Fewest batches in an epoch that the largest batch leaves.
const FEWEST_BATCHES: usize = 8;

/// Neurons of the widest dense layer per input of a table.
const WIDTH_PER_INPUT: usize = 8;

/// The narrowest and the widest bound for the width of a dense layer over a table.
const WIDTHS: [usize; 2] = [64, 512];

/// The text of a search space for `dataset`: that of the built-in space for its shape, with the bounds of batches and
/// layers fitted to the number of samples and inputs.
///
/// # Errors
/// The space is not one that a study reads, which is a mistake of this program.
pub(crate) fn space(dataset: &Dataset) -> Result<String> {
    let base = spaces::fitting(dataset.shape);
    let mut space = input::parse(&spaces::text(base)?, base)?;
    space["description"] = purpose(dataset, base).into();
    fit(&mut space, dataset);
    let name = format!("{}-{base}", dataset.name);
    let text = written(&name, &space);
    let read = Space::from_json(&text, &name)?;
    Plan::check(&read)?;
    Ok(text)
}

/// What the space is for, in a sentence.
fn purpose(dataset: &Dataset, base: &str) -> String {
    let [height, width, channels] = dataset.shape;
    let shape = match (height, width) {
        (1, 1) => format!("{channels} inputs"),
        _ => format!("{height}x{width}x{channels} inputs"),
    };
    let (samples, classes) = (dataset.train.len(), dataset.classes.len());
    format!(
        "Made by tune init for {}: {samples} training samples of {shape}, {classes} classes. Narrow or widen each range; \
         drop a parameter to keep its published default. Its start is the built-in space {base}.",
        dataset.name
    )
}

/// Fits the bounds of `space` to the number of samples and inputs.
fn fit(space: &mut Json, dataset: &Dataset) {
    let largest_batch = below(dataset.train.len() / FEWEST_BATCHES).clamp(4, 512);
    bound(space, "batch_size", largest_batch);
    if let [1, 1, inputs] = dataset.shape {
        let widest = (inputs * WIDTH_PER_INPUT).next_power_of_two().clamp(WIDTHS[0], WIDTHS[1]);
        ["width_1", "width_2"].iter().for_each(|name| bound(space, name, widest));
    }
}

/// The largest power of two that is at most `number`; 1 for 0.
fn below(number: usize) -> usize {
    (number / 2 + 1).next_power_of_two().max(1)
}

/// Makes `high` the largest value of the whole number `name`, if the space has it. The smallest value, the default and
/// the starting points stay within it.
fn bound(space: &mut Json, name: &str, high: usize) {
    let Some(parameter) = space["parameters"].get_mut(name) else { return };
    let low = parameter["low"].as_u64().unwrap_or(1).min(high as u64 / 2).max(1);
    let within = |value: &Json| json!(value.as_u64().unwrap_or(low).clamp(low, high as u64));
    parameter["default"] = within(&parameter["default"]);
    (parameter["low"], parameter["high"]) = (json!(low), json!(high));
    for point in space["start"].as_array_mut().into_iter().flatten() {
        if let Some(value) = point.get_mut(name) {
            *value = within(value);
        }
    }
}

/// The text of `space` with the name `name`: a comment and a line for each parameter.
fn written(name: &str, space: &Json) -> String {
    let mut text =
        format!("{{\n  \"name\": {},\n  \"description\": {},\n", json!(name), space["description"]);
    if let Some(points) = space["start"].as_array() {
        let points: Vec<String> = points.iter().map(|point| format!("    {}", spaced(point))).collect();
        let _ = writeln!(text, "  \"start\": [\n{}\n  ],", points.join(",\n"));
    }
    let empty = Map::new();
    let parameters = space["parameters"].as_object().unwrap_or(&empty).iter();
    let parameters: Vec<String> = parameters.map(|(name, parameter)| commented(name, parameter)).collect();
    let _ = write!(text, "  \"parameters\": {{\n{}\n  }}\n}}\n", parameters.join(",\n"));
    text
}

/// A parameter with what it does, as lines of the file.
fn commented(name: &str, parameter: &Json) -> String {
    let meaning = Plan::meaning(name).map(|meaning| format!("\n      \"description\": {},", json!(meaning)));
    let body = spaced(parameter);
    let body = body.strip_prefix("{ ").and_then(|body| body.strip_suffix(" }")).unwrap_or_default();
    format!("    {}: {{{}\n      {body}\n    }}", json!(name), meaning.unwrap_or_default())
}

/// `json` on a line, with spaces as people write them.
fn spaced(json: &Json) -> String {
    match json {
        Json::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(key, value)| format!("{}: {}", json!(key), spaced(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{OpenOptions, Sources};

    fn built_in(name: &str) -> Dataset {
        let sources = Sources::new(None).expect("sources").offline();
        Dataset::open(name, &OpenOptions::default(), &sources, &mut |_| {}).expect("built in")
    }

    #[test]
    fn the_space_of_every_built_in_data_set_can_be_read_and_is_commented() {
        for (name, base) in [("iris", "tables"), ("digits", "small-images"), ("winequality", "tables")] {
            let text = space(&built_in(name)).expect("a space");
            let read = Space::from_json(&text, name).expect("it was checked");
            assert_eq!(read.name(), format!("{name}-{base}"));
            let of_base = spaces::open(base).expect("built in");
            assert_eq!(read.parameters().len(), of_base.parameters().len());
            let comments = text.matches("\"description\"").count();
            assert_eq!(comments, read.parameters().len() + 1, "{text}");
        }
    }

    #[test]
    fn sizes_follow_the_samples_and_the_inputs() {
        let text = space(&built_in("iris")).expect("a space");
        let json: Json = serde_json::from_str(&text).expect("JSON");
        // 120 training samples of 4 inputs.
        let parameters = &json["parameters"];
        assert_eq!(parameters["batch_size"]["high"], 8);
        assert_eq!(
            (&parameters["width_1"]["high"], &parameters["width_1"]["default"]),
            (&json!(64), &json!(64))
        );
        assert_eq!([0, 1, 2, 3, 15, 16, 17].map(below), [1, 1, 2, 2, 8, 16, 16]);
    }
}
