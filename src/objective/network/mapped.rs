//! What the mapping of a network to its chip tells before training.

use super::failure::does_not_fit;
use super::goal::Goal;
use crate::backend::{Chip, CostBounds, DeployOptions};
use crate::network::{BinaryNetwork, Connectivity};
use crate::space::Bounds;

/// The bounds of a cost of which nothing is known.
pub(super) const AT_LEAST_ZERO: Bounds = Bounds { low: 0.0, high: f64::INFINITY };

/// The number of cores of a network before its first epoch, and what an inference costs at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mapped {
    /// Cores before the first epoch. Training may leave inputs without any weight, which then take
    /// no axon.
    pub cores: usize,
    costs: CostBounds,
    /// The most synaptic operations of an inference, infinite where they are not known.
    operations: f64,
}

impl Mapped {
    /// Maps `network` to `chip`. If `with_costs`, the costs are bounded by those of the network
    /// whose weights are all other than zero, where that one fits, too.
    ///
    /// # Errors
    /// Why the network does not fit.
    pub fn new(
        chip: &Chip,
        network: BinaryNetwork,
        options: &DeployOptions,
        with_costs: bool,
    ) -> Result<Self, String> {
        let cores = chip.cores(&network, options).map_err(|error| does_not_fit(error).reason)?;
        let full = with_costs.then(|| chip.deploy(&without_zeros(network), options).ok()).flatten();
        Ok(Self {
            cores,
            costs: full.as_ref().map(|full| full.cost_bounds()).unwrap_or_default(),
            operations: full.map_or(f64::INFINITY, |full| full.most_synaptic_operations() as f64),
        })
    }

    /// The bounds of `cost`, an energy, a time or a number of operations of an inference.
    pub fn bounds(&self, cost: Goal) -> Bounds {
        let at_most = |high: Option<f64>| Bounds { high: high.unwrap_or(f64::INFINITY), ..AT_LEAST_ZERO };
        match cost {
            Goal::Energy => at_most(self.costs.energy.map(|energy| energy.0)),
            Goal::Latency => at_most(self.costs.latency.map(|latency| latency.0)),
            Goal::SynapticOperations => at_most(Some(self.operations)),
            Goal::Throughput => {
                Bounds { low: self.costs.period.map_or(0.0, |period| 1.0 / period.0), ..AT_LEAST_ZERO }
            }
            _ => AT_LEAST_ZERO,
        }
    }
}

/// The same network with weights that no chip rounds to 0 and that take all synapses that a weight
/// can have: -1 has every digit of two's complement. Thresholds are 1, so that none makes a scale
/// coarser. The weights of pools stay.
fn without_zeros(mut network: BinaryNetwork) -> BinaryNetwork {
    for layer in &mut network.layers {
        let one = libm::scalbn(1.0, layer.exponent);
        if !matches!(layer.connectivity, Connectivity::Pool { .. }) {
            layer.weights.fill(-one);
        }
        layer.thresholds.fill(one);
    }
    network
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};

    use super::*;
    use crate::backend::ChipProfile;
    use crate::network::{BinaryLayer, Key};

    /// Eight inputs on four neurons, all with this weight and this threshold.
    fn network(weight: f64, threshold: f64) -> BinaryNetwork {
        let layer = BinaryLayer {
            connectivity: Connectivity::Dense { inputs: 8, outputs: 4 },
            sources: vec![0],
            weights: Array2::from_elem((4, 8), weight),
            thresholds: Array1::from_elem(4, threshold),
            exponent: 0,
        };
        let key = Key::from_members(Array2::eye(4).mapv(|one: f64| one > 0.0));
        BinaryNetwork { input_max: 1, layers: vec![layer], key }
    }

    #[test]
    fn no_weights_and_thresholds_cost_more_than_the_bounds() {
        // On a crossbar of four bits, a weight of -1 takes four synapses. On risp-127, thresholds of
        // 10,000 would make the weights of the bound 0.
        let cases = [("truenorth", Some(4), network(-1.0, 1.0)), ("risp-127", None, network(-2e3, 1e4))];
        for (name, weight_bits, network) in cases {
            let chip = Chip::new(ChipProfile::builtin(name).expect("a built-in chip"));
            let options = DeployOptions { weight_bits, ..DeployOptions::default() };
            let mapped = Mapped::new(&chip, network.clone(), &options, true).expect("it fits");
            let deployment = chip.deploy(&network, &options).expect("it fits");
            let run = deployment.run(Array2::ones((1, 8)).view()).expect("it runs");
            let energy = run.total_energy.map_or(0.0, |energy| energy.max.0);
            assert!(
                energy <= mapped.bounds(Goal::Energy).high,
                "{name}: {energy} {:?}",
                mapped.bounds(Goal::Energy)
            );
            let operations = run.layers[0].synaptic_operations as f64;
            assert!(operations > 0.0 && operations <= mapped.bounds(Goal::SynapticOperations).high, "{name}");
        }
    }
}
