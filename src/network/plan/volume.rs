//! Volumes and windows as plans use them: areas, conversions, and text.

use crate::network::{Volume, Window};

impl Volume {
    /// Rows times columns.
    pub fn area(&self) -> usize {
        self.height * self.width
    }
}

impl From<[usize; 3]> for Volume {
    /// From height, width and channels.
    fn from([height, width, channels]: [usize; 3]) -> Self {
        Self { height, width, channels }
    }
}

impl std::fmt::Display for Volume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self { height: 1, width: 1, channels } => write!(f, "{channels}"),
            Self { height, width, channels } => write!(f, "{height}x{width}x{channels}"),
        }
    }
}

impl Window {
    /// A square window without padding.
    pub const fn square(side: usize, stride: usize) -> Self {
        Self { height: side, width: side, stride, padding: 0 }
    }

    /// Elements of the window, rows times columns.
    pub fn area(&self) -> usize {
        self.height * self.width
    }
}
