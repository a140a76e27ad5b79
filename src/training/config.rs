//! What a training is told.

use serde::{Deserialize, Serialize};

use super::{Rule, Sharpener, Simple, TrainingError};

/// How a network comes to binary activations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Method {
    /// Soft steps are sharpened while the network learns; training ends when all are exact.
    Sharpen {
        /// When, which layers, how fast.
        sharpener: Sharpener,
    },
    /// Exact steps from the first epoch; going back, a boxcar around the threshold stands for the slope.
    Surrogate {
        /// Of the boxcar, above 0, in units of the step's input. Wider: more neurons learn, from a coarser
        /// gradient.
        width: f32,
    },
}

/// How the learning rate changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Not at all.
    Constant,
    /// Down to zero over all epochs along half a cosine (Loshchilov, Hutter 2017).
    Cosine,
}

impl Schedule {
    /// The factor on the learning rate after a share `done` in [0, 1] of all steps.
    pub fn factor(self, done: f64) -> f64 {
        match self {
            Schedule::Constant => 1.0,
            Schedule::Cosine => (1.0 + (std::f64::consts::PI * done).cos()) / 2.0,
        }
    }
}

/// How to train a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// The most epochs, at least 1; a sharpener ends earlier once all layers are sharp.
    pub epochs: u32,
    /// Samples per step, at least 1; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// How gradients change parameters.
    pub rule: Rule,
    /// How the activations become binary.
    pub method: Method,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// Each step takes this share, times the learning rate, off every weight; biases and gains stay. At
    /// least 0. Decoupled from the rule (Loshchilov, Hutter 2019).
    pub weight_decay: f32,
    /// What class scores are divided by in the loss, above 0. At 1, as Whetstone has it, a lead of one or
    /// two output neurons ends the learning of a sample; higher values ask for a wider margin.
    pub temperature: f32,
}

impl TrainingConfig {
    /// Whetstone's published example for a small dense network: Adadelta at 4.0, batches of 128, five soft
    /// epochs, then five steps a layer, bottom-up (Severa et al. 2019).
    pub fn whetstone() -> Self {
        Self {
            epochs: 21,
            batch_size: 128,
            rule: Rule::whetstone(),
            method: Method::Sharpen { sharpener: Sharpener::Simple(Simple::default()) },
            schedule: Schedule::Constant,
            weight_decay: 0.0,
            temperature: 1.0,
        }
    }

    /// Checks what the types leave open.
    pub fn check(&self) -> Result<(), TrainingError> {
        positive("epochs", f64::from(self.epochs))?;
        positive("batch_size", self.batch_size as f64)?;
        positive("temperature", f64::from(self.temperature))?;
        not_negative("weight_decay", f64::from(self.weight_decay))?;
        self.rule.check()?;
        match self.method {
            Method::Sharpen { sharpener } => sharpener.check(),
            Method::Surrogate { width } => positive("width", f64::from(width)),
        }
    }
}

pub(super) fn positive(name: &'static str, value: f64) -> Result<(), TrainingError> {
    require(name, value, value > 0.0 && value.is_finite(), "must be positive")
}

pub(super) fn not_negative(name: &'static str, value: f64) -> Result<(), TrainingError> {
    require(name, value, value >= 0.0 && value.is_finite(), "must be at least 0")
}

pub(super) fn below_one(name: &'static str, value: f64) -> Result<(), TrainingError> {
    require(name, value, (0.0..1.0).contains(&value), "must lie in [0, 1)")
}

fn require(name: &'static str, value: f64, holds: bool, rule: &'static str) -> Result<(), TrainingError> {
    if holds { Ok(()) } else { Err(TrainingError::Setting { name, value, rule }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(config: TrainingConfig) -> String {
        config.check().expect_err("the setting is wrong").to_string()
    }

    #[test]
    fn a_wrong_setting_is_named_with_its_value_and_rule() {
        let config = TrainingConfig::whetstone();
        assert_eq!(config.check(), Ok(()));
        assert_eq!(problem(TrainingConfig { epochs: 0, ..config.clone() }), "epochs = 0: must be positive");
        let rule = Rule::Sgd { learning_rate: -0.5, momentum: 0.9 };
        assert_eq!(
            problem(TrainingConfig { rule, ..config.clone() }),
            "learning_rate = -0.5: must be positive"
        );
        let rule = Rule::Sgd { learning_rate: 0.5, momentum: 1.0 };
        assert_eq!(problem(TrainingConfig { rule, ..config.clone() }), "momentum = 1: must lie in [0, 1)");
        let method = Method::Surrogate { width: 0.0 };
        assert_eq!(problem(TrainingConfig { method, ..config }), "width = 0: must be positive");
    }

    #[test]
    fn the_cosine_starts_at_one_and_ends_at_zero() {
        assert_eq!(Schedule::Cosine.factor(0.0), 1.0);
        assert!((Schedule::Cosine.factor(0.5) - 0.5).abs() < 1e-15);
        assert_eq!(Schedule::Cosine.factor(1.0), 0.0);
    }

    #[test]
    fn a_configuration_survives_json_and_a_typo_is_refused() {
        let config = TrainingConfig::whetstone();
        let text = serde_json::to_string(&config).expect("a configuration is plain data");
        assert_eq!(serde_json::from_str::<TrainingConfig>(&text).expect("as written"), config);
        assert!(serde_json::from_str::<TrainingConfig>(&text.replace("steps", "step")).is_err());
    }
}
