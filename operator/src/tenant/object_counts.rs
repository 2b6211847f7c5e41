//! Probe of the quota controller: whether it counts runs and workflows. One probe serves all tenants.

use std::{convert::Infallible, sync::Arc, time::Duration};

use crds::names;
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::runtime::reflector::ObjectRef;
use tokio_util::sync::CancellationToken;

use crate::{
    api::{self, within},
    context::Context,
    errors::{Error, chain, without_panic},
    watch::ReconcileRequest,
};

/// Interval at which the probe is repeated. The quota controller looks for new definitions every 30 s.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);

/// Finds out whether quotas can limit the number of runs and workflows. This happens before the first tenant is reconciled:
/// otherwise a new operator would remove these limits from all quotas, and add them again.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the request.
pub(crate) async fn restore(ctx: &Context) -> Result<(), Error> {
    probe(ctx).await
}

/// Repeats the probe until the quota controller counts runs and workflows. From then on, the quotas of all tenants limit them, so a
/// reconcile of each is requested.
pub(crate) async fn run(ctx: Arc<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    if !ctx.object_counts.are_available() {
        stop.run_until_cancelled(until_available(&ctx)).await;
    }
    stop.cancelled().await;
    Ok(())
}

async fn until_available(ctx: &Context) {
    while !ctx.object_counts.are_available() {
        tokio::time::sleep(PROBE_INTERVAL).await;
        if let Err(error) = without_panic(probe(ctx)).await {
            tracing::warn!(
                error = chain(&error),
                "failed to find out whether runs and workflows are counted"
            );
        }
    }
    let tenants = ctx.stores.tenants.state();
    let tenants = tenants.iter().map(|tenant| ObjectRef::from_obj(tenant.as_ref()));
    let requests: Vec<_> = tenants.map(ReconcileRequest::RollOut).collect();
    ctx.requests.send_all(requests).await;
}

/// Records whether runs and workflows are counted. The chart installs a quota that limits both in the namespace of the release; its
/// status shows it.
async fn probe(ctx: &Context) -> Result<(), Error> {
    let quotas = within::<ResourceQuota>(&ctx.client, &ctx.config.release_namespace);
    let quota = api::get(&quotas, names::OBJECT_COUNT_PROBE).await?;
    let used = quota.and_then(|quota| quota.status?.used).unwrap_or_default();
    let are_available =
        [names::RUN_COUNT, names::WORKFLOW_COUNT].iter().all(|resource| used.contains_key(*resource));
    ctx.object_counts.record(are_available);
    Ok(())
}
