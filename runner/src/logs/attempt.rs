//! The log of one attempt: without secrets, and bounded.

use std::collections::BTreeMap;

use protocol::{
    host::Stream,
    internal::{LogStream, MAX_LOG_LINE_BYTES},
};

use crate::{
    logs::{Line, Logs, Origin},
    secrets::{Carry, Redactor},
};

/// Bytes of one attempt that are kept. A step in an endless loop must not fill disks.
const MAX_BYTES: usize = 10 * 1024 * 1024;

/// Where one attempt's lines go.
pub(crate) struct AttemptLog {
    logs: Logs,
    origin: Origin,
    redactor: Redactor,
    carries: BTreeMap<&'static str, Carry>,
    bytes: usize,
    max_bytes: usize,
}

impl AttemptLog {
    pub(crate) fn new(logs: Logs, origin: Origin, redactor: Redactor) -> Self {
        Self { logs, origin, redactor, carries: BTreeMap::new(), bytes: 0, max_bytes: MAX_BYTES }
    }

    /// What the step has written.
    pub(crate) async fn output(&mut self, stream: Stream, line: &str, partial: bool) {
        let before = self.bytes;
        self.bytes = self.bytes.saturating_add(line.len() + usize::from(!partial));
        if before > self.max_bytes {
            return;
        }
        if self.bytes > self.max_bytes {
            let max = self.max_bytes;
            self.note(format!("… more than {max} bytes of output; what follows is left out")).await;
            return;
        }
        let (name, stream) = match stream {
            Stream::Stdout => ("stdout", LogStream::Stdout),
            Stream::Stderr => ("stderr", LogStream::Stderr),
        };
        let carry = self.carries.entry(name).or_default();
        let text = self.redactor.piece(carry, line, !partial);
        let pieces = pieces(&text);
        let last = pieces.len().saturating_sub(1);
        for (at, piece) in pieces.into_iter().enumerate() {
            let goes_on = partial || at < last;
            // Of a piece that is held back whole there is nothing to write yet.
            if !(goes_on && piece.is_empty()) {
                self.line(stream, piece.to_owned(), goes_on).await;
            }
        }
    }

    /// What the runner has to say of the step.
    pub(crate) async fn note(&self, text: String) {
        self.line(LogStream::System, self.redactor.text(&text).into_owned(), false).await;
    }

    /// The attempt has ended: says what was left out. A line that was begun and held back is written.
    pub(crate) async fn end(mut self) {
        for (name, mut carry) in std::mem::take(&mut self.carries) {
            let stream = if name == "stdout" { LogStream::Stdout } else { LogStream::Stderr };
            let rest = self.redactor.piece(&mut carry, "", true);
            if !rest.is_empty() {
                self.line(stream, rest, false).await;
            }
        }
        if let Some(left_out) = self.bytes.checked_sub(self.max_bytes).filter(|bytes| *bytes > 0) {
            self.note(format!("… {left_out} bytes left out")).await;
        }
    }

    async fn line(&self, stream: LogStream, line: String, partial: bool) {
        let (time, origin) = (telemetry::clock::now(), self.origin.clone());
        self.logs.line(Line { time, origin, stream, line, partial }).await;
    }
}

/// Cuts a text as the api-server wants it; an empty one is one piece.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > MAX_LOG_LINE_BYTES {
        let at = (0..=MAX_LOG_LINE_BYTES).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(0);
        let (piece, behind) = rest.split_at(at);
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn written(max_bytes: usize, lines: &[(&str, bool)]) -> Vec<(String, String, bool)> {
        let (to, mut from) = tokio::io::duplex(1 << 20);
        let (logs, writer) = Logs::start(to, None);
        let origin = Origin {
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
            log.output(Stream::Stdout, line, *partial).await;
        }
        log.end().await;
        writer.await.unwrap().unwrap();
        let mut text = String::new();
        from.read_to_string(&mut text).await.unwrap();
        let parsed = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let field = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
        parsed.map(|line| (field(&line, "stream"), field(&line, "line"), line["partial"] == true)).collect()
    }

    /// A token that a step prints is read by all who may see logs.
    #[tokio::test]
    async fn secrets_are_replaced_also_across_pieces_of_a_line() {
        let lines = written(1000, &[("a s3cret-", true), ("t0ken b", false), ("s3cret-t0ken", false)]).await;
        let text: String = lines.iter().map(|(_, line, _)| line.as_str()).collect();
        assert_eq!(text, "a *** b***");
        assert_eq!(lines.iter().filter(|(_, _, partial)| !partial).count(), 2);
    }

    /// A step that prints without end fills disks, or nobody learns that lines are missing.
    #[tokio::test]
    async fn beyond_the_bound_lines_are_left_out_and_counted() {
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
            ["… more than 100 bytes of output; what follows is left out", "… 60 bytes left out"]
        );
    }
}
