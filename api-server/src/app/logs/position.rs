//! Positions in a log.

use std::{fmt, str::FromStr};

use crate::app::Error;

/// Position between two lines of a log. Its text form `chunk-line` is the cursor of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition {
    /// Number of the chunk after the position, starting at 1.
    pub chunk: i64,
    /// Number of lines of that chunk before the position.
    pub line: usize,
}

impl LogPosition {
    /// Position before the first line.
    pub const START: Self = Self { chunk: 1, line: 0 };
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.chunk, self.line)
    }
}

impl FromStr for LogPosition {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (chunk, line) = text.split_once('-').ok_or(Error::InvalidLogCursor)?;
        match (chunk.parse::<i64>(), line.parse()) {
            (Ok(chunk), Ok(line)) if chunk >= 1 => Ok(Self { chunk, line }),
            _ => Err(Error::InvalidLogCursor),
        }
    }
}
