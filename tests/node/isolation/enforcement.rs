//! The operator's probe of the network.

use crds::{Tenant, conditions};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{Api, Client, ResourceExt as _, api::ListParams};
use tests::{cluster, operator_process::PROBE_NAMESPACE, wait::until};

use super::pods::DEADLINE;

/// Returns the metrics of the installed operator, by way of the API server.
async fn metrics(client: &Client) -> anyhow::Result<String> {
    let operators = ListParams::default().labels("app.kubernetes.io/component=operator");
    let pods = Api::<Pod>::namespaced(client.clone(), "smb-copilot").list(&operators).await?;
    let mut all = String::new();
    for pod in pods {
        let path = format!("/api/v1/namespaces/smb-copilot/pods/{}:9090/proxy/metrics", pod.name_any());
        // A pod that is being replaced serves nothing.
        let text = client.request_text(http::Request::get(path).body(Vec::new())?).await;
        all.push_str(&text.unwrap_or_default());
    }
    Ok(all)
}

/// The operator finds out that the cluster enforces network policies, and says so in a metric and in the condition of each
/// tenant. Its pods are deleted.
#[tokio::test]
async fn the_operator_finds_out_that_the_cluster_enforces_policies() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let results = Api::<ConfigMap>::namespaced(client.clone(), PROBE_NAMESPACE);
    let result = async || Ok(results.get("network-probe").await?.data.unwrap_or_default());
    until("the probe has a result", 3 * DEADLINE, result, |data| {
        data.get("result").is_some_and(|result| result == "Enforced")
    })
    .await?;
    let enforced = async || metrics(&client).await;
    until("the metric is 1", DEADLINE, enforced, |text| {
        text.contains("smb_operator_network_policies_enforced 1")
    })
    .await?;
    let tenants = Api::<Tenant>::all(client.clone());
    let acme = async || Ok(tenants.get("acme").await?.status.unwrap_or_default().conditions);
    until("the tenant says so", DEADLINE, acme, |found| {
        let policy = conditions::get(found, conditions::POLICY_READY);
        policy.is_some_and(|policy| {
            policy.status == "True" && policy.message.contains("the cluster enforces them")
        })
    })
    .await?;
    let pods = Api::<Pod>::namespaced(client, PROBE_NAMESPACE);
    let left = async || Ok(pods.list(&ListParams::default()).await?.items);
    until("no pod is left", DEADLINE, left, Vec::is_empty).await.map(drop)
}
