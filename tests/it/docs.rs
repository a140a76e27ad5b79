//! The blocks of commands in README and in the folder docs run, page by page and in their order, in
//! a folder of the page's own.
//!
//! After the language of a block stand the words that say how:
//!
//! | words | meaning |
//! |---|---|
//! | `sh` | it runs and ends with exit code 0 |
//! | `sh exit 3` | it runs and ends with this exit code |
//! | `sh needs python3` | it runs if this program is installed |
//! | `sh not run: REASON` | it does not run |
//!
//! A comment that begins with `<!-- setup` holds commands that make what the next block needs, such
//! as a file. `$PROJECT` is the project's folder. Budgets are lowered to [`BUDGET`] trials.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::support::{Ended, Tune, project};

/// The most trials of a study in a test, which are confirmed with one seed; readers are shown the
/// budgets that they need.
const BUDGET: u32 = 2;
/// The most bytes of a picture in a page.
const LARGEST_PICTURE: u64 = 150_000;

/// A block of commands.
#[derive(Debug, PartialEq)]
struct Block {
    /// The line of its first command, counted from 1.
    line: usize,
    script: String,
    /// The exit code with which it must end.
    exit: i32,
    /// A program that it needs.
    needs: Option<String>,
}

/// Finds the blocks that run in a page of Markdown.
///
/// # Errors
/// One line for every block whose words are wrong, and for every command outside of a fence.
fn blocks(text: &str) -> Result<Vec<Block>, Vec<String>> {
    let (mut blocks, mut problems) = (Vec::new(), Vec::new());
    let mut open: Option<(&str, Option<Block>)> = None;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if let Some((end, block)) = &mut open {
            if line.trim_start().starts_with(*end) {
                blocks.extend(block.take());
                open = None;
            } else if let Some(block) = block {
                block.script += &format!("{line}\n");
            }
        } else if let Some(words) = line.trim_start().strip_prefix("```") {
            let block = read_words(words, number + 1).unwrap_or_else(|problem| {
                problems.push(format!("line {number}: {problem}"));
                None
            });
            open = Some(("```", block));
        } else if line.starts_with("<!-- setup") {
            open = Some(("-->", Some(Block::new(number + 1))));
        } else if line.starts_with("    ") && line.trim_start().trim_start_matches("$ ").starts_with("tune ")
        {
            problems.push(format!("line {number}: a command outside of a block: put it into ```sh"));
        }
    }
    if problems.is_empty() { Ok(blocks) } else { Err(problems) }
}

impl Block {
    fn new(line: usize) -> Self {
        Self { line, script: String::new(), exit: 0, needs: None }
    }
}

/// The block that begins at `line`, by the words after the fence; `None` if it does not run.
fn read_words(words: &str, line: usize) -> Result<Option<Block>, String> {
    let (language, rest) = words.split_once(' ').unwrap_or((words, ""));
    let block = Block::new(line);
    match (language, rest.split_once(' ')) {
        ("sh", None) if rest.is_empty() => Ok(Some(block)),
        ("sh", Some(("exit", code))) => match code.parse() {
            Ok(exit) => Ok(Some(Block { exit, ..block })),
            Err(_) => Err(format!("exit {code}: must be a number")),
        },
        ("sh", Some(("needs", program))) => Ok(Some(Block { needs: Some(program.to_owned()), ..block })),
        ("sh", Some(("not", reason))) if reason.strip_prefix("run: ").is_some_and(|why| !why.is_empty()) => {
            Ok(None)
        }
        ("sh", _) => {
            Err(format!("```{words}: must be sh, sh exit N, sh needs PROGRAM or sh not run: REASON"))
        }
        ("bash" | "shell" | "console", _) => Err(format!("```{words}: must be ```sh")),
        _ => Ok(None),
    }
}

/// `script` with every budget above [`BUDGET`] lowered to it, and one seed to confirm with.
fn shortened(script: &str) -> String {
    let mut parts = script.split("--budget ");
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let budget = part[..end].parse().map_or(BUDGET, |budget: u32| budget.min(BUDGET));
        short += &format!("--budget {budget} --confirm-seeds 1{}", &part[end..]);
    }
    short
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Runs `block` in the folder of `page`.
fn run(page: &Tune, block: &Block) -> Ended {
    let program = Path::new(env!("CARGO_BIN_EXE_tune")).parent().expect("a file is in a folder");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([program.to_owned()].into_iter().chain(std::env::split_paths(&path)));
    let mut shell = page.shell(&format!("set -eu\n{}", shortened(&block.script)));
    shell.env("PATH", path.expect("folders without a colon")).env("PROJECT", project());
    Ended::of(shell.output().expect("a shell starts"))
}

/// Runs the blocks of a page, up to the first that fails. Returns what is wrong, and how many ran.
fn run_page(path: &Path) -> (Vec<String>, usize) {
    let text = std::fs::read_to_string(project().join(path)).expect("the page is there");
    let place = path.display();
    let blocks = match blocks(&text) {
        Ok(blocks) => blocks,
        Err(problems) => {
            return (problems.iter().map(|problem| format!("{place}, {problem}")).collect(), 0);
        }
    };
    let (page, mut count) = (Tune::new(), 0);
    for block in &blocks {
        if block.needs.as_deref().is_some_and(|program| !is_installed(program)) {
            continue;
        }
        let ended = run(&page, block);
        count += 1;
        if ended.code != Some(block.exit) {
            let Block { line, script, exit, .. } = block;
            let code = ended.code.map_or("a signal".to_owned(), |code| code.to_string());
            let problem = format!(
                "{place}, line {line}: ended with {code}, not {exit}\n{script}{}{}",
                ended.stdout, ended.stderr
            );
            return (vec![problem], count);
        }
    }
    (Vec::new(), count)
}

/// Files under a folder of the project that end like this, from the project's folder on.
fn files(folder: &str, ending: &str) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open = vec![PathBuf::from(folder)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(project().join(&folder)).expect("a folder") {
            let path = folder.join(entry.expect("an entry").file_name());
            if project().join(&path).is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.insert(path);
            }
        }
    }
    found
}

#[test]
fn every_block_of_commands_runs() {
    let mut pages = files("docs", ".md");
    pages.insert("README.md".into());
    let ran: Vec<(Vec<String>, usize)> = pages.par_iter().map(|page| run_page(page)).collect();
    let problems: Vec<&str> = ran.iter().flat_map(|(problems, _)| problems).map(String::as_str).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
    let count: usize = ran.iter().map(|(_, count)| count).sum();
    assert!(count > 50, "only {count} blocks ran");
}

#[test]
fn the_summary_lists_every_page_once() {
    let summary = std::fs::read_to_string(project().join("docs/SUMMARY.md")).expect("docs/SUMMARY.md");
    let links = summary.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let listed: Vec<PathBuf> = links.map(|link| Path::new("docs").join(link)).collect();
    let unique: BTreeSet<PathBuf> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), unique.len(), "a page is listed twice");
    let mut pages = files("docs", ".md");
    pages.remove(Path::new("docs/SUMMARY.md"));
    assert_eq!(unique, pages);
}

#[test]
fn pictures_are_small_and_shown_somewhere() {
    let pages: String = files("docs", ".md")
        .into_iter()
        .chain(["README.md".into()])
        .map(|page| std::fs::read_to_string(project().join(page)).expect("a page"))
        .collect();
    for picture in files("docs", ".png") {
        let name = picture.file_name().expect("a file").to_string_lossy();
        assert!(pages.contains(&*name), "no page shows {name}");
        let bytes = std::fs::metadata(project().join(&picture)).expect("it is there").len();
        assert!(bytes <= LARGEST_PICTURE, "{name} has {bytes} bytes");
    }
}

#[test]
fn words_after_the_language_say_how_a_block_runs() {
    let text = "```sh\ntune list\n```\n\n<!-- setup\necho a > b\n-->\n\n```sh exit 3\ntune check\n```\n\
                ```sh needs python3\ntune run\n```\n```sh not run: it needs a network\ntune data fetch\n```\n\
                ```json\n{}\n```\n";
    let found = blocks(text).expect("all words are right");
    let seen: Vec<(usize, &str, i32, Option<&str>)> = found
        .iter()
        .map(|block| (block.line, block.script.trim_end(), block.exit, block.needs.as_deref()))
        .collect();
    let expected = [
        (2, "tune list", 0, None),
        (6, "echo a > b", 0, None),
        (10, "tune check", 3, None),
        (13, "tune run", 0, Some("python3")),
    ];
    assert_eq!(seen, expected);
    for wrong in
        ["```sh run\n```", "```sh not run:\n```", "```sh exit x\n```", "```bash\n```", "    tune list"]
    {
        assert_eq!(blocks(wrong).map_err(|problems| problems.len()), Err(1), "{wrong}");
    }
    assert_eq!(
        shortened("tune --budget 50 --quiet; tune --budget 1"),
        "tune --budget 2 --confirm-seeds 1 --quiet; tune --budget 1 --confirm-seeds 1"
    );
}
