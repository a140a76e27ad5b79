//! The result of a check for people and for CI systems.

use std::io::Write;
use std::path::Path;

use anyhow::Result;

use super::args::CheckArgs;
use crate::cli::shown::exit::WhileRunning;
use crate::cli::shown::streams;
use crate::output;
use crate::report::CheckResult;

/// Environment variable with the file to which GitHub Actions takes the summary of a step.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Prints and writes `result` in every form that `args` ask for.
///
/// # Errors
/// A file or standard output cannot be written.
pub(super) fn tell(args: &CheckArgs, result: &CheckResult) -> Result<()> {
    write(args.junit.as_deref(), || result.junit())?;
    write(args.openmetrics.as_deref(), || result.openmetrics())?;
    if args.github {
        // GitHub reads both streams; standard output is the result alone.
        result.github_annotations().iter().for_each(streams::say);
        add_summary(result)?;
    }
    match (args.json, args.quiet) {
        (true, _) => streams::print(&format!("{}\n", serde_json::to_string(result)?))?,
        (false, false) => streams::print(&result.text())?,
        (false, true) => return Ok(()),
    };
    Ok(())
}

fn write(file: Option<&Path>, text: impl Fn() -> String) -> Result<(), WhileRunning> {
    let Some(file) = file else { return Ok(()) };
    output::write(file, text().as_bytes())
        .map_err(|error| WhileRunning(format!("cannot write {}: {error}", file.display())))
}

/// Adds the summary of the step to GitHub's file, after what is there already.
fn add_summary(result: &CheckResult) -> Result<(), WhileRunning> {
    let Some(file) = std::env::var_os(STEP_SUMMARY).filter(|file| !file.is_empty()) else {
        streams::say(format_args!("{STEP_SUMMARY} is not set: no summary of the step is written"));
        return Ok(());
    };
    let append = || {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(&file)?;
        let written = file.metadata()?.len();
        file.write_all(result.github_summary(written).as_bytes())
    };
    append().map_err(|error| WhileRunning(format!("cannot write {}: {error}", Path::new(&file).display())))
}
