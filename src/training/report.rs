//! What a training tells.

use crate::units::Seconds;

use super::Activity;

/// What one epoch came to.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochReport {
    /// Counted from 1.
    pub epoch: u32,
    /// The mean loss over the epoch's batches, each as the network was then.
    pub loss: f64,
    /// The share of the validation set that the network would get right if it were deployed now.
    pub validation_accuracy: f64,
    /// One a layer, in [0, 1], at the epoch's end.
    pub sharpness: Vec<f32>,
    /// One a layer, of the network as it would be deployed, over the validation set.
    pub activity: Vec<Activity>,
    /// How long the epoch and its evaluation took.
    pub time: Seconds,
}

/// What a training came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// How many epochs were run.
    pub epochs: u32,
    /// The training loss of the last epoch.
    pub loss: f64,
    /// The validation accuracy after the last epoch.
    pub validation_accuracy: f64,
    /// What the layers did in the last epoch, one a layer; none if it was resumed after that.
    pub activity: Vec<Activity>,
    /// Whether every layer was sharp at the end; if not, deployment sharpens them untrained.
    pub sharp: bool,
    /// Whether the observer broke it off.
    pub interrupted: bool,
}
