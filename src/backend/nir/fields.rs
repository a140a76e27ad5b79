//! The fields of a node, read as its operation.

use super::error::NirError;
use super::operation::{Leak, Operation, Padding, Synapse};
use super::tree::{Array, Item, Tree};

/// The supported types, for messages.
const KNOWN: &str = "Input, Output, Affine, Linear, Conv1d, Conv2d, Flatten, SumPool2d, AvgPool2d, Scale, \
     Threshold, I, IF, LI, LIF, CubaLI, CubaLIF, NIRGraph";

/// The fields of a node.
pub(super) struct Fields<'a> {
    /// The name of the node.
    pub node: &'a str,
    /// The HDF5 group of the node.
    pub tree: &'a Tree,
}

impl<'a> Fields<'a> {
    fn error(&self, field: &str, problem: &str) -> NirError {
        NirError::node(self.node, format!("{field} {problem}"))
    }

    fn has(&self, field: &str) -> bool {
        self.tree.contains_key(field)
    }

    fn item(&self, field: &str) -> Result<&'a Item, NirError> {
        self.tree.get(field).ok_or_else(|| self.error(field, "is missing"))
    }

    /// The text in the field called `field`.
    ///
    /// # Errors
    /// The field is missing, or is not a text.
    pub fn text(&self, field: &str) -> Result<&'a str, NirError> {
        match self.item(field)? {
            Item::Text(text) => Ok(text),
            _ => Err(self.error(field, "is not a text")),
        }
    }

    /// The numbers of a field, which must be finite.
    fn array(&self, field: &str) -> Result<Array, NirError> {
        let array = self.any_array(field)?;
        match array.values.iter().find(|value| !value.is_finite()) {
            None => Ok(array),
            Some(value) => Err(self.error(field, &format!("holds {value}, must hold finite numbers"))),
        }
    }

    /// The numbers of a field, finite or not.
    fn any_array(&self, field: &str) -> Result<Array, NirError> {
        match self.item(field)? {
            Item::Numbers(array) => Ok(array.clone()),
            Item::Other(kind) => Err(self.error(field, &format!("holds {kind}, must be plain numbers"))),
            _ => Err(self.error(field, "holds no numbers")),
        }
    }

    fn whole(&self, field: &str) -> Result<i64, NirError> {
        match self.array(field)?.values[..] {
            [value] if value.fract() == 0.0 && value.abs() < 1e9 => Ok(value as i64),
            _ => Err(self.error(field, "must be one whole number")),
        }
    }

    /// The whole numbers of a field, each 0 or more.
    fn sizes(&self, field: &str) -> Result<Vec<usize>, NirError> {
        let size = |value: f64| match value.fract() == 0.0 && (0.0..1e9).contains(&value) {
            true => Ok(value as usize),
            false => Err(self.error(field, &format!("holds {value}, must hold whole numbers from 0"))),
        };
        self.array(field)?.values.into_iter().map(size).collect()
    }

    /// Two sizes, of rows and columns; a single number counts for both.
    fn pair(&self, field: &str) -> Result<[usize; 2], NirError> {
        match self.sizes(field)?[..] {
            [both] => Ok([both; 2]),
            [height, width] => Ok([height, width]),
            _ => Err(self.error(field, "must be one or two numbers")),
        }
    }

    /// The operation that the node computes.
    ///
    /// # Errors
    /// A field is missing or malformed, or a binary network cannot hold this type of node.
    pub fn operation(&self) -> Result<Operation, NirError> {
        Ok(match self.text("type")? {
            "Input" => Operation::Input { shape: self.sizes("shape")? },
            "Output" => Operation::Output { shape: self.sizes("shape")? },
            "Affine" => Operation::Dense { weight: self.array("weight")?, bias: Some(self.array("bias")?) },
            "Linear" => Operation::Dense { weight: self.array("weight")?, bias: None },
            "Conv1d" => self.line_convolution()?,
            "Conv2d" => self.convolution()?,
            "SumPool2d" => self.pool(false)?,
            "AvgPool2d" => self.pool(true)?,
            "Flatten" => Operation::Flatten {
                start: self.whole("start_dim")?,
                end: self.whole("end_dim")?,
                input: self.has("input_type").then(|| self.sizes("input_type")).transpose()?,
            },
            "Scale" => Operation::Scale(self.array("scale")?),
            "Threshold" => Operation::Threshold(self.array("threshold")?),
            "IF" => self.fire(None)?,
            "LIF" => self.fire(Some(self.leak()?))?,
            "CubaLIF" => self.fire(Some(self.current_leak()?))?,
            "I" => self.integrate(None)?,
            "LI" => self.integrate(Some(self.leak()?))?,
            "CubaLI" => self.integrate(Some(self.current_leak()?))?,
            other => return Err(NirError::node(self.node, refusal(other))),
        })
    }

    fn convolution(&self) -> Result<Operation, NirError> {
        Ok(Operation::Convolution {
            input: self.has("input_shape").then(|| self.pair("input_shape")).transpose()?,
            weight: self.array("weight")?,
            stride: self.pair("stride")?,
            padding: self.padding(|| self.pair("padding"))?,
            dilation: self.pair("dilation")?,
            groups: self.single("groups")?,
            bias: self.array("bias")?,
        })
    }

    /// A `Conv1d` as a convolution of height 1.
    fn line_convolution(&self) -> Result<Operation, NirError> {
        let mut weight = self.array("weight")?;
        let &[outputs, inputs, length] = weight.shape.as_slice() else {
            return Err(self.error("weight", &format!("has {} axes, must have 3", weight.shape.len())));
        };
        weight.shape = vec![outputs, inputs, 1, length];
        let input = self.has("input_shape").then(|| self.single("input_shape")).transpose()?;
        Ok(Operation::Convolution {
            input: input.map(|length| [1, length]),
            weight,
            stride: [self.single("stride")?; 2],
            padding: self.padding(|| Ok([0, self.single("padding")?]))?,
            dilation: [1, self.single("dilation")?],
            groups: self.single("groups")?,
            bias: self.array("bias")?,
        })
    }

    /// The padding, by name or as `zeros` reads it.
    fn padding(&self, zeros: impl FnOnce() -> Result<[usize; 2], NirError>) -> Result<Padding, NirError> {
        match self.item("padding")? {
            Item::Text(text) if text == "same" => Ok(Padding::Same),
            Item::Text(text) if text == "valid" => Ok(Padding::Zeros([0, 0])),
            Item::Text(text) => Err(self.error("padding", &format!("is \"{text}\", must be same or valid"))),
            _ => zeros().map(Padding::Zeros),
        }
    }

    fn single(&self, field: &str) -> Result<usize, NirError> {
        match self.sizes(field)?[..] {
            [size] => Ok(size),
            _ => Err(self.error(field, "must be one number")),
        }
    }

    fn pool(&self, average: bool) -> Result<Operation, NirError> {
        Ok(Operation::Pool {
            average,
            size: self.pair("kernel_size")?,
            stride: self.pair("stride")?,
            padding: self.pair("padding")?,
        })
    }

    fn fire(&self, leak: Option<Leak>) -> Result<Operation, NirError> {
        Ok(Operation::Fire {
            resistance: self.resistance(leak.as_ref())?,
            threshold: self.array("v_threshold")?,
            reset: self.has("v_reset").then(|| self.array("v_reset")).transpose()?,
            leak,
        })
    }

    fn integrate(&self, leak: Option<Leak>) -> Result<Operation, NirError> {
        Ok(Operation::Integrate { resistance: self.resistance(leak.as_ref())?, leak })
    }

    /// The resistance of each neuron. It may be infinite if the time constant is infinite too.
    fn resistance(&self, leak: Option<&Leak>) -> Result<Array, NirError> {
        if leak.is_some() { self.any_array("r") } else { self.array("r") }
    }

    /// The leak of `LI` and `LIF`.
    fn leak(&self) -> Result<Leak, NirError> {
        Ok(Leak { tau: self.any_array("tau")?, rest: self.array("v_leak")?, synapse: None })
    }

    /// The leak of `CubaLI` and `CubaLIF`.
    fn current_leak(&self) -> Result<Leak, NirError> {
        let weight = if self.has("w_in") { self.any_array("w_in")? } else { Array::whole(1) };
        let synapse = Synapse { tau: self.any_array("tau_syn")?, weight };
        Ok(Leak { tau: self.any_array("tau_mem")?, rest: self.array("v_leak")?, synapse: Some(synapse) })
    }
}

/// Why a binary network cannot hold a node of type `kind`.
fn refusal(kind: &str) -> String {
    let reason = match kind {
        "Delay" => ": its spikes come after the one step of a sample",
        _ => "",
    };
    format!("{kind} is not of the kinds that a binary network can hold{reason}: {KNOWN}")
}
