//! Which inputs reach which neurons of a layer, and over which of its weights.
//!
//! Neurons that hear the same inputs share a *site*: neuron `position * units + unit`. A dense layer has one
//! site, a convolution one at every place of its window, a pool one for every neuron. The weights of a unit
//! are its *taps*, which all sites share.

use serde::{Deserialize, Serialize};

/// Height, width and channels of an image or of its features; element (y, x, c) is number
/// `(y * width + x) * channels + c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Rows, at least 1.
    pub height: usize,
    /// Columns, at least 1.
    pub width: usize,
    /// Numbers at each place, at least 1.
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
    /// From one place to the next, down as well as across; at least 1.
    pub stride: usize,
    /// Zeros added on every side, fewer than the window is high and wide.
    pub padding: usize,
}

/// Which inputs reach which neurons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Connectivity {
    /// Every input reaches every neuron.
    Dense {
        /// I, at least 1.
        inputs: usize,
        /// O, at least 1.
        outputs: usize,
    },
    /// Neuron (y, x, o) hears the inputs in the window at (y, x), with weights that all (y, x) share.
    Convolution {
        /// What the window slides over.
        input: Volume,
        /// The window.
        window: Window,
        /// O, the neurons at each place; at least 1.
        channels: usize,
    },
    /// Neuron (y, x, c) hears channel c in the window at (y, x): with weight and threshold 1 it fires where
    /// any of these does (max pooling of spikes).
    Pool {
        /// What the window slides over.
        input: Volume,
        /// The window.
        window: Window,
    },
}

impl Volume {
    /// `length` numbers in one place.
    pub fn flat(length: usize) -> Self {
        Self { height: 1, width: 1, channels: length }
    }

    /// How many numbers it holds.
    pub fn len(&self) -> usize {
        self.height.saturating_mul(self.width).saturating_mul(self.channels)
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Window {
    /// Places of the window on `input`, one below the other and side by side.
    pub fn places(&self, input: Volume) -> (usize, usize) {
        let along = |size: usize, extent: usize| {
            let padded = size.saturating_add(self.padding.saturating_mul(2));
            padded.checked_sub(extent).map_or(0, |rest| rest / self.stride.max(1) + 1)
        };
        (along(input.height, self.height), along(input.width, self.width))
    }

    /// The places along an axis whose window covers input `at`, with the tap by which it does: places rise,
    /// taps fall by the stride.
    pub(crate) fn covering(
        &self,
        at: usize,
        extent: usize,
        places: usize,
    ) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (at, stride) = (at + self.padding, self.stride);
        let first = (at + 1).saturating_sub(extent).div_ceil(stride);
        (first..(at / stride + 1).min(places)).map(move |place| (place, at - place * stride))
    }

    /// The inputs along an axis of `size` that the window at `place` covers, with the tap of each.
    fn covered(
        &self,
        place: usize,
        extent: usize,
        size: usize,
    ) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (from, padding) = (place * self.stride, self.padding);
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
        let (rows, columns) = self.places(input);
        let fits = rows > 0 && columns > 0;
        let size = format!("{} x {}", input.height, input.width);
        (!fits).then(|| format!("window {height} x {width}: larger than its padded input of {size}"))
    }
}

impl Connectivity {
    /// What the layer hears.
    pub fn input(&self) -> Volume {
        match *self {
            Self::Dense { inputs, .. } => Volume::flat(inputs),
            Self::Convolution { input, .. } | Self::Pool { input, .. } => input,
        }
    }

    /// The layer's neurons.
    pub fn output(&self) -> Volume {
        match *self {
            Self::Dense { outputs, .. } => Volume::flat(outputs),
            Self::Convolution { input, window, channels } => placed(window, input, channels),
            Self::Pool { input, window } => placed(window, input, input.channels),
        }
    }

    /// Rows of weights: neurons that differ in their weights.
    pub fn units(&self) -> usize {
        match *self {
            Self::Dense { outputs, .. } => outputs,
            Self::Convolution { channels, .. } => channels,
            Self::Pool { .. } => 1,
        }
    }

    /// Weights of a unit: one an input of a dense layer, `(ky * width + kx) * C + c` of a convolution's
    /// window, a single one of a pool.
    pub fn elements(&self) -> usize {
        match *self {
            Self::Dense { inputs, .. } => inputs,
            Self::Convolution { input, window, .. } => {
                window.height.saturating_mul(window.width).saturating_mul(input.channels)
            }
            Self::Pool { .. } => 1,
        }
    }

    /// The most inputs that reach one neuron over the same tap.
    pub fn inputs_per_element(&self) -> usize {
        match *self {
            Self::Dense { .. } | Self::Convolution { .. } => 1,
            Self::Pool { window, .. } => window.height.saturating_mul(window.width),
        }
    }

    /// Pairs of an input and a neuron that hears it.
    pub fn connections(&self) -> u64 {
        let covered = |input: Volume, window: Window| {
            let (rows, columns) = window.places(input);
            let along = |places: usize, extent: usize, size: usize| {
                (0..places).map(|place| window.covered(place, extent, size).count() as u64).sum::<u64>()
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

    /// Groups of neurons that hear the same inputs.
    pub fn positions(&self) -> usize {
        self.output().len() / self.units().max(1)
    }

    /// Its name in reports.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dense { .. } => "dense",
            Self::Convolution { .. } => "convolution",
            Self::Pool { .. } => "pool",
        }
    }

    /// Calls `visit(position, element)` for every position that `input` reaches.
    pub fn for_each_position(&self, input: usize, mut visit: impl FnMut(usize, usize)) {
        match *self {
            Self::Dense { .. } => visit(0, input),
            Self::Convolution { input: volume, window, .. } => {
                let (pixel, channel) = (input / volume.channels, input % volume.channels);
                for_each_place(volume, window, pixel, |place, element| {
                    visit(place, element * volume.channels + channel);
                });
            }
            Self::Pool { input: volume, window } => {
                let (pixel, channel) = (input / volume.channels, input % volume.channels);
                for_each_place(volume, window, pixel, |place, _| visit(place * volume.channels + channel, 0));
            }
        }
    }

    /// Calls `visit(input, element)` for every input that reaches `position`.
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
                let (place, channel) = (position / volume.channels, position % volume.channels);
                for_each_pixel(volume, window, place, |pixel, _| visit(pixel * volume.channels + channel, 0));
            }
        }
    }

    /// What is wrong with its sizes, if anything is.
    pub(crate) fn problem(&self) -> Option<String> {
        let (input, units) = (self.input(), self.units());
        if input.is_empty() || units == 0 {
            return Some("a layer needs one input and one neuron at least".to_owned());
        }
        match self {
            Self::Dense { .. } => None,
            Self::Convolution { window, .. } | Self::Pool { window, .. } => window.problem(input),
        }
    }
}

fn placed(window: Window, input: Volume, channels: usize) -> Volume {
    let (height, width) = window.places(input);
    Volume { height, width, channels }
}

/// Calls `visit(place, element)` for every place of the window that covers `pixel`; elements in rows of the window.
fn for_each_place(volume: Volume, window: Window, pixel: usize, mut visit: impl FnMut(usize, usize)) {
    let (rows, columns) = window.places(volume);
    for (row, ky) in window.covering(pixel / volume.width, window.height, rows) {
        for (column, kx) in window.covering(pixel % volume.width, window.width, columns) {
            visit(row * columns + column, ky * window.width + kx);
        }
    }
}

/// Calls `visit(pixel, element)` for every pixel that the window covers at `place`.
fn for_each_pixel(volume: Volume, window: Window, place: usize, mut visit: impl FnMut(usize, usize)) {
    let (_, columns) = window.places(volume);
    for (y, ky) in window.covered(place / columns, window.height, volume.height) {
        for (x, kx) in window.covered(place % columns, window.width, volume.width) {
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
    fn places_are_counted_down_to_whole_strides() {
        let places = |height, width, stride, padding| Window { height, width, stride, padding }.places(IMAGE);
        assert_eq!(places(3, 3, 1, 1), (5, 7));
        assert_eq!(places(2, 2, 2, 0), (2, 3));
        assert_eq!(places(5, 7, 3, 0), (1, 1));
        assert_eq!(places(3, 3, 2, 1), (3, 4));
        assert_eq!(places(6, 1, 1, 0), (0, 7));
    }

    proptest! {
        /// Both directions against the definition: input (y, x, c) is under element (ky, kx, c) of place (r, q)
        /// where y + padding = r stride + ky, and the same across.
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
                let (rows, columns) = window.places(IMAGE);
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
            prop_assert_eq!(connectivity.connections(), (defined.len() * connectivity.units()) as u64);
            forward.sort_unstable();
            backward.sort_unstable();
            defined.sort_unstable();
            prop_assert_eq!(&forward, &defined);
            prop_assert_eq!(&backward, &defined);
        }
    }

    #[test]
    fn sizes_that_are_no_layer_are_named() {
        let window = |height, stride, padding| Window { height, width: 3, stride, padding };
        let problem = |window| Connectivity::Pool { input: IMAGE, window }.problem();
        assert_eq!(problem(window(3, 1, 2)), None);
        assert_eq!(problem(window(3, 0, 0)).unwrap(), "window 3 x 3, stride 0: each must be 1 or more");
        assert_eq!(problem(window(2, 1, 2)).unwrap(), "padding 2: must be less than the window of 2 x 3");
        assert_eq!(problem(window(6, 1, 0)).unwrap(), "window 6 x 3: larger than its padded input of 5 x 7");
        let nothing = Connectivity::Dense { inputs: 0, outputs: 2 }.problem();
        assert_eq!(nothing.unwrap(), "a layer needs one input and one neuron at least");
    }
}
