//! The sharpened step, which is the activation of all neurons, and what the backward pass takes as
//! its derivative.

use std::f32::consts::PI;

use serde::{Deserialize, Serialize};

use crate::network::kernels::Lanes;

/// The width of the ramp at sharpness just below 1 (Severa et al. 2019).
const NARROWEST: f32 = 0.001;

/// The derivative of the activation that the backward pass uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Slope {
    /// The derivative itself. On the ramp, whose width is w + 0.001 with w = 1 - sharpness, it is
    /// `1 / (w + 0.001)`. Elsewhere it is 0, and at sharpness 1 it is 0 everywhere.
    Own,
    /// A surrogate gradient, which does not depend on the sharpness.
    Surrogate(Surrogate),
}

/// A surrogate gradient: a function of a neuron's potential that takes the place of the derivative
/// of a step.
///
/// It is a bump around the threshold 1/2 with height `1 / width` and area 1; the derivative of a
/// step also has the area 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surrogate {
    /// The function.
    pub shape: Shape,
    /// The width of the bump, above 0, in units of the potential. A wider bump lets more neurons
    /// learn, from a coarser gradient.
    pub width: f32,
}

/// The function of a surrogate gradient at the potential z: `f(u) / width` with `u = (z - 1/2) /
/// width`. The choices are for f(u).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// 1 where |u| < 1/2, else 0: the straight-through estimator with a window (Yin et al. 2019).
    Boxcar,
    /// `max(0, 1 - |u|)` (Esser et al. 2016).
    Triangle,
    /// `4 s (1 - s)` with `s = 1 / (1 + exp(-4u))`: the derivative of a sigmoid. It falls
    /// exponentially with the distance from the threshold (Zenke, Vogels 2021).
    SigmoidDerivative,
    /// `1 / (1 + (pi u)^2)`: the derivative of an arctangent. Its long tails give every neuron a
    /// gradient (Fang et al. 2021).
    Arctan,
}

impl Surrogate {
    /// The slope at the potential `z`.
    ///
    /// ```
    /// use spiketune::network::{Shape, Surrogate};
    ///
    /// let slope = Surrogate { shape: Shape::Triangle, width: 0.5 };
    /// assert_eq!((slope.at(0.5), slope.at(0.75), slope.at(1.0)), (2.0, 1.0, 0.0));
    /// ```
    #[inline(always)]
    pub fn at(self, z: f32) -> f32 {
        let height = self.width.recip();
        let u = ((z - 0.5) * height).abs();
        match self.shape {
            Shape::Boxcar if (z - 0.5).abs() < self.width / 2.0 => height,
            Shape::Boxcar => 0.0,
            Shape::Triangle => height * (1.0 - u).max(0.0),
            Shape::SigmoidDerivative => {
                // With e = exp(-4|u|), which cannot overflow: s (1 - s) = e / (1 + e)^2.
                let e = (-4.0 * u).exp();
                height * 4.0 * e / ((1.0 + e) * (1.0 + e))
            }
            Shape::Arctan => height / (1.0 + (PI * u) * (PI * u)),
        }
    }
}

impl Slope {
    /// The slope at the potential `z`, for a layer with this `sharpness` in [0, 1].
    pub fn at(self, z: f32, sharpness: f32) -> f32 {
        match self {
            Slope::Own if sharpness == 1.0 => 0.0,
            Slope::Own => own(z, gain(sharpness)),
            Slope::Surrogate(surrogate) => surrogate.at(z),
        }
    }
}

/// The activation of a neuron with the potential `z`, at a sharpness in [0, 1].
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

/// Turns potentials into activations, in place.
#[inline(always)]
pub(crate) fn activate(potentials: &mut [Lanes], sharpness: f32) {
    if sharpness == 1.0 {
        apply(potentials, step);
    } else {
        let gain = gain(sharpness);
        apply(
            potentials,
            #[inline(always)]
            |z| ramp(z, gain).clamp(0.0, 1.0),
        );
    }
}

/// Turns potentials into the slopes at them, in place. Each shape has a loop of its own, so that
/// the shape is chosen only once.
#[inline(always)]
pub(crate) fn slopes(potentials: &mut [Lanes], sharpness: f32, slope: Slope) {
    let Slope::Surrogate(surrogate) = slope else {
        let gain = gain(sharpness);
        return match sharpness == 1.0 {
            true => potentials.fill(Lanes::ZERO),
            false => apply(
                potentials,
                #[inline(always)]
                |z| own(z, gain),
            ),
        };
    };
    macro_rules! shaped {
        ($($shape:ident),+) => {
            match surrogate.shape {
                $(Shape::$shape => {
                    let surrogate = Surrogate { shape: Shape::$shape, ..surrogate };
                    apply(potentials, #[inline(always)] |z| surrogate.at(z));
                })+
            }
        };
    }
    shaped!(Boxcar, Triangle, SigmoidDerivative, Arctan);
}

#[inline(always)]
fn apply(values: &mut [Lanes], function: impl Fn(f32) -> f32) {
    for lanes in values {
        for value in &mut lanes.0 {
            *value = function(*value);
        }
    }
}

#[inline(always)]
fn gain(sharpness: f32) -> f32 {
    (1.0 - sharpness + NARROWEST).recip()
}

#[inline(always)]
fn ramp(z: f32, gain: f32) -> f32 {
    (z - 0.5) * gain + 0.5
}

/// The derivative of the clipped ramp at the potential `z`; `gain` is its slope on the ramp.
#[inline(always)]
fn own(z: f32, gain: f32) -> f32 {
    let y = ramp(z, gain);
    if y > 0.0 && y < 1.0 { gain } else { 0.0 }
}

#[inline(always)]
fn step(z: f32) -> f32 {
    if z >= 0.5 { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activated(z: f32, sharpness: f32, slope: Slope) -> (f32, f32) {
        let (mut outputs, mut there) = ([Lanes::splat(z)], [Lanes::splat(z)]);
        activate(&mut outputs, sharpness);
        slopes(&mut there, sharpness, slope);
        (outputs[0].0[3], there[0].0[3])
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

    const SHAPES: [Shape; 4] = [Shape::Boxcar, Shape::Triangle, Shape::SigmoidDerivative, Shape::Arctan];

    #[test]
    fn a_surrogate_goes_beside_the_step_whatever_the_sharpness() {
        let slope = Slope::Surrogate(Surrogate { shape: Shape::Boxcar, width: 0.5 });
        assert_eq!(activated(0.7, 1.0, slope), (1.0, 2.0));
        assert_eq!(activated(0.3, 1.0, slope), (0.0, 2.0));
        assert_eq!(activated(0.2, 1.0, slope), (0.0, 0.0));
        assert_eq!(activated(0.2, 0.0, slope).1, 0.0);
    }

    #[test]
    fn every_surrogate_has_unit_area_and_the_height_one_over_its_width() {
        for (shape, width) in SHAPES.into_iter().flat_map(|shape| [(shape, 0.3), (shape, 2.0)]) {
            let slope = Surrogate { shape, width };
            assert!((slope.at(0.5) * width - 1.0).abs() < 1e-6, "{slope:?}");
            // Midpoint sum over 400 widths; outside them an arctangent has 2 / (200 pi^2) of its
            // area.
            let step = f64::from(width) / 1000.0;
            let z = |i: i32| 0.5 + (f64::from(i) + 0.5) * step;
            let area: f64 = (-200_000..200_000).map(|i| f64::from(slope.at(z(i) as f32)) * step).sum();
            assert!((area - 1.0).abs() < 2e-3, "{slope:?}: {area}");
        }
    }

    #[test]
    fn smooth_surrogates_are_the_derivatives_of_the_sigmoid_and_the_arctangent() {
        let sigmoid = |u: f64| 1.0 / (1.0 + (-4.0 * u).exp());
        let arctan = |u: f64| (std::f64::consts::PI * u).atan() / std::f64::consts::PI;
        let derivative = |f: &dyn Fn(f64) -> f64, u: f64| (f(u + 1e-5) - f(u - 1e-5)) / 2e-5;
        for z in [-3.0f32, 0.1, 0.45, 0.5, 0.9, 2.0] {
            let (width, u) = (0.8f32, (f64::from(z) - 0.5) / 0.8);
            let at = |shape| f64::from(Surrogate { shape, width }.at(z) * width);
            assert!((at(Shape::SigmoidDerivative) - derivative(&sigmoid, u)).abs() < 1e-5, "{z}");
            assert!((at(Shape::Arctan) - derivative(&arctan, u)).abs() < 1e-5, "{z}");
        }
    }

    #[test]
    fn slopes_of_many_are_the_slope_of_each() {
        let surrogates = SHAPES.map(|shape| Slope::Surrogate(Surrogate { shape, width: 0.7 }));
        for slope in surrogates.into_iter().chain([Slope::Own]) {
            for (z, sharpness) in [(0.45, 0.0), (0.62, 0.8), (0.5, 1.0), (-1e9, 0.3), (1e9, 1.0)] {
                assert_eq!(activated(z, sharpness, slope).1, slope.at(z, sharpness), "{slope:?} {z}");
            }
        }
    }
}
