//! The state of a [`Method`] during a training. It sets the sharpness and the slope of every layer,
//! batch by batch.

use super::method::Method;
use super::position::BatchPosition;
use super::sharpener::{Sharpener, Sharpening};
use crate::network::{Network, Slope, Surrogate};

/// The state of a [`Method`] during a training.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Binarization {
    /// The method; `None` if all layers stay at sharpness 0.
    method: Option<Method>,
    /// The state of the sharpener, if the method has one.
    pub sharpening: Option<Sharpening>,
    /// The first epoch, counted from 0, in which all layers were sharp.
    pub exact_in: Option<u32>,
}

impl Binarization {
    /// The state before training. Also prepares `network`: without a method, all its layers get
    /// sharpness 0.
    pub fn new(method: Option<Method>, network: &mut Network) -> Self {
        network.set_slope(Slope::Own);
        let sharpening = match method {
            Some(Method::Sharpen { sharpener } | Method::Hybrid { sharpener, .. }) => {
                Some(Sharpening::new(sharpener))
            }
            _ => None,
        };
        let surrogate = matches!(method, Some(Method::Surrogate { .. }));
        if surrogate || method.is_none() {
            network.sharpness_mut().fill(if surrogate { 1.0 } else { 0.0 });
        }
        Self { method, sharpening, exact_in: surrogate.then_some(0) }
    }

    /// Sets sharpness and slope of `network` for the batch at `position`. The training has at most
    /// `epochs` epochs.
    pub fn before_batch(&mut self, position: BatchPosition, epochs: u32, network: &mut Network) {
        if let Some(sharpening) = self.sharpening.as_mut().filter(|_| self.exact_in.is_none()) {
            sharpening.before_batch(position, network.sharpness_mut());
        }
        if self.exact_in.is_none() && is_exact(network) {
            self.exact_in = Some(position.epoch);
        }
        match self.method {
            Some(Method::Surrogate { shape, width, final_width }) => {
                let width = annealed(width, final_width, position.epoch, epochs);
                network.set_slope(Slope::Surrogate(Surrogate { shape, width }));
            }
            Some(Method::Hybrid { surrogate, .. }) if self.exact_in.is_some() => {
                network.set_slope(Slope::Surrogate(surrogate));
            }
            _ => {}
        }
    }

    /// Adapts the sharpener to the mean training `loss` of an epoch, counted from 0.
    pub fn after_epoch(&mut self, epoch: u32, loss: f64) {
        if let Some(sharpening) = &mut self.sharpening {
            sharpening.after_epoch(epoch, loss);
        }
    }

    /// Whether all layers are sharp.
    pub fn is_exact(&self) -> bool {
        self.exact_in.is_some()
    }

    /// The number of epochs after which training ends, as far as this is known now. A sharpener may
    /// still finish earlier.
    ///
    /// `epochs` is the most epochs of the training, `layers` the number of the network's layers.
    pub fn end(&self, epochs: u32, layers: u32) -> u32 {
        let sharp = |sharpener: Sharpener| match (self.exact_in, sharpener) {
            (Some(epoch), _) => epoch + 1,
            (None, Sharpener::Adaptive(_)) => epochs,
            (None, sharpener) => sharpener.epochs(layers),
        };
        let end = match self.method {
            None | Some(Method::Surrogate { .. }) => epochs,
            Some(Method::Sharpen { sharpener }) => sharp(sharpener),
            Some(Method::Hybrid { sharpener, fine_tune, .. }) => sharp(sharpener).saturating_add(fine_tune),
        };
        end.min(epochs)
    }
}

/// Whether all layers of `network` are sharp.
pub(crate) fn is_exact(network: &Network) -> bool {
    network.sharpness().iter().all(|&sharpness| sharpness == 1.0)
}

/// The width in `epoch`, counted from 0, of `epochs`. It goes from `first` to `last`, and changes
/// by the same factor in each epoch.
fn annealed(first: f32, last: f32, epoch: u32, epochs: u32) -> f32 {
    if first == last || epochs < 2 {
        return first;
    }
    let done = f64::from(epoch) / f64::from(epochs - 1);
    (f64::from(first) * (f64::from(last) / f64::from(first)).powf(done)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{HeadSpec, LayerSpec, Shape, Spec, Volume};
    use crate::seed::Seed;
    use crate::training::{Order, Simple};

    fn network() -> Network {
        let hidden = vec![LayerSpec::Dense { width: 3, batch_norm: false, dropout: 0.0 }];
        let head = HeadSpec { classes: 2, redundancy: 1, overlapping: false, batch_norm: false };
        Network::build(&Spec { input: Volume::flat(2), hidden, head }, &Seed::root(1))
            .expect("the plan is right")
    }

    #[test]
    fn the_width_falls_by_the_same_factor_each_epoch() {
        let widths = [0, 1, 2].map(|epoch| annealed(1.0, 0.25, epoch, 3));
        assert_eq!(widths, [1.0, 0.5, 0.25]);
        assert_eq!(annealed(0.7, 0.1, 0, 1), 0.7);
        assert_eq!(annealed(0.3, 0.3, 5, 7), 0.3);
    }

    #[test]
    fn a_hybrid_freezes_sharp_layers_until_all_are_sharp_and_none_after() {
        let simple = Simple { start_epoch: 1, steps: 1, order: Order::BottomUp };
        let surrogate = Surrogate { shape: Shape::Boxcar, width: 1.0 };
        let method = Method::Hybrid { sharpener: Sharpener::Simple(simple), fine_tune: 2, surrogate };
        let mut network = network();
        let mut binarization = Binarization::new(Some(method), &mut network);
        let mut frozen = Vec::new();
        for epoch in 0..4 {
            binarization.before_batch(BatchPosition { epoch, batch: 0, batches: 1 }, 40, &mut network);
            frozen.push(network.frozen());
            assert_eq!(binarization.end(40, 2), 5, "soft, two layers, two of fine-tuning");
        }
        assert_eq!(frozen, [0, 1, 0, 0]);
        assert_eq!((binarization.exact_in, network.sharpness()), (Some(2), [1.0; 2].as_slice()));
    }
}
