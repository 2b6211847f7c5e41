//! Which lines of a log are wanted.

use protocol::internal::{LogLine, LogStream};

use super::LogPosition;

/// Which lines of a log are wanted; what is absent does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this step.
    pub step: Option<String>,
    /// Only those of this item.
    pub item: Option<u32>,
    /// Only those of this attempt.
    pub attempt: Option<u32>,
    /// Only those that were written there.
    pub stream: Option<LogStream>,
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Where the log goes on after it.
    pub next: LogPosition,
    /// The name of the pod that it comes from.
    pub pod: String,
    /// The line.
    pub line: LogLine,
}

impl Filter {
    /// Whether a line is wanted.
    #[must_use]
    pub fn wants(&self, line: &LogLine) -> bool {
        let Self { step, item, attempt, stream } = self;
        step.as_ref().is_none_or(|step| *step == line.step)
            && item.is_none_or(|item| Some(item) == line.item)
            && attempt.is_none_or(|attempt| attempt == line.attempt)
            && stream.is_none_or(|stream| stream == line.stream)
    }
}
