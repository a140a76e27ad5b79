//! Missing constants: which figures a chip profile lacks numbers for.

use std::fmt;

use super::ChipProfile;

/// A figure that the backend models from the constants of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Figure {
    /// Energy of synapses, neurons and packets per inference.
    DynamicEnergy,
    /// Dynamic energy plus static energy per inference.
    Energy,
    /// Duration of one inference.
    Latency,
    /// Inferences per second.
    Throughput,
    /// Energy times latency.
    EnergyDelayProduct,
    /// Area of the cores in use and of the rest of their chips.
    Area,
}

/// Missing constants that keep a figure from being modelled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{figure} of {chip}: its profile has no {}; choose another figure or chip", keys.join(", "))]
pub struct Unmodelled {
    /// The figure that cannot be modelled.
    pub figure: Figure,
    /// The chip's name.
    pub chip: String,
    /// Paths of the constants that are null.
    pub keys: Vec<&'static str>,
}

impl Figure {
    /// Every figure.
    pub const ALL: [Self; 6] = [
        Self::DynamicEnergy,
        Self::Energy,
        Self::Latency,
        Self::Throughput,
        Self::EnergyDelayProduct,
        Self::Area,
    ];

    /// The figure's name in messages and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::DynamicEnergy => "dynamic energy",
            Self::Energy => "energy",
            Self::Latency => "latency",
            Self::Throughput => "throughput",
            Self::EnergyDelayProduct => "energy-delay product",
            Self::Area => "area",
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ChipProfile {
    /// Checks that the profile has the constants for `figure` of every network on one chip.
    ///
    /// A network on several chips also needs the constants of chip crossings: see
    /// [`models_on`](Self::models_on).
    ///
    /// ```
    /// use spiketune::backend::{ChipProfile, Figure};
    ///
    /// assert!(ChipProfile::builtin("loihi1")?.models(Figure::Energy).is_ok());
    /// let error = ChipProfile::builtin("dynapcnn")?.models(Figure::Area).unwrap_err().to_string();
    /// assert_eq!(
    ///     error,
    ///     "area of dynapcnn: its profile has no area.core, area.fixed; choose another figure or chip"
    /// );
    /// # Ok::<(), spiketune::backend::ProfileError>(())
    /// ```
    ///
    /// # Errors
    /// [`Unmodelled`] with the paths of the constants that are null.
    pub fn models(&self, figure: Figure) -> Result<(), Unmodelled> {
        self.models_on(figure, 1)
    }

    /// Checks that the profile has the constants for `figure` of a network on this number of chips.
    ///
    /// # Errors
    /// [`Unmodelled`] with the paths of the constants that are null.
    pub fn models_on(&self, figure: Figure, chips: u32) -> Result<(), Unmodelled> {
        let [dynamic, power, durations] = [
            self.null(&self.dynamic_energy(chips)),
            self.null(&self.power()),
            self.null(&self.durations(chips)),
        ];
        let keys = match figure {
            Figure::DynamicEnergy => dynamic,
            Figure::Energy | Figure::EnergyDelayProduct => [dynamic, power, durations].concat(),
            Figure::Latency | Figure::Throughput => durations,
            Figure::Area => {
                let area = &self.area;
                self.null(&[("area.core", area.core.is_some()), ("area.fixed", area.fixed.is_some())])
            }
        };
        match keys.is_empty() {
            true => Ok(()),
            false => Err(Unmodelled { figure, chip: self.name.clone(), keys }),
        }
    }

    /// The paths of the constants that are not given, out of pairs of a path and whether it is
    /// given.
    fn null(&self, numbers: &[(&'static str, bool)]) -> Vec<&'static str> {
        numbers.iter().filter(|&&(_, is_given)| !is_given).map(|&(key, _)| key).collect()
    }

    /// The paths of the constants that make up the duration of a step.
    pub(crate) fn step_constants(&self) -> Vec<&'static str> {
        match self.time.step {
            Some(_) => vec!["time.step"],
            None => self.durations(1).map(|(key, _)| key).into(),
        }
    }

    fn dynamic_energy(&self, chips: u32) -> [(&'static str, bool); 6] {
        let (energy, flat) = (&self.energy, self.topology.mesh.is_none());
        [
            ("energy.synaptic_operation", energy.synaptic_operation.is_some()),
            ("energy.neuron", energy.neuron.is_some()),
            ("energy.spike", energy.spike.is_some()),
            ("energy.hop_east_west", flat || energy.hop_east_west.is_some()),
            ("energy.hop_north_south", flat || energy.hop_north_south.is_some()),
            ("energy.chip_crossing", chips <= 1 || energy.chip_crossing.is_some()),
        ]
    }

    fn power(&self) -> [(&'static str, bool); 2] {
        [
            ("energy.static_per_core", self.energy.static_per_core.is_some()),
            ("energy.static_fixed", self.energy.static_fixed.is_some()),
        ]
    }

    /// The constants for the duration of a step; a chip with a fixed step needs no others.
    fn durations(&self, chips: u32) -> [(&'static str, bool); 7] {
        let (time, flat) = (&self.time, self.topology.mesh.is_none());
        let fixed = time.step.is_some();
        [
            ("time.synaptic_operation", fixed || time.synaptic_operation.is_some()),
            ("time.neuron", fixed || time.neuron.is_some()),
            ("time.spike", fixed || time.spike.is_some()),
            ("time.hop_east_west", fixed || flat || time.hop_east_west.is_some()),
            ("time.hop_north_south", fixed || flat || time.hop_north_south.is_some()),
            ("time.chip_crossing", fixed || chips <= 1 || time.chip_crossing.is_some()),
            ("time.barrier", fixed || time.barrier.is_some()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::backend::fixtures::{by_hand, chip};
    use crate::backend::{ChipReport, DeployOptions};

    /// The value of `figure` in `report`.
    fn value(report: &ChipReport, figure: Figure) -> Option<f64> {
        match figure {
            Figure::DynamicEnergy => report.energy_j.dynamic,
            Figure::Energy => report.energy_j.total,
            Figure::Latency => report.latency_s,
            Figure::Throughput => report.throughput_hz,
            Figure::EnergyDelayProduct => report.energy_delay_product_js,
            Figure::Area => report.area_mm2,
        }
    }

    #[test]
    fn a_report_has_a_figure_where_the_profile_models_it_and_names_what_is_missing_elsewhere() {
        for name in ChipProfile::builtin_names() {
            let deployment = chip(name).deploy(&by_hand(), &DeployOptions::default()).unwrap();
            let report = deployment.report(&deployment.run(array![[1, 0, 1]].view()).unwrap());
            for figure in Figure::ALL {
                let modelled = chip(name).profile().models(figure);
                assert_eq!(value(&report, figure).is_some(), modelled.is_ok(), "{figure} of {name}");
                let named = report.unmodelled.get(figure.name()).map_or(0, Vec::len);
                assert_eq!(
                    named,
                    modelled.err().map_or(0, |missing| missing.keys.len()),
                    "{figure} of {name}"
                );
            }
        }
    }

    #[test]
    fn a_network_on_several_chips_needs_what_lies_between_them() {
        let mut profile = ChipProfile::builtin("loihi1").unwrap();
        (profile.energy.chip_crossing, profile.time.chip_crossing) = (None, None);
        let keys = |profile: &ChipProfile, figure, chips| {
            profile.models_on(figure, chips).err().map_or(Vec::new(), |missing| missing.keys)
        };
        assert!(Figure::ALL.into_iter().all(|figure| profile.models_on(figure, 1).is_ok()));
        assert_eq!(keys(&profile, Figure::DynamicEnergy, 2), ["energy.chip_crossing"]);
        assert_eq!(keys(&profile, Figure::Energy, 8), ["energy.chip_crossing", "time.chip_crossing"]);
        assert_eq!(keys(&profile, Figure::Throughput, 2), ["time.chip_crossing"]);
        assert_eq!(keys(&profile, Figure::Area, 2), [""; 0]);
        profile.time.step = ChipProfile::builtin("truenorth").unwrap().time.step;
        assert!(profile.time.step.is_some(), "a step takes a fixed time there");
        assert_eq!(keys(&profile, Figure::Latency, 2), [""; 0]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let keys = |name: &str, figure| {
            ChipProfile::builtin(name)
                .unwrap()
                .models(figure)
                .err()
                .map_or(Vec::new(), |missing| missing.keys)
        };
        assert_eq!(keys("loihi1-sanafe", Figure::DynamicEnergy), [""; 0]);
        assert_eq!(keys("loihi1-sanafe", Figure::Energy), ["energy.static_per_core", "energy.static_fixed"]);
        assert_eq!(keys("loihi2", Figure::Latency).len(), 4);
        assert_eq!(keys("spinnaker1", Figure::EnergyDelayProduct), [""; 0]);
    }
}
