//! The log cost of a whole trial, as a linear function of its features (the inputs of the model).
//!
//! The cost of a point is known before training, so it needs no Gaussian process. It is a product
//! of layer widths, epochs and batches, so its logarithm is nearly linear in the features.

use ndarray::{Array1, ArrayView2, Axis};

use crate::linalg::Cholesky;
use crate::search::bayes::input::cube::{Cell, Cube};
use crate::search::bayes::input::features::Features;
use crate::search::sobol::SobolSequence;
use crate::seed::Seed;
use crate::space::{Point, Space};

/// Points per feature that the log cost is fitted to: enough to see each value several times.
const POINTS: usize = 8;
/// Gives features no weight that are constant or sums of other features.
const RIDGE: f64 = 1e-3;

/// The logarithm of `cost`. It is subtracted from the log gain, so that the acquisition is the gain
/// per cost (`benches/README.md#cost`).
pub(crate) fn log_cost(cost: f64) -> f64 {
    cost.ln()
}

/// The log cost of a whole trial, linear in the features.
#[derive(Clone, Debug)]
pub(crate) struct LogCost {
    weights: Array1<f64>,
    intercept: f64,
    /// No log cost is lower.
    least: f64,
}

impl LogCost {
    /// Fits log costs by least squares to `cost`, which must be positive, at points all over
    /// `space`. A log cost below `least` counts as `least`. `None` if the space has no features.
    pub fn fit(
        space: &Space,
        cube: &Cube<'_>,
        features: &Features,
        cost: &dyn Fn(&Point) -> f64,
        least: f64,
        seed: &Seed,
    ) -> Option<Self> {
        let sequence = SobolSequence::new(seed);
        let count = (POINTS * (features.groups().len() + 1)) as u64;
        let cells: Vec<Cell> =
            (0..count).map(|index| cube.cell(&sequence.point(index, cube.dimension()))).collect();
        let inputs = features.rows(&cells);
        let log_costs: Array1<f64> =
            cells.iter().map(|cell| log_cost(cost(&space.decode(&cell.unit)))).collect();
        let (means, mean) = (inputs.mean_axis(Axis(0))?, log_costs.mean()?);
        let centred = &inputs - &means;
        let mut products = centred.t().dot(&centred);
        products.diag_mut().mapv_inplace(|product| product + RIDGE * count as f64);
        let factor = Cholesky::with_jitter(products.view()).ok()?;
        let weights = factor.solve(centred.t().dot(&(log_costs - mean)).view());
        Some(Self { intercept: mean - weights.dot(&means), weights, least })
    }

    /// The log costs at all rows of `inputs`.
    pub fn log_costs(&self, inputs: ArrayView2<f64>) -> Array1<f64> {
        (inputs.dot(&self.weights) + self.intercept).mapv(|log_cost| log_cost.max(self.least))
    }

    /// Minus the log cost at `input`; adds the derivatives to `gradient`.
    pub fn add_gradient(&self, input: &[f64], gradient: &mut [f64]) -> f64 {
        let log_cost =
            self.intercept + std::iter::zip(input, &self.weights).map(|(x, weight)| x * weight).sum::<f64>();
        if log_cost > self.least {
            gradient.iter_mut().zip(&self.weights).for_each(|(slope, weight)| *slope -= weight);
        }
        -log_cost.max(self.least)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::search::gp::fixtures::assert_slopes;

    const SPACE: &str = r#"{"name": "net", "parameters": {
        "width": {"type": "int", "low": 16, "high": 1024, "log": true},
        "epochs": {"type": "int", "low": 10, "high": 20},
        "rule": {"type": "categorical", "choices": ["adam", "sgd"]}
    }}"#;

    #[test]
    fn a_product_of_parameters_is_fitted_within_a_seventh() {
        let space = Space::from_json(SPACE, "net.json").unwrap();
        let cube = Cube::new(&space);
        let features = Features::new(&cube);
        let cost = |point: &Point| {
            let number = |name| point.get(name).and_then(|value| value.as_f64()).unwrap();
            let rule =
                if point.get("rule").and_then(|rule| rule.as_str()) == Some("sgd") { 1.0 } else { 3.0 };
            number("width") * number("epochs") * rule
        };
        let fit = |least| LogCost::fit(&space, &cube, &features, &cost, least, &Seed::root(0)).unwrap();
        let fitted = fit(f64::NEG_INFINITY);
        for unit in [[0.0, 0.0, 0.2], [0.9, 0.1, 0.7], [0.4, 1.0, 0.2]] {
            let cell = cube.cell(&unit);
            let row = features.rows([&cell]);
            let expected = log_cost(cost(&space.decode(&cell.unit)));
            assert!((fitted.log_costs(row.view())[0] - expected).abs() < 0.14, "{unit:?}");
        }
        let row = features.row(&cube.cell(&[0.5, 0.5, 0.2]));
        let mut gradient = vec![0.0; row.len()];
        let value = fitted.add_gradient(&row, &mut gradient);
        let at = |first: [f64; 2]| {
            let mut row = row.clone();
            row[..2].copy_from_slice(&first);
            -fitted.log_costs(Array2::from_shape_vec((1, row.len()), row).unwrap().view())[0]
        };
        assert_eq!(value, at([row[0], row[1]]));
        assert_slopes([gradient[0], gradient[1]], at, [row[0], row[1]], 1e-6);
        let mut gradient = vec![0.0; row.len()];
        let floor = 1.0 - value;
        assert_eq!(fit(floor).add_gradient(&row, &mut gradient), -floor);
        assert_eq!(gradient, vec![0.0; row.len()], "below the least cost there is no slope");
        let inputs = Array2::from_shape_vec((1, row.len()), row).unwrap();
        assert_eq!(fit(floor).log_costs(inputs.view())[0], floor);
    }
}
