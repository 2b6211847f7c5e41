//! Cancelling runs.

use uuid::Uuid;

use super::{change, content, kubernetes};
use crate::{
    app::{App, Error},
    auth::TenantScope,
    store::{CancelMode, Run, TenantTx},
};

/// Cancels a run and returns its new state. Repeating a cancellation with the same mode has no further effect, and a
/// graceful one can be followed by one that kills the steps in progress.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has no such run, if the run has finished, if a graceful
/// cancellation follows one that kills, or if the Kubernetes API or the database fails.
pub async fn cancel(app: &App, scope: TenantScope, id: Uuid, mode: CancelMode) -> Result<Run, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let (tenant, run) = change::writable_run(&mut tx, id).await?;
    // The connection is released before the request to Kubernetes.
    drop(tx);
    if !is_needed(&run, mode)? {
        return Ok(run);
    }
    let _reservation = content::reserve_object(app, scope, id).await?;
    let _permit = change::permit(app, scope, "cancel the run").await?;
    let object = kubernetes::cancel(&app.kube, &tenant.namespace, &run.name, mode).await?;
    change::mirror_and_get(app, scope, id, &object).await
}

fn is_needed(run: &Run, mode: CancelMode) -> Result<bool, Error> {
    change::require_unfinished(run, "cancel")?;
    match run.cancel {
        Some(requested) if requested == mode => Ok(false),
        Some(requested @ CancelMode::Now) => Err(Error::CancellationFixed { requested }),
        Some(CancelMode::Graceful) | None => Ok(true),
    }
}
