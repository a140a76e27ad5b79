//! `tune init`: a search space for the data at hand, with comments, to be changed by hand.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;

use super::fitted;
use crate::cli::options::data::DataArgs;
use crate::cli::reproduce;
use crate::cli::setup::dataset;
use crate::cli::setup::output::{Inputs, Output};
use crate::cli::shown::exit::Exit;
use crate::cli::shown::streams;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    pub data: DataArgs,
    /// File to write; standard output if left out
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace the file though it was changed by hand
    #[arg(long, requires = "out")]
    pub force: bool,
}

/// Writes the space that `args` ask for. `again` is the command line with all that shapes the data.
pub(crate) fn run(args: &InitArgs, again: &str) -> Result<Exit> {
    let inputs = Inputs::default().with_dataset(&args.data);
    let output = Output::check_or_print(args.out.as_deref(), &inputs)?;
    let text = fitted::space(&dataset::open(&args.data, &args.data.open_options(), true)?)?;
    match output {
        None => {
            streams::print(&text)?;
        }
        Some(output) => {
            refuse_changed(output.file(), &text, args.force)?;
            output.write(text)?;
            let file = output.file().display().to_string();
            streams::say(format_args!("written to {}; next: {}", quoted(&file), next(args, again, &file)));
        }
    }
    Ok(Exit::Done)
}

/// Refuses to replace a `file` that holds something else than `text`, unless it is forced.
fn refuse_changed(file: &Path, text: &str, force: bool) -> Result<()> {
    let is_other = std::fs::read(file).is_ok_and(|content| content != text.as_bytes());
    if output::is_regular(file) && is_other && !force {
        bail!(
            "--out {}: the file exists and holds something else, such as your changes: name another file, or replace \
             it with --force",
            file.display()
        );
    }
    Ok(())
}

/// The command that searches the space in `file`: `again`, with its options of the data, as `tune`.
fn next(args: &InitArgs, again: &str, file: &str) -> String {
    let tune = again.replacen("tune init", "tune", 1);
    let sources = &args.data.sources;
    let folder = sources
        .data_dir
        .as_ref()
        .map(|folder| format!(" --data-dir {}", quoted(&folder.display().to_string())));
    let offline = if sources.offline { " --offline" } else { "" };
    let with_space = reproduce::with_option(&reproduce::without_option(&tune, "out"), "space", file);
    format!("{with_space}{}{offline}", folder.unwrap_or_default())
}

/// `text` as a word of a shell.
fn quoted(text: &str) -> String {
    shlex::try_quote(text).map_or_else(|_| text.to_owned(), Into::into)
}
