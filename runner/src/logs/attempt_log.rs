//! Log of one attempt, with secrets redacted and with bounded size.

use std::collections::BTreeMap;

use protocol::{
    host::Stream,
    internal::{LogStream, MAX_LOG_LINE_BYTES},
};

use crate::{
    logs::{
        record::{LogOrigin, LogRecord},
        writer::Logs,
    },
    secrets::{Redactor, Remainder},
};

/// Maximum size of the output of one attempt in bytes, so that a step in an endless loop does not fill disks.
const MAX_BYTES: usize = 10 * 1024 * 1024;

/// Maximum size of the end of standard error that the message of a failure contains, in bytes. The message of an item's
/// failure has 1,000 bytes.
const MAX_TAIL_BYTES: usize = 768;

/// Receiver of the output of one attempt.
pub(crate) struct AttemptLog {
    logs: Logs,
    origin: LogOrigin,
    redactor: Redactor,
    remainders: BTreeMap<&'static str, Remainder>,
    bytes: usize,
    max_bytes: usize,
    /// End of standard error, with secrets redacted.
    stderr: String,
}

impl AttemptLog {
    pub(crate) fn new(logs: Logs, origin: LogOrigin, redactor: Redactor) -> Self {
        Self {
            logs,
            origin,
            redactor,
            remainders: BTreeMap::new(),
            bytes: 0,
            max_bytes: MAX_BYTES,
            stderr: String::new(),
        }
    }

    /// Writes a line of the step, or a part of one.
    pub(crate) async fn write_output(&mut self, stream: Stream, line: &str, partial: bool) {
        let was_omitted = self.bytes > self.max_bytes;
        self.bytes = self.bytes.saturating_add(line.len() + usize::from(!partial));
        let (name, stream) = match stream {
            Stream::Stdout => ("stdout", LogStream::Stdout),
            Stream::Stderr => ("stderr", LogStream::Stderr),
        };
        let remainder = self.remainders.entry(name).or_default();
        let text = self.redactor.redact_piece(remainder, line, !partial);
        if stream == LogStream::Stderr {
            self.push_tail(&text, partial);
        }
        if was_omitted {
            return;
        }
        if self.bytes > self.max_bytes {
            let max = self.max_bytes;
            self.write_note(format!("… more than {max} bytes of output; the rest is omitted")).await;
            return;
        }
        let pieces = pieces(&text);
        let last = pieces.len().saturating_sub(1);
        for (at, piece) in pieces.into_iter().enumerate() {
            let continues = partial || at < last;
            // The redactor may hold back all of a piece, so that there is nothing to write yet.
            if !(continues && piece.is_empty()) {
                self.write_record(stream, piece.to_owned(), continues).await;
            }
        }
    }

    /// Writes a message of the runner about the step.
    pub(crate) async fn write_note(&self, text: String) {
        self.write_record(LogStream::System, self.redactor.redact_text(&text).into_owned(), false).await;
    }

    /// Returns the last lines of standard error, with secrets redacted.
    pub(crate) fn stderr_tail(&self) -> &str {
        let mut tail = self.stderr.trim_end();
        if tail.len() > MAX_TAIL_BYTES {
            let from = tail.len() - MAX_TAIL_BYTES;
            let from = (from..tail.len()).find(|at| tail.is_char_boundary(*at)).unwrap_or(0);
            tail = tail.get(from..).unwrap_or_default();
            // A line that is cut is omitted, unless it is the only one.
            tail = tail.split_once('\n').map_or(tail, |(_, lines)| lines);
        }
        tail.trim()
    }

    /// Adds redacted text to the end of standard error.
    fn push_tail(&mut self, text: &str, partial: bool) {
        self.stderr.push_str(text);
        if !partial {
            self.stderr.push('\n');
        }
        // The text is not shortened after every line, because removing the beginning copies the rest.
        if self.stderr.len() > 8 * MAX_TAIL_BYTES {
            let from = self.stderr.len() - 2 * MAX_TAIL_BYTES;
            let from = (from..self.stderr.len()).find(|at| self.stderr.is_char_boundary(*at)).unwrap_or(0);
            self.stderr.drain(..from);
        }
    }

    /// Writes what the redactor still holds back.
    pub(crate) async fn flush(&mut self) {
        for (name, mut remainder) in std::mem::take(&mut self.remainders) {
            let stream = if name == "stdout" { LogStream::Stdout } else { LogStream::Stderr };
            let rest = self.redactor.redact_piece(&mut remainder, "", true);
            if rest.is_empty() {
                continue;
            }
            if stream == LogStream::Stderr {
                self.push_tail(&rest, false);
            }
            if self.bytes <= self.max_bytes {
                self.write_record(stream, rest, false).await;
            }
        }
    }

    /// Writes what the redactor still holds back, and the number of omitted bytes.
    pub(crate) async fn finish(mut self) {
        self.flush().await;
        if let Some(omitted) = self.bytes.checked_sub(self.max_bytes).filter(|bytes| *bytes > 0) {
            self.write_note(format!("… {omitted} bytes of output omitted")).await;
        }
    }

    async fn write_record(&self, stream: LogStream, line: String, partial: bool) {
        let (time, origin) = (telemetry::clock::now(), self.origin.clone());
        self.logs.write(LogRecord { time, origin, stream, line, partial }).await;
    }
}

/// Splits a text into pieces of at most [`MAX_LOG_LINE_BYTES`]. An empty text is one piece.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > MAX_LOG_LINE_BYTES {
        let at = (0..=MAX_LOG_LINE_BYTES).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(0);
        let (piece, remaining) = rest.split_at(at);
        pieces.push(piece);
        rest = remaining;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// Returns the records that are written for these lines as (stream, line, partial).
    async fn written(max_bytes: usize, lines: &[(&str, bool)]) -> Vec<(String, String, bool)> {
        let (to, mut from) = tokio::io::duplex(1 << 20);
        let (logs, writer) = Logs::start(to, None);
        let origin = LogOrigin {
            run: "nightly-7".into(),
            run_uid: "uid-7".into(),
            step: "fetch".into(),
            item: None,
            attempt: 1,
        };
        let secrets = serde_json::from_value(json!({"erp": {"token": "s3cret-t0ken"}})).unwrap();
        let mut log = AttemptLog::new(logs, origin, Redactor::new(&secrets).unwrap());
        log.max_bytes = max_bytes;
        for (line, partial) in lines {
            log.write_output(Stream::Stdout, line, *partial).await;
        }
        log.finish().await;
        writer.await.unwrap().unwrap();
        let mut text = String::new();
        from.read_to_string(&mut text).await.unwrap();
        let parsed = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let field = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
        parsed.map(|line| (field(&line, "stream"), field(&line, "line"), line["partial"] == true)).collect()
    }

    /// A secret that a step prints is redacted, also where it spans two pieces of a line.
    #[tokio::test]
    async fn secrets_are_redacted_across_pieces_of_a_line() {
        let lines = written(1000, &[("a s3cret-", true), ("t0ken b", false), ("s3cret-t0ken", false)]).await;
        let text: String = lines.iter().map(|(_, line, _)| line.as_str()).collect();
        assert_eq!(text, "a *** b***");
        assert_eq!(lines.iter().filter(|(_, _, partial)| !partial).count(), 2);
    }

    /// The end of standard error is retained in whole lines, without secrets, also beyond the limit of the log.
    #[tokio::test]
    async fn the_end_of_standard_error_is_retained() {
        let (logs, _writer) = Logs::start(tokio::io::sink(), None);
        let origin =
            LogOrigin { run: "r".into(), run_uid: "u".into(), step: "s".into(), item: None, attempt: 1 };
        let secrets = serde_json::from_value(json!({"erp": {"token": "s3cret-t0ken"}})).unwrap();
        let mut log = AttemptLog::new(logs, origin, Redactor::new(&secrets).unwrap());
        log.max_bytes = 100;
        for n in 0..1000 {
            log.write_output(Stream::Stderr, &format!("line ü {n}"), false).await;
        }
        log.write_output(Stream::Stdout, "not an error", false).await;
        log.write_output(Stream::Stderr, "token s3cret-", true).await;
        log.write_output(Stream::Stderr, "t0ken is wrong", false).await;
        log.flush().await;
        let tail = log.stderr_tail();
        assert!(tail.len() <= MAX_TAIL_BYTES && tail.starts_with("line ü "), "{tail}");
        assert!(tail.ends_with("line ü 999\ntoken *** is wrong"), "{tail}");
    }

    /// Output beyond the limit is omitted, and the log says how much.
    #[tokio::test]
    async fn output_beyond_the_limit_is_omitted_and_counted() {
        let line = "x".repeat(39);
        let lines = written(100, &[(&line, false), (&line, false), (&line, false), (&line, false)]).await;
        let system: Vec<&str> = lines
            .iter()
            .filter(|(stream, _, _)| stream == "system")
            .map(|(_, line, _)| line.as_str())
            .collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(
            system,
            ["… more than 100 bytes of output; the rest is omitted", "… 60 bytes of output omitted"]
        );
    }
}
