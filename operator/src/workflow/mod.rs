//! Controller of workflows: validates a workflow, stores it as an immutable revision, and starts its scheduled runs.

mod apply;
mod check;
mod environment;
mod revision;
mod schedules;
mod status;

use std::{sync::Arc, time::Duration};

use crds::{Tenant, Workflow, tenant::TenantState};
use jiff::Timestamp;
use kube::{ResourceExt as _, runtime::controller::Action};

use self::{
    check::{Checked, Validity},
    schedules::SchedulePlan,
    status::Observed,
};
use crate::{context::Context, errors::Error, revisions, runner_policy::RunnerPolicy};

/// Validates a workflow, stores its revision, starts its due runs, writes its status, and deletes old revisions.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(crate) async fn reconcile(ctx: Arc<Context>, workflow: Arc<Workflow>) -> Result<Action, Error> {
    let now = telemetry::clock::now();
    let Some(tenant) = ctx.stores.tenant_in(&workflow.namespace().unwrap_or_default()) else {
        write_status(&ctx, &workflow, Observed::without_tenant(), now).await?;
        return Ok(Action::await_change());
    };
    if workflow.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let Some(Checked { validity, warnings, fingerprint }) =
        check::check(&ctx, &workflow, &tenant, now).await?
    else {
        return Ok(Action::await_change());
    };
    let current = validity.revision().cloned();
    let recheck = check::recheck_interval(&workflow, &validity);
    let schedule = plan_schedules(&ctx, &workflow, &tenant, &validity, now).await?;
    if !schedules::start_runs(&ctx, &workflow, &schedule).await? {
        return Ok(Action::await_change());
    }
    let next_run = schedule.next_at.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
    let runners = runner_policy(&ctx, &workflow, &tenant).map(RunnerPolicy::to_status);
    write_status(&ctx, &workflow, Observed { validity, warnings, schedule, runners }, now).await?;
    if let Some(fingerprint) = fingerprint {
        ctx.validations.record(workflow.uid().unwrap_or_default(), fingerprint, now);
    }
    if let Some(current) = current {
        revisions::prune(&ctx, &workflow, &current).await?;
    }
    Ok(next_run.into_iter().chain(recheck).min().map_or_else(Action::await_change, Action::requeue))
}

async fn plan_schedules(
    ctx: &Context,
    workflow: &Arc<Workflow>,
    tenant: &Tenant,
    validity: &Validity,
    now: Timestamp,
) -> Result<SchedulePlan, Error> {
    // A tenant that is being deleted starts no runs any more.
    let is_deleted = tenant.metadata.deletion_timestamp.is_some();
    let state = if is_deleted { TenantState::Archived } else { tenant.spec.state.unwrap_or_default() };
    let suspended = schedules::suspension_reason(workflow, state, validity.revision().is_some());
    let namespace = workflow.namespace().unwrap_or_default();
    let workflow = Arc::clone(workflow);
    let planned = ctx.compute.run(&namespace, move || schedules::plan(&workflow, suspended, now)).await;
    planned.map_err(Error::compute("evaluate the schedules of a workflow"))
}

/// Returns the policy for the runners of a workflow that requests any.
fn runner_policy(ctx: &Context, workflow: &Workflow, tenant: &Tenant) -> Option<RunnerPolicy> {
    let plan = ctx.stores.plan_of(tenant);
    let policy = RunnerPolicy::new(&workflow.spec, plan.as_deref(), Some(tenant));
    workflow.spec.runners.as_ref().map(|_| policy)
}

async fn write_status(
    ctx: &Context,
    workflow: &Workflow,
    observed: Observed,
    now: Timestamp,
) -> Result<(), Error> {
    match status::update(workflow, observed, now) {
        Some((status, event)) => apply::apply_status(ctx, workflow, &status, event).await,
        None => Ok(()),
    }
}
