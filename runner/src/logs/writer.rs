//! Task that writes the lines of all steps to standard output and passes them to the export.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _, BufWriter},
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

use crate::logs::{
    export::{self, LogExporter},
    export_queue::ExportQueue,
    record::LogRecord,
};

/// Capacity of the channel to the writer. A slow reader of standard output therefore blocks the steps; a slow
/// api-server never does.
const CHANNEL_CAPACITY: usize = 1024;

/// Maximum delay of a run's suspension for the export of its last lines.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Message to the writer.
#[derive(Debug)]
enum Entry {
    Record(LogRecord),
    /// Request to be notified when all earlier lines are exported or dropped.
    Flush(oneshot::Sender<()>),
}

/// Sender of log lines. Clones send to the same writer.
#[derive(Clone, Debug)]
pub(crate) struct Logs(mpsc::Sender<Entry>);

/// Failure of the writer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogsError {
    #[error("failed to write step logs to standard output")]
    Write(#[from] io::Error),
    #[error("the log export task failed")]
    Export(#[source] tokio::task::JoinError),
}

impl Logs {
    /// Starts the writer. It ends after the last clone is dropped and all lines are written. When a pod stops, that
    /// takes some seconds after the last write of the run's status.
    pub(crate) fn start(
        to: impl AsyncWrite + Send + Unpin + 'static,
        exporter: Option<LogExporter>,
    ) -> (Self, JoinHandle<Result<(), LogsError>>) {
        let (sender, entries) = mpsc::channel(CHANNEL_CAPACITY);
        (Self(sender), tokio::spawn(write_and_export(BufWriter::new(to), entries, exporter)))
    }

    /// Sends a line to the writer. If the writer has failed, the line is lost, since that is no reason to fail the
    /// step; the writer's result has the error.
    pub(super) async fn write(&self, record: LogRecord) {
        let _ = self.0.send(Entry::Record(record)).await;
    }

    /// Waits until all lines so far are exported, at most for [`FLUSH_TIMEOUT`]. The api-server accepts lines only from
    /// the pod to which the run is assigned, so this must happen before the run is released.
    pub(crate) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        let flush = async {
            let _ = self.0.send(Entry::Flush(done)).await;
            let _ = flushed.await;
        };
        let _ = timeout(FLUSH_TIMEOUT, flush).await;
    }
}

/// Writes the lines, and runs the export beside it if there is an api-server.
async fn write_and_export(
    to: BufWriter<impl AsyncWrite + Unpin>,
    entries: mpsc::Receiver<Entry>,
    exporter: Option<LogExporter>,
) -> Result<(), LogsError> {
    let Some(exporter) = exporter else { return Ok(write_entries(to, entries, None).await?) };
    let queue = Arc::new(ExportQueue::default());
    let export = tokio::spawn(export::run(exporter, Arc::clone(&queue)));
    let written = write_entries(to, entries, Some(&queue)).await;
    queue.close();
    export.await.map_err(LogsError::Export)?;
    Ok(written?)
}

/// Writes the lines to `to` as JSON and adds them to the queue. Flushes whenever no further entry is waiting.
async fn write_entries(
    mut to: BufWriter<impl AsyncWrite + Unpin>,
    mut entries: mpsc::Receiver<Entry>,
    queue: Option<&ExportQueue>,
) -> io::Result<()> {
    while let Some(entry) = entries.recv().await {
        match (entry, queue) {
            (Entry::Record(record), queue) => {
                let mut text = serde_json::to_vec(&record)?;
                text.push(b'\n');
                to.write_all(&text).await?;
                if let Some(queue) = queue {
                    queue.push(record);
                }
            }
            (Entry::Flush(done), Some(queue)) => queue.flush(done),
            // Without an export there is nothing to wait for.
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
    use protocol::internal::LogStream;
    use tokio::io::AsyncReadExt as _;

    use super::*;
    use crate::logs::record::LogOrigin;

    /// Every line is written with its run, step and attempt before the writer ends.
    #[tokio::test]
    async fn every_line_is_written_with_its_origin_before_the_writer_ends() {
        let (to, mut from) = tokio::io::duplex(64 * 1024);
        let (logs, writer) = Logs::start(to, None);
        let origin = LogOrigin {
            run: "nightly-7".into(),
            run_uid: "uid-7".into(),
            step: "fetch".into(),
            item: None,
            attempt: 2,
        };
        let record = LogRecord {
            time: "2026-11-24T10:00:00Z".parse().unwrap(),
            origin: origin.clone(),
            stream: LogStream::Stderr,
            line: "grüße".into(),
            partial: false,
        };
        logs.write(record.clone()).await;
        logs.write(LogRecord { partial: true, origin: LogOrigin { item: Some(3), ..origin }, ..record })
            .await;
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
