//! Stages: what flows along an edge of a graph, either spikes or a linear function of spikes.
//!
//! NIR orders an image channel by channel, a [`Volume`] pixel by pixel. A stage is in the order of
//! its volume, even if the graph flattens it.

use ndarray::{Array1, Array2};

use super::graph::{Operation, Padding};
use super::neurons::Neurons;
use super::tree::Array;
use crate::network::{Connectivity, Volume, Window};

/// Most neurons of a layer.
const MOST_NEURONS: usize = 1 << 24;

/// The output of a node.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stage {
    /// The spikes it is computed from: 0 is the network's input, l the spikes of layer l - 1.
    pub sources: Vec<usize>,
    pub volume: Volume,
    /// Whether it is a list in the graph, rather than channels, rows and columns.
    pub flat: bool,
    pub value: Value,
    /// A factor for each number, if there are no weights yet.
    scale: Option<Vec<f64>>,
}

/// How the numbers of a stage are computed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Spikes.
    Spikes,
    /// `factor` times the sum of a channel's spikes in the window.
    Pooled { input: Volume, window: Window, factor: f64 },
    /// Weights (channels, elements), bias (channels).
    Sums { connectivity: Connectivity, weights: Array2<f64>, bias: Array1<f64> },
}

/// Why a stage cannot be built.
type Problem = String;

impl Stage {
    /// The spikes of a volume.
    pub fn spikes(sources: Vec<usize>, volume: Volume, flat: bool) -> Self {
        Self { sources, volume, flat, value: Value::Spikes, scale: None }
    }

    /// The network's inputs, with their shape in the graph; `ordered`: a list is in the order of
    /// the volume.
    pub fn input(shape: &[usize], sample: Volume, ordered: bool) -> Result<Self, Problem> {
        let is_image = shape == [sample.channels, sample.height, sample.width];
        match shape {
            &[length] if length == sample.len() => {
                let volume = if ordered { Volume::flat(length) } else { sample };
                Ok(Self::spikes(vec![0], volume, true))
            }
            _ if is_image => Ok(Self::spikes(vec![0], sample, false)),
            _ => Err(format!(
                "takes inputs of shape {shape:?}; a sample is {}, or {:?} in channels, rows and columns: \
                 choose the data set, or the --input-coding, that it was trained with",
                sample.len(),
                [sample.channels, sample.height, sample.width],
            )),
        }
    }

    /// Whether it is spikes without factors.
    pub fn is_spikes(&self) -> bool {
        self.value == Value::Spikes && self.scale.is_none()
    }

    /// The sum of two stages that one node receives; both must be spikes.
    pub fn plus(&self, other: &Self) -> Result<Self, Problem> {
        if !self.is_spikes() || !other.is_spikes() {
            return Err("adds up sums: only spikes can be added, before weights".to_owned());
        }
        if (self.volume, self.flat) != (other.volume, other.flat) {
            return Err(format!("adds up spikes of different shapes: {} and {}", self.volume, other.volume));
        }
        if self.sources.iter().any(|source| other.sources.contains(source)) {
            return Err("receives the same spikes twice".to_owned());
        }
        let sources = self.sources.iter().chain(&other.sources).copied().collect();
        Ok(Self { sources, ..self.clone() })
    }

    /// The same numbers as a list.
    pub fn flattened(&self, start: i64, end: i64, input: Option<&[usize]>) -> Result<Self, Problem> {
        let rank = if self.flat { 1 } else { 3 };
        let from_back = |dimension: i64| if dimension < 0 { dimension + rank } else { dimension };
        if (from_back(start), from_back(end)) != (0, rank - 1) {
            return Err(format!(
                "flattens dimensions {start} to {end} of {rank}: must flatten all (0 to -1)"
            ));
        }
        let length =
            input.map(|shape| shape.iter().fold(1usize, |length, &size| length.saturating_mul(size)));
        match length.filter(|&length| length != self.volume.len()) {
            Some(length) => Err(format!("takes {length} numbers, there are {}", self.volume.len())),
            None => Ok(Self { flat: true, ..self.clone() }),
        }
    }

    /// The stage with each number multiplied by its factor.
    pub fn scaled(&self, factors: &Array) -> Result<Self, Problem> {
        let factors = self.spread(factors, "scale")?;
        let mut scaled = self.clone();
        if let Value::Sums { weights, bias, .. } = &mut scaled.value {
            let factors = per_channel(&factors, self.volume, "scale")?;
            for (channel, factor) in factors.into_iter().enumerate() {
                weights.row_mut(channel).mapv_inplace(|weight| weight * factor);
                bias[channel] *= factor;
            }
        } else {
            let old = |place: usize| self.scale.as_ref().map_or(1.0, |scale| scale[place]);
            scaled.scale =
                Some(factors.iter().enumerate().map(|(place, factor)| factor * old(place)).collect());
        }
        Ok(scaled)
    }

    /// The sums over windows of spikes.
    pub fn pooled(&self, operation: &Operation) -> Result<Self, Problem> {
        let Operation::Pool { average, size: [height, width], stride, padding } = *operation else {
            return Err("is not a pool".to_owned());
        };
        if !self.is_spikes() {
            return Err("pools sums: pooling must come right after spikes".to_owned());
        }
        self.must_be_image()?;
        let (stride, padding) = (equal(stride, "stride")?, equal(padding, "padding")?);
        let (input, window) = (self.volume, Window { height, width, stride, padding });
        let connectivity = checked(Connectivity::Pool { input, window })?;
        let factor = if average { ((height * width) as f64).recip() } else { 1.0 };
        let value = Value::Pooled { input, window, factor };
        Ok(Self { volume: connectivity.output(), value, ..self.clone() })
    }

    /// A dense layer's sums: `weight` is (outputs, inputs) in the graph's order, with `room`
    /// numbers at most.
    pub fn dense(&self, weight: &Array, bias: Option<&Array>, room: u64) -> Result<Self, Problem> {
        let &[outputs, inputs] = weight.shape.as_slice() else {
            return Err(format!("weight has {} axes, must have 2", weight.shape.len()));
        };
        if !self.flat {
            return Err("receives channels, rows and columns: must come after Flatten".to_owned());
        }
        if inputs != self.volume.len() {
            return Err(format!("weight takes {inputs} inputs, there are {}", self.volume.len()));
        }
        let bias = biases(bias, outputs)?;
        let received = self.presynaptic()?;
        let connectivity = checked(Connectivity::Dense { inputs: received.len(), outputs })?;
        let mut weights = zeros(connectivity, room)?;
        for (at, from) in weight.values.chunks(inputs).enumerate() {
            for (number, &weight) in from.iter().enumerate() {
                let place = place(self.volume, number);
                let weight = weight * self.scale_of(place);
                self.for_each_presynaptic(place, |input, factor| weights[[at, input]] += weight * factor);
            }
        }
        let value = Value::Sums { connectivity, weights, bias };
        Ok(Self { volume: connectivity.output(), value, scale: None, ..self.clone() })
    }

    /// A convolution's sums over an image of spikes or of pooled sums, with `room` weights at most.
    pub fn convolved(&self, operation: &Operation, room: u64) -> Result<Self, Problem> {
        let Operation::Convolution { input, weight, stride, padding, dilation, groups, bias } = operation
        else {
            return Err("is not a convolution".to_owned());
        };
        let &[outputs, per_group, height, width] = weight.shape.as_slice() else {
            return Err(format!("weight has {} axes, must have 4", weight.shape.len()));
        };
        self.must_be_image()?;
        if input.is_some_and(|input| input != [self.volume.height, self.volume.width]) {
            return Err(format!("input_shape {input:?} is not that of its input, {}", self.volume));
        }
        let groups = *groups;
        let channels = per_group.saturating_mul(groups);
        if groups == 0 || !outputs.is_multiple_of(groups) || channels != self.volume.channels {
            return Err(format!(
                "{outputs} outputs of {groups} groups with {per_group} inputs: there are {} channels",
                self.volume.channels
            ));
        }
        if height == 0 || width == 0 || dilation.contains(&0) {
            return Err("weight or dilation of 0: each must be 1 or more".to_owned());
        }
        let received = self.presynaptic()?;
        // The kernel of one channel is stretched by its dilation, and again by the stride of the
        // pool below.
        let extents = [height, width];
        let reach = |axis: usize| (extents[axis] - 1).saturating_mul(dilation[axis]);
        let stride = equal(*stride, "stride")?;
        let padding = same(*padding, stride, [reach(0), reach(1)])?;
        let pool = self.pool();
        self.check_border(pool, padding)?;
        let window = Window {
            height: reach(0).saturating_mul(pool.stride).saturating_add(pool.height),
            width: reach(1).saturating_mul(pool.stride).saturating_add(pool.width),
            stride: stride.saturating_mul(pool.stride),
            padding: padding.saturating_mul(pool.stride).saturating_add(pool.padding),
        };
        let connectivity = checked(Connectivity::Convolution { input: received, window, channels: outputs })?;
        let bias = biases(Some(bias), outputs)?;
        let mut weights = zeros(connectivity, room)?;
        let scales = self.channel_scales()?;
        let factor = self.factor();
        for (number, &weight) in weight.values.iter().enumerate() {
            let (kx, ky) = (number % width, number / width % height);
            let (within, output) =
                (number / (width * height) % per_group, number / (width * height * per_group));
            let channel = output / (outputs / groups) * per_group + within;
            let (top, left) = (ky * dilation[0] * pool.stride, kx * dilation[1] * pool.stride);
            for (y, x) in (0..pool.height).flat_map(|y| (0..pool.width).map(move |x| (y, x))) {
                let element = ((top + y) * window.width + left + x) * received.channels + channel;
                weights[[output, element]] += weight * scales[channel] * factor;
            }
        }
        let value = Value::Sums { connectivity, weights, bias };
        Ok(Self { volume: connectivity.output(), value, scale: None, ..self.clone() })
    }

    /// The neurons that fire if `gain` times a number of the stage is above `threshold`.
    pub fn fired(&self, threshold: &Array, gain: Option<&Array>, room: u64) -> Result<Neurons, Problem> {
        let thresholds = self.spread(threshold, "threshold")?;
        let gains = match gain {
            Some(gain) => self.spread(gain, "r")?,
            None => vec![1.0; thresholds.len()],
        };
        match &self.value {
            Value::Sums { connectivity, weights, bias } => {
                let limits = per_channel(&thresholds, self.volume, "threshold")?;
                let gains = per_channel(&gains, self.volume, "r")?;
                let mut neurons =
                    Neurons { connectivity: *connectivity, weights: weights.clone(), limits: limits.into() };
                for (channel, gain) in gains.into_iter().enumerate() {
                    neurons.weights.row_mut(channel).mapv_inplace(|weight| weight * gain);
                    neurons.limits[channel] -= gain * bias[channel];
                }
                Ok(neurons)
            }
            Value::Spikes | Value::Pooled { .. } => self.alone(&thresholds, &gains, room),
        }
    }

    /// Neurons without weights of their own: each receives one channel.
    fn alone(&self, thresholds: &[f64], gains: &[f64], room: u64) -> Result<Neurons, Problem> {
        let numbers = (0..thresholds.len()).map(|place| gains[place] * self.scale_of(place) * self.factor());
        let numbers: Vec<f64> = numbers.collect();
        let (first, limit) = (numbers[0], thresholds[0]);
        let alike = numbers.iter().all(|&number| number == first) && thresholds.iter().all(|&t| t == limit);
        let pool = self.pool();
        let window =
            Window { height: pool.height, width: pool.width, stride: pool.stride, padding: pool.padding };
        let received = self.presynaptic()?;
        if alike && received.area() == 1 && window.area() == 1 {
            // A list of equal neurons is a row of pixels; each counts, whatever the stride was.
            let input = Volume { height: 1, width: received.channels, channels: 1 };
            let connectivity = Connectivity::Convolution { input, window: Window::square(1, 1), channels: 1 };
            let (weights, limits) = (Array2::from_elem((1, 1), first), Array1::from_elem(1, limit));
            return Ok(Neurons { connectivity, weights, limits });
        }
        let connectivity =
            checked(Connectivity::Convolution { input: received, window, channels: received.channels })?;
        let mut weights = zeros(connectivity, room)?;
        for (channel, number) in per_channel(&numbers, self.volume, "r or scale")?.into_iter().enumerate() {
            (0..window.area())
                .for_each(|pixel| weights[[channel, pixel * received.channels + channel]] = number);
        }
        Ok(Neurons {
            connectivity,
            weights,
            limits: per_channel(thresholds, self.volume, "threshold")?.into(),
        })
    }

    /// The volume of the spikes below.
    fn presynaptic(&self) -> Result<Volume, Problem> {
        match &self.value {
            Value::Spikes => Ok(self.volume),
            Value::Pooled { input, .. } => Ok(*input),
            Value::Sums { .. } => Err("weights follow weights: a threshold must be between them".to_owned()),
        }
    }

    /// The window of the pool below, or a window of one pixel.
    fn pool(&self) -> Window {
        match self.value {
            Value::Pooled { window, .. } => window,
            _ => Window::square(1, 1),
        }
    }

    fn factor(&self) -> f64 {
        if let Value::Pooled { factor, .. } = self.value { factor } else { 1.0 }
    }

    /// Calls `visit(input, factor)` for every spike below that number `place` depends on.
    fn for_each_presynaptic(&self, place: usize, mut visit: impl FnMut(usize, f64)) {
        match self.value {
            Value::Pooled { input, window, factor } => {
                Connectivity::Pool { input, window }.for_each_input(place, |input, _| visit(input, factor));
            }
            _ => visit(place, 1.0),
        }
    }

    fn scale_of(&self, place: usize) -> f64 {
        self.scale.as_ref().map_or(1.0, |scale| scale[place])
    }

    /// (channels): the factors, which all pixels must share.
    fn channel_scales(&self) -> Result<Vec<f64>, Problem> {
        match &self.scale {
            None => Ok(vec![1.0; self.volume.channels]),
            Some(scale) => per_channel(scale, self.volume, "scale"),
        }
    }

    /// Refuses padding of pooled sums unless it equals padding of the image.
    ///
    /// It does if the windows of the pool neither overlap nor leave pixels out.
    fn check_border(&self, pool: Window, padding: usize) -> Result<(), Problem> {
        let Value::Pooled { input, .. } = self.value else { return Ok(()) };
        let Volume { height, width, .. } = self.volume;
        let is_tiled = pool.padding == 0
            && pool.height.max(pool.width) <= pool.stride
            && height * pool.stride >= input.height
            && width * pool.stride >= input.width;
        match padding == 0 || is_tiled {
            true => Ok(()),
            false => Err("pads pooled sums whose windows overlap or leave pixels out".to_owned()),
        }
    }

    fn must_be_image(&self) -> Result<(), Problem> {
        match self.flat {
            true => Err("receives a list: must receive channels, rows and columns".to_owned()),
            false => Ok(()),
        }
    }

    /// One number per number of the stage, in its order; a single one counts for all.
    fn spread(&self, array: &Array, name: &str) -> Result<Vec<f64>, Problem> {
        let length = self.volume.len();
        match array.values.as_slice() {
            &[value] => Ok(vec![value; length]),
            values if values.len() == length => {
                let mut numbers = vec![0.0; length];
                for (number, &value) in values.iter().enumerate() {
                    numbers[place(self.volume, number)] = value;
                }
                Ok(numbers)
            }
            values => Err(format!("{name} has {} numbers for {length} neurons", values.len())),
        }
    }
}

/// The index in `volume` of number `number` in the graph's order (channels, rows, columns).
pub(super) fn place(volume: Volume, number: usize) -> usize {
    number % volume.area() * volume.channels + number / volume.area()
}

/// One number per channel; all pixels must share it because their neurons share weights.
fn per_channel(numbers: &[f64], volume: Volume, name: &str) -> Result<Vec<f64>, Problem> {
    let (first, rest) = numbers.split_at(volume.channels);
    match rest.chunks(volume.channels).all(|pixel| pixel == first) {
        true => Ok(first.to_vec()),
        false => Err(format!("{name} differs within a channel, whose neurons must share it")),
    }
}

fn equal([down, across]: [usize; 2], name: &str) -> Result<usize, Problem> {
    match down == across {
        true => Ok(down),
        false => Err(format!("{name} {down} down and {across} across: must be equal")),
    }
}

/// Zeros on each side; `reach` is the extent of a window beyond its first row and column.
fn same(padding: Padding, stride: usize, reach: [usize; 2]) -> Result<usize, Problem> {
    match padding {
        Padding::Zeros(zeros) => equal(zeros, "padding"),
        Padding::Same if stride == 1 && reach[0] == reach[1] && reach[0].is_multiple_of(2) => {
            Ok(reach[0] / 2)
        }
        Padding::Same => Err("padding same: must have stride 1 and a square window of odd size".to_owned()),
    }
}

fn biases(bias: Option<&Array>, outputs: usize) -> Result<Array1<f64>, Problem> {
    match bias {
        None => Ok(Array1::zeros(outputs)),
        Some(bias) if bias.values.len() == outputs => Ok(bias.values.clone().into()),
        Some(bias) => Err(format!("bias has {} numbers for {outputs} outputs", bias.values.len())),
    }
}

/// The connectivity, if it is valid and not too large.
fn checked(connectivity: Connectivity) -> Result<Connectivity, Problem> {
    if let Some(problem) = connectivity.problem() {
        return Err(problem);
    }
    match connectivity.output().len() {
        neurons if neurons > MOST_NEURONS => {
            Err(format!("{neurons} neurons, must be at most {MOST_NEURONS}"))
        }
        _ => Ok(connectivity),
    }
}

/// (channels, elements): weights of 0, with `room` numbers at most.
fn zeros(connectivity: Connectivity, room: u64) -> Result<Array2<f64>, Problem> {
    let (units, elements) = (connectivity.weight_channels(), connectivity.elements());
    match (units as u64).checked_mul(elements as u64) {
        Some(weights) if weights <= room => Ok(Array2::zeros((units, elements))),
        _ => Err(format!("{units} x {elements} weights: more than there is room for")),
    }
}
