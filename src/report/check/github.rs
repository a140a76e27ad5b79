//! A check for GitHub Actions: annotations and a summary of the step, within GitHub's limits.

use super::findings::{Finding, FindingState};
use super::result::CheckResult;

/// Annotations of each kind that GitHub shows for a step; it drops the rest without a word.
const MOST_ANNOTATIONS: usize = 10;

/// The bytes of a step's summary that GitHub takes; beyond them it drops the whole summary.
const MOST_SUMMARY: u64 = 1024 * 1024;

/// The last line of a summary whose rows were left out.
const CUT: &str = "\nRows were left out: GitHub takes 1 MiB for each step.\n";

impl CheckResult {
    /// Annotations as GitHub Actions reads them in a step's output, one per line: errors and
    /// warnings, at most 10 of each.
    pub fn github_annotations(&self) -> Vec<String> {
        let findings = self.findings();
        let of = |state, kind| {
            let chosen: Vec<&Finding> = findings.iter().filter(|finding| finding.state == state).collect();
            let more = chosen.len().saturating_sub(MOST_ANNOTATIONS);
            let shown = if more > 0 { MOST_ANNOTATIONS - 1 } else { chosen.len() };
            let rest = (more > 0).then(|| format!("::{kind} title=tune check::and {} more", more + 1));
            let lines = chosen.into_iter().take(shown).map(move |finding| annotation(kind, finding));
            lines.chain(rest).collect::<Vec<_>>()
        };
        [of(FindingState::Failed, "error"), of(FindingState::Warned, "warning")].concat()
    }

    /// The summary of the step in Markdown; `written` bytes of the step's summary are there already.
    /// Empty if nothing more fits.
    pub fn github_summary(&self, written: u64) -> String {
        let head = format!("### tune check: {}\n\n| | finding | |\n|---|---|---|\n", cell(&self.summary()));
        let row = |finding: &Finding| {
            let mark = match finding.state {
                FindingState::Passed => "ok",
                FindingState::Warned => "warning",
                FindingState::Failed => "**failed**",
            };
            format!("| {mark} | {} | {} |\n", cell(&finding.name), cell(&finding.text))
        };
        let rows: Vec<String> = self.findings().iter().map(row).collect();
        fitting(head, &rows, MOST_SUMMARY.saturating_sub(written) as usize)
    }
}

/// `head` and as many of `rows` as fit into `most` bytes.
fn fitting(head: String, rows: &[String], most: usize) -> String {
    let whole = head.len() + rows.iter().map(String::len).sum::<usize>() + 1;
    if whole <= most {
        return head + &rows.concat() + "\n";
    }
    if head.len() + CUT.len() > most {
        return String::new();
    }
    let mut text = head;
    for row in rows {
        if text.len() + row.len() + CUT.len() > most {
            break;
        }
        text += row;
    }
    text + CUT
}

/// Text within a cell of a table in Markdown.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\r', '\n'], " ").replace('<', "&lt;")
}

fn annotation(kind: &str, finding: &Finding) -> String {
    let title = property(&format!("tune check: {}", finding.name));
    format!("::{kind} title={title}::{}", data(&finding.text))
}

/// The text of an annotation, as GitHub's own toolkit escapes it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of an annotation, as GitHub's own toolkit escapes it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::findings::tests::check;
    use super::*;
    use crate::study::Verdict;

    #[test]
    fn annotations_are_escaped_and_at_most_ten_of_a_kind() {
        let mut check = check(Verdict::Undecided, false);
        let lines = check.github_annotations();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            lines[0],
            "::error title=tune check%3A baseline's network%3A energy::60.00 nJ, worse than the recorded 50.00 nJ"
        );
        assert!(lines[1].starts_with("::warning title=tune check%3A accuracy::undecided: 3.00 points"));
        assert!(lines[1].contains("97.00 %25"));
        check.saved_network = vec![check.saved_network[1].clone(); 12];
        let errors: Vec<String> =
            check.github_annotations().into_iter().filter(|line| line.starts_with("::error")).collect();
        assert_eq!((errors.len(), errors[9].as_str()), (10, "::error title=tune check::and 3 more"));
    }

    #[test]
    fn a_summary_never_exceeds_what_github_takes() {
        let check = check(Verdict::Worse, false);
        let whole = check.github_summary(0);
        assert!(whole.contains("| **failed** | accuracy | worse: "), "{whole}");
        for room in [0, 50, 200, 400, 600, 2000] {
            let text = check.github_summary(MOST_SUMMARY - room);
            assert!(text.len() as u64 <= room, "{} of {room}", text.len());
        }
        assert!(check.github_summary(MOST_SUMMARY - 400).ends_with(CUT));
        assert_eq!(check.github_summary(2 * MOST_SUMMARY), "");
    }
}
