//! Environment of a workflow: the Secrets and the other workflows of its namespace, and the images that its plan allows.

use crds::{Tenant, Workflow};
use domain::workflow::{ReferencedWorkflow, ValidationContext};
use kube::ResourceExt as _;

use crate::{context::Context, errors::Error, images::image_policy, secrets::secret_facts};

/// Returns the environment of a workflow. Only the Secrets that the workflow names are read.
///
/// # Errors
/// Returns an error if a Secret cannot be read.
pub(super) async fn read(
    ctx: &Context,
    workflow: &Workflow,
    tenant: &Tenant,
) -> Result<ValidationContext, Error> {
    let namespace = workflow.namespace().unwrap_or_default();
    let secrets = secret_facts(&ctx.client, &namespace, &workflow.spec).await?;
    let others = ctx.stores.workflows.state_filter(|other| other.namespace().as_ref() == Some(&namespace));
    let workflows =
        others.iter().map(|other| (other.name_any(), ReferencedWorkflow::from_spec(&other.spec))).collect();
    Ok(ValidationContext {
        own_name: Some(workflow.name_any()),
        secrets: Some(secrets),
        workflows: Some(workflows),
        images: Some(image_policy(&ctx.config, ctx.stores.plan_of(tenant).as_deref())),
    })
}
