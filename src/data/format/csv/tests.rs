use std::path::Path;

use ndarray::array;

use super::super::table::Table;
use super::lines::Text;
use super::raw_table::RawTable;
use crate::data::{DataError, Header, OpenOptions};

/// The table in `text` as one part.
fn whole(text: impl std::io::Read, options: &OpenOptions) -> Result<Table, DataError> {
    let text = Text::read(text, Path::new("t.csv"), options.decimal)?;
    RawTable::read(&text, options)?.into_whole(options)
}

fn table(text: &str, options: &OpenOptions) -> Result<Table, String> {
    whole(text.as_bytes(), options).map_err(|error| error.to_string())
}

fn plain(text: &str) -> Result<Table, String> {
    table(text, &OpenOptions::default())
}

fn with(label: &str, header: Header) -> OpenOptions {
    OpenOptions { label: label.parse().unwrap(), header, ..OpenOptions::default() }
}

#[test]
fn the_last_column_is_the_label_and_a_header_is_noticed() {
    for text in ["a,b,kind\n1,2.5,x\n-3,4e1,y\n", "1,2.5,x\n-3,4e1,y\n\n", "1; 2.5;x\r\n-3; 40 ;y"] {
        let table = plain(text).unwrap();
        assert_eq!(table.train.features, array![[1.0, 2.5], [-3.0, 40.0]], "{text}");
        assert_eq!(table.train.labels, [0, 1]);
        assert_eq!(table.classes, ["x", "y"]);
        assert_eq!(table.shape, [1, 1, 2]);
    }
}

#[test]
fn the_label_is_found_by_name_and_by_number() {
    let text = "a,kind,b\n1,x,2\n3,y,4\n";
    for label in ["kind", "1"] {
        let table = table(text, &with(label, Header::Detect)).unwrap();
        assert_eq!(table.train.features, array![[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(table.classes, ["x", "y"]);
    }
}

#[test]
fn a_header_of_numbers_is_noticed_or_declared() {
    for (text, header, lines) in [
        ("0,1,2\n5,6,a\n8,9,b\n8,9,b\n", Header::Detect, 3),
        ("0,1,2\n5,6,7\n8,9,7\n", Header::Detect, 2),
        ("5,9,2\n5,6,7\n8,9,7\n", Header::Detect, 3),
        ("5,9,2\n5,6,7\n8,9,7\n", Header::Present, 2),
        ("0,1,2\n5,6,7\n8,9,7\n", Header::Absent, 3),
    ] {
        let table = table(text, &with("2", header)).unwrap();
        assert_eq!(table.train.labels.len(), lines, "{text}");
        assert_eq!(table.about.header, Some(text.lines().count() > lines));
    }
    let named = table("5,9,2001\n5,6,7\n8,9,7\n", &with("2001", Header::Detect)).unwrap();
    assert_eq!((named.train.labels.len(), named.about.header), (2, Some(true)));
}

#[test]
fn a_name_without_a_header_is_refused() {
    let message = table("a,kind\n1,x\n2,x\n", &with("kind", Header::Absent)).unwrap_err();
    assert!(message.contains("a name needs a header: leave out --header no"), "{message}");
}

#[test]
fn a_first_line_with_one_bad_cell_is_no_header() {
    for (text, cell) in [("1,two,x\n1,2,y\n", "two"), ("?,two,x\n1,2,y\n", "two")] {
        let text = &text.replace('?', "3");
        let column = text.split(',').position(|text| text == cell).unwrap();
        let expected = format!(
            "t.csv: line 1, column {column} = \"{cell}\": must be a number; say --header yes if this line names the \
             columns"
        );
        assert_eq!(plain(text).unwrap_err(), expected);
    }
}

#[test]
fn what_other_programs_write_around_a_table_changes_nothing() {
    let expected = plain("a,b,kind\n1,2.5,x\n-3,40,y\n").unwrap();
    for text in [
        "\u{feff}a,b,kind\n1,2.5,x\n-3,40,y\n",
        "a,b,kind\r\n1,2.5,x\r\n\r\n-3,40,y\r\n",
        "a,b,kind\r1,2.5,x\r-3,40,y\r",
        "a,b,kind,\n1,2.5,x,\n-3,40,y,\n",
        "a;b;kind;\n1;2.5;x;\n-3;40;y;\n",
        "a\tb\tkind\n1\t2.5\tx\n-3\t40\ty\n",
        "# by me\n# in two lines\na,b,kind\n1,2.5,x\n-3,40,y\n",
        "# a,b,kind\n1,2.5,x\n-3,40,y\n",
        "a, b, kind\n1, 2.5, \"x\"\n-3, 40 , y \n   \n,,\n",
        "\"a\",\"b\",\"kind\"\n\"1\",\"2.5\",\"x\"\n\"-3\",\"40\",\"y\"",
    ] {
        let table = plain(text).unwrap();
        assert_eq!(table.train.features, expected.train.features, "{text}");
        assert_eq!((table.classes, table.train.labels), (vec!["x".into(), "y".into()], vec![0, 1]), "{text}");
        assert_eq!(table.about.label.as_deref(), Some("column \"kind\""), "{text}");
    }
}

#[test]
fn quotes_keep_delimiters_and_double_quotes_in_a_label() {
    let table = plain("a,kind\n1,\"x, or \"\"y\"\"\"\n2,z\n").unwrap();
    assert_eq!(table.classes, ["x, or \"y\"", "z"]);
}

#[test]
fn a_quote_that_swallows_lines_is_refused() {
    for (text, part) in [
        ("a,kind\n1,\"x\n2,y\n", "line 2: a quote opens and never closes"),
        ("a,kind\n1,\"x\n2,\"y\n", "line 2: a quote that opens here closes inside a cell"),
        ("a,kind\n1,\"x\n2,y\"\n3,y\n", "a label has one line: is a quote not closed?"),
        ("a,kind\n\"1\n2\",y\n", "\"1\\n2\": a text has one line: is a quote not closed?"),
        ("a, kind\n1, \"x\n2, y\n", "a quote is not closed"),
    ] {
        let message = plain(text).unwrap_err();
        assert!(message.contains(part), "{message}");
        assert_eq!(message.lines().count(), 1);
    }
}

#[test]
fn a_column_of_line_numbers_without_a_name_is_left_out_and_told() {
    let lines = |name: &str, first: u32| {
        let line = |at: u32| {
            format!("{},{}.5,{}\n", first + at, at * 2, if at.is_multiple_of(2) { "x" } else { "y" })
        };
        plain(&format!("{name},a,kind\n{}", (0..12).map(line).collect::<String>())).unwrap()
    };
    for (name, first) in [("", 0), ("", 1), ("Unnamed: 0", 0), ("\"\"", 1)] {
        let table = lines(name, first);
        assert_eq!((table.shape, table.train.features.ncols()), ([1, 1, 1], 1), "{name}");
        assert!(table.about.notes[0].contains("is left out"));
    }
    let named = lines("Id", 1);
    assert_eq!(named.shape, [1, 1, 2]);
    assert_eq!((named.about.identifiers, named.about.notes), (vec!["\"Id\"".into()], Vec::<String>::new()));
    assert!(lines("", 5).about.notes.is_empty());
}

#[test]
fn two_columns_of_the_label_s_name_are_refused() {
    let message = table("k,a,k\n1,2,x\n3,4,y\n", &with("k", Header::Detect)).unwrap_err();
    assert_eq!(message, "t.csv: label column \"k\": columns 0 and 2 have this name: say its number");
}

#[test]
fn a_decimal_comma_is_refused_as_such() {
    let message = plain("a;b;kind\n1,5;2,5;x\n2,5;1,5;y\n").unwrap_err();
    let rule = "must be a number, with a point before its decimals; say --decimal , if they have a comma";
    assert!(message.ends_with(&format!("= \"1,5\": {rule}")), "{message}");
    let message = plain("a;b;kind\n1;2;x\n2,5;1,5;y\n").unwrap_err();
    assert!(message.ends_with(&format!("= \"2,5\": {rule}")), "{message}");
}

#[test]
fn bad_cells_are_named_with_line_column_and_value() {
    let message = |cell: &str| plain(&format!("a,b,kind\n1,2,x\n3,{cell},y\n")).unwrap_err();
    assert_eq!(message("inf"), "t.csv: line 3, column \"b\" = \"inf\": must be finite");
    assert_eq!(
        message("two"),
        "t.csv: line 3, column \"b\" = \"two\": must be a number, as others of its column are; say --categorical for a \
         column of categories"
    );
    for missing in ["", "nan", "NA", "?"] {
        let expected = format!(
            "t.csv: line 3, column \"b\" = \"{missing}\": the value is missing: fill it in, say --missing impute, or \
             leave out the column with --drop"
        );
        assert_eq!(message(missing), expected);
    }
    assert_eq!(message("4,5"), "t.csv: line 3: 4 columns; the first line has 3");
}

#[test]
fn a_missing_label_is_an_error() {
    let expected = "t.csv: line 2, column 1 = \"\": the label is missing: delete the line; --missing impute fills in inputs alone";
    assert_eq!(plain("1,x\n2,\n").unwrap_err(), expected);
    assert!(plain("1,0\n2,NaN\n").unwrap_err().contains("the label is missing: delete"));
}

#[test]
fn a_label_column_that_is_not_there_is_an_error() {
    let text = "a,kind\n1,x\n2,y\n";
    let message = |label: &str| table(text, &with(label, Header::Detect)).unwrap_err();
    assert_eq!(message("kid"), "t.csv: label column \"kid\": not in the first line; did you mean \"kind\"?");
    assert_eq!(message("7"), "t.csv: label column 7: the columns are 0 to 1");
}

#[test]
fn files_without_samples_or_features_are_errors() {
    assert!(plain("").unwrap_err().contains("empty"));
    assert!(plain("a,kind\n").unwrap_err().contains("a header without samples"));
    assert!(plain("x\ny\n").unwrap_err().contains("one column"));
}

#[test]
fn text_that_is_not_utf_8_is_an_error() {
    for bytes in [&b"1,\xff\n2,y\n"[..], b"1,x\n2,\xff\n"] {
        let error = whole(bytes, &OpenOptions::default()).unwrap_err();
        assert!(error.to_string().contains("not UTF-8"), "{error}");
    }
}
