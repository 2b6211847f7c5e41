//! The runner fence: the admission policy that lets a runner write only the runs that are assigned to it.
//!
//! The API server enforces the policy about one second after its creation. Until then, a pod that was given up could
//! still write. So no run gets a pod before a write that the policy must deny was denied.

use std::time::Duration;

use crds::{WorkflowRun, run::QueueStatus};
use kube::{
    Client, Error as KubeError,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::super::{
    apply::write_queued,
    observe::Snapshot,
    stage::{Stage, retry_after},
};
use crate::{
    api::{failed, within},
    context::Context,
    errors::{Error, Verb},
    state::Revision,
};

/// UID that no pod has. The policy denies every write that sets it.
const PROBE_POD_UID: &str = "00000000-0000-0000-0000-000000000000";
/// Part of the policy's name that does not depend on the name of the release.
const POLICY_NAME: &str = "runner-fence";
/// Interval at which the fence is probed until it is in force, which takes about one second.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Checks that the fence is in force. `revision` is recorded in the status of a run that has to wait.
///
/// # Errors
/// Returns an exit if the fence is not in force yet, or if the API server cannot be reached.
pub(super) async fn require(ctx: &Context, snapshot: &Snapshot, revision: Option<&Revision>) -> Stage<()> {
    if is_in_force(ctx, snapshot).await? {
        return Ok(());
    }
    let message = "the admission policy that fences runners is not in force yet".to_owned();
    let queue = QueueStatus { position: None, reason: "FenceNotReady".to_owned(), message };
    write_queued(&ctx.client, snapshot, revision, &queue).await?;
    Err(retry_after(PROBE_INTERVAL))
}

async fn is_in_force(ctx: &Context, snapshot: &Snapshot) -> Result<bool, Error> {
    if ctx.fence.is_in_force() {
        return Ok(true);
    }
    let in_force = probe(&ctx.client, snapshot).await?;
    ctx.fence.record(in_force);
    tracing::info!(in_force, run.name = snapshot.name, "the runner fence was probed");
    Ok(in_force)
}

/// Writes, as a dry run, the UID of a pod that does not exist into a run, and returns whether the policy denied it.
async fn probe(client: &Client, snapshot: &Snapshot) -> Result<bool, Error> {
    let api = within::<WorkflowRun>(client, &snapshot.namespace);
    let patch = json!({"status": {"runner": {"podUid": PROBE_POD_UID}}});
    let dry_run = PatchParams { dry_run: true, ..PatchParams::default() };
    match api.patch_status(&snapshot.name, &dry_run, &Patch::Merge(&patch)).await {
        Ok(_) => Ok(false),
        Err(KubeError::Api(status)) if is_denial(&status.message) => Ok(true),
        Err(error) => Err(failed(Verb::Probe, &api, &snapshot.name)(error)),
    }
}

fn is_denial(message: &str) -> bool {
    message.contains("ValidatingAdmissionPolicy") && message.contains(POLICY_NAME)
}
