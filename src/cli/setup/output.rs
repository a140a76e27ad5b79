//! The file of the result: checked before the run, replaced as a whole after it.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tempfile::NamedTempFile;

/// A file that can be written.
#[derive(Debug)]
pub(crate) struct Output(PathBuf);

impl Output {
    /// Checks that `file` can be written, by making and dropping a neighbour of it.
    pub fn check(file: &Path) -> Result<Self> {
        let shown = file.display();
        if file.file_name().is_none() || file.is_dir() {
            bail!("--out {shown}: is a folder: name a file");
        }
        let output = Self(file.to_owned());
        if !output.folder().is_dir() {
            bail!("--out {shown}: the folder {} does not exist: make it first", output.folder().display());
        }
        NamedTempFile::new_in(output.folder())
            .with_context(|| format!("--out {shown}: cannot write there: choose another folder"))?;
        let is_read_only = std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().readonly());
        if is_read_only {
            bail!("--out {shown}: the file is read-only: choose another name");
        }
        Ok(output)
    }

    /// The file itself.
    pub fn file(&self) -> &Path {
        &self.0
    }

    /// The file beside it that holds the network.
    pub fn model(&self) -> PathBuf {
        self.0.with_extension("safetensors")
    }

    /// Replaces the file's content, all at once: a reader sees the old or the new.
    pub fn write(&self, content: impl AsRef<[u8]>) -> Result<()> {
        let write = || -> std::io::Result<()> {
            let mut file = NamedTempFile::new_in(self.folder())?;
            file.write_all(content.as_ref())?;
            file.as_file().sync_all()?;
            file.persist(&self.0)?;
            Ok(())
        };
        write().with_context(|| format!("cannot write {}", self.0.display()))
    }

    fn folder(&self) -> &Path {
        match self.0.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_or_a_file_in_no_folder_is_refused_before_the_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let message = |path: &Path| Output::check(path).expect_err("not writable").to_string();
        assert!(message(folder.path()).ends_with("is a folder: name a file"));
        assert!(message(&folder.path().join("no/best.json")).contains("does not exist: make it first"));
    }

    #[test]
    fn a_file_is_replaced_whole_and_its_model_stands_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let output = Output::check(&folder.path().join("best.json")).expect("writable");
        output.write("old").expect("written");
        output.write("new").expect("written");
        assert_eq!(std::fs::read_to_string(output.file()).expect("there"), "new");
        assert_eq!(output.model(), folder.path().join("best.safetensors"));
        assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 1);
    }
}
