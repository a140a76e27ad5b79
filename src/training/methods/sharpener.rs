//! Sharpeners decide when, in which order and how fast the activations of the layers become sharp
//! steps (Severa et al. 2019).

use serde::{Deserialize, Serialize};

use super::adaptive::{Adaptive, AdaptiveState};
use super::order::Order;
use super::position::BatchPosition;
use crate::training::TrainingError;
use crate::training::check::positive;

/// How the sharpness of the layers grows from 0 (a wide ramp) to 1 (a step).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Sharpener {
    /// In equal increments, one per epoch.
    Simple(Simple),
    /// In a linear ramp, a little from batch to batch.
    Scheduled(Scheduled),
    /// As fast as the training loss allows.
    Adaptive(Adaptive),
}

/// The settings of the simple sharpener. After the first `start_epoch` epochs, each epoch begins
/// with one of `steps` equal increments of the sharpness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Simple {
    /// Number of soft epochs at the start, in which nothing is sharpened.
    pub start_epoch: u32,
    /// Number of increments per layer, at least 1.
    pub steps: u32,
    /// The order of the layers. Bottom-up and top-down take `steps` epochs for each layer; uniform
    /// takes them once for all layers.
    pub order: Order,
}

/// The settings of the scheduled sharpener: the sharpness grows in a linear ramp, from batch to
/// batch, over `duration` epochs per layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheduled {
    /// Number of soft epochs at the start, in which nothing is sharpened.
    pub start_epoch: u32,
    /// Number of epochs from sharpness 0 to 1, at least 1.
    pub duration: u32,
    /// Number of epochs between the end of a layer's ramp and the beginning of the next.
    pub intermission: u32,
    /// The order of the layers. Bottom-up and top-down take one ramp for each layer; uniform takes
    /// one for all layers.
    pub order: Order,
}

impl Default for Simple {
    /// The example that Whetstone publishes for a dense network.
    fn default() -> Self {
        Self { start_epoch: 5, steps: 5, order: Order::BottomUp }
    }
}

impl Default for Scheduled {
    /// The example that Whetstone publishes for a convolutional network.
    fn default() -> Self {
        Self { start_epoch: 30, duration: 4, intermission: 2, order: Order::BottomUp }
    }
}

impl Sharpener {
    /// The number of epochs until `layers` layers, at least 1, are sharp. For an adaptive sharpener
    /// it is the least possible number.
    pub fn epochs(&self, layers: u32) -> u32 {
        match self {
            Sharpener::Simple(Simple { start_epoch, steps, order }) => {
                start_epoch.saturating_add(steps.saturating_mul(order.most_predecessors(layers) + 1))
            }
            Sharpener::Scheduled(Scheduled { start_epoch, duration, intermission, order }) => {
                let later = duration.saturating_add(*intermission);
                let later = later.saturating_mul(order.most_predecessors(layers));
                start_epoch.saturating_add(*duration).saturating_add(later)
            }
            Sharpener::Adaptive(adaptive) => adaptive.least_epochs(layers),
        }
    }

    /// Checks that the settings lie in their ranges.
    pub(crate) fn check(&self) -> Result<(), TrainingError> {
        match self {
            Sharpener::Simple(simple) => positive("steps", f64::from(simple.steps)),
            Sharpener::Scheduled(scheduled) => positive("duration", f64::from(scheduled.duration)),
            Sharpener::Adaptive(adaptive) => adaptive.check(),
        }
    }
}

/// The state of a sharpener in a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Sharpening {
    Simple(Simple),
    Scheduled(Scheduled),
    Adaptive(AdaptiveState),
}

impl Sharpening {
    /// The state before training.
    pub fn new(sharpener: Sharpener) -> Self {
        match sharpener {
            Sharpener::Simple(simple) => Sharpening::Simple(simple),
            Sharpener::Scheduled(scheduled) => Sharpening::Scheduled(scheduled),
            Sharpener::Adaptive(adaptive) => Sharpening::Adaptive(AdaptiveState::new(adaptive)),
        }
    }

    /// Sets the `sharpness` of each layer for the batch at `position`.
    pub fn before_batch(&mut self, position: BatchPosition, sharpness: &mut [f32]) {
        let set = |plan: &dyn Fn(u32, u32) -> f64, sharpness: &mut [f32]| {
            let layers = sharpness.len() as u32;
            for (layer, sharpness) in (0..).zip(sharpness) {
                *sharpness = plan(layer, layers).clamp(0.0, 1.0) as f32;
            }
        };
        match self {
            Sharpening::Simple(simple) => set(&|layer, of| simple.plan(layer, of, position), sharpness),
            Sharpening::Scheduled(scheduled) => {
                set(&|layer, of| scheduled.plan(layer, of, position), sharpness)
            }
            Sharpening::Adaptive(state) => state.before_batch(position, sharpness),
        }
    }

    /// Adapts to the mean training `loss` of an epoch, counted from 0.
    pub fn after_epoch(&mut self, epoch: u32, loss: f64) {
        if let Sharpening::Adaptive(state) = self {
            state.after_epoch(epoch, loss);
        }
    }
}

impl Simple {
    /// The sharpness of `layer`, of `layers`, at `position`, before it is clamped to [0, 1].
    fn plan(&self, layer: u32, layers: u32, position: BatchPosition) -> f64 {
        let increments = f64::from(position.epoch) + 1.0 - f64::from(self.start_epoch);
        increments / f64::from(self.steps) - f64::from(self.order.predecessors(layer, layers))
    }
}

impl Scheduled {
    /// The sharpness of `layer`, of `layers`, at `position`, before it is clamped to [0, 1]: 0 at the
    /// first batch of the layer's ramp, 1 at the last.
    fn plan(&self, layer: u32, layers: u32, position: BatchPosition) -> f64 {
        let batches = position.batches as f64;
        let predecessors = f64::from(self.order.predecessors(layer, layers));
        let begin = f64::from(self.start_epoch) + predecessors * f64::from(self.duration + self.intermission);
        let done = (f64::from(position.epoch) - begin) * batches + position.batch as f64;
        let last = f64::from(self.duration) * batches - 1.0;
        // A ramp of a single batch ends at once.
        if last > 0.0 { done / last } else { done + 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(sharpening: &mut Sharpening, epoch: u32, batch: usize, batches: usize) -> [f32; 3] {
        let mut sharpness = [0.0; 3];
        sharpening.before_batch(BatchPosition { epoch, batch, batches }, &mut sharpness);
        sharpness
    }

    #[test]
    fn the_simple_sharpener_finishes_one_layer_after_another() {
        let simple = Simple { start_epoch: 2, steps: 4, order: Order::BottomUp };
        let mut sharpening = Sharpening::new(Sharpener::Simple(simple));
        let table = [
            (0, [0.0, 0.0, 0.0]),
            (1, [0.0, 0.0, 0.0]),
            (2, [0.25, 0.0, 0.0]),
            (4, [0.75, 0.0, 0.0]),
            (5, [1.0, 0.0, 0.0]),
            (6, [1.0, 0.25, 0.0]),
            (12, [1.0, 1.0, 0.75]),
            (13, [1.0, 1.0, 1.0]),
        ];
        for (epoch, expected) in table {
            assert_eq!(at(&mut sharpening, epoch, 3, 10), expected, "epoch {epoch}");
        }
        assert_eq!(Sharpener::Simple(simple).epochs(3), 14);
    }

    #[test]
    fn a_uniform_sharpener_treats_all_layers_alike() {
        let simple = Simple { start_epoch: 1, steps: 2, order: Order::Uniform };
        let mut sharpening = Sharpening::new(Sharpener::Simple(simple));
        assert_eq!(at(&mut sharpening, 1, 0, 10), [0.5; 3]);
        assert_eq!(at(&mut sharpening, 2, 0, 10), [1.0; 3]);
        assert_eq!(Sharpener::Simple(simple).epochs(3), 3);
    }

    #[test]
    fn a_top_down_sharpener_finishes_the_last_layer_first() {
        let simple = Simple { start_epoch: 1, steps: 2, order: Order::TopDown };
        let mut sharpening = Sharpening::new(Sharpener::Simple(simple));
        assert_eq!(at(&mut sharpening, 1, 0, 10), [0.0, 0.0, 0.5]);
        assert_eq!(at(&mut sharpening, 3, 0, 10), [0.0, 0.5, 1.0]);
        assert_eq!(at(&mut sharpening, 6, 0, 10), [1.0; 3]);
        assert_eq!(Sharpener::Simple(simple).epochs(3), 7);
        let scheduled = Scheduled { start_epoch: 0, duration: 1, intermission: 1, order: Order::TopDown };
        let mut sharpening = Sharpening::new(Sharpener::Scheduled(scheduled));
        assert_eq!(at(&mut sharpening, 2, 1, 3), [0.0, 0.5, 1.0]);
        assert_eq!(Sharpener::Scheduled(scheduled).epochs(3), 5);
    }

    #[test]
    fn the_scheduled_sharpener_ramps_from_a_layers_first_batch_to_its_last() {
        let scheduled = Scheduled { start_epoch: 1, duration: 2, intermission: 1, order: Order::BottomUp };
        let mut sharpening = Sharpening::new(Sharpener::Scheduled(scheduled));
        // Ramps of 2 epochs with 3 batches each: increments of 1/5, from epochs 1, 4 and 7.
        let table = [
            (0, 2, [0.0, 0.0, 0.0]),
            (1, 0, [0.0, 0.0, 0.0]),
            (1, 1, [0.2, 0.0, 0.0]),
            (2, 2, [1.0, 0.0, 0.0]),
            (3, 2, [1.0, 0.0, 0.0]),
            (4, 2, [1.0, 0.4, 0.0]),
            (8, 1, [1.0, 1.0, 0.8]),
            (8, 2, [1.0, 1.0, 1.0]),
        ];
        for (epoch, batch, expected) in table {
            assert_eq!(at(&mut sharpening, epoch, batch, 3), expected, "epoch {epoch} batch {batch}");
        }
        assert_eq!(Sharpener::Scheduled(scheduled).epochs(3), 9);
    }

    #[test]
    fn a_ramp_of_one_batch_is_sharp_at_once() {
        let scheduled = Scheduled { start_epoch: 1, duration: 1, intermission: 0, order: Order::BottomUp };
        let mut sharpening = Sharpening::new(Sharpener::Scheduled(scheduled));
        assert_eq!(at(&mut sharpening, 0, 0, 1), [0.0, 0.0, 0.0]);
        assert_eq!(at(&mut sharpening, 1, 0, 1), [1.0, 0.0, 0.0]);
    }

    #[test]
    fn published_defaults_take_the_published_epochs() {
        // 5 + 5 * 3 for the dense example, 30 + 8 * 4 + 7 * 2 for the convolutional one, at least
        // 12 + 5 * 3 for the adaptive one.
        assert_eq!(Sharpener::Simple(Simple::default()).epochs(3), 20);
        assert_eq!(Sharpener::Scheduled(Scheduled::default()).epochs(8), 76);
        assert_eq!(Sharpener::Adaptive(Adaptive::default()).epochs(3), 27);
    }
}
