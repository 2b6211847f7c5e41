//! The steps' output, on standard output: one JSON object a line, so that `kubectl logs` shows it and a
//! collector can query it. The runner's own log goes to standard error.

use std::{io, sync::Arc};

use jiff::Timestamp;
use protocol::host::Stream;
use serde::Serialize;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _, BufWriter},
    sync::mpsc,
    task::JoinHandle,
};

/// Lines that may wait to be written. A reader of the log that is slower makes the steps wait.
const WAITING_LINES: usize = 1024;

/// One line of a step.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    /// When the runner got it.
    pub(crate) time: Timestamp,
    pub(crate) run: Arc<str>,
    pub(crate) step: Arc<str>,
    pub(crate) attempt: u32,
    pub(crate) stream: Stream,
    pub(crate) line: String,
    /// The line goes on in the next one of the same stream.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) partial: bool,
}

/// The attempt that lines come from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) run: Arc<str>,
    pub(crate) step: Arc<str>,
    pub(crate) attempt: u32,
}

impl Origin {
    /// A line of now.
    pub(crate) fn line(&self, stream: Stream, line: String, partial: bool) -> Line {
        let (run, step) = (Arc::clone(&self.run), Arc::clone(&self.step));
        Line { time: telemetry::clock::now(), run, step, attempt: self.attempt, stream, line, partial }
    }
}

/// Where lines go; clones write to the same place.
#[derive(Clone, Debug)]
pub(crate) struct Logs(mpsc::Sender<Line>);

/// Why lines can no longer be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the log of steps")]
pub(crate) struct LogsError(#[from] io::Error);

impl Logs {
    /// Starts the writer. It ends, with all written, when the last clone is gone.
    pub(crate) fn start(
        to: impl AsyncWrite + Send + Unpin + 'static,
    ) -> (Self, JoinHandle<Result<(), LogsError>>) {
        let (sender, lines) = mpsc::channel(WAITING_LINES);
        (Self(sender), tokio::spawn(write(BufWriter::new(to), lines)))
    }

    /// Hands a line over. A log that cannot be written is not a reason to fail a step: the line is lost, and
    /// the writer's end says why.
    pub(crate) async fn line(&self, line: Line) {
        let _ = self.0.send(line).await;
    }
}

async fn write(
    mut to: BufWriter<impl AsyncWrite + Unpin>,
    mut lines: mpsc::Receiver<Line>,
) -> Result<(), LogsError> {
    while let Some(line) = lines.recv().await {
        let mut text = serde_json::to_vec(&line).map_err(io::Error::from)?;
        text.push(b'\n');
        to.write_all(&text).await?;
        if lines.is_empty() {
            to.flush().await?;
        }
    }
    Ok(to.flush().await?)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// A log collector cannot tell which run, step and attempt a line belongs to, or loses the last ones.
    #[tokio::test]
    async fn every_line_is_written_with_its_origin_before_the_writer_ends() {
        let (to, mut from) = tokio::io::duplex(64 * 1024);
        let (logs, writer) = Logs::start(to);
        let line = Line {
            time: "2026-11-24T10:00:00Z".parse().unwrap(),
            run: "nightly-7".into(),
            step: "fetch".into(),
            attempt: 2,
            stream: Stream::Stderr,
            line: "grüße".into(),
            partial: false,
        };
        logs.line(line.clone()).await;
        logs.line(Line { partial: true, ..line }).await;
        drop(logs);
        writer.await.unwrap().unwrap();
        let mut text = String::new();
        from.read_to_string(&mut text).await.unwrap();
        let first = r#"{"time":"2026-11-24T10:00:00Z","run":"nightly-7","step":"fetch","attempt":2,"stream":"stderr","line":"grüße"}"#;
        let second = first.replace('}', r#","partial":true}"#);
        assert_eq!(text, format!("{first}\n{second}\n"));
    }
}
