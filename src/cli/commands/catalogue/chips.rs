//! `tune chips`: the chip profiles that come with the program, one by one and side by side.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use crate::backend::{ChipProfile, Constant, ConvolutionMemory, InputSpikes, WeightFormat};
use crate::cli::setup::chip;
use crate::cli::shown::exit::Exit;
use crate::cli::shown::streams;
use crate::cli::shown::table::{columns, cut, first_sentence};
use crate::units::with_prefix;

#[derive(Debug, Default, Subcommand)]
pub(crate) enum ChipsCommand {
    /// List the built-in chips: cores, neurons, weights, energy
    #[default]
    List,
    /// Show what a chip can hold, what it costs, and by which sources
    Show(ShowArgs),
    /// Show two chips or more side by side
    Compare(CompareArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Name of a built-in chip, or a JSON file
    #[arg(value_name = "NAME|FILE")]
    pub name: String,
    /// Print the profile as JSON, the form of a file for --chip
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Names of built-in chips, or JSON files
    #[arg(value_name = "NAME|FILE", required = true, num_args = 2..)]
    pub names: Vec<String>,
}

/// Lists, shows or compares chips.
pub(crate) fn run(command: &ChipsCommand) -> Result<Exit> {
    let text = match command {
        ChipsCommand::List => list()?,
        ChipsCommand::Show(ShowArgs { name, json }) => {
            let (profile, _) = chip::open_as("chip", name)?;
            if *json { serde_json::to_string_pretty(&profile)? + "\n" } else { shown(&profile) }
        }
        ChipsCommand::Compare(CompareArgs { names }) => {
            let profiles =
                names.iter().map(|name| Ok(chip::open_as("chip", name)?.0)).collect::<Result<Vec<_>>>()?;
            compared(&profiles)?
        }
    };
    streams::print(&text)?;
    Ok(Exit::Done)
}

/// What a limit is called that a chip does not have.
const NO_LIMIT: &str = "no limit";

/// Most characters of what is said about a chip in the list.
const ABOUT: usize = 32;

/// A line for each built-in chip: its cores, the neurons of one, and the energy of a synaptic operation.
fn list() -> Result<String> {
    let mut rows =
        vec![["chip", "cores", "neurons", "weight bits", "per operation", ""].map(str::to_owned).to_vec()];
    for name in ChipProfile::builtin_names() {
        let profile = ChipProfile::builtin(name)?;
        let constants = profile.constants();
        let energy = constants.iter().find(|constant| constant.name.starts_with("energy.synaptic_operation"));
        rows.push(vec![
            name.to_owned(),
            match (profile.topology.chips, profile.topology.cores) {
                (2.., Some(cores)) => format!("{} x {cores}", profile.topology.chips),
                (_, cores) => limit(cores.map(u64::from)),
            },
            limit(profile.core.neurons.map(u64::from)),
            weight_bits(&profile.weights),
            energy.map_or_else(|| "not published".to_owned(), in_si),
            cut(first_sentence(&profile.description), ABOUT),
        ]);
    }
    Ok(columns(&rows))
}

/// Everything about a chip, for people.
fn shown(profile: &ChipProfile) -> String {
    let mut rows: Vec<Vec<String>> =
        structure(profile).into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    rows.push(Vec::new());
    rows.extend(profile.constants().iter().map(|constant| {
        let basis = serde_json::to_value(constant.basis).unwrap_or_default();
        let basis = basis.as_str().unwrap_or_default();
        vec![constant.name.clone(), in_si(constant), format!("{basis}, {}", constant.source)]
    }));
    let sources: String = profile.sources.iter().map(|(key, source)| format!("{key}: {source}\n")).collect();
    format!("{}: {}\n\n{}\nsources\n{sources}", profile.name, profile.description, columns(&rows))
}

/// `profiles` side by side: a row for everything that one of them states.
fn compared(profiles: &[ChipProfile]) -> Result<String> {
    if profiles.len() < 2 {
        bail!("one chip: name two or more, such as loihi1 truenorth");
    }
    let head = [String::new()].into_iter().chain(profiles.iter().map(|profile| profile.name.clone()));
    let mut rows = vec![head.collect::<Vec<_>>()];
    let structures: Vec<_> = profiles.iter().map(structure).collect();
    for (index, (name, _)) in structures[0].iter().enumerate() {
        let cells = structures.iter().map(|structure| structure[index].1.clone());
        rows.push([(*name).to_owned()].into_iter().chain(cells).collect());
    }
    let constants: Vec<Vec<Constant>> = profiles.iter().map(ChipProfile::constants).collect();
    let names: indexmap::IndexSet<&str> =
        constants.iter().flatten().map(|constant| constant.name.as_str()).collect();
    let mut names: Vec<&str> = names.into_iter().collect();
    // Energies first, then times and areas, each kind in the order of the profiles.
    names.sort_by_key(|name| ["energy", "time", "area"].iter().position(|kind| name.starts_with(kind)));
    for name in names {
        let cell = |list: &Vec<Constant>| {
            list.iter().find(|constant| constant.name == name).map_or_else(|| "-".to_owned(), in_si)
        };
        rows.push([name.to_owned()].into_iter().chain(constants.iter().map(cell)).collect());
    }
    Ok(columns(&rows))
}

/// What `profile` can hold: always the same rows.
fn structure(profile: &ChipProfile) -> Vec<(&'static str, String)> {
    let ChipProfile { topology, core, .. } = profile;
    let of_core = |limit: Option<u32>| self::limit(limit.map(u64::from));
    let neurons = topology.cores.zip(core.neurons).map(|(cores, each)| u64::from(cores) * u64::from(each));
    let input = match profile.input {
        InputSpikes::Binary => "spikes",
        InputSpikes::Graded => "graded",
    };
    vec![
        ("chips", topology.chips.to_string()),
        ("cores per chip", of_core(topology.cores)),
        ("neurons per chip", limit(neurons)),
        ("neurons per core", of_core(core.neurons)),
        ("incoming axons per core", of_core(core.in_axons)),
        ("outgoing axons per core", of_core(core.out_axons)),
        ("synapses per neuron", of_core(core.fan_in)),
        ("incoming axons per neuron", of_core(core.axons_per_neuron)),
        (
            "synapse memory per core",
            core.synapse_memory
                .as_ref()
                .map_or_else(|| NO_LIMIT.to_owned(), |memory| format!("{} bits", memory.bits)),
        ),
        ("kernel words per core", words(profile, |memory| memory.kernel_words)),
        ("neuron words per core", words(profile, |memory| memory.neuron_words)),
        ("weight bits", weight_bits(&profile.weights)),
        (
            "threshold bits",
            limit(profile.neuron.threshold.as_ref().map(|threshold| u64::from(threshold.bits))),
        ),
        ("membrane bits", limit(profile.neuron.membrane_bits.map(u64::from))),
        ("input", input.to_owned()),
    ]
}

/// The least and the largest memory of cores that hold convolutions.
fn words(profile: &ChipProfile, words: impl Fn(&ConvolutionMemory) -> u32) -> String {
    let memories = || profile.core.convolutions.iter().flat_map(|cores| &cores.memories).map(&words);
    match (memories().min(), memories().max()) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
        (_, most) => limit(most.map(u64::from)),
    }
}

fn limit(limit: Option<u64>) -> String {
    limit.map_or_else(|| NO_LIMIT.to_owned(), |limit| limit.to_string())
}

fn weight_bits(weights: &WeightFormat) -> String {
    match weights {
        WeightFormat::Exact => "exact".to_owned(),
        WeightFormat::Integer { min_bits, max_bits, .. } if min_bits == max_bits => max_bits.to_string(),
        WeightFormat::Integer { min_bits, max_bits, default_bits, .. } => {
            format!("{min_bits} to {max_bits}, usually {default_bits}")
        }
        WeightFormat::Palette { types, default_bits, .. } => format!("up to {types}, usually {default_bits}"),
    }
}

/// A constant in its SI unit with a prefix, such as `23.60 pJ`; areas in mm2.
fn in_si(constant: &Constant) -> String {
    const PREFIXES: [(&str, f64); 7] =
        [("f", 1e-15), ("p", 1e-12), ("n", 1e-9), ("u", 1e-6), ("m", 1e-3), ("k", 1e3), ("M", 1e6)];
    let Constant { value, unit, .. } = constant;
    match unit.as_str() {
        "um2" => return format!("{} mm2", crate::units::digits(value * 1e-6)),
        "uW/MHz" => return with_prefix(value * 1e-12, "W/Hz"),
        _ => {}
    }
    let plain = ["J", "s", "W", "Hz"].into_iter().find(|&plain| unit.ends_with(plain));
    let Some(plain) = plain else { return format!("{} {unit}", crate::units::digits(*value)) };
    let prefix = unit.trim_end_matches(plain);
    match PREFIXES.iter().find(|(name, _)| *name == prefix) {
        Some((_, factor)) => with_prefix(value * factor, plain),
        None => with_prefix(*value, plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<ChipProfile> {
        ChipProfile::builtin_names().map(|name| ChipProfile::builtin(name).expect("built in")).collect()
    }

    #[test]
    fn every_chip_is_listed_and_shown_with_all_its_constants() {
        let list = list().expect("built in");
        for profile in all() {
            assert!(list.lines().any(|line| line.starts_with(&profile.name)), "{list}");
            let text = shown(&profile);
            assert!(profile.constants().iter().all(|constant| text.contains(&constant.name)), "{text}");
            assert!(profile.sources.values().all(|source| text.contains(source)), "{text}");
        }
    }

    #[test]
    fn chips_stand_side_by_side_in_si_units() {
        let pair: Vec<ChipProfile> =
            all().into_iter().filter(|chip| ["loihi1", "truenorth"].contains(&chip.name.as_str())).collect();
        let table = compared(&pair).expect("two");
        let line = |name: &str| {
            let line = table.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line("neurons per core"), "neurons per core 1024 256");
        assert!(line("energy.synaptic_operation.any").contains(" 23.60 pJ"), "{table}");
        assert!(compared(&pair[..1]).is_err());
    }

    #[test]
    fn units_keep_their_value() {
        let constant = |value: f64, unit: &str| {
            let mut constant = ChipProfile::builtin("loihi1").expect("built in").constants().remove(0);
            (constant.value, constant.unit) = (value, unit.to_owned());
            in_si(&constant)
        };
        assert_eq!(constant(23.6, "pJ"), "23.60 pJ");
        assert_eq!(constant(0.816, "mW"), "816.0 uW");
        assert_eq!(constant(113.0, "ns"), "113.0 ns");
        assert_eq!(constant(40.0, "uW/MHz"), "40.00 pW/Hz");
        assert_eq!(constant(410_000.0, "um2"), "0.4100 mm2");
        assert_eq!(constant(1.0, "W"), "1.000 W");
    }
}
