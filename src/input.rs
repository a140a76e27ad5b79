//! Input files: strict reading of JSON, and the nearest known name to a typo.
//!
//! An error names the file, the path of the key, the value and the rule in one line:
//! `spaces/my.json: parameters.lr: unknown key "lo"; did you mean "low"?`

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

/// A mistake in an input file.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{file}: {place}{problem}")]
pub struct InputError {
    /// The name of the file.
    pub file: String,
    /// The path of the key with `: ` after it; empty for the file as a whole.
    pub place: String,
    /// The value, the rule that it breaks, and the way out.
    pub problem: String,
}

impl InputError {
    /// A mistake at the key `path` of `file`; an empty path means the file as a whole.
    pub fn new(file: &str, path: &str, problem: impl Into<String>) -> Self {
        let place = if path.is_empty() { String::new() } else { format!("{path}: ") };
        Self { file: file.to_owned(), place, problem: problem.into() }
    }
}

/// Reads JSON `text` as a `T`; `file` is its name in errors.
///
/// `T` should deny unknown fields; the error then suggests the nearest known one.
///
/// # Errors
/// The text is not JSON, or not a `T`.
pub fn from_json<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, InputError> {
    let value: Json = serde_json::from_str(text)
        .map_err(|error| InputError::new(file, "", format!("not JSON: {error}")))?;
    from_value(value, file, "")
}

/// Reads the part of a JSON file at `path` as a `T`; see [`from_json`].
///
/// # Errors
/// The value is not a `T`.
pub fn from_value<T: DeserializeOwned>(value: Json, file: &str, path: &str) -> Result<T, InputError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let inner = error.path().to_string();
        let message = error.into_inner().to_string();
        match unknown_name(&message) {
            Some((what, unknown, problem)) => {
                // The path of an unknown key ends with the key itself, which the problem names
                // already.
                let parent =
                    if what == "field" { inner.strip_suffix(unknown).unwrap_or(&inner) } else { &inner };
                InputError::new(file, &join(path, parent.trim_end_matches('.')), problem)
            }
            None => InputError::new(file, &join(path, &inner), message),
        }
    })
}

/// The candidate that `name` was probably meant to be: it begins with `name`, or differs in at most
/// a third of the letters (one if there are few). The nearest of several; `None` if there is none.
///
/// ```
/// use spiketune::input::nearest;
///
/// assert_eq!(nearest("minst", ["mnist", "iris"]), Some("mnist"));
/// assert_eq!(nearest("imagenet", ["mnist", "iris"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = name.to_lowercase();
    let farthest = typed.chars().count().max(3) / 3;
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&typed, &candidate.to_lowercase()), candidate))
        .filter(|&(distance, candidate)| distance <= farthest || candidate.starts_with(&typed))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// The text `; did you mean "NEAREST"?`, or the list of all candidates if none is near.
pub fn suggestion<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(name, candidates.clone()) {
        Some(candidate) => format!("; did you mean \"{candidate}\"?"),
        None => format!("; there are: {}", candidates.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

/// Parses serde's "unknown field `x`, expected one of `a`, `b`" to (field or variant, x, text of
/// the mistake).
fn unknown_name(message: &str) -> Option<(&str, &str, String)> {
    let rest = message.strip_prefix("unknown ")?;
    let (what, rest) = rest.split_once(' ')?;
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    let known: Vec<&str> = quoted.collect();
    let noun = if what == "field" { "key" } else { "value" };
    let problem = format!("unknown {noun} \"{unknown}\"{}", suggestion(unknown, known.iter().copied()));
    Some((what, unknown, problem))
}

/// The key path `path.inner`.
fn join(path: &str, inner: &str) -> String {
    match (path, inner) {
        (path, "" | ".") => path.to_owned(),
        ("", inner) => inner.to_owned(),
        (path, inner) => format!("{path}.{inner}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Outer {
        inner: Inner,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Inner {
        low: f64,
        kind: Kind,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Dense,
        Conv,
    }

    fn problem(text: &str) -> String {
        from_json::<Outer>(text, "f.json").expect_err("the text is wrong").to_string()
    }

    #[test]
    fn a_typo_in_a_key_is_named_with_its_path_and_the_key_that_was_meant() {
        let message = problem(r#"{"inner": {"lwo": 1, "kind": "dense"}}"#);
        assert_eq!(message, r#"f.json: inner: unknown key "lwo"; did you mean "low"?"#);
    }

    #[test]
    fn a_typo_in_a_value_is_named_with_its_path_and_the_value_that_was_meant() {
        let message = problem(r#"{"inner": {"low": 1, "kind": "danse"}}"#);
        assert_eq!(message, r#"f.json: inner.kind: unknown value "danse"; did you mean "dense"?"#);
    }

    #[test]
    fn a_wrong_type_is_named_with_its_path() {
        let message = problem(r#"{"inner": {"low": "x", "kind": "conv"}}"#);
        assert_eq!(message, r#"f.json: inner.low: invalid type: string "x", expected f64"#);
    }

    #[test]
    fn broken_json_is_named_with_line_and_column() {
        assert!(problem("{").starts_with("f.json: not JSON: EOF while parsing an object at line 1 column 1"));
    }
}
