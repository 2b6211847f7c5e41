//! Third stage of a run's reconcile: whether the run may have a pod now, and for which revision.
//!
//! A new run of a tenant with many queued runs waits for its turn; a new run is checked against the limits of its plan, pinned to a revision, and its input is checked; then the runner fence must be in force; then
//! its concurrency group is saved, steps of an earlier run are reused and older runs of the group are superseded; finally
//! the run requests a slot.

mod admitted;
mod concurrency;
mod daily_quota;
mod fence;
mod input;
mod pace;
mod pin;
mod plan_limits;
mod restore;
mod reuse;
mod secrets;
mod slots;
mod supersede;

use jiff::Timestamp;

pub(super) use admitted::Admitted;
pub(crate) use restore::restore;
pub(super) use restore::restore_slot;
pub(super) use secrets::{require_secrets, secret_problem};
pub(super) use slots::{hold_slot, hold_slot_of, release_slot};

use super::{observe::Snapshot, stage::Stage};
use crate::context::Context;

/// Admits a run that holds no slot.
///
/// # Errors
/// Returns an exit if the run has to wait or can never be admitted, or if the API server cannot be reached.
pub(super) async fn admit(ctx: &Context, snapshot: &Snapshot, now: Timestamp) -> Stage<Admitted> {
    pace::require(ctx, snapshot)?;
    plan_limits::check(&ctx.stores, snapshot)?;
    let pinned = pin::pin(ctx, snapshot).await?;
    fence::require(ctx, snapshot, Some(&pinned.revision)).await?;
    concurrency::save_group(ctx, snapshot, &pinned.revision).await?;
    reuse::take_over_steps(ctx, snapshot, &pinned.revision, now).await?;
    supersede::supersede_older(ctx, snapshot, &pinned.revision, now).await?;
    slots::request(ctx, snapshot, &pinned.revision, now).await?;
    Ok(Admitted::new(pinned))
}

/// Confirms the admission of a run that holds a slot already, before it gets another pod.
///
/// # Errors
/// Returns an exit if the fence is not in force, if the run's revision or input cannot be used any more, if the workflow of
/// a run without a revision is being validated, or if the API server cannot be reached.
pub(super) async fn confirm(ctx: &Context, snapshot: &Snapshot) -> Stage<Admitted> {
    fence::require(ctx, snapshot, None).await?;
    let pinned = pin::pin(ctx, snapshot).await?;
    Ok(Admitted::new(pinned))
}

/// Checks that the runner fence is in force. A pod that was given up must be fenced out before the run gets another.
///
/// # Errors
/// Returns an exit if the fence is not in force yet, or if the API server cannot be reached.
pub(super) async fn require_fence(ctx: &Context, snapshot: &Snapshot) -> Stage<()> {
    fence::require(ctx, snapshot, None).await
}
