//! A folder of pictures becomes a data set.

use std::path::Path;

use ndarray::{Array2, s};
use rayon::prelude::*;

use super::super::arrays::of_levels;
use super::cache::{Decoded, Kept};
use super::decode::{Picture, decode};
use super::listing::{FOREIGN_KIND, Listing, PictureFile};
use crate::data::parts::Parts;
use crate::data::{DataError, LoadProgress, OpenOptions, Samples};

/// The pictures that are decoded between two reports of progress.
const AT_ONCE: usize = 1024;

/// Reads the pictures of `folder`; nothing if it has none. Decoded ones are kept in the folder `cache`.
///
/// # Errors
/// A picture is broken or of another size than the first, or the folders do not fit together.
pub(crate) fn read(
    folder: &Path,
    options: &OpenOptions,
    cache: Option<&Path>,
    progress: &mut dyn FnMut(LoadProgress<'_>),
) -> Result<Option<Parts>, DataError> {
    let Some(listing) = Listing::of(folder)? else { return Ok(None) };
    let kept = Kept::of(&listing, folder, options, cache);
    let decoded = match kept.get() {
        Some(decoded) => decoded,
        None => {
            let decoded = decode_all(&listing, options, progress)?;
            kept.put(&decoded);
            decoded
        }
    };
    Ok(Some(assemble(listing, decoded)))
}

/// Decodes the pictures of all parts.
fn decode_all(
    listing: &Listing,
    options: &OpenOptions,
    progress: &mut dyn FnMut(LoadProgress<'_>),
) -> Result<Decoded, DataError> {
    let files: Vec<&PictureFile> = listing.parts.iter().flatten().collect();
    let (mut pictures, mut broken) = (Collected::default(), Vec::new());
    for (chunk, first) in files.chunks(AT_ONCE).zip((0..).step_by(AT_ONCE)) {
        let decode = |file: &&PictureFile| decode(&file.path, options.image_size, options.grey);
        let decoded: Vec<Result<Picture, String>> = chunk.par_iter().map(decode).collect();
        for (number, picture) in decoded.into_iter().enumerate() {
            let path = &chunk[number].path;
            match picture {
                Ok(picture) => pictures.add(picture, path)?,
                Err(problem) if problem == FOREIGN_KIND => return Err(DataError::malformed(path, problem)),
                Err(_) if options.skip_broken => broken.push(first + number),
                Err(problem) => {
                    let problem =
                        format!("broken picture ({problem}): repair or delete it, or say --skip-broken");
                    return Err(DataError::malformed(path, problem));
                }
            }
        }
        progress(LoadProgress::Pictures { decoded: first + chunk.len(), total: files.len() });
    }
    let first_broken = broken.first().map(|&number| files[number].path.display().to_string());
    pictures.decoded(broken, first_broken)
}

/// Pictures of one size.
#[derive(Default)]
struct Collected<'a> {
    pictures: Vec<Picture>,
    first: Option<&'a Path>,
}

impl<'a> Collected<'a> {
    /// # Errors
    /// It has another size than the first.
    fn add(&mut self, picture: Picture, path: &'a Path) -> Result<(), DataError> {
        let first = *self.first.get_or_insert(path);
        if let Some(other) = self.pictures.first().filter(|other| other.size != picture.size) {
            let problem = format!(
                "{} (height x width), but {} is {}: say --image-size to give all one size, such as --image-size 28",
                picture.size,
                first.display(),
                other.size
            );
            return Err(DataError::malformed(path, problem));
        }
        self.pictures.push(picture);
        Ok(())
    }

    /// All pixels: with one channel if no picture has colours, else with three.
    fn decoded(self, broken: Vec<usize>, first_broken: Option<String>) -> Result<Decoded, DataError> {
        let Some(size) = self.pictures.first().map(|picture| picture.size) else {
            let first = first_broken.unwrap_or_default();
            return Err(DataError::malformed(first, "broken, as all pictures are: none is left"));
        };
        let count = |is: fn(&Picture) -> bool| self.pictures.iter().filter(|picture| is(picture)).count();
        let is_grey = count(|picture| picture.is_grey) == self.pictures.len();
        let mut notes = Vec::new();
        notes.extend(
            first_broken
                .map(|first| format!("{} broken pictures are left out, such as {first}", broken.len())),
        );
        if let transparent @ 1.. = count(|picture| picture.is_transparent) {
            notes.push(format!("{transparent} pictures have transparent pixels: they are shown on white"));
        }
        if !is_grey && count(|picture| picture.looks_grey) == self.pictures.len() {
            notes.push("no picture has colours: --grey makes one channel of three".to_owned());
        }
        let channels = if is_grey { 1 } else { 3 };
        let shape = [size.height as usize, size.width as usize, channels];
        let mut pixels = Vec::with_capacity(self.pictures.len() * shape.iter().product::<usize>());
        for picture in self.pictures {
            match picture.is_grey && !is_grey {
                true => pixels.extend(picture.values.iter().flat_map(|&value| [value; 3])),
                false => pixels.extend_from_slice(&picture.values),
            }
        }
        Ok(Decoded { shape, broken, notes, pixels })
    }
}

/// The parts of the data set.
fn assemble(listing: Listing, decoded: Decoded) -> Parts {
    let Decoded { shape, broken, notes, pixels } = decoded;
    let inputs = shape.iter().product::<usize>();
    let pixels = Array2::from_shape_vec((pixels.len() / inputs, inputs), pixels)
        .expect("each picture has the same number of pixels");
    let (mut number, mut row) = (0, 0);
    let mut part = |files: &[PictureFile]| {
        let first = row;
        let mut labels = Vec::with_capacity(files.len());
        for file in files {
            if broken.binary_search(&number).is_err() {
                labels.push(file.class);
                row += 1;
            }
            number += 1;
        }
        (!files.is_empty()).then(|| Samples { inputs: pixels.slice(s![first..row, ..]).to_owned(), labels })
    };
    let [train, validation, test] = listing.parts.each_ref().map(|files| part(files));
    let train = train.expect("each class has a picture for training");
    let mut parts = of_levels(shape, listing.classes, (train, validation, test), None);
    parts.reading.notes.extend(listing.notes.into_iter().chain(notes));
    parts
}
