//! Workflows: checked, and kept as immutable revisions that runs refer to.

mod last_runs;
mod prune;
pub(crate) mod revision;
mod status;

use std::sync::Arc;

use crds::{Workflow, workflow::Problem};
use domain::workflow::{Environment, validate};
use kube::{ResourceExt as _, runtime::controller::Action};

pub(crate) use last_runs::LastRuns;

use crate::{context::Context, errors::Error};

/// Checks a workflow, keeps its revision, and writes what is seen of it.
pub(crate) async fn reconcile(ctx: Arc<Context>, workflow: Arc<Workflow>) -> Result<Action, Error> {
    let namespace = workflow.namespace().unwrap_or_default();
    let Some(tenant) = ctx.stores.tenant_in(&namespace) else {
        status::write(&ctx, &workflow, status::Seen::NoTenant).await?;
        return Ok(Action::await_change());
    };
    if workflow.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let seen = match validate(&workflow.spec, &Environment::default()) {
        Ok(_) => status::Seen::Valid(revision::ensure(&ctx, &workflow, &tenant.name_any()).await?),
        Err(problems) => status::Seen::Invalid(problems.into_iter().map(problem).collect()),
    };
    status::write(&ctx, &workflow, seen).await?;
    prune::prune(&ctx, &workflow).await?;
    Ok(Action::await_change())
}

fn problem(found: domain::workflow::Problem) -> Problem {
    let domain::workflow::Problem { path, code, message } = found;
    Problem { path, code: code.to_owned(), message }
}
