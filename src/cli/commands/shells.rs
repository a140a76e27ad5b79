//! `tune completions` and `tune man`: what shells and the man pager know of the commands.

use std::path::Path;

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::Shell;

use crate::cli::shown::exit::{Exit, WhileRunning};
use crate::cli::shown::streams;
use crate::output;

/// The name of the program.
const NAME: &str = "tune";

/// Prints the completions of `program` for `shell`.
pub(crate) fn completions(shell: Shell, mut program: Command) -> Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut program, NAME, &mut text);
    streams::print(&String::from_utf8(text)?)?;
    Ok(Exit::Done)
}

/// Writes a man page of every command of `program` into `folder`.
pub(crate) fn man(folder: &Path, mut program: Command) -> Result<Exit> {
    let shown = folder.display();
    std::fs::create_dir_all(folder).with_context(|| format!("{shown}: cannot make this folder"))?;
    program.build();
    let mut pages = Vec::new();
    page(&program, NAME, &mut pages)?;
    for (name, text) in &pages {
        let file = folder.join(format!("{name}.1"));
        let unwritten = |error| WhileRunning(format!("cannot write {}: {error}", file.display()));
        output::write(&file, text).map_err(unwritten)?;
    }
    streams::say(format_args!("written to {shown}: {} pages", pages.len()));
    Ok(Exit::Done)
}

/// Adds the page of `command`, called `name`, and those of its commands to `pages`.
fn page(command: &Command, name: &str, pages: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    let inner = command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help");
    for inner in inner {
        page(inner, &format!("{name}-{}", inner.get_name()), pages)?;
    }
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).title(name).render(&mut text)?;
    pages.push((name.to_owned(), text));
    Ok(())
}
