//! Tables of texts and missing cells, and tables that are encoded by the schema of another.

use std::fs;
use std::path::PathBuf;

use ndarray::array;

use super::super::table::Table;
use super::read::read;
use crate::data::{ColumnKind, DecimalMark, Missing, OpenOptions, TableSchema};

/// A folder of tables.
struct Tables(tempfile::TempDir);

impl Tables {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn read(&self, text: &str, options: &OpenOptions) -> Result<Table, String> {
        read(&self.file("t.csv", text), options)
            .map_err(|error| error.to_string().replace(&*self.0.path().to_string_lossy(), ""))
    }

    /// The table with a test part of its own, so that no sample is cut.
    fn read_beside(&self, text: &str, test: &str, options: &OpenOptions) -> Result<Table, String> {
        let options = OpenOptions { test: Some(self.file("test.csv", test)), ..options.clone() };
        self.read(text, &options)
    }
}

fn impute() -> OpenOptions {
    OpenOptions { missing: Missing::Impute, ..OpenOptions::default() }
}

fn columns(names: &[&str]) -> Vec<crate::data::ColumnRef> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

const CARS: &str = "doors,colour,kind\n2,red,a\n4,blue,b\n,red,a\n8,?,b\n";

#[test]
fn texts_and_missing_cells_are_encoded_as_the_training_part_says() {
    let tables = Tables::new();
    // Columns in another order, a value that no training sample has, and a class that none has.
    let test = "kind,colour,doors\nb,green,\nc,?,100\n";
    let table = tables.read_beside(CARS, test, &impute()).unwrap();
    assert_eq!(
        table.train.features,
        array![[2., 0., 0., 1., 0.], [4., 0., 1., 0., 0.], [4., 1., 0., 1., 0.], [8., 0., 0., 0., 1.]]
    );
    let part = table.test.unwrap();
    assert_eq!(part.features, array![[4., 1., 0., 0., 0.], [100., 0., 0., 0., 1.]]);
    assert_eq!((table.train.labels, part.labels), (vec![0, 1, 0, 1], vec![1, 2]));
    let schema = table.about.schema.unwrap();
    assert_eq!(schema.classes(), ["a", "b", "c"]);
    let names = ["doors", "doors missing", "colour = blue", "colour = red", "colour missing"];
    assert_eq!(schema.input_names(), names);
    let note =
        "column \"colour\": 1 cell has a value that no training sample has: inputs of such a cell are 0";
    assert!(table.about.notes.len() == 1 && table.about.notes[0].ends_with(note), "{:?}", table.about.notes);
}

#[test]
fn nothing_is_learnt_from_a_test_part_that_is_cut() {
    let tables = Tables::new();
    let line = |at: usize| {
        let class = if at.is_multiple_of(2) { "a" } else { "b" };
        format!("{at},t{},{class}\n", at % 7)
    };
    let lines: Vec<String> = (0..70).map(line).collect();
    let table = tables.read(&lines.concat(), &OpenOptions::default()).unwrap();
    let (train, test) = (table.train, table.test.unwrap());
    assert!(table.is_test_cut && (train.labels.len(), test.labels.len()) == (56, 14));
    let median_of = |table: &TableSchema| match table.columns[0].kind {
        ColumnKind::Number { median, .. } => median,
        _ => panic!("a number"),
    };
    let median = median_of(&table.about.schema.unwrap());
    // The test part has another value in the first column: the median stays.
    let moved: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| match test.features.column(0).iter().any(|&value| value == at as f64) {
            true => line.replacen(&at.to_string(), "9999", 1),
            false => line.clone(),
        })
        .collect();
    let other = tables.read(&moved.concat(), &OpenOptions::default()).unwrap();
    assert_eq!(other.train.features, train.features);
    assert_eq!(median_of(&other.about.schema.unwrap()), median);
    assert!(other.test.unwrap().features.column(0).iter().all(|&value| value == 9999.0));
}

#[test]
fn missing_cells_are_refused_unless_they_are_imputed() {
    let tables = Tables::new();
    let message = tables.read(CARS, &OpenOptions::default()).unwrap_err();
    assert!(message.ends_with(
        "t.csv: line 4, column \"doors\" = \"\": the value is missing: fill it in, say --missing impute, or leave out \
         the column with --drop"
    ));
    let message = tables.read(&CARS.replace("\n,", "\n3,"), &OpenOptions::default()).unwrap_err();
    assert!(message.contains("line 5, column \"colour\" = \"?\": the value is missing"), "{message}");
    let empty = "a,b,kind\n?,1,x\nNA,2,y\n,3,x\n";
    let message = tables.read(empty, &impute()).unwrap_err();
    assert!(message.ends_with("column \"a\" has no value: leave it out with --drop"), "{message}");
}

#[test]
fn columns_are_left_out_and_made_categories_by_name_and_number() {
    let tables = Tables::new();
    let text = "id,zip,size,kind\n17,1,5,x\n4,2,6,y\n9,1,7,x\n3,2,9,y\n";
    for drop in ["id", "0"] {
        let options = OpenOptions {
            drop: columns(&[drop, "size"]),
            categorical: columns(&["zip"]),
            test: Some(tables.file("test.csv", "zip,kind\n2,x\n")),
            ..OpenOptions::default()
        };
        let table = tables.read(text, &options).unwrap();
        assert_eq!(table.train.features, array![[1., 0.], [0., 1.], [1., 0.], [0., 1.]]);
        assert_eq!(table.test.unwrap().features, array![[0., 1.]]);
        let kinds = table.about.schema.unwrap().columns;
        assert!(matches!(kinds[0].kind, ColumnKind::Dropped) && matches!(kinds[2].kind, ColumnKind::Dropped));
    }
    let message = |drop: &[&str]| {
        tables.read(text, &OpenOptions { drop: columns(drop), ..OpenOptions::default() }).unwrap_err()
    };
    assert!(
        message(&["idd"]).ends_with("column to drop \"idd\": not in the first line; did you mean \"id\"?")
    );
    assert!(message(&["9"]).ends_with("column to drop 9: the columns are 0 to 3"));
    assert!(
        message(&["kind"]).ends_with("column 3 (\"kind\") is chosen twice: it has the labels: choose one")
    );
    assert!(message(&["id", "zip", "size"]).ends_with("no column is left as a feature: drop fewer"));
}

#[test]
fn too_many_texts_and_dates_are_refused_with_the_way_out() {
    let tables = Tables::new();
    let lines = |cell: &dyn Fn(usize) -> String| {
        let line =
            |at: usize| format!("{},{at},{}\n", cell(at), if at.is_multiple_of(2) { "x" } else { "y" });
        format!("a,b,kind\n{}", (0..60).map(line).collect::<String>())
    };
    let message = tables.read(&lines(&|at| format!("name {at}")), &OpenOptions::default()).unwrap_err();
    assert!(message.contains("column \"a\" has 48 different texts, such as \"name "), "{message}");
    assert!(
        message.ends_with(
            "at most 32 can be categories: leave it out with --drop, or write groups in their place"
        )
    );
    let message = tables.read(&lines(&|at| format!("2024-01-{:02}", at % 28 + 1)), &impute()).unwrap_err();
    assert!(
        message.contains("column \"a\" has dates, such as \"2024-01-01\": leave it out with --drop, or"),
        "{message}"
    );
    let table = tables.read(&lines(&|at| format!("{}-{}", at % 3, at % 3 + 10)), &impute()).unwrap();
    assert_eq!(table.train.features.ncols(), 4);
    assert_eq!(table.about.identifiers, ["\"b\""]);
}

#[test]
fn numbers_of_many_countries_are_read() {
    let tables = Tables::new();
    let comma = OpenOptions { decimal: Some(DecimalMark::Comma), ..OpenOptions::default() };
    let expected = array![[1.5, 1234.0], [2.25, 12.0], [-3.0, 1_234_567.5]];
    for (text, test, options) in [
        ("a;b;kind\n1,5;1.234;x\n2,25;12;y\n-3;1.234.567,5;x\n", "a;b;kind\n1,5;2.000;y\n", &comma),
        (
            "a,b,kind\n1.5,\"1,234\",x\n2.25,12,y\n-3,\"1,234,567.5\",x\n",
            "a,b,kind\n1.5,\"2,000\",y\n",
            &OpenOptions::default(),
        ),
        (
            "a;b;kind\n1.5;1 234;x\n2.25;12;y\n-3;1 234 567.5;x\n",
            "a;b;kind\n1.5;2 000;y\n",
            &OpenOptions::default(),
        ),
    ] {
        let table = tables.read_beside(text, test, options).unwrap();
        assert_eq!(table.train.features, expected, "{text}");
        assert_eq!(table.test.unwrap().features, array![[1.5, 2000.0]], "{text}");
    }
    let message = tables.read("a,b,kind\n1,\"1,234\",x\n2,1235,y\n", &OpenOptions::default()).unwrap_err();
    assert!(
        message.contains("line 3, column \"b\" = \"1235\": must have its thousands separated"),
        "{message}"
    );
    let message = tables.read("a;b;kind\n1.5;2;x\n2,5;3;y\n", &comma).unwrap_err();
    assert!(message.contains("\"1.5\": must be a number, with a comma before its decimals"), "{message}");
}

#[test]
fn a_test_table_must_have_the_columns_of_the_training_table() {
    let tables = Tables::new();
    let text = "a,b,kind\n1,2,x\n3,4,y\n";
    let message = |test: &str| tables.read_beside(text, test, &OpenOptions::default()).unwrap_err();
    assert!(message("a,kind\n1,x\n").contains("test.csv: no column \"b\", which the training table has"));
    assert!(message("a,B,kind\n1,2,x\n").ends_with("did you mean \"B\"?"));
    assert!(
        message("a,b,c,kind\n1,2,3,x\n")
            .contains("test.csv: column \"c\": the training table has no such column: leave it out")
    );
    assert!(message("1,2,x\n").ends_with(
        "the first line has no column name of the training table: must name columns such as a, b"
    ));
    assert!(message("a,b\n1,2\n").contains("no column of labels"));
    assert!(message("a,a,b,kind\n1,1,2,x\n").contains("two columns are called \"a\""));
    assert!(
        message("a,b,kind\n1,two,x\n")
            .contains("line 2, column \"b\" = \"two\": must be a number, as in the")
    );
    assert!(message("a,b,kind\n1,,x\n").contains("the value is missing"));
    assert!(message("a,b,kind\n1,2,\n").contains("the label is missing"));
    assert!(message("a,b,kind\n").contains("a header without samples"));
    let places = tables.read_beside("1,2,x\n3,4,y\n5,6,x\n", "7,8,y\n", &OpenOptions::default()).unwrap();
    assert_eq!(places.test.unwrap().features, array![[7.0, 8.0]]);
}

#[test]
fn groups_stay_together_and_are_no_feature() {
    let tables = Tables::new();
    let line =
        |at: usize| format!("p{},{}.5,{}\n", at / 4, at % 9, if at.is_multiple_of(2) { "x" } else { "y" });
    let text = format!("patient,a,kind\n{}", (0..80).map(line).collect::<String>());
    let options = OpenOptions { group: Some("patient".parse().unwrap()), ..OpenOptions::default() };
    let table = tables.read(&text, &options).unwrap();
    assert_eq!((table.train.features.dim(), table.test.unwrap().labels.len()), ((64, 1), 16));
    let groups = table.about.groups.unwrap();
    assert!(
        groups.len() == 64 && groups.chunks(4).all(|group| group.iter().all(|number| *number == group[0]))
    );
    assert!(matches!(table.about.schema.unwrap().columns[0].kind, ColumnKind::Group));
}

#[test]
fn a_schema_encodes_a_table_without_labels() {
    let tables = Tables::new();
    let schema = tables.read_beside(CARS, CARS, &impute()).unwrap().about.schema.unwrap();
    let json = serde_json::to_string(&schema).unwrap();
    let schema: TableSchema = serde_json::from_str(&json).unwrap();
    let encoded = schema.encode_file(&tables.file("new.csv", "colour,doors\nblue,3\n")).unwrap();
    assert_eq!((encoded.features, encoded.labels), (array![[3., 0., 1., 0., 0.]], None));
    let encoded = schema.encode_file(&tables.file("new.csv", "colour,kind,doors\nblue,,3\n")).unwrap();
    assert_eq!(encoded.labels, Some(vec![String::new()]));
}
