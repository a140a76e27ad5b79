//! `--warm-start`: reads earlier results, from which the search learns.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::digest::sha256;
use crate::objective::Constraint;
use crate::report::Remark;
use crate::space::Space;
use crate::storage::Storage;
use crate::study::{Metric, Setup, WarmStartError, WarmStartTable, WarmStartTrials};

/// Warm-start trials: earlier results, in the form in which a study stores them.
pub(crate) struct WarmStart {
    pub trials: WarmStartTrials,
    /// The SHA-256 of the trials, in hex.
    pub sha256: String,
    /// How many trials there are, how many are left out, and why.
    pub remark: Remark,
}

/// Reads the results of `source` for a study called `study`, of these metrics and of these bounds of
/// metrics if its trials are networks. `source` is a CSV table, a file of JSON lines, or another study
/// of `storage`.
///
/// # Errors
/// There is no such file or study, or it does not fit the space, the metrics and the bounds.
pub(crate) fn read(
    source: &str,
    storage: &mut dyn Storage,
    study: &str,
    space: &Space,
    (metrics, bounds): (&[Metric], Option<&[String]>),
) -> Result<WarmStart> {
    let ending = Path::new(source).extension().map(|ending| ending.to_ascii_lowercase());
    let text =
        || std::fs::read_to_string(source).with_context(|| format!("--warm-start {source}: cannot read it"));
    let found = match ending.as_ref().and_then(|ending| ending.to_str()) {
        Some("csv") => WarmStartTrials::from_csv(&text()?, source, space, metrics),
        Some("jsonl" | "ndjson") => WarmStartTrials::from_jsonl(&text()?, source, space, metrics),
        _ => of_study(storage, source, study, space, (metrics, bounds))?,
    };
    let found = found.context("--warm-start")?;
    let failed = found.failed();
    let WarmStartTable { warm_start: trials, left_out, reason } = found;
    let remark = Remark::WarmStart {
        source: source.to_owned(),
        known: trials.results.len(),
        failed,
        left_out: reason.map(|reason| (left_out, reason.to_string())),
    };
    Ok(WarmStart { sha256: sha256(trials.to_json().to_string().as_bytes()), trials, remark })
}

/// The trials of the study called `source`.
fn of_study(
    storage: &mut dyn Storage,
    source: &str,
    study: &str,
    space: &Space,
    (metrics, bounds): (&[Metric], Option<&[String]>),
) -> Result<Result<WarmStartTable, WarmStartError>> {
    if source == study {
        bail!(
            "--warm-start {source}: is this study itself: name another, or go on with it by leaving this out"
        );
    }
    let Some(key) = storage.find_study(source)? else {
        let names = storage.study_names()?.join(", ");
        bail!(
            "--warm-start {source}: no file that ends in .csv or .jsonl, and no study of the database, which has: {names}"
        );
    };
    let other = storage.load_study(key)?;
    let mut found = WarmStartTrials::of_trials(&other, space, metrics);
    if let (Ok(table), Some(bounds), Some(theirs)) = (&mut found, bounds, Setup::of(&other)) {
        let measures =
            measures(&theirs.constraints, bounds).with_context(|| format!("--warm-start {source}"))?;
        let before = table.warm_start.results.len();
        table.warm_start.results.retain_mut(|trial| {
            // A failed trial has no values, and none of its constraints either.
            let known = std::mem::take(&mut trial.constraints);
            let excesses: Option<Vec<f64>> = measures.iter().map(|measure| measure.excess(&known)).collect();
            trial.constraints =
                if trial.values.is_empty() { Vec::new() } else { excesses.clone().unwrap_or_default() };
            trial.values.is_empty() || excesses.is_some()
        });
        let dropped = before - table.warm_start.results.len();
        table.left_out += dropped;
        if dropped > 0 {
            table.reason.get_or_insert_with(|| "a trial lacks the value of a constraint".to_owned());
        }
    }
    Ok(found)
}

/// How the excess of a bound follows from that of an earlier bound of the same metric.
struct Measure {
    /// The number of the earlier bound.
    place: usize,
    earlier: Constraint,
    now: Constraint,
}

impl Measure {
    /// The excess now, where the earlier ones are `known`; `None` if the one that tells it is not.
    fn excess(&self, known: &[f64]) -> Option<f64> {
        known.get(self.place).map(|&excess| self.now.excess(self.earlier.value(excess)))
    }
}

/// For each of the bounds `now` the one of `earlier` that measured the same metric.
///
/// # Errors
/// A metric was not bounded earlier, so that its values are not known.
fn measures(earlier: &[String], now: &[String]) -> Result<Vec<Measure>> {
    let parse =
        |texts: &[String]| texts.iter().map(|text| text.parse()).collect::<Result<Vec<Constraint>, _>>();
    let (earlier, now) = (parse(earlier)?, parse(now)?);
    let measure = |now: Constraint| {
        let place = earlier.iter().position(|earlier| earlier.goal == now.goal);
        let place = place.with_context(|| {
            format!(
                "--constraint {now}: that study did not bound {}: leave one of the two options out",
                now.goal
            )
        })?;
        Ok(Measure { place, earlier: earlier[place], now })
    };
    now.into_iter().map(measure).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_bound_tells_whether_another_is_kept() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
        let earlier = texts(&["cores<=8", "energy<=1e-6"]);
        let found = measures(&earlier, &texts(&["energy<=2e-6", "cores>=3"])).expect("both were bounded");
        // 10 cores and 1.5e-6 J.
        let known = [0.25, 0.5];
        let excess = |at: usize| found[at].excess(&known).expect("it is known");
        assert!((excess(0) + 0.25).abs() < 1e-12, "kept with a quarter of the bound left");
        assert!((excess(1) + 7.0 / 3.0).abs() < 1e-12);
        assert_eq!(found[0].excess(&known[..1]), None, "the energy was not measured");
        let error = measures(&earlier, &texts(&["latency<=1"])).err().expect("never measured").to_string();
        assert!(error.contains("did not bound latency"), "{error}");
    }
}
