//! A check as text, for a person at a terminal.

use super::baseline::Baseline;
use super::findings::{Finding, FindingState};
use super::result::CheckResult;
use super::scale::{Scale, cost};
use super::seeds::SeedResult;

impl CheckResult {
    /// What the check can see, in lines that are shown before it begins.
    pub fn plan_text(&self) -> String {
        let shown = |value: f64| self.scale.difference(value);
        let name = &self.metric.name;
        let looks: Vec<String> = self.looks.iter().map(usize::to_string).collect();
        let mut text = format!(
            "baseline: {name} {}\ntolerance: {}; looks after {} seeds\nthis check sees drops of {} or more",
            self.scale.spread(&self.baseline),
            self.tolerance_text(),
            looks.join(", "),
            shown(self.smallest_drop),
        );
        if self.smallest_tolerance > self.tolerance {
            text += &format!(
                "\nwarning: the tolerance is small for the spread of the seeds, so the check often stays undecided: \
                 take at least {}, or more seeds (--max-seeds, and --record with --seeds)",
                shown(self.smallest_tolerance)
            );
        }
        text + "\n"
    }

    fn tolerance_text(&self) -> String {
        let shown = self.scale.difference(self.tolerance);
        match self.baseline.sd > 0.0 {
            true => format!("{shown} ({:.1} sd)", self.tolerance / self.baseline.sd),
            false => format!("{shown} (the baseline's seeds do not differ)"),
        }
    }

    /// The result: a line for each finding, then the means of the costs, then the verdict.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for finding in self.findings() {
            let mark = match finding.state {
                FindingState::Passed => "ok  ",
                FindingState::Warned => "warn",
                FindingState::Failed => "FAIL",
            };
            text += &format!("{mark}  {}: {}\n", finding.name, finding.text);
        }
        let costs: Vec<String> = self
            .mean_costs()
            .iter()
            .map(|(name, &mean)| format!("{name} {}", cost(name, mean, true)))
            .collect();
        if !costs.is_empty() {
            text += &format!("means over the new seeds, not judged: {}\n", costs.join(", "));
        }
        text + &format!("{}\n", self.summary())
    }

    /// The verdict on everything, in one line.
    pub fn summary(&self) -> String {
        let word = if self.passed { "passed" } else { "failed" };
        let (study, verdict, seeds) = (&self.study, self.verdict_word(), self.seeds.len());
        let name = &self.metric.name;
        let judged = |finding: &Finding| finding.state == FindingState::Failed && finding.name != *name;
        let failed: Vec<String> = self.findings().into_iter().filter(judged).map(|one| one.name).collect();
        let others = if failed.is_empty() { String::new() } else { format!("{}; ", failed.join(", ")) };
        format!(
            "check of {study} {word}: {others}{name} {verdict} after {seeds} seeds ({:.0} s)",
            self.seconds
        )
    }
}

impl SeedResult {
    /// The values of the seed, in one line.
    pub fn text(&self, scale: Scale) -> String {
        let value = self.values.first().map_or("nothing".to_owned(), |&value| scale.value(value));
        format!("seed {}: {value}", self.seed)
    }
}

impl Baseline {
    /// The baseline in a few lines.
    pub fn text(&self) -> String {
        let metric = self.metric();
        let scale = Scale::of(metric, self.is_of_networks());
        let mut text =
            format!("baseline of {}: {} {}\n", self.study, metric.name, scale.spread(&self.spread()));
        if let Some(model) = &self.model {
            let costs: Vec<String> = model
                .costs
                .iter()
                .map(|(name, &value)| format!("{name} {}", cost(name, value, true)))
                .collect();
            text += &format!("saved network: {}, seed {}: {}\n", model.file, model.seed, costs.join(", "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::findings::tests::check;
    use crate::study::Verdict;

    #[test]
    fn the_plan_says_what_can_be_seen_and_warns_of_a_small_tolerance() {
        let mut check = check(Verdict::Fine, false);
        check.smallest_tolerance = 0.015;
        check.smallest_drop = 0.035;
        assert_eq!(
            check.plan_text(),
            "baseline: accuracy 97.00 % (sd 1.00 points, 3 seeds)\ntolerance: 2.00 points (2.0 sd); looks after 3, 5, 8, \
             12 seeds\nthis check sees drops of 3.50 points or more\n"
        );
        check.smallest_tolerance = 0.03;
        assert!(
            check.plan_text().contains("warning: ") && check.plan_text().contains("at least 3.00 points")
        );
    }

    #[test]
    fn the_last_line_is_the_verdict() {
        let text = check(Verdict::Worse, false).text();
        assert!(text.starts_with("FAIL  accuracy: worse: "), "{text}");
        assert!(
            text.ends_with(
                "check of digits failed: baseline's network: energy; accuracy worse after 3 seeds (0 s)\n"
            ),
            "{text}"
        );
    }
}
