//! The shape of samples, and the place of the channels of images.

use std::path::Path;

use super::table::Scale;
use crate::data::{Channels, DataError};

/// The most dimensions: N, height, width, channels.
pub(crate) const MAX_RANK: usize = 4;

/// The usual numbers of channels: grey (1), the two polarities of event cameras (2), colour (3),
/// colour with opacity (4). They tell which dimension holds the channels.
const USUAL: std::ops::RangeInclusive<usize> = 1..=4;

/// The shape of the samples of an array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Layout {
    /// Height, width, channels; `[1, 1, I]` for a table.
    pub shape: [usize; 3],
    /// Whether the array has the channels before height and width.
    pub is_channels_first: bool,
}

impl Layout {
    /// The layout of an array with the dimensions `dims`. `name` is the array's name in error
    /// texts.
    ///
    /// # Errors
    /// There are fewer than two or more than four dimensions, or the channels may be in two places.
    pub fn of(dims: &[usize], channels: Channels, name: &str, file: &Path) -> Result<Self, DataError> {
        let last = |shape| Ok(Self { shape, is_channels_first: false });
        match *dims {
            [_, inputs] => last([1, 1, inputs]),
            [_, height, width] => last([height, width, 1]),
            [_, first, middle, end] => {
                let is_channels_first = match channels {
                    Channels::First => true,
                    Channels::Last => false,
                    Channels::Detect => is_first([first, middle, end])
                        .ok_or_else(|| DataError::malformed(file, ambiguous(dims, name)))?,
                };
                let shape = if is_channels_first { [middle, end, first] } else { [first, middle, end] };
                Ok(Self { shape, is_channels_first })
            }
            _ => {
                let problem = format!("{name}: {} dimensions; must be 2 to {MAX_RANK}", dims.len());
                Err(DataError::malformed(file, problem))
            }
        }
    }

    /// The features that share a scale.
    pub fn scale(self) -> Scale {
        if self.shape[..2] == [1, 1] { Scale::PerColumn } else { Scale::Common }
    }

    /// `values` with the channels of each sample last.
    pub fn channels_last<T: Copy>(self, values: Vec<T>) -> Vec<T> {
        let [height, width, channels] = self.shape;
        if !self.is_channels_first || channels == 1 {
            return values;
        }
        let plane = height * width;
        let mut last = Vec::with_capacity(values.len());
        for sample in values.chunks_exact((plane * channels).max(1)) {
            last.extend((0..plane * channels).map(|at| sample[at % channels * plane + at / channels]));
        }
        last
    }
}

/// Whether the channels are the first of the three dimensions; `None` if they may also be the last.
fn is_first([first, middle, end]: [usize; 3]) -> Option<bool> {
    match (USUAL.contains(&first), USUAL.contains(&end)) {
        (false, _) => Some(false),
        (true, false) => Some(true),
        _ if first == middle && middle == end && end == 1 => Some(false),
        // Images are mostly square: the two equal dimensions are height and width.
        _ if first == middle && middle != end => Some(false),
        _ if middle == end && first != middle => Some(true),
        _ => None,
    }
}

fn ambiguous(dims: &[usize], name: &str) -> String {
    format!(
        "{name}: dimensions {dims:?}: the channels may come before or after height and width: say --channels first \
         or --channels last"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(dims: &[usize], channels: Channels) -> Result<Layout, String> {
        Layout::of(dims, channels, "array x", Path::new("f")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_place_of_the_channels_is_recognized() {
        for (dims, shape, is_first) in [
            ([9, 1, 28, 28], [28, 28, 1], true),
            ([9, 3, 32, 32], [32, 32, 3], true),
            ([9, 4, 6, 5], [6, 5, 4], true),
            ([9, 2, 34, 34], [34, 34, 2], true),
            ([9, 1, 4, 4], [4, 4, 1], true),
            ([9, 28, 28, 1], [28, 28, 1], false),
            ([9, 32, 32, 3], [32, 32, 3], false),
            ([9, 34, 34, 2], [34, 34, 2], false),
            ([9, 4, 4, 3], [4, 4, 3], false),
            ([9, 16, 16, 200], [16, 16, 200], false),
            ([9, 28, 28, 28], [28, 28, 28], false),
            ([9, 1, 1, 1], [1, 1, 1], false),
        ] {
            let found = layout(&dims, Channels::Detect).unwrap();
            assert_eq!((found.shape, found.is_channels_first), (shape, is_first), "{dims:?}");
        }
    }

    #[test]
    fn channels_in_two_possible_places_need_the_option() {
        for dims in [[9, 3, 32, 3], [9, 1, 28, 1], [9, 4, 4, 4], [9, 1, 3, 4]] {
            let message = layout(&dims, Channels::Detect).unwrap_err();
            assert!(message.contains("array x") && message.contains("--channels first"), "{message}");
            let [_, first, middle, end] = dims;
            assert_eq!(layout(&dims, Channels::First).unwrap().shape, [middle, end, first]);
            assert_eq!(layout(&dims, Channels::Last).unwrap().shape, [first, middle, end]);
        }
    }

    #[test]
    fn fewer_and_more_dimensions_are_errors() {
        assert!(layout(&[9], Channels::Detect).unwrap_err().contains("1 dimensions; must be 2 to 4"));
        assert!(layout(&[9, 1, 2, 3, 4], Channels::Detect).unwrap_err().contains("5 dimensions"));
    }

    #[test]
    fn planes_become_pixels() {
        let layout = layout(&[2, 3, 1, 5], Channels::Detect).unwrap();
        let sample = |base: u8| (0..15).map(move |at| base + at).collect::<Vec<u8>>();
        let last = layout.channels_last([sample(0), sample(100)].concat());
        assert_eq!(last[..6], [0, 5, 10, 1, 6, 11]);
        assert_eq!(last[15..18], [100, 105, 110]);
        assert_eq!(last[29], 114);
    }
}
