//! The reports of a training: one per epoch, and a summary.

use crate::units::Seconds;

use super::Activity;

/// The report of an epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochReport {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// The mean training loss over the batches of the epoch.
    pub loss: f64,
    /// The accuracy on the validation set, in [0, 1], as if the network were deployed now.
    pub validation_accuracy: f64,
    /// The sharpness of each layer at the end of the epoch, in [0, 1].
    pub sharpness: Vec<f32>,
    /// The activity of each layer over the validation set, as if the network were deployed now.
    pub activity: Vec<Activity>,
    /// The duration of the epoch and its evaluation.
    pub time: Seconds,
}

/// The summary of a training.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The number of epochs.
    pub epochs: u32,
    /// The training loss of the last epoch.
    pub loss: f64,
    /// The validation accuracy after the last epoch.
    pub validation_accuracy: f64,
    /// The activity of each layer after the last epoch. It is empty if the training was resumed
    /// after its last epoch.
    pub activity: Vec<Activity>,
    /// Whether all layers were sharp at the end, so that they send only 0 or 1. If not, deployment
    /// makes them sharp without further training.
    pub sharp: bool,
    /// Whether the observer interrupted the training.
    pub interrupted: bool,
}
