//! The backward pass of a network: from the loss to the gradient of every parameter.

use super::forward::Pass;
use super::tensor::Tensor;
use super::workspace::{Activations, Gradients};
use crate::network::kernels::{LANES, panels};
use crate::network::layer::head::LossBuffers;
use crate::network::layer::{Inputs, add_volumes};
use crate::network::{Loss, Network};

impl Network {
    /// Computes the gradient of the mean `loss` for the `labels` (one per sample). The gradient is
    /// its derivative by every parameter that is not [`frozen`](Self::frozen). Returns the mean
    /// loss.
    ///
    /// # Panics
    /// If the last forward pass was no training pass.
    pub fn backward(
        &self,
        activations: &Activations,
        labels: &[u16],
        loss: Loss<'_>,
        gradients: &mut Gradients,
    ) -> f64 {
        let batch = activations.batch();
        let seed = activations.seed.as_ref().expect("a training pass comes before");
        let Gradients { layers: states, differences, losses, filled } = gradients;
        let top = states.last_mut().expect("a network has an output layer");
        let into = LossBuffers { differences, losses, errors: &mut top.outputs };
        let mut total = self.head.loss(&activations.scores, labels, loss, into);
        filled.fill(false);
        let frozen = self.frozen();
        for i in (frozen..self.layers.len()).rev() {
            let (below, here) = states.split_at_mut(i);
            let (layer, state, here) = (&self.layers[i], &activations.layers[i], &mut here[0]);
            if loss.rate_penalty > 0.0 && i + 1 < self.layers.len() {
                total += penalize(loss.rate_penalty, &state.outputs, &mut here.outputs, batch);
            }
            let inputs = match i {
                0 => Inputs::lowest(&activations.inputs, &activations.sparse),
                _ => Inputs::Tensor(&activations.layers[i - 1].outputs),
            };
            let pass = Pass::Training(seed);
            let seed = pass.seed(i);
            if let Some(from) = layer.adds.filter(|&from| from >= frozen) {
                add_volumes(&here.outputs, &mut below[from].outputs, batch, filled[from]);
                filled[from] = true;
            }
            let below = below.last_mut().filter(|_| i > frozen);
            let below = below.map(|below| (&mut below.outputs, filled[i - 1]));
            layer.backward(inputs, state, here, batch, self.mode(i, pass, seed.as_ref()), below);
        }
        total
    }
}

/// Returns `penalty` times the mean output of a layer. Adds the derivative of that to the `errors`,
/// the derivative of the loss by the outputs.
fn penalize(penalty: f32, outputs: &Tensor, errors: &mut Tensor, batch: usize) -> f64 {
    let volume = outputs.volume;
    let numbers = (batch * volume.len()) as f64;
    let share = (f64::from(penalty) / numbers) as f32;
    let mut sum = 0.0;
    for sample in 0..batch {
        for panel in 0..panels(volume.channels) {
            let lanes = LANES.min(volume.channels - panel * LANES);
            for y in 0..volume.height {
                let row = outputs.row_start(panel, y);
                for place in row..row + volume.width {
                    let output = &outputs.lanes[sample * outputs.stride + place].0[..lanes];
                    let error = &mut errors.lanes[sample * errors.stride + place].0[..lanes];
                    error.iter_mut().for_each(|error| *error += share);
                    sum += output.iter().map(|&output| f64::from(output)).sum::<f64>();
                }
            }
        }
    }
    f64::from(penalty) * sum / numbers
}
