//! A command line with places for parameters: `./train.sh --lr={lr} --seed {seed}`.

use super::message::{Request, SegmentRequest};
use crate::input;
use crate::space::Space;

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
    /// A place names what there is where trials pause alone.
    #[error("{{{0}}} is no parameter of the space, and without --fidelity nothing else: add --fidelity")]
    NoPart(&'static str),
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
    Own(Own),
}

/// What is told beside the parameters, unless a parameter has its name.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Own {
    Seed,
    Step,
    Until,
    Steps,
    State,
}

impl Own {
    const ALL: [Self; 5] = [Self::Seed, Self::Step, Self::Until, Self::Steps, Self::State];

    fn name(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Step => "step",
            Self::Until => "until",
            Self::Steps => "steps",
            Self::State => "state",
        }
    }

    /// What `request` says of it, if it does.
    fn of(self, request: &Request) -> Option<String> {
        let part = |told: fn(&SegmentRequest) -> String| request.part.as_ref().map(told);
        match self {
            Self::Seed => Some(request.seed.to_string()),
            Self::Step => part(|part| part.step.to_string()),
            Self::Until => part(|part| part.until.to_string()),
            Self::Steps => part(|part| part.steps.to_string()),
            Self::State => part(|part| part.state.clone()),
        }
    }
}

impl Template {
    /// Splits `command` into words as a shell does, without any other meaning of a shell; it may say which part of a
    /// trial is meant if trials have any.
    pub fn new(command: &str, space: &Space, has_parts: bool) -> Result<Self, CommandError> {
        let words = shlex::split(command).ok_or_else(|| CommandError::Quotes(command.to_owned()))?;
        let (program, arguments) = words.split_first().ok_or(CommandError::Empty)?;
        let pieces = |word: &String| pieces(word, &|name| place(name, space, has_parts));
        match pieces(program)?.as_slice() {
            [Piece::Text(program)] => {
                let arguments = arguments.iter().map(pieces).collect::<Result<_, _>>()?;
                Ok(Self { program: program.clone(), arguments })
            }
            _ => Err(CommandError::VaryingProgram(command.to_owned())),
        }
    }

    /// The arguments for `request`. One that names a parameter which is not active there is left out.
    pub fn arguments(&self, request: &Request) -> Vec<String> {
        let fill = |word: &Word| -> Option<String> {
            let piece = |piece: &Piece| match piece {
                Piece::Text(text) => Some(text.clone()),
                Piece::Parameter(name) => request.parameters.get(name).map(ToString::to_string),
                Piece::Own(own) => own.of(request),
            };
            word.iter().map(piece).collect()
        };
        self.arguments.iter().filter_map(fill).collect()
    }
}

/// Takes a word apart at its braces; `place` says what a name in them stands for.
fn pieces(word: &str, place: &dyn Fn(&str) -> Result<Piece, CommandError>) -> Result<Word, CommandError> {
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
                pieces.push(place(name)?);
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

fn place(name: &str, space: &Space, has_parts: bool) -> Result<Piece, CommandError> {
    if space.parameter(name).is_some() {
        return Ok(Piece::Parameter(name.to_owned()));
    }
    match Own::ALL.into_iter().find(|own| own.name() == name) {
        Some(own) if has_parts || own == Own::Seed => return Ok(Piece::Own(own)),
        Some(own) => return Err(CommandError::NoPart(own.name())),
        None => {}
    }
    let mut names: Vec<&str> = space.parameters().iter().map(|parameter| parameter.name.as_str()).collect();
    if has_parts {
        names.extend(Own::ALL.map(Own::name));
    }
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
        let part = SegmentRequest { step: 3, until: 9, steps: 27, state: "/s".into() };
        let request = Request { parameters: space().default_point(), seed: 7, part: Some(part) };
        Template::new(command, &space(), true).unwrap().arguments(&request)
    }

    #[test]
    fn places_are_filled_and_arguments_of_inactive_parameters_left_out() {
        let words = arguments("./train.sh --lr={lr} '{rule} and {lr}' --momentum={momentum} -s {seed}");
        assert_eq!(words, ["--lr=0.5", "adam and 0.5", "-s", "7"]);
        let words = arguments("./train.sh {step} {until} of {steps} --state={state}");
        assert_eq!(words, ["3", "9", "of", "27", "--state=/s"]);
    }

    #[test]
    fn other_braces_are_text_and_doubled_ones_single() {
        assert_eq!(arguments(r#"sh -c 'echo {} "{ a }" {{lr}} }'"#), ["-c", r#"echo {} "{ a }" {lr} }"#]);
        assert_eq!(arguments("sh ''"), [""]);
    }

    #[test]
    fn what_names_no_command_is_refused_with_the_way_out() {
        let problem = |command: &str| Template::new(command, &space(), false).expect_err("wrong").to_string();
        assert_eq!(problem("  "), "empty: name a program");
        assert_eq!(problem("sh -c 'x"), "sh -c 'x: a quotation mark is not closed");
        assert_eq!(
            problem("sh {momentun}"),
            "{momentun} is no parameter of the space; did you mean \"momentum\"? (a brace itself is written twice)"
        );
        assert_eq!(
            problem("sh {state}"),
            "{state} is no parameter of the space, and without --fidelity nothing else: add --fidelity"
        );
        let paused = Template::new("sh {stat}", &space(), true).expect_err("wrong").to_string();
        assert!(paused.contains("did you mean \"state\"?"), "{paused}");
        assert!(problem("{rule}.sh").contains("must not depend on a parameter"));
    }
}
