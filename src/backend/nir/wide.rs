//! Floating-point numbers with a wider exponent than `f64`, so that products neither vanish nor
//! overflow.

/// `fraction` times 2 to the power of `exponent`; the fraction is 0 or from 0.5 to below 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Wide {
    fraction: f64,
    /// 0 if the fraction is 0.
    exponent: i32,
}

impl Wide {
    /// One.
    pub const ONE: Self = Self { fraction: 0.5, exponent: 1 };

    /// A finite number.
    pub fn new(value: f64) -> Self {
        if value == 0.0 {
            return Self { fraction: 0.0, exponent: 0 };
        }
        // Subnormal numbers have no exponent of their own.
        let (value, shift) =
            if value.abs() < f64::MIN_POSITIVE { (value * 2f64.powi(64), 64) } else { (value, 0) };
        let exponent = ((value.to_bits() >> 52) & 0x7ff) as i32 - 1022;
        let fraction = f64::from_bits(value.to_bits() & !(0x7ff << 52) | 1022 << 52);
        Self { fraction, exponent: exponent - shift }
    }

    /// The exponent; `None` for 0.
    pub fn exponent(self) -> Option<i32> {
        (self.fraction != 0.0).then_some(self.exponent)
    }

    /// The product, rounded as that of two `f64`.
    pub fn times(self, other: Self) -> Self {
        Self::new(self.fraction * other.fraction).shifted(self.exponent + other.exponent)
    }

    /// The difference, rounded as that of two `f64`.
    pub fn minus(self, other: Self) -> Self {
        let Some(top) = self.exponent().max(other.exponent()) else { return self };
        Self::new(self.shifted(-top).value() - other.shifted(-top).value()).shifted(top)
    }

    /// The number times 2 to the power of `by`.
    pub fn shifted(self, by: i32) -> Self {
        let exponent = if self.fraction == 0.0 { 0 } else { self.exponent.saturating_add(by) };
        Self { exponent, ..self }
    }

    /// The nearest `f64`: infinite beyond the largest one, 0 only if the number is 0.
    pub fn value(self) -> f64 {
        let exponent = self.exponent.clamp(-2200, 2200);
        // Three steps, since 2^2200 is no `f64`.
        let (part, rest) = (exponent / 3, exponent - 2 * (exponent / 3));
        let value = self.fraction * 2f64.powi(rest) * 2f64.powi(part) * 2f64.powi(part);
        match value == 0.0 && self.fraction != 0.0 {
            true => f64::from_bits(1).copysign(self.fraction),
            false => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_at_the_ends_of_the_range_are_exact() {
        for value in [0.0, 1.0, -3.5, f64::MAX, f64::MIN_POSITIVE, f64::from_bits(1), -f64::from_bits(12345)]
        {
            assert_eq!(Wide::new(value).value(), value);
        }
        assert_eq!(Wide::ONE, Wide::new(1.0));
    }

    #[test]
    fn products_beyond_the_range_come_back() {
        let (small, large) = (Wide::new(3e-300), Wide::new(5e300));
        assert_eq!(small.times(small).times(large).times(large).value().round(), 225.0);
        assert_eq!(large.times(large).value(), f64::INFINITY);
        assert_eq!(small.times(small).value(), f64::from_bits(1), "a trace is left");
        assert_eq!(Wide::new(-3e-300).times(small).value(), -f64::from_bits(1));
        assert_eq!(small.times(Wide::new(0.0)).value(), 0.0);
        assert_eq!(large.times(large).minus(large.times(large)).value(), 0.0);
    }

    proptest! {
        #[test]
        fn within_the_range_results_are_those_of_floats(
            a in -1e60f64..1e60, b in -1e60f64..1e60, scale in -150i32..150,
        ) {
            let b = b * 2f64.powi(scale);
            let (wide, other) = (Wide::new(a), Wide::new(b));
            prop_assert_eq!(wide.times(other).value(), a * b);
            prop_assert_eq!(wide.minus(other).value(), a - b);
        }
    }
}
