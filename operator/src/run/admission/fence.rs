//! The runner fence: the admission policy that lets a runner write only the runs that are assigned to it.
//!
//! The API server enforces the policy about one second after its creation. Until then, a pod that was given up could
//! still write. So no run gets a pod before a write that the policy must deny was denied. After each change of the policy or
//! of its binding, the proof is repeated.

use std::time::Duration;

use crds::{
    WorkflowRun,
    run::{QueueReason, QueueStatus},
};
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
    names::RUNNER_FENCE,
    state::{Fence, Revision},
};

/// UID that no pod has. The policy denies every write that sets it.
const PROBE_POD_UID: &str = "00000000-0000-0000-0000-000000000000";
/// Interval at which the fence is checked until it is in force, which takes about one second.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Checks that the fence is in force. `revision` is recorded in the status of a run that has to wait.
///
/// # Errors
/// Returns an exit if the fence is not in force, or if the API server cannot be reached.
pub(super) async fn require(ctx: &Context, snapshot: &Snapshot, revision: Option<&Revision>) -> Stage<()> {
    let Some(message) = why_not_in_force(ctx, snapshot).await? else { return Ok(()) };
    let queue = QueueStatus::new(QueueReason::FenceNotReady, message);
    write_queued(&ctx.client, snapshot, revision, &queue).await?;
    Err(retry_after(CHECK_INTERVAL))
}

/// Returns the reason for which the fence is not in force, or `None` if it is.
async fn why_not_in_force(ctx: &Context, snapshot: &Snapshot) -> Result<Option<String>, Error> {
    let version = ctx.stores.fence_version();
    match ctx.fence.get(version.clone(), telemetry::clock::now()) {
        Fence::InForce => return Ok(None),
        Fence::Missing => {
            return Ok(Some(format!(
                "the ValidatingAdmissionPolicy {RUNNER_FENCE}, which fences runners, or its binding does not exist: \
                 install the chart smb-copilot again"
            )));
        }
        Fence::Changed => {}
        Fence::Unknown => {
            let in_force = probe(&ctx.client, snapshot).await?;
            tracing::info!(in_force, run.name = snapshot.name, "the runner fence was probed");
            if in_force {
                ctx.fence.record_in_force(version.as_ref());
                return Ok(None);
            }
        }
    }
    Ok(Some(format!(
        "the ValidatingAdmissionPolicy {RUNNER_FENCE}, which fences runners, is not in force yet: the API server \
         applies a new or changed policy after about one second"
    )))
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

/// Returns whether the fence has denied a write. The message contains the name of the run, which may be that of the fence.
fn is_denial(message: &str) -> bool {
    message.contains(&format!("ValidatingAdmissionPolicy '{RUNNER_FENCE}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run with the name of the fence, which another policy denies, proves nothing.
    #[test]
    fn only_the_fence_itself_proves_that_it_is_in_force() {
        let denied = |run: &str, policy: &str| {
            is_denial(&format!(
                "workflowruns.smbcopilot.dev \"{run}\" is forbidden: ValidatingAdmissionPolicy '{policy}' with binding '{policy}' \
                 denied request: no"
            ))
        };
        assert!(denied("order-7", RUNNER_FENCE));
        assert!(!denied(RUNNER_FENCE, "acme-policy"));
    }
}
