//! Workflows: checked, and kept as immutable revisions that runs refer to.

mod environment;
mod last_runs;
mod prune;
pub(crate) mod revision;
mod schedules;
mod status;

use std::{sync::Arc, time::Duration};

use crds::Workflow;
use domain::workflow::validate;
use kube::{ResourceExt as _, runtime::controller::Action};

pub(crate) use last_runs::LastRuns;

use self::{
    schedules::Scheduled,
    status::{Found, Seen},
};
use crate::{context::Context, errors::Error, run::Terms};

/// Secrets are not watched: one that was missing is looked for again after this.
const SECRETS_WAIT: Duration = Duration::from_secs(15);

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
    let (seen, missing) = match validate(&workflow.spec, &environment) {
        Ok(_) => {
            let revision = revision::ensure(&ctx, &workflow, &tenant.name_any()).await?;
            (Seen::Valid(revision), false)
        }
        Err(problems) => {
            let missing = problems.iter().any(|problem| problem.path.starts_with("spec.secrets"));
            (Seen::Invalid(problems.into_iter().map(Into::into).collect()), missing)
        }
    };
    let is_valid = matches!(seen, Seen::Valid(_));
    let now = telemetry::clock::now();
    let rest = schedules::rest(&workflow, tenant.spec.state.unwrap_or_default(), is_valid);
    let scheduled = schedules::plan(&workflow, rest, now);
    schedules::start(&ctx, &workflow, &scheduled).await?;
    let due = scheduled.next_at.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
    let plan = ctx.stores.plan_of(&tenant);
    let terms = Terms::of(&workflow.spec, plan.as_deref(), Some(&tenant));
    let runners = workflow.spec.runners.as_ref().map(|_| terms.shown());
    status::write(&ctx, &workflow, Found { seen, scheduled, runners }).await?;
    prune::prune(&ctx, &workflow).await?;
    let again = due.into_iter().chain(missing.then_some(SECRETS_WAIT)).min();
    Ok(again.map_or_else(Action::await_change, Action::requeue))
}
