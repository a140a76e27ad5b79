//! New pictures, which belong to no class yet.

use std::path::{Path, PathBuf};

use super::decode::decode;
use super::listing::{is_picture, visible};
use super::natural;
use crate::data::{DataError, ImageSize};

/// Whether `path` is a picture by its name, or a folder.
pub(crate) fn may_be_pictures(path: &Path) -> bool {
    path.is_dir() || is_picture(path)
}

/// The picture `path`, or those of a folder and of the folders in it, in the order of their names.
///
/// # Errors
/// A folder cannot be read, or there is no picture.
pub(crate) fn pictures(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut found = Vec::new();
    collect(path, &mut found)?;
    if found.is_empty() {
        return Err(DataError::malformed(path, "no picture: must hold PNG, JPEG, BMP, GIF or PNM files"));
    }
    found.sort_by(|a, b| natural::compare(&a.to_string_lossy(), &b.to_string_lossy()));
    Ok(found)
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) -> Result<(), DataError> {
    if !path.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    let inner = visible(path)?.into_iter().map(|entry| entry.path());
    inner
        .filter(|inner| is_picture(inner) || (inner.is_dir() && !inner.is_symlink()))
        .try_for_each(|inner| collect(&inner, found))
}

/// The pixels of the picture in `file`, row by row, one byte per channel. The picture is scaled to the
/// height and width of the training. It becomes grey if the training had one channel.
///
/// # Errors
/// The picture is broken, or the training had neither one nor three channels.
pub(crate) fn pixels(file: &Path, [height, width, channels]: [usize; 3]) -> Result<Vec<u8>, DataError> {
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let size = ImageSize { height: side(height), width: side(width) };
    if !matches!(channels, 1 | 3) {
        let problem = format!("the network takes {channels} channels: a picture has one or three");
        return Err(DataError::malformed(file, problem));
    }
    let broken = |problem: String| DataError::malformed(file, format!("broken picture ({problem})"));
    let picture = decode(file, Some(size), channels == 1).map_err(broken)?;
    Ok(match picture.is_grey && channels == 3 {
        true => picture.values.iter().flat_map(|&value| [value; 3]).collect(),
        false => picture.values,
    })
}
