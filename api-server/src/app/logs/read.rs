//! Reading a run's log.

use uuid::Uuid;

use super::{Filter, Line, LogPosition};
use crate::{
    app::Error,
    auth::TenantScope,
    state::AppState,
    store::{TenantTx, logs},
};

/// Chunks that one query reads; with 1,000 lines of some hundred bytes each, 2 MiB.
const AT_ONCE: i64 = 16;
/// Chunks that one request looks through for lines that fit its filter.
const AT_MOST: i64 = 256;

/// Lines of a log, in the order in which they came.
#[derive(Clone, Debug, PartialEq)]
pub struct Lines {
    /// The lines.
    pub lines: Vec<Line>,
    /// Where the log goes on.
    pub next: LogPosition,
    /// Whether there is more already.
    pub has_more: bool,
}

/// The next lines of a run's log that are wanted, at most `limit` of them. Whether the tenant has the run is not asked.
///
/// # Errors
/// The database fails.
pub async fn read(
    state: &AppState,
    scope: TenantScope,
    run: Uuid,
    filter: &Filter,
    after: LogPosition,
    limit: usize,
) -> Result<Lines, Error> {
    let mut found = Lines { lines: Vec::new(), next: after, has_more: true };
    let mut tx = TenantTx::begin(&state.db, scope).await?;
    for _ in 0..AT_MOST / AT_ONCE {
        let chunks = logs::chunks(&mut tx, run, found.next.chunk, AT_ONCE).await?;
        let is_last = i64::try_from(chunks.len()).is_ok_and(|read| read < AT_ONCE);
        for chunk in chunks {
            if found.take(chunk, filter, limit) == Room::None {
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

#[derive(PartialEq, Eq)]
enum Room {
    Left,
    None,
}

impl Lines {
    /// Takes the wanted lines of the next chunk, as long as there is room.
    fn take(&mut self, chunk: logs::Chunk, filter: &Filter, limit: usize) -> Room {
        let logs::Chunk { chunk, batch } = chunk;
        let begun = if chunk == self.next.chunk { self.next.line } else { 0 };
        for (index, line) in batch.lines.into_iter().enumerate().skip(begun) {
            if self.lines.len() >= limit {
                return Room::None;
            }
            self.next = LogPosition { chunk, line: index + 1 };
            if filter.wants(&line) {
                self.lines.push(Line { next: self.next, pod: batch.pod.clone(), line });
            }
        }
        self.next = LogPosition { chunk: chunk + 1, line: 0 };
        Room::Left
    }
}
