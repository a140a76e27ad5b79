//! A study that is ready to begin. Its trials train networks, or run a command.

use crate::objective::{DataSummary, Objective};
use crate::report::{Best, Remark};
use crate::space::Space;
use crate::study::{Attributes, EXTERNAL_SETUP, ExternalSetup, SETUP, Setup};
use crate::tuner::Settings;

use super::output::Output;

/// A study that is ready to begin: its options are checked and its files are open.
pub(crate) struct Prepared {
    /// The search space.
    pub space: Space,
    /// What evaluates trials: trains networks, or runs a command.
    pub objective: Box<dyn Objective>,
    /// The study's name.
    pub name: String,
    /// Everything that must stay the same when the study is resumed.
    pub setup: StudySetup,
    /// Attributes of the study that are written at every start.
    pub facts: Attributes,
    /// Budget, workers and the other settings of the tuner.
    pub settings: Settings,
    /// The output file for the result.
    pub output: Output,
    /// The least mean of the winner on the test set, if one is asked for.
    pub fail_under: Option<f64>,
    /// The file of a result that the winner is compared with, and the result, if one is named.
    pub against: Option<(String, Best)>,
    /// What the trials are trained on; `None` if a command evaluates them.
    pub data: Option<DataSummary>,
    /// Remarks for the user before the study begins.
    pub remarks: Vec<Remark>,
}

/// The setup of a study: everything that must stay the same when it is resumed.
pub(crate) enum StudySetup {
    /// The trials are networks on a data set and a chip.
    Networks(Setup),
    /// The trials are evaluated by a command, or by a script through `tune ask` and `tune tell`.
    External(ExternalSetup),
}

impl StudySetup {
    /// The bounds of metrics of networks; `None` where a command measures its constraints.
    pub fn constraints(&self) -> Option<&[String]> {
        match self {
            Self::Networks(setup) => Some(&setup.constraints),
            Self::External(_) => None,
        }
    }

    /// Adds the checksum of the results given by `--warm-start`.
    pub fn set_warm_start(&mut self, sha256: String) {
        let searched = match self {
            Self::Networks(setup) => &mut setup.searched,
            Self::External(setup) => &mut setup.searched,
        };
        searched.warm_start_sha256 = Some(sha256);
    }

    /// The study attribute that stores the setup: its name and its value.
    pub fn attribute(&self) -> (&'static str, serde_json::Value) {
        match self {
            Self::Networks(setup) => (SETUP, setup.to_json()),
            Self::External(setup) => (EXTERNAL_SETUP, setup.to_json()),
        }
    }
}
