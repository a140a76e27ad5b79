//! The sharpened step and the slope that stands for its derivative.

use serde::{Deserialize, Serialize};

/// The width of the ramp just before it becomes a step (Severa et al. 2019).
const NARROWEST: f32 = 0.001;

/// What the backward pass takes for the derivative of the activation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Slope {
    /// The derivative itself: `1 / (w + 0.001)` on the ramp, 0 off it, and 0 everywhere at sharpness 1.
    Own,
    /// A surrogate: `1 / width` where `|z - 1/2| < width / 2`, whatever the sharpness.
    Boxcar {
        /// Above 0; wider means that more neurons learn, from a coarser gradient.
        width: f32,
    },
}

/// The activation of a neuron whose input is `z`, at a sharpness in [0, 1].
///
/// `clip((z - 1/2) / (1 - sharpness + 0.001) + 1/2, 0, 1)`; exactly `[z >= 1/2]` at sharpness 1.
///
/// ```
/// use spiketune::network::sharpened;
///
/// assert_eq!(sharpened(0.5, 0.3), 0.5);
/// assert_eq!(sharpened(0.5, 1.0), 1.0);
/// assert_eq!(sharpened(0.49, 1.0), 0.0);
/// ```
pub fn sharpened(z: f32, sharpness: f32) -> f32 {
    if sharpness == 1.0 { step(z) } else { ramp(z, gain(sharpness)).clamp(0.0, 1.0) }
}

/// Writes the activations of `inputs` to `outputs`, and over `inputs` the slopes there.
pub(super) fn activate(inputs: &mut [f32], outputs: &mut [f32], sharpness: f32, slope: Slope) {
    match slope {
        Slope::Own if sharpness == 1.0 => apply(inputs, outputs, |z| (step(z), 0.0)),
        Slope::Own => {
            let gain = gain(sharpness);
            apply(inputs, outputs, |z| {
                let y = ramp(z, gain);
                (y.clamp(0.0, 1.0), if y > 0.0 && y < 1.0 { gain } else { 0.0 })
            });
        }
        Slope::Boxcar { width } => {
            let (half, height) = (width / 2.0, width.recip());
            let boxcar = |z: f32| if (z - 0.5).abs() < half { height } else { 0.0 };
            if sharpness == 1.0 {
                apply(inputs, outputs, |z| (step(z), boxcar(z)));
            } else {
                let gain = gain(sharpness);
                apply(inputs, outputs, |z| (ramp(z, gain).clamp(0.0, 1.0), boxcar(z)));
            }
        }
    }
}

#[inline]
fn apply(inputs: &mut [f32], outputs: &mut [f32], both: impl Fn(f32) -> (f32, f32)) {
    for (z, a) in inputs.iter_mut().zip(outputs) {
        (*a, *z) = both(*z);
    }
}

fn gain(sharpness: f32) -> f32 {
    (1.0 - sharpness + NARROWEST).recip()
}

fn ramp(z: f32, gain: f32) -> f32 {
    (z - 0.5) * gain + 0.5
}

fn step(z: f32) -> f32 {
    if z >= 0.5 { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activated(z: f32, sharpness: f32, slope: Slope) -> (f32, f32) {
        let (mut input, mut output) = ([z], [f32::NAN]);
        activate(&mut input, &mut output, sharpness, slope);
        (output[0], input[0])
    }

    #[test]
    fn the_ramp_passes_through_one_half_and_saturates_at_its_ends() {
        // w = 0.25: the ramp runs from 0.5 - 0.1255 to 0.5 + 0.1255, with slope 1 / 0.251.
        assert_eq!(activated(0.5, 0.75, Slope::Own), (0.5, 1.0 / 0.251));
        assert_eq!(activated(0.374, 0.75, Slope::Own), (0.0, 0.0));
        assert_eq!(activated(0.626, 0.75, Slope::Own), (1.0, 0.0));
    }

    #[test]
    fn a_finished_layer_is_an_exact_step_without_gradient() {
        let below = f32::from_bits(0.5f32.to_bits() - 1);
        assert_eq!(activated(0.5, 1.0, Slope::Own), (1.0, 0.0));
        assert_eq!(activated(below, 1.0, Slope::Own), (0.0, 0.0));
    }

    #[test]
    fn the_slope_is_the_derivative_of_the_ramp() {
        for sharpness in [0.0, 0.4, 0.9] {
            for z in [-0.2f32, 0.1, 0.46, 0.52, 0.7, 1.3] {
                let difference =
                    f64::from(sharpened(z + 1e-3, sharpness)) - f64::from(sharpened(z - 1e-3, sharpness));
                let (_, slope) = activated(z, sharpness, Slope::Own);
                assert!((difference / 2e-3 - f64::from(slope)).abs() < 1e-2, "{z} {sharpness}");
            }
        }
    }

    #[test]
    fn the_surrogate_slope_has_unit_area_around_the_threshold() {
        let slope = Slope::Boxcar { width: 0.5 };
        assert_eq!(activated(0.7, 1.0, slope), (1.0, 2.0));
        assert_eq!(activated(0.3, 1.0, slope), (0.0, 2.0));
        assert_eq!(activated(0.2, 1.0, slope), (0.0, 0.0));
        assert_eq!(activated(0.2, 0.0, slope).1, 0.0);
    }
}
