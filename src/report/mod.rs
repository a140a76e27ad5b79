//! Reports of a study as text, JSON, Markdown and HTML.

mod against;
mod best;
mod facts;
mod front;
mod html;
mod interval;
mod journal;
mod picked;
mod remark;
mod rerun;
mod scored;
mod status;
mod text;
mod trials;

pub use against::against_text;
pub use best::{Best, Default};
pub use facts::Fact;
pub use front::{ConfirmedTrial, OnFront};
pub use html::{Gathered, Report, StudyReport};
pub use journal::{JournalError, journal};
pub use picked::PickedError;
pub use remark::Remark;
pub use rerun::{NetworkFile, Rerun, SeedResult};
pub use scored::Scored;
pub use status::{Status, Worker, status_text};
pub use text::{importance_text, network_text, study_text, winner_text};
pub use trials::{TrialLine, trials_csv, trials_jsonl};
