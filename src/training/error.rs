//! The errors of a training.

/// Why a training cannot begin, or why it failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrainingError {
    /// A setting out of its range.
    #[error("{name} = {value}: {rule}")]
    Setting {
        /// The setting's name in the configuration.
        name: &'static str,
        /// The setting's value.
        value: f64,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// A set without samples.
    #[error("the {part} set is empty: it must hold at least one sample")]
    Empty {
        /// `training` or `validation`.
        part: &'static str,
    },
    /// Samples that do not fit the network.
    #[error("the {part} set has {found} inputs per sample: the network takes {expected}")]
    Inputs {
        /// `training` or `validation`.
        part: &'static str,
        /// Number of inputs of a sample.
        found: usize,
        /// Number of inputs of the network.
        expected: usize,
    },
    /// Different numbers of samples and of labels.
    #[error("the {part} set has {labels} labels for {samples} samples: must be equally many")]
    Labels {
        /// `training` or `validation`.
        part: &'static str,
        /// The number of labels.
        labels: usize,
        /// The number of samples.
        samples: usize,
    },
    /// A label that names no class.
    #[error("the {part} set has label {label}: must be below the network's {classes} classes")]
    Label {
        /// `training` or `validation`.
        part: &'static str,
        /// The label.
        label: u16,
        /// Number of classes of the network.
        classes: usize,
    },
    /// The shape of a sample has another number of elements than the sample has inputs.
    #[error("the {part} set has the shape {shape:?} for {found} inputs per sample: must be equally many")]
    Shape {
        /// `training` or `validation`.
        part: &'static str,
        /// The shape: height, width, channels.
        shape: [usize; 3],
        /// Number of inputs of a sample.
        found: usize,
    },
    /// The samples are no images, or too small for the augmentation.
    #[error("{name} = {value}: needs images larger than that, the samples are {height} x {width}")]
    Augmentation {
        /// The name of the setting in the configuration.
        name: &'static str,
        /// The setting's value.
        value: u32,
        /// Rows of the samples.
        height: usize,
        /// Columns of the samples.
        width: usize,
    },
    /// A loss or weight that is not finite.
    #[error("{what} is not finite in epoch {epoch}: lower the learning rate")]
    Diverged {
        /// The epoch, counted from 1.
        epoch: u32,
        /// `the loss` or `a weight`.
        what: &'static str,
    },
    /// A loss far above the loss of a random guess.
    #[error("the loss is {loss:.1} in epoch {epoch}, a guess has {guess:.1}: lower the learning rate")]
    Exploded {
        /// The epoch, counted from 1.
        epoch: u32,
        /// The running mean of the loss.
        loss: f64,
        /// The loss of a random guess, or that of the network before training if it is higher.
        guess: f64,
    },
    /// A sharp layer (whose neurons send only 0 or 1) never fires. So the network gives the same
    /// answer for every sample.
    #[error(
        "layer {layer} of exact steps fires for no validation sample in epoch {epoch}: \
         lower the learning rate, or widen the surrogate slope, or use batch norm"
    )]
    Dead {
        /// The epoch, counted from 1.
        epoch: u32,
        /// The layer, counted from 0 at the input.
        layer: usize,
    },
    /// The switch of [`Trainer::stoppable`](super::Trainer::stoppable) was set.
    #[error("stopped in epoch {epoch}")]
    Stopped {
        /// The epoch, counted from 1.
        epoch: u32,
    },
    /// The training of the teacher failed.
    #[error("the teacher: {0}")]
    Teacher(Box<TrainingError>),
    /// The checkpoint belongs to another training.
    #[error("the checkpoint belongs to another training: its {what} differ; delete it to start again")]
    Checkpoint {
        /// What differs: `settings, data or seed`, or the name of a tensor.
        what: String,
    },
}
