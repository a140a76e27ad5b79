//! The documents are true: the commands in them can be typed, the files that they name are there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;

use crate::support::{Tune, project};

/// Folders of the repository: a path in backticks that begins with one of them must exist.
const FOLDERS: [&str; 9] =
    [".ci", "benches", "configs", "datasets", "docs", "examples", "results", "src", "tests"];

/// Programs that start `tune` as the last part of their own command lines.
const LAUNCHERS: [&str; 9] = ["env", "hq", "kurobako", "mpirun", "nohup", "ray", "srun", "sudo", "time"];

/// Languages of fenced blocks that may hold command lines.
const SHELLS: [&str; 6] = ["", "bash", "console", "sh", "shell", "text"];

/// What may be typed where a document has a name for a value that is not any text.
const EXAMPLES: [(&str, &str); 5] =
    [("N", "1"), ("K", "1"), ("RULE", "target=0.9"), ("SIZE", "8G"), ("DURATION", "30s")];

/// Headings of lists of commands in the help.
const HEADINGS: [&str; 5] = ["Commands:", "Studies:", "Networks and chips:", "Machines:", "Other programs:"];

/// A document in Markdown.
struct Document {
    /// From the project's folder.
    path: PathBuf,
    /// Blocks of code, each with its lines; a line that ends with a backslash has the next one on it.
    blocks: Vec<Vec<String>>,
    /// Everything outside fenced blocks.
    prose: String,
}

impl Document {
    fn read(path: PathBuf) -> Self {
        let text = std::fs::read_to_string(project().join(&path))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::parse(path, &text)
    }

    fn parse(path: PathBuf, text: &str) -> Self {
        let (mut blocks, mut prose) = (Vec::new(), String::new());
        // The language of the fenced block, and whether an indented line is code here.
        let (mut fence, mut may_be_code) = (None, true);
        for line in text.lines() {
            let trimmed = line.trim_start();
            if let Some(language) = trimmed.strip_prefix("```") {
                // Words after the language say how tests run a block: see `docs.rs`.
                let language = language.split_whitespace().next().unwrap_or_default();
                fence = if fence.is_none() { Some(language.to_owned()) } else { None };
                blocks.push(Vec::new());
            } else if let Some(language) = &fence {
                if SHELLS.contains(&language.as_str()) {
                    push(&mut blocks, trimmed);
                }
            } else {
                prose.extend([line, "\n"]);
                let is_code = may_be_code && (line.starts_with("    ") || line.starts_with('\t'));
                if is_code {
                    push(&mut blocks, trimmed);
                } else if !trimmed.is_empty() {
                    blocks.push(Vec::new());
                }
                // A line of prose goes on after a line of prose, however far it is indented.
                may_be_code = is_code || trimmed.is_empty();
            }
        }
        Self { path, blocks, prose }
    }

    /// Code within lines, which may be wrapped.
    fn spans(&self) -> Vec<String> {
        let paragraphs = self.prose.split("\n\n");
        paragraphs.flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2).map(one_line)).collect()
    }

    /// Lines of code that were typed: those after a prompt in a block that has one, or else all.
    fn typed(&self) -> Vec<&str> {
        let mut typed = Vec::new();
        for block in &self.blocks {
            let prompted: Vec<&str> = block.iter().filter_map(|line| line.strip_prefix("$ ")).collect();
            typed.extend(if prompted.is_empty() {
                block.iter().map(String::as_str).collect()
            } else {
                prompted
            });
        }
        typed
    }

    /// Rows of tables, each with its cells; the first of a table is its head.
    fn tables(&self) -> Vec<Vec<Vec<String>>> {
        let mut tables = vec![Vec::new()];
        for line in self.prose.lines() {
            match line.strip_prefix('|') {
                Some(row) => {
                    let row = row.replace("\\|", "\0");
                    let cells = row.split('|').map(|cell| cell.trim().replace('\0', "|")).collect();
                    tables.last_mut().expect("one at least").push(cells);
                }
                None => tables.push(Vec::new()),
            }
        }
        tables.retain(|table| !table.is_empty());
        tables
    }

    /// What headings are called in links, as GitHub spells them.
    fn anchors(&self) -> BTreeSet<String> {
        let headings = self.prose.lines().filter(|line| line.starts_with('#'));
        let anchor = |heading: &str| {
            let kept = |c: &char| c.is_alphanumeric() || ['-', '_', ' '].contains(c);
            let text = heading.trim_start_matches('#').trim().to_lowercase();
            text.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
        };
        headings.map(anchor).collect()
    }

    /// Targets of links and images that are not on the web.
    fn links(&self) -> Vec<String> {
        let ends = [("](", ')'), ("]: ", '\n'), ("src=\"", '"'), ("href=\"", '"')];
        let targets = ends.iter().flat_map(|&(begin, end)| {
            self.prose.split(begin).skip(1).filter_map(move |rest| rest.split(end).next())
        });
        let targets = targets.filter_map(|target| target.split_whitespace().next());
        targets
            .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
            .map(str::to_owned)
            .collect()
    }
}

/// Adds a line to the last block.
fn push(blocks: &mut Vec<Vec<String>>, line: &str) {
    if blocks.is_empty() {
        blocks.push(Vec::new());
    }
    let block = blocks.last_mut().expect("one at least");
    match block.last_mut() {
        Some(last) if last.ends_with('\\') => {
            last.pop();
            last.push_str(line);
        }
        _ => block.push(line.to_owned()),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Files under a folder of the project that end like this.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(project().join(folder)) else { return };
    for entry in entries {
        let entry = entry.expect("an entry");
        let path = folder.join(entry.file_name());
        if entry.path().is_dir() {
            files(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
}

fn documents() -> Vec<Document> {
    let mut paths: Vec<PathBuf> =
        ["README.md", "RESULTS.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "benches/README.md"]
            .map(PathBuf::from)
            .into();
    files(Path::new("docs"), ".md", &mut paths);
    paths.into_iter().map(Document::read).collect()
}

/// What `tune WORDS --help` prints, without colours.
fn help(words: &[String]) -> String {
    let args: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
    let shown = Tune::new().run(&args).success().stdout;
    let mut parts = shown.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or(part, |(_, rest)| rest))
}

/// Every command with what its help says, the program's own first; a command of a group has the group's name before
/// its own.
fn commands() -> BTreeMap<Vec<String>, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![Vec::new()];
    while let Some(words) = open.pop() {
        let help = help(&words);
        // Commands stand under their own heading, or under those of the program's groups; names of options begin with
        // a dash and those of values with a bracket.
        let is_list = |line: &&str| HEADINGS.contains(line);
        let mut in_list = false;
        let listed = help.lines().filter(|line| {
            in_list = is_list(line) || (in_list && !line.is_empty());
            in_list && !is_list(line)
        });
        for line in listed {
            let name = line.strip_prefix("  ").and_then(|line| line.split(' ').next()).unwrap_or_default();
            if !name.is_empty() && name != "help" {
                open.push([&words[..], &[name.to_owned()]].concat());
            }
        }
        found.insert(words, help);
    }
    found
}

/// The command lines of `tune` in a line of a shell.
fn tune_in(line: &str) -> Result<Vec<Vec<String>>, String> {
    let mut found = Vec::new();
    let mut line = line.to_owned();
    while let Some(begin) = line.find("$(") {
        let mut depth = 0;
        let is_end = |&(_, c): &(usize, char)| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0 && c == ')'
        };
        let Some((end, _)) = line[begin..].char_indices().find(is_end) else { break };
        found.extend(tune_in(&line[begin + 2..begin + end])?);
        line.replace_range(begin..=begin + end, "1");
    }
    let Some(words) = shlex::split(&line) else {
        let is_tune = line.starts_with("tune ");
        return if is_tune { Err(format!("{line}: quotes that do not end")) } else { Ok(found) };
    };
    let mut simple = vec![Vec::new()];
    let mut words = words.into_iter();
    while let Some(mut word) = words.next() {
        let is_end = ["|", "||", "&&", "&", ";", "do", "then"].contains(&word.as_str());
        let is_redirect = [">", ">>", "2>", "<"].contains(&word.as_str());
        let ends_here = word.ends_with(';') && word.pop().is_some();
        if is_redirect {
            words.next();
        } else if !is_end && !word.starts_with('>') && !word.starts_with("2>") && !word.is_empty() {
            simple.last_mut().expect("one at least").push(word);
        }
        if is_end || ends_here {
            simple.push(Vec::new());
        }
    }
    found.extend(simple.iter().filter_map(|words| of_tune(words)));
    Ok(found)
}

/// The part of a simple command that is `tune` with its arguments.
fn of_tune(words: &[String]) -> Option<Vec<String>> {
    let is_assignment = |word: &&String| {
        let name = word.split('=').next().unwrap_or_default();
        word.contains('=') && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    };
    let start = words.iter().take_while(is_assignment).count();
    let words = &words[start..];
    let is_tune = |word: &String| word == "tune" || word.ends_with("/tune");
    let at = match words.first()?.as_str() {
        "cargo" if words.get(1).is_some_and(|word| word == "run") => {
            words.iter().position(|word| word == "--")?
        }
        first if LAUNCHERS.contains(&first) => words.iter().position(is_tune)?,
        _ => words.first().filter(|first| is_tune(first)).map(|_| 0)?,
    };
    let arguments = words[at + 1..].iter().cloned();
    Some([String::from("tune")].into_iter().chain(arguments).collect())
}

/// Parses a command as it stands, or else with an example for each placeholder and without the dots that stand for
/// more of the same.
fn parse(words: &[String]) -> Result<(), clap::Error> {
    let example = |word: &String| match EXAMPLES.iter().find(|(name, _)| name == word) {
        Some((_, example)) => (*example).to_owned(),
        None if word.starts_with('$') => "1".to_owned(),
        None => word.clone(),
    };
    let filled: Vec<String> = words.iter().map(example).collect();
    let cut: Vec<String> = filled.iter().filter(|word| *word != "...").cloned().collect();
    let error = match spiketune::cli::parses(words) {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    let is_fine = [filled, cut].iter().any(|words| spiketune::cli::parses(words).is_ok());
    let is_shown = [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion].contains(&error.kind());
    if is_fine || is_shown { Ok(()) } else { Err(error) }
}

/// Whether a command is all right but for what it leaves out, as `tune show --study` in the middle of a sentence may.
fn only_lacks(error: &clap::Error) -> bool {
    let kinds = [
        ErrorKind::MissingRequiredArgument,
        ErrorKind::MissingSubcommand,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
    ];
    kinds.contains(&error.kind())
}

/// Checks the command lines of `tune` in `text`, counts them, and collects what is wrong.
fn check(place: &str, text: &str, may_lack: bool, problems: &mut Vec<String>) -> usize {
    let found = match tune_in(text) {
        Ok(found) => found,
        Err(problem) => {
            problems.push(format!("{place}: {problem}"));
            return 0;
        }
    };
    for words in &found {
        let is_short = may_lack || words.iter().any(|word| word == "...");
        match parse(words) {
            Err(error) if !(is_short && only_lacks(&error)) => {
                let why = error.to_string();
                let why = why.split("\n\n").next().unwrap_or_default();
                problems.push(format!("{place}: {text}: {}", one_line(why)));
            }
            _ => {}
        }
    }
    found.len()
}

#[test]
fn tables_of_commands_name_every_command_and_no_other() {
    let commands = commands();
    let is_group =
        |words: &[String]| commands.keys().any(|other| other.len() > words.len() && other.starts_with(words));
    let wanted: BTreeSet<&Vec<String>> = commands.keys().filter(|words| !is_group(words)).collect();
    assert!(wanted.len() > 10, "only {} commands found", wanted.len());
    let mut problems = Vec::new();
    let mut in_readme = 0;
    for document in documents().iter().filter(|document| !document.path.starts_with("benches")) {
        let place = document.path.display();
        for table in document.tables().iter().filter(|table| table[0][0].eq_ignore_ascii_case("command")) {
            in_readme += usize::from(document.path == Path::new("README.md"));
            let mut named = BTreeSet::new();
            for span in table[1..].iter().flat_map(|row| row[0].split('`').skip(1).step_by(2)) {
                let words: Vec<String> = span.split_whitespace().skip(1).map(str::to_owned).collect();
                let known = (0..=words.len()).rev().map(|count| &words[..count]);
                let known = known.filter_map(|words| commands.get_key_value(words)).map(|(words, _)| words);
                let command = known.max_by_key(|words| words.len()).expect("the program itself");
                let is_whole =
                    words.get(command.len()).is_none_or(|next| next.starts_with('-')) || !is_group(command);
                if !span.starts_with("tune") || !is_whole {
                    problems
                        .push(format!("{place}: the table of commands names `{span}`, which there is not"));
                }
                named.insert(command);
            }
            for words in wanted.difference(&named) {
                problems.push(format!("{place}: the table of commands lacks `tune {}`", words.join(" ")));
            }
        }
    }
    assert_eq!(
        in_readme, 1,
        "README.md has {in_readme} tables whose first column is headed `command`, not one"
    );
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_command_in_the_documents_can_be_typed() {
    let (mut problems, mut count) = (Vec::new(), 0);
    for document in documents() {
        let place = document.path.display().to_string();
        for line in document.typed() {
            count += check(&place, line, false, &mut problems);
        }
        for span in document.spans() {
            count += check(&place, &span, true, &mut problems);
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(count > 20, "only {count} commands found");
}

#[test]
fn every_command_in_the_help_can_be_typed() {
    let (mut problems, mut count) = (Vec::new(), 0);
    for (words, help) in commands() {
        let place = format!("tune {} --help", words.join(" "));
        let mut is_usage = false;
        for line in help.lines() {
            is_usage = line.starts_with("Usage:") || (is_usage && !line.is_empty());
            if !is_usage && line.starts_with("  ") {
                count += check(&place, line.trim_start(), false, &mut problems);
            }
        }
        for span in help.split("\n\n").flat_map(|part| part.split('`').skip(1).step_by(2)) {
            count += check(&place, &one_line(span), true, &mut problems);
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(count > 0, "no command found");
}

#[test]
fn every_link_leads_somewhere() {
    let mut problems = Vec::new();
    for document in documents() {
        for link in document.links() {
            let (path, anchor) =
                link.split_once('#').map_or((&*link, None), |(path, anchor)| (path, Some(anchor)));
            let folder = document.path.parent().expect("a file is in a folder");
            let target = if path.is_empty() { document.path.clone() } else { folder.join(path) };
            let is_there = project().join(&target).exists();
            if !is_there || anchor.is_some_and(|anchor| !Document::read(target).anchors().contains(anchor)) {
                problems.push(format!("{}: the link to {link} leads nowhere", document.path.display()));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The part of a path up to a component that stands for many, such as `*.json` or `NAME.json`.
fn fixed_part(path: &str) -> PathBuf {
    let is_fixed = |part: &&str| {
        !part.contains(['*', '<', '{', '$']) && !["NAME", "FILE"].iter().any(|name| part.starts_with(name))
    };
    path.split('/').take_while(is_fixed).collect()
}

#[test]
fn every_file_in_backticks_is_there() {
    let mut all = Vec::new();
    FOLDERS.iter().for_each(|folder| files(Path::new(folder), "", &mut all));
    let names: BTreeSet<_> = all.iter().filter_map(|path| path.file_name()).collect();
    let (mut problems, mut count) = (Vec::new(), 0);
    for document in documents() {
        // Users have files of their own, such as train.py, of which pages for users speak.
        let is_for_users = document.path == Path::new("README.md") || document.path.starts_with("docs");
        let endings: &[&str] = if is_for_users { &[".rs"] } else { &[".rs", ".py", ".sh"] };
        let folder = document.path.parent().expect("a file is in a folder").to_owned();
        for word in document.spans().iter().flat_map(|span| span.split(' ')) {
            let path = word.split(['#', ':']).next().unwrap_or_default().trim_end_matches([',', ';', ')']);
            let first = path.split('/').next().unwrap_or_default();
            let is_inside = path.contains('/') && FOLDERS.contains(&first);
            let is_source = endings.iter().any(|ending| path.ends_with(ending) && path != *ending);
            let is_page = path.ends_with(".md") || path.ends_with("Cargo.toml");
            if !(is_inside || is_source || is_page) || path.starts_with("./") {
                continue;
            }
            count += 1;
            let fixed = fixed_part(path);
            let places = [project().join(&fixed), project().join(&folder).join(&fixed)];
            let is_known = !path.contains('/') && names.contains(std::ffi::OsStr::new(path));
            if !is_known && !places.iter().any(|place| place.exists()) {
                problems.push(format!("{}: `{word}` is not there", document.path.display()));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(count > 50, "only {count} paths found");
}

#[test]
fn the_readme_asks_for_the_rust_that_cargo_asks_for() {
    let mut found = BTreeSet::new();
    let readme = Document::read("README.md".into());
    // A version a few words after the name, as in "the Rust toolchain (1.95 or newer)".
    for after in one_line(&readme.prose).split("Rust ").skip(1) {
        let words = after.split(' ').take(3);
        let words = words.map(|word| word.trim_matches(|c: char| !c.is_ascii_digit()).to_owned());
        found.extend(words.filter(|word| word.starts_with("1.") && word.len() >= 4));
    }
    assert_eq!(found, BTreeSet::from([env!("CARGO_PKG_RUST_VERSION").to_owned()]));
}

#[test]
fn commands_are_found_wherever_documents_have_them() {
    let text = "Wrapped `tune data\nlist` and `train.py`.\n\n    $ tune show   # it's here\n    tune 0.2.0\n\n\
                A line of prose\n    tune is not one.\n\n```sh\nTUNE_THREADS=1 srun -N8 tune worker \\\n  --quiet\n\
                for x in 1 2; do tune eval $(tune data list); done | tee a > b\n\
                cargo run --release -- --dataset iris && /opt/tune status\n```\n\n```json\ntune ask\n```\n";
    let document = Document::parse("a.md".into(), text);
    let spans = document.spans();
    let lines = document.typed().into_iter().chain(spans.iter().map(String::as_str));
    let found: Vec<String> =
        lines.flat_map(|line| tune_in(line).expect("quotes end")).map(|words| words.join(" ")).collect();
    let expected = [
        "tune show",
        "tune worker --quiet",
        "tune data list",
        "tune eval 1",
        "tune --dataset iris",
        "tune status",
        "tune data list",
    ];
    assert_eq!(found, expected);
}
