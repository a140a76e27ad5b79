//! The list of all constants in a profile: its physical quantities with their paths.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ChipProfile;
use super::constants::{NeuronCost, OperationCost};
use super::quantity::{Basis, Quantity, Unit};

/// One physical quantity of a profile and its path there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Constant {
    /// Path of the key in the profile, such as `energy.spike`.
    pub name: String,
    /// The number, in `unit`.
    pub value: f64,
    /// Symbol of the unit.
    pub unit: String,
    /// How the number was obtained.
    pub basis: Basis,
    /// Where it was published: in a profile the key of a source, in a report the full citation.
    pub source: String,
}

/// A section of a profile that holds constants.
trait ListsConstants {
    /// Adds the section's constants to `found`, with paths that begin with `name`.
    fn list(&self, name: &str, found: &mut Vec<Constant>);
}

impl<U: Unit> ListsConstants for Quantity<U> {
    fn list(&self, name: &str, found: &mut Vec<Constant>) {
        found.push(Constant {
            name: name.to_owned(),
            value: self.value,
            unit: self.unit.symbol().to_owned(),
            basis: self.basis,
            source: self.source.clone(),
        });
    }
}

impl<T: ListsConstants> ListsConstants for Option<T> {
    fn list(&self, name: &str, found: &mut Vec<Constant>) {
        self.iter().for_each(|constant| constant.list(name, found));
    }
}

impl<T: ListsConstants> ListsConstants for OperationCost<T> {
    fn list(&self, name: &str, found: &mut Vec<Constant>) {
        match self {
            Self::Any(cost) => cost.list(&format!("{name}.any"), found),
            Self::ByConnection { dense, sparse, convolution } => {
                let parts = [("dense", dense), ("sparse", sparse), ("convolution", convolution)];
                for (part, cost) in parts {
                    cost.list(&format!("{name}.by-connection.{part}"), found);
                }
            }
        }
    }
}

impl<T: ListsConstants> ListsConstants for NeuronCost<T> {
    fn list(&self, name: &str, found: &mut Vec<Constant>) {
        match self {
            Self::PerStep(cost) => cost.list(&format!("{name}.per-step"), found),
            Self::ByCore { active, inactive } => {
                active.list(&format!("{name}.by-core.active"), found);
                inactive.list(&format!("{name}.by-core.inactive"), found);
            }
            Self::ByEvent { access, update, fire } => {
                access.list(&format!("{name}.by-event.access"), found);
                update.list(&format!("{name}.by-event.update"), found);
                fire.list(&format!("{name}.by-event.fire"), found);
            }
        }
    }
}

impl ChipProfile {
    /// Every constant of the profile that is not null, in the order of the file.
    pub fn constants(&self) -> Vec<Constant> {
        let (energy, time, area) = (&self.energy, &self.time, &self.area);
        let parts: [(&str, &dyn ListsConstants); 17] = [
            ("energy.synaptic_operation", &energy.synaptic_operation),
            ("energy.neuron", &energy.neuron),
            ("energy.spike", &energy.spike),
            ("energy.hop_east_west", &energy.hop_east_west),
            ("energy.hop_north_south", &energy.hop_north_south),
            ("energy.chip_crossing", &energy.chip_crossing),
            ("energy.static_per_core", &energy.static_per_core),
            ("energy.static_fixed", &energy.static_fixed),
            ("energy.clock.frequency", &energy.clock.as_ref().map(|clock| clock.frequency.clone())),
            ("energy.clock.slope", &energy.clock.as_ref().map(|clock| clock.slope.clone())),
            ("time.step", &time.step),
            ("time.synaptic_operation", &time.synaptic_operation),
            ("time.neuron", &time.neuron),
            ("time.spike", &time.spike),
            ("time.hop_east_west", &time.hop_east_west),
            ("time.hop_north_south", &time.hop_north_south),
            ("time.chip_crossing", &time.chip_crossing),
        ];
        let mut found = Vec::new();
        for (name, part) in parts {
            part.list(name, &mut found);
        }
        for (index, entry) in time.barrier.iter().flatten().enumerate() {
            entry.duration.list(&format!("time.barrier[{index}].duration"), &mut found);
        }
        area.core.list("area.core", &mut found);
        area.fixed.list("area.fixed", &mut found);
        found
    }
}
