//! How a run ends: exit codes, and errors in one line.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::streams::{self, Unprinted};
use crate::storage::{StorageError, without_password};
use crate::tuner::TunerError;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command is done.
    Done,
    /// The run failed.
    Failed,
    /// The arguments or the input are wrong.
    Usage,
    /// Done, but the result is below `--fail-under`.
    BelowTarget,
    /// No trial has a value that counts.
    NothingFeasible,
    /// The storage cannot be reached, or fails during the run.
    Unreachable,
    /// A network that was trained again is another one.
    Differs,
    /// Stopped by a signal, after saving.
    Interrupted,
}

impl Exit {
    /// The exit code that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::BelowTarget => 3,
            Exit::NothingFeasible => 4,
            Exit::Unreachable => 5,
            Exit::Differs => 6,
            Exit::Interrupted => 130,
        }
    }
}

/// An error that happens during a run, not one of its arguments or input.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WhileRunning(pub String);

/// Prints the error of a wrong command line in one line. Prints help and version unchanged. `config` is a file of options
/// with the names of those that come from it.
pub(crate) fn usage(error: &clap::Error, config: Option<&(String, Vec<String>)>) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let (text, is_plain) = (error.render(), !streams::is_coloured(&std::io::stdout()));
            let text = if is_plain { text.to_string() } else { text.ansi().to_string() };
            streams::print_styled(&text).map_or_else(|error| report(&error.into()), |_| Exit::Done)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            streams::say(error.render().to_string().trim_end());
            Exit::Usage
        }
        _ => {
            let line = wrong(error);
            let file = config.filter(|(_, names)| is_about(error, names)).map(|(file, _)| file.as_str());
            streams::say(match (variable(error).or(file), line.strip_prefix("error: ")) {
                (Some(place), Some(problem)) => format!("error: {place}: {problem}"),
                _ => line,
            });
            Exit::Usage
        }
    }
}

/// The environment variable that has the value that `error` is about.
fn variable(error: &clap::Error) -> Option<&'static str> {
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else { return None };
    let variables = [("threads", "TUNE_THREADS"), ("storage", "TUNE_STORAGE")];
    let has_value = |name: &str| std::env::var(name).is_ok_and(|text| text == *value);
    let of_option =
        |(option, name): &(&str, &str)| is_about(error, &[(*option).to_owned()]) && has_value(name);
    variables.into_iter().find(of_option).map(|(_, name)| name)
}

/// Whether `error` is about one of the options `names`.
fn is_about(error: &clap::Error, names: &[String]) -> bool {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return false };
    let option = argument.split(' ').next().unwrap_or_default();
    names.iter().any(|name| option.strip_prefix("--") == Some(name))
}

/// One line about a wrong command line. A password in an address on the command line is hidden.
fn wrong(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let shown = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) if value.contains("://") => {
            text.replace(value.as_str(), &without_password(value))
        }
        _ => text,
    };
    let rule = |text: String, (found, rule): &(&str, &str)| text.replace(found, rule);
    let line = one_line(&with_plain_range(NUMBERS.iter().fold(shown, rule)));
    format!("{}{}", without_hidden_names(line), way_out(error))
}

/// Where to read on, for people who have not found the command or its first option.
fn way_out(error: &clap::Error) -> &'static str {
    let lacks_data = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(missing)) => missing.iter().any(|name| name.starts_with("--dataset")),
        _ => false,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => "; tune --help lists the commands",
        ErrorKind::MissingRequiredArgument if lacks_data => {
            ": such as tune --dataset iris; tune --help lists commands and options"
        }
        _ => "",
    }
}

/// `line` without the second name of `list` among the similar commands.
fn without_hidden_names(line: String) -> String {
    let line = line.replace(", 'studies'", "").replace("'studies', ", "");
    match line.split_once("some similar subcommands exist: ") {
        Some((before, left)) if !left.contains(", ") => {
            format!("{before}a similar subcommand exists: {left}")
        }
        _ => line,
    }
}

/// `text` with ranges of whole numbers as people write them: `must be 1 to 100,000` instead of `0
/// is not in 1..=100000`.
fn with_plain_range(text: String) -> String {
    let plain = || {
        let (before, range) = text.split_once(" is not in ")?;
        let (range, after) = range.split_once('\n').unwrap_or((range, ""));
        let (low, high) = range.split_once("..")?;
        let kept = before.rsplit_once(": ")?.0;
        let number = |digits: &str| digits.trim_start_matches('=').parse::<u64>().ok();
        let rule = match number(high) {
            Some(high) => format!("{} to {}", grouped(number(low)?), grouped(high)),
            None => format!("at least {}", grouped(number(low)?)),
        };
        Some(format!("{kept}: must be {rule}\n{after}"))
    };
    plain().unwrap_or(text)
}

/// `number` with a comma before every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).expect("digits are ASCII"))
        .collect();
    groups.join(",")
}

/// Pairs: how the standard library describes a number that it cannot read, and the rule to print
/// instead.
const NUMBERS: [(&str, &str); 4] = [
    ("invalid digit found in string", "must be a whole number"),
    ("cannot parse integer from empty string", "must be a whole number"),
    ("number too large to fit in target type", "is too large"),
    ("invalid float literal", "must be a number"),
];

/// Prints an error with its causes as one line. Returns the matching exit code.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    streams::say(format!("error: {}", one_line(&format!("{error:#}"))));
    let is_out_of_reach = error.chain().any(|cause| match cause.downcast_ref() {
        Some(TunerError::Storage(_) | TunerError::Unstored { .. }) => true,
        _ => cause.downcast_ref().is_some_and(is_out_of_reach),
    });
    match is_out_of_reach {
        true => Exit::Unreachable,
        false if error.chain().any(is_of_the_run) => Exit::Failed,
        false => Exit::Usage,
    }
}

/// Whether `cause` happened during a run, so that the arguments and the input are not to blame.
fn is_of_the_run(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.is::<TunerError>() || cause.is::<WhileRunning>() || cause.is::<Unprinted>()
}

/// Whether `error` means that an opened storage no longer answers, or cannot be written.
fn is_out_of_reach(error: &StorageError) -> bool {
    use StorageError::{DiskFull, Moved, Unreachable, Unwritten};

    matches!(error, Unreachable { .. } | DiskFull { .. } | Unwritten { .. } | Moved { .. })
}

/// Joins the lines of `text` before `Usage:` or the hint at `--help` into one line.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let kept: Vec<&str> =
        lines.filter(|line| !line.is_empty() && !line.starts_with("For more information")).collect();
    kept.join("; ").replace(":; ", ": ")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::command::Cli;

    fn line(args: &[&str]) -> String {
        wrong(&Cli::try_parse_from(args).expect_err("the arguments are wrong"))
    }

    #[test]
    fn a_typo_in_a_flag_is_one_line_with_the_flag_that_was_meant() {
        let line = line(&["tune", "--dataset", "iris", "--bugdet", "3"]);
        assert_eq!(
            line,
            "error: unexpected argument '--bugdet' found; tip: a similar argument exists: '--budget'"
        );
    }

    #[test]
    fn a_password_in_an_address_is_not_shown() {
        let line = line(&["tune", "status", "--storage", "postgresql://me:hunter2@host/db"]);
        assert!(line.contains("must not hold a password") && !line.contains("hunter2"), "{line}");
    }

    #[test]
    fn a_number_out_of_range_is_one_line_with_the_range() {
        let line = line(&["tune", "--dataset", "iris", "--budget", "0"]);
        assert_eq!(line, "error: invalid value '0' for '--budget <N>': must be 1 to 100,000");
        for budget in ["0", "100001", "99999999999"] {
            assert!(self::line(&["tune", "--dataset", "iris", "--budget", budget]).ends_with("1 to 100,000"));
        }
        let line = self::line(&["tune", "run", "--command", "a", "--space", "s", "--steps", "3"]);
        assert!(line.ends_with("must be 4 to 4,294,967,295"), "{line}");
    }

    #[test]
    fn what_is_no_number_is_one_line_with_the_rule() {
        let line = line(&["tune", "--dataset", "iris", "--budget", "x"]);
        assert_eq!(line, "error: invalid value 'x' for '--budget <N>': must be a whole number");
    }

    #[test]
    fn what_is_missing_is_one_line_with_its_names() {
        let line = line(&["tune", "tell", "--study", "s", "--value", "1"]);
        assert_eq!(line, "error: the following required arguments were not provided: --trial <N>");
    }
}
