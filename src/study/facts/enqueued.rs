//! Trials that a person or a program has enqueued through Optuna.

use crate::space::Point;
use crate::study::Trial;

/// Optuna's key for the parameters of an enqueued trial, all or some of them.
pub const ENQUEUED: &str = "fixed_params";

impl Trial {
    /// The parameters with which the trial was enqueued, unchecked; `None` if it was not enqueued.
    /// The inner error says why they are no point.
    pub fn enqueued(&self) -> Option<Result<Point, String>> {
        let kept = self.internal.get(ENQUEUED)?;
        let point = serde_json::from_value(kept.clone());
        Some(point.map_err(|_| format!("{ENQUEUED} = {kept}: must be an object of names and scalars")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_point_is_said() {
        let enqueued = |value: serde_json::Value| {
            let internal = [(ENQUEUED.to_owned(), value)].into_iter().collect();
            Trial { internal, ..Trial::waiting(0, Point::default()) }.enqueued()
        };
        assert_eq!(enqueued(json!({"x": 1})), Some(Ok([("x", 1i64)].into_iter().collect())));
        for value in [json!({"x": [1]}), json!("{\"x\": NaN}"), json!([1])] {
            let problem = enqueued(value.clone()).expect("enqueued").expect_err("no point");
            assert_eq!(problem, format!("fixed_params = {value}: must be an object of names and scalars"));
        }
        assert_eq!(Trial::waiting(0, Point::default()).enqueued(), None);
    }
}
