//! The cells of the columns of a table, before anything is learnt from them.

use std::collections::{HashMap, HashSet};

use super::cell::{DecimalMark, is_date, is_missing_number, is_missing_text};

/// The least number from which thousands may be separated.
const THOUSAND: f64 = 1000.0;

/// A cell with its line, for errors.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cell {
    /// The line, from 1.
    pub line: u64,
    /// Its text.
    pub text: String,
}

/// The values of a column, one per sample.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    /// Numbers, NaN where the cell is missing.
    Numbers {
        /// One per sample.
        numbers: Vec<f64>,
        /// What separates their thousands.
        thousands: Option<char>,
    },
    /// Texts.
    Texts(Texts),
}

/// The texts of a column.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    /// The number of each sample's text in `texts`; `None` where the cell is missing.
    pub codes: Vec<Option<u32>>,
    /// Each different text, in the order in which they came.
    pub texts: Vec<String>,
    numbers: HashMap<String, u32>,
    /// The first missing cell.
    pub missing: Option<Cell>,
}

/// A column as a column of numbers, with all that tells whether it is one.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    decimal: DecimalMark,
    /// Whether a comma may separate thousands: where cells are separated by semicolons and nothing was
    /// said, it may as well be a decimal comma.
    takes_groups: bool,
    numbers: Vec<f64>,
    found: usize,
    texts: usize,
    dates: usize,
    /// Texts that are numbers with the other decimal mark.
    otherwise_marked: usize,
    thousands: Option<char>,
    first_text: Option<Cell>,
    first_infinite: Option<Cell>,
    first_missing: Option<Cell>,
    first_grouped: Option<Cell>,
    /// The first cell of a thousand or more without a separator, or with another one.
    first_ungrouped: Option<Cell>,
}

/// What a column is, by its cells.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// Numbers and missing cells.
    Numbers {
        /// The values.
        values: Values,
        /// The first missing cell.
        missing: Option<Cell>,
    },
    /// Texts, or texts and numbers.
    Texts,
    /// Dates, such as this cell.
    Dates(Cell),
    /// Nothing but missing cells.
    Nothing,
    /// Numbers but for this cell.
    NotANumber(Cell),
    /// A number that is not finite.
    Infinite(Cell),
    /// Numbers with separators of thousands, but not this one.
    Ungrouped(Cell),
}

impl Numbers {
    /// An empty column.
    pub fn new(decimal: DecimalMark, takes_groups: bool) -> Self {
        Self {
            decimal,
            takes_groups,
            numbers: Vec::new(),
            found: 0,
            texts: 0,
            dates: 0,
            otherwise_marked: 0,
            thousands: None,
            first_text: None,
            first_infinite: None,
            first_missing: None,
            first_grouped: None,
            first_ungrouped: None,
        }
    }

    /// Adds the cell `text` of `line`.
    pub fn push(&mut self, text: &str, line: u64) {
        let cell = || Cell { line, text: text.to_owned() };
        let number = match self.decimal.number(text) {
            Some(number) => {
                self.found += 1;
                if number.is_infinite() {
                    self.first_infinite.get_or_insert_with(cell);
                } else if number.abs() >= THOUSAND {
                    self.first_ungrouped.get_or_insert_with(cell);
                }
                number
            }
            None => self.push_other(text, cell),
        };
        self.numbers.push(number);
    }

    /// The value of a cell that is no plain number; NaN if it is no number at all.
    fn push_other(&mut self, text: &str, cell: impl Fn() -> Cell) -> f64 {
        if is_missing_number(text) {
            self.first_missing.get_or_insert_with(cell);
            return f64::NAN;
        }
        match self.decimal.grouped(text).filter(|&(_, mark)| self.takes_groups || mark != ',') {
            Some((number, mark)) => {
                self.found += 1;
                self.first_grouped.get_or_insert_with(&cell);
                if *self.thousands.get_or_insert(mark) != mark {
                    self.first_ungrouped.get_or_insert_with(&cell);
                }
                number
            }
            None => {
                self.texts += 1;
                self.dates += usize::from(is_date(text));
                self.otherwise_marked += usize::from(self.decimal.other().number(text).is_some());
                self.first_text.get_or_insert_with(cell);
                f64::NAN
            }
        }
    }

    /// What the column is. As many numbers as texts are numbers with mistakes among them.
    pub fn found(self) -> Found {
        if let Some(text) = self.first_text {
            return match self.texts {
                texts if texts == self.dates && self.found == 0 => Found::Dates(text),
                texts if texts > self.found && texts > self.otherwise_marked => Found::Texts,
                _ => Found::NotANumber(text),
            };
        }
        match (self.first_infinite, self.first_grouped, self.first_ungrouped) {
            _ if self.found == 0 => Found::Nothing,
            (Some(cell), ..) => Found::Infinite(cell),
            (None, Some(_), Some(cell)) => Found::Ungrouped(cell),
            _ => Found::Numbers {
                values: Values::Numbers { numbers: self.numbers, thousands: self.thousands },
                missing: self.first_missing,
            },
        }
    }

    /// The values so far, NaN where a cell is no number.
    pub fn values(&self) -> &[f64] {
        &self.numbers
    }
}

impl Texts {
    /// Adds the cell `text` of `line`.
    pub fn push(&mut self, text: &str, line: u64) {
        if is_missing_text(text) {
            self.missing.get_or_insert_with(|| Cell { line, text: text.to_owned() });
            return self.codes.push(None);
        }
        let code = match self.numbers.get(text) {
            Some(&code) => code,
            None => {
                let code = self.texts.len() as u32;
                self.texts.push(text.to_owned());
                self.numbers.insert(text.to_owned(), code);
                code
            }
        };
        self.codes.push(Some(code));
    }

    /// The place among `values` of each of the different texts.
    pub fn places(&self, values: &[String]) -> Vec<Option<usize>> {
        let places: HashMap<&str, usize> =
            values.iter().enumerate().map(|(place, value)| (value.as_str(), place)).collect();
        self.texts.iter().map(|text| places.get(text.as_str()).copied()).collect()
    }
}

impl Values {
    /// The number of samples.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers { numbers, .. } => numbers.len(),
            Self::Texts(texts) => texts.codes.len(),
        }
    }

    /// The first missing cell of a column of texts.
    pub fn missing(&self) -> Option<&Cell> {
        match self {
            Self::Numbers { .. } => None,
            Self::Texts(texts) => texts.missing.as_ref(),
        }
    }

    /// Whether every sample has a whole number or a text of its own, and there are at least `fewest`.
    pub fn is_identifier(&self, fewest: usize) -> bool {
        self.len() >= fewest
            && match self {
                Self::Texts(texts) => texts.texts.len() == texts.codes.len(),
                Self::Numbers { numbers, .. } => {
                    let mut seen = HashSet::new();
                    numbers.iter().all(|number| number.fract() == 0.0 && seen.insert(number.to_bits()))
                }
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(cells: &[&str]) -> Found {
        let mut numbers = Numbers::new(DecimalMark::Point, true);
        cells.iter().zip(1..).for_each(|(cell, line)| numbers.push(cell, line));
        numbers.found()
    }

    #[test]
    fn a_column_is_what_most_of_its_cells_are() {
        assert!(matches!(
            found(&["1", "?", "2.5"]),
            Found::Numbers { missing: Some(Cell { line: 2, .. }), .. }
        ));
        assert!(matches!(found(&["1", "two"]), Found::NotANumber(Cell { line: 2, .. })));
        assert!(matches!(found(&["1", "two", "three", ""]), Found::Texts));
        assert!(matches!(found(&["2024-01-01", "?", "2024-01-02"]), Found::Dates(_)));
        assert!(matches!(found(&["2024-01-01", "later"]), Found::Texts));
        assert!(matches!(found(&["1,5", "2,25", "7,5"]), Found::NotANumber(Cell { line: 1, .. })));
        assert!(matches!(found(&["?", ""]), Found::Nothing));
        assert!(matches!(found(&["1", "inf"]), Found::Infinite(Cell { line: 2, .. })));
    }

    #[test]
    fn thousands_are_separated_in_the_whole_column_or_not_at_all() {
        let Found::Numbers { values: Values::Numbers { numbers, thousands }, .. } =
            found(&["1,200", "999", "-12,000.5"])
        else {
            panic!("numbers")
        };
        assert_eq!((numbers, thousands), (vec![1200.0, 999.0, -12000.5], Some(',')));
        assert!(matches!(found(&["1,200", "2000"]), Found::Ungrouped(Cell { line: 2, .. })));
        assert!(matches!(found(&["1,200", "2 000"]), Found::Ungrouped(Cell { line: 2, .. })));
    }

    #[test]
    fn texts_are_numbered_as_they_come() {
        let mut texts = Texts::default();
        ["b", "a", "", "b"].into_iter().zip(1..).for_each(|(cell, line)| texts.push(cell, line));
        assert_eq!(texts.codes, [Some(0), Some(1), None, Some(0)]);
        assert_eq!(
            (texts.texts, texts.missing.map(|cell| cell.line)),
            (vec!["b".into(), "a".into()], Some(3))
        );
    }
}
