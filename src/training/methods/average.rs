//! Averages of the parameters along the way of a training.

use serde::{Deserialize, Serialize};

use crate::network::Network;

use crate::training::TrainingError;
use crate::training::check::{positive, require};

/// Which average of the parameters a training ends with.
///
/// Where a sharpener is at work the average begins only when all layers are exact: parameters of soft and of
/// sharp steps do not mix. With the method `sharpen` alone training ends in the epoch that finishes the last
/// layer, so that there is next to nothing to average; `hybrid` and `surrogate` gain by it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Average {
    /// None: the parameters of the last step.
    None,
    /// The mean of the parameters after each of the last epochs; batch norm's running statistics are then
    /// measured anew over the training set (Izmailov et al. 2018).
    Swa {
        /// The share of the most epochs of the training, in (0, 1]; at least one epoch.
        share: f32,
    },
    /// Slow parameters that follow the fast ones, and from which these set out again (Zhang et al. 2019).
    /// Training ends with the slow ones.
    Lookahead {
        /// After so many steps the slow parameters move, at least 1.
        steps: u32,
        /// By this share of the way to the fast ones, in (0, 1].
        alpha: f32,
    },
}

impl Average {
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

/// An average in the making.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Averaging {
    rule: Average,
    /// Parameters averaged, or steps taken since the average began.
    pub taken: u64,
    /// One a learnt tensor of the network, in the order of its state; empty until the average begins.
    tensors: Vec<Vec<f32>>,
}

impl Averaging {
    pub fn new(rule: Average) -> Self {
        Self { rule, taken: 0, tensors: Vec::new() }
    }

    /// Hears that a step of exact layers is about to be done.
    pub fn before_step(&mut self, network: &mut Network) {
        if self.tensors.is_empty() && matches!(self.rule, Average::Lookahead { .. }) {
            self.copy(network);
        }
    }

    /// Hears that a step of exact layers was done.
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

    /// Hears that an epoch that ended with exact layers was done, `left` epochs before the training's end.
    ///
    /// `epochs`: the most of the training.
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

    /// Gives `network` the average; returns whether its running statistics are now another network's.
    pub fn finish(&mut self, network: &mut Network) -> bool {
        if self.tensors.is_empty() {
            return false;
        }
        self.with(network, |average, now| *now = *average);
        matches!(self.rule, Average::Swa { .. })
    }

    /// The average's tensors, as a checkpoint keeps them; those of `network` where it has begun.
    pub fn restore(&mut self, taken: u64, network: &mut Network) {
        self.taken = taken;
        if taken > 0 {
            self.copy(network);
        }
    }

    /// One a learnt tensor; none before the average begins.
    pub fn tensors_mut(&mut self) -> &mut [Vec<f32>] {
        &mut self.tensors
    }

    fn copy(&mut self, network: &mut Network) {
        let learnt = network.state_mut().into_iter().filter(|tensor| tensor.learnt);
        self.tensors = learnt.map(|tensor| tensor.values.to_vec()).collect();
    }

    /// Runs `change` on each number of the average and the network's own.
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

    /// A learnt number and a measured one.
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
        assert!(averaging.finish(&mut network), "statistics are to be measured anew");
        // (1 + 3 + 12) / 3; what is measured stays.
        let (learnt, measured) = of(&mut network);
        assert!((learnt - 16.0 / 3.0).abs() < 1e-6 && measured == 12.0, "{learnt} {measured}");
    }

    #[test]
    fn lookahead_goes_part_of_the_way_and_sets_out_again_from_there() {
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
        // 1 to 9 in two steps: 1 + 8/4 = 3; 3 to 11: 5.
        assert_eq!(seen, [5.0, 3.0, 7.0, 5.0]);
        assert_eq!(of(&mut network).1, 11.0);
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
