//! Finding the files of a data set, and downloading those that are missing.

use std::path::PathBuf;

use super::download::{DownloadProgress, download};
use super::entry::{CatalogueFile, Entry, Origin};
use super::lookup::find;
use super::sources::{Network, Sources};
use crate::data::DataError;

/// The paths of the files of the data set `name`. Missing and damaged files are downloaded to the
/// cache. A built-in data set has no files.
///
/// # Errors
/// The name is unknown, no mirror sends a file, or the cache cannot be written.
pub fn fetch(
    name: &str,
    sources: &Sources,
    progress: &mut dyn FnMut(DownloadProgress<'_>),
) -> Result<Vec<PathBuf>, DataError> {
    let entry = find(name)?;
    entry.files().iter().map(|file| fetch_file(entry, file, sources, progress)).collect()
}

fn fetch_file(
    entry: &Entry,
    file: &CatalogueFile,
    sources: &Sources,
    progress: &mut dyn FnMut(DownloadProgress<'_>),
) -> Result<PathBuf, DataError> {
    match sources.find_file(entry, file) {
        Ok(Some(path)) => Ok(path),
        Ok(None) | Err(DataError::Checksum { .. } | DataError::Truncated { .. }) => {
            download_file(entry, file, sources, progress)
        }
        Err(error) => Err(error),
    }
}

/// The path of `file`. If it is missing, it is downloaded; if it is damaged, that is an error.
pub(crate) fn find_or_download(
    entry: &Entry,
    file: &CatalogueFile,
    sources: &Sources,
    progress: &mut dyn FnMut(DownloadProgress<'_>),
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
    progress: &mut dyn FnMut(DownloadProgress<'_>),
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

/// Paths as a list for an error.
fn listed(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::server::{Manner, Server, described};
    use super::*;
    use crate::data::catalogue::entry::Format;

    const CONTENT: &[u8] = b"what the file holds";

    /// A set of one file with a content of our own, looked for and kept in `folder`.
    fn set(folder: &tempfile::TempDir, mirrors: Vec<String>) -> (Entry, Sources) {
        let files: &[CatalogueFile] = Box::leak(Box::new([described("file.bin", CONTENT)]));
        let origin = Origin::Files { format: Format::Idx, files, mirrors: &["http://127.0.0.1:9/none"] };
        let entry = Entry { name: "set", origin, ..find("mnist").unwrap().clone() };
        let folders = vec![folder.path().join("mine")];
        let cache = Some(folder.path().join("cache"));
        (entry, Sources { folders, cache, network: Network::Allowed, mirrors })
    }

    fn get(entry: &Entry, sources: &Sources) -> Result<PathBuf, DataError> {
        find_or_download(entry, &entry.files()[0], sources, &mut |_| {})
    }

    #[test]
    fn a_file_is_downloaded_once_and_then_found() {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(CONTENT.to_vec(), Manner::Serve);
        let (entry, sources) = set(&folder, vec![server.url("mirror")]);
        for _ in 0..2 {
            assert_eq!(get(&entry, &sources).unwrap(), folder.path().join("cache/set/file.bin"));
        }
        assert_eq!(server.requests(), [("/mirror/set/file.bin".to_owned(), 0)]);
    }

    #[test]
    fn a_damaged_file_is_an_error_until_it_is_fetched_again() {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(CONTENT.to_vec(), Manner::Serve);
        let (entry, sources) = set(&folder, vec![server.url("mirror")]);
        fs::create_dir(folder.path().join("mine")).unwrap();
        fs::write(folder.path().join("mine/file.bin"), b"what the file DOES not hold").unwrap();
        let message = get(&entry, &sources).unwrap_err().to_string();
        assert!(message.contains("mine/file.bin: SHA-256 is "), "{message}");
        fetch_file(&entry, &entry.files()[0], &sources, &mut |_| {}).unwrap();
        assert_eq!(get(&entry, &sources).unwrap(), folder.path().join("cache/set/file.bin"));
    }

    #[test]
    fn without_the_network_the_error_lists_where_it_looked() {
        let folder = tempfile::tempdir().unwrap();
        let (entry, sources) = set(&folder, Vec::new());
        let message = get(&entry, &sources.offline()).unwrap_err().to_string();
        let at = folder.path().display();
        let expected = format!(
            "set: no file.bin in {at}/mine, {at}/cache; name its folder with --data-dir, or run `tune data fetch \
             set`"
        );
        assert_eq!(message, expected);
    }

    #[test]
    fn without_a_cache_nothing_is_downloaded() {
        let folder = tempfile::tempdir().unwrap();
        let (entry, sources) = set(&folder, Vec::new());
        let error = get(&entry, &Sources { cache: None, ..sources }).unwrap_err();
        assert!(error.to_string().starts_with("no folder for downloads"));
    }

    #[test]
    fn a_built_in_set_has_nothing_to_fetch() {
        let folder = tempfile::tempdir().unwrap();
        let (_, sources) = set(&folder, Vec::new());
        assert!(fetch("iris", &sources, &mut |_| {}).unwrap().is_empty());
        assert!(
            fetch("irs", &sources, &mut |_| {}).unwrap_err().to_string().contains("did you mean \"iris\"?")
        );
    }
}
