//! The order of the rooms: an import may only point left. And the map of the house is true.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::project;

/// Each room with the rooms that it may import.
const ROOMS: [(&str, &str); 19] = [
    ("units", ""),
    ("seed", ""),
    ("linalg", ""),
    ("input", ""),
    ("output", ""),
    ("team", ""),
    ("space", "units seed linalg input"),
    ("study", "units seed linalg input space"),
    ("storage", "units seed linalg input space study"),
    ("search", "units seed linalg input space study"),
    ("data", "units seed linalg input team"),
    ("network", "units seed linalg input output team data"),
    ("training", "units seed linalg input output team data network"),
    ("backend", "units seed linalg input data network training"),
    ("objective", "units seed linalg input space study search data network training backend"),
    ("tuner", "units seed input output space study storage search objective"),
    ("report", "units space study storage"),
    (
        "cli",
        "units seed input output space study storage search data network training backend objective tuner report",
    ),
    ("main", "cli"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The room that a file under `src/` belongs to.
fn room(file: &Path) -> String {
    let inside = file.strip_prefix(project().join("src")).expect("under src");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Names after `crate::` in code, comments left out.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut names = BTreeSet::new();
    for line in code {
        for part in line.split("crate::").skip(1) {
            names.insert(part.chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect());
        }
    }
    names
}

#[test]
fn every_import_points_left() {
    let mut files = Vec::new();
    sources(&project().join("src"), &mut files);
    assert!(files.len() > 50, "only {} files found", files.len());
    for file in files {
        let room = room(&file);
        if room == "lib" {
            continue;
        }
        let (_, allowed) = ROOMS
            .iter()
            .find(|(name, _)| *name == room)
            .unwrap_or_else(|| panic!("{}: no room {room} in the house", file.display()));
        let text = std::fs::read_to_string(&file).expect("a source file");
        for name in imports(&text) {
            let is_left = name == room || allowed.split(' ').any(|left| left == name);
            assert!(is_left, "{}: crate::{name} is not to the left of {room}", file.display());
        }
    }
}

#[test]
fn one_file_prints() {
    let writer = project().join("src/cli/shown/streams.rs");
    let mut files = Vec::new();
    sources(&project().join("src"), &mut files);
    assert!(files.contains(&writer));
    for file in files.iter().filter(|file| **file != writer) {
        let text = std::fs::read_to_string(file).expect("a source file");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let prints = ["println!", "print!(", "eprint", "dbg!", "io::stdout().lock", "io::stderr().lock"]
                .iter()
                .any(|word| line.contains(word));
            assert!(!prints, "{} prints: {line}", file.display());
        }
    }
}

#[test]
fn the_map_names_every_room_and_no_path_that_is_not_there() {
    let map = std::fs::read_to_string(project().join("ARCHITECTURE.md")).expect("the map");
    let named: Vec<&str> = map.split('`').skip(1).step_by(2).collect();
    for path in named.iter().filter(|name| name.contains('/') && !name.contains(' ')) {
        assert!(project().join(path).exists(), "ARCHITECTURE.md names {path}, which is not there");
    }
    for (room, _) in ROOMS {
        let is_named = [format!("src/{room}/"), format!("src/{room}.rs")];
        assert!(
            named.iter().any(|name| is_named.iter().any(|room| room == name)),
            "ARCHITECTURE.md lacks {room}"
        );
    }
}
