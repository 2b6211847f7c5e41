//! Reading the log of a run.

use std::time::Duration;

use domain::permission::Permission;
use uuid::Uuid;

use super::{Filter, LogPosition, PositionedLine};
use crate::{
    app::{App, Error, rights},
    auth::TenantScope,
    store::{Target, TenantTx, logs},
};

/// Size of the chunks that one query reads, in bytes of JSON text. A single chunk has at most 2 MiB.
const BYTES_PER_QUERY: i64 = 1024 * 1024;
/// Maximum number of chunks that one request searches for matching lines.
const MAX_CHUNKS: usize = 256;
/// Memory of a request while it reads a log, in bytes: 2 MiB of text as it was received and decoded, and a page.
const READ_MEMORY: usize = 12 * 1024 * 1024;
/// Time for which a request waits for this memory.
const MEMORY_TIMEOUT: Duration = Duration::from_secs(8);

/// Limits of a page of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit {
    /// Maximum number of lines.
    pub lines: usize,
    /// Size of the text after which the page ends before its limit of lines, in bytes. Lines can be long.
    pub bytes: usize,
}

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

/// Returns the next matching lines of a run's log within a limit. The caller checks that the tenant has the run.
///
/// # Errors
/// Returns an error if the principal lacks the permission for the log of this run, if the memory for it is not free in time, or if the
/// database fails.
pub async fn read(
    app: &App,
    scope: TenantScope,
    run: Uuid,
    filter: &Filter,
    after: LogPosition,
    limit: PageLimit,
) -> Result<LogLines, Error> {
    let permit = app.limits.memory.reserve(&scope.tenant_id(), READ_MEMORY, MEMORY_TIMEOUT).await;
    let _permit = permit.map_err(|source| Error::Exhausted { action: "read the log", source })?;
    let mut found = LogLines { lines: Vec::new(), next: after, has_more: true };
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    rights::require(&mut tx, run, Permission::WORKFLOW_RUN_LOG_READ, Target::Runs).await?;
    let mut searched = 0;
    while searched < MAX_CHUNKS {
        let chunks = logs::chunks(&mut tx, run, found.next.chunk, BYTES_PER_QUERY).await?;
        if chunks.is_empty() {
            found.has_more = false;
            return Ok(found);
        }
        searched += chunks.len();
        for chunk in chunks {
            if found.add_chunk(chunk, filter, limit) == PageState::Full {
                return Ok(found);
            }
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
    fn add_chunk(&mut self, chunk: logs::Chunk, filter: &Filter, limit: PageLimit) -> PageState {
        let logs::Chunk { chunk, batch } = chunk;
        let skipped = if chunk == self.next.chunk { self.next.line } else { 0 };
        let mut bytes: usize = self.lines.iter().map(|line| line.line.line.len()).sum();
        for (index, line) in batch.lines.into_iter().enumerate().skip(skipped) {
            if self.lines.len() >= limit.lines || bytes >= limit.bytes {
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
