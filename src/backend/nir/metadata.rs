//! Our entries in the metadata of a graph.

use super::error::NirError;
use super::tree::{Item, Tree};
use crate::data::InputCoding;

/// (K, N) of zeros and ones: which output neurons, in the graph's order, vote for which class.
pub(super) const KEY: &str = "key";
/// The input coding as JSON.
pub(super) const CODING: &str = "input_coding";
/// The largest input; if given, inputs are whole numbers up to it.
pub(super) const INPUT_MAX: &str = "input_max";
/// The order of a flat list of inputs.
pub(super) const ORDER: &str = "input_order";
/// The value of [`ORDER`] for our order, pixel by pixel.
pub(super) const OUR_ORDER: &str = "height, width, channels";

/// The metadata of a graph.
pub(super) struct Metadata<'a> {
    tree: &'a Tree,
}

impl<'a> Metadata<'a> {
    /// The metadata in `tree`.
    pub fn new(tree: &'a Tree) -> Self {
        Self { tree }
    }

    /// Whether a flat list of inputs is ordered pixel by pixel, rather than channel by channel.
    pub fn is_in_our_order(&self) -> bool {
        matches!(self.tree.get(ORDER), Some(Item::Text(order)) if order == OUR_ORDER)
    }

    /// Whether inputs are whole numbers, rather than shares up to 1.
    ///
    /// # Errors
    /// The file's largest input is not `input_max`.
    pub fn has_whole_inputs(&self, input_max: u8) -> Result<bool, NirError> {
        let problem = |problem: String| NirError::Metadata { name: INPUT_MAX, problem };
        match self.tree.get(INPUT_MAX) {
            None => Ok(false),
            Some(Item::Numbers(array)) if array.values == [f64::from(input_max)] => Ok(true),
            Some(Item::Numbers(array)) => {
                let values = &array.values[..array.values.len().min(1)];
                Err(problem(format!(
                    "the network takes inputs up to {values:?}, the samples have inputs up to {input_max}"
                )))
            }
            Some(_) => Err(problem("is not a number".to_owned())),
        }
    }

    /// The input coding, if the file has one.
    ///
    /// # Errors
    /// The entry is not an input coding.
    pub fn coding(&self) -> Result<Option<InputCoding>, NirError> {
        let problem = |problem: String| NirError::Metadata { name: CODING, problem };
        match self.tree.get(CODING) {
            None => Ok(None),
            Some(Item::Text(text)) => {
                serde_json::from_str(text).map(Some).map_err(|error| problem(error.to_string()))
            }
            Some(_) => Err(problem("is not a text".to_owned())),
        }
    }

    /// The number of classes K, and row by row (K, N) whether a neuron votes for a class.
    ///
    /// # Errors
    /// The entry is malformed, or does not have `width` neurons.
    pub fn key(&self, width: usize) -> Result<Option<(usize, Vec<bool>)>, String> {
        let array = match self.tree.get(KEY) {
            None => return Ok(None),
            Some(Item::Numbers(array)) => array,
            Some(_) => return Err(format!("metadata {KEY} holds no numbers")),
        };
        let &[classes, neurons] = array.shape.as_slice() else {
            return Err(format!("metadata {KEY} has {} axes, must have 2", array.shape.len()));
        };
        if classes == 0 || classes > 1 << 16 || neurons != width {
            return Err(format!("metadata {KEY} is {classes} x {neurons}, there are {width} neurons"));
        }
        if let Some(value) = array.values.iter().find(|&&value| value != 0.0 && value != 1.0) {
            return Err(format!("metadata {KEY} holds {value}, must hold zeros and ones"));
        }
        Ok(Some((classes, array.values.iter().map(|&value| value == 1.0).collect())))
    }
}
