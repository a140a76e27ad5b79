//! Trainings that are past saving, seen early.

use serde::{Deserialize, Serialize};

use super::{Activity, TrainingError};

/// How many times the loss of a guess the running mean may reach.
const EXPLOSION: f64 = 10.0;
/// What a batch's loss weighs in the running mean: it looks back over a hundred batches or so.
const WEIGHT: f64 = 0.01;
/// Epochs in a row after which a silent layer is given up though a surrogate slope may still wake it.
const SILENCE: u32 = 5;

/// The loss, watched from batch to batch.
///
/// A training has exploded when the running mean of its loss is above 10 times that of a guess: of `ln K`,
/// equal chances for K classes, or of the network as it was built, whichever is more. (Exact steps and a low
/// temperature make even a fresh network sure of itself, so that `ln K` alone would be too strict.)
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    /// What the loss is compared with; `ln K` before the first batch.
    guess: f64,
    /// None before the first batch.
    mean: Option<f64>,
    /// Epochs in a row with an exact layer that never fired.
    silent: u32,
}

impl Watch {
    pub fn new(classes: usize) -> Self {
        Self { guess: (classes as f64).ln(), mean: None, silent: 0 }
    }

    /// Hears the mean loss of a batch in `epoch`, counted from 1.
    pub fn batch(&mut self, epoch: u32, loss: f64) -> Result<(), TrainingError> {
        if !loss.is_finite() {
            return Err(TrainingError::Diverged { epoch, what: "the loss" });
        }
        let Some(mean) = &mut self.mean else {
            *self = Self { guess: self.guess.max(loss), mean: Some(loss), ..*self };
            return Ok(());
        };
        *mean += WEIGHT * (loss - *mean);
        if *mean > EXPLOSION * self.guess {
            return Err(TrainingError::Exploded { epoch, loss: *mean, guess: self.guess });
        }
        Ok(())
    }

    /// Hears what the layers do at the end of `epoch`, counted from 1; refuses an exact layer that never fires:
    /// one of the lowest `frozen` at once, since nothing can wake it, another after five epochs in a row.
    pub fn epoch(
        &mut self,
        epoch: u32,
        activity: &[Activity],
        sharpness: &[f32],
        frozen: usize,
    ) -> Result<(), TrainingError> {
        let silent = |(activity, &sharpness): (&Activity, &f32)| sharpness == 1.0 && activity.rate == 0.0;
        let Some(layer) = activity.iter().zip(sharpness).position(silent) else {
            self.silent = 0;
            return Ok(());
        };
        self.silent += 1;
        if layer < frozen || self.silent >= SILENCE {
            return Err(TrainingError::Dead { epoch, layer });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_batch_is_borne_and_a_hundred_are_not() {
        let mut watch = Watch::new(10);
        assert_eq!(watch.batch(1, 2.0), Ok(()));
        assert_eq!(watch.batch(1, 1000.0), Ok(()));
        let broken = (0..200).find_map(|_| watch.batch(2, 40.0).err()).expect("40 is more than 10 ln 10");
        let TrainingError::Exploded { epoch: 2, loss, guess } = broken else { panic!("{broken}") };
        assert!(loss > 10.0 * guess && (guess - 10f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn a_network_that_begins_far_off_is_measured_by_its_beginning() {
        let mut watch = Watch::new(10);
        assert!([30.0, 290.0].repeat(500).into_iter().all(|loss| watch.batch(1, loss).is_ok()));
        let broken = watch.batch(3, f64::NAN).expect_err("not a number").to_string();
        assert_eq!(broken, "the loss is not finite in epoch 3: lower the learning rate");
    }

    #[test]
    fn only_an_exact_layer_must_fire() {
        let activity = |rate| Activity { rate, dead: 0.0, always_on: 0.0 };
        let (silent, lively) = ([activity(0.1), activity(0.0)], [activity(0.1); 2]);
        let mut watch = Watch::new(2);
        let dead = |epoch| Err(TrainingError::Dead { epoch, layer: 1 });
        assert_eq!(watch.epoch(1, &silent, &[1.0, 0.99], 1), Ok(()));
        assert_eq!(watch.epoch(2, &silent, &[1.0, 1.0], 2), dead(2), "nothing wakes a frozen layer");
        assert_eq!(watch.epoch(3, &lively, &[1.0, 1.0], 0), Ok(()));
        assert!((4..8).all(|epoch| watch.epoch(epoch, &silent, &[1.0, 1.0], 0).is_ok()));
        assert_eq!(watch.epoch(8, &silent, &[1.0, 1.0], 0), dead(8));
    }
}
