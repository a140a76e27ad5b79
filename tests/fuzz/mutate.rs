//! Mutations of bytes, each a function of a stream of random numbers.

use rand::RngExt;
use spiketune::seed::Stream;

/// Most bytes of an input.
pub const MOST: usize = 1 << 20;

/// Numbers at the edges of types, as text.
pub const NUMBERS: [&str; 18] = [
    "0",
    "-1",
    "1",
    "255",
    "256",
    "65536",
    "2147483647",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "-9223372036854775808",
    "1e400",
    "1e-400",
    "NaN",
    "-Infinity",
    "0.1",
];

/// Numbers at the edges of types, as bits.
const WORDS: [u64; 12] =
    [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 32, 1 << 53, i64::MAX as u64, u64::MAX];

/// One of `choices`.
pub fn choose<T: Copy>(choices: &[T], stream: &mut Stream) -> T {
    choices[stream.random_range(0..choices.len())]
}

/// `input` after up to four mutations; `other` is another seed, to splice with.
pub fn mutated(mut input: Vec<u8>, other: &[u8], stream: &mut Stream) -> Vec<u8> {
    let changes = 1 + stream.random_range(0..4);
    for _ in 0..changes {
        mutate(&mut input, other, stream);
        input.truncate(MOST);
    }
    input
}

fn mutate(input: &mut Vec<u8>, other: &[u8], stream: &mut Stream) {
    if input.is_empty() {
        return input.extend_from_slice(other);
    }
    let at = stream.random_range(0..input.len());
    let most = (input.len() - at).min(1 << stream.random_range(0..12));
    let length = 1 + stream.random_range(0..most);
    match stream.random_range(0..10) {
        0 => input[at] ^= 1 << stream.random_range(0..8),
        1 => input[at] = stream.random(),
        2 => input.truncate(at),
        3 => drop(input.drain(at..at + length)),
        4 => {
            let bytes: Vec<u8> = (0..length).map(|_| stream.random()).collect();
            drop(input.splice(at..at, bytes));
        }
        5 => {
            let part = input[at..at + length].to_vec();
            drop(input.splice(at..at, part));
        }
        6 => {
            let from = stream.random_range(0..=other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        7 => word(&mut input[at..], stream),
        8 => number(input, at, stream),
        _ => input[at..at + length].fill(choose(&[0, 0x20, 0x2c, 0xff], stream)),
    }
}

/// Writes a number over the first bytes.
fn word(bytes: &mut [u8], stream: &mut Stream) {
    let word = choose(&WORDS, stream);
    let size = choose(&[1, 2, 4, 8], stream).min(bytes.len());
    match stream.random::<bool>() {
        true => bytes[..size].copy_from_slice(&word.to_le_bytes()[..size]),
        false => bytes[..size].copy_from_slice(&word.to_be_bytes()[8 - size..]),
    }
}

/// Replaces the next number in a text.
fn number(input: &mut Vec<u8>, at: usize, stream: &mut Stream) {
    let Some(from) = input[at..].iter().position(u8::is_ascii_digit).map(|found| at + found) else { return };
    let is_part = |byte: &u8| byte.is_ascii_digit() || b".eE+-".contains(byte);
    let to = input[from..].iter().position(|byte| !is_part(byte)).map_or(input.len(), |found| from + found);
    drop(input.splice(from..to, choose(&NUMBERS, stream).bytes()));
}
