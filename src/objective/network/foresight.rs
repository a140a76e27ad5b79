//! What is known of a network before it is trained: whether it fits its chip and the memory, and
//! the metrics that follow from its plan.
//!
//! The chip's limits are checked by mapping the network to the chip before its first epoch.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use super::constraint::Constraint;
use super::failure::{does_not_fit, invalid};
use super::goal::Goal;
use super::goals::Goals;
use super::limits::Limits;
use super::mapped::{AT_LEAST_ZERO, Mapped};
use super::plan::Plan;
use crate::network::{LayerSpec, Network, Spec};
use crate::seed::Seed;
use crate::space::{Bounds, Foresee, Foresight, Point, Refusals};
use crate::study::Failure;

/// Number of networks whose mapping is remembered. If there are more, all are forgotten.
const REMEMBERED: usize = 100_000;

/// What the plan of a point tells of its network before training, for all points of a study.
pub(super) struct NetworkForesight {
    limits: Limits,
    goals: Vec<Goal>,
    constraints: Vec<Constraint>,
    memory: Mutex<Memory>,
}

/// What was found out so far, so that it need not be computed again.
#[derive(Default)]
struct Memory {
    /// For each network and deployment what its mapping tells, or why it is refused.
    mapped: HashMap<String, Result<Mapped, String>>,
    /// The points that were refused.
    refused: HashSet<String>,
    /// How often each reason was given.
    reasons: HashMap<String, u64>,
}

impl NetworkForesight {
    /// The foresight of networks within `limits`, scored by `goals`.
    pub fn new(limits: Limits, goals: &Goals) -> Self {
        let (goals, constraints) = (goals.list.clone(), goals.constraints.clone());
        Self { limits, goals, constraints, memory: Mutex::default() }
    }

    /// The bounds of all metrics at `point`, or why the point is refused.
    fn bounds(&self, point: &Point) -> Result<Vec<Bounds>, String> {
        let reason = |failure: Failure| failure.reason;
        let plan = self.limits.plan(point).map_err(|error| reason(invalid(error)))?;
        self.limits.check_memory(&plan, self.limits.stated_memory, false).map_err(reason)?;
        let is_asked = |goal| {
            self.goals.contains(&goal) || self.constraints.iter().any(|constraint| constraint.goal == goal)
        };
        let needs_mapping =
            self.limits.chip.profile().has_limits() || is_asked(Goal::Cores) || self.has_costs();
        let mapped = if needs_mapping { Some(self.mapped(&plan)?) } else { None };
        let cores = mapped.map(|mapped| mapped.cores);
        let parameters = plan.spec.deployed_parameters().map_err(|error| reason(invalid(error)))?;
        check_known(&self.constraints, cores, parameters)?;
        let bounds = |goal: &Goal| match goal {
            Goal::Accuracy | Goal::BalancedAccuracy | Goal::F1 | Goal::Robustness => {
                Bounds { low: 0.0, high: 1.0 }
            }
            Goal::Parameters => Bounds::exact(parameters as f64),
            // Training may leave inputs without any weight, which then take no axon.
            Goal::Cores => Bounds { low: 1.0, high: cores.map_or(f64::INFINITY, |cores| cores as f64) },
            cost => mapped.map_or(AT_LEAST_ZERO, |mapped| mapped.bounds(*cost)),
        };
        Ok(self.goals.iter().map(bounds).collect())
    }

    /// Whether a metric is the cost of an inference.
    fn has_costs(&self) -> bool {
        let is_cost = |goal: &Goal| {
            matches!(goal, Goal::Energy | Goal::Latency | Goal::Throughput | Goal::SynapticOperations)
        };
        self.goals.iter().any(is_cost)
    }

    /// What the mapping of the network before its first epoch tells, or why it does not fit.
    fn mapped(&self, plan: &Plan) -> Result<Mapped, String> {
        let input_max = self.limits.input_max(plan);
        let spec = without_dropout(&plan.spec);
        let key = format!("{spec:?} {input_max} {:?}", plan.deploy);
        if let Some(known) = self.memory().mapped.get(&key) {
            return known.clone();
        }
        let mapped = self.check_fan_ins(&spec, input_max, plan).and_then(|()| {
            let network = Network::build(&spec, &Seed::root(0)).map_err(|error| error.to_string())?;
            Mapped::new(&self.limits.chip, network.fold(input_max), &plan.deploy, self.has_costs())
        });
        let mut memory = self.memory();
        if memory.mapped.len() >= REMEMBERED {
            memory.mapped.clear();
        }
        memory.mapped.insert(key, mapped.clone());
        mapped
    }

    /// Refuses a network that is far too large without making its weights, which takes long for the largest.
    fn check_fan_ins(&self, spec: &Spec, input_max: u8, plan: &Plan) -> Result<(), String> {
        let fan_ins = spec.deployed_fan_ins().map_err(|error| error.to_string())?;
        let checked = self.limits.chip.check_fan_ins(&fan_ins, input_max, &plan.deploy);
        checked.map_err(|error| does_not_fit(error).reason)
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

    /// Points with equal plans describe one network, trained and deployed in the same way: a pool
    /// that its image is too small for is left out, for example.
    fn identity(&self, point: &Point) -> Option<u64> {
        let plan = self.limits.plan(point).ok()?;
        let mut hasher = DefaultHasher::new();
        format!("{plan:?}").hash(&mut hasher);
        Some(hasher.finish())
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

/// Refuses a network whose number of cores, if it is known, or parameters breaks one of `constraints`.
///
/// # Errors
/// The number and the constraint, in words.
pub(super) fn check_known(
    constraints: &[Constraint],
    cores: Option<usize>,
    parameters: usize,
) -> Result<(), String> {
    let known = |goal| match goal {
        Goal::Cores => cores,
        Goal::Parameters => Some(parameters),
        _ => None,
    };
    let broken = constraints.iter().find_map(|constraint| {
        let value = known(constraint.goal)?;
        (constraint.excess(value as f64) > 0.0).then_some((constraint, value))
    });
    match broken {
        None => Ok(()),
        Some((constraint, value)) => {
            Err(format!("it takes {value} {}: must be {constraint}", constraint.goal))
        }
    }
}

/// The same network without dropout, which does not change how the network is deployed.
fn without_dropout(spec: &Spec) -> Spec {
    let mut spec = spec.clone();
    for layer in &mut spec.hidden {
        if let LayerSpec::Dense { dropout, .. } | LayerSpec::Convolution { dropout, .. } = layer {
            *dropout = 0.0;
        }
    }
    spec
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::backend::{Chip, ChipProfile};
    use crate::objective::Sweep;
    use crate::space::{Space, Value};
    use crate::units::Bytes;

    fn limits(chip: &str, memory: Option<u64>) -> Limits {
        let profile = ChipProfile::builtin(chip).expect("a built-in chip");
        Limits {
            shape: [8, 8, 1],
            classes: 10,
            levels: 16,
            samples: [1000, 200, 300],
            chip: Chip::new(profile),
            faulty_weights: false,
            memory: None,
            stated_memory: memory.map(Bytes),
        }
    }

    fn foresight(chip: &str, memory: Option<u64>, goals: &[Goal]) -> NetworkForesight {
        let sweep = Sweep { faults: vec![], rates: vec![], maps: 1, seed: 0 };
        let goals = Goals { list: goals.to_vec(), constraints: Vec::new(), sweep };
        NetworkForesight::new(limits(chip, memory), &goals)
    }

    fn space() -> Space {
        Space::from_json(include_str!("../../../configs/topologies.json"), "topologies.json").unwrap()
    }

    /// Random points of the space.
    fn points(count: usize) -> Vec<Point> {
        let space = space();
        let mut stream = Seed::root(11).stream();
        let unit = |_| -> Vec<f64> { (0..space.dimension()).map(|_| stream.random()).collect() };
        (0..count).map(unit).map(|unit| space.decode(&unit)).collect()
    }

    #[test]
    fn every_topology_is_a_network_or_is_refused_with_a_reason() {
        let count = std::env::var("TUNE_GENOMES").ok().and_then(|count| count.parse().ok()).unwrap_or(3000);
        let foresight = foresight("ideal", None, &[Goal::Accuracy, Goal::Parameters]);
        let space = space();
        let mut stream = Seed::root(12).stream();
        let check = |point: &Point| {
            let unit = space.encode(point).expect("a point of the space");
            assert_near(&space.decode(&unit), point);
            match foresight.foresee(point) {
                Foresight::Possible { bounds } => {
                    let plan = foresight.limits.plan(point).expect("it is possible");
                    assert_eq!(plan.spec.check(), Ok(()), "{point:?}");
                    assert!(bounds[1].value().is_some_and(|parameters| parameters > 0.0));
                    assert_spelled(&plan.spec);
                }
                Foresight::Refused { reason } => assert!(!reason.is_empty()),
            }
            unit
        };
        for point in points(count / 2) {
            let mut unit = check(&point);
            // A mutation: one coordinate elsewhere.
            let at = stream.random_range(0..unit.len());
            unit[at] = stream.random();
            check(&space.decode(&unit));
        }
    }

    /// The points are equal, floats but for rounding.
    fn assert_near(a: &Point, b: &Point) {
        assert_eq!(a.iter().count(), b.iter().count());
        for ((name, a), (other, b)) in a.iter().zip(b.iter()) {
            let is_near = match (a, b) {
                (Value::Float(a), Value::Float(b)) => (a - b).abs() <= 1e-12 * b.abs(),
                _ => a == b,
            };
            assert!(name == other && is_near, "{name} = {a}, {other} = {b}");
        }
    }

    /// The plan reads back from its line and from its JSON.
    fn assert_spelled(spec: &Spec) {
        assert_eq!(spec.line().parse::<Spec>().as_ref(), Ok(spec), "{}", spec.line());
        let json = serde_json::to_string(spec).expect("a plan is JSON");
        assert_eq!(&serde_json::from_str::<Spec>(&json).expect("it reads back"), spec);
    }

    #[test]
    fn what_is_foreseen_is_what_deployment_finds() {
        for chip in ["loihi1", "truenorth", "odin"] {
            let foresight = foresight(chip, None, &[Goal::Cores, Goal::Parameters]);
            for point in points(40) {
                let plan = foresight.limits.plan(&point).expect("a plan");
                let deployed = Network::build(&plan.spec, &Seed::root(7)).map_err(|error| error.to_string());
                let deployed = deployed.and_then(|network| {
                    let binary = network.fold(foresight.limits.input_max(&plan));
                    let deployment = foresight.limits.chip.deploy(&binary, &plan.deploy);
                    deployment.map_err(|error| error.to_string())
                });
                match (foresight.foresee(&point), deployed) {
                    (Foresight::Possible { bounds }, Ok(deployment)) => {
                        assert!(bounds[0].high >= deployment.mapping().cores() as f64);
                        assert_eq!(bounds[1].value(), Some(deployment.network().parameters() as f64));
                    }
                    (Foresight::Refused { reason }, Err(error)) => {
                        // How many weights round to 0 differs by the seed, and so may the layer.
                        let limit = |text: &str| text.split([':', ' ']).take(4).collect::<Vec<_>>().concat();
                        assert_eq!(limit(&reason), limit(&error));
                    }
                    (foreseen, found) => panic!("{chip}: foreseen {foreseen:?}, found {:?}", found.err()),
                }
            }
        }
    }

    #[test]
    fn no_inference_costs_more_than_foreseen() {
        let goals = [Goal::Energy, Goal::Latency, Goal::SynapticOperations, Goal::Throughput];
        let mut stream = Seed::root(13).stream();
        // With four bits of a crossbar, -1 takes four synapses and 1 a single one. On risp-127 large
        // thresholds make weights 0.
        let chips =
            [("loihi1", None, 10), ("truenorth", None, 5), ("truenorth", Some(4), 5), ("risp-127", None, 10)];
        for (chip, weight_bits, least) in chips {
            let foresight = foresight(chip, None, &goals);
            let mut found = 0;
            for mut point in points(60) {
                if let Some(bits) = weight_bits {
                    point.set("weight_bits", bits);
                }
                let Foresight::Possible { bounds } = foresight.foresee(&point) else { continue };
                let plan = foresight.limits.plan(&point).expect("a plan");
                let network = Network::build(&plan.spec, &Seed::root(8)).expect("a network");
                let mut binary = network.fold(foresight.limits.input_max(&plan));
                // Training leaves zeros.
                for layer in &mut binary.layers {
                    layer.weights.mapv_inplace(|w| if stream.random::<f64>() < 0.3 { 0.0 } else { w });
                }
                let Ok(deployment) = foresight.limits.chip.deploy(&binary, &plan.deploy) else { continue };
                let width = deployment.network().layers[0].inputs();
                let inputs =
                    ndarray::Array2::from_shape_fn((4, width), |_| u8::from(stream.random::<bool>()));
                let run = deployment.run(inputs.view()).expect("it runs");
                let operations: u64 = run.layers.iter().map(|layer| layer.synaptic_operations).sum();
                assert!(run.total_energy.is_none_or(|energy| energy.max.0 <= bounds[0].high));
                assert!(run.latency.is_none_or(|latency| latency.max.0 <= bounds[1].high));
                assert!(operations as f64 / 4.0 <= bounds[2].high);
                assert!(run.period.is_none_or(|period| 1.0 / period.0 >= bounds[3].low));
                // Without zeros a network may not fit, and then its bounds are not known.
                let known = if run.latency.is_some() { &bounds[..3] } else { &bounds[2..3] };
                found += usize::from(known.iter().all(|bounds| bounds.high.is_finite()));
            }
            assert!(found > least, "{chip}: only {found} networks fit");
        }
    }

    #[test]
    fn points_of_one_network_have_one_identity() {
        let foresight = foresight("ideal", None, &[Goal::Accuracy]);
        let identity = |text: &str| {
            let point: Point = serde_json::from_str(text).expect("a point");
            foresight.identity(&point).expect("a plan")
        };
        // On 8 x 8 pixels a window of 7 x 7 leaves 2 x 2, and one of 8 x 8 a single place.
        let with = |side: usize, pool: &str, channels: usize| {
            identity(&format!(
                r#"{{"convolutions": 1, "convolutions.1.channels": {channels}, "convolutions.1.height": {side},
                    "convolutions.1.width": {side}, "convolutions.1.pool": "{pool}", "dense": 0}}"#
            ))
        };
        assert_eq!(with(8, "max", 4), with(8, "none", 4));
        assert_eq!(with(9, "none", 4), with(8, "none", 4));
        assert_ne!(with(7, "max", 4), with(7, "none", 4));
        assert_ne!(with(8, "none", 5), with(8, "none", 4));
        let beyond: Point = serde_json::from_str(r#"{"dense": 1000}"#).expect("a point");
        assert_eq!(foresight.identity(&beyond), None);
    }

    #[test]
    fn a_network_beyond_the_stated_memory_is_refused_once() {
        let foresight = foresight("ideal", Some(1), &[Goal::Accuracy]);
        let point = space().default_point();
        for _ in 0..3 {
            assert!(matches!(foresight.foresee(&point), Foresight::Refused { .. }));
        }
        let refusals = foresight.refusals();
        assert_eq!(refusals.count, 1);
        let (reason, times) = refusals.most_frequent.expect("a reason");
        assert_eq!(times, 1);
        assert!(reason.contains("raise --memory"), "{reason}");
    }

    #[test]
    fn of_the_accuracy_only_its_range_is_known() {
        let foresight = foresight("ideal", None, &[Goal::Accuracy, Goal::Energy]);
        let Foresight::Possible { bounds } = foresight.foresee(&space().default_point()) else {
            panic!("an ideal chip refuses nothing")
        };
        assert_eq!(bounds, [Bounds { low: 0.0, high: 1.0 }, Bounds { low: 0.0, high: f64::INFINITY }]);
    }

    #[test]
    fn a_constraint_of_what_is_known_refuses_before_training() {
        let mut foresight = foresight("loihi1", None, &[Goal::Accuracy]);
        foresight.constraints = vec!["cores<=0".parse().unwrap()];
        let mut point = space().default_point();
        point.set("input_coding", "threshold");
        let Foresight::Refused { reason } = foresight.foresee(&point) else {
            panic!("no network has no core")
        };
        assert!(reason.starts_with("it takes ") && reason.ends_with(" cores: must be cores<=0"), "{reason}");
        foresight.constraints = vec!["parameters<=1000000".parse().unwrap(), "energy<=0".parse().unwrap()];
        assert!(matches!(foresight.foresee(&point), Foresight::Possible { .. }));
    }
}
