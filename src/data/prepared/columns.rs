//! Which column of a table is which input: by name where the training had names, by place otherwise.

use std::path::Path;

use crate::data::{ColumnRef, DataError, Header, Preprocessing};
use crate::input::suggestion;

/// Names of a column without a name, as pandas and R write it.
const NAMELESS: [&str; 2] = ["", "Unnamed: 0"];

/// The most names that an error lists.
const LISTED: usize = 10;

/// A note on a table without a header, of a training with one.
pub(super) const NO_HEADER: &str = "no header: the columns are taken in the order of the training";

/// A note on a table with a header, of a training without one.
pub(super) const NO_NAMES: &str = "the network knows no column names: the columns are taken in their order";

/// What is known of the columns before the table is read.
pub(super) struct ColumnRequest<'a> {
    /// What the network was trained on.
    pub trained: &'a Preprocessing,
    /// The label column, if one was named.
    pub label: Option<&'a ColumnRef>,
    /// Whether the first line names the columns.
    pub header: Header,
    /// Whether there must be labels; otherwise they are ignored.
    pub needs_labels: bool,
}

/// The columns of a table.
#[derive(Debug)]
pub(super) struct ColumnMap {
    /// (I): the column of each input.
    pub inputs: Vec<usize>,
    /// The column of the labels, if there is one.
    pub label: Option<usize>,
    /// The number of columns.
    pub count: usize,
    /// The names in the first line, if it is a header.
    pub names: Option<Vec<String>>,
    /// What was left out or is unsure, one sentence each.
    pub notes: Vec<String>,
}

impl ColumnMap {
    /// The columns of a table whose first line is `first`.
    ///
    /// # Errors
    /// A column is missing, unknown or there twice, or the number of columns is wrong.
    pub fn of(first: &[&str], request: &ColumnRequest<'_>, file: &Path) -> Result<Self, DataError> {
        let names = known_names(request.trained);
        let has_header = match request.header {
            Header::Present => true,
            Header::Absent => false,
            Header::Detect => is_header(first, names),
        };
        let mut map = match names {
            Some(names) if has_header => by_name(first, names, request),
            _ => by_place(first, has_header, request),
        }
        .map_err(|problem| DataError::malformed(file, problem))?;
        map.names = has_header.then(|| first.iter().map(|&name| name.to_owned()).collect());
        match map.label {
            None if request.needs_labels => {
                let problem =
                    "no label column: name it with --label, or use `tune predict`, which needs none";
                Err(DataError::malformed(file, problem))
            }
            Some(label) if !request.needs_labels => {
                map.notes.push(format!("column {} holds labels: ignored", map.name(label)));
                Ok(map)
            }
            _ => Ok(map),
        }
    }

    /// A column as errors name it: its name in quotes, or its number from 0.
    pub fn name(&self, column: usize) -> String {
        let name = self.names.as_ref().and_then(|names| names.get(column));
        name.map_or_else(|| column.to_string(), |name| format!("\"{name}\""))
    }
}

/// The names of the inputs, if each has one of its own.
fn known_names(trained: &Preprocessing) -> Option<&[String]> {
    let names = trained.columns.as_ref()?.names.as_ref()?;
    let is_unique = |(index, name): (usize, &String)| !names[..index].contains(name);
    names.iter().enumerate().all(is_unique).then_some(names)
}

/// Whether the first line names the columns: it has all names of the inputs, or no number.
fn is_header(first: &[&str], names: Option<&[String]>) -> bool {
    let has = |name: &String| first.contains(&name.as_str());
    let has_all = names.is_some_and(|names| names.iter().all(has));
    has_all || first.iter().all(|cell| cell.parse::<f64>().is_err())
}

fn by_name(first: &[&str], names: &[String], request: &ColumnRequest<'_>) -> Result<ColumnMap, String> {
    let label = label_by_name(first, names, request)?;
    let (mut inputs, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        match only(first, name, label)? {
            Some(column) => inputs.push(column),
            None => missing.push(name.as_str()),
        }
    }
    let mut notes = Vec::new();
    let mut unknown: Vec<usize> =
        (0..first.len()).filter(|column| Some(*column) != label && !inputs.contains(column)).collect();
    if unknown.first() == Some(&0) && NAMELESS.contains(&first[0]) {
        unknown.remove(0);
        notes.push("the first column has no name, so it is left out".to_owned());
    }
    if !missing.is_empty() || !unknown.is_empty() {
        let unknown: Vec<&str> = unknown.iter().map(|&column| first[column]).collect();
        return Err(misfit(&missing, &unknown, names));
    }
    Ok(ColumnMap { inputs, label, count: first.len(), names: None, notes })
}

/// What is wrong with columns by name, and the way out.
fn misfit(missing: &[&str], unknown: &[&str], names: &[String]) -> String {
    let listed = |names: &[&str]| {
        let shown: Vec<String> = names.iter().take(LISTED).map(|name| format!("\"{name}\"")).collect();
        let more = if names.len() > LISTED { ", ..." } else { "" };
        shown.join(", ") + more
    };
    let count = |number: usize| if number == 1 { "column" } else { "columns" };
    match (missing, unknown) {
        ([], _) => {
            let hint = suggestion(unknown[0], names.iter().map(String::as_str));
            let (count, unknown) = (count(unknown.len()), listed(unknown));
            format!(
                "{count} {unknown}: no input of the network{hint}: leave it out, or name the labels with --label"
            )
        }
        (_, []) => format!("{} {}: missing; the network needs it", count(missing.len()), listed(missing)),
        _ => {
            let (missing, unknown) = (listed(missing), listed(unknown));
            format!("no {missing}, but {unknown}: name the columns as in the training, in any order")
        }
    }
}

/// The label column: as asked for, otherwise the one that is called as in the training.
fn label_by_name(
    first: &[&str],
    names: &[String],
    request: &ColumnRequest<'_>,
) -> Result<Option<usize>, String> {
    match request.label {
        None | Some(ColumnRef::Last) => {
            let known = request.trained.columns.as_ref().and_then(|columns| columns.label_name.as_deref());
            let own = known.filter(|name| !names.iter().any(|input| input == name));
            own.map_or(Ok(None), |name| only(first, name, None))
        }
        Some(asked) => asked_label(first, asked).map(Some),
    }
}

fn asked_label(first: &[&str], asked: &ColumnRef) -> Result<usize, String> {
    let last = first.len().saturating_sub(1);
    let of_name = |name: &str| {
        only(first, name, None)?.ok_or_else(|| {
            let hint = suggestion(name, first.iter().copied());
            format!("label column \"{name}\": not in the first line{hint}")
        })
    };
    match asked {
        ColumnRef::Last => Ok(last),
        ColumnRef::Index(index) if *index <= last => Ok(*index),
        ColumnRef::Index(index) => of_name(&index.to_string())
            .map_err(|_| format!("label column {index}: the columns are 0 to {last}")),
        ColumnRef::Name(name) => of_name(name),
    }
}

/// The only column of this name but `except`, if there is one.
fn only(first: &[&str], name: &str, except: Option<usize>) -> Result<Option<usize>, String> {
    let mut columns = (0..first.len()).filter(|&column| first[column] == name && Some(column) != except);
    match (columns.next(), columns.next()) {
        (Some(one), Some(other)) => {
            Err(format!("columns {one} and {other} are both called \"{name}\": rename or delete one of them"))
        }
        (column, _) => Ok(column),
    }
}

/// The columns by their places: as many as inputs, or one more for the labels.
fn by_place(first: &[&str], has_header: bool, request: &ColumnRequest<'_>) -> Result<ColumnMap, String> {
    let (count, inputs) = (first.len(), request.trained.inputs());
    let columns = request.trained.columns.as_ref();
    let label = match request.label {
        Some(asked @ ColumnRef::Name(_)) if has_header => Some(asked_label(first, asked)?),
        Some(ColumnRef::Name(name)) => {
            return Err(format!("label column \"{name}\": there is no header: say its number"));
        }
        Some(asked) => Some(asked_label(first, asked)?),
        None if count == inputs + 1 => columns.map(|columns| columns.label).filter(|&label| label < count),
        None => None,
    };
    if count != inputs + usize::from(label.is_some()) {
        let way_out = match (label, count) {
            (None, _) if count == inputs + 1 => ": name the column of the labels with --label",
            _ if has_header || known_names(request.trained).is_none() => "",
            _ => ": if the first line names the columns, say --header yes",
        };
        let labels = if label.is_some() { " and a label" } else { "" };
        return Err(format!("{count} columns; the network takes {inputs} inputs{labels}{way_out}"));
    }
    let note = match (has_header, known_names(request.trained)) {
        (false, Some(_)) => Some(NO_HEADER),
        (true, None) => Some(NO_NAMES),
        _ => None,
    };
    let inputs = (0..count).filter(|&column| Some(column) != label).collect();
    Ok(ColumnMap { inputs, label, count, names: None, notes: note.map(str::to_owned).into_iter().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Columns, InputScaling};

    fn trained(names: Option<[&str; 2]>) -> Preprocessing {
        let names = names.map(|names| names.map(str::to_owned).to_vec());
        let label_name = names.as_ref().map(|_| "kind".to_owned());
        Preprocessing {
            shape: [1, 1, 2],
            levels: 255,
            scaling: InputScaling::Whole { low: 0.0, high: 1.0 },
            columns: Some(Columns { names, label: 1, label_name }),
            schema: None,
            classes: ["x", "y"].map(str::to_owned).to_vec(),
        }
    }

    fn map(first: &[&str], names: Option<[&str; 2]>, label: Option<&str>) -> Result<ColumnMap, String> {
        let label = label.map(|label| label.parse::<ColumnRef>().unwrap());
        let trained = trained(names);
        let request = ColumnRequest {
            trained: &trained,
            label: label.as_ref(),
            header: Header::Detect,
            needs_labels: false,
        };
        ColumnMap::of(first, &request, Path::new("t.csv")).map_err(|error| error.to_string())
    }

    const NAMES: Option<[&str; 2]> = Some(["a", "b"]);

    #[test]
    fn columns_are_found_by_their_names_in_any_order() {
        for (first, inputs, label) in [
            (&["a", "b"][..], [0, 1], None),
            (&["b", "a"], [1, 0], None),
            (&["b", "kind", "a"], [2, 0], Some(1)),
            (&["", "b", "a"], [2, 1], None),
        ] {
            let map = map(first, NAMES, None).unwrap();
            assert_eq!((map.inputs, map.label), (inputs.to_vec(), label), "{first:?}");
            assert!(map.names.is_some());
        }
        let other = map(&["class", "a", "b"], NAMES, Some("class")).unwrap();
        assert_eq!((other.inputs, other.label), (vec![1, 2], Some(0)));
        assert_eq!(other.notes, ["column \"class\" holds labels: ignored"]);
    }

    #[test]
    fn columns_that_do_not_fit_are_named() {
        let message = |first: &[&str]| map(first, NAMES, None).unwrap_err();
        assert_eq!(message(&["a", "kind"]), "t.csv: column \"b\": missing; the network needs it");
        assert!(message(&["a", "b", "z"]).starts_with("t.csv: column \"z\": no input of the network"));
        assert!(message(&["a", "B"]).contains("no \"b\", but \"B\": name the columns as in the training"));
        assert!(message(&["a", "b", "a"]).contains("columns 0 and 2 are both called \"a\""));
        assert!(message(&["kind", "a", "b", "kind"]).contains("columns 0 and 3 are both called \"kind\""));
        assert!(
            map(&["a", "b"], NAMES, Some("c")).unwrap_err().contains("label column \"c\": not in the first")
        );
    }

    #[test]
    fn without_names_the_places_count() {
        for (first, names, inputs, label) in [
            (&["1", "2"][..], NAMES, [0, 1], None),
            (&["1", "x", "2"], NAMES, [0, 2], Some(1)),
            (&["1", "2"], None, [0, 1], None),
            (&["p", "q"], None, [0, 1], None),
            (&["p", "kind", "q"], None, [0, 2], Some(1)),
        ] {
            let map = map(first, names, None).unwrap();
            assert_eq!((map.inputs, map.label), (inputs.to_vec(), label), "{first:?}");
        }
        let message = |first: &[&str], label| map(first, None, label).unwrap_err();
        assert!(message(&["1", "2", "3", "4"], None).contains("4 columns; the network takes 2 inputs"));
        assert!(message(&["1"], None).contains("1 columns; the network takes 2 inputs"));
        assert!(
            message(&["1", "2"], Some("1")).contains("2 columns; the network takes 2 inputs and a label")
        );
        assert!(message(&["1", "2", "3"], Some("kind")).contains("there is no header: say its number"));
    }
}
