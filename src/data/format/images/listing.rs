//! The pictures of a folder: which part and which class each belongs to.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::natural;
use crate::data::{DataError, classes};
use crate::input::suggestion;

/// Endings of the files that are read.
const PICTURES: [&str; 9] = ["png", "jpg", "jpeg", "bmp", "gif", "pgm", "ppm", "pbm", "pnm"];

/// Endings of pictures that are not read.
const FOREIGN: [&str; 14] =
    ["webp", "tif", "tiff", "heic", "heif", "avif", "svg", "jp2", "dcm", "tga", "ico", "psd", "raw", "nef"];

/// What to say of such a picture.
pub(crate) const FOREIGN_KIND: &str =
    "a picture of a kind that is not read: must be PNG, JPEG, BMP, GIF or PGM: convert it, or move it away";

/// Names of the folders of the parts, in lower case: training, validation, test.
const PARTS: [&[&str]; 3] =
    [&["train", "training"], &["val", "valid", "validation", "dev"], &["test", "testing"]];

/// The deepest folder below that of a class in which pictures are looked for.
const DEEPEST: usize = 16;

/// A picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PictureFile {
    /// Where it is.
    pub path: PathBuf,
    /// The class of its folder.
    pub class: u16,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was changed, in nanoseconds.
    pub changed: u128,
}

/// The pictures of a folder.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    /// The names of the classes: sorted as numbers if all are numbers, and otherwise as texts.
    pub classes: Vec<String>,
    /// The pictures of training, validation and test, in the order of their file names.
    pub parts: [Vec<PictureFile>; 3],
    /// The folder of the training part.
    pub root: PathBuf,
    /// What was left out, one sentence each.
    pub notes: Vec<String>,
}

/// Whether pictures lie in `folder` itself rather than in folders of classes.
pub(crate) fn has_loose_pictures(folder: &Path) -> bool {
    visible(folder).unwrap_or_default().iter().any(|entry| is_picture(&entry.path()))
}

/// A picture of a kind that is not read, in `folder` or in one of its folders; `None` if there is none.
pub(crate) fn foreign_picture(folder: &Path) -> Option<PathBuf> {
    let files = |folder: &Path| visible(folder).unwrap_or_default().into_iter().map(|entry| entry.path());
    let folders: Vec<PathBuf> = files(folder).filter(|path| path.is_dir()).collect();
    let mut all = [folder.to_owned()].into_iter().chain(folders).flat_map(|folder| files(&folder));
    all.find(|path| FOREIGN.contains(&ending(path).as_str()))
}

/// Whether a picture lies in one of the folders below `folder`, which may be those of classes.
pub(crate) fn has_pictures(folder: &Path) -> bool {
    has_picture(folder, DEEPEST).unwrap_or(false)
}

impl Listing {
    /// The pictures of `folder`, from which a network can learn; nothing if none of its folders has any.
    ///
    /// # Errors
    /// A folder cannot be read, a class has no picture, parts do not fit together, or there is one class.
    pub fn of(folder: &Path) -> Result<Option<Self>, DataError> {
        let Some(listing) = Self::of_any_classes(folder)? else { return Ok(None) };
        let Self { classes, parts, root, .. } = &listing;
        let has = |class: usize| parts[0].iter().any(|picture| usize::from(picture.class) == class);
        if let Some(class) = (0..classes.len()).find(|&class| !has(class)) {
            let problem = "no picture in this folder of a class: put some into it, or delete it";
            return Err(DataError::malformed(root.join(&classes[class]), problem));
        }
        if classes.len() < 2 {
            let problem = format!("one folder of a class, {}: must have at least two", classes[0]);
            return Err(DataError::malformed(folder, problem));
        }
        Ok(Some(listing))
    }

    /// The pictures of `folder`, whose classes may be few or without a picture; nothing if none of its
    /// folders has any.
    ///
    /// # Errors
    /// A folder cannot be read, or parts do not fit together.
    pub fn of_any_classes(folder: &Path) -> Result<Option<Self>, DataError> {
        if !has_picture(folder, DEEPEST)? {
            return Ok(None);
        }
        let folders = subfolders(folder)?;
        let parts = parts(folder, &folders)?;
        let names = match &parts {
            Some(parts) => subfolders(parts[0].as_ref().expect("there is a training part"))?,
            None => folders,
        };
        let mut others = Others::default();
        let named: BTreeSet<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        let classes: Vec<String> = classes::sorted(named).into_iter().map(str::to_owned).collect();
        let roots = parts.unwrap_or_else(|| [Some(folder.to_owned()), None, None]);
        let mut listed = [const { Vec::new() }; 3];
        for (part, root) in roots.iter().enumerate() {
            if let Some(root) = root {
                listed[part] = pictures(root, &classes, &mut others)?;
            }
        }
        others.add_beside(folder)?;
        let root = roots[0].clone().unwrap_or_else(|| folder.to_owned());
        Ok(Some(Self { classes, parts: listed, root, notes: others.note().into_iter().collect() }))
    }
}

/// Whether a picture lies in one of the folders below `folder`.
fn has_picture(folder: &Path, depth: usize) -> Result<bool, DataError> {
    for (_, path) in subfolders(folder)? {
        let is_here = has_loose_pictures(&path);
        if is_here || (depth > 0 && !path.is_symlink() && has_picture(&path, depth - 1)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The folders of the parts, if there are any.
fn parts(folder: &Path, folders: &[(String, PathBuf)]) -> Result<Option<[Option<PathBuf>; 3]>, DataError> {
    let mut parts = [const { None }; 3];
    let mut others = Vec::new();
    for (name, path) in folders {
        let part = PARTS.iter().position(|names| names.contains(&name.to_lowercase().as_str()));
        match part {
            Some(part) if !subfolders(path)?.is_empty() => {
                if parts[part].replace(path.clone()).is_some() {
                    let problem = format!("two folders of the same part, {name} and another: must be one");
                    return Err(DataError::malformed(folder, problem));
                }
            }
            _ => others.push(name.as_str()),
        }
    }
    match (&parts, others.first()) {
        ([None, None, None], _) => Ok(None),
        (_, Some(other)) => {
            let problem = format!(
                "{other} beside folders of parts (train, val, test): move it into a part, or to another place"
            );
            Err(DataError::malformed(folder, problem))
        }
        ([None, ..], None) => {
            let problem = "folders of parts, but no train: must have one with a folder per class";
            Err(DataError::malformed(folder, problem))
        }
        _ => Ok(Some(parts)),
    }
}

/// The pictures of a part, in the order of their file names.
fn pictures(root: &Path, classes: &[String], others: &mut Others) -> Result<Vec<PictureFile>, DataError> {
    let mut pictures = Vec::new();
    for (name, path) in subfolders(root)? {
        let Some(class) = classes.iter().position(|class| *class == name) else {
            let hint = suggestion(&name, classes.iter().map(String::as_str));
            let problem = format!("no folder of this class in the training part{hint}");
            return Err(DataError::malformed(path, problem));
        };
        let class = u16::try_from(class)
            .map_err(|_| DataError::Classes { file: root.into(), found: classes.len() })?;
        walk(&path, class, DEEPEST, &mut pictures, others)?;
    }
    let mut named: Vec<(String, PictureFile)> =
        pictures.into_iter().map(|picture| (name_of(&picture.path), picture)).collect();
    named.sort_by(|(a, x), (b, y)| {
        natural::compare(a, b).then_with(|| x.class.cmp(&y.class)).then_with(|| x.path.cmp(&y.path))
    });
    Ok(named.into_iter().map(|(_, picture)| picture).collect())
}

/// Adds the pictures in `folder` and in the folders below.
fn walk(
    folder: &Path,
    class: u16,
    depth: usize,
    pictures: &mut Vec<PictureFile>,
    others: &mut Others,
) -> Result<(), DataError> {
    for entry in visible(folder)? {
        let path = entry.path();
        let read = |source| DataError::Read { file: path.clone(), source };
        if entry.file_type().map_err(read)?.is_dir() {
            if depth > 0 {
                walk(&path, class, depth - 1, pictures, others)?;
            }
        } else if is_picture(&path) {
            let metadata = fs::metadata(&path).map_err(read)?;
            let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let changed = changed.map_or(0, |since| since.as_nanos());
            pictures.push(PictureFile { class, bytes: metadata.len(), changed, path });
        } else {
            others.add(path)?;
        }
    }
    Ok(())
}

/// Files that are left out.
#[derive(Default)]
struct Others {
    count: usize,
    first: Option<PathBuf>,
}

impl Others {
    /// # Errors
    /// It is a picture of a kind that is not read.
    fn add(&mut self, path: PathBuf) -> Result<(), DataError> {
        if FOREIGN.contains(&ending(&path).as_str()) {
            return Err(DataError::malformed(path, FOREIGN_KIND));
        }
        self.count += 1;
        self.first.get_or_insert(path);
        Ok(())
    }

    /// Adds the files beside the folders of classes or parts.
    fn add_beside(&mut self, folder: &Path) -> Result<(), DataError> {
        let files = visible(folder)?.into_iter().map(|entry| entry.path()).filter(|path| path.is_file());
        files.into_iter().for_each(|path| {
            self.count += 1;
            self.first.get_or_insert(path);
        });
        Ok(())
    }

    fn note(self) -> Option<String> {
        let Self { count, first } = self;
        first.map(|first| {
            format!("{count} files that are no pictures of a class are left out, such as {}", name_of(&first))
        })
    }
}

/// What is in `folder` and not hidden.
pub(super) fn visible(folder: &Path) -> Result<Vec<DirEntry>, DataError> {
    let read = |source| DataError::Read { file: folder.into(), source };
    let entries: Vec<DirEntry> = folder.read_dir().map_err(read)?.collect::<Result<_, _>>().map_err(read)?;
    let is_visible = |entry: &DirEntry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        !name.starts_with('.') && !["__MACOSX", "Thumbs.db", "desktop.ini"].contains(&&*name)
    };
    Ok(entries.into_iter().filter(is_visible).collect())
}

/// The names and the paths of the folders in `folder`, sorted.
fn subfolders(folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let paths = visible(folder)?.into_iter().map(|entry| entry.path()).filter(|path| path.is_dir());
    let mut named: Vec<(String, PathBuf)> = paths.map(|path| (name_of(&path), path)).collect();
    named.sort();
    Ok(named)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn ending(path: &Path) -> String {
    path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default()
}

pub(super) fn is_picture(path: &Path) -> bool {
    PICTURES.contains(&ending(path).as_str())
}
