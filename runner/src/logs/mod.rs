//! The steps' output: on standard output, one JSON object a line, so that `kubectl logs` shows it and a collector can
//! query it; and to the api-server, which keeps it after the pod is gone. The runner's own log goes to standard error.

mod attempt;
mod queue;
mod ship;

use std::{io, sync::Arc, time::Duration};

use jiff::Timestamp;
use protocol::internal::LogStream;
use serde::Serialize;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _, BufWriter},
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

pub(crate) use attempt::AttemptLog;
pub(crate) use ship::Shipping;

use crate::logs::queue::Queue;

/// Lines that may wait to be written. A reader of standard output that is slower makes the steps wait; the api-server
/// never does.
const WAITING_LINES: usize = 1024;

/// How long a run that waits is held for its last lines.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// One line of a step.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    /// When the runner got it.
    pub(crate) time: Timestamp,
    #[serde(flatten)]
    pub(crate) origin: Origin,
    pub(crate) stream: LogStream,
    pub(crate) line: String,
    /// The line goes on in the next one of the same stream.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) partial: bool,
}

/// The attempt that lines come from.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Origin {
    pub(crate) run: Arc<str>,
    /// The run's uid, by which the api-server knows it.
    #[serde(skip)]
    pub(crate) run_uid: Arc<str>,
    pub(crate) step: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) item: Option<u32>,
    pub(crate) attempt: u32,
}

#[derive(Debug)]
enum Entry {
    Line(Line),
    /// Answered when all lines before it are with the api-server, or given up.
    Flush(oneshot::Sender<()>),
}

/// Where lines go; clones write to the same place.
#[derive(Clone, Debug)]
pub(crate) struct Logs(mpsc::Sender<Entry>);

/// Why lines can no longer be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogsError {
    #[error("failed to write the log of steps")]
    Write(#[from] io::Error),
    #[error("failed to follow the sending of logs")]
    Ship(#[source] tokio::task::JoinError),
}

impl Logs {
    /// Starts the writer. It ends, with all written, when the last clone is gone: a pod that leaves takes some seconds
    /// for its last lines, after the run's status is written.
    pub(crate) fn start(
        to: impl AsyncWrite + Send + Unpin + 'static,
        shipping: Option<Shipping>,
    ) -> (Self, JoinHandle<Result<(), LogsError>>) {
        let (sender, entries) = mpsc::channel(WAITING_LINES);
        (Self(sender), tokio::spawn(follow(BufWriter::new(to), entries, shipping)))
    }

    /// Hands a line over. A log that cannot be written is not a reason to fail a step: the line is lost, and
    /// the writer's end says why.
    async fn line(&self, line: Line) {
        let _ = self.0.send(Entry::Line(line)).await;
    }

    /// Waits until all lines so far are with the api-server, for a bounded time. The api-server takes them from the
    /// pod that holds the run; so this is done before the run is given back.
    pub(crate) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        let flush = async {
            let _ = self.0.send(Entry::Flush(done)).await;
            let _ = flushed.await;
        };
        let _ = timeout(FLUSH_TIMEOUT, flush).await;
    }
}

async fn follow(
    to: BufWriter<impl AsyncWrite + Unpin>,
    entries: mpsc::Receiver<Entry>,
    shipping: Option<Shipping>,
) -> Result<(), LogsError> {
    let Some(shipping) = shipping else { return Ok(write(to, entries, None).await?) };
    let queue = Arc::new(Queue::default());
    let shipper = tokio::spawn(ship::ship(shipping, Arc::clone(&queue)));
    let written = write(to, entries, Some(&queue)).await;
    queue.close();
    shipper.await.map_err(LogsError::Ship)?;
    Ok(written?)
}

async fn write(
    mut to: BufWriter<impl AsyncWrite + Unpin>,
    mut entries: mpsc::Receiver<Entry>,
    queue: Option<&Queue>,
) -> io::Result<()> {
    while let Some(entry) = entries.recv().await {
        match (entry, queue) {
            (Entry::Line(line), queue) => {
                let mut text = serde_json::to_vec(&line)?;
                text.push(b'\n');
                to.write_all(&text).await?;
                if let Some(queue) = queue {
                    queue.push(line);
                }
            }
            (Entry::Flush(done), Some(queue)) => queue.flush(done),
            // Who waits learns that there is nothing to wait for.
            (Entry::Flush(done), None) => drop(done),
        }
        if entries.is_empty() {
            to.flush().await?;
        }
    }
    to.flush().await
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// A log collector cannot tell which run, step and attempt a line belongs to, or loses the last ones.
    #[tokio::test]
    async fn every_line_is_written_with_its_origin_before_the_writer_ends() {
        let (to, mut from) = tokio::io::duplex(64 * 1024);
        let (logs, writer) = Logs::start(to, None);
        let origin = Origin {
            run: "nightly-7".into(),
            run_uid: "uid-7".into(),
            step: "fetch".into(),
            item: None,
            attempt: 2,
        };
        let line = Line {
            time: "2026-11-24T10:00:00Z".parse().unwrap(),
            origin: origin.clone(),
            stream: LogStream::Stderr,
            line: "grüße".into(),
            partial: false,
        };
        logs.line(line.clone()).await;
        logs.line(Line { partial: true, origin: Origin { item: Some(3), ..origin }, ..line }).await;
        drop(logs);
        writer.await.unwrap().unwrap();
        let mut text = String::new();
        from.read_to_string(&mut text).await.unwrap();
        let first = r#"{"time":"2026-11-24T10:00:00Z","run":"nightly-7","step":"fetch","attempt":2,"stream":"stderr","line":"grüße"}"#;
        let second =
            first.replace('}', r#","partial":true}"#).replace(r#""attempt""#, r#""item":3,"attempt""#);
        assert_eq!(text, format!("{first}\n{second}\n"));
    }
}
