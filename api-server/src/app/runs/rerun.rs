//! Running again.

use crds::run::{Reuse, ReuseFrom, TriggerKind};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{build, change, check, name::RunName, start};
use crate::{
    app::{Error, Violation},
    auth::TenantScope,
    state::AppState,
    store::{Run, TenantTx, Workflow, runs},
};

/// A run to run again.
#[derive(Clone, Debug)]
pub struct Rerun {
    /// The earlier run's id.
    pub run: Uuid,
    /// From where; wholly where absent.
    pub from: Option<ReuseFrom>,
    /// The new run's name.
    pub name: RunName,
    /// Who asks, as an e-mail address.
    pub requested_by: String,
}

/// Starts a new run of the same workflow with the same input. Where it begins in the middle, the outputs of the other
/// steps are taken over before it starts: by the operator, or by the mirror where the earlier run is gone from
/// Kubernetes.
///
/// # Errors
/// The tenant accepts no writes or has no such run; the run has not ended, its workflow is gone, archived or has no such
/// steps, the input no longer fits; or Kubernetes or the database fails.
pub async fn rerun(state: &AppState, scope: TenantScope, rerun: Rerun) -> Result<Run, Error> {
    let Rerun { run: id, from, name, requested_by } = rerun;
    let mut tx = TenantTx::begin(&state.db, scope).await?;
    let (tenant, run) = change::own(&mut tx, id).await?;
    let content = runs::contents(&mut tx, &[id]).await?.pop().ok_or(Error::NotFound)?;
    let workflow = change::workflow(&mut tx, &run).await?;
    // No connection is held while Kubernetes is asked.
    drop(tx);
    let workflow = workflow.ok_or_else(|| Error::WorkflowGone { workflow: run.workflow_name.clone() })?;
    let input = content.input.unwrap_or_else(|| json!({}));
    check::check(&workflow, &input)?;
    check_from(&run, &workflow, from.as_ref())?;
    let order = build::Order {
        input,
        priority: Some(run.priority),
        name,
        trigger: TriggerKind::Rerun,
        requested_by,
        reuse: from.map(|from| Reuse { run: run.name, from }),
    };
    start::create(state, scope, &tenant, &build::run(&tenant, &workflow, order)).await
}

fn check_from(run: &Run, workflow: &Workflow, from: Option<&ReuseFrom>) -> Result<(), Error> {
    if from.is_some() && !run.status.is_final() {
        return Err(Error::RunUnfinished);
    }
    let Some(ReuseFrom::Steps(wanted)) = from else { return Ok(()) };
    let steps = workflow.spec.get("steps").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_known =
        |wanted: &str| steps.iter().any(|step| step.get("name").and_then(Value::as_str) == Some(wanted));
    let unknown =
        wanted.iter().enumerate().filter(|(_, name)| !is_known(name)).map(|(index, name)| Violation {
            pointer: format!("/from/{index}"),
            code: "unknown_step".to_owned(),
            message: format!("workflow {} has no step {name}", workflow.name),
        });
    let unknown: Vec<_> = unknown.collect();
    if unknown.is_empty() { Ok(()) } else { Err(Error::UnknownSteps(unknown)) }
}
