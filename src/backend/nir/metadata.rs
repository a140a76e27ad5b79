//! Our entries in the metadata of a graph.

use super::error::NirError;
use super::tree::{Array, Item, Tree, Width};
use crate::data::InputCoding;

/// (K, N) of zeros and ones: which output neurons, in the graph's order, vote for which class.
pub(super) const KEY: &str = "key";
/// The input coding as JSON.
pub(super) const CODING: &str = "input_coding";
/// What is known of the network beside its graph.
pub(super) const DESCRIPTION: &str = "tune";
/// The largest input; if given, inputs are whole numbers up to it.
pub(super) const INPUT_MAX: &str = "input_max";
/// The time step, in the unit of the time constants: names that programs give it.
const TIME_STEP: [&str; 3] = ["time_step", "timestep", "dt"];
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

    /// Whether inputs are whole numbers, rather than shares from 0 to 1 of the largest input.
    ///
    /// # Errors
    /// The file names a largest input other than `input_max`.
    pub fn has_whole_inputs(&self, input_max: u8) -> Result<bool, NirError> {
        match self.input_max()? {
            None => Ok(false),
            Some(own) if own == f64::from(input_max) => Ok(true),
            Some(own) => {
                let problem = format!(
                    "the network takes inputs up to {own}, the samples have inputs up to {input_max}"
                );
                Err(NirError::Metadata { name: INPUT_MAX, problem })
            }
        }
    }

    /// The largest input, if the file names one.
    ///
    /// # Errors
    /// The entry is not a single number.
    pub fn input_max(&self) -> Result<Option<f64>, NirError> {
        self.number(INPUT_MAX)
    }

    /// The time step, if the file names one.
    ///
    /// # Errors
    /// The entry is not a single number above 0.
    pub fn time_step(&self) -> Result<Option<f64>, NirError> {
        for name in TIME_STEP {
            match self.number(name)? {
                None => {}
                Some(step) if step > 0.0 && step.is_finite() => return Ok(Some(step)),
                Some(step) => {
                    let problem = format!("is {step}: must be a finite number above 0");
                    return Err(NirError::Metadata { name, problem });
                }
            }
        }
        Ok(None)
    }

    /// The number of entry `name`, if there is one.
    fn number(&self, name: &'static str) -> Result<Option<f64>, NirError> {
        let Some(item) = self.tree.get(name) else { return Ok(None) };
        match numbers(item).map(|array| array.values).as_deref() {
            Some(&[number]) => Ok(Some(number)),
            _ => Err(NirError::Metadata { name, problem: "is not one number".to_owned() }),
        }
    }

    /// The input coding, if the file has one: as JSON, or as the command line spells it.
    ///
    /// # Errors
    /// The entry is not an input coding.
    pub fn coding(&self) -> Result<Option<InputCoding>, NirError> {
        let problem = |problem: String| NirError::Metadata { name: CODING, problem };
        match self.tree.get(CODING) {
            None => Ok(None),
            Some(Item::Text(text)) => match (serde_json::from_str(text), text.parse()) {
                (Ok(coding), _) | (_, Ok(coding)) => Ok(Some(coding)),
                (Err(error), _) => Err(problem(error.to_string())),
            },
            Some(_) => Err(problem("is not a text".to_owned())),
        }
    }

    /// The text of the entry in which `tune` describes the network.
    pub fn description(&self) -> Option<&'a str> {
        match self.tree.get(DESCRIPTION) {
            Some(Item::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether the file has a key.
    pub fn has_key(&self) -> bool {
        self.tree.contains_key(KEY)
    }

    /// The number K of classes, and row by row (K, N) whether each of the N output neurons votes
    /// for a class. `None`: the file has no key.
    ///
    /// # Errors
    /// The entry is malformed, or does not have `width` neurons.
    pub fn key(&self, width: usize) -> Result<Option<(usize, Vec<bool>)>, String> {
        let Some(item) = self.tree.get(KEY) else { return Ok(None) };
        let array = numbers(item).ok_or_else(|| format!("metadata {KEY} holds no numbers"))?;
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

/// The numbers of `item`, which may also be written as texts or as JSON. True is 1, false is 0.
fn numbers(item: &Item) -> Option<Array> {
    match item {
        Item::Numbers(array) => Some(array.clone()),
        Item::Text(text) => {
            // Python spells its truth values with a capital.
            let json = text.trim().replace("True", "true").replace("False", "false");
            let (mut shape, mut values) = (Vec::new(), Vec::new());
            flatten(&serde_json::from_str(&json).ok()?, 0, &mut shape, &mut values)?;
            (shape.iter().product::<usize>() == values.len()).then_some(Array {
                shape,
                values,
                width: Width::Double,
            })
        }
        Item::Texts { shape, values } => {
            let number = |text: &String| match text.trim() {
                "True" | "true" => Some(1.0),
                "False" | "false" => Some(0.0),
                text => text.parse().ok(),
            };
            let values = values.iter().map(number).collect::<Option<Vec<f64>>>()?;
            Some(Array { shape: shape.clone(), values, width: Width::Double })
        }
        Item::Group(_) | Item::Other(_) => None,
    }
}

/// Adds the numbers of nested lists in `json` to `values`, and the lists' length at each depth to
/// `shape`. `None`: lists of one depth differ in length, or hold something else than numbers.
fn flatten(
    json: &serde_json::Value,
    depth: usize,
    shape: &mut Vec<usize>,
    values: &mut Vec<f64>,
) -> Option<()> {
    match json {
        serde_json::Value::Array(items) => {
            if shape.len() == depth && values.is_empty() {
                shape.push(items.len());
            }
            (shape.get(depth) == Some(&items.len())).then_some(())?;
            items.iter().try_for_each(|item| flatten(item, depth + 1, shape, values))
        }
        serde_json::Value::Bool(value) => {
            (shape.len() == depth).then(|| values.push(f64::from(u8::from(*value))))
        }
        number => {
            values.push(number.as_f64().filter(|_| shape.len() == depth)?);
            Some(())
        }
    }
}
