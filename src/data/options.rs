//! Options for what the files of a data set do not say about themselves.

use std::str::FromStr;

/// The column of a table that has the labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LabelColumn {
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// The label column of a table.
    pub label: LabelColumn,
    /// Whether a table has a header.
    pub header: Header,
    /// The place of the channels of images.
    pub channels: Channels,
}

impl FromStr for LabelColumn {
    type Err = std::convert::Infallible;

    /// Reads digits as a number, and any other text as a name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Index))
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
