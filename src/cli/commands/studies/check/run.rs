//! The check: new seeds until something is proven.

use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::args::CheckArgs;
use super::measure::Measured;
use super::subject::Subject;
use super::{names, outputs};
use crate::cli::shown::exit::Exit;
use crate::cli::shown::streams;
use crate::output;
use crate::report::{Baseline, CheckResult, Exact, Limit, Scale};
use crate::study::{Regression, Verdict};

/// Checks `subject` against `baseline`.
///
/// # Errors
/// The two cannot be compared, a bound names nothing that is measured, or an output fails.
pub(super) fn check(args: &CheckArgs, subject: &Subject, baseline: &Baseline) -> Result<Exit> {
    let remarks = names::compare(subject, baseline)?;
    let limits = args.limits();
    names::check_limits(&limits, baseline)?;
    let scale = Scale::of(baseline.metric(), baseline.is_of_networks());
    let regression = regression(args, baseline, scale);
    let mut result = CheckResult::new(&subject.study, baseline, scale, &regression, args.strict);
    result.remarks = remarks;
    if args.is_for_people() {
        result.remarks.iter().for_each(streams::say);
        streams::say(result.plan_text().trim_end());
    }
    result.saved_network = saved_network(args, subject, baseline)?;
    let begin = Instant::now();
    if !train(args, subject, baseline, &regression, &mut result) {
        return Ok(Exit::Interrupted);
    }
    result.seconds = begin.elapsed().as_secs_f64();
    result.limits = limits
        .into_iter()
        .map(|limit| Limit { mean: result.mean(&baseline.metrics, &limit.metric), ..limit })
        .collect();
    result.end();
    outputs::tell(args, &result)?;
    Ok(if result.passed { Exit::Done } else { Exit::BelowTarget })
}

fn regression(args: &CheckArgs, baseline: &Baseline, scale: Scale) -> Regression {
    let direction = baseline.metric().direction;
    let losses = baseline.values().into_iter().map(|value| direction.loss(value)).collect();
    let tolerance = args.tolerance.in_values(scale.unit(), baseline.spread().sd);
    Regression::new(losses, tolerance, args.max_seeds as usize)
}

/// The saved network's values, then and now; none if the baseline has no network.
fn saved_network(args: &CheckArgs, subject: &Subject, baseline: &Baseline) -> Result<Vec<Exact>> {
    let Some(model) = &baseline.model else { return Ok(Vec::new()) };
    let file = args.baseline.with_file_name(&model.file);
    let way_out = "keep the baseline's network beside it, or record it again with --record";
    let is_other = |sha256: &String| output::sha256(&file).is_ok_and(|found| found != *sha256);
    if model.sha256.as_ref().is_some_and(is_other) {
        bail!("{}: is not the network that was recorded: {way_out}", file.display());
    }
    let tested = subject.test_saved(&file).context(way_out)?;
    Ok(tested.map_or_else(Vec::new, |(values, costs)| Exact::all(&baseline.metrics, model, &values, &costs)))
}

/// Evaluates new seeds until `regression` decides or no seed is left. `false` if a signal stopped it.
fn train(
    args: &CheckArgs,
    subject: &Subject,
    baseline: &Baseline,
    regression: &Regression,
    result: &mut CheckResult,
) -> bool {
    let direction = baseline.metric().direction;
    for &look in regression.looks() {
        while result.seeds.len() < look {
            match subject.measure(baseline.next_seed().saturating_add(result.seeds.len() as u64)) {
                Measured::Stopped => return false,
                Measured::Failed(failed) => {
                    (result.failed, result.verdict) = (Some(failed), Verdict::Worse);
                    return true;
                }
                Measured::Done(seed, _) => {
                    if args.is_for_people() {
                        streams::say(seed.text(result.scale));
                    }
                    result.seeds.push(seed);
                }
            }
        }
        let losses: Vec<f64> = result.values().into_iter().map(|value| direction.loss(value)).collect();
        let (drop, verdict) = regression.judge(&losses);
        (result.drop, result.verdict) = (Some(drop), verdict);
        if verdict != Verdict::Undecided {
            break;
        }
    }
    true
}
