//! The rules for a chip profile that its JSON Schema cannot express.

use super::constants::NeuronCost;
use super::format::{InputSpikes, NeuronFormat, WeightFormat};
use super::{
    ChipProfile, ConvolutionCores, CoreLimits, OperationCounting, Placement, StepCounting, SynapseMemory,
    Topology,
};
use crate::input::suggestion;

/// A rule that a profile breaks.
#[derive(Debug)]
pub(crate) struct BrokenRule {
    /// Path of the key in the file.
    pub path: String,
    /// The value and the rule that it breaks.
    pub problem: String,
}

type Checked = Result<(), BrokenRule>;

/// Most neurons of a core, and most tiles in a row or column of a chip: larger numbers of packets and
/// operations could not be counted.
const MOST_NEURONS: u32 = 1 << 24;
const WIDEST: u32 = u16::MAX as u32;

/// Returns a [`BrokenRule`] with the value and the rule unless `holds`.
fn rule(holds: bool, path: &str, value: impl std::fmt::Display, rule: &str) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(BrokenRule { path: path.to_owned(), problem: format!("{value}: {rule}") })
    }
}

fn positive(path: &str, limit: Option<u32>) -> Checked {
    rule(limit != Some(0), path, 0, "must be 1 or more, or null for no limit")
}

impl ChipProfile {
    pub(crate) fn check(&self) -> Checked {
        rule(self.schema == 1, "schema", self.schema, "this program reads version 1")?;
        rule(!self.name.trim().is_empty(), "name", "\"\"", "must not be empty")?;
        self.topology.check()?;
        self.core.check()?;
        self.weights.check()?;
        self.neuron.check()?;
        self.check_together()?;
        self.check_constants()
    }

    /// Whether energy or time of neurons depends on what each single neuron does.
    pub(crate) fn has_event_costs(&self) -> bool {
        matches!(self.energy.neuron, Some(NeuronCost::ByEvent { .. }))
            || matches!(self.time.neuron, Some(NeuronCost::ByEvent { .. }))
    }

    /// Checks the rules between keys of different sections.
    fn check_together(&self) -> Checked {
        if let (WeightFormat::Integer { shift: [least, _], .. }, Some(threshold)) =
            (&self.weights, &self.neuron.threshold)
        {
            let has_threshold = threshold.largest() >> least > 0;
            let rule_text = "must leave a threshold above 0: neuron.threshold has too few bits for it";
            rule(has_threshold, "weights.integer.shift", format!("at least {least}"), rule_text)?;
        }
        let needs_row = self.counting.synaptic_operations == OperationCounting::CrossbarRow;
        let row = self.core.neurons.is_some();
        rule(
            !needs_row || row,
            "core.neurons",
            "null",
            "must be given for crossbar-row counting, which counts whole rows",
        )?;
        // A kept potential is counted for inputs of 0 and 1 only: levels are known only in the
        // simulation.
        let graded = self.has_event_costs() && self.input == InputSpikes::Graded;
        rule(!graded, "input", "\"graded\"", "must be binary if the cost of neurons is by-event")?;
        self.check_cores()?;
        let exact = self.weights == WeightFormat::Exact;
        let memory = self.core.synapse_memory.is_some();
        rule(!(exact && memory), "core.synapse_memory", "given", "must be null where weights are exact")
    }

    /// Checks the rules between the chip's cores and its other sections.
    fn check_cores(&self) -> Checked {
        let is_pipelined = self.counting.steps == StepCounting::Pipelined;
        let shares = self.topology.layers_share_cores;
        rule(
            !(shares && is_pipelined),
            "counting.steps",
            "\"pipelined\"",
            "must be one-by-one where layers share cores: a core works for one layer per step",
        )?;
        let Some(cores) = &self.core.convolutions else { return Ok(()) };
        let given = cores.memories.len();
        let one_each = self.topology.cores.is_some_and(|cores| cores as usize == given);
        rule(one_each, "core.convolutions.memories", given, "must be one for each of topology.cores")?;
        let limits = &self.core;
        let no_parts = limits.neurons.is_none() && limits.in_axons.is_none() && limits.out_axons.is_none();
        let whole = no_parts && limits.synapse_memory.is_none() && self.topology.chips == 1 && !shares;
        rule(
            whole,
            "core.convolutions",
            "given",
            "must not come with limits on parts of layers, nor with several chips",
        )?;
        let moves = self.topology.mesh.is_some() && self.topology.placement == Placement::ShortWays;
        rule(
            !moves,
            "topology.placement",
            "\"short-ways\"",
            "must be row-major with core.convolutions on a mesh: the memory of a core decides its layer",
        )
    }

    fn check_constants(&self) -> Checked {
        for constant in self.constants() {
            let (path, value, source) = (constant.name, constant.value, constant.source);
            let rule_of_values = "must be finite and zero or more; write null for an unknown number";
            rule(value.is_finite() && value >= 0.0, &format!("{path}.value"), value, rule_of_values)?;
            let known = self.sources.contains_key(&source);
            let hint = suggestion(&source, self.sources.keys().map(String::as_str));
            rule(
                known,
                &format!("{path}.source"),
                format!("\"{source}\""),
                &format!("not in sources{hint}"),
            )?;
        }
        let table: Vec<u32> = self.time.barrier.iter().flatten().map(|entry| entry.tiles).collect();
        let rises = table.first() != Some(&0) && table.is_sorted_by(|few, many| few < many);
        let empty = self.time.barrier.is_some() && table.is_empty();
        rule(
            rises && !empty,
            "time.barrier",
            format!("{table:?}"),
            "must have tiles of 1 or more, in rising order",
        )
    }
}

impl Topology {
    fn check(&self) -> Checked {
        rule(self.chips > 0, "topology.chips", 0, "must be 1 or more")?;
        let countable = self.chips == 1 || self.cores.is_some();
        rule(countable, "topology.chips", self.chips, "must be 1 where a chip has cores without limit")?;
        positive("topology.cores", self.cores)?;
        rule(self.cores_per_tile > 0, "topology.cores_per_tile", 0, "must be 1 or more")?;
        let Some([width, height]) = self.mesh else { return Ok(()) };
        let shown = format!("[{width}, {height}]");
        rule(width <= WIDEST && height <= WIDEST, "topology.mesh", shown, "must be 65535 at most each")?;
        let places = u64::from(width) * u64::from(height) * u64::from(self.cores_per_tile);
        let fits = self.cores.is_some_and(|cores| u64::from(cores) <= places);
        rule(fits, "topology.mesh", format!("[{width}, {height}]"), "must have a place for every core")
    }
}

impl CoreLimits {
    fn check(&self) -> Checked {
        positive("core.neurons", self.neurons)?;
        let neurons = self.neurons.unwrap_or(0);
        rule(
            neurons <= MOST_NEURONS,
            "core.neurons",
            neurons,
            "must be 16777216 at most, or null for no limit",
        )?;
        positive("core.in_axons", self.in_axons)?;
        positive("core.out_axons", self.out_axons)?;
        positive("core.fan_in", self.fan_in)?;
        positive("core.axons_per_neuron", self.axons_per_neuron)?;
        self.synapse_memory.as_ref().map_or(Ok(()), SynapseMemory::check)?;
        self.convolutions.as_ref().map_or(Ok(()), ConvolutionCores::check)
    }
}

impl ConvolutionCores {
    fn check(&self) -> Checked {
        let place = "core.convolutions";
        rule(!self.strides.is_empty(), &format!("{place}.strides"), "[]", "must have one stride or more")?;
        rule(!self.memories.is_empty(), &format!("{place}.memories"), "[]", "must have one core or more")
    }
}

impl SynapseMemory {
    fn check(&self) -> Checked {
        rule(self.word_bits > 0, "core.synapse_memory.word_bits", 0, "must be 1 or more")?;
        let whole = self.bits >= self.word_bits;
        rule(whole, "core.synapse_memory.bits", self.bits, "must hold one word or more")?;
        let header = self.header_bits < self.bits;
        rule(header, "core.synapse_memory.header_bits", self.header_bits, "must leave room for weights")
    }
}

impl WeightFormat {
    fn check(&self) -> Checked {
        match *self {
            WeightFormat::Exact => Ok(()),
            WeightFormat::Integer { min_bits, max_bits, default_bits, shift: [least, greatest] } => {
                let place = "weights.integer";
                rule(
                    (2..=16).contains(&min_bits),
                    &format!("{place}.min_bits"),
                    min_bits,
                    "must be 2 to 16",
                )?;
                let range = min_bits..=16;
                rule(
                    range.contains(&max_bits),
                    &format!("{place}.max_bits"),
                    max_bits,
                    "must be min_bits to 16",
                )?;
                let default = (min_bits..=max_bits).contains(&default_bits);
                rule(
                    default,
                    &format!("{place}.default_bits"),
                    default_bits,
                    "must be min_bits to max_bits",
                )?;
                let shown = format!("[{least}, {greatest}]");
                let shifts = least <= greatest && greatest <= 31;
                rule(shifts, &format!("{place}.shift"), shown, "must be [least, greatest], 31 at most")
            }
            WeightFormat::Palette { types, value_bits, default_bits } => {
                let place = "weights.palette";
                rule((2..=16).contains(&types), &format!("{place}.types"), types, "must be 2 to 16")?;
                let values = (types..=32).contains(&value_bits);
                rule(values, &format!("{place}.value_bits"), value_bits, "must be types to 32")?;
                let default = (2..=types).contains(&default_bits);
                rule(default, &format!("{place}.default_bits"), default_bits, "must be 2 to types")
            }
        }
    }
}

impl NeuronFormat {
    fn check(&self) -> Checked {
        let membrane = self.membrane_bits.unwrap_or(63);
        rule((2..=63).contains(&membrane), "neuron.membrane_bits", membrane, "must be 2 to 63")?;
        let Some(threshold) = &self.threshold else { return Ok(()) };
        let bits = threshold.bits;
        rule((1..=62).contains(&bits), "neuron.threshold.bits", bits, "must be 1 to 62")?;
        let within = u32::from(threshold.least) < 1 << bits.min(8);
        rule(within, "neuron.threshold.least", threshold.least, "must fit into bits")?;
        let together = u16::from(bits) + u16::from(threshold.shift) <= 62;
        rule(together, "neuron.threshold.shift", threshold.shift, "must be 62 at most when added to bits")?;
        let Some(bias) = &threshold.bias else { return Ok(()) };
        let from_zero = threshold.least == 0;
        rule(from_zero, "neuron.threshold.least", threshold.least, "must be 0 with a bias")?;
        rule((2..=31).contains(&bias.bits), "neuron.threshold.bias.bits", bias.bits, "must be 2 to 31")?;
        let exponent = bias.max_exponent;
        rule(exponent <= 31, "neuron.threshold.bias.max_exponent", exponent, "must be 31 at most")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The error of loihi1 with the number at `pointer` replaced.
    fn error(pointer: &str, value: Value) -> String {
        let text = include_str!("../../../configs/chips/loihi1.json");
        let mut profile: Value = serde_json::from_str(text).unwrap();
        *profile.pointer_mut(pointer).expect("the key is there") = value;
        ChipProfile::from_json(&profile.to_string(), "my.json").unwrap_err().to_string()
    }

    #[test]
    fn a_broken_rule_is_one_line_with_file_key_value_and_rule() {
        assert_eq!(
            error("/energy/spike/value", json!(-1.7)),
            "my.json: energy.spike.value: -1.7: must be finite and zero or more; write null for an unknown number"
        );
        assert_eq!(
            error("/core/neurons", json!(0)),
            "my.json: core.neurons: 0: must be 1 or more, or null for no limit"
        );
        assert_eq!(
            error("/weights/integer/default_bits", json!(12)),
            "my.json: weights.integer.default_bits: 12: must be min_bits to max_bits"
        );
        assert_eq!(
            error("/topology/mesh", json!([8, 3])),
            "my.json: topology.mesh: [8, 3]: must have a place for every core"
        );
        assert_eq!(
            error("/topology/mesh", json!([8, 65_536])),
            "my.json: topology.mesh: [8, 65536]: must be 65535 at most each"
        );
        assert_eq!(
            error("/weights/integer/shift", json!([31, 31])),
            "my.json: weights.integer.shift: at least 31: must leave a threshold above 0: neuron.threshold has \
             too few bits for it"
        );
        assert_eq!(
            error("/time/barrier/1/tiles", json!(1)),
            "my.json: time.barrier: [1, 1]: must have tiles of 1 or more, in rising order"
        );
        assert_eq!(
            error("/neuron/threshold/least", json!(1)),
            "my.json: neuron.threshold.least: 1: must be 0 with a bias"
        );
        assert_eq!(error("/schema", json!(2)), "my.json: schema: 2: this program reads version 1");
    }

    #[test]
    fn layers_that_choose_their_cores_cannot_move_on_a_mesh() {
        let text = include_str!("../../../configs/chips/dynapcnn.json");
        let mut profile: Value = serde_json::from_str(text).unwrap();
        profile["topology"]["mesh"] = json!([3, 3]);
        let read = |profile: &Value| ChipProfile::from_json(&profile.to_string(), "my.json");
        assert!(read(&profile).is_ok());
        profile["topology"]["placement"] = json!("short-ways");
        assert_eq!(
            read(&profile).unwrap_err().to_string(),
            "my.json: topology.placement: \"short-ways\": must be row-major with core.convolutions on a mesh: \
             the memory of a core decides its layer"
        );
    }

    #[test]
    fn a_number_of_an_unlisted_source_is_refused() {
        assert_eq!(
            error("/time/spike/source", json!("davis2018")),
            "my.json: time.spike.source: \"davis2018\": not in sources; did you mean \"davies2018\"?"
        );
    }

    #[test]
    fn typos_and_wrong_types_are_named_with_their_path() {
        assert_eq!(
            error("/core", json!({"nuerons": 3})),
            "my.json: core: unknown key \"nuerons\"; did you mean \"neurons\"?"
        );
        assert_eq!(
            error("/energy/spike/unit", json!("PJ")),
            "my.json: energy.spike.unit: unknown value \"PJ\"; did you mean \"pJ\"?"
        );
        assert_eq!(
            error("/weights/integer/max_bits", json!("nine")),
            "my.json: weights.integer.max_bits: invalid type: string \"nine\", expected a whole number from 0"
        );
    }

    #[test]
    fn crossbar_rows_need_a_length_and_exact_weights_no_memory() {
        let text = include_str!("../../../configs/chips/loihi1.json");
        let mut profile: ChipProfile = serde_json::from_str(text).unwrap();
        profile.weights = WeightFormat::Exact;
        assert_eq!(profile.check().unwrap_err().path, "core.synapse_memory");
        profile.core.synapse_memory = None;
        profile.core.neurons = None;
        assert!(profile.check().is_ok());
        profile.counting.synaptic_operations = OperationCounting::CrossbarRow;
        assert_eq!(profile.check().unwrap_err().path, "core.neurons");
    }
}
