//! Checksums by which a study recognizes its inputs.

use sha2::{Digest, Sha256};

use crate::space::Space;

/// The SHA-256 of `bytes`, in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of a space as a command or a script searches it.
pub(crate) fn of_space(space: &Space) -> String {
    sha256(space.to_json().to_string().as_bytes())
}
