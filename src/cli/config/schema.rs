//! The JSON Schema of a file for `--config`, from the options as the parser knows them.

use std::any::TypeId;

use clap::{Arg, ArgAction, Command};
use serde_json::{Map, Value as Json, json};

use super::file::{long, of_file};

/// The schema: a property for every option of a study, of `program` itself and of its command `run`.
pub(in crate::cli) fn schema(program: &Command) -> Json {
    let run = program.find_subcommand("run").expect("a command");
    let mut properties = Map::new();
    let about = "The address of the JSON Schema of this file, for editors.";
    properties.insert("$schema".to_owned(), json!({"description": about, "type": "string"}));
    for command in [program, run] {
        for argument in of_file(command) {
            properties.entry(long(argument)).or_insert_with(|| property(command, argument));
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Config",
        "description": "Options of `tune` or `tune run`, for --config. Options on the command line win.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false
    })
}

/// The schema of the value of `argument`.
fn property(command: &Command, argument: &Arg) -> Json {
    let mut schema = value(argument);
    let is_list =
        argument.get_value_delimiter().is_some() || matches!(argument.get_action(), ArgAction::Append);
    if is_list {
        schema = json!({"anyOf": [schema, {"type": "array", "items": schema}]});
    }
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let of_run =
        if command.get_name() == "run" && argument.get_id() != "metric" { " (tune run)" } else { "" };
    let mut described = json!({"description": format!("{help}{of_run}")});
    if let (Json::Object(described), Json::Object(schema)) = (&mut described, schema) {
        described.extend(schema);
    }
    described
}

/// The schema of one value of `argument`.
fn value(argument: &Arg) -> Json {
    if matches!(argument.get_action(), ArgAction::SetTrue) {
        return json!({"type": "boolean"});
    }
    let names: Vec<String> =
        argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    if !names.is_empty() {
        return json!({"type": "string", "enum": names});
    }
    let parser = argument.get_value_parser().type_id();
    let whole = [TypeId::of::<u8>(), TypeId::of::<u16>(), TypeId::of::<u32>(), TypeId::of::<u64>()];
    match () {
        () if whole.iter().any(|whole| parser == *whole) => json!({"type": "integer"}),
        () if parser == TypeId::of::<f64>() => json!({"type": "number"}),
        () if parser == TypeId::of::<String>() || parser == TypeId::of::<std::path::PathBuf>() => {
            json!({"type": "string"})
        }
        () => json!({"type": ["string", "number"]}),
    }
}
