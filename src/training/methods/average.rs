//! Averages of the parameters over the steps or epochs of a training.

use serde::{Deserialize, Serialize};

use crate::network::Network;

use crate::training::TrainingError;
use crate::training::check::{positive, require};

/// Which average of the parameters a training ends with.
///
/// With a sharpener, the average begins when all layers are sharp, since parameters for soft and
/// for sharp steps do not mix. The method `sharpen` ends with that epoch, so hardly anything is
/// averaged. The methods `hybrid` and `surrogate` gain by an average.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Average {
    /// No average: the training ends with the parameters of the last step.
    None,
    /// Stochastic weight averaging: the mean of the parameters after each of the last epochs. Then
    /// the running statistics of batch norm are computed anew over the training set (Izmailov et
    /// al. 2018).
    Swa {
        /// The number of averaged epochs, as a share of the most epochs of the training, in (0, 1].
        /// It is at least one epoch.
        share: f32,
    },
    /// A second, slow set of parameters follows the parameters that learn. Every `steps` steps it
    /// moves towards them, and they start again from there (Zhang et al. 2019). Training ends with
    /// the slow parameters.
    Lookahead {
        /// Number of steps between two moves of the slow parameters, at least 1.
        steps: u32,
        /// How far the slow parameters move, as a share of the way, in (0, 1].
        alpha: f32,
    },
}

impl Average {
    /// Checks that the settings lie in their ranges.
    pub(crate) fn check(&self) -> Result<(), TrainingError> {
        let share = |name, value: f32| {
            let value = f64::from(value);
            require(name, value, value > 0.0 && value <= 1.0, "must lie in (0, 1]")
        };
        match *self {
            Average::None => Ok(()),
            Average::Swa { share: value } => share("share", value),
            Average::Lookahead { steps, alpha } => {
                positive("steps", f64::from(steps)).and_then(|()| share("alpha", alpha))
            }
        }
    }
}

/// The state of an average in a training.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Averaging {
    rule: Average,
    /// Number of epochs in the average, or of steps since the average began.
    pub taken: u64,
    /// The average of each tensor of parameters, in the order of the network's state; empty until
    /// the average begins.
    tensors: Vec<Vec<f32>>,
}

impl Averaging {
    /// The state before training.
    pub fn new(rule: Average) -> Self {
        Self { rule, taken: 0, tensors: Vec::new() }
    }

    /// Call it before each step with all layers sharp. The first call begins the average.
    pub fn before_step(&mut self, network: &mut Network) {
        if self.tensors.is_empty() && matches!(self.rule, Average::Lookahead { .. }) {
            self.copy(network);
        }
    }

    /// Call it after each step with all layers sharp. If it is time, it moves the slow parameters.
    pub fn after_step(&mut self, network: &mut Network) {
        let Average::Lookahead { steps, alpha } = self.rule else { return };
        self.taken += 1;
        if self.taken.is_multiple_of(u64::from(steps)) {
            self.with(network, |slow, fast| {
                *slow += alpha * (*fast - *slow);
                *fast = *slow;
            });
        }
    }

    /// Call it after each epoch that ended with all layers sharp. If the epoch is among the last
    /// ones, it adds the parameters to the mean.
    ///
    /// `left` is the number of epochs before the end of the training, `epochs` the most epochs of
    /// the training.
    pub fn after_epoch(&mut self, left: u32, epochs: u32, network: &mut Network) {
        let Average::Swa { share } = self.rule else { return };
        let window = (f64::from(share) * f64::from(epochs)).round().max(1.0);
        if f64::from(left) >= window {
            return;
        }
        self.taken += 1;
        if self.tensors.is_empty() {
            return self.copy(network);
        }
        let weight = (self.taken as f32).recip();
        self.with(network, |mean, now| *mean += weight * (*now - *mean));
    }

    /// Gives `network` the averaged parameters. Returns whether the running statistics of batch
    /// norm must be computed anew.
    pub fn finish(&mut self, network: &mut Network) -> bool {
        let is_untrained =
            matches!(self.rule, Average::Lookahead { steps, .. } if self.taken < u64::from(steps));
        if self.tensors.is_empty() || is_untrained {
            return false;
        }
        self.with(network, |average, now| *now = *average);
        matches!(self.rule, Average::Swa { .. })
    }

    /// Restores the state of a checkpoint, in which `taken` epochs or steps were averaged. The
    /// caller then fills [`tensors_mut`](Self::tensors_mut).
    pub fn restore(&mut self, taken: u64, network: &mut Network) {
        self.taken = taken;
        if taken > 0 {
            self.copy(network);
        }
    }

    /// The average of each parameter tensor; empty before the average begins.
    pub fn tensors_mut(&mut self) -> &mut [Vec<f32>] {
        &mut self.tensors
    }

    /// Begins the average with the parameters of `network`.
    fn copy(&mut self, network: &mut Network) {
        let learnt = network.state_mut().into_iter().filter(|tensor| tensor.learnt);
        self.tensors = learnt.map(|tensor| tensor.values.to_vec()).collect();
    }

    /// Calls `change` with each averaged number and the network's number in the same place.
    fn with(&mut self, network: &mut Network, change: impl Fn(&mut f32, &mut f32)) {
        let learnt = network.state_mut().into_iter().filter(|tensor| tensor.learnt);
        for (average, tensor) in self.tensors.iter_mut().zip(learnt) {
            average.iter_mut().zip(tensor.values).for_each(|(average, own)| change(average, own));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{HeadSpec, Spec, Volume};
    use crate::seed::Seed;

    fn network() -> Network {
        let head = HeadSpec { classes: 2, redundancy: 1, overlapping: false, batch_norm: true };
        let spec = Spec { input: Volume::flat(3), hidden: vec![], head };
        Network::build(&spec, &Seed::root(1)).expect("the plan is right")
    }

    fn set(network: &mut Network, value: f32) {
        network.state_mut().into_iter().for_each(|tensor| tensor.values.fill(value));
    }

    /// One of the parameters, and one of the running statistics.
    fn of(network: &mut Network) -> (f32, f32) {
        let state = network.state_mut();
        let find =
            |learnt| state.iter().find(|tensor| tensor.learnt == learnt).expect("both kinds").values[0];
        (find(true), find(false))
    }

    #[test]
    fn swa_is_the_mean_after_each_of_the_last_epochs() {
        let (mut network, mut averaging) = (network(), Averaging::new(Average::Swa { share: 0.5 }));
        for (epoch, value) in [9.0, 7.0, 5.0, 1.0, 3.0, 12.0].into_iter().enumerate() {
            set(&mut network, value);
            averaging.after_step(&mut network);
            averaging.after_epoch(5 - epoch as u32, 6, &mut network);
        }
        assert!(averaging.finish(&mut network), "the statistics must be computed again");
        // (1 + 3 + 12) / 3; the running statistics stay.
        let (learnt, measured) = of(&mut network);
        assert!((learnt - 16.0 / 3.0).abs() < 1e-6 && measured == 12.0, "{learnt} {measured}");
    }

    #[test]
    fn lookahead_moves_part_of_the_way_and_starts_again_from_there() {
        let (mut network, mut averaging) =
            (network(), Averaging::new(Average::Lookahead { steps: 2, alpha: 0.25 }));
        set(&mut network, 1.0);
        averaging.before_step(&mut network);
        let mut seen = Vec::new();
        for _ in 0..4 {
            let (now, _) = of(&mut network);
            set(&mut network, now + 4.0);
            averaging.after_step(&mut network);
            seen.push(of(&mut network).0);
        }
        assert!(!averaging.finish(&mut network));
        // 1 to 9 in two steps: 1 + 8/4 = 3; 3 to 11: 5.
        assert_eq!(seen, [5.0, 3.0, 7.0, 5.0]);
        assert_eq!(of(&mut network).1, 11.0);
    }

    #[test]
    fn a_training_shorter_than_the_steps_of_lookahead_is_kept() {
        let (mut network, mut averaging) =
            (network(), Averaging::new(Average::Lookahead { steps: 3, alpha: 0.25 }));
        averaging.before_step(&mut network);
        set(&mut network, 4.0);
        averaging.after_step(&mut network);
        averaging.finish(&mut network);
        assert_eq!(of(&mut network).0, 4.0);
    }

    #[test]
    fn an_average_that_never_began_changes_nothing() {
        let (mut network, mut averaging) = (network(), Averaging::new(Average::Swa { share: 0.1 }));
        let before = network.clone();
        averaging.after_epoch(5, 6, &mut network);
        assert!(!averaging.finish(&mut network));
        assert_eq!(network, before);
    }
}
