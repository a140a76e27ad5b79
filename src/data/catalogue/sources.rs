//! The places where files of data sets are looked for.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::checksum;
use super::entry::{CatalogueFile, Entry};
use super::lookup::belongs_to_another;
use crate::data::DataError;
use crate::data::format::cifar::Cifar;

/// The environment variable that names a folder of data sets.
const FOLDER_VARIABLE: &str = "TUNE_DATA_DIR";

/// Where files of data sets are looked for: folders on this machine, and mirrors for downloads.
///
/// In each folder, the file F of the data set S is looked for as `S/F` and as `F`. It may be packed
/// (`.gz`) or unpacked, and may have `.idx` in place of `-idx` in its name. Batches of CIFAR may
/// also be in a subfolder of either place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// The folders, in the order in which they are searched.
    pub folders: Vec<PathBuf>,
    /// The user's cache folder, which is searched last and receives downloads; `None` if the user
    /// has none.
    pub cache: Option<PathBuf>,
    /// Whether missing files are downloaded.
    pub network: Network,
    /// Addresses to download from instead of the catalogue's mirrors. The file F of the data set S
    /// is at `ADDRESS/S/F`. If empty, the catalogue's mirrors are used.
    pub mirrors: Vec<String>,
}

/// Whether files may be downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Files may be downloaded.
    Allowed,
    /// Files may not be downloaded: a missing file is an error.
    Forbidden,
}

impl Sources {
    /// Sources in the usual order: the folder `data_dir`, the folder that the variable
    /// `TUNE_DATA_DIR` names, `./datasets`, and the user's cache. The cache is
    /// `$XDG_CACHE_HOME/tune/datasets` or `~/.cache/tune/datasets`. Missing files may be
    /// downloaded.
    ///
    /// # Errors
    /// `data_dir` or `TUNE_DATA_DIR` is given, but is not a folder.
    pub fn new(data_dir: Option<&Path>) -> Result<Self, DataError> {
        Self::from_environment(data_dir, |name| env::var_os(name))
    }

    fn from_environment(
        data_dir: Option<&Path>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, DataError> {
        let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let named = [("--data-dir", data_dir.map(Path::to_owned)), (FOLDER_VARIABLE, path(FOLDER_VARIABLE))];
        let mut folders = Vec::new();
        for (origin, folder) in named {
            match folder {
                Some(folder) if !folder.is_dir() => return Err(DataError::NotAFolder { origin, folder }),
                folder => folders.extend(folder),
            }
        }
        folders.push(PathBuf::from("datasets"));
        let caches = path("XDG_CACHE_HOME").or_else(|| Some(path("HOME")?.join(".cache")));
        let cache = caches.map(|caches| caches.join("tune").join("datasets"));
        Ok(Self { folders, cache, network: Network::Allowed, mirrors: Vec::new() })
    }

    /// The same sources, but without downloads.
    pub fn offline(self) -> Self {
        Self { network: Network::Forbidden, ..self }
    }

    /// All folders in the order in which they are searched.
    pub(crate) fn searched(&self) -> Vec<PathBuf> {
        self.folders.iter().chain(&self.cache).cloned().collect()
    }

    /// The path of the file `file` of the data set `entry`, with the right content; `None` if no
    /// folder has it.
    ///
    /// A file of the same name that belongs to another data set of the catalogue is skipped.
    ///
    /// # Errors
    /// A file of this name has a content that the catalogue does not know, and no later folder has
    /// the right one.
    pub(crate) fn find_file(
        &self,
        entry: &Entry,
        file: &CatalogueFile,
    ) -> Result<Option<PathBuf>, DataError> {
        let mut wrong = None;
        for path in self.places(entry).iter().flat_map(|place| names(place, file)) {
            if !path.is_file() {
                continue;
            }
            match verify(&path, entry, file)? {
                Verdict::Right => return Ok(Some(path)),
                Verdict::AnotherSet => {}
                Verdict::Wrong(error) => wrong = wrong.or(Some(error)),
            }
        }
        wrong.map_or(Ok(None), Err)
    }

    /// A folder that holds the batches of `set`, if there is one.
    pub(crate) fn find_batches(&self, entry: &Entry, set: Cifar) -> Option<PathBuf> {
        let places = self.places(entry).into_iter();
        let mut candidates =
            places.flat_map(|place| std::iter::once(place.clone()).chain(subfolders(&place)));
        candidates.find(|folder| Cifar::in_folder(folder) == Some(set))
    }

    fn places(&self, entry: &Entry) -> Vec<PathBuf> {
        self.searched().into_iter().flat_map(|folder| [folder.join(entry.name), folder]).collect()
    }
}

/// Whether a file has the content that the catalogue expects under its name.
enum Verdict {
    Right,
    AnotherSet,
    Wrong(DataError),
}

fn verify(path: &Path, entry: &Entry, file: &CatalogueFile) -> Result<Verdict, DataError> {
    let found = checksum::file(path)?;
    if found == file.sha256 {
        return Ok(Verdict::Right);
    }
    // A file that somebody unpacked and packed again has other bytes, but the right content.
    let unpacked = checksum::unpacked(path);
    let is = |sum: &str| found == sum || unpacked.as_deref().is_ok_and(|unpacked| unpacked == sum);
    if file.unpacked_sha256.is_some_and(is) {
        return Ok(Verdict::Right);
    }
    if belongs_to_another(&found, entry)
        || unpacked.as_deref().is_ok_and(|sum| belongs_to_another(sum, entry))
    {
        return Ok(Verdict::AnotherSet);
    }
    let Some(expected) = file.expected_sum(path) else { return Ok(Verdict::Right) };
    let bytes = path.metadata().map_err(|source| DataError::Read { file: path.into(), source })?.len();
    if let Err(DataError::Truncated { .. }) = unpacked {
        let problem = format!("{bytes} of {} bytes", file.bytes);
        return Ok(Verdict::Wrong(DataError::Truncated { file: path.into(), problem }));
    }
    let name = entry.name.to_owned();
    Ok(Verdict::Wrong(DataError::Checksum { file: path.into(), name, expected, found }))
}

/// The names that a file may have: packed, unpacked, and unpacked with a point before `idx`, as
/// some sources write it.
fn names(place: &Path, file: &CatalogueFile) -> Vec<PathBuf> {
    let (packed, unpacked) = (file.name, file.unpacked_name());
    let mut names = vec![place.join(packed), place.join(unpacked)];
    if packed != unpacked {
        names.extend([packed, unpacked].map(|name| place.join(name.replace("-idx", ".idx"))));
    }
    names.dedup();
    names
}

/// The subfolders of `folder`, sorted by name, so that their order does not depend on the file
/// system. Empty if the folder cannot be listed.
fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::catalogue::entry::{Format, Origin};
    use crate::data::catalogue::lookup::find;
    use crate::data::catalogue::server::described;
    use crate::data::format::stream::tests::gzipped;

    #[test]
    fn folders_are_searched_in_the_documented_order() {
        let folder = tempfile::tempdir().unwrap();
        let variable = |name: &str| match name {
            "HOME" => Some("/home/me".into()),
            FOLDER_VARIABLE => Some(folder.path().into()),
            _ => None,
        };
        let sources = Sources::from_environment(Some(Path::new("src")), variable).unwrap();
        let expected =
            ["src".as_ref(), folder.path(), "datasets".as_ref(), "/home/me/.cache/tune/datasets".as_ref()];
        assert_eq!(sources.searched(), expected);
        let elsewhere = |name: &str| (name == "XDG_CACHE_HOME").then(|| "/caches".into());
        let sources = Sources::from_environment(None, elsewhere).unwrap();
        assert_eq!(sources.cache, Some("/caches/tune/datasets".into()));
    }

    #[test]
    fn a_named_folder_that_is_not_there_is_an_error() {
        let message = |data_dir: Option<&Path>, variable: Option<&str>| {
            let variable = |name: &str| (name == FOLDER_VARIABLE).then_some(variable?.into());
            Sources::from_environment(data_dir, variable).unwrap_err().to_string()
        };
        assert_eq!(message(Some(Path::new("no/such")), None), "--data-dir = no/such: not a folder");
        assert_eq!(message(None, Some("Cargo.toml")), "TUNE_DATA_DIR = Cargo.toml: not a folder");
    }

    fn only(folder: &Path) -> Sources {
        let folders = vec![folder.to_owned()];
        Sources { folders, cache: None, network: Network::Forbidden, mirrors: Vec::new() }
    }

    #[test]
    fn a_wrong_file_is_named_with_both_sums_and_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let entry = find("mnist").unwrap();
        let labels = &entry.files()[3];
        assert_eq!(only(folder.path()).find_file(entry, labels).unwrap(), None);
        let path = folder.path().join(labels.unpacked_name());
        std::fs::write(&path, b"abc").unwrap();
        let message = only(folder.path()).find_file(entry, labels).unwrap_err().to_string();
        let expected = format!(
            "{}: SHA-256 is ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad, must be {}; delete \
             the file, or run `tune data fetch mnist`",
            path.display(),
            labels.unpacked_sha256.unwrap()
        );
        assert_eq!(message, expected);
    }

    #[test]
    fn a_file_that_is_too_short_is_called_truncated() {
        let folder = tempfile::tempdir().unwrap();
        let entry = find("mnist").unwrap();
        std::fs::write(folder.path().join(entry.files()[3].name), [0x1f, 0x8b, 8]).unwrap();
        let message = only(folder.path()).find_file(entry, &entry.files()[3]).unwrap_err().to_string();
        assert!(message.contains("truncated: 3 of 4542 bytes"), "{message}");
    }

    #[test]
    fn batches_are_found_in_a_subfolder() {
        let folder = tempfile::tempdir().unwrap();
        let batches = folder.path().join("cifar-10-partial-bin");
        std::fs::create_dir(&batches).unwrap();
        std::fs::write(batches.join("data_batch_1.bin"), []).unwrap();
        let entry = find("cifar10").unwrap();
        assert_eq!(only(folder.path()).find_batches(entry, Cifar::Ten), Some(batches));
        assert_eq!(only(folder.path()).find_batches(entry, Cifar::Hundred), None);
    }

    /// A set of one IDX file with this content, whose unpacked checksum is known.
    fn set_of(content: &[u8]) -> Entry {
        let packed = gzipped(content);
        let unpacked_sha256 = Some(described("file", content).sha256);
        let file = CatalogueFile { unpacked_sha256, ..described("train-labels-idx1-ubyte.gz", &packed) };
        let files: &[CatalogueFile] = Box::leak(Box::new([file]));
        let origin = Origin::Files { format: Format::Idx, files, mirrors: &[] };
        Entry { name: "set", origin, ..find("mnist").unwrap().clone() }
    }

    #[test]
    fn the_same_content_packed_in_any_way_is_right() {
        let content: Vec<u8> = (0..=255).cycle().take(4000).collect();
        let (entry, packed) = (set_of(&content), "train-labels-idx1-ubyte.gz");
        let (first, second) = content.split_at(1000);
        let members = [gzipped(first), gzipped(second)].concat();
        for (name, bytes) in [
            (packed, gzipped(&content)),
            (packed, members.clone()),
            (packed, content.clone()),
            (packed, gzipped(&members)),
            (packed, [&members[..], &[0; 10]].concat()),
            ("train-labels-idx1-ubyte", content.clone()),
            ("train-labels-idx1-ubyte", members.clone()),
            ("train-labels.idx1-ubyte", content.clone()),
            ("train-labels.idx1-ubyte.gz", members.clone()),
        ] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(name), bytes).unwrap();
            let found = only(folder.path()).find_file(&entry, &entry.files()[0]).unwrap();
            assert_eq!(found, Some(folder.path().join(name)));
        }
    }

    #[test]
    fn another_content_is_refused_however_it_is_packed() {
        let content = vec![7; 4000];
        let (entry, name) = (set_of(&content), "train-labels-idx1-ubyte.gz");
        let mut flipped = content.clone();
        flipped[99] = 8;
        let whole = gzipped(&content);
        for (bytes, expected) in [
            (gzipped(&flipped), "SHA-256 is "),
            (gzipped(&content[..3999]), "SHA-256 is "),
            (whole[..whole.len() - 9].to_vec(), "truncated: "),
        ] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(name), bytes).unwrap();
            let message = only(folder.path()).find_file(&entry, &entry.files()[0]).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
