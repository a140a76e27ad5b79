//! Reads input by people: strict JSON, with the place of a mistake and the nearest known name to a
//! typo.
//!
//! An error names the file, the path of the key, the value and the rule in one line:
//! `spaces/my.json: parameters.lr: unknown key "lo"; did you mean "low"?`

use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

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
    /// A mistake at the key `path` of `file`. An empty path means the file as a whole.
    pub fn new(file: &str, path: &str, problem: impl Into<String>) -> Self {
        let place = if path.is_empty() { String::new() } else { format!("{path}: ") };
        Self { file: file.to_owned(), place, problem: problem.into() }
    }
}

/// Reads the JSON `text` as a `T`. `file` is the name of the text in errors.
///
/// `T` should deny unknown fields. The error of an unknown field then suggests the nearest known
/// one.
///
/// # Errors
/// The text is not JSON, an object has a key twice, or the text is not a `T`.
pub fn from_json<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, InputError> {
    from_value(parse(text, file)?, file, "")
}

/// Parses the JSON `text`. `file` is the name of the text in errors.
///
/// If an object has a key twice, most parsers silently keep the last value. Here that is an error,
/// since either value may be the one that was meant.
///
/// # Errors
/// The text is not JSON, or an object has a key twice.
///
/// ```
/// use spiketune::input::parse;
///
/// let message = parse(r#"{"x": {"low": 1, "low": 2}}"#, "s.json").expect_err("twice").to_string();
/// assert_eq!(message, r#"s.json: x: key "low" is there twice (line 1 column 22): drop one"#);
/// ```
pub fn parse(text: &str, file: &str) -> Result<Json, InputError> {
    let not_json = |error: &dyn fmt::Display| InputError::new(file, "", format!("not JSON: {error}"));
    let mut reader = serde_json::Deserializer::from_str(text);
    let OneOfEachKey(value) = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        match error.into_inner() {
            // The only rule here that goes beyond those of JSON.
            twice if twice.is_data() => InputError::new(file, path.trim_matches('.'), with_place(&twice)),
            broken => not_json(&broken),
        }
    })?;
    reader.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

/// The text of an error with the line and column in brackets, then the way out.
fn with_place(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let problem = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    format!("{problem} (line {line} column {column}): drop one")
}

/// JSON in which no object has a key twice.
struct OneOfEachKey(Json);

impl<'de> serde::Deserialize<'de> for OneOfEachKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor).map(Self)
    }
}

/// Builds the same values as `serde_json` does.
struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Json, E> {
        Ok(truth.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(OneOfEachKey(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("key \"{}\" is there twice", shortened(&key))));
            }
            let OneOfEachKey(value) = entries.next_value()?;
            object.insert(key, value);
        }
        Ok(object.into())
    }
}

/// Most characters of a text of unknown length that an error shows.
const SHOWN: usize = 100;

/// `text`; if it is longer than 100 characters, cut there, with `...` at the end.
///
/// ```
/// use spiketune::input::shortened;
///
/// assert_eq!(shortened("short"), "short");
/// assert_eq!(shortened(&"x".repeat(1000)).chars().count(), 103);
/// ```
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
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
                // The path of an unknown key ends with the key itself, and the message names that
                // key already.
                let parent =
                    if what == "field" { inner.strip_suffix(unknown).unwrap_or(&inner) } else { &inner };
                InputError::new(file, &join(path, parent.trim_end_matches('.')), problem)
            }
            None => InputError::new(file, &join(path, &inner), in_words(without_middle(&message))),
        }
    })
}

/// `message` with what a number must be in words, where it ends with a type of Rust.
fn in_words(message: String) -> String {
    let Some((before, expected)) = message.rsplit_once("expected ") else { return message };
    let words = match expected {
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number from 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        _ => return message,
    };
    format!("{before}expected {words}")
}

/// `message` without its middle if it is long: it may quote a value of any length.
fn without_middle(message: &str) -> String {
    let (length, end) = (message.chars().count(), 60);
    if length <= SHOWN + end {
        return message.to_owned();
    }
    let tail: String = message.chars().skip(length - end).collect();
    format!("{}{tail}", shortened(message))
}

/// The candidate that `name` was probably meant to be; `None` if there is none. It begins with
/// `name`, or differs in at most a third of the letters (in one if there are few). Of several, the
/// nearest is taken. A `name` longer than people type has no candidate.
///
/// ```
/// use spiketune::input::nearest;
///
/// assert_eq!(nearest("minst", ["mnist", "iris"]), Some("mnist"));
/// assert_eq!(nearest("imagenet", ["mnist", "iris"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = name.to_lowercase();
    let letters = typed.chars().count();
    // Any two names of one letter differ by one.
    let farthest = if letters < 2 { 0 } else { letters.max(3) / 3 };
    // The time for the distance grows with the product of the lengths.
    let is_comparable = |candidate: &&str| letters <= SHOWN && candidate.len() <= 4 * SHOWN;
    candidates
        .into_iter()
        .filter(is_comparable)
        .map(|candidate| (strsim::osa_distance(&typed, &candidate.to_lowercase()), candidate))
        .filter(|&(distance, candidate)| distance <= farthest || candidate.starts_with(&typed))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// The text `; did you mean "NEAREST"?`, or the list of the candidates if none is near.
pub fn suggestion<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    /// The most candidates in the list.
    const LISTED: usize = 100;
    if let Some(candidate) = nearest(name, candidates.clone()) {
        return format!("; did you mean \"{candidate}\"?");
    }
    let mut left = candidates.into_iter();
    let listed: Vec<String> = left.by_ref().take(LISTED).map(shortened).collect();
    let more = match left.count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("; there are: {}{more}", listed.join(", "))
}

/// Reads serde's message "unknown field `x`, expected one of `a`, `b`". Returns (`field` or
/// `variant`, x, text of the mistake).
fn unknown_name(message: &str) -> Option<(&str, &str, String)> {
    let rest = message.strip_prefix("unknown ")?;
    let (what, rest) = rest.split_once(' ')?;
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    let known: Vec<&str> = quoted.collect();
    let noun = if what == "field" { "key" } else { "value" };
    let hint = suggestion(unknown, known.iter().copied());
    let problem = format!("unknown {noun} \"{}\"{hint}", shortened(unknown));
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

/// The longest name of a parameter, an attribute or a study, in characters: that of the columns in a database.
pub const LONGEST_NAME: usize = 512;

/// Why a database cannot keep the `name` of a parameter or an attribute; `None` if it can.
pub fn name_problem(name: &str) -> Option<String> {
    match name.chars().count() {
        _ if name.contains('\0') => {
            Some(format!("name \"{}\": must not contain the character \\0", name.escape_debug()))
        }
        length if length > LONGEST_NAME => {
            Some(format!("a name of {length} characters: must have at most {LONGEST_NAME}"))
        }
        _ => None,
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
        assert_eq!(message, r#"f.json: inner.low: invalid type: string "x", expected a number"#);
    }

    #[test]
    fn a_key_that_is_there_twice_is_named_with_its_path() {
        let message = problem(r#"{"inner": {"low": 1, "kind": "conv", "low": 2}}"#);
        assert_eq!(message, r#"f.json: inner: key "low" is there twice (line 1 column 42): drop one"#);
        assert!(problem(r#"{"inner": 1, "inner": 2}"#).starts_with(r#"f.json: key "inner" is there twice"#));
        // Escapes are another way to write the same key.
        assert!(problem(r#"{"inner": {"a": 1, "\u0061": 1}}"#).contains(r#"key "a" is there twice"#));
        let nested = parse(r#"[{"a": [{"b": 1}, {"b": null, "c": 0, "b": 2}]}]"#, "f").expect_err("twice");
        assert!(nested.to_string().starts_with(r#"f: [0].a[1]: key "b" is there twice"#), "{nested}");
    }

    #[test]
    fn json_is_parsed_as_serde_json_parses_it() {
        let text = r#"[null, true, -3, 18446744073709551615, 0.1, 1e300, -0.0, 123456789012345678901234567890,
            "a\u0000\n\ud83d\ude00", [], {}, {"a": {"b": [1]}, "": 2}]"#;
        assert_eq!(parse(text, "f"), Ok(serde_json::from_str::<Json>(text).expect("JSON")));
        for broken in ["", "{", "[1,]", "{} x", "1e400", "nul", "\u{feff}{}", &"[".repeat(10_000)] {
            assert!(
                parse(broken, "f").is_err_and(|error| error.problem.starts_with("not JSON: ")),
                "{broken}"
            );
        }
    }

    #[test]
    fn texts_of_any_length_are_answered_shortly() {
        let long = "x".repeat(1 << 20);
        let names: Vec<String> = (0..10_000).map(|index| format!("name {index}")).collect();
        let hint = suggestion(&long, names.iter().map(String::as_str).chain([long.as_str()]));
        assert!(hint.ends_with("name 99 and 9901 more"), "{hint}");
        let message = problem(&format!(r#"{{"inner": {{"{long}": 1}}}}"#));
        assert!(message.len() < 500, "{} bytes", message.len());
        let message = problem(&format!(r#"{{"inner": {{"low": "{long}", "kind": "conv"}}}}"#));
        assert!(message.len() < 500 && message.ends_with("expected a number"), "{message}");
    }

    #[test]
    fn broken_json_is_named_with_line_and_column() {
        assert!(problem("{").starts_with("f.json: not JSON: EOF while parsing an object at line 1 column 1"));
    }
}
