//! The page: a template with the style, the scripts and the data in it.
//!
//! Names in the data come from anywhere. So the data is JSON in a script element that is never run,
//! with every `<` escaped; the scripts make text of it, never markup. A content security policy lets
//! no other script run, and lets nothing load from anywhere.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::document::Report;

const TEMPLATE: &str = include_str!("assets/page.html");
const STYLE: &str = include_str!("assets/style.css");
/// The scripts, in the order in which they run.
const SCRIPTS: [&str; 9] = [
    include_str!("assets/base.js"),
    include_str!("assets/selection.js"),
    include_str!("assets/draw.js"),
    include_str!("assets/overview.js"),
    include_str!("assets/progress.js"),
    include_str!("assets/parallel.js"),
    include_str!("assets/scatter.js"),
    include_str!("assets/bars.js"),
    include_str!("assets/main.js"),
];

impl Report {
    /// The report as one page of HTML that needs no other file and no network.
    pub fn to_html(&self) -> String {
        html(self)
    }
}

fn html(report: &Report) -> String {
    let names: Vec<&str> = report.studies.iter().map(|study| study.name.as_str()).collect();
    let script = format!("\"use strict\";\n{}", SCRIPTS.concat());
    let hash = BASE64_STANDARD.encode(Sha256::digest(script.as_bytes()));
    let parts = [
        ("TITLE", escaped(&names.join(", "))),
        ("HASH", hash),
        ("STYLE", STYLE.to_owned()),
        ("DATA", data(report)),
        ("SCRIPT", script),
    ];
    filled(TEMPLATE, &parts)
}

/// `template` with each `{{NAME}}` replaced once. What is put in is not searched again.
fn filled(template: &str, parts: &[(&str, String)]) -> String {
    let mut pieces = template.split("{{");
    let mut page = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").unwrap_or((piece, ""));
        page.extend(parts.iter().filter(|(part, _)| *part == name).map(|(_, text)| text.as_str()));
        page.push_str(rest);
    }
    page
}

/// The data as JSON that cannot end its script element. The line separators of Unicode are escaped
/// too, for old browsers.
fn data(report: &Report) -> String {
    let json = report.to_json();
    json.trim_end()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// `text` as content of an HTML element.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::fixtures::{study, wide};
    use crate::report::html::{Gathered, StudyReport};

    fn report(count: u32) -> Report {
        Report::new(vec![StudyReport::new(&study(count), &Gathered::default())])
    }

    /// The data of a page, read as a browser reads it: up to the first end of a script.
    fn read_back(page: &str) -> serde_json::Value {
        let (_, after) = page.split_once("<script type=\"application/json\" id=\"data\">").expect("data");
        let (json, _) = after.split_once("</script").expect("an end");
        serde_json::from_str(json).expect("JSON")
    }

    #[test]
    fn names_that_look_like_html_stay_names() {
        let page = html(&report(40));
        assert!(!page.contains("<script>alert") && !page.contains("<img") && !page.contains("<b>"));
        assert!(page.contains("<title>&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert_eq!(page.matches("<script").count(), 2, "the data and our own script");
        assert_eq!(page.matches("</script").count(), 2);
        let data = read_back(&page);
        assert_eq!(data["studies"][0]["name"], "<script>alert(1)</script>");
        assert_eq!(data["studies"][0]["axes"][2]["name"], "</script>");
        assert_eq!(data, serde_json::from_str::<serde_json::Value>(&report(40).to_json()).expect("JSON"));
    }

    #[test]
    fn a_page_needs_nothing_from_elsewhere() {
        let page = html(&report(20));
        let addresses = page.matches("://").count();
        assert_eq!(addresses, page.matches("http://www.w3.org/2000/svg").count(), "only the name of SVG");
        assert!(page.contains("default-src 'none'"));
        for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "import("] {
            assert!(!SCRIPTS.concat().contains(word), "{word}");
        }
        for part in ["TITLE", "HASH", "STYLE", "DATA", "SCRIPT"] {
            assert!(
                TEMPLATE.contains(&format!("{{{{{part}}}}}")) && !page.contains(&format!("{{{{{part}}}}}"))
            );
        }
    }

    #[test]
    fn scripts_and_pages_are_small() {
        let scripts: usize = SCRIPTS.iter().map(|script| script.len()).sum();
        assert!(scripts <= 60_000, "{scripts} bytes of scripts");
        for (count, most, shown) in
            [(100, 250_000, 100), (1_000, 1_000_000, 1_000), (10_000, 1_200_000, 2_000)]
        {
            let report = Report::new(vec![StudyReport::new(&wide(count), &Gathered::default())]);
            let page = html(&report);
            assert!(page.len() <= most, "{count} trials: {} bytes", page.len());
            let data = read_back(&page);
            let study = &data["studies"][0];
            assert_eq!(study["trials"].as_array().map(Vec::len), Some(shown), "a mark for each");
            assert_eq!(study["sampled"]["of"].as_u64(), (count > 2_000).then_some(u64::from(count)));
            assert_eq!(study["counts"][0][1], count, "the counts are of all trials");
        }
    }

    #[test]
    fn what_is_put_into_the_template_is_not_searched_again() {
        let parts = [("A", "{{B}}".to_owned()), ("B", "b".to_owned())];
        assert_eq!(filled("<{{A}}|{{B}}>", &parts), "<{{B}}|b>");
    }

    /// The colours of a scheme, from the block of the style that begins after `mark`.
    fn colours(mark: &str) -> std::collections::BTreeMap<String, [f64; 3]> {
        let (_, rest) = STYLE.split_once(mark).expect("the scheme");
        let (block, _) = rest.split_once('}').expect("its end");
        let channel =
            |hex: &str, at: usize| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"));
        let colour = |line: &str| {
            let (name, hex) = line.trim().strip_prefix("--")?.split_once(": #")?;
            Some((name.to_owned(), [0, 2, 4].map(|at| channel(hex, at) / 255.0)))
        };
        block.split(';').filter_map(colour).collect()
    }

    /// The contrast of two colours by the Web Content Accessibility Guidelines 2.1.
    fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
        let linear = |c: f64| if c <= 0.03928 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
        let luminance = |[r, g, b]: [f64; 3]| 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        let (a, b) = (luminance(one), luminance(other));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_is_readable_and_marks_are_visible_in_both_schemes() {
        assert!((contrast([0.0; 3], [1.0; 3]) - 21.0).abs() < 1e-9);
        for mark in [":root {", "(prefers-color-scheme: dark) {\n  :root {"] {
            let colours = colours(mark);
            assert_eq!(colours.len(), 15, "{colours:?}");
            for back in ["back", "panel"] {
                for text in ["text", "soft", "accent", "mark"] {
                    assert!(contrast(colours[text], colours[back]) >= 4.5, "{mark} {text} on {back}");
                }
                for shade in ["c0", "c1", "c2", "c3", "c4"] {
                    assert!(contrast(colours[shade], colours[back]) >= 3.0, "{mark} {shade} on {back}");
                }
            }
            assert!(contrast(colours["accent-text"], colours["accent"]) >= 4.5, "{mark} buttons");
        }
    }
}
