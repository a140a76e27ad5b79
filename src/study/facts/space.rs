//! The space that a study searches, and how it searches, as the study stores them.

use super::external::ExternalSetup;
use super::searched::Searched;
use super::setup::Setup;
use crate::space::{Space, SpaceError};
use crate::study::Study;

/// Key of the study attribute that holds the space, as [`Space::to_json`] writes it.
pub const SPACE: &str = "tune:space";

impl Study {
    /// The space of the study, if the study stores it.
    ///
    /// # Errors
    /// The attribute [`SPACE`] is not a space: another program wrote it.
    pub fn space(&self) -> Option<Result<Space, SpaceError>> {
        let kept = self.attributes.get(SPACE)?;
        Some(Space::from_json(&kept.to_string(), SPACE))
    }

    /// What the study searches and how; `None` if another program made the study.
    pub fn searched(&self) -> Option<Searched> {
        let of_network = || Setup::of(self).map(|setup| setup.searched);
        of_network().or_else(|| ExternalSetup::of(self).map(|setup| setup.searched))
    }
}
