//! A new network, built from its plan with random weights.

use rand::distr::{Distribution, Uniform};

use crate::seed::Seed;

use super::planned_layer::{PlannedLayer, planned_layers};
use crate::network::kernels::{LANES, padded};
use crate::network::layer::Layer;
use crate::network::layer::head::Head;
use crate::network::layer::linear::Linear;
use crate::network::layer::norm::Norm;
use crate::network::{Key, Network, Slope, Spec, SpecError};

impl Network {
    /// A new network of the plan `spec`. Its weights and its key (which output neurons belong to
    /// which class) are random and follow from `seed`. Biases and sharpness are 0.
    ///
    /// Weights are uniform in `±sqrt(6 / (fan in + fan out))`, with the numbers of inputs and
    /// outputs of a weight's layer (Glorot, Bengio 2010).
    ///
    /// # Errors
    /// The first mistake in the plan.
    ///
    /// ```
    /// use spiketune::network::{HeadSpec, LayerSpec, Network, Spec, Volume};
    /// use spiketune::seed::Seed;
    ///
    /// let hidden = vec![LayerSpec::Dense { width: 8, batch_norm: true, dropout: 0.0 }];
    /// let head = HeadSpec { classes: 3, redundancy: 2, overlapping: false, batch_norm: false };
    /// let network = Network::build(&Spec { input: Volume::flat(4), hidden, head }, &Seed::root(1))?;
    /// assert_eq!(network.sharpness(), [0.0, 0.0]);
    /// assert_eq!(network.parameters(), (4 * 8 + 2 * 8) + (8 * 6 + 6));
    /// # Ok::<(), spiketune::network::SpecError>(())
    /// ```
    pub fn build(spec: &Spec, seed: &Seed) -> Result<Self, SpecError> {
        let planned = planned_layers(spec)?;
        let layers: Vec<Layer> = planned
            .iter()
            .enumerate()
            .map(|(index, planned)| layer(planned, index == 0, &seed.child("weights").index(index as u64)))
            .collect();
        let key = Key::of(&spec.head, &seed.child("key"));
        Ok(Self {
            input: spec.input,
            sharpness: vec![0.0; layers.len()],
            layers,
            head: Head::new(key),
            slope: Slope::Own,
        })
    }
}

fn layer(planned: &PlannedLayer, first: bool, seed: &Seed) -> Layer {
    let channels = planned.activation.sums.channels;
    let mut linear = Linear::new(planned.input, planned.activation.sums, planned.input_layout(first));
    glorot_uniform(&mut linear, seed);
    let mut bias = padded(std::iter::repeat_n(0.0, channels));
    for lane in channels..bias.len() * LANES {
        bias[lane / LANES].0[lane % LANES] = -1.0;
    }
    Layer {
        linear,
        bias,
        norm: planned.batch_norm.then(|| Norm::new(channels)),
        activation: planned.activation.clone(),
        dropout: planned.dropout,
        adds: planned.adds,
    }
}

/// Draws the weights in the order (row, column, input channel, output channel), whatever their
/// layout in memory. So the same seed gives the same weights.
fn glorot_uniform(linear: &mut Linear, seed: &Seed) {
    let (height, width) = linear.receptive_field();
    let outputs = linear.output.channels;
    let area = if linear.output.area() == 1 { 1 } else { height * width };
    let limit = (6.0 / (linear.fan_in() + area * outputs) as f32).sqrt();
    let uniform = Uniform::new(-limit, limit).expect("the limit is positive and finite");
    let mut stream = seed.stream();
    for y in 0..height {
        for x in 0..width {
            for c in 0..linear.input.channels {
                let term = linear.term(y, x, c);
                for o in 0..outputs {
                    *linear.weight_mut(o, term) = uniform.sample(&mut stream);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::layer::linear::InputLayout;
    use crate::network::{Volume, Window};

    #[test]
    fn weights_fill_the_glorot_range_and_empty_lanes_stay_empty() {
        let input = Volume { height: 6, width: 6, channels: 20 };
        let output = Volume { height: 4, width: 4, channels: 25 };
        let mut linear = Linear::new(input, output, InputLayout::Window(Window::square(3, 1)));
        glorot_uniform(&mut linear, &Seed::root(1));
        let limit = (6.0f32 / (9 * 45) as f32).sqrt();
        let weights: Vec<f32> =
            linear.weights.iter().flat_map(|lanes| lanes.0).filter(|&weight| weight != 0.0).collect();
        assert!(weights.iter().all(|weight| weight.abs() <= limit));
        assert_eq!(weights.len(), 9 * 20 * 25);
        let variance = weights.iter().map(|weight| weight * weight).sum::<f32>() / weights.len() as f32;
        // A uniform's variance is limit² / 3; four standard errors of 4,500 draws are 5.4 %.
        assert!((variance / (limit * limit / 3.0) - 1.0).abs() < 0.054, "{variance}");
    }
}
