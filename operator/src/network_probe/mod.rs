//! Probe of the cluster: whether it enforces network policies. Without a network plugin that does, the API server accepts all
//! policies and nothing applies them.
//!
//! Two pods in a namespace of their own try three connections, which the chart's policies there allow, deny to the destination
//! and deny to the source. The leader probes at its start and at an interval. Pods that an operator has left when it was killed
//! end by themselves, and the next probe deletes them.

mod build;
mod connect;
mod record;

use std::{convert::Infallible, sync::Arc, time::Duration};

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Node;
use tokio_util::sync::CancellationToken;

use crate::{
    context::Context,
    errors::{chain, without_panic},
    state::{Conclusion, Enforcement},
};

/// Interval at which a probe that has found out nothing is repeated. Each takes up to two minutes with two small pods.
const RETRY_INTERVAL: Duration = Duration::from_secs(300);
/// Interval at which a probe is repeated that the API server has refused, for example since the quota of its namespace has no
/// status yet.
const ERROR_RETRY_INTERVAL: Duration = Duration::from_secs(60);
/// Interval at which the operator looks for a node, which costs no request.
const NODE_CHECK_INTERVAL: Duration = Duration::from_secs(30);
/// Number of intervals for which a conclusion is valid while later probes find out nothing.
const VALID_INTERVALS: i32 = 3;

const NOT_CONFIGURED: &str = "the probe is turned off in the chart";
const NO_NODE: &str = "no node is ready, so there is no network to probe";
const FAILED: &str =
    "the API server has refused the probe, and the operator's log says why; it is repeated every minute";

/// Result of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Concluded(Conclusion),
    /// The probe has found out nothing, for this reason.
    Inconclusive(&'static str),
}

/// Restores what the last probe of an earlier operator has found out, so that a restart changes no status. Called before the
/// controllers start.
pub(crate) async fn restore(ctx: &Context) {
    let Some(namespace) = namespace(ctx) else {
        ctx.enforcement.record_unknown(NOT_CONFIGURED, SignedDuration::ZERO, telemetry::clock::now());
        return update_metric(ctx);
    };
    match record::read(ctx, namespace).await {
        Ok(Some((conclusion, at))) => ctx.enforcement.record(conclusion, at),
        Ok(None) if !has_ready_node(ctx) => record_unknown(ctx, NO_NODE),
        Ok(None) => {}
        Err(error) => {
            tracing::warn!(error = chain(&error), "failed to read the result of the last network probe")
        }
    }
    update_metric(ctx);
}

/// Probes at once and at every interval, until `stop` is cancelled.
pub(crate) async fn run(ctx: Arc<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let Some(namespace) = namespace(&ctx) else {
        stop.cancelled().await;
        return Ok(());
    };
    loop {
        let Some(wait) = stop.run_until_cancelled(probe_and_record(&ctx, namespace)).await else {
            connect::clean_up(&ctx, namespace).await;
            return Ok(());
        };
        if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
            return Ok(());
        }
    }
}

fn namespace(ctx: &Context) -> Option<&str> {
    ctx.config.network_probe_namespace.as_deref().filter(|namespace| !namespace.is_empty())
}

/// Probes once, and returns the time until the next probe.
async fn probe_and_record(ctx: &Context, namespace: &str) -> Duration {
    let (outcome, wait) = if !has_ready_node(ctx) {
        (Outcome::Inconclusive(NO_NODE), NODE_CHECK_INTERVAL)
    } else {
        match without_panic(connect::probe(ctx, namespace)).await {
            Ok(outcome) => (outcome, RETRY_INTERVAL),
            Err(error) => {
                tracing::warn!(error = chain(&error), "the network probe failed");
                (Outcome::Inconclusive(FAILED), ERROR_RETRY_INTERVAL)
            }
        }
    };
    let wait = match outcome {
        Outcome::Inconclusive(reason) => {
            record_unknown(ctx, reason);
            wait
        }
        Outcome::Concluded(conclusion) => {
            let now = telemetry::clock::now();
            report(conclusion);
            ctx.enforcement.record(conclusion, now);
            if let Err(error) = record::write(ctx, namespace, conclusion, now).await {
                tracing::warn!(error = chain(&error), "failed to store the result of the network probe");
            }
            interval(ctx)
        }
    };
    update_metric(ctx);
    wait
}

fn report(conclusion: Conclusion) {
    match conclusion {
        Conclusion::Enforced => tracing::info!(%conclusion, "the cluster enforces network policies"),
        _ => {
            tracing::error!(%conclusion, "the cluster does not enforce network policies: tenants are not separated in the network")
        }
    }
}

fn interval(ctx: &Context) -> Duration {
    Duration::from_secs(ctx.config.network_probe_interval)
}

fn record_unknown(ctx: &Context, reason: &'static str) {
    let interval = SignedDuration::try_from(interval(ctx)).unwrap_or(SignedDuration::MAX);
    let validity = interval.saturating_mul(VALID_INTERVALS);
    ctx.enforcement.record_unknown(reason, validity, telemetry::clock::now());
}

fn update_metric(ctx: &Context) {
    ctx.metrics.set_network_policies_enforced(match ctx.enforcement.get() {
        Enforcement::Known(conclusion) => Some(conclusion == Conclusion::Enforced),
        Enforcement::NotProbed | Enforcement::Unknown(_) => None,
    });
}

fn has_ready_node(ctx: &Context) -> bool {
    ctx.stores.nodes.state().iter().any(|node| is_ready(node))
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
