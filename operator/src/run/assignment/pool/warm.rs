//! Creation of warm runners, ahead of the runs that will use them.

use std::time::Duration;

use crds::{WorkflowRun, run::QueueReason};
use jiff::Timestamp;
use kube::ResourceExt as _;

use super::super::{
    create::{self, Creation},
    job::{self, JobInput, Purpose},
};
use crate::{context::Context, errors::Error, names};

/// Interval at which the creation of a warm runner that does not fit into the quota is retried. No run waits for it.
const QUOTA_RETRY_INTERVAL: Duration = Duration::from_secs(10);
/// Maximum number of Job names that are tried in one reconcile.
const MAX_NAMES: u32 = 256;

/// Creates `missing` warm runners. Returns the delay before the next attempt if there is no room for all of them.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(super) async fn create(
    ctx: &Context,
    input: &JobInput<'_>,
    mut missing: usize,
    now: Timestamp,
) -> Result<Option<Duration>, Error> {
    // Runs that wait for room take precedence.
    if ctx.stores.runs_in(input.namespace).iter().any(|run| waits_for_quota(run)) {
        return Ok(Some(QUOTA_RETRY_INTERVAL));
    }
    let being_created = ctx.reservations.being_created(now);
    for number in 0..MAX_NAMES {
        if missing == 0 {
            return Ok(None);
        }
        let job = job::build(&JobInput { purpose: Purpose::Warm { number }, ..input.clone() });
        if has_pod(ctx, &job.name_any()) {
            continue;
        }
        if being_created.contains(&job.name_any()) {
            missing -= 1;
            continue;
        }
        match create::create(ctx, input.namespace, &job, now).await? {
            Creation::Created => {
                ctx.reservations.record_created(&job.name_any(), now);
                missing -= 1;
            }
            Creation::NameTaken => {}
            Creation::QuotaExceeded(_) | Creation::Rejected(_) => return Ok(Some(QUOTA_RETRY_INTERVAL)),
        }
    }
    Ok(None)
}

fn waits_for_quota(run: &WorkflowRun) -> bool {
    let queue = run.status.as_ref().and_then(|status| status.queue.as_ref());
    queue.is_some_and(|queue| queue.has_reason(QueueReason::ClusterFull))
}

fn has_pod(ctx: &Context, job: &str) -> bool {
    let is_of_job = |pod: &k8s_openapi::api::core::v1::Pod| {
        pod.annotations().get(names::JOB).is_some_and(|name| name == job)
    };
    ctx.stores.pods.find(is_of_job).is_some()
}
