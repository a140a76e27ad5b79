//! Labelled pictures in the form of those of a training.

use std::path::Path;

use rayon::prelude::*;

use super::listing::Listing;
use super::unlabelled::pixels;
use crate::data::{DataError, LoadProgress};

/// The pictures that are decoded between two reports of progress.
const AT_ONCE: usize = 1024;

/// A part of the pictures: the pixels and the number of the class of each.
pub(crate) type Part = Vec<(Vec<u8>, u16)>;

/// The labelled pictures of a folder.
pub(crate) struct LabelledPictures {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// Training, validation and test, in the order of the file names; empty where a folder has no such
    /// part.
    pub parts: [Part; 3],
    /// What was left out, one sentence each.
    pub notes: Vec<String>,
}

/// The pictures of `folder`, scaled to `shape` as those of [`pixels`]; nothing if it has none. It may have
/// one class, or a class without a picture. With `skip_broken`, broken ones are left out.
///
/// # Errors
/// A folder cannot be read, parts do not fit together, or a picture is broken.
pub(crate) fn labelled(
    folder: &Path,
    shape: [usize; 3],
    skip_broken: bool,
    progress: &mut dyn FnMut(LoadProgress<'_>),
) -> Result<Option<LabelledPictures>, DataError> {
    let Some(Listing { classes, parts: files, mut notes, .. }) = Listing::of_any_classes(folder)? else {
        return Ok(None);
    };
    let total = files.iter().map(Vec::len).sum();
    let (mut decoded, mut broken, mut parts) = (0, Vec::new(), [const { Vec::new() }; 3]);
    for (part, files) in parts.iter_mut().zip(&files) {
        for chunk in files.chunks(AT_ONCE) {
            let pictures: Vec<_> = chunk.par_iter().map(|file| pixels(&file.path, shape)).collect();
            for (file, picture) in chunk.iter().zip(pictures) {
                match picture {
                    Ok(picture) => part.push((picture, file.class)),
                    Err(_) if skip_broken => broken.push(file.path.display().to_string()),
                    Err(error) => return Err(error),
                }
            }
            decoded += chunk.len();
            progress(LoadProgress::Pictures { decoded, total });
        }
    }
    let first = broken.first();
    notes
        .extend(first.map(|first| format!("{} broken pictures are left out, such as {first}", broken.len())));
    Ok(Some(LabelledPictures { classes, parts, notes }))
}
