//! Controller of runs. The folders are the stages of a run's life, in order; a stage uses earlier stages only.
//!
//! 1. [`observe`]: takes a snapshot of the run and of the objects around it.
//! 2. [`decide`]: decides, as a pure function of the snapshot, which action is due.
//! 3. [`admission`]: pins the run to a revision, checks its input, and gives it a concurrency slot.
//! 4. [`assignment`]: finds or creates a runner pod, and assigns the run to it.
//! 5. [`recovery`]: replaces a pod that was lost.
//! 6. [`completion`]: suspends or ends the run, releases its resources, and deletes it after its retention.

mod admission;
mod apply;
mod assignment;
mod completion;
mod decide;
mod observe;
mod recovery;
mod stage;
mod status;

use std::sync::Arc;

use crds::WorkflowRun;
use jiff::Timestamp;
use kube::runtime::controller::Action;

pub(crate) use admission::restore;
pub(crate) use assignment::pool;
pub(crate) use completion::{release, sweep};

use self::{
    decide::Decision,
    observe::Snapshot,
    stage::{Exit, Stage},
};
use crate::{context::Context, errors::Error};

/// Reconciles an unfinished run.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request, and a conflict if another client has
/// written the run meanwhile.
pub(crate) async fn reconcile(ctx: Arc<Context>, run: Arc<WorkflowRun>) -> Result<Action, Error> {
    let now = telemetry::clock::now();
    let mut snapshot = observe::observe(&ctx, run, now).await?;
    admission::restore_slot(&ctx, &mut snapshot);
    let decision = decide::decide(&snapshot, now);
    match advance(&ctx, &mut snapshot, decision, now).await {
        Ok(action) | Err(Exit::Done(action)) => Ok(action),
        Err(Exit::End(end)) => completion::end(&ctx, &snapshot, &end, now).await,
        Err(Exit::Failed(error)) => Err(error),
    }
}

/// Takes a run through the stages that the decision requires.
async fn advance(
    ctx: &Context,
    snapshot: &mut Snapshot,
    decision: Decision,
    now: Timestamp,
) -> Stage<Action> {
    match decision {
        Decision::AwaitChange => Ok(Action::await_change()),
        Decision::Watch { problem, until } => {
            apply::write_pod_problem(&ctx.client, snapshot, problem.as_ref(), now).await?;
            Ok(until.map_or_else(Action::await_change, |until| stage::requeue_at(until, now)))
        }
        Decision::AwaitRunner(queue, until) => {
            assignment::await_runner(ctx, snapshot, queue, until, now).await
        }
        Decision::HoldSlot => {
            admission::hold_slot(ctx, snapshot);
            let decision = decide::decide(snapshot, now);
            Box::pin(advance(ctx, snapshot, decision, now)).await
        }
        Decision::Admit => {
            let admitted = admission::admit(ctx, snapshot, now).await?;
            assignment::start(ctx, snapshot, &admitted, now).await
        }
        Decision::Start => {
            let admitted = admission::confirm(ctx, snapshot).await?;
            assignment::start(ctx, snapshot, &admitted, now).await
        }
        Decision::Assign(pod) => {
            admission::require_fence(ctx, snapshot).await?;
            assignment::assign(ctx, snapshot, &pod, now).await
        }
        Decision::Recreate(job) => {
            let admitted = admission::confirm(ctx, snapshot).await?;
            recovery::recreate(ctx, snapshot, &admitted, &job, now).await
        }
        Decision::Replace(lost) => {
            let admitted = admission::confirm(ctx, snapshot).await?;
            recovery::replace(ctx, snapshot, &admitted, lost, now).await
        }
        Decision::Suspend(until) => completion::suspend(ctx, snapshot, until, now).await,
        Decision::RequestCancel => completion::request_cancel(ctx, snapshot).await,
        Decision::End(end) => Err(end.into()),
    }
}
