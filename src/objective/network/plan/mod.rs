//! Hyperparameters become a plan: how inputs are coded, what the network is, how it is trained and
//! deployed.

mod cost;
pub(crate) mod domain;
pub(crate) mod hyperparameters;
mod layers;
mod lists;
mod meaning;
pub(crate) mod memory;

use std::sync::LazyLock;

use hyperparameters::{Domains, Hyperparameters, PlanError, domain_of};
use layers::Common;

use crate::backend::{DeployOptions, Granularity};
use crate::data::{Augmentation, InputCoding, Sampling};
use crate::network::{HeadSpec, LayerSpec, Shape, Spec, Surrogate, Volume, Window};
use crate::space::{Parameter, Point, Space, Value};
use crate::training::{
    Adaptive, Average, Distillation, Method, Order, Quantized, Rule, Schedule, Scheduled, Sharpener, Simple,
    TrainingConfig,
};

/// A plan: how to train and deploy the network that a point describes.
///
/// | hyperparameter | meaning | default |
/// |---|---|---|
/// | `input_coding` | how inputs are coded: `graded`, `threshold`, `thermometer` | `graded` |
/// | `input_threshold` | the threshold of coding `threshold` | 0.5 |
/// | `input_levels` | channels per input of coding `thermometer` | 4 |
/// | `topology` | `dense`; `convolutional`: convolutions below the dense layers | `dense` |
/// | `conv_layers`, `channels_1` .. `channels_4` | number of convolutions; channels of each | 2, 32 and 64 |
/// | `conv_window`, `conv_padding` | side of their windows; whether they keep the image's size | 5, no |
/// | `conv_pool`, `conv_pooling` | side of the pool after each convolution, 1: none; `max` or `average` | 2, `max` |
/// | `hidden_layers`, `width_1` .. `width_4` | number of dense layers; neurons of each | 2, 256 and 64 |
/// | `convolutions` | a list of convolutions, in place of `topology` and `conv_...` | none |
/// | `convolutions.K.channels` | channels of the K-th convolution | 16 |
/// | `convolutions.K.height`, `.width`, `.stride` | size and stride of its window, at most the image's size | 3, the height, 1 |
/// | `convolutions.K.padding` | whether a square window with odd sides keeps the image's size | no |
/// | `convolutions.K.pool` | the pool of 2 x 2 after it, if the image allows one: `none`, `max`, `average` | `none` |
/// | `convolutions.K.residual` | whether the spikes of the layer before are added, if both have one shape | no |
/// | `dense`, `dense.K.width` | a list of dense layers, in place of `hidden_layers` and `width_...` | none, 64 |
/// | `batch_norm`, `dropout` | batch norm and dropout of every hidden layer | no, 0 |
/// | `output_batch_norm` | batch norm of the output layer | no |
/// | `redundancy`, `key_overlapping` | output neurons per class; whether classes share them | 10, yes |
/// | `optimizer` | `adadelta`, `adam`, `rmsprop`, `sgd` | `adadelta` |
/// | `learning_rate` or `learning_rate_OPTIMIZER` | step size of the optimizer; the second counts where both exist | 4.0, 0.001, 0.001, 0.01 |
/// | `momentum` | momentum of `sgd` | 0 |
/// | `weight_decay` | decoupled weight decay | 0 |
/// | `schedule` | the learning rate's: `constant`, `cosine`, `one-cycle`, `step` | `constant` |
/// | `warm_up` | share of all steps in which the learning rate rises | 0 |
/// | `temperature` | divisor of the class scores in the loss | 1 |
/// | `label_smoothing`, `rate_penalty` | share of a label that all classes get; weight of firing rates in the loss | 0, 0 |
/// | `class_weights` | how much classes with few samples count: 0, as many samples; 1, as much as others | 0 |
/// | `teacher_epochs`, `teacher_share` | epochs of a soft teacher network (0: none); its share of the targets | 0, 0.5 |
/// | `batch_size` | samples per step | 128 |
/// | `method` | how training leads to spikes: `sharpen`, `surrogate`, `hybrid` | `sharpen` |
/// | `slope` | of `surrogate` and `hybrid`: `boxcar`, `triangle`, `sigmoid`, `arctan` | `boxcar` |
/// | `surrogate_width`, `surrogate_final_width` | width of that slope; in the last epoch of `surrogate` | 1, as at first |
/// | `fine_tune` | epochs of `hybrid` after sharpening | 5 |
/// | `sharpener` | `simple`, `scheduled`, `adaptive` | `simple` |
/// | `sharpen_order` | order of the layers: `bottom-up`, `uniform`, `top-down` | `bottom-up` |
/// | `sharpen_start` | first epoch of `simple` and `scheduled` sharpening | 5 |
/// | `sharpen_steps` | epochs per layer of `simple` | 5 |
/// | `sharpen_duration`, `sharpen_intermission` | epochs per layer and between layers of `scheduled` | 4, 2 |
/// | `sharpen_wait`, `sharpen_patience` | epochs at the start and without a fall of the loss before `adaptive` begins | 10, 1 |
/// | `sharpen_rate`, `sharpen_late_rate` | sharpness that `adaptive` adds per epoch, at first and later | 0.25, 0.126 |
/// | `epochs` | the most epochs | those of sharpening and 1 or `fine_tune` more; 20 of `surrogate` |
/// | `average` | average of the parameters: `none`, `swa`, `lookahead` | `none` |
/// | `swa_share` | share of the epochs that `swa` averages over | 0.25 |
/// | `lookahead_steps`, `lookahead_alpha` | steps of `lookahead` between moves of the slow parameters; share moved | 5, 0.5 |
/// | `quantized_epochs`, `quantized_bits` | number of last epochs with rounded weights; their bits | 0, `weight_bits` or the chip's, 8 where weights are exact |
/// | `shift`, `flip`, `cutout`, `rotation`, `zoom` | of training images: pixels, yes or no, pixels, degrees, share | none |
/// | `weight_bits` | bits of deployed weights | the chip's |
/// | `weight_scale` | weights that share a scale: `channel` (those of a neuron) or `layer` | `channel` |
///
/// The defaults are those of Whetstone's smallest example (Severa et al. 2019): the plan of an
/// empty point is that network.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// How inputs are coded.
    pub coding: InputCoding,
    /// The network.
    pub spec: Spec,
    /// How the network is trained.
    pub training: TrainingConfig,
    /// How the network is deployed.
    pub deploy: DeployOptions,
}

/// Most hidden layers of a plan.
const MOST_LAYERS: u32 = 4;

/// The orders of sharpening by their names; the first is the default.
const ORDERS: [(&str, Order); 3] =
    [("bottom-up", Order::BottomUp), ("uniform", Order::Uniform), ("top-down", Order::TopDown)];

impl Plan {
    /// Reads the plan from `point`, for samples of a shape (height, width, channels) and `classes`
    /// classes, and for a chip whose weights are exact.
    ///
    /// # Errors
    /// A hyperparameter is unknown, of the wrong kind, or out of range.
    pub fn new(point: &Point, shape: [usize; 3], classes: usize) -> Result<Self, PlanError> {
        Self::with_weights(point, shape, classes, None)
    }

    /// The same for a chip whose weights have `chip_bits` bits where the point does not say how many.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub fn with_weights(
        point: &Point,
        shape: [usize; 3],
        classes: usize,
        chip_bits: Option<u8>,
    ) -> Result<Self, PlanError> {
        let values = Hyperparameters::of(point);
        values.only(Self::domains())?;
        Self::read(&values, shape, classes, chip_bits)
    }

    /// Every hyperparameter with its domain. They are collected while a plan is read from an empty
    /// point.
    pub fn domains() -> &'static Domains {
        static DOMAINS: LazyLock<Domains> = LazyLock::new(|| {
            let point = Point::default();
            let values = Hyperparameters::remembered(&point);
            Plan::read(&values, [1, 1, 1], 2, None).expect("a point without values has no wrong one");
            values.into_domains()
        });
        &DOMAINS
    }

    /// The value that a network of `point` has for the hyperparameter `name`, which the point lacks; `None` if
    /// the point has it, or is no plan.
    pub fn default_of(point: &Point, name: &str) -> Option<Value> {
        let values = Hyperparameters::remembered(point);
        Plan::read(&values, [1, 1, 1], 2, None).ok()?;
        values.default_of(name)
    }

    /// What the hyperparameter `name` does, in a few words; `None` if no text is kept for it.
    pub fn meaning(name: &str) -> Option<&'static str> {
        meaning::meaning(name)
    }

    /// Checks that all values of all parameters of `space` are in the domains of their
    /// hyperparameters. So no trial is spent on a value that is not.
    ///
    /// # Errors
    /// The first hyperparameter that is unknown, or whose range or choices leave its domain.
    pub fn check(space: &Space) -> Result<(), PlanError> {
        space.parameters().iter().try_for_each(|Parameter { name, domain, .. }| {
            let allowed = domain_of(Self::domains(), name)?;
            match allowed.outside(domain) {
                Some((place, value)) => {
                    Err(PlanError::Range { name: name.clone(), place, value, rule: allowed.to_string() })
                }
                None => Ok(()),
            }
        })
    }

    /// Reads the plan from `values`. Every hyperparameter is read, even if others make it useless.
    fn read(
        values: &Hyperparameters<'_>,
        [height, width, channels]: [usize; 3],
        classes: usize,
        chip_bits: Option<u8>,
    ) -> Result<Self, PlanError> {
        let coding = coding(values)?;
        let input = Volume { height, width, channels: coding.width(channels) };
        let spec = spec(values, input, classes)?;
        let training = training(values, sharpened_layers(&spec), coding, chip_bits)?;
        Ok(Self { coding, spec, training, deploy: deploy(values)? })
    }
}

/// The number of layers that have neurons with a sharpened activation, the output included.
fn sharpened_layers(spec: &Spec) -> u32 {
    let neurons =
        |layer: &&LayerSpec| matches!(layer, LayerSpec::Dense { .. } | LayerSpec::Convolution { .. });
    spec.hidden.iter().filter(neurons).count() as u32 + 1
}

fn coding(values: &Hyperparameters<'_>) -> Result<InputCoding, PlanError> {
    let at = values.real("input_threshold", 0.0, 0.999, 0.5)? as f32;
    let levels = values.whole("input_levels", 1, 64, 4)? as u8;
    let thermometer = InputCoding::Thermometer { levels };
    values.choice(
        "input_coding",
        &[
            ("graded", InputCoding::Graded),
            ("threshold", InputCoding::Threshold { at }),
            ("thermometer", thermometer),
        ],
    )
}

fn spec(values: &Hyperparameters<'_>, input: Volume, classes: usize) -> Result<Spec, PlanError> {
    let common = Common {
        batch_norm: values.truth("batch_norm", false)?,
        dropout: values.real("dropout", 0.0, 0.95, 0.0)? as f32,
    };
    let (convolutions, dense) = (convolutions(values, common)?, dense(values, common)?);
    let mut hidden = layers::convolutions(values, input, common)?.unwrap_or(convolutions);
    hidden.extend(layers::dense(values, common)?.unwrap_or(dense));
    let head = HeadSpec {
        classes,
        redundancy: values.whole("redundancy", 1, 1024, 10)? as usize,
        overlapping: values.truth("key_overlapping", true)?,
        batch_norm: values.truth("output_batch_norm", false)?,
    };
    Ok(Spec { input, hidden, head })
}

/// The dense layers of a point without a list of them.
fn dense(values: &Hyperparameters<'_>, common: Common) -> Result<Vec<LayerSpec>, PlanError> {
    let Common { batch_norm, dropout } = common;
    let layer = |layer: u32| {
        let default = if layer == 1 { 256 } else { 64 };
        let width = values.whole(&format!("width_{layer}"), 1, 1 << 20, default)? as usize;
        Ok(LayerSpec::Dense { width, batch_norm, dropout })
    };
    let all: Vec<LayerSpec> = (1..=MOST_LAYERS).map(layer).collect::<Result<_, _>>()?;
    let layers = values.whole("hidden_layers", 0, MOST_LAYERS, 2)?;
    Ok(all.into_iter().take(layers as usize).collect())
}

/// The convolutions of a convolutional topology, each with its pooling.
fn convolutions(values: &Hyperparameters<'_>, common: Common) -> Result<Vec<LayerSpec>, PlanError> {
    let Common { batch_norm, dropout } = common;
    let layers = values.whole("conv_layers", 1, MOST_LAYERS, 2)?;
    let side = values.whole("conv_window", 1, 64, 5)? as usize;
    let padded = values.truth("conv_padding", false)?;
    let size = values.whole("conv_pool", 1, 64, 2)? as usize;
    let (max, average) = (LayerSpec::MaxPool { size, stride: size }, LayerSpec::AveragePool { size });
    let pool = values.choice("conv_pooling", &[("max", max), ("average", average)])?;
    let is_convolutional = values.choice("topology", &[("dense", false), ("convolutional", true)])?;
    let padding = if padded { (side - 1) / 2 } else { 0 };
    let window = Window { padding, ..Window::square(side, 1) };
    let mut hidden = Vec::new();
    for layer in 1..=MOST_LAYERS {
        let default = if layer == 1 { 32 } else { 64 };
        let channels = values.whole(&format!("channels_{layer}"), 1, 1 << 16, default)? as usize;
        if !is_convolutional || layer > layers {
            continue;
        }
        hidden.push(LayerSpec::Convolution { channels, window, batch_norm, dropout });
        if size > 1 {
            hidden.push(pool.clone());
        }
    }
    Ok(hidden)
}

/// The training of a network with `layers` sharpened layers, the output included.
fn training(
    values: &Hyperparameters<'_>,
    layers: u32,
    coding: InputCoding,
    chip_bits: Option<u8>,
) -> Result<TrainingConfig, PlanError> {
    let method = method(values)?;
    Ok(TrainingConfig {
        epochs: values.whole("epochs", 1, 100_000, epochs_needed(method, layers))?,
        batch_size: values.whole("batch_size", 1, 1 << 16, 128)? as usize,
        rule: rule(values)?,
        method,
        schedule: schedule(values)?,
        warm_up: values.real("warm_up", 0.0, 0.99, 0.0)? as f32,
        weight_decay: values.real("weight_decay", 0.0, 1.0, 0.0)? as f32,
        temperature: values.real("temperature", 1e-3, 1e3, 1.0)? as f32,
        label_smoothing: values.real("label_smoothing", 0.0, 0.99, 0.0)? as f32,
        rate_penalty: values.real("rate_penalty", 0.0, 1e3, 0.0)? as f32,
        class_weights: values.real("class_weights", 0.0, 1.0, 0.0)? as f32,
        distillation: distillation(values)?,
        average: average(values)?,
        quantized: quantized(values, chip_bits)?,
        augmentation: augmentation(values, coding)?,
    })
}

fn method(values: &Hyperparameters<'_>) -> Result<Method, PlanError> {
    let shape = values.choice(
        "slope",
        &[
            ("boxcar", Shape::Boxcar),
            ("triangle", Shape::Triangle),
            ("sigmoid", Shape::SigmoidDerivative),
            ("arctan", Shape::Arctan),
        ],
    )?;
    let width = values.real("surrogate_width", 1e-3, 1e3, 1.0)?;
    let final_width = values.real("surrogate_final_width", 1e-3, 1e3, width)? as f32;
    let width = width as f32;
    let (sharpener, surrogate) = (sharpener(values)?, Surrogate { shape, width });
    let fine_tune = values.whole("fine_tune", 0, 100_000, 5)?;
    values.choice(
        "method",
        &[
            ("sharpen", Method::Sharpen { sharpener }),
            ("surrogate", Method::Surrogate { shape, width, final_width }),
            ("hybrid", Method::Hybrid { sharpener, fine_tune, surrogate }),
        ],
    )
}

fn schedule(values: &Hyperparameters<'_>) -> Result<Schedule, PlanError> {
    values.choice(
        "schedule",
        &[
            ("constant", Schedule::Constant),
            ("cosine", Schedule::Cosine),
            ("one-cycle", Schedule::OneCycle),
            ("step", Schedule::Step),
        ],
    )
}

fn distillation(values: &Hyperparameters<'_>) -> Result<Option<Distillation>, PlanError> {
    let epochs = values.whole("teacher_epochs", 0, 100_000, 0)?;
    let share = values.real("teacher_share", 0.0, 1.0, 0.5)? as f32;
    Ok((epochs > 0).then_some(Distillation { epochs, share }))
}

fn average(values: &Hyperparameters<'_>) -> Result<Average, PlanError> {
    let share = values.real("swa_share", 1e-3, 1.0, 0.25)? as f32;
    let steps = values.whole("lookahead_steps", 1, 10_000, 5)?;
    let alpha = values.real("lookahead_alpha", 1e-3, 1.0, 0.5)? as f32;
    values.choice(
        "average",
        &[
            ("none", Average::None),
            ("swa", Average::Swa { share }),
            ("lookahead", Average::Lookahead { steps, alpha }),
        ],
    )
}

fn quantized(values: &Hyperparameters<'_>, chip_bits: Option<u8>) -> Result<Option<Quantized>, PlanError> {
    let epochs = values.whole("quantized_epochs", 0, 100_000, 0)?;
    let deployed = match values.whole("weight_bits", 0, 32, 0)? {
        bits @ 2..=16 => bits,
        _ => chip_bits.map_or(8, u32::from),
    };
    let bits = values.whole("quantized_bits", 2, 16, deployed)? as u8;
    Ok((epochs > 0).then_some(Quantized { bits, epochs }))
}

/// Random changes of training images. Only graded inputs are interpolated: binary channels stay
/// binary.
fn augmentation(values: &Hyperparameters<'_>, coding: InputCoding) -> Result<Augmentation, PlanError> {
    let graded = coding == InputCoding::Graded;
    Ok(Augmentation {
        shift: values.whole("shift", 0, 1024, 0)?,
        flip: values.truth("flip", false)?,
        cutout: values.whole("cutout", 0, 1024, 0)?,
        rotation: values.real("rotation", 0.0, 180.0, 0.0)? as f32,
        zoom: values.real("zoom", 0.0, 4.0, 0.0)? as f32,
        sampling: if graded { Sampling::Bilinear } else { Sampling::Nearest },
    })
}

/// The default number of epochs. For a sharpener it is the epochs that sharpening takes, and one
/// more in which all layers are sharp. For `hybrid` the epochs of fine-tuning follow instead. The
/// adaptive sharpener may wait, so it gets twice the epochs that it needs at least.
fn epochs_needed(method: Method, layers: u32) -> u32 {
    let sharp = |sharpener: Sharpener| match sharpener {
        Sharpener::Adaptive(_) => 2 * sharpener.epochs(layers),
        _ => sharpener.epochs(layers),
    };
    match method {
        Method::Sharpen { sharpener: sharpener @ Sharpener::Adaptive(_) } => sharp(sharpener),
        Method::Sharpen { sharpener } => sharp(sharpener) + 1,
        Method::Surrogate { .. } => 20,
        Method::Hybrid { sharpener, fine_tune, .. } => sharp(sharpener) + fine_tune,
    }
}

fn rule(values: &Hyperparameters<'_>) -> Result<Rule, PlanError> {
    let rate = |optimizer: &str, default: f64| {
        let shared = values.real("learning_rate", 0.0, 1e3, default)?;
        Ok::<f32, PlanError>(values.real(&format!("learning_rate_{optimizer}"), 0.0, 1e3, shared)? as f32)
    };
    let momentum = values.real("momentum", 0.0, 0.9999, 0.0)? as f32;
    values.choice(
        "optimizer",
        &[
            ("adadelta", Rule::Adadelta { learning_rate: rate("adadelta", 4.0)?, rho: 0.95, epsilon: 1e-8 }),
            ("adam", Rule::adam(rate("adam", 1e-3)?)),
            ("rmsprop", Rule::rms_prop(rate("rmsprop", 1e-3)?)),
            ("sgd", Rule::sgd(rate("sgd", 1e-2)?, momentum)),
        ],
    )
}

fn sharpener(values: &Hyperparameters<'_>) -> Result<Sharpener, PlanError> {
    let order = values.choice("sharpen_order", &ORDERS)?;
    let start_epoch = values.whole("sharpen_start", 0, 10_000, 5)?;
    let simple =
        Sharpener::Simple(Simple { start_epoch, steps: values.whole("sharpen_steps", 1, 1000, 5)?, order });
    let scheduled = Sharpener::Scheduled(Scheduled {
        start_epoch,
        duration: values.whole("sharpen_duration", 1, 1000, 4)?,
        intermission: values.whole("sharpen_intermission", 0, 1000, 2)?,
        order,
    });
    let adaptive = Sharpener::Adaptive(Adaptive {
        min_init_epochs: values.whole("sharpen_wait", 0, 10_000, 10)?,
        rate: values.real("sharpen_rate", 1e-4, 1e3, 0.25)? as f32,
        cz_rate: values.real("sharpen_late_rate", 1e-4, 1e3, 0.126)? as f32,
        patience: values.whole("sharpen_patience", 0, 10_000, 1)?,
        order,
        ..Adaptive::default()
    });
    values.choice("sharpener", &[("simple", simple), ("scheduled", scheduled), ("adaptive", adaptive)])
}

fn deploy(values: &Hyperparameters<'_>) -> Result<DeployOptions, PlanError> {
    let bits = values.whole("weight_bits", 0, 32, 0)? as u8;
    let granularity =
        values.choice("weight_scale", &[("channel", Granularity::Channel), ("layer", Granularity::Layer)])?;
    Ok(DeployOptions { weight_bits: (bits > 0).then_some(bits), granularity })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Network;
    use crate::seed::Seed;
    use crate::space::Value;

    fn training(values: &[(&str, Value)]) -> TrainingConfig {
        let point: Point = values.iter().cloned().collect();
        Plan::new(&point, [28, 28, 1], 10).expect("the point is right").training
    }

    #[test]
    fn a_convolutional_topology_puts_its_layers_below_the_dense_ones() {
        let mut point: Point = [
            ("topology", text("convolutional")),
            ("channels_1", Value::from(8)),
            ("conv_window", Value::from(3)),
            ("conv_padding", Value::from(true)),
            ("hidden_layers", Value::from(1)),
        ]
        .into_iter()
        .collect();
        let spec = Plan::new(&point, [28, 28, 1], 10).expect("the point is right").spec;
        let network = Network::build(&spec, &Seed::root(1)).expect("the plan is right");
        assert_eq!(network.topology(), "28x28x1-8c3-p2-64c3-p2-256-100");
        assert_eq!(sharpened_layers(&spec), 4);
        point.set("conv_pooling", text("average"));
        let spec = Plan::new(&point, [28, 28, 1], 10).expect("the point is right").spec;
        assert_eq!(spec.hidden[1], LayerSpec::AveragePool { size: 2 });
    }

    fn text(choice: &str) -> Value {
        Value::from(choice)
    }

    #[test]
    fn an_empty_point_is_whetstones_example() {
        assert_eq!(
            TrainingConfig { augmentation: Augmentation::none(), ..training(&[]) },
            TrainingConfig::whetstone()
        );
        assert!(training(&[]).augmentation.is_none());
    }

    #[test]
    fn a_hybrid_has_the_sharpeners_epochs_and_those_of_fine_tuning() {
        // Three layers of two steps after one soft epoch, then four.
        let plan = training(&[
            ("method", text("hybrid")),
            ("sharpen_start", 1i64.into()),
            ("sharpen_steps", 2i64.into()),
            ("fine_tune", 4i64.into()),
            ("slope", text("triangle")),
            ("surrogate_width", 0.5.into()),
        ]);
        assert_eq!(plan.epochs, 11);
        let Method::Hybrid { fine_tune, surrogate, .. } = plan.method else { panic!("{plan:?}") };
        assert_eq!((fine_tune, surrogate), (4, Surrogate { shape: Shape::Triangle, width: 0.5 }));
    }

    #[test]
    fn a_slope_keeps_its_width_and_rounding_the_bits_of_deployment_by_default() {
        let plan = training(&[
            ("method", text("surrogate")),
            ("surrogate_width", 0.5.into()),
            ("weight_bits", 3i64.into()),
            ("quantized_epochs", 2i64.into()),
        ]);
        let expected = Method::Surrogate { shape: Shape::Boxcar, width: 0.5, final_width: 0.5 };
        assert_eq!((plan.method, plan.epochs), (expected, 20));
        assert_eq!(plan.quantized, Some(Quantized { bits: 3, epochs: 2 }));
        let bits = |values: &[(&str, Value)], chip_bits| {
            let point =
                [("quantized_epochs", 2i64.into())].into_iter().chain(values.iter().cloned()).collect();
            let plan = Plan::with_weights(&point, [28, 28, 1], 10, chip_bits).expect("the point is right");
            plan.training.quantized.map(|quantized| quantized.bits)
        };
        assert_eq!([None, Some(2)].map(|chip_bits| bits(&[], chip_bits)), [Some(8), Some(2)]);
        assert_eq!(bits(&[("weight_bits", 4i64.into())], Some(2)), Some(4));
        assert_eq!(bits(&[("quantized_bits", 5i64.into())], Some(2)), Some(5));
        let plan = training(&[("method", text("surrogate")), ("surrogate_final_width", 0.25.into())]);
        let expected = Method::Surrogate { shape: Shape::Boxcar, width: 1.0, final_width: 0.25 };
        assert_eq!((plan.method, plan.quantized), (expected, None));
    }

    #[test]
    fn images_with_binary_channels_are_not_interpolated() {
        let sampling = |coding| {
            training(&[("input_coding", text(coding)), ("rotation", 10.0.into())]).augmentation.sampling
        };
        assert_eq!(sampling("graded"), Sampling::Bilinear);
        assert_eq!(sampling("thermometer"), Sampling::Nearest);
    }

    /// What is wrong with a space of one hyperparameter.
    fn problem(name: &str, domain: &str) -> Option<String> {
        let text = format!(r#"{{"name": "s", "parameters": {{"{name}": {domain}}}}}"#);
        let space = Space::from_json(&text, "s.json").expect("a space");
        Plan::check(&space).err().map(|error| error.to_string())
    }

    #[test]
    fn a_range_must_stay_in_its_domain() {
        for (name, domain, expected) in [
            (
                "dropout",
                r#"{"type": "float", "low": 0, "high": 1.5}"#,
                "dropout: high = 1.5: must be a number from 0 to 0.95",
            ),
            (
                "width_1",
                r#"{"type": "int", "low": 16, "high": 1000000000}"#,
                "width_1: high = 1000000000: must be a whole number from 1 to 1048576",
            ),
            (
                "width_4",
                r#"{"type": "int", "low": 0, "high": 64}"#,
                "width_4: low = 0: must be a whole number from 1 to 1048576",
            ),
            (
                "channels_3",
                r#"{"type": "float", "low": 1, "high": 64}"#,
                "channels_3: low = 1.0: must be a whole number from 1 to 65536",
            ),
            (
                "optimizer",
                r#"{"type": "categorical", "choices": ["adam", "lion"]}"#,
                "optimizer: choice = lion: must be one of adadelta, adam, rmsprop, sgd",
            ),
            (
                "batch_norm",
                r#"{"type": "categorical", "choices": [true, "yes"]}"#,
                "batch_norm: choice = yes: must be true or false",
            ),
            (
                "average",
                r#"{"type": "fixed", "value": "ema"}"#,
                "average: value = ema: must be one of none, swa, lookahead",
            ),
            (
                "momentum",
                r#"{"type": "float", "low": -1, "high": 0.5}"#,
                "momentum: low = -1.0: must be a number from 0 to 0.9999",
            ),
            (
                "weight_bits",
                r#"{"type": "categorical", "choices": [4, null]}"#,
                "weight_bits: choice = null: must be a whole number from 0 to 32",
            ),
        ] {
            assert_eq!(problem(name, domain).as_deref(), Some(expected));
        }
        for (name, domain) in [
            ("dropout", r#"{"type": "float", "low": 0, "high": 0.95}"#),
            ("epochs", r#"{"type": "int", "low": 1, "high": 100000, "log": true}"#),
            ("learning_rate_sgd", r#"{"type": "categorical", "choices": [0.1, 1, 1000]}"#),
            ("rotation", r#"{"type": "int", "low": 0, "high": 180}"#),
        ] {
            assert_eq!(problem(name, domain), None, "{name}");
        }
    }

    #[test]
    fn every_hyperparameter_has_a_domain_beyond_which_it_is_refused() {
        let outside = r#"{"type": "fixed", "value": -1e300}"#;
        assert_eq!(Plan::domains().len(), 79);
        for (name, allowed) in Plan::domains() {
            let expected = format!("{name}: value = -1e300: must be {allowed}");
            assert_eq!(problem(name, outside), Some(expected));
        }
        let hint = problem("droput", outside).expect("not a hyperparameter");
        assert_eq!(hint, r#"droput: not a hyperparameter; did you mean "dropout"?"#);
    }
}
