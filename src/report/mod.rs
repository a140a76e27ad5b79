//! Reports of a study as text and JSON.

mod best;
mod journal;
mod remark;
mod rerun;
mod status;
mod text;
mod trials;

pub use best::{Best, Default, OnFront, Scored};
pub use journal::{JournalError, journal};
pub use remark::Remark;
pub use rerun::{NetworkFile, Rerun, SeedResult};
pub use status::{Status, Worker, status_text};
pub use text::{importance_text, network_text, study_text, winner_text};
pub use trials::{TrialLine, trials_csv, trials_jsonl};
