//! The checksum in the file of a network: SHA-256 of its bytes, where 64 zeros stand for the checksum.

use sha2::{Digest, Sha256};

/// The name of the checksum in the metadata.
pub(super) const NAME: &str = "sha256";

/// What stands for the checksum while it is computed.
pub(super) const PLACE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// `file` with its checksum in place of the zeros.
pub(super) fn filled(mut file: Vec<u8>) -> Vec<u8> {
    let at = place(&file, PLACE).expect("the file was written with the zeros");
    let sum = sum(&file);
    file[at..at + sum.len()].copy_from_slice(sum.as_bytes());
    file
}

/// Whether `named`, the checksum that `file` names, is that of its content.
pub(super) fn is_of(file: &[u8], named: &str) -> bool {
    let Some(at) = place(file, named).filter(|_| named.len() == PLACE.len()) else { return false };
    let mut zeroed = file.to_vec();
    zeroed[at..at + PLACE.len()].copy_from_slice(PLACE.as_bytes());
    sum(&zeroed) == named
}

/// Where the checksum begins. Inside of other texts of the header a quote has a backslash before it, so
/// the name with its quotes stands there once.
fn place(file: &[u8], value: &str) -> Option<usize> {
    let text = format!("\"{NAME}\":\"{value}\"");
    let is_here = |at: usize, bytes: &[u8]| bytes == text.as_bytes() && at > 0 && file[at - 1] != b'\\';
    let (found, _) = file.windows(text.len()).enumerate().find(|&(at, bytes)| is_here(at, bytes))?;
    Some(found + text.len() - 1 - value.len())
}

/// SHA-256 in hexadecimal digits.
fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
