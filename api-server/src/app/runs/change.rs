//! The steps that all changes of a run share: the checks before the request to Kubernetes, and mirroring its response.

use crds::WorkflowRun;
use domain::permission::Permission;
use uuid::Uuid;

use crate::{
    app::{
        App, Error, Reservation, contents::content_to_process, rights, tenants, workflows::WorkflowDetails,
    },
    auth::TenantScope,
    mirror,
    store::{Run, Target, TenantToWrite, TenantTx, Workflow, runs, workflows},
};

/// Returns a run and its tenant, which accepts writes, if the principal has the permission for the run.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has no such run, if the principal lacks the permission for it, or if the
/// database fails.
pub(super) async fn writable_run(
    tx: &mut TenantTx,
    id: Uuid,
    permission: Permission,
) -> Result<(TenantToWrite, Run), Error> {
    let tenant = tenants::writable(tx).await?;
    let run = runs::get(tx, id).await?.ok_or(Error::NotFound)?;
    rights::require(tx, id, permission, Target::Runs).await?;
    Ok((tenant, run))
}

/// Returns the workflow of a run; `None` if it was deleted.
///
/// # Errors
/// Returns an error if the database fails.
pub(super) async fn workflow(tx: &mut TenantTx, run: &Run) -> Result<Option<Workflow>, Error> {
    match run.workflow_id {
        Some(workflow) => Ok(workflows::get(tx, workflow).await?),
        None => Ok(None),
    }
}

/// Returns a workflow with its content, and the memory that it takes.
///
/// # Errors
/// Returns an error if the memory is not free in time, or if the database fails.
pub(super) async fn with_content(
    app: &App,
    scope: TenantScope,
    workflow: Workflow,
) -> Result<(WorkflowDetails, Reservation), Error> {
    let (content, reservation) = content_to_process(app, scope, workflow.id).await?;
    Ok((WorkflowDetails { workflow, content }, reservation))
}

/// Checks that a run can still be changed.
///
/// # Errors
/// Returns an error if the run has finished or is gone from Kubernetes.
pub(super) fn require_unfinished(run: &Run, action: &'static str) -> Result<(), Error> {
    match run.status {
        status if status.is_final() || !run.live => Err(Error::RunFinished { action, status }),
        _ => Ok(()),
    }
}

/// Mirrors a run as Kubernetes has just returned it, and returns its row.
///
/// # Errors
/// Returns an error if the database fails or the run was deleted in the meantime.
pub(super) async fn mirror_and_get(
    app: &App,
    scope: TenantScope,
    id: Uuid,
    object: &WorkflowRun,
) -> Result<Run, Error> {
    mirror::apply_one(&app.mirror, object).await?;
    super::get(app, scope, id).await
}
