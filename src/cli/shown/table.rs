//! Text in columns.

/// `rows` with each column as wide as its widest cell, two spaces between columns, and no space at the end of a line.
pub(crate) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}  "));
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    rows.iter().map(line).collect()
}

/// Words before a full stop that ends no sentence.
const ABBREVIATIONS: [&str; 2] = ["et al", "e.g"];

/// The first sentence of `text`.
pub(crate) fn first_sentence(text: &str) -> &str {
    let ends = text.match_indices(". ").map(|(at, _)| at);
    let end = ends.filter(|&at| !ABBREVIATIONS.iter().any(|short| text[..at].ends_with(short))).min();
    end.map_or(text, |end| &text[..end]).trim_end_matches('.')
}

/// `text` in at most `width` characters, cut after a word if it is longer.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let mut cut = String::new();
    for word in text.split(' ') {
        let space = usize::from(!cut.is_empty());
        if cut.chars().count() + space + word.chars().count() + 4 > width && text.chars().count() > width {
            return format!("{cut} ...");
        }
        cut.extend([" "].iter().take(space).copied().chain([word]));
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "bb".to_owned()], vec!["cäc".to_owned(), String::new()]];
        assert_eq!(columns(&rows), "a    bb\ncäc\n");
        assert_eq!(columns(&[]), "");
    }

    #[test]
    fn a_long_text_is_cut_after_a_word() {
        assert_eq!(cut("one two three", 13), "one two three");
        assert_eq!(cut("one two three", 12), "one two ...");
        assert!(cut(&"word ".repeat(50), 40).chars().count() <= 40);
    }

    #[test]
    fn a_sentence_ends_before_the_next_one() {
        assert_eq!(first_sentence("One of 1.5 V. Two."), "One of 1.5 V");
        assert_eq!(first_sentence("One."), "One");
        assert_eq!(first_sentence("As in (Severa et al. 2019). Two."), "As in (Severa et al. 2019)");
    }
}
