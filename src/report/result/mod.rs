//! The result of a study, `best.json`: the winner, the front, and what is picked and compared later.

mod against;
mod best;
mod front;
mod good_values;
mod picked;
mod scored;

pub use against::against_text;
pub(super) use best::default_trial;
pub use best::{Best, Default};
pub use front::{ConfirmedTrial, OnFront};
pub use good_values::GoodValues;
pub use picked::PickedError;
pub use scored::Scored;
