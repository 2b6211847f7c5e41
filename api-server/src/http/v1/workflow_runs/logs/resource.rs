//! A line of a log in JSON.

use protocol::internal::{LogLine, LogStream};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::logs;

/// A page of a run's log.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Log {
    /// The lines, in the order in which they came.
    pub(super) data: Vec<Line>,
    /// Where the log goes on.
    pub(super) page: LogPage,
}

/// Where a page is in its log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct LogPage {
    /// Give it as `cursor`, with the same filters, to go on. Null when the run has ended and all was read.
    pub(super) next_cursor: Option<String>,
    /// Whether there is more already.
    pub(super) has_more: bool,
    /// The most lines that a page of this size has.
    pub(super) limit: usize,
}

/// A line that a step has written, or a piece of one.
#[derive(Serialize, ToSchema)]
#[schema(as = LogLine)]
pub(in crate::http) struct Line {
    /// Give it as `cursor` to go on after this line.
    pub(super) cursor: String,
    /// When it was written.
    #[schema(format = DateTime)]
    time: String,
    /// The step.
    step: String,
    /// Which item of a `forEach`, counted from 0.
    item: Option<u32>,
    /// Which attempt, counted from 1.
    attempt: u32,
    /// `STDOUT`, `STDERR`, or `SYSTEM`: what the runner has to say.
    #[schema(example = "STDOUT")]
    stream: &'static str,
    /// What was written, without the line's end.
    line: String,
    /// Whether the line goes on in the next one of the same stream.
    partial: bool,
    /// The name of the pod.
    pod: String,
}

impl From<logs::Line> for Line {
    fn from(logs::Line { next, pod, line }: logs::Line) -> Self {
        let LogLine { seq: _, time, step, item, attempt, stream, line, partial } = line;
        let stream = match stream {
            LogStream::Stdout => "STDOUT",
            LogStream::Stderr => "STDERR",
            LogStream::System => "SYSTEM",
        };
        Self { cursor: next.to_string(), time, step, item, attempt, stream, line, partial, pod }
    }
}
