//! Creation of a runner for one run: the number of its pod attempt, and its Job.

use std::{sync::Arc, time::Duration};

use crds::{
    Workflow, names,
    run::{QueueReason, QueueStatus},
    workflow::ErrorKind,
};
use jiff::Timestamp;
use kube::runtime::{controller::Action, reflector::ObjectRef};

use super::{
    super::{
        apply::write_queued,
        decide::End,
        observe::Snapshot,
        stage::{Exit, Stage, retry_after},
    },
    create::{Creation, POD_CREATION_TIMEOUT, create},
    job::{self, JobInput, Lifetime, Purpose},
    pool,
};
use crate::{
    context::Context, images::image_policy, runner_policy::RunnerPolicy, state::Revision, tenant_user,
};

/// Delay after which a run whose pod has not appeared is reconciled: one second more than [`POD_CREATION_TIMEOUT`].
const POD_CHECK_INTERVAL: Duration = Duration::from_secs(11);
/// Interval at which the creation of a pod that does not fit into the quota is retried. The deletion of a pod
/// requests a reconcile of the run at once; this interval covers quota that becomes free in another way.
const QUOTA_RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum number of Job names that are tried in one reconcile. Each may be taken by a Job that a crash left behind.
const MAX_NAMES: u32 = 16;
/// Maximum number of attempts whose Job names are compared with a given one. A run ends long before it has lost as many
/// pods.
const MAX_ATTEMPTS: u32 = 1_000;

/// Returns the number of the next pod attempt of a run.
pub(in crate::run) fn next_attempt(snapshot: &Snapshot, revision: &Revision) -> u32 {
    let recorded = snapshot.status().runner.and_then(|runner| runner.job);
    let recorded = recorded.and_then(|job| attempt_of_job(&snapshot.uid, revision, &job));
    snapshot.newest_attempt.into_iter().chain(recorded).max().map_or(0, |newest| newest.saturating_add(1))
}

/// Returns the number of the pod attempt that a Job of a run belongs to.
pub(in crate::run) fn attempt_of_job(run_uid: &str, revision: &Revision, job: &str) -> Option<u32> {
    (0..MAX_ATTEMPTS).find(|attempt| names::runner_job(&revision.uid, run_uid, *attempt) == job)
}

/// Creates the Job of a pod attempt, or of the next attempt if its name is taken by a Job that has ended.
///
/// # Errors
/// Returns an exit if the plan does not allow an image, if the pod does not fit into the tenant's quota or is rejected, or if
/// the API server cannot be reached.
pub(in crate::run) async fn create_runner(
    ctx: &Context,
    snapshot: &Snapshot,
    revision: &Arc<Revision>,
    attempt: u32,
    now: Timestamp,
) -> Stage<Action> {
    let last = ctx.slots.last_created(&snapshot.uid);
    let is_being_created =
        last.is_some_and(|(created, at)| created == attempt && now.duration_since(at) < POD_CREATION_TIMEOUT);
    if is_being_created {
        return Ok(Action::requeue(POD_CHECK_INTERVAL));
    }
    let plan = snapshot.tenant.as_ref().and_then(|tenant| ctx.stores.plan_of(tenant));
    // The plan may have changed since the workflow was validated.
    if let Some((path, problem)) =
        image_policy(&ctx.config, plan.as_deref()).problems_of(&revision.spec).next()
    {
        let message = format!("{path}: {problem}");
        return Err(End::failed(ErrorKind::Policy, "IMAGE_NOT_ALLOWED", message).into());
    }
    let policy = RunnerPolicy::new(&revision.spec, plan.as_deref(), snapshot.tenant.as_deref());
    // Later runs, which could reuse the pod, exist only as long as the workflow.
    let workflow = ObjectRef::<Workflow>::new(&revision.workflow).within(&snapshot.namespace);
    let is_reused = policy.reuses_runners() && ctx.stores.workflows.get(&workflow).is_some();
    let lifetime = if is_reused { Lifetime::Pooled } else { Lifetime::OneRun };
    for attempt in attempt..attempt.saturating_add(MAX_NAMES) {
        let job = job::build(&JobInput {
            config: &ctx.config,
            namespace: &snapshot.namespace,
            tenant: snapshot.tenant_name(),
            user: tenant_user::for_tenant(snapshot.tenant.as_deref()),
            revision,
            plan: plan.as_deref(),
            purpose: Purpose::Run { name: &snapshot.name, uid: &snapshot.uid, attempt, lifetime },
        });
        match create(ctx, &snapshot.namespace, &job, now).await? {
            Creation::Created => {
                ctx.slots.record_created(&snapshot.uid, attempt, now);
                return Ok(Action::requeue(POD_CHECK_INTERVAL));
            }
            Creation::NameTaken => (),
            Creation::Rejected(end) => return Err(end.into()),
            Creation::QuotaExceeded(message) => {
                let has_room = pool::delete_one_idle(ctx, &snapshot.namespace, now).await?;
                let message = if has_room {
                    format!("{message}; an idle runner is deleted to make room")
                } else {
                    message
                };
                return Err(wait_for_quota(ctx, snapshot, revision, message).await);
            }
        }
    }
    let message = format!("{MAX_NAMES} Jobs of this run are still being deleted");
    Err(wait_for_quota(ctx, snapshot, revision, message).await)
}

async fn wait_for_quota(ctx: &Context, snapshot: &Snapshot, revision: &Revision, message: String) -> Exit {
    let queue = QueueStatus::new(QueueReason::ClusterFull, message);
    match write_queued(&ctx.client, snapshot, Some(revision), &queue).await {
        Ok(()) => retry_after(QUOTA_RETRY_INTERVAL),
        Err(error) => error.into(),
    }
}
