//! Deleting finished runs.

use domain::permission::Permission;
use uuid::Uuid;

use super::{change, kubernetes};
use crate::{
    app::{App, Error, kubernetes::write_permit},
    auth::TenantScope,
    mirror::{self, DeletedRun},
    store::{TenantTx, runs},
};

/// Deletes a finished run: its object in Kubernetes, its record and its log. Stored outputs to which no other run refers are
/// deleted later, by the retention.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has no such run, if the run has not finished or an unfinished run needs it, or if
/// the Kubernetes API or the database fails.
pub async fn delete(app: &App, scope: TenantScope, id: Uuid) -> Result<(), Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let (tenant, run) = change::writable_run(&mut tx, id, Permission::WORKFLOW_RUN_DELETE).await?;
    if !run.status.is_final() {
        return Err(Error::DeletedUnfinished { status: run.status });
    }
    let uses = runs::uses(&mut tx, id).await?.ok_or(Error::NotFound)?;
    if let Some(user) = uses.used_by {
        return Err(Error::RunInUse { user });
    }
    // The connection is released before the request to Kubernetes.
    drop(tx);
    let _permit = write_permit(app, scope.tenant_id(), "delete the run").await?;
    if let Some(uid) = uses.uid.filter(|_| run.live) {
        kubernetes::delete(&app.kube, &tenant.namespace, &run.name, uid).await?;
    }
    let deleted = DeletedRun {
        tenant: scope.tenant_id(),
        id,
        uid: uses.uid,
        namespace: tenant.namespace,
        name: run.name,
    };
    Ok(mirror::delete_run(&app.mirror, deleted).await?)
}
