//! Archiving workflows, and restoring them.

use domain::permission::Permission;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    WorkflowDetails,
    read::details,
    update::{Write, write},
};
use crate::{
    app::{
        App, Error, Reservation, change_object::Edit, contents::reserve_object, reservation::CHANGE_COPIES,
    },
    auth::TenantScope,
    store::WorkflowContent,
};

/// State of an archived workflow in Kubernetes.
const ARCHIVED: &str = "Archived";

/// Archives a workflow, so that no further run of it starts. An archived one stays as it is.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has no such workflow, if another tool manages its state, or if the
/// Kubernetes API or the database fails.
pub async fn archive(
    app: &App,
    scope: TenantScope,
    id: Uuid,
) -> Result<(WorkflowDetails, Reservation), Error> {
    let target = Write {
        id,
        generation: None,
        action: "archive the workflow",
        permission: Permission::WORKFLOW_ARCHIVE,
    };
    set(app, scope, target, State::Archived).await
}

/// Makes an archived workflow active again. An active one stays as it is.
///
/// # Errors
/// Returns an error as [`archive`] does.
pub async fn unarchive(
    app: &App,
    scope: TenantScope,
    id: Uuid,
) -> Result<(WorkflowDetails, Reservation), Error> {
    let target = Write {
        id,
        generation: None,
        action: "restore the workflow",
        permission: Permission::WORKFLOW_ARCHIVE,
    };
    set(app, scope, target, State::Active).await
}

async fn set(
    app: &App,
    scope: TenantScope,
    target: Write,
    state: State,
) -> Result<(WorkflowDetails, Reservation), Error> {
    let id = target.id;
    let memory = reserve_object::<WorkflowContent>(app, scope, id, CHANGE_COPIES).await?;
    write(app, scope, target, &state).await?;
    // The memory of the change is free before that of the response is reserved.
    drop(memory);
    details(app, scope, id).await
}

/// Change of the state of a workflow.
enum State {
    Active,
    Archived,
}

impl Edit for State {
    async fn edit(&self, _name: &str, mut spec: Value) -> Result<Value, Error> {
        let is_archived = spec.get("state").is_some_and(|state| state == ARCHIVED);
        if let Some(fields) = spec.as_object_mut() {
            match self {
                // Without a state, a workflow is active.
                Self::Active if is_archived => drop(fields.remove("state")),
                Self::Archived => drop(fields.insert("state".to_owned(), json!(ARCHIVED))),
                Self::Active => {}
            }
        }
        Ok(spec)
    }
}
