//! A network's state as a list of tensors, for whoever keeps, restores or averages it.

use ndarray::ArrayViewMut2;

use super::{Activations, Network};

/// A tensor of a network's state.
pub struct StateTensor<'a> {
    /// `layers.L.weights`, `.bias`, `.gain`, `.mean` or `.variance`.
    pub name: String,
    /// Whether it is learnt, rather than measured: not the running statistics of batch norm.
    pub learnt: bool,
    /// In the order of memory.
    pub values: &'a mut [f32],
}

impl Network {
    /// Every tensor that training changes, from the input up; with [`sharpness`](Self::sharpness) and
    /// [`norm_updates`](Self::norm_updates) the whole state.
    pub fn state_mut(&mut self) -> Vec<StateTensor<'_>> {
        let mut state = Vec::new();
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let mut add = |part: &str, learnt, values| {
                state.push(StateTensor { name: format!("layers.{index}.{part}"), learnt, values });
            };
            let weights = layer.weights.as_slice_mut().expect("matrices of parameters are contiguous");
            add("weights", true, weights);
            add("bias", true, &mut layer.bias);
            if let Some(norm) = &mut layer.norm {
                add("gain", true, &mut norm.gain);
                add("mean", false, &mut norm.mean);
                add("variance", false, &mut norm.variance);
            }
        }
        state
    }

    /// The weights of each layer, (I, O).
    pub fn weights_mut(&mut self) -> impl Iterator<Item = ArrayViewMut2<'_, f32>> {
        self.layers.iter_mut().map(|layer| layer.weights.view_mut())
    }

    /// How often the running statistics of batch norm were updated; 0 without batch norm.
    pub fn norm_updates(&self) -> u32 {
        self.layers.iter().filter_map(|layer| layer.norm.as_ref()).map(|norm| norm.updates).max().unwrap_or(0)
    }

    /// Averages batch norm's running statistics evenly with those of the training pass just done, `before`
    /// samples after the first that counts; 0 replaces them. One sample has no variance and changes nothing.
    pub fn measure(&mut self, activations: &Activations, before: usize) {
        let size = activations.batch() as f32;
        if size < 2.0 {
            return;
        }
        let share = size / (before as f32 + size);
        for (layer, state) in self.layers.iter_mut().zip(&activations.layers) {
            let (Some(norm), Some(normed)) = (&mut layer.norm, &state.normed) else { continue };
            let batch = &normed.statistics;
            let unbiased = size / (size - 1.0);
            let means = norm.mean.iter_mut().zip(&batch.mean);
            means.for_each(|(mean, measured)| *mean += share * (measured - *mean));
            let variances = norm.variance.iter_mut().zip(&batch.variance);
            variances.for_each(|(variance, measured)| *variance += share * (measured * unbiased - *variance));
        }
    }

    /// Sets how often the running statistics were updated.
    pub fn set_norm_updates(&mut self, updates: u32) {
        self.layers
            .iter_mut()
            .filter_map(|layer| layer.norm.as_mut())
            .for_each(|norm| norm.updates = updates);
    }
}

#[cfg(test)]
mod tests {
    use crate::network::{HeadSpec, LayerSpec, Network, Spec};
    use crate::seed::Seed;

    fn network() -> Network {
        let hidden = vec![LayerSpec::Dense { width: 5, batch_norm: true, dropout: 0.0 }];
        let head = HeadSpec { classes: 2, redundancy: 3, overlapping: false, batch_norm: false };
        Network::build(&Spec { inputs: 4, hidden, head }, &Seed::root(1)).expect("the plan is right")
    }

    #[test]
    fn the_state_has_every_parameter_and_statistic_once() {
        let mut network = network();
        let parameters = network.parameters();
        let state = network.state_mut();
        let names: Vec<&str> = state.iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!(names[..3], ["layers.0.weights", "layers.0.bias", "layers.0.gain"]);
        assert_eq!(names[3..5], ["layers.0.mean", "layers.0.variance"]);
        assert_eq!(names[5..], ["layers.1.weights", "layers.1.bias"]);
        let learnt = state.iter().filter(|tensor| tensor.learnt);
        assert_eq!(learnt.map(|tensor| tensor.values.len()).sum::<usize>(), parameters);
    }

    #[test]
    fn a_network_given_the_state_of_another_is_that_network() {
        let (mut one, mut other) = (network(), network());
        one.state_mut().iter_mut().for_each(|tensor| tensor.values[1] += 0.25);
        one.set_norm_updates(7);
        assert_ne!(one, other);
        for (to, from) in other.state_mut().into_iter().zip(one.state_mut()) {
            to.values.copy_from_slice(from.values);
        }
        other.set_norm_updates(one.norm_updates());
        assert_eq!(one, other);
    }
}
