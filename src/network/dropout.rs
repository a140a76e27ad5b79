//! Inverted dropout: some activations are set to 0, the others scaled so that the mean stays.

use ndarray::ArrayViewMut2;
use rand::Rng;

use crate::seed::Seed;

use super::blocks::rows_mut;

/// How finely the share is resolved: one draw is 16 bits.
const LEVELS: f32 = 65_536.0;
/// The most neurons in one draw.
const WIDEST: usize = 64;

/// Drops a `share` in [0, 1) of a block of (B, O) activations, and of the slopes with them.
///
/// Each kept value is divided by the share kept. The same `seed` drops the same values.
pub(super) fn drop_out(
    share: f32,
    seed: &Seed,
    mut outputs: ArrayViewMut2<'_, f32>,
    mut slopes: ArrayViewMut2<'_, f32>,
) {
    let threshold = threshold(share);
    let scale = LEVELS / (LEVELS - f32::from(threshold));
    let mut stream = seed.stream();
    let mut bytes = [0; 2 * WIDEST];
    for (outputs, slopes) in rows_mut(&mut outputs).zip(rows_mut(&mut slopes)) {
        for (outputs, slopes) in outputs.chunks_mut(WIDEST).zip(slopes.chunks_mut(WIDEST)) {
            let draws = &mut bytes[..2 * outputs.len()];
            stream.fill_bytes(draws);
            let factors = draws
                .as_chunks::<2>()
                .0
                .iter()
                .map(|&draw| if u16::from_le_bytes(draw) >= threshold { scale } else { 0.0 });
            for ((output, slope), factor) in outputs.iter_mut().zip(slopes).zip(factors) {
                *output *= factor;
                *slope *= factor;
            }
        }
    }
}

/// Draws below this are dropped.
fn threshold(share: f32) -> u16 {
    // A float cast saturates, so that a share next to 1 still keeps one value in 65,536.
    (share * LEVELS).round() as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn drops_the_asked_share_keeps_the_mean_and_scales_the_slope_alike() {
        let (mut outputs, mut slopes) = (Array2::ones((1000, 70)), Array2::from_elem((1000, 70), 2.0));
        drop_out(0.25, &Seed::root(1), outputs.view_mut(), slopes.view_mut());
        let dropped = outputs.iter().filter(|&&x| x == 0.0).count() as f32 / 70_000.0;
        // Four standard deviations of a share of 70,000 draws: 4 sqrt(0.25 0.75 / 70000) = 0.0065.
        assert!((dropped - 0.25).abs() < 0.0065, "{dropped}");
        assert!(outputs.iter().all(|&x| x == 0.0 || x == 1.0 / 0.75));
        assert_eq!(slopes, outputs * 2.0);
    }

    #[test]
    fn a_share_next_to_one_stays_finite() {
        let (mut outputs, mut slopes) = (Array2::ones((10, 10)), Array2::ones((10, 10)));
        drop_out(0.999_999_9, &Seed::root(1), outputs.view_mut(), slopes.view_mut());
        assert!(outputs.iter().all(|x: &f32| x.is_finite()));
    }
}
