//! Checks that end a failed training early: its loss explodes, or a layer never fires.

use serde::{Deserialize, Serialize};

use super::{Activity, TrainingError};

/// How far the running mean of the loss may rise, as a multiple of the loss of a random guess.
const EXPLOSION: f64 = 10.0;
/// The weight of a batch in the running mean of the loss. With this weight the mean covers about
/// the last hundred batches.
const WEIGHT: f64 = 0.01;
/// A training fails in this epoch in a row in which some sharp layer never fires. Until then a
/// surrogate gradient may still change the layer.
const SILENCE: u32 = 5;

/// The state of the checks that end a failed training early.
///
/// The loss has exploded if its running mean exceeds 10 times the loss of a guess. For K classes a
/// random guess has the loss `ln K`. If the loss of the first batch is higher, it is used instead.
/// With exact steps and a low temperature, even an untrained network is so confident that `ln K`
/// alone would be too strict.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    /// The loss of a guess; `ln K` before the first batch.
    guess: f64,
    /// The running mean of the loss; `None` before the first batch.
    mean: Option<f64>,
    /// Number of epochs in a row in which a sharp layer never fired.
    silent: u32,
}

impl Watch {
    /// The state before training, for a network of `classes` classes.
    pub fn new(classes: usize) -> Self {
        Self { guess: (classes as f64).ln(), mean: None, silent: 0 }
    }

    /// Checks the mean loss of a batch in `epoch`, counted from 1.
    ///
    /// # Errors
    /// The loss is not finite, or has exploded.
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

    /// Checks the activity of the layers at the end of `epoch`, counted from 1.
    ///
    /// # Errors
    /// A sharp layer never fires. For one of the lowest `frozen` layers, which no gradient can
    /// change, a single epoch suffices; for any other layer it must be the fifth epoch in a row.
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
    fn one_bad_batch_is_accepted_and_a_hundred_are_not() {
        let mut watch = Watch::new(10);
        assert_eq!(watch.batch(1, 2.0), Ok(()));
        assert_eq!(watch.batch(1, 1000.0), Ok(()));
        let broken = (0..200).find_map(|_| watch.batch(2, 40.0).err()).expect("40 is more than 10 ln 10");
        let TrainingError::Exploded { epoch: 2, loss, guess } = broken else { panic!("{broken}") };
        assert!(loss > 10.0 * guess && (guess - 10f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn a_network_with_a_high_first_loss_is_compared_with_that_loss() {
        let mut watch = Watch::new(10);
        assert!([30.0, 290.0].repeat(500).into_iter().all(|loss| watch.batch(1, loss).is_ok()));
        let broken = watch.batch(3, f64::NAN).expect_err("not a number").to_string();
        assert_eq!(broken, "the loss is not finite in epoch 3: lower the learning rate");
    }

    #[test]
    fn only_a_sharp_layer_must_fire() {
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
