//! A plan's layers, each with what comes right behind it, and the shapes between them.

use super::spec::MOST;
use crate::network::layer::linear::Reach;
use crate::network::pass::step::SpikeActivation;
use crate::network::{LayerSpec, Spec, SpecError, Volume, Window};

/// A layer of neurons with its poolings and its residual connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unit {
    /// What its sums look at.
    pub input: Volume,
    /// `None`: everything.
    pub window: Option<Window>,
    pub step: SpikeActivation,
    pub batch_norm: bool,
    pub dropout: f32,
    /// The unit whose outputs are added to its own.
    pub adds: Option<usize>,
}

impl Unit {
    /// Whether its sums and its weights can be held in memory.
    fn check_size(&self, name: &str) -> Result<(), SpecError> {
        affordable(name, numbers(self.step.sums), "numbers")?;
        let looked_at = match self.window {
            None => numbers(self.input),
            Some(Window { height, width, .. }) => {
                (height as u128).saturating_mul(width as u128).saturating_mul(self.input.channels as u128)
            }
        };
        affordable(name, looked_at.saturating_mul(self.step.sums.channels as u128), "weights")
    }

    /// How inputs reach the sums, at the bottom of the network or further up.
    pub fn reach(&self, first: bool) -> Reach {
        match self.window {
            None => Reach::Dense,
            Some(window) if first && self.input.channels < crate::network::kernels::LANES => {
                Reach::Interleaved(window)
            }
            Some(window) => Reach::Window(window),
        }
    }
}

/// The units of `spec`, from the input to the output neurons.
///
/// # Errors
/// The first thing in the plan that is wrong.
pub(crate) fn units(spec: &Spec) -> Result<Vec<Unit>, SpecError> {
    for (name, side) in
        [("height", spec.input.height), ("width", spec.input.width), ("channels", spec.input.channels)]
    {
        at_least(&format!("input.{name}"), side, 1)?;
    }
    affordable("input", numbers(spec.input), "numbers")?;
    let mut units: Vec<Unit> = Vec::new();
    for (index, layer) in spec.hidden.iter().enumerate() {
        let name = format!("hidden[{index}]");
        extend(&mut units, spec.input, layer, &name)?;
        units.last().map_or(Ok(()), |unit| unit.check_size(&name))?;
    }
    let head = &spec.head;
    at_least("head.classes", head.classes, 2)?;
    at_least("head.redundancy", head.redundancy, 1)?;
    if head.classes > 1 << 16 {
        return Err(SpecError::TooManyClasses(head.classes));
    }
    let width = head.classes.saturating_mul(head.redundancy);
    let output = dense(everything(&units, spec.input), width, head.batch_norm, 0.0);
    output.check_size("head")?;
    units.push(output);
    Ok(units)
}

/// What the next layer looks at.
fn top(units: &[Unit], input: Volume) -> Volume {
    units.last().map_or(input, |unit| unit.step.outputs())
}

/// What the next layer looks at if it looks at everything: of a sample, its numbers in their order.
fn everything(units: &[Unit], input: Volume) -> Volume {
    units.last().map_or(Volume::flat(input.len()), |unit| unit.step.outputs())
}

fn extend(units: &mut Vec<Unit>, sample: Volume, layer: &LayerSpec, name: &str) -> Result<(), SpecError> {
    let input = top(units, sample);
    match *layer {
        LayerSpec::Dense { width, batch_norm, dropout } => {
            at_least(&format!("{name}.width"), width, 1)?;
            share(name, dropout)?;
            units.push(dense(everything(units, sample), width, batch_norm, dropout));
        }
        LayerSpec::Convolution { channels, window, batch_norm, dropout } => {
            at_least(&format!("{name}.channels"), channels, 1)?;
            share(name, dropout)?;
            let (height, width) = fit(window, input, name)?;
            let sums = Volume { height, width, channels };
            let step = SpikeActivation { sums, max: None, potentials: sums, average: 1 };
            units.push(Unit { input, window: Some(window), step, batch_norm, dropout, adds: None });
        }
        LayerSpec::MaxPool { size, stride } => {
            let unit = units.last_mut().filter(|unit| {
                unit.window.is_some()
                    && unit.step.max.is_none()
                    && unit.step.average == 1
                    && unit.adds.is_none()
            });
            let unit =
                unit.ok_or_else(|| misplaced(name, "max pooling must come right after a convolution"))?;
            let window = Window::square(size, stride);
            let (height, width) = fit(window, unit.step.sums, name)?;
            unit.step.max = Some(window);
            unit.step.potentials = Volume { height, width, ..unit.step.sums };
        }
        LayerSpec::AveragePool { size } => {
            at_least(&format!("{name}.size"), size, 2)?;
            let unit = units
                .last_mut()
                .filter(|unit| unit.window.is_some() && unit.step.average == 1 && unit.adds.is_none());
            let rule = "average pooling must come after a convolution or its max pooling";
            let unit = unit.ok_or_else(|| misplaced(name, rule))?;
            if !input.height.is_multiple_of(size) || !input.width.is_multiple_of(size) {
                return Err(misplaced(name, &format!("squares of {size} must fill its input of {input}")));
            }
            unit.step.average = size;
        }
        LayerSpec::Residual { back } => add_residual(units, back, name)?,
    }
    Ok(())
}

fn add_residual(units: &mut [Unit], back: usize, name: &str) -> Result<(), SpecError> {
    at_least(&format!("{name}.back"), back, 1)?;
    let here = units.len().checked_sub(1).ok_or_else(|| misplaced(name, "must come after a layer"))?;
    let Some(from) = here.checked_sub(back) else {
        return Err(misplaced(name, &format!("there is no layer {back} further down")));
    };
    let (added, own) = (units[from].step.outputs(), units[here].step.outputs());
    if added != own {
        let rule = format!("adds {added} to {own}, which must have the same shape");
        return Err(misplaced(name, &rule));
    }
    if units[from].step.average > 1 || units[here].step.average > 1 || units[here].adds.is_some() {
        return Err(misplaced(name, "adds the spikes of one layer to those of one other, neither averaged"));
    }
    units[here].adds = Some(from);
    Ok(())
}

fn dense(input: Volume, width: usize, batch_norm: bool, dropout: f32) -> Unit {
    let sums = Volume::flat(width);
    let step = SpikeActivation { sums, max: None, potentials: sums, average: 1 };
    Unit { input, window: None, step, batch_norm, dropout, adds: None }
}

/// The places of `window` on `input`.
fn fit(window: Window, input: Volume, name: &str) -> Result<(usize, usize), SpecError> {
    at_least(&format!("{name}.window"), window.height.min(window.width), 1)?;
    at_least(&format!("{name}.stride"), window.stride, 1)?;
    if window.padding >= window.height.min(window.width) {
        return Err(misplaced(name, "padding must be less than the window"));
    }
    match window.places(input) {
        (0, _) | (_, 0) => {
            let Window { height, width, .. } = window;
            Err(SpecError::Window { name: name.to_owned(), height, width, input })
        }
        places => Ok(places),
    }
}

/// How many numbers a volume holds, however many that are.
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
