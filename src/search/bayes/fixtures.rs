//! What tests of the search have in common.

use crate::space::Space;

/// A space of one number from 0 to 1.
pub(super) fn line() -> Space {
    let text = r#"{"name": "line", "parameters": {"x": {"type": "float", "low": 0, "high": 1}}}"#;
    Space::from_json(text, "line.json").expect("the text is a space")
}
