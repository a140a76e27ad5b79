//! Decoded pictures, kept in the user's cache: the same files are not decoded twice.
//!
//! A kept file has a line of JSON, the pixels, and the SHA-256 of both. Whatever is wrong with it, or
//! with the cache, the pictures are decoded again: the cache changes no result.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::listing::Listing;
use crate::data::OpenOptions;

/// Another number for each change of how pictures are decoded.
const VERSION: u32 = 2;

/// The most kept files; the oldest are deleted.
const MOST_FILES: usize = 8;

/// The bytes of a SHA-256.
const SUM: usize = 32;

/// The decoded pictures of a folder, those of all parts one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Decoded {
    /// Height, width, channels.
    pub shape: [usize; 3],
    /// The pictures that are broken, by their numbers in the listing.
    pub broken: Vec<usize>,
    /// What to know of them, one sentence each.
    pub notes: Vec<String>,
    /// The pixels of the others.
    #[serde(skip)]
    pub pixels: Vec<u8>,
}

/// The place in the cache of the decoded pictures of a listing.
pub(super) struct Kept(Option<PathBuf>);

impl Kept {
    /// The place for the pictures of `folder`, by its path, by their names, sizes and times of change,
    /// and by the options.
    pub fn of(listing: &Listing, folder: &Path, options: &OpenOptions, cache: Option<&Path>) -> Self {
        let mut hasher = Sha256::new();
        let OpenOptions { image_size, grey, skip_broken, .. } = options;
        hasher.update(format!("{VERSION} {image_size:?} {grey} {skip_broken}\n"));
        // Copies in other folders may have the same names, sizes and times.
        let place = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        hasher.update(place.as_os_str().as_encoded_bytes());
        hasher.update([0]);
        for picture in listing.parts.iter().flatten() {
            let name = picture.path.strip_prefix(folder).unwrap_or(&picture.path);
            hasher.update(name.as_os_str().as_encoded_bytes());
            hasher.update(format!("\0{} {}\n", picture.bytes, picture.changed));
        }
        let name: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self(cache.map(|cache| cache.join("pictures").join(name)))
    }

    /// The decoded pictures, if they are there and whole.
    pub fn get(&self) -> Option<Decoded> {
        let mut bytes = fs::read(self.0.as_ref()?).ok()?;
        let content = bytes.len().checked_sub(SUM)?;
        if Sha256::digest(&bytes[..content])[..] != bytes[content..] {
            return None;
        }
        let line = bytes.iter().position(|&byte| byte == b'\n')?;
        let decoded: Decoded = serde_json::from_slice(&bytes[..line]).ok()?;
        bytes.truncate(content);
        bytes.drain(..=line);
        Some(Decoded { pixels: bytes, ..decoded })
    }

    /// Keeps decoded pictures, if that is possible.
    pub fn put(&self, decoded: &Decoded) {
        let Some(path) = &self.0 else { return };
        // A full or a read-only disk costs time at the next start, and nothing else.
        let _ = write(path, decoded);
    }
}

fn write(path: &Path, decoded: &Decoded) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let head = serde_json::to_string(decoded)? + "\n";
    let mut hasher = Sha256::new();
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    for part in [head.as_bytes(), &decoded.pixels] {
        hasher.update(part);
        file.write_all(part)?;
    }
    file.write_all(&hasher.finalize())?;
    file.persist(path)?;
    delete_oldest(folder)
}

/// Deletes all but the newest kept files.
fn delete_oldest(folder: &Path) -> std::io::Result<()> {
    let files = folder.read_dir()?.filter_map(|entry| {
        let path = entry.ok()?.path();
        let changed =
            fs::metadata(&path).and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        (path.file_name()?.len() == 2 * SUM).then_some((changed, path))
    });
    let mut files: Vec<(SystemTime, PathBuf)> = files.collect();
    files.sort();
    let old = files.len().saturating_sub(MOST_FILES);
    files[..old].iter().try_for_each(|(_, path)| fs::remove_file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(value: u8) -> Decoded {
        let (shape, broken, notes) = ([2, 3, 1], vec![4], vec!["a note".to_owned()]);
        Decoded { shape, broken, notes, pixels: vec![value; 12] }
    }

    #[test]
    fn what_is_kept_comes_back_unless_it_was_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pictures").join("a".repeat(64));
        let kept = Kept(Some(path.clone()));
        assert_eq!(kept.get(), None);
        kept.put(&decoded(b'\n'));
        assert_eq!(kept.get(), Some(decoded(b'\n')));
        let whole = fs::read(&path).unwrap();
        for at in [3, whole.len() - 40, whole.len() - 1] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert_eq!(kept.get(), None, "byte {at}");
        }
        fs::write(&path, &whole[..20]).unwrap();
        assert_eq!(kept.get(), None);
        assert_eq!(Kept(None).get(), None);
        Kept(None).put(&decoded(0));
    }

    #[test]
    fn the_oldest_files_are_deleted_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let pictures = folder.path().join("pictures");
        for number in 0..10 {
            Kept(Some(pictures.join(format!("{number:064}")))).put(&decoded(1));
            fs::write(pictures.join("mine"), "kept").unwrap();
        }
        assert_eq!(pictures.read_dir().unwrap().count(), MOST_FILES + 1);
        assert!(pictures.join(format!("{:064}", 9)).exists() && pictures.join("mine").exists());
    }
}
