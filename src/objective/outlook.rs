//! What is known of an evaluation before it ends, for people who watch it.

/// What is known of an evaluation before it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// The network in one line, if one is trained.
    pub network: Option<String>,
    /// The number of steps that it reports, if that is known: epochs of all its trainings.
    pub steps: Option<u32>,
}
