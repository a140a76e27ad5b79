//! The facts of a study in words: its data, chip, space, search and times.

use schemars::JsonSchema;
use serde::Serialize;

use crate::study::{
    DataShape, ExternalSetup, Job, Searched, Setup, Study, Timestamp, Trial, VERSION, validation_samples,
};
use crate::units::digits;

/// A name and a value in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fact {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

impl Fact {
    /// The fact `name: value`.
    pub(super) fn new(name: &str, value: String) -> Self {
        Self { name: name.to_owned(), value }
    }
}

/// The facts of `study`.
pub(super) fn of(study: &Study) -> Vec<Fact> {
    named(study).into_iter().map(|(name, value)| Fact::new(name, value)).collect()
}

fn named(study: &Study) -> Vec<(&'static str, String)> {
    let (setup, external) = (Setup::of(study), ExternalSetup::of(study));
    let mut facts = Vec::new();
    if let Some(setup) = &setup {
        facts.push(("data set", setup.dataset.clone()));
        facts.extend(shape(study));
        facts.push(("chip", setup.chip.clone()));
        facts.extend((!setup.constraints.is_empty()).then(|| ("constraints", setup.constraints.join(", "))));
        facts.extend(setup.faults.clone().map(|faults| ("faults", faults)));
    }
    if let Some(external) = &external {
        facts.extend(external.command.clone().map(|command| ("command per trial", command)));
        facts.extend(external.trial_timeout_s.map(|limit| ("trial timeout", format!("{} s", digits(limit)))));
    }
    let searched = setup.map(|setup| setup.searched).or(external.map(|external| external.searched));
    facts.extend(searched.iter().flat_map(of_search));
    if let Some(job) = Job::of(study) {
        facts.push(("budget", format!("{} trials", job.budget)));
        facts.extend((!job.stop_when.is_empty()).then(|| ("stop when", job.stop_when.join(", "))));
    }
    let starts = study.trials.iter().filter_map(|trial| trial.started).min();
    let ends = study.trials.iter().filter_map(|trial| trial.finished).max();
    facts.extend(starts.map(|time| ("first trial started", moment(time))));
    facts.extend(ends.map(|time| ("last trial ended", moment(time))));
    facts.extend(busy(study).map(|time| ("time of all trials", time)));
    let version = study.attributes.get(VERSION).and_then(|version| version.as_str());
    facts.extend(version.map(|version| ("made by", format!("tune {version}"))));
    facts
}

fn of_search(searched: &Searched) -> Vec<(&'static str, String)> {
    let mut facts = vec![("space", searched.space.clone()), ("search", searched.search.clone())];
    facts.extend(searched.fidelity.clone().map(|fidelity| ("fidelity", fidelity)));
    facts.extend(searched.replicates.map(|seeds| ("seeds per trial", seeds.to_string())));
    facts.push(("seed", searched.seed.to_string()));
    facts
}

/// The shape of the samples, the classes, and how many samples score a trial.
fn shape(study: &Study) -> Vec<(&'static str, String)> {
    let shape = DataShape::of(study).map(|DataShape { sample: [height, width, channels], classes }| {
        let shape = match (height, width) {
            (1, 1) => format!("{channels} inputs"),
            _ => format!("{height}x{width}x{channels}"),
        };
        ("samples", format!("{shape}, {classes} classes"))
    });
    let validation = validation_samples(study).map(|count| ("validation samples", count.to_string()));
    shape.into_iter().chain(validation).collect()
}

/// The sum of the times of all trials; `None` if no trial has both times.
fn busy(study: &Study) -> Option<String> {
    let times: Vec<f64> = study.trials.iter().filter_map(Trial::seconds).collect();
    let seconds: f64 = times.iter().sum();
    (!times.is_empty()).then(|| match seconds < 3600.0 {
        true => format!("{} s", digits(seconds)),
        false => format!("{} h", digits(seconds / 3600.0)),
    })
}

/// A moment to the second, in UTC.
fn moment(Timestamp(microseconds): Timestamp) -> String {
    let seconds = microseconds.div_euclid(1_000_000);
    jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;
    use crate::study::{SETUP, Trial};

    #[test]
    fn facts_tell_data_search_and_times_in_words() {
        let setup = Setup {
            dataset: "digits".into(),
            dataset_sha256: "00".into(),
            validation: 0.2,
            folds: None,
            chip: "loihi1".into(),
            chip_sha256: "22".into(),
            constraints: vec!["cores<=8".into()],
            faults: None,
            searched: Searched { replicates: Some(2), ..Searched::new("images", "11", "bayes", 7) },
        };
        let shape = DataShape { sample: [8, 8, 1], classes: 10 };
        let ended = Trial {
            started: Some(Timestamp(1_769_903_999_000_001)),
            finished: Some(Timestamp(1_769_904_001_500_001)),
            ..Trial::waiting(0, Point::default())
        };
        let study = Study {
            trials: vec![ended, Trial::waiting(1, Point::default())],
            attributes: [
                (SETUP.to_owned(), setup.to_json()),
                (crate::study::DATA_SHAPE.to_owned(), shape.to_json()),
            ]
            .into(),
            ..Study::default()
        };
        let facts: Vec<String> =
            of(&study).into_iter().map(|fact| format!("{}: {}", fact.name, fact.value)).collect();
        assert_eq!(
            facts,
            [
                "data set: digits",
                "samples: 8x8x1, 10 classes",
                "chip: loihi1",
                "constraints: cores<=8",
                "space: images",
                "search: bayes",
                "seeds per trial: 2",
                "seed: 7",
                "first trial started: 2026-01-31T23:59:59Z",
                "last trial ended: 2026-02-01T00:00:01Z",
                "time of all trials: 2.500 s",
            ]
        );
        assert!(of(&Study::default()).is_empty());
    }
}
