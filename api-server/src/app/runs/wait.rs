//! Waiting for the end of a run.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::time::Instant;
use uuid::Uuid;

use super::get;
use crate::{
    app::{App, Error, audit},
    auth::TenantScope,
    store::Run,
};

/// Delay of the first poll. A run on a warm runner ends within some tens of milliseconds.
const MIN_POLL_DELAY: Duration = Duration::from_millis(50);
const MAX_POLL_DELAY: Duration = Duration::from_millis(500);
const POLL_DELAY_FACTOR: f32 = 1.5;

/// Run after a wait.
#[derive(Clone, Debug)]
pub struct Waited {
    /// Current state of the run.
    pub run: Run,
    /// Whether the run has finished or the time limit is over.
    pub is_complete: bool,
}

/// Returns a run when it has finished, or in its current state when the time limit is over, the process shuts
/// down, or the client of a write has closed the connection.
/// If too many requests are waiting, it returns the current state at once: a wait is the client's preference, not a
/// promise, and the result says whether it was fulfilled.
///
/// # Errors
/// Returns an error if the tenant has no such run or the database fails.
pub async fn wait(app: &App, scope: TenantScope, id: Uuid, limit: Duration) -> Result<Waited, Error> {
    if limit.is_zero() {
        return Ok(Waited { run: get(app, scope, id).await?, is_complete: true });
    }
    let Ok(_permit) = app.limits.waiters.try_acquire(&scope.tenant_id()) else {
        let run = get(app, scope, id).await?;
        return Ok(Waited { is_complete: run.status.is_final(), run });
    };
    let (client_gone, deadline) = (audit::client_gone(), Instant::now() + limit);
    let mut delays = ExponentialBuilder::default()
        .with_min_delay(MIN_POLL_DELAY)
        .with_max_delay(MAX_POLL_DELAY)
        .with_factor(POLL_DELAY_FACTOR)
        .without_max_times()
        .build();
    loop {
        let run = get(app, scope, id).await?;
        let now = Instant::now();
        if run.status.is_final() || now >= deadline {
            return Ok(Waited { run, is_complete: true });
        }
        let delay = delays.next().unwrap_or(MAX_POLL_DELAY);
        tokio::select! {
            () = tokio::time::sleep_until(deadline.min(now + delay)) => {}
            () = client_gone.cancelled() => return Ok(Waited { run, is_complete: false }),
            () = app.shutdown.cancelled() => return Ok(Waited { run, is_complete: false }),
        }
    }
}
