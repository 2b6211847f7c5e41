//! Wait for the runner of an assigned pod: the status of the run says why it has not begun.

use std::sync::Arc;

use crds::run::{QueueReason, QueueStatus};
use jiff::{SignedDuration, Timestamp};
use kube::runtime::controller::Action;

use super::super::{
    admission::secret_problem,
    apply::write_queued,
    observe::Snapshot,
    stage::{Stage, requeue_at},
};
use crate::{context::Context, state::Revision};

/// Time after the assignment in which most pods start. Only what keeps a pod from starting is recorded before: a write for each
/// stage of its start would delay the first write of its runner.
const START_DURATION: SignedDuration = SignedDuration::from_secs(10);
/// Time after the assignment from which, and interval at which, the Secrets of a pod that is starting are checked. The status of
/// a pod does not say that it waits for one.
const SECRET_CHECK_INTERVAL: SignedDuration = SignedDuration::from_secs(20);

/// Writes why no runner executes a run that has a pod, unless its status says so already. The run is reconciled again at `until`.
///
/// # Errors
/// Returns an exit if the API server cannot be reached or refuses a request, or if another client has written the run meanwhile:
/// the runner, which has begun.
pub(in crate::run) async fn await_runner(
    ctx: &Context,
    snapshot: &Snapshot,
    queue: QueueStatus,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Stage<Action> {
    let (queue, check_at) = match secrets_of_starting_pod(snapshot, &queue) {
        Some((revision, check_at)) if check_at <= now => {
            let problem = secret_problem(ctx, &snapshot.namespace, revision).await?;
            (with_secrets_checked(queue, problem), now.checked_add(SECRET_CHECK_INTERVAL).ok())
        }
        Some((_, check_at)) => (queue, Some(check_at)),
        None => (queue, None),
    };
    let quiet_until = quiet_until(snapshot, &queue).filter(|until| *until > now);
    if quiet_until.is_none() {
        write_queued(&ctx.client, snapshot, None, &queue).await?;
    }
    let next = [until, check_at, quiet_until].into_iter().flatten().min();
    Ok(next.map_or_else(Action::await_change, |next| requeue_at(next, now)))
}

/// Returns the time from which the stages of a pod's start are recorded.
fn quiet_until(snapshot: &Snapshot, queue: &QueueStatus) -> Option<Timestamp> {
    let is_blocked = QueueReason::from_status(queue).is_none_or(QueueReason::is_blocked_pod);
    let runner = snapshot.run.status.as_ref()?.runner.as_ref()?;
    let assigned_at = runner.assigned_at.as_ref()?.0;
    if is_blocked { None } else { assigned_at.checked_add(START_DURATION).ok() }
}

/// Returns the revision of a run whose pod is being started and mounts Secrets, and the time at which they are checked.
fn secrets_of_starting_pod<'s>(
    snapshot: &'s Snapshot,
    queue: &QueueStatus,
) -> Option<(&'s Arc<Revision>, Timestamp)> {
    let is_starting =
        queue.has_reason(QueueReason::PodStarting) || queue.has_reason(QueueReason::SecretMissing);
    let revision =
        snapshot.revision.as_ref().filter(|revision| is_starting && !revision.spec.secrets.is_empty())?;
    let runner = snapshot.run.status.as_ref()?.runner.as_ref()?;
    Some((revision, runner.assigned_at.as_ref()?.0.checked_add(SECRET_CHECK_INTERVAL).ok()?))
}

fn with_secrets_checked(queue: QueueStatus, problem: Option<String>) -> QueueStatus {
    match problem {
        Some(message) => QueueStatus::new(QueueReason::SecretMissing, message),
        None if queue.has_reason(QueueReason::SecretMissing) => {
            let message = "all Secrets exist now; the node mounts them within about two minutes";
            QueueStatus::new(QueueReason::PodStarting, message)
        }
        None => queue,
    }
}
