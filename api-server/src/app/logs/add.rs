//! Adding lines to a run's log.

use protocol::internal::{LogBatch, LogLine, LogStream, MAX_LOG_LINES};
use uuid::Uuid;

use crate::{
    app::Error,
    auth::TenantScope,
    state::AppState,
    store::{TenantTx, logs},
};

/// Bytes of one run's log, at most: of its lines, without what tells them apart.
const MAX_BYTES: usize = 50 * 1024 * 1024;

/// Adds a pod's lines to the log of a run; those that are there already are left out.
///
/// # Errors
/// There are too many at once, or the database fails.
pub async fn add(state: &AppState, scope: TenantScope, run_uid: Uuid, batch: LogBatch) -> Result<(), Error> {
    let (lines, limit) = (batch.lines.len(), MAX_LOG_LINES);
    if lines > limit {
        return Err(Error::TooManyLines { lines, limit });
    }
    let mut tx = TenantTx::begin(&state.db, scope).await?;
    let now = telemetry::clock::now();
    let log = logs::open(&mut tx, run_uid, &batch.pod, now.into()).await?;
    if let Some(addition) = plan(&log, batch, MAX_BYTES) {
        logs::add(&mut tx, &log, &addition).await?;
    }
    Ok(tx.commit().await?)
}

/// What of a batch goes into a log as it stands; nothing when it has all of it, or is full.
fn plan(log: &logs::OpenLog, batch: LogBatch, limit: usize) -> Option<logs::Addition> {
    let LogBatch { pod, lines } = batch;
    let next_seq = lines.iter().map(|line| line.seq + 1).max().unwrap_or(0);
    let mut kept: Vec<LogLine> = lines.into_iter().filter(|line| line.seq >= log.next_seq).collect();
    if log.is_full || kept.is_empty() {
        return None;
    }
    let mut bytes = log.bytes;
    let fitting = kept.iter().take_while(|line| {
        bytes += line.line.len();
        bytes <= limit
    });
    let fitting = fitting.count();
    let is_full = fitting < kept.len();
    if is_full {
        let mut note = kept.get(fitting)?.clone();
        note.stream = LogStream::System;
        note.partial = false;
        note.line =
            format!("this run's log has {limit} bytes, which is all that is kept: the rest is left out");
        kept.truncate(fitting);
        kept.push(note);
    }
    let added = kept.iter().map(|line| line.line.len()).sum::<usize>();
    Some(logs::Addition { batch: LogBatch { pod, lines: kept }, bytes: log.bytes + added, next_seq, is_full })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seq: u64, text: &str) -> LogLine {
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

    /// A batch that is sent again after a cut connection doubles its lines, also when it was cut differently.
    #[test]
    fn lines_that_are_there_are_left_out() {
        let addition = plan(&log(2, 6, false), batch(vec![line(1, "one"), line(2, "two")]), 100).unwrap();
        assert_eq!(addition.batch.lines, [line(2, "two")]);
        assert_eq!((addition.bytes, addition.next_seq, addition.is_full), (9, 3, false));
        assert_eq!(plan(&log(3, 9, false), batch(vec![line(1, "one"), line(2, "two")]), 100), None);
    }

    /// A step that prints without end fills the database, or its log ends in mid-air and nobody knows why.
    #[test]
    fn a_log_that_is_full_says_so_once() {
        let addition =
            plan(&log(0, 95, false), batch(vec![line(0, "one"), line(1, "too long"), line(2, "x")]), 100)
                .unwrap();
        let last = addition.batch.lines.last().unwrap();
        assert_eq!((addition.batch.lines.len(), last.stream, addition.is_full), (2, LogStream::System, true));
        assert!(last.line.contains("100 bytes"), "{}", last.line);
        assert_eq!(plan(&log(3, 150, true), batch(vec![line(3, "more")]), 100), None);
    }
}
