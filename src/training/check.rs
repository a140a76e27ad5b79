//! Range checks of settings, each with an error that names the setting, its value and the rule.

use super::TrainingError;

/// Requires `value` of the setting `name` to be finite and above 0.
pub(super) fn positive(name: &'static str, value: f64) -> Result<(), TrainingError> {
    require(name, value, value > 0.0 && value.is_finite(), "must be positive")
}

/// Requires `value` of the setting `name` to be finite and at least 0.
pub(super) fn not_negative(name: &'static str, value: f64) -> Result<(), TrainingError> {
    require(name, value, value >= 0.0 && value.is_finite(), "must be at least 0")
}

/// Requires `value` of the setting `name` to lie in [0, 1).
pub(super) fn below_one(name: &'static str, value: f64) -> Result<(), TrainingError> {
    require(name, value, (0.0..1.0).contains(&value), "must lie in [0, 1)")
}

/// The error of a setting that breaks its `rule`; no error if `holds`.
pub(super) fn require(
    name: &'static str,
    value: f64,
    holds: bool,
    rule: &'static str,
) -> Result<(), TrainingError> {
    if holds { Ok(()) } else { Err(TrainingError::Setting { name, value, rule }) }
}
