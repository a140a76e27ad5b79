//! Augmentation of training images: they are shifted, mirrored, covered, turned and scaled at
//! random, anew in each epoch.

use ndarray::{ArrayView2, ArrayViewMut2};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::seed::{Seed, Stream};
use crate::team;

/// How training samples are changed at random; [`Augmentation::none`] does not change them.
///
/// Each sample is mirrored, then turned and scaled about its centre, then shifted, then covered.
/// Pixels from outside the image are 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// The largest shift in pixels, vertically and horizontally. Shifts are whole pixels.
    pub shift: u32,
    /// Whether half of the images are mirrored left to right.
    pub flip: bool,
    /// The side in pixels of a square that is set to 0, with its centre anywhere in the image
    /// (DeVries, Taylor 2017).
    pub cutout: u32,
    /// The largest angle in degrees by which an image is turned to either side; at least 0.
    pub rotation: f32,
    /// How far an image is enlarged or reduced at most, as a share of its size; at least 0. The
    /// factor is random and log-uniform, from 1 / (1 + zoom) to 1 + zoom.
    pub zoom: f32,
    /// How the pixels of a turned or scaled image are sampled.
    pub sampling: Sampling,
}

/// How a value between the pixels of an image is found, when the image is turned or scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampling {
    /// The value of the nearest pixel is taken.
    Nearest,
    /// The bilinear mean of the four surrounding pixels is taken, rounded. If a channel is binary,
    /// it becomes 1 where the mean is at least 1/2.
    Bilinear,
}

/// The random change of one image.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Change {
    mirrored: bool,
    /// How far the image moves down and right, in pixels.
    shift: [i64; 2],
    /// Cosine and sine of the angle, each divided by the factor of enlargement.
    turn: [f32; 2],
    /// The first row and column of the covered square, which may lie outside the image.
    cover: [i64; 2],
}

impl Augmentation {
    /// No change.
    pub fn none() -> Self {
        Self { shift: 0, flip: false, cutout: 0, rotation: 0.0, zoom: 0.0, sampling: Sampling::Nearest }
    }

    /// Whether nothing is changed.
    pub fn is_none(&self) -> bool {
        *self == Self { sampling: self.sampling, ..Self::none() }
    }

    /// Changes the samples of `inputs` (N samples, I inputs) whose indices are in `chosen`, and
    /// writes them to the rows of `changed` (B rows, I inputs). `chosen` has B indices.
    ///
    /// The change of a sample depends on its index and on `seed`, but not on its row. `seed`
    /// differs between epochs. I is the product of `shape`: height, width, channels.
    pub fn apply(
        &self,
        inputs: ArrayView2<'_, u8>,
        shape: [usize; 3],
        chosen: &[u32],
        seed: &Seed,
        mut changed: ArrayViewMut2<'_, u8>,
    ) {
        let changed = changed.as_slice_mut().expect("a batch is contiguous");
        let at_once = chosen.len().div_ceil(4 * team::threads()).max(1);
        let rows = changed.chunks_mut(at_once * inputs.ncols()).zip(chosen.chunks(at_once));
        team::for_each(rows, |(rows, chosen)| {
            for (row, &sample) in rows.chunks_exact_mut(inputs.ncols()).zip(chosen) {
                let change = self.draw(shape, &mut seed.index(u64::from(sample)).stream());
                let image = inputs.row(sample as usize);
                let image = Image { values: image.to_slice().expect("a sample is contiguous"), shape };
                if change.turn == [1.0, 0.0] {
                    image.move_to(row, change);
                } else {
                    image.bend_to(row, change, self.sampling);
                }
                cover(row, shape, change.cover, self.cutout as usize);
            }
        });
    }

    /// Draws the random change of one image. The same numbers are drawn for every setting, so that
    /// one setting does not alter the changes by another.
    fn draw(&self, [height, width, _]: [usize; 3], stream: &mut Stream) -> Change {
        let mirrored = stream.random_bool(0.5);
        let most = i64::from(self.shift);
        let shift = [stream.random_range(-most..=most), stream.random_range(-most..=most)];
        let angle = self.rotation.to_radians() * stream.random_range(-1.0..=1.0f32);
        let factor = (self.zoom.ln_1p() * stream.random_range(-1.0..=1.0f32)).exp();
        let half = i64::from(self.cutout / 2);
        let centre = [stream.random_range(0..height as i64), stream.random_range(0..width as i64)];
        Change {
            mirrored: self.flip && mirrored,
            shift,
            turn: [angle.cos() / factor, angle.sin() / factor],
            cover: centre.map(|centre| centre - half),
        }
    }
}

/// A sample with its shape.
#[derive(Clone, Copy)]
struct Image<'a> {
    values: &'a [u8],
    shape: [usize; 3],
}

impl Image<'_> {
    /// Mirrors the image, shifts it by whole pixels and writes it to `changed`.
    fn move_to(self, changed: &mut [u8], change: Change) {
        let [height, width, channels] = self.shape;
        changed.fill(0);
        for y in 0..height {
            let Some(row) = within(y as i64 - change.shift[0], height) else { continue };
            for x in 0..width {
                let Some(column) = within(x as i64 - change.shift[1], width) else { continue };
                let column = if change.mirrored { width - 1 - column } else { column };
                let (to, from) = ((y * width + x) * channels, (row * width + column) * channels);
                changed[to..to + channels].copy_from_slice(&self.values[from..from + channels]);
            }
        }
    }

    /// As [`move_to`](Self::move_to), but also turns and scales. Each new pixel is sampled at the
    /// place in the old image that moves to it.
    fn bend_to(self, changed: &mut [u8], change: Change, sampling: Sampling) {
        let [height, width, channels] = self.shape;
        let (middle_y, middle_x) = ((height as f32 - 1.0) / 2.0, (width as f32 - 1.0) / 2.0);
        let ([cos, sin], [down, right]) = (change.turn, change.shift);
        for y in 0..height {
            for x in 0..width {
                let (v, u) = (y as f32 - down as f32 - middle_y, x as f32 - right as f32 - middle_x);
                let (row, column) = (cos * v + sin * u + middle_y, cos * u - sin * v + middle_x);
                let column = if change.mirrored { width as f32 - 1.0 - column } else { column };
                for c in 0..channels {
                    changed[(y * width + x) * channels + c] = match sampling {
                        Sampling::Nearest => self.at(row.round() as i64, column.round() as i64, c),
                        Sampling::Bilinear => self.between(row, column, c),
                    };
                }
            }
        }
    }

    /// The value of a pixel; 0 outside the image.
    fn at(self, row: i64, column: i64, channel: usize) -> u8 {
        let [height, width, channels] = self.shape;
        match (within(row, height), within(column, width)) {
            (Some(row), Some(column)) => self.values[(row * width + column) * channels + channel],
            _ => 0,
        }
    }

    fn between(self, row: f32, column: f32, channel: usize) -> u8 {
        let (top, left) = (row.floor(), column.floor());
        let (below, after) = (row - top, column - left);
        let at = |y: i64, x: i64| f32::from(self.at(top as i64 + y, left as i64 + x, channel));
        let upper = (1.0 - after) * at(0, 0) + after * at(0, 1);
        let lower = (1.0 - after) * at(1, 0) + after * at(1, 1);
        ((1.0 - below) * upper + below * lower).round() as u8
    }
}

/// `place` as an index; `None` unless it is from 0 to `length` - 1.
fn within(place: i64, length: usize) -> Option<usize> {
    usize::try_from(place).ok().filter(|&place| place < length)
}

/// Sets a square of `side` pixels to 0, from the row and column in `first`. The part of the square
/// outside the image is ignored.
fn cover(changed: &mut [u8], shape: [usize; 3], first: [i64; 2], side: usize) {
    let [height, width, channels] = shape;
    for y in (first[0]..first[0] + side as i64).filter_map(|y| within(y, height)) {
        for x in (first[1]..first[1] + side as i64).filter_map(|x| within(x, width)) {
            (0..channels).for_each(|c| changed[(y * width + x) * channels + c] = 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    const NONE: Change = Change { mirrored: false, shift: [0, 0], turn: [1.0, 0.0], cover: [0, 0] };

    fn changed(values: &[u8], shape: [usize; 3], change: Change, sampling: Option<Sampling>) -> Vec<u8> {
        let mut result = vec![9; values.len()];
        let image = Image { values, shape };
        match sampling {
            None => image.move_to(&mut result, change),
            Some(sampling) => image.bend_to(&mut result, change, sampling),
        }
        result
    }

    #[test]
    fn a_shift_fills_with_zeros_and_keeps_channels_together() {
        // Two rows of two pixels with two channels each.
        let image = [1, 2, 3, 4, 5, 6, 7, 8];
        let down = Change { shift: [1, 0], ..NONE };
        assert_eq!(changed(&image, [2, 2, 2], down, None), [0, 0, 0, 0, 1, 2, 3, 4]);
        let left = Change { shift: [0, -1], ..NONE };
        assert_eq!(changed(&image, [2, 2, 2], left, None), [3, 4, 0, 0, 7, 8, 0, 0]);
        let mirrored = Change { mirrored: true, ..NONE };
        assert_eq!(changed(&image, [2, 2, 2], mirrored, None), [3, 4, 1, 2, 7, 8, 5, 6]);
        // Mirrored first, then moved to the right.
        let both = Change { mirrored: true, shift: [0, 1], ..NONE };
        assert_eq!(changed(&image, [2, 2, 2], both, None), [0, 0, 3, 4, 0, 0, 7, 8]);
    }

    #[test]
    fn turning_by_nothing_is_shifting() {
        let image: Vec<u8> = (0..60).collect();
        for mirrored in [false, true] {
            let change = Change { mirrored, shift: [1, -2], ..NONE };
            for sampling in [Sampling::Nearest, Sampling::Bilinear] {
                let bent = changed(&image, [4, 5, 3], change, Some(sampling));
                assert_eq!(bent, changed(&image, [4, 5, 3], change, None));
            }
        }
    }

    #[test]
    fn a_quarter_turn_carries_rows_to_columns() {
        let quarter = Change { turn: [0.0, 1.0], ..NONE };
        for sampling in [Sampling::Nearest, Sampling::Bilinear] {
            let image = [1, 2, 3, 4, 5, 6, 7, 8, 9];
            // The right column becomes the top row.
            assert_eq!(changed(&image, [3, 3, 1], quarter, Some(sampling)), [3, 6, 9, 2, 5, 8, 1, 4, 7]);
        }
    }

    #[test]
    fn enlarging_by_two_puts_halves_between_the_pixels() {
        // Twice as large about the centre of three pixels: places -1, 0, 1 come from -1/2, 0, 1/2.
        let twice = Change { turn: [0.5, 0.0], ..NONE };
        assert_eq!(changed(&[10, 20, 40], [1, 3, 1], twice, Some(Sampling::Bilinear)), [15, 20, 30]);
    }

    #[test]
    fn a_cover_reaches_the_edge_and_no_further() {
        let mut image = [7; 12];
        cover(&mut image, [3, 4, 1], [-1, 2], 3);
        assert_eq!(image, [7, 7, 0, 0, 7, 7, 0, 0, 7, 7, 7, 7]);
    }

    fn strong() -> Augmentation {
        let sampling = Sampling::Bilinear;
        Augmentation { shift: 2, flip: true, cutout: 3, rotation: 15.0, zoom: 0.2, sampling }
    }

    fn apply(augmentation: Augmentation, chosen: &[u32], seed: u64) -> Array2<u8> {
        let inputs = Array2::from_shape_fn((40, 64), |(n, i)| (n * 5 + i) as u8);
        let mut changed = Array2::zeros((chosen.len(), 64));
        augmentation.apply(inputs.view(), [8, 8, 1], chosen, &Seed::root(seed), changed.view_mut());
        changed
    }

    #[test]
    fn a_sample_is_changed_alike_wherever_it_stands_in_a_batch_and_anew_by_another_seed() {
        let all: Vec<u32> = (0..40).collect();
        let batch = apply(strong(), &all, 1);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("threads start");
        let few = pool.install(|| apply(strong(), &[31, 7], 1));
        assert_eq!(few.row(0), batch.row(31));
        assert_eq!(few.row(1), batch.row(7));
        assert_ne!(apply(strong(), &all, 2), batch);
    }

    #[test]
    fn every_shift_and_both_mirrors_come_up_about_equally_often() {
        let augmentation = Augmentation { shift: 1, flip: true, ..Augmentation::none() };
        let mut counts = [[[0; 3]; 3]; 2];
        for n in 0..9000 {
            let change = augmentation.draw([8, 8, 1], &mut Seed::root(3).index(n).stream());
            assert_eq!(change.turn, [1.0, 0.0]);
            counts[usize::from(change.mirrored)][(change.shift[0] + 1) as usize]
                [(change.shift[1] + 1) as usize] += 1;
        }
        // 500 each; five standard deviations are 109.
        assert!(counts.iter().flatten().flatten().all(|count: &i32| (count - 500).abs() < 109), "{counts:?}");
    }

    #[test]
    fn no_augmentation_is_the_identity() {
        assert!(Augmentation::none().is_none() && !strong().is_none());
        let chosen = [3, 1];
        let same = apply(Augmentation::none(), &chosen, 1);
        assert_eq!(same[[0, 5]], 20);
        assert_eq!(same[[1, 63]], 68);
    }
}
