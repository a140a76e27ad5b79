//! The adaptive sharpener: layers become sharp as fast as the training loss allows (Severa et al.
//! 2019).

use serde::{Deserialize, Serialize};

use super::order::Order;
use super::position::BatchPosition;
use crate::training::TrainingError;
use crate::training::check::{not_negative, positive};

/// The settings of the adaptive sharpener, which raises the sharpness of layers from 0 to 1.
///
/// It waits until the loss stops falling. Then it sharpens a little at each batch, until the loss
/// rises, and waits again. Unless the order is uniform, a layer begins at the earliest in the epoch
/// after the layer before it became sharp.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adaptive {
    /// Number of soft epochs at the start, in which nothing is sharpened.
    pub min_init_epochs: u32,
    /// Sharpness gained per epoch below the sharpness `critical`; above 0.
    pub rate: f32,
    /// Sharpness gained per epoch from the sharpness `critical` on; above 0.
    pub cz_rate: f32,
    /// The sharpness at which `cz_rate` takes the place of `rate`, in [0, 1].
    pub critical: f32,
    /// The factor on both rates for the first layer, above 0.
    pub first_layer_relative_rate: f32,
    /// Sharpening begins once the loss has not fallen for more than this number of epochs.
    pub patience: u32,
    /// How far the loss must rise to pause sharpening, as a share of the reference loss; at least
    /// 0.
    pub sig_increase: f32,
    /// How far the loss must fall to delay sharpening, as a share of the reference loss; at least
    /// 0.
    pub sig_decrease: f32,
    /// The order in which layers are sharpened.
    pub order: Order,
}

impl Default for Adaptive {
    /// Whetstone's published values.
    fn default() -> Self {
        Self {
            min_init_epochs: 10,
            rate: 0.25,
            cz_rate: 0.126,
            critical: 0.75,
            first_layer_relative_rate: 1.0,
            patience: 1,
            sig_increase: 0.15,
            sig_decrease: 0.15,
            order: Order::BottomUp,
        }
    }
}

/// The phase of the adaptive sharpener.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Phase {
    /// The sharpener waits while the network learns. In `stalled` epochs so far the loss did not
    /// fall.
    Waiting { stalled: u32 },
    /// The sharpener sharpens a little at each batch.
    Sharpening,
}

/// The state of an adaptive sharpener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AdaptiveState {
    settings: Adaptive,
    phase: Phase,
    /// The reference loss, with which new losses are compared: the lowest one of the current wait,
    /// or the one at which sharpening began. `None` before the first epoch.
    reference: Option<f64>,
    /// The epoch in which the last layer became sharp; no other layer begins in it.
    finished_in: Option<u32>,
}

impl Adaptive {
    /// Checks that the settings lie in their ranges.
    pub(crate) fn check(&self) -> Result<(), TrainingError> {
        positive("rate", f64::from(self.rate))?;
        positive("cz_rate", f64::from(self.cz_rate))?;
        positive("first_layer_relative_rate", f64::from(self.first_layer_relative_rate))?;
        not_negative("critical", f64::from(self.critical))?;
        not_negative("sig_increase", f64::from(self.sig_increase))?;
        not_negative("sig_decrease", f64::from(self.sig_decrease))
    }

    /// The number of epochs until `layers` layers are sharp, if the loss never falls and never
    /// rises.
    pub(crate) fn least_epochs(&self, layers: u32) -> u32 {
        let critical = self.critical.min(1.0);
        let whole = critical / self.rate + (1.0 - critical) / self.cz_rate;
        let later = (whole.ceil() as u32).saturating_mul(self.order.most_predecessors(layers));
        let first = (whole / self.first_layer_relative_rate).ceil() as u32;
        [self.patience, 1, first, later].into_iter().fold(self.min_init_epochs, u32::saturating_add)
    }

    /// The sharpness of `layer` after one more batch; an epoch has `batches` batches.
    fn sharpened(&self, layer: usize, sharpness: f32, batches: usize) -> f32 {
        let rate = if sharpness < self.critical { self.rate } else { self.cz_rate };
        let relative = if layer == 0 { self.first_layer_relative_rate } else { 1.0 };
        (sharpness + rate * relative / batches as f32).min(1.0)
    }
}

impl AdaptiveState {
    pub fn new(settings: Adaptive) -> Self {
        Self { settings, phase: Phase::Waiting { stalled: 0 }, reference: None, finished_in: None }
    }

    /// Sharpens a little, unless the sharpener waits.
    pub fn before_batch(&mut self, position: BatchPosition, sharpness: &mut [f32]) {
        if self.phase != Phase::Sharpening {
            return;
        }
        let batches = position.batches;
        match self.settings.order {
            Order::Uniform => {
                for (layer, sharpness) in sharpness.iter_mut().enumerate() {
                    *sharpness = self.settings.sharpened(layer, *sharpness, batches);
                }
            }
            Order::BottomUp | Order::TopDown => {
                let mut soft = sharpness.iter_mut().enumerate().filter(|(_, sharpness)| **sharpness < 1.0);
                let next =
                    if self.settings.order == Order::BottomUp { soft.next() } else { soft.next_back() };
                if let Some((layer, sharpness)) = next.filter(|_| self.finished_in != Some(position.epoch)) {
                    *sharpness = self.settings.sharpened(layer, *sharpness, batches);
                    if *sharpness == 1.0 {
                        self.finished_in = Some(position.epoch);
                    }
                }
            }
        }
    }

    /// Chooses the next phase after `epoch`, counted from 0, by the epoch's mean training loss.
    pub fn after_epoch(&mut self, epoch: u32, loss: f64) {
        let settings = self.settings;
        let reference = self.reference.unwrap_or(f64::INFINITY);
        match self.phase {
            Phase::Waiting { .. } if epoch < settings.min_init_epochs => self.reference = Some(loss),
            // The same loss is neither a fall nor a rise, not even a loss of 0.
            Phase::Waiting { .. }
                if loss < reference && loss <= reference * (1.0 - f64::from(settings.sig_decrease)) =>
            {
                self.phase = Phase::Waiting { stalled: 0 };
                self.reference = Some(loss);
            }
            Phase::Waiting { stalled } if stalled < settings.patience => {
                self.phase = Phase::Waiting { stalled: stalled + 1 };
            }
            Phase::Waiting { .. } => {
                self.phase = Phase::Sharpening;
                self.reference = Some(loss);
            }
            Phase::Sharpening
                if loss > reference && loss >= reference * (1.0 + f64::from(settings.sig_increase)) =>
            {
                self.phase = Phase::Waiting { stalled: 0 };
                self.reference = Some(loss);
            }
            Phase::Sharpening => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCHES: usize = 100;

    #[test]
    fn a_loss_of_zero_falls_no_further() {
        let settings = Adaptive { min_init_epochs: 1, patience: 1, ..Adaptive::default() };
        let mut sharpness = [0.0; 2];
        let history = run(&mut AdaptiveState::new(settings), 0, &[0.0; 30], &mut sharpness);
        assert_eq!(history.last(), Some(&vec![1.0, 1.0]));
    }

    /// Runs one epoch for each of `losses`. Returns the sharpness after each epoch.
    fn run(state: &mut AdaptiveState, first: u32, losses: &[f64], sharpness: &mut [f32]) -> Vec<Vec<f32>> {
        let mut history = Vec::new();
        for (epoch, &loss) in (first..).zip(losses) {
            for batch in 0..BATCHES {
                state.before_batch(BatchPosition { epoch, batch, batches: BATCHES }, sharpness);
            }
            state.after_epoch(epoch, loss);
            history.push(sharpness.to_vec());
        }
        history
    }

    #[test]
    fn a_steady_loss_gives_five_epochs_per_layer_after_twelve() {
        let mut state = AdaptiveState::new(Adaptive::default());
        let history = run(&mut state, 0, &[1.0; 27], &mut [0.0; 3]);
        assert_eq!(history[11], [0.0; 3]);
        assert!((history[14][0] - 0.75).abs() < 0.003, "three epochs at 0.25");
        assert!((history[15][0] - 0.876).abs() < 0.003, "then 0.126");
        assert_eq!(history[16], [1.0, 0.0, 0.0]);
        assert!((history[17][1] - 0.25).abs() < 1e-3);
        assert!(history[25][2] < 1.0);
        assert_eq!(history[26], [1.0; 3]);
    }

    #[test]
    fn a_falling_loss_delays_sharpening() {
        let losses: Vec<f64> = (0..30).map(|epoch| 0.8f64.powi(epoch)).collect();
        let mut state = AdaptiveState::new(Adaptive::default());
        assert_eq!(run(&mut state, 0, &losses, &mut [0.0; 2]).last(), Some(&vec![0.0; 2]));
    }

    #[test]
    fn a_rising_loss_pauses_until_it_has_stalled_again() {
        let mut state = AdaptiveState::new(Adaptive { min_init_epochs: 1, ..Adaptive::default() });
        let mut sharpness = [0.0; 2];
        run(&mut state, 0, &[1.0, 1.0, 1.0], &mut sharpness);
        // The loss rises by 16 % in the first epoch of sharpening, then stalls for two.
        let history = run(&mut state, 3, &[1.16, 1.16, 1.16, 1.16], &mut sharpness);
        assert!((history[0][0] - 0.25).abs() < 1e-3);
        assert_eq!(history[1], history[0]);
        assert_eq!(history[2], history[0]);
        assert!((history[3][0] - 0.5).abs() < 1e-3);
    }

    #[test]
    fn top_down_order_begins_with_the_last_layer() {
        let settings =
            Adaptive { min_init_epochs: 0, patience: 0, order: Order::TopDown, ..Adaptive::default() };
        let mut state = AdaptiveState::new(settings);
        let history = run(&mut state, 0, &[1.0; 14], &mut [0.0; 2]);
        assert!(history.iter().all(|row| row[0] == 0.0 || row[1] == 1.0), "{history:?}");
        assert_eq!(history.last(), Some(&vec![1.0; 2]));
    }

    #[test]
    fn uniform_order_sharpens_all_layers_together() {
        let settings =
            Adaptive { min_init_epochs: 0, patience: 0, order: Order::Uniform, ..Adaptive::default() };
        let mut state = AdaptiveState::new(settings);
        let history = run(&mut state, 0, &[1.0; 7], &mut [0.0; 3]);
        assert!(history.iter().all(|row| row[0] == row[1] && row[1] == row[2]));
        assert_eq!(history[6], [1.0; 3]);
    }
}
