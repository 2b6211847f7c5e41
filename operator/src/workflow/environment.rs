//! What there is beside a workflow in its namespace.

use crds::Workflow;
use domain::workflow::{ReferencedWorkflow, ValidationContext};
use kube::ResourceExt as _;

use super::secrets;
use crate::{context::Context, errors::Error};

/// Looks. Of Secrets, only those that the workflow names are read.
///
/// # Errors
/// A Secret cannot be read.
pub(super) async fn of(ctx: &Context, workflow: &Workflow) -> Result<ValidationContext, Error> {
    let namespace = workflow.namespace().unwrap_or_default();
    let secrets = secrets::look(&ctx.client, &namespace, &workflow.spec).await?;
    let others = ctx.stores.workflows.state_filter(|other| other.namespace().as_ref() == Some(&namespace));
    let workflows =
        others.iter().map(|other| (other.name_any(), ReferencedWorkflow::from_spec(&other.spec))).collect();
    Ok(ValidationContext {
        own_name: Some(workflow.name_any()),
        secrets: Some(secrets),
        workflows: Some(workflows),
    })
}
