//! `tune schema`: the JSON Schema of a kind of file.

use anyhow::Result;
use clap::{Command, ValueEnum};

use crate::backend::ChipProfile;
use crate::cli::shown::exit::Exit;
use crate::cli::{config, serve, shown::streams};
use crate::objective::external;
use crate::objective::{Description, PredictionLine, Score};
use crate::report::{Baseline, Best, CheckResult, Comparison, Report, Rerun, Shown, StudyLine, TrialLine};
use crate::space::Space;
use crate::tuner::Event;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SchemaKind {
    /// Search space file
    Space,
    /// Chip profile file
    Chip,
    /// Result file best.json
    Best,
    /// Line that --json prints during a study
    Event,
    /// Line between `tune run` and the command of a trial
    Command,
    /// Line to or from `tune serve`
    Serve,
    /// Object that `tune eval --json` prints
    Eval,
    /// One line of `tune predict --json`
    Predict,
    /// What `tune rerun --json` prints
    Rerun,
    /// What a network's file says about it
    Description,
    /// One line of `tune export jsonl`
    Trial,
    /// Object that `tune report --format json` writes
    Report,
    /// File that `tune check --record` writes
    Baseline,
    /// Object that `tune check --json` prints
    Check,
    /// Object that `tune compare --json` prints
    Compare,
    /// Line that `tune list --json` prints
    List,
    /// Object that `tune show --json` prints
    Show,
    /// File for --config
    Config,
}

/// Prints the schema of `kind`; `program` is the command line as a whole.
pub(crate) fn run(kind: SchemaKind, program: &Command) -> Result<Exit> {
    streams::print(&(serde_json::to_string_pretty(&schema(kind, program))? + "\n"))?;
    Ok(Exit::Done)
}

fn schema(kind: SchemaKind, program: &Command) -> serde_json::Value {
    match kind {
        SchemaKind::Space => Space::schema(),
        SchemaKind::Chip => ChipProfile::schema(),
        SchemaKind::Best => Best::schema(),
        SchemaKind::Event => schemars::schema_for!(Event).to_value(),
        SchemaKind::Command => schemars::schema_for!(external::Message).to_value(),
        SchemaKind::Serve => schemars::schema_for!(serve::Message).to_value(),
        SchemaKind::Eval => Score::schema(),
        SchemaKind::Predict => schemars::schema_for!(PredictionLine).to_value(),
        SchemaKind::Rerun => schemars::schema_for!(Rerun).to_value(),
        SchemaKind::Description => schemars::schema_for!(Description).to_value(),
        SchemaKind::Trial => schemars::schema_for!(TrialLine).to_value(),
        SchemaKind::Report => schemars::schema_for!(Report).to_value(),
        SchemaKind::Baseline => Baseline::schema(),
        SchemaKind::Check => CheckResult::schema(),
        SchemaKind::Compare => Comparison::schema(),
        SchemaKind::List => schemars::schema_for!(StudyLine).to_value(),
        SchemaKind::Show => Shown::schema(),
        SchemaKind::Config => config::schema(program),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::command::Cli;

    #[test]
    fn the_committed_schemas_are_current() {
        let program = Cli::command();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/schemas");
        for (kind, name) in [
            (SchemaKind::Space, "space"),
            (SchemaKind::Chip, "chip"),
            (SchemaKind::Best, "best"),
            (SchemaKind::Event, "event"),
            (SchemaKind::Command, "command"),
            (SchemaKind::Serve, "serve"),
            (SchemaKind::Eval, "eval"),
            (SchemaKind::Predict, "predict"),
            (SchemaKind::Rerun, "rerun"),
            (SchemaKind::Description, "description"),
            (SchemaKind::Trial, "trial"),
            (SchemaKind::Report, "report"),
            (SchemaKind::Baseline, "baseline"),
            (SchemaKind::Check, "check"),
            (SchemaKind::Compare, "compare"),
            (SchemaKind::List, "list"),
            (SchemaKind::Show, "show"),
            (SchemaKind::Config, "config"),
        ] {
            let file = format!("{folder}/{name}.schema.json");
            if std::env::var_os("TUNE_WRITE").is_some() {
                std::fs::write(&file, serde_json::to_string_pretty(&schema(kind, &program)).unwrap() + "\n")
                    .unwrap();
            }
            let committed = std::fs::read_to_string(&file).unwrap_or_default();
            let current = serde_json::to_string_pretty(&schema(kind, &program)).expect("JSON") + "\n";
            assert!(committed == current, "{file} is old: write it again with `tune schema {name} > {file}`");
        }
    }
}
