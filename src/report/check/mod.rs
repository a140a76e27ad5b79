//! A check of a trained network, or of a command, against a baseline: what was found, and how CI
//! systems are told.

mod baseline;
mod exact;
mod findings;
mod github;
mod junit;
mod limit;
mod openmetrics;
mod result;
mod scale;
mod seeds;
mod text;

pub use baseline::{Baseline, BaselineModel, FEWEST_SEEDS};
pub use exact::{Change, Exact};
pub use findings::{Finding, FindingState};
pub use limit::{Limit, LimitError};
pub use result::CheckResult;
pub use scale::Scale;
pub use seeds::{Costs, FailedSeed, SeedResult};
