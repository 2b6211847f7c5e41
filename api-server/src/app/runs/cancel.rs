//! Cancelling runs.

use domain::permission::Permission;
use serde_json::json;
use uuid::Uuid;

use super::{change, kubernetes};
use crate::{
    app::{
        App, Error,
        audit::{self, Change},
        contents::reserve_object,
        kubernetes::write_permit,
        reservation::COPIES,
    },
    auth::TenantScope,
    store::{CancelMode, Run, RunContent, TenantTx},
};

/// Cancels a run and returns its new state. Repeating a cancellation with the same mode has no further effect, and a
/// graceful one can be followed by one that kills the steps in progress.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has no such run, if the run has finished, if a graceful
/// cancellation follows one that kills, or if the Kubernetes API or the database fails.
pub async fn cancel(app: &App, scope: TenantScope, id: Uuid, mode: CancelMode) -> Result<Run, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let (tenant, run) = change::writable_run(&mut tx, id, Permission::WORKFLOW_RUN_CANCEL).await?;
    // The connection is released before the request to Kubernetes.
    drop(tx);
    audit::record_object("WORKFLOW_RUN", Some(run.id), &run.name);
    if !is_needed(&run, mode)? {
        return Ok(run);
    }
    let _reservation = reserve_object::<RunContent>(app, scope, id, COPIES).await?;
    let _permit = write_permit(app, scope.tenant_id(), "cancel the run").await?;
    let before = run.cancel.map(|mode| json!(mode));
    audit::record_changes([Change::new("/cancel", before, Some(json!(mode)))]);
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
