//! The result of an earlier study, a `best.json`.

use std::path::Path;

use anyhow::{Context, Result, anyhow};

use crate::input;
use crate::report::Best;

/// Reads `file`, which `option` names; without an option, the file stands alone.
///
/// # Errors
/// The file cannot be read, or is no result of a study.
pub(crate) fn read(file: &Path, option: &str) -> Result<Best> {
    let name = format!("{option} {}", file.display()).trim_start().to_owned();
    let text = std::fs::read_to_string(file).with_context(|| format!("{name}: cannot read it"))?;
    input::from_json(&text, &name).map_err(|error| anyhow!("{error}: must be a best.json that tune wrote"))
}
