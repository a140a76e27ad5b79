//! A report as Markdown. Names in the data come from anywhere, so what Markdown or HTML would take
//! for a mark is escaped.

use std::fmt::Write;

use super::document::Report;
use super::number::Interval;
use super::study::StudyReport;
use super::winner::Winner;
use crate::report::metric_text;
use crate::units::{digits, with_prefix};

/// The most rows of a table of trials or reasons.
const ROWS: usize = 10;

impl Report {
    /// The report as Markdown: summary, winner, confirmation, front, importance, failures and the
    /// best trials.
    pub fn to_markdown(&self) -> String {
        let studies: Vec<String> = self.studies.iter().map(study).collect();
        format!("{}\n{}\n", studies.join("\n"), escaped(&self.program))
    }
}

fn study(report: &StudyReport) -> String {
    let mut text = format!("# {}\n\n", escaped(&report.name));
    for remark in &report.remarks {
        let _ = writeln!(text, "- {}", escaped(remark));
    }
    let counts: Vec<String> = report.counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let mut rows = vec![vec!["trials".to_owned(), counts.join(", ")]];
    rows.extend(report.facts.iter().map(|fact| vec![fact.name.clone(), fact.value.clone()]));
    rows.extend(report.command.iter().map(|command| vec!["command".to_owned(), command.clone()]));
    text += &section("Study", &["", ""], &rows);
    if let Some(winner) = &report.winner {
        text += &of_winner(report, winner);
    }
    text += &confirmed(report);
    text += &importance(report);
    let reasons = report.failures.iter().take(ROWS);
    let reasons: Vec<Vec<String>> =
        reasons.map(|(reason, count)| vec![count.to_string(), reason.clone()]).collect();
    text += &section("Failures", &["trials", "reason"], &reasons);
    text += &best_trials(report);
    text
}

fn of_winner(report: &StudyReport, winner: &Winner) -> String {
    let metric = report.metrics.first().map_or("value", |metric| metric.name.as_str());
    let title = if winner.ended { "Winner" } else { "Best so far" };
    let mut rows = vec![vec!["trial".to_owned(), winner.trial.to_string()]];
    for (metric, value) in report.metrics.iter().zip(&winner.searched) {
        let value =
            value.map_or_else(|| number(None), |value| metric_text(&metric.name, value, report.of_networks));
        rows.push(vec![format!("{} in the search", metric.name), value]);
    }
    let over_seeds = [("validation", &winner.validation), ("test", &winner.test)];
    for (part, interval) in over_seeds {
        rows.extend(interval.as_ref().map(|interval| vec![format!("{metric}, {part}"), spread(interval)]));
    }
    if let Some(default) = &winner.default {
        let gain = default.gain.map_or(String::new(), |gain| format!(", gain {}", digits(gain)));
        rows.push(vec!["default trial".to_owned(), format!("{}{gain}", number(default.searched))]);
    }
    rows.extend(winner.costs.iter().map(|cost| vec![cost.name.clone(), cost.value.clone()]));
    let points: Vec<Vec<String>> =
        winner.hyperparameters.iter().map(|(name, value)| vec![name.to_owned(), value.to_string()]).collect();
    let layers = winner.layers.iter().enumerate().map(|(at, layer)| {
        let shares = [layer.firing, layer.dead, layer.always_on].map(number);
        [vec![(at + 1).to_string(), layer.kind.clone()], shares.to_vec()].concat()
    });
    let energy = winner.energy.iter().map(|part| vec![part.part.clone(), with_prefix(part.joules, "J")]);
    section(title, &["", ""], &rows)
        + &section("Hyperparameters", &["parameter", "value"], &points)
        + &section(
            "Layers",
            &["layer", "kind", "firing", "never fire", "always on"],
            &layers.collect::<Vec<_>>(),
        )
        + &section("Energy per inference", &["part", "energy"], &energy.collect::<Vec<_>>())
}

fn confirmed(report: &StudyReport) -> String {
    let names = report.metrics.iter().map(|metric| metric.name.as_str());
    let head: Vec<&str> = ["trial"].into_iter().chain(names).collect();
    let row = |one: &super::study::Confirmed| {
        let failed = one.values.iter().filter(|value| value.is_none()).count();
        let missing = match one.values.len() {
            0 => "no seed".to_owned(),
            seeds => format!("{failed} of {seeds} seeds failed"),
        };
        let mean = |at: usize| one.metrics.get(at).map_or(missing.clone(), spread);
        let stopped = if one.stopped { ", stopped" } else { "" };
        let means = (0..report.metrics.len()).map(mean);
        [format!("{}{stopped}", one.trial)].into_iter().chain(means).collect()
    };
    let rows: Vec<Vec<String>> = report.confirmed.iter().map(row).collect();
    let note = match report.confirmed.iter().any(|one| one.stopped) {
        true => "\nA stopped trial fell behind the winner and got fewer of the fresh seeds, or no seed.\n\n",
        false => "",
    };
    section("Confirmed with fresh seeds", &head, &rows) + note
}

fn importance(report: &StudyReport) -> String {
    let Some(shares) = &report.importance else { return String::new() };
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let mut rows: Vec<Vec<String>> = shares
        .parameters
        .iter()
        .map(|(name, alone, total)| vec![name.clone(), percent(*total), percent(*alone)])
        .collect();
    rows.extend(
        shares.pairs.iter().map(|(a, b, share)| vec![format!("{a} x {b}"), percent(*share), String::new()]),
    );
    let metric = report.metrics.first().map_or("value", |metric| metric.name.as_str());
    let note = report.importance_note.as_ref().map_or_else(String::new, |note| format!("\n{note}\n\n"));
    section(&format!("Importance for {metric}"), &["parameter", "share", "alone"], &rows) + &note
}

/// The best trials, or with several metrics those of the front.
fn best_trials(report: &StudyReport) -> String {
    let Some(direction) = report.metrics.first().map(|metric| metric.direction) else { return String::new() };
    let has_front = !report.front.is_empty();
    let is_shown = |trial: u32| !has_front || report.front.contains(&trial);
    let complete = report.trials.iter().filter(|row| !row.infeasible && is_shown(row.trial));
    let mut trials: Vec<_> =
        complete.filter_map(|row| Some((direction.loss(row.values.first().copied()??), row))).collect();
    trials.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let names = report.metrics.iter().map(|metric| metric.name.as_str());
    let head: Vec<&str> = ["trial"].into_iter().chain(names).collect();
    let rows = trials.iter().take(if has_front { usize::MAX } else { ROWS }).map(|(_, row)| {
        [row.trial.to_string()].into_iter().chain(row.values.iter().copied().map(number)).collect()
    });
    section(if has_front { "Front" } else { "Best trials" }, &head, &rows.collect::<Vec<_>>())
}

/// A heading and a table; nothing without rows.
fn section(title: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = format!("\n## {title}\n\n{}", line(head.iter().map(|cell| escaped(cell)).collect()));
    text += &line(vec!["---".to_owned(); head.len()]);
    text.extend(rows.iter().map(|row| line(row.iter().map(|cell| escaped(cell)).collect())));
    text
}

fn number(value: Option<f64>) -> String {
    value.map_or("none".to_owned(), digits)
}

/// A mean over seeds with its interval.
fn spread(interval: &Interval) -> String {
    let mean = format!("{} ± {}", digits(interval.mean), digits(interval.sd));
    match interval.interval {
        Some([low, high]) => {
            format!("{mean} (95 %: {} to {}, {} seeds)", digits(low), digits(high), interval.count)
        }
        None => format!("{mean} ({} seed)", interval.count),
    }
}

/// `text` in one line, with a backslash or an entity for every letter that could be a mark.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\n' | '\r' => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' => escaped.extend(['\\', letter]),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::Gathered;
    use crate::report::html::fixtures::study;

    #[test]
    fn names_that_look_like_marks_are_escaped() {
        let text = Report::new(vec![StudyReport::new(&study(40), &Gathered::default())]).to_markdown();
        assert!(text.starts_with("# &lt;script&gt;alert(1)&lt;/script&gt;\n"), "{text}");
        assert!(!text.contains("<script") && !text.contains("<img"));
        assert!(text.contains("| trials | 36 complete, 4 failed |"), "{text}");
        assert!(text.contains("| 4 | &lt;/script&gt;&lt;img src=x onerror=alert(2)&gt; |"));
        assert_eq!(escaped("a|b\n_c_"), "a\\|b \\_c\\_");
    }

    #[test]
    fn the_best_trials_come_first_and_every_row_has_all_cells() {
        let text = Report::new(vec![StudyReport::new(&study(40), &Gathered::default())]).to_markdown();
        let (_, best) = text.split_once("## Best trials\n\n").expect("a section");
        let lines: Vec<&str> = best.lines().take_while(|line| line.starts_with('|')).collect();
        assert_eq!((lines.len(), lines[0], lines[2]), (12, "| trial | loss |", "| 0 | 0 |"));
        assert!(lines.iter().all(|line| line.matches('|').count() == 3));
    }
}
