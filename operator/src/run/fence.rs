//! The fence: the admission policy by which a runner can write only the runs that it holds.
//!
//! It is enforced about a second after it was created; until it is, a pod that was given up could still write.
//! So nothing is admitted before a write that it must deny was denied.

use std::sync::atomic::{AtomicBool, Ordering};

use crds::WorkflowRun;
use kube::{
    Error as KubeError,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::see::Seen;
use crate::{
    api::{failed, within},
    context::Context,
    errors::{Error, Verb},
};

/// No pod has it; the policy denies every write that sets it.
const PROBE_POD_UID: &str = "00000000-0000-0000-0000-000000000000";
/// Part of the policy's name, whatever the release is called.
const POLICY: &str = "runner-fence";

/// Whether the fence was seen to stand.
#[derive(Debug, Default)]
pub(crate) struct Fence(AtomicBool);

impl Fence {
    /// Tries it, once and for all: writes, as a dry run, a pod that nobody has into a run.
    ///
    /// # Errors
    /// The write failed for another reason.
    pub(super) async fn stands(&self, ctx: &Context, seen: &Seen) -> Result<bool, Error> {
        if self.0.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let stands = probe(ctx, seen).await?;
        self.0.store(stands, Ordering::Relaxed);
        tracing::info!(stands, run.name = seen.name, "the fence of runners was tried");
        Ok(stands)
    }
}

async fn probe(ctx: &Context, seen: &Seen) -> Result<bool, Error> {
    let api = within::<WorkflowRun>(&ctx.client, &seen.namespace);
    let patch = json!({"status": {"runner": {"podUid": PROBE_POD_UID}}});
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    match api.patch_status(&seen.name, &dry, &Patch::Merge(&patch)).await {
        Ok(_) => Ok(false),
        Err(KubeError::Api(status)) if is_denial(&status.message) => Ok(true),
        Err(error) => Err(failed(Verb::Probe, &api, &seen.name)(error)),
    }
}

fn is_denial(message: &str) -> bool {
    message.contains("ValidatingAdmissionPolicy") && message.contains(POLICY)
}
