//! The pages of reference that are made from the code and its files: hyperparameters and chips.
//!
//! `TUNE_WRITE=1 cargo test --release --test it reference` writes what stands in them below
//! [`MARK`]. The text above it is written by hand.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Map, Value as Json};
use spiketune::objective::{Allowed, Plan};
use spiketune::space::{Point, Value};

use crate::support::project;

const MARK: &str = "<!-- Below: written by tests/it/reference.rs. -->\n";

/// Headings of the page of hyperparameters, each with the first hyperparameter below it.
const SECTIONS: [(&str, &str); 13] = [
    ("Inputs", "input_coding"),
    ("Layers", "topology"),
    ("Lists of layers", "convolutions"),
    ("Normalization and output", "batch_norm"),
    ("Optimizer", "optimizer"),
    ("Loss and batches", "temperature"),
    ("From soft to binary", "method"),
    ("Sharpening", "sharpener"),
    ("Length of the training", "epochs"),
    ("Averages", "average"),
    ("Rounded weights", "quantized_epochs"),
    ("Changes of training images", "shift"),
    ("Deployment", "weight_bits"),
];

/// Points from which each hyperparameter has an effect.
const BASES: [&str; 20] = [
    "{}",
    r#"{"input_coding": "threshold"}"#,
    r#"{"input_coding": "thermometer"}"#,
    r#"{"topology": "convolutional"}"#,
    r#"{"convolutions": 2, "convolutions.1.padding": true, "convolutions.2.channels": 16}"#,
    r#"{"dense": 1}"#,
    r#"{"optimizer": "adam"}"#,
    r#"{"optimizer": "rmsprop"}"#,
    r#"{"optimizer": "sgd"}"#,
    r#"{"teacher_epochs": 2}"#,
    r#"{"method": "surrogate"}"#,
    r#"{"method": "hybrid"}"#,
    r#"{"sharpener": "scheduled"}"#,
    r#"{"sharpener": "adaptive"}"#,
    r#"{"sharpen_order": "uniform"}"#,
    r#"{"average": "swa"}"#,
    r#"{"average": "lookahead"}"#,
    r#"{"quantized_epochs": 2}"#,
    r#"{"weight_bits": 4}"#,
    r#"{"hidden_layers": 4}"#,
];

/// A row of the table in the documentation of [`Plan`].
struct Row {
    /// The names as the table has them.
    shown: String,
    /// Every hyperparameter that they stand for.
    names: Vec<String>,
    meaning: String,
    default: String,
}

/// The rows of the table in the documentation of [`Plan`].
fn rows() -> Vec<Row> {
    let source = project().join("src/objective/network/plan/mod.rs");
    let source = std::fs::read_to_string(source).expect("the source of Plan");
    let lines = source.lines().filter_map(|line| line.strip_prefix("/// | "));
    let cells = lines.filter_map(|line| {
        let cells: Vec<&str> = line.trim_end_matches(" |").split(" | ").collect();
        <[&str; 3]>::try_from(cells).ok()
    });
    let rows = cells.filter(|[names, ..]| names.starts_with('`')).map(|[names, meaning, default]| Row {
        shown: names.to_owned(),
        names: meant(names),
        meaning: meaning.to_owned(),
        default: default.to_owned(),
    });
    rows.collect()
}

/// The hyperparameters that the first cell of a row stands for.
fn meant(cell: &str) -> Vec<String> {
    let known = || Plan::domains().keys();
    let mut names: Vec<String> = Vec::new();
    for part in cell.split('`').skip(1).step_by(2) {
        let begin = match part.strip_prefix('.') {
            // `.width` after `convolutions.K.height` has the same beginning.
            Some(end) => {
                let last = names.last().expect("a whole name comes first");
                format!("{}.{end}", last.rsplit_once('.').expect("a part of an item").0)
            }
            None => part.replace(".K.", ".1."),
        };
        // `width_1` .. `width_4` and learning_rate_OPTIMIZER are all that begin alike.
        let family = match begin.rsplit_once('_') {
            Some((family, "1" | "4" | "OPTIMIZER")) => Some(format!("{family}_")),
            _ => None,
        };
        match family {
            Some(family) => names.extend(known().filter(|name| name.starts_with(&family)).cloned()),
            None => names.push(begin),
        }
    }
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// The values that are allowed, for people.
fn values(allowed: &Allowed) -> String {
    match allowed {
        Allowed::Real { low, high } => format!("{low} to {high}"),
        Allowed::Whole { low, high } => format!("whole, {low} to {high}"),
        Allowed::Truth => "`true` or `false`".to_owned(),
        Allowed::OneOf(names) => format!("`{}`", names.join("`, `")),
    }
}

/// The cell of a row that says which values its hyperparameters may have.
fn domain_cell(row: &Row) -> String {
    let mut groups: Vec<(Vec<&str>, String)> = Vec::new();
    for name in &row.names {
        let values = values(&Plan::domains()[name]);
        match groups.last_mut().filter(|(_, last)| *last == values) {
            Some((names, _)) => names.push(name),
            None => groups.push((vec![name.as_str()], values)),
        }
    }
    match &groups[..] {
        [(_, values)] => values.clone(),
        _ => {
            let group = |(names, values): &(Vec<&str>, String)| match names[..] {
                [one] => format!("`{one}`: {values}"),
                _ => format!("`{}` and alike: {values}", names[0]),
            };
            groups.iter().map(group).collect::<Vec<_>>().join("; ").replace(".1.", ".K.")
        }
    }
}

fn hyperparameters() -> String {
    let mut page = String::new();
    for row in rows() {
        if let Some((heading, _)) = SECTIONS.iter().find(|(_, first)| row.names[0] == *first) {
            let head = "| hyperparameter | meaning | values | default |\n|---|---|---|---|";
            write!(page, "\n## {heading}\n\n{head}\n").expect("a text grows");
        }
        let Row { shown, meaning, default, .. } = &row;
        let values = domain_cell(&row);
        writeln!(page, "| {shown} | {meaning} | {values} | {default} |").expect("a text grows");
    }
    page
}

/// A number with its unit; `None` for anything else.
fn quantity(json: &Json) -> Option<String> {
    let value = json.get("value")?;
    Some(format!("{value} {}", json.get("unit")?.as_str()?).replace("mm2", "mm²"))
}

/// The quantities of `json` as (path, object), and the paths of those that are `null`.
fn quantities<'a>(path: &str, json: &'a Json, found: &mut Vec<(String, Option<&'a Json>)>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match json {
        Json::Null => found.push((path.to_owned(), None)),
        Json::Object(_) if quantity(json).is_some() => found.push((path.to_owned(), Some(json))),
        Json::Object(members) => {
            members.iter().for_each(|(name, json)| quantities(&below(name), json, found))
        }
        Json::Array(items) => {
            for item in items {
                let tiles = item.get("tiles").map_or(String::new(), |tiles| format!(" ({tiles} tiles)"));
                let path = format!("{path}{tiles}");
                found.extend(item.get("duration").map(|duration| (path, Some(duration))));
            }
        }
        _ => {}
    }
}

/// A number of a profile, or words for a limit that is not there.
fn limit(json: &Json) -> String {
    if json.is_null() { "no limit".to_owned() } else { json.to_string() }
}

fn weights(json: &Json) -> String {
    if let Some(integer) = json.get("integer") {
        let of = |name: &str| integer[name].to_string();
        return format!("{} to {} bits, {} if left out", of("min_bits"), of("max_bits"), of("default_bits"));
    }
    match json.get("palette") {
        Some(palette) => format!("a palette of {} values for each neuron", palette["types"]),
        None => "exact".to_owned(),
    }
}

/// The profiles in `configs/chips`, by name.
fn chips() -> Vec<Map<String, Json>> {
    let folder = project().join("configs/chips");
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let files: BTreeSet<_> = entries.collect();
    let read = |file| std::fs::read_to_string(file).expect("a profile");
    files.iter().map(|file| serde_json::from_str(&read(file)).expect("JSON")).collect()
}

fn text(json: &Json) -> &str {
    json.as_str().expect("a text")
}

fn chip_section(page: &mut String, chip: &Map<String, Json>) {
    write!(page, "\n## {}\n\n{}\n", text(&chip["name"]), text(&chip["description"])).expect("a text grows");
    let mut found = Vec::new();
    for part in ["energy", "time", "area"] {
        quantities(part, &chip[part], &mut found);
    }
    let (known, missing): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, json)| json.is_some());
    if !known.is_empty() {
        page.push_str("\n| constant | value | basis | source |\n|---|---|---|---|\n");
    }
    for (path, json) in known {
        let json = json.expect("it is known");
        let value = quantity(json).expect("it is a quantity");
        let (basis, source) = (text(&json["basis"]), text(&json["source"]));
        writeln!(page, "| {path} | {value} | {basis} | {source} |").expect("a text grows");
    }
    if !missing.is_empty() {
        let missing: Vec<String> = missing.into_iter().map(|(path, _)| path).collect();
        write!(page, "\nNot in the profile: {}.\n", missing.join(", ")).expect("a text grows");
    }
    let sources = chip["sources"].as_object().expect("an object");
    if !sources.is_empty() {
        page.push('\n');
    }
    for (name, source) in sources {
        writeln!(page, "- {name}: {}", text(source)).expect("a text grows");
    }
}

fn chip_page() -> String {
    let chips = chips();
    let mut page =
        "\n## What fits\n\n| chip | chips | cores | neurons of a core | inputs of a core | weights | \
                    input | fires |\n|---|---|---|---|---|---|---|---|\n"
            .to_owned();
    for chip in &chips {
        let (core, topology) = (&chip["core"], &chip["topology"]);
        let fires = match text(&chip["neuron"]["compare"]) {
            "ge" => "at its threshold",
            _ => "above its threshold",
        };
        writeln!(
            page,
            "| `{}` | {} | {} | {} | {} | {} | {} | {fires} |",
            text(&chip["name"]),
            topology["chips"],
            limit(&topology["cores"]),
            limit(&core["neurons"]),
            limit(&core["in_axons"]),
            weights(&chip["weights"]),
            text(&chip["input"]),
        )
        .expect("a text grows");
    }
    chips.iter().for_each(|chip| chip_section(&mut page, chip));
    page
}

/// Holds the part of a page below [`MARK`] to `current`, or writes it.
fn hold(page: &str, current: &str) {
    let file = project().join("docs/reference").join(page);
    let text = std::fs::read_to_string(&file).expect("the page is there");
    let (by_hand, written) = text.split_once(MARK).expect("the page has the mark");
    if std::env::var_os("TUNE_WRITE").is_some() {
        std::fs::write(&file, format!("{by_hand}{MARK}{current}")).expect("the page can be written");
    } else {
        assert!(
            written == current,
            "docs/reference/{page} is old: TUNE_WRITE=1 cargo test --release --test it reference"
        );
    }
}

#[test]
fn the_page_of_hyperparameters_is_that_of_the_code() {
    let named: Vec<String> = rows().into_iter().flat_map(|row| row.names).collect();
    let unique: BTreeSet<&str> = named.iter().map(String::as_str).collect();
    assert_eq!(named.len(), unique.len(), "a hyperparameter is in two rows");
    let known: BTreeSet<&str> = Plan::domains().keys().map(String::as_str).collect();
    assert_eq!(unique, known, "the table in the documentation of Plan");
    for (heading, first) in SECTIONS {
        assert!(rows().iter().any(|row| row.names[0] == first), "{heading}: no row begins with {first}");
    }
    hold("hyperparameters.md", &hyperparameters());
}

#[test]
fn the_page_of_chips_is_that_of_the_profiles() {
    hold("chips.md", &chip_page());
}

/// A default as the table spells it; `None` if it is told in words.
fn literal(text: &str, allowed: &Allowed) -> Option<Value> {
    match allowed {
        Allowed::Truth => ["no", "yes"].iter().position(|word| *word == text).map(|at| Value::Bool(at == 1)),
        Allowed::OneOf(_) => Some(Value::from(text.strip_prefix('`')?.strip_suffix('`')?)),
        Allowed::Whole { .. } => text.parse::<i64>().ok().map(Value::Int),
        Allowed::Real { .. } => text.parse::<f64>().ok().map(Value::Float),
    }
}

/// Values that differ from `default`.
fn others(default: &Value, allowed: &Allowed) -> Vec<Value> {
    let all = match allowed {
        Allowed::Truth => vec![Value::Bool(false), Value::Bool(true)],
        Allowed::OneOf(names) => names.iter().map(|name| Value::from(name.as_str())).collect(),
        &Allowed::Whole { low, high } => vec![Value::from(i64::from(low)), Value::from(i64::from(high))],
        &Allowed::Real { low, high } => vec![Value::Float(low), Value::Float(high)],
    };
    all.into_iter().filter(|value| value != default).collect()
}

#[test]
fn defaults_in_the_table_are_those_of_the_code() {
    let plan = |base: &str, name: &str, value: &Value| {
        let mut point: Point = serde_json::from_str(base).expect("a point");
        if point.get(name).is_none() {
            point.set(name, value.clone());
        }
        Plan::new(&point, [28, 28, 1], 10)
    };
    let bare = |base: &str| Plan::new(&serde_json::from_str(base).expect("a point"), [28, 28, 1], 10);
    let mut proven = 0;
    for row in rows() {
        let texts: Vec<&str> = row.default.split(", ").collect();
        if texts.len() != row.names.len() {
            continue;
        }
        for (name, text) in row.names.iter().zip(texts) {
            let allowed = &Plan::domains()[name];
            let Some(default) = literal(text, allowed) else { continue };
            for base in BASES {
                let found = plan(base, name, &default);
                assert!(found.is_ok(), "{name} = {text}: {found:?}");
                assert!(found == bare(base), "{name}: the default is not {text}, by {base}");
            }
            let changes = |base: &str| {
                others(&default, allowed).iter().any(|other| {
                    let changed = plan(base, name, other);
                    changed.is_ok() && changed != bare(base)
                })
            };
            proven += usize::from(BASES.iter().any(|base| changes(base)));
        }
    }
    assert!(proven > 40, "only {proven} defaults are proven");
}
