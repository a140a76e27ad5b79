//! Numbers with a range, as the parser of arguments reads them.

/// Reads a number between 0 and 1, both excluded.
pub(crate) fn open_share(text: &str) -> Result<f64, String> {
    number_in(text, "between 0 and 1", |x| x > 0.0 && x < 1.0)
}

/// Reads a number from 0 to 1, both included.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    number_in(text, "from 0 to 1", |x| (0.0..=1.0).contains(&x))
}

/// Reads a finite number above 0.
pub(crate) fn above_zero(text: &str) -> Result<f64, String> {
    number_in(text, "above 0", |x| x > 0.0 && x.is_finite())
}

fn number_in(text: &str, rule: &str, is_in: impl Fn(f64) -> bool) -> Result<f64, String> {
    text.parse().ok().filter(|&x| is_in(x)).ok_or_else(|| format!("must be a number {rule}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_range_belong_to_it_only_where_that_is_said() {
        assert_eq!((open_share("0.5"), share("1"), share("0")), (Ok(0.5), Ok(1.0), Ok(0.0)));
        assert_eq!(open_share("1"), Err("must be a number between 0 and 1".to_owned()));
        for wrong in ["NaN", "-0.1", "1.1", "x", ""] {
            assert_eq!(share(wrong), Err("must be a number from 0 to 1".to_owned()), "{wrong}");
        }
    }
}
