//! The layers of a plan with their shapes. Each layer of neurons stands together with the pooling
//! and the residual connection that follow it.

use super::spec::MOST;
use crate::network::layer::linear::InputLayout;
use crate::network::pass::spike_activation::SpikeActivation;
use crate::network::{LayerSpec, Spec, SpecError, Volume, Window};

/// A layer of neurons with its pooling and its residual connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlannedLayer {
    /// The shape of its inputs.
    pub input: Volume,
    /// The window of a convolution; `None` for a dense layer.
    pub window: Option<Window>,
    /// How its weighted sums become spikes, with pooling.
    pub activation: SpikeActivation,
    /// Whether its sums are normalized over the batch.
    pub batch_norm: bool,
    /// The share of activations dropped in training, in [0, 1).
    pub dropout: f32,
    /// The layer whose outputs a residual connection adds to its own.
    pub adds: Option<usize>,
}

impl PlannedLayer {
    /// Refuses a layer with more than [`MOST`] sums or weights.
    fn check_size(&self, name: &str) -> Result<(), SpecError> {
        affordable(name, numbers(self.activation.sums), "numbers")?;
        let fan_in = match self.window {
            None => numbers(self.input),
            Some(Window { height, width, .. }) => {
                (height as u128).saturating_mul(width as u128).saturating_mul(self.input.channels as u128)
            }
        };
        affordable(name, fan_in.saturating_mul(self.activation.sums.channels as u128), "weights")
    }

    /// The number of inputs of one sum, including zeros of the padding.
    pub fn fan_in(&self) -> usize {
        match self.window {
            None => self.input.len(),
            Some(window) => window.area() * self.input.channels,
        }
    }

    /// How the inputs lie in memory. `first` says whether this is the lowest layer of the network.
    pub fn input_layout(&self, first: bool) -> InputLayout {
        match self.window {
            None => InputLayout::Dense,
            Some(window) if first && self.input.channels < crate::network::kernels::LANES => {
                InputLayout::Interleaved(window)
            }
            Some(window) => InputLayout::Window(window),
        }
    }
}

/// The layers of `spec`, from the input to the output neurons.
///
/// # Errors
/// The first mistake in the plan.
pub(crate) fn planned_layers(spec: &Spec) -> Result<Vec<PlannedLayer>, SpecError> {
    for (name, side) in
        [("height", spec.input.height), ("width", spec.input.width), ("channels", spec.input.channels)]
    {
        at_least(&format!("input.{name}"), side, 1)?;
    }
    affordable("input", numbers(spec.input), "numbers")?;
    let mut layers: Vec<PlannedLayer> = Vec::new();
    for (index, layer) in spec.hidden.iter().enumerate() {
        let name = format!("hidden[{index}]");
        extend(&mut layers, spec.input, layer, &name)?;
        layers.last().map_or(Ok(()), |planned| planned.check_size(&name))?;
    }
    let head = &spec.head;
    at_least("head.classes", head.classes, 2)?;
    at_least("head.redundancy", head.redundancy, 1)?;
    if head.classes > 1 << 16 {
        return Err(SpecError::TooManyClasses(head.classes));
    }
    let width = head.classes.saturating_mul(head.redundancy);
    let output = dense(everything(&layers, spec.input), width, head.batch_norm, 0.0);
    output.check_size("head")?;
    layers.push(output);
    Ok(layers)
}

impl Spec {
    /// Checks sizes, shares, and the order of layers.
    ///
    /// # Errors
    /// The first mistake in the plan.
    pub fn check(&self) -> Result<(), SpecError> {
        planned_layers(self).map(drop)
    }
}

/// The shape of the outputs of the last of `layers`, which the next layer receives; without layers,
/// that of the `input`.
fn top(layers: &[PlannedLayer], input: Volume) -> Volume {
    layers.last().map_or(input, |planned| planned.activation.outputs())
}

/// The shape of the inputs of the next layer if it is dense. If it is the first layer, all numbers
/// of a sample count as one row.
fn everything(layers: &[PlannedLayer], input: Volume) -> Volume {
    layers.last().map_or(Volume::flat(input.len()), |planned| planned.activation.outputs())
}

fn extend(
    layers: &mut Vec<PlannedLayer>,
    sample: Volume,
    layer: &LayerSpec,
    name: &str,
) -> Result<(), SpecError> {
    let input = top(layers, sample);
    match *layer {
        LayerSpec::Dense { width, batch_norm, dropout } => {
            at_least(&format!("{name}.width"), width, 1)?;
            share(name, dropout)?;
            layers.push(dense(everything(layers, sample), width, batch_norm, dropout));
        }
        LayerSpec::Convolution { channels, window, batch_norm, dropout } => {
            at_least(&format!("{name}.channels"), channels, 1)?;
            share(name, dropout)?;
            let (height, width) = fit(window, input, name)?;
            let sums = Volume { height, width, channels };
            let activation = SpikeActivation { sums, max: None, potentials: sums, average: 1 };
            layers.push(PlannedLayer {
                input,
                window: Some(window),
                activation,
                batch_norm,
                dropout,
                adds: None,
            });
        }
        LayerSpec::MaxPool { size, stride } => {
            let planned = layers.last_mut().filter(|planned| {
                planned.window.is_some()
                    && planned.activation.max.is_none()
                    && planned.activation.average == 1
                    && planned.adds.is_none()
            });
            let planned =
                planned.ok_or_else(|| misplaced(name, "max pooling must come right after a convolution"))?;
            let window = Window::square(size, stride);
            let (height, width) = fit(window, planned.activation.sums, name)?;
            planned.activation.max = Some(window);
            planned.activation.potentials = Volume { height, width, ..planned.activation.sums };
        }
        LayerSpec::AveragePool { size } => {
            at_least(&format!("{name}.size"), size, 2)?;
            let planned = layers.last_mut().filter(|planned| {
                planned.window.is_some() && planned.activation.average == 1 && planned.adds.is_none()
            });
            let rule = "average pooling must come after a convolution or its max pooling";
            let planned = planned.ok_or_else(|| misplaced(name, rule))?;
            if !input.height.is_multiple_of(size) || !input.width.is_multiple_of(size) {
                return Err(misplaced(name, &format!("squares of {size} must fill its input of {input}")));
            }
            planned.activation.average = size;
        }
        LayerSpec::Residual { back } => add_residual(layers, back, name)?,
    }
    Ok(())
}

fn add_residual(layers: &mut [PlannedLayer], back: usize, name: &str) -> Result<(), SpecError> {
    at_least(&format!("{name}.back"), back, 1)?;
    let here = layers.len().checked_sub(1).ok_or_else(|| misplaced(name, "must come after a layer"))?;
    let Some(from) = here.checked_sub(back) else {
        return Err(misplaced(name, &format!("there is no layer {back} further down")));
    };
    let (added, own) = (layers[from].activation.outputs(), layers[here].activation.outputs());
    if added != own {
        let rule = format!("adds {added} to {own}, which must have the same shape");
        return Err(misplaced(name, &rule));
    }
    if layers[from].activation.average > 1
        || layers[here].activation.average > 1
        || layers[here].adds.is_some()
    {
        return Err(misplaced(name, "adds the spikes of one layer to those of one other, neither averaged"));
    }
    layers[here].adds = Some(from);
    Ok(())
}

fn dense(input: Volume, width: usize, batch_norm: bool, dropout: f32) -> PlannedLayer {
    let sums = Volume::flat(width);
    let activation = SpikeActivation { sums, max: None, potentials: sums, average: 1 };
    PlannedLayer { input, window: None, activation, batch_norm, dropout, adds: None }
}

/// The rows and columns of positions of `window` on `input`. Refuses a window that does not fit.
fn fit(window: Window, input: Volume, name: &str) -> Result<(usize, usize), SpecError> {
    at_least(&format!("{name}.window"), window.height.min(window.width), 1)?;
    at_least(&format!("{name}.stride"), window.stride, 1)?;
    if window.padding >= window.height.min(window.width) {
        return Err(misplaced(name, "padding must be less than the window"));
    }
    match window.positions(input) {
        (0, _) | (_, 0) => {
            let Window { height, width, .. } = window;
            Err(SpecError::Window { name: name.to_owned(), height, width, input })
        }
        positions => Ok(positions),
    }
}

/// The number of elements of a volume, which may be more than memory can hold.
fn numbers(volume: Volume) -> u128 {
    let Volume { height, width, channels } = volume;
    (height as u128).saturating_mul(width as u128).saturating_mul(channels as u128)
}

fn affordable(name: &str, count: u128, what: &'static str) -> Result<(), SpecError> {
    match count <= MOST {
        true => Ok(()),
        false => Err(SpecError::TooLarge { name: name.to_owned(), count, what }),
    }
}

fn misplaced(name: &str, rule: &str) -> SpecError {
    SpecError::Misplaced { name: name.to_owned(), rule: rule.to_owned() }
}

fn share(name: &str, dropout: f32) -> Result<(), SpecError> {
    match (0.0..1.0).contains(&dropout) {
        true => Ok(()),
        false => Err(SpecError::Dropout { name: format!("{name}.dropout"), value: dropout }),
    }
}

fn at_least(name: &str, value: usize, least: usize) -> Result<(), SpecError> {
    if value >= least {
        return Ok(());
    }
    Err(SpecError::TooSmall { name: name.to_owned(), value, least })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::HeadSpec;

    fn spec(width: usize, dropout: f32, classes: usize) -> Spec {
        Spec {
            input: Volume::flat(4),
            hidden: vec![LayerSpec::Dense { width, batch_norm: true, dropout }],
            head: HeadSpec { classes, redundancy: 1, overlapping: false, batch_norm: false },
        }
    }

    fn problem(spec: Spec) -> String {
        spec.check().expect_err("the plan is wrong").to_string()
    }

    #[test]
    fn a_wrong_size_or_share_is_named_with_its_place_and_rule() {
        assert_eq!(spec(1, 0.0, 2).check(), Ok(()));
        assert_eq!(problem(spec(0, 0.0, 2)), "hidden[0].width = 0: must be at least 1");
        assert_eq!(problem(spec(1, 1.0, 2)), "hidden[0].dropout = 1: must lie in [0, 1)");
        assert_eq!(problem(spec(1, f32::NAN, 2)), "hidden[0].dropout = NaN: must lie in [0, 1)");
        assert_eq!(problem(spec(1, 0.0, 1)), "head.classes = 1: must be at least 2");
    }

    fn images(hidden: Vec<LayerSpec>) -> Spec {
        Spec { input: Volume { height: 8, width: 6, channels: 2 }, hidden, ..spec(1, 0.0, 2) }
    }

    fn convolution(side: usize, padding: usize) -> LayerSpec {
        let window = Window { padding, ..Window::square(side, 1) };
        LayerSpec::Convolution { channels: 3, window, batch_norm: false, dropout: 0.0 }
    }

    #[test]
    fn a_plan_that_no_machine_holds_is_refused_before_it_takes_memory() {
        let head = HeadSpec { redundancy: 1 << 40, ..spec(1, 0.0, 2).head };
        let plan = Spec { head, ..spec(1, 0.0, 2) };
        assert_eq!(problem(plan), "head: 2199023255552 numbers, must be at most 268435456");
        let input = Volume { height: usize::MAX, width: usize::MAX, channels: 2 };
        assert!(problem(Spec { input, ..spec(1, 0.0, 2) }).starts_with("input: "));
        let wide = LayerSpec::Dense { width: 1 << 20, batch_norm: false, dropout: 0.0 };
        let plan = Spec { hidden: vec![wide.clone(), wide], ..spec(1, 0.0, 2) };
        assert_eq!(problem(plan), "hidden[1]: 1099511627776 weights, must be at most 268435456");
    }

    #[test]
    fn what_cannot_follow_is_named_with_the_rule() {
        let max = |size| LayerSpec::MaxPool { size, stride: size };
        assert_eq!(images(vec![convolution(3, 1), max(2)]).check(), Ok(()));
        assert_eq!(
            problem(images(vec![convolution(7, 0)])),
            "hidden[0]: a window of 7x7 does not fit its input of 8x6x2"
        );
        assert_eq!(
            problem(images(vec![max(2)])),
            "hidden[0]: max pooling must come right after a convolution"
        );
        assert_eq!(
            problem(images(vec![convolution(3, 1), max(4), LayerSpec::AveragePool { size: 2 }])),
            "hidden[2]: squares of 2 must fill its input of 2x1x3"
        );
        assert_eq!(
            problem(images(vec![convolution(3, 1), convolution(3, 0), LayerSpec::Residual { back: 1 }])),
            "hidden[2]: adds 8x6x3 to 6x4x3, which must have the same shape"
        );
        assert_eq!(
            problem(images(vec![convolution(3, 1), LayerSpec::Residual { back: 1 }])),
            "hidden[1]: there is no layer 1 further down"
        );
    }
}
