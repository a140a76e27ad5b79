//! Minimization of a smooth function in a box (lower and upper bounds): projected L-BFGS.
//!
//! The direction of a step is that of algorithm 7.4 of Nocedal & Wright 2006, "Numerical
//! optimization". Coordinates that are held at a bound stay. The line search shortens its step
//! along the path projected onto the box (Bertsekas 1982, "Projected Newton methods for
//! optimization problems with simple constraints").

use std::collections::VecDeque;

/// The number of latest steps from which the curvature is estimated, each with its gradient change.
const MEMORY: usize = 8;
/// Sufficient decrease (Armijo), with the usual value.
const DECREASE: f64 = 1e-4;
/// After this number of shortened steps the line search fails.
const BACKTRACKS: usize = 20;

/// When a minimization stops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stopping {
    /// The most steps.
    pub iterations: usize,
    /// Stop if no coordinate of the projected gradient is larger.
    pub gradient: f64,
    /// Stop after a step that lowers the value by no more.
    pub decrease: f64,
}

/// The end of a descent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Minimum {
    pub point: Vec<f64>,
    pub value: f64,
}

/// Descends from `start`, clamped into `bounds`, and returns the minimum of `function` that it
/// reaches.
///
/// `function` returns the value at a point and writes the gradient. A value that is not finite
/// marks a point as impossible: the line search steps back from it. An impossible start is returned
/// as it is.
pub(crate) fn minimize(
    start: &[f64],
    bounds: &[(f64, f64)],
    stopping: Stopping,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Minimum {
    let mut point: Vec<f64> = start.iter().zip(bounds).map(|(x, &(low, high))| x.clamp(low, high)).collect();
    let mut gradient = vec![0.0; point.len()];
    let mut value = function(&point, &mut gradient);
    let mut curvature = Curvature::default();
    for _ in 0..stopping.iterations {
        if !value.is_finite() || projected_norm(&point, &gradient, bounds) <= stopping.gradient {
            break;
        }
        let direction = descent(&mut curvature, &point, &gradient, bounds);
        let Some(next) = backtrack(&point, value, &gradient, &direction, bounds, &mut function) else {
            if curvature.pairs.is_empty() {
                break;
            }
            curvature = Curvature::default();
            continue;
        };
        curvature.learn(difference(&next.point, &point), difference(&next.gradient, &gradient));
        let decrease = value - next.value;
        (point, value, gradient) = (next.point, next.value, next.gradient);
        if decrease <= stopping.decrease {
            break;
        }
    }
    Minimum { point, value }
}

/// A point with its value and gradient.
struct Place {
    point: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

/// Pairs of a step and the change of the gradient along it, oldest first.
#[derive(Default)]
struct Curvature {
    pairs: VecDeque<(Vec<f64>, Vec<f64>)>,
}

impl Curvature {
    /// Adds a pair if the function curves upwards along the step.
    fn learn(&mut self, step: Vec<f64>, change: Vec<f64>) {
        if dot(&step, &change) > 1e-12 * dot(&change, &change) {
            if self.pairs.len() == MEMORY {
                self.pairs.pop_front();
            }
            self.pairs.push_back((step, change));
        }
    }

    /// The approximate inverse Hessian times `vector`: the two-loop recursion.
    fn times(&self, mut vector: Vec<f64>) -> Vec<f64> {
        let mut weights = Vec::with_capacity(self.pairs.len());
        for (step, change) in self.pairs.iter().rev() {
            let weight = dot(step, &vector) / dot(step, change);
            add(&mut vector, -weight, change);
            weights.push(weight);
        }
        if let Some((step, change)) = self.pairs.back() {
            let size = dot(step, change) / dot(change, change);
            vector.iter_mut().for_each(|x| *x *= size);
        }
        for ((step, change), weight) in self.pairs.iter().zip(weights.into_iter().rev()) {
            let correction = weight - dot(change, &vector) / dot(step, change);
            add(&mut vector, correction, step);
        }
        vector
    }
}

/// The direction of descent; 0 in coordinates that are held at a bound.
fn descent(curvature: &mut Curvature, point: &[f64], gradient: &[f64], bounds: &[(f64, f64)]) -> Vec<f64> {
    let is_free: Vec<bool> = (0..point.len()).map(|i| !is_held(point[i], gradient[i], bounds[i])).collect();
    let masked = |vector: Vec<f64>| -> Vec<f64> {
        vector.into_iter().zip(&is_free).map(|(x, &free)| if free { -x } else { 0.0 }).collect()
    };
    let steepest = masked(gradient.to_vec());
    let along: Vec<f64> = steepest.iter().map(|x| -x).collect();
    let direction = masked(curvature.times(along));
    if !curvature.pairs.is_empty() && dot(&direction, gradient) < 0.0 {
        return direction;
    }
    *curvature = Curvature::default();
    // Without curvature the first step has at most length 1.
    let length = dot(&steepest, &steepest).sqrt().max(1.0);
    steepest.into_iter().map(|x| x / length).collect()
}

/// The first point along the projected path with a sufficient decrease; `None` if there is none.
fn backtrack(
    point: &[f64],
    value: f64,
    gradient: &[f64],
    direction: &[f64],
    bounds: &[(f64, f64)],
    function: &mut impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Option<Place> {
    let mut next = Place { point: point.to_vec(), value, gradient: gradient.to_vec() };
    let mut step = 1.0;
    for _ in 0..BACKTRACKS {
        for (i, moved) in next.point.iter_mut().enumerate() {
            *moved = (point[i] + step * direction[i]).clamp(bounds[i].0, bounds[i].1);
        }
        let slope: f64 = (0..point.len()).map(|i| gradient[i] * (next.point[i] - point[i])).sum();
        if slope >= 0.0 {
            return None;
        }
        next.value = function(&next.point, &mut next.gradient);
        if next.value.is_finite() && next.value <= value + DECREASE * slope {
            return Some(next);
        }
        step *= shortening(value, slope, next.value);
    }
    None
}

/// How much to shorten a step, as a factor from 0.1 to 0.5. It leads to the minimum of the parabola
/// through the `value` and `slope` at the start and the value `reached` at the end.
fn shortening(value: f64, slope: f64, reached: f64) -> f64 {
    let part = -0.5 * slope / (reached - value - slope);
    if part.is_finite() { part.clamp(0.1, 0.5) } else { 0.5 }
}

/// Whether the coordinate is at a bound that the descent would cross.
fn is_held(x: f64, slope: f64, (low, high): (f64, f64)) -> bool {
    (x <= low && slope > 0.0) || (x >= high && slope < 0.0)
}

/// The largest coordinate of the projected gradient.
fn projected_norm(point: &[f64], gradient: &[f64], bounds: &[(f64, f64)]) -> f64 {
    (0..point.len())
        .filter(|&i| !is_held(point[i], gradient[i], bounds[i]))
        .fold(0.0, |most, i| gradient[i].abs().max(most))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Adds `factor` times `other` to `target`.
fn add(target: &mut [f64], factor: f64, other: &[f64]) {
    target.iter_mut().zip(other).for_each(|(x, y)| *x += factor * y);
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(x, y)| x - y).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOPPING: Stopping = Stopping { iterations: 200, gradient: 1e-9, decrease: 0.0 };

    /// Rosenbrock 1960: minimum 0 at (1, 1).
    fn rosenbrock(x: &[f64], gradient: &mut [f64]) -> f64 {
        let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
        gradient[0] = -2.0 * a - 400.0 * x[0] * b;
        gradient[1] = 200.0 * b;
        a * a + 100.0 * b * b
    }

    #[test]
    fn the_minimum_of_rosenbrocks_function_is_found_in_few_calls() {
        let mut calls = 0;
        let minimum = minimize(&[-1.2, 1.0], &[(-5.0, 5.0); 2], STOPPING, |x, gradient| {
            calls += 1;
            rosenbrock(x, gradient)
        });
        assert!((minimum.point[0] - 1.0).abs() < 1e-8 && (minimum.point[1] - 1.0).abs() < 1e-8);
        assert!(calls < 100, "{calls} calls");
    }

    #[test]
    fn a_step_with_too_small_a_decrease_is_the_last() {
        let calls = |decrease| {
            let mut calls = 0;
            let stopping = Stopping { decrease, ..STOPPING };
            let minimum = minimize(&[-1.2, 1.0], &[(-5.0, 5.0); 2], stopping, |x, gradient| {
                calls += 1;
                rosenbrock(x, gradient)
            });
            (calls, minimum.value)
        };
        let ((all, least), (fewer, value)) = (calls(0.0), calls(1e-3));
        assert!(fewer < all && value > least && value < 0.1, "{fewer} of {all} calls, {value}");
    }

    #[test]
    fn the_minimum_may_lie_on_a_bound() {
        // With x <= 0.5 the best y is x², so the minimum is (0.5, 0.25).
        let minimum = minimize(&[-1.2, 1.0], &[(-5.0, 0.5), (-5.0, 5.0)], STOPPING, rosenbrock);
        assert_eq!(minimum.point[0], 0.5);
        assert!((minimum.point[1] - 0.25).abs() < 1e-6, "{minimum:?}");
    }

    #[test]
    fn the_descent_steps_back_from_impossible_points() {
        // x - ln x, impossible at and below 0: minimum at 1.
        let minimum = minimize(&[30.0], &[(-10.0, 40.0)], STOPPING, |x, gradient| {
            gradient[0] = 1.0 - 1.0 / x[0];
            x[0] - x[0].ln()
        });
        assert!((minimum.point[0] - 1.0).abs() < 1e-6, "{minimum:?}");
    }

    #[test]
    fn an_impossible_start_is_returned() {
        let minimum = minimize(&[3.0], &[(0.0, 2.0)], STOPPING, |_, _| f64::NAN);
        assert_eq!(minimum.point, [2.0]);
    }
}
