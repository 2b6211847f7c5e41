//! The log of a run.

use std::num::NonZeroU32;

use async_graphql::{
    Enum, InputObject, SimpleObject,
    connection::{Connection, Edge},
};
use protocol::internal;

use crate::app::logs::{Filter, LogLines, PositionedLine};

/// Cost of a log besides its lines: searching one takes as long as reading a hundred rows.
const SEARCH_COST: usize = 100;

/// Connection of the lines of a log.
pub(in crate::graphql) type LogConnection = Connection<String, LogLine, LogPosition>;

/// Line that a step has written, or a part of a long line.
#[derive(SimpleObject)]
pub(in crate::graphql) struct LogLine {
    /// Time at which the line was written, in RFC 3339 format.
    time: String,
    /// Name of the step.
    step: String,
    /// Index of the item of a `forEach` step, starting at 0. Null for other steps.
    item: Option<u32>,
    /// Number of the attempt, starting at 1.
    attempt: u32,
    /// Output stream.
    stream: LogStream,
    /// Text without the line break.
    line: String,
    /// Whether the text continues in the next line of the same stream.
    partial: bool,
    /// Name of the runner pod.
    pod: String,
}

/// Position of a page in a log.
#[derive(SimpleObject)]
pub(in crate::graphql) struct LogPosition {
    /// Value of `after` for the next page, also if no line of this page matches the filter. Null if the run has finished and
    /// this is the last page.
    next_cursor: Option<String>,
}

/// Output stream of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "internal::LogStream")]
pub(in crate::graphql) enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Messages of the runner.
    System,
}

/// Filter of log lines. A line is returned if it matches all criteria that are present.
#[derive(Clone, Debug, Default, InputObject)]
pub(in crate::graphql) struct LogFilter {
    /// Name of the step.
    step: Option<String>,
    /// Index of the item of a `forEach` step, starting at 0.
    item: Option<u32>,
    /// Number of the attempt, starting at 1.
    attempt: Option<NonZeroU32>,
    /// Output stream.
    stream: Option<LogStream>,
}

impl From<LogFilter> for Filter {
    fn from(LogFilter { step, item, attempt, stream }: LogFilter) -> Self {
        Self { step, item, attempt: attempt.map(NonZeroU32::get), stream: stream.map(Into::into) }
    }
}

impl From<PositionedLine> for LogLine {
    fn from(PositionedLine { next: _, pod, line }: PositionedLine) -> Self {
        let internal::LogLine { seq: _, time, step, item, attempt, stream, line, partial } = line;
        Self { time, step, item, attempt, stream: stream.into(), line, partial, pod }
    }
}

/// Returns the maximum cost of a page of `first` lines, each of which costs `line`.
pub(in crate::graphql) fn log_cost(first: i32, line: usize) -> usize {
    let lines = usize::try_from(first).unwrap_or_default();
    lines.saturating_mul(line).saturating_add(SEARCH_COST)
}

/// Converts a page of a log into a connection. `is_final` says that the run has finished, so that no more lines arrive.
pub(in crate::graphql) fn log_connection(
    page: LogLines,
    begins_at_cursor: bool,
    is_final: bool,
) -> LogConnection {
    let LogLines { lines, next, has_more } = page;
    let next_cursor = (has_more || !is_final).then(|| next.to_string());
    let mut connection =
        Connection::with_additional_fields(begins_at_cursor, has_more, LogPosition { next_cursor });
    connection.edges.extend(lines.into_iter().map(|line| Edge::new(line.next.to_string(), line.into())));
    connection
}
