//! The JSON representation of a log.

use protocol::internal::{LogLine, LogStream};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::logs;

/// Page of a run's log.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Log {
    /// Lines in order of arrival.
    pub(super) data: Vec<LogEntry>,
    /// Position of the page in the log.
    pub(super) page: LogPage,
}

/// Position of a page in a log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct LogPage {
    /// Value of `cursor` for the next page, with the same filters. Null if the run has finished and this is the last
    /// page.
    #[schema(required = true)]
    pub(super) next_cursor: Option<String>,
    /// Whether the log has more lines now.
    pub(super) has_more: bool,
    /// Maximum number of lines on the page.
    pub(super) limit: usize,
}

/// Line that a step has written, or a part of a long line.
#[derive(Serialize, ToSchema)]
#[schema(as = LogLine)]
pub(in crate::http) struct LogEntry {
    /// Value of `cursor` to continue after this line.
    pub(super) cursor: String,
    /// Time at which the line was written.
    #[schema(format = DateTime)]
    time: String,
    /// Name of the step.
    step: String,
    /// Index of the item of a `forEach` step, starting at 0. Null for other steps.
    #[schema(required = true)]
    item: Option<u32>,
    /// Number of the attempt, starting at 1.
    #[schema(minimum = 1)]
    attempt: u32,
    /// Output stream: `STDOUT`, `STDERR`, or `SYSTEM` for messages of the runner.
    #[schema(example = "STDOUT")]
    stream: &'static str,
    /// Text without the line break.
    line: String,
    /// Whether the text continues in the next line of the same stream.
    partial: bool,
    /// Name of the runner pod.
    pod: String,
}

impl From<logs::PositionedLine> for LogEntry {
    fn from(logs::PositionedLine { next, pod, line }: logs::PositionedLine) -> Self {
        let LogLine { seq: _, time, step, item, attempt, stream, line, partial } = line;
        let stream = match stream {
            LogStream::Stdout => "STDOUT",
            LogStream::Stderr => "STDERR",
            LogStream::System => "SYSTEM",
        };
        Self { cursor: next.to_string(), time, step, item, attempt, stream, line, partial, pod }
    }
}
