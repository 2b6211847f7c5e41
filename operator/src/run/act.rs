//! Doing what was decided.

use std::{sync::Arc, time::Duration};

use crds::{
    WorkflowRun,
    run::{Cancel, LostRunner, QueueStatus},
    workflow::{ErrorKind, RevisionRef},
};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::{Resource as _, ResourceExt as _, runtime::controller::Action};
use serde_json::{Value, json};

use super::{
    admit::{self, Asked},
    decide::{self, End, Next},
    lost::PodState,
    pin::{Pin, pin},
    pool::{self, Claim},
    reuse::{self, Reused},
    revisions::Revision,
    secrets,
    see::{RunnerPod, Seen},
    start::{self, Made},
    status, supersede,
};
use crate::{
    api::{self, merge_status, within},
    context::Context,
    errors::Error,
    events::Note,
    watch::kicks::Kick,
};

/// A run that waits in the queue has its position renewed this often, and the less often the further back it
/// is: so all that wait write a few times a second, however many they are. A slot calls it at once.
const WAIT: Duration = Duration::from_secs(15);
/// This much less often for each place.
const WAIT_A_PLACE: Duration = Duration::from_millis(500);
/// There may be room for a pod, or the fence may stand, soon.
const SOON: Duration = Duration::from_secs(1);
/// A pod that does not come is looked for after this.
const POD_WAIT: Duration = Duration::from_secs(11);
/// A workflow that is being checked calls its runs; this is for the case that it does not.
const CHECK_WAIT: Duration = Duration::from_secs(5);

/// Does it.
///
/// # Errors
/// The API server cannot be asked, refuses, or somebody else wrote the run meanwhile.
pub(super) async fn act(ctx: &Context, seen: &Seen, next: Next, now: Timestamp) -> Result<Action, Error> {
    if gives_a_pod(&next) && !ctx.fence.stands(ctx, seen).await? {
        return wait_for_fence(ctx, seen, None).await;
    }
    match next {
        Next::Nothing => Ok(Action::await_change()),
        Next::Watch(until) => Ok(Action::requeue(until_then(until, now))),
        Next::End(end) => finish(ctx, seen, &end, now).await,
        Next::Admit => admit(ctx, seen, now).await,
        Next::Start => match pinned(ctx, seen).await? {
            Ok(revision) => begin(ctx, seen, &revision, now).await,
            Err(end) => finish(ctx, seen, &end, now).await,
        },
        Next::Make(job) => make_again(ctx, seen, &job, now).await,
        Next::Replace(lost) => replace(ctx, seen, lost, now).await,
        Next::Assign(pod) => assign(ctx, seen, &pod, now).await,
        Next::Rest(until) => rest(ctx, seen, until, now).await,
        Next::Cancel => {
            write(ctx, seen, json!({"cancelRequested": Cancel::Now})).await?;
            tracing::info!(run.name = seen.name, run.id = seen.uid, "the parent of a sub-run has ended");
            Ok(Action::await_change())
        }
        Next::Force => {
            let mut seen = seen.clone();
            admit::hold(ctx, &mut seen);
            let next = decide::next(&seen, now);
            Box::pin(act(ctx, &seen, next, now)).await
        }
    }
}

/// Nothing is kept for a run that waits: another one gets its slot, and its pods go.
async fn rest(ctx: &Context, seen: &Seen, until: Option<Timestamp>, now: Timestamp) -> Result<Action, Error> {
    if seen.holds_slot {
        admit::give_back(ctx, &seen.uid).await;
        ctx.kicks.send(Kick::pool_of(&seen.run)).await;
    }
    let jobs = within::<Job>(&ctx.client, &seen.namespace);
    for pod in seen.pods.iter().filter(|pod| !pod.is_pooled && pod.state != PodState::Lost("PodDeleted")) {
        api::delete(&jobs, &pod.job, None).await?;
    }
    Ok(until.map_or_else(Action::await_change, |until| Action::requeue(until_then(until, now))))
}

/// A pod that was given up must be fenced out before another is given its run.
fn gives_a_pod(next: &Next) -> bool {
    match next {
        Next::Start | Next::Replace(_) | Next::Make(_) | Next::Assign(_) => true,
        // To be admitted asks too, but only after the run was found to be able to run at all.
        Next::Nothing
        | Next::Watch(_)
        | Next::End(_)
        | Next::Admit
        | Next::Rest(_)
        | Next::Force
        | Next::Cancel => false,
    }
}

async fn wait_for_fence(ctx: &Context, seen: &Seen, revision: Option<&Revision>) -> Result<Action, Error> {
    let message = "the admission policy that fences runners is not in force yet".to_owned();
    let queue = QueueStatus { position: None, reason: "FenceNotReady".to_owned(), message };
    if let Some(patch) = status::waits(seen, revision.map(Revision::reference), &queue) {
        write(ctx, seen, patch).await?;
    }
    Ok(Action::requeue(SOON))
}

fn until_then(until: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO).max(Duration::from_millis(10))
}

async fn admit(ctx: &Context, seen: &Seen, now: Timestamp) -> Result<Action, Error> {
    let revision = match pin(ctx, seen).await? {
        Pin::Pinned(revision) => revision,
        Pin::Refused(end) => return finish(ctx, seen, &end, now).await,
        Pin::NotYet => return Ok(Action::requeue(CHECK_WAIT)),
    };
    if !ctx.fence.stands(ctx, seen).await? {
        return wait_for_fence(ctx, seen, Some(&revision)).await;
    }
    match reuse::take_over(ctx, seen, &revision, now).await? {
        Reused::Done => {}
        Reused::Write(patch) => {
            write(ctx, seen, patch).await?;
            return Ok(Action::await_change());
        }
        Reused::Sought(queue, until) => {
            return write_wait(ctx, seen, &revision, queue, until_then(until, now)).await;
        }
        Reused::Refused(end) => return finish(ctx, seen, &end, now).await,
    }
    if let Some(end) = supersede::supersede(ctx, seen, &revision, now).await? {
        return finish(ctx, seen, &end, now).await;
    }
    match admit::ask(ctx, seen, &revision, now).await {
        Asked::Admitted => match seen.pods.iter().find(|pod| pod.state == PodState::Live) {
            // Made before the operator was restarted.
            Some(pod) => assign(ctx, seen, &pod.clone(), now).await,
            None => begin(ctx, seen, &revision, now).await,
        },
        Asked::Refused(end) => finish(ctx, seen, &end, now).await,
        Asked::Waits(queue) => {
            let again = WAIT + WAIT_A_PLACE.saturating_mul(queue.position.unwrap_or(0));
            write_wait(ctx, seen, &revision, queue, again).await
        }
    }
}

/// The revision that a run is pinned to, or would be now; or why it can run as none.
async fn pinned(ctx: &Context, seen: &Seen) -> Result<Result<Arc<Revision>, End>, Error> {
    Ok(match pin(ctx, seen).await? {
        Pin::Pinned(revision) => Ok(revision),
        Pin::Refused(end) => Err(end),
        Pin::NotYet => Err(End::failed(ErrorKind::Infra, "REVISION_GONE", "the workflow's revision is gone")),
    })
}

/// Gives it a runner that is idle, or makes one.
async fn begin(
    ctx: &Context,
    seen: &Seen,
    revision: &Arc<Revision>,
    now: Timestamp,
) -> Result<Action, Error> {
    if let Some(end) = secrets::taken_away(ctx, seen, revision).await? {
        return finish(ctx, seen, &end, now).await;
    }
    match pool::take(ctx, seen, revision, now) {
        Some(pod) => assign(ctx, seen, &pod, now).await,
        None => make(ctx, seen, revision, start::next_attempt(ctx, seen, revision), now).await,
    }
}

async fn make(
    ctx: &Context,
    seen: &Seen,
    revision: &Arc<Revision>,
    attempt: u32,
    now: Timestamp,
) -> Result<Action, Error> {
    match start::make(ctx, seen, revision, attempt, now).await? {
        Made::Job => Ok(Action::requeue(POD_WAIT)),
        Made::NoRoom(message) => wait(ctx, seen, revision, super::CLUSTER_FULL, message, SOON).await,
        Made::Refused(end) => finish(ctx, seen, &end, now).await,
    }
}

async fn make_again(ctx: &Context, seen: &Seen, job: &str, now: Timestamp) -> Result<Action, Error> {
    let revision = match pinned(ctx, seen).await? {
        Ok(revision) => revision,
        Err(end) => return finish(ctx, seen, &end, now).await,
    };
    if let Some(end) = secrets::taken_away(ctx, seen, &revision).await? {
        return finish(ctx, seen, &end, now).await;
    }
    let written = start::attempt_of(&seen.uid, &revision, job);
    make(ctx, seen, &revision, written.unwrap_or_else(|| start::next_attempt(ctx, seen, &revision)), now)
        .await
}

/// Fences the lost pod out, makes the next, and deletes the old Job: in this order, so that a kill in between
/// loses nothing, and all at once, so that the old pod's share of the quota is free for the next.
async fn replace(ctx: &Context, seen: &Seen, lost: LostRunner, now: Timestamp) -> Result<Action, Error> {
    let revision = match pinned(ctx, seen).await? {
        Ok(revision) => revision,
        Err(end) => return finish(ctx, seen, &end, now).await,
    };
    if let Some(end) = secrets::taken_away(ctx, seen, &revision).await? {
        return finish(ctx, seen, &end, now).await;
    }
    let attempt = start::next_attempt(ctx, seen, &revision);
    let job = crds::names::runner_job(&revision.uid, &seen.uid, attempt);
    write(ctx, seen, status::lost(seen, &job, &revision.reference(), &lost)).await?;
    ctx.metrics.runners_lost.inc();
    let reason = lost.reason.unwrap_or_default();
    tracing::info!(
        run.name = seen.name,
        run.id = seen.uid,
        reason,
        losses = lost.count,
        "a run lost its pod"
    );
    let jobs = within::<Job>(&ctx.client, &seen.namespace);
    // A pod that went while no operator worked is not seen any more, but its Job is written on the run.
    let written = seen.status().runner.and_then(|runner| runner.job);
    let theirs = seen.pods.iter().filter(|pod| !pod.is_pooled || matches!(pod.state, PodState::Lost(_)));
    let mut old: Vec<_> = theirs.map(|pod| pod.job.clone()).chain(written).collect();
    old.sort_unstable();
    old.dedup();
    for old in old.iter().filter(|old| **old != job) {
        api::delete(&jobs, old, None).await?;
    }
    let note = Note::warning(
        "Replace",
        "RunnerLost",
        format!("the run's pod was lost ({reason}); it goes on in another"),
    );
    ctx.events.tell(&seen.run.object_ref(&()), note).await;
    make(ctx, seen, &revision, attempt, now).await
}

async fn assign(ctx: &Context, seen: &Seen, pod: &RunnerPod, now: Timestamp) -> Result<Action, Error> {
    if pod.is_pooled && !ctx.pool.take(&pod.uid, &Claim::of(&seen.run), &ctx.stores.runs) {
        // Another run took it, or it is being ended.
        return Ok(Action::requeue(SOON));
    }
    let revision = ctx.revisions.get(&ctx.client, &seen.namespace, &pod.revision).await?;
    let revision = match revision {
        Some(revision) => revision.reference(),
        None => RevisionRef { name: pod.revision.clone(), generation: None },
    };
    write(ctx, seen, status::assigned(seen, pod, &revision, now)).await?;
    tracing::info!(
        run.name = seen.name,
        run.id = seen.uid,
        pod = pod.name,
        attempt = pod.attempt,
        "assigned"
    );
    Ok(Action::await_change())
}

async fn wait(
    ctx: &Context,
    seen: &Seen,
    revision: &Revision,
    reason: &str,
    message: String,
    again: Duration,
) -> Result<Action, Error> {
    let queue = QueueStatus { position: None, reason: reason.to_owned(), message };
    write_wait(ctx, seen, revision, queue, again).await
}

async fn write_wait(
    ctx: &Context,
    seen: &Seen,
    revision: &Revision,
    queue: QueueStatus,
    again: Duration,
) -> Result<Action, Error> {
    if let Some(patch) = status::waits(seen, Some(revision.reference()), &queue) {
        write(ctx, seen, patch).await?;
    }
    Ok(Action::requeue(again))
}

async fn finish(ctx: &Context, seen: &Seen, end: &End, now: Timestamp) -> Result<Action, Error> {
    write(ctx, seen, status::ended(&seen.run, end, now)).await?;
    if !seen.has_begun() {
        // It may stand in the queue, and would be counted until it has left the watch.
        admit::give_back(ctx, &seen.uid).await;
    }
    tracing::info!(run.name = seen.name, run.id = seen.uid, phase = %end.phase, "the operator ended a run");
    Ok(Action::await_change())
}

async fn write(ctx: &Context, seen: &Seen, patch: Value) -> Result<WorkflowRun, Error> {
    let api = within::<WorkflowRun>(&ctx.client, &seen.namespace);
    let version = seen.run.resource_version().unwrap_or_default();
    merge_status(&api, &seen.name, &version, patch).await
}
