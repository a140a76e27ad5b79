//! What each hyperparameter does, in a few words, for search spaces with comments.

/// Names of hyperparameters, each with what it does. The items of a list have `K` in place of their number.
const MEANINGS: [(&str, &str); 70] = [
    ("input_coding", "How inputs are coded: graded values, one threshold, or a thermometer of spikes"),
    ("input_threshold", "The threshold of the input coding threshold"),
    ("input_levels", "Channels per input of the input coding thermometer"),
    ("topology", "Dense layers alone, or convolutions below them"),
    ("conv_layers", "Number of convolutions"),
    ("channels_1", "Channels of the first convolution"),
    ("channels_2", "Channels of the second convolution"),
    ("channels_3", "Channels of the third convolution"),
    ("channels_4", "Channels of the fourth convolution"),
    ("conv_window", "Side of the windows of all convolutions, in pixels"),
    ("conv_padding", "Whether convolutions keep the size of the image"),
    ("conv_pool", "Side of the pool after each convolution; 1: none"),
    ("conv_pooling", "Whether a pool takes the maximum or the average"),
    ("hidden_layers", "Number of dense layers"),
    ("width_1", "Neurons of the first dense layer"),
    ("width_2", "Neurons of the second dense layer"),
    ("width_3", "Neurons of the third dense layer"),
    ("width_4", "Neurons of the fourth dense layer"),
    ("convolutions", "List of convolutions: its length is searched"),
    ("convolutions.K.channels", "Channels of a convolution"),
    ("convolutions.K.height", "Rows of its window"),
    ("convolutions.K.width", "Columns of its window"),
    ("convolutions.K.stride", "Stride of its window"),
    ("convolutions.K.padding", "Whether its window keeps the size of the image"),
    ("convolutions.K.pool", "The pool of 2 x 2 after it"),
    ("convolutions.K.residual", "Whether the spikes of the layer before are added"),
    ("dense", "List of dense layers: its length is searched"),
    ("dense.K.width", "Neurons of a dense layer"),
    ("batch_norm", "Batch norm of every hidden layer"),
    ("dropout", "Share of hidden neurons that are dropped in training"),
    ("output_batch_norm", "Batch norm of the output layer"),
    ("redundancy", "Output neurons per class: more of them make the decision finer"),
    ("key_overlapping", "Whether classes share output neurons"),
    ("optimizer", "The rule of gradient descent"),
    ("learning_rate", "Step size of the optimizer"),
    ("learning_rate_adadelta", "Step size of adadelta"),
    ("learning_rate_adam", "Step size of adam"),
    ("learning_rate_rmsprop", "Step size of rmsprop"),
    ("learning_rate_sgd", "Step size of sgd"),
    ("momentum", "Momentum of sgd"),
    ("weight_decay", "Decoupled weight decay"),
    ("schedule", "How the learning rate falls over the epochs"),
    ("warm_up", "Share of all steps in which the learning rate rises"),
    ("temperature", "Divisor of the class scores in the loss"),
    ("label_smoothing", "Share of a label that all classes get"),
    ("rate_penalty", "Weight of firing rates in the loss: fewer spikes cost less energy"),
    ("teacher_epochs", "Epochs of a soft teacher network; 0: none"),
    ("teacher_share", "Share of the teacher in the targets"),
    ("batch_size", "Samples per step"),
    ("method", "How training leads to spikes: sharper slopes layer by layer, surrogate gradients, or both"),
    ("slope", "Shape of the surrogate gradient"),
    ("surrogate_width", "Width of the surrogate gradient"),
    ("surrogate_final_width", "Width of the surrogate gradient in the last epoch"),
    ("fine_tune", "Epochs of the method hybrid after sharpening"),
    ("sharpener", "How slopes become sharp: in steps, by a schedule, or when the loss stops falling"),
    ("sharpen_order", "The order in which layers become sharp"),
    ("sharpen_start", "First epoch of sharpening"),
    ("sharpen_steps", "Epochs of sharpening per layer"),
    ("sharpen_duration", "Epochs of scheduled sharpening per layer"),
    ("sharpen_intermission", "Epochs between layers of scheduled sharpening"),
    ("epochs", "The most epochs"),
    ("class_weights", "Weight of rare classes in the loss"),
    ("average", "Average of the parameters over the training"),
    ("quantized_epochs", "Number of last epochs with rounded weights"),
    ("shift", "Largest shift of training images, in pixels"),
    ("flip", "Whether training images are mirrored"),
    ("cutout", "Side of a square that is cut out of training images, in pixels"),
    ("rotation", "Largest rotation of training images, in degrees"),
    ("zoom", "Largest zoom of training images, as a share"),
    ("weight_bits", "Bits of deployed weights"),
];

/// What the hyperparameter `name` does, in a few words; `None` if there is nothing to read about it. Each item of a
/// list, such as `dense.2.width`, does what the first one does.
pub(super) fn meaning(name: &str) -> Option<&'static str> {
    let parts = name.split('.').map(|part| if part.parse::<u32>().is_ok() { "K" } else { part });
    let name = parts.collect::<Vec<_>>().join(".");
    MEANINGS.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::Plan;

    #[test]
    fn every_meaning_is_of_a_hyperparameter() {
        for (name, _) in MEANINGS {
            let first = name.replace(".K.", ".1.");
            assert!(Plan::domains().contains_key(&first), "{name}");
        }
        assert_eq!(meaning("dense.3.width"), meaning("dense.1.width"));
        assert_eq!(meaning("depth"), None);
    }
}
