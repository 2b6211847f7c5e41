//! Appending lines to the log of a run.

use protocol::internal::{LogBatch, LogLine, LogStream, MAX_LOG_LINES};
use uuid::Uuid;

use crate::{
    app::{App, Error},
    auth::TenantScope,
    store::{TenantTx, logs},
};

/// Maximum size of the log of one run, in bytes of text without metadata.
const MAX_LOG_BYTES: usize = 50 * 1024 * 1024;

/// Appends lines of a pod to the log of a run. Lines that the log already has are skipped.
///
/// # Errors
/// Returns an error if the batch has too many lines or the database fails.
pub async fn append(app: &App, scope: TenantScope, run_uid: Uuid, batch: LogBatch) -> Result<(), Error> {
    let (lines, limit) = (batch.lines.len(), MAX_LOG_LINES);
    if lines > limit {
        return Err(Error::TooManyLines { lines, limit });
    }
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let now = telemetry::clock::now();
    let log = logs::open(&mut tx, run_uid, &batch.pod, now.into()).await?;
    if let Some(addition) = missing_part(&log, batch, MAX_LOG_BYTES) {
        logs::add(&mut tx, &log, &addition).await?;
    }
    Ok(tx.commit().await?)
}

/// Returns the part of a batch that the log lacks; `None` if it lacks nothing or is full.
fn missing_part(log: &logs::OpenLog, batch: LogBatch, limit: usize) -> Option<logs::Addition> {
    let LogBatch { pod, lines } = batch;
    let next_seq = lines.iter().map(|line| line.seq + 1).max().unwrap_or(0);
    let mut new_lines: Vec<LogLine> = lines.into_iter().filter(|line| line.seq >= log.next_seq).collect();
    if log.is_full || new_lines.is_empty() {
        return None;
    }
    let mut bytes = log.bytes;
    let accepted = new_lines.iter().take_while(|line| {
        bytes += line.line.len();
        bytes <= limit
    });
    let accepted = accepted.count();
    let is_full = accepted < new_lines.len();
    if is_full {
        let mut notice = new_lines.get(accepted)?.clone();
        notice.stream = LogStream::System;
        notice.partial = false;
        notice.line = format!("the log has reached its limit of {limit} bytes: later lines are dropped");
        new_lines.truncate(accepted);
        new_lines.push(notice);
    }
    let added = new_lines.iter().map(|line| line.line.len()).sum::<usize>();
    Some(logs::Addition {
        batch: LogBatch { pod, lines: new_lines },
        bytes: log.bytes + added,
        next_seq,
        is_full,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_line(seq: u64, text: &str) -> LogLine {
        LogLine {
            seq,
            time: "2026-11-26T08:00:00Z".to_owned(),
            step: "fetch".to_owned(),
            item: None,
            attempt: 1,
            stream: LogStream::Stdout,
            line: text.to_owned(),
            partial: false,
        }
    }

    fn batch(lines: Vec<LogLine>) -> LogBatch {
        LogBatch { pod: "run-1-x".to_owned(), lines }
    }

    fn log(next_seq: u64, bytes: usize, is_full: bool) -> logs::OpenLog {
        logs::OpenLog { run_id: Uuid::nil(), chunks: 0, bytes, is_full, next_seq }
    }

    /// A batch that is sent again after a lost connection adds no line twice, even if it is split differently.
    #[test]
    fn existing_lines_are_skipped() {
        let addition =
            missing_part(&log(2, 6, false), batch(vec![log_line(1, "one"), log_line(2, "two")]), 100)
                .unwrap();
        assert_eq!(addition.batch.lines, [log_line(2, "two")]);
        assert_eq!((addition.bytes, addition.next_seq, addition.is_full), (9, 3, false));
        assert_eq!(
            missing_part(&log(3, 9, false), batch(vec![log_line(1, "one"), log_line(2, "two")]), 100),
            None
        );
    }

    /// The size of a log is bounded, and its last line says that later lines were dropped.
    #[test]
    fn a_full_log_ends_with_a_notice() {
        let addition = missing_part(
            &log(0, 95, false),
            batch(vec![log_line(0, "one"), log_line(1, "too long"), log_line(2, "x")]),
            100,
        )
        .unwrap();
        let last = addition.batch.lines.last().unwrap();
        assert_eq!((addition.batch.lines.len(), last.stream, addition.is_full), (2, LogStream::System, true));
        assert!(last.line.contains("100 bytes"), "{}", last.line);
        assert_eq!(missing_part(&log(3, 150, true), batch(vec![log_line(3, "more")]), 100), None);
    }
}
