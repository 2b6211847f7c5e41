//! One probe: creates the pods, waits for their result, and deletes them.

use std::{net::IpAddr, time::Duration};

use k8s_openapi::api::{core::v1::Pod, networking::v1::NetworkPolicy};
use kube::{
    Api, ResourceExt,
    api::{ListParams, PostParams},
    runtime::wait::await_condition,
};
use serde::Deserialize;
use tokio::time::timeout;

use super::{
    Outcome,
    build::{self, PROBE_SELECTOR},
};
use crate::{
    api::{self, failed, within},
    context::Context,
    errors::{Error, Verb, chain},
    state::Conclusion,
};

/// Time until both pods have ended: the pull of an image, and the time for which the client tries.
const PROBE_TIMEOUT: Duration = Duration::from_secs(100);
/// Time for which the operator deletes the pods when it stops: four requests.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(5);
/// Names of the network policies of the chart in the namespace of the probe.
const POLICIES: [&str; 3] = ["default-deny", "incoming", "outgoing"];

const NO_POLICIES: &str =
    "the network policies of the probe do not exist: install the chart smb-copilot again";
const NOT_ENDED: &str = "the pods of the probe have not ended in time; it is repeated every five minutes";
const NO_CONNECTION: &str =
    "the pods of the probe cannot connect to each other at all; it is repeated every five minutes";

/// Which ports the client could connect to, as the runner's program writes it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reachable {
    allowed: bool,
    denied_incoming: bool,
    denied_outgoing: bool,
}

/// Probes once. The pods are deleted in any case.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(super) async fn probe(ctx: &Context, namespace: &str) -> Result<Outcome, Error> {
    let pods = within::<Pod>(&ctx.client, namespace);
    delete_all(&pods).await?;
    if !has_policies(ctx, namespace).await? {
        return Ok(Outcome::Inconclusive(NO_POLICIES));
    }
    let result = timeout(PROBE_TIMEOUT, connect(ctx, &pods)).await;
    let deleted = delete_all(&pods).await;
    let outcome = match result {
        Err(_) => Outcome::Inconclusive(NOT_ENDED),
        Ok(result) => result?.map_or(Outcome::Inconclusive(NOT_ENDED), outcome),
    };
    deleted.map(|()| outcome)
}

/// Without the policies, everything would be reachable in any cluster.
async fn has_policies(ctx: &Context, namespace: &str) -> Result<bool, Error> {
    let policies = api::list(&within::<NetworkPolicy>(&ctx.client, namespace), ListParams::default()).await?;
    let names: Vec<String> = policies.iter().map(ResourceExt::name_any).collect();
    Ok(POLICIES.iter().all(|policy| names.iter().any(|name| name == policy)))
}

/// Returns what the client could connect to, or `None` if it has ended without a result.
async fn connect(ctx: &Context, pods: &Api<Pod>) -> Result<Option<Reachable>, Error> {
    let id = telemetry::ids::uuid_v7().simple().to_string();
    let server = create(pods, build::server(&ctx.config, &id)).await?;
    let server = wait_until(pods, &server, |pod| address(pod).is_some()).await;
    let Some(address) = server.as_ref().and_then(address) else { return Ok(None) };
    let client = create(pods, build::client(&ctx.config, &id, address)).await?;
    let client = wait_until(pods, &client, has_ended).await;
    Ok(client.as_ref().and_then(message).and_then(|message| serde_json::from_str(message).ok()))
}

async fn create(pods: &Api<Pod>, pod: Pod) -> Result<String, Error> {
    let name = pod.name_any();
    pods.create(&PostParams::default(), &pod).await.map_err(failed(Verb::Create, pods, &name))?;
    Ok(name)
}

/// Waits until a pod satisfies a condition. Returns `None` if it was deleted, or if it cannot be watched.
async fn wait_until(pods: &Api<Pod>, name: &str, holds: fn(&Pod) -> bool) -> Option<Pod> {
    let condition = move |pod: Option<&Pod>| pod.is_none_or(holds);
    await_condition(pods.clone(), name, condition).await.unwrap_or_else(|error| {
        tracing::warn!(error = chain(&error), pod.name = name, "failed to watch a pod of the network probe");
        None
    })
}

fn outcome(reachable: Reachable) -> Outcome {
    let Reachable { allowed, denied_incoming, denied_outgoing } = reachable;
    Outcome::Concluded(match (allowed, denied_incoming, denied_outgoing) {
        (true, false, false) => Conclusion::Enforced,
        (_, true, true) => Conclusion::NothingEnforced,
        (_, true, false) => Conclusion::IncomingNotEnforced,
        (_, false, true) => Conclusion::OutgoingNotEnforced,
        (false, false, false) => return Outcome::Inconclusive(NO_CONNECTION),
    })
}

fn address(pod: &Pod) -> Option<IpAddr> {
    pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()
}

fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Returns what the container has written at its end.
fn message(pod: &Pod) -> Option<&str> {
    let container = pod.status.as_ref()?.container_statuses.as_ref()?.first()?;
    container.state.as_ref()?.terminated.as_ref()?.message.as_deref()
}

/// Deletes the pods of a probe that is cancelled.
pub(super) async fn clean_up(ctx: &Context, namespace: &str) {
    match timeout(CLEAN_UP_TIMEOUT, delete_all(&within::<Pod>(&ctx.client, namespace))).await {
        Ok(Ok(())) => {}
        // Kubernetes ends them, and the next operator deletes them.
        Ok(Err(error)) => {
            tracing::warn!(error = chain(&error), "failed to delete the pods of the network probe")
        }
        Err(_) => tracing::warn!("failed to delete the pods of the network probe in time"),
    }
}

/// Deletes the pods of this probe, and those that an operator has left when it was killed.
async fn delete_all(pods: &Api<Pod>) -> Result<(), Error> {
    for pod in api::list_metadata(pods, ListParams::default().labels(PROBE_SELECTOR)).await? {
        api::delete(pods, &pod.name_any(), pod.uid().as_deref()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A denied connection that was open counts in any case, and closed ones count only if the allowed one was open.
    #[test]
    fn closed_connections_count_only_beside_an_open_one() {
        let concluded = |text: &str| outcome(serde_json::from_str(text).unwrap());
        let of = |allowed: bool, denied_incoming: bool, denied_outgoing: bool| {
            concluded(&format!(
                r#"{{"allowed":{allowed},"deniedIncoming":{denied_incoming},"deniedOutgoing":{denied_outgoing}}}"#
            ))
        };
        assert_eq!(of(true, false, false), Outcome::Concluded(Conclusion::Enforced));
        assert_eq!(of(true, true, true), Outcome::Concluded(Conclusion::NothingEnforced));
        assert_eq!(of(true, true, false), Outcome::Concluded(Conclusion::IncomingNotEnforced));
        assert_eq!(of(true, false, true), Outcome::Concluded(Conclusion::OutgoingNotEnforced));
        assert_eq!(of(false, false, false), Outcome::Inconclusive(NO_CONNECTION));
    }
}
