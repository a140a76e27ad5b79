//! What a check found, one line for each thing that was judged.

use super::exact::{Change, Exact};
use super::limit::Limit;
use super::result::CheckResult;
use super::scale::cost;
use crate::study::Verdict;
use crate::units::digits;

/// A mean cost of more than this many times the baseline's is warned of.
const FAR: f64 = 1.5;

/// One thing that was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was judged, such as `accuracy` or `baseline's network: energy`.
    pub name: String,
    /// Whether it passes.
    pub state: FindingState,
    /// The figures, in one line.
    pub text: String,
}

/// Whether something passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingState {
    /// It passes.
    Passed,
    /// It passes, but people should look at it.
    Warned,
    /// It fails.
    Failed,
}

impl CheckResult {
    /// All findings: the verdict, then costs that are far above the baseline's, then the baseline's
    /// network, then the bounds.
    pub fn findings(&self) -> Vec<Finding> {
        let saved = self.saved_network.iter().map(of_saved);
        let limits = self.limits.iter().map(|limit| of_limit(limit, self.of_networks));
        [self.of_verdict()].into_iter().chain(self.of_costs()).chain(saved).chain(limits).collect()
    }

    /// Ends the check: it passes if no finding fails.
    pub fn end(&mut self) {
        self.passed = self.findings().iter().all(|finding| finding.state != FindingState::Failed);
    }

    fn of_verdict(&self) -> Finding {
        let state = match self.verdict {
            Verdict::Fine => FindingState::Passed,
            Verdict::Undecided if !self.strict => FindingState::Warned,
            Verdict::Undecided | Verdict::Worse => FindingState::Failed,
        };
        let text = match (&self.failed, self.drop) {
            (Some(failed), _) => format!("worse: seed {} has no result: {}", failed.seed, failed.reason),
            (None, Some(drop)) => {
                let shown = |value: f64| self.scale.difference(value);
                let way = if drop.mean > 0.0 { "worse" } else { "better" };
                format!(
                    "{}: {} {way} than the baseline's {} (a drop of {} to {} by 95 % bounds over all looks, tolerance \
                     {}, {} seeds)",
                    self.verdict_word(),
                    shown(drop.mean.abs()),
                    self.scale.value(self.baseline.mean),
                    shown(drop.low),
                    shown(drop.high),
                    shown(self.tolerance),
                    self.seeds.len(),
                )
            }
            (None, None) => "undecided: no seeds".to_owned(),
        };
        Finding { name: self.metric.name.clone(), state, text }
    }

    /// Costs whose means are far above the baseline's, and which no bound judges.
    fn of_costs(&self) -> Vec<Finding> {
        let is_bound = |name: &str| self.limits.iter().any(|limit| limit.metric == name);
        let means = self.mean_costs();
        let far = means.iter().filter_map(|(name, &now)| {
            let before = *self.baseline_costs.get(name)?;
            let is_far = before > 0.0 && now > FAR * before && !is_bound(name);
            is_far.then(|| of_cost(name, before, now))
        });
        far.collect()
    }

    /// The verdict in one word.
    pub fn verdict_word(&self) -> &'static str {
        match self.verdict {
            Verdict::Fine => "fine",
            Verdict::Worse => "worse",
            Verdict::Undecided => "undecided",
        }
    }
}

fn of_cost(name: &str, before: f64, now: f64) -> Finding {
    let text = format!(
        "mean {}, {} times the baseline's {}: not judged; --fail-over {name}={} would fail",
        cost(name, now, true),
        digits(now / before),
        cost(name, before, true),
        digits(FAR * before),
    );
    Finding { name: format!("cost: {name}"), state: FindingState::Warned, text }
}

fn of_saved(value: &Exact) -> Finding {
    let (name, before) = (&value.name, cost(&value.name, value.baseline, true));
    let now = value.now.map_or("nothing".to_owned(), |now| cost(name, now, true));
    // Two numbers that differ may look the same in four digits.
    let now = if now == before { format!("{:?}", value.now.unwrap_or(f64::NAN)) } else { now };
    let (state, text) = match value.change() {
        Change::Same => (FindingState::Passed, format!("{before}, as recorded")),
        Change::Better => (
            FindingState::Passed,
            format!("{now}, better than the recorded {before}: record the baseline again"),
        ),
        Change::Worse => (FindingState::Failed, format!("{now}, worse than the recorded {before}")),
    };
    Finding { name: format!("baseline's network: {name}"), state, text }
}

fn of_limit(limit: &Limit, of_networks: bool) -> Finding {
    let (word, option) = match limit.is_most {
        true => ("most", "--fail-over"),
        false => ("least", "--fail-under"),
    };
    let mean = limit.mean.map_or("nothing".to_owned(), |mean| cost(&limit.metric, mean, of_networks));
    let state = if limit.is_kept() { FindingState::Passed } else { FindingState::Failed };
    let bound = cost(&limit.metric, limit.bound, of_networks);
    Finding {
        name: format!("{option} {}", limit.metric),
        state,
        text: format!("mean {mean}, at {word} {bound}"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::baseline::tests::baseline;
    use super::super::scale::Scale;
    use super::*;
    use crate::study::{Difference, Direction, Regression};

    /// A check of digits with this verdict, a drop of 3 points and a saved network that costs more.
    pub fn check(verdict: Verdict, strict: bool) -> CheckResult {
        let baseline = baseline(&[0.97, 0.96, 0.98]);
        let losses = baseline.values().iter().map(|value| -value).collect();
        let regression = Regression::new(losses, 0.02, 12);
        let mut check = CheckResult::new("digits", &baseline, Scale::Share, &regression, strict);
        check.seeds = baseline.seeds.clone();
        check.verdict = verdict;
        check.drop = Some(Difference { mean: 0.03, low: 0.021, high: 0.039 });
        let saved = |name: &str, now: f64| Exact {
            name: name.to_owned(),
            direction: Direction::Minimize,
            baseline: 5e-8,
            now: Some(now),
        };
        check.saved_network = vec![saved("latency", 5e-8), saved("energy", 6e-8)];
        check.limits = vec![Limit { mean: Some(0.97), ..Limit::parse("accuracy=0.9", false).unwrap() }];
        check.end();
        check
    }

    #[test]
    fn a_finding_states_the_figures() {
        let texts: Vec<String> = check(Verdict::Worse, false)
            .findings()
            .iter()
            .map(|finding| format!("{}: {:?}: {}", finding.name, finding.state, finding.text))
            .collect();
        assert_eq!(
            texts,
            [
                "accuracy: Failed: worse: 3.00 points worse than the baseline's 97.00 % (a drop of 2.10 points to 3.90 \
                 points by 95 % bounds over all looks, tolerance 2.00 points, 3 seeds)",
                "baseline's network: latency: Passed: 50.00 ns, as recorded",
                "baseline's network: energy: Failed: 60.00 nJ, worse than the recorded 50.00 nJ",
                "--fail-under accuracy: Passed: mean 97.00 %, at least 90.00 %",
            ]
        );
    }

    #[test]
    fn costs_far_above_the_baselines_warn_unless_they_are_bound() {
        let mut check = check(Verdict::Fine, false);
        let warned = |check: &CheckResult| {
            let findings = check.findings().into_iter().filter(|one| one.name == "cost: energy");
            findings.map(|one| (one.state, one.text)).collect::<Vec<_>>()
        };
        assert_eq!(warned(&check), [], "as before");
        for seed in &mut check.seeds {
            seed.costs.insert("energy".to_owned(), 2e-6);
        }
        let text = "mean 2.000 uJ, 40.00 times the baseline's 50.00 nJ: not judged; --fail-over energy=7.500e-8 would \
                    fail";
        assert_eq!(warned(&check), [(FindingState::Warned, text.to_owned())]);
        check.limits.push(Limit::parse("energy=1", true).unwrap());
        assert_eq!(warned(&check), [], "a bound judges it");
    }

    #[test]
    fn undecided_fails_only_if_strict_and_a_worse_cost_always() {
        let state = |strict| check(Verdict::Undecided, strict).findings()[0].state;
        assert_eq!([state(false), state(true)], [FindingState::Warned, FindingState::Failed]);
        let mut check = check(Verdict::Fine, false);
        assert!(!check.passed);
        check.saved_network.pop();
        check.end();
        assert!(check.passed);
    }
}
