//! Why a training came to nothing.

/// A training that cannot begin, or that broke down.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrainingError {
    /// A setting out of its range.
    #[error("{name} = {value}: {rule}")]
    Setting {
        /// As the configuration calls it.
        name: &'static str,
        /// What it is.
        value: f64,
        /// What it must be.
        rule: &'static str,
    },
    /// A set without samples.
    #[error("the {part} set is empty: it must hold at least one sample")]
    Empty {
        /// `training` or `validation`.
        part: &'static str,
    },
    /// Samples that do not fit the network.
    #[error("the {part} set has {found} inputs a sample: the network takes {expected}")]
    Inputs {
        /// `training` or `validation`.
        part: &'static str,
        /// What a sample has.
        found: usize,
        /// I of the network.
        expected: usize,
    },
    /// Samples and labels that are not as many.
    #[error("the {part} set has {labels} labels for {samples} samples: must be as many")]
    Labels {
        /// `training` or `validation`.
        part: &'static str,
        /// How many labels.
        labels: usize,
        /// How many samples.
        samples: usize,
    },
    /// A label that names no class.
    #[error("the {part} set has label {label}: must be below the network's {classes} classes")]
    Label {
        /// `training` or `validation`.
        part: &'static str,
        /// The label.
        label: u16,
        /// K of the network.
        classes: usize,
    },
    /// A shape that has not as many numbers as a sample.
    #[error("the {part} set has the shape {shape:?} for {found} inputs a sample: must be as many")]
    Shape {
        /// `training` or `validation`.
        part: &'static str,
        /// Height, width, channels.
        shape: [usize; 3],
        /// What a sample has.
        found: usize,
    },
    /// Samples that are no images, or too small, for what is to be done to them.
    #[error("{name} = {value}: needs images larger than that, the samples are {height} x {width}")]
    Augmentation {
        /// As the configuration calls it.
        name: &'static str,
        /// What it is.
        value: u32,
        /// Of the samples.
        height: usize,
        /// Of the samples.
        width: usize,
    },
    /// Numbers that are not finite.
    #[error("{what} is not finite in epoch {epoch}: lower the learning rate")]
    Diverged {
        /// Counted from 1.
        epoch: u32,
        /// `the loss` or `a weight`.
        what: &'static str,
    },
    /// A loss far above that of a guess.
    #[error("the loss is {loss:.1} in epoch {epoch}, a guess has {guess:.1}: lower the learning rate")]
    Exploded {
        /// Counted from 1.
        epoch: u32,
        /// Running mean.
        loss: f64,
        /// What it is compared with.
        guess: f64,
    },
    /// An exact layer whose neurons never fire, so that the answer is always the same.
    #[error(
        "layer {layer} of exact steps fires for no validation sample in epoch {epoch}: \
         lower the learning rate, or widen the surrogate slope, or use batch norm"
    )]
    Dead {
        /// Counted from 1.
        epoch: u32,
        /// Counted from 0 at the input.
        layer: usize,
    },
    /// The teacher's own training broke down.
    #[error("the teacher: {0}")]
    Teacher(Box<TrainingError>),
    /// A checkpoint of something else.
    #[error("the checkpoint belongs to another training: its {what} differ; delete it to start again")]
    Checkpoint {
        /// `settings, data or seed`, or the name of a tensor.
        what: String,
    },
}
