//! Starting runs.

use crds::{WorkflowRun, run::TriggerKind};
use domain::permission::Permission;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{build, change, check, kubernetes, name::RunName, plan_limits};
use crate::{
    app::{App, Error, audit, kubernetes::write_permit, rights, tenants},
    auth::TenantScope,
    mirror,
    store::{Run, Target, TenantToWrite, TenantTx, runs, workflows},
};

/// Parameters of a new run.
#[derive(Clone, Debug)]
pub struct Start {
    /// ID of the workflow.
    pub workflow: Uuid,
    /// Input of the run.
    pub input: Value,
    /// Priority in the queue; higher values start first.
    pub priority: Option<i32>,
    /// Name of the run.
    pub name: RunName,
    /// Email address of the caller.
    pub requested_by: String,
}

/// Creates the run in Kubernetes and returns its state, or the state of the run that an earlier attempt of the same
/// request created.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has no such workflow, if the input does not match the schema, or
/// if the Kubernetes API or the database fails.
pub async fn start(app: &App, scope: TenantScope, start: Start) -> Result<Run, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let tenant = tenants::writable(&mut tx).await?;
    let workflow = workflows::get(&mut tx, start.workflow).await?.ok_or(Error::NotFound)?;
    rights::require(&mut tx, workflow.id, Permission::WORKFLOW_RUN_CREATE, Target::NewRuns).await?;
    // The connection is released before the request to Kubernetes.
    drop(tx);
    let (workflow, _reservation) = change::with_content(app, scope, workflow).await?;
    check::check_input(app, scope, &workflow, &start.input).await?;
    let Start { workflow: _, input, priority, name, requested_by } = start;
    let (trigger, traceparent) = (TriggerKind::Api, audit::traceparent());
    let new_run = build::NewRun { input, priority, name, trigger, requested_by, reuse: None, traceparent };
    create(app, scope, &tenant, &build::run(&tenant, &workflow.workflow, new_run)).await
}

/// Creates a run and returns its row.
pub(super) async fn create(
    app: &App,
    scope: TenantScope,
    tenant: &TenantToWrite,
    object: &WorkflowRun,
) -> Result<Run, Error> {
    let _permit = write_permit(app, scope.tenant_id(), "start the run").await?;
    check_plan_limits(app, scope, tenant, object).await?;
    record(object);
    let run = kubernetes::create(&app.kube, &tenant.namespace, object).await?;
    mirror::apply_one(&app.mirror, &run).await?;
    // Whoever starts a run gets it, also without the permission to read it later.
    let mut tx = TenantTx::begin(&app.db, scope.unrestricted()).await?;
    let run = runs::by_name(&mut tx, &kube::ResourceExt::name_any(&run)).await?.ok_or(Error::NotFound)?;
    audit::record_object("WORKFLOW_RUN", Some(run.id), &run.name);
    Ok(run)
}

/// Records a new run in the audit log, without its input.
fn record(object: &WorkflowRun) {
    audit::record_object("WORKFLOW_RUN", None, &kube::ResourceExt::name_any(object));
    let spec = serde_json::to_value(&object.spec).unwrap_or_default();
    audit::record_changes(audit::differences(&json!({}), &spec));
}

async fn check_plan_limits(
    app: &App,
    scope: TenantScope,
    tenant: &TenantToWrite,
    object: &WorkflowRun,
) -> Result<(), Error> {
    let input_bytes = object.spec.input.as_ref().map_or(0, |input| input.to_string().len());
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let name = kube::ResourceExt::name_any(object);
    plan_limits::check(&mut tx, tenant, &name, u64::try_from(input_bytes).unwrap_or(u64::MAX)).await
}
