//! A check as OpenMetrics text. GitLab compares it as strings, so every number has fixed decimals.

use super::result::CheckResult;

/// Costs in units in which their numbers are near 1: name, ending of the name, factor.
const SCALED: [(&str, &str, f64); 2] = [("energy", "_nanojoules", 1e9), ("latency", "_microseconds", 1e6)];

/// Below this, a number has fixed significant digits in place of fixed decimals.
const SMALL: f64 = 1e-3;

impl CheckResult {
    /// The check as OpenMetrics text.
    pub fn openmetrics(&self) -> String {
        let mut lines = Vec::new();
        let values = self.values();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        if mean.is_finite() {
            lines.push(self.sample("", &self.metric.name, mean));
        }
        lines.extend(self.drop.map(|drop| self.sample("drop_", &self.metric.name, drop.mean)));
        lines.extend(self.mean_costs().iter().map(|(name, &mean)| self.sample("mean_", name, mean)));
        let saved =
            self.saved_network.iter().filter_map(|one| Some(self.sample("saved_", &one.name, one.now?)));
        lines.extend(saved);
        lines.push(gauge("tune_check_seeds", &self.seeds.len().to_string()));
        lines.push(gauge("tune_check_passed", if self.passed { "1" } else { "0" }));
        lines.concat() + "# EOF\n"
    }

    fn sample(&self, kind: &str, name: &str, value: f64) -> String {
        let scaled = SCALED.iter().find(|(known, ..)| self.of_networks && *known == name);
        let (ending, factor) = scaled.map_or(("", 1.0), |&(_, ending, factor)| (ending, factor));
        let word: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        // The names of the counts below are taken.
        let own = if ["seeds", "passed"].contains(&word.as_str()) { "metric_" } else { "" };
        gauge(&format!("tune_check_{kind}{own}{word}{ending}"), &number(value * factor))
    }
}

fn gauge(name: &str, value: &str) -> String {
    format!("# TYPE {name} gauge\n{name} {value}\n")
}

fn number(value: f64) -> String {
    if value == 0.0 || value.abs() >= SMALL { format!("{value:.6}") } else { format!("{value:.5e}") }
}

#[cfg(test)]
mod tests {
    use super::super::findings::tests::check;
    use super::*;
    use crate::study::Verdict;

    #[test]
    fn numbers_have_fixed_decimals_and_the_text_ends() {
        let expected = "\
# TYPE tune_check_accuracy gauge
tune_check_accuracy 0.970000
# TYPE tune_check_drop_accuracy gauge
tune_check_drop_accuracy 0.030000
# TYPE tune_check_mean_energy_nanojoules gauge
tune_check_mean_energy_nanojoules 50.000000
# TYPE tune_check_saved_latency_microseconds gauge
tune_check_saved_latency_microseconds 0.050000
# TYPE tune_check_saved_energy_nanojoules gauge
tune_check_saved_energy_nanojoules 60.000000
# TYPE tune_check_seeds gauge
tune_check_seeds 3
# TYPE tune_check_passed gauge
tune_check_passed 0
# EOF
";
        assert_eq!(check(Verdict::Worse, false).openmetrics(), expected);
        let mut counted = check(Verdict::Worse, false);
        counted.metric.name = "seeds".into();
        assert!(counted.openmetrics().starts_with("# TYPE tune_check_metric_seeds gauge\n"));
        assert_eq!(
            [0.0, 0.5, 1.25e-9, -2.0].map(number),
            ["0.000000", "0.500000", "1.25000e-9", "-2.000000"]
        );
    }
}
