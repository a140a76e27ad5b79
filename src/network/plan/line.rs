//! A plan as one line of text, and back: `28x28x1-32c5p2n-p2-128nd0.2-10x16`.
//!
//! Parts are joined by `-`, from the input to the output neurons:
//!
//! | part | meaning |
//! |---|---|
//! | `28x28x1`, `64` | the input: height, width and channels; or a number of inputs |
//! | `32c5`, `32c5x3` | a convolution of 32 channels with windows of 5 x 5, or 5 rows and 3 columns |
//! | `32c5s2p1` | the same with stride 2 and padding 1 |
//! | `p2`, `p3s2` | max pooling of 2 x 2; of 3 x 3 with stride 2 |
//! | `a2` | average pooling of 2 x 2 |
//! | `+`, `+2` | a residual connection from the layer before, or 2 layers back |
//! | `128` | a dense layer of 128 neurons |
//! | `10x16`, `10x16o` | the output: 10 classes with 16 neurons each; `o`: classes share neurons |
//! | `100` at the end | the output: 100 neurons, each a class of its own |
//!
//! After a layer with weights, `n` stands for batch norm and `d0.2` for a dropout of 0.2.

use std::fmt::Write;
use std::str::FromStr;

use crate::network::{HeadSpec, LayerSpec, Spec, Volume, Window};

/// The error of a line that is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{part}\" in \"{line}\": {rule}")]
pub struct LineError {
    /// The whole line.
    pub line: String,
    /// The part that cannot be read.
    pub part: String,
    /// The rule for this part, such as how it must be written.
    pub rule: &'static str,
}

const INPUT: &str = "must be the input, such as 28x28x1 or 64";
const LAYER: &str = "must be a layer: 32c5, p2, a2, + or 128";
const HEAD: &str = "must be the output: classes and neurons of each, such as 10x16, or neurons alone";

impl Spec {
    /// The plan as one line of text. [`FromStr`] reads an equal plan from it.
    ///
    /// ```
    /// use spiketune::network::Spec;
    ///
    /// let spec: Spec = "28x28x1-32c5-p2-128n-10x16".parse()?;
    /// assert_eq!(spec.line(), "28x28x1-32c5-p2-128n-10x16");
    /// assert_eq!(spec.head.classes, 10);
    /// # Ok::<(), spiketune::network::LineError>(())
    /// ```
    pub fn line(&self) -> String {
        let mut line = self.input.to_string();
        for layer in &self.hidden {
            line.push('-');
            line += &part(layer);
        }
        let HeadSpec { classes, redundancy, overlapping, batch_norm } = self.head;
        let _ = write!(line, "-{classes}x{redundancy}");
        line += if overlapping { "o" } else { "" };
        line += if batch_norm { "n" } else { "" };
        line
    }
}

/// One hidden layer as text.
fn part(layer: &LayerSpec) -> String {
    let regular = |batch_norm: bool, dropout: f32| {
        let norm = if batch_norm { "n" } else { "" };
        if dropout > 0.0 { format!("{norm}d{dropout}") } else { norm.to_owned() }
    };
    match *layer {
        LayerSpec::Dense { width, batch_norm, dropout } => format!("{width}{}", regular(batch_norm, dropout)),
        LayerSpec::Convolution { channels, window, batch_norm, dropout } => {
            let Window { height, width, stride, padding } = window;
            let mut text = format!("{channels}c{height}");
            if width != height {
                let _ = write!(text, "x{width}");
            }
            if stride != 1 {
                let _ = write!(text, "s{stride}");
            }
            if padding != 0 {
                let _ = write!(text, "p{padding}");
            }
            text + &regular(batch_norm, dropout)
        }
        LayerSpec::MaxPool { size, stride } if stride == size => format!("p{size}"),
        LayerSpec::MaxPool { size, stride } => format!("p{size}s{stride}"),
        LayerSpec::AveragePool { size } => format!("a{size}"),
        LayerSpec::Residual { back: 1 } => "+".to_owned(),
        LayerSpec::Residual { back } => format!("+{back}"),
    }
}

impl FromStr for Spec {
    type Err = LineError;

    fn from_str(line: &str) -> Result<Self, LineError> {
        let error = |part: &str, rule| LineError { line: line.to_owned(), part: part.to_owned(), rule };
        let parts: Vec<&str> = line.trim().split('-').collect();
        let [first, hidden @ .., last] = &parts[..] else { return Err(error(line, INPUT)) };
        let input = volume(first).ok_or_else(|| error(first, INPUT))?;
        let hidden = hidden.iter().map(|part| layer(part).ok_or_else(|| error(part, LAYER)));
        Ok(Self {
            input,
            hidden: hidden.collect::<Result<_, _>>()?,
            head: head(last).ok_or_else(|| error(last, HEAD))?,
        })
    }
}

/// Reads a text from its beginning; holds the part that is still to be read.
struct Reader<'a>(&'a str);

impl Reader<'_> {
    /// Reads `mark` if it comes next. Returns whether it did.
    fn has(&mut self, mark: char) -> bool {
        let rest = self.0.strip_prefix(mark);
        rest.inspect(|rest| self.0 = rest).is_some()
    }

    /// Reads the whole number that comes next; `None` if there is none.
    fn whole(&mut self) -> Option<usize> {
        let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
        let (number, rest) = self.0.split_at(end);
        self.0 = rest;
        number.parse().ok()
    }

    /// Reads `mark` and the number after it. Without the mark, the number is `default`.
    fn after(&mut self, mark: char, default: usize) -> Option<usize> {
        if self.has(mark) { self.whole() } else { Some(default) }
    }

    /// Reads the signs of batch norm and dropout, up to the end of the text.
    fn regular(mut self) -> Option<(bool, f32)> {
        let batch_norm = self.has('n');
        let dropout = if self.has('d') { self.0.parse().ok()? } else { 0.0 };
        let is_read = dropout > 0.0 || self.0.is_empty();
        (is_read && (0.0..1.0).contains(&dropout)).then_some((batch_norm, dropout))
    }

    /// `value`, if the whole text has been read; else `None`.
    fn end<T>(self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}

fn volume(text: &str) -> Option<Volume> {
    let sides: Option<Vec<usize>> = text.split('x').map(|side| side.parse().ok()).collect();
    match sides?[..] {
        [length] => Some(Volume::flat(length)),
        [height, width, channels] => Some(Volume { height, width, channels }),
        _ => None,
    }
}

fn layer(text: &str) -> Option<LayerSpec> {
    let mut reader = Reader(text);
    if reader.has('p') {
        let size = reader.whole()?;
        let stride = reader.after('s', size)?;
        return reader.end(LayerSpec::MaxPool { size, stride });
    }
    if reader.has('a') {
        let size = reader.whole()?;
        return reader.end(LayerSpec::AveragePool { size });
    }
    if reader.has('+') {
        let back = if reader.0.is_empty() { 1 } else { reader.whole()? };
        return reader.end(LayerSpec::Residual { back });
    }
    let neurons = reader.whole()?;
    if !reader.has('c') {
        let (batch_norm, dropout) = reader.regular()?;
        return Some(LayerSpec::Dense { width: neurons, batch_norm, dropout });
    }
    let height = reader.whole()?;
    let width = reader.after('x', height)?;
    let stride = reader.after('s', 1)?;
    let padding = reader.after('p', 0)?;
    let window = Window { height, width, stride, padding };
    let (batch_norm, dropout) = reader.regular()?;
    Some(LayerSpec::Convolution { channels: neurons, window, batch_norm, dropout })
}

fn head(text: &str) -> Option<HeadSpec> {
    let mut reader = Reader(text);
    let classes = reader.whole()?;
    let redundancy = reader.after('x', 1)?;
    let overlapping = reader.has('o');
    let batch_norm = reader.has('n');
    reader.end(HeadSpec { classes, redundancy, overlapping, batch_norm })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_layer() -> impl Strategy<Value = LayerSpec> {
        let regular = || (any::<bool>(), prop_oneof![Just(0.0f32), 0.01f32..0.99]);
        prop_oneof![
            (1usize..2000, regular()).prop_map(|(width, (batch_norm, dropout))| LayerSpec::Dense {
                width,
                batch_norm,
                dropout
            }),
            (1usize..200, 1usize..9, 1usize..9, 1usize..4, 0usize..4, regular()).prop_map(
                |(channels, height, width, stride, padding, (batch_norm, dropout))| {
                    let window = Window { height, width, stride, padding };
                    LayerSpec::Convolution { channels, window, batch_norm, dropout }
                }
            ),
            (1usize..5, 1usize..5).prop_map(|(size, stride)| LayerSpec::MaxPool { size, stride }),
            (2usize..5).prop_map(|size| LayerSpec::AveragePool { size }),
            (1usize..5).prop_map(|back| LayerSpec::Residual { back }),
        ]
    }

    proptest! {
        #[test]
        fn a_plan_reads_back_as_it_prints(
            sides in (1usize..99, 1usize..99, 1usize..5),
            hidden in proptest::collection::vec(any_layer(), 0..9),
            (classes, redundancy) in (2usize..200, 1usize..99),
            (overlapping, batch_norm) in any::<(bool, bool)>(),
        ) {
            let input = Volume { height: sides.0, width: sides.1, channels: sides.2 };
            let head = HeadSpec { classes, redundancy, overlapping, batch_norm };
            let spec = Spec { input, hidden, head };
            let line = spec.line();
            prop_assert_eq!(line.parse::<Spec>(), Ok(spec), "{}", line);
        }
    }

    #[test]
    fn what_is_no_plan_is_refused_with_its_part() {
        let error = |line: &str| line.parse::<Spec>().unwrap_err().to_string();
        assert_eq!(error("28x28-10x16"), format!("\"28x28\" in \"28x28-10x16\": {INPUT}"));
        assert_eq!(error("8x8x1-c3-10x16"), format!("\"c3\" in \"8x8x1-c3-10x16\": {LAYER}"));
        assert_eq!(error("64-32d1.5-10x16"), format!("\"32d1.5\" in \"64-32d1.5-10x16\": {LAYER}"));
        assert_eq!(error("64-32-c"), format!("\"c\" in \"64-32-c\": {HEAD}"));
        assert_eq!("64-32-100".parse::<Spec>().map(|spec| spec.line()), Ok("64-32-100x1".to_owned()));
        assert_eq!(error("64"), format!("\"64\" in \"64\": {INPUT}"));
    }
}
