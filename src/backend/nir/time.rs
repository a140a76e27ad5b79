//! The time step of a graph, and the potential that an input adds in one step.
//!
//! NIR gives differential equations and no time step dt. The potential v of a leaky neuron with
//! input current I follows `tau dv/dt = (v_leak - v) + R I`, and starts at rest, `v = v_leak`. One
//! step of forward Euler gives `v_leak + (dt / tau) R I`.
//!
//! The current of a synapse with input S follows `tau_syn dI/dt = -I + w_in S`. It is updated
//! before the neuron: the neuron receives the current after the step, `(dt / tau_syn) w_in S`.
//! Norse reads graphs this way, and snnTorch writes them so.
//!
//! `IF` follows `dv/dt = R I`. As in Norse and Sinabs, it adds `R I` per step, whatever the length
//! of a step.

use super::error::NirError;
use super::graph::Graph;
use super::metadata::Metadata;
use super::operation::{Leak, Operation, Synapse};
use super::tree::Array;

/// The time step of snnTorch's exports, in seconds; their time constants are multiples of it.
const SNNTORCH: f64 = 1e-4;
/// A neuron whose time constant is this number of steps, or more, has no leak in single precision.
const NO_LEAK: f64 = (1 << 24) as f64;
/// Numbers of a file in single precision count as equal up to this relative difference.
const ROUNDING: f64 = 1e-6;
/// As [`ROUNDING`], for half precision.
const HALF_ROUNDING: f64 = 2e-3;

/// The time step of a graph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TimeStep {
    /// In the unit of the time constants.
    pub length: f64,
    pub origin: Origin,
}

/// Where a time step comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The user or the file names it, or nothing depends on it.
    Stated,
    /// Every strength (the factor of an input) is its time constant divided by snnTorch's time
    /// step.
    SnnTorch,
    /// The time constants of all neurons are equal, and the step is one time constant.
    OneTau,
}

/// A time constant of a node, and its strength: the factor of the input that it integrates.
struct Pair<'a> {
    node: &'a str,
    strength: &'a Array,
    tau: &'a Array,
}

impl TimeStep {
    /// The time step of `graph`: `asked` if given, else that of the file's metadata, else the one
    /// that follows from its time constants.
    ///
    /// # Errors
    /// The metadata has an invalid time step, or nothing tells one.
    pub fn of(graph: &Graph, asked: Option<f64>) -> Result<Self, NirError> {
        if let Some(length) =
            asked.map_or_else(|| Metadata::new(&graph.metadata).time_step(), |step| Ok(Some(step)))?
        {
            return Ok(Self { length, origin: Origin::Stated });
        }
        let pairs: Vec<Pair<'_>> =
            graph.nodes.iter().flat_map(|(name, node)| pairs(name, &node.operation)).collect();
        if pairs.iter().all(Pair::is_of_snntorch) && !pairs.is_empty() {
            return Ok(Self { length: SNNTORCH, origin: Origin::SnnTorch });
        }
        let mut finite = pairs.iter().flat_map(|pair| {
            pair.tau.values.iter().filter(|tau| tau.is_finite()).map(|&tau| (pair.node, tau))
        });
        let Some((other, first)) = finite.clone().next() else {
            return Ok(Self { length: 1.0, origin: Origin::Stated });
        };
        if first >= 1.0 {
            // Time constants are numbers of steps.
            return match finite.find(|&(_, tau)| tau != 1.0 && tau < NO_LEAK) {
                None => Ok(Self { length: 1.0, origin: Origin::Stated }),
                Some((node, tau)) => {
                    Err(NirError::node(node, unknown(&format!("leaks with tau {}", shown(tau)))))
                }
            };
        }
        match finite.find(|&(_, tau)| !(tau > 0.0 && is_one(tau / first, ROUNDING))) {
            None => Ok(Self { length: first, origin: Origin::OneTau }),
            Some((node, tau)) => {
                let problem =
                    format!("leaks with tau {}, node {other} with tau {}", shown(tau), shown(first));
                Err(NirError::node(node, unknown(&problem)))
            }
        }
    }

    /// A line for the user, if the step was guessed.
    pub fn remark(&self) -> Option<String> {
        let length = shown(self.length);
        match self.origin {
            Origin::Stated => None,
            Origin::SnnTorch => Some(format!(
                "no time step in the file, and every neuron has r = tau / {length} s, as snnTorch writes: \
                 a step of {length} s is used (v = I); --time-step names another"
            )),
            Origin::OneTau => Some(format!(
                "no time step in the file: a step of {length} s is used, the time constant of all neurons \
                 (v = v_leak + r I); --time-step names another"
            )),
        }
    }

    /// The potential that an input of 1 adds in one step, for each neuron.
    ///
    /// # Errors
    /// A time constant or an input factor is invalid, or no input could move the potential.
    pub fn gain(&self, resistance: &Array, leak: Option<&Leak>) -> Result<Array, String> {
        let Some(Leak { tau, synapse, .. }) = leak else { return Ok(resistance.clone()) };
        let neuron = self.gains(resistance, tau, ["r", "tau"])?;
        let Some(Synapse { tau, weight }) = synapse else { return Ok(neuron) };
        let synapse = self.gains(weight, tau, ["w_in", "tau_syn"])?;
        combined(&neuron, &synapse, ["r", "w_in"], |neuron, synapse| Ok(neuron * synapse))
    }

    /// `strength * step / tau` of each neuron.
    fn gains(&self, strength: &Array, tau: &Array, names: [&str; 2]) -> Result<Array, String> {
        let [of_strength, of_tau] = names;
        combined(strength, tau, names, |strength, tau| {
            if tau.is_nan() || tau <= 0.0 {
                return Err(format!("{of_tau} is {tau}: must be above 0"));
            }
            if strength.is_nan() || (strength.is_infinite() && tau.is_finite()) {
                return Err(format!("{of_strength} is {strength}: must be finite, as {of_tau} {tau} is"));
            }
            match (strength, tau) {
                // No leak: both were divided by the same 0, and their ratio is one step.
                (f64::INFINITY, f64::INFINITY) => Ok(1.0),
                (_, f64::INFINITY) => Err(format!(
                    "{of_tau} is infinite and {of_strength} is {strength}: no input moves the potential"
                )),
                _ if self.origin == Origin::SnnTorch => Ok(1.0),
                _ => {
                    let gain = strength / tau * self.length;
                    Ok(if is_one(gain, ROUNDING) { 1.0 } else { gain })
                }
            }
        })
    }
}

impl Pair<'_> {
    /// Whether every strength equals its time constant divided by snnTorch's time step.
    fn is_of_snntorch(&self) -> bool {
        let follows = |strength: f64, tau: f64| {
            Ok(match strength == f64::INFINITY && tau == f64::INFINITY {
                true => 1.0,
                false => f64::from(u8::from(is_one(strength / tau * SNNTORCH, HALF_ROUNDING))),
            })
        };
        combined(self.strength, self.tau, ["r", "tau"], follows)
            .is_ok_and(|array| array.values.iter().all(|&one| one == 1.0))
    }
}

/// The time constants of a node, each with the factor of its input.
fn pairs<'a>(node: &'a str, operation: &'a Operation) -> Vec<Pair<'a>> {
    let (Operation::Fire { resistance, leak: Some(leak), .. }
    | Operation::Integrate { resistance, leak: Some(leak) }) = operation
    else {
        return Vec::new();
    };
    let neuron = Pair { node, strength: resistance, tau: &leak.tau };
    let synapse =
        leak.synapse.as_ref().map(|synapse| Pair { node, strength: &synapse.weight, tau: &synapse.tau });
    std::iter::once(neuron).chain(synapse).collect()
}

/// Applies `each` to the numbers of two arrays, pair by pair; a single number counts for all.
fn combined(
    first: &Array,
    second: &Array,
    [name, other]: [&str; 2],
    each: impl Fn(f64, f64) -> Result<f64, String>,
) -> Result<Array, String> {
    let (numbers, others) = (&first.values, &second.values);
    let length = if numbers.len() == 1 { others.len() } else { numbers.len() };
    if others.len() != length && others.len() != 1 {
        return Err(format!("{name} has {} numbers, {other} {}", numbers.len(), others.len()));
    }
    let of = |values: &[f64], at: usize| if values.len() == 1 { values[0] } else { values[at] };
    let values = (0..length).map(|at| each(of(numbers, at), of(others, at))).collect::<Result<_, _>>()?;
    let shape = if numbers.len() == length { first.shape.clone() } else { second.shape.clone() };
    Ok(Array { shape, values, width: first.width })
}

/// The threshold minus the resting potential: how far the potential must rise to fire.
pub(super) fn above_rest(threshold: &Array, leak: Option<&Leak>) -> Result<Array, String> {
    match leak {
        Some(Leak { rest, .. }) if rest.values.iter().any(|&rest| rest != 0.0) => {
            combined(threshold, rest, ["v_threshold", "v_leak"], |threshold, rest| Ok(threshold - rest))
        }
        _ => Ok(threshold.clone()),
    }
}

fn is_one(number: f64, rounding: f64) -> bool {
    (number - 1.0).abs() <= rounding
}

/// The number in single precision, so that it prints as it does in the file.
fn shown(number: f64) -> f32 {
    number as f32
}

/// `problem`, with advice to name the time step.
fn unknown(problem: &str) -> String {
    format!(
        "{problem}, and the file has no time step: name it with --time-step, in the unit of tau \
         (1 if tau counts steps)"
    )
}
