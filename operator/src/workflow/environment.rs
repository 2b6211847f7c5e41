//! What there is beside a workflow in its namespace.

use crds::Workflow;
use domain::workflow::{Environment, WorkflowFacts};
use kube::ResourceExt as _;

use super::secrets;
use crate::{context::Context, errors::Error};

/// Looks. Of Secrets, only those that the workflow names are read.
///
/// # Errors
/// A Secret cannot be read.
pub(super) async fn of(ctx: &Context, workflow: &Workflow) -> Result<Environment, Error> {
    let namespace = workflow.namespace().unwrap_or_default();
    let secrets = secrets::look(&ctx.client, &namespace, &workflow.spec).await?;
    let others = ctx.stores.workflows.state_filter(|other| other.namespace().as_ref() == Some(&namespace));
    let workflows = others.iter().map(|other| (other.name_any(), WorkflowFacts::of(&other.spec))).collect();
    Ok(Environment { name: Some(workflow.name_any()), secrets: Some(secrets), workflows: Some(workflows) })
}
