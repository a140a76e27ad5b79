//! The space that a study searches, kept with it.

use crate::space::{Space, SpaceError};
use crate::study::Study;

/// Name of the study attribute that holds the space, as [`Space::to_json`] spells it.
pub const SPACE: &str = "tune:space";

impl Study {
    /// The space of the study, if it keeps one.
    ///
    /// # Errors
    /// What it keeps is no space: another program wrote it.
    pub fn space(&self) -> Option<Result<Space, SpaceError>> {
        let kept = self.attributes.get(SPACE)?;
        Some(Space::from_json(&kept.to_string(), SPACE))
    }
}
