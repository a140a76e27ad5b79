//! The command line with the options of the file that `--config` names.
//!
//! The options of the file become words of the command line before it is parsed. So they obey the same rules, and the
//! command that makes a result again names them all.

use std::ffi::{OsStr, OsString};

use anyhow::{Context, Result};
use clap::{Arg, ArgAction, Command};
use serde_json::Value as Json;

use crate::input::{self, InputError};

/// The name of the option in the code.
const CONFIG: &str = "config";

/// A command line with the options of its file.
pub(in crate::cli) struct CommandLine {
    /// The words, the name of the program first.
    pub words: Vec<OsString>,
    /// The file, and the names of the options that come from it; `None` if there is none.
    pub config: Option<(String, Vec<String>)>,
}

/// `words`, the command line of `program`, with the options of the file that `--config` names.
///
/// # Errors
/// The file cannot be read, is no JSON object, or has a key that is no option of the command.
pub(in crate::cli) fn command_line(program: &Command, words: Vec<OsString>) -> Result<CommandLine> {
    let (command, begin) = of_study(program, &words);
    let Some(file) = command.and_then(|command| named_file(command, &words[begin..])) else {
        return Ok(CommandLine { words, config: None });
    };
    let command = command.expect("it takes --config");
    let name = file.to_string_lossy().into_owned();
    let text = std::fs::read_to_string(&file).with_context(|| format!("--config {name}: cannot read it"))?;
    let options = options(command, &text, &name)?;
    let typed = &words[begin..];
    let added: Vec<(String, Vec<String>)> = options
        .into_iter()
        .filter(|(argument, _)| !is_typed(argument, typed))
        .map(|(argument, words)| (long(argument).to_owned(), words))
        .collect();
    let names = added.iter().map(|(name, _)| name.clone()).collect();
    let own = added.into_iter().flat_map(|(_, words)| words).map(OsString::from);
    let words = words[..begin].iter().cloned().chain(own).chain(typed.iter().cloned()).collect();
    Ok(CommandLine { words, config: Some((name, names)) })
}

/// The words that `text`, the content of `file`, adds to a command line of `command`.
///
/// # Errors
/// The text is no JSON object, or has a key that is no option of the command.
pub(in crate::cli) fn words_of(command: &Command, text: &str, file: &str) -> Result<Vec<String>, InputError> {
    Ok(options(command, text, file)?.into_iter().flat_map(|(_, words)| words).collect())
}

/// The command among `words` that runs a study, and where its options begin.
fn of_study<'a>(program: &'a Command, words: &[OsString]) -> (Option<&'a Command>, usize) {
    match words.get(1).and_then(|word| word.to_str()) {
        Some("run") => (program.find_subcommand("run"), 2),
        Some(word) if word.starts_with('-') => (Some(program), 1),
        _ => (None, words.len().min(1)),
    }
}

/// The file that `--config` names among the `words` of `command`.
fn named_file(command: &Command, words: &[OsString]) -> Option<OsString> {
    command.get_arguments().find(|argument| argument.get_id() == CONFIG)?;
    let words = words.iter().take_while(|word| *word != "--");
    let mut is_next = false;
    for word in words {
        if is_next {
            return Some(word.clone());
        }
        is_next = word == "--config";
        if let Some(file) = word.to_str().and_then(|word| word.strip_prefix("--config=")) {
            return Some(file.into());
        }
    }
    None
}

/// The options in `text`, the content of `file`, each with its words on a command line.
fn options<'a>(
    command: &'a Command,
    text: &str,
    file: &str,
) -> Result<Vec<(&'a Arg, Vec<String>)>, InputError> {
    let Json::Object(keys) = input::parse(text, file)? else {
        return Err(InputError::new(file, "", "must be a JSON object: option names with their values"));
    };
    let given = keys.iter().filter(|(key, _)| *key != "$schema");
    given
        .map(|(key, value)| {
            let argument = argument(command, key).ok_or_else(|| {
                let known = of_file(command).map(long);
                let hint = input::suggestion(key, known.collect::<Vec<_>>().iter().copied());
                InputError::new(file, "", format!("unknown key \"{}\"{hint}", input::shortened(key)))
            })?;
            Ok((argument, words(argument, value).map_err(|problem| InputError::new(file, key, problem))?))
        })
        .collect()
}

/// The option of `command` that `key` names, by its name or an older one.
fn argument<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    of_file(command).find(|argument| {
        long(argument) == key || argument.get_all_aliases().is_some_and(|aliases| aliases.contains(&key))
    })
}

/// The options of `command` that a file may have.
pub(super) fn of_file(command: &Command) -> impl Iterator<Item = &Arg> {
    let is_own = |argument: &&Arg| ![CONFIG, "help", "version"].contains(&argument.get_id().as_str());
    command.get_arguments().filter(|argument| argument.get_long().is_some()).filter(is_own)
}

pub(super) fn long(argument: &Arg) -> &str {
    argument.get_long().unwrap_or_default()
}

/// Whether `words` have the option `argument`, by any of its names.
fn is_typed(argument: &Arg, words: &[OsString]) -> bool {
    let aliases = argument.get_all_aliases().unwrap_or_default();
    let names: Vec<String> =
        [long(argument)].iter().chain(&aliases).map(|name| format!("--{name}")).collect();
    let short = argument.get_short().map(|short| format!("-{short}"));
    let is_name = |word: &OsStr| {
        let word = word.to_string_lossy();
        let name = word.split_once('=').map_or(&*word, |(name, _)| name);
        names.iter().any(|known| known == name) || short.as_deref() == Some(name)
    };
    words.iter().take_while(|word| *word != "--").any(|word| is_name(word))
}

/// The words by which `argument` gets `value` on a command line.
fn words(argument: &Arg, value: &Json) -> Result<Vec<String>, String> {
    let name = long(argument);
    if matches!(argument.get_action(), ArgAction::SetTrue) {
        return match value {
            Json::Bool(true) => Ok(vec![format!("--{name}")]),
            Json::Bool(false) => Ok(Vec::new()),
            other => Err(format!("{}: must be true or false", input::shortened(&other.to_string()))),
        };
    }
    let word = |value: String| format!("--{name}={value}");
    match (value, argument.get_value_delimiter()) {
        (Json::Array(values), Some(delimiter)) => {
            let values = values.iter().map(scalar).collect::<Result<Vec<_>, _>>()?;
            Ok(vec![word(values.join(&delimiter.to_string()))])
        }
        (Json::Array(values), None) if matches!(argument.get_action(), ArgAction::Append) => {
            values.iter().map(|value| scalar(value).map(word)).collect()
        }
        (value, _) => Ok(vec![word(scalar(value)?)]),
    }
}

fn scalar(value: &Json) -> Result<String, String> {
    match value {
        Json::String(text) => Ok(text.clone()),
        // Programs write whole numbers as 3.0, too.
        Json::Number(number) => Ok(match number.as_f64() {
            Some(value) if value.fract() == 0.0 && value.abs() < 1e15 => format!("{value:.0}"),
            _ => number.to_string(),
        }),
        other => Err(format!("{}: must be a number or a text", input::shortened(&other.to_string()))),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::command::Cli;
    use crate::cli::config::schema;

    /// The words of `line` with a file of this `content`.
    fn filled(content: &str, line: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("c.json");
        std::fs::write(&file, content).expect("written");
        let name = file.display().to_string();
        let words = line.replace("FILE", &name);
        let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
        let line = command_line(&Cli::command(), words)
            .map_err(|error| format!("{error:#}").replace(&name, "c.json"))?;
        let words = line.words.iter().map(|word| word.to_string_lossy().into_owned());
        Ok(words.filter(|word| !word.contains("config") && *word != name).collect())
    }

    #[test]
    fn options_of_the_file_come_before_typed_ones_and_yield_to_them() {
        let content = r#"{"$schema": "s", "dataset": "iris", "budget": 7, "metric": ["accuracy", "energy"], "fault-rates": [0.1, 0.2],
            "offline": true, "fresh": false, "reference": [0.5, -2], "quiet": true}"#;
        let words = filled(content, "tune --config FILE --budget=3 -q").expect("right");
        let expected = "tune --dataset=iris --metric=accuracy --metric=energy --fault-rates=0.1,0.2 --offline \
                        --reference=0.5,-2 --budget=3 -q";
        assert_eq!(words.join(" "), expected);
        assert_eq!(filled(content, "tune show --storage FILE").map(|words| words.len()), Ok(3));
        let numbers = r#"{"budget": 7.0, "seed": 9007199254740993, "reference": [0.25, -2.0]}"#;
        let expected = "tune --budget=7 --seed=9007199254740993 --reference=0.25,-2";
        assert_eq!(filled(numbers, "tune --config FILE").expect("right").join(" "), expected);
    }

    #[test]
    fn an_older_name_of_an_option_is_typed_too() {
        let words = filled(r#"{"confirm-seeds": 5, "space": "s"}"#, "tune run --config=FILE --repeats 2");
        assert_eq!(words.expect("right").join(" "), "tune run --space=s --repeats 2");
        assert_eq!(filled(r#"{"repeats": 5}"#, "tune --config FILE").expect("right")[1], "--confirm-seeds=5");
    }

    #[test]
    fn what_is_wrong_is_said_with_the_key() {
        let problem = |content: &str| filled(content, "tune --config FILE").expect_err("wrong");
        assert_eq!(problem(r#"{"bugdet": 3}"#), r#"c.json: unknown key "bugdet"; did you mean "budget"?"#);
        assert_eq!(problem(r#"{"offline": 1}"#), "c.json: offline: 1: must be true or false");
        assert_eq!(problem(r#"{"budget": {}}"#), "c.json: budget: {}: must be a number or a text");
        assert!(problem(r#"{"budget": 1, "budget": 2}"#).contains("is there twice"));
        assert!(problem("[]").contains("must be a JSON object"));
        assert!(problem(r#"{"config": "d.json"}"#).contains("unknown key \"config\""));
        let words = ["tune", "--config", "gone.json"].map(OsString::from).to_vec();
        let error = command_line(&Cli::command(), words).err().map(|error| format!("{error:#}"));
        assert!(error.is_some_and(|error| error.starts_with("--config gone.json: cannot read it")));
    }

    #[test]
    fn the_schema_has_every_option() {
        let program = Cli::command();
        let schema = schema(&program);
        let run = program.find_subcommand("run").expect("a command");
        for argument in of_file(&program).chain(of_file(run)) {
            assert!(schema["properties"].get(long(argument)).is_some(), "{}", long(argument));
        }
        assert_eq!(schema["properties"]["budget"]["type"], "integer");
        assert_eq!(schema["properties"]["search"]["enum"][0], "bayes");
        assert_eq!(schema["properties"]["metric"]["anyOf"][1]["type"], "array");
    }
}
