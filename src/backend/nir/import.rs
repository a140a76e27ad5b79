//! Import: from a NIR graph to a binary network.
//!
//! A sample lasts one time step, and every neuron starts it at rest. A NIR `Threshold` node fires
//! if its input is above its threshold. An `IF` neuron fires if its input current times its
//! resistance is above its threshold; how it is reset does not matter. [`TimeStep`] says what one
//! step adds to the potential of other neurons.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use ndarray::Array2;

use super::Reading;
use super::error::NirError;
use super::graph::Graph;
use super::metadata::Metadata;
use super::neurons::Neurons;
use super::operation::Operation;
use super::stage::{Stage, Value, place};
use super::time::{TimeStep, above_rest};
use crate::network::{BinaryLayer, BinaryNetwork, Key, Volume};

/// Most weights of a network, counted after expanding pools and dilations.
const MOST_WEIGHTS: u64 = 1 << 27;
/// Most output neurons of a graph without a key, where each neuron is a class.
const MOST_CLASSES: usize = 4096;

impl Graph {
    /// Builds the network for samples of this shape, whose inputs are whole numbers up to
    /// `input_max`.
    ///
    /// # Errors
    /// The graph is not a binary network, or does not fit the samples; the error names the node.
    pub fn network(
        &self,
        sample: Volume,
        input_max: u8,
        reading: Reading,
    ) -> Result<BinaryNetwork, NirError> {
        let metadata = Metadata::new(&self.metadata);
        let (layers, mut stages) = (Vec::new(), BTreeMap::new());
        let whole_inputs = metadata.has_whole_inputs(input_max)?;
        let incoming = self.incoming()?;
        let order = self.in_order(&incoming)?;
        let step = TimeStep::of(self, reading.time_step)?;
        let classes = reading.classes;
        let mut builder = Builder {
            metadata: &metadata,
            sample,
            input_max,
            whole_inputs,
            step,
            classes,
            room: MOST_WEIGHTS,
            layers,
        };
        for name in order {
            let failed = |problem: String| NirError::node(name, problem);
            let received = sum_of(&incoming[name], &stages).map_err(failed)?;
            let operation = &self.nodes[name].operation;
            if let Operation::Output { shape } = operation {
                let key = builder.key(received.as_deref(), shape).map_err(failed)?;
                return builder.finish(key);
            }
            let stage = builder.stage(operation, received.as_deref()).map_err(failed)?;
            drop(received);
            stages.insert(name, stage);
        }
        Err(NirError::NoGraph("there is no Output".to_owned()))
    }

    /// For each node the nodes that send to it. Checks for one input, one output, and no loose
    /// ends.
    fn incoming(&self) -> Result<BTreeMap<&str, Vec<&str>>, NirError> {
        let mut incoming: BTreeMap<&str, Vec<&str>> =
            self.nodes.keys().map(|name| (name.as_str(), Vec::new())).collect();
        let (mut seen, mut senders) = (BTreeSet::new(), BTreeSet::new());
        for [from, to] in &self.edges {
            if !seen.insert((from, to)) {
                return Err(NirError::node(to, format!("two edges come from {from}")));
            }
            senders.insert(from.as_str());
            incoming.entry(to).or_default().push(from);
        }
        let of = |is: fn(&Operation) -> bool| self.nodes.values().filter(|node| is(&node.operation)).count();
        let inputs = of(|operation| matches!(operation, Operation::Input { .. }));
        let outputs = of(|operation| matches!(operation, Operation::Output { .. }));
        if (inputs, outputs) != (1, 1) {
            let problem = format!("{inputs} nodes Input and {outputs} Output: must be one of each");
            return Err(NirError::NoGraph(problem));
        }
        for (name, node) in &self.nodes {
            let is_input = matches!(node.operation, Operation::Input { .. });
            if is_input != incoming[name.as_str()].is_empty() {
                let problem = if is_input {
                    "an input cannot receive"
                } else {
                    "receives nothing: no edge leads to it"
                };
                return Err(NirError::node(name, problem));
            }
            let is_output = matches!(node.operation, Operation::Output { .. });
            if is_output == senders.contains(name.as_str()) {
                let problem =
                    if is_output { "an output cannot send" } else { "sends nothing: no edge leaves it" };
                return Err(NirError::node(name, problem));
            }
        }
        Ok(incoming)
    }

    /// All nodes, each after its senders.
    fn in_order<'a>(&'a self, incoming: &BTreeMap<&'a str, Vec<&'a str>>) -> Result<Vec<&'a str>, NirError> {
        let mut waiting: BTreeMap<&str, usize> =
            incoming.iter().map(|(&name, senders)| (name, senders.len())).collect();
        let mut targets: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        self.edges.iter().for_each(|[from, to]| targets.entry(from).or_default().push(to));
        let mut ready: BTreeSet<&str> =
            waiting.iter().filter(|&(_, &count)| count == 0).map(|(&name, _)| name).collect();
        let mut order = Vec::with_capacity(self.nodes.len());
        while let Some(name) = ready.pop_first() {
            order.push(name);
            waiting.remove(name);
            for &target in targets.get(name).into_iter().flatten() {
                if let Some(count) = waiting.get_mut(target) {
                    *count -= 1;
                    if *count == 0 {
                        ready.insert(target);
                    }
                }
            }
        }
        match waiting.keys().next() {
            None => Ok(order),
            Some(name) => {
                let problem =
                    "is on a cycle or after one: a sample passes each layer once, without recurrence";
                Err(NirError::node(name, problem))
            }
        }
    }
}

/// A network under construction.
struct Builder<'a> {
    metadata: &'a Metadata<'a>,
    sample: Volume,
    input_max: u8,
    /// Whether inputs are whole numbers in the graph, rather than shares of `input_max`.
    whole_inputs: bool,
    step: TimeStep,
    /// Number of classes between which the network decides, if that is known.
    classes: Option<usize>,
    /// The number of weights that may still be added.
    room: u64,
    layers: Vec<BinaryLayer>,
}

/// The sum of the stages that `senders` send; `None` if there are no senders.
fn sum_of<'s>(senders: &[&str], stages: &'s BTreeMap<&str, Stage>) -> Result<Option<Cow<'s, Stage>>, String> {
    let mut stages = senders.iter().filter_map(|&sender| stages.get(sender));
    let Some(first) = stages.next() else { return Ok(None) };
    stages.try_fold(Cow::Borrowed(first), |sum, stage| sum.plus(stage).map(Cow::Owned)).map(Some)
}

impl Builder<'_> {
    fn stage(&mut self, operation: &Operation, received: Option<&Stage>) -> Result<Stage, String> {
        let stage = match (operation, received) {
            (Operation::Input { shape }, _) => {
                Stage::input(shape, self.sample, self.metadata.is_in_our_order())?
            }
            (_, None) => return Err("receives nothing".to_owned()),
            (Operation::Dense { weight, bias }, Some(received)) => {
                received.dense(weight, bias.as_ref(), self.room)?
            }
            (Operation::Convolution { .. }, Some(received)) => received.convolved(operation, self.room)?,
            (Operation::Pool { .. }, Some(received)) => received.pooled(operation, self.room)?,
            (Operation::Flatten { start, end, input }, Some(received)) => {
                received.flattened(*start, *end, input.as_deref())?
            }
            (Operation::Scale(scale), Some(received)) => received.scaled(scale, "scale")?,
            (Operation::Threshold(threshold), Some(received)) => {
                let neurons = received.fired(threshold, None, self.room)?;
                self.add(neurons, received)?
            }
            (Operation::Fire { resistance, threshold, leak, .. }, Some(received)) => {
                let gain = self.step.gain(resistance, leak.as_ref())?;
                let threshold = above_rest(threshold, leak.as_ref())?;
                let neurons = received.fired(&threshold, Some(&gain), self.room)?;
                self.add(neurons, received)?
            }
            (Operation::Integrate { resistance, leak }, Some(received)) => {
                let risen = received.scaled(&self.step.gain(resistance, leak.as_ref())?, "r")?;
                match leak {
                    Some(leak) => risen.raised(&leak.rest, "v_leak")?,
                    None => risen,
                }
            }
            (Operation::Pass, Some(received)) => received.clone(),
            (Operation::Output { .. }, Some(_)) => return Err("is an output".to_owned()),
        };
        if let Value::Sums { rows, .. } = &stage.value {
            let left = self.room.checked_sub(rows.weights.len() as u64);
            self.room = left.ok_or("the weights of the graph are more than there is room for")?;
        }
        Ok(stage)
    }

    /// Adds the layer that turns `received` into spikes; returns its spikes.
    fn add(&mut self, mut neurons: Neurons, received: &Stage) -> Result<Stage, String> {
        let sources = received.sources.clone();
        let max = match sources[..] {
            [0] => self.input_max,
            _ => u8::try_from(sources.len()).map_err(|_| "receives more than 255 layers".to_owned())?,
        };
        if sources == [0] && !self.whole_inputs {
            neurons.limits *= f64::from(self.input_max);
        }
        self.layers.push(neurons.layer(sources, max));
        Ok(Stage::spikes(vec![self.layers.len()], received.volume, received.flat))
    }

    /// The assignment of output neurons to classes.
    fn key(&self, received: Option<&Stage>, shape: &[usize]) -> Result<Key, String> {
        let received = received.ok_or("receives nothing")?;
        if !received.is_spikes() || received.sources != [self.layers.len()] || self.layers.is_empty() {
            return Err(
                "must receive the spikes of one layer: end the network with Threshold, IF or LIF".to_owned()
            );
        }
        let width = received.volume.len();
        let length = shape.iter().fold(1usize, |length, &size| length.saturating_mul(size));
        if length != width {
            return Err(format!("has shape {shape:?}, there are {width} neurons"));
        }
        let Some((classes, members)) = self.metadata.key(width)? else {
            return self.key_of_blocks(received.volume);
        };
        let mut key = Array2::from_elem((classes, width), false);
        for (at, &member) in members.iter().enumerate() {
            key[[at / width, place(received.volume, at % width)]] = member;
        }
        Ok(Key::from_members(key))
    }

    /// The key of a graph that has none: equal blocks of neighbouring output neurons, one block per
    /// class.
    fn key_of_blocks(&self, outputs: Volume) -> Result<Key, String> {
        let width = outputs.len();
        let classes = self.classes.filter(|&classes| shares(width, classes)).unwrap_or(width);
        if classes > MOST_CLASSES {
            return Err(format!("{width} neurons, each a class: must be at most {MOST_CLASSES}"));
        }
        let mut key = Array2::from_elem((classes, width), false);
        (0..width).for_each(|number| key[[number * classes / width, place(outputs, number)]] = true);
        Ok(Key::from_members(key))
    }

    fn finish(self, key: Key) -> Result<BinaryNetwork, NirError> {
        let network = BinaryNetwork { input_max: self.input_max, layers: self.layers, key };
        network.check().map_err(|malformed| NirError::NoGraph(malformed.to_string()))?;
        Ok(network)
    }
}

/// Whether `width` neurons can be divided evenly among `classes`.
pub(super) fn shares(width: usize, classes: usize) -> bool {
    classes > 0 && width > 0 && width.is_multiple_of(classes)
}
