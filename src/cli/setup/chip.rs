//! `--chip`: a built-in chip profile or one in a file.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::digest::sha256;
use crate::backend::{ChipProfile, ProfileError};

/// The chip profile called `name`, or that in the file `name`. Also returns the SHA-256 of its
/// text.
///
/// # Errors
/// There is no such chip or file, or the file holds no chip profile.
pub(crate) fn open(name: &str) -> Result<(ChipProfile, String)> {
    open_as("--chip", name)
}

/// Like [`open`]; an error says that the name was given as `what`.
///
/// # Errors
/// See [`open`].
pub(crate) fn open_as(what: &str, name: &str) -> Result<(ChipProfile, String)> {
    let path = Path::new(name);
    let profile = match ChipProfile::builtin(name) {
        Err(ProfileError::Unknown { .. }) if path.extension().is_some() || path.exists() => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("{what} {name}: cannot read it"))?;
            ChipProfile::from_json(&text, name)?
        }
        Err(ProfileError::Unknown { name, hint }) => bail!("{what} {name}: no such chip{hint}"),
        builtin => builtin?,
    };
    let sha256 = sha256(serde_json::to_string(&profile)?.as_bytes());
    Ok((profile, sha256))
}
