//! The forward pass of a network: from a loaded batch to class scores.

use crate::seed::Seed;

use super::workspace::Activations;
use crate::network::Network;
use crate::network::layer::{Inputs, Mode, add_volumes};

/// The kinds of forward pass.
#[derive(Clone, Copy, Debug)]
pub enum Pass<'a> {
    /// A pass to learn from. Each layer has its own sharpness, batch norm uses the statistics of
    /// the batch, and dropout draws from the seed. The seed should differ in every step.
    Training(&'a Seed),
    /// A pass to evaluate. Each layer has its own sharpness, batch norm uses the running
    /// statistics, and there is no dropout.
    Evaluation,
    /// A pass through the network as it will be deployed. Every layer has sharpness 1, batch norm
    /// uses the running statistics, there is no dropout, and every sum is added term by term.
    Deployed,
}

impl Pass<'_> {
    /// The seed from which layer `layer` drops activations; `None` where none are dropped.
    pub(super) fn seed(self, layer: usize) -> Option<Seed> {
        if let Pass::Training(seed) = self { Some(seed.index(layer as u64)) } else { None }
    }
}

impl Network {
    /// Runs the loaded batch through all layers. The class scores are then in `activations`.
    ///
    /// `activations` must have been made for a network of the same shape.
    pub fn forward(&self, activations: &mut Activations, pass: Pass<'_>) {
        let batch = activations.batch();
        let Activations { inputs, sparse, layers: states, scores, seed: last, .. } = activations;
        *last = if let Pass::Training(seed) = pass { Some(seed.clone()) } else { None };
        for (i, layer) in self.layers.iter().enumerate() {
            let seed = pass.seed(i);
            let (below, here) = states.split_at_mut(i);
            let inputs = match below.last() {
                Some(state) => Inputs::Tensor(&state.outputs),
                None => Inputs::lowest(inputs, sparse),
            };
            layer.forward(inputs, &mut here[0], batch, self.mode(i, pass, seed.as_ref()));
            if let Some(from) = layer.adds {
                add_volumes(&below[from].outputs, &mut here[0].outputs, batch, true);
            }
        }
        let top = &states.last().expect("a network has an output layer").outputs;
        self.head.scores(top, batch, scores);
    }

    /// The settings of layer `layer` in `pass`; `training` is the seed of its dropout.
    pub(super) fn mode<'a>(&self, layer: usize, pass: Pass<'_>, training: Option<&'a Seed>) -> Mode<'a> {
        let term_by_term = matches!(pass, Pass::Deployed);
        let sharpness = if term_by_term { 1.0 } else { self.sharpness[layer] };
        Mode { sharpness, slope: self.slope, training, term_by_term }
    }
}
