//! Options for what the files of a data set do not say about themselves.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{DecimalMark, Missing};

/// A column of a table, as people name it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum ColumnRef {
    /// The last column.
    #[default]
    Last,
    /// The column with this number, from 0.
    Index(usize),
    /// The column with this name in the header, which the table then must have.
    Name(String),
}

/// Whether the first line of a table names its columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Header {
    /// The content of the file decides.
    #[default]
    Detect,
    /// The first line names the columns.
    Present,
    /// The first line is a sample.
    Absent,
}

/// Which dimension holds the channels, in an array of images with four dimensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channels {
    /// The dimensions decide.
    #[default]
    Detect,
    /// Before height and width, as PyTorch has them.
    First,
    /// After height and width, as TensorFlow has them.
    Last,
}

/// Options for files: what they do not state.
///
/// The serialized form lacks label, header and channels, which studies keep under keys of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenOptions {
    /// The label column of a table.
    #[serde(skip)]
    pub label: ColumnRef,
    /// Whether a table has a header.
    #[serde(skip)]
    pub header: Header,
    /// The place of the channels of images.
    #[serde(skip)]
    pub channels: Channels,
    /// The columns of a table that are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<ColumnRef>,
    /// The columns of a table whose values are categories, even where they are numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categorical: Vec<ColumnRef>,
    /// What becomes of the missing cells of a table.
    #[serde(skip_serializing_if = "is_default")]
    pub missing: Missing,
    /// The character before the decimals of a table; a point, if it was not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<DecimalMark>,
    /// A table with the test part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// A table with the validation part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<PathBuf>,
    /// The column of a table that says which samples belong together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<ColumnRef>,
    /// The NPY file with the labels of an NPY file of images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<PathBuf>,
    /// The size that pictures are given; `None` if all have the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_size: Option<ImageSize>,
    /// Whether pictures with colours become grey.
    #[serde(skip_serializing_if = "is_default")]
    pub grey: bool,
    /// Whether broken pictures are left out.
    #[serde(skip_serializing_if = "is_default")]
    pub skip_broken: bool,
}

/// The size of a picture in pixels, both at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSize {
    /// From top to bottom.
    pub height: u32,
    /// From left to right.
    pub width: u32,
}

/// The largest side of a picture that is given a size.
const LARGEST_SIDE: u32 = 1024;

/// The error of a text that is no [`ImageSize`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a side in pixels or HEIGHTxWIDTH, each 1 to 1024, such as 28 or 28x32")]
pub struct ImageSizeError;

impl FromStr for ImageSize {
    type Err = ImageSizeError;

    /// Reads `28` or `28x32`.
    fn from_str(text: &str) -> Result<Self, ImageSizeError> {
        let side = |text: &str| match text.parse() {
            Ok(side @ 1..=LARGEST_SIDE) => Ok(side),
            _ => Err(ImageSizeError),
        };
        let (height, width) = text.split_once('x').unwrap_or((text, text));
        Ok(Self { height: side(height)?, width: side(width)? })
    }
}

impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.height, self.width)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl OpenOptions {
    /// The name of the first option that only a folder of pictures has a use for, if one was given.
    pub(super) fn for_pictures(&self) -> Option<&'static str> {
        let given = [
            ("--image-size", self.image_size.is_some()),
            ("--grey", self.grey),
            ("--skip-broken", self.skip_broken),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(name, _)| name)
    }

    /// The name of the first option that only a table has a use for, if one was given.
    pub(super) fn for_tables(&self) -> Option<&'static str> {
        let given = [
            ("--drop", !self.drop.is_empty()),
            ("--categorical", !self.categorical.is_empty()),
            ("--missing", !is_default(&self.missing)),
            ("--decimal", self.decimal.is_some()),
            ("--test", self.test.is_some()),
            ("--validation", self.validation.is_some()),
            ("--group", self.group.is_some()),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(name, _)| name)
    }
}

impl FromStr for ColumnRef {
    type Err = std::convert::Infallible;

    /// Reads digits as a number, -1 as the last column, and any other text as a name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "-1" => Self::Last,
            _ => text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Index),
        })
    }
}

impl From<String> for ColumnRef {
    fn from(text: String) -> Self {
        match text.parse() {
            Ok(column) => column,
        }
    }
}

impl From<ColumnRef> for String {
    fn from(column: ColumnRef) -> Self {
        column.to_string()
    }
}

impl fmt::Display for ColumnRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last => f.write_str("-1"),
            Self::Index(index) => index.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl Header {
    /// `yes` or `no`; `None` if the content decides.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Detect => None,
            Self::Present => Some("yes"),
            Self::Absent => Some("no"),
        }
    }
}

impl Channels {
    /// `first` or `last`; `None` if the dimensions decide.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Detect => None,
            Self::First => Some("first"),
            Self::Last => Some("last"),
        }
    }
}

/// The error of a text that is none of the two choices of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be {0} or {1}")]
pub struct ChoiceError(&'static str, &'static str);

impl FromStr for Header {
    type Err = ChoiceError;

    /// Reads `yes` or `no`.
    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let choice = [Self::Present, Self::Absent].into_iter().find(|choice| choice.name() == Some(text));
        choice.ok_or(ChoiceError("yes", "no"))
    }
}

impl FromStr for Channels {
    type Err = ChoiceError;

    /// Reads `first` or `last`.
    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let choice = [Self::First, Self::Last].into_iter().find(|choice| choice.name() == Some(text));
        choice.ok_or(ChoiceError("first", "last"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_survive_json_and_those_left_out_take_no_place() {
        assert_eq!(serde_json::to_string(&OpenOptions::default()).unwrap(), "{}");
        let drop = ["id", "0", "-1"].map(|column| column.parse().unwrap()).to_vec();
        let (missing, test) = (Missing::Impute, Some("t.csv".into()));
        let options = OpenOptions { drop, missing, test, ..OpenOptions::default() };
        let json = serde_json::to_string(&options).unwrap();
        assert_eq!(json, r#"{"drop":["id","0","-1"],"missing":"impute","test":"t.csv"}"#);
        assert_eq!(serde_json::from_str::<OpenOptions>(&json).unwrap(), options);
        assert_eq!((options.for_tables(), OpenOptions::default().for_tables()), (Some("--drop"), None));
    }

    #[test]
    fn sizes_are_a_side_or_two() {
        assert_eq!("28".parse(), Ok(ImageSize { height: 28, width: 28 }));
        assert_eq!("28x32".parse(), Ok(ImageSize { height: 28, width: 32 }));
        for wrong in ["", "0", "28x", "x", "1025", "-1", "28x32x3", "1.5"] {
            assert!(wrong.parse::<ImageSize>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn choices_are_read_as_they_are_named() {
        for header in [Header::Present, Header::Absent] {
            assert_eq!(header.name().unwrap().parse(), Ok(header));
        }
        for channels in [Channels::First, Channels::Last] {
            assert_eq!(channels.name().unwrap().parse(), Ok(channels));
        }
        assert_eq!("maybe".parse::<Header>().unwrap_err().to_string(), "must be yes or no");
        assert_eq!("second".parse::<Channels>().unwrap_err().to_string(), "must be first or last");
    }
}
