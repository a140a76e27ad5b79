//! A study that is ready to begin, whatever evaluates its trials.

use crate::objective::{DataSummary, Objective};
use crate::report::{Best, Remark};
use crate::space::Space;
use crate::study::{Attributes, EXTERNAL_SETUP, ExternalSetup, SETUP, Setup};
use crate::tuner::Settings;

use super::output::Output;

/// A study that is ready to begin: checked options and opened files.
pub(crate) struct Prepared {
    /// The space that is searched.
    pub space: Space,
    /// Evaluates trials.
    pub objective: Box<dyn Objective>,
    /// The study's name.
    pub name: String,
    /// Everything that must stay the same when the study is resumed.
    pub setup: StudySetup,
    /// Study attributes that are written at every start.
    pub facts: Attributes,
    /// Budget, workers and the other settings of the tuner.
    pub settings: Settings,
    /// The file of the result.
    pub output: Output,
    /// The least mean of the winner on the test set, if one is asked for.
    pub fail_under: Option<f64>,
    /// The file of a result that the winner is compared with, and the result, if one is named.
    pub against: Option<(String, Best)>,
    /// What the trials are trained on; `None` if a command evaluates them.
    pub data: Option<DataSummary>,
    /// What people should know before the study begins.
    pub remarks: Vec<Remark>,
}

/// The setup of a study, by what evaluates its trials.
pub(crate) enum StudySetup {
    /// Networks on a data set and a chip.
    Networks(Setup),
    /// A command, or a script that asks and tells.
    External(ExternalSetup),
}

impl StudySetup {
    /// Notes the checksum of the results that the search knows from the start.
    pub fn set_warm_start(&mut self, sha256: String) {
        let searched = match self {
            Self::Networks(setup) => &mut setup.searched,
            Self::External(setup) => &mut setup.searched,
        };
        searched.warm_start_sha256 = Some(sha256);
    }

    /// The name of the study attribute that holds it, and its value.
    pub fn attribute(&self) -> (&'static str, serde_json::Value) {
        match self {
            Self::Networks(setup) => (SETUP, setup.to_json()),
            Self::External(setup) => (EXTERNAL_SETUP, setup.to_json()),
        }
    }
}
