//! Waiting for a run to end.

use std::time::Duration;

use tokio::{sync::Semaphore, time::Instant};
use uuid::Uuid;

use super::get;
use crate::{app::Error, auth::TenantScope, state::AppState, store::Run};

/// Each waiter looks up to five times a second: this many cost about 300 short queries a second.
static WAITERS: Semaphore = Semaphore::const_new(64);
/// A warm run ends within some tens of milliseconds.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LAST_LOOK: Duration = Duration::from_millis(500);

/// The run as soon as it has ended, or as it stands when the time is over or the process is asked to leave. Where too many wait already, it is given
/// at once: to wait is a caller's preference, not a promise.
///
/// # Errors
/// The tenant has no such run, or the database fails.
pub async fn wait(state: &AppState, scope: TenantScope, id: Uuid, at_most: Duration) -> Result<Run, Error> {
    let Ok(_permit) = WAITERS.try_acquire() else { return get(state, scope, id).await };
    let deadline = Instant::now() + at_most;
    let mut pause = FIRST_LOOK;
    loop {
        let run = get(state, scope, id).await?;
        let now = Instant::now();
        if run.status.is_final() || now >= deadline {
            return Ok(run);
        }
        tokio::select! {
            () = tokio::time::sleep_until(deadline.min(now + pause)) => {}
            () = state.stop.cancelled() => return Ok(run),
        }
        pause = (pause * 3 / 2).min(LAST_LOOK);
    }
}
