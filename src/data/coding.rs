//! Input coding: how input values enter the network and the chip, as numbers or as spikes.

use ndarray::{Array2, ArrayView2};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Samples;

/// How an input value is coded. The value is x = v / levels, in [0, 1]. v is its whole number
/// (level) in the data set, and `levels` the largest level.
///
/// ```
/// use ndarray::array;
/// use spiketune::data::{InputCoding, Samples};
///
/// let samples = Samples { inputs: array![[0, 200]], labels: vec![0] };
/// let coded = InputCoding::Thermometer { levels: 2 }.encode(&samples, [1, 1, 2], 255);
/// assert_eq!(coded.inputs, array![[0, 0, 1, 1]]);
/// assert_eq!(coded.shape, [1, 1, 4]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", tag = "kind", deny_unknown_fields)]
pub enum InputCoding {
    /// One channel per input, which carries the level v itself. Only for chips that take graded
    /// spikes (spikes that carry a number).
    Graded,
    /// One channel per input, which sends a spike where x > `at`.
    Threshold {
        /// The threshold, in [0, 1). A higher one gives fewer input spikes.
        at: f32,
    },
    /// L channels per input: channel l, from 0 to L - 1, sends a spike where x > (l + 0.5) / L.
    ///
    /// The channels of an input lie side by side, the lowest threshold first: channel l of input i
    /// is column i L + l. So an image of H x W x C becomes one of H x W x (C L).
    Thermometer {
        /// L, at least 1. There are L times as many input neurons as inputs.
        levels: u8,
    },
}

/// The error of a text that is not a coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be graded, threshold:X with X from 0 to below 1, or thermometer:L with L from 1 to 255")]
pub struct CodingError;

impl std::str::FromStr for InputCoding {
    type Err = CodingError;

    /// Reads `graded`, `threshold:0.5` or `thermometer:4`.
    fn from_str(text: &str) -> Result<Self, CodingError> {
        let (kind, number) = text.split_once(':').unwrap_or((text, ""));
        let coding = match kind {
            "graded" if number.is_empty() => Some(Self::Graded),
            "threshold" => {
                let at = number.parse().ok().filter(|at| (0.0..1.0).contains(at));
                at.map(|at| Self::Threshold { at })
            }
            "thermometer" => {
                let levels = number.parse().ok().filter(|&levels| levels > 0);
                levels.map(|levels| Self::Thermometer { levels })
            }
            _ => None,
        };
        coding.ok_or(CodingError)
    }
}

impl std::fmt::Display for InputCoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Graded => f.write_str("graded"),
            Self::Threshold { at } => write!(f, "threshold:{at}"),
            Self::Thermometer { levels } => write!(f, "thermometer:{levels}"),
        }
    }
}

/// Coded samples, as the network and the chip receive them.
///
/// Array axes: N samples, I' coded inputs (their number is [`InputCoding::width`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Coded {
    /// The coded inputs, (N, I'), each 0 to `max`.
    pub inputs: Array2<u8>,
    /// Height, width and channels of a sample; `[1, 1, I']` for a table. Channel c of the pixel in
    /// row y and column x is column (y width + x) channels + c of `inputs`.
    pub shape: [usize; 3],
    /// The coded input that stands for 1.0.
    pub max: u8,
    /// The classes of the samples, (N).
    pub labels: Vec<u16>,
}

impl InputCoding {
    /// The number of coded inputs that `inputs` inputs become. With the number of channels of a
    /// pixel, the result is the number of coded channels.
    pub fn width(self, inputs: usize) -> usize {
        inputs * self.channels()
    }

    /// Codes `samples`, whose images have the shape (height, width, channels). `levels` is the
    /// input that stands for 1.0.
    pub fn encode(self, samples: &Samples, shape: [usize; 3], levels: u8) -> Coded {
        let labels = samples.labels.clone();
        let [height, width, channels] = shape;
        let shape = [height, width, self.width(channels)];
        match self {
            Self::Graded => Coded { inputs: samples.inputs.clone(), shape, max: levels, labels },
            _ => Coded { inputs: self.binary(samples.inputs.view(), levels), shape, max: 1, labels },
        }
    }

    /// The largest coded input, where an input of `levels` stands for 1.0.
    pub fn max(self, levels: u8) -> u8 {
        match self {
            Self::Graded => levels,
            Self::Threshold { .. } | Self::Thermometer { .. } => 1,
        }
    }

    /// (N, I'): the coded inputs of samples, (N, I), whose input `levels` stands for 1.0.
    pub fn code(self, inputs: ArrayView2<'_, u8>, levels: u8) -> Array2<u8> {
        match self {
            Self::Graded => inputs.to_owned(),
            _ => self.binary(inputs, levels),
        }
    }

    fn channels(self) -> usize {
        match self {
            Self::Graded | Self::Threshold { .. } => 1,
            Self::Thermometer { levels } => usize::from(levels),
        }
    }

    fn binary(self, inputs: ArrayView2<'_, u8>, levels: u8) -> Array2<u8> {
        let lowest: Vec<u16> = self.thresholds().into_iter().map(|at| lowest_above(at, levels)).collect();
        let width = self.width(inputs.ncols());
        let mut coded = Vec::with_capacity(inputs.nrows() * width);
        for row in inputs.rows() {
            let row = row.as_standard_layout();
            let values = row.as_slice().expect("a row in standard layout lies in one piece");
            match lowest[..] {
                [low] => coded.extend(values.iter().map(|&value| u8::from(u16::from(value) >= low))),
                _ => coded.extend(
                    values
                        .iter()
                        .flat_map(|&value| lowest.iter().map(move |&low| u8::from(u16::from(value) >= low))),
                ),
            }
        }
        Array2::from_shape_vec((inputs.nrows(), width), coded).expect("a channel per input and threshold")
    }

    fn thresholds(self) -> Vec<f64> {
        match self {
            Self::Graded => Vec::new(),
            Self::Threshold { at } => vec![f64::from(at)],
            Self::Thermometer { levels: count } => {
                (0..count).map(|level| (f64::from(level) + 0.5) / f64::from(count)).collect()
            }
        }
    }
}

/// The lowest whole number v from 0 to 255 with v / levels > `at`; 256 if there is none.
fn lowest_above(at: f64, levels: u8) -> u16 {
    (0..=255).find(|&value| f64::from(value) / f64::from(levels) > at).unwrap_or(256)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;

    fn samples() -> Samples {
        Samples { inputs: array![[0, 4, 8], [9, 12, 16]], labels: vec![0, 1] }
    }

    #[test]
    fn graded_keeps_everything() {
        let coded = InputCoding::Graded.encode(&samples(), [1, 3, 1], 16);
        assert_eq!(coded, Coded { inputs: samples().inputs, shape: [1, 3, 1], max: 16, labels: vec![0, 1] });
    }

    #[test]
    fn a_threshold_is_strict() {
        let coded = InputCoding::Threshold { at: 0.5 }.encode(&samples(), [1, 3, 1], 16);
        assert_eq!(coded.inputs, array![[0, 0, 0], [1, 1, 1]]);
        assert_eq!(coded.max, 1);
        let none = InputCoding::Threshold { at: 1.0 }.encode(&samples(), [1, 3, 1], 16);
        assert!(none.inputs.iter().all(|&input| input == 0));
    }

    #[test]
    fn a_thermometer_rises_within_each_input() {
        // Thresholds of L = 2 at 16 levels: 4 and 12, strictly.
        let coded = InputCoding::Thermometer { levels: 2 }.encode(&samples(), [1, 3, 1], 16);
        assert_eq!(coded.inputs, array![[0, 0, 0, 0, 1, 0], [1, 0, 1, 0, 1, 1]]);
        assert_eq!(coded.shape, [1, 3, 2]);
    }

    #[test]
    fn codings_are_written_as_json_objects() {
        let json = serde_json::to_string(&InputCoding::Thermometer { levels: 3 }).unwrap();
        assert_eq!(json, r#"{"kind":"thermometer","levels":3}"#);
        assert_eq!(serde_json::from_str::<InputCoding>(r#"{"kind":"graded"}"#).unwrap(), InputCoding::Graded);
    }

    #[test]
    fn codings_are_read_as_they_are_shown() {
        let codings = [
            InputCoding::Graded,
            InputCoding::Threshold { at: 0.25 },
            InputCoding::Thermometer { levels: 4 },
        ];
        for coding in codings {
            assert_eq!(coding.to_string().parse(), Ok(coding));
        }
        for wrong in ["", "grey", "graded:1", "threshold", "threshold:1", "threshold:NaN", "thermometer:0"] {
            assert_eq!(wrong.parse::<InputCoding>(), Err(CodingError), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn the_height_of_a_thermometer_is_the_rounded_value(value: u8, count in 1u8..40) {
            let samples = Samples { inputs: array![[value]], labels: vec![0] };
            let coded = InputCoding::Thermometer { levels: count }.encode(&samples, [1, 1, 1], 255);
            prop_assert_eq!(coded.inputs.ncols(), usize::from(count));
            let height: u32 = coded.inputs.iter().map(|&fires| u32::from(fires)).sum();
            // Halves round down, because the comparison is strict.
            let scaled = u32::from(value) * u32::from(count) * 2;
            prop_assert_eq!(height, (scaled + 254) / 510);
        }
    }
}
