//! What is known of a network before it is trained: whether it fits its chip and the memory, and
//! the metrics that its plan determines.
//!
//! The chip's limits are checked by its own mapper, on the network before its first epoch.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use super::failure::{does_not_fit, invalid};
use super::goal::Goal;
use super::limits::Limits;
use super::plan::Plan;
use crate::network::{LayerSpec, Network, Spec};
use crate::seed::Seed;
use crate::space::{Bounds, Foresee, Foresight, Point, Refusals};
use crate::study::Failure;

/// Networks whose mapping is remembered. Beyond this number all are forgotten.
const REMEMBERED: usize = 100_000;

/// What the plans of a study's points tell.
pub(super) struct NetworkForesight {
    limits: Limits,
    goals: Vec<Goal>,
    memory: Mutex<Memory>,
}

/// What was found out so far.
#[derive(Default)]
struct Memory {
    /// Cores, or the reason of the refusal, by the network and its deployment.
    mapped: HashMap<String, Result<usize, String>>,
    /// The points that were refused.
    refused: HashSet<String>,
    /// How often each reason was given.
    reasons: HashMap<String, u64>,
}

impl NetworkForesight {
    /// The foresight of networks within `limits`, scored by `goals`.
    pub fn new(limits: Limits, goals: Vec<Goal>) -> Self {
        Self { limits, goals, memory: Mutex::default() }
    }

    /// The bounds of all goals, or why the point is refused.
    fn bounds(&self, point: &Point) -> Result<Vec<Bounds>, String> {
        let reason = |failure: Failure| failure.reason;
        let plan = self.limits.plan(point).map_err(|error| reason(invalid(error)))?;
        self.limits.check_memory(&plan, self.limits.stated_memory).map_err(reason)?;
        let needs_mapping = self.limits.chip.profile().has_limits() || self.goals.contains(&Goal::Cores);
        let cores = if needs_mapping { Some(self.cores(&plan)?) } else { None };
        let parameters = plan.spec.deployed_parameters().map_err(|error| reason(invalid(error)))?;
        let bounds = |goal: &Goal| match goal {
            Goal::Accuracy | Goal::Robustness => Bounds { low: 0.0, high: 1.0 },
            Goal::Parameters => Bounds::exact(parameters as f64),
            // Training may leave inputs without any weight, which then take no axon.
            Goal::Cores => Bounds { low: 1.0, high: cores.map_or(f64::INFINITY, |cores| cores as f64) },
            _ => Bounds { low: 0.0, ..Bounds::UNKNOWN },
        };
        Ok(self.goals.iter().map(bounds).collect())
    }

    /// The cores of the network before its first epoch, or why it does not fit.
    fn cores(&self, plan: &Plan) -> Result<usize, String> {
        let input_max = self.limits.input_max(plan);
        let spec = without_dropout(&plan.spec);
        let key = format!("{spec:?} {input_max} {:?}", plan.deploy);
        if let Some(known) = self.memory().mapped.get(&key) {
            return known.clone();
        }
        let deployed =
            Network::build(&spec, &Seed::root(0)).map_err(|error| error.to_string()).and_then(|network| {
                let deployment = self.limits.chip.deploy(&network.fold(input_max), &plan.deploy);
                deployment.map_err(|error| does_not_fit(error).reason)
            });
        let cores = deployed.map(|deployment| deployment.mapping().cores());
        let mut memory = self.memory();
        if memory.mapped.len() >= REMEMBERED {
            memory.mapped.clear();
        }
        memory.mapped.insert(key, cores.clone());
        cores
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Foresee for NetworkForesight {
    fn foresee(&self, point: &Point) -> Foresight {
        match self.bounds(point) {
            Ok(bounds) => Foresight::Possible { bounds },
            Err(reason) => {
                let mut memory = self.memory();
                if memory.refused.insert(format!("{point:?}")) {
                    *memory.reasons.entry(reason.clone()).or_default() += 1;
                }
                Foresight::Refused { reason }
            }
        }
    }

    fn refusals(&self) -> Refusals {
        let memory = self.memory();
        let most = memory.reasons.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
        Refusals {
            count: memory.refused.len() as u64,
            most_frequent: most.map(|(reason, &count)| (reason.clone(), count)),
        }
    }
}

/// The same network without dropout, which changes nothing of its deployment.
fn without_dropout(spec: &Spec) -> Spec {
    let mut spec = spec.clone();
    for layer in &mut spec.hidden {
        if let LayerSpec::Dense { dropout, .. } | LayerSpec::Convolution { dropout, .. } = layer {
            *dropout = 0.0;
        }
    }
    spec
}
