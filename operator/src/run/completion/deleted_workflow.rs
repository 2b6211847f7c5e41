//! Release of the resources of a deleted workflow: its idle runners, and the revisions that no unfinished run needs.

use crds::Workflow;
use kube::runtime::reflector::ObjectRef;

use super::super::assignment::pool;
use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
    revisions,
};

/// Releases the resources of a workflow, unless it exists. Its unfinished runs continue, each with the revision that it is
/// pinned to; what they need is released when the last of them has ended.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(super) async fn release_workflow(ctx: &Context, workflow: &ObjectRef<Workflow>) -> Result<(), Error> {
    let namespace = workflow.namespace.clone().unwrap_or_default();
    // The watch may be late, and does not show a workflow that cannot be parsed.
    if ctx.stores.workflows.get(workflow).is_some()
        || api::exists(&within::<Workflow>(&ctx.client, &namespace), &workflow.name).await?
    {
        return Ok(());
    }
    let deleted = pool::delete_idle(ctx, &namespace, &workflow.name, telemetry::clock::now()).await;
    deleted.and(revisions::prune_deleted(ctx, &namespace, &workflow.name).await)
}
