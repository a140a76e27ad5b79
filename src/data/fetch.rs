//! Having the files of a set: found, or else downloaded.

use std::path::PathBuf;

use super::DataError;
use super::catalogue::{self, CatalogueFile, Entry, Origin, listed};
use super::download::{Progress, download};
use super::sources::{Network, Sources};

/// The files of the set `name`, each downloaded to the cache if it is nowhere yet, or damaged.
///
/// A built-in set has none.
///
/// # Errors
/// An unknown name, a file that no mirror gives, a cache that cannot be written.
pub fn fetch(
    name: &str,
    sources: &Sources,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<PathBuf>, DataError> {
    let entry = catalogue::find(name)?;
    entry.files().iter().map(|file| fetch_file(entry, file, sources, progress)).collect()
}

fn fetch_file(
    entry: &Entry,
    file: &CatalogueFile,
    sources: &Sources,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<PathBuf, DataError> {
    match sources.find_file(entry, file) {
        Ok(Some(path)) => Ok(path),
        Ok(None) | Err(DataError::Checksum { .. } | DataError::Truncated { .. }) => {
            download_file(entry, file, sources, progress)
        }
        Err(error) => Err(error),
    }
}

/// The path of `file`; downloaded if it is nowhere, but a damaged one is an error.
pub(super) fn find_or_download(
    entry: &Entry,
    file: &CatalogueFile,
    sources: &Sources,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<PathBuf, DataError> {
    match sources.find_file(entry, file)? {
        Some(path) => Ok(path),
        None => download_file(entry, file, sources, progress),
    }
}

fn download_file(
    entry: &Entry,
    file: &CatalogueFile,
    sources: &Sources,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<PathBuf, DataError> {
    if sources.network == Network::Forbidden {
        let looked = listed(&sources.searched());
        return Err(DataError::NotFound { name: entry.name.into(), file: file.name.into(), looked });
    }
    let target = sources.cache.as_ref().ok_or(DataError::NoCache)?.join(entry.name).join(file.name);
    download(file, &urls(entry, file, sources), &target, progress)?;
    Ok(target)
}

fn urls(entry: &Entry, file: &CatalogueFile, sources: &Sources) -> Vec<String> {
    let name = file.name;
    match entry.origin {
        Origin::BuiltIn(_) => Vec::new(),
        Origin::Files { mirrors, .. } if sources.mirrors.is_empty() => {
            mirrors.iter().map(|mirror| format!("{mirror}/{name}")).collect()
        }
        Origin::Files { .. } => {
            sources.mirrors.iter().map(|mirror| format!("{mirror}/{}/{name}", entry.name)).collect()
        }
    }
}
