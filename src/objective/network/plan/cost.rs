//! The cost of an evaluation, estimated from its plan.

use super::Plan;
use crate::network::SpecError;

/// The cost of updating one weight in a training step, and of one neuron for one sample in the
/// forward and backward pass. The unit is one multiplication of a pass. Fitted to dense networks:
/// `benches/README.md#cost-model`.
const WEIGHT: f64 = 100.0;
const NEURON: f64 = 400.0;

impl Plan {
    /// The cost of an evaluation with `train` training samples, in multiplications of a forward or
    /// backward pass. It is the same on every machine and in every run, so decisions may depend on
    /// it.
    ///
    /// # Errors
    /// The first mistake in the network's plan.
    pub fn cost(&self, train: usize) -> Result<f64, SpecError> {
        let work = self.spec.work()?;
        let epochs =
            f64::from(self.training.epochs + self.training.distillation.map_or(0, |teacher| teacher.epochs));
        let sample = work.products as f64 + NEURON * work.neurons as f64;
        let steps = train.div_ceil(self.training.batch_size.max(1));
        Ok(epochs * (train as f64 * sample + steps as f64 * WEIGHT * work.weights as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;

    #[test]
    fn the_cost_grows_with_epochs_and_width_and_falls_with_batches() {
        let cost = |point: &str| {
            let point: Point = serde_json::from_str(point).unwrap();
            Plan::new(&point, [8, 8, 1], 10).unwrap().cost(1000).unwrap()
        };
        let plain = cost(r#"{"method": "surrogate", "epochs": 8}"#);
        assert_eq!(cost(r#"{"method": "surrogate", "epochs": 16}"#), 2.0 * plain);
        assert!(cost(r#"{"method": "surrogate", "epochs": 8, "width_1": 512}"#) > 1.4 * plain);
        assert!(cost(r#"{"method": "surrogate", "epochs": 8, "batch_size": 32}"#) > 1.2 * plain);
        let taught = cost(r#"{"method": "surrogate", "epochs": 8, "teacher_epochs": 8}"#);
        assert_eq!(taught, 2.0 * plain);
    }
}
