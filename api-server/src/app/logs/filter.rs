//! Filters of log lines.

use protocol::internal::{LogLine, LogStream};

use super::LogPosition;

/// Filter of log lines. Absent criteria match all lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Name of the step.
    pub step: Option<String>,
    /// Index of the item, starting at 0.
    pub item: Option<u32>,
    /// Number of the attempt, starting at 1.
    pub attempt: Option<u32>,
    /// Output stream.
    pub stream: Option<LogStream>,
}

/// Line of a log with the position after it.
#[derive(Clone, Debug, PartialEq)]
pub struct PositionedLine {
    /// Position after the line.
    pub next: LogPosition,
    /// Name of the pod that wrote the line.
    pub pod: String,
    /// Contents of the line.
    pub line: LogLine,
}

impl Filter {
    /// Returns whether a line matches.
    #[must_use]
    pub fn matches(&self, line: &LogLine) -> bool {
        let Self { step, item, attempt, stream } = self;
        step.as_ref().is_none_or(|step| *step == line.step)
            && item.is_none_or(|item| Some(item) == line.item)
            && attempt.is_none_or(|attempt| attempt == line.attempt)
            && stream.is_none_or(|stream| stream == line.stream)
    }
}
