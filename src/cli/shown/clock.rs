//! Durations as people read them at a glance.

/// `seconds` in whole seconds with minutes, hours and days: `8 min 40 s`, `2 h 14 min 30 s`. The
/// seconds stay, so that a clock that runs is seen to run.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let (mut rest, mut parts) = (whole, Vec::new());
    for (length, unit) in units {
        let count = rest / length;
        rest %= length;
        if count > 0 || !parts.is_empty() || length == 1 {
            parts.push(format!("{count} {unit}"));
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_begin_with_their_largest_unit_and_end_with_seconds() {
        let shown = [0.4, 59.6, 520.0, 8070.0, 90_000.0, -3.0].map(duration);
        assert_eq!(shown, ["0 s", "1 min 0 s", "8 min 40 s", "2 h 14 min 30 s", "1 d 1 h 0 min 0 s", "0 s"]);
    }
}
