//! What tells a study from those of other databases.

use crate::study::Study;

/// Name of the study attribute that holds what no other study has, whatever database it is in.
pub const IDENTITY: &str = "tune:identity";

impl Study {
    /// What no other study has; studies of older versions have none.
    pub fn identity(&self) -> Option<&str> {
        self.attributes.get(IDENTITY)?.as_str()
    }
}
