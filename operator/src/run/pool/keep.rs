//! Keeping as many idle runners of a workflow as its terms say, and no others.

use std::{sync::Arc, time::Duration};

use crds::Workflow;
use jiff::Timestamp;
use kube::{ResourceExt as _, runtime::controller::Action};

use super::{
    super::{
        CLUSTER_FULL,
        job::{self, Purpose, Wanted},
        lost::PodState,
        revisions::Revision,
        start,
    },
    Terms,
    idle::{self, Idle},
};
use crate::{context::Context, errors::Error};

/// Room for a runner that is to be ready is looked for this often: nobody waits for it.
const ROOM_WAIT: Duration = Duration::from_secs(10);
/// Names tried in a row for a Job.
const TRIES: u32 = 256;

/// Ends the runners that are superfluous, and makes those that are to be ready.
pub(crate) async fn reconcile(ctx: Arc<Context>, workflow: Arc<Workflow>) -> Result<Action, Error> {
    let now = telemetry::clock::now();
    let namespace = workflow.namespace().unwrap_or_default();
    let tenant = ctx.stores.tenant_in(&namespace);
    let plan = tenant.as_ref().and_then(|tenant| ctx.stores.plan_of(tenant));
    let terms = Terms::of(&workflow.spec, plan.as_deref(), tenant.as_deref());
    let name = workflow.name_any();
    let mut idle = idle::all(&ctx, &namespace, now);
    idle.retain(|idle| idle.workflow == name);
    if idle.is_empty() && terms.warm == 0 {
        return Ok(Action::await_change());
    }
    let revision = current(&ctx, &workflow, &namespace).await?;
    let wanted = revision.as_ref().map(|revision| Wanted {
        ctx_config: &ctx.config,
        namespace: &namespace,
        tenant: tenant.as_ref().map(|tenant| tenant.name_any()).unwrap_or_default(),
        revision,
        plan: plan.as_deref(),
        purpose: Purpose::Warm { number: 0 },
    });
    let template = wanted.as_ref().map(job::template);
    let (stay, mut go): (Vec<Idle>, Vec<Idle>) = idle.into_iter().partition(|idle| {
        Some(&idle.template) == template.as_ref()
            && Some(&idle.pod.revision) == revision.as_ref().map(|revision| &revision.name)
            && matches!(idle.pod.state, PodState::Live | PodState::Silent(_))
    });
    let since = |idle: &Idle| ctx.pool.idle_since(&idle.pod.uid, now);
    let mut stay: Vec<(Timestamp, Idle)> = stay.into_iter().map(|idle| (since(&idle), idle)).collect();
    // Those that were used last stay, as many as are to be ready; the others until their time is over.
    stay.sort_by_key(|(since, _)| std::cmp::Reverse(*since));
    let ready = usize::try_from(terms.warm).unwrap_or(usize::MAX);
    let mut next = None;
    let kept = stay.len().min(ready);
    for (since, idle) in stay.into_iter().skip(ready) {
        let until = since.checked_add(terms.keep_alive).unwrap_or(Timestamp::MAX);
        if until <= now {
            go.push(idle);
        } else {
            next = next.into_iter().chain([until]).min();
        }
    }
    for Idle { pod, .. } in &go {
        idle::end(&ctx, &namespace, pod).await?;
    }
    let again = next.map(|next| Duration::try_from(next.duration_since(now)).unwrap_or_default());
    let again = match wanted {
        Some(wanted) if kept < ready => {
            again.into_iter().chain(make(&ctx, &wanted, ready - kept, now).await?).min()
        }
        _ => again,
    };
    Ok(again.map_or_else(Action::await_change, Action::requeue))
}

/// The revision that new runs get.
async fn current(
    ctx: &Context,
    workflow: &Workflow,
    namespace: &str,
) -> Result<Option<Arc<Revision>>, Error> {
    match workflow.status.as_ref().and_then(|status| status.revision.as_ref()) {
        Some(revision) => ctx.revisions.get(&ctx.client, namespace, &revision.name).await,
        None => Ok(None),
    }
}

/// Makes runners that are to be ready; where there is no room, says when to look again.
async fn make(
    ctx: &Context,
    wanted: &Wanted<'_>,
    count: usize,
    now: Timestamp,
) -> Result<Option<Duration>, Error> {
    let waits = |run: &crds::WorkflowRun| {
        let queue = run.status.as_ref().and_then(|status| status.queue.as_ref());
        queue.is_some_and(|queue| queue.reason == CLUSTER_FULL)
    };
    if ctx.stores.runs_in(wanted.namespace).iter().any(|run| waits(run)) {
        return Ok(Some(ROOM_WAIT));
    }
    let under_way = ctx.pool.under_way(now);
    let mut missing = count;
    for number in 0..TRIES {
        let job = job::build(&Wanted { purpose: Purpose::Warm { number }, ..wanted.clone() });
        if missing == 0 {
            return Ok(None);
        }
        let pod_is_seen =
            ctx.stores.pods.find(|pod| pod.annotations().get(job::JOB) == job.metadata.name.as_ref());
        if pod_is_seen.is_some() {
            continue;
        }
        if under_way.contains(&job.name_any()) {
            missing -= 1;
            continue;
        }
        match start::put(ctx, wanted.namespace, &job, now).await? {
            start::Put::Made => {
                ctx.pool.made(&job.name_any(), now);
                missing -= 1;
            }
            start::Put::NameTaken => {}
            start::Put::NoRoom(_) | start::Put::Refused(_) => return Ok(Some(ROOM_WAIT)),
        }
    }
    Ok(None)
}
