//! The identity of a study: a text that no other study has; and what made it.

use crate::study::Study;

/// Key of the study attribute that holds the study's identity: a text that no other study of any
/// database has.
pub const IDENTITY: &str = "tune:identity";

/// Key of the study attribute that holds the version of this program that created the study.
pub const VERSION: &str = "tune:version";

/// Key of the study attribute that holds the command line which makes the study's result again, as
/// `best.json` has it.
pub const COMMAND: &str = "tune:command";

impl Study {
    /// The identity of the study: a text that no other study has. Studies of the oldest versions
    /// have none.
    pub fn identity(&self) -> Option<&str> {
        self.attributes.get(IDENTITY)?.as_str()
    }
}
