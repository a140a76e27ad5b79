//! `tune net describe`: prints the layers of a network, from a plan (the list of its layers).

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::Subcommand;

use crate::cli::setup::{best, model};
use crate::cli::shown::exit::Exit;
use crate::cli::shown::streams;
use crate::input;
use crate::network::{BinaryLayer, Connectivity, LayerSummary, Spec};
use crate::objective::ModelFile;

#[derive(Debug, Subcommand)]
pub(crate) enum NetCommand {
    /// Print a table of the layers of a network
    ///
    /// With their shapes, numbers of parameters and operations.
    Describe {
        /// Plan of a network, a JSON file or a line; or its file
        ///
        /// A JSON file has input, hidden layers and head. A line is such as
        /// 28x28x1-32c5-p2-128-10x16. A trained network, a .safetensors file, works too.
        ///
        /// The line has the parts input-layer-layer-head. 28x28x1 is an image with one channel.
        /// 32c5 is a convolution with 32 kernels of 5 by 5, and p2 a max pooling of 2 by 2. 128 is a
        /// dense layer. 10x16 is a head with 10 classes of 16 neurons each.
        #[arg(value_name = "FILE|LINE")]
        plan: PathBuf,
        /// Print the plan as JSON
        ///
        /// The JSON can be edited and given as a file. Of a trained network, all that its file says about
        /// it: data, scaling, chip, seeds.
        #[arg(long)]
        json: bool,
    },
}

/// Prints the network of `plan` as a table or as JSON. `plan` is a file, or the one-line form of a
/// plan.
pub(crate) fn describe(plan: &Path, json: bool) -> Result<Exit> {
    let name = plan.display().to_string();
    if is_network(plan) {
        streams::print(&network(plan, json)?)?;
        return Ok(Exit::Done);
    }
    let spec = read(plan, &name).map_err(|error| match best::read(plan, "") {
        Ok(best) => of_result(&name, best.model.as_deref()),
        Err(_) => error,
    })?;
    let text = match json {
        true => serde_json::to_string_pretty(&spec)? + "\n",
        false => plan_text(&spec).with_context(|| name)?,
    };
    streams::print(&text)?;
    Ok(Exit::Done)
}

/// What to say of a result in place of a plan, whose network is `model`.
fn of_result(name: &str, model: Option<&str>) -> anyhow::Error {
    let network =
        model.map_or_else(|| "the network beside it".to_owned(), |model| format!("its network, {model}"));
    anyhow!("{name}: the result of a study, not a plan: name {network}")
}

/// Whether `file` is a file, but no JSON, which begins with a bracket.
fn is_network(file: &Path) -> bool {
    let bytes = std::fs::read(file).unwrap_or_default();
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    first.is_some_and(|&first| first != b'{' && first != b'[' && first != b'"')
}

/// The layers of the trained network in `file` as a table, or what its file says about it as JSON.
fn network(file: &Path, json: bool) -> Result<String> {
    let name = file.display();
    let ModelFile::Saved(saved) = model::open(file)? else {
        bail!("{name}: a NIR file, which tune eval scores: name a plan, or a network that tune saved");
    };
    if json {
        return Ok(saved.description.to_text() + "\n");
    }
    let summary = |layer: &BinaryLayer| LayerSummary {
        name: layer.connectivity.kind().to_owned(),
        output: layer.connectivity.output(),
        parameters: match layer.connectivity {
            Connectivity::Pool { .. } => 0,
            _ => layer.weights.len() + layer.thresholds.len(),
        },
        operations: usize::try_from(layer.connectivity.connections()).unwrap_or(usize::MAX),
    };
    let layers: Vec<LayerSummary> = saved.network.layers.iter().map(summary).collect();
    Ok(table(&layers, "trained network".to_owned()))
}

/// Reads a plan from the file `plan`; if there is no such file, `name` is the plan in one line.
fn read(plan: &Path, name: &str) -> Result<Spec> {
    let is_line = !plan.exists() && name.starts_with(|c: char| c.is_ascii_digit()) && name.contains('-');
    if is_line {
        return Ok(name.parse()?);
    }
    let text = std::fs::read_to_string(plan).with_context(|| format!("{name}: cannot read it"))?;
    Ok(input::from_json(&text, name)?)
}

/// A table of the layers of the network `spec`.
pub(crate) fn plan_text(spec: &Spec) -> Result<String> {
    Ok(table(&spec.summary()?, spec.topology()?))
}

/// One line per layer below a head line, then a line of sums.
fn table(layers: &[LayerSummary], topology: String) -> String {
    let sum = |of: fn(&LayerSummary) -> usize| {
        layers.iter().map(|layer| of(layer) as u128).sum::<u128>().to_string()
    };
    let cells = |layer: &LayerSummary| {
        let (output, neurons) = (layer.output.to_string(), layer.output.len().to_string());
        [layer.name.clone(), output, neurons, layer.parameters.to_string(), layer.operations.to_string()]
    };
    let mut rows = vec![["layer", "output", "neurons", "parameters", "operations"].map(str::to_owned)];
    rows.extend(layers.iter().map(cells));
    rows.push([
        topology,
        String::new(),
        sum(|layer| layer.output.len()),
        sum(|layer| layer.parameters),
        sum(|layer| layer.operations),
    ]);
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |row: &[String; 5]| {
        let [first, rest @ ..] = row;
        let rest = rest.iter().zip(&widths[1..]).map(|(cell, width)| format!("  {cell:>width$}"));
        format!("{first:<width$}{}\n", rest.collect::<String>(), width = widths[0])
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_becomes_a_table_with_its_sums() {
        let plan = r#"{
            "input": {"height": 4, "width": 4, "channels": 1},
            "hidden": [
                {"kind": "convolution", "channels": 2, "window": {"height": 3, "width": 3, "stride": 1, "padding": 1},
                 "batch_norm": false, "dropout": 0.0},
                {"kind": "max-pool", "size": 2, "stride": 2}
            ],
            "head": {"classes": 2, "redundancy": 2, "overlapping": false, "batch_norm": false}
        }"#;
        let spec: Spec = input::from_json(plan, "plan.json").expect("a plan");
        let expected = "\
layer                            output  neurons  parameters  operations
convolution 2@3x3, max pool 2x2   2x2x2        8          20         288
dense 4                               4        4          36          32
4x4x1-2c3-p2-4                                12          56         320
";
        assert_eq!(plan_text(&spec).expect("the plan is right"), expected);
    }
}
