//! Writes of a workflow's status.

use crds::{Workflow, WorkflowStatus};
use kube::{Resource as _, ResourceExt as _};

use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
    events::NewEvent,
};

/// Writes the status of a workflow, and publishes an Event about its transition.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the status.
pub(super) async fn apply_status(
    ctx: &Context,
    workflow: &Workflow,
    status: &WorkflowStatus,
    event: Option<NewEvent>,
) -> Result<(), Error> {
    let api = within::<Workflow>(&ctx.client, &workflow.namespace().unwrap_or_default());
    api::apply_status(&api, &workflow.name_any(), status).await?;
    if let Some(event) = event {
        ctx.events.publish(&workflow.object_ref(&()), event).await;
    }
    Ok(())
}
