//! The groups of commands in the help of the program.

use std::fmt::Write;

use clap::Command;

/// Headings, each with the commands below it.
pub(crate) const GROUPS: [(&str, &[&str]); 4] = [
    (
        "Studies",
        &[
            "init", "spaces", "data", "run", "status", "list", "show", "report", "pick", "compare", "check",
            "enqueue", "delete",
        ],
    ),
    ("Networks and chips", &["predict", "eval", "rerun", "net", "chips"]),
    ("Machines", &["worker", "launch", "db"]),
    ("Other programs", &["export", "ask", "tell", "serve", "kurobako", "schema", "completions", "man"]),
];

/// Width of the column of names.
const NAMES: usize = 13;

/// The commands of `program` by groups, a line for each.
pub(super) fn described(program: &Command) -> String {
    let (style, name_style) = (program.get_styles().get_header(), program.get_styles().get_literal());
    let mut text = String::new();
    for (heading, names) in GROUPS {
        // Lines are wrapped piece by piece: a piece must not end with the end of a line.
        let _ = writeln!(text, "{style}\n{heading}:{style:#}");
        for name in names {
            let about = program.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {name_style}{name:<NAMES$}{name_style:#}{about}");
        }
    }
    without_first_line(&text)
}

/// The names of the commands by groups.
pub(super) fn named(program: &Command) -> String {
    /// The widest line, in columns.
    const WIDTH: usize = 76;
    let style = program.get_styles().get_header();
    let mut text = String::new();
    for (heading, names) in GROUPS {
        let _ = write!(text, "{style}\n{heading}:{style:#}\n ");
        let mut column = 1;
        for name in names {
            if column + 1 + name.len() > WIDTH {
                text.push_str("\n ");
                column = 1;
            }
            let _ = write!(text, " {name}");
            column += 1 + name.len();
        }
    }
    without_first_line(&text)
}

/// `text` without the end of a line at its beginning.
fn without_first_line(text: &str) -> String {
    text.replacen('\n', "", 1).trim_end().to_owned()
}
