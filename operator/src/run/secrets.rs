//! Whether the Secrets that a run is to get are there, and may be given to it.

use crds::{Workflow, WorkflowSpec, workflow::ErrorKind};
use kube::runtime::reflector::ObjectRef;

use super::{decide::End, revisions::Revision, see::Seen};
use crate::{context::Context, errors::Error, watch::kicks::Kick, workflow::secrets::lacking};

/// Why a run of this workflow cannot have its Secrets: a pod that mounts one that is not there would wait for ever, and
/// one that lost its label may not be given any more.
///
/// # Errors
/// The API server cannot be asked.
pub(super) async fn missing(
    ctx: &Context,
    namespace: &str,
    spec: &WorkflowSpec,
) -> Result<Option<End>, Error> {
    let lacking = lacking(&ctx.client, namespace, spec).await?;
    Ok(lacking.first().map(|problem| {
        let message = format!("{}: {}", problem.path, problem.message);
        End::failed(ErrorKind::User, "SECRET_MISSING", message)
    }))
}

/// The same before a pod is given to a run; the workflow, which was found valid with them, is looked at again.
///
/// # Errors
/// The API server cannot be asked.
pub(super) async fn taken_away(
    ctx: &Context,
    seen: &Seen,
    revision: &Revision,
) -> Result<Option<End>, Error> {
    let missing = missing(ctx, &seen.namespace, &revision.spec).await?;
    if missing.is_some() {
        let workflow = ObjectRef::<Workflow>::new(&revision.workflow).within(&seen.namespace);
        ctx.kicks.send(Kick::Workflow(workflow)).await;
    }
    Ok(missing)
}
