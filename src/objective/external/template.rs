//! A command line with places for parameters: `./train.sh --lr={lr} --seed {seed}`.

use crate::input;
use crate::space::{Point, Space};

/// The name that stands for the trial's seed, unless a parameter has it.
const SEED: &str = "seed";

/// A command line that names no command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// There are no words in it.
    #[error("empty: name a program")]
    Empty,
    /// A quotation mark has no partner.
    #[error("{0}: a quotation mark is not closed")]
    Quotes(String),
    /// A place names no parameter.
    #[error("{{{name}}} is no parameter of the space{hint} (a brace itself is written twice)")]
    Unknown {
        /// The name.
        name: String,
        /// The parameter that was meant, or all.
        hint: String,
    },
    /// The program depends on a parameter.
    #[error("{0}: the program itself must not depend on a parameter")]
    VaryingProgram(String),
    /// The program is not there, or is none.
    #[error("{0}: no such program: name a file that can be run, or a program of the path")]
    NoProgram(String),
}

/// A program, and its arguments with places for parameters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template {
    pub program: String,
    arguments: Vec<Word>,
}

type Word = Vec<Piece>;

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Parameter(String),
    Seed,
}

impl Template {
    /// Splits `command` into words as a shell does, without any other meaning of a shell.
    pub fn new(command: &str, space: &Space) -> Result<Self, CommandError> {
        let words = shlex::split(command).ok_or_else(|| CommandError::Quotes(command.to_owned()))?;
        let (program, arguments) = words.split_first().ok_or(CommandError::Empty)?;
        match pieces(program, space)?.as_slice() {
            [Piece::Text(program)] => {
                let arguments = arguments.iter().map(|word| pieces(word, space)).collect::<Result<_, _>>()?;
                Ok(Self { program: program.clone(), arguments })
            }
            _ => Err(CommandError::VaryingProgram(command.to_owned())),
        }
    }

    /// The arguments at `point`. One that names a parameter which is not active there is left out.
    pub fn arguments(&self, point: &Point, seed: u32) -> Vec<String> {
        let fill = |word: &Word| -> Option<String> {
            let piece = |piece: &Piece| match piece {
                Piece::Text(text) => Some(text.clone()),
                Piece::Parameter(name) => point.get(name).map(ToString::to_string),
                Piece::Seed => Some(seed.to_string()),
            };
            word.iter().map(piece).collect()
        };
        self.arguments.iter().filter_map(fill).collect()
    }
}

/// Takes a word apart at its braces.
fn pieces(word: &str, space: &Space) -> Result<Word, CommandError> {
    let mut pieces = Word::new();
    let mut text = String::new();
    let mut rest = word;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let (brace, after) = rest[at..].split_at(1);
        let name = after.split_once('}').map(|(name, _)| name).filter(|name| is_name(name));
        match name {
            _ if after.starts_with(brace) => {
                text.push_str(brace);
                rest = &after[1..];
            }
            Some(name) if brace == "{" => {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(place(name, space)?);
                rest = &after[name.len() + 1..];
            }
            _ => {
                text.push_str(brace);
                rest = after;
            }
        }
    }
    text.push_str(rest);
    if !text.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

fn place(name: &str, space: &Space) -> Result<Piece, CommandError> {
    if space.parameter(name).is_some() {
        return Ok(Piece::Parameter(name.to_owned()));
    }
    if name == SEED {
        return Ok(Piece::Seed);
    }
    let names = space.parameters().iter().map(|parameter| parameter.name.as_str());
    Err(CommandError::Unknown { name: name.to_owned(), hint: input::suggestion(name, names) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> Space {
        let text = r#"{"name": "s", "parameters": {
            "rule": {"type": "categorical", "choices": ["adam", "sgd"]},
            "lr": {"type": "float", "low": 0, "high": 1},
            "momentum": {"type": "float", "low": 0, "high": 1, "when": {"rule": ["sgd"]}}
        }}"#;
        Space::from_json(text, "s.json").unwrap()
    }

    fn arguments(command: &str) -> Vec<String> {
        Template::new(command, &space()).unwrap().arguments(&space().default_point(), 7)
    }

    #[test]
    fn places_are_filled_and_arguments_of_inactive_parameters_left_out() {
        let words = arguments("./train.sh --lr={lr} '{rule} and {lr}' --momentum={momentum} -s {seed}");
        assert_eq!(words, ["--lr=0.5", "adam and 0.5", "-s", "7"]);
    }

    #[test]
    fn other_braces_are_text_and_doubled_ones_single() {
        assert_eq!(arguments(r#"sh -c 'echo {} "{ a }" {{lr}} }'"#), ["-c", r#"echo {} "{ a }" {lr} }"#]);
        assert_eq!(arguments("sh ''"), [""]);
    }

    #[test]
    fn what_names_no_command_is_refused_with_the_way_out() {
        let problem = |command: &str| Template::new(command, &space()).expect_err("wrong").to_string();
        assert_eq!(problem("  "), "empty: name a program");
        assert_eq!(problem("sh -c 'x"), "sh -c 'x: a quotation mark is not closed");
        assert_eq!(
            problem("sh {momentun}"),
            "{momentun} is no parameter of the space; did you mean \"momentum\"? (a brace itself is written twice)"
        );
        assert!(problem("{rule}.sh").contains("must not depend on a parameter"));
    }
}
