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
    /// Numbers that are not finite.
    #[error("{what} is not finite in epoch {epoch}: lower the learning rate")]
    Diverged {
        /// Counted from 1.
        epoch: u32,
        /// `the loss` or `a weight`.
        what: &'static str,
    },
}
