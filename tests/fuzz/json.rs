//! Mutations of JSON that leave it JSON, so that they reach beyond the parser.

use rand::RngExt;
use serde_json::Value as Json;
use spiketune::seed::Stream;

use crate::mutate::{MOST, NUMBERS, choose};

/// `text` with some of its values changed; `None` if it is no JSON, or becomes too long.
pub fn mutated(text: &[u8], stream: &mut Stream) -> Option<Vec<u8>> {
    let mut value: Json = serde_json::from_slice(text).ok()?;
    let changes = 1 + stream.random_range(0..3);
    for _ in 0..changes {
        change(&mut value, stream);
    }
    let mut text = value.to_string();
    if stream.random_bool(0.1) {
        text = with_a_number_replaced(&text, stream);
    }
    (text.len() <= MOST).then(|| text.into_bytes())
}

/// Changes one value, somewhere below `root`.
fn change(root: &mut Json, stream: &mut Stream) {
    let count = nodes(root);
    let other = take(root, &mut stream.random_range(0..count)).clone();
    let value = take(root, &mut stream.random_range(0..count));
    match stream.random_range(0..9) {
        0 => *value = Json::Null,
        1 => *value = serde_json::from_str(choose(&EXTREMES, stream)).expect("JSON"),
        2 => *value = other,
        3 => *value = Json::from(vec![value.clone()]),
        4 => *value = nested(stream.random_range(1..200)),
        5 => *value = Json::from("x".repeat(1 << stream.random_range(0..16))),
        6 => shorten(value, stream),
        7 => lengthen(value, stream),
        _ => *value = scaled(value, stream),
    }
}

const EXTREMES: [&str; 16] = [
    "0",
    "-0.0",
    "1",
    "-1",
    "2",
    "1e308",
    "-1e308",
    "5e-324",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "4294967295",
    "65536",
    "true",
    "\"\"",
    "{}",
];

fn nested(depth: usize) -> Json {
    (0..depth).fold(Json::Null, |inner, level| match level % 2 {
        0 => Json::from(vec![inner]),
        _ => serde_json::json!({"a": inner}),
    })
}

fn shorten(value: &mut Json, stream: &mut Stream) {
    match value {
        Json::Array(list) if !list.is_empty() => drop(list.remove(stream.random_range(0..list.len()))),
        Json::Object(map) if !map.is_empty() => {
            let key = map.keys().nth(stream.random_range(0..map.len())).cloned().expect("it is there");
            map.shift_remove(&key);
        }
        Json::String(text) => drop(text.pop()),
        other => *other = Json::Null,
    }
}

fn lengthen(value: &mut Json, stream: &mut Stream) {
    // Several of these in a row would make what no input may be.
    let most = MOST / value.to_string().len().max(1);
    let times = (1usize << stream.random_range(0..10)).min(most);
    match value {
        Json::Array(list) if !list.is_empty() => {
            let item = list[stream.random_range(0..list.len())].clone();
            list.extend(std::iter::repeat_n(item, times));
        }
        Json::Object(map) if !map.is_empty() => {
            let item = map.values().nth(stream.random_range(0..map.len())).cloned().expect("it is there");
            map.extend((0..times).map(|index| (format!("key {index}"), item.clone())));
        }
        Json::String(text) => *text = text.repeat(times.min(64)),
        other => *other = Json::from(vec![other.clone(); times]),
    }
}

fn scaled(value: &Json, stream: &mut Stream) -> Json {
    const FACTORS: [f64; 8] = [-1.0, 0.5, 1.0 + f64::EPSILON, 2.0, 1000.0, 1e9, 1e-9, 1e300];
    match value.as_f64() {
        Some(x) if value.is_i64() && stream.random_bool(0.7) => {
            Json::from((x * choose(&FACTORS, stream)) as i64)
        }
        Some(x) => Json::from(x * choose(&FACTORS, stream)),
        None => value.clone(),
    }
}

/// Numbers that a `serde_json` value cannot hold.
fn with_a_number_replaced(text: &str, stream: &mut Stream) -> String {
    let digits: Vec<usize> = text.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at).collect();
    if digits.is_empty() {
        return text.to_owned();
    }
    let at = digits[stream.random_range(0..digits.len())];
    format!("{}{}{}", &text[..at], choose(&NUMBERS, stream), &text[at + 1..])
}

fn nodes(value: &Json) -> usize {
    1 + match value {
        Json::Array(list) => list.iter().map(nodes).sum(),
        Json::Object(map) => map.values().map(nodes).sum(),
        _ => 0,
    }
}

/// The `left`-th value of `value` and those below it.
fn take<'a>(value: &'a mut Json, left: &mut usize) -> &'a mut Json {
    if *left == 0 {
        return value;
    }
    *left -= 1;
    let mut below: Vec<&mut Json> = match value {
        Json::Array(list) => list.iter_mut().collect(),
        Json::Object(map) => map.values_mut().collect(),
        _ => unreachable!("the number is below that of the nodes"),
    };
    let mut place = 0;
    for (index, child) in below.iter().enumerate() {
        let count = nodes(child);
        if *left < count {
            place = index;
            break;
        }
        *left -= count;
    }
    take(below.swap_remove(place), left)
}
