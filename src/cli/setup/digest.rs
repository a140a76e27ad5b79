//! Checksums by which a study recognizes that its inputs are the same.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::space::Space;
use crate::study::Script;

/// Programs that run a script, such as `python`. Another version of such a program does not make
/// another script.
const INTERPRETERS: [&str; 14] = [
    "python", "pypy", "env", "sh", "bash", "zsh", "dash", "perl", "ruby", "node", "julia", "Rscript", "lua",
    "uv",
];

/// The SHA-256 of `bytes`, in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of a space as `tune run` and `tune ask` search it, in hex.
pub(crate) fn of_space(space: &Space) -> String {
    sha256(space.to_json().to_string().as_bytes())
}

/// The script that `command` runs: its first word that is a file and no interpreter. `None` if
/// there is none, as in `python -m train`.
pub(crate) fn of_script(command: &str) -> Option<Script> {
    let words = shlex::split(command)?;
    let file = words.into_iter().find(|word| Path::new(word).is_file() && !is_interpreter(word))?;
    let sha256 = sha256(&std::fs::read(&file).ok()?);
    Some(Script { file, sha256 })
}

/// Whether a word names an interpreter, with or without a version: `/usr/bin/python3.11`.
fn is_interpreter(word: &str) -> bool {
    let name = Path::new(word).file_name().unwrap_or_default().to_string_lossy();
    INTERPRETERS.contains(&name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_the_first_word_that_is_a_file_and_no_interpreter() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, name).expect("written");
            path.display().to_string()
        };
        let (python, train, data) = (file("python3.11"), file("train it.py"), file("data.csv"));
        let script = |command: &str| of_script(command).map(|script| script.file);
        assert_eq!(script(&format!("{python} '{train}' --lr={{lr}} {data}")), Some(train.clone()));
        assert_eq!(script(&format!("'{train}' {data}")), Some(train.clone()));
        assert_eq!(script(&format!("python -u '{train}'")), Some(train.clone()));
        for command in ["python -m train", "sh -c 'echo 1'", "", "'", python.as_str()] {
            assert_eq!(script(command), None, "{command}");
        }
        assert_eq!(of_script(&format!("'{train}'")).expect("a file").sha256, sha256(b"train it.py"));
    }
}
