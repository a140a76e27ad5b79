//! How the help is arranged: commands in four groups, options under headings, examples at the end.
//!
//! The texts of single options stand beside the options. This folder says what belongs together.

mod commands;
mod examples;
mod headings;

use clap::{Arg, ArgAction, Command};

/// The widest line of the help, in columns.
const WIDTH: usize = 80;

/// A command with fewer options than this lists them under one heading.
const FEW: usize = 14;

/// `program`, the command line as a whole, with its help arranged.
///
/// The short help names the commands, the long help describes them. Hidden commands can still be typed: the help lists
/// them itself, by groups.
pub(super) fn arranged(program: Command) -> Command {
    let template = "{about-with-newline}\n{usage-heading} {usage}\n\n{before-help}{all-args}{after-help}";
    let usage = "tune --dataset <NAME|FILE> [OPTIONS]\n       tune <COMMAND> [OPTIONS]";
    let (short, long) = (commands::named(&program), commands::described(&program));
    // A file of options may name the data set.
    let program =
        program.mut_arg("dataset", |dataset| dataset.required(false).required_unless_present("config"));
    let program = complete(program).before_help(short).before_long_help(long);
    program.mut_subcommands(|command| command.hide(true)).override_usage(usage).help_template(template)
}

/// `program` with headings and examples, and its commands as they are: for man pages and completions.
pub(super) fn complete(program: Command) -> Command {
    let program = program.max_term_width(WIDTH).mut_subcommands(|command| {
        let path = command.get_name().to_owned();
        below(command, &path)
    });
    with_examples(with_headings(program, ""), "")
}

/// The command at `path`, such as `data list`, with the help of its options and of its own commands arranged.
fn below(command: Command, path: &str) -> Command {
    let command = command.mut_subcommands(|inner| {
        let path = format!("{path} {}", inner.get_name());
        below(inner, &path)
    });
    with_examples(with_headings(command, path), path)
}

/// `command` with its options under headings; the short help of the largest commands shows their main options alone.
fn with_headings(command: Command, path: &str) -> Command {
    let count = command.get_arguments().filter(|argument| !argument.is_positional()).count();
    let main = headings::main_options(path);
    let is_large = count >= FEW;
    let command = command.mut_args(|argument| {
        let argument_takes_negative = argument.is_allow_negative_numbers_set();
        let id = argument.get_id().as_str();
        let is_main = main.is_none_or(|main| main.contains(&id)) || argument.is_positional();
        let heading = headings::of(id).filter(|_| is_large && !argument.is_positional());
        let is_hidden = !is_main || argument.is_hide_short_help_set();
        let is_number = argument.get_value_names().is_some_and(|names| names.iter().any(|name| name == "N"));
        // A negative number is then a value that is refused by its range, not an unknown option.
        let argument =
            argument.hide_short_help(is_hidden).allow_negative_numbers(is_number || argument_takes_negative);
        match heading {
            Some(heading) => argument.help_heading(heading),
            None => argument,
        }
    });
    with_own_flags(command, is_large.then_some(headings::OUTPUT), main.is_some())
}

/// `command` with `--help`, and `--version` if it has one, as its last options, under `heading`.
fn with_own_flags(command: Command, heading: Option<&'static str>, is_cut: bool) -> Command {
    let flag = |id: &'static str, short: char, action: ArgAction| {
        let flag = Arg::new(id).short(short).long(id).action(action);
        match heading {
            Some(heading) => flag.help_heading(heading),
            None => flag,
        }
    };
    let about =
        if is_cut { "Print the main options (-h) or all (--help)" } else { "Print help (-h: in short)" };
    let has_version = command.get_version().is_some();
    let command = command.disable_help_flag(true).arg(flag("help", 'h', ArgAction::Help).help(about));
    match has_version {
        true => command
            .disable_version_flag(true)
            .arg(flag("version", 'V', ArgAction::Version).help("Print the version")),
        false => command,
    }
}

/// `command` with the examples of `path` at the end of its long help.
fn with_examples(command: Command, path: &str) -> Command {
    let Some(lines) = examples::of(path) else { return command };
    let more = command.get_after_long_help().or(command.get_after_help()).map(ToString::to_string);
    let more = more.map_or_else(String::new, |more| format!("\n\n{more}"));
    command.after_long_help(format!("Examples:\n{}{more}", examples::text(lines)))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::commands::GROUPS;
    use super::*;
    use crate::cli::command::Cli;

    /// The most lines of a short help: a screen.
    const SCREEN: usize = 50;

    /// Every command that people see, with its path.
    fn all(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
        found.push((path.to_owned(), command.clone()));
        for inner in command.get_subcommands().filter(|inner| !["help", "trial"].contains(&inner.get_name()))
        {
            all(inner, format!("{path} {}", inner.get_name()).trim_start(), found);
        }
    }

    fn commands() -> Vec<(String, Command)> {
        let mut program = arranged(Cli::command());
        program.build();
        let mut found = Vec::new();
        all(&program, "", &mut found);
        found
    }

    #[test]
    fn the_short_help_of_every_command_fits_a_screen() {
        let mut problems = Vec::new();
        for (path, mut command) in commands() {
            let text = command.render_help().to_string();
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
            if widest > WIDTH || text.lines().count() > SCREEN {
                problems.push(format!("tune {path} -h: {} lines, {widest} columns", text.lines().count()));
            }
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    #[test]
    fn the_long_help_of_every_command_fits_its_width_and_ends_with_examples() {
        let mut problems = Vec::new();
        for (path, mut command) in commands() {
            let text = command.render_long_help().to_string();
            let is_wide = |line: &&str| line.chars().count() > WIDTH && !line.contains("tune ");
            problems.extend(text.lines().filter(is_wide).map(|line| format!("tune {path} --help: {line}")));
            let examples = text.split_once("Examples:\n").map_or(0, |(_, rest)| {
                rest.lines().take_while(|line| !line.is_empty()).filter(|line| line.contains("tune")).count()
            });
            if command.has_subcommands() && !path.is_empty() {
                continue;
            }
            let is_cut = |line: &&str| line.chars().count() + 2 > WIDTH;
            let cut = examples::of(&path).unwrap_or_default().iter().copied().filter(is_cut);
            problems.extend(cut.map(|line| format!("tune {path} --help: too long an example: {line}")));
            if examples < 2 {
                problems.push(format!("tune {path} --help: {examples} examples"));
            }
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    #[test]
    fn every_command_is_in_one_group_and_every_heading_is_of_an_option() {
        let program = Cli::command();
        let listed: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let hidden = |command: &&Command| !command.is_hide_set();
        let mut known: Vec<&str> = program.get_subcommands().filter(hidden).map(Command::get_name).collect();
        let mut sorted = listed.clone();
        sorted.sort_unstable();
        known.sort_unstable();
        assert_eq!(sorted, known);
        let commands = commands();
        let is_option = |id: &str| {
            commands
                .iter()
                .any(|(_, command)| command.get_arguments().any(|argument| argument.get_id() == id))
        };
        let unknown: Vec<&str> = headings::ids().filter(|id| !is_option(id)).collect();
        assert!(unknown.is_empty(), "no options: {unknown:?}");
        let without = examples::paths().filter(|path| !commands.iter().any(|(known, _)| known == path));
        assert_eq!(without.collect::<Vec<_>>(), Vec::<&str>::new(), "examples of no command");
    }
}
