//! Rerunning runs.

use crds::run::{Reuse, ReuseFrom, TriggerKind};
use domain::permission::Permission;
use serde_json::Value;
use uuid::Uuid;

use super::{build, change, check, name::RunName, start};
use crate::{
    app::{App, Error, Violation, audit, contents, workflows::WorkflowDetails},
    auth::TenantScope,
    store::{Run, RunContent, TenantTx},
};

/// Parameters of a rerun.
#[derive(Clone, Debug)]
pub struct Rerun {
    /// ID of the earlier run.
    pub run: Uuid,
    /// Steps to execute again; all steps if absent.
    pub from: Option<ReuseFrom>,
    /// Name of the new run.
    pub name: RunName,
    /// Email address of the caller.
    pub requested_by: String,
}

/// Starts a new run of the same workflow with the same input. If only some steps are executed again, the outputs of the
/// others are copied before it starts: by the operator, or by the mirror if the earlier run is gone from Kubernetes.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has no such run; if the run has not finished; if its workflow
/// was deleted, is archived or lacks one of the steps; if the input no longer matches the schema; or if the Kubernetes
/// API or the database fails.
pub async fn rerun(app: &App, scope: TenantScope, rerun: Rerun) -> Result<Run, Error> {
    let Rerun { run: id, from, name, requested_by } = rerun;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let (tenant, run) = change::writable_run(&mut tx, id, Permission::WORKFLOW_RUN_RERUN).await?;
    let workflow = change::workflow(&mut tx, &run).await?;
    // The connection is released before the request to Kubernetes.
    drop(tx);
    let workflow = workflow.ok_or_else(|| Error::WorkflowGone { workflow: run.workflow_name.clone() })?;
    // The memory is reserved until the run is created.
    let (workflow, reservation) = change::with_content(app, scope, workflow).await?;
    let content = contents::<RunContent>(app, scope, &[id], 1, &reservation).await?;
    let content = content.into_iter().next().ok_or(Error::NotFound)?;
    let input = content.input;
    check::check_input(app, scope, &workflow, &input).await?;
    check_selection(&run, &workflow, from.as_ref())?;
    let new_run = build::NewRun {
        input,
        priority: Some(run.priority),
        name,
        trigger: TriggerKind::Rerun,
        requested_by,
        reuse: from.map(|from| Reuse { run: run.name, from }),
        traceparent: audit::traceparent(),
    };
    start::create(app, scope, &tenant, &build::run(&tenant, &workflow.workflow, new_run)).await
}

fn check_selection(run: &Run, workflow: &WorkflowDetails, from: Option<&ReuseFrom>) -> Result<(), Error> {
    if from.is_some() && !run.status.is_final() {
        return Err(Error::RunUnfinished);
    }
    let Some(ReuseFrom::Steps(selected)) = from else { return Ok(()) };
    let WorkflowDetails { workflow, content } = workflow;
    let steps = content.spec.get("steps").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_known =
        |name: &str| steps.iter().any(|step| step.get("name").and_then(Value::as_str) == Some(name));
    let unknown =
        selected.iter().enumerate().filter(|(_, name)| !is_known(name)).map(|(index, name)| Violation {
            pointer: format!("/from/{index}"),
            code: "unknown_step".to_owned(),
            message: format!("workflow {} has no step {name}", workflow.name),
        });
    let unknown: Vec<_> = unknown.collect();
    if unknown.is_empty() { Ok(()) } else { Err(Error::UnknownSteps(unknown)) }
}
