//! What workers on other machines must know: kept with a study when it is made, and made into an objective there.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::backend::ChipProfile;
use crate::cli::args::{FaultChoice, RunArgs, SourceArgs, StudyArgs};
use crate::cli::options::fidelity::PausingArgs;
use crate::data::{Dataset, Header, LabelColumn, OpenOptions};
use crate::objective::network::classify::Classify;
use crate::objective::{Goal, Goals, Sweep};
use crate::seed::Seed;
use crate::study::{Job, Setup, Training};
use crate::units::Bytes;

/// What every trial of a worker has in common: goes to the processes that evaluate them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Work {
    pub training: Training,
    pub sources: SourceArgs,
    /// The most memory of a trial, in bytes.
    pub memory: Option<u64>,
    pub threads: u16,
}

/// What workers must know of a study that a command evaluates.
pub(crate) fn of_command(args: &StudyArgs, pausing: &PausingArgs) -> Job {
    Job {
        budget: args.budget,
        stop_when: args.stop_when.iter().map(ToString::to_string).collect(),
        replicates: args.replicates,
        states: pausing.states.as_ref().map(|folder| absolute(&folder.display().to_string())),
        training: None,
    }
}

/// What workers must know of a study of networks on a chip of `profile`.
pub(crate) fn of_run(args: &RunArgs, setup: &Setup, profile: &ChipProfile) -> Result<Job> {
    let dataset = args.data.dataset.clone().unwrap_or_default();
    let label = args.data.label.as_ref().and_then(|label| match label {
        LabelColumn::Last => None,
        LabelColumn::Index(index) => Some(index.to_string()),
        LabelColumn::Name(name) => Some(name.clone()),
    });
    let training = Training {
        dataset: absolute(&dataset),
        dataset_sha256: setup.dataset_sha256.clone(),
        label,
        validation: args.validation,
        chip: serde_json::to_value(profile)?,
        goals: args.metric.iter().map(Goal::to_string).collect(),
        faults: FaultChoice::chosen(&args.faults).iter().map(|fault| fault.name().to_owned()).collect(),
        fault_rates: args.fault_rates.clone(),
        fault_maps: args.fault_maps,
        seed: args.study.seed,
    };
    Ok(Job { training: Some(training), ..of_command(&args.study, &args.pausing) })
}

/// A path that a worker started in another folder finds; a name of the catalogue stays one.
fn absolute(name: &str) -> String {
    let path = Path::new(name);
    let whole = std::path::absolute(path).ok().filter(|_| path.exists());
    whole.map_or_else(|| name.to_owned(), |path| path.display().to_string())
}

impl Work {
    /// Opens the data set and makes the objective.
    ///
    /// # Errors
    /// The data set is not here, or is another; something of the study is not of this version.
    pub fn objective(&self) -> Result<Classify> {
        let training = &self.training;
        let profile = ChipProfile::from_json(&training.chip.to_string(), "the chip of the study")?;
        let goals = Goals {
            list: training.goals.iter().map(|goal| goal.parse()).collect::<Result<_, _>>()?,
            sweep: Sweep {
                faults: training.faults.iter().map(|fault| fault.parse()).collect::<Result<_, _>>()?,
                rates: training.fault_rates.clone(),
                maps: training.fault_maps,
                seed: training.seed,
            },
        };
        let split = Seed::root(training.seed).child("split");
        let objective = Classify::new(self.dataset()?, profile, training.validation, goals, &split)?;
        Ok(objective.with_memory(self.memory.map(Bytes)))
    }

    fn dataset(&self) -> Result<Dataset> {
        let Training { dataset: name, dataset_sha256: wanted, label, .. } = &self.training;
        let label = label.as_deref().unwrap_or_default();
        let label = if label.is_empty() { LabelColumn::Last } else { label.parse()? };
        let options = OpenOptions { label, header: Header::Detect };
        let way_out = "name where it is on this machine with --dataset or --data-dir";
        let dataset =
            Dataset::open(name, &options, &self.sources.sources()?, &mut |_| {}).context(way_out)?;
        if dataset.checksum != *wanted {
            let found = &dataset.checksum;
            bail!("data set {name}: its SHA-256 is {found}, the study was made with {wanted}: {way_out}");
        }
        Ok(dataset)
    }
}
