//! Mapping to cores that each hold one whole layer as a convolution.

use super::core::Mapping;
use crate::backend::error::{DeployError, Limit};
use crate::backend::profile::{ConvolutionCores, ConvolutionMemory};
use crate::backend::quantize::{IntegerLayer, IntegerNetwork};
use crate::network::{Connectivity, Volume, Window};

/// The sizes of a layer as a convolution.
struct Shape {
    input: Volume,
    output: Volume,
    window: Window,
}

impl Shape {
    /// The sizes of `layer`; `below` is the output of its first source, if that is a layer.
    fn new(layer: &IntegerLayer, below: Option<Volume>) -> Self {
        let (input, output) = (layer.connectivity.input(), layer.connectivity.output());
        match layer.connectivity {
            Connectivity::Convolution { window, .. } | Connectivity::Pool { window, .. } => {
                Self { input, output, window }
            }
            Connectivity::Dense { outputs, .. } => {
                let input = below.unwrap_or(input);
                let window = Window { height: input.height, width: input.width, stride: 1, padding: 0 };
                Self { input, output: Volume::flat(outputs), window }
            }
        }
    }

    /// The words of kernel memory and of neuron memory that the layer needs, by the formulas at
    /// [`ConvolutionCores`].
    fn words(&self) -> (u64, u64) {
        let log = |number: usize| number.next_power_of_two().trailing_zeros();
        let (input, output) = (self.input, self.output);
        let kernel = log(self.window.height * self.window.width) + log(output.channels);
        let places = log(output.height) + log(output.width);
        ((input.channels as u64) << kernel, (output.channels as u64) << places)
    }
}

/// Assigns a core to every layer.
///
/// # Errors
/// A layer breaks a limit of the cores. Or no free core has room for a layer, even after the layers
/// before it have moved to other cores; the error names that layer.
pub(crate) fn assign(
    mapping: &mut Mapping,
    network: &IntegerNetwork,
    cores: &ConvolutionCores,
    chip: &str,
) -> Result<(), DeployError> {
    let shapes: Vec<Shape> = (0..network.layers.len()).map(|index| shape(network, index)).collect();
    for (index, shape) in shapes.iter().enumerate() {
        let destinations = network.layers.iter().filter(|layer| layer.sources.contains(&(index + 1))).count();
        check(index, shape, destinations, cores, chip)?;
    }
    let mut owners = vec![None; cores.memories.len()];
    for (index, shape) in shapes.iter().enumerate() {
        let mut seen = vec![false; owners.len()];
        if !find_core(index, &shapes, &cores.memories, &mut owners, &mut seen) {
            let (kernel_words, neuron_words) = shape.words();
            return Err(DeployError::NoCoreLeft {
                chip: chip.to_owned(),
                layer: index,
                kernel_words,
                neuron_words,
            });
        }
    }
    for (number, owner) in owners.iter().enumerate() {
        owner.iter().for_each(|&layer: &usize| mapping.layers[layer].cores[0].number = number);
    }
    Ok(())
}

fn shape(network: &IntegerNetwork, index: usize) -> Shape {
    let layer = &network.layers[index];
    let source = layer.sources.first().copied().unwrap_or(0);
    let below = source.checked_sub(1).map(|below| network.layers[below].connectivity.output());
    Shape::new(layer, below)
}

fn check(
    index: usize,
    shape: &Shape,
    destinations: usize,
    cores: &ConvolutionCores,
    chip: &str,
) -> Result<(), DeployError> {
    let Shape { input, output, window } = shape;
    let most = |words: fn(&ConvolutionMemory) -> u32| cores.memories.iter().map(words).max().unwrap_or(0);
    let (kernel, neuron) = shape.words();
    let needs = [
        (Limit::InputSide, input.height.max(input.width) as u64, cores.max_input),
        (Limit::OutputSide, output.height.max(output.width) as u64, cores.max_output),
        (Limit::Channels, input.channels.max(output.channels) as u64, cores.max_channels),
        (Limit::WindowSide, window.height.max(window.width) as u64, cores.max_window),
        (Limit::Padding, window.padding as u64, cores.max_padding),
        (Limit::Destinations, destinations as u64, cores.max_destinations),
        (Limit::KernelWords, kernel, most(|memory| memory.kernel_words)),
        (Limit::NeuronWords, neuron, most(|memory| memory.neuron_words)),
    ];
    let (chip, layer) = (chip.to_owned(), index);
    if let Some((limit, needed, available)) =
        needs.into_iter().find(|&(_, needed, most)| needed > most.into())
    {
        let available = u64::from(available);
        return Err(DeployError::TooLarge { chip, limit, needed, available, layer: Some(layer) });
    }
    match cores.strides.iter().any(|&stride| stride as usize == window.stride) {
        true => Ok(()),
        false => {
            Err(DeployError::Stride { chip, layer, stride: window.stride, strides: cores.strides.clone() })
        }
    }
}

/// Finds a core for `layer` and moves other layers to other cores if needed. Returns whether there
/// is one. This searches for an augmenting path of the bipartite matching of layers and cores.
fn find_core(
    layer: usize,
    shapes: &[Shape],
    memories: &[ConvolutionMemory],
    owners: &mut [Option<usize>],
    seen: &mut [bool],
) -> bool {
    let (kernel, neuron) = shapes[layer].words();
    for (core, memory) in memories.iter().enumerate() {
        let fits = kernel <= memory.kernel_words.into() && neuron <= memory.neuron_words.into();
        if !fits || std::mem::replace(&mut seen[core], true) {
            continue;
        }
        let is_free = match owners[core] {
            None => true,
            Some(owner) => find_core(owner, shapes, memories, owners, seen),
        };
        if is_free {
            owners[core] = Some(layer);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};

    use super::*;
    use crate::backend::fixtures::{chip, full};
    use crate::backend::{ChipProfile, DeployOptions};
    use crate::network::{BinaryLayer, BinaryNetwork};

    fn convolution(source: usize, input: Volume, window: Window, channels: usize) -> BinaryLayer {
        let elements = window.height * window.width * input.channels;
        BinaryLayer {
            connectivity: Connectivity::Convolution { input, window, channels },
            sources: vec![source],
            weights: Array2::ones((channels, elements)),
            thresholds: Array1::ones(channels),
            exponent: 0,
        }
    }

    fn cores(network: &BinaryNetwork) -> Result<Vec<usize>, String> {
        let deployment = chip("dynapcnn").deploy(network, &DeployOptions::default());
        let numbers = |layer: &crate::backend::LayerMapping| layer.cores[0].number;
        deployment
            .map(|deployment| deployment.mapping().layers.iter().map(numbers).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn words_are_counted_in_powers_of_two() {
        let input = Volume { height: 30, width: 20, channels: 3 };
        let window = Window { height: 3, width: 3, stride: 1, padding: 1 };
        let output = Volume { channels: 10, ..input };
        // Nine window positions take 16 words, ten channels 16; 30 rows take 32 and 20 columns 32.
        assert_eq!(Shape { input, output, window }.words(), (3 * 16 * 16, 10 * 32 * 32));
    }

    #[test]
    fn a_dense_layer_is_a_window_over_all_of_its_input() {
        let layer = |network: &BinaryNetwork, index| {
            let profile = ChipProfile::builtin("dynapcnn").unwrap();
            let integers = IntegerNetwork::new(network, &profile, &DeployOptions::default()).unwrap();
            shape(&integers, index).words()
        };
        let input = Volume { height: 4, width: 4, channels: 1 };
        let window = Window { height: 1, width: 1, stride: 1, padding: 0 };
        let mut network = full(&[16, 48, 10]);
        assert_eq!(layer(&network, 1), (48 * 16, 10));
        network.layers[0] = convolution(0, input, window, 3);
        assert_eq!(layer(&network, 1), (3 * 16 * 16, 10));
    }

    #[test]
    fn layers_move_so_that_each_finds_a_core() {
        let (image, window) = (
            Volume { height: 16, width: 16, channels: 1 },
            Window { height: 3, width: 3, stride: 1, padding: 1 },
        );
        let hidden = Volume { channels: 64, ..image };
        let whole = Window { padding: 0, height: 16, width: 16, stride: 1 };
        let mut network = full(&[2, 2]);
        network.layers = vec![
            convolution(0, image, window, 64),
            convolution(1, hidden, window, 64),
            convolution(2, hidden, whole, 2),
        ];
        let found = cores(&network).unwrap();
        // The kernels take 1 Ki, 64 Ki and 32 Ki words, so they fit on any core, 5 to 6, and 3 to
        // 6.
        assert!((5..7).contains(&found[1]) && (3..7).contains(&found[2]), "{found:?}");
        assert!(found[0] != found[1] && found[0] != found[2] && found[1] != found[2], "{found:?}");
    }

    #[test]
    fn a_layer_that_does_not_fit_is_an_error_with_the_limit() {
        assert_eq!(
            cores(&full(&[1025, 2])).unwrap_err(),
            "too large for dynapcnn: layer 0 needs 1025 channels, the chip has 1024"
        );
        assert_eq!(
            cores(&full(&[700, 100, 2])).unwrap_err(),
            "too large for dynapcnn: layer 0 needs 89600 words of kernel memory, the chip has 65536"
        );
        assert_eq!(
            cores(&full(&[400, 128, 400, 128, 2])).unwrap_err(),
            "too large for dynapcnn: no free core has 51200 words of kernel and 128 of neuron memory for layer 2"
        );
        let input = Volume { height: 7, width: 7, channels: 1 };
        let mut network = full(&[49, 9, 2]);
        network.layers[0] = convolution(0, input, Window { height: 1, width: 1, stride: 3, padding: 0 }, 1);
        assert_eq!(cores(&network).unwrap_err(), "layer 0: stride 3: dynapcnn takes 1, 2, 4, 8");
    }
}
