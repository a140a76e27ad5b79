//! A check as JUnit XML, which GitLab, Jenkins, Azure and Buildkite read: one test case per finding.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::findings::{Finding, FindingState};
use super::result::CheckResult;

impl CheckResult {
    /// The check as JUnit XML. An undecided verdict is a skipped test case, unless it fails.
    pub fn junit(&self) -> String {
        let mut suite = TestSuite::new(self.study.as_str());
        suite.add_test_cases(self.findings().iter().map(test_case));
        let mut report = Report::new("tune check");
        report.add_test_suite(suite);
        report.to_string().expect("text is written to memory")
    }
}

fn test_case(finding: &Finding) -> TestCase {
    let mut status = match finding.state {
        FindingState::Passed => TestCaseStatus::success(),
        FindingState::Warned => TestCaseStatus::skipped(),
        FindingState::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    if finding.state != FindingState::Passed {
        status.set_message(finding.text.as_str());
    }
    let mut case = TestCase::new(finding.name.as_str(), status);
    case.set_classname("tune check").set_system_out(finding.text.as_str());
    case
}

#[cfg(test)]
mod tests {
    use super::super::findings::tests::check;
    use crate::study::Verdict;

    #[test]
    fn each_finding_is_a_test_case() {
        let xml = check(Verdict::Undecided, false).junit();
        assert!(xml.contains(r#"tests="4" skipped="1" errors="0" failures="1""#), "{xml}");
        assert!(
            xml.contains(r#"<testcase name="baseline&apos;s network: energy" classname="tune check">"#),
            "{xml}"
        );
        let strict = check(Verdict::Undecided, true).junit();
        assert!(strict.contains(r#"failures="2""#), "{strict}");
    }
}
