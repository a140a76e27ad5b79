//! A cell of a table: a number, a missing value, a date or another text.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Texts that stand for a missing value in a column of numbers, in any case of letters.
const MISSING: [&str; 10] = ["", "?", "na", "n/a", "#n/a", "nan", "null", "none", "-", "."];

/// Texts that stand for a missing value in a column of texts: there, `none` may be a value.
const MISSING_TEXTS: [&str; 7] = ["", "?", "na", "n/a", "#n/a", "nan", "null"];

/// The character before the decimals of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecimalMark {
    /// A point: `1234.5`.
    #[default]
    Point,
    /// A comma: `1234,5`.
    Comma,
}

/// The error of a text that is no [`DecimalMark`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be . or ,")]
pub struct DecimalMarkError;

impl FromStr for DecimalMark {
    type Err = DecimalMarkError;

    /// Reads `.` or `,`.
    fn from_str(text: &str) -> Result<Self, DecimalMarkError> {
        match text {
            "." => Ok(Self::Point),
            "," => Ok(Self::Comma),
            _ => Err(DecimalMarkError),
        }
    }
}

impl DecimalMark {
    /// The characters that may stand between the thousands of a number beside this mark.
    fn separators(self) -> [char; 5] {
        let other = match self {
            Self::Point => ',',
            Self::Comma => '.',
        };
        [other, ' ', '\u{a0}', '\u{202f}', '\'']
    }

    /// The other mark.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Point => Self::Comma,
            Self::Comma => Self::Point,
        }
    }

    /// The number in `cell` without separators of thousands; infinite where it says so.
    pub(crate) fn number(self, cell: &str) -> Option<f64> {
        let number = match self {
            Self::Point => cell.parse().ok(),
            Self::Comma if cell.contains('.') => None,
            Self::Comma => cell.replacen(',', ".", 1).parse().ok(),
        };
        number.filter(|number: &f64| !number.is_nan())
    }

    /// The number in `cell`, whose thousands are separated by `separator`.
    pub(crate) fn separated(self, cell: &str, separator: char) -> Option<f64> {
        let mark = if self == Self::Point { '.' } else { ',' };
        let digits = cell.strip_prefix(['+', '-']).unwrap_or(cell);
        let whole = digits.split(mark).next().unwrap_or_default();
        let mut groups = whole.split(separator);
        let first = groups.next().unwrap_or_default();
        let is_group = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_first = matches!(first.len(), 1..=3) && is_group(first) && !first.starts_with('0');
        let are_grouped = groups.all(|group| group.len() == 3 && is_group(group));
        if !is_first || !are_grouped || digits[whole.len()..].contains(separator) {
            return None;
        }
        self.number(&cell.replace(separator, ""))
    }

    /// The number in `cell` and the separator of its thousands, if it has one.
    pub(crate) fn grouped(self, cell: &str) -> Option<(f64, char)> {
        let separator = self.separators().into_iter().find(|&separator| cell.contains(separator))?;
        self.separated(cell, separator).map(|number| (number, separator))
    }
}

/// Whether a cell of a column of numbers says that its value is missing.
pub(crate) fn is_missing_number(cell: &str) -> bool {
    MISSING.iter().any(|missing| cell.eq_ignore_ascii_case(missing))
}

/// Whether a cell of a column of texts says that its value is missing.
pub(crate) fn is_missing_text(cell: &str) -> bool {
    MISSING_TEXTS.iter().any(|missing| cell.eq_ignore_ascii_case(missing))
}

/// Whether `cell` is a date, a time, or both: `2024-05-31`, `31.5.2024 12:30`, `5/31/24`, `2024-05`,
/// `12:30:00`.
pub(crate) fn is_date(cell: &str) -> bool {
    let (day, time) = match cell.split_once(['T', ' ']) {
        Some((day, time)) => (day, Some(time)),
        None => (cell, None),
    };
    match time {
        None => is_day(day) || is_time(day),
        Some(time) => is_day(day) && is_time(time.trim()),
    }
}

fn is_day(text: &str) -> bool {
    let Some(mark) = text.chars().find(|c| matches!(c, '-' | '/' | '.')) else { return false };
    let parts: Vec<&str> = text.split(mark).collect();
    let are_numbers = parts.iter().all(|part| matches!(part.len(), 1 | 2 | 4) && is_whole(part));
    let years = parts.iter().filter(|part| part.len() == 4).count();
    match parts.len() {
        3 => are_numbers && years <= 1,
        2 => are_numbers && mark == '-' && parts[0].len() == 4 && parts[1].len() == 2,
        _ => false,
    }
}

fn is_time(text: &str) -> bool {
    let clock = text.split(['.', '+', 'Z', ' ']).next().unwrap_or_default();
    let parts: Vec<&str> = clock.split(':').collect();
    matches!(parts.len(), 2 | 3) && parts.iter().all(|part| matches!(part.len(), 1 | 2) && is_whole(part))
}

fn is_whole(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_decimal_mark_that_was_said() {
        use DecimalMark::{Comma, Point};
        assert_eq!(Point.number("-1.5e3"), Some(-1500.0));
        assert_eq!(Point.number("1,5"), None);
        assert_eq!(Comma.number("1,5"), Some(1.5));
        assert_eq!(Comma.number("1.5"), None);
        assert_eq!(Comma.number("7"), Some(7.0));
        assert_eq!(Point.number("nan"), None);
        assert_eq!(Point.number("inf"), Some(f64::INFINITY));
    }

    #[test]
    fn thousands_are_groups_of_three() {
        use DecimalMark::{Comma, Point};
        for (mark, cell, expected) in [
            (Point, "1,234", Some((1234.0, ','))),
            (Point, "-12,345,678.5", Some((-12_345_678.5, ','))),
            (Point, "1 234", Some((1234.0, ' '))),
            (Point, "1'234.25", Some((1234.25, '\''))),
            (Comma, "1.234,5", Some((1234.5, '.'))),
            (Comma, "1\u{202f}234,5", Some((1234.5, '\u{202f}'))),
            (Point, "0,500", None),
            (Point, "1,23", None),
            (Point, "1234,567", None),
            (Point, "1,234.5,6", None),
            (Point, "1,234,5", None),
            (Point, "12", None),
            (Point, "1,,234", None),
            (Point, ",123", None),
        ] {
            assert_eq!(mark.grouped(cell), expected, "{cell}");
        }
    }

    #[test]
    fn dates_and_times_are_told_from_ranges_and_numbers() {
        for cell in [
            "2024-05-31",
            "31.5.2024",
            "5/31/24",
            "2024-05",
            "12:30",
            "12:30:05",
            "2024-05-31T12:30:05Z",
            "2024-05-31 12:30",
            "2024-05-31 12:30:05.123",
        ] {
            assert!(is_date(cell), "{cell}");
        }
        for cell in
            ["30-39", "1.5", "1-2", "a-b-c", "1.2.3.4", "2024", "", "3:2:1:0", "10-19-x", "T", "x 12:30"]
        {
            assert!(!is_date(cell), "{cell}");
        }
    }

    #[test]
    fn missing_values_have_many_texts() {
        assert!(["", "?", "NA", "NaN", "null", "None", "-"].into_iter().all(is_missing_number));
        assert!(["", "?", "na"].into_iter().all(is_missing_text) && !is_missing_text("none"));
    }
}
