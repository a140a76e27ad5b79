//! Physical quantities: numbers with their unit, their basis and their source.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Joules, Seconds, Watts};

/// A physical quantity of a chip profile.
///
/// ```
/// use spiketune::backend::{Basis, EnergyUnit, Quantity};
///
/// let text = r#"{"value": 23.6, "unit": "pJ", "basis": "pre-silicon", "source": "davies2018"}"#;
/// let number: Quantity<EnergyUnit> = serde_json::from_str(text)?;
/// assert_eq!((number.in_si(), number.basis), (23.6 * 1e-12, Basis::PreSilicon));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quantity<U> {
    /// Zero or more, in `unit`.
    pub value: f64,
    /// The unit of `value`.
    pub unit: U,
    /// How the number was obtained.
    pub basis: Basis,
    /// A key of the profile's `sources`.
    pub source: String,
}

/// How a physical quantity was obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Measured on the manufactured chip.
    Silicon,
    /// Simulated from the circuit before manufacture.
    PreSilicon,
    /// Computed from other published numbers.
    Derived,
    /// Fitted to make a model agree with measurements.
    Calibrated,
}

/// A unit of one physical dimension.
pub trait Unit: Copy {
    /// One of this unit in the SI unit of its dimension.
    fn in_si(self) -> f64;

    /// The unit's symbol, as JSON has it.
    fn symbol(self) -> &'static str;
}

/// Defines the units of a dimension with their symbols in JSON and their SI values.
macro_rules! units {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $spelling:literal, $si:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $spelling)] $variant,)*
        }

        impl Unit for $name {
            fn in_si(self) -> f64 {
                match self {
                    $(Self::$variant => $si,)*
                }
            }

            fn symbol(self) -> &'static str {
                match self {
                    $(Self::$variant => $spelling,)*
                }
            }
        }
    };
}

units! {
    /// Units of energy.
    EnergyUnit {
        /// 1e-15 J
        Femtojoule = "fJ", 1e-15;
        /// 1e-12 J
        Picojoule = "pJ", 1e-12;
        /// 1e-9 J
        Nanojoule = "nJ", 1e-9;
    }
}

units! {
    /// Units of time.
    TimeUnit {
        /// 1e-9 s
        Nanosecond = "ns", 1e-9;
        /// 1e-6 s
        Microsecond = "us", 1e-6;
        /// 1e-3 s
        Millisecond = "ms", 1e-3;
    }
}

units! {
    /// Units of power.
    PowerUnit {
        /// 1e-6 W
        Microwatt = "uW", 1e-6;
        /// 1e-3 W
        Milliwatt = "mW", 1e-3;
        /// 1 W
        Watt = "W", 1.0;
    }
}

units! {
    /// Units of frequency.
    FrequencyUnit {
        /// 1e3 Hz
        Kilohertz = "kHz", 1e3;
        /// 1e6 Hz
        Megahertz = "MHz", 1e6;
    }
}

units! {
    /// Units of power per frequency.
    ClockPowerUnit {
        /// 1e-12 W/Hz
        MicrowattPerMegahertz = "uW/MHz", 1e-12;
    }
}

units! {
    /// Units of area.
    AreaUnit {
        /// 1e-12 m^2
        SquareMicrometre = "um2", 1e-12;
        /// 1e-6 m^2
        SquareMillimetre = "mm2", 1e-6;
    }
}

impl<U: Unit> Quantity<U> {
    /// The number in the SI unit of its dimension.
    pub fn in_si(&self) -> f64 {
        self.value * self.unit.in_si()
    }
}

impl Quantity<EnergyUnit> {
    /// The quantity in joules.
    pub fn energy(&self) -> Joules {
        Joules(self.in_si())
    }
}

impl Quantity<TimeUnit> {
    /// The quantity in seconds.
    pub fn time(&self) -> Seconds {
        Seconds(self.in_si())
    }
}

impl Quantity<PowerUnit> {
    /// The quantity in watts.
    pub fn power(&self) -> Watts {
        Watts(self.in_si())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_in_its_unit() {
        let text = r#"{"value": 23.6, "unit": "pJ", "basis": "pre-silicon", "source": "davies2018"}"#;
        let number: Quantity<EnergyUnit> = serde_json::from_str(text).unwrap();
        assert!((number.energy().0 - 2.36e-11).abs() < 1e-26);
        assert_eq!(number.basis, Basis::PreSilicon);
    }

    #[test]
    fn an_energy_in_seconds_is_refused() {
        let text = r#"{"value": 23.6, "unit": "ns", "basis": "silicon", "source": "x"}"#;
        let error = serde_json::from_str::<Quantity<EnergyUnit>>(text).unwrap_err().to_string();
        assert!(error.starts_with("unknown variant `ns`, expected one of `fJ`, `pJ`, `nJ`"), "{error}");
    }
}
