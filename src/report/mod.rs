//! Reports of a study as text, JSON, Markdown and HTML.

mod check;
mod compare;
mod facts;
mod gain;
mod html;
mod interval;
mod journal;
mod list;
mod remark;
mod rerun;
mod result;
mod shown;
mod status;
mod text;
mod trials;

pub use check::{
    Baseline, BaselineModel, Change, CheckResult, Costs, Exact, FEWEST_SEEDS, FailedSeed, Finding,
    FindingState, Limit, LimitError, Scale, SeedResult,
};
pub use compare::{CompareError, Comparison};
pub use facts::Fact;
pub use html::{Gathered, Report, StudyReport};
pub use interval::accuracy_interval;
pub use journal::{JournalError, journal};
pub use list::{StudyLine, StudyState, list_csv, list_text};
pub use remark::Remark;
pub use rerun::{NetworkFile, Rerun, RerunSeed};
pub use result::{Best, ConfirmedTrial, Default, GoodValues, OnFront, PickedError, Scored, against_text};
pub use shown::{Shown, ShownTrial};
pub use status::{Status, Worker, status_text};
pub use text::{good_values_text, importance_text, metric_text, network_text, study_text, winner_text};
pub use trials::{TrialLine, trials_csv, trials_jsonl};
