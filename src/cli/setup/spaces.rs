//! The search spaces that come with the program, and those in files.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::input;
use crate::space::Space;

/// Name, file name and text of every built-in space.
const BUILT_IN: [(&str, &str, &str); 6] = [
    ("images", "configs/images.json", include_str!("../../../configs/images.json")),
    ("small-images", "configs/small-images.json", include_str!("../../../configs/small-images.json")),
    ("tables", "configs/tables.json", include_str!("../../../configs/tables.json")),
    ("topologies", "configs/topologies.json", include_str!("../../../configs/topologies.json")),
    ("uneven-tables", "configs/uneven-tables.json", include_str!("../../../configs/uneven-tables.json")),
    ("whetstone", "configs/whetstone.json", include_str!("../../../configs/whetstone.json")),
];

/// The built-in space `name`, or the space in the file `name`.
pub(crate) fn open(name: &str) -> Result<Space> {
    open_as("--space", name)
}

/// Like [`open`]; an error says that the name was given as `what`.
pub(crate) fn open_as(what: &str, name: &str) -> Result<Space> {
    if let Some((_, file, text)) = BUILT_IN.iter().find(|(built_in, ..)| *built_in == name) {
        return Ok(Space::from_json(text, file)?);
    }
    let path = Path::new(name);
    if path.extension().is_none() && !path.exists() {
        let hint = input::suggestion(name, BUILT_IN.iter().map(|&(name, ..)| name));
        bail!("{what} {name}: neither a built-in space nor a file{hint}");
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("{what} {name}: cannot read it"))?;
    Ok(Space::from_json(&text, name)?)
}

/// The names of the built-in spaces.
pub(crate) fn names() -> impl Iterator<Item = &'static str> + Clone {
    BUILT_IN.into_iter().map(|(name, ..)| name)
}

/// The text of the built-in space `name`, or of the file `name`.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn text(name: &str) -> Result<String> {
    match BUILT_IN.iter().find(|(built_in, ..)| *built_in == name) {
        Some((.., text)) => Ok((*text).to_owned()),
        None => std::fs::read_to_string(name).with_context(|| format!("{name}: cannot read it")),
    }
}

/// What the space `name` is for, in its own words; empty if it does not say.
///
/// # Errors
/// The space cannot be read.
pub(crate) fn purpose(name: &str) -> Result<String> {
    let space = input::parse(&text(name)?, name)?;
    Ok(space["description"].as_str().unwrap_or_default().to_owned())
}

/// Images with a side shorter than this, in pixels, are small: convolutions would leave little of
/// them.
const SMALL: usize = 16;

/// The built-in space that suits inputs of `shape` (height, width, channels).
pub(crate) fn fitting(shape: [usize; 3]) -> &'static str {
    match shape {
        [1, 1, _] => "tables",
        [height, width, _] if height.min(width) < SMALL => "small-images",
        _ => "images",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_space_follows_the_rules() {
        for (name, ..) in BUILT_IN {
            assert_eq!(open(name).expect("right").name(), name);
        }
    }

    #[test]
    fn small_images_have_a_space_of_their_own() {
        let shapes = [[1, 1, 13], [8, 8, 1], [28, 28, 1], [32, 15, 3]];
        assert_eq!(shapes.map(fitting), ["tables", "small-images", "images", "small-images"]);
    }

    #[test]
    fn a_typo_in_a_name_suggests_the_space_that_was_meant() {
        let message = open("imags").expect_err("unknown").to_string();
        assert_eq!(message, r#"--space imags: neither a built-in space nor a file; did you mean "images"?"#);
    }
}
