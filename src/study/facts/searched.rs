//! What is searched and how: the part of a setup that studies of networks and of commands have in
//! common.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a study searches and how. It must stay the same when the study is resumed.
///
/// [`Setup`](crate::study::Setup) and [`ExternalSetup`](crate::study::ExternalSetup) keep these
/// keys among their own, without a level between.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Searched {
    /// The search space's name.
    pub space: String,
    /// SHA-256 of the space as it was searched, in hex.
    pub space_sha256: String,
    /// The search strategy.
    pub search: String,
    /// What decides which paused trials go on; left out where trials do not pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fidelity: Option<String>,
    /// SHA-256 of the warm-start trials, in hex; left out where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_start_sha256: Option<String>,
    /// Seeds from which every trial is evaluated; left out where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicates: Option<u32>,
    /// The reference point, one value per metric; left out where nobody named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Vec<f64>>,
    /// The root of all randomness.
    pub seed: u64,
    /// The number of workers for which the order in which trials finish does not change the study;
    /// left out with one worker, or where the order may change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deterministic_workers: Option<u16>,
}

impl Searched {
    /// A search of the space called `space`, whose SHA-256 is `space_sha256`, by the strategy
    /// `search` from the root `seed`. No trial pauses, there are no warm-start trials, each trial
    /// has one seed, no reference point is named, and there is one worker: set the other fields
    /// where that is not so.
    ///
    /// ```
    /// use spiketune::study::Searched;
    ///
    /// let searched = Searched::new("images", "ab12", "bayes", 7);
    /// let halving = Searched { fidelity: Some("halving".to_owned()), ..searched };
    /// assert_eq!((halving.seed, halving.replicates), (7, None));
    /// ```
    pub fn new(
        space: impl Into<String>,
        space_sha256: impl Into<String>,
        search: impl Into<String>,
        seed: u64,
    ) -> Self {
        Self {
            space: space.into(),
            space_sha256: space_sha256.into(),
            search: search.into(),
            fidelity: None,
            warm_start_sha256: None,
            replicates: None,
            reference: None,
            seed,
            deterministic_workers: None,
        }
    }
}
