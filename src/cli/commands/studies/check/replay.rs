//! `tune check --replay SEED`: one seed of the baseline again, compared bit for bit.

use anyhow::{Context, Result, bail};

use super::args::CheckArgs;
use super::measure::Measured;
use super::names;
use super::subject::Subject;
use crate::cli::shown::exit::Exit;
use crate::cli::shown::streams;
use crate::report::{Baseline, SeedResult};

/// Evaluates the seed of the number `seed` again. Every number must be the recorded one.
///
/// # Errors
/// The baseline does not have the seed, or its results are of another point.
pub(super) fn replay(args: &CheckArgs, subject: &Subject, baseline: &Baseline, seed: u64) -> Result<Exit> {
    names::compare(subject, baseline)?;
    let recorded = baseline.seeds.iter().find(|one| one.seed == seed);
    let recorded = recorded.with_context(|| {
        let last = baseline.next_seed().saturating_sub(1);
        format!("--replay {seed}: the baseline does not have this seed: must be 0 to {last}")
    })?;
    if (&subject.point, subject.seed) != (&baseline.hyperparameters, baseline.seed) {
        bail!("--replay {seed}: the baseline is of other hyperparameters or another --seed: leave FILE out");
    }
    let differences = match subject.measure(seed) {
        Measured::Stopped => return Ok(Exit::Interrupted),
        Measured::Failed(failed) => vec![format!("it has no result: {}", failed.reason)],
        Measured::Done(now, _) => differences(recorded, &now),
    };
    if !args.quiet {
        let text = match differences.is_empty() {
            true => format!("seed {seed}: the same, bit for bit"),
            false => format!("seed {seed}: differs: {}", differences.join("; ")),
        };
        streams::print_line(text)?;
    }
    Ok(if differences.is_empty() { Exit::Done } else { Exit::BelowTarget })
}

/// The numbers in which `now` differs from what was `recorded`.
fn differences(recorded: &SeedResult, now: &SeedResult) -> Vec<String> {
    let lists =
        [("values", &recorded.values, &now.values), ("validation", &recorded.validation, &now.validation)];
    let lists = lists.into_iter().filter(|(_, before, now)| before != now);
    let lists = lists.map(|(name, before, now)| format!("{name} {now:?}, recorded {before:?}"));
    let names =
        recorded.costs.keys().chain(now.costs.keys().filter(|name| !recorded.costs.contains_key(*name)));
    let costs = names.filter_map(|name| {
        let [before, now] = [recorded.costs.get(name), now.costs.get(name)];
        let text = |cost: Option<&f64>| cost.map_or("none".to_owned(), |cost| format!("{cost:?}"));
        (before != now).then(|| format!("{name} {}, recorded {}", text(now), text(before)))
    });
    lists.chain(costs).collect()
}
