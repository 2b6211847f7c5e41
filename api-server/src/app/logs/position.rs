//! Places in a log.

use std::{fmt, str::FromStr};

use crate::app::Error;

/// A place in a log, between two lines. Written `chunk-line`, it is the cursor that clients get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition {
    /// The chunk to go on with.
    pub chunk: i64,
    /// How many of its lines are before the place.
    pub line: usize,
}

impl LogPosition {
    /// Before the first line.
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
