//! Physical quantities: a type for each unit, and its text for people.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Defines a quantity that is stored as `f64` in its SI unit and shown with an SI prefix.
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $unit:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub f64);

        impl std::ops::Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl std::ops::AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }

        impl std::ops::Mul<f64> for $name {
            type Output = Self;
            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }

        impl std::ops::Div<f64> for $name {
            type Output = Self;
            fn div(self, divisor: f64) -> Self {
                Self(self.0 / divisor)
            }
        }

        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
                Self(parts.map(|part| part.0).sum())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&with_prefix(self.0, $unit))
            }
        }
    };
}

quantity! {
    /// A duration in seconds.
    Seconds, "s"
}
quantity! {
    /// An energy in joules.
    Joules, "J"
}
quantity! {
    /// A power in watts.
    Watts, "W"
}

/// A size in memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// Powers of 1024 with their letters, the largest first.
const BYTE_PREFIXES: [(u64, char); 4] = [(1 << 40, 'T'), (1 << 30, 'G'), (1 << 20, 'M'), (1 << 10, 'K')];

/// The error of a text that is no size in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number above 0 with K, M, G or T, such as 8G")]
pub struct BytesError;

impl std::str::FromStr for Bytes {
    type Err = BytesError;

    /// Reads a size such as `8G`, `1.5G` or `512M`. The letters K, M, G and T stand for powers of
    /// 1024; without a letter it is in bytes.
    fn from_str(text: &str) -> Result<Self, BytesError> {
        let with = |(factor, letter)| Some((factor, text.strip_suffix(letter)?));
        let (factor, number) = BYTE_PREFIXES.into_iter().find_map(with).unwrap_or((1, text));
        let bytes = number.parse::<f64>().map_err(|_| BytesError)? * factor as f64;
        if (1.0..9e18).contains(&bytes) { Ok(Self(bytes as u64)) } else { Err(BytesError) }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match BYTE_PREFIXES.into_iter().find(|&(factor, _)| self.0 >= factor) {
            Some((factor, letter)) => write!(f, "{:.2} {letter}iB", self.0 as f64 / factor as f64),
            None => write!(f, "{} B", self.0),
        }
    }
}

impl Joules {
    /// The energy of `pj` picojoules, the unit of energies per operation in papers on chips.
    pub fn from_pj(pj: f64) -> Self {
        Self(pj * 1e-12)
    }
}

impl Seconds {
    /// The duration of `ns` nanoseconds.
    pub fn from_ns(ns: f64) -> Self {
        Self(ns * 1e-9)
    }
}

/// The letters of units of time, each with its length in seconds.
const DURATIONS: [(f64, char); 4] = [(86_400.0, 'd'), (3600.0, 'h'), (60.0, 'm'), (1.0, 's')];

/// The error of a text that is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number above 0 with s, m, h or d, such as 30m")]
pub struct SecondsError;

impl std::str::FromStr for Seconds {
    type Err = SecondsError;

    /// Reads a duration such as `90s`, `30m`, `1.5h` or `2d`; without a letter it is in seconds.
    fn from_str(text: &str) -> Result<Self, SecondsError> {
        let with = |(factor, letter)| Some((factor, text.strip_suffix(letter)?));
        let (factor, number) = DURATIONS.into_iter().find_map(with).unwrap_or((1.0, text));
        let seconds = number.parse::<f64>().map_err(|_| SecondsError)? * factor;
        if (1e-3..1e10).contains(&seconds) { Ok(Self(seconds)) } else { Err(SecondsError) }
    }
}

/// SI prefixes of the powers of 1000, from 1000^-8 on.
const PREFIXES: [&str; 12] = ["y", "z", "a", "f", "p", "n", "u", "m", "", "k", "M", "G"];
/// The position in [`PREFIXES`] of the empty prefix, for 1000^0.
const NO_PREFIX: i32 = 8;
/// Number of significant digits that people are shown.
const DIGITS: i32 = 4;
/// The powers of ten at which numbers without a unit are written out; all others are written as in
/// `1.235e-9`.
const PLAIN_POWERS: std::ops::Range<i32> = -4..6;

/// `value` with four significant digits, so that a value other than zero never looks like zero:
/// `0.9733`, `0.01234`, `26410`, `1.235e-9`.
pub fn digits(value: f64) -> String {
    match power_of_ten(value) {
        None => value.to_string(),
        Some(power) if PLAIN_POWERS.contains(&power) => with_decimals(value, power),
        Some(_) => format!("{value:.3e}"),
    }
}

/// `value` in `unit`, with four significant digits and an SI prefix, such as `1.235 nJ`. From one
/// second on, seconds have no prefix.
pub fn with_prefix(value: f64, unit: &str) -> String {
    let Some(power) = power_of_ten(value) else { return format!("{value} {unit}") };
    let most = if unit == "s" { 0 } else { PREFIXES.len() as i32 - 1 - NO_PREFIX };
    let thousands = power.div_euclid(3).min(most);
    match usize::try_from(thousands + NO_PREFIX).ok().and_then(|at| PREFIXES.get(at)) {
        Some(prefix) if power - 3 * thousands < PLAIN_POWERS.end => {
            let scale = 1000_f64.powi(thousands.abs());
            let scaled = if thousands < 0 { value * scale } else { value / scale };
            format!("{} {prefix}{unit}", with_decimals(scaled, power - 3 * thousands))
        }
        _ => format!("{value:.3e} {unit}"),
    }
}

/// The power of ten of the first digit of `value`, rounded as it is shown; `None` for a value
/// without such a digit, such as 0.
fn power_of_ten(value: f64) -> Option<i32> {
    let text = format!("{value:.3e}");
    let (_, power) = text.split_once('e')?;
    power.parse().ok().filter(|_| value != 0.0)
}

/// `value` with as many decimals as four significant digits need. Its first digit stands for this
/// `power` of ten.
fn with_decimals(value: f64, power: i32) -> String {
    let decimals = usize::try_from(DIGITS - 1 - power).unwrap_or(0);
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_shown_with_four_digits_and_a_prefix() {
        assert_eq!(Joules::from_pj(23.6).to_string(), "23.60 pJ");
        assert_eq!(Joules(7.5e-7).to_string(), "750.0 nJ");
        assert_eq!(Joules(-1.5e-17).to_string(), "-15.00 aJ");
        assert_eq!(Joules(1.5e-40).to_string(), "1.500e-40 J");
        assert_eq!(Watts(12_345.0).to_string(), "12.35 kW");
        assert_eq!(Watts(1.5e16).to_string(), "1.500e16 W");
        assert_eq!(Seconds(0.0).to_string(), "0 s");
        assert_eq!(Seconds(0.999_96).to_string(), "1.000 s");
        assert_eq!(Seconds(9.999_6e-4).to_string(), "1.000 ms");
        assert_eq!(Seconds(83.25).to_string(), "83.25 s");
        assert_eq!(Seconds(83_250.0).to_string(), "83250 s");
        assert_eq!(Seconds(f64::INFINITY).to_string(), "inf s");
    }

    #[test]
    fn a_number_other_than_zero_never_looks_like_zero() {
        let shown = [0.0, 1.0, 0.973_333, 0.012_345, 26_410.25, 1.234_56e-9, -3e-5, 1e6, 999_960.0];
        let expected =
            ["0", "1.000", "0.9733", "0.01235", "26410", "1.235e-9", "-3.000e-5", "1.000e6", "1.000e6"];
        assert_eq!(shown.map(digits), expected);
        assert_eq!([f64::NAN, f64::INFINITY].map(digits), ["NaN", "inf"]);
        for power in -320..308 {
            let text = digits(10_f64.powi(power).max(f64::from_bits(1)));
            assert!(text.contains('1') || text.contains('9') || power < -307, "1e{power}: {text}");
        }
    }

    #[test]
    fn durations_are_read_with_a_letter_or_in_seconds() {
        let seconds = |text: &str| text.parse::<Seconds>().map(|Seconds(seconds)| seconds);
        assert_eq!(seconds("90"), Ok(90.0));
        assert_eq!(seconds("0.5s"), Ok(0.5));
        assert_eq!(seconds("1.5h"), Ok(5400.0));
        assert_eq!(seconds("2d"), Ok(172_800.0));
        for wrong in ["", "m", "-1m", "0", "1w", "NaN", "infs"] {
            assert_eq!(seconds(wrong), Err(SecondsError), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_read_and_shown_in_powers_of_1024() {
        let size = |text: &str| text.parse::<Bytes>();
        assert_eq!(size("8G"), Ok(Bytes(8 << 30)));
        assert_eq!(size("1.5K"), Ok(Bytes(1536)));
        assert_eq!(size("700"), Ok(Bytes(700)));
        for wrong in ["", "G", "-1G", "0", "8GG", "8X", "NaN", "infT"] {
            assert_eq!(size(wrong), Err(BytesError), "{wrong}");
        }
        assert_eq!(Bytes(8 << 30).to_string(), "8.00 GiB");
        assert_eq!(Bytes(1536).to_string(), "1.50 KiB");
        assert_eq!(Bytes(5).to_string(), "5 B");
    }
}
