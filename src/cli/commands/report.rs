//! `tune report`: one study, or two side by side, as a page of HTML, as Markdown or as JSON; also as
//! a page that follows a running study.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::cli::options::storage::StorageArgs;
use crate::cli::setup::open;
use crate::cli::setup::output::{Inputs, Output};
use crate::cli::shown::exit::Exit;
use crate::cli::shown::streams;
use crate::cli::signals::stop_on_signals;
use crate::cli::watch::Server;
use crate::output;
use crate::report::{Gathered, Report, StudyReport};
use crate::search::bayes::importance_and_slices;
use crate::seed::Seed;
use crate::storage::Location;
use crate::study::{Confirmation, Study};

/// The most studies that fit side by side.
const MOST_STUDIES: usize = 2;

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Names of one study, or of two
    ///
    /// Two are shown side by side. Needed only if the storage holds several studies.
    #[arg(value_name = "STUDY")]
    pub studies: Vec<String>,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// File to write; standard output if left out
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Form of the report
    ///
    /// If left out, the ending of --out tells (.md, .json), or else it is html.
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Serve the page at http://127.0.0.1:PORT/
    ///
    /// To browsers of this machine, until Ctrl-C; on a free port if none is named.
    ///
    /// The page is made anew at each visit, and the browser asks again every 30 seconds.
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = "0",
          conflicts_with_all = ["out", "format"])]
    pub watch: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One page with charts that needs no other file and no network
    Html,
    /// Tables for a person or a pull request
    Md,
    /// One object for programs; `tune schema report` describes it
    Json,
}

impl Format {
    /// The form that the ending of `file` names; a page of HTML if it has none.
    ///
    /// # Errors
    /// No form has such an ending.
    fn of(file: Option<&Path>) -> Result<Self> {
        let Some(file) = file.filter(|file| output::is_regular(file)) else { return Ok(Self::Html) };
        let ending = file.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("md" | "markdown") => Ok(Self::Md),
            Some("json") => Ok(Self::Json),
            Some("html" | "htm") | None => Ok(Self::Html),
            Some(ending) => bail!(
                "--out {}: no report has the ending .{ending}: choose .html, .md or .json, or name the form with --format",
                file.display()
            ),
        }
    }
}

/// Writes the report that `args` ask for.
pub(crate) fn run(args: &ReportArgs) -> Result<Exit> {
    if args.studies.len() > MOST_STUDIES {
        bail!("{} studies: at most {MOST_STUDIES} fit side by side: name fewer", args.studies.len());
    }
    let is_for_terminal = args.out.is_none() && args.format.is_none() && args.watch.is_none();
    if is_for_terminal && std::io::stdout().is_terminal() {
        bail!("the report is a page of HTML: write it with -o report.html, or read it here with --format md");
    }
    let database = &args.storage.storage;
    let inputs = Inputs::default().with_storage(database);
    let output = Output::check_or_print(args.out.as_deref(), &inputs)?;
    let format = args.format.map_or_else(|| Format::of(args.out.as_deref()), Ok)?;
    let report = report(args)?;
    if let Some(port) = args.watch {
        return watch(args, port);
    }
    let text = match format {
        Format::Html => report.to_html(),
        Format::Md => report.to_markdown(),
        Format::Json => report.to_json(),
    };
    match output {
        None => {
            streams::print(&text)?;
        }
        Some(output) => {
            output.write(text)?;
            streams::say(format_args!("written to {}", output.file().display()));
        }
    }
    Ok(Exit::Done)
}

/// The report of the studies that `args` name, as they are now.
fn report(args: &ReportArgs) -> Result<Report> {
    let database = &args.storage.storage;
    let mut storage = open::to_read(database)?;
    let names: Vec<Option<&str>> = match args.studies.is_empty() {
        true => vec![None],
        false => args.studies.iter().map(|name| Some(name.as_str())).collect(),
    };
    let mut studies = Vec::new();
    for name in names {
        let key = open::the_study(&mut *storage, database, name)?;
        studies.push(study_report(&*storage.load_study(key)?, database)?);
    }
    Ok(Report::new(studies))
}

/// Serves the page that `args` ask for until a signal comes. The database is opened at each visit,
/// since a reader sees it as it was when it was opened.
fn watch(args: &ReportArgs, port: u16) -> Result<Exit> {
    let server = Server::open(port)?;
    stop_on_signals()?;
    streams::print_line(server.address())?;
    server.serve(&mut || Ok(report(args)?.to_html()))?;
    Ok(Exit::Done)
}

/// The report of `study`, with the importance of its parameters and what the model expects around
/// the winner.
fn study_report(study: &Study, database: &Location) -> Result<StudyReport> {
    let winner = Confirmation::current(study).map(|confirmation| confirmation.winner().trial);
    let winner = winner.and_then(|number| study.trials.iter().find(|trial| trial.number == number));
    let centre = winner.or_else(|| study.best()).map(|trial| &trial.point);
    let space = study.space().transpose()?;
    let seed = Seed::root(0).child("importance");
    let found = space.as_ref().zip(centre);
    let found = found.and_then(|(space, centre)| importance_and_slices(space, study, centre, &seed));
    let (importance, slices) =
        found.map_or((None, Vec::new()), |(importance, slices)| (Some(importance), slices));
    let gathered = Gathered { importance, slices, storage: Some(database.to_string()) };
    Ok(StudyReport::new(study, &gathered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_of_a_file_tells_the_form() {
        for (file, format) in
            [("a.md", Format::Md), ("A.JSON", Format::Json), ("a.html", Format::Html), ("a", Format::Html)]
        {
            assert_eq!(Format::of(Some(Path::new(file))).expect("a form"), format, "{file}");
        }
        assert_eq!(Format::of(None).expect("a form"), Format::Html);
        let problem = Format::of(Some(Path::new("x.pdf"))).expect_err("no form").to_string();
        assert!(problem.starts_with("--out x.pdf: no report has the ending .pdf: choose .html"), "{problem}");
    }
}
