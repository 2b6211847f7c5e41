//! Check that the Secrets of a run exist and may be used.

use std::sync::Arc;

use crds::{Workflow, workflow::ErrorKind};
use domain::workflow::Problem;
use kube::runtime::reflector::ObjectRef;

use super::{
    super::{decide::End, observe::Snapshot, stage::Stage},
    admitted::Admitted,
};
use crate::{
    context::Context,
    errors::Error,
    secrets::{secret_facts, secret_problems},
    state::Revision,
    watch::ReconcileRequest,
};

/// Returns the first problem with the Secrets of a revision: one that does not exist or may not be used.
///
/// A pod that mounts a missing Secret would wait indefinitely, and a Secret that lost its label may not be
/// mounted any more.
///
/// # Errors
/// Returns an error if a Secret cannot be read, or if the workflow cannot be validated in time.
pub(in crate::run) async fn secret_problem(
    ctx: &Context,
    namespace: &str,
    revision: &Arc<Revision>,
) -> Result<Option<String>, Error> {
    Ok(problems(ctx, namespace, revision).await?.first().map(message))
}

async fn problems(ctx: &Context, namespace: &str, revision: &Arc<Revision>) -> Result<Vec<Problem>, Error> {
    if revision.spec.secrets.is_empty() {
        return Ok(Vec::new());
    }
    let secrets = secret_facts(&ctx.full, namespace, &revision.spec).await?;
    let revision = Arc::clone(revision);
    let problems = ctx.compute.run(namespace, move || secret_problems(&revision.spec, secrets)).await;
    problems.map_err(Error::compute("validate a workflow"))
}

fn message(problem: &Problem) -> String {
    format!("{}: {}", problem.path, problem.message)
}

/// Returns the end of a run whose workflow has problems with its Secrets.
pub(super) fn end(problems: &[Problem]) -> Option<End> {
    problems.first().map(|problem| End::failed(ErrorKind::User, "SECRET_MISSING", message(problem)))
}

/// Checks that the Secrets of an admitted run exist and may be used. Otherwise the workflow, which was valid with them, is
/// validated again.
///
/// # Errors
/// Returns an exit if a Secret is missing or cannot be read.
pub(in crate::run) async fn require_secrets(
    ctx: &Context,
    snapshot: &Snapshot,
    admitted: &Admitted,
) -> Stage<()> {
    let revision = admitted.revision();
    let Some(end) = end(&problems(ctx, &snapshot.namespace, revision).await?) else { return Ok(()) };
    let workflow = ObjectRef::<Workflow>::new(&revision.workflow).within(&snapshot.namespace);
    ctx.requests.send(ReconcileRequest::Workflow(workflow)).await;
    Err(end.into())
}
