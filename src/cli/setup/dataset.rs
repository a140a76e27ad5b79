//! `--dataset`: the data set, opened or downloaded, by its own scaling or by that of a network.

use std::path::Path;

use anyhow::{Result, bail};

use crate::cli::options::data::{DataArgs, TableArgs};
use crate::cli::shown::load_bar::LoadBar;
use crate::data::{
    self, DataError, DataPart, Dataset, Labelled, LoadProgress, OpenOptions, Preprocessing, Samples,
};
use crate::objective::Description;
use crate::output;
use crate::report::Remark;

/// Opens the data set that `args` name, as `options` say. If `shown`, a bar shows the progress of a
/// download, or of the pictures that are decoded.
///
/// # Errors
/// No data set is named, or it cannot be found, read or downloaded.
pub(crate) fn open(args: &DataArgs, options: &OpenOptions, shown: bool) -> Result<Dataset> {
    let (name, sources) = (named(args)?, args.sources.sources()?);
    refuse_same_files(options, name)?;
    refuse_without_effect(args, name)?;
    let opened = with_bar(shown, |progress| Dataset::open(name, options, &sources, progress));
    opened.map_err(|error| {
        // These say no file.
        let is_nameless =
            matches!(error.downcast_ref(), Some(DataError::TooFew { .. } | DataError::TooFewGroups { .. }));
        if is_nameless { error.context(name.to_owned()) } else { error }
    })
}

/// Refuses a file that is named for two parts of the data set `name`.
fn refuse_same_files(options: &OpenOptions, name: &str) -> Result<()> {
    let learnt = ("--dataset", Some(Path::new(name)), "whose samples the network learns");
    let test = ("--test", options.test.as_deref(), "which no trial may see");
    let validation = ("--validation", options.validation.as_deref(), "");
    for ((option, file, _), (other, known, why)) in [(test, learnt), (validation, learnt), (validation, test)]
    {
        if let (Some(file), Some(known)) = (file, known)
            && output::is_same(file, known)
        {
            bail!(
                "{option} {}: is the file of {other}, {why}: name another, or leave it out",
                file.display()
            );
        }
    }
    Ok(())
}

/// Refuses options about a file, where `name` is a data set whose files are known. Those about tables and
/// pictures are refused where the data set is opened.
fn refuse_without_effect(args: &DataArgs, name: &str) -> Result<()> {
    let options = [
        ("--label", args.label.is_some()),
        ("--header", args.header.is_some()),
        ("--channels", args.channels.is_some()),
    ];
    match options.into_iter().find(|(_, is_said)| *is_said) {
        Some((option, _)) if data::find(name).is_ok() => bail!(
            "{option}: is for files of your own, and {name} is a data set of the catalogue: leave the option out"
        ),
        _ => Ok(()),
    }
}

fn named(args: &DataArgs) -> Result<&str> {
    match &args.dataset {
        Some(name) => Ok(name),
        None => bail!("--dataset is missing: name a data set of `tune data list`"),
    }
}

/// What `open` returns; a bar shows its progress if `shown`.
fn with_bar<T>(
    shown: bool,
    open: impl FnOnce(&mut dyn FnMut(LoadProgress<'_>)) -> Result<T, DataError>,
) -> Result<T> {
    let mut bar = LoadBar::new();
    let opened = open(&mut |progress| {
        if shown {
            bar.show(progress);
        }
    });
    bar.clear();
    Ok(opened?)
}

/// Labelled samples to score a network on.
pub(crate) struct ToScore {
    /// The data set that they are of.
    pub dataset: Dataset,
    /// The samples.
    pub samples: Samples,
    /// The part that they are.
    pub part: DataPart,
    /// What people should know of them.
    pub remarks: Vec<Remark>,
}

/// The samples of `args` for the network that `description` describes: the named `part` of them. If
/// it is `None`, they are the test part. In a file that has no parts of its own and is not that of the
/// training, they are then all samples.
///
/// # Errors
/// The data set cannot be opened, does not fit the network, or lacks the part.
pub(crate) fn open_to_score(
    args: &DataArgs,
    shown: bool,
    description: &Description,
    part: Option<DataPart>,
) -> Result<ToScore> {
    let Some(trained) = &description.inputs else {
        return by_own_scaling(open(args, &args.open_options(), shown)?, part.unwrap_or(DataPart::Test));
    };
    let name = named(args)?;
    if let Some(option) = without_effect(args) {
        bail!(
            "{option}: the network's file says how its table is read: leave the option out, or name a table of the samples to score alone"
        );
    }
    let (sources, options) = (args.sources.sources()?, args.open_options());
    let set = with_bar(shown, |progress| Labelled::open(name, &options, &sources, progress, trained))?;
    let trained_on = description.trained_on.as_ref();
    let is_training = trained_on.is_some_and(|data| {
        let parts = data.parts_sha256.as_ref();
        // Samples for the validation may have been in a file of their own.
        let has_its_parts =
            || parts.is_some_and(|parts| parts.has_validation_apart(&set.dataset.part_checksums()));
        data.dataset_sha256 == set.dataset.checksum || has_its_parts()
    });
    let is_other = !is_training && set.dataset.reading.is_test_cut;
    let chosen = part.unwrap_or(if is_other { DataPart::All } else { DataPart::Test });
    let samples = set.part(chosen, trained_on.and_then(|data| data.split.as_ref()))?;
    let parts = trained_on.and_then(|data| data.parts_sha256.as_ref()).filter(|_| is_other);
    let known = parts.and_then(|parts| parts.part(&set.whole_checksum()?));
    let dataset = set.dataset.name.clone();
    let remark = match known {
        Some(DataPart::Test) => None,
        Some(part) => Some(Remark::KnownPart { dataset, is_training: part == DataPart::Train }),
        None => is_other.then_some(Remark::NotTrainedOn { dataset, is_part: chosen != DataPart::All }),
    };
    Ok(ToScore { samples, part: chosen, remarks: remark.into_iter().collect(), dataset: set.dataset })
}

/// The first option that says how a table becomes samples, where the network's file says so already.
fn without_effect(args: &DataArgs) -> Option<&'static str> {
    let TableArgs { drop, categorical, missing, decimal, test: _, group } = &args.table;
    [
        ("--drop", !drop.is_empty()),
        ("--categorical", !categorical.is_empty()),
        ("--missing", missing.is_some()),
        ("--decimal", decimal.is_some()),
        ("--group", group.is_some()),
    ]
    .into_iter()
    .find_map(|(option, is_said)| is_said.then_some(option))
}

fn by_own_scaling(dataset: Dataset, part: DataPart) -> Result<ToScore> {
    let set = Labelled::of_own_scaling(dataset);
    let samples = set.part(part, None)?;
    Ok(ToScore { samples, part, remarks: Vec::new(), dataset: set.dataset })
}

/// The preprocessing of the data set that `args` name: that of another training on it.
///
/// # Errors
/// It cannot be opened.
pub(crate) fn preprocessing(args: &DataArgs, shown: bool) -> Result<Preprocessing> {
    Ok(Preprocessing::of(&open(args, &args.open_options(), shown)?))
}
