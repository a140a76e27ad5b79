//! A fresh network from its plan.

use ndarray::Array2;
use rand::distr::{Distribution, Uniform};

use crate::seed::Seed;

use super::dense::Dense;
use super::head::Head;
use super::norm::Norm;
use super::{Key, LayerSpec, Network, Slope, Spec, SpecError};

impl Network {
    /// A network with Glorot-uniform weights, zero biases and soft steps; the key is drawn from `seed` too.
    ///
    /// Weights are uniform in `±sqrt(6 / (I + O))` (Glorot, Bengio 2010).
    ///
    /// ```
    /// use spiketune::network::{HeadSpec, LayerSpec, Network, Spec};
    /// use spiketune::seed::Seed;
    ///
    /// let hidden = vec![LayerSpec::Dense { width: 8, batch_norm: true, dropout: 0.0 }];
    /// let head = HeadSpec { classes: 3, redundancy: 2, overlapping: false, batch_norm: false };
    /// let network = Network::build(&Spec { inputs: 4, hidden, head }, &Seed::root(1))?;
    /// assert_eq!(network.sharpness(), [0.0, 0.0]);
    /// assert_eq!(network.parameters(), (4 * 8 + 2 * 8) + (8 * 6 + 6));
    /// # Ok::<(), spiketune::network::SpecError>(())
    /// ```
    pub fn build(spec: &Spec, seed: &Seed) -> Result<Self, SpecError> {
        spec.check()?;
        let outputs = spec.head.classes * spec.head.redundancy;
        let hidden = spec
            .hidden
            .iter()
            .map(|&LayerSpec::Dense { width, batch_norm, dropout }| (width, batch_norm, dropout));
        let mut inputs = spec.inputs;
        let layers: Vec<Dense> = hidden
            .chain([(outputs, spec.head.batch_norm, 0.0)])
            .zip(0..)
            .map(|((width, batch_norm, dropout), layer)| Dense {
                weights: glorot_uniform(
                    std::mem::replace(&mut inputs, width),
                    width,
                    &seed.child("weights").index(layer),
                ),
                bias: vec![0.0; width],
                norm: batch_norm.then(|| Norm::new(width)),
                dropout,
            })
            .collect();
        let key = Key::of(&spec.head, &seed.child("key"));
        Ok(Self { sharpness: vec![0.0; layers.len()], layers, head: Head::new(key), slope: Slope::Own })
    }
}

/// (I, O)
fn glorot_uniform(inputs: usize, outputs: usize, seed: &Seed) -> Array2<f32> {
    let limit = (6.0 / (inputs + outputs) as f32).sqrt();
    let uniform = Uniform::new(-limit, limit).expect("the limit is positive and finite");
    let mut stream = seed.stream();
    Array2::from_shape_simple_fn((inputs, outputs), || uniform.sample(&mut stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_fill_the_glorot_range() {
        let weights = glorot_uniform(200, 100, &Seed::root(1));
        let limit = (6.0f32 / 300.0).sqrt();
        assert!(weights.iter().all(|weight| weight.abs() <= limit));
        let variance = weights.iter().map(|weight| weight * weight).sum::<f32>() / 20_000.0;
        // A uniform's variance is limit² / 3; four standard errors of 20,000 draws are 2.6 %.
        assert!((variance / (limit * limit / 3.0) - 1.0).abs() < 0.026, "{variance}");
    }
}
