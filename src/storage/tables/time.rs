//! Dates as the database keeps them: in UTC, with microseconds; as text in SQLite.

use jiff::civil::DateTime;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::TimeZone;

use crate::study::Timestamp;

/// The current time.
pub(super) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}

/// `moment` in the form `2026-01-31 23:59:59.000001`.
pub(in super::super) fn spell(moment: Timestamp) -> String {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().separator(b' ').precision(Some(6));
    // Times of trials are within the years that the calendar knows.
    let moment = jiff::Timestamp::from_microsecond(moment.0).unwrap_or_default();
    PRINTER.datetime_to_string(&TimeZone::UTC.to_datetime(moment))
}

/// The date in `text`, cut to microseconds; `None` if it is not a date.
///
/// SQLAlchemy writes a space between date and time, and six digits of a second's fraction. As in
/// Optuna, a `T` instead, another number of digits, and a final `Z` are read too.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let moment: DateTime = text.trim_end_matches('Z').parse().ok()?;
    let moment = TimeZone::UTC.to_timestamp(moment).ok()?;
    Some(Timestamp(moment.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // python3 -c "from datetime import *; d=datetime(2026,1,31,23,59,59,1,timezone.utc)
    // print(int((d-datetime(1970,1,1,tzinfo=timezone.utc))/timedelta(microseconds=1)))"
    const MOMENT: Timestamp = Timestamp(1_769_903_999_000_001);

    #[test]
    fn a_moment_is_spelled_with_a_space_and_six_digits() {
        assert_eq!(spell(MOMENT), "2026-01-31 23:59:59.000001");
        assert_eq!(spell(Timestamp(MOMENT.0 - 1)), "2026-01-31 23:59:59.000000");
    }

    #[test]
    fn a_moment_is_read_as_any_writer_spells_it() {
        assert_eq!(read("2026-01-31 23:59:59.000001"), Some(MOMENT));
        assert_eq!(read("2026-01-31T23:59:59.000001999Z"), Some(MOMENT));
        assert_eq!(read("2026-01-31 23:59:59"), Some(Timestamp(MOMENT.0 - 1)));
        assert_eq!(read("yesterday"), None);
    }

    #[test]
    fn now_reads_back_as_now() {
        let before = jiff::Timestamp::now().as_microsecond();
        let read = read(&spell(now())).expect("our own spelling");
        assert!((before..=jiff::Timestamp::now().as_microsecond()).contains(&read.0));
    }
}
