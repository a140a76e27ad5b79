//! `tune init`: a search space for the data at hand, with comments, to be changed by hand.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::fitted;
use crate::cli::options::data::DataArgs;
use crate::cli::setup::dataset;
use crate::cli::setup::output::{Inputs, Output};
use crate::cli::shown::exit::Exit;
use crate::cli::shown::streams;

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    pub data: DataArgs,
    /// File to write; standard output if left out
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Writes the space that `args` ask for.
pub(crate) fn run(args: &InitArgs) -> Result<Exit> {
    let inputs = Inputs::default().with_dataset(&args.data);
    let output = args.out.as_deref().map(|file| Output::check(file, &inputs)).transpose()?;
    let text = fitted::space(&dataset::open(&args.data, &args.data.open_options(), true)?)?;
    match output {
        None => {
            streams::print(&text)?;
        }
        Some(output) => {
            output.write(text)?;
            let name = args.data.dataset.as_deref().unwrap_or_default();
            let (file, name) = (quoted(&output.file().display().to_string()), quoted(name));
            streams::say(format_args!("written to {file}; next: tune --dataset {name} --space {file}"));
        }
    }
    Ok(Exit::Done)
}

/// `text` as a word of a shell.
fn quoted(text: &str) -> String {
    shlex::try_quote(text).map_or_else(|_| text.to_owned(), Into::into)
}
