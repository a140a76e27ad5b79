//! The state of a network as a list of tensors, which can be stored, restored or averaged.

use crate::network::Network;
use crate::network::kernels::{LANES, floats_mut};

/// A tensor of a network's state.
pub struct StateTensor<'a> {
    /// `layers.L.weights`, `.bias`, `.gain`, `.mean` or `.variance`.
    pub name: String,
    /// Whether training by gradients changes it. The running statistics of batch norm are no such
    /// parameters.
    pub learnt: bool,
    /// The numbers, in the order of memory.
    pub values: &'a mut [f32],
}

impl Network {
    /// Every tensor that training changes, layer by layer from the input.
    ///
    /// With [`sharpness`](Self::sharpness) and [`norm_updates`](Self::norm_updates) they are the
    /// whole state of a network.
    pub fn state_mut(&mut self) -> Vec<StateTensor<'_>> {
        let mut state = Vec::new();
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let mut add = |part: &str, learnt, values| {
                let values = floats_mut(values);
                state.push(StateTensor { name: format!("layers.{index}.{part}"), learnt, values });
            };
            add("weights", true, &mut layer.linear.weights);
            add("bias", true, &mut layer.bias);
            if let Some(norm) = &mut layer.norm {
                add("gain", true, &mut norm.gain);
                add("mean", false, &mut norm.mean);
                add("variance", false, &mut norm.variance);
            }
        }
        state
    }

    /// The weights in panels of 16 neurons or channels. A panel has a row for each term of the
    /// weighted sum, with one weight per neuron. Where a panel has no neuron, the weights are 0.
    pub fn weight_panels_mut(&mut self) -> impl Iterator<Item = &mut [[f32; LANES]]> {
        self.layers.iter_mut().flat_map(|layer| {
            let terms = layer.linear.terms();
            layer.linear.weights.chunks_exact_mut(terms).map(bytemuck::must_cast_slice_mut)
        })
    }

    /// How often the running statistics of each layer's batch norm were updated; 0 without batch norm. A batch of one
    /// sample updates those of a convolution alone.
    pub fn norm_updates(&self) -> Vec<u32> {
        self.layers.iter().map(|layer| layer.norm.as_ref().map_or(0, |norm| norm.updates)).collect()
    }

    /// Sets how often the running statistics of each layer's batch norm were updated. A single number is that of all
    /// layers.
    pub fn set_norm_updates(&mut self, updates: &[u32]) {
        for (index, layer) in self.layers.iter_mut().enumerate() {
            if let (Some(norm), Some(updates)) = (&mut layer.norm, updates.get(index).or(updates.last())) {
                norm.updates = *updates;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::network::{HeadSpec, LayerSpec, Network, Spec, Volume};
    use crate::seed::Seed;

    fn network() -> Network {
        let hidden = vec![LayerSpec::Dense { width: 5, batch_norm: true, dropout: 0.0 }];
        let head = HeadSpec { classes: 2, redundancy: 3, overlapping: false, batch_norm: false };
        Network::build(&Spec { input: Volume::flat(4), hidden, head }, &Seed::root(1))
            .expect("the plan is right")
    }

    #[test]
    fn the_state_has_every_parameter_and_statistic_once() {
        let mut network = network();
        let lengths: usize = network.tensor_lengths().sum();
        let state = network.state_mut();
        let names: Vec<&str> = state.iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!(names[..3], ["layers.0.weights", "layers.0.bias", "layers.0.gain"]);
        assert_eq!(names[3..5], ["layers.0.mean", "layers.0.variance"]);
        assert_eq!(names[5..], ["layers.1.weights", "layers.1.bias"]);
        let learnt = state.iter().filter(|tensor| tensor.learnt);
        assert_eq!(learnt.map(|tensor| tensor.values.len()).sum::<usize>(), lengths);
    }

    #[test]
    fn a_network_given_the_state_of_another_is_that_network() {
        let (mut one, mut other) = (network(), network());
        one.state_mut().iter_mut().for_each(|tensor| tensor.values[1] += 0.25);
        one.set_norm_updates(&[7, 0]);
        assert_ne!(one, other);
        for (to, from) in other.state_mut().into_iter().zip(one.state_mut()) {
            to.values.copy_from_slice(from.values);
        }
        other.set_norm_updates(&one.norm_updates());
        assert_eq!(one, other);
    }
}
