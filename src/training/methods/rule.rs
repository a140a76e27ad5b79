//! Gradient-descent rules (optimizers) with the formulas and defaults of Keras, and their state.

use serde::{Deserialize, Serialize};

use crate::network::kernels::vectorized;
use crate::network::{Gradients, Network, Parameter};

use crate::training::TrainingError;
use crate::training::check::{below_one, positive};

/// Moments below this are set to 0. Otherwise the moments of a neuron without gradient would decay
/// to denormal numbers, with which processors are slow.
const TINY: f32 = 1e-30;

/// The rule by which a gradient g changes a parameter p. In the formulas, `<-` sets a value, and
/// rate is the learning rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Rule {
    /// Gradient descent with momentum, where v is the velocity of the parameter: `v <- momentum v -
    /// rate g; p <- p + v`.
    Sgd {
        /// The learning rate, above 0.
        learning_rate: f32,
        /// The momentum, in [0, 1).
        momentum: f32,
    },
    /// Adam (Kingma, Ba 2015), with the moments m and v, and b1 and b2 for `beta1` and `beta2`: `m
    /// <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g²; p <- p - rate' m / (sqrt(v) + epsilon)`. At
    /// step t, `rate' = rate sqrt(1 - b2^t) / (1 - b1^t)`.
    Adam {
        /// The learning rate, above 0.
        learning_rate: f32,
        /// The decay of the moment m, in [0, 1).
        beta1: f32,
        /// The decay of the moment v, in [0, 1).
        beta2: f32,
        /// Keeps the divisor above 0; at least 0.
        epsilon: f32,
    },
    /// Adadelta (Zeiler 2012), with the moments a and d: `a <- rho a + (1 - rho) g²;
    /// u = g sqrt((d + epsilon) / (a + epsilon)); p <- p - rate u; d <- rho d + (1 - rho) u²`.
    Adadelta {
        /// The learning rate, above 0.
        learning_rate: f32,
        /// The decay of both moments, in [0, 1).
        rho: f32,
        /// Keeps the divisor above 0; above 0.
        epsilon: f32,
    },
    /// RMSprop (Hinton 2012), with the moment a: `a <- rho a + (1 - rho) g²; p <- p - rate g /
    /// (sqrt(a) + epsilon)`.
    RmsProp {
        /// The learning rate, above 0.
        learning_rate: f32,
        /// The decay of the moment, in [0, 1).
        rho: f32,
        /// Keeps the divisor above 0; above 0.
        epsilon: f32,
    },
}

impl Rule {
    /// The rule of Whetstone: Adadelta with rate 4.0, rho 0.95 and epsilon 1e-8.
    pub fn whetstone() -> Self {
        Rule::Adadelta { learning_rate: 4.0, rho: 0.95, epsilon: 1e-8 }
    }

    /// Stochastic gradient descent. Keras uses rate 0.01 and momentum 0.
    pub fn sgd(learning_rate: f32, momentum: f32) -> Self {
        Rule::Sgd { learning_rate, momentum }
    }

    /// Adam with betas 0.9 and 0.999 and epsilon 1e-7. Keras uses rate 0.001.
    pub fn adam(learning_rate: f32) -> Self {
        Rule::Adam { learning_rate, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 }
    }

    /// RMSprop with rho 0.9 and epsilon 1e-7. Keras uses rate 0.001.
    pub fn rms_prop(learning_rate: f32) -> Self {
        Rule::RmsProp { learning_rate, rho: 0.9, epsilon: 1e-7 }
    }

    /// The learning rate that the schedule scales.
    pub fn learning_rate(&self) -> f32 {
        match *self {
            Rule::Sgd { learning_rate, .. }
            | Rule::Adam { learning_rate, .. }
            | Rule::Adadelta { learning_rate, .. }
            | Rule::RmsProp { learning_rate, .. } => learning_rate,
        }
    }

    /// Checks that the settings lie in their ranges.
    pub(crate) fn check(&self) -> Result<(), TrainingError> {
        positive("learning_rate", f64::from(self.learning_rate()))?;
        match *self {
            Rule::Sgd { momentum, .. } => below_one("momentum", f64::from(momentum)),
            Rule::Adam { beta1, beta2, epsilon, .. } => below_one("beta1", f64::from(beta1))
                .and_then(|()| below_one("beta2", f64::from(beta2)))
                .and_then(|()| positive("epsilon", f64::from(epsilon))),
            Rule::Adadelta { rho, epsilon, .. } | Rule::RmsProp { rho, epsilon, .. } => {
                below_one("rho", f64::from(rho)).and_then(|()| positive("epsilon", f64::from(epsilon)))
            }
        }
    }

    /// The number of moments that the rule keeps per parameter, 1 or 2.
    pub(crate) fn moments(&self) -> usize {
        if self.has_two_moments() { 2 } else { 1 }
    }

    /// Whether the rule keeps a second moment per parameter.
    fn has_two_moments(&self) -> bool {
        matches!(self, Rule::Adam { .. } | Rule::Adadelta { .. })
    }
}

/// The state of a gradient-descent rule during a training.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Descent {
    rule: Rule,
    weight_decay: f32,
    /// The number of steps done.
    pub steps: u64,
    /// The moments of each tensor of the network, by its index.
    moments: Vec<Moments>,
}

/// The moments of a tensor: v of SGD, m and v of Adam, a and d of Adadelta, a of RMSprop. [`Rule`]
/// has the formulas.
#[derive(Clone, Debug, PartialEq)]
struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Moments {
    /// Both moments; the second may be empty.
    fn slices(&mut self) -> [&mut [f32]; 2] {
        [self.first.as_mut_slice(), self.second.as_mut_slice()]
    }
}

impl Descent {
    /// The state before training, with all moments 0.
    pub fn new(rule: Rule, weight_decay: f32, network: &Network) -> Self {
        let moments = network.tensor_lengths().map(|length| Moments {
            first: vec![0.0; length],
            second: vec![0.0; if rule.has_two_moments() { length } else { 0 }],
        });
        Self { rule, weight_decay, steps: 0, moments: moments.collect() }
    }

    /// The two moments of each tensor of the network, by its index; the second may be empty.
    pub fn moments_mut(&mut self) -> impl Iterator<Item = [&mut [f32]; 2]> {
        self.moments.iter_mut().map(Moments::slices)
    }

    /// Changes all parameters that are not frozen. The learning rate is multiplied by `factor`.
    ///
    /// Momentum and weight decay do not change frozen layers either: without a gradient nothing
    /// would correct their drift.
    pub fn step(&mut self, network: &mut Network, gradients: &Gradients, factor: f64) {
        self.steps += 1;
        let (rule, steps, weight_decay) = (self.rule, self.steps, self.weight_decay);
        let moments = self.moments_mut();
        network.learn(gradients, moments, |parameter, moments| {
            let decay = if parameter.decays { weight_decay } else { 0.0 };
            change(rule, steps, factor, decay, parameter, moments);
        });
    }
}

/// Changes parameters by step number `steps`, counted from 1. `moments` are their first and second
/// moments.
fn change(
    rule: Rule,
    steps: u64,
    factor: f64,
    decay: f32,
    parameter: Parameter<'_>,
    [first, second]: [&mut [f32]; 2],
) {
    let rate = (f64::from(rule.learning_rate()) * factor) as f32;
    let keep = 1.0 - rate * decay;
    let Parameter { values, gradient, .. } = parameter;
    match rule {
        Rule::Sgd { momentum, .. } => with_one(
            values,
            gradient,
            first,
            #[inline(always)]
            |p, g, v| {
                *v = flushed(momentum * *v - rate * g);
                *p = keep * *p + *v;
            },
        ),
        Rule::Adam { beta1, beta2, epsilon, .. } => {
            let corrected = (f64::from(rate) * adam_correction(beta1, beta2, steps)) as f32;
            with_two(
                values,
                gradient,
                first,
                second,
                #[inline(always)]
                |p, g, m, v| {
                    *m = flushed(beta1 * *m + (1.0 - beta1) * g);
                    *v = flushed(beta2 * *v + (1.0 - beta2) * g * g);
                    *p = keep * *p - corrected * *m / (v.sqrt() + epsilon);
                },
            );
        }
        Rule::Adadelta { rho, epsilon, .. } => {
            with_two(
                values,
                gradient,
                first,
                second,
                #[inline(always)]
                |p, g, a, d| {
                    *a = flushed(rho * *a + (1.0 - rho) * g * g);
                    let update = g * ((*d + epsilon) / (*a + epsilon)).sqrt();
                    *p = keep * *p - rate * update;
                    *d = flushed(rho * *d + (1.0 - rho) * update * update);
                },
            );
        }
        Rule::RmsProp { rho, epsilon, .. } => with_one(
            values,
            gradient,
            first,
            #[inline(always)]
            |p, g, a| {
                *a = flushed(rho * *a + (1.0 - rho) * g * g);
                *p = keep * *p - rate * g / (a.sqrt() + epsilon);
            },
        ),
    }
}

/// `sqrt(1 - b2^t) / (1 - b1^t)`, which corrects the bias of moments that begin at 0. b1 and b2 are
/// the decays, and t is the `step`, counted from 1.
fn adam_correction(beta1: f32, beta2: f32, step: u64) -> f64 {
    let missing = |beta: f32| 1.0 - f64::from(beta).powf(step as f64);
    missing(beta2).sqrt() / missing(beta1)
}

/// `value`, or 0 if it is tiny.
#[inline(always)]
fn flushed(value: f32) -> f32 {
    if value.abs() < TINY { 0.0 } else { value }
}

/// Calls `change` with every parameter, its gradient and its moment.
fn with_one(
    values: &mut [f32],
    gradient: &[f32],
    state: &mut [f32],
    change: impl Fn(&mut f32, f32, &mut f32),
) {
    vectorized(
        #[inline(always)]
        || {
            for ((p, &g), s) in values.iter_mut().zip(gradient).zip(state) {
                change(p, g, s);
            }
        },
    );
}

/// Calls `change` with every parameter, its gradient and its two moments.
fn with_two(
    values: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    change: impl Fn(&mut f32, f32, &mut f32, &mut f32),
) {
    vectorized(
        #[inline(always)]
        || {
            let states = first.iter_mut().zip(second);
            for ((p, &g), (m, v)) in values.iter_mut().zip(gradient).zip(states) {
                change(p, g, m, v);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a parameter that starts at 1, after two steps with the gradients 0.5 and -0.25.
    fn after_two_steps(rule: Rule, decay: f32) -> f32 {
        let mut moments = Moments { first: vec![0.0], second: vec![0.0] };
        let mut values = [1.0];
        for (step, gradient) in [(1, [0.5]), (2, [-0.25])] {
            let parameter = Parameter { values: &mut values, gradient: &gradient, decays: true };
            change(rule, step, 1.0, decay, parameter, moments.slices());
        }
        values[0]
    }

    fn assert_close(value: f32, expected: f64) {
        assert!((f64::from(value) - expected).abs() < 1e-6, "{value} {expected}");
    }

    #[test]
    fn momentum_carries_the_first_step_into_the_second() {
        // v: -0.05, then 0.9 (-0.05) + 0.025 = -0.02; p: 0.95, 0.93.
        assert_close(after_two_steps(Rule::sgd(0.1, 0.9), 0.0), 0.93);
    }

    #[test]
    fn decay_takes_a_share_of_the_weight_and_leaves_the_velocity() {
        // keep = 1 - 0.1 0.5 = 0.95; p: 0.95 - 0.05 = 0.9, then 0.855 - 0.02 = 0.835.
        assert_close(after_two_steps(Rule::sgd(0.1, 0.9), 0.5), 0.835);
    }

    #[test]
    fn adam_begins_with_whole_steps_and_averages_after() {
        // t=1: m = 0.05, v = 0.00025; m/0.1 = 0.5, v/0.001 = 0.25: step 0.1 0.5/0.5 = 0.1.
        // t=2: m = 0.045 - 0.025 = 0.02, v = 0.00024975 + 0.0000625 = 0.00031225;
        //      m/0.19 = 0.1052632, v/0.001999 = 0.1562031, root 0.3952254: step 0.0266337.
        assert_close(after_two_steps(Rule::adam(0.1), 0.0), 1.0 - 0.1 - 0.026_633_7);
    }

    #[test]
    fn rms_prop_divides_by_the_running_root_mean_square() {
        // a: 0.1 0.25 = 0.025, root 0.1581139: step 0.1 0.5/0.1581139 = 0.3162277;
        // a: 0.0225 + 0.00625 = 0.02875, root 0.1695583: step -0.1474420.
        assert_close(after_two_steps(Rule::rms_prop(0.1), 0.0), 1.0 - 0.316_227_7 + 0.147_442_0);
    }

    #[test]
    fn adadelta_steps_by_the_ratio_of_root_mean_squares() {
        // a = 0.05 0.25 = 0.0125, u = 0.5 sqrt(0.01 / 0.0225) = 1/3, p = 1 - 0.3 / 3 = 0.9,
        // d = 0.05 / 9; then a = 0.95 0.0125 + 0.05 0.0625 = 0.015 and
        // u = -0.25 sqrt(0.0155556 / 0.025) = -0.1972027.
        let rule = Rule::Adadelta { learning_rate: 0.3, rho: 0.95, epsilon: 0.01 };
        assert_close(after_two_steps(rule, 0.0), 0.9 + 0.3 * 0.197_202_7);
    }

    #[test]
    fn moments_that_decay_end_at_zero_rather_than_at_denormals() {
        let mut moments = Moments { first: vec![1e-20], second: vec![1e-29] };
        for step in 1..500 {
            let parameter = Parameter { values: &mut [1.0], gradient: &[0.0], decays: false };
            change(Rule::adam(0.1), 1000 * step, 1.0, 0.0, parameter, moments.slices());
        }
        assert_eq!(moments.first, [0.0]);
        moments.second[0] = 1.0001e-30;
        let parameter = Parameter { values: &mut [1.0], gradient: &[0.0], decays: false };
        change(Rule::adam(0.1), 1, 1.0, 0.0, parameter, moments.slices());
        assert_eq!(moments.second, [0.0]);
    }
}
