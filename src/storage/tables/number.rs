//! Numbers that may be infinite or NaN, as the schema stores them: a value and its type.

/// The stored value and type of `x`. SQLite cannot store NaN, so a number that is not finite is
/// stored as a type without a value.
pub(in super::super) fn spell(x: f64) -> (Option<f64>, &'static str) {
    match x {
        x if x.is_finite() => (Some(x), "FINITE"),
        f64::INFINITY => (None, "INF_POS"),
        f64::NEG_INFINITY => (None, "INF_NEG"),
        _ => (None, "NAN"),
    }
}

/// The number that a stored value and type stand for; `None` if the two do not fit together.
pub(in super::super) fn read(value: Option<f64>, kind: &str) -> Option<f64> {
    match (kind, value) {
        ("FINITE", Some(x)) => Some(x),
        ("INF_POS", _) => Some(f64::INFINITY),
        ("INF_NEG", _) => Some(f64::NEG_INFINITY),
        ("NAN", _) => Some(f64::NAN),
        _ => None,
    }
}

/// A list of numbers as Python writes it in JSON, with words for the infinities and NaN.
pub(in super::super) fn spell_list(numbers: &[f64]) -> String {
    let word = |&x: &f64| match x {
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        x if x.is_nan() => "NaN".to_owned(),
        x => format!("{x:?}"),
    };
    format!("[{}]", numbers.iter().map(word).collect::<Vec<_>>().join(", "))
}

/// Reads the numbers of a list as [`spell_list`] writes it. A number without brackets is a list of
/// one. Python's comparisons are 1 or 0.
pub(in super::super) fn read_list(text: &str) -> Option<Vec<f64>> {
    let text = text.trim();
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text).trim();
    if inner.is_empty() {
        return Some(Vec::new());
    }
    let read = |word: &str| match word.trim() {
        "true" => Some(1.0),
        "false" => Some(0.0),
        number => number.parse().ok(),
    };
    inner.split(',').map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::num::f64::ANY;
    use proptest::prelude::*;

    #[test]
    fn a_finite_type_without_a_value_and_an_unknown_type_are_no_numbers() {
        assert_eq!(read(None, "FINITE"), None);
        assert_eq!(read(Some(1.0), "finite"), None);
    }

    #[test]
    fn a_list_is_read_as_python_writes_it() {
        // python3 -c "import json; print(json.dumps([-5.0, 1e-07, 1e+22, float('inf'),
        // -float('inf'), 3]))"
        let list = read_list("[-5.0, 1e-07, 1e+22, Infinity, -Infinity, 3]");
        assert_eq!(list, Some(vec![-5.0, 1e-7, 1e22, f64::INFINITY, f64::NEG_INFINITY, 3.0]));
        assert_eq!(read_list("0.5"), Some(vec![0.5]));
        assert_eq!(read_list("[]"), Some(vec![]));
        assert_eq!(read_list("[true, 0.5, false]"), Some(vec![1.0, 0.5, 0.0]));
        assert_eq!(read_list("[one]"), None);
    }

    proptest! {
        #[test]
        fn every_number_reads_back_alone_and_in_a_list(x in ANY, y in ANY) {
            let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
            let (value, kind) = spell(x);
            prop_assert!(same(read(value, kind).expect("our own spelling"), x));
            let list = read_list(&spell_list(&[x, y])).expect("our own spelling");
            prop_assert!(same(list[0], x) && same(list[1], y) && list.len() == 2);
        }
    }
}
