//! The connectivity of a layer: which inputs reach which neurons, and through which weights.
//!
//! Neurons with the same presynaptic inputs share a *position*. A dense layer has one position. A
//! convolution has one for each place of its window, and a pool has one for each neuron. At each
//! position there is one neuron for each *weight channel*: neuron `position * channels + channel`.
//! A channel has the same weights at all positions; they are its *kernel elements*.

use serde::{Deserialize, Serialize};

/// Most inputs and most neurons of a layer.
const MOST_NEURONS: usize = 1 << 24;

/// The shape of an image or of its features. Element (y, x, c) has the index
/// `(y * width + x) * channels + c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Rows, at least 1.
    pub height: usize,
    /// Columns, at least 1.
    pub width: usize,
    /// Number of values for each row and column, at least 1.
    pub channels: usize,
}

/// A window that slides over height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Rows, at least 1.
    pub height: usize,
    /// Columns, at least 1.
    pub width: usize,
    /// Distance from one position of the window to the next, both down and across; at least 1.
    pub stride: usize,
    /// Rows and columns of zeros added on every side, fewer than the rows and the columns of the
    /// window.
    pub padding: usize,
}

/// The connectivity of a layer: which inputs reach which neurons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Connectivity {
    /// Every input reaches every neuron.
    Dense {
        /// I, the number of inputs, at least 1.
        inputs: usize,
        /// O, the number of neurons, at least 1.
        outputs: usize,
    },
    /// Neuron (y, x, o) receives the inputs in the window at position (y, x). Its weights depend on
    /// o, but not on (y, x).
    Convolution {
        /// The shape of the inputs.
        input: Volume,
        /// The window.
        window: Window,
        /// O, the number of neurons at each position; at least 1.
        channels: usize,
    },
    /// Max pooling of spikes: neuron (y, x, c) receives channel c of the inputs in the window at
    /// (y, x). Its weight and its threshold are 1, so it fires if any of these inputs does.
    Pool {
        /// The shape of the inputs.
        input: Volume,
        /// The window.
        window: Window,
    },
}

impl Volume {
    /// A vector of `length` numbers: one row, one column.
    pub fn flat(length: usize) -> Self {
        Self { height: 1, width: 1, channels: length }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.height.saturating_mul(self.width).saturating_mul(self.channels)
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Window {
    /// The rows and columns of positions of the window on `input`; 0 if the window is larger than
    /// the padded input.
    pub fn positions(&self, input: Volume) -> (usize, usize) {
        let along = |size: usize, extent: usize| {
            let padded = size.saturating_add(self.padding.saturating_mul(2));
            padded.checked_sub(extent).map_or(0, |rest| rest / self.stride.max(1) + 1)
        };
        (along(input.height, self.height), along(input.width, self.width))
    }

    /// The positions along an axis at which the window covers input `at`, each with the kernel
    /// element that lies over it. Positions rise by 1, kernel elements fall by the stride.
    ///
    /// `extent` is the size of the window along the axis, `positions` the number of positions.
    pub(crate) fn covering(
        &self,
        at: usize,
        extent: usize,
        positions: usize,
    ) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (at, stride) = (at + self.padding, self.stride);
        let first = (at + 1).saturating_sub(extent).div_ceil(stride);
        (first..(at / stride + 1).min(positions)).map(move |position| (position, at - position * stride))
    }

    /// The inputs that the window covers at `position` along an axis of `size` inputs, each with
    /// the kernel element that lies over it.
    fn covered(
        &self,
        position: usize,
        extent: usize,
        size: usize,
    ) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (from, padding) = (position * self.stride, self.padding);
        let elements = padding.saturating_sub(from)..extent.min((size + padding).saturating_sub(from));
        elements.map(move |element| (from + element - padding, element))
    }

    fn problem(&self, input: Volume) -> Option<String> {
        let Self { height, width, stride, padding } = *self;
        if height == 0 || width == 0 || stride == 0 {
            return Some(format!("window {height} x {width}, stride {stride}: each must be 1 or more"));
        }
        if padding >= height.min(width) {
            return Some(format!("padding {padding}: must be less than the window of {height} x {width}"));
        }
        let (rows, columns) = self.positions(input);
        let fits = rows > 0 && columns > 0;
        let size = format!("{} x {}", input.height, input.width);
        (!fits).then(|| format!("window {height} x {width}: larger than its padded input of {size}"))
    }
}

impl Connectivity {
    /// The shape of the inputs.
    pub fn input(&self) -> Volume {
        match *self {
            Self::Dense { inputs, .. } => Volume::flat(inputs),
            Self::Convolution { input, .. } | Self::Pool { input, .. } => input,
        }
    }

    /// The shape of the layer, one element per neuron.
    pub fn output(&self) -> Volume {
        match *self {
            Self::Dense { outputs, .. } => Volume::flat(outputs),
            Self::Convolution { input, window, channels } => slid_over(input, window, channels),
            Self::Pool { input, window } => slid_over(input, window, input.channels),
        }
    }

    /// The number of weight channels: sets of weights, the rows of the weight matrix. A dense layer
    /// has one for each neuron, a convolution one for each channel. A pool has a single one, since
    /// all its neurons share one weight.
    pub fn weight_channels(&self) -> usize {
        match *self {
            Self::Dense { outputs, .. } => outputs,
            Self::Convolution { channels, .. } => channels,
            Self::Pool { .. } => 1,
        }
    }

    /// The number of kernel elements, which are the weights of one channel.
    ///
    /// A dense layer has one for each input, a pool a single one. A convolution has element `(ky *
    /// width + kx) * C + c` for row ky and column kx of its window and input channel c of C.
    pub fn elements(&self) -> usize {
        match *self {
            Self::Dense { inputs, .. } => inputs,
            Self::Convolution { input, window, .. } => {
                window.height.saturating_mul(window.width).saturating_mul(input.channels)
            }
            Self::Pool { .. } => 1,
        }
    }

    /// The most inputs that reach one neuron through the same kernel element (weight).
    pub fn inputs_per_element(&self) -> usize {
        match *self {
            Self::Dense { .. } | Self::Convolution { .. } => 1,
            Self::Pool { window, .. } => window.height.saturating_mul(window.width),
        }
    }

    /// The number of synapses: pairs of an input and a neuron that receives it.
    pub fn connections(&self) -> u64 {
        let covered = |input: Volume, window: Window| {
            let (rows, columns) = window.positions(input);
            let along = |positions: usize, extent: usize, size: usize| {
                let covered = |position| window.covered(position, extent, size).count() as u64;
                (0..positions).map(covered).sum::<u64>()
            };
            along(rows, window.height, input.height) * along(columns, window.width, input.width)
        };
        match *self {
            Self::Dense { inputs, outputs } => inputs as u64 * outputs as u64,
            Self::Convolution { input, window, channels } => {
                covered(input, window) * input.channels as u64 * channels as u64
            }
            Self::Pool { input, window } => covered(input, window) * input.channels as u64,
        }
    }

    /// The number of positions: groups of neurons with the same presynaptic inputs.
    pub fn positions(&self) -> usize {
        self.output().len() / self.weight_channels().max(1)
    }

    /// The name of this kind of layer in reports.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dense { .. } => "dense",
            Self::Convolution { .. } => "convolution",
            Self::Pool { .. } => "pool",
        }
    }

    /// Calls `visit(position, element)` for every position that `input` reaches, with the kernel
    /// element (weight) that it passes.
    pub fn for_each_position(&self, input: usize, mut visit: impl FnMut(usize, usize)) {
        match *self {
            Self::Dense { .. } => visit(0, input),
            Self::Convolution { input: volume, window, .. } => {
                let (pixel, channel) = (input / volume.channels, input % volume.channels);
                for_each_covering(volume, window, pixel, |position, element| {
                    visit(position, element * volume.channels + channel);
                });
            }
            Self::Pool { input: volume, window } => {
                let (pixel, channel) = (input / volume.channels, input % volume.channels);
                for_each_covering(volume, window, pixel, |at, _| visit(at * volume.channels + channel, 0));
            }
        }
    }

    /// Calls `visit(input, element)` for every input that reaches `position`, with the kernel
    /// element (weight) that it passes.
    pub fn for_each_input(&self, position: usize, mut visit: impl FnMut(usize, usize)) {
        match *self {
            Self::Dense { inputs, .. } => (0..inputs).for_each(|input| visit(input, input)),
            Self::Convolution { input: volume, window, .. } => {
                for_each_pixel(volume, window, position, |pixel, element| {
                    for channel in 0..volume.channels {
                        visit(pixel * volume.channels + channel, element * volume.channels + channel);
                    }
                });
            }
            Self::Pool { input: volume, window } => {
                let (at, channel) = (position / volume.channels, position % volume.channels);
                for_each_pixel(volume, window, at, |pixel, _| visit(pixel * volume.channels + channel, 0));
            }
        }
    }

    /// The first mistake in the sizes; `None` if there is none.
    pub(crate) fn problem(&self) -> Option<String> {
        let (input, channels) = (self.input(), self.weight_channels());
        if input.is_empty() || channels == 0 {
            return Some("a layer needs at least one input and one neuron".to_owned());
        }
        let window = match self {
            Self::Dense { .. } => None,
            Self::Convolution { window, .. } | Self::Pool { window, .. } => window.problem(input),
        };
        window.or_else(|| {
            let largest = self.input().len().max(self.output().len());
            let problem = || format!("{largest} inputs or neurons: must be at most {MOST_NEURONS}");
            (largest > MOST_NEURONS).then(problem)
        })
    }
}

/// The shape of a layer with `channels` neurons at each position of `window` on `input`.
fn slid_over(input: Volume, window: Window, channels: usize) -> Volume {
    let (height, width) = window.positions(input);
    Volume { height, width, channels }
}

/// Calls `visit(position, element)` for every position at which the window covers `pixel`. Kernel
/// elements are counted row by row of the window.
fn for_each_covering(volume: Volume, window: Window, pixel: usize, mut visit: impl FnMut(usize, usize)) {
    let (rows, columns) = window.positions(volume);
    for (row, ky) in window.covering(pixel / volume.width, window.height, rows) {
        for (column, kx) in window.covering(pixel % volume.width, window.width, columns) {
            visit(row * columns + column, ky * window.width + kx);
        }
    }
}

/// Calls `visit(pixel, element)` for every pixel that the window covers at `position`. Kernel
/// elements are counted row by row of the window.
fn for_each_pixel(volume: Volume, window: Window, position: usize, mut visit: impl FnMut(usize, usize)) {
    let (_, columns) = window.positions(volume);
    for (y, ky) in window.covered(position / columns, window.height, volume.height) {
        for (x, kx) in window.covered(position % columns, window.width, volume.width) {
            visit(y * volume.width + x, ky * window.width + kx);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::network::fixtures::connectivity;
    use crate::seed::Seed;

    const IMAGE: Volume = Volume { height: 5, width: 7, channels: 2 };

    #[test]
    fn positions_are_counted_in_whole_strides() {
        let positions =
            |height, width, stride, padding| Window { height, width, stride, padding }.positions(IMAGE);
        assert_eq!(positions(3, 3, 1, 1), (5, 7));
        assert_eq!(positions(2, 2, 2, 0), (2, 3));
        assert_eq!(positions(5, 7, 3, 0), (1, 1));
        assert_eq!(positions(3, 3, 2, 1), (3, 4));
        assert_eq!(positions(6, 1, 1, 0), (0, 7));
    }

    proptest! {
        /// Compares both directions with the definition. At position (r, q), kernel element (ky,
        /// kx, c) covers input (y, x, c) where y + padding = r stride + ky, and likewise for x, q
        /// and kx.
        #[test]
        fn both_directions_are_the_definition(seed: u64) {
            let connectivity = connectivity(IMAGE, &mut Seed::root(seed).stream());
            let (mut forward, mut backward, mut defined) = (Vec::new(), Vec::new(), Vec::new());
            for input in 0..connectivity.input().len() {
                connectivity.for_each_position(input, |position, element| forward.push((position, input, element)));
            }
            for position in 0..connectivity.positions() {
                connectivity.for_each_input(position, |input, element| backward.push((position, input, element)));
            }
            for input in 0..IMAGE.len() {
                let (y, x, c) = (input / 14, input / 2 % 7, input % 2);
                let (Connectivity::Convolution { window, .. } | Connectivity::Pool { window, .. }) = connectivity else {
                    defined.push((0, input, input));
                    continue;
                };
                let (rows, columns) = window.positions(IMAGE);
                for (r, q) in (0..rows).flat_map(|r| (0..columns).map(move |q| (r, q))) {
                    let down = (y + window.padding).checked_sub(r * window.stride);
                    let across = (x + window.padding).checked_sub(q * window.stride);
                    let (Some(ky), Some(kx)) = (down, across) else { continue };
                    if ky < window.height && kx < window.width {
                        defined.push(match connectivity {
                            Connectivity::Pool { .. } => ((r * columns + q) * 2 + c, input, 0),
                            _ => (r * columns + q, input, (ky * window.width + kx) * 2 + c),
                        });
                    }
                }
            }
            prop_assert_eq!(connectivity.connections(), (defined.len() * connectivity.weight_channels()) as u64);
            forward.sort_unstable();
            backward.sort_unstable();
            defined.sort_unstable();
            prop_assert_eq!(&forward, &defined);
            prop_assert_eq!(&backward, &defined);
        }
    }

    #[test]
    fn sizes_that_make_no_layer_are_named() {
        let window = |height, stride, padding| Window { height, width: 3, stride, padding };
        let problem = |window| Connectivity::Pool { input: IMAGE, window }.problem();
        assert_eq!(problem(window(3, 1, 2)), None);
        assert_eq!(problem(window(3, 0, 0)).unwrap(), "window 3 x 3, stride 0: each must be 1 or more");
        assert_eq!(problem(window(2, 1, 2)).unwrap(), "padding 2: must be less than the window of 2 x 3");
        assert_eq!(problem(window(6, 1, 0)).unwrap(), "window 6 x 3: larger than its padded input of 5 x 7");
        let one = Window { height: 1, width: 1, stride: 1, padding: 0 };
        let squares = |height| Volume { height, width: 1 << 12, channels: 1 };
        let pool = |height| Connectivity::Pool { input: squares(height), window: one }.problem();
        assert_eq!(pool(1 << 12), None);
        assert_eq!(pool(1 << 13).unwrap(), "33554432 inputs or neurons: must be at most 16777216");
        let nothing = Connectivity::Dense { inputs: 0, outputs: 2 }.problem();
        assert_eq!(nothing.unwrap(), "a layer needs at least one input and one neuron");
    }
}
