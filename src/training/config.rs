//! The settings of a training.

use serde::{Deserialize, Serialize};

use crate::data::Augmentation;

use super::check::{below_one, not_negative, positive, require};
use super::{Average, Distillation, Method, Quantized, Rule, Schedule, Sharpener, Simple, TrainingError};

/// The settings of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// The most epochs, at least 1. The method `sharpen` ends earlier, once all layers are sharp.
    pub epochs: u32,
    /// Samples per step, at least 1; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// The gradient-descent rule.
    pub rule: Rule,
    /// The method by which activations become binary (0 or 1).
    pub method: Method,
    /// The schedule of the learning rate. It is laid out for `epochs` epochs, even if training ends
    /// earlier.
    pub schedule: Schedule,
    /// The share of all steps, in [0, 1), in which the learning rate rises to the first value of
    /// the schedule.
    pub warm_up: f32,
    /// Weight decay, at least 0. Each step multiplies every weight by `1 - rate weight_decay`,
    /// where rate is the learning rate; biases and gains stay as they are. It does not pass through
    /// the gradient-descent rule (Loshchilov, Hutter 2019).
    pub weight_decay: f32,
    /// The divisor of class scores in the loss, above 0. At 1, as in Whetstone, a sample no longer
    /// changes the network once its class leads by one or two output neurons. Higher values ask for
    /// a wider margin.
    pub temperature: f32,
    /// The share of the loss's target that is spread evenly over all classes, in [0, 1). A higher
    /// share gives less confident scores, and less influence of wrong labels.
    pub label_smoothing: f32,
    /// The penalty on spikes, at least 0: what is added to the loss if all neurons of a hidden
    /// layer fire on every sample. A higher one gives fewer spikes and less energy.
    pub rate_penalty: f32,
    /// How much classes with few samples count, in [0, 1]. At 0 every sample counts alike, at 1 every
    /// class. A class with n of N samples has a weight in the loss in proportion to (N / n) to the
    /// power of this. The weights of all training samples have the mean 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub class_weights: f32,
    /// Knowledge distillation: learning also from the scores of a soft network, if wanted.
    pub distillation: Option<Distillation>,
    /// Which average of the parameters the training ends with.
    pub average: Average,
    /// Quantization-aware training (with rounded weights) in the last epochs, if wanted.
    pub quantized: Option<Quantized>,
    /// Random changes of the training samples, new ones in every epoch.
    pub augmentation: Augmentation,
}

impl TrainingConfig {
    /// The published example of Whetstone for a small dense network (Severa et al. 2019): Adadelta
    /// at rate 4.0 and batches of 128. Five soft epochs come first, then five epochs of sharpening
    /// for each layer, from the bottom up.
    pub fn whetstone() -> Self {
        Self {
            epochs: 21,
            batch_size: 128,
            rule: Rule::whetstone(),
            method: Method::Sharpen { sharpener: Sharpener::Simple(Simple::default()) },
            schedule: Schedule::Constant,
            warm_up: 0.0,
            weight_decay: 0.0,
            temperature: 1.0,
            label_smoothing: 0.0,
            rate_penalty: 0.0,
            class_weights: 0.0,
            distillation: None,
            average: Average::None,
            quantized: None,
            augmentation: Augmentation::none(),
        }
    }

    /// Checks that each setting lies in its range.
    ///
    /// # Errors
    /// The first setting out of its range, with its value and the rule.
    pub fn check(&self) -> Result<(), TrainingError> {
        positive("epochs", f64::from(self.epochs))?;
        positive("batch_size", self.batch_size as f64)?;
        positive("temperature", f64::from(self.temperature))?;
        not_negative("weight_decay", f64::from(self.weight_decay))?;
        below_one("warm_up", f64::from(self.warm_up))?;
        below_one("label_smoothing", f64::from(self.label_smoothing))?;
        not_negative("rate_penalty", f64::from(self.rate_penalty))?;
        let class_weights = f64::from(self.class_weights);
        require("class_weights", class_weights, (0.0..=1.0).contains(&class_weights), "must lie in [0, 1]")?;
        not_negative("rotation", f64::from(self.augmentation.rotation))?;
        not_negative("zoom", f64::from(self.augmentation.zoom))?;
        self.rule.check()?;
        self.method.check()?;
        self.average.check()?;
        self.distillation.map_or(Ok(()), |distillation| distillation.check())?;
        self.quantized.map_or(Ok(()), |quantized| quantized.check())
    }
}

/// Whether a setting has the value that settings of older versions have: it is not written then.
fn is_zero(value: &f32) -> bool {
    *value == 0.0
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
        let config = |change: &dyn Fn(&mut TrainingConfig)| {
            let mut config = config.clone();
            change(&mut config);
            problem(config)
        };
        assert_eq!(config(&|c| c.warm_up = 1.0), "warm_up = 1: must lie in [0, 1)");
        assert_eq!(config(&|c| c.label_smoothing = -0.5), "label_smoothing = -0.5: must lie in [0, 1)");
        assert_eq!(config(&|c| c.rate_penalty = -1.0), "rate_penalty = -1: must be at least 0");
        assert_eq!(config(&|c| c.class_weights = 1.5), "class_weights = 1.5: must lie in [0, 1]");
        assert_eq!(config(&|c| c.augmentation.zoom = -1.0), "zoom = -1: must be at least 0");
        assert_eq!(config(&|c| c.average = Average::Swa { share: 0.0 }), "share = 0: must lie in (0, 1]");
        let lookahead = Average::Lookahead { steps: 0, alpha: 0.5 };
        assert_eq!(config(&|c| c.average = lookahead), "steps = 0: must be positive");
        let quantized = Some(Quantized { bits: 1, epochs: 2 });
        assert_eq!(config(&|c| c.quantized = quantized), "bits = 1: must be 2 to 16");
        let distillation = Some(Distillation { epochs: 3, share: 1.5 });
        assert_eq!(config(&|c| c.distillation = distillation), "share = 1.5: must lie in [0, 1]");
    }

    #[test]
    fn a_configuration_survives_json_and_a_typo_is_refused() {
        let config = TrainingConfig::whetstone();
        let text = serde_json::to_string(&config).expect("a configuration is plain data");
        assert_eq!(serde_json::from_str::<TrainingConfig>(&text).expect("as written"), config);
        assert!(serde_json::from_str::<TrainingConfig>(&text.replace("steps", "step")).is_err());
        // Checkpoints of 0.1 are of trainings without this setting.
        assert!(!text.contains("class_weights"));
        let weighted = TrainingConfig { class_weights: 0.5, ..config };
        let text = serde_json::to_string(&weighted).expect("a configuration is plain data");
        assert_eq!(serde_json::from_str::<TrainingConfig>(&text).expect("as written"), weighted);
    }
}
