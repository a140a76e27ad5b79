//! The networks whose training steps are timed, and the settings of the steps.

use ndarray::Array2;
use rand::RngExt;
use spiketune::data::Coded;
use spiketune::network::{HeadSpec, LayerSpec, Network, Spec, Volume, Window};
use spiketune::seed::Seed;
use spiketune::training::{Method, Rule, Sharpener, Simple, TrainingConfig};

/// The plan of a network.
#[derive(Clone, Copy)]
pub struct Net {
    /// Its layers, from the input up.
    pub name: &'static str,
    /// Height, width, channels.
    pub image: [usize; 3],
    /// Channels and side of the window of each convolution, and whether max pooling by 2 follows.
    pub convolutions: &'static [(usize, usize, bool)],
    /// Whether padding keeps the size of images through convolutions.
    pub padded: bool,
    /// Neurons of the dense layers below the output's 100.
    pub dense: &'static [usize],
    /// Whether all layers have batch norm.
    pub batch_norm: bool,
    /// The share of activations dropped, in [0, 1).
    pub dropout: f32,
}

/// A dense network of the usual size for 28x28 images.
pub const MLP: Net = Net {
    name: "784-512-512-100",
    image: [28, 28, 1],
    convolutions: &[],
    padded: false,
    dense: &[512, 512],
    batch_norm: false,
    dropout: 0.0,
};
/// A LeNet.
pub const LENET: Net = Net {
    name: "28x28x1-32c5-p2-64c5-p2-512-100",
    convolutions: &[(32, 5, true), (64, 5, true)],
    dense: &[512],
    ..MLP
};
/// A small VGG.
pub const VGG: Net = Net {
    name: "32x32x3-64c3-64c3-p2-128c3-128c3-p2-256-100",
    image: [32, 32, 3],
    convolutions: &[(64, 3, false), (64, 3, true), (128, 3, false), (128, 3, true)],
    padded: true,
    dense: &[256],
    ..MLP
};

impl Net {
    /// The network of this plan, with random weights.
    pub fn build(&self) -> Network {
        Network::build(&self.spec(), &Seed::root(1)).expect("the plan is right")
    }

    /// The plan.
    fn spec(&self) -> Spec {
        let (batch_norm, dropout) = (self.batch_norm, self.dropout);
        let mut hidden = Vec::new();
        for &(channels, side, pooled) in self.convolutions {
            let padding = if self.padded { side / 2 } else { 0 };
            let window = Window { padding, ..Window::square(side, 1) };
            hidden.push(LayerSpec::Convolution { channels, window, batch_norm, dropout });
            if pooled {
                hidden.push(LayerSpec::MaxPool { size: 2, stride: 2 });
            }
        }
        hidden.extend(self.dense.iter().map(|&width| LayerSpec::Dense { width, batch_norm, dropout }));
        let head = HeadSpec { classes: 10, redundancy: 10, overlapping: true, batch_norm };
        Spec { input: Volume::from(self.image), hidden, head }
    }

    /// Floating-point operations of a training step for one sample, by the direct sums.
    ///
    /// A multiplication counts as two, and is done forward, for the gradient of the weights, and
    /// for the errors at the inputs; the lowest layer has no such errors.
    pub fn operations(&self) -> usize {
        let layers = self.spec().summary().expect("the plan is right");
        let weighted = layers.iter().map(|layer| 2 * layer.operations);
        let first = weighted.clone().next().expect("a network has a layer");
        3 * weighted.sum::<usize>() - first
    }
}

/// Random images with a fifth of their pixels above 0, as in MNIST.
pub fn images(count: usize, shape: [usize; 3]) -> Coded {
    let mut stream = Seed::root(2).stream();
    let pixel = || if stream.random_bool(0.2) { stream.random() } else { 0 };
    let inputs = Array2::from_shape_simple_fn((count, shape.iter().product()), pixel);
    Coded { inputs, shape, max: 255, labels: (0..count).map(|sample| (sample % 10) as u16).collect() }
}

/// Settings under which no layer is ever sharpened, since steps of exact layers take less time.
pub fn soft(rule: Rule, batch_size: usize) -> TrainingConfig {
    let simple = Simple { start_epoch: u32::MAX / 2, ..Simple::default() };
    let method = Method::Sharpen { sharpener: Sharpener::Simple(simple) };
    TrainingConfig { epochs: u32::MAX, method, rule, batch_size, ..TrainingConfig::whetstone() }
}
