//! A command line with placeholders for parameters: `./train.sh --lr={lr} --seed {seed}`.

use super::message::{Request, SegmentRequest};
use crate::input;
use crate::space::Space;

/// Why a command line cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The command line has no words.
    #[error("empty: name a program")]
    Empty,
    /// A quotation mark is not closed.
    #[error("{0}: a quotation mark is not closed")]
    Quotes(String),
    /// A placeholder names no parameter.
    #[error("{{{name}}} is no parameter of the space{hint} (a brace itself is written twice)")]
    Unknown {
        /// The name in the placeholder.
        name: String,
        /// The parameter that was meant, or all.
        hint: String,
    },
    /// A placeholder names a fact of a segment, but trials do not pause.
    #[error("{{{0}}} is no parameter of the space, and known only with --fidelity: add --fidelity")]
    NoSegment(&'static str),
    /// The name of the program has a placeholder.
    #[error("{0}: the program itself must not depend on a parameter")]
    VaryingProgram(String),
    /// The program does not exist, or cannot be run.
    #[error("{0}: no such program: name a file that can be run, or a program in the PATH")]
    NoProgram(String),
}

/// A program, and its arguments with placeholders.
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
    Fact(Fact),
}

/// A fact of a request that a placeholder may name, unless a parameter has its name.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fact {
    Seed,
    Step,
    Until,
    Steps,
    CheckpointDir,
    /// The name of the checkpoint folder in version 0.1.
    State,
}

impl Fact {
    const ALL: [Self; 6] =
        [Self::Seed, Self::Step, Self::Until, Self::Steps, Self::CheckpointDir, Self::State];

    fn name(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Step => "step",
            Self::Until => "until",
            Self::Steps => "steps",
            Self::CheckpointDir => "checkpoint_dir",
            Self::State => "state",
        }
    }

    /// The fact's value in `request`, if the request has one.
    fn of(self, request: &Request) -> Option<String> {
        let of_segment = |value: fn(&SegmentRequest) -> String| request.segment.as_ref().map(value);
        match self {
            Self::Seed => Some(request.seed.to_string()),
            Self::Step => of_segment(|segment| segment.step.to_string()),
            Self::Until => of_segment(|segment| segment.until.to_string()),
            Self::Steps => of_segment(|segment| segment.steps.to_string()),
            Self::CheckpointDir | Self::State => of_segment(|segment| segment.checkpoint_dir.clone()),
        }
    }
}

impl Template {
    /// Splits `command` into words as a shell does, without a shell's other features. If trials
    /// pause (`pauses`), placeholders may also name facts of a segment, such as its step.
    pub fn new(command: &str, space: &Space, pauses: bool) -> Result<Self, CommandError> {
        let words = shlex::split(command).ok_or_else(|| CommandError::Quotes(command.to_owned()))?;
        let (program, arguments) = words.split_first().ok_or(CommandError::Empty)?;
        let pieces = |word: &String| pieces(word, &|name| placeholder(name, space, pauses));
        match pieces(program)?.as_slice() {
            [Piece::Text(program)] => {
                let arguments = arguments.iter().map(pieces).collect::<Result<_, _>>()?;
                Ok(Self { program: program.clone(), arguments })
            }
            _ => Err(CommandError::VaryingProgram(command.to_owned())),
        }
    }

    /// The arguments for `request`. An argument that names an inactive parameter is left out.
    pub fn arguments(&self, request: &Request) -> Vec<String> {
        let fill = |word: &Word| -> Option<String> {
            let piece = |piece: &Piece| match piece {
                Piece::Text(text) => Some(text.clone()),
                Piece::Parameter(name) => request.parameters.get(name).map(ToString::to_string),
                Piece::Fact(fact) => fact.of(request),
            };
            word.iter().map(piece).collect()
        };
        self.arguments.iter().filter_map(fill).collect()
    }
}

/// Splits a word at its braces. `placeholder` tells what a name in braces stands for.
fn pieces(
    word: &str,
    placeholder: &dyn Fn(&str) -> Result<Piece, CommandError>,
) -> Result<Word, CommandError> {
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
                pieces.push(placeholder(name)?);
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

fn placeholder(name: &str, space: &Space, pauses: bool) -> Result<Piece, CommandError> {
    if space.parameter(name).is_some() {
        return Ok(Piece::Parameter(name.to_owned()));
    }
    match Fact::ALL.into_iter().find(|fact| fact.name() == name) {
        Some(fact) if pauses || fact == Fact::Seed => return Ok(Piece::Fact(fact)),
        Some(fact) => return Err(CommandError::NoSegment(fact.name())),
        None => {}
    }
    let mut names: Vec<&str> = space.parameters().iter().map(|parameter| parameter.name.as_str()).collect();
    if pauses {
        names.extend(Fact::ALL.map(Fact::name));
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
        let (checkpoint_dir, state) = ("/s".to_owned(), "/s".to_owned());
        let segment = SegmentRequest { step: 3, until: 9, steps: 27, checkpoint_dir, state };
        let request = Request { parameters: space().default_point(), seed: 7, segment: Some(segment) };
        Template::new(command, &space(), true).unwrap().arguments(&request)
    }

    #[test]
    fn placeholders_are_filled_and_arguments_of_inactive_parameters_left_out() {
        let words = arguments("./train.sh --lr={lr} '{rule} and {lr}' --momentum={momentum} -s {seed}");
        assert_eq!(words, ["--lr=0.5", "adam and 0.5", "-s", "7"]);
        let words = arguments("./train.sh {step} {until} of {steps} --dir={checkpoint_dir} --state={state}");
        assert_eq!(words, ["3", "9", "of", "27", "--dir=/s", "--state=/s"]);
    }

    #[test]
    fn other_braces_are_text_and_doubled_ones_single() {
        assert_eq!(arguments(r#"sh -c 'echo {} "{ a }" {{lr}} }'"#), ["-c", r#"echo {} "{ a }" {lr} }"#]);
        assert_eq!(arguments("sh ''"), [""]);
    }

    #[test]
    fn a_command_that_cannot_be_used_is_refused_with_the_way_out() {
        let problem = |command: &str| Template::new(command, &space(), false).expect_err("wrong").to_string();
        assert_eq!(problem("  "), "empty: name a program");
        assert_eq!(problem("sh -c 'x"), "sh -c 'x: a quotation mark is not closed");
        assert_eq!(
            problem("sh {momentun}"),
            "{momentun} is no parameter of the space; did you mean \"momentum\"? (a brace itself is written twice)"
        );
        assert_eq!(
            problem("sh {checkpoint_dir}"),
            "{checkpoint_dir} is no parameter of the space, and known only with --fidelity: add --fidelity"
        );
        let paused = Template::new("sh {checkpoint_di}", &space(), true).expect_err("wrong").to_string();
        assert!(paused.contains("did you mean \"checkpoint_dir\"?"), "{paused}");
        assert!(problem("{rule}.sh").contains("must not depend on a parameter"));
    }
}
