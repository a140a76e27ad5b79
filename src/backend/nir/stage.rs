//! Stages: the numbers that an edge of a graph carries. They are either spikes or a linear function
//! of spikes, such as weighted sums.
//!
//! NIR orders an image channel by channel, a [`Volume`] pixel by pixel. The numbers of a stage are
//! in the order of its volume, even after the graph has flattened the image.

use ndarray::Array2;

use super::neurons::{Neurons, Rows, row_exponent};
use super::operation::{Operation, Padding};
use super::tree::Array;
use super::wide::Wide;
use crate::network::{Connectivity, Volume, Window};

/// The output of a node.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stage {
    /// The spikes it is computed from: 0 is the network's input, l the spikes of layer l - 1.
    pub sources: Vec<usize>,
    pub volume: Volume,
    /// Whether it is a list in the graph, rather than channels, rows and columns.
    pub flat: bool,
    pub value: Value,
    /// A factor for each number, if the stage has no weights yet.
    scale: Option<Vec<Wide>>,
}

/// How the numbers of a stage are computed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Spikes.
    Spikes,
    /// `factor` times the sum of a channel's spikes in the window.
    Pooled { input: Volume, window: Window, factor: f64 },
    /// Weights and bias.
    Sums { connectivity: Connectivity, rows: Rows },
}

/// Why a stage cannot be built.
type Problem = String;

/// Where the rows or columns of a kernel lie in a window of the spikes it is computed from.
struct Steps {
    first: usize,
    dilation: usize,
    /// The stride of the pool below.
    stride: usize,
}

impl Steps {
    /// The first row or column of the window that belongs to row or column `number` of the kernel.
    fn at(&self, number: usize) -> usize {
        (self.first + number * self.dilation) * self.stride
    }
}

impl Stage {
    /// The spikes of a volume.
    pub fn spikes(sources: Vec<usize>, volume: Volume, flat: bool) -> Self {
        Self { sources, volume, flat, value: Value::Spikes, scale: None }
    }

    /// The network's inputs as a stage. `shape` is their shape in the graph, and may begin with
    /// ones, such as a batch of one sample. `ordered`: a list of inputs is in the order of the
    /// volume, pixel by pixel.
    pub fn input(shape: &[usize], sample: Volume, ordered: bool) -> Result<Self, Problem> {
        let ones = shape.iter().take_while(|&&size| size == 1).count();
        (0..=ones).find_map(|skipped| Self::input_of(&shape[skipped..], sample, ordered)).ok_or_else(|| {
            format!(
                "takes inputs of shape {shape:?}; a sample is {}, or {:?} in channels, rows and columns: \
                 choose the data set, or the --input-coding, that it was trained with",
                sample.len(),
                [sample.channels, sample.height, sample.width],
            )
        })
    }

    /// The inputs as a stage, if `shape` is that of a sample: a list, an image, or the channels and
    /// columns of an image with one row. Else `None`.
    fn input_of(shape: &[usize], sample: Volume, ordered: bool) -> Option<Self> {
        let Volume { height, width, channels } = sample;
        match *shape {
            [length] if length == sample.len() => {
                let volume = if ordered { Volume::flat(length) } else { sample };
                Some(Self::spikes(vec![0], volume, true))
            }
            [first, second] if [first, 1, second] == [channels, height, width] => {
                Some(Self::spikes(vec![0], sample, false))
            }
            _ => (shape == [channels, height, width]).then(|| Self::spikes(vec![0], sample, false)),
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

    /// The same numbers as a list, if the axes from `start` to `end` are all axes.
    pub fn flattened(&self, start: i64, end: i64, input: Option<&[usize]>) -> Result<Self, Problem> {
        let last = if self.flat { 0 } else { 2 };
        let first = if start < 0 { start + last + 1 } else { start };
        // Programs count the dimension of a batch, or do not; one row may lack that of rows.
        let is_last = match end {
            -1 => true,
            end => end == last || end == last + first || (self.volume.height == 1 && end + 1 == last),
        };
        if !matches!(first, 0 | 1) || !is_last {
            return Err(format!(
                "flattens dimensions {start} to {end} of {}: must flatten all (0 to -1)",
                last + 1
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
    pub fn scaled(&self, factors: &Array, name: &str) -> Result<Self, Problem> {
        let factors = self.spread(factors, name)?;
        let mut scaled = self.clone();
        if let Value::Sums { rows, .. } = &mut scaled.value {
            let factors = per_channel(&factors, self.volume, name)?;
            factors.into_iter().enumerate().for_each(|(channel, factor)| rows.scale(channel, factor));
        } else {
            let scale = factors.iter().enumerate().map(|(place, &factor)| factor.times(self.scale_of(place)));
            scaled.scale = Some(scale.collect());
        }
        Ok(scaled)
    }

    /// The stage with `by` added to its numbers; only weighted sums can take it.
    pub fn raised(&self, by: &Array, name: &str) -> Result<Self, Problem> {
        if by.values.iter().all(|&by| by == 0.0) {
            return Ok(self.clone());
        }
        let by = per_channel(&self.spread(by, name)?, self.volume, name)?;
        let mut raised = self.clone();
        let Value::Sums { rows, .. } = &mut raised.value else {
            return Err(format!("{name} is not 0: must be 0 where no weights come before"));
        };
        for (bias, by) in rows.bias.iter_mut().zip(by) {
            *bias = by.minus(bias.times(Wide::new(-1.0)));
        }
        Ok(raised)
    }

    /// The sums over windows of spikes, or of the sums of a convolution.
    pub fn pooled(&self, operation: &Operation, room: u64) -> Result<Self, Problem> {
        let Operation::Pool { average, size: [height, width], stride, padding } = *operation else {
            return Err("is not a pool".to_owned());
        };
        self.must_be_image()?;
        let (stride, padding) = (equal(stride, "stride")?, equal(padding, "padding")?);
        let window = Window { height, width, stride, padding };
        let input = self.volume;
        let connectivity = checked(Connectivity::Pool { input, window })?;
        let area = (height * width) as f64;
        let factor = if average { area.recip() } else { 1.0 };
        let value = match &self.value {
            Value::Spikes if self.is_spikes() => Value::Pooled { input, window, factor },
            Value::Sums {
                connectivity: Connectivity::Convolution { input, window: kernel, channels },
                rows,
            } => {
                // An average keeps the bias that its pixels share.
                let count = if average { 1.0 } else { area };
                pooled_convolution((*input, *kernel, *channels), rows, window, [factor, count], room)?
            }
            _ => return Err("pools scaled or pooled spikes: must pool spikes, or a convolution".to_owned()),
        };
        Ok(Self { volume: connectivity.output(), value, ..self.clone() })
    }

    /// The weighted sums of a dense layer. `weight` is (outputs, inputs) in the graph's order; the
    /// layer may have at most `room` weights.
    pub fn dense(&self, weight: &Array, bias: Option<&Array>, room: u64) -> Result<Self, Problem> {
        let &[outputs, inputs] = weight.shape.as_slice() else {
            return Err(format!("weight has {} axes, must have 2", weight.shape.len()));
        };
        if !self.flat && (self.volume.channels, self.volume.height) != (1, 1) {
            return Err("receives channels, rows and columns: must come after Flatten".to_owned());
        }
        if inputs != self.volume.len() {
            return Err(format!("weight takes {inputs} inputs, there are {}", self.volume.len()));
        }
        let bias = biases(bias, outputs)?;
        let received = self.presynaptic()?;
        let connectivity = checked(Connectivity::Dense { inputs: received.len(), outputs })?;
        let mut weights = zeros(connectivity, room)?;
        let mut exponents = Vec::with_capacity(outputs);
        for (at, from) in weight.values.chunks(inputs.max(1)).enumerate() {
            let scaled = |(number, &weight): (usize, &f64)| {
                Wide::new(weight).times(self.scale_of(place(self.volume, number)))
            };
            let row: Vec<Wide> = from.iter().enumerate().map(scaled).collect();
            let exponent = row_exponent(row.iter().copied());
            for (number, weight) in row.into_iter().enumerate() {
                let weight = weight.shifted(-exponent).value();
                let place = place(self.volume, number);
                self.for_each_presynaptic(place, |input, factor| weights[[at, input]] += weight * factor);
            }
            exponents.push(exponent);
        }
        exponents.resize(outputs, 0);
        let value = Value::Sums { connectivity, rows: Rows { weights, exponents, bias } };
        Ok(Self { volume: connectivity.output(), flat: true, value, scale: None, ..self.clone() })
    }

    /// The weighted sums of a convolution over an image of spikes or of pooled sums, with at most
    /// `room` weights.
    pub fn convolved(&self, operation: &Operation, room: u64) -> Result<Self, Problem> {
        let Operation::Convolution { input, weight, groups, bias, .. } = operation else {
            return Err("is not a convolution".to_owned());
        };
        let &[outputs, per_group, height, width] = weight.shape.as_slice() else {
            return Err(format!("weight has {} axes, must have 4", weight.shape.len()));
        };
        if let Some(row) = self.as_row().filter(|_| (height, per_group, *groups) == (1, 1, 1)) {
            return row.convolved(operation, room);
        }
        self.must_be_image()?;
        if input.is_some_and(|input| input != [self.volume.height, self.volume.width]) {
            return Err(format!("input_shape {input:?} is not that of its input, {}", self.volume));
        }
        let channels = per_group.saturating_mul(*groups);
        if *groups == 0 || !outputs.is_multiple_of(*groups) || channels != self.volume.channels {
            return Err(format!(
                "{outputs} outputs of {groups} groups with {per_group} inputs: there are {} channels",
                self.volume.channels
            ));
        }
        let received = self.presynaptic()?;
        let (window, steps) = self.window(operation, [height, width])?;
        let connectivity = checked(Connectivity::Convolution { input: received, window, channels: outputs })?;
        let bias = biases(Some(bias), outputs)?;
        let mut rows = Rows { weights: zeros(connectivity, room)?, exponents: vec![0; outputs], bias };
        let (scales, factor, pool) = (self.channel_scales()?, self.factor(), self.pool());
        for (output, kernel) in weight.values.chunks((per_group * height * width).max(1)).enumerate() {
            let channel = |number: usize| output / (outputs / groups) * per_group + number / (width * height);
            let scaled = |(number, &weight): (usize, &f64)| Wide::new(weight).times(scales[channel(number)]);
            let row: Vec<Wide> = kernel.iter().enumerate().map(scaled).collect();
            rows.exponents[output] = row_exponent(row.iter().copied());
            for (number, weight) in row.into_iter().enumerate() {
                let weight = weight.shifted(-rows.exponents[output]).value() * factor;
                let (top, left) = (steps[0].at(number / width % height), steps[1].at(number % width));
                for (y, x) in (0..pool.height).flat_map(|y| (0..pool.width).map(move |x| (y, x))) {
                    let pixel = (top + y) * window.width + left + x;
                    rows.weights[[output, pixel * received.channels + channel(number)]] += weight;
                }
            }
        }
        let value = Value::Sums { connectivity, rows };
        Ok(Self { volume: connectivity.output(), value, scale: None, ..self.clone() })
    }

    /// The window of a convolution over the spikes that it is computed from, and where the kernel's
    /// rows and columns lie in that window. `extents` are the kernel's numbers of rows and columns.
    ///
    /// The kernel is stretched by its dilation. If it lies on pooled sums, it is stretched again by
    /// the stride of the pool.
    fn window(&self, operation: &Operation, extents: [usize; 2]) -> Result<(Window, [Steps; 2]), Problem> {
        let Operation::Convolution { stride, padding, dilation, .. } = operation else {
            return Err("is not a convolution".to_owned());
        };
        if extents.contains(&0) || dilation.contains(&0) {
            return Err("weight or dilation of 0: each must be 1 or more".to_owned());
        }
        let reach = |axis: usize| (extents[axis] - 1).saturating_mul(dilation[axis]);
        let stride = equal(*stride, "stride")?;
        let borders = borders(*padding, stride, [reach(0), reach(1)])?;
        // A window takes the same zeros on all sides: where there are fewer, the kernel gets them.
        let padding = borders.iter().flatten().copied().max().unwrap_or_default();
        let extra = borders.map(|sides| sides.map(|zeros| padding - zeros));
        let extent = |axis: usize| reach(axis).saturating_add(extra[axis][0]).saturating_add(extra[axis][1]);
        let pool = self.pool();
        self.check_border(pool, padding)?;
        let window = Window {
            height: extent(0).saturating_mul(pool.stride).saturating_add(pool.height),
            width: extent(1).saturating_mul(pool.stride).saturating_add(pool.width),
            stride: stride.saturating_mul(pool.stride),
            padding: padding.saturating_mul(pool.stride).saturating_add(pool.padding),
        };
        let steps =
            |axis: usize| Steps { first: extra[axis][0], dilation: dilation[axis], stride: pool.stride };
        Ok((window, [steps(0), steps(1)]))
    }

    /// A list of spikes of a single channel, read as an image with one row.
    fn as_row(&self) -> Option<Self> {
        let is_row = self.flat
            && self.value == Value::Spikes
            && (self.volume.area() == 1 || self.volume.channels == 1);
        let row = Volume { height: 1, width: self.volume.len(), channels: 1 };
        is_row.then(|| Self { volume: row, flat: false, ..self.clone() })
    }

    /// The neurons that fire if `gain` times a number of the stage is above `threshold`.
    pub fn fired(&self, threshold: &Array, gain: Option<&Array>, room: u64) -> Result<Neurons, Problem> {
        let thresholds = self.spread(threshold, "threshold")?;
        let gains = match gain {
            Some(gain) => self.spread(gain, "r")?,
            None => vec![Wide::ONE; thresholds.len()],
        };
        match &self.value {
            Value::Sums { connectivity, rows } => {
                let limits = per_channel(&thresholds, self.volume, "threshold")?;
                let gains = per_channel(&gains, self.volume, "r")?;
                let mut rows = rows.clone();
                gains.into_iter().enumerate().for_each(|(channel, gain)| rows.scale(channel, gain));
                Ok(Neurons::new(*connectivity, rows, &limits))
            }
            Value::Spikes | Value::Pooled { .. } => self.alone(&thresholds, &gains, room),
        }
    }

    /// Neurons without weights of their own: each receives one number of the stage.
    fn alone(&self, thresholds: &[Wide], gains: &[Wide], room: u64) -> Result<Neurons, Problem> {
        let factor = Wide::new(self.factor());
        let numbers =
            (0..thresholds.len()).map(|place| gains[place].times(self.scale_of(place)).times(factor));
        let numbers: Vec<Wide> = numbers.collect();
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
            return Ok(Neurons::new(connectivity, single(Array2::ones((1, 1)), &[first]), &[limit]));
        }
        let connectivity =
            checked(Connectivity::Convolution { input: received, window, channels: received.channels })?;
        let mut weights = zeros(connectivity, room)?;
        for channel in 0..received.channels {
            (0..window.area())
                .for_each(|pixel| weights[[channel, pixel * received.channels + channel]] = 1.0);
        }
        let rows = single(weights, &per_channel(&numbers, self.volume, "r or scale")?);
        Ok(Neurons::new(connectivity, rows, &per_channel(thresholds, self.volume, "threshold")?))
    }

    /// The volume of the spikes that the stage is computed from.
    fn presynaptic(&self) -> Result<Volume, Problem> {
        match &self.value {
            Value::Spikes => Ok(self.volume),
            Value::Pooled { input, .. } => Ok(*input),
            Value::Sums { .. } => Err("weights follow weights: a threshold must be between them".to_owned()),
        }
    }

    /// The window of the pool that the stage is the output of; else a window of one pixel.
    fn pool(&self) -> Window {
        match self.value {
            Value::Pooled { window, .. } => window,
            _ => Window::square(1, 1),
        }
    }

    fn factor(&self) -> f64 {
        if let Value::Pooled { factor, .. } = self.value { factor } else { 1.0 }
    }

    /// Calls `visit(input, factor)` for every spike that number `place` of the stage is the sum of.
    fn for_each_presynaptic(&self, place: usize, mut visit: impl FnMut(usize, f64)) {
        match self.value {
            Value::Pooled { input, window, factor } => {
                Connectivity::Pool { input, window }.for_each_input(place, |input, _| visit(input, factor));
            }
            _ => visit(place, 1.0),
        }
    }

    fn scale_of(&self, place: usize) -> Wide {
        self.scale.as_ref().map_or(Wide::ONE, |scale| scale[place])
    }

    /// (channels): the factor of each channel; all its pixels must have the same.
    fn channel_scales(&self) -> Result<Vec<Wide>, Problem> {
        match &self.scale {
            None => Ok(vec![Wide::ONE; self.volume.channels]),
            Some(scale) => per_channel(scale, self.volume, "scale"),
        }
    }

    /// Refuses zeros around an image of pooled sums, unless zeros around the spikes below give the
    /// same sums.
    ///
    /// They do if the windows of the pool neither overlap nor leave pixels out.
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

    /// Expands `array` to one number for each number of the stage, in its order. A single number
    /// counts for all.
    fn spread(&self, array: &Array, name: &str) -> Result<Vec<Wide>, Problem> {
        let length = self.volume.len();
        match array.values.as_slice() {
            &[value] => Ok(vec![Wide::new(value); length]),
            values if values.len() == length => {
                let mut numbers = vec![Wide::ONE; length];
                for (number, &value) in values.iter().enumerate() {
                    numbers[place(self.volume, number)] = Wide::new(value);
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
fn per_channel(numbers: &[Wide], volume: Volume, name: &str) -> Result<Vec<Wide>, Problem> {
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

/// The numbers of zeros around an image: [above, below], [left, right]. `reach` is the number of
/// rows and columns of a window after the first one.
fn borders(padding: Padding, stride: usize, reach: [usize; 2]) -> Result<[[usize; 2]; 2], Problem> {
    match padding {
        Padding::Zeros(zeros) => Ok(zeros.map(|zeros| [zeros; 2])),
        // As PyTorch: the odd one comes last.
        Padding::Same if stride == 1 => Ok(reach.map(|reach| [reach / 2, reach - reach / 2])),
        Padding::Same => Err("padding same: must have stride 1".to_owned()),
    }
}

fn biases(bias: Option<&Array>, outputs: usize) -> Result<Vec<Wide>, Problem> {
    match bias {
        None => Ok(vec![Wide::new(0.0); outputs]),
        Some(bias) if bias.values.len() == outputs => {
            Ok(bias.values.iter().copied().map(Wide::new).collect())
        }
        Some(bias) => Err(format!("bias has {} numbers for {outputs} outputs", bias.values.len())),
    }
}

/// Rows without bias: each row of `weights` times its factor.
fn single(weights: Array2<f64>, factors: &[Wide]) -> Rows {
    let channels = factors.len();
    let mut rows = Rows { weights, exponents: vec![0; channels], bias: vec![Wide::new(0.0); channels] };
    factors.iter().enumerate().for_each(|(channel, &factor)| rows.scale(channel, factor));
    rows
}

/// Pools the sums of a convolution (input, kernel, channels). The result is a convolution with a
/// larger kernel. Weights are multiplied by `factor`, the bias by `count`.
fn pooled_convolution(
    (input, kernel, channels): (Volume, Window, usize),
    rows: &Rows,
    pool: Window,
    [factor, count]: [f64; 2],
    room: u64,
) -> Result<Value, Problem> {
    if pool.padding != 0 {
        return Err(format!("pools sums with padding {}: must have padding 0", pool.padding));
    }
    let window = Window {
        height: (pool.height - 1) * kernel.stride + kernel.height,
        width: (pool.width - 1) * kernel.stride + kernel.width,
        stride: pool.stride * kernel.stride,
        padding: kernel.padding,
    };
    let connectivity = checked(Connectivity::Convolution { input, window, channels })?;
    let mut weights = zeros(connectivity, room)?;
    for (y, x) in (0..pool.height).flat_map(|y| (0..pool.width).map(move |x| (y, x))) {
        for (pixel, number) in (0..kernel.area()).flat_map(|p| (0..input.channels).map(move |c| (p, c))) {
            let (down, across) =
                (y * kernel.stride + pixel / kernel.width, x * kernel.stride + pixel % kernel.width);
            let to = (down * window.width + across) * input.channels + number;
            let from = rows.weights.column(pixel * input.channels + number);
            weights.column_mut(to).scaled_add(factor, &from);
        }
    }
    let bias = rows.bias.iter().map(|bias| bias.times(Wide::new(count))).collect();
    Ok(Value::Sums { connectivity, rows: Rows { weights, exponents: rows.exponents.clone(), bias } })
}

/// The connectivity, if it is valid and not too large.
fn checked(connectivity: Connectivity) -> Result<Connectivity, Problem> {
    connectivity.problem().map_or(Ok(connectivity), Err)
}

/// (channels, elements): weights of 0; an error if there are more than `room`.
fn zeros(connectivity: Connectivity, room: u64) -> Result<Array2<f64>, Problem> {
    let (units, elements) = (connectivity.weight_channels(), connectivity.elements());
    match (units as u64).checked_mul(elements as u64) {
        Some(weights) if weights <= room => Ok(Array2::zeros((units, elements))),
        _ => Err(format!("{units} x {elements} weights: more than there is room for")),
    }
}
