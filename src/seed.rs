//! Random seeds: all random numbers come from streams, which follow by name from one root seed.
//!
//! A [`Seed`] is 32 bytes. A child seed is the SHA-256 of its parent and its name. So streams of
//! different names are independent, and no stream depends on the draws from another. Trial 17 draws
//! the same numbers whether trials 0 to 16 ran before it, beside it, or in an earlier process.

use rand::SeedableRng;
use sha2::{Digest, Sha256};

/// A stream of random numbers by the generator ChaCha8. It is the same on every platform.
pub type Stream = rand_chacha::ChaCha8Rng;

/// A seed in the tree of seeds: it gives child seeds and a stream of random numbers. All random
/// streams of this crate come from one.
///
/// ```
/// use rand::Rng;
/// use spiketune::seed::Seed;
///
/// let trial = Seed::root(7).child("trial").index(17);
/// assert_eq!(trial.stream().next_u64(), Seed::root(7).child("trial").index(17).stream().next_u64());
/// assert_ne!(trial.stream().next_u64(), Seed::root(7).child("trial").index(18).stream().next_u64());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The root seed of a study, from the number of `--seed`.
    pub fn root(seed: u64) -> Self {
        Self::hash(&[b"root", &seed.to_le_bytes()])
    }

    /// The child called `name`.
    pub fn child(&self, name: &str) -> Self {
        Self::hash(&[&self.0, b"child", name.as_bytes()])
    }

    /// The child with the index `n`, such as that of a trial, an epoch or a layer.
    pub fn index(&self, n: u64) -> Self {
        Self::hash(&[&self.0, b"index", &n.to_le_bytes()])
    }

    /// The stream of this seed, from its beginning.
    pub fn stream(&self) -> Stream {
        Stream::from_seed(self.0)
    }

    /// The first 64 bits, for interfaces that take a number.
    pub fn to_u64(&self) -> u64 {
        let (head, _) = self.0.split_first_chunk().expect("a seed has 32 bytes");
        u64::from_le_bytes(*head)
    }

    /// The seed as 64 hexadecimal digits, for another process that is to draw the same numbers.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The seed that [`to_hex`](Self::to_hex) wrote; `None` if `text` is something else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let byte = |index: usize| {
            let pair = std::str::from_utf8(digits.get(2 * index..2 * index + 2)?).ok()?;
            u8::from_str_radix(pair, 16).ok()
        };
        let bytes: Option<Vec<u8>> = (0..32).map(byte).collect();
        Some(Self(bytes?.try_into().ok()?)).filter(|_| digits.len() == 64)
    }

    fn hash(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_and_an_index_of_the_same_bytes_differ() {
        let root = Seed::root(0);
        let name = String::from_utf8(0u64.to_le_bytes().to_vec()).expect("zeros are text");
        assert_ne!(root.child(&name), root.index(0));
    }

    #[test]
    fn a_seed_survives_its_digits_and_others_are_none() {
        let seed = Seed::root(7).child("trial");
        assert_eq!(Seed::from_hex(&seed.to_hex()), Some(seed.clone()));
        assert_eq!(Seed::from_hex(&seed.to_hex()[1..]), None);
        assert_eq!(Seed::from_hex(&seed.to_hex().replace('0', "x")), None);
    }

    #[test]
    fn the_root_seed_never_changes() {
        // python3 -c "import hashlib;print(hashlib.sha256(b'root'+bytes(8)).digest()[:8].hex())"
        assert_eq!(Seed::root(0).to_u64().to_le_bytes(), [0x50, 0x2d, 0x25, 0xb0, 0x19, 0xb5, 0x80, 0x0e]);
    }
}
