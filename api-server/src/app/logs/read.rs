//! Reading the log of a run.

use uuid::Uuid;

use super::{Filter, LogPosition, PositionedLine};
use crate::{
    app::{App, Error},
    auth::TenantScope,
    store::{TenantTx, logs},
};

/// Number of chunks that one query reads: about 2 MiB, with 1,000 lines of some hundred bytes each.
const CHUNKS_PER_QUERY: i64 = 16;
/// Maximum number of chunks that one request searches for matching lines.
const MAX_CHUNKS: i64 = 256;

/// Size of the text after which a page ends before its limit of lines. Lines can be long.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// Lines of a log, in order of arrival.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLines {
    /// Matching lines.
    pub lines: Vec<PositionedLine>,
    /// Position at which to continue.
    pub next: LogPosition,
    /// Whether the log has more lines now.
    pub has_more: bool,
}

/// Returns the next matching lines of a run's log, at most `limit`. The caller checks that the tenant has the run.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn read(
    app: &App,
    scope: TenantScope,
    run: Uuid,
    filter: &Filter,
    after: LogPosition,
    limit: usize,
) -> Result<LogLines, Error> {
    let mut found = LogLines { lines: Vec::new(), next: after, has_more: true };
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    for _ in 0..MAX_CHUNKS / CHUNKS_PER_QUERY {
        let chunks = logs::chunks(&mut tx, run, found.next.chunk, CHUNKS_PER_QUERY).await?;
        let is_last = i64::try_from(chunks.len()).is_ok_and(|read| read < CHUNKS_PER_QUERY);
        for chunk in chunks {
            if found.add_chunk(chunk, filter, limit) == PageState::Full {
                return Ok(found);
            }
        }
        if is_last {
            found.has_more = false;
            return Ok(found);
        }
    }
    Ok(found)
}

/// Whether the limit of a page is reached.
#[derive(PartialEq, Eq)]
enum PageState {
    Open,
    Full,
}

impl LogLines {
    /// Adds the matching lines of the next chunk until the limit is reached.
    fn add_chunk(&mut self, chunk: logs::Chunk, filter: &Filter, limit: usize) -> PageState {
        let logs::Chunk { chunk, batch } = chunk;
        let skipped = if chunk == self.next.chunk { self.next.line } else { 0 };
        let mut bytes: usize = self.lines.iter().map(|line| line.line.line.len()).sum();
        for (index, line) in batch.lines.into_iter().enumerate().skip(skipped) {
            if self.lines.len() >= limit || bytes >= MAX_PAGE_BYTES {
                return PageState::Full;
            }
            self.next = LogPosition { chunk, line: index + 1 };
            if filter.matches(&line) {
                bytes += line.line.len();
                self.lines.push(PositionedLine { next: self.next, pod: batch.pod.clone(), line });
            }
        }
        self.next = LogPosition { chunk: chunk + 1, line: 0 };
        PageState::Open
    }
}

/// Returns whether a run's log has lines from a pod.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn has_lines_of_pod(app: &App, scope: TenantScope, run: Uuid, pod: &str) -> Result<bool, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(logs::has_lines_from_pod(&mut tx, run, pod).await?)
}
