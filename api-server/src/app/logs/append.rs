//! Appending lines to the log of a run.

use protocol::internal::{LogBatch, LogLine, LogStream, MAX_LOG_LINES};
use uuid::Uuid;

use crate::{
    app::{App, Error, plans::limit_bytes},
    auth::TenantScope,
    store::{TenantTx, logs, plans},
};

/// Maximum size of the log of one run, in bytes.
const MAX_LOG_BYTES: usize = 50 * 1024 * 1024;
/// Size of the metadata of a line, in bytes: its time, step and attempt.
const LINE_BYTES: usize = 100;

/// Maximum size of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    /// The limit of each log.
    Log(usize),
    /// What the other logs of the tenant leave of the plan's limit.
    Plan { left: usize, limit: u64 },
}

impl Limit {
    fn bytes(self) -> usize {
        match self {
            Self::Log(bytes) | Self::Plan { left: bytes, .. } => bytes,
        }
    }

    /// Returns the last line of a log that has reached the limit.
    fn notice(self) -> String {
        match self {
            Self::Log(limit) => {
                format!("the log has reached its limit of {limit} bytes: later lines are dropped")
            }
            Self::Plan { limit, .. } => format!(
                "the logs of all runs have reached the {limit} bytes that the plan allows (logBytes): later lines of this run \
                 are dropped"
            ),
        }
    }
}

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
    let limit = log_limit(&mut tx, &log).await?;
    if let Some(addition) = missing_part(&log, batch, limit) {
        logs::add(&mut tx, &log, &addition).await?;
    }
    Ok(tx.commit().await?)
}

/// Returns the limit of a log: its own, or what the plan leaves if that is less.
async fn log_limit(tx: &mut TenantTx, log: &logs::OpenLog) -> Result<Limit, Error> {
    let limits = plans::limits_of_tenant(tx).await?;
    let Some(limit) = limits.and_then(|limits| limit_bytes(&limits, "logBytes")) else {
        return Ok(Limit::Log(MAX_LOG_BYTES));
    };
    let others = logs::bytes_without(tx, log).await?;
    let left = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(others);
    Ok(if left < MAX_LOG_BYTES { Limit::Plan { left, limit } } else { Limit::Log(MAX_LOG_BYTES) })
}

fn size(line: &LogLine) -> usize {
    line.line.len() + LINE_BYTES
}

/// Returns the part of a batch that the log lacks; `None` if it lacks nothing or is full.
fn missing_part(log: &logs::OpenLog, batch: LogBatch, limit: Limit) -> Option<logs::Addition> {
    let LogBatch { pod, lines } = batch;
    let next_seq = lines.iter().map(|line| line.seq + 1).max().unwrap_or(0);
    let mut new_lines: Vec<LogLine> = lines.into_iter().filter(|line| line.seq >= log.next_seq).collect();
    if log.is_full || new_lines.is_empty() {
        return None;
    }
    let mut bytes = log.bytes;
    let accepted = new_lines.iter().take_while(|line| {
        bytes += size(line);
        bytes <= limit.bytes()
    });
    let accepted = accepted.count();
    let is_full = accepted < new_lines.len();
    if is_full {
        let mut notice = new_lines.get(accepted)?.clone();
        notice.stream = LogStream::System;
        notice.partial = false;
        notice.line = limit.notice();
        new_lines.truncate(accepted);
        new_lines.push(notice);
    }
    let added = new_lines.iter().map(size).sum::<usize>();
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

    const LIMIT: Limit = Limit::Log(1_000);

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
            missing_part(&log(2, 206, false), batch(vec![log_line(1, "one"), log_line(2, "two")]), LIMIT)
                .unwrap();
        assert_eq!(addition.batch.lines, [log_line(2, "two")]);
        assert_eq!((addition.bytes, addition.next_seq, addition.is_full), (309, 3, false));
        assert_eq!(
            missing_part(&log(3, 309, false), batch(vec![log_line(1, "one"), log_line(2, "two")]), LIMIT),
            None
        );
    }

    /// The size of a log is bounded, and its last line says that later lines were dropped.
    #[test]
    fn a_full_log_ends_with_a_notice() {
        let addition = missing_part(
            &log(0, 895, false),
            batch(vec![log_line(0, "one"), log_line(1, "too long"), log_line(2, "x")]),
            LIMIT,
        )
        .unwrap();
        let last = addition.batch.lines.last().unwrap();
        assert_eq!((addition.batch.lines.len(), last.stream, addition.is_full), (2, LogStream::System, true));
        assert!(last.line.contains("1000 bytes"), "{}", last.line);
        assert_eq!(missing_part(&log(3, 1_150, true), batch(vec![log_line(3, "more")]), LIMIT), None);
    }

    /// Lines beyond the limit of the plan are dropped with a notice that names it, and empty lines count, too.
    #[test]
    fn a_log_beyond_the_limit_of_the_plan_ends_with_a_notice() {
        let limit = Limit::Plan { left: 250, limit: 1 << 30 };
        let lines = (0..3).map(|seq| log_line(seq, "")).collect();
        let addition = missing_part(&log(0, 0, false), batch(lines), limit).unwrap();
        assert_eq!((addition.batch.lines.len(), addition.is_full), (3, true));
        let notice = &addition.batch.lines[2].line;
        assert!(notice.contains("logBytes") && notice.contains("1073741824"), "{notice}");
        let none =
            missing_part(&log(0, 0, false), batch(vec![log_line(0, "x")]), Limit::Plan { left: 0, limit: 9 });
        assert_eq!(none.unwrap().batch.lines.len(), 1, "a log without any room has the notice alone");
    }
}
