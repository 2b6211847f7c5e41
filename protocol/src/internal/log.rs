//! Lines that steps have written.

use serde::{Deserialize, Serialize};

/// Lines of one batch, at most.
pub const MAX_LOG_LINES: usize = 1_000;
/// Bytes of one line, at most; a longer one is sent in pieces, all but the last of them `partial`.
pub const MAX_LOG_LINE_BYTES: usize = 16 * 1024;
/// Bytes of a batch as JSON, at most.
pub const MAX_LOG_BODY_BYTES: usize = 2 * 1024 * 1024;

/// Lines of a run, in the order in which they were written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogBatch {
    /// The name of the pod that sends them. With `seq` it tells lines apart, so that a batch may be sent again.
    pub pod: String,
    /// The lines; at most [`MAX_LOG_LINES`].
    pub lines: Vec<LogLine>,
}

/// A line that a step has written, or a piece of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// Counts the lines of this run in this pod, from 0, without gaps.
    pub seq: u64,
    /// When it was read, RFC 3339 in UTC.
    pub time: String,
    /// The step.
    pub step: String,
    /// Which item of a `forEach`, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// Which attempt, counted from 1.
    pub attempt: u32,
    /// Where it was written to.
    pub stream: LogStream,
    /// What was written, without the line's end, secrets replaced; at most [`MAX_LOG_LINE_BYTES`] bytes.
    pub line: String,
    /// Whether the line goes on in the next one of the same stream.
    #[serde(default, skip_serializing_if = "is_false")]
    pub partial: bool,
}

/// Where a line was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogStream {
    /// The step's standard output.
    Stdout,
    /// The step's standard error.
    Stderr,
    /// What the runner has to say of the step, such as that lines were left out.
    System,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Runner and api-server of two releases do not understand each other.
    #[test]
    fn the_wire_form_is_what_was_agreed() {
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
