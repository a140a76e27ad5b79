//! Rounding of thresholds to those that a chip's neurons can have.

use crate::backend::profile::format::{BiasFormat, ThresholdFormat};

impl ThresholdFormat {
    /// The threshold nearest to `ideal` that a neuron can have, both in units of the membrane.
    pub(crate) fn nearest(&self, ideal: i64) -> i64 {
        let largest = self.largest();
        match &self.bias {
            Some(bias) if ideal < 0 => -bias.nearest(-ideal.max(-bias.largest())),
            // The register rounds up, and the bias takes the excess away.
            Some(bias) if bias.mantissa() >= (1 << self.shift) - 1 => ideal.min(largest),
            _ => {
                let least = i64::from(self.least) << self.shift;
                nearest_multiple(ideal.clamp(least, largest), self.shift).min(largest)
            }
        }
    }

    /// The largest threshold that a neuron can have, in units of the membrane.
    pub(crate) fn largest(&self) -> i64 {
        ((1 << self.bits) - 1) << self.shift
    }
}

impl BiasFormat {
    fn mantissa(&self) -> i64 {
        (1 << (self.bits - 1)) - 1
    }

    fn largest(&self) -> i64 {
        self.mantissa() << self.max_exponent
    }

    /// The bias nearest to `ideal`, which must be 0 to `largest`.
    fn nearest(&self, ideal: i64) -> i64 {
        let fits = |exponent: &u8| ideal <= self.mantissa() << exponent;
        let exponent = (0..self.max_exponent).find(fits).unwrap_or(self.max_exponent);
        nearest_multiple(ideal, exponent)
    }
}

/// The multiple of `2^shift` nearest to `value`, which must be 0 or more; ties round up.
fn nearest_multiple(value: i64, shift: u8) -> i64 {
    (value + (1 << shift) / 2) >> shift << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOIHI: ThresholdFormat = ThresholdFormat {
        bits: 17,
        shift: 6,
        least: 0,
        bias: Some(BiasFormat { bits: 13, max_exponent: 7 }),
    };

    #[test]
    fn a_register_alone_rounds_to_its_steps_and_stays_in_its_range() {
        let register = ThresholdFormat { bits: 3, shift: 2, least: 0, bias: None };
        let nearest: Vec<i64> = [-9, 0, 1, 2, 5, 27, 28, 99].map(|ideal| register.nearest(ideal)).to_vec();
        assert_eq!(nearest, [0, 0, 0, 4, 4, 28, 28, 28]);
    }

    #[test]
    fn a_register_that_begins_at_one_lets_no_neuron_fire_at_rest() {
        let register = ThresholdFormat { bits: 7, shift: 0, least: 1, bias: None };
        let nearest: Vec<i64> = [-9, 0, 1, 2, 127, 128].map(|ideal| register.nearest(ideal)).to_vec();
        assert_eq!(nearest, [1, 1, 1, 2, 127, 127]);
    }

    #[test]
    fn a_bias_makes_every_threshold_exact_from_its_mantissa_to_the_largest_of_the_register() {
        let largest = ((1 << 17) - 1) << 6;
        for ideal in [-4095, -64, -1, 0, 1, 63, 64, 65, largest - 1, largest] {
            assert_eq!(LOIHI.nearest(ideal), ideal);
        }
        assert_eq!(LOIHI.nearest(largest + 1), largest);
    }

    #[test]
    fn a_bias_beyond_its_mantissa_rounds_to_its_exponent() {
        assert_eq!(LOIHI.nearest(-4097), -4098);
        assert_eq!(LOIHI.nearest(-4095 * 128), -4095 * 128);
        assert_eq!(LOIHI.nearest(-4096 * 128), -4095 * 128);
    }
}
