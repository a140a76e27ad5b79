//! What is searched and how. This part of a setup is the same for studies of networks and of
//! commands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a study searches and how. It must stay the same when the study is resumed.
///
/// In the JSON of [`Setup`](crate::study::Setup) and
/// [`ExternalSetup`](crate::study::ExternalSetup), these keys stand beside their own keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Searched {
    /// The search space's name.
    pub space: String,
    /// SHA-256 of the space as it was searched, in hex.
    pub space_sha256: String,
    /// The name of the search algorithm.
    pub search: String,
    /// The fidelity: what decides which paused trials resume; left out if trials do not pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fidelity: Option<String>,
    /// SHA-256 of the warm-start trials (earlier results that the search learns from), in hex; left
    /// out if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_start_sha256: Option<String>,
    /// Number of seeds from which every trial is evaluated; left out if it is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicates: Option<u32>,
    /// The reference point (the worst useful value of every metric), one value per metric; left out
    /// if nobody named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Vec<f64>>,
    /// The seed of all random numbers.
    pub seed: u64,
    /// The number of workers, if the study is the same whatever the order in which trials finish;
    /// left out with one worker, or if the order may change the study.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deterministic_workers: Option<u16>,
}

impl Searched {
    /// A search of the space called `space`, whose SHA-256 is `space_sha256`, by the algorithm
    /// `search` with the seed `seed`. All other fields have their usual values: no trial pauses,
    /// there are no warm-start trials, each trial has one seed, there is no reference point, and
    /// there is one worker.
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
