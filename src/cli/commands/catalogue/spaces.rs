//! `tune spaces`: the search spaces that come with the program, and what is in one.

use std::fmt::Write;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::cli::setup::spaces;
use crate::cli::shown::exit::Exit;
use crate::cli::shown::streams;
use crate::cli::shown::table::{columns, cut, first_sentence};
use crate::space::{Domain, Parameter, Space};

#[derive(Debug, Default, Subcommand)]
pub(crate) enum SpacesCommand {
    /// List the built-in search spaces, and what each is for
    #[default]
    List,
    /// Print a search space as JSON, or as a table
    ///
    /// The JSON is that of a file for --space: write it to a file, and change it there.
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Name of a built-in space, or a JSON file
    #[arg(value_name = "NAME|FILE")]
    pub name: String,
    /// Print a table of the parameters
    #[arg(long)]
    pub summary: bool,
}

/// Lists or shows search spaces.
pub(crate) fn run(command: &SpacesCommand) -> Result<Exit> {
    let text = match command {
        SpacesCommand::List => list()?,
        SpacesCommand::Show(ShowArgs { name, summary: true }) => summary(&spaces::open_as("space", name)?),
        SpacesCommand::Show(ShowArgs { name, summary: false }) => {
            spaces::open_as("space", name)?;
            spaces::text(name)?
        }
    };
    streams::print(&text)?;
    Ok(Exit::Done)
}

/// Most characters of what a space is for in the list.
const PURPOSE: usize = 56;

fn list() -> Result<String> {
    let mut rows = vec![["space", "searched", "for"].map(str::to_owned).to_vec()];
    for name in spaces::names() {
        let (space, purpose) = (spaces::open(name)?, spaces::purpose(name)?);
        let searched = format!("{:>8}", space.dimension());
        rows.push(vec![name.to_owned(), searched, cut(first_sentence(&purpose), PURPOSE)]);
    }
    Ok(columns(&rows))
}

/// A table of the parameters of `space`. An item of a list stands for all of them.
fn summary(space: &Space) -> String {
    let mut rows = vec![["parameter", "values", "scale", "default", "if"].map(str::to_owned).to_vec()];
    let parameters = space.parameters();
    let is_shown = |parameter: &&Parameter| !is_later_item(&parameter.name);
    rows.extend(parameters.iter().filter(is_shown).map(|parameter| {
        let conditions = parameter.conditions.iter().map(|condition| {
            let values: Vec<String> = condition.values.iter().map(ToString::to_string).collect();
            format!("{} = {}", parameters[condition.parent].name, shortened(&values).join(", "))
        });
        let name = parameter.name.replacen(".1.", ".k.", 1);
        let conditions = conditions.collect::<Vec<_>>().join("; ");
        vec![
            name,
            values(&parameter.domain),
            scale(&parameter.domain),
            parameter.default.to_string(),
            conditions,
        ]
    }));
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}: {} of {} parameters are searched",
        space.name(),
        space.dimension(),
        parameters.len()
    );
    let _ = writeln!(text, "{} points are tried first\n", space.starting_points().len());
    text + &columns(&rows)
}

/// Whether a parameter belongs to an item of a list after the first, such as `dense.2.width`.
fn is_later_item(name: &str) -> bool {
    name.split('.').nth(1).and_then(|item| item.parse::<u32>().ok()).is_some_and(|item| item > 1)
}

/// `values`, without their middle if there are many.
fn shortened(values: &[String]) -> Vec<String> {
    match values {
        [first, _, _, .., last] if values.len() > 4 => vec![first.clone(), "...".to_owned(), last.clone()],
        few => few.to_vec(),
    }
}

fn values(domain: &Domain) -> String {
    match domain {
        Domain::Float { low, high, step, .. } => {
            step.map_or_else(|| format!("{low} to {high}"), |step| format!("{low} to {high} by {step}"))
        }
        Domain::Int { low, high, step: 1, .. } => format!("{low} to {high}, whole"),
        Domain::Int { low, high, step, .. } => format!("{low} to {high} by {step}"),
        Domain::Categorical { choices } => {
            choices.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
        Domain::Fixed { value } => value.to_string(),
    }
}

fn scale(domain: &Domain) -> String {
    let scale = match domain {
        Domain::Float { log: true, .. } | Domain::Int { log: true, .. } => "log",
        Domain::Float { .. } | Domain::Int { .. } => "linear",
        Domain::Categorical { .. } => "choice",
        Domain::Fixed { .. } => "fixed",
    };
    scale.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_space_is_listed_and_summed_up() {
        let list = list().expect("built in");
        for name in spaces::names() {
            assert!(list.lines().any(|line| line.starts_with(name)), "{list}");
            let space = spaces::open(name).expect("built in");
            let table = summary(&space);
            let is_there = |parameter: &&Parameter| {
                is_later_item(&parameter.name) || table.contains(&parameter.name.replacen(".1.", ".k.", 1))
            };
            assert!(space.parameters().iter().all(|parameter| is_there(&parameter)), "{table}");
        }
    }

    #[test]
    fn a_summary_says_range_scale_default_and_condition() {
        let table = summary(&spaces::open("tables").expect("built in"));
        let line = table.lines().find(|line| line.starts_with("input_levels")).expect("a line");
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words.join(" "), "input_levels 4 to 32, whole log 16 input_coding = thermometer");
    }
}
