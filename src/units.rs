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
                write_with_prefix(f, self.0, $unit)
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

/// The error of a text that is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number above 0 with K, M, G or T, such as 8G")]
pub struct BytesError;

impl std::str::FromStr for Bytes {
    type Err = BytesError;

    /// Reads `8G`, `1.5G`, `512M`: letters stand for powers of 1024, a number without a letter for
    /// bytes.
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

/// The letters of durations with their seconds.
const DURATIONS: [(f64, char); 4] = [(86_400.0, 'd'), (3600.0, 'h'), (60.0, 'm'), (1.0, 's')];

/// The error of a text that is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number above 0 with s, m, h or d, such as 30m")]
pub struct SecondsError;

impl std::str::FromStr for Seconds {
    type Err = SecondsError;

    /// Reads `90s`, `30m`, `1.5h`, `2d`: a number without a letter stands for seconds.
    fn from_str(text: &str) -> Result<Self, SecondsError> {
        let with = |(factor, letter)| Some((factor, text.strip_suffix(letter)?));
        let (factor, number) = DURATIONS.into_iter().find_map(with).unwrap_or((1.0, text));
        let seconds = number.parse::<f64>().map_err(|_| SecondsError)? * factor;
        if (1e-3..1e10).contains(&seconds) { Ok(Self(seconds)) } else { Err(SecondsError) }
    }
}

/// SI prefixes with their factors, the largest first.
const PREFIXES: [(f64, &str); 6] =
    [(1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f")];

/// Writes three significant digits with the largest prefix for which the value is at least 1.
fn write_with_prefix(f: &mut fmt::Formatter<'_>, value: f64, unit: &str) -> fmt::Result {
    let size = value.abs();
    let (scale, prefix) = PREFIXES
        .into_iter()
        .find(|&(scale, _)| size >= scale * 0.9995)
        .unwrap_or(if size == 0.0 { PREFIXES[0] } else { PREFIXES[5] });
    let shown = value / scale;
    let decimals = match shown.abs() {
        x if x >= 99.95 => 0,
        x if x >= 9.995 => 1,
        _ => 2,
    };
    write!(f, "{shown:.decimals$} {prefix}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_shown_with_three_digits_and_a_prefix() {
        assert_eq!(Joules::from_pj(23.6).to_string(), "23.6 pJ");
        assert_eq!(Joules(7.5e-7).to_string(), "750 nJ");
        assert_eq!(Seconds(0.0).to_string(), "0.00 s");
        assert_eq!(Seconds(0.9996).to_string(), "1.00 s");
        assert_eq!(Seconds(83.25).to_string(), "83.2 s");
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
