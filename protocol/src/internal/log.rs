//! Log lines of steps.

use serde::{Deserialize, Serialize};

/// Maximum number of lines in a batch.
pub const MAX_LOG_LINES: usize = 1_000;
/// Maximum size of a line in bytes. A longer line is sent in pieces; all but the last one are `partial`.
pub const MAX_LOG_LINE_BYTES: usize = 16 * 1024;
/// Maximum size of a batch as JSON in bytes.
pub const MAX_LOG_BODY_BYTES: usize = 2 * 1024 * 1024;

/// Batch of log lines of a run, in the order in which they were written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogBatch {
    /// Name of the pod that sends the lines. Together with `seq` it identifies a line, so that a batch may be repeated.
    pub pod: String,
    /// Lines; at most [`MAX_LOG_LINES`].
    pub lines: Vec<LogLine>,
}

/// Line that a step has written, or a piece of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// Number of the line within this run and pod, starting at 0, without gaps.
    pub seq: u64,
    /// Time at which the runner received the line, as RFC 3339 in UTC.
    pub time: String,
    /// Name of the step.
    pub step: String,
    /// Index of the item of a `forEach`, starting at 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// Number of the attempt, starting at 1.
    pub attempt: u32,
    /// Stream to which the line was written.
    pub stream: LogStream,
    /// Text without its line break and with secrets redacted; at most [`MAX_LOG_LINE_BYTES`] bytes.
    pub line: String,
    /// Whether the line continues in the next one of the same stream.
    #[serde(default, skip_serializing_if = "is_false")]
    pub partial: bool,
}

/// Stream to which a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogStream {
    /// Standard output of the step.
    Stdout,
    /// Standard error of the step.
    Stderr,
    /// Messages of the runner about the step, for example that lines were omitted.
    System,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The JSON form of a batch is stable, so that runner and api-server of different releases are compatible.
    #[test]
    fn the_json_form_of_a_batch_is_stable() {
        let batch = LogBatch {
            pod: "run-1-x".to_owned(),
            lines: vec![LogLine {
                seq: 7,
                time: "2026-11-26T08:00:00.123456Z".to_owned(),
                step: "each".to_owned(),
                item: Some(3),
                attempt: 2,
                stream: LogStream::Stderr,
                line: "hüllo".to_owned(),
                partial: true,
            }],
        };
        let wire = json!({"pod": "run-1-x", "lines": [{
            "seq": 7, "time": "2026-11-26T08:00:00.123456Z", "step": "each", "item": 3, "attempt": 2,
            "stream": "stderr", "line": "hüllo", "partial": true,
        }]});
        assert_eq!(serde_json::to_value(&batch).unwrap(), wire);
        assert_eq!(serde_json::from_value::<LogBatch>(wire).unwrap(), batch);
    }
}
