//! The end of a run that is written by the operator, since no runner can.

use crds::run::Cancel;
use jiff::Timestamp;
use kube::runtime::controller::Action;
use serde_json::json;

use super::super::{
    admission::release_slot, apply::write_status, decide::End, observe::Snapshot, stage::Stage, status,
};
use crate::{context::Context, errors::Error};

/// Writes the final phase of a run.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the write, and a conflict if another client has
/// written the run meanwhile.
pub(in crate::run) async fn end(
    ctx: &Context,
    snapshot: &Snapshot,
    end: &End,
    now: Timestamp,
) -> Result<Action, Error> {
    write_status(&ctx.client, snapshot, status::ended(&snapshot.run, end, now)).await?;
    if !snapshot.has_started() {
        // The run may be queued, and would be counted until it has left the watch.
        release_slot(ctx, &snapshot.uid).await;
    }
    tracing::info!(
        run.name = snapshot.name,
        run.id = snapshot.uid,
        phase = %end.phase,
        "the operator ended a run"
    );
    Ok(Action::await_change())
}

/// Requests that the runner cancels a sub-run whose parent has ended.
///
/// # Errors
/// Returns an exit if the API server cannot be reached or refuses the write, or if another client has written the run
/// meanwhile.
pub(in crate::run) async fn request_cancel(ctx: &Context, snapshot: &Snapshot) -> Stage<Action> {
    write_status(&ctx.client, snapshot, json!({"cancelRequested": Cancel::Now})).await?;
    tracing::info!(
        run.name = snapshot.name,
        run.id = snapshot.uid,
        "a sub-run is cancelled, since its parent has ended"
    );
    Ok(Action::await_change())
}
