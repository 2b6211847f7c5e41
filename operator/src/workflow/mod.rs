//! Workflows: checked, and kept as immutable revisions that runs refer to.

mod environment;
mod last_runs;
mod prune;
mod revision;
mod schedules;
pub(crate) mod secrets;
mod status;

use std::{sync::Arc, time::Duration};

use crds::Workflow;
use domain::workflow::validate;
use kube::{ResourceExt as _, runtime::controller::Action};

pub(crate) use last_runs::LastRuns;
pub(crate) use prune::Pruned;

use self::{
    schedules::Scheduled,
    status::{Found, Seen},
};
use crate::{context::Context, errors::Error, run::Terms};

/// Secrets are not watched, since who may watch them may read them all: one that is missing is looked for again after this.
const MISSING_WAIT: Duration = Duration::from_secs(15);
/// One that is there is looked at again after this; a run that is about to get it looks for itself.
const SECRETS_WAIT: Duration = Duration::from_secs(300);

/// Checks a workflow, keeps its revision, starts what is due, and writes what is seen of it.
pub(crate) async fn reconcile(ctx: Arc<Context>, workflow: Arc<Workflow>) -> Result<Action, Error> {
    let namespace = workflow.namespace().unwrap_or_default();
    let Some(tenant) = ctx.stores.tenant_in(&namespace) else {
        let found = Found { seen: Seen::NoTenant, scheduled: Scheduled::default(), runners: None };
        status::write(&ctx, &workflow, found).await?;
        return Ok(Action::await_change());
    };
    if workflow.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let environment = environment::of(&ctx, &workflow).await?;
    let names_secrets = !workflow.spec.secrets.is_empty();
    let (seen, secrets_wait) = match validate(&workflow.spec, &environment) {
        Ok(_) => {
            let revision = revision::ensure(&ctx, &workflow, &tenant.name_any()).await?;
            (Seen::Valid(revision), names_secrets.then_some(SECRETS_WAIT))
        }
        Err(problems) => {
            let missing = problems.iter().any(|problem| secrets::is_of_a_secret(problem.code));
            let seen = Seen::Invalid(problems.into_iter().map(Into::into).collect());
            (seen, missing.then_some(MISSING_WAIT))
        }
    };
    let current = match &seen {
        Seen::Valid(revision) => Some(revision.clone()),
        Seen::Invalid(_) | Seen::NoTenant => None,
    };
    let now = telemetry::clock::now();
    let rest = schedules::rest(&workflow, tenant.spec.state.unwrap_or_default(), current.is_some());
    let scheduled = schedules::plan(&workflow, rest, now);
    schedules::start(&ctx, &workflow, &scheduled).await?;
    let due = scheduled.next_at.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
    let plan = ctx.stores.plan_of(&tenant);
    let terms = Terms::of(&workflow.spec, plan.as_deref(), Some(&tenant));
    let runners = workflow.spec.runners.as_ref().map(|_| terms.shown());
    status::write(&ctx, &workflow, Found { seen, scheduled, runners }).await?;
    if let Some(current) = current {
        prune::prune(&ctx, &workflow, &current).await?;
    }
    let again = due.into_iter().chain(secrets_wait).min();
    Ok(again.map_or_else(Action::await_change, Action::requeue))
}
