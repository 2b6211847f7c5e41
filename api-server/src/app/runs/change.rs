//! What changes of a run have in common: the run is the tenant's own, which accepts writes; Kubernetes is asked, and what
//! it answers is taken in at once.

use crds::WorkflowRun;
use uuid::Uuid;

use crate::{
    app::{Error, tenants},
    auth::TenantScope,
    mirror,
    state::AppState,
    store::{Run, Tenant, TenantTx, Workflow, runs, workflows},
};

/// A run of a tenant that accepts writes, and that tenant.
///
/// # Errors
/// The tenant accepts no writes or has no such run, or the database fails.
pub(super) async fn own(tx: &mut TenantTx, id: Uuid) -> Result<(Tenant, Run), Error> {
    let tenant = tenants::writable(tx).await?;
    let run = runs::get(tx, id).await?.ok_or(Error::NotFound)?;
    Ok((tenant, run))
}

/// The run's workflow, if it is still there.
///
/// # Errors
/// The database fails.
pub(super) async fn workflow(tx: &mut TenantTx, run: &Run) -> Result<Option<Workflow>, Error> {
    match run.workflow_id {
        Some(workflow) => Ok(workflows::get(tx, workflow).await?),
        None => Ok(None),
    }
}

/// What has ended is not changed.
///
/// # Errors
/// The run has ended.
pub(super) fn unfinished(run: &Run, action: &'static str) -> Result<(), Error> {
    match run.status {
        status if status.is_final() || !run.live => Err(Error::RunFinished { action, status }),
        _ => Ok(()),
    }
}

/// The run as Kubernetes has just given it, as a row.
///
/// # Errors
/// The database fails, or the run was deleted meanwhile.
pub(super) async fn taken_in(
    state: &AppState,
    scope: TenantScope,
    id: Uuid,
    object: &WorkflowRun,
) -> Result<Run, Error> {
    mirror::apply_one(&state.mirror, object).await?;
    super::get(state, scope, id).await
}
