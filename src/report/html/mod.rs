//! A report of studies as one page of HTML, as Markdown or as JSON.
//!
//! | file | idea |
//! |---|---|
//! | `document` | the report: what its three forms are made from |
//! | `study` | one study of it |
//! | `winner` | the winner: scores, costs, layers, cores |
//! | `axis` | a parameter as an axis of a chart |
//! | `row` | a trial, short enough for thousands of them |
//! | `sample` | which trials are shown if there are too many |
//! | `number` | rounding, and intervals of means |
//! | `page` | the page, from the files in `assets` |
//! | `markdown` | the same as Markdown, for a person |

mod axis;
mod document;
#[cfg(test)]
mod fixtures;
mod markdown;
mod number;
mod page;
mod row;
mod sample;
mod study;
mod winner;

pub use document::Report;
pub use study::{Gathered, StudyReport};
