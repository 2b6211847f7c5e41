//! Controller of runner pools: runners that are reused by later runs of the same revision, or are created ahead of them.
//!
//! The status of a run says which pod it is assigned to. Reservations in memory only bridge the time until the watch
//! shows it, so that two runs do not get the same pod, and no run gets one that is being deleted.

mod idle;
mod plan;
mod warm;

pub(super) use idle::{delete_one_idle, reserve};

use std::{sync::Arc, time::Duration};

use crds::Workflow;
use jiff::Timestamp;
use kube::{ResourceExt as _, runtime::controller::Action};

use self::{
    idle::IdleRunner,
    plan::{PoolPlan, Template},
};
use super::job::{self, JobInput, Purpose};
use crate::{
    context::Context, errors::Error, images::image_policy, runner_policy::RunnerPolicy, state::Revision,
    tenant_user,
};

/// Deletes the superfluous idle runners of a workflow, and creates warm ones. A workflow whose images the plan does not allow
/// has no runners.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(crate) async fn reconcile(ctx: Arc<Context>, workflow: Arc<Workflow>) -> Result<Action, Error> {
    let now = telemetry::clock::now();
    let namespace = workflow.namespace().unwrap_or_default();
    let tenant = ctx.stores.tenant_in(&namespace);
    let plan = tenant.as_ref().and_then(|tenant| ctx.stores.plan_of(tenant));
    let policy = RunnerPolicy::new(&workflow.spec, plan.as_deref(), tenant.as_deref());
    let idle = idle::of_workflow(&ctx, &namespace, &workflow.name_any(), now);
    if idle.is_empty() && policy.warm == 0 {
        return Ok(Action::await_change());
    }
    let revision = current_revision(&ctx, &workflow, &namespace).await?;
    let images = image_policy(&ctx.config, plan.as_deref());
    let allowed = revision.as_ref().filter(|revision| images.problems_of(&revision.spec).next().is_none());
    let input = allowed.map(|revision| JobInput {
        config: &ctx.config,
        namespace: &namespace,
        tenant: tenant.as_ref().map(|tenant| tenant.name_any()).unwrap_or_default(),
        user: tenant_user::for_tenant(tenant.as_deref()),
        revision,
        plan: plan.as_deref(),
        purpose: Purpose::Warm { number: 0 },
    });
    let template = input
        .as_ref()
        .map(|input| Template { revision: input.revision.name.clone(), digest: job::template_digest(input) });
    let PoolPlan { superfluous, missing, next_expiry } = plan::plan(idle, template.as_ref(), policy, now);
    delete_all(&ctx, &namespace, &superfluous).await?;
    let retry = match input {
        Some(input) if missing > 0 => warm::create(&ctx, &input, missing, now).await?,
        _ => None,
    };
    let expiry = next_expiry.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
    Ok(expiry.into_iter().chain(retry).min().map_or_else(Action::await_change, Action::requeue))
}

/// Deletes the idle runners of a deleted workflow.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a deletion.
pub(in crate::run) async fn delete_idle(
    ctx: &Context,
    namespace: &str,
    workflow: &str,
    now: Timestamp,
) -> Result<(), Error> {
    delete_all(ctx, namespace, &idle::of_workflow(ctx, namespace, workflow, now)).await
}

/// Deletes idle runners. One that cannot be deleted does not keep the others from it.
async fn delete_all(ctx: &Context, namespace: &str, runners: &[IdleRunner]) -> Result<(), Error> {
    let mut outcome = Ok(());
    for runner in runners {
        outcome = outcome.and(idle::delete(ctx, namespace, &runner.pod).await.map(|_| ()));
    }
    outcome
}

/// Returns the revision that new runs of a workflow get.
async fn current_revision(
    ctx: &Context,
    workflow: &Workflow,
    namespace: &str,
) -> Result<Option<Arc<Revision>>, Error> {
    match workflow.status.as_ref().and_then(|status| status.revision.as_ref()) {
        Some(revision) => ctx.revisions.get(&ctx.full, namespace, &revision.name).await,
        None => Ok(None),
    }
}
