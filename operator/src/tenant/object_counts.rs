//! Probe of the quota controller: whether it counts runs and workflows.

use crds::names;
use k8s_openapi::api::core::v1::ResourceQuota;

use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
};

/// Returns whether quotas can limit the number of runs and workflows. The chart installs a quota that limits both in the
/// namespace of the release; its status shows whether they are counted.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the request.
pub(super) async fn are_available(ctx: &Context) -> Result<bool, Error> {
    if ctx.object_counts.are_available() {
        return Ok(true);
    }
    let quotas = within::<ResourceQuota>(&ctx.client, &ctx.config.release_namespace);
    let probe = api::get(&quotas, names::OBJECT_COUNT_PROBE).await?;
    let used = probe.and_then(|probe| probe.status?.used).unwrap_or_default();
    let are_available =
        [names::RUN_COUNT, names::WORKFLOW_COUNT].iter().all(|resource| used.contains_key(*resource));
    ctx.object_counts.record(are_available);
    Ok(are_available)
}
