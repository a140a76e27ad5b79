//! The file of a trained network.

use std::path::Path;

use anyhow::{Context, Result};

use crate::objective::ModelFile;

/// Reads `file`, a `.safetensors` or a NIR file.
pub(crate) fn open(file: &Path) -> Result<ModelFile> {
    let bytes = std::fs::read(file).with_context(|| format!("{}: cannot read it", file.display()))?;
    ModelFile::from_bytes(bytes).with_context(|| file.display().to_string())
}
